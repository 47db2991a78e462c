package oracle_test

import (
	"maps"
	"slices"

	"github.com/learnscape/learnscape/internal/oracle"
)

// networkAPIRoutes are the operations on standard agreements, disclosures, invitations and the library.
var networkAPIRoutes = map[string]route{
	"GET /api/v1/standards":                         {kind: list, asks: withToken(desk(v1 + "/standards"))},
	"GET /api/v1/standards/:standard":               {kind: page, asks: withToken(nothingAt(v1+"/standards/", ""))},
	"GET /api/v1/standards/:standard/partners":      {kind: list, asks: withToken(nothingAt(v1+"/standards/", "/partners"))},
	"POST /api/v1/standards":                        {kind: write, post: inAPIPosts("POST /api/v1/standards")},
	"POST /api/v1/standards/:standard/versions":     {kind: write, post: inAPIPosts("POST /api/v1/standards/:standard/versions")},
	"POST /api/v1/standards/:standard/retire":       {kind: write, post: inAPIPosts("POST /api/v1/standards/:standard/retire")},
	"GET /api/v1/connections/:organization/learned": {kind: list, asks: inAPI("/network", "/connections", deals("/learned", true))},
	"GET /api/v1/connections/:organization/given":   {kind: list, asks: inAPI("/network", "/connections", deals("/given", true))},
	"GET /api/v1/invitations":                       {kind: list, asks: withToken(desk(v1 + "/invitations"))},
	"DELETE /api/v1/invitations/:invitation":        {kind: write},
	"GET /api/v1/library": {kind: list, asks: withToken(func(s *site, r *reader) []ask {
		about := &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}
		var lines []listed
		for _, key := range slices.Sorted(maps.Keys(s.at("adoptions").objects)) {
			lines = append(lines, listed{ob: s.at("adoptions").objects[key], as: s.byKey[key]})
		}
		return []ask{
			{target: v1 + "/library?limit=200", about: about, ok: 200, open: true, lists: append(lines, s.itemsOn(r, false)...)},
			{target: v1 + "/library?part=closed", about: about, ok: 200, open: true, lists: lines},
		}
	})},
	"GET /api/v1/library/:item": {kind: page, asks: withToken(func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: v1 + "/library/" + ob.ID, id: ob.ID, never: true}
			if s.at("adoptions").objects[orgOf(r)+" "+ob.ID] != nil {
				a = ask{target: a.target, about: &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}, ok: 200, open: true}
			}
			out = append(out, a)
		}
		return out
	})},
	"PUT /api/v1/library/:item":           {kind: write},
	"DELETE /api/v1/library/:item":        {kind: write},
	"POST /api/v1/library/:item/accept":   {kind: write, post: inAPIPosts("POST /api/v1/library/:item/accept")},
	"POST /api/v1/library/:item/postpone": {kind: write, post: inAPIPosts("POST /api/v1/library/:item/postpone")},
	"POST /api/v1/library/:item/back":     {kind: write, post: inAPIPosts("POST /api/v1/library/:item/back")},
}

// networkAPIWrites adds their calls as somebody of the second organization would make them with what belongs to others.
func (s *site) networkAPIWrites(mine *org, add func(key, target, body string)) {
	for _, c := range s.colls {
		if c.Org != mine.id.String() {
			terms := `{"title":"Mine","we_call":"partner","they_call":"vendor","ours":{"opens":[{"collection":"` + c.ID + `","right":"use"}]}}`
			add("POST /api/v1/standards", "/standards", terms)
			add("POST /api/v1/standards/:standard/versions", "/standards/"+nobodys+"/versions", terms)
		}
	}
	for _, which := range []string{nobodys, "x", s.orgs[0].id.String()} {
		add("POST /api/v1/standards/:standard/retire", "/standards/"+which+"/retire", "")
		add("DELETE /api/v1/invitations/:invitation", "/invitations/"+which, "")
	}
	for _, key := range slices.Sorted(maps.Keys(s.at("invitations").objects)) {
		if s.at("invitations").objects[key].Org != mine.id.String() {
			add("DELETE /api/v1/invitations/:invitation", "/invitations/"+key, "")
		}
	}
	for _, it := range s.world.items {
		if s.at("adoptions").objects[mine.id.String()+" "+it.ID] != nil || s.model.Sees(oracle.Viewer{Org: mine.id.String()}, it) {
			continue
		}
		at := "/library/" + it.ID
		add("PUT /api/v1/library/:item", at, `{"updates":"follow"}`)
		add("DELETE /api/v1/library/:item", at, "")
		add("POST /api/v1/library/:item/accept", at+"/accept", `{"version":1}`)
		add("POST /api/v1/library/:item/postpone", at+"/postpone", `{"version":1}`)
		add("POST /api/v1/library/:item/back", at+"/back", "")
	}
}
