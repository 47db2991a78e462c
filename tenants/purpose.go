package tenants

import (
	"context"
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// What a member may be here to do. Asked is somebody who was asked and did not say.
const (
	PurposeAsked     = "asked"
	PurposeSolve     = "solve"     // something that is in front of them now
	PurposeLearn     = "learn"     // to get good at something
	PurposeCustomers = "customers" // to help customers with it
	PurposeProve     = "prove"     // to be ready for an audit or a certificate
	PurposeTeam      = "team"      // to bring a team along
	PurposeLook      = "look"      // to look around
)

// Purposes lists what people choose from, in the order in which they read it.
func Purposes() []string {
	return []string{PurposeSolve, PurposeLearn, PurposeCustomers, PurposeProve, PurposeTeam, PurposeLook}
}

// SetPurpose keeps what the acting member is here to do; Invalid for anything but one of Purposes.
func (s *Service) SetPurpose(ctx context.Context, purpose string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	if !slices.Contains(Purposes(), purpose) {
		return errs.Fields(errs.Field{Name: "purpose", Key: "tenants.fault.purpose"})
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET purpose = $3 WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, tx.Scope.Membership, purpose)
	})
	if err != nil {
		return fmt.Errorf("set purpose: %w", err)
	}
	return nil
}

// AskPurpose reports whether the acting member is to be asked what they are here to do: true once, then never again.
func (s *Service) AskPurpose(ctx context.Context) (bool, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return false, err
	}
	var asked int64
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		asked, err = tx.Exec(`UPDATE memberships SET purpose = 'asked' WHERE org_id = $1 AND membership_id = $2 AND purpose = ''`, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ask for purpose: %w", err)
	}
	return asked > 0, nil
}
