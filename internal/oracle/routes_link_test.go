package oracle_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// linkRoutes are the routes of bringing people in by a file, which the administrator of their organization alone has.
var linkRoutes = map[string]route{
	"GET /admin/people/import":              {kind: list, asks: office("/admin/people/import")},
	"GET /admin/people/import/:id":          {kind: page, asks: importsOf("", "?show=bad", "?after=1")},
	"GET /admin/people/import/:id/rows.csv": {kind: file, asks: importsOf("/rows.csv", "/rows.csv?show=new")},
	"GET /admin/people/import/:id/undo":     {kind: page, asks: importsOf("/undo")},
	"POST /admin/people/import":             {kind: write, post: posts("/admin/people/import", "pasted=")},
	"POST /admin/people/import/:id/go":      {kind: write, post: foreignImports("/go", "mails=on")},
	"POST /admin/people/import/:id/undo":    {kind: write, post: foreignImports("/undo", "")},
	"POST /admin/people/import/:id/stop":    {kind: write, post: foreignImports("/stop", "")},

	"GET /me/accounts": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/me/accounts", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /me/accounts/accept/:from/:token": {kind: page, asks: func(s *site, r *reader) (out []ask) {
		for _, o := range s.orgs {
			if r.org != nil {
				out = append(out, ask{target: "/me/accounts/accept/" + o.slug + "/" + strings.Repeat("A", 43), never: true})
			}
		}
		return out
	}},
	"GET /me/accounts/finish/:token": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/me/accounts/finish/" + strings.Repeat("A", 43), never: true}}
	}},
	"POST /me/accounts/providers/:provider": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/me/accounts/providers/" + o.provider.String(), ""})
			}
		}
		return out
	}},
	"POST /me/accounts/remove":               {kind: write, post: posts("/me/accounts/remove", "account="+strings.Repeat("00", 32))},
	"POST /me/accounts/organizations":        {kind: write, post: posts("/me/accounts/organizations", "to=org0")},
	"POST /me/accounts/organizations/remove": {kind: write, post: posts("/me/accounts/organizations/remove", "org=01a21306-28be-7092-bb09-9f3a7379a7ff&member=01a21306-28be-7092-bb09-9f3a7379a7ff")},
	"POST /me/accounts/accept/:from/:token":  {kind: write, post: posts("/me/accounts/accept/org0/"+strings.Repeat("A", 43), "")},
	"POST /me/accounts/finish/:token":        {kind: write, post: posts("/me/accounts/finish/"+strings.Repeat("A", 43), "")},
}

// importsOf asks for the import of every organization, and for one that is not there.
func importsOf(rest ...string) func(*site, *reader) []ask {
	return func(s *site, r *reader) (out []ask) {
		for _, x := range rest {
			out = append(out, ask{target: "/admin/people/import/" + id.New[id.Any]().String() + x, never: true})
			for _, o := range s.orgs {
				out = append(out, ask{target: "/admin/people/import/" + o.imported.String() + x, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: o == r.org})
			}
		}
		return out
	}
}

// foreignImports sends a change to the imports of all organizations but the second, and to one that is not there.
func foreignImports(rest, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/admin/people/import/" + id.New[id.Any]().String() + rest, body}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/people/import/" + o.imported.String() + rest, body})
			}
		}
		return out
	}
}

// imports gives an organization a file of people that its administrator looked at.
func (w *world) imports(o *org, office *oracle.Object) {
	o.imported = id.New[id.Any]()
	w.exec(o, `INSERT INTO people_imports (org_id, import_id, asked_by, file, skipped, created_at, expires_at) VALUES ($1, $2, $3, $4, ARRAY[$5::text], now(), now() + interval '1 day')`,
		o.id, o.imported, o.members[0], w.field(office, "people_imports.file"), w.field(office, "people_imports.skipped"))
	w.exec(o, `INSERT INTO people_import_rows (org_id, import_id, line, email, name, roles, teams, account, outcome, problems)
		VALUES ($1, $2, 2, $3, $4, '{author}', '{}', $5, 'new', '[]'), ($1, $2, 3, 'x', '', '{}', '{}', '', 'bad', jsonb_build_array(jsonb_build_object('column', 'roles', 'key', 'link.import.row.role', 'value', $6::text)))`,
		o.id, o.imported, w.field(office, "people_import_rows.email")+"@x.example", w.field(office, "people_import_rows.name"), w.field(office, "people_import_rows.account"), w.field(office, "people_import_rows.problems"))
}

// importMails imports somebody new into every organization and writes to them.
func (s *site) importMails(t *testing.T) {
	t.Helper()
	s.mailed(t, "new@nobody.example", func(o *org, by scope.Scope) error {
		now := s.portal.Auth.Now()
		ctx := auth.WithSession(scope.Enter(t.Context(), by), auth.Session{Membership: tenants.Membership{OrgID: o.id, MembershipID: by.Membership}, AuthAt: &now})
		which, err := s.portal.Auth.CheckImport(ctx, "people.csv", []byte("email,name\nnew@nobody.example,New\n"))
		if err == nil {
			err = s.portal.Auth.ConfirmImport(ctx, which, true)
		}
		if err == nil {
			err = s.portal.Importer.Run(dbtest.System(t, scope.SignIn, o.id), which)
		}
		return err
	}, func(o *org) string { return o.slug })
}

// claimMails reads the mail to whose place somebody came for: it can say its organization, its provider, a time and a link, and nothing else.
func (*site) claimMails(t *testing.T) {
	t.Helper()
	for _, l := range lang.Locales() {
		ctx := lang.With(t.Context(), l)
		text := lang.T(ctx, "link.claim.subject", "Org", "<Org>") + lang.T(ctx, "link.claim.body", "Org", "<Org>", "Provider", "<Provider>", "Until", "<Until>", "Link", "<Link>")
		if !strings.Contains(text, "<Org>") || !strings.Contains(text, "<Link>") || strings.Contains(text, "<no value>") {
			t.Errorf("%s: the mail says %s", l, text)
		}
	}
}
