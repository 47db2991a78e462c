package oracle_test

import (
	"strings"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
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
