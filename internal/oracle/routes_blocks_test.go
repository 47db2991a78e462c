package oracle_test

import "github.com/learnscape/learnscape/tenants"

// blocksRoutes are lists of steps alone, and the ticks in them. Whoever sees the lesson sees its lists.
var blocksRoutes = map[string]route{
	"GET /course/:id/:slug/lessons/:lesson/aid/:list": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(tenants.KindCourse) {
			out = append(out, s.item(p, "/lessons/a/aid/list", 200), ask{target: p.href() + "/lessons/a/aid/q", never: true})
		}
		return out
	}},
	"GET /path/:id/:slug/steps/:step/aid/:list":         {kind: page, asks: func(s *site, _ *reader) []ask { return listsOn(s.steps(false)) }},
	"GET /path/:id/:slug/steps/:step/:lesson/aid/:list": {kind: page, asks: func(s *site, _ *reader) []ask { return listsOn(s.steps(true)) }},
	"POST /course/:id/:slug/lessons/:lesson/ticks": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/ticks"}, "list=list&done=one")
	}},
	"POST /path/:id/:slug/steps/:step/ticks": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/ticks", "/steps/s1/ticks"}, "list=list&done=one")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/ticks": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/ticks"}, "list=list&done=one")
	}},
}

// listsOn asks for a list that is none at every step.
func listsOn(list []ask) []ask {
	for i, a := range list {
		list[i] = ask{target: a.target + "/aid/q", id: a.id, never: true}
	}
	return list
}
