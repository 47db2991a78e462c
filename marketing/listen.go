package marketing

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Listen registers the counters of touches.
func (s *Service) Listen(r *jobs.Relay) {
	jobs.On(r, scope.Counter, s.countTouches)
	jobs.On(r, scope.Counter, func(ctx context.Context, events []courses.Enrolled) error {
		return passOn(ctx, s.db, events, func(e courses.Enrolled) passing {
			return passing{e.Origin, e.Ref, Started, e.Membership, e.Item, e.At}
		})
	})
	jobs.On(r, scope.Counter, func(ctx context.Context, events []courses.EnrollmentCompleted) error {
		return passOn(ctx, s.db, events, func(e courses.EnrollmentCompleted) passing {
			return passing{e.Origin, e.Ref, Completed, e.Membership, e.Item, e.At}
		})
	})
}

// passing is what a learner's event tells a story's publisher.
type passing struct {
	origin, ref string
	what        string
	member      id.Membership
	item        id.Item
	at          time.Time
}

// touchSpace is the name space of the keys of touches: the same enrollment gives the same key, which names nobody.
const touchSpace = "learnscape/touch"

// passOn tells the publishers of stories that something was begun or finished through them. It runs in the learner's
// organization; the publisher learns neither who nor where.
func passOn[E any](ctx context.Context, d *db.DB, events []E, of func(E) passing) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			p := of(e)
			story, err := id.Parse[id.Item](p.ref)
			if p.origin != "story" || err != nil {
				continue
			}
			owners, err := db.Rows[id.Org](tx, `SELECT i.org_id FROM items i WHERE i.item_id = $1 AND i.kind = 'story'`, story)
			if err != nil {
				return err
			}
			if len(owners) == 0 || owners[0] == tx.Scope.Org {
				continue // The story is not open to the learner's organization any more, or never was; or it is its own, which is not counted.
			}
			key := id.Derive[id.Any](touchSpace, p.what+p.member.String()+p.item.String()+story.String())
			if err := jobs.Emit(tx, Touched{Org: owners[0], Item: story, What: p.what, At: p.at, Key: key}); err != nil {
				return err
			}
		}
		return nil
	})
}

// countTouches adds touches up per story and UTC day, in the publisher's organization.
func (s *Service) countTouches(ctx context.Context, events []Touched) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		keys := make([]id.Any, len(events))
		for i, e := range events {
			keys[i] = e.Key
		}
		fresh, err := CountOnce(tx, keys)
		if err != nil {
			return err
		}
		var items []id.Item
		var days []time.Time
		var whats []string
		for _, e := range events {
			if !fresh[e.Key] {
				continue
			}
			delete(fresh, e.Key) // The same event twice in one batch.
			items, days, whats = append(items, e.Item), append(days, e.At.UTC()), append(whats, e.What)
		}
		if len(items) == 0 {
			return nil
		}
		_, err = tx.Exec(`INSERT INTO touches AS t (org_id, item_id, day, what, n)
			SELECT i.org_id, i.item_id, (e.at AT TIME ZONE 'UTC')::date, e.what, count(*) FROM unnest($2::uuid[], $3::timestamptz[], $4::text[]) AS e(item, at, what)
			JOIN items i ON i.org_id = $1 AND i.item_id = e.item GROUP BY 1, 2, 3, 4
			ON CONFLICT (org_id, item_id, day, what) DO UPDATE SET n = t.n + excluded.n`, tx.Scope.Org, items, days, whats)
		return err
	})
}
