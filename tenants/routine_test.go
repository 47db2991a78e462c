package tenants_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// desk is a pair of houses whose partner managers get mail: A's reads English, B's German. The relay has the mails written.
type desk struct {
	*pair

	routine *tenants.Routine
	relay   *jobs.Relay
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	p := newPairIn(t, d)
	c, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := &desk{pair: p, relay: jobs.NewRelay(d, slog.New(slog.DiscardHandler))}
	k.routine = tenants.NewRoutine(d, mail.New(d, c, mail.Outbox{}, "portal.example"), c, func(slug string) string { return "https://" + slug + ".portal.example" })
	k.routine.Listen(k.relay)
	for h, locale := range map[*house]string{p.a: "en", p.b: "de"} {
		h.must(func(tx *db.Tx) error {
			m, err := tenants.AddMember(tx, tenants.NewMember{Name: "Partners", Email: "partners@" + h.org.Slug + ".example", Locale: locale, Roles: []scope.Role{scope.Learner, scope.PartnerManager}})
			if err != nil {
				return err
			}
			h.viewer.Membership = m.MembershipID
			_, err = tenants.AddMember(tx, tenants.NewMember{Name: "Admin", Email: "admin@" + h.org.Slug + ".example", Locale: "en", Roles: []scope.Role{scope.Learner, scope.Administrator}})
			return err
		})
	}
	return k
}

