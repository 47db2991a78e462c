package oracle_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
)

// TestRoutes looks at every route that the server registers: each has a case, carries the promised headers and refuses what comes
// from other sites.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newSite(t, 31)
	everyRouteHasACase(t, s)
	unsafeMethodsRefuseOtherSites(t, s)
	everyRouteCarriesTheHeaders(t, s)
	everyPageIsPaced(t, s)
}

// everyRouteHasACase is the inventory of what the server answers: a route without a case fails, and so does a case without a
// route. What answers without a session stands in the reviewed list.
func everyRouteHasACase(t *testing.T, s *site) {
	t.Helper()
	want := map[string]bool{}
	for key := range routes {
		want[key] = true
		if rest, ok := strings.CutPrefix(key, "GET "); ok {
			want["HEAD "+rest] = true
		}
	}
	have := routesOf(s.portal.App)
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if !want[key] && strings.HasPrefix(key, "HEAD ") {
			t.Errorf("%s has no twin under GET in the table", key)
		} else if !want[key] {
			t.Errorf("a route without a case; say what it is and how the oracle calls it:\n\t%q: {kind: page, asks: func(s *site, r *reader) []ask { return []ask{{target: %q, ok: 200}} }},", key, key[strings.Index(key, "/"):])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !have[key] {
			t.Errorf("a case without a route: %s", key)
		}
	}
	var open []string
	for key, c := range routes {
		if c.kind == public || c.kind == operator || c.kind == asset {
			open = append(open, key)
		}
		if (c.asks == nil) == strings.HasPrefix(key, "GET ") || (c.post == nil) == strings.HasPrefix(key, "POST ") {
			t.Errorf("%s: nobody calls it", key)
		}
	}
	slices.Sort(open)
	if list := slices.Sorted(slices.Values(withoutSession)); !slices.Equal(open, list) {
		t.Errorf("what answers without a session is not what was reviewed:\nhave %q\nwant %q", open, list)
	}
	t.Logf("%d routes", len(have))
	// The demonstration adds its outbox and nothing else.
	demo := s.another(t, true)
	var more []string
	for key := range routesOf(demo.App) {
		if !have[key] {
			more = append(more, key)
		}
	}
	slices.Sort(more)
	if !slices.Equal(more, demoOnly) {
		t.Errorf("the demonstration adds %q, reviewed are %q", more, demoOnly)
	}
}

func routesOf(app *fiber.App) map[string]bool {
	out := map[string]bool{}
	for _, r := range app.GetRoutes(true) {
		out[r.Method+" "+r.Path] = true
	}
	return out
}

// promised are the headers of every answer (the design's list), each with what it must say.
var promised = map[string]*regexp.Regexp{
	"Content-Security-Policy":      regexp.MustCompile(`default-src 'none'.*frame-ancestors 'none'.*base-uri 'none'`),
	"X-Content-Type-Options":       regexp.MustCompile(`^nosniff$`),
	"Referrer-Policy":              regexp.MustCompile(`^(same-origin|no-referrer)$`),
	"Cross-Origin-Opener-Policy":   regexp.MustCompile(`^same-origin$`),
	"Cross-Origin-Resource-Policy": regexp.MustCompile(`^same-origin$`),
	"Permissions-Policy":           regexp.MustCompile(`camera=\(\).*microphone=\(\)`),
	"Cache-Control":                regexp.MustCompile(`no-store`),
	"X-Request-Id":                 regexp.MustCompile(`^[0-9a-f]{10}$`),
}

// pagePolicy is what the policy of a page forbids beyond: nothing inline, nothing from elsewhere, no frame around it.
var pagePolicy = []string{"script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"}

// cacheable are the routes whose answers may be kept: they are the same for everybody, or a file that the browser alone may keep.
var cacheable = map[string]string{
	"GET /assets/*": "public, max-age=31536000, immutable", "GET /brand/:color": "public, max-age=31536000, immutable", "GET /robots.txt": "public, max-age=3600", "GET /logo/:name": "public, max-age=31536000, immutable",
	"GET /api/openapi.json": "public, max-age=3600", "GET /api/openapi-3.0.json": "public, max-age=3600",
	"GET /files/:id/:name": "private, max-age=3600",
}

// everyRouteCarriesTheHeaders walks all routes as a member, as an administrator and as a visitor, with what is there and what
// is not, and checks the promised headers and the flags of every cookie, over http and as production answers behind https.
func everyRouteCarriesTheHeaders(t *testing.T, s *site) {
	t.Helper()
	production := s.another(t, false)
	for _, p := range []struct {
		name string
		app  *portal.Portal
	}{{"http", s.portal}, {"production", production}} {
		s.handler = p.app.App.Handler()
		s.forget(p.name)
		for _, r := range []*reader{s.readers[0], s.readers[len(s.readers)-3], s.readers[1]} {
			if p.name == "production" {
				host := *r
				host.host = strings.Replace(r.host, base, productionBase, 1)
				host.cookie = strings.Replace(r.cookie, "ls_sid", "__Host-sid", 1)
				r = &host
			}
			for _, key := range slices.Sorted(maps.Keys(routes)) {
				c := routes[key]
				if c.asks != nil {
					asks := c.asks(s, r)
					s.r.Shuffle(len(asks), func(i, j int) { asks[i], asks[j] = asks[j], asks[i] })
					for _, a := range asks[:min(4, len(asks))] {
						checkHeaders(t, p.name, key, r, a.target, s.request(r, "GET", a.target, "", a.header))
						checkHeaders(t, p.name, key, r, a.target, s.request(r, "HEAD", a.target, "", a.header))
					}
				}
				if c.post != nil && key != "POST /sign-out" {
					forms := c.post(s, true)
					for range min(3, len(forms)) {
						f := pick(s.r, forms)
						checkHeaders(t, p.name, key, r, f.target, s.request(r, "POST", f.target, f.body, nil))
					}
				}
			}
		}
	}
}

