package tenants

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// PeopleFilter narrows the list of an organization's people.
type PeopleFilter struct {
	Query string // in name or address; empty for all
	State string // active, invited or left; empty for all
	// After is the last row of the page before, in the order of lower-case name and identifier; zero for the first page.
	AfterName string
	AfterID   id.Membership
	Limit     int // rows of a page, 1 to 200; default 50
}

// Member is a row of that list.
type Member struct {
	Membership

	SeenAt    *time.Time `db:"seen_at"` // nil: never signed in
	CreatedAt time.Time  `db:"created_at"`
	SortName  string     `db:"sort_name"` // lower case, what PeopleFilter.AfterName takes
}

// People is a page of the list.
type People struct {
	Rows   []Member
	More   bool // there is a page after this one
	Total  int  // that match the query, in all states
	States map[string]int
}

type stateCount struct {
	State string `db:"state"`
	N     int    `db:"n"`
}

// People lists the acting organization's members by name, for its administrator.
func (s *Service) People(ctx context.Context, f PeopleFilter) (People, error) {
	if err := authz.Check(ctx, authz.SeePeople, id.Org{}); err != nil {
		return People{}, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	var counts []stateCount
	out := People{States: map[string]int{}}
	who, err := scope.From(ctx)
	if err != nil {
		return People{}, err
	}
	org := who.Org
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &counts, `SELECT m.state, count(*)::int AS n FROM memberships m WHERE m.org_id = $1 AND `+peopleMatch+` GROUP BY m.state ORDER BY m.state LIMIT 10`, org, db.Like(f.Query))
		db.List(b, &out.Rows, `SELECT `+peopleColumns+` FROM memberships m WHERE m.org_id = $1 AND `+peopleMatch+` AND ($3 = '' OR m.state = $3)
			AND ($4 = '' OR (lower(m.name), m.membership_id) > ($4, $5)) ORDER BY lower(m.name), m.membership_id LIMIT $6`,
			org, db.Like(f.Query), f.State, f.AfterName, f.AfterID.UUID, f.Limit+1)
	})
	if err != nil {
		return People{}, err
	}
	for _, c := range counts {
		out.States[c.State] = c.N
		out.Total += c.N
	}
	if len(out.Rows) > f.Limit {
		out.Rows, out.More = out.Rows[:f.Limit], true
	}
	return out, nil
}

const (
	peopleColumns = MembershipColumns + `, m.seen_at, m.created_at, lower(m.name) AS sort_name`
	// $2 is a pattern of like; '%' for all.
	peopleMatch = `(lower(m.name) LIKE $2 OR m.email LIKE $2)`
	exportLimit = 100_000
)

// ExportPeople returns everybody who matches, at most 100,000, and notes the export in the audit log.
func (s *Service) ExportPeople(ctx context.Context, f PeopleFilter) ([]Member, error) {
	if err := authz.Check(ctx, authz.SeePeople, id.Org{}); err != nil {
		return nil, err
	}
	var out []Member
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if out, err = db.Rows[Member](tx, `SELECT `+peopleColumns+` FROM memberships m WHERE m.org_id = $1 AND `+peopleMatch+` AND ($3 = '' OR m.state = $3)
			ORDER BY lower(m.name), m.membership_id LIMIT $4`, tx.Scope.Org, db.Like(f.Query), f.State, exportLimit); err != nil {
			return err
		}
		return Audit(tx, "people.exported", "organization:"+tx.Scope.Org.String(), map[string]int{"rows": len(out)})
	})
	return out, err
}
