package tenants

import (
	"context"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// ViewVisitor is what a visitor is called where a slug says as whom somebody looks: no organization can be called so.
const ViewVisitor = "*"

// ViewAs says as whom the slug means that the own content is looked at: an organization that the own one is connected to now, or
// id.Everyone for a visitor. NotFound for any other, and for who may not.
func (s *Service) ViewAs(ctx context.Context, slug string) (Organization, error) {
	if err := authz.Check(ctx, authz.ViewAs, id.Org{}); err != nil {
		return Organization{}, err
	}
	if slug == ViewVisitor {
		return Organization{OrgID: id.Everyone, Slug: ViewVisitor}, nil
	}
	list, err := s.viewable(ctx, slug)
	if err == nil && len(list) == 0 {
		err = errs.New(errs.NotFound, "no connection with %q to look as", slug)
	}
	if err != nil {
		return Organization{}, err
	}
	return list[0], nil
}

// Viewable lists as whom the own content can be looked at, but for a visitor: the organizations that the own one is connected to now.
func (s *Service) Viewable(ctx context.Context) ([]Organization, error) {
	if err := authz.Check(ctx, authz.ViewAs, id.Org{}); err != nil {
		return nil, err
	}
	return s.viewable(ctx, "")
}

func (s *Service) viewable(ctx context.Context, slug string) (out []Organization, err error) {
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+OrgColumns+` FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org
			WHERE s.org_id = $1 AND s.state = 'active' AND ($2 = '' OR o.slug = $2) ORDER BY o.name, o.org_id LIMIT 1000`, who.Org, slug)
	})
	return out, err
}