// subjects hands out what happened and returns the subjects of the house's mails since the last call, each with its reader where that is
// not the partner manager.
func (k *desk) subjects(h *house) []string {
	h.t.Helper()
	if err := k.relay.Drain(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	out := []string{}
	if err := k.d.Tx(dbtest.System(h.t, scope.Mailer, h.org.OrgID), func(tx *db.Tx) error {
		rows, err := db.Rows[struct {
			To      string `db:"recipient"`
			Subject string `db:"subject"`
			Body    string `db:"body"`
		}](tx, `SELECT recipient, subject, body FROM mails WHERE org_id = $1 ORDER BY created_at, mail_id`, h.org.OrgID)
		for _, r := range rows {
			other := k.a
			if h == k.a {
				other = k.b
			}
			if !strings.Contains(r.Body, "https://"+h.org.Slug+".portal.example/network/"+other.org.Slug+"\n") {
				h.t.Errorf("%q does not lead to the page of the connection:\n%s", r.Subject, r.Body)
			}
			if !strings.HasPrefix(r.To, "partners@") {
				r.Subject = r.To + ": " + r.Subject
			}
			out = append(out, r.Subject)
		}
		if err == nil {
			_, err = tx.Exec(`DELETE FROM mails WHERE org_id = $1`, h.org.OrgID)
		}
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (k *desk) want(t *testing.T, when string, of *house, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, k.subjects(of)); diff != "" {
		t.Errorf("%s, mails to %s (-want +got):\n%s", when, map[*house]string{k.a: "A", k.b: "B"}[of], diff)
	}
}

// remind asks twice, as a job that is tried again does.
func (k *desk) remind(t *testing.T, at time.Time) {
	t.Helper()
	for range 2 {
		for _, h := range []*house{k.a, k.b} {
			if err := k.routine.Elapse(dbtest.System(t, scope.Agreement, h.org.OrgID), at); err != nil {
				t.Fatal(err)
			}
			if err := k.routine.Remind(dbtest.System(t, scope.Mailer, h.org.OrgID), at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTheOtherSideIsMailedWhatHappens(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	a, b := k.a.org.OrgID, k.b.org.OrgID
	for _, step := range []struct {
		name     string
		do       func() error
		toA, toB []string
	}{
		{"A asks", func() error { return k.a.svc.Ask(k.a.network(), b, k.offer(k.a, 30)) }, nil, []string{"House bietet House an, gemeinsam zu lernen"}},
		{"B counters", func() error { return k.b.svc.Counter(k.b.network(), a, k.offer(k.b, 60)) }, []string{"House answers with other terms"}, nil},
		{"A signs", func() error { return k.sign(t, k.a) }, nil, []string{"House hat unterschrieben"}},
		{"A proposes a change", func() error { return k.a.svc.Counter(k.a.network(), b, k.offer(k.a, 20)) }, nil, []string{"House schlägt eine Änderung Ihrer Vereinbarung vor"}},
		{"B declines", func() error { return k.b.svc.Decline(k.b.network(), a, k.number(k.b)) }, []string{"House declines the proposal"}, nil},
		{"B pauses", func() error { return k.b.svc.Pause(k.b.network(), a) }, []string{"House has paused sharing"}, nil},
		{"A resumes", func() error { return k.a.svc.Resume(k.a.network(), b) }, nil, []string{"House teilt wieder"}},
		{"A turns its mails off, and B pauses", func() error {
			if err := k.a.svc.SetMails(k.a.network(), b, false); err != nil {
				return err
			}
			return k.b.svc.Pause(k.b.network(), a)
		}, nil, nil},
		{"A turns them on, and B ends it", func() error {
			if err := k.a.svc.SetMails(k.a.network(), b, true); err != nil {
				return err
			}
			return k.b.svc.End(k.b.network(), a, false)
		}, []string{"House ends the connection, with time to finish"}, nil},
		{"A ends it at once", func() error { return k.a.svc.End(k.a.network(), b, true) }, nil, []string{"House hat die Verbindung beendet"}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		k.want(t, step.name, k.a, step.toA...)
		k.want(t, step.name, k.b, step.toB...)
	}
	if err := k.a.svc.SetMails(k.a.network(), id.New[id.Org](), false); !errs.Is(err, errs.NotFound) {
		t.Errorf("the mails of no connection: %v", err)
	}
}

// Whoever asks and takes back, or answers offers with offers, all day long, has the other side mailed once of each, and once on the next day.
func TestMovingBackAndForthFillsNoMailbox(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	a, b := k.a.org.OrgID, k.b.org.OrgID
	did := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var toA, toB []string
	for range 5 {
		did(k.a.svc.Ask(k.a.network(), b, k.offer(k.a, 30)))
		toB = append(toB, k.subjects(k.b)...)
		did(k.a.svc.Withdraw(k.a.network(), b, k.number(k.a)))
		toB = append(toB, k.subjects(k.b)...)
	}
	if diff := cmp.Diff([]string{"House bietet House an, gemeinsam zu lernen", "House nimmt den Vorschlag zurück"}, toB); diff != "" {
		t.Errorf("five offers, taken back (-want +got):\n%s", diff)
	}
	toB = nil
	did(k.a.svc.Ask(k.a.network(), b, k.offer(k.a, 30)))
	for i := range 5 {
		did(k.b.svc.Counter(k.b.network(), a, k.offer(k.b, 40+i)))
		toA, toB = append(toA, k.subjects(k.a)...), append(toB, k.subjects(k.b)...)
		did(k.a.svc.Counter(k.a.network(), b, k.offer(k.a, 60+i)))
		toA, toB = append(toA, k.subjects(k.a)...), append(toB, k.subjects(k.b)...)
	}
	if diff := cmp.Diff([][]string{{"House answers with other terms"}, {"House antwortet mit anderen Bedingungen"}}, [][]string{toA, toB}); diff != "" {
		t.Errorf("ten answers (-want +got):\n%s", diff)
	}
	now := k.d.Now()
	k.remind(t, now)
	k.want(t, "on the same day", k.a)
	k.remind(t, now.AddDate(0, 0, 1))
	k.want(t, "on the next day", k.a, "More happened between you and House")
	k.want(t, "on the next day", k.b, "Zwischen Ihnen und House ist noch mehr geschehen")
	k.remind(t, now.AddDate(0, 0, 2))
	k.want(t, "on the day after", k.a)
	// Every move was made, mailed or not.
	if v := k.view(t, k.b); v.Proposed == nil || v.Proposed.Number != 16 {
		t.Errorf("what is proposed in the end: %+v", v.Proposed)
	}
}

// An offer that was answered before the mail was written, and a forged piece of news, are told to nobody.
func TestWhatIsOverOrNeverWasIsNotMailed(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	stranger := newHouse(t, k.d)
	a, b := k.a.org.OrgID, k.b.org.OrgID
	if err := k.a.svc.Ask(k.a.network(), b, k.offer(k.a, 30)); err != nil {
		t.Fatal(err)
	}
	if err := k.a.svc.Withdraw(k.a.network(), b, 1); err != nil {
		t.Fatal(err)
	}
	k.want(t, "taken back at once", k.b, "House nimmt den Vorschlag zurück")
	var receipt int64
	k.b.must(func(tx *db.Tx) (err error) {
		receipt, err = db.Row[int64](tx, `SELECT max(seq) FROM audit WHERE org_id = $1`, b)
		return err
	})
	// News that name a receipt of somebody else's, the own move, or the same receipt again.
	stranger.must(func(tx *db.Tx) error {
		for _, e := range []tenants.ConnectionChanged{
			{Org: stranger.org.OrgID, Other: b, What: "agreement.withdrawn", Receipt: receipt},
			{Org: a, Other: b, What: "agreement.withdrawn", Receipt: receipt},
			{Org: b, Other: stranger.org.OrgID, What: "agreement.withdrawn", Receipt: receipt},
			{Org: b, Other: a, What: "agreement.withdrawn", Receipt: receipt},
		} {
			if err := jobs.Emit(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	for _, h := range []*house{k.a, k.b, stranger} {
		k.want(t, "forged news", h)
	}
}

func TestWaitingOffersAreRemindedTwice(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, k.offer(k.a, 30)); err != nil {
		t.Fatal(err)
	}
	k.subjects(k.b)
	now := k.d.Now()
	for _, step := range []struct {
		days int
		want []string
	}{{2, nil}, {3, []string{"House wartet noch auf Ihre Antwort"}}, {4, nil}, {9, nil}, {11, []string{"House wartet noch auf Ihre Antwort"}}, {40, nil}, {400, nil}} {
		k.remind(t, now.AddDate(0, 0, step.days))
		k.want(t, "after days", k.b, step.want...)
		k.want(t, "who waits is not reminded", k.a)
	}
}

func TestEndsAreAnnounced(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	now := k.d.Now()
	end := now.AddDate(0, 0, 60)
	offer := k.offer(k.a, 10)
	offer.Until = end.Format(time.DateOnly)
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, offer); err != nil {
		t.Fatal(err)
	}
	if err := k.sign(t, k.b); err != nil {
		t.Fatal(err)
	}
	k.subjects(k.a)
	k.subjects(k.b)
	last := time.Date(end.Year(), end.Month(), end.Day()+1, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		at   time.Time
		want []string
	}{
		{last.AddDate(0, 0, -31), nil},
		{last.AddDate(0, 0, -30), []string{"The agreement with House ends in 30 days"}},
		{last.AddDate(0, 0, -20), nil},
		{last.AddDate(0, 0, -7).Add(time.Hour), []string{"The agreement with House ends in 7 days"}},
		{last.AddDate(0, 0, -1), []string{"The agreement with House ends tomorrow"}},
		{last.Add(-time.Minute), nil},
	} {
		k.remind(t, step.at)
		k.want(t, step.at.String(), k.a, step.want...)
		if got := k.subjects(k.b); len(got) != len(step.want) {
			t.Errorf("%s: B is told %q", step.at, got)
		}
	}
}

func TestAYearLaterBothAreAskedWhetherTermsFit(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, k.offer(k.a, 10)); err != nil {
		t.Fatal(err)
	}
	if err := k.sign(t, k.b); err != nil {
		t.Fatal(err)
	}
	k.subjects(k.a)
	now := k.d.Now()
	for _, step := range []struct {
		at   time.Time
		want []string
	}{
		{now.AddDate(0, 11, 0), nil},
		{now.AddDate(1, 0, 1), []string{"Does the agreement with House still fit?"}},
		{now.AddDate(1, 0, 20), nil},
		{now.AddDate(1, 6, 0), nil},
		{now.AddDate(2, 0, 3), []string{"Does the agreement with House still fit?"}},
	} {
		k.remind(t, step.at)
		k.want(t, step.at.String(), k.a, step.want...)
	}
	if v := k.view(t, k.a); v.State != tenants.Active {
		t.Errorf("the agreement without an end is %s", v.State)
	}
}

// What comes to its end by itself has a receipt on both sides, and closes.
func TestWhatElapsesIsWrittenDown(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	offer := k.offer(k.a, 30)
	offer.Until = k.d.Now().Format(time.DateOnly)
	now := k.d.Now().AddDate(0, 0, 2)
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, offer); err != nil {
		t.Fatal(err)
	}
	if err := k.sign(t, k.b); err != nil {
		t.Fatal(err)
	}
	k.subjects(k.a)
	k.remind(t, now)
	v := k.view(t, k.b)
	if v.State != tenants.Ending || v.FinishUntil == nil || v.FinishUntil.Sub(now) > 30*24*time.Hour {
		t.Fatalf("after the last day: %s until %v", v.State, v.FinishUntil)
	}
	// The job's clock is two days ahead of the database's: a month before the end has come, too.
	k.want(t, "after the last day", k.a, "The time to finish with House ends in 29 days", "The agreement with House has ended, with time to finish")
	k.remind(t, v.FinishUntil.Add(time.Minute))
	k.want(t, "after the time to finish", k.a, "The time to finish with House is over")
	for _, h := range []*house{k.a, k.b} {
		v := k.view(t, h)
		var log []string
		for _, r := range v.Log {
			log = append(log, r.Action)
		}
		if diff := cmp.Diff([]string{"connection.closed", "connection.lapsed", "agreement.signed", "agreement.proposed"}, log); v.State != tenants.Ended || diff != "" {
			t.Errorf("%s; receipts (-want +got):\n%s", v.State, diff)
		}
	}
	if err := k.b.svc.Ask(k.b.network(), k.a.org.OrgID, k.offer(k.b, 0)); err != nil {
		t.Errorf("begin anew: %v", err)
	}
}

// Who was in mid-course before a pause, or when the last day passed, has the time to finish that both signed.
func TestTimeToFinishAfterAPauseAndAfterTheLastDay(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"a pause", "the last day"} {
		k := newDesk(t)
		now := k.d.Now()
		course := k.a.item(tenants.KindCourse, "Course", noon)
		offer := k.offer(k.a, 30)
		offer.Ours.Opens = opens(k.a.collection("courses", "agreement", course))
		if how == "the last day" {
			offer.Until = now.Format(time.DateOnly)
		}
		if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, offer); err != nil {
			t.Fatal(err)
		}
		if err := k.sign(t, k.b); err != nil {
			t.Fatal(err)
		}
		learner := k.enrol(t, course)
		if how == "a pause" {
			if err := k.a.svc.Pause(k.a.network(), k.b.org.OrgID); err != nil {
				t.Fatal(err)
			}
			if sees(t, k.d, learner, course) {
				t.Error("paused, but seen")
			}
			if err := k.b.svc.End(k.b.network(), k.a.org.OrgID, false); err != nil {
				t.Fatal(err)
			}
		} else {
			k.remind(t, now.AddDate(0, 0, 2))
		}
		if !sees(t, k.d, learner, course) {
			t.Errorf("after %s, somebody in mid-course has no time to finish", how)
		}
		if sees(t, k.d, k.b.viewer, course) {
			t.Errorf("after %s, somebody who did not learn it sees it", how)
		}
	}
}

// enrol puts somebody of B on A's course, by hand, as the room of courses does.
func (k *desk) enrol(t *testing.T, course tenants.Item) scope.Scope {
	t.Helper()
	k.a.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) VALUES ($1, $2, 1, '', '', '{}', '\x00')`, k.a.org.OrgID, course.ItemID)
		return err
	})
	var m tenants.Membership
	k.b.must(func(tx *db.Tx) (err error) {
		if m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Learner", Email: "l" + unique() + "@b.example"}); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, title, kind) VALUES ($1, $2, $3, $4, $5, 1, 'choice', $6, 'course')`,
			k.b.org.OrgID, id.New[id.Enrollment](), m.MembershipID, k.a.org.OrgID, course.ItemID, course.Title)
		return err
	})
	return scope.Scope{Actor: scope.Member, Org: k.b.org.OrgID, Membership: m.MembershipID, Person: m.PersonID, Roles: []scope.Role{scope.Learner}}
}

// Without a partner manager the administrators are told, and nobody else.
func TestAdministratorsStandIn(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	k.b.must(func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND membership_id = $2`, k.b.org.OrgID, k.b.viewer.Membership)
	})
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, k.offer(k.a, 30)); err != nil {
		t.Fatal(err)
	}
	k.want(t, "no partner manager", k.b, "admin@"+k.b.org.Slug+".example: House offers House to learn together")
}

// Nothing but people signs, whatever code asks for it.
func TestOnlyPeopleSign(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, k.offer(k.a, 30)); err != nil {
		t.Fatal(err)
	}
	for _, actor := range []scope.Actor{scope.Agreement, scope.Mailer, scope.Counter, scope.Relay} {
		err := k.d.Tx(dbtest.System(t, actor, k.b.org.OrgID), func(tx *db.Tx) error { return tenants.SignFor(tx, k.a.org.OrgID) })
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s signs: %v", actor, err)
		}
	}
	if v := k.view(t, k.b); v.InForce != nil {
		t.Error("it is in force")
	}
}
