package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// ProviderErrand is the settings of a provider, sent to somebody who is no member to be filled in. Of what is there already it tells
// nothing but the preset.
type ProviderErrand struct {
	Email    string // whom it was sent to
	Until    time.Time
	Provider id.Provider
	Preset   string
	Name     string // of the provider
}

// SendProvider mails a link to an address that shows the form of one provider, for seven days or until it was filled in. An earlier link
// for the provider to the address ends. Conflict while the provider lets people in; Invalid for what is no address, RateLimited beyond 20
// open ones.
func (s *Service) SendProvider(ctx context.Context, p id.Provider, address string) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	email, err := mail.Address(address)
	if err != nil {
		return err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	org, err := s.tenants.ByID(ctx, who.Org)
	if err != nil {
		return err
	}
	token := secret.NewToken()
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := anyProvider(tx, p)
		if err != nil {
			return err
		}
		if v.State == "active" {
			return errs.Say(errs.Conflict, "door.send_active")
		}
		if _, err := tx.Exec(`DELETE FROM provider_errands WHERE org_id = $1 AND (expires_at < $2 OR (provider_id = $3 AND email = $4))`, org.OrgID, tx.Now, p, email); err != nil {
			return err
		}
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM provider_errands WHERE org_id = $1`, org.OrgID)
		if err != nil {
			return err
		}
		if n >= errandQuota {
			return errs.Say(errs.RateLimited, "setup.quota", "Count", errandQuota)
		}
		until := tx.Now.Add(inviteLife)
		if _, err := tx.Exec(`INSERT INTO provider_errands (org_id, token_hash, provider_id, email, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			org.OrgID, secret.Hash(token), p, email, tx.Now, until); err != nil {
			return fmt.Errorf("send provider %s: %w", p, err)
		}
		if err := s.mail.Send(tx, mail.Message{
			To: email, Subject: lang.T(tx.Context(), "door.mail.send_subject", "Org", org.Name),
			Text: lang.T(tx.Context(), "door.mail.send", "Org", org.Name, "Redirect", s.RedirectURI(org.Slug, p), "Until", lang.Date(tx.Context(), until), "Link", s.Address(org)+"/errand/sign-in/"+token),
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "provider.sent", "provider:"+p.String(), map[string]string{"email": email})
	})
}

// ProviderErrand looks at a form that was sent, without filling it in. NotFound for one that is unknown, filled in or too old, and for a
// provider that lets people in by now.
func (s *Service) ProviderErrand(ctx context.Context, org tenants.Organization, token string) (out ProviderErrand, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return out, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		out, _, err = heldErrand(tx, token)
		return err
	})
	return out, err
}

func heldErrand(tx *db.Tx, token string) (ProviderErrand, Provider, error) {
	if !secret.IsToken(token) {
		return ProviderErrand{}, Provider{}, errs.New(errs.NotFound, "no errand")
	}
	r, err := db.Row[struct {
		Email    string      `db:"email"`
		Until    time.Time   `db:"expires_at"`
		Provider id.Provider `db:"provider_id"`
	}](tx, `SELECT e.email, e.expires_at, e.provider_id FROM provider_errands e WHERE e.org_id = $1 AND e.token_hash = $2 AND e.expires_at > $3`, tx.Scope.Org, secret.Hash(token), tx.Now)
	if err != nil {
		return ProviderErrand{}, Provider{}, err
	}
	p, err := anyProvider(tx, r.Provider)
	if err == nil && p.State == "active" {
		err = errs.New(errs.NotFound, "provider %s lets people in by now", p.ProviderID)
	}
	return ProviderErrand{Email: r.Email, Until: r.Until, Provider: r.Provider, Preset: p.Preset, Name: p.Name}, p, err
}

// FillProvider keeps the settings that whoever was sent the form filled in, and uses the link up. The provider keeps its name, and lets
// nobody in before an administrator tested it. NotFound as ProviderErrand, Invalid as SaveProvider.
func (s *Service) FillProvider(ctx context.Context, org tenants.Organization, token string, in Settings) error {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return err
	}
	var have Provider
	var used bool
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if _, have, err = heldErrand(tx, token); err != nil {
			return err
		}
		used, err = db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM identities i WHERE i.org_id = $1 AND i.provider_id = $2)`, org.OrgID, have.ProviderID)
		return err
	}); err != nil {
		return err
	}
	in.Name = have.Name
	have.HasSecret = false // What is kept is not theirs to leave as it is.
	in, err := s.check(ctx, have, used, in)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		e, _, err := heldErrand(tx, token)
		if err != nil {
			return err
		}
		if err := tx.Must(`DELETE FROM provider_errands WHERE org_id = $1 AND token_hash = $2`, org.OrgID, secret.Hash(token)); err != nil {
			return err
		}
		if err := s.keep(tx, e.Provider, in); err != nil {
			return err
		}
		return tenants.Audit(tx, "provider.filled", "provider:"+e.Provider.String(), map[string]string{"email": e.Email, "issuer": in.Issuer, "client": in.ClientID})
	})
}
