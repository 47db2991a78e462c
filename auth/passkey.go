package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Passkey is a passkey as its person sees it.
type Passkey struct {
	PasskeyID  id.Any     `db:"passkey_id"`
	Name       string     `db:"name"`
	CreatedAt  time.Time  `db:"created_at"`
	LastUsedAt *time.Time `db:"last_used_at"` // nil: never
}

const (
	passkeyLife  = 5 * time.Minute // of a question
	passkeyQuota = 10              // of a person
)

// keyring is a membership as WebAuthn knows it. Its handle is the membership's identifier, which says nothing of the person.
type keyring struct {
	tenants.Membership

	credentials []webauthn.Credential
}

// WebAuthnID implements webauthn.User.
func (k keyring) WebAuthnID() []byte { return k.MembershipID.UUID[:] }

// WebAuthnName implements webauthn.User.
func (k keyring) WebAuthnName() string { return k.Email }

// WebAuthnDisplayName implements webauthn.User.
func (k keyring) WebAuthnDisplayName() string { return k.Name }

// WebAuthnCredentials implements webauthn.User.
func (k keyring) WebAuthnCredentials() []webauthn.Credential { return k.credentials }

// party is the organization as a relying party: passkeys are of its host below the portal's own, where its people sign in, and of no
// other organization's.
func (s *Service) party(org tenants.Organization) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(s.baseURL(org.Slug))
	if err != nil {
		return nil, err
	}
	return webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: org.Name, RPOrigins: []string{u.String()}})
}

// takesPasskeys reports whether people of the organization may come in without its provider.
func takesPasskeys(org tenants.Organization) bool { return org.SignIn == "email" }

// Passkeys lists those of the member who asks, the oldest first.
func (s *Service) Passkeys(ctx context.Context) (out []Passkey, err error) {
	if err := authz.Check(ctx, authz.OwnSessions, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT k.passkey_id, k.name, k.created_at, k.last_used_at FROM passkeys k WHERE k.org_id = $1 AND k.membership_id = $2 ORDER BY k.created_at, k.passkey_id LIMIT $3`, sc.Org, sc.Membership, passkeyQuota)
	})
	return out, err
}

// OfferPasskey asks the member's browser, which has the session of the token, to make a passkey: the options for
// navigator.credentials.create as JSON. It needs a fresh sign-in. Conflict where the provider is the only way in, and for the eleventh.
func (s *Service) OfferPasskey(ctx context.Context, org tenants.Organization, token string) (options []byte, err error) {
	if err := authz.Check(ctx, authz.OwnSessions, org.OrgID); err != nil {
		return nil, err
	}
	if err := s.mayAdd(ctx, org); err != nil {
		return nil, err
	}
	rp, err := s.party(org)
	if err != nil {
		return nil, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		k, err := ring(tx, tx.Scope.Membership)
		if err != nil {
			return err
		}
		if len(k.credentials) >= passkeyQuota {
			return errs.Say(errs.Conflict, "passkey.quota", "Count", passkeyQuota)
		}
		creation, q, err := rp.BeginRegistration(k, webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
			webauthn.WithExclusions(webauthn.Credentials(k.credentials).CredentialDescriptors()),
			webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired}))
		if err != nil {
			return err
		}
		if options, err = json.Marshal(creation.Response); err != nil {
			return err
		}
		return ask(tx, token, q)
	})
	if err != nil {
		return nil, fmt.Errorf("offer passkey: %w", err)
	}
	return options, nil
}

func (s *Service) mayAdd(ctx context.Context, org tenants.Organization) error {
	if !takesPasskeys(org) {
		return errs.Say(errs.Conflict, "passkey.shut")
	}
	return authz.Fresh(ctx, s.now())
}

// AddPasskey keeps what the browser made of OfferPasskey, under a name that the member chose. Invalid for an answer that does not hold,
// and for a name that is missing or longer than 80 characters.
func (s *Service) AddPasskey(ctx context.Context, org tenants.Organization, token, name string, answer []byte) error {
	if err := authz.Check(ctx, authz.OwnSessions, org.OrgID); err != nil {
		return err
	}
	if err := s.mayAdd(ctx, org); err != nil {
		return err
	}
	if name = strings.Join(strings.Fields(name), " "); name == "" || utf8.RuneCountInString(name) > 80 {
		return errs.Fields(errs.Field{Name: "name", Key: "passkey.fault.name"})
	}
	rp, err := s.party(org)
	if err != nil {
		return err
	}
	made, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return badPasskey(err)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		q, err := answered(tx, token)
		if err != nil {
			return err
		}
		k, err := ring(tx, tx.Scope.Membership)
		if err != nil {
			return err
		}
		c, err := rp.CreateCredential(k, q, made)
		if err != nil {
			return badPasskey(err)
		}
		kept, err := json.Marshal(c)
		if err != nil {
			return err
		}
		passkey := id.New[id.Any]()
		n, err := tx.Exec(`INSERT INTO passkeys (org_id, passkey_id, membership_id, credential_id, credential, name, created_at) SELECT $1, $2, $3, $4, $5::text::jsonb, $6, $7
			WHERE (SELECT count(*) FROM passkeys k WHERE k.org_id = $1 AND k.membership_id = $3) < $8 ON CONFLICT (org_id, credential_id) DO NOTHING`,
			tx.Scope.Org, passkey, tx.Scope.Membership, c.ID, string(kept), name, tx.Now, passkeyQuota)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.Say(errs.Conflict, "passkey.quota", "Count", passkeyQuota)
		}
		return tenants.Audit(tx, "passkey.added", "membership:"+tx.Scope.Membership.String(), map[string]string{"passkey": passkey.String()})
	})
}

func badPasskey(err error) error {
	return &errs.Error{Kind: errs.Invalid, Key: "passkey.fault.answer", Err: err}
}

// RemovePasskey removes one of the member who asks. NotFound for anybody else's.
func (s *Service) RemovePasskey(ctx context.Context, passkey id.Any) error {
	if err := authz.Check(ctx, authz.OwnSessions, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM passkeys WHERE org_id = $1 AND membership_id = $2 AND passkey_id = $3`, tx.Scope.Org, tx.Scope.Membership, passkey); err != nil {
			return err
		}
		return tenants.Audit(tx, "passkey.removed", "membership:"+tx.Scope.Membership.String(), map[string]string{"passkey": passkey.String()})
	})
}

