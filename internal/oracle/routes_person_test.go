package oracle_test

import "github.com/learnscape/learnscape/internal/oracle"

// nobody is an identifier that nothing has.
const nobody = "01a21306-28be-7092-bb09-9f3a7379a7ff"

// personRoutes are the routes of taking data out and of erasing it.
var personRoutes = map[string]route{
	"GET /me/data.zip":               {kind: file, asks: own("/me/data.zip")},
	"GET /me/erase":                  {kind: page, asks: own("/me/erase")},
	"GET /me/erased":                 {kind: public, asks: plain("/me/erased")},
	"GET /admin/people/:id/data":     {kind: page, asks: people("/data")},
	"GET /admin/people/:id/data.zip": {kind: file, asks: people("/data.zip")},
	"GET /admin/organization/export": {kind: list, asks: office("/admin/organization/export")},
	"GET /admin/organization/export/:id": {kind: file, asks: func(*site, *reader) []ask {
		return []ask{{target: "/admin/organization/export/" + nobody, never: true}}
	}},

	"POST /me/erase": {kind: write, post: posts("/me/erase", "name=nobody&posts=keep")},
	"POST /admin/people/:id/erase": {kind: write, post: func(s *site, _ bool) []form {
		out := []form{{"/admin/people/" + nobody + "/erase", "name=nobody&posts=keep"}}
		for _, o := range s.orgs {
			for _, m := range o.members[:1] {
				name := s.byKey[m.String()]
				if o == s.orgs[1] {
					name = "nobody"
				}
				out = append(out, form{"/admin/people/" + m.String() + "/erase", "posts=delete&name=" + name})
			}
		}
		return out
	}},
	"POST /admin/organization/export":            {kind: write, post: posts("/admin/organization/export/"+nobody+"/cancel", "")},
	"POST /admin/organization/export/:id/cancel": {kind: write, post: posts("/admin/organization/export/"+nobody+"/cancel", "")},
}

// own asks for a page of the reader's own, which every member has.
func own(target string) func(*site, *reader) []ask {
	return func(_ *site, r *reader) []ask {
		return []ask{{target: target, about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}
}

// people asks for what is held about a member of every organization: administrators find their own, and nobody finds others'.
func people(rest string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) []ask {
		out := []ask{{target: "/admin/people/" + nobody + rest, never: true}}
		for _, o := range s.orgs {
			m := o.members[0].String()
			out = append(out, ask{target: "/admin/people/" + m + rest, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, id: m, ok: 200, open: true})
		}
		return out
	}
}
