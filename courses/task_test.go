package courses_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
)

const taskSource = "Read.\n\n```task\nkey: place\ntitle: Place three loggers\nask: |\n  Place **three** loggers.\nrubric: |\n  Placement: beside the door | at three heights | with reasons\n  Notes: none | which and where\n```\n"

// handed is what the member is asked to look at.
func (w *world) handed(ctx context.Context) []courses.HandedRow {
	w.t.Helper()
	v, err := w.svc.Handed(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Rows
}

func memberOf(t *testing.T, ctx context.Context) id.Membership {
	t.Helper()
	s, err := scope.From(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s.Membership
}

func refused(t *testing.T, what string, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func TestTaskGoesBackAndForth(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("task", taskSource)
	ctx, mentor, stranger := w.partner.member, w.colleague(w.partner), w.colleague(w.partner)
	address := w.address(mentor)
	hand := func(e courses.Evidence) error { return w.svc.HandTask(ctx, p, "place", e) }
	ask := courses.TaskAsk{By: markdown.ByMentor, Mentor: address}

	v, err := w.svc.Task(ctx, p, "place")
	if err != nil || v.State() != courses.TaskOpen || len(v.Task.Rubric) != 2 || v.Task.Rubric[0].Enough != 1 || !strings.Contains(v.Task.HTML, "<strong>three</strong>") || v.May(markdown.ByPeer) || v.May(markdown.ByAuthor) || !v.May(markdown.ByMentor) {
		t.Fatalf("task: %s, %v", says(v), err)
	}
	if _, err := w.svc.CompleteLesson(ctx, p); !errs.Is(err, errs.Invalid) {
		t.Errorf("finished without the task: %v", err)
	}
	refused(t, "nothing", hand(courses.Evidence{TaskAsk: ask}), errs.Invalid)
	refused(t, "a link that is none", hand(courses.Evidence{Link: "javascript:alert(1)", TaskAsk: ask}), errs.Invalid)
	refused(t, "to oneself", hand(courses.Evidence{Words: "x", TaskAsk: courses.TaskAsk{By: markdown.ByMentor, Mentor: w.address(ctx)}}), errs.Invalid)
	refused(t, "to a peer who is not on it", hand(courses.Evidence{Words: "x", TaskAsk: courses.TaskAsk{By: markdown.ByPeer, Peer: memberOf(t, mentor).String()}}), errs.Invalid)
	refused(t, "to somebody elsewhere", hand(courses.Evidence{Words: "x", TaskAsk: courses.TaskAsk{By: markdown.ByMentor, Mentor: w.address(w.vendor.member)}}), errs.Invalid)
	refused(t, "to authors whom nobody meets", hand(courses.Evidence{Words: "x", TaskAsk: courses.TaskAsk{By: markdown.ByAuthor, Across: true}}), errs.Invalid)
	refused(t, "no task", w.svc.HandTask(ctx, p, "none", courses.Evidence{Words: "x", TaskAsk: ask}), errs.NotFound)
	refused(t, "another organization", w.svc.HandTask(w.other.member, p, "place", courses.Evidence{Words: "x", TaskAsk: ask}), errs.NotFound)
	refused(t, "a script", hand(courses.Evidence{FileName: "a.html", File: strings.NewReader("<script>"), TaskAsk: ask}), errs.Invalid)
	if err := hand(courses.Evidence{Words: "SECRET words", FileName: "../Loggers.TXT", File: strings.NewReader("SECRET file"), TaskAsk: ask}); err != nil {
		t.Fatal(err)
	}
	refused(t, "twice", hand(courses.Evidence{Words: "again", TaskAsk: ask}), errs.Conflict)

	list := w.handed(mentor)
	if len(list) != 1 || list[0].Submission.Name != "Ada partner" || list[0].State != courses.TaskWaiting {
		t.Fatalf("the mentor looks at %s", says(list))
	}
	of := list[0].ID
	for _, who := range []context.Context{stranger, w.administrator(w.partner), w.administrator(w.vendor), w.other.member} {
		if list := w.handed(who); len(list) != 0 {
			t.Errorf("somebody else looks at %s", says(list))
		}
		if _, err := w.svc.HandedBy(who, of); !errs.Is(err, errs.NotFound) {
			t.Errorf("somebody else reads it: %v", err)
		}
		if _, err := w.svc.EvidenceFile(who, of, 1); !errs.Is(err, errs.NotFound) {
			t.Errorf("somebody else opens the file: %v", err)
		}
		refused(t, "somebody else answers", w.svc.AnswerTask(who, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskDone, Marks: []int{1, 1}}), errs.NotFound)
	}
	refused(t, "the learner answers", w.svc.AnswerTask(ctx, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskDone, Marks: []int{1, 1}}), errs.NotFound)
	for _, a := range []scope.Actor{scope.Mailer, scope.Operator, scope.Discloser, scope.Counter, scope.Indexer, scope.Keeper} {
		for _, table := range []string{"submissions", "submission_turns", "submission_answers"} {
			if n := one[int](dbtest.System(t, a, w.partner.org.OrgID), w, `SELECT count(*)::int FROM `+table+` WHERE org_id = $1`, w.partner.org.OrgID); n != 0 {
				t.Errorf("the %s reads %d of %s", a, n, table)
			}
		}
	}
	for _, who := range []context.Context{ctx, mentor} {
		f, err := w.svc.EvidenceFile(who, of, 1)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(f.Content)
		if _, serr := f.Content.Seek(7, io.SeekStart); serr != nil || err != nil || string(body) != "SECRET file" || f.Size != 11 || f.Name != "loggers.txt" || f.MediaType != "text/plain" {
			t.Errorf("file %q %+v, %v, %v", body, f, err, serr)
		}
		if rest, _ := io.ReadAll(f.Content); string(rest) != "file" {
			t.Errorf("from the eighth byte: %q", rest)
		}
		if err := f.Content.Close(); err != nil {
			t.Error(err)
		}
	}

	seen, err := w.svc.HandedBy(mentor, of)
	if err != nil || len(seen.Turns) != 1 || seen.Turns[0].Words != "SECRET words" || !strings.Contains(seen.Brief, "three") {
		t.Fatalf("the mentor reads %s, %v", says(seen), err)
	}
	refused(t, "without a mark", w.svc.AnswerTask(mentor, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskDone, Marks: []int{1}}), errs.Invalid)
	refused(t, "done below enough", w.svc.AnswerTask(mentor, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskDone, Marks: []int{0, 1}}), errs.Invalid)
	refused(t, "sent back without a word", w.svc.AnswerTask(mentor, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskAgain, Marks: []int{0, 1}}), errs.Invalid)
	if err := w.svc.AnswerTask(mentor, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskAgain, Marks: []int{0, 1}, Words: "Move the third."}); err != nil {
		t.Fatal(err)
	}
	refused(t, "answered twice", w.svc.AnswerTask(mentor, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskDone, Marks: []int{1, 1}}), errs.Conflict)
	if v, err = w.svc.Task(ctx, p, "place"); err != nil || v.State() != courses.TaskAgain || v.Turns[0].Answer != "Move the third." || v.Turns[0].ByName != "Bo" || v.Turns[0].Level(0) != "beside the door" {
		t.Fatalf("the answer: %s, %v", says(v), err)
	}
	// Taken back, the answer before holds again; nothing but what waits goes.
	if err := hand(courses.Evidence{Words: "Second", FileName: "b.txt", File: strings.NewReader("two"), TaskAsk: ask}); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.TakeTaskBack(ctx, p, "place"); err != nil {
		t.Fatal(err)
	}
	if v, err = w.svc.Task(ctx, p, "place"); err != nil || v.State() != courses.TaskAgain || len(v.Turns) != 1 {
		t.Fatalf("taken back: %s, %v", says(v), err)
	}
	refused(t, "taken back twice", w.svc.TakeTaskBack(ctx, p, "place"), errs.Conflict)
	if n := one[int](ctx, w, `SELECT count(*)::int FROM evidence_files WHERE org_id = $1`, w.partner.org.OrgID); n != 1 {
		t.Errorf("%d files are kept, want the first", n)
	}
	for what, q := range map[string]string{
		"finds it done oneself":           `UPDATE submissions SET state = 'done' WHERE org_id = $1`,
		"takes back what was answered":    `DELETE FROM submission_turns WHERE org_id = $1`,
		"drops what was answered":         `DELETE FROM submissions WHERE org_id = $1`,
		"answers oneself":                 `INSERT INTO submission_answers (org_id, submission_id, number, membership_id, by_org, by_member, verdict, marks, at) SELECT s.org_id, s.submission_id, 1, s.membership_id, s.org_id, s.membership_id, 'done', '{}', now() FROM submissions s WHERE s.org_id = $1`,
		"turns it into one for something": `UPDATE submissions SET lesson_key = 'm' WHERE org_id = $1`,
	} {
		if err := w.db.Tx(ctx, func(tx *db.Tx) error { return tx.Must(q, w.partner.org.OrgID) }); err == nil {
			t.Errorf("somebody %s", what)
		}
	}
	if err := hand(courses.Evidence{Words: "Second", TaskAsk: ask}); err != nil {
		t.Fatal(err)
	}
	// Somebody else is asked instead: who was asked before reads it no more.
	if err := w.svc.AskForTask(ctx, p, "place", courses.TaskAsk{By: markdown.ByMentor, Mentor: w.address(stranger)}); err != nil {
		t.Fatal(err)
	}
	if list := w.handed(mentor); len(list) != 0 {
		t.Errorf("who was asked before reads %s", says(list))
	}
	if err := w.svc.AnswerTask(stranger, of, courses.TaskAnswer{Turn: 2, Verdict: courses.TaskDone, Marks: []int{2, 1}}); err != nil {
		t.Fatal(err)
	}
	refused(t, "handed in when it is done", hand(courses.Evidence{Words: "x", TaskAsk: ask}), errs.Conflict)
	l, err := w.svc.Lesson(ctx, p, nil)
	if err != nil || l.Tasks != 0 || l.Blocks[1].Body != courses.TaskDone || !l.Parts[0].Done {
		t.Errorf("the lesson says %s, %v", says(l.Blocks), err)
	}
	if _, err := w.svc.CompleteLesson(ctx, p); err != nil {
		t.Errorf("finish: %v", err)
	}
}

