package courses_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
)

// administrator is somebody of the house who decides for it.
func (w *world) administrator(h house) context.Context {
	w.t.Helper()
	sc, err := scope.From(w.colleague(h))
	if err != nil {
		w.t.Fatal(err)
	}
	sc.Roles = []scope.Role{scope.Learner, scope.Administrator}
	return scope.Enter(w.t.Context(), sc)
}

// drafted is a course that can be published, with the lesson "only".
func (w *world) drafted(author context.Context) id.Item {
	w.t.Helper()
	item, err := w.svc.Begin(author, courses.Beginning{Title: "To read", Lang: "en"})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.svc.SaveHead(author, item, courses.ManuscriptHead{Title: "To read", Summary: "S", Outcome: "O", Lang: "en", Edition: 1}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.svc.AddLesson(author, item, "", "Only", "## Part\n\nWords."); err != nil {
		w.t.Fatal(err)
	}
	return item
}

func (w *world) publishes(author context.Context, item id.Item) error {
	w.t.Helper()
	m, err := w.svc.Manuscript(author, item)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.svc.PublishManuscript(author, item, m.Edition)
	return err
}

// address is the one of who acts.
func (w *world) address(ctx context.Context) (email string) {
	w.t.Helper()
	sc, err := scope.From(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tx(ctx, func(tx *db.Tx) (err error) {
		email, err = db.Row[string](tx, `SELECT m.email FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, sc.Membership)
		return err
	})
	return email
}

// A colleague who writes nothing reads the draft that they were asked to read, and no other; what they say stands on the author's desk; an
// organization that wants it publishes nothing that nobody else found good, nor what was changed since.
func TestReviewByAColleague(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author, reader, other := w.keeper(w.vendor), w.colleague(w.vendor), w.colleague(w.vendor)
	item, second := w.drafted(author), w.drafted(author)
	if err := w.svc.SetAuthorRules(author, courses.AuthorRules{Review: true}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an author changes the rules: %v", err)
	}
	if err := w.svc.SetAuthorRules(w.administrator(w.vendor), courses.AuthorRules{Review: true}); err != nil {
		t.Fatal(err)
	}
	if err := w.publishes(author, item); !errs.Is(err, errs.Invalid) {
		t.Errorf("it is published though nobody read it: %v", err)
	}
	for who, field := range map[string]string{"nobody@x.example": "who", w.address(author): "who", "Bo": "who", w.partner.m.Email: "who"} {
		err := w.svc.AskReview(author, item, who, "")
		if f := fieldsOf(err); !slices.Contains(f, field) {
			t.Errorf("asking %q: %v", who, err)
		}
	}
	if err := w.svc.AskReview(author, item, w.address(reader), "Look at the part."); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Review(reader, item)
	if err != nil || len(v.Lessons) != 1 || len(v.Lessons[0].Blocks) == 0 || v.Review.Words != "Look at the part." {
		t.Fatalf("the reader reads %+v, %v", v, err)
	}
	for name, err := range map[string]error{
		"another draft": func() error { _, err := w.svc.Review(reader, second); return err }(), "a colleague who was not asked": func() error { _, err := w.svc.Review(other, item); return err }(),
		"the author": func() error { _, err := w.svc.Review(author, item); return err }(), "the desk": func() error { _, err := w.svc.Manuscript(reader, item); return err }(),
		"an answer for another": w.svc.AnswerReview(other, item, courses.ReviewGood, ""), "a remark for another": w.svc.RemarkOn(other, item, "only", "", "No."),
		"another organization": func() error { _, err := w.svc.Review(w.partner.member, item); return err }(),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.svc.AnswerReview(reader, item, courses.ReviewChange, ""); !slices.Contains(fieldsOf(err), "answer") {
		t.Errorf("a change is asked for without a word: %v", err)
	}
	if err := w.svc.RemarkOn(reader, item, "only", "Part", "Say more."); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.AnswerReview(reader, item, courses.ReviewChange, ""); err != nil {
		t.Fatal(err)
	}
	m, err := w.svc.Manuscript(author, item)
	if err != nil || len(m.Reviews) != 1 || m.Reviews[0].State != courses.ReviewChange || len(m.Remarked) != 1 || m.Remarked[0].About != "Part" {
		t.Fatalf("the author's desk: %+v, %v", m, err)
	}
	if err := w.publishes(author, item); !errs.Is(err, errs.Invalid) {
		t.Errorf("it is published though a change was asked for: %v", err)
	}
	if err := w.svc.SettleRemark(author, item, m.Remarked[0].ID, false); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.AnswerReview(reader, item, courses.ReviewGood, "Fine now."); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.SaveLesson(author, item, courses.ManuscriptLesson{Key: "only", Title: "Only", Source: "## Part\n\nOther words.", Edition: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.publishes(author, item); !errs.Is(err, errs.Invalid) {
		t.Errorf("it is published with words that nobody read: %v", err)
	}
	if err := w.svc.AnswerReview(reader, item, courses.ReviewGood, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.publishes(author, item); err != nil {
		t.Errorf("it is not published: %v", err)
	}
	if _, err := w.svc.Review(reader, item); !errs.Is(err, errs.NotFound) {
		t.Errorf("what is published is still to read: %v", err)
	}
}

// The database lets nobody answer for another, nor ask in their name.
func TestNobodySpeaksForAReader(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author, reader := w.keeper(w.vendor), w.colleague(w.vendor)
	item := w.drafted(author)
	if err := w.svc.AskReview(author, item, w.address(reader), ""); err != nil {
		t.Fatal(err)
	}
	sc, err := scope.From(reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]string{
		"an answer":     `UPDATE reviews SET state = 'good', answered_at = now() WHERE org_id = $1 AND item_id = $2 AND membership_id = $3`,
		"a remark":      `INSERT INTO review_remarks (org_id, remark_id, item_id, membership_id, body, at) VALUES ($1, gen_random_uuid(), $2, $3, 'x', now())`,
		"the asking of": `UPDATE reviews SET asked_by = $3 WHERE org_id = $1 AND item_id = $2`,
	} {
		if err := w.db.Tx(author, func(tx *db.Tx) error {
			_, err := tx.Exec(q, sc.Org, item, sc.Membership)
			return err
		}); err == nil {
			t.Errorf("the author writes %s another", name)
		}
	}
}

func fieldsOf(err error) (out []string) {
	if e, ok := errors.AsType[*errs.Error](err); ok {
		for _, f := range e.Fields {
			out = append(out, f.Name)
		}
	}
	return out
}

// routine is what the room does by itself, with mails that stay in their rows.
func (w *world) routine(dsn string) (*courses.Routine, *jobs.Relay) {
	w.t.Helper()
	c, err := jobs.NewClient(w.t.Context(), dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	r := courses.NewRoutine(w.svc, mail.New(w.db, c, mail.Outbox{}, "localhost"), c, func(slug string) string { return "http://" + slug + ".localhost" })
	relay := jobs.NewRelay(w.db, slog.New(slog.DiscardHandler))
	r.Listen(relay)
	return r, relay
}

func (w *world) mailsTo(h house, to string) (out []string) {
	w.t.Helper()
	w.tx(jobs.Enter(w.t.Context(), scope.Mailer, h.org.OrgID), func(tx *db.Tx) (err error) {
		out, err = db.Rows[string](tx, `SELECT m.subject FROM mails m WHERE m.org_id = $1 AND m.recipient = $2 ORDER BY m.created_at LIMIT 20`, tx.Scope.Org, to)
		return err
	})
	return out
}

// A draft is published at its time as whoever planned it, with the rights of then; whatever is in the way, it says so and a mail does.
func TestPublishingAtATime(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	w := setupOn(t, d)
	r, relay := w.routine(dsn("learnscape_app"))
	mailer := jobs.Enter(t.Context(), scope.Mailer, w.vendor.org.OrgID)
	at := d.Now().UTC().Add(48 * time.Hour).Truncate(time.Minute)
	plan := func(change func(tx *db.Tx, who id.Membership) error) (id.Item, context.Context) {
		t.Helper()
		author := w.colleague(w.vendor)
		sc, err := scope.From(author)
		if err != nil {
			t.Fatal(err)
		}
		w.tx(w.vendor.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE memberships SET roles = '{learner,author}' WHERE org_id = $1 AND membership_id = $2`, sc.Org, sc.Membership)
			return err
		})
		sc.Roles = []scope.Role{scope.Learner, scope.Author}
		author = scope.Enter(t.Context(), sc)
		item := w.drafted(author)
		if err := w.svc.Schedule(author, item, at); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			w.tx(w.vendor.ctx, func(tx *db.Tx) error { return change(tx, sc.Membership) })
		}
		return item, author
	}
	for _, tt := range []struct {
		name   string
		change func(*db.Tx, id.Membership) error
		late   string
	}{
		{"as planned", nil, ""},
		{"who may not any more", func(tx *db.Tx, who id.Membership) error {
			return tx.Must(`UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, who)
		}, "review.late.rights"},
		{"who left", func(tx *db.Tx, who id.Membership) error {
			return tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, who)
		}, "review.late.left"},
	} {
		item, author := plan(tt.change)
		if err := r.Publish(mailer, item, at); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		desk := w.keeper(w.vendor)
		m, err := w.svc.Manuscript(desk, item)
		switch {
		case tt.late == "":
			if v, err := w.svc.Course(w.vendor.member, item); err != nil || v.Version != 1 {
				t.Errorf("%s: it is not published: %v", tt.name, err)
			}
		case err != nil || m.Late != tt.late || m.PublishAt != nil:
			t.Errorf("%s: the draft says %q, %v", tt.name, m.Late, err)
		}
		mails := w.mailsTo(w.vendor, w.address(author))
		if want := tt.late == "review.late.rights"; want != slices.ContainsFunc(mails, func(s string) bool { return strings.Contains(s, "Not published") }) {
			t.Errorf("%s: the mails are %q", tt.name, mails)
		}
	}

	// What stands against it, what was called off and what was put to another time.
	item, author := plan(nil)
	if _, err := w.svc.SaveLesson(author, item, courses.ManuscriptLesson{Key: "only", Title: "Only", Edition: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(mailer, item, at); err != nil {
		t.Fatal(err)
	}
	if m, err := w.svc.Manuscript(author, item); err != nil || m.Late != "review.late.blocked" {
		t.Errorf("a lesson without a text: %q, %v", m.Late, err)
	}
	item, author = plan(nil)
	if err := w.svc.Schedule(author, item, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(mailer, item, at); err != nil {
		t.Fatal(err)
	}
	if m, err := w.svc.Manuscript(author, item); err != nil || m.PublishAt == nil || m.Late != "" {
		t.Errorf("put to another time, it is %v, %q, %v", m.PublishAt, m.Late, err)
	}
	if err := w.svc.Schedule(author, item, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(mailer, item, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Course(w.vendor.member, item); !errs.Is(err, errs.NotFound) {
		t.Errorf("what was called off is published: %v", err)
	}
	for _, bad := range []time.Time{d.Now().Add(-time.Hour), d.Now().AddDate(2, 0, 0)} {
		if err := w.svc.Schedule(author, item, bad); !slices.Contains(fieldsOf(err), "at") {
			t.Errorf("at %v: %v", bad, err)
		}
	}

	// Planning leaves a job that waits, and being asked to read and answering each a mail.
	reader := w.colleague(w.vendor)
	if err := w.svc.AskReview(author, item, w.address(reader), "Please."); err != nil {
		t.Fatal(err)
	}
	if err := relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.mailsTo(w.vendor, w.address(reader)); !slices.Equal(got, []string{"Bo asks you to read: To read"}) {
		t.Errorf("the reader's mails are %q", got)
	}
	if err := w.svc.AnswerReview(reader, item, courses.ReviewGood, ""); err != nil {
		t.Fatal(err)
	}
	if err := relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.mailsTo(w.vendor, w.address(author)); len(got) == 0 || got[len(got)-1] != "Bo finds it good: To read" {
		t.Errorf("the author's mails are %q", got)
	}
	var waiting int
	w.tx(w.vendor.ctx, func(tx *db.Tx) (err error) {
		waiting, err = db.Row[int](tx, `SELECT count(*)::int FROM river_job WHERE kind = 'courses.publish' AND state = 'scheduled' AND scheduled_at >= $1`, at)
		return err
	})
	if waiting < 3 {
		t.Errorf("%d jobs wait for their time", waiting)
	}
}
