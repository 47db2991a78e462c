package tenants_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func TestByHost(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h := newHouse(t, d)
	s := h.org.Slug
	ctx := scope.Enter(t.Context(), visitor)
	for _, tt := range []struct {
		name, host string
		found      bool
	}{
		{"with port", s + ".localhost:8080", true},
		{"without port", s + ".localhost", true},
		{"another port", s + ".localhost:9999", true},
		{"upper case", "H" + s[1:] + ".LOCALHOST:8080", true},
		{"a trailing dot", s + ".localhost.:8080", true},
		{"the base alone", "localhost:8080", false},
		{"no label", ".localhost", false},
		{"a suffix of another name", "evil" + s + ".localhost", false},
		{"the base glued on", s + "localhost", false},
		{"the base inside", s + ".localhost.evil.test", false},
		{"a label in front", "evil." + s + ".localhost", false},
		{"another domain", s + ".example.com", false},
		{"a path in the host", s + ".localhost/evil", false},
		{"user info in the host", "evil@" + s + ".localhost", false},
		{"an address", "127.0.0.1:8080", false},
		{"six", "[::1]:8080", false},
		{"nothing", "", false},
		{"a quote", s + "'.localhost", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// A new service each, so that no cache answers.
			o, err := tenants.New(d, base).ByHost(ctx, tt.host)
			if tt.found != (err == nil) || (err != nil && !errs.Is(err, errs.NotFound)) {
				t.Errorf("ByHost(%q) = %v", tt.host, err)
			}
			if tt.found && o.OrgID != h.org.OrgID {
				t.Errorf("ByHost(%q) is %s", tt.host, o.Slug)
			}
		})
	}
	svc := tenants.New(d, base)
	for host, want := range map[string]bool{"localhost:8080": true, "localhost": true, "LOCALHOST.": true, s + ".localhost": false, "localhost.evil.test": false, "": false} {
		if svc.FrontDoor(host) != want {
			t.Errorf("FrontDoor(%q) = %v", host, !want)
		}
	}
}

func TestSuspendedHostIsNotFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	if err := h.svc.Suspend(dbtest.System(t, scope.Operator, h.org.OrgID), "unpaid"); err != nil {
		t.Fatal(err)
	}
	ctx := scope.Enter(t.Context(), visitor)
	if _, err := h.svc.ByHost(ctx, h.org.Slug+"."+base); !errs.Is(err, errs.NotFound) {
		t.Errorf("the host of a suspended organization: %v", err)
	}
	if o, err := h.svc.ByID(ctx, h.org.OrgID); err != nil || o.State != "suspended" {
		t.Errorf("ByID: %+v, %v", o, err)
	}
	// What ByID remembers must not open the host.
	if _, err := h.svc.ByHost(ctx, h.org.Slug+"."+base); !errs.Is(err, errs.NotFound) {
		t.Errorf("the host of a suspended organization, from the cache: %v", err)
	}
}

