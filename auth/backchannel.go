package auth

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// BackChannelPath is where providers tell of sign-outs, on the host of the organization: below it stands the provider's identifier.
const BackChannelPath = "/auth/backchannel/"

// BackChannelURI is the address that an administrator gives to the provider for telling of sign-outs.
func (s *Service) BackChannelURI(slug string, p id.Provider) string {
	return s.baseURL(slug) + BackChannelPath + p.String()
}

// logoutTypes are what a logout token may call itself; the last two are of providers from before the type had a name. That it is no ID
// token is said by its event and by having no nonce.
var logoutTypes = []string{"logout+jwt", "JWT", ""} //nolint:gochecknoglobals // A constant list.

// BackChannelLogout ends the sessions that a provider's logout token names, by session or by subject (OpenID Connect Back-Channel
// Logout 1.0, 2.6), before it returns. A Refusal names what is wrong with the token and is written down; NotFound for a provider that
// the organization has not. A token whose sessions ended already ends none.
func (s *Service) BackChannelLogout(ctx context.Context, org tenants.Organization, of id.Provider, network, raw string) error {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return err
	}
	var p Provider
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		p, err = provider(tx, of)
		return err
	}); err != nil {
		return err
	}
	t, err := s.logoutToken(ctx, p, raw)
	if err == nil {
		err = s.logOut(ctx, p, t)
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		return cmp.Or(s.noteLogout(ctx, p, network, r), err)
	}
	return err
}

// noteLogout writes a refused token down for the administrator. Whoever sends many is not written down, nor asked any more.
func (s *Service) noteLogout(ctx context.Context, p Provider, network string, r *Refusal) error {
	r.Reference, r.Provider = secret.NewReference(8), p.Name
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.try(tx, tryLogout, network, 20, time.Minute); err != nil {
			return err
		}
		return tenants.Audit(tx, "sign_out.refused", "provider:"+p.ProviderID.String(), map[string]string{"reason": string(r.Reason), "reference": r.Reference, "detail": clip(r.Detail(), 500)})
	})
}

// logoutToken checks a logout token: go-oidc checks signature, iss, aud, exp, the event, that there is no nonce, and jti and one of sub
// and sid; the rest is done here.
func (s *Service) logoutToken(ctx context.Context, p Provider, raw string) (*oidc.LogoutToken, error) {
	if len(raw) > 16<<10 {
		return nil, refuse(Unverified, "logout token of %d bytes", len(raw))
	}
	i, err := s.issuers.get(ctx, p.Issuer)
	if err != nil {
		return nil, down(err)
	}
	now := s.now()
	var keys bool
	v := oidc.NewVerifier(p.Issuer, i.keys, &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: i.algs(), Now: func() time.Time { return now.Add(-skew) }})
	t, err := v.VerifyLogout(context.WithValue(ctx, keysDown{}, &keys), raw)
	if err != nil {
		if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
			return nil, refuse(Clock, "logout token: %w", err)
		}
		if keys {
			return nil, refuse(ProviderDown, "logout token: %w", err)
		}
		return nil, refuse(Unverified, "logout token: %w", err)
	}
	jws, err := jose.ParseSignedCompact(raw, signatures(i.algs()))
	if err != nil {
		return nil, refuse(Unverified, "logout token: %w", err)
	}
	typ, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	switch typ = strings.TrimPrefix(typ, "application/"); {
	case !slices.Contains(logoutTypes, typ):
		return nil, refuse(Unverified, "logout token of the type %q", clip(typ, 40))
	case len(t.TokenID) > 255 || len(t.Subject) > 255 || len(t.SessionID) > 255:
		return nil, refuse(Unverified, "logout token with an identifier of over 255 characters")
	case t.IssuedAt.IsZero() || t.IssuedAt.Unix() == 0:
		return nil, &Refusal{Reason: ClaimMissing, Claim: "iat", err: errors.New("logout token without iat")}
	case t.IssuedAt.After(now.Add(skew)), t.IssuedAt.Before(now.Add(-oldestToken - skew)):
		return nil, refuse(Clock, "logout token issued %s from our clock", now.Sub(t.IssuedAt).Round(time.Second))
	}
	return t, nil
}

func signatures(algs []string) (out []jose.SignatureAlgorithm) {
	for _, a := range algs {
		out = append(out, jose.SignatureAlgorithm(a))
	}
	return out
}

// logOut ends what the token names and remembers the token for as long as it could come again.
func (s *Service) logOut(ctx context.Context, p Provider, t *oidc.LogoutToken) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		fresh, err := tx.Exec(`INSERT INTO logout_tokens (org_id, provider_id, jti_hash, until) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			p.OrgID, p.ProviderID, secret.Hash(t.TokenID), tx.Now.Add(oldestToken+2*skew))
		if err != nil {
			return err
		}
		if fresh == 0 {
			return refuse(Unverified, "logout token that came before")
		}
		n, err := tx.Exec(`DELETE FROM sessions WHERE org_id = $1 AND provider_id = $2 AND ($3 = '' OR subject = $3) AND ($4 = '' OR sid = $4)`, p.OrgID, p.ProviderID, t.Subject, t.SessionID)
		if err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "session.ended_by_provider", "provider:"+p.ProviderID.String(), map[string]any{"rows": n})
	})
}
