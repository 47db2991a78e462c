package courses

import (
	"errors"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// Seats is how many people of an organization may learn with what another opened to it. Somebody takes one seat of a collection with the
// first thing in it that they begin, and gives it back by leaving all of it, or the organization; not by finishing, because what was agreed
// on is how many people learn.
type Seats struct {
	Limited bool
	All     int // agreed on
	Free    int // of them
	had     int // of those who were asked for, how many sit already
}

// short reports whether n people who were asked for need more seats than there are.
func (s Seats) short(n int) bool { return s.Limited && n-s.had > s.Free }

// fit is how many of n people find a seat.
func (s Seats) fit(n int) int {
	if !s.short(n) {
		return n
	}
	return min(n, s.Free+s.had)
}

// seatsSQL is the collections that open the item $3 of $2 to the organization $1, with their seats, how many are taken, and by how many of $4.
const seatsSQL = `SELECT g.seats, t.taken, t.mine FROM collection_items c JOIN grants g ON g.org_id = c.org_id AND g.collection_id = c.collection_id
	CROSS JOIN LATERAL (SELECT count(DISTINCT e.membership_id)::int AS taken, (count(DISTINCT e.membership_id) FILTER (WHERE e.membership_id = ANY($4)))::int AS mine
		FROM collection_items ci JOIN enrollments e ON e.org_id = $1 AND e.item_org = ci.org_id AND e.item_id = ci.item_id AND e.state <> 'left' JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id AND m.state <> 'left'
		WHERE g.seats IS NOT NULL AND ci.org_id = g.org_id AND ci.collection_id = g.collection_id AND ci.listed_at IS NOT NULL) t
	WHERE c.org_id = $2 AND c.item_id = $3 AND c.listed_at IS NOT NULL AND g.viewer_org IN ($1, everyone()) AND (g.until IS NULL OR g.until > now())
	ORDER BY g.seats DESC NULLS FIRST, g.collection_id LIMIT 100`

type seatRow struct {
	Seats *int `db:"seats"`
	Taken int  `db:"taken"`
	Mine  int  `db:"mine"`
}

// seatsOf reads the seats that members of tx's organization have with an item: of the collection with the most that are free. Where they
// are limited nobody else takes one until the transaction ends.
func seatsOf(tx *db.Tx, owner id.Org, item id.Item, members []id.Membership) (Seats, error) {
	if owner == tx.Scope.Org || len(members) == 0 {
		return Seats{}, nil
	}
	args := []any{tx.Scope.Org, owner, item, members}
	list, err := db.Rows[seatRow](tx, seatsSQL, args...)
	if err != nil || len(list) == 0 || list[0].Seats == nil {
		return Seats{}, err
	}
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('seats ' || $1::text || $2::text, 0))`, tx.Scope.Org, owner); err != nil {
		return Seats{}, err
	}
	if list, err = db.Rows[seatRow](tx, seatsSQL, args...); err != nil {
		return Seats{}, err
	}
	return seats(list, len(members)), nil
}

// seats picks the collection in which most of n people find a seat.
func seats(list []seatRow, n int) (best Seats) {
	for i, r := range list {
		if r.Seats == nil {
			return Seats{}
		}
		s := Seats{Limited: true, All: *r.Seats, Free: max(0, *r.Seats-r.Taken), had: r.Mine}
		if i == 0 || s.fit(n) > best.fit(n) || s.fit(n) == best.fit(n) && s.Free > best.Free {
			best = s
		}
	}
	return best
}

// seat makes sure that the acting member finds a seat; Conflict, with what was agreed on, for the first without one.
func seat(tx *db.Tx, owner id.Org, item id.Item) error {
	s, err := seatsOf(tx, owner, item, []id.Membership{tx.Scope.Membership})
	if err == nil && s.short(1) {
		err = errs.Say(errs.Conflict, noSeat, "Seats", s.All)
	}
	return err
}

// noSeat is the message that somebody gets who finds no seat.
const noSeat = "assign.no_seat"

func lacksSeat(err error) bool {
	e, ok := errors.AsType[*errs.Error](err)
	return ok && e.Key == noSeat
}
