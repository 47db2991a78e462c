package oracle_test

import (
	"context"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// TestALoneOperator holds that where there is one operator alone, an administrator of the organization is the second who approves: nobody
// of another organization, nobody without the role, not the operator's own address, and nobody once there is another operator.
func TestALoneOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t, 38)
	first, _ := s.operator("first")
	a, b := s.orgs[0], s.orgs[1]
	at, err := auth.OperateOn(auth.Operate(t.Context(), first), a.id)
	if err != nil {
		t.Fatal(err)
	}
	asked := func() id.Any {
		t.Helper()
		if err := s.portal.Auth.AskGlass(at, "A reason that is long enough"); err != nil {
			t.Fatal(err)
		}
		list, err := s.portal.Auth.Glasses(auth.Operate(t.Context(), first))
		if err != nil {
			t.Fatal(err)
		}
		return list[0].GlassID
	}
	as := func(o *org, m id.Membership, roles ...scope.Role) context.Context {
		ctx := scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: o.id, Membership: m, Roles: append(roles, scope.Learner)})
		return auth.WithCurrent(ctx, tenants.Membership{OrgID: o.id, MembershipID: m, Name: "The second"})
	}
	answer := func(ctx context.Context, glass id.Any) error { return s.portal.Auth.AnswerGlass(ctx, glass, true) }
	boss := as(a, s.boss(a), scope.Administrator)

	glass := asked()
	if err := answer(as(b, s.boss(b), scope.Administrator), glass); !errs.Is(err, errs.NotFound) {
		t.Errorf("an administrator elsewhere: %v", err)
	}
	if err := answer(as(a, a.members[0]), glass); !errs.Is(err, errs.NotFound) {
		t.Errorf("somebody without the role: %v", err)
	}
	if err := s.portal.DB.Tx(auth.AtDesk(t.Context()), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE operators SET email = $2 WHERE operator_id = $1`, first.OperatorID, s.address(a, s.boss(a)))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := answer(boss, glass); !errs.Is(err, errs.Conflict) {
		t.Errorf("the operator's own address: %v", err)
	}
	if err := s.portal.DB.Tx(auth.AtDesk(t.Context()), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE operators SET email = 'first@operators.example' WHERE operator_id = $1`, first.OperatorID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := answer(boss, glass); err != nil {
		t.Fatalf("an administrator: %v", err)
	}
	list, err := s.portal.Auth.Glasses(auth.Operate(t.Context(), first))
	if err != nil || list[0].State != "open" {
		t.Errorf("after that it is %+v, %v", list[0], err)
	}
	if err := s.portal.Auth.StopGlass(boss, glass); err != nil {
		t.Error(err)
	}
	s.operator("second")
	if err := answer(boss, asked()); !errs.Is(err, errs.Conflict) {
		t.Errorf("where there is another operator: %v", err)
	}
}

// address is the address of a member.
func (s *site) address(o *org, m id.Membership) (email string) {
	s.must(o, func(tx *db.Tx) (err error) {
		email, err = db.Row[string](tx, `SELECT email FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, o.id, m)
		return err
	})
	return email
}
