package tenants

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// The states of an organization. Whatever it shared rests with it unless it is active: for others it is closed at once and comes
// back whole. A trigger of the database knows who may lead from one to the next.
const (
	OrgActive    = "active"
	OrgSuspended = "suspended" // by the operator: nobody gets in
	OrgClosed    = "closed"    // by its administrator: nobody but administrators gets in, and after Hold it is erased
	OrgErasing   = "erasing"   // on the way to erased, and no way back
	OrgErased    = "erased"    // nothing is left but its name, for the records of others
)

// OrganizationChanged says that an organization is in another state. Listeners read the state again.
type OrganizationChanged struct {
	Org id.Org `json:"org"`
}

// EventKind implements jobs.Event.
func (OrganizationChanged) EventKind() string { return "tenants.organization_changed" }

// EventOrg implements jobs.Event.
func (e OrganizationChanged) EventOrg() id.Org { return e.Org }

// AtHost returns the organization that lives at the host in whatever state but erased; NotFound for any other host. It is asked
// after ByHost, for whoever comes to a host that rests.
func (s *Service) AtHost(ctx context.Context, host string) (Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	slug, ok := strings.CutSuffix(hostname(host), "."+hostname(s.base))
	if !ok || strings.Contains(slug, ".") {
		return Organization{}, errs.New(errs.NotFound, "host %q", host)
	}
	return s.find(ctx, nil, `o.slug = $1 AND o.state <> 'erased'`, slug)
}

// Suspend closes an organization on the operator's word: from the commit on nobody of it gets in, it sends no mail, and nothing of it
// is open to others. The reason stands in its log. Conflict unless it is active.
func (s *Service) Suspend(ctx context.Context, reason string) error {
	if err := authz.Check(ctx, authz.SuspendOrg, id.Org{}); err != nil {
		return err
	}
	return s.turn(ctx, OrgActive, OrgSuspended, "organization.suspended", reason)
}

// Reinstate lets a suspended organization back in, whole. Conflict unless it is suspended.
func (s *Service) Reinstate(ctx context.Context, reason string) error {
	if err := authz.Check(ctx, authz.SuspendOrg, id.Org{}); err != nil {
		return err
	}
	return s.turn(ctx, OrgSuspended, OrgActive, "organization.reinstated", reason)
}

// reasonMost is how many letters a reason may have.
const reasonMost = 500

func (s *Service) turn(ctx context.Context, from, to, action, reason string) error {
	if reason = strings.TrimSpace(reason); reason == "" || len([]rune(reason)) > reasonMost {
		return errs.Fields(errs.Field{Name: "reason", Key: "house.reason"})
	}
	var o Organization
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		o, err = become(tx, from, to, action, map[string]string{"reason": reason})
		return err
	}); err != nil {
		return err
	}
	s.Changed(o)
	return nil
}

// become leads tx's organization from one state to the next, with its line in the log and its event.
func become(tx *db.Tx, from, to, action string, detail any) (Organization, error) {
	o, err := db.Row[Organization](tx, `UPDATE organizations o SET state = $3 WHERE o.org_id = $1 AND o.state = $2 RETURNING `+OrgColumns, tx.Scope.Org, from, to)
	if errs.Is(err, errs.NotFound) {
		return o, errs.Say(errs.Conflict, "house.moved_on")
	}
	if err != nil {
		return o, fmt.Errorf("%s becomes %s: %w", tx.Scope.Org, to, err)
	}
	if err := jobs.Emit(tx, OrganizationChanged{Org: o.OrgID}); err != nil {
		return o, err
	}
	return o, Audit(tx, action, "organization:"+o.Slug, detail)
}

// Awake refuses who cannot act for tx's organization in the state it is in: Unavailable, with the words for it. Administrators act
// while it is closed.
func Awake(tx *db.Tx, roles []scope.Role) error {
	state, err := db.Row[string](tx, `SELECT o.state FROM organizations o WHERE o.org_id = $1`, tx.Scope.Org)
	if err != nil {
		return err
	}
	return Admits(state, roles)
}

// Admits is Awake for a state that was read already.
func Admits(state string, roles []scope.Role) error {
	if state == OrgActive || state == OrgClosed && (scope.Scope{Roles: roles}).Has(scope.Administrator) {
		return nil
	}
	return errs.Say(errs.Unavailable, "house.rests."+state)
}

// Hold is how long a closed organization can come back before it is erased; the database's guard says the same.
const Hold = 30 * 24 * time.Hour
