package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/secret"
)

// Protection is how the way to the mail server is protected. Whenever TLS is used, it is 1.2 or newer and the certificate has to be
// the server's; a password is never sent without.
type Protection string

// The ways to protect it. Implicit is TLS from the first byte on (RFC 8314), Required STARTTLS, or the mail waits; Offered takes
// STARTTLS where there is one, which somebody on the way can hide, and Plain never does.
const (
	Required Protection = "" // what is not said otherwise
	Implicit Protection = "implicit"
	Offered  Protection = "offered"
	Plain    Protection = "none"
)

// SMTP is the sender of an installation with a mail server.
type SMTP struct {
	Addr     string // host:port
	From     string // one mailbox
	FromName string
	User     string // empty: no authentication
	Password secret.Secret
	TLS      Protection
	Roots    *x509.CertPool // who signs the server's certificate; nil: whom the system trusts
	Timeout  time.Duration  // of the whole conversation, default 30 s
	Now      func() time.Time
}

// ErrPlain means that the server offers no TLS although it is required, or a password is to be sent.
var ErrPlain = errors.New("the mail server offers no TLS; nothing was sent")

// Deliver implements Sender; kept is false.
func (s SMTP) Deliver(ctx context.Context, messageID string, m Message) (kept bool, err error) {
	c, end, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	data, err := render(s.Now(), s.from(), messageID, m)
	if err != nil {
		return false, err
	}
	if err := c.Mail(s.From); err != nil {
		return false, fmt.Errorf("mail server, sender: %w", err)
	}
	if err := c.Rcpt(m.To); err != nil {
		return false, fmt.Errorf("mail server, recipient: %w", err)
	}
	w, err := c.Data()
	if err != nil {
		return false, fmt.Errorf("mail server, data: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return false, fmt.Errorf("mail server, data: %w", err)
	}
	if err := w.Close(); err != nil {
		return false, fmt.Errorf("mail server, data: %w", err)
	}
	_ = c.Quit() // The server has taken it.
	return false, nil
}

// Check says whether the server could be given a mail, without giving it one.
func (s SMTP) Check(ctx context.Context) error {
	c, end, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer end()
	_ = c.Quit() // It answered what was asked.
	return nil
}

// open begins a conversation, protected and signed in as is asked; end gives the connection back.
func (s SMTP) open(ctx context.Context) (c *smtp.Client, end func(), err error) {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, nil, fmt.Errorf("mail server address: %w", err)
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, nil, fmt.Errorf("reach mail server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	end = func() {
		stop()
		_ = conn.Close()
	}
	_ = conn.SetDeadline(s.Now().Add(timeout))
	cfg := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: s.Roots}
	talk := conn
	if s.TLS == Implicit {
		talk = tls.Client(conn, cfg)
	}
	if c, err = smtp.NewClient(talk, host); err != nil {
		end()
		return nil, nil, fmt.Errorf("mail server: %w", err)
	}
	if err := s.secure(c, cfg); err != nil {
		end()
		return nil, nil, err
	}
	return c, end, nil
}

func (s SMTP) secure(c *smtp.Client, cfg *tls.Config) error {
	safe := s.TLS == Implicit
	if ok, _ := c.Extension("STARTTLS"); ok && (s.TLS == Required || s.TLS == Offered) {
		if err := c.StartTLS(cfg); err != nil {
			return fmt.Errorf("mail server, TLS: %w", err)
		}
		safe = true
	}
	if !safe && (s.TLS == Required || s.User != "") {
		return ErrPlain
	}
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password.Reveal(), cfg.ServerName)); err != nil {
			return fmt.Errorf("mail server, authentication: %w", err)
		}
	}
	return nil
}

func (s SMTP) from() string {
	if s.FromName == "" {
		return s.From
	}
	return encode(strings.NewReplacer("\r", "", "\n", "").Replace(s.FromName)) + " <" + s.From + ">"
}
