package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// googleIssuer serves everybody who has an account there.
const googleIssuer = "https://accounts.google.com"

// providersMost is how many providers an organization may have.
const providersMost = 10

// Presets are the providers whose settings are explained step by step.
func Presets() []string { return []string{"entra", "google", "okta", "keycloak", "auth0", "dex"} }

// Settings are what it takes to be let in through a provider.
type Settings struct {
	Name         string // as people know it
	Issuer       string // exactly as the provider calls itself
	ClientID     string
	ClientSecret secret.Secret // "" keeps the one that is there
	AuthMethod   string        // secret, or key for private_key_jwt
	Scopes       []string      // openid is always among them
	PinClaim     string        // "" for an issuer of the organization's own
	PinValue     string
	NeedACR      []string
	NeedAMR      []string
}

// Mapping is what becomes of claims.
type Mapping struct {
	NameClaim, RoleClaim, TeamClaim string
	RoleValues                      RoleValues
	TeamValues                      TeamValues
}

// Providers lists the acting organization's providers for its administrator, by name, without their secrets.
func (s *Service) Providers(ctx context.Context) ([]Provider, error) {
	if err := authz.Check(ctx, authz.SeeProviders, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var out []Provider
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+providerColumns+` FROM providers p WHERE p.org_id = $1 ORDER BY p.name, p.provider_id LIMIT 50`, sc.Org)
	})
	for i := range out {
		out[i].Sealed = nil
	}
	return out, err
}

// Provider is one of the acting organization's, without its secret, for its administrator; and how many people came through it.
func (s *Service) Provider(ctx context.Context, p id.Provider) (out Provider, people int, err error) {
	if err := authz.Check(ctx, authz.SeeProviders, id.Org{}); err != nil {
		return Provider{}, 0, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if out, err = anyProvider(tx, p); err != nil {
			return err
		}
		people, err = db.Row[int](tx, `SELECT count(DISTINCT i.membership_id)::int FROM identities i WHERE i.org_id = $1 AND i.provider_id = $2`, tx.Scope.Org, p)
		return err
	})
	out.Sealed = nil
	return out, people, err
}

// Reach asks a provider's discovery document, at most every five seconds; nil if it can be used, otherwise a *Refusal that says why not.
func (s *Service) Reach(ctx context.Context, p Provider) error {
	if err := authz.Check(ctx, authz.SeeProviders, p.OrgID); err != nil {
		return err
	}
	return s.reach(ctx, p.Issuer)
}

func (s *Service) reach(ctx context.Context, issuer string) error {
	i, err := s.issuers.get(ctx, issuer)
	if err != nil {
		return down(err)
	}
	if len(i.algs()) == 0 {
		return refuse(Unverified, "the provider signs with none of %v", allowedAlgs()).at("alg")
	}
	return nil
}

