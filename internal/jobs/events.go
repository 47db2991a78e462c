// Package jobs is how news travels from one room to another and how work waits: events, which exist exactly when the
// change they tell of does, and jobs, which are retried on their own until they succeed.
//
// An event is one row of the outbox, written by Emit in the transaction of the change. The Relay claims rows in batches and
// hands them to whoever listens, per organization, in the scope of a named system actor. A listener trusts the payload for
// identifiers and times only, re-reads the state, and is idempotent: an event may come twice, never not at all. Mail, webhooks
// and everything else that reaches outside are River jobs, inserted in the same transaction.
//
// Every room may call it; it knows none. River is imported here and in the rooms' jobs.go only.
package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Event is news of a change. It is kept as JSON and holds identifiers and times only.
type Event interface {
	EventKind() string // "room.noun_verb", stable: rows of an older release are still read
	EventOrg() id.Org  // whose rows the listeners change
}

// Emit writes the event in the transaction of the change.
func Emit(tx *db.Tx, e Event) error {
	if err := tx.Batch(func(b *db.Batch) { Queue(b, tx.Now, e) }); err != nil {
		return fmt.Errorf("emit %s: %w", e.EventKind(), err)
	}
	return nil
}

// Queue writes the event with the other changes of a transaction's batch.
func Queue(b *db.Batch, at time.Time, e Event) {
	payload, err := json.Marshal(e)
	if err != nil {
		b.Fail(fmt.Errorf("emit %s: %w", e.EventKind(), err))
		return
	}
	db.Write(b, nil, `INSERT INTO outbox (org_id, kind, payload, at) VALUES ($1, $2, $3, $4)`, e.EventOrg(), e.EventKind(), payload, at)
}

// Enter returns a context in which the named system actor acts for org.
func Enter(ctx context.Context, a scope.Actor, org id.Org) context.Context {
	return scope.Enter(ctx, scope.System(a, org))
}

type listener func(ctx context.Context, org id.Org, payloads [][]byte) error

// Relay hands events to those who listen.
type Relay struct {
	db   *db.DB
	log  *slog.Logger
	on   map[string][]listener
	as   map[string][]scope.Actor // of each kind, as whom its listeners act
	wake chan struct{}
	mu   sync.Mutex // one batch at a time within this process
}

// NewRelay returns a relay that nobody listens to yet; Run starts it.
func NewRelay(d *db.DB, log *slog.Logger) *Relay {
	return &Relay{db: d, log: log, on: map[string][]listener{}, as: map[string][]scope.Actor{}, wake: make(chan struct{}, 1)}
}

// On registers fn for the events of type E. It is called with the events of one organization in the order of their writing,
// in the scope of actor for that organization. An error makes the whole batch come again later.
func On[E Event](r *Relay, actor scope.Actor, fn func(ctx context.Context, events []E) error) {
	var zero E
	kind := zero.EventKind()
	r.as[kind] = append(r.as[kind], actor)
	r.on[kind] = append(r.on[kind], func(ctx context.Context, org id.Org, payloads [][]byte) error {
		events := make([]E, 0, len(payloads))
		for _, p := range payloads {
			var e E
			if err := json.Unmarshal(p, &e); err != nil {
				return fmt.Errorf("event %s: %w", kind, err)
			}
			events = append(events, e)
		}
		return fn(Enter(ctx, actor, org), events)
	})
}

// Kinds are the kinds of events that somebody listens to, sorted.
func (r *Relay) Kinds() []string { return slices.Sorted(maps.Keys(r.on)) }

// Actors says as whom the listeners of a kind act, each once, sorted.
func (r *Relay) Actors(kind string) []scope.Actor {
	return slices.Compact(slices.Sorted(slices.Values(r.as[kind])))
}

// batchSize is how many events one claim takes; listeners are called once for each kind and organization among them.
const batchSize = 500

// Run hands out events until ctx ends. Several replicas may run: claims skip what another has locked.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := r.Once(ctx)
		if ctx.Err() != nil {
			return nil // Being told to stop is not a failure.
		}
		if err != nil {
			r.log.WarnContext(ctx, "relay", "error", err)
		}
		if err == nil && n == batchSize {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.wake:
		}
	}
}

// Drain hands out events until none is left that is due; for tests and for the command line.
func (r *Relay) Drain(ctx context.Context) error {
	for {
		n, err := r.Once(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

type claimed struct {
	EventID int64  `db:"event_id"`
	OrgID   id.Org `db:"org_id"`
	Kind    string `db:"kind"`
	Payload []byte `db:"payload"`
	Tries   int16  `db:"tries"`
}

type batchKey struct {
	kind string
	org  id.Org
}

// Once claims one batch and hands it out; it returns how many events it settled.
func (r *Relay) Once(ctx context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	settled := 0
	err := r.db.Tx(Enter(ctx, scope.Relay, id.Org{}), func(tx *db.Tx) error {
		settled = 0
		rows, err := db.Rows[claimed](tx, `SELECT event_id, org_id, kind, payload, tries FROM outbox
			WHERE not_before <= now() ORDER BY event_id LIMIT $1 FOR UPDATE SKIP LOCKED`, batchSize)
		if err != nil || len(rows) == 0 {
			return err
		}
		batches := map[batchKey][]claimed{}
		for _, row := range rows {
			k := batchKey{row.Kind, row.OrgID}
			batches[k] = append(batches[k], row)
		}
		var done, again []int64
		for _, k := range slices.SortedFunc(maps.Keys(batches), func(a, b batchKey) int {
			return int(batches[a][0].EventID - batches[b][0].EventID)
		}) {
			ids := make([]int64, len(batches[k]))
			for i, row := range batches[k] {
				ids[i] = row.EventID
			}
			if err := r.hand(ctx, k, batches[k]); err != nil {
				r.log.WarnContext(ctx, "event not handled, will come again", "kind", k.kind, "org", k.org, "events", len(ids), "tries", batches[k][0].Tries+1, "error", err)
				again = append(again, ids...)
				continue
			}
			done = append(done, ids...)
		}
		if len(done) > 0 {
			if _, err := tx.Exec(`DELETE FROM outbox WHERE event_id = ANY($1)`, done); err != nil {
				return err
			}
		}
		if len(again) > 0 {
			// Twice as long each time, an hour at most.
			if _, err := tx.Exec(`UPDATE outbox SET tries = tries + 1, not_before = now() + make_interval(secs => least(3600, power(2, least(tries, 12)))) WHERE event_id = ANY($1)`, again); err != nil {
				return err
			}
		}
		settled = len(rows)
		return nil
	})
	return settled, err
}

func (r *Relay) hand(ctx context.Context, k batchKey, rows []claimed) error {
	payloads := make([][]byte, len(rows))
	for i, row := range rows {
		payloads[i] = row.Payload
	}
	for _, l := range r.on[k.kind] {
		if err := l(ctx, k.org, payloads); err != nil {
			return err
		}
	}
	return nil
}

// Lag is how long the oldest waiting event has waited; zero when none does.
func (r *Relay) Lag(ctx context.Context) (time.Duration, error) {
	var seconds float64
	err := r.db.Read(Enter(ctx, scope.Relay, id.Org{}), func(b *db.Batch) {
		db.One(b, &seconds, nil, `SELECT coalesce(extract(epoch FROM now() - min(at)), 0)::float8 FROM outbox`)
	})
	return time.Duration(seconds * float64(time.Second)), err
}
