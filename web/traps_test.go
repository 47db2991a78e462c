package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
)

// Each of these is something that the framework does unless it is told otherwise.

// around serves the routes behind everything that is around the portal's.
func around(t *testing.T, o Options, mount func(*fiber.App)) (*fiber.App, net.Listener) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	s := &Server{opts: o, deps: Deps{Auth: &auth.Service{}}, refusals: newRefusals(o.Log)}
	app := newApp(o, s.fail)
	mount(app)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return app, ln
}

func running(t *testing.T, o Options, mount func(*fiber.App)) string {
	t.Helper()
	app, ln := around(t, o, mount)
	go func() { _ = app.Listener(ln) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	return ln.Addr().String()
}

// dial opens a connection that ends with the test, or after a minute: what waits for the server to end it fails then.
func dial(t *testing.T, at string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

func ask(t *testing.T, method, address, form string, header ...string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// What a handler keeps of a request stays what it was when the buffers are used for the next one.
func TestKeptStringsStay(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var kept []string
	at := running(t, Options{}, func(app *fiber.App) {
		app.Get("/:word", func(c *fiber.Ctx) error {
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, c.Params("word"), c.Query("q"), c.Get("X-Word")) // As they are: put together they would be copies.
			return nil
		})
	})
	var want []string
	conn := dial(t, at)
	r := bufio.NewReader(conn)
	for i := range 5 { // On one connection, whose buffer is used again.
		w := strings.Repeat(fmt.Sprint(i), 4)
		want = append(want, w, w, w)
		if _, err := fmt.Fprintf(conn, "GET /%s?q=%s HTTP/1.1\r\nHost: a\r\nX-Word: %s\r\n\r\n", w, w, w); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(kept, " "); got != strings.Join(want, " ") {
		t.Errorf("kept %s, want %s", got, strings.Join(want, " "))
	}
}

// A length that is announced costs nothing until the bytes come.
//
//nolint:paralleltest // It looks at the memory of the whole process.
func TestAnnouncedBodiesTakeNoRoom(t *testing.T) {
	at := running(t, Options{BodyLimit: 8 << 20}, func(app *fiber.App) {
		app.Post("/", func(c *fiber.Ctx) error { return nil })
	})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 40 {
		if _, err := fmt.Fprintf(dial(t, at), "POST / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\nabc", 8<<20); err != nil {
			t.Fatal(err)
		}
	}
	most := uint64(0)
	for range 20 {
		if status, _ := ask(t, http.MethodGet, "http://"+at+"/", ""); status == 0 {
			t.Fatal("no answer")
		}
		if now := heap(); now > before {
			most = max(most, now-before)
		}
	}
	if most > 40<<20 { // 40 announced bodies are 320 MiB.
		t.Errorf("%d MiB for bodies that did not come", most>>20)
	}
}

// Whoever sends headers or a body slower than anybody does is not waited for, and costs others nothing.
func TestSlowRequestsEnd(t *testing.T) {
	t.Parallel()
	at := running(t, Options{ReadTimeout: 300 * time.Millisecond}, func(app *fiber.App) {
		app.All("/", func(c *fiber.Ctx) error { return c.SendString("fine") })
	})
	for name, send := range map[string]string{
		"headers": "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
		"a body":  "POST / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 1000\r\n\r\nabc",
		"chunks":  "POST / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, at)
			if _, err := io.WriteString(conn, send); err != nil {
				t.Fatal(err)
			}
			if status, body := ask(t, http.MethodGet, "http://"+at+"/", ""); status != 200 || body != "fine" {
				t.Errorf("meanwhile others get %d %q", status, body)
			}
			b, err := io.ReadAll(conn)
			if ne, ok := err.(net.Error); ok && ne.Timeout() { //nolint:errorlint // The connection's own.
				t.Fatal("it is waited for")
			}
			if strings.Contains(string(b), "fine") {
				t.Errorf("half a request was answered: %.200s", b)
			}
		})
	}
}

// A cookie as large as browsers keep fits.
func TestLargeCookiesFit(t *testing.T) {
	t.Parallel()
	at := running(t, Options{}, func(app *fiber.App) { app.Get("/", func(c *fiber.Ctx) error { return c.SendString("fine") }) })
	if status, _ := ask(t, http.MethodGet, "http://"+at+"/", "", "Cookie", "a="+strings.Repeat("x", 5000)); status != 200 {
		t.Errorf("%d", status)
	}
}

// A request has a deadline of its own: the framework tells nobody that the client has left, and what waits longer is told to give up.
func TestRequestsHaveADeadline(t *testing.T) {
	t.Parallel()
	at := running(t, Options{Deadline: 50 * time.Millisecond}, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			select {
			case <-c.UserContext().Done():
				return c.UserContext().Err()
			case <-time.After(30 * time.Second):
				return c.SendString("nobody stopped it")
			}
		})
	})
	if status, body := ask(t, http.MethodGet, "http://"+at+"/", ""); status < 500 || strings.Contains(body, "nobody stopped it") || !strings.Contains(body, "<h1") {
		t.Errorf("%d %.300s", status, body)
	}
}

