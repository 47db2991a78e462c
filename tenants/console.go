package tenants

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Standing is how an organization stands, as operators are told: how many, never who or what.
type Standing struct {
	OrgID       id.Org     `db:"org_id"`
	Slug        string     `db:"slug"`
	Name        string     `db:"name"`
	Short       string     `db:"short"`
	Hue         int        `db:"hue"`
	Chroma      float64    `db:"chroma"`
	SignIn      string     `db:"sign_in"`
	State       string     `db:"state"`
	StateAt     *time.Time `db:"state_at"`
	CreatedAt   time.Time  `db:"created_at"`
	People      int        `db:"people"`      // who have not left
	Storage     int64      `db:"storage"`     // bytes of files
	Connections int        `db:"connections"` // in force
	Failing     bool       `db:"failing"`     // the last sign-in at a provider did not work
}

// standingOf has console_orgs answer: it tells who acts as the console alone.
const standingOf = `SELECT c.org_id, c.slug, c.name, c.short, c.hue, c.chroma, c.sign_in, c.state, c.state_at, c.created_at, c.people, c.storage, c.connections, c.failing FROM console_orgs($1, $2, $3, $4, $5, $6) c`

// StandingFilter narrows the list of organizations; what is empty narrows nothing.
type StandingFilter struct {
	Find  string // in a name or a slug
	State string
	After string // the name of the last one seen, in lower case,
	Last  id.Org // and its identifier
	Limit int    // at most 10,000, default 50
}

// Standings lists organizations by name for operators, one more than the limit where there are more, with how many there are in each
// state.
func (s *Service) Standings(ctx context.Context, f StandingFilter) (list []Standing, states map[string]int, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return nil, nil, err
	}
	if f.Limit < 1 || f.Limit > 10_000 {
		f.Limit = 50
	}
	f.Find = strings.TrimSpace(f.Find)
	var counts []struct {
		State string `db:"state"`
		N     int    `db:"n"`
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, standingOf, nil, f.Find, f.State, f.After, f.Last, f.Limit+1)
		db.List(b, &counts, `SELECT c.state, c.n FROM console_states($1) c`, f.Find)
	})
	states = map[string]int{}
	for _, c := range counts {
		states[c.State] = c.N
	}
	return list, states, err
}

// StandingProvider is how an organization's provider does.
type StandingProvider struct {
	Name          string     `db:"name"`
	Issuer        string     `db:"issuer"`
	State         string     `db:"state"` // draft, active or off
	LastSignIn    *time.Time `db:"last_sign_in"`
	LastFailureAt *time.Time `db:"last_failure_at"`
	LastCheck     string     `db:"last_check"`
}

// Failing reports whether the last sign-in did not work.
func (p StandingProvider) Failing() bool {
	return p.LastFailureAt != nil && (p.LastSignIn == nil || p.LastSignIn.Before(*p.LastFailureAt))
}

// House is how one organization stands, in full.
type House struct {
	Standing

	Quota     Quota
	Admins    []string // addresses, at most 50
	Providers []StandingProvider
	Domains   []string // that are proven
	Hosts     []string // of its own, at which it answers
}

// Levels are the quotas and what of them is used, as its own administrators see them, but for invitations.
func (h House) Levels() []Level {
	u := Usage{Quota: h.Quota, Used: Quota{Storage: h.Storage, People: h.People}}
	return u.Levels()[:2]
}

// StandingOf returns how the organization with the slug stands, in whatever state it is, for operators; NotFound without one.
func (s *Service) StandingOf(ctx context.Context, slug string) (h House, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return h, err
	}
	o, err := s.find(ctx, nil, `o.slug = $1`, slug)
	if err != nil {
		return h, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return h, err
	}
	who.Org = o.OrgID // The limits are its own.
	var found bool
	var st Standing
	err = s.db.ReadAs(ctx, who, func(b *db.Batch) {
		db.One(b, &st, &found, standingOf, o.OrgID, "", "", "", nil, 1)
		db.One(b, &h.Quota, nil, quotaOf, quotaArgs(o.OrgID)...)
		db.List(b, &h.Admins, `SELECT a.email FROM console_admins($1) a`, o.OrgID)
		db.List(b, &h.Providers, `SELECT p.name, p.issuer, p.state, p.last_sign_in, p.last_failure_at, p.last_check FROM console_providers($1) p`, o.OrgID)
		db.List(b, &h.Domains, `SELECT d.domain FROM domains d WHERE d.org_id = $1 AND d.verified_at IS NOT NULL ORDER BY d.domain LIMIT 50`, o.OrgID)
		db.List(b, &h.Hosts, `SELECT h.host FROM hosts h WHERE h.org_id = $1 AND `+answers+` ORDER BY h.host LIMIT 50`, o.OrgID)
	})
	if err == nil && !found {
		err = errs.New(errs.NotFound, "organization %q", slug)
	}
	h.Standing = st
	return h, err
}

// Founder is the first administrator of a new organization.
type Founder struct{ Email, Name string }

// Found creates an organization and, if an address is named, its first administrator, in one transaction; the operator only, in the
// scope of the new one. Errors are those of CreateOrganization.
func (s *Service) Found(ctx context.Context, n NewOrganization, f Founder) (Organization, error) {
	if err := authz.Check(ctx, authz.CreateOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	var out Organization
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if out, err = AddOrganization(tx, n); err != nil || f.Email == "" {
			return err
		}
		_, err = AddMember(tx, NewMember{Email: f.Email, Name: f.Name, Locale: n.Locale, Roles: []scope.Role{scope.Administrator}})
		return err
	})
	return out, err
}

// CloseFor closes an organization on its operator's word, as its administrator would: its connections end, and after Hold everything is
// erased. Invalid without a reason and for another name, Conflict unless it is active.
func (s *Service) CloseFor(ctx context.Context, name, reason string) error {
	if err := authz.Check(ctx, authz.SuspendOrg, id.Org{}); err != nil {
		return err
	}
	if reason = strings.TrimSpace(reason); reason == "" || len([]rune(reason)) > reasonMost {
		return errs.Fields(errs.Field{Name: "reason", Key: "house.reason"})
	}
	var o Organization
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.As(scope.Operator, tx.Scope.Org, func() (err error) {
			o, err = closeHouse(tx, name, map[string]any{"reason": reason})
			return err
		})
	}); err != nil {
		return err
	}
	s.Changed(o)
	return nil
}

// ReopenFor lets a closed organization back in on its operator's word, while it is held. What was connected stays ended. Invalid without
// a reason, Conflict unless it is closed.
func (s *Service) ReopenFor(ctx context.Context, reason string) error {
	if err := authz.Check(ctx, authz.SuspendOrg, id.Org{}); err != nil {
		return err
	}
	return s.turn(ctx, OrgClosed, OrgActive, "organization.reopened", reason)
}
