package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// explain writes for every statement that a page sent how long it takes and its plan, as the application's role and with the
// very parameters. Times are those of the prepared statement after several executions, when PostgreSQL may have settled for
// a plan that does not know the parameters; the plan shown is the one made for them. Nothing is kept.
func explain(ctx context.Context, out *bytes.Buffer, dsn, name string, txs []transaction) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Everything was rolled back.
	pg := conn.PgConn()
	for i, tx := range txs {
		fmt.Fprintf(out, "# %s: transaction %d of %d, round trips: %d\n\n", name, i+1, len(txs), len(tx))
		if err := pg.Exec(ctx, "BEGIN").Close(); err != nil {
			return err
		}
		for _, s := range slices.Concat(tx...) {
			switch {
			case begins(s), ends(s):
				continue
			case strings.Contains(s.SQL, "set_config("), s.is("SET"), s.is("SAVEPOINT"), s.is("RELEASE"):
				err = pg.ExecParams(ctx, s.SQL, s.Params, nil, s.Formats, nil).Read().Err
			default:
				err = explainOne(ctx, out, pg, s)
			}
			if err != nil {
				return fmt.Errorf("explain %s: %w in %s", name, err, s.SQL)
			}
		}
		if err := pg.Exec(ctx, "ROLLBACK").Close(); err != nil {
			return err
		}
	}
	return nil
}

func explainOne(ctx context.Context, out *bytes.Buffer, pg *pgconn.PgConn, s statement) error {
	var took []time.Duration
	run := func(q string) error { return pg.Exec(ctx, q).Close() }
	// As the portal's own connections do it.
	if err := pg.Exec(ctx, "SET plan_cache_mode = force_generic_plan").Close(); err != nil {
		return err
	}
	if _, err := pg.Prepare(ctx, "x", s.SQL, nil); err != nil {
		return err
	}
	for range 12 {
		if err := run("SAVEPOINT s"); err != nil {
			return err
		}
		begin := time.Now()
		r := pg.ExecPrepared(ctx, "x", s.Params, s.Formats, nil).Read()
		took = append(took, time.Since(begin))
		if err := run("ROLLBACK TO s"); err != nil {
			return err
		}
		if r.Err != nil {
			// A write that was done already cannot be done again.
			fmt.Fprintf(out, "## cannot be repeated: %s\n\n%s\n\n", r.Err, s.SQL)
			return run("DEALLOCATE x")
		}
		if took[0] > time.Second {
			break
		}
	}
	first, late := slices.Min(took[:min(5, len(took))]), slices.Min(took[min(6, len(took)-1):])
	fmt.Fprintf(out, "## %.2f ms planned for its parameters, %.2f ms after the sixth time\n\n%s\n\n", ms(first), ms(late), s.SQL)
	r := pg.ExecParams(ctx, "EXPLAIN (ANALYZE, BUFFERS) "+s.SQL, s.Params, nil, s.Formats, nil).Read()
	for _, row := range r.Rows {
		fmt.Fprintf(out, "    %s\n", row[0])
	}
	fmt.Fprintln(out)
	return errors.Join(r.Err, run("ROLLBACK TO s"), run("DEALLOCATE x"))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
