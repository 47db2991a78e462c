package oracle_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// v1 is where the operations of the API begin.
const v1 = "/api/v1"

// apiRoutes are the routes of the JSON API, each asked with the token of who asks, and those of its tokens. Cookies go with every
// request and must count for nothing.
var apiRoutes = joined(networkAPIRoutes, map[string]route{
	"GET /api/openapi.json":     {kind: asset, asks: plain("/api/openapi.json")},
	"GET /api/openapi-3.0.json": {kind: asset, asks: plain("/api/openapi-3.0.json")},
	"GET /api/v1/organization": {kind: page, asks: withToken(func(_ *site, r *reader) []ask {
		if r.narrow {
			return nil // It may say whose it is.
		}
		return member(v1+"/organization", r)
	})},
	"GET /api/v1/people": {kind: list, asks: withToken(func(_ *site, r *reader) []ask {
		o := &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}
		return []ask{{target: v1 + "/people", about: o, ok: 200, open: true}, {target: v1 + "/people?query=zq&limit=3", about: o, ok: 200, open: true}}
	})},
	"GET /api/v1/log": {kind: list, asks: withToken(func(_ *site, r *reader) []ask {
		o := &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}
		return []ask{{target: v1 + "/log", about: o, ok: 200, open: true}, {target: v1 + "/log?topic=network&limit=5", about: o, ok: 200, open: true}}
	})},
	"GET /api/v1/collections": {kind: list, asks: withToken(func(_ *site, r *reader) []ask {
		return []ask{{target: v1 + "/collections", about: shelf(orgOf(r)), ok: 200, open: true}}
	})},
	"GET /api/v1/collections/:collection":       {kind: page, asks: inAPI("/sharing", "/collections", shelves("", true))},
	"GET /api/v1/collections/:collection/items": {kind: list, asks: inAPI("/sharing", "/collections", shelves("/items?limit=100", true))},
	"GET /api/v1/items": {kind: list, asks: withToken(func(s *site, r *reader) []ask {
		all := member(v1+"/items?limit=200", r)[0]
		all.lists = s.itemsOn(r, true, tenants.KindCourse, tenants.KindPath, tenants.KindStory, tenants.KindResource, tenants.KindGroup)
		some := member(v1+"/items?limit=5&kind=course,path&organization="+pick(s.r, s.orgs).slug, r)[0]
		some.lists = s.itemsOn(r, false)
		return []ask{all, some}
	})},
	"GET /api/v1/items/:item": {kind: page, asks: withToken(func(s *site, r *reader) []ask {
		out := []ask{{target: v1 + "/items/" + id.New[id.Item]().String(), never: true}}
		for _, ob := range s.world.items {
			a := ask{target: v1 + "/items/" + ob.ID, about: ob, id: ob.ID, ok: 200, open: true}
			if r.who.Org == "" {
				a = ask{target: a.target, never: true} // Without a token not even what is public.
			}
			out = append(out, a)
		}
		return out
	})},
	"GET /api/v1/search": {kind: list, asks: withToken(func(s *site, r *reader) []ask {
		var out []ask
		for _, tok := range s.words(5) {
			a := member(v1+"/search?query="+tok, r)[0]
			a.same = tok
			out = append(out, a)
		}
		return out
	})},
	"GET /api/v1/connections": {kind: list, asks: withToken(func(_ *site, r *reader) []ask {
		return append(member(v1+"/connections", r), member(v1+"/connections?sort=gives&desc=true&limit=2", r)...)
	})},
	"GET /api/v1/connections/:organization":                           {kind: page, asks: inAPI("/network", "/connections", deals("", true))},
	"GET /api/v1/connections/:organization/impact":                    {kind: page, asks: inAPI("/network", "/connections", deals("/impact", true))},
	"GET /api/v1/connections/:organization/view":                      {kind: list, asks: inAPI("/network", "/connections", deals("/view?limit=100", true))},
	"GET /api/v1/connections/:organization/versions":                  {kind: list, asks: inAPI("/network", "/connections", deals("/versions", true))},
	"GET /api/v1/connections/:organization/versions/:version":         {kind: page, asks: inAPI("/network", "/connections", deals("/versions/1", false))},
	"GET /api/v1/connections/:organization/versions/:version/changes": {kind: page, asks: inAPI("/network", "/connections", deals("/versions/1/changes?from=1", false))},

	"POST /api/v1/collections":                           {kind: write, post: inAPIPosts("POST /api/v1/collections")},
	"PATCH /api/v1/collections/:collection":              {kind: write},
	"PUT /api/v1/collections/:collection/visibility":     {kind: write},
	"PUT /api/v1/collections/:collection/items/:item":    {kind: write},
	"DELETE /api/v1/collections/:collection/items/:item": {kind: write},
	"POST /api/v1/connections":                           {kind: write, post: inAPIPosts("POST /api/v1/connections")},
	"POST /api/v1/connections/:organization/sign":        {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/sign")},
	"POST /api/v1/connections/:organization/counter":     {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/counter")},
	"POST /api/v1/connections/:organization/decline":     {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/decline")},
	"POST /api/v1/connections/:organization/withdraw":    {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/withdraw")},
	"POST /api/v1/connections/:organization/pause":       {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/pause")},
	"POST /api/v1/connections/:organization/resume":      {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/resume")},
	"POST /api/v1/connections/:organization/end":         {kind: write, post: inAPIPosts("POST /api/v1/connections/:organization/end")},
	"POST /api/v1/invitations":                           {kind: write, post: inAPIPosts("POST /api/v1/invitations")},
	"POST /api/v1/invitations/list":                      {kind: write, post: inAPIPosts("POST /api/v1/invitations/list")},
	"GET /admin/tokens": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/admin/tokens", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /admin/tokens/:id/revoke": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/admin/tokens/" + id.New[id.Any]().String() + "/revoke", never: true}}
		for _, o := range s.orgs {
			t := s.tokenIDs[o.id.String()]
			out = append(out, ask{target: "/admin/tokens/" + t + "/revoke", about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, id: t, ok: 200, open: true})
		}
		return out
	}},
	"POST /admin/tokens": {kind: write, post: posts("/admin/tokens", "name=mine&days=30&read:network=on")},
	"POST /admin/tokens/:id/revoke": {kind: write, post: func(s *site, _ bool) []form {
		out := []form{{"/admin/tokens/" + id.New[id.Any]().String() + "/revoke", ""}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/tokens/" + s.tokenIDs[o.id.String()] + "/revoke", ""})
			}
		}
		return out
	}},
})

// withToken asks with the reader's token. To a member who has none there is nothing, whatever the browser holds.
func withToken(asks func(*site, *reader) []ask) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		out := asks(s, r)
		for i, a := range out {
			switch {
			case r.token != "":
				out[i].header = map[string]string{"Authorization": "Bearer " + r.token}
			case r.who.Org != "":
				out[i] = ask{target: a.target, never: true, id: a.id}
			}
		}
		return out
	}
}