func checkHeaders(t *testing.T, where, key string, r *reader, target string, a answer) {
	t.Helper()
	wrong := func(format string, v ...any) {
		t.Errorf("%s: %s: %s (%s, %d): %s", where, r.name, target, key, a.status, fmt.Sprintf(format, v...))
	}
	keeps := cacheable[strings.Replace(key, "HEAD ", "GET ", 1)]
	for name, want := range promised {
		if name == "Cache-Control" && keeps != "" && a.status < 400 {
			if a.head[name] != keeps {
				wrong("Cache-Control is %q, not %q", a.head[name], keeps)
			}
			continue
		}
		if !want.MatchString(a.head[name]) {
			wrong("%s is %q", name, a.head[name])
		}
	}
	if csp := a.head["Content-Security-Policy"]; strings.HasPrefix(a.head["Content-Type"], "text/html") {
		for _, p := range pagePolicy {
			if !strings.Contains(csp, p) {
				wrong("the policy does not say %s: %s", p, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			wrong("the policy says unsafe: %s", csp)
		}
		if !strings.Contains(a.head["Vary"], "Cookie") && a.status == 200 {
			wrong("Vary is %q: a page is a viewer's own", a.head["Vary"])
		}
	}
	checkContent(a, wrong)
	if _, session, ok := strings.Cut(r.cookie, "sid="); ok {
		if token, _, _ := strings.Cut(session, ";"); strings.Contains(a.whole(), token) {
			wrong("the session's token is in the answer")
		}
	}
	if hsts := a.head["Strict-Transport-Security"]; (where == "production") != (hsts == "max-age=31536000; includeSubDomains") {
		wrong("Strict-Transport-Security is %q", hsts)
	}
	if a.head["Server"] != "" || a.head["Access-Control-Allow-Origin"] != "" {
		wrong("says more than promised: %v", a.head)
	}
	for cookie := range strings.SplitSeq(a.head["Set-Cookie"], "\n") {
		if cookie == "" {
			continue
		}
		low := strings.ToLower(cookie)
		for _, flag := range []string{"httponly", "samesite=lax", "path=/"} {
			if !strings.Contains(low, flag) {
				wrong("a cookie without %s: %s", flag, cookie)
			}
		}
		name, _, _ := strings.Cut(cookie, "=")
		if where == "production" && (!strings.Contains(low, "secure") || !strings.HasPrefix(name, "__Host-")) {
			wrong("a cookie that http could set: %s", cookie)
		}
		if strings.Contains(low, "domain=") {
			wrong("a cookie for more than one host: %s", cookie)
		}
	}
}

// unsafeMethodsRefuseOtherSites sends every form of the inventory as a page of another site would, and as one that says
// nothing of where it comes from: all are refused before anything is read.
func unsafeMethodsRefuseOtherSites(t *testing.T, s *site) {
	t.Helper()
	r := s.readers[0]
	before := s.rows(t)
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		c := routes[key]
		if c.post == nil || key == "POST /auth/backchannel/:provider" { // Providers send it; what it says is signed.
			continue
		}
		f := c.post(s, true)[0]
		for _, h := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site"},
			{"Sec-Fetch-Site": "same-site"},
			{"Sec-Fetch-Site": "none"},
			{"Sec-Fetch-Site": ""},
			{"Sec-Fetch-Site": "", "Origin": "http://org1." + base},
			{"Sec-Fetch-Site": "", "Origin": "null"},
			{"Sec-Fetch-Site": "cross-site", "Origin": "http://" + r.host},
			{"Sec-Fetch-Site": "", "Origin": "http://" + r.host + ".evil.example"},
			{"Sec-Fetch-Site": "", "Referer": "http://" + r.host + "/"},
		} {
			want := 403
			if strings.HasPrefix(f.target, "/api/") || strings.HasPrefix(f.target, v2) {
				want = 401 // No cookie counts there.
			}
			if a := s.request(r, "POST", f.target, f.body, h); a.status != want || a.head["Set-Cookie"] != "" {
				t.Errorf("%s with %v answers %d", key, h, a.status)
			}
		}
	}
	if after := s.rows(t); !maps.Equal(before, after) {
		t.Errorf("refused forms changed something: %v", changed(before, after))
	}
	// Other unsafe methods lead nowhere.
	for _, method := range []string{"PUT", "PATCH", "DELETE", "TRACE", "CONNECT"} {
		if a := s.request(r, method, "/learn", "", map[string]string{"Sec-Fetch-Site": "same-origin"}); a.status != 404 && a.status != 405 {
			t.Errorf("%s /learn answers %d", method, a.status)
		}
	}
}

func changed(before, after map[string]string) []string {
	var out []string
	for k := range after {
		if before[k] != after[k] {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
