package auth

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

type sessionKey struct{}

// WithSession returns a context that knows the request's session, and the membership that acts; the middleware of auth/pages calls it.
func WithSession(ctx context.Context, s Session) context.Context {
	if s.AuthAt != nil {
		ctx = authz.WithShown(ctx, *s.AuthAt)
	}
	return context.WithValue(WithCurrent(ctx, s.Membership), sessionKey{}, s)
}

// CurrentSession returns the request's session; none for a visitor and for a program.
func CurrentSession(ctx context.Context) (Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(Session)
	return s, ok
}

// fresh holds what a provider says of the time to what it was asked for (OpenID Connect Core 1.0, 3.1.2.1, max_age).
func fresh(at, now time.Time) error {
	switch {
	case at.IsZero():
		return missing("auth_time", "auth_time", "the provider does not say when the person signed in")
	case at.Before(now.Add(-authz.FreshFor - skew)):
		return refuse(Weak, "the person signed in %s ago", now.Sub(at).Round(time.Second)).at("auth_time")
	}
	return nil
}

// Again sends whoever is signed in back to their provider, to show once more who they are. NotFound for a session that came by an
// email link or through a provider that is off; otherwise as Begin.
func (s *Service) Again(ctx context.Context, org tenants.Organization, v Session, b Browser, returnTo string) (Start, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Start{}, err
	}
	if v.OrgID != org.OrgID || v.ProviderID.IsZero() {
		return Start{}, errs.New(errs.NotFound, "the session has no provider")
	}
	return s.begin(ctx, org, v.ProviderID, b, returnTo, trip{Purpose: tripAgain, Membership: v.MembershipID})
}

// AgainBy says how whoever is signed in can show once more who they are: through which provider, if any, and whether by an email link.
func (s *Service) AgainBy(ctx context.Context, org tenants.Organization, v Session) (provider string, email bool, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return "", false, err
	}
	ways, err := s.Ways(ctx, org)
	if err != nil {
		return "", false, err
	}
	for _, w := range ways {
		if w.ProviderID == v.ProviderID {
			provider = w.Name
		}
	}
	if email = org.SignIn == "email"; !email {
		var m id.Membership
		m, err = s.emergency(ctx, org)
		email = m == v.MembershipID
	}
	return provider, email, err
}
