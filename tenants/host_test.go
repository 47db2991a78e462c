package tenants_test

import (
	"errors"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/tenantstest"
)

// prove adds a domain and proves it.
func (n *named) prove(dns *tenantstest.DNS, name string) {
	n.t.Helper()
	record, value := n.add(name).Record()
	dns.Set(record, value)
	if got := n.check(name); got != tenants.DomainVerified {
		n.t.Fatalf("%s: %s", name, got)
	}
}

// at is whose portal answers at a host, "" for nobody's, as a process sees it that remembers nothing.
func at(t *testing.T, d *db.DB, host string) string {
	t.Helper()
	o, err := tenants.New(d, base).ByHost(scope.Enter(t.Context(), visitor), host)
	if err != nil && !errs.Is(err, errs.NotFound) {
		t.Fatal(err)
	}
	return o.Slug
}

func fieldKey(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && len(e.Fields) == 1 {
		return e.Fields[0].Name + " " + e.Fields[0].Key
	}
	return ""
}

func TestHostsStandUnderProvenDomains(t *testing.T) {
	t.Parallel()
	d, dns := dbtest.Open(t), tenantstest.NewDNS(t)
	a, b := newNamed(t, d, dns), newNamed(t, d, dns)
	word := unique()
	name := word + ".example"
	a.add("waiting" + name)
	a.prove(dns, name)
	b.prove(dns, "b"+word+".example")
	for host, want := range map[string]string{
		"evil" + name: "host hosts.bad.domain", name + ".evil.test": "host hosts.bad.domain", "waiting" + name: "host hosts.bad.domain", "b" + word + ".example": "host hosts.bad.domain",
		"example": "host hosts.bad.form", "https://learn." + name: "host hosts.bad.form", "a b." + name: "host hosts.bad.form", a.org.Slug + ".localhost": "host hosts.bad.domain",
	} {
		if _, err := a.svc.AddHost(a.admin, host); fieldKey(err) != want {
			t.Errorf("AddHost(%q) = %v, want %s", host, err, want)
		}
	}
	if _, err := b.svc.AddHost(b.admin, "learn."+name); fieldKey(err) != "host hosts.bad.domain" {
		t.Errorf("a host under another organization's domain: %v", err)
	}
	for _, host := range []string{"Learn." + name + ".", name} {
		if _, err := a.svc.AddHost(a.admin, host); err != nil {
			t.Fatalf("AddHost(%q): %v", host, err)
		}
	}
	if _, err := a.svc.AddHost(a.admin, name); fieldKey(err) != "host hosts.bad.there" {
		t.Errorf("added twice: %v", err)
	}
	for host, want := range map[string]string{
		"learn." + name: a.org.Slug, "LEARN." + name + ".:443": a.org.Slug, name: a.org.Slug, "other." + name: "", "evillearn." + name: "", "learn." + name + ".evil.test": "", "a.learn." + name: "",
	} {
		if got := at(t, d, host); got != want {
			t.Errorf("at %s lives %q, want %q", host, got, want)
		}
	}
	for what, err := range map[string]error{
		"make canonical": b.svc.MakeCanonical(b.admin, "learn."+name), "remove": b.svc.RemoveHost(b.admin, "learn."+name),
		"read": func() error { _, err := b.svc.Host(b.admin, "learn."+name); return err }(), "as a learner": a.svc.RemoveHost(scope.Enter(t.Context(), a.viewer), name),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// What a member's own code could write.
	for what, q := range map[string]string{
		"a host under a foreign domain": `INSERT INTO hosts (org_id, host, domain) VALUES ($1, 'x.' || $2, $2)`,
		"a host of another's":           `UPDATE hosts SET org_id = $1 WHERE host = 'learn.' || $2`,
		"a host beside the domain":      `INSERT INTO hosts (org_id, host, domain) VALUES ($1, 'learn.' || $2, 'b' || $2)`,
	} {
		if err := d.Tx(b.admin, func(tx *db.Tx) error { return tx.Must(q, b.org.OrgID, name) }); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if got := at(t, d, "learn."+name); got != a.org.Slug {
		t.Errorf("afterwards %q lives there", got)
	}
	// The address is forgotten at once in the process that changes it.
	if err := a.svc.MakeCanonical(a.admin, "learn."+name); err != nil {
		t.Fatal(err)
	}
	ctx := scope.Enter(t.Context(), visitor)
	if o, err := a.svc.ByHost(ctx, a.org.Slug+".localhost"); err != nil || a.svc.Canonical(o) != "learn."+name {
		t.Errorf("canonical is %q, %v", a.svc.Canonical(o), err)
	}
	if err := a.svc.MakeCanonical(a.admin, name); err != nil {
		t.Fatal(err)
	}
	if hosts, err := a.svc.Hosts(a.admin); err != nil || len(hosts) != 2 || hosts[0].Canonical == hosts[1].Canonical {
		t.Errorf("one of two hosts is the address: %+v, %v", hosts, err)
	}
	dns.Set("_learnscape." + name)
	a.check(name)
	if got := at(t, d, name) + at(t, d, "learn."+name); got != "" {
		t.Errorf("at the hosts of a lost domain lives %q", got)
	}
	if o, err := tenants.New(d, base).ByHost(ctx, a.org.Slug+".localhost"); err != nil || o.Host != "" {
		t.Errorf("the address is still %q, %v", o.Host, err)
	}
	if err := a.svc.MakeCanonical(a.admin, name); err == nil {
		t.Error("a host that does not answer became the address")
	}
	if err := a.svc.RemoveDomain(a.admin, name); err != nil {
		t.Fatal(err)
	}
	if hosts, err := a.svc.Hosts(a.admin); err != nil || len(hosts) != 0 {
		t.Errorf("hosts outlive their domain: %+v, %v", hosts, err)
	}
}

// TestTheMorePreciseDomainHasTheHost: who runs the zone of a subdomain decides who answers there.
func TestTheMorePreciseDomainHasTheHost(t *testing.T) {
	t.Parallel()
	d, dns := dbtest.Open(t), tenantstest.NewDNS(t)
	a, b := newNamed(t, d, dns), newNamed(t, d, dns)
	name := unique() + ".example"
	host := "learn." + name
	a.prove(dns, name)
	if _, err := a.svc.AddHost(a.admin, host); err != nil {
		t.Fatal(err)
	}
	if err := a.svc.MakeCanonical(a.admin, host); err != nil {
		t.Fatal(err)
	}
	b.prove(dns, host)
	if got := at(t, d, host); got != a.org.Slug {
		t.Errorf("a proven domain without a host took it over: %q", got)
	}
	if _, err := b.svc.AddHost(b.admin, host); err != nil {
		t.Fatal(err)
	}
	if got := at(t, d, host); got != b.org.Slug {
		t.Errorf("%q lives there", got)
	}
	if o, err := tenants.New(d, base).ByHost(scope.Enter(t.Context(), visitor), a.org.Slug+".localhost"); err != nil || o.Host != "" {
		t.Errorf("the other organization leads its people there: %q, %v", o.Host, err)
	}
	if err := b.svc.RemoveHost(b.admin, host); err != nil {
		t.Fatal(err)
	}
	if got := at(t, d, host); got != a.org.Slug {
		t.Errorf("given back, %q lives there", got)
	}
}
