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

// Withdrawer carries withdrawals to the organizations whose people or library have the version: it moves them, counts how far they are, and
// tells them why.
type Withdrawer struct {
	s    *Service
	mail *mail.Service
	jobs *jobs.Client
}

// NewWithdrawer returns the withdrawer of an installation and registers its job.
func NewWithdrawer(s *Service, m *mail.Service, c *jobs.Client) *Withdrawer {
	w := &Withdrawer{s, m, c}
	w.work(c)
	return w
}

// Listen registers what follows on a withdrawal.
func (w *Withdrawer) Listen(relay *jobs.Relay) { jobs.On(relay, scope.Agreement, w.Carry) }

// Carry does for the acting organization what withdrawals, or their undoing, ask for. An event only says where to look: what is not so is not
// done. Repeating it changes nothing.
func (w *Withdrawer) Carry(ctx context.Context, events []VersionWithdrawn) error {
	if err := authz.Check(ctx, authz.CarryOut, id.Org{}); err != nil {
		return err
	}
	for _, e := range events {
		if err := w.s.db.Tx(ctx, func(tx *db.Tx) error { return w.carry(tx, e) }); err != nil {
			return fmt.Errorf("carry withdrawal of version %d of %s: %w", e.Version, e.Item, err)
		}
	}
	return nil
}

func (w *Withdrawer) carry(tx *db.Tx, e VersionWithdrawn) error {
	org := tx.Scope.Org
	var of withdrawn
	err := tx.As(scope.Agreement, e.Owner, func() (err error) {
		// Whoever the item was never open to, or is open to no more, is told nothing: words of another organization reach people by an agreement alone.
		of, err = db.Row[withdrawn](tx, `SELECT w.version, w.kind, w.reason, w.instead, w.withdrawn_at, w.org_id, w.item_id, i.kind AS item_kind, i.title, w.undone_at,
				w.org_id = $4 OR `+openTo("w.org_id", "w.item_id", "$4", "$5")+` AS open
			FROM withdrawals w JOIN items i ON i.org_id = w.org_id AND i.item_id = w.item_id WHERE w.org_id = $1 AND w.item_id = $2 AND w.version = $3 FOR SHARE OF w`, e.Owner, e.Item, e.Version, org, tx.Now)
		return err
	})
	if err != nil {
		return ignore(err, errs.NotFound)
	}
	if !of.Open {
		if of.Open, err = db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM finishing f WHERE f.org_id = $1 AND f.item_org = $2 AND f.item_id = $3 AND f.until > $4)`, org, e.Owner, e.Item, tx.Now); err != nil {
			return err
		}
	}
	if of.Undone != nil {
		err, of.At = carryBack(tx, e.Owner, e.Item, e.Version, of.Open), *of.Undone
	} else {
		err = carry(tx, of)
	}
	if err != nil {
		return err
	}
	wait, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $2 AND e.item_id = $3 AND (`+movedOut+` OR `+givenBack+`))`, org, e.Owner, e.Item, e.Version)
	if err != nil || !wait {
		return err
	}
	return w.enqueue(tx, withdrawnArgs{Org: org, Owner: e.Owner, Item: e.Item, Version: e.Version, At: of.At})
}

// Who was moved out of the version $4 and is not told yet, and who is to be told that it was given back.
const (
	movedOut  = `e.forced_from = $4 AND NOT e.forced_told`
	givenBack = `e.given_back = $4 AND NOT e.back_told`
)

// movedRow is somebody who was moved and is to be told that, or that the version was given back.
type movedRow struct {
	Member  id.Membership `db:"membership_id"`
	Email   string        `db:"email"`
	Locale  string        `db:"locale"`
	Name    string        `db:"org"` // of the own organization
	Slug    string        `db:"slug"`
	By      string        `db:"by_name"` // whose course or path it is
	Title   string        `db:"title"`
	Kind    string        `db:"kind"`
	Of      string        `db:"item_kind"`
	Reason  string        `db:"reason"`
	Instead int           `db:"instead"`
	Back    bool          `db:"back"` // it was given back
	Wanted  bool          `db:"wanted"`
}

