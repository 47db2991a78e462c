package oracle_test

import (
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// pilotRoutes are versions that some try before all: the page of those who write, and that of those who try, of whom there are none here.
var pilotRoutes = map[string]route{
	"GET /publish/:id/pilot": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			p := s.pages[ob.ID]
			a := ask{target: "/publish/" + ob.ID + "/pilot", id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200}
			if a.never = p.kind != tenants.KindCourse && p.kind != tenants.KindPath || ob.State != "published"; a.never {
				a.about = nil
			}
			out = append(out, a)
		}
		return out
	}},
	"POST /publish/:id/pilot":     {kind: write, post: draftForms("/pilot", "do=release&version=2", "do=back&version=2", "do=begin&edition=1&group=team:"+nobody)},
	"GET /course/:id/:slug/pilot": {kind: page, asks: triedBy(tenants.KindCourse)},
	"GET /path/:id/:slug/pilot":   {kind: page, asks: triedBy(tenants.KindPath)},
	"POST /course/:id/:slug/pilot": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/pilot"}, "body=Mine")
	}},
	"POST /path/:id/:slug/pilot": {kind: write, post: func(s *site, own bool) []form { return s.forms(own, tenants.KindPath, []string{"/pilot"}, "body=Mine") }},
}

func triedBy(kind string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(kind) {
			out = append(out, ask{target: p.href() + "/pilot", id: p.ob.ID, never: true})
		}
		return out
	}
}
