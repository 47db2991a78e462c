package courses_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

const kindsSource = "## The ice bath\n\nWait.\n\n```quiz\nquestions:\n" +
	"  - key: holds\n    ask: It holds.\n    kind: truefalse\n    choices: [{because: Look again.}, {right: true}]\n" +
	"  - key: degrees\n    ask: How many?\n    kind: number\n    tolerance: 0.1\n    unit: °C\n    choices: [{text: -0.6, right: true, because: Yes.}, {text: 0.6, because: The sign.}]\n    hint: Subtract.\n" +
	"  - key: word\n    ask: What?\n    kind: text\n    forgive: [case, spaces, accents]\n    choices: [{text: ice bath, right: true}, {text: fridge, because: Too warm.}]\n" +
	"  - key: exact\n    ask: Which command?\n    kind: text\n    forgive: [nothing]\n    choices: [{text: ls -L, right: true}]\n" +
	"  - key: steps\n    ask: In which order?\n    kind: order\n    choices: [{text: one}, {text: two}, {text: three}, {text: four}]\n    because: So it is.\n" +
	"  - key: pairs\n    ask: What belongs together?\n    kind: match\n    choices: [{text: milk, match: 4 °C}, {text: cream, match: 4 °C}, {text: fish, match: 0 °C}, {match: 8 °C}]\n```\n"

const checkSource = "## Why it drifts\n\nThe handle.\n\n## Waiting\n\nTwo minutes.\n\n```quiz\nkey: final\ntitle: Final check\nshuffle: true\ndraw: 3\nattempts: 2\nminutes: 10\npass: 60\nquestions:\n" +
	"  - {key: a, ask: Which A, choices: [{text: SECRET a, right: true}, {text: no}], because: BECAUSE a}\n" +
	"  - {key: b, ask: Which B, choices: [{text: SECRET b, right: true}, {text: no}], because: BECAUSE b, read: why-it-drifts}\n" +
	"  - {key: c, ask: Which C, kind: number, choices: [{text: 31415, right: true}]}\n" +
	"  - {key: d, ask: Which D, kind: order, choices: [{text: one}, {text: two}, {text: three}]}\n```\n"

// lessonOf publishes a course of one lesson in the vendor's house for the partner.
func (w *world) lessonOf(slug, source string) courses.Place {
	w.t.Helper()
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: slug, Slug: slug, Lang: "en"}, Lessons: []courses.LessonDraft{{Key: "l", Title: "Lesson", Source: source}, {Key: "m", Title: "More", Source: "More."}}})
		if err != nil {
			return err
		}
		if len(p.Problems) > 0 {
			w.t.Errorf("problems: %+v", p.Problems)
		}
		it = p.Item
		return tenants.Collect(tx, it.ItemID, "shared")
	})
	return courses.Place{Item: it.ItemID, Lesson: "l"}
}

func says(v any) string {
	j, _ := json.Marshal(v) // What a page can show; it has no values that JSON does not know.
	return string(j)
}

