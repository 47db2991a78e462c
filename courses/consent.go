package courses

import (
	"context"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// AskedBy returns the slug of the organization if its agreement asks the acting member for a name and has no answer yet; "" for
// everybody else. Whoever begins something of its own is asked then. The answer changes nothing about learning.
func (s *Service) AskedBy(ctx context.Context, owner id.Org) (string, error) {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return "", err
	}
	sc, err := scope.From(ctx)
	if err != nil || !sc.SignedIn() || sc.Org == owner {
		return "", err
	}
	return s.tenants.AskedBy(ctx, owner)
}
