package mail_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
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
	addr string
	mu   sync.Mutex
	got  string
}

func newServer(t *testing.T, greeting string) *server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &server{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
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
			say("250 8BITMIME")
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
	s, d, c, org := setup(t, mail.SMTP{Addr: srv.addr, From: "portal@portal.example", FromName: "Learnscape ü", Now: now})
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
	secretive := mail.SMTP{Addr: srv.addr, From: "a@b.example", User: "u", Password: secret.Secret("hunter2"), Now: now}
	if _, err := secretive.Deliver(t.Context(), "1@x", mail.Message{To: "c@d.example"}); !errors.Is(err, mail.ErrPlain) {
		t.Errorf("a password without TLS: %v", err)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if strings.Contains(srv.got, "AUTH") {
		t.Error("the password was sent")
	}
	busy := mail.SMTP{Addr: newServer(t, "421 busy").addr, From: "a@b.example", Now: now}
	if _, err := busy.Deliver(t.Context(), "1@x", mail.Message{To: "c@d.example"}); err == nil {
		t.Error("a busy server took the mail")
	}
}