// asked is a question as the lesson's page shows it.
func (w *world) asked(ctx context.Context, p courses.Place, key string) courses.QuestionView {
	w.t.Helper()
	v, err := w.svc.Lesson(ctx, p, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range v.Blocks {
		for _, q := range b.Questions {
			if q.Key == key {
				return q
			}
		}
	}
	w.t.Fatalf("no question %s", key)
	return courses.QuestionView{}
}

// places are where things with the texts stand on the page.
func places(q courses.QuestionView, texts ...string) (out []int) {
	for _, t := range texts {
		for _, c := range q.Choices {
			if c.Text == t {
				out = append(out, c.Place)
			}
		}
	}
	return out
}

func partners(q courses.QuestionView, texts ...string) (out []int) {
	for _, t := range texts {
		out = append(out, slices.Index(q.Partners, t))
	}
	return out
}

func TestQuestionsOfEveryKindAreMarked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("kinds", kindsSource)
	ctx := w.partner.member
	steps, pairs := w.asked(ctx, p, "steps"), w.asked(ctx, p, "pairs")
	if got := says([]any{w.asked(ctx, p, "degrees"), w.asked(ctx, p, "word")}); strings.Contains(got, "0.6") || strings.Contains(got, "ice bath") || strings.Contains(got, "Yes.") {
		t.Errorf("the page has the answers before they are given: %s", got)
	}
	if order := places(steps, "one", "two", "three", "four"); slices.IsSorted(order) {
		t.Errorf("the page shows the right order, at the places %v", order)
	}
	if again := w.asked(ctx, p, "steps"); says(again) != says(steps) {
		t.Errorf("on coming back it is in another order: %s, %s", says(steps), says(again))
	}
	if len(pairs.Choices) != 3 || len(pairs.Partners) != 3 {
		t.Errorf("to put together: %+v", pairs)
	}
	right := places(steps, "one", "two", "three", "four")
	tests := []struct {
		name     string
		given    courses.Given
		state    string
		feedback string
		fits     int
	}{
		{"true where it is false", courses.Given{Question: "holds", Choices: []int{0}}, courses.Wrong, "Look again.", 0},
		{"false", courses.Given{Question: "holds", Choices: []int{1}}, courses.Right, "", 0},
		{"the usual mistake", courses.Given{Question: "degrees", Words: "0,6"}, courses.Wrong, "The sign.", 0},
		{"any other number", courses.Given{Question: "degrees", Words: "5"}, courses.Wrong, "Subtract.", 0},
		{"just off", courses.Given{Question: "degrees", Words: "-0.71"}, courses.Wrong, "Subtract.", 0},
		{"at the edge, with a comma, a long minus and the unit", courses.Given{Question: "degrees", Words: " −0,70 °c "}, courses.Right, "Yes.", 0},
		{"a known wrong word", courses.Given{Question: "word", Words: "FRIDGE"}, courses.Wrong, "Too warm.", 0},
		{"another word", courses.Given{Question: "word", Words: "oven"}, courses.Wrong, "", 0},
		{"capital letters, spaces and accents", courses.Given{Question: "word", Words: "  Íce   BATH "}, courses.Right, "", 0},
		{"another case where it counts", courses.Given{Question: "exact", Words: "ls -l"}, courses.Wrong, "", 0},
		{"exactly", courses.Given{Question: "exact", Words: "ls -L"}, courses.Right, "", 0},
		{"two changed places", courses.Given{Question: "steps", Choices: []int{right[0], right[1], right[3], right[2]}}, courses.Wrong, "", 2},
		{"in order", courses.Given{Question: "steps", Choices: right}, courses.Right, "So it is.", 0},
		{"one pair wrong", courses.Given{Question: "pairs", Choices: partners(pairs, "4 °C", "8 °C", "0 °C")}, courses.Wrong, "", 2},
		{"all pairs, two with the same partner", courses.Given{Question: "pairs", Choices: partners(pairs, "4 °C", "4 °C", "0 °C")}, courses.Right, "", 0},
	}
	for _, tt := range tests {
		f, err := w.svc.Answer(ctx, p, tt.given)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if q := f.Question; q.State != tt.state || q.Feedback != tt.feedback || q.Fits != tt.fits {
			t.Errorf("%s: %+v", tt.name, q)
		}
		if again := w.asked(ctx, p, tt.given.Question); again.State != tt.state || again.Words != strings.TrimSpace(tt.given.Words) {
			t.Errorf("%s: on coming back it is %+v", tt.name, again)
		}
	}
	for _, bad := range []courses.Given{
		{Question: "degrees"},
		{Question: "degrees", Words: "some"},
		{Question: "word", Words: " "},
		{Question: "word", Words: strings.Repeat("x", 501)},
		{Question: "steps", Choices: []int{0, 1, 2}},
		{Question: "steps", Choices: []int{0, 1, 2, 2}},
		{Question: "steps", Choices: []int{0, 1, 2, 4}},
		{Question: "pairs", Choices: []int{0, -1, 0}},
		{Question: "pairs", Choices: []int{0, 1}},
		{Question: "pairs", Choices: []int{0, 1, 3}},
		{Question: "holds", Choices: []int{0, 1}},
	} {
		if _, err := w.svc.Answer(ctx, p, bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("answer %+v: %v", bad, err)
		}
	}
	if v, err := w.svc.Lesson(ctx, p, nil); err != nil || !v.Done {
		t.Errorf("with all answered the lesson is finished: %v, %v", v.Done, err)
	}
}

