package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Browser is what a request tells of the browser that makes it.
type Browser struct {
	Pre     string // the pre-login cookie, "" if it has none
	Session string // the session cookie, "" if it has none
	Network string // the client's address, of IPv6 the /64; for limits only
	Device  string // what it calls itself, for the person's list of sessions
}

// Start is a sign-in that has begun.
type Start struct {
	URL string // where the browser goes: the provider's own page
	Pre string // the pre-login cookie to set
}

// Begin starts a sign-in at a provider of the organization. NotFound for a provider that is not active there, RateLimited
// after 20 in a minute from one network, a Refusal if the provider cannot be reached.
func (s *Service) Begin(ctx context.Context, org tenants.Organization, p id.Provider, b Browser, returnTo string) (Start, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Start{}, err
	}
	var prov Provider
	state, nonce, verifier := secret.NewToken(), secret.NewToken(), oauth2.GenerateVerifier()
	pre := b.Pre
	if !secret.IsToken(pre) {
		pre = secret.NewToken()
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if prov, err = provider(tx, p); err != nil {
			return fmt.Errorf("begin sign-in: %w", err)
		}
		if s.secure || !loopback(b.Network) { // Scripts of the demonstration come from one machine, all of them.
			if err := s.try(tx, tryStart, b.Network, 20, time.Minute); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM sign_ins WHERE org_id = $1 AND expires_at < $2`, org.OrgID, tx.Now); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO sign_ins (org_id, state_hash, provider_id, cookie_hash, nonce, verifier, return_to, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			org.OrgID, secret.Hash(state), p, secret.Hash(pre), nonce, verifier, ReturnTo(returnTo), tx.Now.Add(signInLife))
		return err
	})
	if err != nil {
		return Start{}, err
	}
	i, err := s.issuers.get(ctx, prov.Issuer)
	if err != nil {
		return Start{}, s.note(ctx, org, prov.ProviderID, returnTo, prov.Name, down(err))
	}
	cfg := s.oauth(prov, i, "", s.RedirectURI(org.Slug, p))
	// Nothing that the caller gave goes along: a login_hint would let a link choose the account (RFC 9700, 4.1; Ory Kratos
	// stopped forwarding it for that).
	return Start{URL: cfg.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), Pre: pre}, nil
}

func loopback(network string) bool {
	ip, err := netip.ParseAddr(network)
	return err == nil && ip.IsLoopback()
}

// Callback is what a provider's answer brings.
type Callback struct {
	Provider                string // of the path
	Code, State, Iss, Error string
	Browser                 Browser
}

// SignedIn is a sign-in that worked.
type SignedIn struct {
	Token    string // the session cookie to set
	Until    time.Time
	ReturnTo string
}

// Finish ends a sign-in with the provider's answer. A sign-in can be finished once, by the browser that began it, within ten
// minutes. Whatever goes wrong is a *Refusal with a reference, and is in the organization's audit log.
func (s *Service) Finish(ctx context.Context, org tenants.Organization, c Callback) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	under, prov, err := s.take(ctx, org, c)
	if err != nil {
		return SignedIn{}, s.note(ctx, org, under.ProviderID, under.ReturnTo, prov.Name, err)
	}
	who, err := s.answer(ctx, org, c, under, prov)
	if err != nil {
		return SignedIn{}, s.note(ctx, org, prov.ProviderID, under.ReturnTo, prov.Name, err)
	}
	out := SignedIn{ReturnTo: under.ReturnTo}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		m, err := s.member(tx, org, prov, who)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE providers SET last_sign_in = $3 WHERE org_id = $1 AND provider_id = $2`, org.OrgID, prov.ProviderID, tx.Now); err != nil {
			return err
		}
		out.Token, out.Until, err = s.open(tx, m, c.Browser, prov.ProviderID, who)
		return err
	})
	if err != nil {
		return SignedIn{}, s.note(ctx, org, prov.ProviderID, under.ReturnTo, prov.Name, err)
	}
	return out, nil
}

// underWay is a row of sign_ins.
type underWay struct {
	ProviderID id.Provider `db:"provider_id"`
	CookieHash []byte      `db:"cookie_hash"`
	Nonce      string      `db:"nonce"`
	Verifier   string      `db:"verifier"`
	ReturnTo   string      `db:"return_to"`
	ExpiresAt  time.Time   `db:"expires_at"`
}

