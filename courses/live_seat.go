package courses

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What people are told about a live session.
const (
	LiveTaken     = "taken"     // they have a seat
	LiveQueued    = "queued"    // they wait for one
	LiveMovedUp   = "moved_up"  // they waited, and have one now
	LiveLeft      = "left"      // they gave it back
	LiveChanged   = "changed"   // it is at another time, or about something else
	LiveCalledOff = "cancelled" // it does not take place
)

// LiveShown is how somebody who comes can be shown to people of other organizations, the proposal first.
var LiveShown = []string{"name", "company", "someone"} //nolint:gochecknoglobals // A constant list.

// LiveNews says that people of an organization have to be told about a session: one of them, or all who have a seat or wait.
type LiveNews struct {
	Org        id.Org        `json:"org"` // the organization for which they learn
	Session    id.Any        `json:"session"`
	Membership id.Membership `json:"membership,omitzero"`
	What       string        `json:"what"`
	At         time.Time     `json:"at"`
}

// EventKind implements jobs.Event.
func (LiveNews) EventKind() string { return "courses.live_news" }

// EventOrg implements jobs.Event.
func (e LiveNews) EventOrg() id.Org { return e.Org }

// LiveAttended says that it was noted that a member came to a session, or that this was taken back.
type LiveAttended struct {
	Org        id.Org        `json:"org"` // the organization for which the person learns
	Session    id.Any        `json:"session"`
	Membership id.Membership `json:"membership"`
}

// EventKind implements jobs.Event.
func (LiveAttended) EventKind() string { return "courses.live_attended" }

// EventOrg implements jobs.Event.
func (e LiveAttended) EventOrg() id.Org { return e.Org }

// errThere says that the member has a seat, or waits, since a moment ago.
var errThere = errors.New("there already")

// TakeSeat gives the acting member a seat in a live session that they see, or a place on its waiting list, and returns which: LiveSeat or
// LiveWaiting. Who has one keeps it. shownAs says how they are shown to others: of LiveShown. A name crosses only to organizations with
// which the own one agreed on that. Conflict for what is over or called off; NotFound for what the member may not see.
func (s *Service) TakeSeat(ctx context.Context, session id.Any, shownAs string) (mine string, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return "", err
	}
	if !slices.Contains(LiveShown, shownAs) {
		return "", errs.New(errs.Malformed, "shown as %q", shownAs)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := seenLive(tx, session)
		if err != nil {
			return err
		}
		if mine = l.Mine; mine != "" {
			return nil
		}
		if l.Over(tx.Now) {
			return errs.Say(errs.Conflict, "live.fault.over")
		}
		var number *int
		if err := tx.As(scope.Usher, l.Org, func() (err error) {
			number, err = freeSeat(tx, session)
			return err
		}); err != nil {
			return fmt.Errorf("seat in %s: %w", session, err)
		}
		n, err := tx.Exec(`INSERT INTO live_seats (org_id, membership_id, session_org, session_id, seat_id, number, shown_as, shown_name, asked_at)
			SELECT m.org_id, m.membership_id, $3, $4, $5, $6, $7, CASE WHEN $7 = 'name' THEN m.name ELSE '' END, $8 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 ON CONFLICT (org_id, membership_id, session_id) DO NOTHING`,
			tx.Scope.Org, tx.Scope.Membership, l.Org, session, id.New[id.Any](), number, shownAs, tx.Now)
		if err != nil {
			return fmt.Errorf("seat in %s: %w", session, err)
		}
		if n == 0 {
			return errThere // Nothing that was counted with it counts.
		}
		what := LiveQueued
		mine = LiveWaiting
		if number != nil {
			mine, what = LiveSeat, LiveTaken
		}
		return jobs.Emit(tx, LiveNews{Org: tx.Scope.Org, Session: session, Membership: tx.Scope.Membership, What: what, At: tx.Now})
	})
	if errors.Is(err, errThere) {
		return s.mine(ctx, session)
	}
	return mine, err
}

// mine is how the acting member stands to a session.
func (s *Service) mine(ctx context.Context, session id.Any) (mine string, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := seenLive(tx, session)
		mine = l.Mine
		return err
	})
	return mine, err
}

