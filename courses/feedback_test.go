package courses_test

import (
	"context"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
)

// Whether a lesson helped goes to its authors, of all who learn it: as numbers of whole fives, and as words without who wrote them, but for
// who signs and where names cross.
func TestFeedbackTellsNobody(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("helps", "shared", "open")
	author, at := w.author(w.vendor), courses.Place{Item: it.ItemID, Lesson: "read"}
	say := func(who context.Context, v courses.Verdict) {
		t.Helper()
		w.did(w.svc.SayFeedback(who, at, v))
	}
	on := func(f courses.FeedbackFilter) courses.FeedbackView {
		t.Helper()
		v, err := w.svc.FeedbackOn(author, it.ItemID, f)
		w.did(err)
		return v
	}
	refused(t, "too many words", w.svc.SayFeedback(w.partner.member, at, courses.Verdict{Words: strings.Repeat("x", 1001)}), errs.Invalid)
	refused(t, "no lesson", w.svc.SayFeedback(w.partner.member, courses.Place{Item: it.ItemID, Lesson: "none"}, courses.Verdict{}), errs.NotFound)
	for i := range 4 {
		say(w.colleague(w.partner), courses.Verdict{Helped: i > 0})
	}
	if n := on(courses.FeedbackFilter{}).Of("read"); n.People != 0 || n.Helped != 0 {
		t.Errorf("of four people: %+v", n)
	}
	say(w.vendor.member, courses.Verdict{Helped: true, Words: "SECRET of a colleague"})
	say(w.partner.member, courses.Verdict{Words: "SECRET first"})
	say(w.partner.member, courses.Verdict{Words: "SECRET too long", Signed: true})
	v := on(courses.FeedbackFilter{})
	if n := v.Of("read"); n.People != 5 || n.Helped != 4 {
		t.Errorf("of six people, told as five: %+v", n)
	}
	if s, err := w.svc.Stops(author, it.ItemID, courses.StopFilter{}); err != nil || s.Rows[0].Said != 5 || s.Rows[0].Helped != 4 {
		t.Errorf("beside where they stop: %+v, %v", s.Rows, err)
	}
	told := func(v courses.FeedbackView) string {
		var out []string
		for _, r := range v.Rows {
			out = append(out, r.Words+"/"+r.From.Name+"/"+r.Name)
		}
		return strings.Join(out, "|")
	}
	both := func(v courses.FeedbackView, a, b string) {
		t.Helper()
		if got := told(v); got != a+"|"+b && got != b+"|"+a {
			t.Errorf("the authors read %q", got)
		}
	}
	both(v, "SECRET of a colleague/vendor/", "SECRET too long//")
	w.connected(w.partner, w.vendor, "vendor")
	both(on(courses.FeedbackFilter{}), "SECRET of a colleague/vendor/", "SECRET too long/partner/Ada partner")
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE connection_sides SET meet = 'company' WHERE org_id = $1 AND other_org = $2`, tx.Scope.Org, w.vendor.org.OrgID)
	})
	both(on(courses.FeedbackFilter{}), "SECRET of a colleague/vendor/", "SECRET too long/partner/")
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE connection_sides SET meet = 'none' WHERE org_id = $1 AND other_org = $2`, tx.Scope.Org, w.vendor.org.OrgID)
	})
	both(on(courses.FeedbackFilter{}), "SECRET of a colleague/vendor/", "SECRET too long//")

	for name, ctx := range map[string]context.Context{"a learner": w.vendor.member, "authors of the learner's": w.author(w.partner), "another organization": w.author(w.other)} {
		if _, err := w.svc.FeedbackOn(ctx, it.ItemID, courses.FeedbackFilter{}); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
		for _, q := range []string{`SELECT count(*)::int FROM feedback_on($1)`, `SELECT count(*)::int FROM feedback_numbers($1)`} {
			if n := one[int](ctx, w, q, it.ItemID); n != 0 {
				t.Errorf("%s reads %d by %s", name, n, q)
			}
		}
	}
	if n := one[int](author, w, `SELECT count(*)::int FROM lesson_feedback`); n != 0 {
		t.Errorf("an author reads %d rows", n)
	}

	// An author answers one and has dealt with the other; whoever wrote it reads the answer.
	mine := v.Rows[0]
	if !strings.Contains(mine.Words, "too long") {
		mine = v.Rows[1]
	}
	refused(t, "answered elsewhere", w.svc.AnswerFeedback(w.author(w.other), it.ItemID, mine.ID, "x", false), errs.NotFound)
	w.did(w.svc.AnswerFeedback(author, it.ItemID, mine.ID, "We cut it in two.", false))
	if v := on(courses.FeedbackFilter{}); v.Waiting != 1 || len(v.Rows) != 1 {
		t.Errorf("waiting: %s", says(v.Rows))
	}
	if v := on(courses.FeedbackFilter{Done: true}); len(v.Rows) != 1 || v.Rows[0].Answer != "We cut it in two." || v.Rows[0].Title != "Read" {
		t.Errorf("answered: %s", says(v.Rows))
	}
	l, err := w.svc.Lesson(w.partner.member, at, nil)
	if err != nil || l.Verdict == nil || l.Verdict.Answer != "We cut it in two." || !l.Verdict.Signed || l.Verdict.Helped {
		t.Errorf("the lesson says %s, %v", says(l.Verdict), err)
	}
	if l, err := w.svc.Lesson(w.colleague(w.partner), at, nil); err != nil || l.Verdict != nil {
		t.Errorf("a colleague's lesson says %s, %v", says(l.Verdict), err)
	}
	w.did(w.svc.AnswerFeedback(author, it.ItemID, mine.ID, "", true))
	if v := on(courses.FeedbackFilter{}); v.Waiting != 2 {
		t.Errorf("opened again: %s", says(v.Rows))
	}
	for what, q := range map[string]string{
		"under another's name": `UPDATE lesson_feedback SET shown_name = 'Bo' WHERE org_id = app_org()`,
		"about what is closed": `UPDATE lesson_feedback SET item_id = gen_random_uuid() WHERE org_id = app_org()`,
		"an answer to oneself": `INSERT INTO feedback_answers (org_id, feedback_id, item_id, words, answered_by, at) SELECT app_org(), f.feedback_id, f.item_id, 'x', app_membership(), now() FROM lesson_feedback f`,
	} {
		if err := w.db.Tx(w.partner.member, func(tx *db.Tx) error { return tx.Must(q) }); err == nil {
			t.Errorf("somebody writes %s", what)
		}
	}
}
