package tenants

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/db"
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

// Work registers what the room does by itself: the daily look at domains, at what organizations know of each other's people, at what is due
// to be erased, and at what is over.
func (s *Service) Work(c *jobs.Client) {
	jobs.Daily(c, &checkWorker{s: s})
	jobs.Daily(c, &discloseWorker{s: s})
	jobs.Daily(c, &holdWorker{s: s})
	jobs.Daily(c, &retainWorker{s: s})
}

// hourArgs ask for what is due in all organizations by an hour.
type hourArgs struct {
	At time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (hourArgs) Kind() string { return "tenants.hour" }

// dueArgs ask for what is due in one organization by an hour.
type dueArgs struct {
	Org id.Org    `json:"org"`
	At  time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (dueArgs) Kind() string { return "tenants.due" }

// InsertOpts implements river.JobArgsWithInsertOpts: an hour of an organization is worked once.
func (dueArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type hourWorker struct {
	river.WorkerDefaults[hourArgs]
	r *Routine
}

// Work implements river.Worker.
func (w *hourWorker) Work(ctx context.Context, job *river.Job[hourArgs]) error {
	return w.r.db.Tx(jobs.Enter(ctx, scope.Mailer, id.Org{}), func(tx *db.Tx) error {
		// Which portals there are is public; what is due in them each finds out for itself.
		orgs, err := db.Rows[id.Org](tx, `SELECT o.org_id FROM organizations o WHERE o.state NOT IN ('erasing', 'erased') ORDER BY o.org_id LIMIT 100000`)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := w.r.jobs.Insert(tx, dueArgs{Org: org, At: job.Args.At}); err != nil {
				return err
			}
		}
		return nil
	})
}

type dueWorker struct {
	river.WorkerDefaults[dueArgs]
	r *Routine
}

// Work implements river.Worker. First what ended, so that nothing is announced that is over. The people of a closed organization
// are told of its own end alone.
func (w *dueWorker) Work(ctx context.Context, job *river.Job[dueArgs]) error {
	if closed, err := w.r.Warn(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.At); err != nil || closed {
		return err
	}
	if err := w.r.Elapse(jobs.Enter(ctx, scope.Agreement, job.Args.Org), job.Args.At); err != nil {
		return err
	}
	if err := w.r.Remind(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.At); err != nil {
		return err
	}
	for _, do := range w.r.onDue {
		if err := do(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.At); err != nil {
			return err
		}
	}
	return nil
}

// batchArgs name one batch.
type batchArgs struct {
	Org   id.Org `json:"org"`
	Batch id.Any `json:"batch"`
}

// Kind implements river.JobArgs.
func (batchArgs) Kind() string { return "tenants.batch" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job works a batch.
func (batchArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type batchWorker struct {
	river.WorkerDefaults[batchArgs]
	r *Routine
}

// Work implements river.Worker.
func (w *batchWorker) Work(ctx context.Context, job *river.Job[batchArgs]) error {
	return w.r.RunBatch(jobs.Enter(ctx, scope.Agreement, job.Args.Org), job.Args.Batch)
}

// Timeout implements river.Worker.
func (*batchWorker) Timeout(*river.Job[batchArgs]) time.Duration { return time.Hour }

func (r *Routine) work(c *jobs.Client) {
	jobs.Add(c, &hourWorker{r: r})
	jobs.Add(c, &dueWorker{r: r})
	jobs.Add(c, &batchWorker{r: r})
	jobs.Every(c, time.Hour, func() river.JobArgs { return hourArgs{At: r.db.Now().UTC().Truncate(time.Hour)} })
}

// discloseArgs ask for everything that is known across organizations to be brought up to date.
type discloseArgs struct{}

// Kind implements river.JobArgs.
func (discloseArgs) Kind() string { return "tenants.disclose" }

type discloseWorker struct {
	river.WorkerDefaults[discloseArgs]
	s *Service
}

// Work implements river.Worker.
func (w *discloseWorker) Work(ctx context.Context, _ *river.Job[discloseArgs]) error {
	ctx = jobs.Enter(ctx, scope.Discloser, id.Org{})
	if err := w.s.DiscloseAll(ctx); err != nil {
		return err
	}
	return w.s.ReleaseAll(ctx)
}

// Timeout implements river.Worker.
func (*discloseWorker) Timeout(*river.Job[discloseArgs]) time.Duration { return time.Hour }

// holdArgs ask for what is due to be erased.
type holdArgs struct{}

// Kind implements river.JobArgs.
func (holdArgs) Kind() string { return "tenants.erase_due" }

type holdWorker struct {
	river.WorkerDefaults[holdArgs]
	s *Service
}

// Work implements river.Worker.
func (w *holdWorker) Work(ctx context.Context, _ *river.Job[holdArgs]) error {
	return w.s.EraseDue(jobs.Enter(ctx, scope.Keeper, id.Org{}))
}

// Timeout implements river.Worker.
func (*holdWorker) Timeout(*river.Job[holdArgs]) time.Duration { return 6 * time.Hour }

// retainArgs ask for what is over to go.
type retainArgs struct{}

// Kind implements river.JobArgs.
func (retainArgs) Kind() string { return "tenants.retain" }

type retainWorker struct {
	river.WorkerDefaults[retainArgs]
	s *Service
}

// Work implements river.Worker.
func (w *retainWorker) Work(ctx context.Context, _ *river.Job[retainArgs]) error {
	return w.s.RetainAll(jobs.Enter(ctx, scope.Keeper, id.Org{}))
}

// Timeout implements river.Worker.
func (*retainWorker) Timeout(*river.Job[retainArgs]) time.Duration { return 6 * time.Hour }

// forgetArgs name one member who is to be erased.
type forgetArgs struct {
	Org    id.Org        `json:"org"`
	Member id.Membership `json:"member"`
}

// Kind implements river.JobArgs.
func (forgetArgs) Kind() string { return "tenants.forget" }

// InsertOpts implements river.JobArgsWithInsertOpts: a member is erased once.
func (forgetArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type forgetWorker struct {
	river.WorkerDefaults[forgetArgs]
	k *Keeper
}

// Work implements river.Worker.
func (w *forgetWorker) Work(ctx context.Context, job *river.Job[forgetArgs]) error {
	return w.k.Forget(jobs.Enter(ctx, scope.Keeper, job.Args.Org), job.Args.Member)
}

// Timeout implements river.Worker.
func (*forgetWorker) Timeout(*river.Job[forgetArgs]) time.Duration { return time.Hour }

// exportArgs name one copy that was asked for.
type exportArgs struct {
	Org    id.Org `json:"org"`
	Export id.Any `json:"export"`
}

// Kind implements river.JobArgs.
func (exportArgs) Kind() string { return "tenants.export" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job makes a copy.
func (exportArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type exportWorker struct {
	river.WorkerDefaults[exportArgs]
	k *Keeper
}

// Work implements river.Worker.
func (w *exportWorker) Work(ctx context.Context, job *river.Job[exportArgs]) error {
	err := w.k.RunExport(jobs.Enter(ctx, scope.Keeper, job.Args.Org), job.Args.Export)
	if err != nil && job.Attempt >= exportTries {
		return w.k.failExport(jobs.Enter(ctx, scope.Keeper, job.Args.Org), job.Args.Export, err)
	}
	return err
}

// Timeout implements river.Worker.
func (*exportWorker) Timeout(*river.Job[exportArgs]) time.Duration { return exportFor }

// removeArgs name a copy whose time is over at At.
type removeArgs struct {
	Org    id.Org    `json:"org"`
	Export id.Any    `json:"export"`
	At     time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (removeArgs) Kind() string { return "tenants.export_over" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (a removeArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{ScheduledAt: a.At} }

type removeWorker struct {
	river.WorkerDefaults[removeArgs]
	k *Keeper
}

// Work implements river.Worker.
func (w *removeWorker) Work(ctx context.Context, job *river.Job[removeArgs]) error {
	return w.k.RemoveExport(jobs.Enter(ctx, scope.Keeper, job.Args.Org), job.Args.Export)
}

func (k *Keeper) work(c *jobs.Client) {
	jobs.Add(c, &forgetWorker{k: k})
	jobs.Add(c, &exportWorker{k: k})
	jobs.Add(c, &removeWorker{k: k})
}
