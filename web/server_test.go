package web

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/secret"
)

// journal is a log that several requests write.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// serve serves what is around the routes, with a few of them, on a port of its own.
func serve(t *testing.T, o Options) (at string, log *journal) {
	t.Helper()
	log = &journal{}
	o.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := &Server{opts: o, deps: Deps{Auth: &auth.Service{}}, refusals: newRefusals(o.Log)}
	app := newApp(o, s.fail)
	app.Get("/ip", func(c *fiber.Ctx) error { return c.SendString(c.IP()) })
	app.Get("/broken/:token", func(*fiber.Ctx) error { return errors.New("out of order") })
	app.Get("/panic/:token", func(*fiber.Ctx) error { panic("out of order") })
	app.Get("/fine/:token", func(c *fiber.Ctx) error { return c.SendString("fine") })
	app.Use(missing)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listener(ln) }()
	t.Cleanup(func() { _ = app.Shutdown() })
	return ln.Addr().String(), log
}

// Limits count by address, so nobody may choose the own one: what a client writes into X-Forwarded-For stands before what the proxy
// adds, in the same line or in one of its own.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		trusted []string
		lines   []string
		want    string
	}{
		{"no proxy", nil, []string{"203.0.113.9"}, "127.0.0.1"},
		{"a stranger", []string{"10.0.0.0/8"}, []string{"203.0.113.9"}, "127.0.0.1"},
		{"a proxy that replaces", []string{"127.0.0.1"}, []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy that appends", []string{"127.0.0.0/8"}, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"a proxy that adds a line", []string{"127.0.0.1"}, []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"two proxies", []string{"127.0.0.1", "10.0.0.0/8"}, []string{"198.51.100.1, 203.0.113.9,10.1.2.3"}, "203.0.113.9"},
		{"what is no address", []string{"127.0.0.1"}, []string{"198.51.100.1, unknown"}, "127.0.0.1"},
		{"nothing", []string{"127.0.0.1"}, nil, "127.0.0.1"},
		{"the sixth version", []string{"127.0.0.1"}, []string{"::1, 2001:db8::7"}, "2001:db8::7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at, _ := serve(t, Options{TrustedProxies: tt.trusted})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/ip", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range tt.lines {
				req.Header.Add("X-Forwarded-For", l)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close() //nolint:errcheck // Read to its end.
			if b, err := io.ReadAll(res.Body); err != nil || string(b) != tt.want {
				t.Errorf("%s, %v; want %s", b, err, tt.want)
			}
		})
	}
}

// The code of an invitation or a sign-in link stands in its address, and whoever reads the log must not be able to use it.
func TestCodesStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	at, log := serve(t, Options{})
	code := secret.NewToken()
	for _, path := range []string{"/broken/", "/panic/", "/fine/", "/missing/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+path+code, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if strings.Contains(string(b), "out of order") || err != nil {
			t.Errorf("%s tells of the fault: %s, %v", path, b, err)
		}
		if !strings.Contains(log.String(), path+"…") {
			t.Errorf("%s is not in the log", path)
		}
	}
	if strings.Contains(log.String(), code) {
		t.Errorf("the code is in the log:\n%s", log)
	}
}

// What the server refuses before it knows which page is asked for says the same of itself as every page.
func TestRefusalsOfTheServerCarryTheHeaders(t *testing.T) {
	t.Parallel()
	at, _ := serve(t, Options{Production: true})
	for name, send := range map[string]string{
		"headers without end": "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=" + strings.Repeat("x", 40<<10) + "\r\n\r\n",
		"no request":          "NONSENSE\r\n\r\n",
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, send) // It may be refused before it is read.
		b, _ := io.ReadAll(conn)          // A reset is an end as well.
		_ = conn.Close()
		for _, want := range []string{"HTTP/1.1 4", "Content-Security-Policy: " + policy, "X-Content-Type-Options: nosniff", "Strict-Transport-Security: max-age=31536000; includeSubDomains", "Connection: close"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s: %q is missing in %.400s", name, want, b)
			}
		}
	}
}

// A log line is one line, whatever a request brings.
func TestALogLineIsOneLine(t *testing.T) {
	t.Parallel()
	at, log := serve(t, Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/fine/a%0Atime=x%20level=INFO%20msg=forged", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for line := range strings.Lines(log.String()) {
		if !strings.HasPrefix(line, "time=2") {
			t.Errorf("a line of its own: %s", line)
		}
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(log.String(), "forged") {
		t.Errorf("%s: %s", res.Status, log)
	}
}
