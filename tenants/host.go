package tenants

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// hostLimit is how many hosts of its own an organization can have.
const hostLimit = 10

// answers is when a row h of hosts is a host at which its organization's portal answers: its domain is proven, and nobody has proven
// a more precise one for the same host.
const answers = `EXISTS (SELECT 1 FROM domains d WHERE d.org_id = h.org_id AND d.domain = h.domain AND d.verified_at IS NOT NULL)
	AND NOT EXISTS (SELECT 1 FROM hosts x JOIN domains y ON y.org_id = x.org_id AND y.domain = x.domain AND y.verified_at IS NOT NULL
		WHERE x.host = h.host AND x.org_id <> h.org_id AND length(x.domain) > length(h.domain))`

// Host is a name of an organization's own at which its portal answers.
type Host struct {
	Host      string    `db:"host"`
	Domain    string    `db:"domain"`    // the proven domain that it is, or is under
	Canonical bool      `db:"canonical"` // all other hosts lead to it
	Answers   bool      `db:"answers"`   // false while its domain is not proven
	CreatedAt time.Time `db:"created_at"`
}

const hostColumns = `h.host, h.domain, h.canonical, h.created_at, (` + answers + `) AS answers`

// OwnHost is {slug}.{base}, without a port: where an organization signs in, whatever its other hosts.
func (s *Service) OwnHost(o Organization) string { return o.Slug + "." + hostname(s.base) }

// Canonical is the host that all others of an organization lead to, without a port.
func (s *Service) Canonical(o Organization) string {
	if o.Host != "" {
		return o.Host
	}
	return s.OwnHost(o)
}

// Hostname is the name in the host of a request, lower case and without its port.
func Hostname(host string) string { return hostname(host) }

// byOwnHost returns the active organization that has the host, a name of its own.
func (s *Service) byOwnHost(ctx context.Context, host string) (Organization, error) {
	name, ok := dnsName(host)
	if !ok || name != host {
		return Organization{}, errs.New(errs.NotFound, "host %q", host)
	}
	o, err := s.find(ctx, func() (known, bool) { k, ok := s.byHst[host]; return k, ok },
		`o.state = 'active' AND o.org_id = (SELECT h.org_id FROM hosts h WHERE h.host = $1 AND `+answers+` ORDER BY h.created_at, h.org_id LIMIT 1)`, host)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := s.byHst[host]; !ok || !s.db.Now().Before(s.byHst[host].until) {
			s.byHst[host] = known{o, s.db.Now().Add(fresh)}
		}
	}
	return o, err
}

// Hosts lists the acting organization's own hosts by name, for its administrator.
func (s *Service) Hosts(ctx context.Context) (out []Host, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+hostColumns+` FROM hosts h WHERE h.org_id = $1 ORDER BY h.host LIMIT $2`, who.Org, hostLimit)
	})
	return out, err
}

// Host returns one of the acting organization's own hosts; NotFound for any other name.
func (s *Service) Host(ctx context.Context, name string) (h Host, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Host{}, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		h, err = db.Row[Host](tx, `SELECT `+hostColumns+` FROM hosts h WHERE h.org_id = $1 AND h.host = $2`, tx.Scope.Org, name)
		return err
	})
	return h, err
}

// AddHost lets the acting organization's portal answer at a name that is one of its proven domains or under one. Invalid for every
// other name and one that is there already; at most ten.
func (s *Service) AddHost(ctx context.Context, in string) (h Host, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Host{}, err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return Host{}, err
	}
	field := func(key string, args ...any) error {
		return errs.Fields(errs.Field{Name: "host", Key: key, Args: args})
	}
	name, ok := dnsName(in)
	if !ok {
		return Host{}, field("hosts.bad.form")
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM hosts WHERE org_id = $1`, tx.Scope.Org)
		if err != nil {
			return err
		}
		if n >= hostLimit {
			return field("hosts.bad.many", "Count", hostLimit)
		}
		proven, err := db.Rows[string](tx, `SELECT d.domain FROM domains d WHERE d.org_id = $1 AND d.verified_at IS NOT NULL ORDER BY length(d.domain) DESC, d.domain LIMIT $2`, tx.Scope.Org, domainLimit)
		if err != nil {
			return err
		}
		domain := ""
		for _, d := range proven {
			if name == d || strings.HasSuffix(name, "."+d) {
				domain = d
				break
			}
		}
		if domain == "" {
			return field("hosts.bad.domain")
		}
		h, err = db.Row[Host](tx, `INSERT INTO hosts AS h (org_id, host, domain, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, host) DO NOTHING RETURNING h.host, h.domain, h.canonical, h.created_at, true AS answers`,
			tx.Scope.Org, name, domain, tx.Now)
		if errs.Is(err, errs.NotFound) {
			return field("hosts.bad.there")
		}
		if err != nil {
			return err
		}
		return Audit(tx, "host.added", "host:"+name, nil)
	})
	return h, err
}

// MakeCanonical makes one of the acting organization's hosts the address that all others lead to; "" is {slug}.{base}. The caller has
// seen that the portal answers there: whoever asks for it does so on that host. NotFound for a host that is not there or does not answer.
func (s *Service) MakeCanonical(ctx context.Context, name string) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	return s.changeHosts(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE hosts SET canonical = false WHERE org_id = $1 AND canonical AND host <> $2`, tx.Scope.Org, name); err != nil {
			return err
		}
		if name != "" {
			if err := tx.Must(`UPDATE hosts h SET canonical = true WHERE h.org_id = $1 AND h.host = $2 AND `+answers, tx.Scope.Org, name); err != nil {
				return fmt.Errorf("make %s canonical: %w", name, err)
			}
		}
		return Audit(tx, "host.canonical", "host:"+name, nil)
	})
}

// RemoveHost lets the portal no longer answer at one of the acting organization's hosts. NotFound if there is none.
func (s *Service) RemoveHost(ctx context.Context, name string) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	return s.changeHosts(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM hosts WHERE org_id = $1 AND host = $2`, tx.Scope.Org, name); err != nil {
			return fmt.Errorf("remove host %s: %w", name, err)
		}
		return Audit(tx, "host.removed", "host:"+name, nil)
	})
}

// changeHosts runs a change after which this process looks hosts up anew; others do within five seconds.
func (s *Service) changeHosts(ctx context.Context, fn func(*db.Tx) error) error {
	var org id.Org
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		org = tx.Scope.Org
		return fn(tx)
	})
	if err == nil {
		s.forget(org)
	}
	return err
}

// forget drops what this process remembers of an organization.
func (s *Service) forget(org id.Org) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, org)
	for slug, k := range s.bySlg {
		if k.org.OrgID == org {
			delete(s.bySlg, slug)
		}
	}
	for host, k := range s.byHst {
		if k.org.OrgID == org {
			delete(s.byHst, host)
		}
	}
}
