package oracle_test

import (
	"strings"

	"github.com/learnscape/learnscape/internal/oracle"
)

// viewRoutes are the routes of looking at the own content as others do.
var viewRoutes = map[string]route{
	"GET /view-as": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/view-as", about: &oracle.Object{Kind: oracle.Lookout, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"POST /view-as":      {kind: write, post: posts("/view-as", "as=org1")},
	"POST /view-as/stop": {kind: public, post: posts("/view-as/stop", "")},
}

// inView says of a route what a reader in a view finds there: pages of the view are as the model says, the rest is nowhere.
func inView(key string, a ask) (ask, bool) {
	path := strings.TrimPrefix(key, "GET ")
	for _, p := range []string{"/learn", "/stories", "/search", "/course/", "/path/", "/story/", "/resource/", "/files/"} {
		if path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return a, true
		}
	}
	if a.about == nil && !a.never || strings.HasPrefix(path, "/questions/about/") || path == "/home/with" {
		return ask{}, false
	}
	return ask{target: a.target, header: a.header, never: true, id: a.id}, true
}