// take ends the sign-in under way, whatever comes of it: a state works once.
func (s *Service) take(ctx context.Context, org tenants.Organization, c Callback) (u underWay, p Provider, err error) {
	if !secret.IsToken(c.State) {
		return underWay{}, Provider{}, refuse(Expired, "answer without a state of ours")
	}
	if !secret.IsToken(c.Browser.Pre) {
		return underWay{}, Provider{}, refuse(OtherBrowser, "answer without the cookie of the browser that began")
	}
	var refusal error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		refusal = nil
		u, err = db.Row[underWay](tx, `DELETE FROM sign_ins WHERE org_id = $1 AND state_hash = $2
			RETURNING provider_id, cookie_hash, nonce, verifier, return_to, expires_at`, org.OrgID, secret.Hash(c.State))
		if errs.Is(err, errs.NotFound) {
			refusal = refuse(Expired, "state unknown or used")
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case u.ExpiresAt.Before(tx.Now):
			refusal = refuse(Expired, "state expired")
		case !secret.Equal(string(u.CookieHash), string(secret.Hash(c.Browser.Pre))):
			refusal = refuse(OtherBrowser, "answer in another browser than the one that began")
		case u.ProviderID.String() != c.Provider:
			refusal = refuse(Unverified, "answer at another provider's address: mix-up")
		default:
			p, err = provider(tx, u.ProviderID)
			if errs.Is(err, errs.NotFound) {
				refusal, err = refuse(Expired, "provider switched off meanwhile"), nil
			}
		}
		return err // The row is gone in any case.
	})
	if err == nil {
		err = refusal
	}
	return u, p, err
}

// answer checks the provider's answer and redeems its code.
func (s *Service) answer(ctx context.Context, org tenants.Organization, c Callback, u underWay, p Provider) (proven, error) {
	i, err := s.issuers.get(ctx, p.Issuer)
	if err != nil {
		return proven{}, down(err)
	}
	switch { // RFC 9207, 2.4: before anything else of the answer is believed, errors too.
	case c.Iss == "" && i.meta.IssInAnswer:
		return proven{}, refuse(Unverified, "answer without the iss that the provider promises")
	case c.Iss != "" && c.Iss != p.Issuer:
		return proven{}, refuse(Unverified, "answer of another issuer")
	case c.Error == "server_error", c.Error == "temporarily_unavailable":
		return proven{}, refuse(ProviderDown, "provider answered %s", c.Error)
	case c.Error != "":
		return proven{}, refuse(Refused, "provider answered %s", clip(c.Error, 60))
	case c.Code == "" || len(c.Code) > 4096:
		return proven{}, &Refusal{Reason: ClaimMissing, Claim: "code", err: errors.New("answer without a code")}
	}
	return s.redeem(ctx, p, s.RedirectURI(org.Slug, p.ProviderID), c.Code, u.Verifier, u.Nonce)
}

// identity is a row of identities with its membership's state.
type identity struct {
	MembershipID id.Membership `db:"membership_id"`
}

// member finds whom the identity belongs to. Only (provider, subject) decides. A new identity joins if its address is in a
// domain that the organization proved: it takes over a prepared membership of that address which nobody has signed in to,
// or becomes a new one. It never takes over a membership that has an identity (nOAuth, and Zitadel's and Keycloak's
// variants of it).
func (s *Service) member(tx *db.Tx, org tenants.Organization, p Provider, who proven) (tenants.Membership, error) {
	known, err := db.Row[identity](tx, `UPDATE identities SET last_sign_in = $4 WHERE org_id = $1 AND provider_id = $2 AND subject = $3 RETURNING membership_id`,
		org.OrgID, p.ProviderID, who.Subject, tx.Now)
	if err == nil {
		m, err := tenants.MemberByID(tx, known.MembershipID)
		if err != nil {
			return m, err
		}
		return s.welcome(tx, m)
	}
	if !errs.Is(err, errs.NotFound) {
		return tenants.Membership{}, err
	}
	email, err := mail.Address(who.Email)
	if err != nil {
		return tenants.Membership{}, &Refusal{Reason: ClaimMissing, Claim: "email", err: errors.New("no verified address for a new identity")}
	}
	_, domain, _ := strings.Cut(email, "@")
	own, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM domains WHERE domain = $2 AND org_id = $1 AND verified_at IS NOT NULL)`, org.OrgID, domain)
	if err != nil {
		return tenants.Membership{}, err
	}
	if !own {
		return tenants.Membership{}, refuse(NotInvited, "new identity from a domain that is not the organization's")
	}
	m, err := s.join(tx, org, email, who)
	if err != nil {
		return m, err
	}
	if _, err := tx.Exec(`INSERT INTO identities (org_id, provider_id, subject, membership_id, email, created_at, last_sign_in) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		org.OrgID, p.ProviderID, who.Subject, m.MembershipID, email, tx.Now); err != nil {
		return m, err
	}
	if err := tenants.Audit(tx, "identity.linked", "membership:"+m.MembershipID.String(), map[string]string{"provider": p.ProviderID.String()}); err != nil {
		return m, err
	}
	return s.welcome(tx, m)
}

