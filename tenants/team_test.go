package tenants_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func TestTeams(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h, other := newHouse(t, d), newHouse(t, d)
	boss := h.boss()
	member := func(h *house, name string) (m tenants.Membership) {
		h.must(func(tx *db.Tx) (err error) {
			m, err = tenants.AddMember(tx, tenants.NewMember{Name: name, Email: unique() + "@h.example", Roles: []scope.Role{scope.Manager}})
			return err
		})
		return m
	}
	lead, second, foreign := member(h, "Lead"), member(h, "Second"), member(other, "Foreign")
	manages := scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: h.org.OrgID, Membership: lead.MembershipID, Roles: lead.Roles})

	if _, err := h.svc.CreateTeam(manages, "Night shift"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a manager makes a team: %v", err)
	}
	night, err := h.svc.CreateTeam(boss, " Night shift ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "NIGHT SHIFT"} {
		if _, err := h.svc.CreateTeam(boss, name); !errs.Is(err, errs.Invalid) {
			t.Errorf("a team called %q: %v", name, err)
		}
	}
	day, err := h.svc.CreateTeam(boss, "Day shift")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m      tenants.Membership
		change string
		kind   errs.Kind
	}{
		{lead, tenants.TeamAdd, ""},
		{lead, tenants.TeamAdd, ""},
		{lead, tenants.TeamLead, ""},
		{second, tenants.TeamAdd, ""},
		{foreign, tenants.TeamAdd, errs.NotFound},
		{second, "promote", errs.NotFound},
	} {
		if err := h.svc.ChangeTeam(boss, night, c.m.MembershipID, c.change); errs.KindOf(err) != c.kind {
			t.Errorf("%s %s: %v", c.change, c.m.Name, err)
		}
	}
	if err := h.svc.ChangeTeam(manages, night, second.MembershipID, tenants.TeamRemove); !errs.Is(err, errs.NotFound) {
		t.Errorf("a manager removes somebody: %v", err)
	}
	if list, _, err := h.svc.Teams(boss, tenants.TeamFilter{}); err != nil || len(list) != 2 || list[1].Name != "Night shift" || list[1].People != 2 || list[1].Leads != "Lead" {
		t.Errorf("the administrator sees %+v, %v", list, err)
	}
	if list, more, err := h.svc.Teams(boss, tenants.TeamFilter{Limit: 1}); err != nil || !more || len(list) != 1 {
		t.Errorf("a page of one: %+v, %v, %v", list, more, err)
	} else if next, more, err := h.svc.Teams(boss, tenants.TeamFilter{Limit: 1, AfterKey: list[0].Key, AfterID: list[0].TeamID}); err != nil || more || len(next) != 1 || next[0].TeamID != night {
		t.Errorf("the page after it: %+v, %v, %v", next, more, err)
	}
	// A manager sees the teams that they lead, and no others.
	if list, _, err := h.svc.Teams(manages, tenants.TeamFilter{}); err != nil || len(list) != 1 || list[0].TeamID != night {
		t.Errorf("who leads it sees %+v, %v", list, err)
	}
	if _, err := h.svc.Team(manages, day); !errs.Is(err, errs.NotFound) {
		t.Errorf("a team that they do not lead: %v", err)
	}
	if people, _, err := h.svc.TeamPeople(manages, night, true, tenants.PeopleFilter{}); err != nil || len(people) != 2 {
		t.Errorf("who leads sees %d people, among them candidates: %v", len(people), err)
	}
	if people, _, err := h.svc.TeamPeople(boss, night, true, tenants.PeopleFilter{}); err != nil || len(people) != 3 {
		t.Errorf("the administrator sees %d candidates: %v", len(people), err)
	}
	if err := h.svc.ChangeTeam(boss, night, lead.MembershipID, tenants.TeamFollow); err != nil {
		t.Fatal(err)
	}
	if list, _, _ := h.svc.Teams(manages, tenants.TeamFilter{}); len(list) != 0 {
		t.Errorf("who leads no more sees %+v", list)
	}
	otherBoss := other.boss()
	if _, err := other.svc.Team(otherBoss, night); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization's administrator sees the team: %v", err)
	}
	if err := other.svc.RenameTeam(otherBoss, night, "Taken over"); !errs.Is(err, errs.NotFound) {
		t.Errorf("and renames it: %v", err)
	}
	if err := h.svc.RenameTeam(boss, night, "day shift"); !errs.Is(err, errs.Invalid) {
		t.Errorf("renamed to another team's name: %v", err)
	}
	if err := h.svc.DeleteTeam(boss, night, "Day shift"); !errs.Is(err, errs.Invalid) {
		t.Errorf("deleted with another name typed: %v", err)
	}
	if err := h.svc.DeleteTeam(boss, night, "night shift"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.svc.Team(boss, night); !errs.Is(err, errs.NotFound) {
		t.Errorf("deleted, and still there: %v", err)
	}
}
