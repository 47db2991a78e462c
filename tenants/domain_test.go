package tenants_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/tenantstest"
)

// named is a house with an administrator that asks a DNS server of the test's.
type named struct {
	*house

	admin context.Context
}

func newNamed(t *testing.T, d *db.DB, dns *tenantstest.DNS) *named {
	t.Helper()
	h := newHouse(t, d)
	h.svc = tenants.New(d, base, tenants.WithDNS(tenants.Resolver(dns.Addr)))
	return &named{h, scope.Enter(dbtest.Shown(t.Context()), scope.Scope{Actor: scope.Member, Org: h.org.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Administrator}})}
}

func (n *named) add(name string) tenants.Domain {
	n.t.Helper()
	d, err := n.svc.AddDomain(n.admin, name)
	if err != nil {
		n.t.Fatal(err)
	}
	return d
}

// check asks as if the last look was long ago.
func (n *named) check(name string) string {
	n.t.Helper()
	n.before(name, "tried_at", time.Hour)
	d, err := n.svc.CheckDomain(n.admin, name)
	if err != nil {
		n.t.Fatal(err)
	}
	return d.State()
}

// before puts a time of a domain back, if it has it.
func (n *named) before(name, column string, ago time.Duration) {
	n.t.Helper()
	n.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE domains SET `+column+` = now() - make_interval(secs => $3) WHERE org_id = $1 AND domain = $2 AND `+column+` IS NOT NULL`, n.org.OrgID, name, ago.Seconds())
		return err
	})
}

func (n *named) audited(action string) int {
	n.t.Helper()
	var count int
	n.must(func(tx *db.Tx) (err error) {
		count, err = db.Row[int](tx, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, n.org.OrgID, action)
		return err
	})
	return count
}

// leads reports whether the front door leads an address of the domain to the house.
func (n *named) leads(name string) bool {
	n.t.Helper()
	o, err := n.svc.ByDomain(scope.Enter(n.t.Context(), visitor), name)
	if err != nil && !errs.Is(err, errs.NotFound) {
		n.t.Fatal(err)
	}
	return err == nil && o.OrgID == n.org.OrgID
}

func TestADomainIsProvenByItsRecord(t *testing.T) {
	t.Parallel()
	dns := tenantstest.NewDNS(t)
	h := newNamed(t, dbtest.Open(t), dns)
	name := unique() + ".example"
	d := h.add(name)
	record, value := d.Record()
	if d.State() != tenants.DomainWaiting || record != "_learnscape."+name {
		t.Fatalf("added: %s, %s", d.State(), record)
	}
	for _, tt := range []struct {
		name    string
		at      string
		records []string
		want    string
	}{
		{"no record", record, nil, tenants.DomainWaiting},
		{"another value", record, []string{value + "x", "learnscape-verification="}, tenants.DomainWaiting},
		{"at the domain itself", name, []string{value}, tenants.DomainWaiting},
		{"under another label", "_other." + name, []string{value}, tenants.DomainWaiting},
		{"among others", record, []string{"v=spf1 -all", value}, tenants.DomainVerified},
		{"with quotation marks", record, []string{`"` + value + `"`}, tenants.DomainVerified},
		{"gone", record, nil, tenants.DomainLost},
		{"and back", record, []string{value}, tenants.DomainVerified},
	} {
		dns.Set(tt.at, tt.records...)
		if got := h.check(name); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := h.leads(name); got != (tt.want == tenants.DomainVerified) {
			t.Errorf("%s: the front door leads there: %v", tt.name, got)
		}
	}
	if v, l := h.audited("domain.verified"), h.audited("domain.lost"); v != 2 || l != 1 {
		t.Errorf("the log says verified %d times, lost %d times", v, l)
	}
	if err := h.svc.RemoveDomain(h.admin, name); err != nil || h.leads(name) {
		t.Errorf("removed: %v, the front door leads there: %v", err, h.leads(name))
	}
	if h.add(name).Token == d.Token {
		t.Error("the old record would prove the domain to whoever adds it again")
	}
}

func TestASilentDNSLosesNothing(t *testing.T) {
	t.Parallel()
	dns := tenantstest.NewDNS(t)
	h := newNamed(t, dbtest.Open(t), dns)
	name := unique() + ".example"
	record, value := h.add(name).Record()
	dns.Set(record, value)
	h.check(name)
	dns.Silent(true)
	silent := func() {
		t.Helper()
		h.before(name, "tried_at", time.Hour)
		if _, err := h.svc.CheckDomain(h.admin, name); !errs.Is(err, errs.Unavailable) {
			t.Fatalf("a silent DNS: %v", err)
		}
	}
	silent()
	if !h.leads(name) {
		t.Error("one question without an answer lost the domain")
	}
	if _, err := h.svc.CheckDomain(h.admin, name); !errs.Is(err, errs.RateLimited) {
		t.Errorf("asked twice in a moment: %v", err)
	}
	h.before(name, "answered_at", 6*24*time.Hour)
	silent()
	if !h.leads(name) {
		t.Error("six days without an answer lost the domain")
	}
	h.before(name, "answered_at", 8*24*time.Hour)
	silent()
	if h.leads(name) {
		t.Error("eight days without an answer and the domain still leads there")
	}
}

func TestTwoOrganizationsSayTheSame(t *testing.T) {
	t.Parallel()
	d, dns := dbtest.Open(t), tenantstest.NewDNS(t)
	a, b, c := newNamed(t, d, dns), newNamed(t, d, dns), newNamed(t, d, dns)
	name := unique() + ".example"
	record, va := a.add(name).Record()
	_, vb := b.add(name).Record()
	if va == vb {
		t.Fatal("one record would prove the domain for both")
	}
	dns.Set(record, vb)
	if got := a.check(name); got != tenants.DomainWaiting {
		t.Errorf("the record of another organization proves the domain: %s", got)
	}
	dns.Set(record, va, vb)
	if got := a.check(name); got != tenants.DomainVerified {
		t.Fatalf("a: %s", got)
	}
	before := b.check(name)
	if before != tenants.DomainWaiting || !a.leads(name) || b.leads(name) {
		t.Errorf("b, after a: %s", before)
	}
	// Who comes third is answered as who comes second, and as whoever is alone before its record is there.
	third, alone := c.add(name), c.add(unique()+".example")
	c.check(alone.Domain)
	for _, o := range []tenants.Domain{third, alone} {
		if got := c.check(o.Domain); got != tenants.DomainWaiting {
			t.Errorf("c, %s: %s", o.Domain, got)
		}
	}
	// The domain changes hands when the record of the first is gone, and not before that is seen.
	dns.Set(record, vb)
	if got := b.check(name); got != tenants.DomainWaiting || !a.leads(name) {
		t.Errorf("before a's record is looked for: %s", got)
	}
	if got := a.check(name); got != tenants.DomainLost {
		t.Errorf("a: %s", got)
	}
	if got := b.check(name); got != tenants.DomainVerified || !b.leads(name) {
		t.Errorf("b: %s", got)
	}
	if lists, err := a.svc.Domains(b.admin); err != nil || len(lists) != 1 || lists[0].OrgID != b.org.OrgID {
		t.Errorf("b's list: %+v, %v", lists, err)
	}
	if err := c.svc.RemoveDomain(c.admin, name); err != nil || !b.leads(name) {
		t.Errorf("c removes its own and b's stays: %v, %v", err, b.leads(name))
	}
	for what, err := range map[string]error{
		"check":  func() error { _, err := c.svc.CheckDomain(c.admin, name); return err }(),
		"remove": c.svc.RemoveDomain(c.admin, name),
		"read":   func() error { _, err := c.svc.Domain(c.admin, name); return err }(),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s what is another organization's: %v", what, err)
		}
	}
}

func TestNamesThatNobodyOwns(t *testing.T) {
	t.Parallel()
	h := newNamed(t, dbtest.Open(t), tenantstest.NewDNS(t))
	long := "a.b." + string(slices.Repeat([]byte("a"), 64)) + ".example"
	for in, want := range map[string]string{
		"": "domains.bad.form", "example": "domains.bad.form", "com": "domains.bad.form", "https://example.com": "domains.bad.form", "a@example.com": "domains.bad.form",
		"exa mple.com": "domains.bad.form", "a..example": "domains.bad.form", ".example.com": "domains.bad.form", "127.0.0.1": "domains.bad.form", "1.2": "domains.bad.form",
		"example.com/path": "domains.bad.form", "example.com:443": "domains.bad.form", "_dmarc.example.com": "domains.bad.form", "-a.example": "domains.bad.form", long: "domains.bad.form",
		"xn--a.example": "domains.bad.form", "*.example.com": "domains.bad.form", "a.example\x00.com": "domains.bad.form",
		"co.uk": "domains.bad.suffix", "CO.UK.": "domains.bad.suffix", "github.io": "domains.bad.suffix",
		"x.localhost": "domains.bad.ours", "deep." + h.org.Slug + ".localhost": "domains.bad.ours",
	} {
		_, err := h.svc.AddDomain(h.admin, in)
		var keys []string
		if e, ok := err.(*errs.Error); ok { //nolint:errorlint // The service returns it as it is.
			for _, f := range e.Fields {
				keys = append(keys, f.Key)
			}
		}
		if !slices.Equal(keys, []string{want}) {
			t.Errorf("AddDomain(%q) = %v, want %s", in, err, want)
		}
	}
	word := unique()
	for in, want := range map[string]string{
		" " + word + ".Example. ": word + ".example", "kühl" + word + ".example": "xn--khl" + word + "-55a.example", "sub." + word + ".co.uk": "sub." + word + ".co.uk",
	} {
		d, err := h.svc.AddDomain(h.admin, in)
		if err != nil || (d.Domain != want && in[0] != 'k') {
			t.Errorf("AddDomain(%q) = %q, %v", in, d.Domain, err)
		}
		if in[0] == 'k' && d.Name() != in {
			t.Errorf("people read %q instead of %q", d.Name(), in)
		}
	}
	if _, err := h.svc.AddDomain(h.admin, word+".example"); !errs.Is(err, errs.Invalid) {
		t.Errorf("added twice: %v", err)
	}
	for n := range 17 {
		h.add(string(rune('a'+n)) + word + ".example")
	}
	if _, err := h.svc.AddDomain(h.admin, "one-more-"+word+".example"); !errs.Is(err, errs.Invalid) {
		t.Errorf("the 21st domain: %v", err)
	}
	if _, err := h.svc.AddDomain(scope.Enter(t.Context(), h.viewer), "mine-"+word+".example"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner adds a domain: %v", err)
	}
}

// TestOnlyTheDNSProvesADomain tries what a member's own code could write.
func TestOnlyTheDNSProvesADomain(t *testing.T) {
	t.Parallel()
	d, dns := dbtest.Open(t), tenantstest.NewDNS(t)
	a, b := newNamed(t, d, dns), newNamed(t, d, dns)
	name := unique() + ".example"
	a.add(name)
	for what, q := range map[string]string{
		"verify":         `UPDATE domains SET verified_at = now() WHERE org_id = $1 AND domain = $2`,
		"take the token": `UPDATE domains SET token = repeat('a', 43) WHERE org_id = $1 AND domain = $2`,
		"rename":         `UPDATE domains SET domain = 'other-' || $2 WHERE org_id = $1 AND domain = $2`,
		"insert proven":  `INSERT INTO domains (org_id, domain, token, verified_at) VALUES ($1, 'new-' || $2, repeat('a', 43), now())`,
		"be vouched for": `INSERT INTO domains (org_id, domain) VALUES ($1, 'new-' || $2)`,
	} {
		if err := d.Tx(a.admin, func(tx *db.Tx) error { return tx.Must(q, a.org.OrgID, name) }); err == nil {
			t.Errorf("%s: a member's transaction may", what)
		}
	}
	for what, q := range map[string]string{
		"verify": `UPDATE domains SET verified_at = now() WHERE org_id = $1 AND domain = $2`,
		"remove": `DELETE FROM domains WHERE org_id = $1 AND domain = $2`,
		"see":    `UPDATE domains SET tried_at = now() WHERE org_id = $1 AND domain = $2`,
	} {
		if err := d.Tx(b.admin, func(tx *db.Tx) error { return tx.Must(q, a.org.OrgID, name) }); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s another organization's: %v", what, err)
		}
	}
}

// TestDomainsAreLookedForEveryDay runs what the daily job does, over all organizations.
func TestDomainsAreLookedForEveryDay(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.FreshDSN(t)
	dns := tenantstest.NewDNS(t)
	a, b := newNamed(t, d, dns), newNamed(t, d, dns)
	stays, goes, comes, late, vouched := "stays.example", "goes.example", "comes.example", "late.example", "vouched.example"
	for _, name := range []string{stays, goes} {
		record, value := a.add(name).Record()
		dns.Set(record, value)
		a.check(name)
	}
	for _, name := range []string{comes, late} {
		record, value := b.add(name).Record()
		dns.Set(record, value)
	}
	b.before(late, "created_at", 31*24*time.Hour)
	b.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO domains (org_id, domain, verified_at) VALUES ($1, $2, now())`, b.org.OrgID, vouched)
		return err
	})
	dns.Set("_learnscape." + goes)
	run := func() {
		t.Helper()
		if err := a.svc.CheckDomains(dbtest.System(t, scope.Registrar, id.Org{})); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if !a.leads(goes) {
		t.Error("a domain was looked for twice within 20 hours")
	}
	for _, name := range []string{stays, goes} {
		a.before(name, "tried_at", 21*time.Hour)
	}
	run()
	for name, want := range map[string]bool{stays: true, goes: false} {
		if a.leads(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	for name, want := range map[string]bool{comes: true, late: false, vouched: true} {
		if b.leads(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	for _, actor := range []scope.Actor{scope.Operator, scope.SignIn, scope.Indexer} {
		if err := a.svc.CheckDomains(dbtest.System(t, actor, id.Org{})); !errs.Is(err, errs.NotFound) {
			t.Errorf("the %s looks through all domains: %v", actor, err)
		}
	}
	if err := a.svc.CheckDomains(a.admin); !errs.Is(err, errs.NotFound) {
		t.Errorf("an administrator looks through all domains: %v", err)
	}
}
