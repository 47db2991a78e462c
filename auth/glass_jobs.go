package auth

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

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
