package courses

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// publishArgs name a draft that publishes itself at a time.
type publishArgs struct {
	Org  id.Org    `json:"org"`
	Item id.Item   `json:"item"`
	At   time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (publishArgs) Kind() string { return "courses.publish" }

// InsertOpts implements river.JobArgsWithInsertOpts: it waits for its time, and stands there once.
func (a publishArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{ScheduledAt: a.At, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type publishWorker struct {
	river.WorkerDefaults[publishArgs]
	r *Routine
}

// Work implements river.Worker.
func (w *publishWorker) Work(ctx context.Context, job *river.Job[publishArgs]) error {
	err := w.r.Publish(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.Item, job.Args.At)
	if errors.Is(err, errResting) {
		return river.JobSnooze(time.Hour)
	}
	return err
}

// Timeout implements river.Worker.
func (*publishWorker) Timeout(*river.Job[publishArgs]) time.Duration { return time.Minute }

func (r *Routine) work(c *jobs.Client) { jobs.Add(c, &publishWorker{r: r}) }

func (r *Routine) enqueue(tx *db.Tx, a publishArgs) error { return r.jobs.Insert(tx, a) }
