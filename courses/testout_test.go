package courses_test

import (
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

const skipSource = "## A\n\nText.\n\n```quiz\nkey: exam\npass: 50\nattempts: 3\nskips: course\nquestions:\n  - {key: q, ask: Which, choices: [{text: yes, right: true}, {text: no, because: x}]}\n```\n\n```quiz\nquestions:\n  - {key: open, ask: Which, choices: [{text: yes, right: true}, {text: no, because: x}]}\n```\n"

// Whoever passes the check of a course skips all of it, and that is told apart from what was learned.
func TestTestOut(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Known", Slug: "known", Lang: "en"}, Lessons: []courses.LessonDraft{{Key: "read", Title: "Read", Source: "Words."}, {Key: "end", Title: "End", Source: skipSource}}})
		if err != nil {
			return err
		}
		if len(p.Problems) > 0 {
			t.Errorf("problems: %+v", p.Problems)
		}
		it = p.Item
		return tenants.Collect(tx, it.ItemID, "shared")
	})
	ctx, at := w.partner.member, courses.Place{Item: it.ItemID, Lesson: "end"}
	if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: "read"}); err != nil {
		t.Fatal(err)
	}
	l, err := w.svc.Lesson(ctx, at, nil)
	if err != nil || l.Skip == nil || l.Skip.Quiz != "exam" || !l.Skip.Whole {
		t.Fatalf("offered: %+v, %v", l.Skip, err)
	}
	take := func(skip bool, choice int) {
		t.Helper()
		if err := w.svc.BeginCheck(ctx, at, "exam", skip); err != nil {
			t.Fatal(err)
		}
		if err := w.svc.AnswerCheck(ctx, at, "exam", courses.Given{Question: "q", Choices: []int{choice}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.svc.HandIn(ctx, at, "exam"); err != nil {
			t.Fatal(err)
		}
	}
	view := func() courses.View {
		t.Helper()
		v, err := w.svc.Course(ctx, it.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	take(true, 1)
	if v := view(); v.Progress.Done != 1 || v.Skip == nil {
		t.Errorf("failed, and %+v", v.Progress)
	}
	c, err := w.svc.Check(ctx, at, "exam", 1)
	if err != nil || c.Skips != "course" || c.Questions[0].Again != "A" {
		t.Errorf("the result says %s, %v", says(c), err)
	}
	// Passing as one learns leaves what else is open.
	take(false, 0)
	if v := view(); v.Progress.Done != 1 || v.Stations[1].Done {
		t.Errorf("passed on the way, and %+v", v.Progress)
	}
	take(true, 0)
	v := view()
	if !v.Progress.Complete() || v.Finished == nil || v.Stations[0].Tested || !v.Stations[1].Tested || v.Skip != nil {
		t.Errorf("shown by test: %s", says(v.Stations))
	}
	if n := one[int](ctx, w, `SELECT count(*)::int FROM statements WHERE org_id = $1 AND verb = 'completed' AND context ? 'by_test' AND minutes = 0`, w.partner.org.OrgID); n != 1 {
		t.Errorf("%d statements say so", n)
	}
	if l, err := w.svc.Lesson(ctx, at, nil); err != nil || !l.Tested || l.Skip != nil {
		t.Errorf("the lesson: %+v, %v", l.Tested, err)
	}
}
