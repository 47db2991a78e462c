package oracle_test

import "github.com/learnscape/learnscape/internal/oracle"

// rolls asks for the list of the own people who are known to each other organization.
func rolls(s *site, r *reader) []ask {
	out := deals("/ours.csv", true)(s, r)
	for _, a := range out {
		if a.about != nil {
			a.about.Kind = oracle.Roll
		}
	}
	return out
}

// consentRoutes are the pages on which people see and say what goes about them to others.
var consentRoutes = map[string]route{
	"GET /me/sharing": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/me/sharing", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /me/sharing/:slug":         {kind: page, asks: given},
	"GET /network/:slug/people":     {kind: list, asks: deals("/people", true)},
	"GET /network/:slug/people.csv": {kind: list, asks: deals("/people.csv", true)},
	"GET /network/:slug/totals.csv": {kind: list, asks: deals("/totals.csv", true)},
	"GET /network/:slug/ours":       {kind: list, asks: deals("/ours", true)},
	"GET /network/:slug/ours.csv":   {kind: list, asks: rolls},
	"POST /me/sharing/:slug": {kind: write, post: func(s *site, own bool) []form {
		out := []form{{"/me/sharing/nobody", "decision=given&version=1"}}
		for _, decision := range []string{"given", "declined", "withdrawn"} {
			for _, f := range strangers("", "decision="+decision+"&version=1")(s, own) {
				f.target = "/me/sharing" + f.target[len("/network"):]
				out = append(out, f)
			}
		}
		return out
	}},
}
