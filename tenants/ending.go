package tenants

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Pause closes in both directions what the agreement opened, until somebody resumes it. Nobody loses anything they did.
func (s *Service) Pause(ctx context.Context, other id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.pause(tx) })
}

func (l *link) pause(tx *db.Tx) error {
	to, err := l.move(tx, MovePause)
	if err != nil {
		return err
	}
	if err := l.become(tx, to, nil); err != nil {
		return err
	}
	if err := l.close(tx); err != nil {
		return err
	}
	if err := l.disclose(tx); err != nil {
		return err
	}
	return l.note(tx, "connection.paused", nil)
}

// Resume opens again what the agreement in force says.
func (s *Service) Resume(ctx context.Context, other id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.resume(tx) })
}

func (l *link) resume(tx *db.Tx) error {
	to, err := l.move(tx, MoveResume)
	if err != nil {
		return err
	}
	if l.inForce == nil {
		return errs.Say(errs.Conflict, "tenants.connection.moved_on")
	}
	if err := l.become(tx, to, nil); err != nil {
		return err
	}
	if err := l.carryOut(tx, l.inForce, ""); err != nil {
		return err
	}
	if err := l.disclose(tx); err != nil {
		return err
	}
	return l.note(tx, "connection.resumed", nil)
}

// End ends the connection: what it opened closes at once, in both directions, for every read that begins after it returns. Unless
// now, those in mid-course may finish within the days that the agreement grants.
func (s *Service) End(ctx context.Context, other id.Org, now bool) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.part(tx, now, nil) })
}

// part ends the connection as one side wishes; the time to finish reaches no further than the latest, if there is one.
func (l *link) part(tx *db.Tx, now bool, latest *time.Time) error {
	m := MoveEnd
	if now {
		m = MoveEndNow
	}
	to, err := l.move(tx, m)
	if err != nil {
		return err
	}
	var until *time.Time
	if !now && l.inForce != nil && l.inForce.Terms.FinishDays > 0 {
		end := tx.Now.AddDate(0, 0, l.inForce.Terms.FinishDays)
		if latest != nil && latest.Before(end) {
			end = *latest
		}
		until = &end
	}
	if until == nil {
		to = Ended
	}
	if err := l.end(tx, to, until); err != nil {
		return err
	}
	return l.note(tx, "connection.ended", map[string]any{"finish_until": until})
}

// end closes everything; with time to finish, those in mid-course may go on until the day.
func (l *link) end(tx *db.Tx, to State, until *time.Time) error {
	if until != nil && l.inForce != nil {
		if err := l.reopen(tx); err != nil {
			return err
		}
	}
	if err := l.finish(tx, until); err != nil {
		return err
	}
	if l.proposed != nil {
		if err := l.decide(tx, "withdrawn"); err != nil {
			return err
		}
	}
	if l.inForce != nil {
		if err := tx.Must(`UPDATE agreements SET state = 'ended', decided_at = $3 WHERE agreement_id = $1 AND version = $2 AND state = 'active'`, l.inForce.Agreement, l.inForce.Version, tx.Now); err != nil {
			return err
		}
	}
	if err := l.become(tx, to, until); err != nil {
		return err
	}
	if err := l.close(tx); err != nil {
		return err
	}
	return l.disclose(tx)
}

// reopen opens inside this transaction, which nobody sees, what a pause or the last day of the agreement closed: those who were in
// mid-course then have the time, too. What one side closed by itself stays closed.
func (l *link) reopen(tx *db.Tx) error {
	if l.State == Paused {
		v := *l.inForce
		v.Terms.Until = ""
		return l.carryOut(tx, &v, "")
	}
	last, err := day(l.inForce.Terms.Until)
	if err != nil || last == nil {
		return err
	}
	return l.both(tx, func(org, other id.Org, _ bool) error {
		_, err := tx.Exec(`UPDATE grants SET until = NULL WHERE org_id = $1 AND viewer_org = $2 AND until = $3`, org, other, last)
		return err
	})
}

// finish writes the rows that let those in mid-course go on until the day, before the grants are gone; or removes them. It is for
// what the agreement opens: what is public stays open as long as it is. The agreement's actor writes for both, who alone sees what
// was opened by one that rests; the rows rest with it.
func (l *link) finish(tx *db.Tx, until *time.Time) error {
	return l.both(tx, func(org, other id.Org, _ bool) error {
		if until == nil {
			_, err := tx.Exec(`DELETE FROM finishing WHERE org_id = $1 AND item_org = $2`, org, other)
			return err
		}
		return tx.As(scope.Agreement, org, func() error {
			_, err := tx.Exec(`INSERT INTO finishing AS f (org_id, membership_id, item_org, item_id, until)
				SELECT DISTINCT e.org_id, e.membership_id, e.item_org, x.item_id, $3::timestamptz FROM enrollments e
					JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version
					CROSS JOIN LATERAL unnest(v.leads_to || v.item_id) AS x(item_id)
					JOIN items i ON i.org_id = e.item_org AND i.item_id = x.item_id
				WHERE e.org_id = $1 AND e.item_org = $2 AND e.state = 'active'
					AND EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
						WHERE ci.org_id = $2 AND ci.item_id = x.item_id AND ci.listed_at IS NOT NULL AND g.viewer_org = $1 AND (g.until IS NULL OR g.until > now()))
				ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET until = greatest(f.until, excluded.until)`, org, other, until)
			return err
		})
	})
}
