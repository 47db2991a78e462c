package auth

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// codeLife is how long a session waits to be taken over on another host.
const codeLife = time.Minute

// handPath is where a sign-in that belongs to another host goes on, at {slug}.{base}.
const handPath = "/hand-over/"

// HandsOver reports whether a return path is that of a sign-in that is handed over.
func HandsOver(returnTo string) bool { return strings.HasPrefix(returnTo, handPath) }

// Address is where an organization's portal lives: its canonical host, without a slash at the end.
func (s *Service) Address(o tenants.Organization) string {
	if o.Host == "" {
		return s.baseURL(o.Slug)
	}
	return s.AddressAt(o, o.Host)
}

// AddressAt is the address of one of an organization's own hosts, without a slash at the end: as the installation's, but for the name.
func (s *Service) AddressAt(o tenants.Organization, host string) string {
	u, err := url.Parse(s.baseURL(o.Slug))
	if err != nil {
		return s.baseURL(o.Slug)
	}
	if p := u.Port(); p != "" {
		host += ":" + p
	}
	return u.Scheme + "://" + host
}

// BeginOn starts a sign-in on one of the organization's own hosts: it takes place at {slug}.{base}, where Start.URL leads, and comes
// back to the browser that has the cookie. RateLimited after 20 in a minute from one network.
func (s *Service) BeginOn(ctx context.Context, org tenants.Organization, host string, b Browser, returnTo string) (Start, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Start{}, err
	}
	hand, pre := secret.NewToken(), secret.NewToken()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if s.secure || !loopback(b.Network) {
			if err := s.try(tx, tryStart, b.Network, 20, time.Minute); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO hand_overs (org_id, hand_hash, host, cookie_hash, return_to, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			org.OrgID, secret.Hash(hand), tenants.Hostname(host), secret.Hash(pre), ReturnTo(returnTo), tx.Now.Add(signInLife))
		return err
	})
	if err != nil {
		return Start{}, fmt.Errorf("begin sign-in on %s: %w", host, err)
	}
	return Start{URL: s.baseURL(org.Slug) + "/sign-in?" + url.Values{"return_to": {handPath + hand}}.Encode(), Pre: pre}, nil
}

// HandOver gives the session of a cookie at {slug}.{base} on to the host that a sign-in began on, and returns where the browser goes
// with the code. A sign-in is handed over once. NotFound for one that is not there any more, Unauthenticated without a session.
func (s *Service) HandOver(ctx context.Context, org tenants.Organization, hand, token string) (string, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return "", err
	}
	session, err := s.Session(ctx, org, token)
	if errs.Is(err, errs.NotFound) {
		return "", errs.New(errs.Unauthenticated, "hand over without a session")
	}
	if err != nil {
		return "", err
	}
	if !secret.IsToken(hand) {
		return "", errs.New(errs.NotFound, "no hand-over")
	}
	code, host := secret.NewToken(), ""
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		host, err = db.Row[string](tx, `UPDATE hand_overs SET code_hash = $3, session_id = $4, expires_at = $5
			WHERE org_id = $1 AND hand_hash = $2 AND code_hash IS NULL AND expires_at > $6 RETURNING host`,
			org.OrgID, secret.Hash(hand), secret.Hash(code), session.SessionID, tx.Now.Add(codeLife), tx.Now)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hand over: %w", err)
	}
	return s.AddressAt(org, host) + strings.TrimSuffix(handPath, "/") + "?" + url.Values{"code": {code}}.Encode(), nil
}

type handedRow struct {
	Host       string     `db:"host"`
	CookieHash []byte     `db:"cookie_hash"`
	ReturnTo   string     `db:"return_to"`
	ExpiresAt  time.Time  `db:"expires_at"`
	SessionID  id.Session `db:"session_id"`
}

// TakeOver begins a session on one of the organization's own hosts with the code of a hand-over. The code is used up, whatever comes
// of it; it works within a minute, on the host that began, in the browser that began there. Whatever goes wrong is a *Refusal.
func (s *Service) TakeOver(ctx context.Context, org tenants.Organization, host, code string, b Browser) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	var out SignedIn
	var refusal error
	var r handedRow
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		out, refusal = SignedIn{}, nil
		r, err = db.Row[handedRow](tx, `DELETE FROM hand_overs WHERE org_id = $1 AND code_hash = $2 RETURNING host, cookie_hash, return_to, expires_at, session_id`, org.OrgID, secret.Hash(code))
		switch {
		case errs.Is(err, errs.NotFound):
			refusal = refuse(Expired, "code unknown or used").at("hand_over")
			return nil
		case err != nil:
			return err
		case r.ExpiresAt.Before(tx.Now):
			refusal = refuse(Expired, "code expired").at("hand_over")
		case tenants.Hostname(host) != r.Host:
			refusal = refuse(Unverified, "code of another host").at("hand_over")
		case !secret.IsToken(b.Pre) || !secret.Equal(string(r.CookieHash), string(secret.Hash(b.Pre))):
			refusal = refuse(OtherBrowser, "code in another browser than the one that began").at("hand_over")
		default:
			out.ReturnTo = r.ReturnTo
			out.Token, out.Until, err = s.openHanded(tx, org, b, r.SessionID)
			if errs.Is(err, errs.NotFound) {
				refusal, err = refuse(Expired, "the session that was handed over has ended").at("hand_over"), nil
			}
		}
		return err // The code is gone in any case.
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return SignedIn{}, s.note(ctx, org, trip{}, Provider{}, r.ReturnTo, err)
	}
	return out, nil
}

// openHanded opens a session beside the one that is handed over: of the same sign-in, and for no longer.
func (s *Service) openHanded(tx *db.Tx, org tenants.Organization, b Browser, from id.Session) (token string, until time.Time, err error) {
	p, err := db.Row[struct {
		MembershipID id.Membership `db:"membership_id"`
		ProviderID   id.Provider   `db:"provider_id"`
		Subject      string        `db:"subject"`
		SID          string        `db:"sid"`
		IDToken      []byte        `db:"id_token"`
		ExpiresAt    time.Time     `db:"expires_at"`
		AuthAt       *time.Time    `db:"auth_at"`
	}](tx, `SELECT s.membership_id, s.provider_id, s.subject, s.sid, s.id_token, s.expires_at, s.auth_at FROM sessions s JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.membership_id
		WHERE s.org_id = $1 AND s.session_id = $2 AND s.expires_at > $3 AND m.state = 'active'`, org.OrgID, from, tx.Now)
	if err != nil {
		return "", until, err
	}
	m, err := tenants.MemberByID(tx, p.MembershipID)
	if err != nil {
		return "", until, err
	}
	who := proven{Subject: p.Subject, SID: p.SID}
	if p.AuthAt != nil {
		who.AuthAt = *p.AuthAt
	}
	if len(p.IDToken) > 0 {
		if raw, err := s.keys.Open(sessionRef(org.OrgID, from), p.IDToken); err == nil { // Without it the provider asks at its sign-out.
			who.IDToken = string(raw)
		}
	}
	if token, _, err = s.open(tx, m, b, p.ProviderID, who); err != nil {
		return "", until, err
	}
	return token, p.ExpiresAt, tx.Must(`UPDATE sessions SET handed_from = $3, expires_at = $4 WHERE org_id = $1 AND token_hash = $2`, org.OrgID, secret.Hash(token), from, p.ExpiresAt)
}
