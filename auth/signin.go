package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
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
	Door    string // the cookie of a session at the public door, "" if it has none
	Network string // the client's address, of IPv6 the /64; for limits only
	Device  string // what it calls itself, for the person's list of sessions
}

// Start is a sign-in that has begun.
type Start struct {
	URL string // where the browser goes: the provider's own page
	Pre string // the pre-login cookie to set
}

// trip is why a browser is sent to a provider. The zero trip is to enter.
type trip struct {
	Purpose    string
	Membership id.Membership // who sends it; zero for whoever enters
	Invitation []byte        // the hash of the invitation that is accepted with it
}

const (
	tripEnter = "enter"
	tripTest  = "test"  // an administrator tries the settings; nothing is opened
	tripLink  = "link"  // the account becomes one of the own membership
	tripAgain = "again" // who is signed in shows once more who they are
)

// Begin starts a sign-in at a provider of the organization. NotFound for a provider that is not active there, RateLimited
// after 20 in a minute from one network, a Refusal if the provider cannot be reached.
func (s *Service) Begin(ctx context.Context, org tenants.Organization, p id.Provider, b Browser, returnTo string) (Start, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Start{}, err
	}
	return s.begin(ctx, org, p, b, returnTo, trip{Purpose: tripEnter})
}

func (s *Service) begin(ctx context.Context, org tenants.Organization, p id.Provider, b Browser, returnTo string, t trip) (Start, error) {
	var prov Provider
	state, nonce, verifier := secret.NewToken(), secret.NewToken(), oauth2.GenerateVerifier()
	pre := b.Pre
	if !secret.IsToken(pre) {
		pre = secret.NewToken()
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if prov, err = t.provider(tx, p); err != nil {
			return fmt.Errorf("begin sign-in: %w", err)
		}
		if s.secure || !loopback(b.Network) { // Scripts of the demonstration come from one machine, all of them.
			if err := s.try(tx, tryStart, b.Network, 20, time.Minute); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`INSERT INTO sign_ins (org_id, state_hash, provider_id, cookie_hash, nonce, verifier, return_to, expires_at, purpose, membership_id, invitation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			org.OrgID, secret.Hash(state), p, secret.Hash(pre), nonce, verifier, ReturnTo(returnTo), tx.Now.Add(signInLife), t.Purpose, t.Membership, t.Invitation)
		return err
	})
	if err != nil {
		return Start{}, err
	}
	if err := s.gates.rests(p); err != nil {
		return Start{}, s.note(ctx, org, t, prov, returnTo, err)
	}
	i, err := s.issuers.get(ctx, prov.Issuer)
	if err != nil {
		return Start{}, s.note(ctx, org, t, prov, returnTo, down(err))
	}
	cfg := s.oauth(prov, i, "", s.RedirectURI(org.Slug, p))
	// Nothing that the caller gave goes along: a login_hint would let a link choose the account (RFC 9700, 4.1; Ory Kratos
	// stopped forwarding it for that).
	return Start{URL: cfg.AuthCodeURL(state, append(t.asks(prov), oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))...), Pre: pre}, nil
}

// provider is the one that the trip goes to: a test also to one that lets nobody in yet.
func (t trip) provider(tx *db.Tx, p id.Provider) (Provider, error) {
	if t.Purpose != tripTest && t.Purpose != tripLink {
		return provider(tx, p)
	}
	v, err := anyProvider(tx, p)
	if err == nil && !v.Complete() {
		err = errs.New(errs.NotFound, "provider %s is not complete", p)
	}
	return v, err
}

// asks are what the provider is asked for beyond a sign-in.
func (t trip) asks(p Provider) []oauth2.AuthCodeOption {
	var out []oauth2.AuthCodeOption
	if len(p.NeedACR) > 0 {
		out = append(out, oauth2.SetAuthURLParam("acr_values", strings.Join(p.NeedACR, " ")))
	}
	if t.Purpose == tripAgain || t.Purpose == tripLink {
		out = append(out, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(authz.FreshFor.Seconds()))))
	}
	return out
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
	Done     string // what came of a way that did not lead in: "tested", "linked" or "claimed"
}

// Finish ends a sign-in with the provider's answer. A sign-in can be finished once, by the browser that began it, within ten
// minutes. Whatever goes wrong is a *Refusal with a reference, and is in the organization's audit log. Without a Token the way went
// somewhere else than in: see Test and Link.
func (s *Service) Finish(ctx context.Context, org tenants.Organization, c Callback) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	under, prov, err := s.take(ctx, org, c)
	if err != nil {
		prov.ProviderID = under.ProviderID
		return SignedIn{}, s.note(ctx, org, under.trip(), prov, under.ReturnTo, err)
	}
	var who proven
	out := SignedIn{ReturnTo: under.ReturnTo}
	err = s.gates.through(prov.ProviderID, func() (err error) { who, err = s.answer(ctx, org, c, under, prov); return err })
	if err == nil {
		err = s.db.Tx(ctx, func(tx *db.Tx) error {
			out.Token, out.Until = "", time.Time{}
			return s.arrive(tx, org, c, under, prov, who, &out)
		})
	}
	if err != nil {
		if r, ok := errors.AsType[*Refusal](err); ok && who.Claims != nil {
			r.claims = seen(who.Claims)
		}
		return SignedIn{}, s.note(ctx, org, under.trip(), prov, under.ReturnTo, err)
	}
	return out, nil
}

// arrive does what the way to the provider was for.
func (s *Service) arrive(tx *db.Tx, org tenants.Organization, c Callback, under underWay, prov Provider, who proven, out *SignedIn) error {
	switch under.Purpose {
	case tripTest:
		out.Done = "tested"
		return tested(tx, prov, who)
	case tripLink:
		out.Done = "linked"
		if own, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM sessions s WHERE s.org_id = $1 AND s.token_hash = $2 AND s.membership_id = $3 AND s.expires_at > $4)`,
			org.OrgID, secret.Hash(c.Browser.Session), under.MembershipID, tx.Now); err != nil || !own {
			return cmp.Or(err, error(refuse(OtherBrowser, "nobody is signed in any more as who began").at("browser")))
		}
		return linked(tx, prov, who, under.MembershipID)
	}
	m, err := s.member(tx, org, prov, who, under.Invitation)
	if of, ok := errors.AsType[*claimed](err); ok {
		if under.Purpose != tripEnter {
			return refuse(NotInvited, "somebody else than who is signed in").at("link")
		}
		out.Done, out.ReturnTo = "claimed", "/sign-in/sent"
		return s.askClaim(tx, org, prov, who, of.Membership, c.Browser, under.ReturnTo)
	}
	if err != nil {
		return err
	}
	if under.Purpose == tripAgain {
		if m.MembershipID != under.MembershipID {
			return refuse(NotInvited, "somebody else than who is signed in").at("link")
		}
		if err := fresh(who.AuthAt, tx.Now); err != nil {
			return err
		}
	}
	if m, err = follow(tx, prov, m, who.Claims); err != nil {
		return err
	}
	if err := tx.Must(`UPDATE providers SET last_sign_in = $3, last_claims = $4 WHERE org_id = $1 AND provider_id = $2`, org.OrgID, prov.ProviderID, tx.Now, seen(who.Claims)); err != nil {
		return err
	}
	out.Token, out.Until, err = s.open(tx, m, c.Browser, prov.ProviderID, who)
	return err
}

