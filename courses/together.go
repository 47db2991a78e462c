package courses

import (
	"context"
	"fmt"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Companion is a colleague who is on the same path or course.
type Companion struct {
	Name string // as the organization calls them
	Same bool   // at the same step or lesson
}

type companionRow struct {
	Name  string  `db:"name"`
	Same  bool    `db:"same"`
	Item  id.Item `db:"item_id"`
	Kind  string  `db:"kind"`
	Slug  string  `db:"slug"`
	Title string  `db:"title"`
}

// Together returns up to three people of the viewer's own organization who are on what the viewer learned last, those at the
// same place first, and what that is. Nobody of another organization is ever among them: their learning is not read.
func (s *Service) Together(ctx context.Context) ([]Companion, tenants.Item, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return nil, tenants.Item{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, tenants.Item{}, err
	}
	var rows []companionRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT m.name, i.item_id, i.kind, i.slug, i.title, (e.at_item, e.at_lesson) IS NOT DISTINCT FROM (k.at_item, k.at_lesson) AS same
			FROM (SELECT * FROM enrollments WHERE org_id = $1 AND membership_id = $2 AND state = 'active' ORDER BY updated_at DESC, enrollment_id LIMIT 1) k
			JOIN enrollments e ON e.org_id = $1 AND e.item_org = k.item_org AND e.item_id = k.item_id AND e.state = 'active' AND e.membership_id <> $2
			JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id AND m.state = 'active'
			JOIN items i ON i.org_id = k.item_org AND i.item_id = k.item_id
			ORDER BY same DESC, e.updated_at DESC, m.membership_id LIMIT 3`, sc.Org, sc.Membership)
	}); err != nil {
		return nil, tenants.Item{}, fmt.Errorf("who learns with %s: %w", sc.Membership, err)
	}
	var out []Companion
	var it tenants.Item
	for _, r := range rows {
		out, it = append(out, Companion{r.Name, r.Same}), tenants.Item{ItemID: r.Item, Kind: r.Kind, Slug: r.Slug, Title: r.Title}
	}
	return out, it, nil
}
