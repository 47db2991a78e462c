package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/errs"
)

// Load is how many jobs there are to do.
type Load struct {
	Waiting int        // whose time has come
	Later   int        // whose time comes, those that failed and come again among them
	Running int        //
	Failed  int        // that do not come again by themselves
	Oldest  *time.Time // since when the oldest waits; nil if none does
}

// Failed is a job that failed. What it says of itself stays in the log: it can hold what is not the operator's to read.
type Failed struct {
	ID       int64
	Kind     string
	Attempts int
	At       time.Time  // of the last attempt
	Next     *time.Time // when it comes again by itself; nil: not at all
}

// Load counts the jobs of the installation.
func (c *Client) Load(ctx context.Context) (l Load, err error) {
	err = c.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state IN ('available', 'scheduled', 'retryable') AND scheduled_at <= now()), count(*) FILTER (WHERE state IN ('scheduled', 'retryable') AND scheduled_at > now()),
		count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE state = 'discarded'), min(scheduled_at) FILTER (WHERE state IN ('available', 'scheduled', 'retryable') AND scheduled_at <= now())
		FROM river_job WHERE state IN ('available', 'scheduled', 'retryable', 'running', 'discarded')`).Scan(&l.Waiting, &l.Later, &l.Running, &l.Failed, &l.Oldest)
	if err != nil {
		return l, fmt.Errorf("count jobs: %w", err)
	}
	return l, nil
}

// Failing lists jobs whose last attempt failed, the last first, at most a hundred.
func (c *Client) Failing(ctx context.Context) ([]Failed, error) {
	rows, err := c.pool.Query(ctx, `SELECT id, kind, attempt, coalesce(attempted_at, created_at), CASE WHEN state = 'retryable' THEN scheduled_at END FROM river_job
		WHERE state IN ('retryable', 'discarded') ORDER BY coalesce(attempted_at, created_at) DESC, id DESC LIMIT 100`)
	if err != nil {
		return nil, fmt.Errorf("list failed jobs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Failed])
}

// Retry has a failed job worked again at once. NotFound if there is none.
func (c *Client) Retry(ctx context.Context, job int64) error {
	if _, err := c.insert.JobRetry(ctx, job); errors.Is(err, river.ErrNotFound) {
		return errs.New(errs.NotFound, "job %d", job)
	} else if err != nil {
		return fmt.Errorf("retry job %d: %w", job, err)
	}
	return nil
}
