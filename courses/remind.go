package courses

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
)

// Reminder mails people about what they want to try at work: on the day that they set themselves, and 7 and 30 days later. It knows that
// there is something and after which lesson, and not what: that nobody reads but who wrote it.
type Reminder struct {
	db   *db.DB
	mail *mail.Service
	jobs *jobs.Client
	url  func(slug string) string
}

// NewReminder returns the reminder of an installation and registers its jobs. url returns the address of an organization's portal.
func NewReminder(d *db.DB, m *mail.Service, c *jobs.Client, url func(slug string) string) *Reminder {
	r := &Reminder{db: d, mail: m, jobs: c, url: url}
	r.work(c)
	return r
}

// dueMail is a mail that is due.
type dueMail struct {
	Tryout id.Any `db:"tryout_id"`
	Kind   string `db:"kind"` // by, week or month
	Title  string `db:"title"`
	Email  string `db:"email"`
	Locale string `db:"locale"`
	Name   string `db:"name"` // of the organization
	Slug   string `db:"slug"`
	Wanted bool   `db:"wanted"`
}

// remindBatch is how many mails are written in one transaction.
const remindBatch = 200

// Remind mails the members of the acting organization what is due by the time, each mail once; what was due long before is not mailed any
// more. Repeating it is safe.
func (r *Reminder) Remind(ctx context.Context, at time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	for n := remindBatch; n == remindBatch; {
		if err := r.db.Tx(ctx, func(tx *db.Tx) error {
			list, err := db.Rows[dueMail](tx, `SELECT d.tryout_id, d.kind, d.title, m.email, m.locale, o.name, o.slug,
					m.state = 'active' AND m.email <> '' AND o.state = 'active' AND d.due_on > $2::date - 5 AND NOT EXISTS (SELECT 1 FROM quiet_tryouts q WHERE q.org_id = d.org_id AND q.membership_id = d.membership_id) AS wanted
				FROM tryout_dues d JOIN memberships m ON m.org_id = d.org_id AND m.membership_id = d.membership_id JOIN organizations o ON o.org_id = d.org_id
				WHERE d.org_id = $1 AND d.due_on <= $2::date ORDER BY d.due_on, d.tryout_id, d.kind LIMIT $3`, tx.Scope.Org, at.UTC(), remindBatch)
			if err != nil {
				return err
			}
			n = len(list)
			for _, d := range list {
				if err := tx.Must(`DELETE FROM tryout_dues WHERE org_id = $1 AND tryout_id = $2 AND kind = $3`, tx.Scope.Org, d.Tryout, d.Kind); err != nil {
					return err
				}
				if !d.Wanted {
					continue
				}
				if err := r.mail.Send(tx, r.message(tx.Context(), d)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("remind of what is tried: %w", err)
		}
	}
	return nil
}

func (r *Reminder) message(ctx context.Context, d dueMail) mail.Message {
	if l, ok := lang.Parse(d.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	words := []any{"Title", d.Title, "Org", d.Name, "Link", r.url(d.Slug) + "/tries#t-" + d.Tryout.String()}
	return mail.Message{To: d.Email, Subject: lang.T(ctx, "trial.mail.subject."+d.Kind, words...), Text: lang.T(ctx, "trial.mail.text."+d.Kind, words...) + "\n\n" + lang.T(ctx, "trial.mail.foot", words...)}
}
