package courses_test

import (
	"context"
	"errors"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

// Whoever says that a lesson is done is told what is open in it, whatever that is; a visitor signs in for what somebody else has to say.
func TestARefusedLessonSaysWhatIsOpen(t *testing.T) {
	t.Parallel()
	w := setup(t)
	sources := map[string]string{
		"questions": quizSource,
		"check":     "Read.\n\n```quiz\nkey: check\ntitle: Check\npass: 100\nquestions:\n  - key: one\n    ask: One?\n    choices:\n      - text: No\n      - text: Yes\n        right: true\n```\n",
		"task":      taskSource,
		"live":      "Meet.\n\n```live\nkey: round\ntitle: The round\nask: Ask.\n```\n",
		"group":     groupSource,
		"free":      "Read.",
	}
	d := draft("open")
	d.Lessons = nil
	for _, key := range []string{"questions", "check", "task", "live", "group", "free"} {
		d.Lessons = append(d.Lessons, courses.LessonDraft{Key: key, Title: key, Minutes: 5, Source: sources[key]})
	}
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, d)
		if err != nil {
			return err
		}
		it = p.Item
		return tenants.Collect(tx, it.ItemID, "open")
	})
	says := func(ctx context.Context, lesson string) (errs.Kind, string) {
		_, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: lesson})
		e, ok := errors.AsType[*errs.Error](err)
		if !ok {
			return errs.KindOf(err), ""
		}
		return e.Kind, e.Key
	}
	for lesson, want := range map[string]string{
		"questions": "courses.lesson.questions_open", "check": "courses.lesson.checks_open", "task": "practice.lesson.open", "live": "livestep.lesson_open", "group": "group.lesson_open",
	} {
		if kind, key := says(w.partner.member, lesson); kind != errs.Invalid || key != want {
			t.Errorf("%s: %v, %q", lesson, kind, key)
		}
	}
	visit, _, err := w.svc.Visit(w.visitor())
	if err != nil {
		t.Fatal(err)
	}
	for lesson, want := range map[string]string{"task": "practice.lesson.sign_in", "live": "livestep.sign_in", "group": "livestep.sign_in", "check": "quiz.lesson.sign_in"} {
		if kind, key := says(visit, lesson); kind != errs.Conflict || key != want {
			t.Errorf("a visitor, %s: %v, %q", lesson, kind, key)
		}
	}
	if _, err := w.svc.CompleteLesson(visit, courses.Place{Item: it.ItemID, Lesson: "free"}); err != nil {
		t.Error(err)
	}
	// What a visitor says that was there before is kept on signing in, but for what somebody else has to say.
	w.tx(visit, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO visitor_progress (visitor_id, item_org, item_id, lesson_key, version) VALUES ($1, $2, $3, 'task', 1), ($1, $2, $3, 'check', 1)`, tx.Scope.Visitor, it.OrgID, it.ItemID)
		return err
	})
	code, err := w.svc.Claim(visit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Keep(w.other.member, code); err != nil {
		t.Fatal(err)
	}
	if got := one[string](w.other.member, w, `SELECT coalesce(string_agg(c.lesson_key, ','), '') FROM completions c WHERE c.org_id = $1`, w.other.org.OrgID); got != "free" {
		t.Errorf("kept: %q", got)
	}
}
