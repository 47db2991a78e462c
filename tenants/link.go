package tenants

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// link is a connection as it is locked for a move.
type link struct {
	ID       id.Connection `db:"connection_id"`
	A        id.Org        `db:"org_a"`
	B        id.Org        `db:"org_b"`
	State    State         `db:"state"`
	AskedBy  id.Org        `db:"asked_by"`
	Finish   *time.Time    `db:"finish_until"`
	Stored   State         `db:"stored"` // as it was written; State is what it is now
	other    id.Org
	weAreB   bool
	proposed *version // not decided yet
	inForce  *version
}

// lock reads the connection of tx's organization with the other and holds it until the end of the transaction, so that of two
// who press at once the second sees what the first did. A nil link means that there never was one.
func lock(tx *db.Tx, other id.Org) (*link, error) {
	l, err := db.Row[link](tx, `SELECT c.connection_id, c.org_a, c.org_b, connection_state(c.state, c.finish_until, $3) AS state, c.state AS stored, c.asked_by, c.finish_until FROM connections c
		WHERE least(c.org_a, c.org_b) = least($1::uuid, $2) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2) FOR UPDATE`, tx.Scope.Org, other, tx.Now)
	if errs.Is(err, errs.NotFound) {
		return nil, nil //nolint:nilnil // None is a state, too.
	}
	if err != nil {
		return nil, err
	}
	l.other, l.weAreB = other, l.B == tx.Scope.Org
	list, err := db.Rows[version](tx, `SELECT `+versionColumns+` FROM agreements a WHERE a.connection_id = $1 AND a.state IN ('proposed', 'active') ORDER BY a.version LIMIT 10`, l.ID)
	for i := range list {
		if list[i].State == "proposed" {
			l.proposed = &list[i]
		} else {
			l.inForce = &list[i]
		}
	}
	return &l, err
}

// tag changes with whatever a move depends on.
func (l *link) tag() string {
	return connectionTag(l.State, l.Finish, l.inForce.edition(), l.proposed.edition())
}

func connectionTag(state State, finish *time.Time, inForce, proposed string) string {
	until := ""
	if finish != nil {
		until = finish.UTC().Format(time.RFC3339Nano)
	}
	return etag.Of(state, until, inForce, proposed)
}

// move checks that who acts may make the move and says where it leads.
func (l *link) move(tx *db.Tx, m Move) (State, error) {
	if l == nil {
		return next("", m, true)
	}
	if l.proposed == nil && slices.Contains([]Move{MoveSign, MoveDecline, MoveWithdraw}, m) {
		return "", errs.Say(errs.Conflict, "tenants.connection.moved_on")
	}
	return next(l.State, m, l.proposed != nil && l.proposed.ProposedBy == tx.Scope.Org)
}

// carryOut brings both sides' grants and rows into the shape of the version.
func (l *link) carryOut(tx *db.Tx, v *version, weCall string) error {
	return l.both(tx, func(org, other id.Org, mine bool) error {
		h := v.Terms.A
		if org == l.B {
			h = v.Terms.B
		}
		if _, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, org, other); err != nil {
			return err
		}
		for _, o := range h.Opens {
			until, err := day(o.Until)
			if err != nil {
				return err
			}
			if end, err := day(v.Terms.Until); err == nil && end != nil && (until == nil || end.Before(*until)) {
				until = end
			}
			var seats *int
			if o.Seats > 0 {
				seats = &o.Seats
			}
			// A collection that was taken back in the meantime stays closed.
			if _, err := tx.Exec(`INSERT INTO grants (org_id, viewer_org, collection_id, agreement_id, use_right, seats, until, created_at)
				SELECT c.org_id, $2, c.collection_id, $4, $5, $6, $7, $8 FROM collections c WHERE c.org_id = $1 AND c.collection_id = $3 AND c.visibility <> 'internal'`,
				org, other, o.Collection, v.Agreement, o.Right, seats, until, tx.Now); err != nil {
				return fmt.Errorf("open %s: %w", o.Collection, err)
			}
		}
		call := ""
		if mine {
			call = weCall
		}
		_, err := tx.Exec(`UPDATE connection_sides SET state = $3, meet = $4, relationship = coalesce(nullif($5, ''), relationship) WHERE org_id = $1 AND other_org = $2`, org, other, l.State, h.Meet, call)
		return err
	})
}

