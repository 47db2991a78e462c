package courses

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Listen registers what the room does on events: what a member begins, learns and finishes is carried to those who may know it, within a
// moment, and what a publisher gives for it is given. An event only says whose rows to look at again.
func (s *Service) Listen(r *jobs.Relay) {
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []Enrolled) error {
		return s.tenants.Disclose(ctx, members(events, func(e Enrolled) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []LessonCompleted) error {
		return s.tenants.Disclose(ctx, members(events, func(e LessonCompleted) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []EnrollmentCompleted) error {
		return s.tenants.Disclose(ctx, members(events, func(e EnrollmentCompleted) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []EnrollmentLeft) error {
		return s.tenants.Disclose(ctx, members(events, func(e EnrollmentLeft) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Discloser, func(ctx context.Context, events []ProgressTakenBack) error {
		return s.tenants.Disclose(ctx, members(events, func(e ProgressTakenBack) id.Membership { return e.Membership })...)
	})
	jobs.On(r, scope.Mailer, func(ctx context.Context, _ []Joined) error { return s.Catch(ctx) })
	jobs.On(r, scope.Issuer, s.Give)
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
