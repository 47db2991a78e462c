package tenants_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// boss adds an administrator and returns a context in which they act.
func (h *house) boss() context.Context {
	h.t.Helper()
	m := tenants.Membership{}
	h.must(func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Email: unique() + "@" + h.org.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
		return err
	})
	return scope.Enter(dbtest.Shown(h.t.Context()), scope.Scope{Actor: scope.Member, Org: h.org.OrgID, Membership: m.MembershipID, Roles: m.Roles})
}

func TestCloseWithAHold(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	boss := p.a.boss()
	p.a.collection("open", "public", p.sa)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 90)); err != nil {
		t.Fatal(err)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	third := newHouse(t, p.d)
	if err := third.svc.Ask(third.network(), p.a.org.OrgID, tenants.Proposal{FinishDays: 10, WeCall: "peer", TheyCall: "peer"}); err != nil {
		t.Fatal(err)
	}
	// Somebody of b is in the middle of a's story's course.
	course := p.a.item(tenants.KindCourse, "A's course", noon)
	p.a.must(func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) VALUES ($1, $2, 1, 'A', '', '[]', '')`, tx.Scope.Org, course.ItemID); err != nil {
			return err
		}
		return tenants.Collect(tx, course.ItemID, "shared")
	})
	p.b.must(func(tx *db.Tx) error {
		m, err := tenants.AddMember(tx, tenants.NewMember{Membership: p.b.viewer.Membership, Email: unique() + "@b.example"})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin) VALUES ($1, $2, $3, $4, $5, 1, 'choice')`,
			tx.Scope.Org, id.New[id.Enrollment](), m.MembershipID, p.a.org.OrgID, course.ItemID)
		return err
	})
	v, err := p.a.svc.House(boss)
	if err != nil {
		t.Fatal(err)
	}
	if v.Items != 2 || v.Public != 1 || v.Stories != 1 || v.Connections != 2 || len(v.Others) != 2 {
		t.Errorf("the preview says %+v", v)
	}
	for _, o := range v.Others {
		if o.Org == p.b.org.OrgID && !o.Finish.Equal(v.Erased) {
			t.Errorf("90 days to finish reach until %s, everything is erased on %s", o.Finish, v.Erased)
		}
	}
	for _, ctx := range []context.Context{p.a.network(), scope.Enter(t.Context(), p.a.viewer), dbtest.System(t, scope.Operator, p.a.org.OrgID)} {
		if err := p.a.svc.Close(ctx, "House"); !errs.Is(err, errs.NotFound) {
			t.Errorf("closed by somebody who does not administer it: %v", err)
		}
	}
	if err := p.a.svc.Close(boss, "Home"); !errs.Is(err, errs.Invalid) {
		t.Errorf("closed with another name typed: %v", err)
	}
	if err := p.a.svc.Close(boss, " house "); err != nil {
		t.Fatal(err)
	}
	if sees(t, p.d, p.b.viewer, p.sa) || sees(t, p.d, visitor, p.sa) || !sees(t, p.d, p.a.viewer, p.sa) {
		t.Error("a closed organization's story is open to others, or closed to itself")
	}
	if !sees(t, p.d, p.b.viewer, course) {
		t.Error("who was in mid-course may not finish")
	}
	if c := p.view(t, p.b); c.State != tenants.Ending || c.FinishUntil == nil || c.FinishUntil.Sub(v.Erased).Abs() > time.Minute {
		t.Errorf("the connection is %s until %v, want ending until %s", c.State, c.FinishUntil, v.Erased)
	}
	if c, err := third.svc.Connection(third.network(), p.a.org.OrgID); err != nil || c.State != tenants.Declined {
		t.Errorf("what was asked for is %s: %v", c.State, err)
	}
	if err := p.a.svc.Close(boss, "House"); !errs.Is(err, errs.Conflict) {
		t.Errorf("closed twice: %v", err)
	}
	if err := p.b.svc.Ask(p.b.network(), p.a.org.OrgID, p.offer(p.b, 10)); err == nil {
		t.Error("a closed organization was asked for a connection")
	}
	if err := p.a.svc.Reopen(boss); err != nil {
		t.Fatal(err)
	}
	if !sees(t, p.d, visitor, p.sa) || p.view(t, p.b).State != tenants.Ending {
		t.Error("open again: what is public is not, or a connection came back")
	}
	if err := p.a.svc.Reopen(boss); !errs.Is(err, errs.Conflict) {
		t.Errorf("opened twice: %v", err)
	}
}

// What the database itself refuses, whoever's code asks for it.
func TestStatesAreGuarded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	boss, err := scope.From(h.boss())
	if err != nil {
		t.Fatal(err)
	}
	owner, err := pgx.Connect(t.Context(), dbtest.OwnerDSN(t, "learnscape_owner"))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // The test's own.
	keeper, operator := scope.System(scope.Keeper, h.org.OrgID), scope.System(scope.Operator, h.org.OrgID)
	long, lately := 31*24*time.Hour, 29*24*time.Hour
	for _, tt := range []struct {
		name     string
		from, to string
		since    time.Duration
		who      scope.Scope
		may      bool
	}{
		{"the operator suspends", "active", "suspended", 0, operator, true},
		{"an administrator suspends", "active", "suspended", 0, boss, false},
		{"an administrator comes back by themselves", "suspended", "active", 0, boss, false},
		{"a learner closes", "active", "closed", 0, h.viewer, false},
		{"an administrator closes", "active", "closed", 0, boss, true},
		{"the operator closes for them", "active", "closed", 0, operator, true},
		{"an administrator opens again", "closed", "active", 0, boss, true},
		{"an administrator erases at once", "closed", "erasing", long, boss, false},
		{"the keeper erases within the hold", "closed", "erasing", lately, keeper, false},
		{"the keeper erases after the hold", "closed", "erasing", long, keeper, true},
		{"the keeper erases what is active", "active", "erasing", long, keeper, false},
		{"the operator erases", "active", "erasing", 0, operator, true},
		{"somebody says that all is gone", "active", "erased", 0, keeper, false},
		{"what is being erased comes back", "erasing", "active", 0, operator, false},
		{"what is erased comes back", "erased", "active", 0, operator, false},
	} {
		if _, err := owner.Exec(t.Context(), `UPDATE organizations SET state = $2, state_at = now() - $3::interval WHERE org_id = $1`, h.org.OrgID, tt.from, tt.since); err != nil {
			t.Fatal(err)
		}
		err := h.d.Tx(scope.Enter(t.Context(), tt.who), func(tx *db.Tx) error {
			return tx.Must(`UPDATE organizations SET state = $2 WHERE org_id = $1`, h.org.OrgID, tt.to)
		})
		if tt.may != (err == nil) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
