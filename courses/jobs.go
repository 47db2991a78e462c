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

// triesArgs ask for the mails about what people try that are due on a day, in all organizations.
type triesArgs struct {
	Day time.Time `json:"day"`
}

// Kind implements river.JobArgs.
func (triesArgs) Kind() string { return "courses.tries" }

// triesDueArgs ask for those of one organization.
type triesDueArgs struct {
	Org id.Org    `json:"org"`
	Day time.Time `json:"day"`
}

// Kind implements river.JobArgs.
func (triesDueArgs) Kind() string { return "courses.tries_due" }

// InsertOpts implements river.JobArgsWithInsertOpts: a day of an organization is worked once.
func (triesDueArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type triesWorker struct {
	river.WorkerDefaults[triesArgs]
	r *Reminder
}

// Work implements river.Worker.
func (w *triesWorker) Work(ctx context.Context, job *river.Job[triesArgs]) error {
	return w.r.db.Tx(jobs.Enter(ctx, scope.Mailer, id.Org{}), func(tx *db.Tx) error {
		// Which portals there are is public; what is due in them each finds out for itself.
		orgs, err := db.Rows[id.Org](tx, `SELECT o.org_id FROM organizations o WHERE o.state = 'active' ORDER BY o.org_id LIMIT 100000`)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := w.r.jobs.Insert(tx, triesDueArgs{Org: org, Day: job.Args.Day}); err != nil {
				return err
			}
		}
		return nil
	})
}

type triesDueWorker struct {
	river.WorkerDefaults[triesDueArgs]
	r *Reminder
}

// Work implements river.Worker.
func (w *triesDueWorker) Work(ctx context.Context, job *river.Job[triesDueArgs]) error {
	return w.r.Remind(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.Day)
}

// work registers the daily look at what is due.
func (r *Reminder) work(c *jobs.Client) {
	jobs.Add(c, &triesWorker{r: r})
	jobs.Add(c, &triesDueWorker{r: r})
	jobs.Every(c, time.Hour, func() river.JobArgs { return triesArgs{Day: r.db.Now().UTC().Truncate(24 * time.Hour)} })
}