// check is the check as its page shows it.
func (w *world) check(ctx context.Context, p courses.Place, result int) courses.CheckView {
	w.t.Helper()
	v, err := w.svc.Check(ctx, p, "final", result)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// sit answers the running attempt: rightly the questions whose keys are given, the others wrongly.
func (w *world) sit(ctx context.Context, p courses.Place, right string) {
	w.t.Helper()
	for _, q := range w.check(ctx, p, 0).Questions {
		ok := strings.Contains(right, q.Key)
		g := courses.Given{Question: q.Key, Choices: places(q, map[bool]string{true: "SECRET " + q.Key, false: "no"}[ok])}
		switch q.Key {
		case "c":
			g = courses.Given{Question: "c", Words: map[bool]string{true: "31415", false: "3"}[ok]}
		case "d":
			g.Choices = places(q, "one", "two", "three")
			if !ok {
				slices.Reverse(g.Choices)
			}
		}
		if err := w.svc.AnswerCheck(ctx, p, "final", g); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestCheckIsTakenAsAWhole(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("checked", checkSource)
	ctx := w.partner.member
	v, err := w.svc.Lesson(ctx, p, nil)
	if err != nil || v.Open != 3 || strings.Contains(says(v.Blocks), "SECRET") || strings.Contains(says(v.Blocks), "31415") {
		t.Errorf("the lesson has %d open questions: %s, %v", v.Open, says(v.Blocks), err)
	}
	if _, err := w.svc.CompleteLesson(ctx, p); !errs.Is(err, errs.Invalid) {
		t.Errorf("a lesson with an open check was finished: %v", err)
	}
	for _, g := range []courses.Given{{Question: "a", Choices: []int{0}}} {
		if _, err := w.svc.Answer(ctx, p, g); !errs.Is(err, errs.NotFound) {
			t.Errorf("a question of a check was practised: %v", err)
		}
		if err := w.svc.AnswerCheck(ctx, p, "final", g); !errs.Is(err, errs.Conflict) {
			t.Errorf("a check was answered that was not begun: %v", err)
		}
	}
	for range 2 { // Whoever presses twice has one.
		if err := w.svc.BeginCheck(ctx, p, "final", false); err != nil {
			t.Fatal(err)
		}
	}
	run := w.check(ctx, p, 0)
	if len(run.Questions) != 3 || run.Left != 1 || run.Running == nil || run.Running.Ends == nil || run.Running.Ends.Sub(run.Running.Started) != 10*time.Minute {
		t.Fatalf("running: %+v", run)
	}
	if page := says(run.Questions); strings.Contains(page, "BECAUSE") || strings.Contains(page, "31415") || says(w.check(ctx, p, 0).Questions) != page {
		t.Errorf("while it goes on the page has: %s", page)
	}
	w.sit(ctx, p, "")
	w.sit(ctx, p, run.Questions[0].Key) // Answers can be changed until the end.
	if page := says(w.check(ctx, p, 0).Questions); strings.Contains(page, courses.Right+`"`) || strings.Contains(page, courses.Wrong+`"`) || strings.Contains(page, "BECAUSE") {
		t.Errorf("before the end it says how one does: %s", page)
	}
	if n, err := w.svc.HandIn(ctx, p, "final"); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	v1 := w.check(ctx, p, 1)
	if v1.Shown == nil || v1.Shown.Points != 1 || v1.Passed || v1.Told {
		t.Errorf("not passed, with another try: %s", says(v1))
	}
	for _, q := range v1.Questions {
		if q.State == courses.Wrong && (q.Solution != nil || strings.Contains(q.Feedback, "BECAUSE")) {
			t.Errorf("with another try %s tells what is right: %s", q.Key, says(q))
		}
		if want := map[bool]string{true: "why-it-drifts", false: "waiting"}[q.Key == "b"]; q.State == courses.Wrong && q.ReadKey != want {
			t.Errorf("of %s one reads %q again, not %q", q.Key, q.ReadKey, want)
		}
	}
	if v, err := w.svc.Lesson(ctx, p, nil); err != nil || v.Done {
		t.Errorf("finished without passing: %v", err)
	}
	if err := w.svc.BeginCheck(ctx, p, "final", false); err != nil {
		t.Fatal(err)
	}
	w.sit(ctx, p, "abcd")
	if _, err := w.svc.HandIn(ctx, p, "final"); err != nil {
		t.Fatal(err)
	}
	if v2 := w.check(ctx, p, 1); !v2.Passed || !v2.Told || v2.Left != 0 || v2.Past[0].Points != 3 {
		t.Errorf("passed: %s", says(v2))
	}
	if v, err := w.svc.Lesson(ctx, p, nil); err != nil || !v.Done || v.Open != 0 {
		t.Errorf("passed and not finished: %v", err)
	}
	if err := w.svc.BeginCheck(ctx, p, "final", false); !errs.Is(err, errs.Invalid) {
		t.Errorf("begun a third time of two: %v", err)
	}
	// It is one's own.
	if v := w.check(w.colleague(w.partner), p, 0); len(v.Past) != 0 || v.Running != nil {
		t.Errorf("a colleague sees %+v", v)
	}
	if _, err := w.svc.Check(w.colleague(w.partner), p, "final", 1); !errs.Is(err, errs.NotFound) {
		t.Errorf("a colleague's result: %v", err)
	}
	if _, err := w.svc.Check(w.other.member, p, "final", 0); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization: %v", err)
	}
	// What was handed in stands, whoever asks the database.
	err = w.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE sittings SET points = 3, passed = true WHERE org_id = $1 AND number = 1`, tx.Scope.Org)
		return err
	})
	if err == nil {
		t.Error("a result was changed")
	}
	err = w.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE attempts SET correct = true WHERE org_id = $1 AND sitting_id IS NOT NULL`, tx.Scope.Org)
		return err
	})
	if err == nil {
		t.Error("an answer was changed after the end")
	}
}

