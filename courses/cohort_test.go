package courses_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// TestCohort is people of one organization who take a path together: planned by who looks after them, seen by their own alone.
func TestCohort(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	path, course, _ := c.path("shared")
	in := func(days int) string { return c.db.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	view, err := c.svc.Path(c.manager, path.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	step := view.Stations[0].Step
	plan := courses.CohortPlan{Name: "Spring", Starts: in(3), Places: 2, Dates: map[string]string{step: in(10), "none": in(11)}}
	for name, x := range map[string]struct {
		as     context.Context
		path   id.Item
		change func(*courses.CohortPlan)
		kind   errs.Kind
		field  string
	}{
		"by a learner":         {c.ctxOf[c.inside[0]], path.ItemID, nil, errs.NotFound, ""},
		"on a course":          {c.manager, course.ItemID, nil, errs.NotFound, ""},
		"on nothing":           {c.manager, id.New[id.Item](), nil, errs.NotFound, ""},
		"without a name":       {c.manager, path.ItemID, func(p *courses.CohortPlan) { p.Name = " " }, errs.Invalid, "name"},
		"without a beginning":  {c.manager, path.ItemID, func(p *courses.CohortPlan) { p.Starts = "soon" }, errs.Invalid, "starts"},
		"with too many places": {c.manager, path.ItemID, func(p *courses.CohortPlan) { p.Places = 1001 }, errs.Invalid, "places"},
		"due before it begins": {c.manager, path.ItemID, func(p *courses.CohortPlan) { p.Dates = map[string]string{step: in(1)} }, errs.Invalid, "date-" + step},
	} {
		p := plan
		if x.change != nil {
			x.change(&p)
		}
		if _, err := c.svc.PlanCohort(x.as, x.path, id.Any{}, p); !errs.Is(err, x.kind) || x.field != "" && !slices.Equal(fieldsOf(err), []string{x.field}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	made, err := c.svc.PlanCohort(c.manager, path.ItemID, id.Any{}, plan)
	if err != nil {
		t.Fatal(err)
	}
	// Six want one of two places at once.
	var wg sync.WaitGroup
	got, people := make([]error, 6), []context.Context{c.ctxOf[c.inside[0]]}
	for len(people) < len(got) {
		people = append(people, c.colleague(c.house))
	}
	for i := range got {
		wg.Go(func() { got[i] = c.svc.JoinCohort(people[i], made) })
	}
	wg.Wait()
	joined := 0
	for _, err := range got {
		if err == nil {
			joined++
		} else if !errs.Is(err, errs.Conflict) {
			t.Errorf("joining at once: %v", err)
		}
	}
	if joined != 2 {
		t.Errorf("%d people have 2 places", joined)
	}
	out := people[slices.IndexFunc(got, func(err error) bool { return err != nil })]
	inside := people[slices.IndexFunc(got, func(err error) bool { return err == nil })]
	if n := one[int](out, c.world, `SELECT count(*)::int FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = app_membership()`, c.org.OrgID); n != 0 {
		t.Error("who found no place is on the path all the same")
	}
	v, err := c.svc.Cohort(inside, made)
	if err != nil || !v.In || !v.Full() || len(v.Names) != 2 || len(v.Dates) != 1 || v.Dates[0].Step != step || v.Changes {
		t.Errorf("from inside: %+v, %v", v, err)
	}
	if v, err := c.svc.Cohort(out, made); err != nil || v.In || len(v.Names) != 0 {
		t.Errorf("from outside: %+v, %v", v, err)
	}
	for name, err := range map[string]error{
		"read elsewhere":   func() error { _, err := c.svc.Cohort(c.vendor.member, made); return err }(),
		"joined elsewhere": c.svc.JoinCohort(c.vendor.member, made),
		"ended elsewhere":  c.svc.EndCohort(c.administrator(c.vendor), made),
		"changed elsewhere": func() error {
			_, err := c.svc.PlanCohort(c.administrator(c.vendor), path.ItemID, made, plan)
			return err
		}(),
		"ended by a learner": c.svc.EndCohort(inside, made),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l, err := c.svc.Cohorts(c.vendor.member, path.ItemID); err != nil || len(l) > 0 {
		t.Errorf("the publisher lists %d: %v", len(l), err)
	}
	if _, err := c.svc.PlanCohort(c.manager, path.ItemID, made, courses.CohortPlan{Name: "Spring", Starts: in(3), Places: 1}); !errs.Is(err, errs.Invalid) {
		t.Errorf("fewer places than people: %v", err)
	}
	// Its dates stand in the calendar of who is in it.
	token, err := c.svc.OpenCalendar(inside)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.svc.Calendar(c.visitor(), c.org.OrgID, token)
	if day := c.db.Now().UTC().AddDate(0, 0, 10).Format("20060102"); err != nil || !strings.Contains(text, "Cohort: Spring") || !strings.Contains(text, "DTSTART;VALUE=DATE:"+day) {
		t.Errorf("calendar: %s, %v", text, err)
	}
	if err := c.svc.LeaveCohort(inside, made); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.JoinCohort(out, made); err != nil {
		t.Errorf("the place that is free again: %v", err)
	}
	if err := c.svc.EndCohort(c.manager, made); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.JoinCohort(inside, made); !errs.Is(err, errs.NotFound) {
		t.Errorf("joined what was called off: %v", err)
	}
	// Nobody joins somebody else, whatever the code does.
	if err := c.db.Tx(c.admin, func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO cohort_people (org_id, cohort_id, membership_id, joined_at) VALUES ($1, $2, $3, now())`, c.org.OrgID, made, c.outside)
	}); err == nil {
		t.Error("an administrator joined somebody to a cohort")
	}
}
