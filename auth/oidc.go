package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/secret"
)

// proven is what a provider vouched for.
type proven struct {
	Subject string
	SID     string
	IDToken string
	Name    string
	Email   string         // "" if the provider says that it is not verified
	AuthAt  time.Time      // when the person showed who they are; zero if the provider does not say
	Claims  map[string]any // of the ID token, and of userinfo what the ID token does not have
}

// person is what we read of an ID token or a userinfo answer.
type person struct {
	Name          string `json:"name"`
	Email         string `json:"email"`
	EmailVerified *bool  `json:"email_verified"`
}

type tokenClaims struct {
	person

	AuthorizedParty string         `json:"azp"`
	SID             string         `json:"sid"`
	ACR             any            `json:"acr"`
	AMR             any            `json:"amr"` // a list; some send one text
	AuthTime        float64        `json:"auth_time"`
	NotBefore       float64        `json:"nbf"`
	all             map[string]any // every claim
}

func (s *Service) oauth(p Provider, i *issuer, clientSecret, redirect string) oauth2.Config {
	e := i.provider.Endpoint()
	e.AuthStyle = i.authStyle()
	if p.AuthMethod == methodKey {
		e.AuthStyle = oauth2.AuthStyleInParams
	}
	return oauth2.Config{ClientID: p.ClientID, ClientSecret: clientSecret, Endpoint: e, RedirectURL: redirect, Scopes: p.Scopes}
}

// redeem changes the code into what the provider vouches for. It reaches out and must not run inside a transaction.
func (s *Service) redeem(ctx context.Context, p Provider, redirect, code, verifier, nonce string) (proven, error) {
	i, err := s.issuers.get(ctx, p.Issuer)
	if err != nil {
		return proven{}, down(err)
	}
	sec, opts, err := s.credential(p, i)
	if err != nil {
		return proven{}, err
	}
	ctx = oidc.ClientContext(ctx, s.issuers.client)
	cfg := s.oauth(p, i, sec, redirect)
	token, err := cfg.Exchange(ctx, code, append(opts, oauth2.VerifierOption(verifier))...)
	if err != nil {
		return proven{}, exchangeRefusal(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return proven{}, missing("id_token", "id_token", "no id_token in the token answer")
	}
	idt, claims, err := s.verify(ctx, p, i, raw, nonce, token.AccessToken)
	if err != nil {
		return proven{}, err
	}
	who := claims.person
	if i.provider.UserInfoEndpoint() != "" && (who.Email == "" || p.wants(claims.all)) {
		more, rest, err := userinfo(ctx, i, idt.Subject, token)
		if err != nil {
			return proven{}, err
		}
		if who.Email == "" {
			who = more
		}
		maps.Copy(rest, claims.all) // What is signed counts.
		claims.all = rest
	}
	if err := p.admits(claims.all, texts(claims.ACR), texts(claims.AMR)); err != nil {
		return proven{Claims: claims.all}, err
	}
	out := proven{Subject: idt.Subject, SID: clip(claims.SID, 255), IDToken: raw, Name: clip(strings.Join(strings.Fields(who.Name), " "), 200), Email: who.Email, Claims: claims.all}
	if claims.AuthTime > 0 {
		out.AuthAt = time.Unix(int64(claims.AuthTime), 0).UTC()
	}
	if who.EmailVerified != nil && !*who.EmailVerified {
		out.Email = ""
	}
	return out, nil
}

// wants reports whether a claim that the provider is asked for did not come with the ID token.
func (p Provider) wants(have map[string]any) bool {
	return slices.ContainsFunc([]string{p.NameClaim, p.RoleClaim, p.TeamClaim, p.PinClaim}, func(c string) bool { return c != "" && have[c] == nil })
}

// admits holds what came to what the organization asks of everybody: the own tenant of an issuer that serves many, and a sign-in that
// is strong enough.
func (p Provider) admits(claims map[string]any, acr, amr []string) error {
	if p.PinClaim != "" && !slices.Contains(texts(claims[p.PinClaim]), p.PinValue) {
		return refuse(NotInvited, "%s is not the own tenant's", p.PinClaim).at("tenant")
	}
	if len(p.NeedACR) > 0 && !slices.ContainsFunc(acr, func(a string) bool { return slices.Contains(p.NeedACR, a) }) {
		return refuse(Weak, "acr %q is none of those asked for", clip(strings.Join(acr, " "), 100)).at("acr")
	}
	for _, m := range p.NeedAMR {
		if !slices.Contains(amr, m) {
			return refuse(Weak, "amr %q is missing", m).at("amr")
		}
	}
	return nil
}

// verify checks an ID token as OpenID Connect Core 3.1.3.7 asks. go-oidc checks signature, iss, aud, exp and nbf; the rest
// is left to the caller and done here.
func (s *Service) verify(ctx context.Context, p Provider, i *issuer, raw, nonce, access string) (*oidc.IDToken, tokenClaims, error) {
	algs := i.algs()
	if len(algs) == 0 {
		return nil, tokenClaims{}, refuse(Unverified, "the provider signs with none of %v", allowedAlgs()).at("alg")
	}
	now := s.now()
	var keys bool
	v := oidc.NewVerifier(p.Issuer, i.keys, &oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: algs, Now: func() time.Time { return now.Add(-skew) },
	})
	t, err := v.Verify(context.WithValue(ctx, keysDown{}, &keys), raw)
	if err != nil {
		if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
			return nil, tokenClaims{}, refuse(Clock, "id token expired").at("exp")
		}
		if keys {
			return nil, tokenClaims{}, refuse(ProviderDown, "%s", plainly(err)).at("keys")
		}
		check := failed(raw, p, algs)
		return nil, tokenClaims{}, refuse(Unverified, "id token did not pass %s", check).at(check)
	}
	c := tokenClaims{all: map[string]any{}}
	if err := errors.Join(t.Claims(&c), t.Claims(&c.all)); err != nil {
		return nil, tokenClaims{}, refuse(Unverified, "id token claims are of another form").at("id_token")
	}
	return t, c, checkToken(t, c, p, nonce, access, now)
}

