package oracle_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// doorRoutes are the routes of how people come in: providers, and invitations of people.
var doorRoutes = map[string]route{
	"GET /admin/sign-in":                  {kind: list, asks: office("/admin/sign-in")},
	"GET /admin/sign-in/new":              {kind: page, asks: office("/admin/sign-in/new")},
	"GET /admin/sign-in/only":             {kind: page, asks: office("/admin/sign-in/only")},
	"GET /admin/sign-in/:provider":        {kind: page, asks: providersOf("")},
	"GET /admin/sign-in/:provider/seen":   {kind: fragment, asks: providersOf("/seen")},
	"GET /admin/sign-in/:provider/health": {kind: page, asks: providersOf("/health")},
	"GET /admin/sign-in/:provider/edit":   {kind: page, asks: providersOf("/edit")},
	"GET /admin/sign-in/:provider/claims": {kind: page, asks: providersOf("/claims")},
	"GET /admin/sign-in/:provider/remove": {kind: page, asks: providersOf("/remove")},
	"GET /admin/sign-in/:provider/send":   {kind: page, asks: providersOf("/send")},
	"GET /auth/test/:provider": {kind: page, asks: func(s *site, r *reader) (out []ask) {
		for _, o := range s.orgs {
			if o != r.org {
				out = append(out, ask{target: "/auth/test/" + o.provider.String(), never: true})
			}
		}
		return out
	}},
	"GET /auth/keys/:provider": {kind: public, asks: func(s *site, _ *reader) (out []ask) {
		for _, o := range s.orgs {
			out = append(out, ask{target: "/auth/keys/" + o.provider.String(), never: true})
		}
		return out
	}},
	"GET /auth/again":        {kind: public, asks: plain("/auth/again", "/auth/again?return_to=/admin/sign-in")},
	"GET /auth/again/start":  {kind: public, asks: plain("/auth/again/start")},
	"GET /sign-in/emergency": {kind: public, asks: plain("/sign-in/emergency")},
	"GET /errand/sign-in/:token": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/errand/sign-in/" + strings.Repeat("A", 43), never: true}, {target: "/errand/sign-in/x", never: true}}
	}},
	"GET /admin/people/invite": {kind: list, asks: office("/admin/people/invite")},
	"GET /invited/:token": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/invited/" + strings.Repeat("A", 43), never: true}, {target: "/invited/x", never: true}}
	}},

	"POST /admin/sign-in":                    {kind: write, post: posts("/admin/sign-in", "preset=okta")},
	"POST /admin/sign-in/only":               {kind: write, post: posts("/admin/sign-in/only", "emergency=x")},
	"POST /admin/sign-in/only/end":           {kind: write, post: posts("/admin/sign-in/only/end", "")},
	"POST /admin/sign-in/:provider/edit":     {kind: write, post: foreignProviders("/edit", "name=Mine&issuer=https://mine.example&client_id=x&secret=y&method=secret")},
	"POST /admin/sign-in/:provider/claims":   {kind: write, post: foreignProviders("/claims", "role_claim=groups&role_administrator=x")},
	"POST /admin/sign-in/:provider/on":       {kind: write, post: foreignProviders("/on", "")},
	"POST /admin/sign-in/:provider/off":      {kind: write, post: foreignProviders("/off", "")},
	"POST /admin/sign-in/:provider/remove":   {kind: write, post: foreignProviders("/remove", "name=x")},
	"POST /admin/sign-in/:provider/send":     {kind: write, post: foreignProviders("/send", "email=it@nobody.example")},
	"POST /admin/sign-in/:provider/link":     {kind: write, post: foreignProviders("/link", "")},
	"POST /sign-in/emergency":                {kind: write, post: posts("/sign-in/emergency", "email=nobody@nobody.example")},
	"POST /errand/sign-in/:token":            {kind: write, post: posts("/errand/sign-in/"+strings.Repeat("A", 43), "issuer=https://mine.example&client_id=x&secret=y&method=secret")},
	"POST /admin/people/invite":              {kind: write, post: posts("/admin/people/invite", "emails=")},
	"POST /admin/people/invite/:id/again":    {kind: write, post: foreignWelcomes("/again")},
	"POST /admin/people/invite/:id/withdraw": {kind: write, post: foreignWelcomes("/withdraw")},
	"POST /invited/:token":                   {kind: write, post: posts("/invited/"+strings.Repeat("A", 43), "name=x")},
}

// providersOf asks for the provider of every organization.
func providersOf(rest string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		out := []ask{{target: "/admin/sign-in/" + id.New[id.Provider]().String() + rest, never: true}}
		for _, o := range s.orgs {
			out = append(out, ask{target: "/admin/sign-in/" + o.provider.String() + rest, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: o == r.org})
		}
		return out
	}
}

// foreignProviders sends a change to the providers of all organizations but the second, and to one that is not there.
func foreignProviders(rest, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/admin/sign-in/" + id.New[id.Provider]().String() + rest, body}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/sign-in/" + o.provider.String() + rest, body})
			}
		}
		return out
	}
}

// foreignWelcomes sends a change to the invitations of all organizations but the second, and to one that is not there.
func foreignWelcomes(rest string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/admin/people/invite/" + id.New[id.Any]().String() + rest, ""}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/people/invite/" + o.welcome.String() + rest, ""})
			}
		}
		return out
	}
}

