package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// errandQuota is how many steps an organization may have sent out at a time.
const errandQuota = 20

// Errand is a step that was sent to somebody who is no member: to set the record of a domain.
type Errand struct {
	Email  string // whom it was sent to
	Until  time.Time
	Domain tenants.Domain
}

// SendErrand mails the record of one of the acting organization's domains to an address, with a link that shows it and lets it be looked
// for, for seven days or until it is there. An earlier link for the domain to the address ends. NotFound for a domain that is not there
// or needs no record, Invalid for what is no address, RateLimited beyond 20 open ones.
func (s *Service) SendErrand(ctx context.Context, domain, address string) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	d, err := s.tenants.Domain(ctx, domain)
	if err != nil {
		return err
	}
	if d.Vouched() || d.State() == tenants.DomainVerified {
		return errs.New(errs.NotFound, "%s needs no record", domain)
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
		if _, err := tx.Exec(`DELETE FROM errands WHERE org_id = $1 AND (expires_at < $2 OR (domain = $3 AND email = $4))`, org.OrgID, tx.Now, d.Domain, email); err != nil {
			return err
		}
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM errands WHERE org_id = $1`, org.OrgID)
		if err != nil {
			return err
		}
		if n >= errandQuota {
			return errs.Say(errs.RateLimited, "setup.quota", "Count", errandQuota)
		}
		until := tx.Now.Add(inviteLife)
		if _, err := tx.Exec(`INSERT INTO errands (org_id, token_hash, email, domain, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			org.OrgID, secret.Hash(token), email, d.Domain, tx.Now, until); err != nil {
			return fmt.Errorf("send errand for %s: %w", d.Domain, err)
		}
		name, value := d.Record()
		if err := s.mail.Send(tx, mail.Message{
			To: email, Subject: lang.T(tx.Context(), "setup.mail.subject", "Org", org.Name, "Domain", d.Name()),
			Text: lang.T(tx.Context(), "setup.mail.body", "Org", org.Name, "Domain", d.Name(), "Name", name, "Value", value, "Until", lang.Date(tx.Context(), until), "Link", s.Address(org)+"/errand/"+token),
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "errand.sent", "domain:"+d.Domain, map[string]string{"email": email})
	})
}

// Errand looks at a step that was sent, without doing it. NotFound for one that is unknown, done or too old.
func (s *Service) Errand(ctx context.Context, org tenants.Organization, token string) (Errand, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Errand{}, err
	}
	if !secret.IsToken(token) {
		return Errand{}, errs.New(errs.NotFound, "no errand")
	}
	var out Errand
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, err := db.Row[struct {
			Email  string    `db:"email"`
			Until  time.Time `db:"expires_at"`
			Domain string    `db:"domain"`
			Token  string    `db:"token"`
		}](tx, `SELECT e.email, e.expires_at, d.domain, d.token FROM errands e JOIN domains d ON d.org_id = e.org_id AND d.domain = e.domain
			WHERE e.org_id = $1 AND e.token_hash = $2 AND e.expires_at > $3`, org.OrgID, secret.Hash(token), tx.Now)
		out = Errand{Email: r.Email, Until: r.Until, Domain: tenants.Domain{OrgID: org.OrgID, Domain: r.Domain, Token: r.Token}}
		return err
	})
	return out, err
}

// DoErrand looks for the record that a step was sent for, and returns the domain as it is then; once it is verified, the link is used up.
// NotFound as Errand; RateLimited and Unavailable as tenants.CheckDomain.
func (s *Service) DoErrand(ctx context.Context, org tenants.Organization, token string) (tenants.Domain, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return tenants.Domain{}, err
	}
	e, err := s.Errand(ctx, org, token)
	if err != nil {
		return tenants.Domain{}, err
	}
	d, err := s.tenants.CheckDomainFor(jobs.Enter(ctx, scope.Registrar, org.OrgID), e.Domain.Domain)
	if err != nil || d.State() != tenants.DomainVerified {
		return d, err
	}
	return d, s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM errands WHERE org_id = $1 AND token_hash = $2`, org.OrgID, secret.Hash(token)); err != nil {
			return err
		}
		return tenants.Audit(tx, "errand.done", "domain:"+d.Domain, map[string]string{"email": e.Email})
	})
}
