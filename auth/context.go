package auth

import (
	"context"

	"github.com/learnscape/learnscape/tenants"
)

type (
	hostKey    struct{}
	currentKey struct{}
)

// WithHost returns a context that knows whose host was asked; the middleware of auth/pages calls it.
func WithHost(ctx context.Context, o tenants.Organization) context.Context {
	return context.WithValue(ctx, hostKey{}, o)
}

// HostOrg returns the organization whose host was asked; none on the front door. It chooses brand and sign-in, never rights.
func HostOrg(ctx context.Context) (tenants.Organization, bool) {
	o, ok := ctx.Value(hostKey{}).(tenants.Organization)
	return o, ok
}

// WithCurrent returns a context that knows the membership that acts; the middleware of auth/pages calls it.
func WithCurrent(ctx context.Context, m tenants.Membership) context.Context {
	return context.WithValue(ctx, currentKey{}, m)
}

// Current returns the membership that the request's session acts for; none for a visitor.
func Current(ctx context.Context) (tenants.Membership, bool) {
	m, ok := ctx.Value(currentKey{}).(tenants.Membership)
	return m, ok
}