// AskPasskey asks a browser for a passkey of the organization, whoever's it is: the options for navigator.credentials.get as JSON, and the
// value of the pre-login cookie that the answer has to come with. NotFound where the provider is the only way in.
func (s *Service) AskPasskey(ctx context.Context, org tenants.Organization, b Browser) (options []byte, pre string, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return nil, "", err
	}
	if !takesPasskeys(org) {
		return nil, "", errs.New(errs.NotFound, "%s takes no passkeys", org.Slug)
	}
	rp, err := s.party(org)
	if err != nil {
		return nil, "", err
	}
	assertion, q, err := rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", err
	}
	if options, err = json.Marshal(assertion.Response); err != nil {
		return nil, "", err
	}
	if pre = b.Pre; !secret.IsToken(pre) {
		pre = secret.NewToken()
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.try(tx, tryStart, b.Network, 20, time.Minute); err != nil {
			return err
		}
		return ask(tx, pre, q)
	})
	return options, pre, err
}

// UsePasskey signs in with what the browser answered to AskPasskey. A Refusal if it does not hold; it is written down.
func (s *Service) UsePasskey(ctx context.Context, org tenants.Organization, b Browser, returnTo string, answer []byte) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	if !takesPasskeys(org) {
		return SignedIn{}, errs.New(errs.NotFound, "%s takes no passkeys", org.Slug)
	}
	out, err := s.byPasskey(ctx, org, b, answer)
	if err != nil {
		return SignedIn{}, s.note(ctx, org, trip{}, Provider{}, "", err)
	}
	out.ReturnTo = ReturnTo(returnTo)
	return out, nil
}

