package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/learnscape/learnscape/internal/secret"
)

// proven is what a provider vouched for.
type proven struct {
	Subject string
	SID     string
	IDToken string
	Name    string
	Email   string // "" if the provider says that it is not verified
}

// person is what we read of an ID token or a userinfo answer.
type person struct {
	Name          string `json:"name"`
	Email         string `json:"email"`
	EmailVerified *bool  `json:"email_verified"`
}

type tokenClaims struct {
	person

	AuthorizedParty string `json:"azp"`
	SID             string `json:"sid"`
}

func (s *Service) oauth(p Provider, i *issuer, clientSecret, redirect string) oauth2.Config {
	e := i.provider.Endpoint()
	e.AuthStyle = i.authStyle()
	return oauth2.Config{ClientID: p.ClientID, ClientSecret: clientSecret, Endpoint: e, RedirectURL: redirect, Scopes: p.Scopes}
}

// redeem changes the code into what the provider vouches for. It reaches out and must not run inside a transaction.
func (s *Service) redeem(ctx context.Context, p Provider, redirect, code, verifier, nonce string) (proven, error) {
	i, err := s.issuers.get(ctx, p.Issuer)
	if err != nil {
		return proven{}, down(err)
	}
	sec, err := s.clientSecret(p)
	if err != nil {
		return proven{}, err
	}
	ctx = oidc.ClientContext(ctx, s.issuers.client)
	cfg := s.oauth(p, i, sec, redirect)
	token, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return proven{}, exchangeRefusal(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok || raw == "" {
		return proven{}, &Refusal{Reason: ClaimMissing, Claim: "id_token", err: errors.New("no id_token in the token answer")}
	}
	idt, claims, err := s.verify(ctx, p, i, raw, nonce, token.AccessToken)
	if err != nil {
		return proven{}, err
	}
	who := claims.person
	if who.Email == "" && i.provider.UserInfoEndpoint() != "" {
		if who, err = userinfo(ctx, i, idt.Subject, token); err != nil {
			return proven{}, err
		}
	}
	out := proven{Subject: idt.Subject, SID: clip(claims.SID, 255), IDToken: raw, Name: clip(strings.Join(strings.Fields(who.Name), " "), 200), Email: who.Email}
	if who.EmailVerified != nil && !*who.EmailVerified {
		out.Email = ""
	}
	return out, nil
}

// verify checks an ID token as OpenID Connect Core 3.1.3.7 asks. go-oidc checks signature, iss, aud, exp and nbf; the rest
// is left to the caller and done here.
func (s *Service) verify(ctx context.Context, p Provider, i *issuer, raw, nonce, access string) (*oidc.IDToken, tokenClaims, error) {
	algs := i.algs()
	if len(algs) == 0 {
		return nil, tokenClaims{}, refuse(Unverified, "the provider signs with none of %v", allowedAlgs())
	}
	now := s.now()
	var keys bool
	v := oidc.NewVerifier(p.Issuer, i.keys, &oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: algs, Now: func() time.Time { return now.Add(-skew) },
	})
	t, err := v.Verify(context.WithValue(ctx, keysDown{}, &keys), raw)
	if err != nil {
		if _, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
			return nil, tokenClaims{}, refuse(Clock, "id token: %w", err)
		}
		if keys {
			return nil, tokenClaims{}, refuse(ProviderDown, "id token: %w", err)
		}
		return nil, tokenClaims{}, refuse(Unverified, "id token: %w", err)
	}
	var c tokenClaims
	if err := t.Claims(&c); err != nil {
		return nil, tokenClaims{}, refuse(Unverified, "id token claims: %w", err)
	}
	return t, c, checkToken(t, c, p, nonce, access, now)
}

func checkToken(t *oidc.IDToken, c tokenClaims, p Provider, nonce, access string, now time.Time) error {
	switch {
	case t.Issuer != p.Issuer: // go-oidc lets Google's second spelling pass.
		return refuse(Unverified, "id token of another issuer")
	case nonce == "" || !secret.Equal(t.Nonce, nonce):
		return refuse(Unverified, "id token with another nonce")
	case t.Subject == "":
		return &Refusal{Reason: ClaimMissing, Claim: "sub", err: errors.New("id token without a subject")}
	case len(t.Subject) > 255:
		return refuse(Unverified, "subject of %d characters", len(t.Subject))
	case len(t.Audience) > 1 && c.AuthorizedParty != p.ClientID, c.AuthorizedParty != "" && c.AuthorizedParty != p.ClientID:
		return refuse(Unverified, "id token for several parties, authorized for %q", c.AuthorizedParty)
	case t.IssuedAt.IsZero() || t.IssuedAt.Unix() == 0:
		return &Refusal{Reason: ClaimMissing, Claim: "iat", err: errors.New("id token without iat")}
	case t.IssuedAt.After(now.Add(skew)):
		return refuse(Clock, "id token issued %s ahead of our clock", t.IssuedAt.Sub(now).Round(time.Second))
	case t.IssuedAt.Before(now.Add(-oldestToken - skew)):
		return refuse(Clock, "id token issued %s ago", now.Sub(t.IssuedAt).Round(time.Second))
	}
	if t.AccessTokenHash != "" {
		if err := t.VerifyAccessToken(access); err != nil {
			return refuse(Unverified, "at_hash: %w", err)
		}
	}
	return nil
}

// userinfo reads name and address from the userinfo endpoint, all from that one document: an address from one and its
// verification from another is how CVE-2026-14781 came about.
func userinfo(ctx context.Context, i *issuer, subject string, token *oauth2.Token) (person, error) {
	u, err := i.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return person{}, refuse(ProviderDown, "userinfo: %w", err)
	}
	if !secret.Equal(u.Subject, subject) {
		return person{}, refuse(Unverified, "userinfo of another subject")
	}
	var p person
	if err := u.Claims(&p); err != nil {
		return person{}, refuse(Unverified, "userinfo claims: %w", err)
	}
	return p, nil
}

// exchangeRefusal tells a provider that said no from one that could not answer.
func exchangeRefusal(err error) error {
	if r, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// The body stays out of logs and pages: it is the provider's, and may repeat what we sent.
		if r.Response != nil && r.Response.StatusCode >= http.StatusInternalServerError {
			return refuse(ProviderDown, "token endpoint answered %d", r.Response.StatusCode)
		}
		return refuse(Refused, "token endpoint: %s", clip(r.ErrorCode, 60))
	}
	return down(err)
}

func down(err error) error {
	if _, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return refuse(Unverified, "%w", err)
	}
	return refuse(ProviderDown, "%w", err)
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
