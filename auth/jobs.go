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

// Work registers the job that tells an organization that the time of a break-glass is over. Nobody waits for it: what is over is over on
// the next request.
func (s *Service) Work(c *jobs.Client) {
	jobs.Add(c, &glassWorker{s: s})
	jobs.Every(c, time.Minute, func() river.JobArgs { return glassArgs{At: s.now().Truncate(time.Minute)} })
}

// glassArgs name the minute, so that each has one job over all replicas.
type glassArgs struct {
	At time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (glassArgs) Kind() string { return "auth.end_glass" }

// InsertOpts implements river.JobArgsWithInsertOpts: one that failed does not keep the next minute's away.
func (glassArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{MaxAttempts: 1} }

type glassWorker struct {
	river.WorkerDefaults[glassArgs]
	s *Service
}

// Work implements river.Worker.
func (w *glassWorker) Work(ctx context.Context, _ *river.Job[glassArgs]) error {
	return w.s.EndGlasses(jobs.Enter(ctx, scope.SignIn, id.Org{}))
}
