package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/scope"
)

// Batch is statements that are sent together, in one round trip. Those of a Read see one snapshot.
type Batch struct {
	Now time.Time

	b      pgx.Batch
	before int // statements without a result, before the steps
	steps  []func(pgx.Rows) error
	failed error
}

// Fail keeps the batch from being sent; its sender gets err.
func (b *Batch) Fail(err error) { b.failed = cmp.Or(b.failed, err) }

// Read sends what fill queues, in one round trip and one transaction in the scope of ctx, and fills the destinations. The
// transaction is the one that PostgreSQL opens for a pipeline by itself: the connection's default isolation is repeatable
// read, so all queries see one snapshot, and the settings make it read-only. BEGIN and COMMIT would be two statements more.
func (d *DB) Read(ctx context.Context, fill func(*Batch)) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	return d.ReadAs(ctx, s, fill)
}

// ReadAs is Read in a scope that has not been entered yet: auth reads a session with it before anybody acts.
func (d *DB) ReadAs(ctx context.Context, s scope.Scope, fill func(*Batch)) error {
	b := &Batch{Now: d.now()}
	b.lead(ctx)
	b.settle(s)
	fill(b)
	CounterFrom(ctx).add(len(b.steps))
	trace(ctx, b.b.QueuedQueries)
	if s.Actor.Human() {
		if err := d.turns.Acquire(ctx, 1); err != nil {
			return translate(err)
		}
		defer d.turns.Release(1)
	}
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return translate(err)
	}
	defer conn.Release()
	return translate(b.send(ctx, conn.Conn()))
}

func (b *Batch) send(ctx context.Context, c *pgx.Conn) (err error) {
	if b.failed != nil {
		return b.failed
	}
	res := c.SendBatch(ctx, &b.b)
	defer func() {
		if cerr := res.Close(); err == nil {
			err = cerr
		}
	}()
	for range b.before {
		if _, err := res.Exec(); err != nil {
			return err
		}
	}
	for i, step := range b.steps {
		rows, err := res.Query()
		if err == nil {
			err = step(rows)
		}
		if err != nil {
			return fmt.Errorf("statement %d of %d: %w", i+1, len(b.steps), err)
		}
	}
	return nil
}

// List queues a query whose rows go to dest.
func List[T any](b *Batch, dest *[]T, q string, args ...any) {
	b.b.Queue(q, args...)
	b.steps = append(b.steps, func(rows pgx.Rows) error {
		out, err := pgx.CollectRows(rows, scan[T]())
		*dest = out
		return err
	})
}

// One queues a query whose first row goes to dest; found, if not nil, says whether there was one.
func One[T any](b *Batch, dest *T, found *bool, q string, args ...any) {
	b.b.Queue(q, args...)
	b.steps = append(b.steps, func(rows pgx.Rows) error {
		out, err := pgx.CollectOneRow(rows, scan[T]())
		if found != nil {
			*found = err == nil
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		*dest = out
		return err
	})
}

// Write queues a statement that changes rows; touched, if not nil, says how many.
func Write(b *Batch, touched *int64, q string, args ...any) {
	b.b.Queue(q, args...)
	b.steps = append(b.steps, func(rows pgx.Rows) error {
		rows.Close()
		if touched != nil {
			*touched = rows.CommandTag().RowsAffected()
		}
		return rows.Err()
	})
}

// scan reads a struct by column names and anything else from the only column. Types that scan themselves (identifiers,
// times) are values, not structs of columns.
func scan[T any]() pgx.RowToFunc[T] {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ Scan(any) error }]()) {
		return pgx.RowTo[T]
	}
	return pgx.RowToStructByName[T]
}
