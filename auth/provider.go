package auth

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Provider is an OpenID provider of one organization. Two organizations with the same issuer have two providers, and so two
// identities of the same person.
type Provider struct {
	OrgID         id.Org      `db:"org_id"`
	ProviderID    id.Provider `db:"provider_id"`
	Name          string      `db:"name"`
	Issuer        string      `db:"issuer"`
	ClientID      string      `db:"client_id"`
	Scopes        []string    `db:"scopes"`
	State         string      `db:"state"`  // draft, active or off
	Preset        string      `db:"preset"` // of Presets, "" for another
	AuthMethod    string      `db:"auth_method"`
	PinClaim      string      `db:"pin_claim"` // what names the tenant at an issuer that serves many, "" for one's own issuer
	PinValue      string      `db:"pin_value"`
	NeedACR       []string    `db:"need_acr"` // one of them must come; empty: whatever comes
	NeedAMR       []string    `db:"need_amr"` // all of them must come
	NameClaim     string      `db:"name_claim"`
	RoleClaim     string      `db:"role_claim"`
	RoleValues    RoleValues  `db:"role_values"`
	TeamClaim     string      `db:"team_claim"`
	TeamValues    TeamValues  `db:"team_values"`
	SettledAt     *time.Time  `db:"settled_at"` // when the settings of the connection changed last
	TestedAt      *time.Time  `db:"tested_at"`  // nil: not with these settings
	LastSignIn    *time.Time  `db:"last_sign_in"`
	LastFailure   string      `db:"last_failure"` // reason and reference, "" for none
	LastFailureAt *time.Time  `db:"last_failure_at"`
	LastCheck     string      `db:"last_check"` // of Checks
	LastClaims    []Claim     `db:"last_claims"`
	HasSecret     bool        `db:"has_secret"` // or key
	Sealed        []byte      `db:"client_secret" json:"-"`
}

// RoleValues says which value of a claim gives which role.
type RoleValues map[string]scope.Role

// TeamValues says which value of a claim stands for which team.
type TeamValues map[string]string

// Complete reports whether there is all that it takes to try it.
func (p Provider) Complete() bool { return p.Issuer != "" && p.ClientID != "" && p.HasSecret }

const providerColumns = `p.org_id, p.provider_id, p.name, p.issuer, p.client_id, p.scopes, p.state, p.preset, p.auth_method, p.pin_claim, p.pin_value, p.need_acr, p.need_amr,
	p.name_claim, p.role_claim, p.role_values, p.team_claim, p.team_values, p.settled_at, p.tested_at, p.last_sign_in, p.last_failure, p.last_failure_at, p.last_check, p.last_claims, length(p.client_secret) > 0 AS has_secret, p.client_secret`

// NewProvider is what it takes to set one up.
type NewProvider struct {
	ProviderID   id.Provider // zero: a new one; a known one is replaced
	Name         string      // as people know it, such as "Microsoft Entra ID"
	Issuer       string      // exactly as the provider calls itself
	ClientID     string
	ClientSecret secret.Secret
	Scopes       []string // default openid, profile, email
}

// PutProvider sets a provider of tx's organization up, or replaces it; its secret is sealed for its row. Invalid names the
// input that is wrong.
func PutProvider(tx *db.Tx, keys *secret.Keyring, n NewProvider) (Provider, error) {
	if err := checkIssuer(n.Issuer); err != nil {
		return Provider{}, err
	}
	if n.Name == "" || n.ClientID == "" || n.ClientSecret == "" {
		return Provider{}, errs.New(errs.Invalid, "provider without name, client or secret")
	}
	if n.ProviderID.IsZero() {
		n.ProviderID = id.New[id.Provider]()
	}
	if len(n.Scopes) == 0 {
		n.Scopes = []string{"openid", "profile", "email"}
	}
	if !slices.Contains(n.Scopes, "openid") {
		return Provider{}, errs.New(errs.Invalid, "provider without the scope openid")
	}
	sealed, err := keys.Seal(providerRef(tx.Scope.Org, n.ProviderID), []byte(n.ClientSecret.Reveal()))
	if err != nil {
		return Provider{}, fmt.Errorf("put provider: %w", err)
	}
	p, err := db.Row[Provider](tx, `INSERT INTO providers AS p (org_id, provider_id, name, issuer, client_id, client_secret, scopes, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (org_id, provider_id) DO UPDATE SET name = excluded.name, issuer = excluded.issuer, client_id = excluded.client_id,
			client_secret = excluded.client_secret, auth_method = 'secret', scopes = excluded.scopes
		RETURNING `+providerColumns, tx.Scope.Org, n.ProviderID, n.Name, n.Issuer, n.ClientID, sealed, n.Scopes, tx.Now)
	if err != nil {
		return Provider{}, fmt.Errorf("put provider: %w", err)
	}
	return p, tenants.Audit(tx, "provider.set", "provider:"+p.ProviderID.String(), map[string]string{"issuer": p.Issuer})
}

// checkIssuer holds an issuer to https, without user, query or fragment (OpenID Connect Discovery 1.0, 3), and to a name
// instead of an address. Plain http and loopback addresses are for a provider on this machine; the egress client decides
// whether they can be reached.
func checkIssuer(s string) error {
	bad := errs.New(errs.Invalid, "issuer %q", s)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(s, "#? ") {
		return bad
	}
	ip, err := netip.ParseAddr(u.Hostname())
	literal := err == nil
	local := u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || (literal && ip.IsLoopback())
	if local && u.Scheme == "http" {
		return nil
	}
	if u.Scheme != "https" || literal {
		return bad
	}
	return nil
}

func providerRef(org id.Org, p id.Provider) secret.Ref {
	return secret.Ref{Table: "providers", Org: org.String(), Row: p.String(), Column: "client_secret"}
}

// RedirectURI is where a provider sends people back to; every provider has its own (RFC 9700, 4.4.2.2).
func (s *Service) RedirectURI(slug string, p id.Provider) string {
	return RedirectURI(s.baseURL(slug), p)
}

// RedirectURI is Service.RedirectURI for who sets up a provider before the service is there.
func RedirectURI(base string, p id.Provider) string { return base + "/auth/callback/" + p.String() }

// Ways lists the active providers of an organization's sign-in page, without their secrets.
func (s *Service) Ways(ctx context.Context, org tenants.Organization) ([]Provider, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return nil, err
	}
	var out []Provider
	err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+providerColumns+` FROM providers p WHERE p.org_id = $1 AND p.state = 'active' ORDER BY p.name, p.provider_id LIMIT 50`, org.OrgID)
	})
	for i := range out {
		out[i].Sealed, out[i].LastClaims = nil, nil
	}
	return out, err
}

// provider is one through which people are let in.
func provider(tx *db.Tx, p id.Provider) (Provider, error) {
	v, err := anyProvider(tx, p)
	if err == nil && v.State != "active" {
		err = errs.New(errs.NotFound, "provider %s is %s", p, v.State)
	}
	return v, err
}

// anyProvider is one in whatever state.
func anyProvider(tx *db.Tx, p id.Provider) (Provider, error) {
	return db.Row[Provider](tx, `SELECT `+providerColumns+` FROM providers p WHERE p.org_id = $1 AND p.provider_id = $2`, tx.Scope.Org, p)
}
