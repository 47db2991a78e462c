package courses_test

import (
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

// A manager plans a path for the team that they lead, whose people are asked and join for themselves, and each shows the others what they
// choose of what they tried at work; nobody outside reads it, whoever leads the team included.
func TestATeamTriesTogether(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	var path tenants.Item
	c.tx(c.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Ice", Slug: "ice"}, Steps: []courses.StepDraft{{Key: "bath", Kind: courses.StepLesson, Lesson: courses.LessonDraft{Title: "Bath", Minutes: 5, Source: trySource}}}})
		if err != nil {
			return err
		}
		path = p.Item
		return tenants.Collect(tx, path.ItemID, "shared")
	})
	plan := courses.CohortPlan{Name: "Field", Starts: c.db.Now().UTC().AddDate(0, 0, 3).Format(time.DateOnly), Team: c.others.String()}
	if _, err := c.svc.PlanCohort(c.manager, path.ItemID, id.Any{}, plan); !slices.Equal(fieldsOf(err), []string{"team"}) {
		t.Errorf("for a team that somebody else leads: %v", err)
	}
	plan.Team = c.team.String()
	made, err := c.svc.PlanCohort(c.manager, path.ItemID, id.Any{}, plan)
	if err != nil {
		t.Fatal(err)
	}
	mails := func() string {
		return one[string](c.house.ctx, c.world, `SELECT coalesce(string_agg(split_part(m.recipient, '@', 1), ' ' ORDER BY m.recipient), '') FROM mails m WHERE m.org_id = $1 AND m.body LIKE '%/cohorts/%'`, c.org.OrgID)
	}
	if got := mails(); got != "in-one in-two" {
		t.Errorf("asked are %q", got)
	}
	if _, err := c.svc.PlanCohort(c.manager, path.ItemID, made, plan); err != nil || mails() != "in-one in-two" {
		t.Errorf("asked again: %v, %q", err, mails())
	}
	first, two, boss := c.ctxOf[c.inside[0]], c.ctxOf[c.inside[1]], c.manager
	at := courses.Place{Item: path.ItemID, Step: "bath"}
	if err := c.svc.PlanTryout(first, at, "bath", courses.TryPlan{What: "SECRET bath", With: "SECRET Bo"}); err != nil {
		t.Fatal(err)
	}
	tries := func() courses.TryoutList {
		v, err := c.svc.Tryouts(first, courses.TryoutsAfter{})
		if err != nil || len(v.Rows) != 1 {
			t.Fatal(says(v), err)
		}
		return v
	}
	mine := tries().Rows[0].ID
	refused(t, "to those who are not with them", c.svc.ShowTryout(first, mine, made), errs.NotFound)
	if err := c.svc.JoinCohort(first, made); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.JoinCohort(two, made); err != nil {
		t.Fatal(err)
	}
	if g := tries().Groups; len(g) != 1 || g[0].Name != "Field" || g[0].Shown != nil {
		t.Fatalf("to be shown to %s", says(g))
	}
	read := func() string {
		t.Helper()
		v, err := c.svc.Cohort(two, made)
		if err != nil || v.Crew != "Crew" {
			t.Fatal(says(v), err)
		}
		var out []string
		for _, k := range v.Tries {
			out = append(out, k.Name+": "+k.What+" "+k.Outcome)
		}
		return strings.Join(out, "|")
	}
	if got := read(); got != "" {
		t.Errorf("before anybody agreed they read %q", got)
	}
	refused(t, "another's", c.svc.ShowTryout(two, mine, made), errs.NotFound)
	if err := c.svc.ShowTryout(first, mine, made); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "In One: SECRET bath " {
		t.Errorf("they read %q", got)
	}
	if err := c.svc.NoteOutcome(first, mine, "Half a degree"); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "In One: SECRET bath " {
		t.Errorf("what was written since is read: %q", got)
	}
	if g := tries().Groups; len(g) != 1 || !g[0].Stale {
		t.Errorf("changed since: %s", says(g))
	}
	if err := c.svc.ShowTryout(first, mine, made); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "In One: SECRET bath Half a degree" {
		t.Errorf("they read %q", got)
	}
	for name, ctx := range map[string]func() (courses.CohortView, error){
		"who leads the team":   func() (courses.CohortView, error) { return c.svc.Cohort(boss, made) },
		"an administrator":     func() (courses.CohortView, error) { return c.svc.Cohort(c.admin, made) },
		"who is not in it":     func() (courses.CohortView, error) { return c.svc.Cohort(c.ctxOf[c.outside], made) },
		"another organization": func() (courses.CohortView, error) { return c.svc.Cohort(c.vendor.member, made) },
	} {
		if v, err := ctx(); len(v.Tries) != 0 || err != nil && !errs.Is(err, errs.NotFound) {
			t.Errorf("%s reads %s, %v", name, says(v.Tries), err)
		}
	}
	if err := c.db.Tx(two, func(tx *db.Tx) error {
		return tx.Must(`UPDATE cohort_tries SET what = 'Mine' WHERE org_id = $1`, tx.Scope.Org)
	}); err == nil {
		t.Error("somebody writes what another tried")
	}
	if err := c.svc.HideTryout(first, mine, made); err != nil || read() != "" {
		t.Errorf("taken back: %v, %q", err, read())
	}
	if err := c.svc.ShowTryout(first, mine, made); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.LeaveCohort(first, made); err != nil || read() != "" {
		t.Errorf("who left is read: %v, %q", err, read())
	}
}
