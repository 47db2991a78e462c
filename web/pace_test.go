package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// paced serves what pace stands before: a person is who the header X-Person names, and the client's address what the proxy on this
// machine says.
func paced(t *testing.T, o Options) func(path, network, person string) *http.Response {
	t.Helper()
	o.Log, o.TrustedProxies = slog.New(slog.DiscardHandler), []string{"127.0.0.1"}
	s := &Server{opts: o, deps: Deps{Auth: &auth.Service{}}, refusals: newRefusals(o.Log)}
	app := newApp(o, s.fail)
	app.Use(func(c *fiber.Ctx) error {
		if p, err := id.Parse[id.Person](c.Get("X-Person")); err == nil {
			c.SetUserContext(scope.Enter(c.UserContext(), scope.Scope{Actor: scope.Member, Org: id.New[id.Org](), Person: p}))
		}
		return c.Next()
	}, pace(o))
	app.All("/*", func(c *fiber.Ctx) error { return c.SendString("fine") })
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listener(ln) }()
	t.Cleanup(func() { _ = app.Shutdown() })
	return func(path, network, person string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", network)
		req.Header.Set("X-Person", person)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
}

// At a pace that no person reads at, pages, searches and exports say when to come again; others are served meanwhile.
func TestPace(t *testing.T) {
	t.Parallel()
	ann, ben := id.New[id.Person]().String(), id.New[id.Person]().String()
	for _, tt := range []struct {
		name, path, network, person string
		atOnce                      int
		elsewhere                   string // another network
	}{
		{"pages of a person", "/learn", "203.0.113.9", ann, 150, "203.0.113.10"},
		{"pages of visitors", "/learn", "203.0.113.9", "", 300, ""},
		{"one network of the sixth version", "/learn", "2001:db8::1", "", 300, "2001:db8::2"},
		{"searches of a person", "/search/quick?q=a", "203.0.113.9", ann, 37, "203.0.113.10"},
		{"searches of visitors", "/search?q=a", "203.0.113.9", "", 75, ""},
		{"exports", "/admin/people.csv", "203.0.113.9", ann, 2, "203.0.113.10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			get := paced(t, Options{Production: true})
			n, last := 0, (*http.Response)(nil)
			for ; n < 2*tt.atOnce+10; n++ {
				if last = get(tt.path, tt.network, tt.person); last.StatusCode != http.StatusOK {
					break
				}
			}
			// What is given back while the test runs comes on top.
			if last.StatusCode != http.StatusTooManyRequests || n < tt.atOnce {
				t.Fatalf("%d were answered, then %d", n, last.StatusCode)
			}
			page, err := io.ReadAll(last.Body)
			if err != nil || !strings.Contains(string(page), "A little slower, please") {
				t.Errorf("%v: %.300s", err, page)
			}
			if wait, err := strconv.Atoi(last.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
				t.Errorf("Retry-After: %q", last.Header.Get("Retry-After"))
			}
			if res := get(tt.path, "198.51.100.1", ben); res.StatusCode != http.StatusOK {
				t.Errorf("somebody else gets %d", res.StatusCode)
			}
			if res := get(tt.path, "198.51.100.2", ""); res.StatusCode != http.StatusOK {
				t.Errorf("another network gets %d", res.StatusCode)
			}
			if tt.elsewhere != "" {
				n := 0 // What is given back while the test runs, and not as much as somebody else gets.
				for n < tt.atOnce && get(tt.path, tt.elsewhere, tt.person).StatusCode == http.StatusOK {
					n++
				}
				if n > tt.atOnce/2 {
					t.Errorf("from another address the same gets %d answers more", n)
				}
			}
		})
	}
}

// Files that somebody put there are no exports, this machine paces nobody, and a provider may tell of all sign-outs at once.
func TestPaceLetsThrough(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path, network string
		o                   Options
	}{
		{"a file", "/files/1/table.csv", "203.0.113.9", Options{Production: true}},
		{"plain http on this machine", "/admin/people.csv", "127.0.0.1", Options{}},
		{"sign-outs of a provider", "/auth/backchannel/1.csv", "203.0.113.9", Options{Production: true, PagesPerMinute: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			get := paced(t, tt.o)
			for n := range 20 {
				if res := get(tt.path, tt.network, ""); res.StatusCode != http.StatusOK {
					t.Fatalf("number %d gets %d", n+1, res.StatusCode)
				}
			}
		})
	}
	if res := paced(t, Options{PagesPerMinute: 4})("/learn", "203.0.113.9", ""); res.StatusCode != http.StatusOK {
		t.Errorf("the first page gets %d", res.StatusCode)
	}
}

// Who is refused a right, sends a form from another site or asks too often stands in the log at its usual level, with reference,
// organization and person and nothing of what was sent; and whoever is refused all the time does not fill it.
func TestRefusalsAreWrittenDown(t *testing.T) {
	t.Parallel()
	log := &journal{}
	r := newRefusals(slog.New(slog.NewTextHandler(log, nil)))
	org, person := id.New[id.Org](), id.New[id.Person]()
	ctx := scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: org, Person: person})
	r.note(ctx, authz.Check(ctx, authz.SeePeople, id.Org{}))
	r.note(ctx, errs.Say(errs.Forbidden, "errs.cross_site"))
	r.note(ctx, &errs.Error{Kind: errs.RateLimited, Err: io.EOF})
	r.note(ctx, errs.New(errs.NotFound, "path zqsecret")) // Nobody is refused what is not there.
	r.note(ctx, errs.Fields(errs.Field{Name: "title", Key: "x"}))
	r.note(scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}), authz.Check(scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}), authz.SeePeople, id.Org{})) // Is asked to sign in.
	r.note(context.WithoutCancel(t.Context()), errs.New(errs.Forbidden, "zqsecret"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 4 || strings.Contains(log.String(), "zqsecret") {
		t.Fatalf("%d lines:\n%s", len(lines), log)
	}
	for i, want := range []string{"kind=not_found action=tenants.see_people org=" + org.String() + " person=" + person.String(), "kind=forbidden why=errs.cross_site org=", "kind=rate_limited", "kind=forbidden"} {
		if !strings.Contains(lines[i], "level=INFO msg=refused ref=") || !strings.Contains(lines[i], want) {
			t.Errorf("%q is not in %s", want, lines[i])
		}
	}
	for range 5_000 {
		r.note(ctx, errs.Say(errs.Forbidden, "errs.cross_site"))
	}
	if n := strings.Count(log.String(), "\n"); n < refusalLines/4 || n > refusalLines {
		t.Errorf("%d lines of 5000 refusals", n)
	}
}
