package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The measured path: nine steps, five of them courses of six lessons. Its item has the number pathItem at the vendor, its
// courses those behind it.
const (
	pathItem     = 900_000
	pathCourses  = 5
	pathLessons  = 6 // of each course; the last one has a quiz and is not finished by a POST
	leavesOfPath = 4 + pathCourses*pathLessons

	// The long path: the same courses, and as many own steps as fill a hundred. Nobody but the ninth member of an organization learns it.
	longItem   = pathItem + 50
	longSteps  = 100
	longMember = 9
)

const paragraph = `Wait until both lines are flat. Most people stop at thirty seconds because the display stops moving, but the probe is still giving up heat from the handle. Two minutes in crushed ice with a little water is enough, and it is the same two minutes every time. Write down both readings with the time and the serial number, and write them down **before** you look at the tolerance.
`

// lessonText is about as long as the lessons of the demonstration: five headed parts, a list, a table, a hint.
func lessonText(quiz bool) string {
	var b strings.Builder
	for i, h := range []string{"Why probes drift", "The ice bath", "Reading the difference", "When to replace it", "Writing it down"} {
		fmt.Fprintf(&b, "## %s\n\n%s\n%s\n", h, paragraph, paragraph)
		switch i {
		case 1:
			b.WriteString("1. Fill the cup with crushed ice.\n2. Add water until the ice just floats.\n3. Stir, put both probes in, wait two minutes.\n\n")
		case 2:
			b.WriteString("| Difference | What it means | What to do |\n| --- | --- | --- |\n| under 0.3 K | normal | note it |\n| 0.3 to 0.5 K | ageing | repeat in a month |\n| over 0.5 K | drifted | replace the probe |\n\n")
		case 3:
			b.WriteString("> [!TIP]\n> Keep the old probe for a week: the customer may ask to see it.\n\n")
		}
	}
	if quiz {
		b.WriteString("```quiz\ntitle: Before you go on\nquestions:\n  - key: how-long\n    kind: single\n    ask: How long do both probes stay in the bath?\n    choices:\n      - text: Thirty seconds\n        because: The display stands still, the probe does not.\n      - text: Two minutes\n        right: true\n        because: Then the handle has cooled as well.\n      - text: Ten minutes\n        because: The ice would melt around the probe.\n```\n\n```reflect\nkey: own\nask: Which of your probes would you check first?\n```\n")
	}
	return b.String()
}

// publish writes the measured path through the product's own service, as its publisher would, and opens it with the
// vendor's first collection.
func publish(ctx context.Context, dsn string) error {
	d, err := db.Open(ctx, db.Options{DSN: dsn, MaxConns: 4})
	if err != nil {
		return err
	}
	defer d.Close()
	vendor := id.Org{UUID: uid(vendorOrg, orgClass, 0)}
	at := time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC)
	return d.Tx(jobs.Enter(ctx, scope.Operator, vendor), func(tx *db.Tx) error {
		steps := []courses.StepDraft{ownStep("start", "Where this path leads")}
		for c := range pathCourses {
			draft := courses.CourseDraft{
				Item:    tenants.Item{ItemID: number(pathItem + 1 + c), Title: fmt.Sprintf("Field check of a probe, part %d", c+1), Slug: fmt.Sprintf("field-check-%d", c+1), Summary: "Check a probe on site in four minutes and write it down so that an auditor believes it.", Topics: []string{"calibration"}, Level: "beginner"},
				Outcome: "Can check a probe alone.", Intro: paragraph, At: at,
			}
			for l := range pathLessons {
				draft.Lessons = append(draft.Lessons, courses.LessonDraft{
					Key: fmt.Sprintf("lesson-%d", l+1), Module: []string{"On site", "Back at the desk"}[l/3], Title: fmt.Sprintf("What to look at first, %d", l+1),
					Summary: "One sentence about what comes.", Source: lessonText(l == pathLessons-1),
				})
			}
			p, err := courses.PublishCourse(tx, draft)
			if err != nil {
				return err
			}
			if err := tenants.Collect(tx, p.Item.ItemID, "c0"); err != nil {
				return err
			}
			steps = append(steps, courses.StepDraft{Key: fmt.Sprintf("course-%d", c+1), Kind: courses.StepCourse, Item: p.Item.ItemID})
		}
		// Item 3 is a story and item 4 a resource of the first collection.
		steps = append(steps, courses.StepDraft{Key: "story", Kind: courses.StepStory, Item: number(3)}, courses.StepDraft{Key: "sheet", Kind: courses.StepResource, Item: number(4)}, ownStep("end", "Three weeks later"))
		p, err := courses.PublishPath(tx, courses.PathDraft{
			Item:    tenants.Item{ItemID: number(pathItem), Title: "From first probe to first audit", Slug: "first-probe-to-first-audit", Summary: "Nine steps for engineers who check temperature on site.", Topics: []string{"calibration"}, Level: "beginner"},
			Outcome: "Passes an audit of the records.", Intro: paragraph, Steps: steps, At: at, Slots: []courses.Slot{{Key: "after-1", After: "course-1", Suggestion: "Your own checklist"}},
		})
		if err != nil {
			return err
		}
		if err := tenants.Collect(tx, p.Item.ItemID, "c0"); err != nil {
			return err
		}
		long := slices.Clone(steps[1 : 1+pathCourses])
		for n := range longSteps - pathCourses {
			long = append(long, ownStep(fmt.Sprintf("own-%d", n+1), fmt.Sprintf("A site visit, number %d", n+1)))
		}
		p, err = courses.PublishPath(tx, courses.PathDraft{
			Item:    tenants.Item{ItemID: number(longItem), Title: "A year of site visits", Slug: "a-year-of-site-visits", Summary: "A hundred steps for whoever visits a site every other day.", Topics: []string{"calibration"}, Level: "beginner"},
			Outcome: "Has seen every kind of site.", Intro: paragraph, Steps: long, At: at,
		})
		if err != nil {
			return err
		}
		return tenants.Collect(tx, p.Item.ItemID, "c0")
	})
}

