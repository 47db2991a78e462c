package auth

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/oauth2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
)

// making are the options of every passkey that an operator makes: found without a name, and never without the person.
func making(k deskKeys) []webauthn.RegistrationOption {
	return []webauthn.RegistrationOption{
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithExclusions(webauthn.Credentials(k.credentials).CredentialDescriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired}),
	}
}

// OfferFirstPasskey asks the browser of whoever holds a code to make a passkey: the options for navigator.credentials.create as JSON.
// NotFound for a code that does not hold, or that does not say yet whom it is for.
func (s *Service) OfferFirstPasskey(ctx context.Context, code string, b Browser) (options []byte, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return nil, err
	}
	if err := s.tryDesk(b.Network); err != nil {
		return nil, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		c, err := codeOf(tx, secret.Hash(code))
		if err == nil && c.Email == "" {
			err = errs.New(errs.NotFound, "a code without a name")
		}
		if err != nil {
			return err
		}
		options, err = s.offerDesk(tx, code, deskKeys{operator: id.New[id.Any](), name: c.Name, email: c.Email})
		return err
	})
	return options, err
}

func (s *Service) offerDesk(tx *db.Tx, key string, k deskKeys) ([]byte, error) {
	rp, err := s.desk()
	if err != nil {
		return nil, err
	}
	creation, q, err := rp.BeginRegistration(k, making(k)...)
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(creation.Response)
	if err != nil {
		return nil, err
	}
	return options, askDesk(tx, key, q)
}

// EnterWithPasskey makes an operator of whoever holds the code, with the passkey that the browser made, called name, and opens the
// first session. The code is spent. NotFound for one that does not hold, Invalid for an answer that does not.
func (s *Service) EnterWithPasskey(ctx context.Context, code, name string, answer []byte, b Browser) (out SignedIn, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return out, err
	}
	rp, err := s.desk()
	if err != nil {
		return out, err
	}
	made, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return out, deskRefused(ctx, "passkey", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		q, err := answeredDesk[webauthn.SessionData](tx, code)
		if err != nil {
			return err
		}
		k := deskKeys{}
		copy(k.operator.UUID[:], q.UserID)
		c, err := rp.CreateCredential(k, q, made)
		if err != nil {
			return deskRefused(ctx, "passkey", err)
		}
		if out, err = becomeOperator(tx, secret.Hash(code), k.operator, nil, nil, b, "passkey"); err != nil {
			return err
		}
		return keepDesk(tx, k.operator, c, name)
	})
	return out, err
}

func keepDesk(tx *db.Tx, operator id.Any, c *webauthn.Credential, name string) error {
	kept, err := json.Marshal(c)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO operator_passkeys (passkey_id, operator_id, credential_id, credential, name, created_at) SELECT $1, $2, $3, $4::text::jsonb, $5, $6
		WHERE (SELECT count(*) FROM operator_passkeys k WHERE k.operator_id = $2) < $7 ON CONFLICT (credential_id) DO NOTHING`, id.New[id.Any](), operator, c.ID, string(kept), name, tx.Now, passkeyQuota)
	if err == nil && n == 0 {
		err = errs.Say(errs.Conflict, "passkey.quota", "Count", passkeyQuota)
	}
	return err
}

// DeskPasskeys lists the passkeys of the operator who asks, the oldest first.
func (s *Service) DeskPasskeys(ctx context.Context) (out []Passkey, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return nil, err
	}
	who, err := operating(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT k.passkey_id, k.name, k.created_at, k.last_used_at FROM operator_passkeys k WHERE k.operator_id = $1 ORDER BY k.created_at, k.passkey_id LIMIT $2`, who.Operator, passkeyQuota)
	})
	return out, err
}

// OfferDeskPasskey asks the browser of the operator, which has the session of the token, for one more passkey.
func (s *Service) OfferDeskPasskey(ctx context.Context, token string) (options []byte, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return nil, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		k, err := deskRing(tx, tx.Scope.Operator)
		if err != nil {
			return err
		}
		options, err = s.offerDesk(tx, token, k)
		return err
	})
	return options, err
}

