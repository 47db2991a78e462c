package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"mara@brightwater.example":      "mara@brightwater.example",
		" Mara.L+x@Brightwater.EXAMPLE": "mara.l+x@brightwater.example",
		"o'neil@example.com":            "o'neil@example.com",
		"mara@münchen.example":          "mara@xn--mnchen-3ya.example",
	} {
		if got, err := mail.Address(in); err != nil || got != want {
			t.Errorf("Address(%q) = %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{
		"", "x", "@x.example", "x@", "a@b", "a@b.example,c@d.example", "a@b.example;c@d.example", "A <a@b.example>", "a@b.example\r\nBcc: c@d.example",
		`"a b"@c.example`, "a@[127.0.0.1]", "a@b@c.example", "a b@c.example", "a@b..example", "a@-b.example", "a%b@c.example", "a@b.example\x00", strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("b.", 130) + "example",
	} {
		if got, err := mail.Address(bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("Address(%q) = %q, %v", bad, got, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.example", "a@b.example,c@d.example", "\"\"@x.y", "a@ｂ.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := mail.Address(s)
		if err != nil {
			return
		}
		if strings.Count(got, "@") != 1 || strings.ContainsAny(got, "\r\n ,;<>\"") || got != strings.ToLower(got) {
			t.Fatalf("Address(%q) = %q", s, got)
		}
		if again, err := mail.Address(got); err != nil || again != got {
			t.Fatalf("Address is not stable: %q, %q, %v", got, again, err)
		}
	})
}

func setup(t *testing.T, s mail.Sender) (*mail.Service, *db.DB, *jobs.Client, id.Org) {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	c, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	org := id.New[id.Org]()
	if err := d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, $2, 'House', 'Ho', '#065f5b', 180, 0.1)`, org, "h"+strings.ReplaceAll(org.String(), "-", ""))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return mail.New(d, c, s, "portal.example"), d, c, org
}

type stored struct {
	Recipient string `db:"recipient"`
	Body      string `db:"body"`
	State     string `db:"state"`
}

func all(t *testing.T, d *db.DB, org id.Org) []stored {
	t.Helper()
	var out []stored
	if err := d.Tx(dbtest.System(t, scope.Mailer, org), func(tx *db.Tx) (err error) {
		out, err = db.Rows[stored](tx, `SELECT recipient, body, state FROM mails WHERE org_id = $1 ORDER BY created_at, mail_id`, org)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// run works jobs until the mails are in the state, or the time is over.
func run(t *testing.T, d *db.DB, c *jobs.Client, org id.Org, state string) []stored {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	deadline := time.Now().Add(20 * time.Second)
	for {
		rows := all(t, d, org)
		if (len(rows) > 0 && rows[0].State == state) || time.Now().After(deadline) {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return rows
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func TestAMailExistsWhenItsChangeDoes(t *testing.T) {
	t.Parallel()
	s, d, c, org := setup(t, mail.Outbox{})
	ctx := dbtest.System(t, scope.SignIn, org)
	taken := errors.New("taken back")
	for _, end := range []error{taken, nil} {
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			if err := s.Send(tx, mail.Message{To: "Mara@brightwater.example", Subject: "Hello", Text: "One\n\nTwo"}); err != nil {
				return err
			}
			return end
		}); !errors.Is(err, end) {
			t.Fatal(err)
		}
	}
	rows := run(t, d, c, org, "sent")
	if len(rows) != 1 || rows[0] != (stored{"mara@brightwater.example", "One\n\nTwo", "sent"}) {
		t.Errorf("mails: %+v", rows)
	}
	if other := all(t, d, id.New[id.Org]()); len(other) != 0 {
		t.Errorf("another organization sees %+v", other)
	}
	if err := d.Tx(ctx, func(tx *db.Tx) error {
		return s.Send(tx, mail.Message{To: "a@b.example", Subject: "x\r\nBcc: c@d.example"})
	}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a subject of two lines: %v", err)
	}
}

// server is a mail server that takes one conversation after the other.
type server struct {
	addr     string
	starttls *tls.Config // nil: it offers none
	mu       sync.Mutex
	got      string
}

func newServer(t *testing.T, greeting string) *server {
	t.Helper()
	return serve(t, &server{}, greeting, nil)
}

// serve begins every conversation with TLS if there is a configuration for it.
func serve(t *testing.T, s *server, greeting string, implicit *tls.Config) *server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if implicit != nil {
				c = tls.Server(c, implicit)
			}
			s.talk(c, greeting)
		}
	}()
	return s
}

func (s *server) talk(c net.Conn, greeting string) {
	defer c.Close() //nolint:errcheck // A test's.
	say := func(line string) { _, _ = c.Write([]byte(line + "\r\n")) }
	say(greeting)
	r := bufio.NewReader(c)
	data := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		s.got += line
		s.mu.Unlock()
		switch word := strings.ToUpper(strings.TrimSpace(line)); {
		case data && word == ".":
			data = false
			say("250 taken")
		case data:
		case strings.HasPrefix(word, "EHLO"):
			say("250-here")
			if s.starttls != nil {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case word == "STARTTLS":
			say("220 go on")
			c = tls.Server(c, s.starttls)
			r = bufio.NewReader(c)
		case strings.HasPrefix(word, "AUTH"):
			say("235 come in")
		case word == "DATA":
			data = true
			say("354 go on")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	srv := newServer(t, "220 here")
	now := func() time.Time { return time.Now().UTC() }
	s, d, c, org := setup(t, mail.SMTP{Addr: srv.addr, From: "portal@portal.example", FromName: "Learnscape ü", TLS: mail.Offered, Now: now})
	if err := d.Tx(dbtest.System(t, scope.SignIn, org), func(tx *db.Tx) error {
		return s.Send(tx, mail.Message{To: "mara@brightwater.example", Subject: "Grüße", Text: "Open <this>:\n\nhttps://portal.example/sign-in/link/abc\n\n.\nBye"})
	}); err != nil {
		t.Fatal(err)
	}
	rows := run(t, d, c, org, "sent")
	if len(rows) != 1 || rows[0].State != "sent" || rows[0].Body != "" {
		t.Errorf("the mail left, but its row says %+v", rows)
	}
	srv.mu.Lock()
	got := srv.got + strings.ReplaceAll(srv.got, "=\r\n", "") // With and without the soft line breaks of quoted-printable.
	srv.mu.Unlock()
	for _, want := range []string{
		"MAIL FROM:<portal@portal.example>", "RCPT TO:<mara@brightwater.example>", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Message-ID: <", "@portal.example>", "text/plain", "text/html",
		"Open &lt;this&gt;", `href=3D"https://portal.example/sign-in/link/abc"`, "Auto-Submitted: auto-generated",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestSMTPRefuses(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Now().UTC() }
	srv := newServer(t, "220 here")
	secretive := mail.SMTP{Addr: srv.addr, From: "a@b.example", User: "u", Password: secret.Secret("hunter2"), TLS: mail.Offered, Now: now}
	if _, err := secretive.Deliver(t.Context(), "1@x", mail.Message{To: "c@d.example"}); !errors.Is(err, mail.ErrPlain) {
		t.Errorf("a password without TLS: %v", err)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if strings.Contains(srv.got, "AUTH") {
		t.Error("the password was sent")
	}
	busy := mail.SMTP{Addr: newServer(t, "421 busy").addr, From: "a@b.example", TLS: mail.Plain, Now: now}
	if _, err := busy.Deliver(t.Context(), "1@x", mail.Message{To: "c@d.example"}); err == nil {
		t.Error("a busy server took the mail")
	}
}

// certificate is one for 127.0.0.1 with the pool of those that trust it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(srv.Certificate())
	return &tls.Config{Certificates: srv.TLS.Certificates, MinVersion: tls.VersionTLS12}, trusted
}

// Mails carry links that sign somebody in: whoever stands on the way to the mail server must neither read them nor be taken for it.
func TestSMTPIsProtected(t *testing.T) {
	t.Parallel()
	cert, trusted := certificate(t)
	for _, tt := range []struct {
		name               string
		tls                mail.Protection
		starttls, implicit bool // what the server has
		roots              *x509.CertPool
		user               string
		sent               bool
	}{
		{name: "required and offered", starttls: true, roots: trusted, user: "u", sent: true},
		{name: "required and hidden", roots: trusted},
		{name: "required, a certificate that nobody signed", starttls: true},
		{name: "from the first byte on", tls: mail.Implicit, implicit: true, roots: trusted, user: "u", sent: true},
		{name: "from the first byte on, a certificate that nobody signed", tls: mail.Implicit, implicit: true, user: "u"},
		{name: "from the first byte on, a server without", tls: mail.Implicit, roots: trusted},
		{name: "taken where it is", tls: mail.Offered, starttls: true, roots: trusted, user: "u", sent: true},
		{name: "taken where it is, a certificate that nobody signed", tls: mail.Offered, starttls: true},
		{name: "taken where it is, and it is not", tls: mail.Offered, sent: true},
		{name: "never", tls: mail.Plain, starttls: true, sent: true},
		{name: "never, with a password", tls: mail.Plain, starttls: true, user: "u"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, implicit := &server{}, (*tls.Config)(nil)
			if tt.starttls {
				srv.starttls = cert
			}
			if tt.implicit {
				implicit = cert
			}
			serve(t, srv, "220 here", implicit)
			s := mail.SMTP{
				Addr: srv.addr, From: "a@b.example", TLS: tt.tls, Roots: tt.roots, User: tt.user, Password: "hunter2",
				Timeout: 3 * time.Second, Now: func() time.Time { return time.Now().UTC() },
			}
			_, err := s.Deliver(t.Context(), "1@x", mail.Message{To: "c@d.example", Subject: "Come in", Text: "https://portal.example/sign-in/link/abc"})
			srv.mu.Lock()
			defer srv.mu.Unlock()
			if sent := strings.Contains(srv.got, "Come in"); sent != tt.sent || (err == nil) != tt.sent {
				t.Errorf("sent %v, %v", sent, err)
			}
			if !tt.sent && (strings.Contains(srv.got, "MAIL FROM") || strings.Contains(srv.got, "AUTH")) {
				t.Errorf("told all the same:\n%s", srv.got)
			}
		})
	}
}