// Tell counts how far those members of the acting organization are who were moved out of a withdrawn version, and mails them why, each once, and
// once that it was given back; who wants no such mail gets none. Repeating it is safe.
func (w *Withdrawer) Tell(ctx context.Context, owner id.Org, item id.Item, version int) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	for n := remindBatch; n == remindBatch; {
		if err := w.s.db.Tx(ctx, func(tx *db.Tx) error {
			list, err := db.Rows[movedRow](tx, `SELECT e.membership_id, m.email, m.locale, o.name AS org, o.slug, b.name AS by_name, n.title, n.kind, n.item_kind, n.reason, n.instead, n.undone_at IS NOT NULL AS back,
					m.state = 'active' AND m.email <> '' AND o.state = 'active' AND e.state <> 'left' AND NOT EXISTS (SELECT 1 FROM quiet_withdrawals q WHERE q.org_id = e.org_id AND q.membership_id = e.membership_id) AS wanted
				FROM enrollments e JOIN withdrawal_notes n ON n.org_id = e.org_id AND n.item_org = e.item_org AND n.item_id = e.item_id AND n.version = $4
						AND (`+movedOut+` AND n.undone_at IS NULL OR `+givenBack+` AND n.undone_at IS NOT NULL)
					JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id JOIN organizations o ON o.org_id = e.org_id JOIN organizations b ON b.org_id = e.item_org
				WHERE e.org_id = $1 AND e.item_org = $2 AND e.item_id = $3 ORDER BY e.membership_id LIMIT $5 FOR UPDATE OF e`, tx.Scope.Org, owner, item, version, remindBatch)
			if err != nil {
				return err
			}
			n = len(list)
			who := make([]id.Membership, n)
			for i, m := range list {
				who[i] = m.Member
				if err := w.s.recount(tx, m.Member, item); err != nil {
					return err
				}
				if !m.Wanted {
					continue
				}
				if err := w.mail.Send(tx, w.message(tx.Context(), m, version, "/"+m.Of+"/"+item.String())); err != nil {
					return err
				}
			}
			_, err = tx.Exec(`UPDATE enrollments SET forced_told = forced_told OR forced_from IS NOT DISTINCT FROM $4, back_told = back_told OR given_back IS NOT DISTINCT FROM $4 WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND $4 IN (forced_from, given_back) AND membership_id = ANY ($5)`, tx.Scope.Org, owner, item, version, who)
			return err
		}); err != nil {
			return fmt.Errorf("tell of version %d of %s: %w", version, item, err)
		}
	}
	return nil
}

// recount brings the figures of a member of tx's organization up to date with the versions that they are on.
func (s *Service) recount(tx *db.Tx, member id.Membership, item id.Item) error {
	t := tally{member: member}
	if err := tx.Batch(func(b *db.Batch) { t.queue(b, scope.Scope{Org: tx.Scope.Org, Membership: member}, item) }); err != nil {
		return err
	}
	list, err := s.readTx(tx, t.editions()...)
	if err != nil {
		return ignore(err, errs.NotFound) // Of what is closed no version is read, and the share that they had stays.
	}
	return tx.Batch(func(b *db.Batch) { t.count(b, tx, list) })
}

func (w *Withdrawer) message(ctx context.Context, m movedRow, version int, page string) mail.Message {
	if l, ok := lang.Parse(m.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	base := w.s.url(m.Slug)
	words := []any{"Title", m.Title, "Org", m.By, "Version", version, "Instead", m.Instead, "Reason", m.Reason, "Kind", lang.T(ctx, "withdraw.kind."+m.Kind), "Link", base + page, "Plan", base + "/plan"}
	what := "moved"
	switch {
	case m.Back && m.Instead == 0:
		what = "reopened"
	case m.Back:
		what = "back"
	case m.Instead == 0:
		what = "closed"
	}
	return mail.Message{To: m.Email, Subject: lang.T(ctx, "withdraw.mail."+what+".subject", words...), Text: lang.T(ctx, "withdraw.mail."+what+".text", words...) + "\n\n" + lang.T(ctx, "withdraw.mail.foot", words...)}
}
