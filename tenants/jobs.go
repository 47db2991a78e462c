package tenants

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// checkArgs ask for all domains to be looked at.
type checkArgs struct{}

// Kind implements river.JobArgs.
func (checkArgs) Kind() string { return "tenants.check_domains" }

type checkWorker struct {
	river.WorkerDefaults[checkArgs]
	s *Service
}

// Work implements river.Worker.
func (w *checkWorker) Work(ctx context.Context, _ *river.Job[checkArgs]) error {
	return w.s.CheckDomains(jobs.Enter(ctx, scope.Registrar, id.Org{}))
}

// Timeout implements river.Worker.
func (*checkWorker) Timeout(*river.Job[checkArgs]) time.Duration { return time.Hour }

// Work registers what the room does by itself: the daily look at domains.
func (s *Service) Work(c *jobs.Client) { jobs.Daily(c, &checkWorker{s: s}) }