// underWay is a row of sign_ins.
type underWay struct {
	ProviderID   id.Provider   `db:"provider_id"`
	CookieHash   []byte        `db:"cookie_hash"`
	Nonce        string        `db:"nonce"`
	Verifier     string        `db:"verifier"`
	ReturnTo     string        `db:"return_to"`
	ExpiresAt    time.Time     `db:"expires_at"`
	Purpose      string        `db:"purpose"`
	MembershipID id.Membership `db:"membership_id"`
	Invitation   []byte        `db:"invitation"`
}

func (u underWay) trip() trip {
	return trip{Purpose: u.Purpose, Membership: u.MembershipID, Invitation: u.Invitation}
}

// take ends the sign-in under way, whatever comes of it: a state works once.
func (s *Service) take(ctx context.Context, org tenants.Organization, c Callback) (u underWay, p Provider, err error) {
	if !secret.IsToken(c.State) {
		return underWay{}, Provider{}, refuse(Expired, "answer without a state of ours").at("state")
	}
	if !secret.IsToken(c.Browser.Pre) {
		return underWay{}, Provider{}, refuse(OtherBrowser, "answer without the cookie of the browser that began").at("browser")
	}
	var refusal error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		refusal = nil
		u, err = db.Row[underWay](tx, `DELETE FROM sign_ins WHERE org_id = $1 AND state_hash = $2
			RETURNING provider_id, cookie_hash, nonce, verifier, return_to, expires_at, purpose, membership_id, invitation`, org.OrgID, secret.Hash(c.State))
		if errs.Is(err, errs.NotFound) {
			refusal = refuse(Expired, "state unknown or used").at("state")
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case u.ExpiresAt.Before(tx.Now):
			refusal = refuse(Expired, "state expired").at("state")
		case !secret.Equal(string(u.CookieHash), string(secret.Hash(c.Browser.Pre))):
			refusal = refuse(OtherBrowser, "answer in another browser than the one that began").at("browser")
		case u.ProviderID.String() != c.Provider:
			refusal = refuse(Unverified, "answer at another provider's address: mix-up").at("provider")
		default:
			p, err = u.trip().provider(tx, u.ProviderID)
			if errs.Is(err, errs.NotFound) {
				refusal, err = refuse(Expired, "provider switched off meanwhile").at("provider"), nil
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
		return proven{}, refuse(Unverified, "answer without the iss that the provider promises").at("iss_answer")
	case c.Iss != "" && c.Iss != p.Issuer:
		return proven{}, refuse(Unverified, "answer of another issuer").at("iss_answer")
	case c.Error == "server_error", c.Error == "temporarily_unavailable":
		return proven{}, refuse(ProviderDown, "provider answered %s", c.Error).at("answer")
	case c.Error != "":
		return proven{}, refuse(Refused, "provider answered %s", clip(c.Error, 60)).at("answer")
	case c.Code == "" || len(c.Code) > 4096:
		return proven{}, missing("code", "code", "answer without a code")
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
// variants of it), nor one that somebody came as: see claimed.
//
// Whoever holds an open invitation joins with it, whatever address the provider gives: the invitation was mailed to the address that
// the administrator meant, and is used in the browser that opened it.
func (s *Service) member(tx *db.Tx, org tenants.Organization, p Provider, who proven, invitation []byte) (tenants.Membership, error) {
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
	m, email, err := s.newcomer(tx, org, who, invitation)
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

// newcomer is the membership of an identity that was never here, and the address that it comes with.
func (s *Service) newcomer(tx *db.Tx, org tenants.Organization, who proven, invitation []byte) (m tenants.Membership, email string, err error) {
	if len(invitation) > 0 {
		m, err = acceptInvitation(tx, invitation, who.Name, org.Locale)
		if errs.Is(err, errs.NotFound) {
			err = refuse(Expired, "the invitation was used, withdrawn or is too old").at("member")
		}
		email, _ = mail.Address(who.Email) // Its own, for display; none is no trouble.
		return m, email, err
	}
	if email, err = mail.Address(who.Email); err != nil {
		return m, "", missing("email", "email", "no verified address for a new identity")
	}
	_, domain, _ := strings.Cut(email, "@")
	own, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM domains WHERE domain = $2 AND org_id = $1 AND verified_at IS NOT NULL)`, org.OrgID, domain)
	if err != nil {
		return m, "", err
	}
	if !own {
		return m, "", refuse(NotInvited, "new identity from a domain that is not the organization's").at("member")
	}
	m, err = s.join(tx, org, email, who)
	return m, email, err
}

// join returns the prepared membership of the address or a new one.
func (s *Service) join(tx *db.Tx, org tenants.Organization, email string, who proven) (tenants.Membership, error) {
	m, err := tenants.MemberByEmail(tx, email)
	if errs.Is(err, errs.NotFound) {
		if m, err = invited(tx, email, who.Name, org.Locale); errs.Is(err, errs.NotFound) {
			m, err = tenants.AddMember(tx, tenants.NewMember{Name: who.Name, Email: email, Locale: org.Locale})
		}
		return m, err
	}
	if err != nil {
		return m, err
	}
	taken, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM identities WHERE org_id = $1 AND membership_id = $2)`, org.OrgID, m.MembershipID)
	if err != nil {
		return m, err
	}
	if taken {
		return m, refuse(NotInvited, "another identity has the membership of this address").at("link")
	}
	if before, err := came(tx, m.MembershipID); err != nil || before {
		return m, cmp.Or(err, error(&claimed{m}))
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
		return m, refuse(NotInvited, "the membership has ended").at("member")
	}
	return m, nil
}

// note gives a refusal its reference and writes it down: audit log, provider, log. Errors that are no refusal pass.
func (s *Service) note(ctx context.Context, org tenants.Organization, t trip, p Provider, returnTo string, err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return err
	}
	r.Reference = strings.ToUpper(org.Short) + "-" + secret.NewReference(6)
	r.Provider, r.ReturnTo, r.test = p.Name, ReturnTo(returnTo), t.Purpose == tripTest || t.Purpose == tripLink
	slog.InfoContext(ctx, "sign-in refused", "org", org.Slug, "reason", string(r.Reason), "check", r.Check, "reference", r.Reference, "detail", r.Detail())
	werr := s.db.Tx(ctx, func(tx *db.Tx) error {
		if !p.ProviderID.IsZero() {
			if _, err := tx.Exec(`UPDATE providers SET last_failure = $3, last_failure_at = $4, last_check = $5, last_claims = coalesce($6, last_claims) WHERE org_id = $1 AND provider_id = $2`,
				org.OrgID, p.ProviderID, string(r.Reason)+" "+r.Reference, tx.Now, r.Check, r.claims); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "sign_in.refused", "provider:"+p.ProviderID.String(), map[string]string{"reason": string(r.Reason), "check": r.Check, "reference": r.Reference, "detail": clip(r.Detail(), 500)})
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