// lockLive makes whoever seats people in an own session wait for whoever does so already.
func lockLive(tx *db.Tx, session id.Any) error {
	_, err := db.Row[bool](tx, `SELECT true FROM live_sessions l WHERE l.org_id = $1 AND l.session_id = $2 FOR UPDATE`, tx.Scope.Org, session)
	return err
}

// freeNumbers are the first two free seats of an own session: $1 its organization, $2 the session.
const freeNumbers = `SELECT n FROM live_sessions l CROSS JOIN LATERAL generate_series(1, l.seats) AS n WHERE l.org_id = $1 AND l.session_id = $2 AND l.state = 'planned'
	AND NOT EXISTS (SELECT 1 FROM live_seats s WHERE s.session_org = $1 AND s.session_id = $2 AND s.number = n) ORDER BY n LIMIT 2`

// freeSeat returns a free seat of an own session that is taken next, nil for none, and notes whether it was the last one.
func freeSeat(tx *db.Tx, session id.Any) (*int, error) {
	if err := lockLive(tx, session); err != nil {
		return nil, err
	}
	free, err := db.Rows[int](tx, freeNumbers, tx.Scope.Org, session)
	if err != nil {
		return nil, err
	}
	if err := noteFull(tx, session, len(free) < 2); err != nil || len(free) == 0 {
		return nil, err
	}
	return &free[0], nil
}

func noteFull(tx *db.Tx, session id.Any, full bool) error {
	_, err := tx.Exec(`UPDATE live_sessions SET full_up = $3 WHERE org_id = $1 AND session_id = $2 AND full_up <> $3`, tx.Scope.Org, session, full)
	return err
}

// openTo holds where an item of an organization is open to another one at a time; all of them are expressions.
func openTo(owner, item, other, at string) string {
	return `EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
		WHERE ci.org_id = ` + owner + ` AND ci.item_id = ` + item + ` AND g.viewer_org IN (` + other + `, everyone()) AND (g.until IS NULL OR g.until > ` + at + `))`
}

// seatedBy holds where people of an organization can have a seat in sessions of the item i, as its own.
func seatedBy(i, other, at string) string {
	return `(` + i + `.state = 'published' AND ` + openTo(i+".org_id", i+".item_id", other, at) + `)`
}

// moveUp gives the free seats of an own session to those who wait, in the order of their coming, and has them told. Those to whose
// organization the item is open no more are passed over. It acts as the usher of the session's organization, under its lock.
func moveUp(tx *db.Tx, session id.Any) error {
	for {
		free, err := db.Rows[int](tx, freeNumbers, tx.Scope.Org, session)
		if err != nil {
			return err
		}
		if len(free) == 0 {
			return noteFull(tx, session, true)
		}
		next, err := db.Rows[struct {
			Org    id.Org        `db:"org_id"`
			Member id.Membership `db:"membership_id"`
		}](tx, `UPDATE live_seats SET number = $3 WHERE seat_id = (SELECT s.seat_id FROM live_seats s JOIN live_sessions l ON l.org_id = s.session_org AND l.session_id = s.session_id JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id
				WHERE s.session_org = $1 AND s.session_id = $2 AND s.number IS NULL AND l.ends_at > $4 AND (s.org_id = $1 OR `+seatedBy("i", "s.org_id", "$4")+`)
				ORDER BY s.place LIMIT 1) AND session_org = $1 AND session_id = $2 RETURNING org_id, membership_id`, tx.Scope.Org, session, free[0], tx.Now)
		if err != nil {
			return fmt.Errorf("move up in %s: %w", session, err)
		}
		if len(next) == 0 {
			return noteFull(tx, session, false)
		}
		if err := jobs.Emit(tx, LiveNews{Org: next[0].Org, Session: session, Membership: next[0].Member, What: LiveMovedUp, At: tx.Now}); err != nil {
			return err
		}
	}
}

// spread has every organization of whose people somebody has a seat or waits told something of an own session.
func spread(tx *db.Tx, session id.Any, what string) error {
	orgs, err := db.Rows[id.Org](tx, `SELECT DISTINCT s.org_id FROM live_seats s WHERE s.session_org = $1 AND s.session_id = $2 ORDER BY s.org_id LIMIT 10000`, tx.Scope.Org, session)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		if err := jobs.Emit(tx, LiveNews{Org: o, Session: session, What: what, At: tx.Now}); err != nil {
			return err
		}
	}
	return nil
}