// AddDeskPasskey keeps what the browser made of OfferDeskPasskey. Invalid for an answer that does not hold and for a bad name.
func (s *Service) AddDeskPasskey(ctx context.Context, token, name string, answer []byte) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	if name = strings.Join(strings.Fields(name), " "); name == "" || utf8.RuneCountInString(name) > 80 {
		return errs.Fields(errs.Field{Name: "name", Key: "passkey.fault.name"})
	}
	rp, err := s.desk()
	if err != nil {
		return err
	}
	made, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return badPasskey(err)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		q, err := answeredDesk[webauthn.SessionData](tx, token)
		if err != nil {
			return err
		}
		k, err := deskRing(tx, tx.Scope.Operator)
		if err != nil {
			return err
		}
		c, err := rp.CreateCredential(k, q, made)
		if err != nil {
			return badPasskey(err)
		}
		if err := keepDesk(tx, k.operator, c, name); err != nil {
			return err
		}
		return noteAct(tx, k.operator, "passkey.added", "operator:"+k.operator.String(), map[string]string{"name": name})
	})
}

// RemoveDeskPasskey removes one of the operator who asks; Conflict for the last one of somebody who has no other way in.
func (s *Service) RemoveDeskPasskey(ctx context.Context, passkey id.Any) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM operator_passkeys WHERE operator_id = $1 AND passkey_id = $2`, tx.Scope.Operator, passkey); err != nil {
			return err
		}
		left, err := db.Row[bool](tx, `SELECT o.subject IS NOT NULL OR EXISTS (SELECT 1 FROM operator_passkeys k WHERE k.operator_id = o.operator_id) FROM operators o WHERE o.operator_id = $1`, tx.Scope.Operator)
		if err != nil {
			return err
		}
		if !left {
			return errs.Say(errs.Conflict, "operator.last_passkey")
		}
		return noteAct(tx, tx.Scope.Operator, "passkey.removed", "operator:"+tx.Scope.Operator.String(), nil)
	})
}

// AskDesk asks a browser for a passkey of an operator, whoever's it is: the options for navigator.credentials.get as JSON, and the value
// of the pre-login cookie that the answer has to come with.
func (s *Service) AskDesk(ctx context.Context, b Browser) (options []byte, pre string, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return nil, "", err
	}
	if err := s.tryDesk(b.Network); err != nil {
		return nil, "", err
	}
	rp, err := s.desk()
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
	return options, pre, s.db.Tx(ctx, func(tx *db.Tx) error { return askDesk(tx, pre, q) })
}

// UseDesk signs an operator in with what the browser answered to AskDesk. Invalid, in the same words, whatever does not hold.
func (s *Service) UseDesk(ctx context.Context, b Browser, answer []byte) (out SignedIn, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return out, err
	}
	rp, err := s.desk()
	if err != nil {
		return out, err
	}
	shown, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return out, deskRefused(ctx, "passkey", err)
	}
	var refusal error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		refusal = nil
		q, err := answeredDesk[webauthn.SessionData](tx, b.Pre)
		if errs.Is(err, errs.Invalid) {
			refusal = deskRefused(ctx, "passkey", err)
			return nil // The question is gone in any case.
		}
		if err != nil {
			return err
		}
		user, c, err := rp.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			var operator id.Any
			if len(handle) != len(operator.UUID) {
				return nil, errs.New(errs.NotFound, "handle of %d bytes", len(handle))
			}
			copy(operator.UUID[:], handle)
			return deskRing(tx, operator)
		}, q, shown)
		if err == nil && c.Authenticator.CloneWarning {
			err = errors.New("passkey whose counter went back: there may be a copy")
		}
		if err != nil {
			refusal = deskRefused(ctx, "passkey", err)
			return nil
		}
		k, _ := user.(deskKeys) // The function above makes no other.
		kept, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := tx.Must(`UPDATE operator_passkeys SET credential = $3::text::jsonb, last_used_at = $4 WHERE operator_id = $1 AND credential_id = $2`, k.operator, c.ID, string(kept), tx.Now); err != nil {
			return err
		}
		out, err = openDesk(tx, k.operator, b, "passkey")
		return err
	})
	if err == nil {
		err = refusal
	}
	return out, err
}

// deskRing is an active operator with the passkeys.
func deskRing(tx *db.Tx, operator id.Any) (deskKeys, error) {
	o, err := db.Row[Operator](tx, `SELECT `+operatorColumns+` FROM operators o WHERE o.operator_id = $1 AND o.state = 'active'`, operator)
	if err != nil {
		return deskKeys{}, err
	}
	list, err := db.Rows[string](tx, `SELECT k.credential::text FROM operator_passkeys k WHERE k.operator_id = $1 ORDER BY k.created_at, k.passkey_id LIMIT 100`, operator)
	if err != nil {
		return deskKeys{}, err
	}
	k := deskKeys{operator: o.OperatorID, name: o.Name, email: o.Email, credentials: make([]webauthn.Credential, len(list))}
	for i, c := range list {
		if err := json.Unmarshal([]byte(c), &k.credentials[i]); err != nil {
			return k, err
		}
	}
	return k, nil
}

// deskTrip is a way to the operators' provider and back.
type deskTrip struct {
	Nonce, Verifier string
	Cookie          []byte // hash of the pre-login cookie
	Code            []byte // hash of the code that the provider's identity comes in with; nil for somebody who is an operator
}

const deskCallback = "/host/auth/callback"

// BeginDesk starts a sign-in at the operators' provider; with a code, for whoever becomes an operator with it. NotFound without a
// provider.
func (s *Service) BeginDesk(ctx context.Context, b Browser, code string) (Start, error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return Start{}, err
	}
	prov := s.operators.provider
	if prov.Issuer == "" {
		return Start{}, errs.New(errs.NotFound, "operators have no provider")
	}
	if err := s.tryDesk(b.Network); err != nil {
		return Start{}, err
	}
	i, err := s.issuers.get(ctx, prov.Issuer)
	if err != nil {
		return Start{}, deskRefused(ctx, "provider", err)
	}
	state, nonce, pre := secret.NewToken(), secret.NewToken(), b.Pre
	if !secret.IsToken(pre) {
		pre = secret.NewToken()
	}
	t := deskTrip{Nonce: nonce, Verifier: oauth2.GenerateVerifier(), Cookie: secret.Hash(pre)}
	if code != "" {
		t.Code = secret.Hash(code)
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error { return askDesk(tx, state, t) }); err != nil {
		return Start{}, err
	}
	cfg := s.oauth(prov, i, "", s.OperatorURL(deskCallback))
	return Start{URL: cfg.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(t.Verifier), oauth2.SetAuthURLParam("prompt", "login")), Pre: pre}, nil
}

// FinishDesk ends a sign-in with the answer of the operators' provider: once, by the browser that began it, with every check that the
// providers of organizations pass. Only the subject says who it is; an address links nothing.
func (s *Service) FinishDesk(ctx context.Context, c Callback) (out SignedIn, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return out, err
	}
	prov := s.operators.provider
	if prov.Issuer == "" || !secret.IsToken(c.State) || !secret.IsToken(c.Browser.Pre) {
		return out, deskRefused(ctx, "provider", errors.New("no state, no cookie or no provider"))
	}
	var t deskTrip
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		t, err = answeredDesk[deskTrip](tx, c.State)
		if errs.Is(err, errs.Invalid) {
			t, err = deskTrip{}, nil
		}
		return err
	})
	if err != nil {
		return out, err
	}
	if len(t.Cookie) == 0 || !secret.Equal(string(t.Cookie), string(secret.Hash(c.Browser.Pre))) {
		return out, deskRefused(ctx, "provider", errors.New("state unknown, used, too old or of another browser"))
	}
	i, err := s.issuers.get(ctx, prov.Issuer)
	if err != nil {
		return out, deskRefused(ctx, "provider", err)
	}
	if c.Iss == "" && i.meta.IssInAnswer || c.Iss != "" && c.Iss != prov.Issuer || c.Error != "" || c.Code == "" || len(c.Code) > 4096 {
		return out, deskRefused(ctx, "provider", errors.New("answer without a code, or of another issuer"))
	}
	who, err := s.redeem(ctx, prov, s.OperatorURL(deskCallback), c.Code, t.Verifier, t.Nonce)
	if err != nil {
		return out, deskRefused(ctx, "provider", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if t.Code != nil {
			out, err = becomeOperator(tx, t.Code, id.New[id.Any](), &who.Subject, &prov.Issuer, c.Browser, "provider")
			return err
		}
		operator, err := db.Row[id.Any](tx, `SELECT o.operator_id FROM operators o WHERE o.issuer = $1 AND o.subject = $2 AND o.state = 'active'`, prov.Issuer, who.Subject)
		if err != nil {
			return err
		}
		out, err = openDesk(tx, operator, c.Browser, "provider")
		return err
	})
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Conflict) {
		return out, deskRefused(ctx, "unknown", err)
	}
	return out, err
}
