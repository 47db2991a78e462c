package courses_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
)

func (c *crew) inTeam(f courses.TeamFilter) courses.TeamView {
	c.t.Helper()
	v, err := c.svc.Team(c.manager, c.team, f)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func names(rows []courses.TeamPerson) (out []string) {
	for _, r := range rows {
		out = append(out, r.Name)
	}
	return out
}

// TestTeamView is what whoever leads a team sees of it, and nobody else.
func TestTeamView(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it, own := c.course("asked-of-team", "shared"), c.course("chosen", "shared")
	a, b := c.inside[0], c.inside[1]
	c.assign(c.manager, courses.Assigning{Item: it.ItemID, People: []id.Membership{a}, Terms: courses.Terms{Days: 2}})
	if err := c.svc.Enroll(c.ctxOf[b], own.ItemID, courses.Origin{Kind: courses.OriginChoice}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.svc.CompleteLesson(c.ctxOf[b], courses.Place{Item: own.ItemID, Lesson: "do"}); err != nil {
		t.Fatal(err)
	}
	c.tx(c.house.ctx, func(tx *db.Tx) error { // It was due the day before yesterday.
		return tx.Must(`UPDATE enrollments SET due_at = $3 WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, a, tx.Now.AddDate(0, 0, -2))
	})
	v := c.inTeam(courses.TeamFilter{})
	if got := names(v.Rows); !slices.Equal(got, []string{"Boss", "In One", "In Two"}) {
		t.Fatalf("people: %v", got)
	}
	one, two := v.Rows[1], v.Rows[2]
	if one.Item != it.ItemID || one.Begun || one.Late != 1 || one.Waiting != 1 || one.Starts != 1 || one.Chosen != 0 || one.Due == nil {
		t.Errorf("who was asked: %+v", one)
	}
	if two.Item != own.ItemID || !two.Begun || two.Late != 0 || two.Chosen != 1 || two.Done != 1 || two.Due != nil {
		t.Errorf("who chose: %+v", two)
	}
	if f := v.Figures; f.People != 3 || f.On != 2 || f.Late != 1 || f.Waiting != 1 || f.Tried != 0 {
		t.Errorf("figures: %+v", f)
	}
	for show, want := range map[string][]string{courses.TeamLate: {"In One"}, courses.TeamWaiting: {"In One"}, courses.TeamExpiring: nil} {
		if got := names(c.inTeam(courses.TeamFilter{Show: show}).Rows); !slices.Equal(got, want) {
			t.Errorf("%s: %v", show, got)
		}
	}
	if got := names(c.inTeam(courses.TeamFilter{Sort: "-name", Query: "in"}).Rows); !slices.Equal(got, []string{"In Two", "In One"}) {
		t.Errorf("sorted: %v", got)
	}
	if _, err := c.svc.Team(c.manager, c.team, courses.TeamFilter{Show: "busy"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an unknown filter: %v", err)
	}
	for name, err := range map[string]error{
		"another team": func() error { _, err := c.svc.Team(c.manager, c.others, courses.TeamFilter{}); return err }(),
		"a learner":    func() error { _, err := c.svc.Team(c.ctxOf[a], c.team, courses.TeamFilter{}); return err }(),
		"another organization": func() error {
			_, err := c.svc.Team(c.administrator(c.vendor), c.team, courses.TeamFilter{})
			return err
		}(),
		"its export": func() error {
			_, err := c.svc.ExportTeam(c.administrator(c.vendor), c.team, courses.TeamFilter{})
			return err
		}(),
		"a reminder elsewhere": c.svc.Nudge(c.manager, c.others, c.outside, "hello"),
		"somebody not in it":   c.svc.Nudge(c.manager, c.team, c.outside, "hello"),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One reminder, with words, to one person; then they are left alone.
	if err := c.svc.Nudge(c.manager, c.team, a, " "); !errs.Is(err, errs.Invalid) {
		t.Errorf("a reminder without words: %v", err)
	}
	if err := c.svc.Nudge(c.manager, c.team, a, "What is in the way?"); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.Nudge(c.manager, c.team, a, "And?"); !errs.Is(err, errs.Conflict) {
		t.Errorf("reminded twice: %v", err)
	}
	if got := c.mails(a); len(got) != 2 || !strings.Contains(got[1], "What is in the way?") || !strings.Contains(got[1], "Boss") {
		t.Errorf("mails: %q", got)
	}
	if p, err := c.svc.Plan(c.ctxOf[a]); err != nil || len(p.Reminded) != 1 || p.Reminded[0].By != "Boss" {
		t.Errorf("reminded: %+v, %v", p.Reminded, err)
	}
}

// TestTeamIsWarnedOfPushing is when most of what a team begins is asked of it: from five beginnings on, until it is hidden.
func TestTeamIsWarnedOfPushing(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	for i, slug := range []string{"p1", "p2"} {
		it := c.course(slug, "shared")
		c.assign(c.admin, courses.Assigning{Item: it.ItemID, Teams: []id.Any{c.team}})
		if v := c.inTeam(courses.TeamFilter{}); (v.Pushed() != nil) != (i == 1) {
			t.Errorf("after %d: %+v", i+1, v.Months)
		}
	}
	if err := c.svc.HidePush(c.manager, c.team); err != nil || c.inTeam(courses.TeamFilter{}).Pushed() != nil {
		t.Errorf("hidden: %v", err)
	}
	if v, err := c.svc.Team(c.admin, c.team, courses.TeamFilter{}); err != nil || v.Pushed() == nil {
		t.Errorf("hidden from somebody else too: %v", err)
	}
}

// TestDatesRemind is the mails before, on and after a date: once each, one a day, and none for whoever wants none.
func TestDatesRemind(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	jc, err := jobs.NewClient(t.Context(), c.dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(jc.Close)
	r := courses.NewReminder(c.db, mail.New(c.db, jc, mail.Outbox{}, "x.example"), jc, func(slug string) string { return "https://" + slug + ".example" })
	mailer := jobs.Enter(t.Context(), scope.Mailer, c.org.OrgID)
	who, now := c.inside[0], c.db.Now()
	for _, slug := range []string{"due-1", "due-2"} {
		it := c.course(slug, "shared")
		if err := c.svc.Enroll(c.ctxOf[who], it.ItemID, courses.Origin{Kind: courses.OriginChoice}); err != nil {
			t.Fatal(err)
		}
		if err := c.svc.SetOwnDate(c.ctxOf[who], it.ItemID, now.UTC().AddDate(0, 0, 10).Format(time.DateOnly)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(day, want int, says string) {
		t.Helper()
		for range 2 { // Repeating it is safe.
			if err := r.RemindDates(mailer, now.AddDate(0, 0, day)); err != nil {
				t.Fatal(err)
			}
		}
		got := c.mails(who)
		if len(got) != want || want > 0 && !strings.Contains(got[want-1], says) {
			t.Errorf("day %d: %d mails, want %d with %q: %q", day, len(got), want, says, got)
		}
	}
	at(6, 0, "")
	at(7, 1, "Due soon")
	at(9, 1, "Due soon")
	at(10, 2, "Due today")
	if err := c.svc.SetDueMails(c.ctxOf[who], false); err != nil {
		t.Fatal(err)
	}
	at(11, 2, "Due today")
	if err := c.svc.SetDueMails(c.ctxOf[who], true); err != nil {
		t.Fatal(err)
	}
	at(12, 2, "Due today") // It was told, or would have been.
	if n := len(c.mails(c.inside[1])); n != 0 {
		t.Errorf("a colleague has %d mails", n)
	}
}

// TestCalendar is the address at which a calendar reads the dates of whoever made it, until they close it.
func TestCalendar(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it := c.course("in-calendar", "shared")
	who := c.inside[0]
	day := c.db.Now().UTC().AddDate(0, 0, 9)
	c.assign(c.manager, courses.Assigning{Item: it.ItemID, People: []id.Membership{who}, Terms: courses.Terms{By: day.Format(time.DateOnly)}})
	token, err := c.svc.OpenCalendar(c.ctxOf[who])
	if err != nil {
		t.Fatal(err)
	}
	visitor := c.visitor()
	text, err := c.svc.Calendar(visitor, c.org.OrgID, token)
	text = strings.ReplaceAll(text, "\r\n ", "") // Long lines are folded.
	if err != nil || !strings.Contains(text, "DTSTART;VALUE=DATE:"+day.Format("20060102")) || !strings.Contains(text, "/course/"+it.ItemID.String()) || !strings.Contains(text, "Due: The field check") || strings.Count(text, "BEGIN:VEVENT") != 1 {
		t.Fatalf("calendar: %s, %v", text, err)
	}
	for name, get := range map[string]func() (string, error){
		"another organization": func() (string, error) { return c.svc.Calendar(visitor, c.vendor.org.OrgID, token) },
		"no address":           func() (string, error) { return c.svc.Calendar(visitor, c.org.OrgID, "x") },
	} {
		if _, err := get(); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := c.svc.OpenCalendar(c.ctxOf[who])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.svc.Calendar(visitor, c.org.OrgID, token); !errs.Is(err, errs.NotFound) {
		t.Errorf("the address before: %v", err)
	}
	if err := c.svc.CloseCalendar(c.ctxOf[who]); err != nil {
		t.Fatal(err)
	}
	if _, err := c.svc.Calendar(visitor, c.org.OrgID, again); !errs.Is(err, errs.NotFound) {
		t.Errorf("a closed address: %v", err)
	}
	// Nobody but the member, not even a colleague, reads that there is one.
	if _, err := c.svc.OpenCalendar(c.ctxOf[who]); err != nil {
		t.Fatal(err)
	}
	if n := one[int](c.admin, c.world, `SELECT count(*)::int FROM calendar_feeds`); n != 0 {
		t.Errorf("an administrator reads %d addresses", n)
	}
	third, err := c.svc.OpenCalendar(c.ctxOf[who])
	if err != nil {
		t.Fatal(err)
	}
	c.tx(c.house.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, who)
	})
	if _, err := c.svc.Calendar(visitor, c.org.OrgID, third); !errs.Is(err, errs.NotFound) {
		t.Errorf("of somebody who left: %v", err)
	}
}
