package auth_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// TestGroupsGiveRoles holds what being in a group of the identity provider gives: roles from the same moment on, gone with the group,
// beside those given by hand, which stay; the last administrator stays one; and nobody else's groups give anything.
func TestGroupsGiveRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := func(name string, roles ...scope.Role) (m tenants.Membership) {
		w.tx(w.post, func(tx *db.Tx) (err error) {
			m, err = tenants.AddMember(tx, tenants.NewMember{Name: name, Email: name + "@" + w.post.Slug + ".example", Roles: roles})
			return err
		})
		return m
	}
	boss, newer, writer := add("boss", scope.Administrator), add("newer"), add("writer", scope.Author)
	admin := dbtest.As(t, boss.OrgID, boss.MembershipID, boss.PersonID, boss.Roles...)
	roles := func(m tenants.Membership) string {
		r, err := w.tenants.RolesOf(admin, m.MembershipID)
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, role := range r.Roles {
			if out += " " + string(role); slices.Contains(r.Given, role) {
				out += "*"
			}
		}
		return out
	}
	is := func(when string, m tenants.Membership, want string) {
		t.Helper()
		if got := roles(m); got != " learner"+want {
			t.Errorf("%s: %s is%s, want learner%s", when, m.Name, got, want)
		}
	}
	name := "Writers"
	g, err := w.svc.ProvisionGroup(admin, auth.GroupEdit{Name: &name, Add: []id.Membership{newer.MembershipID, writer.MembershipID}})
	if err != nil {
		t.Fatal(err)
	}
	is("a group that gives nothing", newer, "")
	gives := func(ctx context.Context, roles ...scope.Role) error { return w.tenants.SetGives(ctx, g.TeamID, roles) }
	if err := gives(admin, scope.Author, scope.Administrator); err != nil {
		t.Fatal(err)
	}
	is("given", newer, " author* administrator*")
	is("given beside what is by hand", writer, " author administrator*")
	if err := w.tenants.ChangeRoles(admin, newer.MembershipID, []scope.Role{scope.Moderator}); err != nil {
		t.Fatal(err)
	}
	is("by hand beside what is given", newer, " author* moderator administrator*")
	edit := func(e auth.GroupEdit) {
		t.Helper()
		if _, err := w.svc.ChangeGroup(admin, g.TeamID, []auth.GroupEdit{e}); err != nil {
			t.Fatal(err)
		}
	}
	edit(auth.GroupEdit{Remove: []id.Membership{writer.MembershipID}})
	is("out of the group", writer, " author")
	edit(auth.GroupEdit{Add: []id.Membership{writer.MembershipID}})
	is("back in it", writer, " author administrator*")
	if err := gives(admin, scope.Author); err != nil {
		t.Fatal(err)
	}
	is("the group gives less", newer, " author* moderator")
	if err := gives(admin, scope.Administrator); err != nil {
		t.Fatal(err)
	}
	if err := w.tenants.ChangeRoles(admin, boss.MembershipID, nil); err != nil {
		t.Fatal(err)
	}
	edit(auth.GroupEdit{Clear: true})
	one, two := roles(newer), roles(writer)
	if one+two != " learner moderator administrator* learner author" && one+two != " learner moderator learner author administrator*" {
		t.Errorf("when the group of all administrators was emptied, they are%s and%s", one, two)
	}
	if err := w.tenants.ChangeRoles(admin, boss.MembershipID, []scope.Role{scope.Administrator}); err != nil {
		t.Fatal(err)
	}
	edit(auth.GroupEdit{Add: []id.Membership{newer.MembershipID, writer.MembershipID}})
	if err := w.svc.RemoveGroup(admin, g.TeamID); err != nil {
		t.Fatal(err)
	}
	is("the group is gone", newer, " moderator")
	is("the group is gone", writer, " author")
	is("by hand", boss, " administrator")

	team, err := w.tenants.CreateTeam(admin, "By hand")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.tenants.SetGives(admin, team, []scope.Role{scope.Author}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a team made by hand gives: %v", err)
	}
	if err := w.tenants.ChangeRoles(admin, boss.MembershipID, nil); !errs.Is(err, errs.Conflict) {
		t.Errorf("the last administrator gives it up: %v", err)
	}
	if err := w.tenants.ChangeRoles(admin, newer.MembershipID, []scope.Role{"root"}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a role that there is not: %v", err)
	}
	foreign := dbtest.As(t, w.a.OrgID, id.New[id.Membership](), id.New[id.Person](), scope.Administrator)
	for what, err := range map[string]error{
		"roles":        w.tenants.ChangeRoles(foreign, newer.MembershipID, []scope.Role{scope.Administrator}),
		"a group":      w.tenants.SetGives(foreign, team, []scope.Role{scope.Author}),
		"of a learner": w.tenants.ChangeRoles(dbtest.As(t, newer.OrgID, newer.MembershipID, newer.PersonID), newer.MembershipID, []scope.Role{scope.Administrator}),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := w.tenants.ChangeRoles(authz.WithShown(admin, time.Now().Add(-6*time.Minute)), newer.MembershipID, nil); !errors.Is(err, authz.ErrNotFresh) {
		t.Errorf("without a fresh sign-in: %v", err)
	}
}

// TestAddressesThatAreDoors holds that whoever provisions cannot come in as somebody else: the address of who came, and can come again by a
// link to it, stays; of who never came, and where a provider is required, it follows.
func TestAddressesThatAreDoors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var m tenants.Membership
	w.tx(w.post, func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Somebody", Email: "somebody@" + w.post.Slug + ".example"})
		return err
	})
	admin := dbtest.As(t, w.post.OrgID, id.New[id.Membership](), id.New[id.Person](), scope.Administrator)
	to := func(name string) error {
		_, err := w.svc.ChangeProvisioned(admin, m.MembershipID, func(p *auth.Provisioned) error { p.Email = name + "@" + w.post.Slug + ".example"; return nil })
		return err
	}
	if err := to("before"); err != nil {
		t.Errorf("of who never came: %v", err)
	}
	w.exec(w.post, `UPDATE memberships SET seen_at = now() WHERE org_id = $1 AND membership_id = $2`, m.MembershipID)
	if err := to("mine"); !errs.Is(err, errs.Malformed) {
		t.Errorf("of who came by a link: %v", err)
	}
	w.exec(w.post, `UPDATE organizations SET sign_in = 'oidc' WHERE org_id = $1`)
	if err := to("after"); err != nil {
		t.Errorf("where a provider is required: %v", err)
	}
}
