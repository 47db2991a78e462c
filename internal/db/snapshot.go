package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/scope"
)

// Snapshot is the database as it was at one moment, for reading more than fits into memory.
type Snapshot struct {
	Now time.Time

	ctx context.Context //nolint:containedctx // A snapshot lives inside one call; its statements share that call's deadline.
	tx  pgx.Tx
}

// Snapshot runs fn on one snapshot in the scope of ctx, reading only. It holds a connection for as long as fn takes, which the
// context bounds: no statement of it runs into the limit of a page.
func (d *DB) Snapshot(ctx context.Context, fn func(*Snapshot) error) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	err = pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		q, args := settings(s)
		if _, err := tx.Exec(ctx, q+`,set_config('statement_timeout','0',true),set_config('idle_in_transaction_session_timeout','0',true)`, args...); err != nil {
			return err
		}
		return fn(&Snapshot{Now: d.now().Truncate(time.Microsecond), ctx: ctx, tx: tx})
	})
	return translate(err)
}

// Each reads the rows of a query one after the other, into structs by column name (tag db) or into plain values for one column. No
// other statement of the snapshot runs before the last row was read.
func Each[T any](s *Snapshot, q string, row func(T) error, args ...any) error {
	rows, err := s.tx.Query(s.ctx, q, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan[T]()(rows)
		if err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if err := row(v); err != nil {
			return err
		}
	}
	return rows.Err()
}
