package tenants

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/sync/errgroup"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// The states of a domain.
const (
	DomainWaiting  = "waiting"  // the record has not been seen
	DomainVerified = "verified" // the record is there: people come and join by the domain
	DomainLost     = "lost"     // the record was there and is missing: nobody new comes by the domain
)

const (
	domainLimit = 20                  // of an organization
	lookEvery   = 10 * time.Second    // how soon the DNS may be asked again for one domain
	lookTime    = 5 * time.Second     // how long one answer may take
	silence     = 7 * 24 * time.Hour  // without any answer until a domain counts as lost
	waitingLife = 30 * 24 * time.Hour // how long a domain that was never proven is looked for every day
	dueAfter    = 20 * time.Hour      // since the last look: the daily job may come earlier than a day later
)

// Domain is a name that an organization says is its own.
type Domain struct {
	OrgID      id.Org     `db:"org_id"`
	Domain     string     `db:"domain"` // in its IDNA form, lower case
	Token      string     `db:"token"`  // what the record says; "" for a domain that the operator vouches for
	CreatedAt  time.Time  `db:"created_at"`
	VerifiedAt *time.Time `db:"verified_at"`
	LostAt     *time.Time `db:"lost_at"`
	TriedAt    *time.Time `db:"tried_at"`    // when the DNS was asked last
	AnsweredAt *time.Time `db:"answered_at"` // when it answered last, whatever it said
}

const domainColumns = `d.org_id, d.domain, d.token, d.created_at, d.verified_at, d.lost_at, d.tried_at, d.answered_at`

// State is one of the states of a domain.
func (d Domain) State() string {
	switch {
	case d.VerifiedAt != nil:
		return DomainVerified
	case d.LostAt != nil:
		return DomainLost
	}
	return DomainWaiting
}

// Vouched reports that the operator answers for the domain, so that no record is asked for.
func (d Domain) Vouched() bool { return d.Token == "" }

// Name is the domain as people write it.
func (d Domain) Name() string {
	if u, err := idna.Display.ToUnicode(d.Domain); err == nil {
		return u
	}
	return d.Domain
}

// Record is the TXT record that proves the domain: its name and its value.
func (d Domain) Record() (name, value string) {
	return recordLabel + "." + d.Domain, "learnscape-verification=" + d.Token
}

const recordLabel = "_learnscape"

// dnsName returns a host name in its IDNA form, lower case and without a final dot; ok is false for whatever is none: a name of one
// label, an address, labels that are empty or too long.
func dnsName(s string) (name string, ok bool) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.TrimSpace(s), "."))
	if err != nil {
		return "", false
	}
	ascii = strings.ToLower(ascii)
	labels := strings.Split(ascii, ".")
	last := labels[len(labels)-1]
	if len(labels) < 2 || len(ascii) > 253-len(recordLabel)-1 || strings.Trim(last, "0123456789") == "" || net.ParseIP(ascii) != nil {
		return "", false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.ContainsAny(l, "_ /:@\\'\"") {
			return "", false
		}
	}
	return ascii, true
}

// domainName is dnsName for what can belong to somebody: no public suffix, under which everybody registers, and not the
// installation's own.
func (s *Service) domainName(in string) (string, error) {
	field := func(key string) error { return errs.Fields(errs.Field{Name: "domain", Key: key}) }
	name, ok := dnsName(in)
	if !ok {
		return "", field("domains.bad.form")
	}
	if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name {
		return "", field("domains.bad.suffix")
	}
	if s.ours(name) {
		return "", field("domains.bad.ours")
	}
	return name, nil
}

// ours reports whether a name is the installation's own, or under it.
func (s *Service) ours(name string) bool {
	base := hostname(s.base)
	return name == base || strings.HasSuffix(name, "."+base)
}

// Domains lists the acting organization's domains by name, for its administrator.
func (s *Service) Domains(ctx context.Context) (out []Domain, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+domainColumns+` FROM domains d WHERE d.org_id = $1 ORDER BY d.domain LIMIT $2`, who.Org, domainLimit)
	})
	return out, err
}

// Domain returns one of the acting organization's domains; NotFound for any other name.
func (s *Service) Domain(ctx context.Context, name string) (d Domain, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Domain{}, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		d, err = domain(tx, name)
		return err
	})
	return d, err
}

