package oracle_test

import (
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// sessionRoutes are the routes of who is signed in where.
var sessionRoutes = map[string]route{
	"GET /me/sessions": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/me/sessions", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /admin/people/:id/sessions": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/admin/people/" + id.New[id.Any]().String() + "/sessions", never: true}}
		for _, m := range s.someMembers() {
			out = append(out, ask{target: "/admin/people/" + m.Membership.String() + "/sessions", about: &oracle.Object{Kind: oracle.Office, Org: m.Org.String()}, id: m.Membership.String(), ok: 200, open: true})
		}
		return out
	}},
	"GET /admin/people/:id/roles": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/admin/people/" + id.New[id.Any]().String() + "/roles", never: true}}
		for _, m := range s.someMembers() {
			out = append(out, ask{target: "/admin/people/" + m.Membership.String() + "/roles", about: &oracle.Object{Kind: oracle.Office, Org: m.Org.String()}, id: m.Membership.String(), ok: 200, open: true})
		}
		return out
	}},
	"POST /admin/people/:id/roles": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, m := range s.someMembers() {
			if m.Org != s.orgs[1].id {
				out = append(out, form{"/admin/people/" + m.Membership.String() + "/roles", "role_author=on"})
			}
		}
		return out
	}},
	"POST /admin/people/:id/sessions": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, m := range s.someMembers() {
			if m.Org != s.orgs[1].id {
				out = append(out, form{"/admin/people/" + m.Membership.String() + "/sessions", ""})
			}
		}
		return out
	}},
	"POST /me/sessions/others":  {kind: write, post: posts("/me/sessions/others", "")},
	"POST /me/sessions/:id/end": {kind: write, post: posts("/me/sessions/01a21306-28be-7092-bb09-9f3a7379a7ff/end", "")},
	"POST /auth/backchannel/:provider": {kind: public, post: func(s *site, _ bool) []form {
		return []form{{"/auth/backchannel/" + s.orgs[0].provider.String(), "logout_token=x.y.z"}}
	}},
}

// someMembers is one member of each organization.
func (s *site) someMembers() (out []scope.Scope) {
	for _, o := range s.orgs {
		for _, r := range s.readers {
			if r.scope.SignedIn() && r.scope.Org == o.id {
				out = append(out, r.scope)
				break
			}
		}
	}
	return out
}
