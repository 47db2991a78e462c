package courses

import (
	"context"
	"fmt"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
)

// Routine is what follows on what authors do without anybody pressing a button: mails about reviews, and drafts that publish themselves.
type Routine struct {
	s    *Service
	mail *mail.Service
	jobs *jobs.Client
	url  func(slug string) string // the address of an organization's portal
}

// NewRoutine returns the routine of an installation and registers its job. url returns the address of an organization's portal.
func NewRoutine(s *Service, m *mail.Service, c *jobs.Client, url func(slug string) string) *Routine {
	r := &Routine{s, m, c, url}
	r.work(c)
	return r
}

// Listen registers what follows on a review and on a time at which a draft publishes itself.
func (r *Routine) Listen(relay *jobs.Relay) {
	jobs.On(relay, scope.Mailer, func(ctx context.Context, events []ReviewDue) error {
		for _, e := range events {
			if err := r.tell(ctx, "review.mail.due", "/reviews/", e.Item, e.Reviewer, true); err != nil {
				return err
			}
		}
		return nil
	})
	jobs.On(relay, scope.Mailer, func(ctx context.Context, events []ReviewAnswered) error {
		for _, e := range events {
			if err := r.tell(ctx, "review.mail.", "/publish/", e.Item, e.Reviewer, false); err != nil {
				return err
			}
		}
		return nil
	})
	jobs.On(relay, scope.Mailer, func(ctx context.Context, events []PublishPlanned) error {
		return r.s.db.Tx(ctx, func(tx *db.Tx) error {
			for _, e := range events {
				// Whose event it is, the outbox says.
				if err := r.enqueue(tx, publishArgs{Org: tx.Scope.Org, Item: e.Item, At: e.At}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// told is a review as a mail tells of it, and who gets the mail.
type told struct {
	Review

	To     string `db:"email"`
	Locale string `db:"locale"`
	Slug   string `db:"slug"`
}

// tell mails the reviewer that they were asked, or who asked what the answer is. What has changed since is not told. An event that comes
// twice is told twice: a review has no other effect.
func (r *Routine) tell(ctx context.Context, key, page string, item id.Item, reviewer id.Membership, due bool) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	return r.s.db.Tx(ctx, func(tx *db.Tx) error {
		t, err := db.Row[told](tx, `SELECT `+reviewColumns+`, w.email, w.locale, o.slug FROM `+reviewFrom+`
			JOIN organizations o ON o.org_id = r.org_id JOIN memberships w ON w.org_id = r.org_id AND w.membership_id = CASE WHEN $4 THEN r.membership_id ELSE r.asked_by END
			WHERE r.org_id = $1 AND r.item_id = $2 AND r.membership_id = $3 AND (r.state = 'asked') = $4 AND w.state = 'active' AND w.email <> ''`, tx.Scope.Org, item, reviewer, due)
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("tell of a review: %w", err)
		}
		if !due {
			key += t.State
		}
		words := t.Words
		if !due {
			words = t.Answer
		}
		return r.send(tx, t.To, t.Locale, key, "Title", t.Title, "Name", t.Name, "Asker", t.Asker, "Words", words, "Link", r.url(t.Slug)+page+item.String())
	})
}

// late tells whoever planned it that a draft was not published, and why; where they left, the administrators.
func (r *Routine) late(tx *db.Tx, item id.Item, p planned, why string) error {
	list, err := db.Rows[struct {
		To     string `db:"email"`
		Locale string `db:"locale"`
		Slug   string `db:"slug"`
	}](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.state = 'active' AND m.email <> ''
		AND (m.membership_id = $2 OR $3 AND 'administrator' = ANY (m.roles)) ORDER BY m.email LIMIT 20`, tx.Scope.Org, p.Member, p.State != "active")
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := r.send(tx, m.To, m.Locale, why, "Title", p.Title, "Link", r.url(m.Slug)+"/publish/"+item.String()); err != nil {
			return err
		}
	}
	return nil
}

func (r *Routine) send(tx *db.Tx, to, locale, key string, kv ...any) error {
	ctx := tx.Context()
	if l, ok := lang.Parse(locale); ok {
		ctx = lang.With(ctx, l)
	}
	return r.mail.Send(tx, mail.Message{To: to, Subject: lang.T(ctx, key+".subject", kv...), Text: lang.T(ctx, key+".text", kv...)})
}