func TestCheckEndsWithItsTime(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("timed", checkSource)
	ctx := w.partner.member
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO time_extensions (org_id, membership_id, percent, reason, given_at) VALUES ($1, $2, 25, 'Reads with a screen reader', $3)`, tx.Scope.Org, w.partner.m.MembershipID, tx.Now)
	})
	if err := w.svc.BeginCheck(ctx, p, "final", false); err != nil {
		t.Fatal(err)
	}
	run := w.check(ctx, p, 0)
	if got := run.Running.Ends.Sub(run.Running.Started); got != 13*time.Minute || run.Minutes() != 13 {
		t.Errorf("with a quarter more one has %v", got)
	}
	w.tx(ctx, func(tx *db.Tx) error {
		// One that was begun an hour ago, with two answers that were given in time.
		if err := tx.Must(`DELETE FROM sittings WHERE org_id = $1`, tx.Scope.Org); err != nil {
			return err
		}
		old := id.New[id.Any]()
		if err := tx.Must(`INSERT INTO sittings (org_id, sitting_id, membership_id, item_org, item_id, version, lesson_key, quiz_key, number, questions, pass, started_at, ends_at) VALUES ($1, $2, $3, $4, $5, 1, 'l', 'final', 1, '{a,b,c}', 60, $6, $7)`,
			tx.Scope.Org, old, tx.Scope.Membership, w.vendor.org.OrgID, p.Item, tx.Now.Add(-time.Hour), tx.Now.Add(-50*time.Minute)); err != nil {
			return err
		}
		return tx.Must(`INSERT INTO attempts (org_id, attempt_id, membership_id, item_org, item_id, version, lesson_key, question_key, choices, words, correct, at, sitting_id) SELECT $1, gen_random_uuid(), $2, $3, $4, 1, 'l', q, '{0}', '', true, $5, $6 FROM unnest('{a,b}'::text[]) q`,
			tx.Scope.Org, tx.Scope.Membership, w.vendor.org.OrgID, p.Item, tx.Now.Add(-55*time.Minute), old)
	})
	q := w.check(ctx, p, 0)
	if !q.Running.Over(q.Now) {
		t.Fatal("it is not over")
	}
	if err := w.svc.AnswerCheck(ctx, p, "final", courses.Given{Question: q.Questions[0].Key, Choices: []int{0}}); !errs.Is(err, errs.Conflict) {
		t.Errorf("answered after the end: %v", err)
	}
	if _, err := w.svc.HandIn(ctx, p, "final"); err != nil {
		t.Fatal(err)
	}
	v := w.check(ctx, p, 1)
	if !v.Shown.RanOut || v.Shown.Points != 2 || !v.Passed || !v.Shown.Ended.Equal(*v.Shown.Ends) {
		t.Errorf("what was answered in time counts: %+v", v.Shown)
	}
	if _, err := w.svc.HandIn(ctx, p, "final"); !errs.Is(err, errs.Conflict) {
		t.Errorf("handed in twice: %v", err)
	}
	if e, ok := errors.AsType[*errs.Error](w.svc.AnswerCheck(ctx, p, "final", courses.Given{Question: "a", Choices: []int{0}})); !ok || e.Key != "quiz.fault.over" {
		t.Errorf("after the end one is told %v", e)
	}
}