// join returns the prepared membership of the address or a new one.
func (s *Service) join(tx *db.Tx, org tenants.Organization, email string, who proven) (tenants.Membership, error) {
	m, err := tenants.MemberByEmail(tx, email)
	if errs.Is(err, errs.NotFound) {
		return tenants.AddMember(tx, tenants.NewMember{Name: who.Name, Email: email, Locale: org.Locale})
	}
	if err != nil {
		return m, err
	}
	taken, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM identities WHERE org_id = $1 AND membership_id = $2)`, org.OrgID, m.MembershipID)
	if err != nil {
		return m, err
	}
	if taken {
		return m, refuse(NotInvited, "another identity has the membership of this address")
	}
	return m, nil
}

// welcome lets a prepared membership become active, and refuses one that has ended.
func (s *Service) welcome(tx *db.Tx, m tenants.Membership) (tenants.Membership, error) {
	switch m.State {
	case "active":
	case "invited":
		if err := tx.Must(`UPDATE memberships SET state = 'active' WHERE org_id = $1 AND membership_id = $2 AND state = 'invited'`, m.OrgID, m.MembershipID); err != nil {
			return m, err
		}
		m.State = "active"
	default:
		return m, refuse(NotInvited, "the membership has ended")
	}
	return m, nil
}

// note gives a refusal its reference and writes it down: audit log, provider, log. Errors that are no refusal pass.
func (s *Service) note(ctx context.Context, org tenants.Organization, p id.Provider, returnTo, name string, err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return err
	}
	r.Reference = strings.ToUpper(org.Short) + "-" + secret.NewReference(6)
	r.Provider, r.ReturnTo = name, ReturnTo(returnTo)
	slog.InfoContext(ctx, "sign-in refused", "org", org.Slug, "reason", string(r.Reason), "reference", r.Reference, "detail", r.Detail())
	werr := s.db.Tx(ctx, func(tx *db.Tx) error {
		if !p.IsZero() {
			if _, err := tx.Exec(`UPDATE providers SET last_failure = $3, last_failure_at = $4 WHERE org_id = $1 AND provider_id = $2`,
				org.OrgID, p, string(r.Reason)+" "+r.Reference, tx.Now); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "sign_in.refused", "provider:"+p.String(), map[string]string{"reason": string(r.Reason), "reference": r.Reference, "detail": clip(r.Detail(), 500)})
	})
	if werr != nil {
		slog.WarnContext(ctx, "sign-in refusal not written down", "reference", r.Reference, "error", werr)
	}
	return r
}

// endSession is the provider's own sign-out with the way back, "" if it has none or is not known at the moment.
func (s *Service) endSession(org tenants.Organization, issuerURL, clientID, idToken string) string {
	i := s.issuers.remembered(issuerURL)
	if i == nil || i.meta.EndSession == "" {
		return ""
	}
	u, err := url.Parse(i.meta.EndSession)
	if err != nil || !sameScheme(issuerURL, i.meta.EndSession) {
		return ""
	}
	q := u.Query()
	q.Set("client_id", clientID)
	q.Set("post_logout_redirect_uri", s.baseURL(org.Slug)+"/signed-out")
	if idToken != "" {
		q.Set("id_token_hint", idToken)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
