package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// disclose lets people say whether they may be known by name where an agreement asks for it, and releases the totals of the year.
func (s *seeder) disclose(ctx context.Context) error {
	for _, c := range s.w.Connections {
		if c.State != "active" || c.Agreement == nil {
			continue
		}
		t := s.terms(c)
		for _, side := range []struct {
			giver, receiver string
			learns          string
		}{{c.A, c.B, t.A.Learns}, {c.B, c.A, t.B.Learns}} {
			if side.learns == tenants.LearnsNothing {
				continue
			}
			from := s.cal.on(c.Agreement.AcceptedAt, 10, 0)
			if err := s.tx(ctx, side.giver, func(tx *db.Tx) error { return tenants.CountFrom(tx, orgID(side.receiver), from.AddDate(0, 0, 7)) }); err != nil {
				return fmt.Errorf("count people of %s: %w", side.giver, err)
			}
			if purpose := tenants.Asks(side.learns); purpose != "" {
				if err := s.answers(ctx, c, side.giver, side.receiver, purpose, from); err != nil {
					return err
				}
			}
		}
	}
	svc := tenants.New(s.d.DB, "")
	ctx = scope.Enter(ctx, scope.System(scope.Discloser, id.Org{}))
	if err := svc.DiscloseAll(ctx); err != nil {
		return err
	}
	return svc.ReleaseAll(ctx)
}

// answers are what a house's people said, in the weeks after the agreement: of seven, three said yes and one no; the others were not asked
// yet, or go on without answering. The first learner said yes, the manager no.
func (s *seeder) answers(ctx context.Context, c connection, giver, receiver, purpose string, from time.Time) error {
	rng := chance(s.w.year.Seed, "consents/"+giver)
	for i, p := range s.w.org(giver).People {
		decision := []string{tenants.ConsentGiven, "", tenants.ConsentGiven, tenants.ConsentDeclined, "", tenants.ConsentGiven, ""}[i%7]
		switch p.Email {
		case "learner@" + s.w.org(giver).Domain:
			decision = tenants.ConsentGiven
		case "learner2@" + s.w.org(giver).Domain:
			decision = ""
		case "manager@" + s.w.org(giver).Domain:
			decision = tenants.ConsentDeclined
		}
		at := from.AddDate(0, 0, 1+rng.IntN(60))
		if decision == "" || p.left() || at.After(s.cal.today) {
			continue
		}
		who := scope.Scope{Actor: scope.Member, Org: orgID(giver), Membership: memberID(p.Email), Roles: []scope.Role{scope.Learner}}
		if err := s.d.DB.Tx(scope.Enter(ctx, who), func(tx *db.Tx) error {
			return tx.Must(`INSERT INTO consents (org_id, membership_id, consent_id, other_org, agreement_id, version, purpose, decision, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				tx.Scope.Org, tx.Scope.Membership, id.Derive[id.Any](space, "consent/"+receiver+"/"+p.Email), orgID(receiver), agreementID(c), c.Agreement.Version, purpose, decision, at)
		}); err != nil {
			return fmt.Errorf("answer of %s: %w", p.Email, err)
		}
	}
	return nil
}