// AddProvider begins one of a preset, or "" for any other, as a draft: it has its redirect URI then and lets nobody in. Conflict beyond
// ten.
func (s *Service) AddProvider(ctx context.Context, preset, name string) (id.Provider, error) {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return id.Provider{}, err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return id.Provider{}, err
	}
	if preset != "" && !slices.Contains(Presets(), preset) {
		return id.Provider{}, errs.New(errs.NotFound, "preset %q", preset)
	}
	p := id.New[id.Provider]()
	return p, s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM providers p WHERE p.org_id = $1`, tx.Scope.Org)
		if err != nil {
			return err
		}
		if n >= providersMost {
			return errs.Say(errs.Conflict, "door.full", "Count", providersMost)
		}
		issuer := ""
		if preset == "google" {
			issuer = googleIssuer
		}
		if _, err := tx.Exec(`INSERT INTO providers (org_id, provider_id, name, issuer, client_id, client_secret, state, preset, created_at) VALUES ($1, $2, $3, $4, '', '', 'draft', $5, $6)`,
			tx.Scope.Org, p, name, issuer, preset, tx.Now); err != nil {
			return err
		}
		return tenants.Audit(tx, "provider.added", "provider:"+p.String(), map[string]string{"preset": preset})
	})
}

// SaveProvider keeps the settings of a provider, after its discovery document was read. An issuer through which people came stays; a
// provider that is on is switched off by whatever makes it another way in, until it is tested. Invalid names what is wrong.
func (s *Service) SaveProvider(ctx context.Context, p id.Provider, in Settings) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	have, people, err := s.Provider(ctx, p)
	if err != nil {
		return err
	}
	in, err = s.check(ctx, have, people > 0, in)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.keep(tx, p, in); err != nil {
			return err
		}
		return tenants.Audit(tx, "provider.changed", "provider:"+p.String(), map[string]any{"issuer": in.Issuer, "client": in.ClientID, "secret": in.ClientSecret != "", "method": in.AuthMethod})
	})
}

// check tidies settings and says what is wrong with them; it reads the issuer's discovery document and must not run inside a transaction.
func (s *Service) check(ctx context.Context, have Provider, used bool, in Settings) (Settings, error) {
	in.Name, in.Issuer, in.ClientID = strings.TrimSpace(in.Name), strings.TrimSpace(in.Issuer), strings.TrimSpace(in.ClientID)
	in.PinClaim, in.PinValue = strings.TrimSpace(in.PinClaim), strings.TrimSpace(in.PinValue)
	in.ClientSecret = secret.Secret(strings.TrimSpace(in.ClientSecret.Reveal()))
	in.Scopes, in.NeedACR, in.NeedAMR = words(in.Scopes), words(in.NeedACR), words(in.NeedAMR)
	if !slices.Contains(in.Scopes, "openid") {
		in.Scopes = append([]string{"openid"}, in.Scopes...)
	}
	var bad []errs.Field
	fault := func(field, key string) { bad = append(bad, errs.Field{Name: field, Key: key}) }
	if in.Name == "" || len([]rune(in.Name)) > 80 {
		fault("name", "door.bad.name")
	}
	issuerOK := false
	switch {
	case checkIssuer(in.Issuer) != nil || len(in.Issuer) > 500:
		fault("issuer", "door.bad.issuer")
	case commonIssuer(in.Issuer):
		fault("issuer", "door.bad.common")
	case used && in.Issuer != have.Issuer:
		fault("issuer", "door.bad.used")
	default:
		issuerOK = true
	}
	if in.ClientID == "" || len(in.ClientID) > 300 {
		fault("client_id", "door.bad.client")
	}
	switch {
	case in.AuthMethod != methodSecret && in.AuthMethod != methodKey:
		fault("method", "door.bad.method")
	case in.AuthMethod == methodSecret && in.ClientSecret == "" && (!have.HasSecret || have.AuthMethod != methodSecret || have.ClientID != in.ClientID):
		fault("secret", "door.bad.secret")
	case len(in.ClientSecret) > 1000:
		fault("secret", "door.bad.secret_long")
	}
	switch {
	case (in.PinClaim == "") != (in.PinValue == "") || len(in.PinClaim) > 100 || len(in.PinValue) > 200:
		fault("pin_value", "door.bad.pin")
	case in.PinClaim == "" && in.Issuer == googleIssuer:
		fault("pin_value", "door.bad.google")
	}
	for field, list := range map[string][]string{"scopes": in.Scopes, "acr": in.NeedACR, "amr": in.NeedAMR} {
		if len(list) > 20 || len(strings.Join(list, " ")) > 500 {
			fault(field, "door.bad.list")
		}
	}
	if issuerOK {
		if err := s.reach(ctx, in.Issuer); err != nil {
			r, _ := errors.AsType[*Refusal](err)
			fault("issuer", "door.bad.reach."+reachWord(r))
		}
	}
	if len(bad) > 0 {
		return in, errs.Fields(bad...)
	}
	return in, nil
}

// reachWord is why a discovery document cannot be used.
func reachWord(r *Refusal) string {
	switch {
	case r != nil && r.Check == "alg":
		return "alg"
	case r != nil && r.Reason == Unverified:
		return "another"
	}
	return "silent"
}

// commonIssuer reports an issuer that stands for every tenant there is.
func commonIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() != "login.microsoftonline.com" {
		return false
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return slices.Contains([]string{"", "common", "organizations", "consumers"}, strings.ToLower(tenant))
}

func words(list []string) []string {
	out := []string{}
	for _, w := range strings.FieldsFunc(strings.Join(list, " "), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\r' || r == '\t' }) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// keep writes the settings of the connection; sign-ins that began with those before end.
func (s *Service) keep(tx *db.Tx, p id.Provider, in Settings) error {
	have, err := db.Row[Provider](tx, `SELECT `+providerColumns+` FROM providers p WHERE p.org_id = $1 AND p.provider_id = $2 FOR UPDATE`, tx.Scope.Org, p)
	if err != nil {
		return err
	}
	sealed := have.Sealed
	var plain []byte
	switch {
	case in.AuthMethod == methodKey && (have.AuthMethod != methodKey || !have.HasSecret):
		if plain, err = newClientKey(); err != nil {
			return err
		}
	case in.AuthMethod == methodSecret && in.ClientSecret != "":
		plain = []byte(in.ClientSecret.Reveal())
	}
	if plain != nil {
		if sealed, err = s.keys.Seal(providerRef(tx.Scope.Org, p), plain); err != nil {
			return fmt.Errorf("keep provider %s: %w", p, err)
		}
	}
	return tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `DELETE FROM sign_ins WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p)
		db.Write(b, nil, `UPDATE providers SET name = $3, issuer = $4, client_id = $5, client_secret = $6, auth_method = $7, scopes = $8, pin_claim = $9, pin_value = $10, need_acr = $11, need_amr = $12
			WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p, in.Name, in.Issuer, in.ClientID, sealed, in.AuthMethod, in.Scopes, in.PinClaim, in.PinValue, in.NeedACR, in.NeedAMR)
	})
}

// MapClaims says what becomes of the claims of a provider. Invalid names what is wrong.
func (s *Service) MapClaims(ctx context.Context, p id.Provider, in Mapping) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	var bad []errs.Field
	for field, claim := range map[string]*string{"name_claim": &in.NameClaim, "role_claim": &in.RoleClaim, "team_claim": &in.TeamClaim} {
		if *claim = strings.TrimSpace(*claim); len(*claim) > 100 || strings.ContainsAny(*claim, " \t\r\n") {
			bad = append(bad, errs.Field{Name: field, Key: "door.bad.claim"})
		}
	}
	if in.RoleClaim == "" && len(in.RoleValues) > 0 {
		bad = append(bad, errs.Field{Name: "role_claim", Key: "door.bad.role_claim"})
	}
	for v, r := range in.RoleValues {
		if v == "" || len(v) > valueLength || !slices.Contains(scope.Roles(), r) || r == scope.Learner {
			bad = append(bad, errs.Field{Name: "role_" + string(r), Key: "door.bad.value"})
		}
	}
	if len(in.TeamValues) > 200 {
		bad = append(bad, errs.Field{Name: "team_values", Key: "door.bad.list"})
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	if in.RoleValues == nil {
		in.RoleValues = RoleValues{}
	}
	if in.TeamValues == nil {
		in.TeamValues = TeamValues{}
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE providers SET name_claim = $3, role_claim = $4, role_values = $5, team_claim = $6, team_values = $7 WHERE org_id = $1 AND provider_id = $2`,
			tx.Scope.Org, p, in.NameClaim, in.RoleClaim, in.RoleValues, in.TeamClaim, in.TeamValues); err != nil {
			return err
		}
		return tenants.Audit(tx, "provider.mapped", "provider:"+p.String(), nil)
	})
}

