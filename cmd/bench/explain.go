package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// explain writes for every statement that a page sent how long it takes and its plan, as the application's role and with the
// very parameters. Times are those of the prepared statement after several executions, when PostgreSQL may have settled for
// a plan that does not know the parameters; the plan shown is the one made for them. Nothing is kept.
func explain(ctx context.Context, out io.Writer, dsn, name string, trips [][]statement) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Everything was rolled back.
	pg := conn.PgConn()
	fmt.Fprintf(out, "# %s: %d round trips\n\n", name, len(trips))
	open := false
	for i, trip := range trips {
		for _, s := range trip {
			head := strings.ToUpper(strings.TrimSpace(s.SQL))
			if strings.HasPrefix(head, "BEGIN") {
				open = true
				if err := pg.Exec(ctx, "BEGIN").Close(); err != nil {
					return err
				}
				continue
			}
			if strings.HasPrefix(head, "COMMIT") {
				open = false
				if err := pg.Exec(ctx, "ROLLBACK").Close(); err != nil {
					return err
				}
				continue
			}
			if strings.Contains(s.SQL, "set_config(") || !open {
				if r := pg.ExecParams(ctx, s.SQL, s.Params, nil, s.Formats, nil).Read(); r.Err != nil && open {
					return r.Err
				}
				continue
			}
			if err := explainOne(ctx, out, pg, i+1, s); err != nil {
				// A write that was done already cannot be done again.
				fmt.Fprintf(out, "## trip %d: %s\n\n%s\n\n", i+1, err, s.SQL)
				for _, q := range []string{"ROLLBACK TO s", "DEALLOCATE x"} {
					if err := pg.Exec(ctx, q).Close(); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
			}
		}
	}
	return nil
}

func explainOne(ctx context.Context, out io.Writer, pg *pgconn.PgConn, trip int, s statement) error {
	var took []time.Duration
	if _, err := pg.Prepare(ctx, "x", s.SQL, nil); err != nil {
		return err
	}
	for range 12 {
		if err := pg.Exec(ctx, "SAVEPOINT s").Close(); err != nil {
			return err
		}
		begin := time.Now()
		r := pg.ExecPrepared(ctx, "x", s.Params, s.Formats, nil).Read()
		took = append(took, time.Since(begin))
		if err := pg.Exec(ctx, "ROLLBACK TO s").Close(); err != nil {
			return err
		}
		if r.Err != nil {
			return r.Err
		}
	}
	if err := pg.Exec(ctx, "DEALLOCATE x").Close(); err != nil {
		return err
	}
	first, late := slices.Min(took[1:5]), slices.Min(took[6:])
	if err := pg.Exec(ctx, "SAVEPOINT s").Close(); err != nil {
		return err
	}
	fmt.Fprintf(out, "## trip %d: %.2f ms planned for its parameters, %.2f ms after the sixth time\n\n%s\n\n", trip, ms(first), ms(late), s.SQL)
	r := pg.ExecParams(ctx, "EXPLAIN (ANALYZE, BUFFERS) "+s.SQL, s.Params, nil, s.Formats, nil).Read()
	for _, row := range r.Rows {
		fmt.Fprintf(out, "    %s\n", row[0])
	}
	fmt.Fprintln(out)
	if r.Err != nil {
		return r.Err
	}
	return pg.Exec(ctx, "ROLLBACK TO s").Close()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
