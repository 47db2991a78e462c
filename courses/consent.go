package courses

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
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

// discloseOn carries what a member begins, learns and finishes to those who may know it, within a moment. An event only says whose rows to
// look at again.
func (s *Service) discloseOn(r *jobs.Relay) {
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []Enrolled) error {
		return s.tenants.Disclose(ctx, members(events, func(e Enrolled) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []LessonCompleted) error {
		return s.tenants.Disclose(ctx, members(events, func(e LessonCompleted) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []EnrollmentCompleted) error {
		return s.tenants.Disclose(ctx, members(events, func(e EnrollmentCompleted) id.Membership { return e.Membership })...)
	})
}

// members are those of the events, each once.
func members[E any](events []E, of func(E) id.Membership) (out []id.Membership) {
	for _, e := range events {
		if m := of(e); !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