// Which organization a request is for says Host alone. A named proxy that lets X-Forwarded-Host through would let a visitor choose.
func TestForwardedHostIsNotRead(t *testing.T) {
	t.Parallel()
	for _, proxies := range [][]string{nil, {"127.0.0.1"}} {
		at := running(t, Options{TrustedProxies: proxies}, func(app *fiber.App) { app.Get("/", func(c *fiber.Ctx) error { return c.SendString(c.Hostname()) }) })
		if _, body := ask(t, http.MethodGet, "http://"+at+"/", "", "X-Forwarded-Host", "evil.example"); body != at {
			t.Errorf("with proxies %v the host is %q", proxies, body)
		}
	}
}

// A field that the address and the form have has two meanings and is refused; of one that the form has twice the first counts.
func TestAFieldHasOneMeaning(t *testing.T) {
	t.Parallel()
	at := running(t, Options{}, func(app *fiber.App) {
		app.Post("/", func(c *fiber.Ctx) error { return c.SendString(c.FormValue("email")) })
	})
	for _, tt := range []struct {
		query, form string
		status      int
		body        string
	}{
		{"?email=evil", "email=good", 400, ""},
		{"?em%61il=evil", "email=good", 400, ""},
		{"?back=/x", "email=good", 200, "good"},
		{"", "email=good&email=evil", 200, "good"},
	} {
		status, body := ask(t, http.MethodPost, "http://"+at+"/"+tt.query, tt.form)
		if status != tt.status || status == 200 && body != tt.body {
			t.Errorf("%s with %s: %d %.100s", tt.query, tt.form, status, body)
		}
	}
}

// Ending the server lets what is under way finish and waits for no connection that asks nothing.
func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	started, finish := make(chan struct{}), make(chan struct{})
	app, ln := around(t, Options{}, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error { return c.SendString("fine") })
		app.Get("/slow", func(c *fiber.Ctx) error {
			close(started)
			<-finish
			return c.SendString("fine")
		})
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- listen(ctx, app, ln, time.Minute) }()
	idle, slow := dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	if _, err := io.WriteString(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v", err)
	}
	if _, err := io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-started
	stop()
	for { // Until nobody new is let in.
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(finish)
	if res, err := http.ReadResponse(bufio.NewReader(slow), nil); err != nil || res.StatusCode != 200 {
		t.Errorf("what was under way: %v", err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(40 * time.Second):
		t.Error("a connection that asks nothing is waited for")
	}
}

// A stream that nobody reads to its end, such as an export, does not keep the server from ending.
func TestShutdownWaitsForNoStream(t *testing.T) {
	t.Parallel()
	app, ln := around(t, Options{}, func(app *fiber.App) {
		app.Get("/", func(c *fiber.Ctx) error {
			c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
				for {
					if _, err := w.WriteString(strings.Repeat("x", 1<<16)); err != nil {
						return
					}
				}
			})
			return nil
		})
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- listen(ctx, app, ln, 200*time.Millisecond) }()
	conn := dial(t, ln.Addr().String())
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).Peek(1); err != nil {
		t.Fatal(err)
	}
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(40 * time.Second):
		t.Error("the stream is waited for")
	}
}
