package courses_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
)

const trySource = "## How\n\nWait.\n\n```try\nkey: bath\nask: Make one ice bath.\nwith: a colleague\ndays: 5\n```\n"

func TestTriedAtWork(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("try", trySource)
	ctx := w.partner.member
	v, err := w.svc.Lesson(ctx, p, nil)
	if err != nil || len(v.Blocks) != 2 || v.Blocks[1].Plan == nil || v.Blocks[1].Plan.With != "a colleague" || v.Blocks[1].Plan.Day(v.Now).Sub(v.Now).Round(24*time.Hour) != 5*24*time.Hour {
		t.Fatalf("suggested: %s, %v", says(v.Blocks), err)
	}
	today := v.Now.UTC().Format(time.DateOnly)
	for _, bad := range []courses.TryPlan{{What: "x", By: "2020-01-01"}, {What: "x", By: "soon"}, {What: strings.Repeat("x", 1001)}, {What: "x", With: strings.Repeat("x", 201)}} {
		if err := w.svc.PlanTryout(ctx, p, "bath", bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("planned %.30v: %v", bad, err)
		}
	}
	if err := w.svc.PlanTryout(ctx, p, "none", courses.TryPlan{What: "x"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("planned what nobody suggests: %v", err)
	}
	if err := w.svc.PlanTryout(w.other.member, p, "bath", courses.TryPlan{What: "x"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("planned by another organization: %v", err)
	}
	if err := w.svc.PlanTryout(ctx, p, "bath", courses.TryPlan{What: "SECRET bath", With: "SECRET Bo", By: today}); err != nil {
		t.Fatal(err)
	}
	v, err = w.svc.Lesson(ctx, p, nil)
	if b := v.Blocks[1]; err != nil || b.Body != "SECRET bath" || b.Plan.With != "SECRET Bo" || b.Plan.Day(v.Now).Format(time.DateOnly) != today || !v.Parts[1].Done {
		t.Errorf("kept: %s, %v", says(v.Blocks), err)
	}
	list, err := w.svc.Tryouts(ctx, courses.TryoutsAfter{})
	if err != nil || len(list.Rows) != 1 || list.Rows[0].Asks(list.Now) != 0 || list.Rows[0].Title != "Lesson" {
		t.Fatalf("list: %+v, %v", list, err)
	}
	mine := list.Rows[0]
	// Nobody else has it, the organization's own colleagues, operators and whoever sends mail included.
	colleague := w.colleague(w.partner)
	if l, err := w.svc.Tryouts(colleague, courses.TryoutsAfter{}); err != nil || len(l.Rows) != 0 {
		t.Errorf("a colleague lists %+v, %v", l.Rows, err)
	}
	for name, err := range map[string]error{
		"said by a colleague":    w.svc.SayTryout(colleague, mine.ID, 7, courses.TryUsed),
		"noted by a colleague":   w.svc.NoteOutcome(colleague, mine.ID, "mine"),
		"dropped by a colleague": w.svc.DropTryout(colleague, mine.ID),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range []scope.Actor{scope.Mailer, scope.Operator, scope.Discloser, scope.Counter, scope.Indexer} {
		if n := one[int](dbtest.System(t, a, w.partner.org.OrgID), w, `SELECT count(*)::int FROM tryouts WHERE org_id = $1`, w.partner.org.OrgID); n != 0 {
			t.Errorf("the %s reads %d", a, n)
		}
	}
	if err := w.svc.SayTryout(ctx, mine.ID, 7, courses.TryUsed); !errs.Is(err, errs.Invalid) {
		t.Errorf("said before it was asked: %v", err)
	}
	past := func(days int) {
		w.tx(ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE tryouts SET by_day = $2 WHERE org_id = $1`, tx.Scope.Org, tx.Now.AddDate(0, 0, -days))
		})
	}
	asks := func() int {
		l, err := w.svc.Tryouts(ctx, courses.TryoutsAfter{})
		if err != nil {
			t.Fatal(err)
		}
		return l.Rows[0].Asks(l.Now)
	}
	if past(7); asks() != 7 {
		t.Errorf("a week later it asks %d", asks())
	}
	if err := w.svc.SayTryout(ctx, mine.ID, 7, courses.TryTried); err != nil || asks() != 0 {
		t.Errorf("said: %v, asks %d", err, asks())
	}
	if past(30); asks() != 30 {
		t.Errorf("a month later it asks %d", asks())
	}
	for range 2 {
		if err := w.svc.SayTryout(ctx, mine.ID, 30, courses.TryUsed); err != nil || asks() != 0 {
			t.Errorf("said: %v, asks %d", err, asks())
		}
	}
	if got := one[string](ctx, w, `SELECT string_agg(s.verb || ' ' || s.object_part || ' ' || (s.context->>'after') || ' ' || (s.context->>'used'), ', ' ORDER BY s.at) FROM statements s WHERE s.org_id = $1 AND s.verb = 'applied' AND s.context::text NOT LIKE '%SECRET%'`, w.partner.org.OrgID); got != "applied l 7 false, applied l 30 true" {
		t.Errorf("the stream says %q", got)
	}
	if err := w.svc.NoteOutcome(ctx, mine.ID, "It held."); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.DropTryout(ctx, mine.ID); err != nil {
		t.Fatal(err)
	}
}

func TestRemindedOfWhatIsTried(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	w := setupOn(t, d)
	p := w.lessonOf("remind", trySource)
	c, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r := courses.NewReminder(w.db, mail.New(w.db, c, mail.Outbox{}, "portal.example"), c, func(slug string) string { return "https://" + slug + ".portal.example" })
	mailer := dbtest.System(t, scope.Mailer, w.partner.org.OrgID)
	now := w.db.Now()
	if err := w.svc.PlanTryout(w.partner.member, p, "bath", courses.TryPlan{What: "SECRET bath", By: now.UTC().Format(time.DateOnly)}); err != nil {
		t.Fatal(err)
	}
	mails := func() string {
		return one[string](mailer, w, `SELECT coalesce(string_agg(m.subject || ' ' || m.body, '|' ORDER BY m.created_at, m.mail_id), '') FROM mails m WHERE m.org_id = $1`, w.partner.org.OrgID)
	}
	remind := func(days, want int) {
		t.Helper()
		for range 2 { // Repeating it is safe.
			if err := r.Remind(mailer, now.AddDate(0, 0, days)); err != nil {
				t.Fatal(err)
			}
		}
		got := mails()
		if n := strings.Count(got, "/tries#t-"); n != want || strings.Contains(got, "SECRET") {
			t.Errorf("after %d days there are %d mails, want %d: %s", days, n, want, got)
		}
	}
	remind(0, 1)
	remind(6, 1)
	remind(7, 2)
	if err := w.svc.SetTryMails(w.partner.member, false); err != nil {
		t.Fatal(err)
	}
	remind(30, 2)
	if err := w.svc.SetTryMails(w.partner.member, true); err != nil {
		t.Fatal(err)
	}
	remind(31, 2)
	// A new day is asked about anew, by whoever wants mails; other organizations are reminded of nothing.
	if err := w.svc.PlanTryout(w.partner.member, p, "bath", courses.TryPlan{What: "SECRET bath", By: now.AddDate(0, 0, 1).UTC().Format(time.DateOnly)}); err != nil {
		t.Fatal(err)
	}
	if err := r.Remind(dbtest.System(t, scope.Mailer, w.vendor.org.OrgID), now.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	remind(1, 3)
	remind(100, 3) // What was due long ago is not mailed any more.
}