func ownStep(key, title string) courses.StepDraft {
	return courses.StepDraft{Key: key, Kind: courses.StepLesson, Title: title, Lesson: courses.LessonDraft{Key: key, Title: title, Source: lessonText(false)}}
}

func number(n int) id.Item { return id.Item{UUID: uid(vendorOrg, itemClass, n)} }

// enroll puts the two viewers into the middle of the path, with colleagues, and the learners at its beginning.
func enroll(ctx context.Context, dsn string, s size) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	if _, err := conn.Exec(ctx, uidSQL); err != nil {
		return err
	}
	put := fmt.Sprintf(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, done, total, at_org, at_item, at_lesson, started_at, updated_at)
		SELECT pg_temp.uid(o, 0, 0), pg_temp.uid(o, 6, 1000000 + m), pg_temp.uid(o, 2, m), pg_temp.uid(%d, 0, 0), pg_temp.uid(%[1]d, 3, %d), 1, 'choice', `, vendorOrg, pathItem)
	for _, q := range []string{
		put + fmt.Sprintf(`14, %d, pg_temp.uid(%d, 0, 0), pg_temp.uid(%[2]d, 3, %d), 'lesson-2', now(), now() FROM unnest(ARRAY[%d, %d]) o, generate_series(1, 8) m`, leavesOfPath, vendorOrg, pathItem+3, narrowOrg, wideOrg),
		strings.ReplaceAll(put, fmt.Sprint(pathItem), fmt.Sprint(longItem)) + fmt.Sprintf(`3, %d, NULL, NULL, '', now(), now() FROM unnest(ARRAY[%d]) o, (VALUES (%d)) v(m)`, longSteps+pathCourses*(pathLessons-1), narrowOrg, longMember),
		put + fmt.Sprintf(`0, %d, NULL, NULL, '', now(), now() FROM (VALUES (%d)) v(o), generate_series(%d, %d) m`, leavesOfPath, learnersOrg, firstLearner, firstLearner+s.learners-1),
		fmt.Sprintf(`INSERT INTO completions (org_id, membership_id, item_org, item_id, lesson_key, version)
			SELECT pg_temp.uid(o, 0, 0), pg_temp.uid(o, 2, m), pg_temp.uid(%d, 0, 0), pg_temp.uid(%[1]d, 3, i), l, 1 FROM unnest(ARRAY[%d, %d]) o, generate_series(1, 8) m, (
				SELECT %d AS i, 'start' AS l UNION ALL SELECT %[4]d + c, 'lesson-' || n FROM generate_series(1, 2) c, generate_series(1, 6) n UNION ALL SELECT %[4]d + 3, 'lesson-1') done`,
			vendorOrg, narrowOrg, wideOrg, pathItem),
		`VACUUM ANALYZE`,
		`CHECKPOINT`,
	} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%w in %.120s", err, q)
		}
	}
	return nil
}
