package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/secret"
)

// SMTP is the sender of an installation with a mail server. TLS is used whenever the server offers it; a password is never
// sent without.
type SMTP struct {
	Addr     string // host:port
	From     string // one mailbox
	FromName string
	User     string // empty: no authentication
	Password secret.Secret
	TLS      *tls.Config   // default: TLS 1.2 or newer, the host's name verified
	Timeout  time.Duration // of the whole conversation, default 30 s
	Now      func() time.Time
}

// ErrPlain means that the server offers no TLS although a password is to be sent.
var ErrPlain = errors.New("the mail server offers no TLS; the password was not sent")

// Deliver implements Sender; kept is false.
func (s SMTP) Deliver(ctx context.Context, messageID string, m Message) (kept bool, err error) {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return false, fmt.Errorf("mail server address: %w", err)
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return false, fmt.Errorf("reach mail server: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(s.Now().Add(timeout))
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		_ = conn.Close()
		return false, fmt.Errorf("mail server: %w", err)
	}
	defer c.Close() //nolint:errcheck // Quit said whether it was taken.
	if err := s.secure(c, host); err != nil {
		return false, err
	}
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

func (s SMTP) secure(c *smtp.Client, host string) error {
	if ok, _ := c.Extension("STARTTLS"); ok {
		cfg := s.TLS
		if cfg == nil {
			cfg = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		}
		if err := c.StartTLS(cfg); err != nil {
			return fmt.Errorf("mail server, TLS: %w", err)
		}
	} else if s.User != "" {
		return ErrPlain
	}
	if s.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.User, s.Password.Reveal(), host)); err != nil {
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