// failed names the check that a token did not pass, for the administrator. The library has refused it by then; what is read here,
// unverified, decides nothing else.
func failed(raw string, p Provider, algs []string) string {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return "id_token"
	}
	part := func(s string, into any) bool {
		b, err := base64.RawURLEncoding.DecodeString(s)
		return err == nil && json.Unmarshal(b, into) == nil
	}
	var h struct {
		Alg string `json:"alg"`
	}
	var c struct {
		Issuer   string `json:"iss"`
		Audience any    `json:"aud"`
	}
	switch {
	case !part(parts[0], &h), !part(parts[1], &c):
		return "id_token"
	case !slices.Contains(algs, h.Alg):
		return "alg"
	case c.Issuer != p.Issuer:
		return "iss"
	case !slices.Contains(texts(c.Audience), p.ClientID):
		return "aud"
	}
	return "signature"
}

func checkToken(t *oidc.IDToken, c tokenClaims, p Provider, nonce, access string, now time.Time) error {
	switch {
	case t.Issuer != p.Issuer: // go-oidc lets Google's second spelling pass.
		return refuse(Unverified, "id token of another issuer").at("iss")
	case nonce == "" || !secret.Equal(t.Nonce, nonce):
		return refuse(Unverified, "id token with another nonce").at("nonce")
	case t.Subject == "":
		return missing("sub", "sub", "id token without a subject")
	case len(t.Subject) > 255:
		return refuse(Unverified, "subject of %d characters", len(t.Subject)).at("sub")
	case len(t.Audience) > 1 && c.AuthorizedParty != p.ClientID, c.AuthorizedParty != "" && c.AuthorizedParty != p.ClientID:
		return refuse(Unverified, "id token for several parties, authorized for another one").at("azp")
	case c.NotBefore > float64(now.Add(skew).Unix()): // go-oidc lets five minutes pass.
		return refuse(Clock, "id token not valid yet").at("nbf")
	case t.IssuedAt.IsZero() || t.IssuedAt.Unix() == 0:
		return missing("iat", "iat", "id token without iat")
	case t.IssuedAt.After(now.Add(skew)):
		return refuse(Clock, "id token issued %s ahead of our clock", t.IssuedAt.Sub(now).Round(time.Second)).at("iat")
	case t.IssuedAt.Before(now.Add(-oldestToken - skew)):
		return refuse(Clock, "id token issued %s ago", now.Sub(t.IssuedAt).Round(time.Second)).at("iat")
	}
	if t.AccessTokenHash != "" {
		if err := t.VerifyAccessToken(access); err != nil {
			return refuse(Unverified, "at_hash of another access token").at("at_hash")
		}
	}
	return nil
}

// userinfo reads name and address from the userinfo endpoint, all from that one document: an address from one and its
// verification from another is how CVE-2026-14781 came about.
func userinfo(ctx context.Context, i *issuer, subject string, token *oauth2.Token) (person, map[string]any, error) {
	u, err := i.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return person{}, nil, refuse(ProviderDown, "userinfo: %s", plainly(err)).at("userinfo")
	}
	if !secret.Equal(u.Subject, subject) {
		return person{}, nil, refuse(Unverified, "userinfo of another subject").at("userinfo")
	}
	var p person
	all := map[string]any{}
	if err := errors.Join(u.Claims(&p), u.Claims(&all)); err != nil {
		return person{}, nil, refuse(Unverified, "userinfo claims are of another form").at("userinfo")
	}
	return p, all, nil
}

// exchangeRefusal tells a provider that said no from one that could not answer.
func exchangeRefusal(err error) error {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// The body stays out of logs and pages: it is the provider's, and may repeat what we sent.
		if r.Response != nil && r.Response.StatusCode >= http.StatusInternalServerError {
			return refuse(ProviderDown, "token endpoint answered %d", r.Response.StatusCode).at("token")
		}
		return refuse(Refused, "token endpoint: %s", clip(r.ErrorCode, 60)).at("token")
	}
	return refuse(ProviderDown, "token endpoint: %s", plainly(err)).at("token")
}

func down(err error) error {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	if _, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return refuse(Unverified, "discovery describes another issuer").at("discovery")
	}
	return refuse(ProviderDown, "%s", plainly(err)).at("discovery")
}

// plainly says why something could not be fetched and nothing of what was fetched: an administrator chooses the address, and must not
// read what answers there.
func plainly(err error) string {
	switch {
	case errors.Is(err, egress.ErrDenied):
		return "the address may not be reached from here"
	case errors.Is(err, egress.ErrTooLarge):
		return "the answer is too large"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer in time"
	case errors.Is(err, errEndpoints):
		return "an endpoint is missing or of another scheme"
	}
	return "no answer that can be used"
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

// clip bounds what others wrote and drops what would break a line of a log.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s), "")
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
