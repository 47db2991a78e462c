package auth

import (
	"context"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// LookAs returns a context in which the member of ctx looks at the own content as another organization sees it, or as a visitor does
// (id.Everyone): reading only, without any role. Whether the member may is the caller's to have asked (tenants.Service.ViewAs).
func LookAs(ctx context.Context, as id.Org) (context.Context, error) {
	s, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	s.View, s.Roles = as, []scope.Role{scope.Learner}
	return scope.Enter(ctx, s), nil
}