// close takes back what both sides had opened to each other.
func (l *link) close(tx *db.Tx) error {
	return l.both(tx, func(org, other id.Org, _ bool) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, org, other)
		return err
	})
}

// become sets the state of the connection and of both sides.
func (l *link) become(tx *db.Tx, to State, finish *time.Time) error {
	l.State = to
	if err := tx.Must(`UPDATE connections SET state = $2, finish_until = $3 WHERE connection_id = $1`, l.ID, to, finish); err != nil {
		return err
	}
	return l.both(tx, func(org, other id.Org, _ bool) error {
		_, err := tx.Exec(`UPDATE connection_sides SET state = $3 WHERE org_id = $1 AND other_org = $2`, org, other, to)
		return err
	})
}

// sides writes how the two call each other, until they say otherwise.
func (l *link) sides(tx *db.Tx, weCall, theyCall string, t Terms) error {
	return l.both(tx, func(org, other id.Org, mine bool) error {
		call, meet := theyCall, t.A.Meet
		if mine {
			call = weCall
		}
		if org == l.B {
			meet = t.B.Meet
		}
		if meet == "" {
			meet = MeetByName
		}
		_, err := tx.Exec(`INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state, meet) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (org_id, other_org) DO UPDATE SET relationship = excluded.relationship, state = excluded.state, meet = excluded.meet`, org, other, l.ID, call, l.State, meet)
		return err
	})
}

// both runs fn for the own side and, as the agreement's actor, for the other.
func (l *link) both(tx *db.Tx, fn func(org, other id.Org, mine bool) error) error {
	if err := fn(tx.Scope.Org, l.other, true); err != nil {
		return err
	}
	own := tx.Scope.Org
	return tx.As(scope.Agreement, l.other, func() error { return fn(l.other, own, false) })
}

// note writes the receipt of a move into both sides' logs, under one reference and hash by which they can be held against each
// other, and tells both rooms' listeners.
func (l *link) note(tx *db.Tx, action string, detail map[string]any) error {
	ref := id.New[id.Any]().String()
	hash, err := ledger.Words{Ref: ref, Connection: "connection:" + l.ID.String(), Action: action, By: tx.Scope.Org, With: l.other, At: tx.Now, Detail: detail}.Hash()
	if err != nil {
		return err
	}
	return l.both(tx, func(org, other id.Org, mine bool) error {
		d := map[string]any{"with": other, "by_us": mine, "ref": ref, "hash": hash}
		maps.Copy(d, detail)
		seq, err := auditLine(tx, action, "connection:"+l.ID.String(), d)
		if err != nil {
			return err
		}
		return jobs.Emit(tx, ConnectionChanged{Org: org, Other: other, What: action, Receipt: seq})
	})
}

// ConnectionChanged tells one side that its connection with the other moved. What is the action in its log.
type ConnectionChanged struct {
	Org   id.Org `json:"org"`
	Other id.Org `json:"other"`
	What  string `json:"what"`
	// Receipt is the line of the side's own log that says what happened.
	Receipt int64 `json:"receipt"`
}

// EventKind implements jobs.Event.
func (ConnectionChanged) EventKind() string { return "tenants.connection_changed" }

// EventOrg implements jobs.Event.
func (e ConnectionChanged) EventOrg() id.Org { return e.Org }

// onLink runs fn in a transaction that holds the connection with the other organization.
func (s *Service) onLink(ctx context.Context, other id.Org, fn func(*db.Tx, *link) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if other.IsZero() || other == tx.Scope.Org {
			return errs.New(errs.NotFound, "connection with %s", other)
		}
		o, err := db.Row[Organization](tx, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1`, other)
		if err != nil {
			return err
		}
		l, err := lock(tx, other)
		if err != nil {
			return err
		}
		if o.State != "active" && (l == nil || l.State == Declined || l.State == Withdrawn || l.State == Ended) {
			return errs.New(errs.NotFound, "connection with %s", other)
		}
		if l != nil {
			if err := etag.Check(ctx, l.tag()); err != nil {
				return err
			}
		}
		if err := fn(tx, l); err != nil {
			return fmt.Errorf("connection with %s: %w", other, err)
		}
		return nil
	})
}
