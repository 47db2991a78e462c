package auth

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// importArgs name an import, and when it was asked for: to be carried out, or undone later.
type importArgs struct {
	Org    id.Org    `json:"org"`
	Import id.Any    `json:"import"`
	At     time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (importArgs) Kind() string { return "auth.import" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job works an import.
func (importArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type importWorker struct {
	river.WorkerDefaults[importArgs]
	i *Importer
}

// Work implements river.Worker.
func (w *importWorker) Work(ctx context.Context, job *river.Job[importArgs]) error {
	return w.i.Run(jobs.Enter(ctx, scope.SignIn, job.Args.Org), job.Args.Import)
}

// Timeout implements river.Worker.
func (*importWorker) Timeout(*river.Job[importArgs]) time.Duration { return time.Hour }

func (i *Importer) work(c *jobs.Client) { jobs.Add(c, &importWorker{i: i}) }