// doors gives an organization an invitation of a person and a provider's form that was sent, which its administrator alone knows of.
func (w *world) doors(o *org, office, sealed *oracle.Object) {
	o.welcome = id.New[id.Any]()
	w.exec(o, `UPDATE providers SET last_claims = jsonb_build_array(jsonb_build_object('name', 'department', 'values', jsonb_build_array($2::text))), pin_claim = 'tid', pin_value = $3 WHERE org_id = $1`,
		o.id, w.field(office, "providers.last_claims"), w.field(office, "providers.pin_value"))
	w.exec(o, `INSERT INTO member_invitations (org_id, invitation_id, token_hash, email, roles, invited_by, created_at, sent_at, expires_at) VALUES ($1, $2, $3, $4, '{learner}', $5, now(), now(), now() + interval '7 days')`,
		o.id, o.welcome, secret.Hash(w.field(sealed, "member_invitations.token")), w.field(office, "member_invitations.email")+"@x.example", o.members[0])
	w.exec(o, `INSERT INTO provider_errands (org_id, token_hash, provider_id, email, created_at, expires_at) VALUES ($1, $2, $3, $4, now(), now() + interval '7 days')`,
		o.id, secret.Hash(w.field(sealed, "provider_errands.token")), o.provider, w.field(sealed, "provider_errands.email")+"@x.example")
}

// mailed calls write for every organization and scans the last mail to an address as somebody reads it who may know of that organization
// what its administrator does.
func (s *site) mailed(t *testing.T, to string, write func(o *org, by scope.Scope) error, must func(o *org) string) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	for _, o := range s.orgs {
		if err := write(o, scope.Scope{Actor: scope.Member, Org: o.id, Membership: o.members[0], Roles: []scope.Role{scope.Administrator}}); err != nil {
			t.Fatal(err)
		}
		var text string
		if err := su.QueryRow(t.Context(), `SELECT m.subject || E'\n' || m.body FROM mails m WHERE m.org_id = $1 AND m.recipient = $2 ORDER BY m.created_at DESC LIMIT 1`, o.id, to).Scan(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, must(o)) {
			t.Errorf("the mail lacks %q: %s", must(o), text)
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: o, who: oracle.Viewer{Org: o.id.String(), Member: o.members[0].String(), Admin: true}}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}

// providerErrandMails sends the form of every organization's provider to somebody who is no member.
func (s *site) providerErrandMails(t *testing.T) {
	t.Helper()
	s.mailed(t, "hands@nobody.example", func(o *org, by scope.Scope) error {
		s.world.exec(o, `UPDATE providers SET state = 'off' WHERE org_id = $1`, o.id)
		now := s.portal.Auth.Now()
		ctx := auth.WithSession(scope.Enter(t.Context(), by), auth.Session{Membership: tenants.Membership{OrgID: o.id, MembershipID: by.Membership}, AuthAt: &now})
		err := s.portal.Auth.SendProvider(ctx, o.provider, "hands@nobody.example")
		s.world.exec(o, `UPDATE providers SET state = 'active' WHERE org_id = $1`, o.id)
		return err
	}, func(o *org) string { return "/auth/callback/" + o.provider.String() })
}

// welcomeMails invites somebody to every organization.
func (s *site) welcomeMails(t *testing.T) {
	t.Helper()
	s.mailed(t, "guest@nobody.example", func(o *org, by scope.Scope) error {
		_, err := s.portal.Auth.Welcome(scope.Enter(t.Context(), by), []string{"guest@nobody.example"}, nil)
		return err
	}, func(o *org) string { return s.byKey[o.id.String()] })
}

var emergencyLink = regexp.MustCompile(`/sign-in/link/([A-Za-z0-9_-]{43})`)

// emergencyMails lets an administrator of every organization come in without its provider: what the others are told.
func (s *site) emergencyMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	for _, o := range s.orgs {
		s.world.exec(o, `UPDATE organizations SET sign_in = 'oidc' WHERE org_id = $1`, o.id)
		s.world.exec(o, `UPDATE memberships SET roles = roles || '{administrator}' WHERE org_id = $1 AND membership_id = $2 AND NOT 'administrator' = ANY(roles)`, o.id, o.members[0])
		ctx := auth.Enter(t.Context(), o.id)
		org, err := s.portal.Tenants.ByID(ctx, o.id)
		if err != nil {
			t.Fatal(err)
		}
		org.SignIn = "oidc"
		var email, text string
		if err := su.QueryRow(t.Context(), `SELECT m.email FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY(m.roles) ORDER BY m.created_at, m.membership_id LIMIT 1`, o.id).Scan(&email); err != nil {
			t.Fatal(err)
		}
		last := func() {
			if err := su.QueryRow(t.Context(), `SELECT m.subject || E'\n' || m.body FROM mails m WHERE m.org_id = $1 AND m.recipient = $2 ORDER BY m.created_at DESC LIMIT 1`, o.id, email).Scan(&text); err != nil {
				t.Fatal(err)
			}
		}
		pre, err := s.portal.Auth.AskEmergency(ctx, org, email, auth.Browser{Network: "192.0.2.1"}, "/")
		if err != nil {
			t.Fatal(err)
		}
		last()
		if _, err := s.portal.Auth.UseLink(ctx, org, emergencyLink.FindStringSubmatch(text)[1], "", auth.Browser{Pre: pre}); err != nil {
			t.Fatal(err)
		}
		last()
		if !strings.Contains(text, "/admin/sign-in") {
			t.Errorf("nobody is told: %s", text)
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: o, who: oracle.Viewer{Org: o.id.String(), Member: o.members[0].String(), Admin: true}}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
		s.world.exec(o, `UPDATE organizations SET sign_in = 'email' WHERE org_id = $1`, o.id)
	}
}
