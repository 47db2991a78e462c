package oracle_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// hostsRoutes are the routes of domains and hosts.
var hostsRoutes = map[string]route{
	"GET /admin/domains": {kind: list, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/admin/domains", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /admin/domains/:domain/remove": {kind: page, asks: func(s *site, r *reader) []ask {
		out := []ask{{target: "/admin/domains/nobody.example/remove", never: true}}
		for _, o := range s.orgs {
			out = append(out, ask{target: "/admin/domains/" + o.domain + "/remove", about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: o == r.org})
		}
		return out
	}},
	"GET /admin/domains/hosts/:host/remove": {kind: page, asks: func(s *site, r *reader) []ask {
		out := []ask{{target: "/admin/domains/hosts/nobody.example/remove", never: true}}
		for _, o := range s.orgs {
			out = append(out, ask{target: "/admin/domains/hosts/" + o.host() + "/remove", about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: o == r.org})
		}
		return out
	}},
	"GET /admin/setup":      {kind: page, asks: office("/admin/setup")},
	"GET /admin/setup/card": {kind: fragment, asks: office("/admin/setup/card")},
	"GET /admin/domains/:domain/send": {kind: page, asks: func(s *site, r *reader) []ask {
		out := []ask{{target: "/admin/domains/nobody.example/send", never: true}, {target: "/admin/domains/org0.example/send", never: true}}
		for _, o := range s.orgs {
			out = append(out, ask{target: "/admin/domains/" + o.domain + "/send", about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: o == r.org})
		}
		return out
	}},
	"GET /errand/:token": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/errand/" + strings.Repeat("A", 43), never: true}, {target: "/errand/x", never: true}}
	}},

	"POST /admin/setup/:mark":          {kind: write, post: posts("/admin/setup/away", "on=1")},
	"POST /admin/domains/:domain/send": {kind: write, post: foreignDomains("/send", "email=it@nobody.example")},
	"POST /errand/:token":              {kind: write, post: posts("/errand/"+strings.Repeat("A", 43), "")},

	"GET /admin/brand":         {kind: page, asks: office("/admin/brand")},
	"GET /admin/brand/preview": {kind: fragment, asks: office("/admin/brand/preview?color=%23065f5b&name=x")},
	"GET /logo/:name":          {kind: asset, asks: plain("/logo/"+strings.Repeat("ab", 32)+".png", "/logo/x")},

	"POST /admin/brand":             {kind: write, post: posts("/admin/brand", "name=")},
	"POST /admin/brand/logo":        {kind: write, post: posts("/admin/brand/logo", "logo=x")},
	"POST /admin/brand/logo/remove": {kind: write, post: posts("/admin/brand/logo/remove", "")},

	"GET /hand-over":       {kind: public, asks: plain("/hand-over?code="+secret.NewToken(), "/hand-over")},
	"GET /hand-over/:hand": {kind: public, asks: plain("/hand-over/"+secret.NewToken(), "/hand-over/x")},

	"POST /admin/domains/hosts":              {kind: write, post: posts("/admin/domains/hosts", "host=https://none")},
	"POST /admin/domains/hosts/canonical":    {kind: write, post: foreignHosts("/canonical")},
	"POST /admin/domains/hosts/:host/remove": {kind: write, post: foreignHosts("/remove")},
	"POST /admin/domains":                    {kind: write, post: posts("/admin/domains", "domain=https://none")},
	"POST /admin/domains/:domain/check":      {kind: write, post: foreignDomains("/check", "")},
	"POST /admin/domains/:domain/remove":     {kind: write, post: foreignDomains("/remove", "name=x")},
}

// names gives an organization a domain that is not proven, whose name and record are the administrator's to know, and one that is, with
// a host under it.
func (w *world) names(o *org, office *oracle.Object) {
	o.domain = w.field(office, "domains.domain") + ".example"
	w.exec(o, `INSERT INTO domains (org_id, domain, token) VALUES ($1, $2, $3)`, o.id, o.domain, w.field(office, "domains.token")+strings.Repeat("x", 30))
	w.exec(o, `INSERT INTO domains (org_id, domain, verified_at) VALUES ($1, $2, now())`, o.id, o.slug+".example")
	w.exec(o, `INSERT INTO hosts (org_id, host, domain) VALUES ($1, $2, $3)`, o.id, o.host(), o.slug+".example")
}

// host is a host of an organization's own, under a domain that is proven.
func (o *org) host() string { return "learn." + o.slug + ".example" }

// foreignHosts sends a change to the hosts of all organizations but the second, and to one that is not there.
func foreignHosts(rest string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		var out []form
		for _, o := range s.orgs {
			host := o.host()
			if o == s.orgs[1] {
				host = "nobody.example"
			}
			if rest == "/canonical" {
				out = append(out, form{"/admin/domains/hosts" + rest, "host=" + host})
			} else {
				out = append(out, form{"/admin/domains/hosts/" + host + rest, ""})
			}
		}
		return out
	}
}

// foreignDomains sends a change to the domains of all organizations but the second, and to one that is not there.
func foreignDomains(rest, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/admin/domains/nobody.example" + rest, body}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/domains/" + o.domain + rest, body})
			}
		}
		return out
	}
}

// errandMails sends the record of every organization's domain to somebody who is no member: the mail tells of that domain and of what is
// public, and of nothing else.
func (s *site) errandMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	for _, o := range s.orgs {
		admin := scope.Scope{Actor: scope.Member, Org: o.id, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Administrator}}
		if err := s.portal.Auth.SendErrand(scope.Enter(t.Context(), admin), o.domain, "it@nobody.example"); err != nil {
			t.Fatal(err)
		}
		var text string
		if err := su.QueryRow(t.Context(), `SELECT m.subject || E'\n' || m.body FROM mails m WHERE m.org_id = $1 AND m.recipient = 'it@nobody.example'`, o.id).Scan(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, s.byKey[o.id.String()]) || !strings.Contains(text, "_learnscape."+o.domain) {
			t.Errorf("the mail does not say who asks for what: %s", text)
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: o, who: oracle.Viewer{Org: o.id.String(), Admin: true}}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}