// counted are how many people have a seat in an own session and how many wait.
func counted(tx *db.Tx, session id.Any) (taken, waiting int, err error) {
	err = tx.As(scope.Usher, tx.Scope.Org, func() error {
		n, err := db.Row[struct {
			Taken   int `db:"taken"`
			Waiting int `db:"waiting"`
		}](tx, `SELECT count(s.number)::int AS taken, (count(*) - count(s.number))::int AS waiting FROM live_seats s WHERE s.session_org = $1 AND s.session_id = $2`, tx.Scope.Org, session)
		taken, waiting = n.Taken, n.Waiting
		return err
	})
	return taken, waiting, err
}

// LeaveSeat gives the acting member's seat or place on the waiting list back; the seat goes to who waits longest. Who has none changes
// nothing. Conflict once the session has ended.
func (s *Service) LeaveSeat(ctx context.Context, session id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := seenLive(tx, session)
		switch {
		case err != nil:
			return err
		case l.Mine == "":
			return nil
		case !l.Ends.After(tx.Now):
			return errs.Say(errs.Conflict, "live.fault.over")
		}
		if err := release(tx, l.Org, session, tx.Scope.Membership); err != nil {
			return err
		}
		return jobs.Emit(tx, LiveNews{Org: tx.Scope.Org, Session: session, Membership: tx.Scope.Membership, What: LiveLeft, At: tx.Now})
	})
}

