package oracle_test

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
)

// contentTypes are the content types of answers; text says in which letters it is written, and JSON is UTF-8 by its own rule (RFC 8259, 8.1).
var contentTypes = regexp.MustCompile(`^(text/(html|css|plain|csv); charset=utf-8|text/javascript; charset=utf-8|application/(json|problem\+json|openapi\+json|scim\+json|jsonl|zip|vc|ld\+json|octet-stream|manifest\+json|pdf)(; charset=utf-8)?|(image|font|video|audio)/[a-z0-9.+-]+)$`)

// checkContent looks at what an answer says of itself: something that is no text to a browser is never guessed.
func checkContent(a answer, wrong func(string, ...any)) {
	if len(a.body) == 0 {
		return
	}
	if !contentTypes.MatchString(strings.ToLower(a.head["Content-Type"])) {
		wrong("Content-Type is %q", a.head["Content-Type"])
	}
	if strings.HasPrefix(a.body, "<!doctype html") != strings.HasPrefix(a.head["Content-Type"], "text/html") && strings.HasPrefix(a.body, "<!doctype html") {
		wrong("a page is called %q", a.head["Content-Type"])
	}
}

// unpaced begin the routes that nobody is held back at: what a balancer, a proxy or a provider asks, what programs call within limits of
// their own, and what is the same for all and kept.
var unpaced = []string{"/healthz", "/readyz", "/tls/ask", "/robots.txt", "/brand/", "/assets/", "/api/", "/scim/", "/auth/backchannel/"}

// everyPageIsPaced walks all routes as somebody who asked too often a moment ago: each answers that, with when to come again, but those
// that must not.
func everyPageIsPaced(t *testing.T, s *site) {
	t.Helper()
	p := s.portalAt(t, &url.URL{Scheme: "https", Host: productionBase}, false, func(c *portal.Config) { c.PagesPerMinute = 1 })
	s.handler = p.App.Handler()
	for _, r := range []*reader{s.readers[0], s.readers[len(s.readers)-3]} {
		host := *r
		host.host = strings.Replace(r.host, base, productionBase, 1)
		host.cookie = strings.Replace(r.cookie, "ls_sid", "__Host-sid", 1)
		host.token = ""
		for _, key := range slices.Sorted(maps.Keys(routes)) {
			c := routes[key]
			target, form, method := "", "", "GET"
			if c.asks != nil {
				if asks := c.asks(s, &host); len(asks) > 0 {
					target = asks[0].target
				}
			} else if c.post != nil {
				forms := c.post(s, true)
				target, form, method = forms[0].target, forms[0].body, "POST"
			}
			if target == "" {
				continue
			}
			free := slices.ContainsFunc(unpaced, func(p string) bool { return strings.HasPrefix(target, p) })
			got := s.request(&host, method, target, form, nil)
			if !free && got.status != 429 { // The one that is let through in the meantime.
				got = s.request(&host, method, target, form, nil)
			}
			if (got.status == 429) == free || !free && got.head["Retry-After"] == "" {
				t.Errorf("%s: %s %s: %d, Retry-After %q", host.name, method, target, got.status, got.head["Retry-After"])
			}
			if !free {
				checkHeaders(t, "production", key, &host, target, got)
			}
		}
	}
}
