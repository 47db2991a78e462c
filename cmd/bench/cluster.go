package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/embedded"
)

// startCluster starts a durable PostgreSQL cluster of the bench's own.
func startCluster(ctx context.Context, dir string) (*embedded.Cluster, error) {
	log, err := os.Create(filepath.Join(dir, "postgres.log")) //nolint:gosec // In the bench's own folder.
	if err != nil {
		return nil, err
	}
	return embedded.Start(ctx, embedded.Options{Dir: filepath.Join(dir, "pg"), Durable: true, Log: log})
}

// postmaster is the process of the cluster's server.
func postmaster(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "pg", "postmaster.pid")) //nolint:gosec // In the bench's own folder.
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strconv.Atoi(first)
}

// makeWorld creates, migrates and fills a database.
func makeWorld(ctx context.Context, c *embedded.Cluster, name string, s size, progress func(string)) error {
	if _, err := c.EnsureDatabase(ctx, name); err != nil {
		return err
	}
	super, owner, app := c.DSN("postgres", name), c.DSN("learnscape_owner", name), c.DSN("learnscape_app", name)
	if err := db.Bootstrap(ctx, super, "", ""); err != nil {
		return err
	}
	if _, err := db.Migrate(ctx, owner); err != nil {
		return err
	}
	if n, err := count(ctx, super, `SELECT count(*) FROM items`); err != nil || n > 0 {
		// Of a kept folder: the learners are where they were, so that every completion is a first one again.
		return errors.Join(err, execute(ctx, super, fmt.Sprintf(`DELETE FROM completions WHERE org_id = '%[1]s' AND membership_id >= '%[2]s';
			UPDATE enrollments SET done = 0, state = 'active', completed_at = NULL WHERE org_id = '%[1]s' AND membership_id >= '%[2]s'`,
			uid(learnersOrg, orgClass, 0), uid(learnersOrg, memberClass, firstLearner))))
	}
	now := time.Now().UTC()
	if err := db.Partitions(ctx, owner, now.AddDate(-1, 0, 0), now); err != nil {
		return err
	}
	if err := fill(ctx, super, s, progress); err != nil {
		return fmt.Errorf("fill %s: %w", name, err)
	}
	progress("path")
	if err := publish(ctx, app); err != nil {
		return fmt.Errorf("publish in %s: %w", name, err)
	}
	progress("vacuum")
	return enroll(ctx, super, s)
}

// settled waits until no event is on its way.
func settled(ctx context.Context, dsn string) error {
	return none(ctx, dsn, 1, `SELECT count(*) FROM outbox`)
}

// idle waits until a portal that was just started has done what waits for a start: jobs of the day and the hour, and the lexicon. It
// takes its time to begin with them, so that nothing has to be on its way for two seconds.
func idle(ctx context.Context, dsn string) error {
	return none(ctx, dsn, 20, `SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'pending')) +
		(SELECT count(*) FROM pg_stat_activity WHERE usename = 'learnscape_app' AND datname = current_database() AND state <> 'idle') +
		(CASE WHEN EXISTS (SELECT FROM river_job WHERE state = 'completed') THEN 0 ELSE 1 END)`)
}

// none waits until a query counts nothing so many times in a row, asked each tenth of a second.
func none(ctx context.Context, dsn string, times int, q string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	still := 0
	for range 600 {
		var n int
		if err := conn.QueryRow(ctx, q).Scan(&n); err != nil {
			return err
		}
		if still++; n > 0 {
			still = 0
		}
		if still == times {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("what the portal does by itself does not come to an end within a minute")
}

// count runs a query for one number.
func count(ctx context.Context, dsn, q string) (n int, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	err = conn.QueryRow(ctx, q).Scan(&n)
	return n, err
}
