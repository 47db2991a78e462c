package oracle_test

import (
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
)

// apiRoutes are the routes of the JSON API, each asked with the token of who asks, and those of its tokens. Cookies go with every
// request and must count for nothing.
var apiRoutes = map[string]route{
	"GET /api/openapi.json":     {kind: asset, asks: plain("/api/openapi.json")},
	"GET /api/openapi-3.0.json": {kind: asset, asks: plain("/api/openapi-3.0.json")},
	"GET /api/v1/organization": {kind: page, asks: withToken(func(_ *site, r *reader) []ask {
		return []ask{{target: "/api/v1/organization", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	})},

	"GET /settings/tokens": {kind: list, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/settings/tokens", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /settings/tokens/:id/revoke": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/settings/tokens/" + id.New[id.Any]().String() + "/revoke", never: true}}
		for _, o := range s.orgs {
			t := s.tokenIDs[o.id.String()]
			out = append(out, ask{target: "/settings/tokens/" + t + "/revoke", about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, id: t, ok: 200, open: true})
		}
		return out
	}},
	"POST /settings/tokens": {kind: write, post: posts("/settings/tokens", "name=mine&days=30&read:network=on")},
	"POST /settings/tokens/:id/revoke": {kind: write, post: func(s *site, _ bool) []form {
		out := []form{{"/settings/tokens/" + id.New[id.Any]().String() + "/revoke", ""}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/settings/tokens/" + s.tokenIDs[o.id.String()] + "/revoke", ""})
			}
		}
		return out
	}},
}

// withToken asks with the reader's token.
func withToken(asks func(*site, *reader) []ask) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		out := asks(s, r)
		if r.token != "" {
			for i := range out {
				out[i].header = map[string]string{"Authorization": "Bearer " + r.token}
			}
		}
		return out
	}
}
