package db

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/scope"
)

// Guard is a question that a request presumes the answer of, such as whose session its cookie is. What the request sends first asks
// it in front of its own statements, in the same round trip: a Read, which reads nothing if the answer is another one, or a transaction,
// which is not committed then. Whoever made the guard calls Verify before anything leaves the process.
type Guard struct {
	db    *DB
	scope scope.Scope
	ask   func(*Batch) func() error

	asked, holds atomic.Bool
}

// ErrPresumed says that the answer is not the one that was presumed: the request begins again, presuming nothing.
var ErrPresumed = errors.New("presumed wrongly")

type guardKey struct{}

// Guard returns a context whose reads and transactions are guarded. ask queues one query in the scope s and returns what says, when
// its answer is there, whether it is the presumed one: ErrPresumed if not. It may be called more than once, also at the same time.
func (d *DB) Guard(ctx context.Context, s scope.Scope, ask func(*Batch) func() error) (context.Context, *Guard) {
	g := &Guard{db: d, scope: s, ask: ask}
	return context.WithValue(ctx, guardKey{}, g), g
}

// Verify asks unless the answer is there already. ErrPresumed if it is another one than was presumed.
func (g *Guard) Verify(ctx context.Context) error {
	if g == nil || g.holds.Load() {
		return nil
	}
	g.asked.Store(true)
	return g.db.ReadAs(context.WithValue(ctx, guardKey{}, nil), g.scope, func(b *Batch) { b.guard(g) })
}

// lead queues the guard's question in front of a read of ctx, unless it was asked already.
func (b *Batch) lead(ctx context.Context) {
	if g, _ := ctx.Value(guardKey{}).(*Guard); g != nil && g.asked.CompareAndSwap(false, true) {
		b.settle(g.scope)
		b.guard(g)
	}
}

func (b *Batch) guard(g *Guard) {
	check := g.ask(b)
	last := len(b.steps) - 1
	step := b.steps[last]
	b.steps[last] = func(rows pgx.Rows) error {
		err := step(rows)
		if err == nil {
			err = check()
		}
		g.holds.Store(err == nil)
		return err
	}
}

// settle queues the settings of who reads.
func (b *Batch) settle(s scope.Scope) {
	q, args := settings(s)
	Write(b, nil, q+`,set_config('transaction_read_only','on',true)`, args...)
}

// pending is the guard of ctx whose answer is not there yet; nil for none.
func pending(ctx context.Context) *Guard {
	if g, _ := ctx.Value(guardKey{}).(*Guard); g != nil && !g.holds.Load() {
		return g
	}
	return nil
}
