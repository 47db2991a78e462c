package auth

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Listen tells administrators what becomes of their organization.
func (s *Service) Listen(r *jobs.Relay) { jobs.On(r, scope.Mailer, s.tellHouse) }

// addressee is an administrator who is told something.
type addressee struct {
	Email  string `db:"email"`
	Locale string `db:"locale"`
}

// told are the mails about the state that an organization is in.
var told = map[string]struct{ subject, text, path string }{ //nolint:gochecknoglobals // A constant table.
	tenants.OrgClosed: {"house.mail.closed_subject", "house.mail.closed", "/admin/organization"},
	tenants.OrgActive: {"house.mail.reopened_subject", "house.mail.reopened", "/network"},
}

// tellHouse writes to every administrator that the organization was closed, or opened again; once for each time, although the news
// may come twice.
func (s *Service) tellHouse(ctx context.Context, _ []tenants.OrganizationChanged) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		type state struct {
			tenants.Organization

			Reopened bool `db:"reopened"`
		}
		o, err := db.Row[state](tx, `SELECT `+tenants.OrgColumns+`,
			coalesce((SELECT a.action = 'organization.reopened' FROM audit a WHERE a.org_id = o.org_id AND a.action IN ('organization.reopened', 'organization.reinstated') ORDER BY a.seq DESC LIMIT 1), false) AS reopened
			FROM organizations o WHERE o.org_id = $1`, tx.Scope.Org)
		words, ok := told[o.State]
		if err != nil || !ok || o.StateAt == nil || o.State == tenants.OrgActive && !o.Reopened {
			return err
		}
		list, err := db.Rows[addressee](tx, `SELECT m.email, m.locale FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY(m.roles) ORDER BY m.membership_id LIMIT 1000`, tx.Scope.Org)
		if err != nil {
			return err
		}
		for _, to := range list {
			if err := s.tellOnce(tx, o.Organization, to, words.subject, words.text, words.path); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellOnce writes one mail, unless it was written since the organization is as it is.
func (s *Service) tellOnce(tx *db.Tx, o tenants.Organization, to addressee, subject, text, path string) error {
	ctx := tx.Context()
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	m := mail.Message{To: to.Email, Subject: lang.T(ctx, subject, "Org", o.Name), Text: lang.T(ctx, text, "Org", o.Name, "Date", lang.Date(ctx, *o.StateAt),
		"Until", lang.Date(ctx, o.StateAt.Add(tenants.Hold)), "Link", s.Address(o)+path)}
	sent, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM mails m WHERE m.org_id = $1 AND m.recipient = $2 AND m.subject = $3 AND m.created_at >= $4)`, o.OrgID, to.Email, m.Subject, o.StateAt.Truncate(time.Second))
	if err != nil || sent {
		return err
	}
	return s.mail.Send(tx, m)
}
