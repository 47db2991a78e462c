package auth

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// IndividualsFilter narrows the list of who came in by the public door.
type IndividualsFilter struct {
	Query string // in name or address; empty for all
	// After is the last row of the page before, in the order of the last visit and the identifier; zero for the first page.
	After   time.Time
	AfterID id.Visitor
	Limit   int // rows of a page, 1 to 200; default 50
}

// Individuals is a page of that list, the last seen first.
type Individuals struct {
	Rows  []Individual
	More  bool // there is a page after this one
	Total int  // that match the query
}

const (
	individualsMatch = `(lower(i.name) LIKE $2 OR i.email LIKE $2)`
	individualsLimit = 100_000
)

// Individuals lists who came in by the public door of the acting organization, for its administrator. What they learn is not in it.
func (s *Service) Individuals(ctx context.Context, f IndividualsFilter) (out Individuals, err error) {
	if err := authz.Check(ctx, authz.SeeIndividuals, id.Org{}); err != nil {
		return Individuals{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Individuals{}, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	err = s.db.ReadAs(ctx, scope.System(scope.SignIn, who.Org), func(b *db.Batch) {
		db.One(b, &out.Total, nil, `SELECT count(*)::int FROM individuals i WHERE i.org_id = $1 AND `+individualsMatch, who.Org, db.Like(f.Query))
		db.List(b, &out.Rows, `SELECT `+individualColumns+` FROM individuals i WHERE i.org_id = $1 AND `+individualsMatch+` AND ($3 OR (i.seen_at, i.individual_id) < ($4, $5))
			ORDER BY i.seen_at DESC, i.individual_id DESC LIMIT $6`, who.Org, db.Like(f.Query), f.AfterID.IsZero(), f.After, f.AfterID.UUID, f.Limit+1)
	})
	if len(out.Rows) > f.Limit {
		out.Rows, out.More = out.Rows[:f.Limit], true
	}
	return out, err
}

// ExportIndividuals returns all who match, at most 100,000, and notes it in the audit log.
func (s *Service) ExportIndividuals(ctx context.Context, f IndividualsFilter) (out []Individual, err error) {
	if err := authz.Check(ctx, authz.SeeIndividuals, id.Org{}); err != nil {
		return nil, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.As(scope.SignIn, tx.Scope.Org, func() (err error) {
			out, err = db.Rows[Individual](tx, `SELECT `+individualColumns+` FROM individuals i WHERE i.org_id = $1 AND `+individualsMatch+` ORDER BY i.seen_at DESC, i.individual_id DESC LIMIT $3`,
				tx.Scope.Org, db.Like(f.Query), individualsLimit)
			return err
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "individuals.exported", "organization:"+tx.Scope.Org.String(), map[string]int{"rows": len(out)})
	})
	return out, err
}

// OneIndividual returns the account with the identifier at the acting organization's door, for its administrator; NotFound for any other.
func (s *Service) OneIndividual(ctx context.Context, which id.Visitor) (i Individual, err error) {
	if err := authz.Check(ctx, authz.SeeIndividuals, id.Org{}); err != nil {
		return Individual{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Individual{}, err
	}
	var found bool
	err = s.db.ReadAs(ctx, scope.System(scope.SignIn, who.Org), func(b *db.Batch) {
		db.One(b, &i, &found, `SELECT `+individualColumns+` FROM individuals i WHERE i.org_id = $1 AND i.individual_id = $2`, who.Org, which)
	})
	if err == nil && !found {
		err = errs.New(errs.NotFound, "individual %s", which)
	}
	return i, err
}

// RemoveIndividual erases an account at the acting organization's door, with all progress and sessions, when its address is typed. Nothing
// brings it back. Invalid for anything else; NotFound for an account at another door.
func (s *Service) RemoveIndividual(ctx context.Context, which id.Visitor, typed string) error {
	if err := authz.Check(ctx, authz.ManageDoor, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.As(scope.SignIn, tx.Scope.Org, func() error {
			i, err := db.Row[Individual](tx, `SELECT `+individualColumns+` FROM individuals i WHERE i.org_id = $1 AND i.individual_id = $2`, tx.Scope.Org, which)
			if err != nil {
				return err
			}
			return eraseIndividual(tx, i, typed)
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "individual.removed", "individual:"+which.String(), nil)
	})
}