func TestTaskCrossesOnlyWithAYes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("task", taskSource)
	ctx, author, learner := w.partner.member, w.author(w.vendor), w.vendor.member
	otherAuthor := w.author(w.other)
	w.connected(w.partner, w.vendor, "vendor")
	w.connected(w.partner, w.other, "peer")
	v, err := w.svc.Task(ctx, p, "place")
	if err != nil || !v.Across || v.Own || !v.May(markdown.ByAuthor) {
		t.Fatalf("task: %s, %v", says(v), err)
	}
	refused(t, "without a yes", w.svc.HandTask(ctx, p, "place", courses.Evidence{Words: "x", TaskAsk: courses.TaskAsk{By: markdown.ByAuthor, Name: true}}), errs.Invalid)
	if err := w.svc.HandTask(ctx, p, "place", courses.Evidence{Words: "SECRET words", TaskAsk: courses.TaskAsk{By: markdown.ByAuthor, Across: true}}); err != nil {
		t.Fatal(err)
	}
	list := w.handed(author)
	if len(list) != 1 || list[0].Submission.Name != "" || list[0].From.OrgID != w.partner.org.OrgID {
		t.Fatalf("the authors look at %s", says(list))
	}
	for _, who := range []context.Context{learner, otherAuthor, w.author(w.partner)} {
		if list := w.handed(who); len(list) != 0 {
			t.Errorf("somebody else looks at %s", says(list))
		}
	}
	of := list[0].ID
	if err := w.svc.AskForTask(ctx, p, "place", courses.TaskAsk{By: markdown.ByAuthor, Across: true, Name: true}); err != nil {
		t.Fatal(err)
	}
	if list = w.handed(author); len(list) != 1 || list[0].Submission.Name != "Ada partner" {
		t.Fatalf("with the name: %s", says(list))
	}
	// An author of another organization says how it is and writes nothing else.
	for what, q := range map[string]string{
		"the words":         `UPDATE submissions SET title = 'Mine' WHERE submission_id = $1`,
		"the asked":         `UPDATE submissions SET state = 'done', across = false WHERE submission_id = $1`,
		"somebody's answer": `INSERT INTO submission_answers (org_id, submission_id, number, membership_id, by_org, by_member, verdict, marks, at) SELECT s.org_id, s.submission_id, 1, s.membership_id, s.org_id, s.membership_id, 'done', '{1,1}', now() FROM submissions s WHERE s.submission_id = $1`,
	} {
		if err := w.db.Tx(author, func(tx *db.Tx) error { return tx.Must(q, of) }); err == nil {
			t.Errorf("an author writes %s", what)
		}
	}
	if err := w.svc.AnswerTask(author, of, courses.TaskAnswer{Turn: 1, Verdict: courses.TaskAgain, Marks: []int{0, 0}, Words: "Where?"}); err != nil {
		t.Fatal(err)
	}
	if v, err = w.svc.Task(ctx, p, "place"); err != nil || v.State() != courses.TaskAgain || v.Turns[0].ByName != "" || v.Turns[0].ByOrg != w.vendor.org.OrgID {
		t.Errorf("the answer: %s, %v", says(v), err)
	}
	// Once the two do not meet any more, nothing of it is read.
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE connection_sides SET meet = 'company' WHERE org_id = $1 AND other_org = $2`, tx.Scope.Org, w.vendor.org.OrgID)
	})
	if list = w.handed(author); len(list) != 1 || list[0].Submission.Name != "" {
		t.Errorf("without names: %s", says(list))
	}
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE connection_sides SET meet = 'none' WHERE org_id = $1 AND other_org = $2`, tx.Scope.Org, w.vendor.org.OrgID)
	})
	if list := w.handed(author); len(list) != 0 {
		t.Errorf("they do not meet, and look at %s", says(list))
	}
}