func domain(tx *db.Tx, name string) (Domain, error) {
	return db.Row[Domain](tx, `SELECT `+domainColumns+` FROM domains d WHERE d.org_id = $1 AND d.domain = $2`, tx.Scope.Org, name)
}

// AddDomain takes a name down as the acting organization's, to be proven. Whether another organization names it too is not told.
// Invalid for what cannot belong to anybody or is there already, RateLimited beyond 20.
func (s *Service) AddDomain(ctx context.Context, name string) (d Domain, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Domain{}, err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return Domain{}, err
	}
	if name, err = s.domainName(name); err != nil {
		return Domain{}, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM domains d WHERE d.org_id = $1`, tx.Scope.Org)
		if err != nil {
			return err
		}
		if n >= domainLimit {
			return errs.Fields(errs.Field{Name: "domain", Key: "domains.bad.many", Args: []any{"Count", domainLimit}})
		}
		d, err = db.Row[Domain](tx, `INSERT INTO domains AS d (org_id, domain, token, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, domain) DO NOTHING RETURNING `+domainColumns,
			tx.Scope.Org, name, secret.NewToken(), tx.Now)
		if errs.Is(err, errs.NotFound) {
			return errs.Fields(errs.Field{Name: "domain", Key: "domains.bad.there"})
		}
		if err != nil {
			return err
		}
		return Audit(tx, "domain.added", "domain:"+name, nil)
	})
	return d, err
}

// RemoveDomain gives up one of the acting organization's domains: nobody new comes by it any more, and to have it again it must be
// proven again. NotFound if there is none.
func (s *Service) RemoveDomain(ctx context.Context, name string) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	return s.changeHosts(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM domains WHERE org_id = $1 AND domain = $2`, tx.Scope.Org, name); err != nil {
			return fmt.Errorf("remove domain %s: %w", name, err)
		}
		return Audit(tx, "domain.removed", "domain:"+name, nil)
	})
}

// PeopleOfDomain counts the acting organization's people with an address of the domain.
func (s *Service) PeopleOfDomain(ctx context.Context, name string) (n int, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return 0, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err = db.Row[int](tx, `SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.state <> 'left' AND split_part(m.email, '@', 2) = $2`, tx.Scope.Org, name)
		return err
	})
	return n, err
}

// CheckDomain looks for the record of one of the acting organization's domains and returns the domain as it is then. NotFound if
// there is none, RateLimited within ten seconds of the last look, Unavailable if the DNS gives no answer.
func (s *Service) CheckDomain(ctx context.Context, name string) (d Domain, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Domain{}, err
	}
	return s.checkDomain(ctx, name)
}

// CheckDomainFor is CheckDomain for the registrar of one organization, where somebody looks who is no member.
func (s *Service) CheckDomainFor(ctx context.Context, name string) (Domain, error) {
	if err := authz.Check(ctx, authz.CheckDomains, id.Org{}); err != nil {
		return Domain{}, err
	}
	return s.checkDomain(ctx, name)
}

func (s *Service) checkDomain(ctx context.Context, name string) (d Domain, err error) {
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err = domain(tx, name); err != nil || d.Vouched() {
			return err
		}
		n, err := tx.Exec(`UPDATE domains SET tried_at = $3 WHERE org_id = $1 AND domain = $2 AND (tried_at IS NULL OR tried_at <= $4)`, tx.Scope.Org, name, tx.Now, tx.Now.Add(-lookEvery))
		if err == nil && n == 0 {
			return &errs.Error{Kind: errs.RateLimited, Key: "domains.soon", RetryAfter: lookEvery}
		}
		return err
	}); err != nil || d.Vouched() {
		return d, err
	}
	there, lookErr := s.lookFor(ctx, d)
	if err := s.seen(ctx, d, there, lookErr); err != nil {
		return d, err
	}
	if lookErr != nil {
		return d, &errs.Error{Kind: errs.Unavailable, Key: "domains.silent", Err: lookErr}
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		d, err = domain(tx, name)
		return err
	})
	return d, err
}

