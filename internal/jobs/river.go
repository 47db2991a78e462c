package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/learnscape/learnscape/internal/db"
)

// Client inserts and works River jobs.
type Client struct {
	workers *river.Workers
	kinds   []string
	pool    *pgxpool.Pool
	log     *slog.Logger
	every   []*river.PeriodicJob
	insert  *river.Client[pgx.Tx]
}

// NewClient returns a client with a small pool of its own for the workers; Add registers workers, Run works.
func NewClient(ctx context.Context, dsn string, log *slog.Logger) (*Client, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the connection string of the jobs cannot be parsed")
	}
	cfg.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open pool of jobs: %w", err)
	}
	c := &Client{workers: river.NewWorkers(), pool: pool, log: log}
	c.insert, err = river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: log})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return c, nil
}

// Add registers the worker of a kind of job; a kind is added once.
func Add[A river.JobArgs](c *Client, w river.Worker[A]) {
	river.AddWorker(c.workers, w)
	var zero A
	c.kinds = append(c.kinds, zero.Kind())
}

// Daily registers a worker whose job, without arguments, is worked once a day over all replicas, and when the first of them starts.
func Daily[A river.JobArgs](c *Client, w river.Worker[A]) {
	Add(c, w)
	once := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: 24 * time.Hour}}
	c.every = append(c.every, river.NewPeriodicJob(river.PeriodicInterval(24*time.Hour), func() (river.JobArgs, *river.InsertOpts) {
		var args A
		return args, once
	}, &river.PeriodicJobOpts{RunOnStart: true}))
}

// Every has the job that args makes inserted each period, and when the first replica starts. One with the same arguments as a job that
// is there already is not inserted again.
func Every(c *Client, period time.Duration, args func() river.JobArgs) {
	c.every = append(c.every, river.NewPeriodicJob(river.PeriodicInterval(period), func() (river.JobArgs, *river.InsertOpts) {
		return args(), &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
	}, &river.PeriodicJobOpts{RunOnStart: true}))
}

// Kinds are the kinds of jobs that have a worker, sorted.
func (c *Client) Kinds() []string { return slices.Sorted(slices.Values(c.kinds)) }

// Insert adds a job in tx: it exists exactly when the transaction commits. Arguments hold identifiers only.
func (c *Client) Insert(tx *db.Tx, args river.JobArgs) error {
	return tx.Raw(func(conn *pgx.Conn) error {
		if _, err := c.insert.InsertTx(tx.Context(), connTx{conn}, args, nil); err != nil {
			return fmt.Errorf("insert job %s: %w", args.Kind(), err)
		}
		return nil
	})
}

// Run works jobs until ctx ends, then lets those under way finish for up to ten seconds.
func (c *Client) Run(ctx context.Context) error {
	w, err := river.NewClient(riverpgxv5.New(c.pool), &river.Config{
		Logger: c.log, Workers: c.workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}},
		FetchPollInterval: 500 * time.Millisecond, PeriodicJobs: c.every,
		ErrorHandler: errorLog{c.log},
		// River's reindexer needs to own its tables, which the application does not.
		ReindexerSchedule: never{},
	})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	if err := w.Start(ctx); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return w.Stop(stop)
}

// Close gives the pool back.
func (c *Client) Close() { c.pool.Close() }

// never is a schedule whose time does not come.
type never struct{}

func (never) Next(t time.Time) time.Time { return t.AddDate(100, 0, 0) }

type errorLog struct{ log *slog.Logger }

func (e errorLog) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	e.log.WarnContext(ctx, "job failed, will come again", "kind", job.Kind, "id", job.ID, "attempt", job.Attempt, "error", err)
	return nil
}

func (e errorLog) HandlePanic(ctx context.Context, job *rivertype.JobRow, v any, trace string) *river.ErrorHandlerResult {
	e.log.ErrorContext(ctx, "job panicked", "kind", job.Kind, "id", job.ID, "panic", v, "trace", trace)
	return nil
}

// connTx lets River write on a connection whose transaction somebody else began and will end. It lives inside one call of
// Tx.Raw: a pointer kept longer would race with a rollback by deadline. A nested Begin is a savepoint.
type connTx struct{ c *pgx.Conn }

var errForeign = errors.New("the transaction belongs to internal/db")

func (t connTx) Begin(ctx context.Context) (pgx.Tx, error) {
	if _, err := t.c.Exec(ctx, `SAVEPOINT river`); err != nil {
		return nil, err
	}
	return savepoint{t}, nil
}
func (connTx) Commit(context.Context) error   { return errForeign }
func (connTx) Rollback(context.Context) error { return errForeign }
func (connTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
func (t connTx) Conn() *pgx.Conn              { return t.c }

func (t connTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	return t.c.CopyFrom(ctx, table, columns, src)
}

func (t connTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.c.SendBatch(ctx, b)
}

func (t connTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return t.c.Prepare(ctx, name, sql)
}

func (t connTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return t.c.Exec(ctx, sql, args...)
}

func (t connTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.c.Query(ctx, sql, args...)
}

func (t connTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.c.QueryRow(ctx, sql, args...)
}

type savepoint struct{ connTx }

func (s savepoint) Commit(ctx context.Context) error {
	_, err := s.c.Exec(ctx, `RELEASE SAVEPOINT river`)
	return err
}

func (s savepoint) Rollback(ctx context.Context) error {
	_, err := s.c.Exec(ctx, `ROLLBACK TO SAVEPOINT river`)
	return err
}