// SwitchProvider lets people in through a provider, or no longer. Conflict to switch one on that was not tested with its settings, and
// to switch the last one off where it is the only way in.
func (s *Service) SwitchProvider(ctx context.Context, p id.Provider, on bool) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		have, err := anyProvider(tx, p)
		if err != nil {
			return err
		}
		state, action := "off", "provider.off"
		if on {
			state, action = "active", "provider.on"
		}
		switch {
		case have.State == state || !on && have.State != "active":
			return nil
		case on && have.TestedAt == nil:
			return errs.Say(errs.Conflict, "door.not_tested")
		case !on:
			if err := notLast(tx, p); err != nil {
				return err
			}
		}
		if err := tx.Must(`UPDATE providers SET state = $3 WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p, state); err != nil {
			return err
		}
		return tenants.Audit(tx, action, "provider:"+p.String(), nil)
	})
}

// notLast refuses to take the only way in.
func notLast(tx *db.Tx, p id.Provider) error {
	last, err := db.Row[bool](tx, `SELECT o.sign_in = 'oidc' AND EXISTS (SELECT 1 FROM providers p WHERE p.org_id = $1 AND p.provider_id = $2 AND p.state = 'active')
		AND NOT EXISTS (SELECT 1 FROM providers p WHERE p.org_id = $1 AND p.provider_id <> $2 AND p.state = 'active') FROM organizations o WHERE o.org_id = $1`, tx.Scope.Org, p)
	if err == nil && last {
		err = errs.Say(errs.Conflict, "door.last")
	}
	return err
}

// RemoveProvider removes one, whose name must be given, with the identities that came through it; its people stay members and their
// sessions through it end. Invalid for another name, Conflict for the only way in.
func (s *Service) RemoveProvider(ctx context.Context, p id.Provider, name string) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	who, _ := CurrentSession(ctx)
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		have, err := anyProvider(tx, p)
		if err != nil {
			return err
		}
		if !strings.EqualFold(strings.TrimSpace(name), have.Name) {
			return errs.Fields(errs.Field{Name: "name", Key: "door.bad.differs", Args: []any{"Name", have.Name}})
		}
		if err := notLast(tx, p); err != nil {
			return err
		}
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM sign_ins WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p)
			// Whoever removes it goes on working.
			db.Write(b, nil, `DELETE FROM sessions WHERE org_id = $1 AND provider_id = $2 AND session_id <> $3 AND handed_from IS DISTINCT FROM $3`, tx.Scope.Org, p, who.SessionID.UUID)
			db.Write(b, nil, `DELETE FROM identities WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p)
			db.Write(b, nil, `DELETE FROM providers WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p)
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "provider.removed", "provider:"+p.String(), map[string]string{"name": have.Name, "issuer": have.Issuer})
	})
}

// TestProvider sends an administrator to a provider of the acting organization to try its settings: nothing is opened by it. NotFound for
// one whose settings are not complete; otherwise as Begin.
func (s *Service) TestProvider(ctx context.Context, org tenants.Organization, p id.Provider, b Browser) (Start, error) {
	if err := authz.Check(ctx, authz.ManageProviders, org.OrgID); err != nil {
		return Start{}, err
	}
	return s.tryOut(ctx, org, p, b, tripTest)
}

// LinkProvider sends an administrator to a provider to make the account that is chosen there one of the own membership; as TestProvider.
func (s *Service) LinkProvider(ctx context.Context, org tenants.Organization, p id.Provider, b Browser) (Start, error) {
	if err := authz.Check(ctx, authz.ManageProviders, org.OrgID); err != nil {
		return Start{}, err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return Start{}, err
	}
	return s.tryOut(ctx, org, p, b, tripLink)
}

func (s *Service) tryOut(ctx context.Context, org tenants.Organization, p id.Provider, b Browser, purpose string) (Start, error) {
	who, err := scope.From(ctx)
	if err != nil {
		return Start{}, err
	}
	return s.begin(Enter(ctx, org.OrgID), org, p, b, "/admin/sign-in/"+p.String(), trip{Purpose: purpose, Membership: who.Membership})
}

// tested notes that an administrator went through, if the settings are still those.
func tested(tx *db.Tx, p Provider, who proven) error {
	if who.Email == "" {
		return missing("email", "email", "no verified address")
	}
	err := tx.Must(`UPDATE providers SET tested_at = $3, last_claims = $4 WHERE org_id = $1 AND provider_id = $2 AND settled_at IS NOT DISTINCT FROM $5`, tx.Scope.Org, p.ProviderID, tx.Now, seen(who.Claims), p.SettledAt)
	if errs.Is(err, errs.NotFound) {
		return refuse(Expired, "the settings changed meanwhile").at("provider")
	}
	if err != nil {
		return err
	}
	return tenants.Audit(tx, "provider.tested", "provider:"+p.ProviderID.String(), nil)
}

// linked makes the account one of the membership that went there for it. It needs nothing of the address: both sides were open in one
// browser, and the provider asked anew who it is.
func linked(tx *db.Tx, p Provider, who proven, m id.Membership) error {
	if !who.AuthAt.IsZero() {
		if err := fresh(who.AuthAt, tx.Now); err != nil {
			return err
		}
	}
	have, err := db.Row[identity](tx, `SELECT i.membership_id FROM identities i WHERE i.org_id = $1 AND i.provider_id = $2 AND i.subject = $3`, tx.Scope.Org, p.ProviderID, who.Subject)
	switch {
	case err == nil && have.MembershipID == m:
		return nil
	case err == nil:
		return refuse(NotInvited, "the account is somebody else's").at("link")
	case !errs.Is(err, errs.NotFound):
		return err
	}
	if _, err := tx.Exec(`INSERT INTO identities (org_id, provider_id, subject, membership_id, email, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		tx.Scope.Org, p.ProviderID, who.Subject, m, strings.ToLower(who.Email), tx.Now); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE providers SET last_claims = $3 WHERE org_id = $1 AND provider_id = $2`, tx.Scope.Org, p.ProviderID, seen(who.Claims)); err != nil {
		return err
	}
	return tenants.Audit(tx, "identity.linked", "membership:"+m.String(), map[string]string{"provider": p.ProviderID.String()})
}

// PublicKeys is the JWK set under which a provider checks the portal's assertions. NotFound for one that has a secret instead.
func (s *Service) PublicKeys(ctx context.Context, org tenants.Organization, p id.Provider) ([]byte, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return nil, err
	}
	var out []byte
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := anyProvider(tx, p)
		if err == nil && (v.AuthMethod != methodKey || !v.HasSecret) {
			err = errs.New(errs.NotFound, "provider %s has no key", p)
		}
		if err == nil {
			out, err = s.publicKeys(v)
		}
		return err
	})
	return out, err
}

// KeysURL is where PublicKeys are.
func (s *Service) KeysURL(slug string, p id.Provider) string {
	return s.baseURL(slug) + "/auth/keys/" + p.String()
}