func TestByDomain(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	svc := tenants.New(d, base)
	org := id.New[id.Org]()
	word := unique()
	if _, err := svc.CreateOrganization(dbtest.System(t, scope.Operator, org), tenants.NewOrganization{
		OrgID: org, Slug: "d" + word, Name: "Domains", Short: "D", Color: "#000000", Locale: "de", SignIn: "email", Domains: []string{word + ".example", "kühl" + word + ".example"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO domains (domain, org_id) VALUES ($1, $2)`, "unproven"+word+".example", org)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ctx := scope.Enter(t.Context(), visitor)
	for _, tt := range []struct {
		name, domain string
		found        bool
	}{
		{"the domain", word + ".example", true},
		{"upper case", "X"[:0] + word + ".EXAMPLE", true},
		{"a trailing dot", word + ".example.", true},
		{"with an umlaut", "kühl" + word + ".example", true},
		{"an umlaut in upper case", "KÜHL" + word + ".example", true},
		{"an umlaut in two code points", "ku\u0308hl" + word + ".example", true},
		{"a subdomain", "mail." + word + ".example", false},
		{"a longer name", "attacker-" + word + ".example", false},
		{"glued in front", "evil" + word + ".example", false},
		{"the domain inside", word + ".example.evil.test", false},
		{"without umlaut", "kuhl" + word + ".example", false},
		{"not proven", "unproven" + word + ".example", false},
		{"a blank", word + ".example ", false},
		{"nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := svc.ByDomain(ctx, tt.domain)
			if tt.found != (err == nil) || (err != nil && !errs.Is(err, errs.NotFound)) {
				t.Errorf("ByDomain(%q) = %v", tt.domain, err)
			}
			if tt.found && o.OrgID != org {
				t.Errorf("ByDomain(%q) is %s", tt.domain, o.Slug)
			}
		})
	}
}

func TestCreateOrganization(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	owner := connect(t, dsn("learnscape_owner"))
	if _, err := owner.Exec(t.Context(), `INSERT INTO retired_slugs (slug) VALUES ('formerly')`); err != nil {
		t.Fatal(err)
	}
	svc := tenants.New(d, base)
	create := func(ctxOrg id.Org, a scope.Actor, slug string, domains ...string) error {
		_, err := svc.CreateOrganization(dbtest.System(t, a, ctxOrg), tenants.NewOrganization{
			OrgID: ctxOrg, Slug: slug, Name: "N", Short: "N", Color: "#ABCDEF", Locale: "en", SignIn: "email", Domains: domains,
		})
		return err
	}
	if err := create(id.New[id.Org](), scope.Operator, "taken", "taken.example"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, slug string
		domains    []string
		want       errs.Kind
	}{
		{"free", "free", nil, ""},
		{"taken", "taken", nil, errs.Conflict},
		{"given before", "formerly", nil, errs.Conflict},
		{"reserved: operator", "operator", nil, errs.Conflict},
		{"reserved: usercontent", "usercontent", nil, errs.Conflict},
		{"reserved: www", "www", nil, errs.Conflict},
		{"upper case", "Upper", nil, errs.Invalid},
		{"a dot", "a.b", nil, errs.Invalid},
		{"a hyphen in front", "-a", nil, errs.Invalid},
		{"nothing", "", nil, errs.Invalid},
		{"64 characters", "a123456789a123456789a123456789a123456789a123456789a123456789abcd", nil, errs.Invalid},
		{"a domain that is taken", "other", []string{"TAKEN.example"}, errs.Conflict},
		{"a domain that is none", "another", []string{"not a domain"}, errs.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			org := id.New[id.Org]()
			if err := create(org, scope.Operator, tt.slug, tt.domains...); errs.KindOf(err) != tt.want {
				t.Errorf("create %q: %v, want %q", tt.slug, err, tt.want)
			}
			if _, err := svc.ByID(scope.Enter(t.Context(), visitor), org); (err == nil) != (tt.want == "") {
				t.Errorf("after it, ByID: %v", err)
			}
		})
	}
	for _, a := range []scope.Actor{scope.SignIn, scope.Relay, scope.Mailer} {
		if err := create(id.New[id.Org](), a, "by-"+unique()); !errs.Is(err, errs.NotFound) {
			t.Errorf("as %s: %v", a, err)
		}
	}
	if _, err := svc.CreateOrganization(dbtest.As(t, id.New[id.Org](), id.New[id.Membership](), id.Person{}, scope.Roles()...), tenants.NewOrganization{Slug: "mine", Name: "N", Short: "N", Color: "#000000"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a member creates an organization: %v", err)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	a, b := newHouse(t, d), newHouse(t, d)
	add := func(h *house, n tenants.NewMember) (m tenants.Membership, err error) {
		err = h.as(func(tx *db.Tx) error {
			m, err = tenants.AddMember(tx, n)
			return err
		})
		return m, err
	}
	m, err := add(a, tenants.NewMember{Email: " Ada@Example.COM ", Roles: []scope.Role{scope.Author}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Email != "ada@example.com" || m.Name != "ada" || m.State != "active" || len(m.Roles) != 2 || m.Roles[0] != scope.Learner {
		t.Errorf("member is %+v", m)
	}
	if _, err := add(a, tenants.NewMember{Email: "ADA@example.com"}); !errs.Is(err, errs.Conflict) {
		t.Errorf("the same address twice: %v", err)
	}
	// One person with two memberships is one person.
	other, err := add(b, tenants.NewMember{Email: "ada@example.com", Person: m.PersonID})
	if err != nil || other.PersonID != m.PersonID {
		t.Errorf("the same person elsewhere: %+v, %v", other, err)
	}
	if err := b.as(func(tx *db.Tx) error { return tenants.SetRoles(tx, m.MembershipID, []scope.Role{scope.Administrator}) }); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization sets roles: %v", err)
	}
	if err := b.as(func(tx *db.Tx) error {
		_, err := tenants.MemberByID(tx, m.MembershipID)
		return err
	}); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization reads a member: %v", err)
	}
	if err := a.as(func(tx *db.Tx) error {
		return tenants.SetRoles(tx, m.MembershipID, []scope.Role{scope.Learner, scope.Lead})
	}); err != nil {
		t.Fatal(err)
	}
	a.must(func(tx *db.Tx) error {
		got, err := tenants.MemberByEmail(tx, "Ada@example.com")
		if err != nil || got.MembershipID != m.MembershipID || len(got.Roles) != 2 || got.Roles[1] != scope.Lead {
			t.Errorf("MemberByEmail: %+v, %v", got, err)
		}
		return nil
	})
}
