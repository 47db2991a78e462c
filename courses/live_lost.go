package courses

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// lostSeats bounds how many seats are given back at once.
const lostSeats = 5000

// lostSeat is a seat, or a place on a waiting list, of a member in a session that they see no more.
type lostSeat struct {
	Owner   id.Org        `db:"session_org"`
	Session id.Any        `db:"session_id"`
	Member  id.Membership `db:"membership_id"`
	Email   string        `db:"email"`
	Name    string        `db:"name"`
	Locale  string        `db:"locale"`
	Slug    string        `db:"slug"`
	Told    bool          `db:"told"`
	Seated  bool          `db:"seated"`
}

// SeatsDue says that an organization has to look whether its people have seats in sessions that they see no more.
type SeatsDue struct {
	Org id.Org `json:"org"`
}

// EventKind implements jobs.Event.
func (SeatsDue) EventKind() string { return "courses.seats_due" }

// EventOrg implements jobs.Event.
func (e SeatsDue) EventOrg() id.Org { return e.Org }

// Closed asks the organizations to look of whose people somebody has a seat, or waits, in a session of an item of the acting organization that is
// open to them no more: it was taken out of a collection, or that was closed, or the item itself. Repeating it is safe.
func (u *Usher) Closed(ctx context.Context, events []tenants.ItemChanged) error {
	if err := authz.Check(ctx, authz.SeatPeople, id.Org{}); err != nil {
		return err
	}
	items := make([]id.Item, len(events))
	for i, e := range events {
		items[i] = e.Item
	}
	return u.s.db.Tx(ctx, func(tx *db.Tx) error {
		orgs, err := db.Rows[id.Org](tx, `SELECT DISTINCT s.org_id FROM items i JOIN live_sessions l ON l.org_id = i.org_id AND l.item_id = i.item_id AND l.state = 'planned' AND l.ends_at > $3
			JOIN live_seats s ON s.session_org = l.org_id AND s.session_id = l.session_id AND s.org_id <> $1 AND s.attended IS NULL
			WHERE i.org_id = $1 AND i.item_id = ANY ($2) AND NOT `+seatedBy("i", "s.org_id", "$3")+` ORDER BY s.org_id LIMIT 10000`, tx.Scope.Org, items, tx.Now)
		if err != nil {
			return fmt.Errorf("who has seats in what closed: %w", err)
		}
		for _, o := range orgs {
			if err := jobs.Emit(tx, SeatsDue{o}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lost gives back what members of the acting organization have in future sessions of others that they do not see any more, because a connection
// ended or rests or something was closed to them. Who waits moves up, and both are told. Who may go on learning for a while keeps their seat.
// Repeating it is safe.
func (u *Usher) Lost(ctx context.Context) error {
	if err := authz.Check(ctx, authz.SeatPeople, id.Org{}); err != nil {
		return err
	}
	return u.s.db.Tx(ctx, func(tx *db.Tx) error {
		// The session itself is read as its organization's: here it is not seen.
		list, err := db.Rows[lostSeat](tx, `SELECT s.session_org, s.session_id, s.membership_id, m.email, m.name, m.locale, o.slug, m.state = 'active' AND m.email <> '' AND o.state = 'active' AS told, s.number IS NOT NULL AS seated
			FROM live_seats s JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.membership_id JOIN organizations o ON o.org_id = s.org_id
			WHERE s.org_id = $1 AND s.session_org <> $1 AND s.attended IS NULL AND NOT EXISTS (SELECT 1 FROM live_sessions l WHERE l.org_id = s.session_org AND l.session_id = s.session_id)
			ORDER BY s.session_id, s.membership_id LIMIT $2`, tx.Scope.Org, lostSeats)
		if err != nil {
			return fmt.Errorf("seats in what is closed: %w", err)
		}
		for _, l := range list {
			if err := u.lose(tx, l); err != nil {
				return fmt.Errorf("seat in %s: %w", l.Session, err)
			}
		}
		return nil
	})
}

func (u *Usher) lose(tx *db.Tx, l lostSeat) error {
	a := addressed{Member: l.Member, To: l.Email, Name: l.Name, Locale: l.Locale, Slug: l.Slug}
	err := tx.As(scope.Usher, l.Owner, func() (err error) {
		a.Live, err = db.Row[Live](tx, `SELECT `+liveColumns+` FROM `+liveFrom+` WHERE l.org_id = $1 AND l.session_id = $3 AND l.ends_at > $4 AND l.state = 'planned'`, l.Owner, id.Membership{}, l.Session, tx.Now)
		return err
	})
	if err != nil {
		return ignore(err, errs.NotFound) // It is over, or gone with its organization.
	}
	stays, err := mayFinish(tx, l.Member, l.Owner, a.Item, a.Starts)
	if err != nil || stays {
		return err
	}
	if err := release(tx, l.Owner, l.Session, l.Member); err != nil || !l.Told || !l.Seated {
		return err
	}
	if a.By, err = db.Row[string](tx, `SELECT o.name FROM organizations o WHERE o.org_id = $1`, l.Owner); err != nil {
		return err
	}
	return u.mail.Send(tx, u.s.lostMail(tx.Context(), a, tx.Now))
}

// mayFinish reports whether a member of tx's organization has time to finish an item of another one at a time after the two parted.
func mayFinish(tx *db.Tx, member id.Membership, owner id.Org, item id.Item, at time.Time) (bool, error) {
	return db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM finishing f WHERE f.org_id = $1 AND f.membership_id = $2 AND f.item_org = $3 AND f.item_id = $4 AND f.until > $5)`, tx.Scope.Org, member, owner, item, at)
}

// lostMail tells somebody that they have a seat no more, and takes the session out of their calendar.
func (s *Service) lostMail(ctx context.Context, a addressed, now time.Time) mail.Message {
	if l, ok := lang.Parse(a.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	when, _ := a.When(ctx, "")
	words := []any{"Title", a.Title, "When", when, "Org", a.By, "Link", s.url(a.Slug) + "/live"}
	return mail.Message{To: a.To, Subject: lang.T(ctx, "withdraw.seat.subject", words...), Text: lang.T(ctx, "withdraw.seat.text", words...), Calendar: s.invitation(a, calendarCancel, now)}
}