// inAPI asks the API for what other asks ask of pages.
func inAPI(from, to string, asks func(*site, *reader) []ask) func(*site, *reader) []ask {
	return withToken(func(s *site, r *reader) []ask {
		out := asks(s, r)
		for i := range out {
			path := strings.TrimPrefix(out[i].target, from+"/")
			slug, rest, ok := strings.Cut(path, "/")
			if ok {
				rest = "/" + rest
			}
			out[i].target = v1 + to + "/" + url.PathEscape(slug) + rest
		}
		return out
	})
}

// member asks for what every member gets.
func member(target string, r *reader) []ask {
	return []ask{{target: target, about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
}

// call is a request that changes something, by a program.
type call struct{ method, target, body string }

// apiWrites are the calls of every operation that writes, by route, as somebody of the second organization would make them with what
// belongs to others. Reads are apart: they are in apiRoutes.
func (s *site) apiWrites() map[string][]call {
	mine := s.orgs[1]
	out := map[string][]call{}
	add := func(key, target, body string) {
		method, _, _ := strings.Cut(key, " ")
		out[key] = append(out[key], call{method, v1 + target, body})
	}
	offer := func(c, right string) string {
		return `{"ours":{"opens":[{"collection":"` + c + `","right":"` + right + `"}]},"we_call":"partner","they_call":"vendor"`
	}
	add("POST /api/v1/collections", "/collections", `{"title":"One of ours"}`)
	own := s.shelvesOf(mine.id.String())
	foreign := map[string]bool{"nothing": true}
	for _, c := range s.colls {
		foreign[s.slugs[c.ID]] = true
	}
	for _, slug := range slices.Sorted(maps.Keys(foreign)) {
		if !own[slug] {
			add("PATCH /api/v1/collections/:collection", "/collections/"+slug, `{"title":"Mine now"}`)
			add("PUT /api/v1/collections/:collection/visibility", "/collections/"+slug+"/visibility", `{"visibility":"public"}`)
		}
		add("DELETE /api/v1/collections/:collection/items/:item", "/collections/"+slug+"/items/"+s.foreignItem(mine).ID, "")
	}
	for _, c := range s.colls {
		if c.Org != mine.id.String() {
			// What is another's is offered as one's own, and asked of a third.
			for _, o := range s.orgs {
				if o != mine {
					add("POST /api/v1/connections", "/connections", offer(c.ID, "use")+`,"organization":"`+o.slug+`"}`)
				}
				if o != mine && o.id.String() != c.Org {
					add("POST /api/v1/connections/:organization/counter", "/connections/"+o.slug+"/counter",
						`{"version":1,"ours":{},"theirs":{"opens":[{"collection":"`+c.ID+`","title":"Harmless","right":"show"}]}}`)
				}
			}
			add("POST /api/v1/invitations", "/invitations", offer(c.ID, "use")+`,"name":"New","email":"new@new.example"}`)
			add("POST /api/v1/invitations/list", "/invitations/list", offer(c.ID, "show")+`,"partners":[{"name":"New","email":"new@new.example"}]}`)
		}
	}
	for _, it := range s.world.items {
		if it.Org != mine.id.String() {
			for slug := range own {
				add("PUT /api/v1/collections/:collection/items/:item", "/collections/"+slug+"/items/"+it.ID, "")
			}
		}
	}
	for _, o := range append([]*org{{slug: "nobody"}}, s.orgs...) {
		if o.slug != "nobody" && (o == mine || s.model.Sides[[2]string{o.id.String(), mine.id.String()}].State != "") {
			continue
		}
		at := "/connections/" + o.slug
		key := "POST /api/v1/connections/:organization/"
		add(key+"sign", at+"/sign", `{"version":1,"hash":"`+strings.Repeat("0", 64)+`"}`)
		add(key+"counter", at+"/counter", `{"version":1,"ours":{}}`)
		add(key+"decline", at+"/decline", `{"version":1}`)
		add(key+"withdraw", at+"/withdraw", `{"version":1}`)
		add(key+"pause", at+"/pause", "")
		add(key+"resume", at+"/resume", "")
		add(key+"end", at+"/end", `{"now":true}`)
	}
	s.networkAPIWrites(mine, add)
	return out
}

// foreignItem is an item of somebody else.
func (s *site) foreignItem(mine *org) *oracle.Object {
	i := slices.IndexFunc(s.world.items, func(it *oracle.Object) bool { return it.Org != mine.id.String() })
	return s.world.items[i]
}

// inAPIPosts are the POSTs of an operation without a token, as forms: nobody's.
func inAPIPosts(key string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		calls := s.apiWrites()[key]
		return []form{{calls[0].target, calls[0].body}}
	}
}

// writing are the keys of apiRoutes that change something through the API.
func writing() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(apiRoutes)), func(key string) bool {
		return strings.HasPrefix(key, "GET ") || !strings.Contains(key, v1)
	})
}
