package tenants

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// The pages on which something of another organization's is read.
const (
	ReadLesson = "lesson"
	ReadFile   = "file"
	// Of an item its kind: course, path, story or resource.
)

// Reads counts in memory what members read of other organizations', until Flush writes it: no page waits for it. What a process
// that is killed had not written yet is lost, a few seconds of it at most.
type Reads struct {
	db   *db.DB
	keys *secret.Keyring
	log  *slog.Logger

	mu sync.Mutex
	n  map[read]*tally
}

// read is a cell of what is counted.
type read struct {
	org, of               id.Org
	day, surface, purpose string
}

type tally struct {
	n      int
	people uint64
}

// NewReads returns an empty count; Run writes it.
func NewReads(d *db.DB, keys *secret.Keyring, log *slog.Logger) *Reads {
	return &Reads{db: d, keys: keys, log: log, n: map[read]*tally{}}
}

type readsKey struct{}

type reading struct {
	reads *Reads
	found bool
}

// With returns a context in which NoteRead counts; found says that the page was opened from a result of search.
func (r *Reads) With(ctx context.Context, found bool) context.Context {
	return context.WithValue(ctx, readsKey{}, reading{r, found})
}

// readsMost is how many cells wait in memory at most, so that a database that is away cannot fill it.
const readsMost = 20_000

// NoteRead counts that the member of ctx reads something of owner's, if somebody counts: not the own, not in a view.
func NoteRead(ctx context.Context, owner id.Org, surface string) {
	in, ok := ctx.Value(readsKey{}).(reading)
	who, err := scope.From(ctx)
	if !ok || err != nil || who.Actor != scope.Member || owner == who.Org || owner.IsZero() || !who.View.IsZero() {
		return
	}
	purpose := "learn"
	switch {
	case in.found:
		purpose = "find"
	case surface == KindStory, surface == KindResource:
		purpose = "inform"
	}
	in.reads.add(in.reads.db.Now(), read{org: who.Org, of: owner, surface: surface, purpose: purpose}, who.Membership)
}

func (r *Reads) add(now time.Time, c read, who id.Membership) {
	c.day = now.Format(time.DateOnly)
	year, week := now.ISOWeek()
	// The salt keeps people apart from themselves in another week, cell or organization.
	bit := r.keys.MAC("reads", fmt.Sprint(year, week), c.org.String(), c.of.String(), c.surface, c.purpose, who.String())[0] % 64
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.n[c]
	if t == nil {
		if len(r.n) >= readsMost {
			return
		}
		t = &tally{}
		r.n[c] = t
	}
	t.n, t.people = t.n+1, t.people|1<<bit
}

// Run writes what was counted every five seconds until ctx ends.
func (r *Reads) Run(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := r.Flush(jobs.Enter(ctx, scope.Counter, id.Org{})); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "count what was read across organizations", "error", err)
		}
	}
}

// Flush writes what was counted, one transaction for each organization; of those that are not connected nothing is kept. What cannot
// be written is kept for the next time.
func (r *Reads) Flush(ctx context.Context) error {
	if err := authz.Check(ctx, authz.CountReads, id.Org{}); err != nil {
		return err
	}
	r.mu.Lock()
	all := r.n
	r.n = map[read]*tally{}
	r.mu.Unlock()
	byOrg := map[id.Org][]read{}
	for c := range all {
		byOrg[c.org] = append(byOrg[c.org], c)
	}
	var failed error
	for org, list := range byOrg {
		var of []id.Org
		var days, surfaces, purposes []string
		var n []int32
		var people []int64
		for _, c := range list {
			of, days, surfaces, purposes = append(of, c.of), append(days, c.day), append(surfaces, c.surface), append(purposes, c.purpose)
			n, people = append(n, int32(min(all[c].n, math.MaxInt32))), append(people, int64(all[c].people)) //nolint:gosec // Bounded; bits are bits.
		}
		if err := r.db.Tx(jobs.Enter(ctx, scope.Counter, org), func(tx *db.Tx) error {
			// In the order of the key, so that two replicas do not wait for each other in a circle.
			_, err := tx.Exec(`INSERT INTO reads_across AS r (org_id, of_org, day, surface, purpose, n, people)
				SELECT $1, u.of_org, u.day, u.surface, u.purpose, u.n, u.people FROM unnest($2::uuid[], $3::date[], $4::text[], $5::text[], $6::int[], $7::bigint[]) AS u(of_org, day, surface, purpose, n, people)
				WHERE EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = u.of_org AND s.state = 'active')
				ORDER BY u.of_org, u.day, u.surface, u.purpose
				ON CONFLICT (org_id, of_org, day, surface, purpose) DO UPDATE SET n = r.n + excluded.n, people = r.people | excluded.people`,
				org, of, days, surfaces, purposes, n, people)
			return err
		}); err != nil {
			failed = errors.Join(failed, fmt.Errorf("count what %s read: %w", org, err))
			r.mu.Lock()
			for _, c := range list {
				if t := r.n[c]; t != nil {
					t.n, t.people = t.n+all[c].n, t.people|all[c].people
				} else {
					r.n[c] = all[c]
				}
			}
			r.mu.Unlock()
		}
	}
	return failed
}

// Crossing is how often something was read between the own organization and another in the weeks that are shown.
type Crossing struct {
	OrgID   id.Org `db:"org_id"` // the other one
	Name    string `db:"name"`
	Ours    bool   `db:"ours"` // they read what is ours
	Surface string `db:"surface"`
	Purpose string `db:"purpose"`
	N       int    `db:"n"`
}

// crossings queues what passed between the organization and others, or one other, since the Monday four whole weeks ago: what its own
// people read, and what others' people read of it, which is told for whole weeks and from five people on.
func crossings(b *db.Batch, dest *[]Crossing, org, other id.Org) {
	db.List(b, dest, `SELECT x.org_id, o.name, x.ours, x.surface, x.purpose, x.n FROM (
			SELECT r.of_org AS org_id, false AS ours, r.surface, r.purpose, sum(r.n)::int AS n FROM reads_across r
			WHERE r.org_id = $1 AND r.day >= date_trunc('week', $3::timestamp)::date - 28 AND ($2::uuid IS NULL OR r.of_org = $2) GROUP BY 1, 3, 4
			UNION ALL
			SELECT w.org_id, true, w.surface, w.purpose, sum(w.n)::int FROM reads_of_ours(($3::timestamp)::date - 28) w WHERE $2::uuid IS NULL OR w.org_id = $2 GROUP BY 1, 3, 4) x
		JOIN organizations o ON o.org_id = x.org_id ORDER BY o.name, x.org_id, x.ours, x.surface, x.purpose LIMIT 300`, org, other, b.Now.UTC().Format(time.DateOnly))
}