func (s *Service) byPasskey(ctx context.Context, org tenants.Organization, b Browser, answer []byte) (out SignedIn, err error) {
	rp, err := s.party(org)
	if err != nil {
		return out, err
	}
	shown, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return out, refuse(Unverified, "passkey: %w", err).at("passkey")
	}
	var refusal error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		refusal = nil
		q, err := answered(tx, b.Pre)
		if errs.Is(err, errs.Invalid) { // The question is gone in any case.
			refusal = refuse(Expired, "no passkey was asked for, or too long ago").at("passkey")
			return nil
		}
		if err != nil {
			return err
		}
		user, c, err := rp.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			m, err := membershipOf(handle)
			if err != nil {
				return nil, err
			}
			return ring(tx, m)
		}, q, shown)
		if err != nil {
			refusal = refuse(Unverified, "passkey: %w", err).at("passkey")
			return nil
		}
		if c.Authenticator.CloneWarning {
			refusal = refuse(Unverified, "passkey whose counter went back: there may be a copy").at("passkey")
			return nil
		}
		k, ok := user.(keyring)
		if !ok {
			return fmt.Errorf("passkey of a %T", user)
		}
		if err := used(tx, k.MembershipID, c); err != nil {
			return err
		}
		out.Token, out.Until, err = s.open(tx, k.Membership, b, id.Provider{}, proven{AuthAt: tx.Now})
		return err
	})
	if err == nil {
		err = refusal
	}
	return out, err
}

func membershipOf(handle []byte) (m id.Membership, err error) {
	if len(handle) != len(m.UUID) {
		return m, errs.New(errs.NotFound, "handle of %d bytes", len(handle))
	}
	copy(m.UUID[:], handle)
	return m, nil
}

// used keeps the counter of a passkey and when it was used.
func used(tx *db.Tx, m id.Membership, c *webauthn.Credential) error {
	kept, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.Must(`UPDATE passkeys SET credential = $4::text::jsonb, last_used_at = $5 WHERE org_id = $1 AND membership_id = $2 AND credential_id = $3`, tx.Scope.Org, m, c.ID, string(kept), tx.Now)
}

// ring is an active membership of tx's organization with its passkeys.
func ring(tx *db.Tx, m id.Membership) (k keyring, err error) {
	if k.Membership, err = tenants.MemberByID(tx, m); err != nil {
		return k, err
	}
	if k.State != "active" {
		return k, errs.New(errs.NotFound, "membership %s is %s", m, k.State)
	}
	list, err := db.Rows[string](tx, `SELECT k.credential::text FROM passkeys k WHERE k.org_id = $1 AND k.membership_id = $2 ORDER BY k.created_at, k.passkey_id LIMIT 100`, tx.Scope.Org, m)
	if err != nil {
		return k, err
	}
	k.credentials = make([]webauthn.Credential, len(list))
	for i, c := range list {
		if err := json.Unmarshal([]byte(c), &k.credentials[i]); err != nil {
			return k, fmt.Errorf("passkey of %s: %w", m, err)
		}
	}
	return k, nil
}

// ask keeps what a browser was asked, in place of what it was asked before.
func ask(tx *db.Tx, browser string, q *webauthn.SessionData) error {
	b, err := json.Marshal(q)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO passkey_questions (org_id, browser_hash, question, expires_at) VALUES ($1, $2, $3::text::jsonb, $4)
		ON CONFLICT (org_id, browser_hash) DO UPDATE SET question = excluded.question, expires_at = excluded.expires_at`, tx.Scope.Org, secret.Hash(browser), string(b), tx.Now.Add(passkeyLife))
	return err
}

// answered takes what the browser was asked; a question is answered once. Invalid if there is none, or it is too old.
func answered(tx *db.Tx, browser string) (q webauthn.SessionData, err error) {
	row, err := db.Row[struct {
		Question string    `db:"question"`
		Until    time.Time `db:"expires_at"`
	}](tx, `DELETE FROM passkey_questions WHERE org_id = $1 AND browser_hash = $2 RETURNING question::text AS question, expires_at`, tx.Scope.Org, secret.Hash(browser))
	if errs.Is(err, errs.NotFound) || err == nil && row.Until.Before(tx.Now) {
		return q, badPasskey(errs.New(errs.Invalid, "nothing was asked"))
	}
	if err != nil {
		return q, err
	}
	return q, json.Unmarshal([]byte(row.Question), &q)
}