// release takes a member's seat back and gives it to who waits.
func release(tx *db.Tx, owner id.Org, session id.Any, member id.Membership) error {
	gone := false
	if err := tx.As(scope.Usher, owner, func() error {
		err := lockLive(tx, session)
		if gone = errs.Is(err, errs.NotFound); gone {
			return nil
		}
		return err
	}); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM live_seats WHERE org_id = $1 AND membership_id = $2 AND session_id = $3`, tx.Scope.Org, member, session); err != nil {
		return fmt.Errorf("leave %s: %w", session, err)
	}
	if gone {
		return nil // With its organization.
	}
	return tx.As(scope.Usher, owner, func() error { return moveUp(tx, session) })
}

// forgetSeats gives the seats of somebody who is being erased to those who wait.
func forgetSeats(tx *db.Tx, member id.Membership) error {
	list, err := db.Rows[struct {
		Org     id.Org `db:"session_org"`
		Session id.Any `db:"session_id"`
	}](tx, `SELECT s.session_org, s.session_id FROM live_seats s WHERE s.org_id = $1 AND s.membership_id = $2 ORDER BY s.session_id LIMIT 1000`, tx.Scope.Org, member)
	if err != nil {
		return err
	}
	for _, l := range list {
		if err := release(tx, l.Org, l.Session, member); err != nil {
			return err
		}
	}
	return nil
}

// Guest is somebody who has a seat in an own session or waits for one, as its authors see them.
type Guest struct {
	Seat     id.Any `db:"seat_id"`
	Name     string `db:"name"` // "" where the agreement lets none cross, or they did not wish it
	Company  string `db:"company"`
	Own      bool   `db:"own"`
	Waiting  bool   `db:"waiting"`
	Attended *bool  `db:"attended"` // nil: nobody said

	Voided *time.Time `db:"voided_at"` // when it was taken back that they came; nil for not
	Reason string     `db:"reason"`    // why
}

// Came reports whether it was noted that they came.
func (g Guest) Came() bool { return g.Attended != nil && *g.Attended }

// GuestList is who comes to an own session.
type GuestList struct {
	Live
	Now    time.Time
	Guests []Guest
	Found  int
	More   bool
}

// GuestFilter narrows the list.
type GuestFilter struct {
	Query   string // words of a name or company
	Waiting bool   // who waits, instead of who has a seat
	Seat    id.Any // of one of them; zero for all
	Page    int    // from 0
	All     bool   // no pages
}

type guestRow struct {
	Guest

	Place int64 `db:"place"`
	Found int   `db:"found"`
}

// guestsPage is how many lines a page has.
const guestsPage = 50

// Guests lists who has a seat in an own session, for its authors. NotFound for anybody else's.
func (s *Service) Guests(ctx context.Context, session id.Any, f GuestFilter) (GuestList, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return GuestList{}, err
	}
	var v GuestList
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := ownLive(tx, session)
		if err != nil {
			return err
		}
		v = GuestList{Live: l, Now: tx.Now}
		limit, from := guestsPage+1, min(max(f.Page, 0), 1000)*guestsPage
		if f.All {
			limit, from = 5000, 0
		}
		var rows []guestRow
		if err := tx.As(scope.Usher, tx.Scope.Org, func() (err error) {
			// The name of somebody else's member is read only where their organization lets names cross to this one now, and the company likewise.
			rows, err = db.Rows[guestRow](tx, `SELECT g.*, count(*) OVER ()::int AS found FROM (
					SELECT s.seat_id, s.place, s.org_id = $1 AS own, s.number IS NULL AS waiting, s.attended, v.voided_at, coalesce(v.reason, '') AS reason,
						CASE WHEN s.org_id = $1 THEN coalesce((SELECT m.name FROM memberships m WHERE m.org_id = s.org_id AND m.membership_id = s.membership_id), '') WHEN c.meet = 'name' AND s.shown_as = 'name' THEN s.shown_name ELSE '' END AS name,
						CASE WHEN s.org_id = $1 OR c.meet IN ('name', 'company') AND s.shown_as IN ('name', 'company') THEN o.name ELSE '' END AS company
					FROM live_seats s LEFT JOIN organizations o ON o.org_id = s.org_id AND o.state = 'active' LEFT JOIN connection_sides c ON c.org_id = s.org_id AND c.other_org = $1 AND c.state = 'active' AND o.org_id IS NOT NULL
						LEFT JOIN live_voided v ON v.org_id = s.org_id AND v.membership_id = s.membership_id AND v.session_id = s.session_id AND NOT v.again
					WHERE s.session_org = $1 AND s.session_id = $2 AND (s.number IS NULL) = $3 AND ($7::uuid IS NULL OR s.seat_id = $7)) g
				WHERE lower(g.name || ' ' || g.company) LIKE $4 ORDER BY g.place LIMIT $5 OFFSET $6`, tx.Scope.Org, session, f.Waiting, db.Like(f.Query), limit, from, f.Seat)
			return err
		}); err != nil {
			return err
		}
		for _, r := range rows {
			v.Guests, v.Found = append(v.Guests, r.Guest), r.Found
		}
		if !f.All && len(v.Guests) > guestsPage {
			v.Guests, v.More = v.Guests[:guestsPage], true
		}
		return nil
	})
	return v, err
}

// MarkAttendance notes which of the shown seats of an own session somebody sat on, once it has begun. Who came has it in their own
// records, and keeps it there: see VoidAttendance. Conflict before.
func (s *Service) MarkAttendance(ctx context.Context, session id.Any, shown, came []id.Any) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := ownLive(tx, session)
		if err != nil {
			return err
		}
		if l.State == LiveCancelled || l.Starts.After(tx.Now) {
			return errs.Say(errs.Conflict, "live.fault.early")
		}
		var n int
		if err := tx.As(scope.Usher, tx.Scope.Org, func() error {
			rows, err := db.Rows[struct {
				Org    id.Org        `db:"org_id"`
				Member id.Membership `db:"membership_id"`
				Came   bool          `db:"attended"`
			}](tx, `UPDATE live_seats SET attended = seat_id = ANY ($4) WHERE session_org = $1 AND session_id = $2 AND seat_id = ANY ($3) AND number IS NOT NULL AND attended IS NOT TRUE AND attended IS DISTINCT FROM (seat_id = ANY ($4)) RETURNING org_id, membership_id, attended`,
				tx.Scope.Org, session, shown, append([]id.Any{}, came...)) // Without a tick it is said of everybody that they did not come.
			if err != nil {
				return err
			}
			for _, r := range rows {
				if n++; r.Came {
					// Who was told that it was taken back is told of this as well.
					if _, err := tx.Exec(`UPDATE live_voided SET again = carried_at IS NOT NULL, carried_at = NULL WHERE session_org = $1 AND org_id = $2 AND membership_id = $3 AND session_id = $4 AND NOT again`, tx.Scope.Org, r.Org, r.Member, session); err != nil {
						return err
					}
					if err := jobs.Emit(tx, LiveAttended{Org: r.Org, Session: session, Membership: r.Member}); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "live.attendance", "item:"+l.Item.String(), map[string]any{"session": session.String(), "people": n})
	})
}