// CheckDomains looks for the records of all organizations' domains that were not looked for within the last 20 hours; the registrar
// only. A domain that was not proven within 30 days is looked for on demand alone.
func (s *Service) CheckDomains(ctx context.Context) error {
	if err := authz.Check(ctx, authz.CheckDomains, id.Org{}); err != nil {
		return err
	}
	for {
		var due []Domain
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			due, err = db.Rows[Domain](tx, `SELECT `+domainColumns+` FROM domains d WHERE d.token <> '' AND (d.tried_at IS NULL OR d.tried_at < $1)
				AND (d.verified_at IS NOT NULL OR d.lost_at IS NOT NULL OR d.created_at > $2) ORDER BY d.tried_at NULLS FIRST, d.org_id, d.domain LIMIT 100`,
				tx.Now.Add(-dueAfter), tx.Now.Add(-waitingLife))
			return err
		}); err != nil || len(due) == 0 {
			return err
		}
		var g errgroup.Group
		g.SetLimit(8)
		for _, d := range due {
			g.Go(func() error {
				there, lookErr := s.lookFor(ctx, d)
				if lookErr != nil {
					slog.InfoContext(ctx, "the DNS gave no answer", "domain", d.Domain, "error", lookErr)
				}
				return s.seen(ctx, d, there, lookErr)
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// lookFor asks the DNS for the record. An error means that there was no answer, which says nothing about the record.
func (s *Service) lookFor(ctx context.Context, d Domain) (there bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	name, want := d.Record()
	texts, err := s.dns.LookupTXT(ctx, name+".")
	if no, ok := errors.AsType[*net.DNSError](err); ok && no.IsNotFound {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", name, err)
	}
	// Some forms of providers keep the quotation marks that they were given.
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Trim(t, "\" ") == want }), nil
}

// seen writes down what a look into the DNS showed, as the registrar of the domain's organization.
func (s *Service) seen(ctx context.Context, d Domain, there bool, lookErr error) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.As(scope.Registrar, d.OrgID, func() error { return seenDomain(tx, d, there, lookErr == nil) })
	})
	if errs.Is(err, errs.Conflict) {
		return nil // Somebody proved it in the same moment; it waits, as for everybody who comes second.
	}
	if err != nil {
		return fmt.Errorf("note domain %s: %w", d.Domain, err)
	}
	return nil
}

func seenDomain(tx *db.Tx, d Domain, there, answered bool) error {
	if answered {
		// A domain that was removed meanwhile has no row, and nothing below finds one.
		if _, err := tx.Exec(`UPDATE domains SET tried_at = $3, answered_at = $3 WHERE org_id = $1 AND domain = $2`, d.OrgID, d.Domain, tx.Now); err != nil {
			return err
		}
	} else if _, err := tx.Exec(`UPDATE domains SET tried_at = $3 WHERE org_id = $1 AND domain = $2`, d.OrgID, d.Domain, tx.Now); err != nil {
		return err
	}
	var n int64
	var err error
	action := "domain.verified"
	switch {
	case there:
		// Of two who prove the same, the first has it as long as its record stands: it is looked for every day.
		n, err = tx.Exec(`UPDATE domains SET verified_at = $3, lost_at = NULL WHERE org_id = $1 AND domain = $2 AND token = $4 AND verified_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM domains o WHERE o.domain = $2 AND o.org_id <> $1 AND o.verified_at IS NOT NULL)`, d.OrgID, d.Domain, tx.Now, d.Token)
	case answered:
		action = "domain.lost"
		n, err = tx.Exec(`UPDATE domains SET verified_at = NULL, lost_at = $3 WHERE org_id = $1 AND domain = $2 AND token = $4 AND verified_at IS NOT NULL`, d.OrgID, d.Domain, tx.Now, d.Token)
	default:
		action = "domain.lost"
		n, err = tx.Exec(`UPDATE domains SET verified_at = NULL, lost_at = $3 WHERE org_id = $1 AND domain = $2 AND token = $4 AND verified_at IS NOT NULL AND coalesce(answered_at, verified_at) < $5`,
			d.OrgID, d.Domain, tx.Now, d.Token, tx.Now.Add(-silence))
	}
	if err != nil || n == 0 {
		return err
	}
	return Audit(tx, action, "domain:"+d.Domain, nil)
}
