package mail

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
)

// Message is one mail to one person, in plain text. Paragraphs are separated by empty lines; an address alone in its
// paragraph becomes a button in the HTML part, which is made from the text.
type Message struct {
	To      string // one mailbox, see Address
	Subject string
	Text    string
	// Calendar is an iCalendar object (RFC 5545) with the METHOD that says what to do with it; "" for none.
	Calendar string
}

// Sender hands a mail to whoever carries it on. messageID is the same at every attempt.
type Sender interface {
	Deliver(ctx context.Context, messageID string, m Message) (kept bool, err error)
}

// Outbox is the sender of an installation without an SMTP server: the mail stays in its row, where the outbox page shows it.
type Outbox struct{}

// Deliver implements Sender; kept is true.
func (Outbox) Deliver(context.Context, string, Message) (bool, error) { return true, nil }

// Service writes mails down and delivers them.
type Service struct {
	db     *db.DB
	jobs   *jobs.Client
	sender Sender
	domain string
}

// New returns a service that delivers through sender and registers its job. domain names the installation in Message-IDs.
func New(d *db.DB, c *jobs.Client, s Sender, domain string) *Service {
	out := &Service{db: d, jobs: c, sender: s, domain: domain}
	out.work(c)
	return out
}

// Send writes the mail and its job into tx, for the organization of tx's scope. The body is cleared once the mail left
// through a server: what it says (a sign-in link, for one) is nobody's business afterwards.
func (s *Service) Send(tx *db.Tx, m Message) error {
	to, err := Address(m.To)
	if err != nil {
		return err
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		return errs.New(errs.Invalid, "mail: a subject of several lines")
	}
	mailID := id.New[id.Any]()
	if _, err := tx.Exec(`INSERT INTO mails (org_id, mail_id, recipient, subject, body, calendar, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		tx.Scope.Org, mailID, to, m.Subject, m.Text, m.Calendar, tx.Now); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	return s.enqueue(tx, mailID)
}

type row struct {
	Recipient string `db:"recipient"`
	Subject   string `db:"subject"`
	Body      string `db:"body"`
	Calendar  string `db:"calendar"`
	State     string `db:"state"`
	OrgState  string `db:"org_state"`
}

// ErrSuspended means that the operator suspended the organization: its mail waits.
var ErrSuspended = errors.New("the organization is suspended")

// Deliver hands a mail of the acting organization to the sender and notes it. A mail that left already is left alone; one of an
// organization that is suspended waits, and of one that is being erased nothing leaves.
func (s *Service) Deliver(ctx context.Context, mailID id.Any) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	var m row
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		m, err = db.Row[row](tx, `SELECT m.recipient, m.subject, m.body, m.calendar, m.state, o.state AS org_state FROM mails m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.mail_id = $2`, tx.Scope.Org, mailID)
		return err
	}); err != nil {
		return fmt.Errorf("read mail %s: %w", mailID, err)
	}
	switch {
	case m.State == "sent", m.OrgState == "erasing", m.OrgState == "erased":
		return nil
	case m.OrgState == "suspended":
		return ErrSuspended
	}
	kept, err := s.sender.Deliver(ctx, mailID.String()+"@"+s.domain, Message{To: m.Recipient, Subject: m.Subject, Text: m.Body, Calendar: m.Calendar})
	state := "sent"
	if err != nil {
		state = "failed"
	}
	noted := s.db.Tx(ctx, func(tx *db.Tx) error {
		var sent *time.Time
		if err == nil {
			sent = &tx.Now
		}
		return tx.Must(`UPDATE mails SET state = $3, sent_at = $4, body = CASE WHEN $5 THEN body ELSE '' END, calendar = CASE WHEN $5 THEN calendar ELSE '' END WHERE org_id = $1 AND mail_id = $2`,
			tx.Scope.Org, mailID, state, sent, kept || err != nil)
	})
	if err != nil {
		return fmt.Errorf("deliver mail %s: %w", mailID, err)
	}
	return noted
}

// Address returns the one mailbox that s names, lower case, its domain in IDNA form. Lists, names, quoted local parts, line
// breaks and anything net/mail would read differently are Invalid: two readings of one address are how mail reaches the
// wrong person (CVE-2022-35924).
func Address(s string) (string, error) {
	s = strings.TrimSpace(s)
	bad := errs.Fields(errs.Field{Name: "email", Key: "auth.email.form"})
	if s == "" || len(s) > 254 || strings.ContainsAny(s, "\r\n\t ,;<>\"()[]\\:%|") {
		return "", bad
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return "", bad
		}
	}
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "", bad
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.Contains(domain, "@") || len(local) > 64 {
		return "", bad
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !strings.Contains(ascii, ".") {
		return "", bad
	}
	return strings.ToLower(local) + "@" + strings.ToLower(ascii), nil
}
