package oracle_test

import (
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// quizRoutes are the checks: quizzes that are taken as a whole. Whoever sees the lesson sees what its check asks for, and of takings the
// own ones alone.
var quizRoutes = map[string]route{
	"GET /tries": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/tries", about: &oracle.Object{Kind: oracle.Private, Org: orgOf(r), Member: r.who.Member}, ok: 200, open: true}}
	}},
	"POST /tries": {kind: write, post: posts("/tries", "do=say&id="+nobody+"&days=7&said=used")},
	"POST /course/:id/:slug/lessons/:lesson/try": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/try"}, "key=t&what=hello")
	}},
	"POST /path/:id/:slug/steps/:step/try": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/try", "/steps/s1/try"}, "key=t&what=hello")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/try": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/try"}, "key=t&what=hello")
	}},
	"GET /admin/people/:id/time": {kind: page, asks: func(s *site, r *reader) []ask { return people("/time")(s, r) }},
	"POST /admin/people/:id/time": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/people/" + o.members[0].String() + "/time", "percent=300&reason=mine"})
			}
		}
		return out
	}},
	"GET /course/:id/:slug/lessons/:lesson/quizzes/:quiz/check": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(tenants.KindCourse) {
			at := p.href() + "/lessons/a/quizzes/"
			out = append(out, s.item(p, "/lessons/a/quizzes/exam/check", 200), ask{target: at + "q/check", never: true}, ask{target: at + "exam/check?result=1000", never: true})
		}
		return out
	}},
	"GET /path/:id/:slug/steps/:step/quizzes/:quiz/check":          {kind: page, asks: func(s *site, _ *reader) []ask { return checksOn(s.steps(false)) }},
	"GET /path/:id/:slug/steps/:step/:lesson/quizzes/:quiz/check":  {kind: page, asks: func(s *site, _ *reader) []ask { return checksOn(s.steps(true)) }},
	"POST /course/:id/:slug/lessons/:lesson/quizzes/:quiz/check":   {kind: write, post: checkForms(tenants.KindCourse, "/lessons/a/quizzes/exam/check")},
	"POST /path/:id/:slug/steps/:step/quizzes/:quiz/check":         {kind: write, post: checkForms(tenants.KindPath, "/steps/own/quizzes/exam/check", "/steps/s1/quizzes/exam/check")},
	"POST /path/:id/:slug/steps/:step/:lesson/quizzes/:quiz/check": {kind: write, post: checkForms(tenants.KindPath, "/steps/s1/a/quizzes/exam/check")},
}

// checksOn asks for a quiz that is no check, which is nobody's to see, at every step.
func checksOn(list []ask) []ask {
	for i, a := range list {
		list[i] = ask{target: a.target + "/quizzes/q/check", id: a.id, never: true}
	}
	return list
}

func checkForms(kind string, rest ...string) func(*site, bool) []form {
	return func(s *site, own bool) []form {
		var out []form
		for _, body := range []string{"do=begin", "do=answer&question=y&n=1&choice=1&choice=0", "do=hand-in"} {
			out = append(out, s.forms(own, kind, rest, body)...)
		}
		return out
	}
}
