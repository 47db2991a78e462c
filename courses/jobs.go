package courses

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
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
	ctx = jobs.Enter(ctx, scope.Mailer, job.Args.Org)
	return errors.Join(w.r.Remind(ctx, job.Args.Day), w.r.RemindDates(ctx, job.Args.Day))
}

// work registers the daily look at what is due.
func (r *Reminder) work(c *jobs.Client) {
	jobs.Add(c, &triesWorker{r: r})
	jobs.Add(c, &triesDueWorker{r: r})
	jobs.Every(c, time.Hour, func() river.JobArgs { return triesArgs{Day: r.db.Now().UTC().Truncate(24 * time.Hour)} })
}

// NewImporter returns the importer of an installation and registers its jobs.
func NewImporter(s *Service, c *jobs.Client) *Importer {
	i := &Importer{s: s, jobs: c}
	jobs.Add(c, &bundleWorker{i: i})
	jobs.Add(c, &bundleOverWorker{i: i})
	return i
}

// Listen registers what follows when a bundle was brought or confirmed.
func (i *Importer) Listen(r *jobs.Relay) { jobs.On(r, scope.Importer, i.asked) }

func (i *Importer) asked(ctx context.Context, events []BundleAsked) error {
	return i.s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			row, err := db.Row[struct {
				At    time.Time `db:"asked_at"`
				Until time.Time `db:"expires_at"`
				State string    `db:"state"`
			}](tx, `SELECT c.asked_at, c.expires_at, c.state FROM course_imports c WHERE c.org_id = $1 AND c.import_id = $2 AND c.state IN ('checking', 'running')`, tx.Scope.Org, e.Import)
			if errs.Is(err, errs.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if err := i.jobs.Insert(tx, bundleArgs{Org: tx.Scope.Org, Import: e.Import, At: row.At}); err != nil {
				return err
			}
			if row.State == BundleChecking {
				if err := i.jobs.Insert(tx, bundleOverArgs{Org: tx.Scope.Org, Import: e.Import, At: row.Until}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// bundleArgs name a bundle, and when it was asked for: to be looked at, or carried out later.
type bundleArgs struct {
	Org    id.Org    `json:"org"`
	Import id.Any    `json:"import"`
	At     time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (bundleArgs) Kind() string { return "courses.import" }

// InsertOpts implements river.JobArgsWithInsertOpts: one job works a bundle.
func (bundleArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type bundleWorker struct {
	river.WorkerDefaults[bundleArgs]
	i *Importer
}

// Work implements river.Worker.
func (w *bundleWorker) Work(ctx context.Context, job *river.Job[bundleArgs]) error {
	return w.i.Run(jobs.Enter(ctx, scope.Importer, job.Args.Org), job.Args.Import)
}

// Timeout implements river.Worker.
func (*bundleWorker) Timeout(*river.Job[bundleArgs]) time.Duration { return time.Hour }

// bundleOverArgs name a bundle that nobody can confirm any more at At.
type bundleOverArgs struct {
	Org    id.Org    `json:"org"`
	Import id.Any    `json:"import"`
	At     time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (bundleOverArgs) Kind() string { return "courses.import_over" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (a bundleOverArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{ScheduledAt: a.At} }

type bundleOverWorker struct {
	river.WorkerDefaults[bundleOverArgs]
	i *Importer
}

// Work implements river.Worker.
func (w *bundleOverWorker) Work(ctx context.Context, job *river.Job[bundleOverArgs]) error {
	return w.i.Over(jobs.Enter(ctx, scope.Importer, job.Args.Org), job.Args.Import)
}

// Over removes the archive of a bundle that was looked at and never confirmed; it does nothing before its time is over.
func (i *Importer) Over(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	err := i.s.endBundle(ctx, which, func(tx *db.Tx, b lockedBundle) (string, error) {
		if b.State != BundleChecked || b.Until.After(tx.Now) {
			return "", errBundleOver
		}
		return BundleStopped, nil
	})
	if errs.Is(err, errs.NotFound) || errors.Is(err, errBundleOver) {
		return nil
	}
	return err
}

// liveRemindArgs name a session of which people of an organization are reminded, "day" or "hour" before it begins.
type liveRemindArgs struct {
	Org     id.Org    `json:"org"`
	Session id.Any    `json:"session"`
	What    string    `json:"what"`
	Starts  time.Time `json:"starts"`
}

// Kind implements river.JobArgs.
func (liveRemindArgs) Kind() string { return "courses.live_remind" }

// InsertOpts implements river.JobArgsWithInsertOpts: it waits for its time, and stands there once.
func (a liveRemindArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{ScheduledAt: a.Starts.Add(-liveBefore(a.What)), UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

// liveBefore is how long before the beginning people are reminded.
func liveBefore(what string) time.Duration {
	if what == "hour" {
		return time.Hour
	}
	return 24 * time.Hour
}

type liveRemindWorker struct {
	river.WorkerDefaults[liveRemindArgs]
	u *Usher
}

// Work implements river.Worker.
func (w *liveRemindWorker) Work(ctx context.Context, job *river.Job[liveRemindArgs]) error {
	// What was closed meanwhile without a word to the other side is found before anybody is reminded.
	if err := w.u.Lost(jobs.Enter(ctx, scope.Usher, job.Args.Org)); err != nil {
		return err
	}
	return w.u.Remind(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.Session, job.Args.What, job.Args.Starts)
}

func (u *Usher) work(c *jobs.Client) { jobs.Add(c, &liveRemindWorker{u: u}) }

// plan has people of the acting organization reminded of a session, as far as the times for it are to come.
func (u *Usher) plan(tx *db.Tx, l Live) error {
	for _, what := range []string{"day", "hour"} {
		if l.Starts.Add(-liveBefore(what)).Before(tx.Now) {
			continue
		}
		if err := u.jobs.Insert(tx, liveRemindArgs{Org: tx.Scope.Org, Session: l.ID, What: what, Starts: l.Starts}); err != nil {
			return err
		}
	}
	return nil
}

// Reckoner brings standings up to date: when something changed on which one hangs, and when a time comes at which one changes by itself.
type Reckoner struct {
	s    *Service
	jobs *jobs.Client
}

// NewReckoner returns the reckoner of an installation and registers its job.
func NewReckoner(s *Service, c *jobs.Client) *Reckoner {
	r := &Reckoner{s, c}
	jobs.Add(c, &standingWorker{r: r})
	return r
}

// Listen registers what follows on a change.
func (r *Reckoner) Listen(relay *jobs.Relay) {
	jobs.On(relay, scope.Issuer, func(ctx context.Context, _ []StandingDue) error { return r.reckon(ctx) })
}

// reckon does it for the acting organization, and has it done again when the next thing ends by itself.
func (r *Reckoner) reckon(ctx context.Context) error {
	next, err := r.s.Reckon(ctx)
	if len(next) == 0 {
		return err
	}
	return errors.Join(err, r.s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, at := range next {
			if err := r.jobs.Insert(tx, standingArgs{Org: tx.Scope.Org, At: at}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// standingArgs name a partner whose standing changes at a time although nothing happens.
type standingArgs struct {
	Org id.Org    `json:"org"`
	At  time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (standingArgs) Kind() string { return "courses.standing" }

// InsertOpts implements river.JobArgsWithInsertOpts: it waits for its time, and stands there once.
func (a standingArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{ScheduledAt: a.At, UniqueOpts: river.UniqueOpts{ByArgs: true}}
}

type standingWorker struct {
	river.WorkerDefaults[standingArgs]
	r *Reckoner
}

// Work implements river.Worker.
func (w *standingWorker) Work(ctx context.Context, job *river.Job[standingArgs]) error {
	return w.r.reckon(jobs.Enter(ctx, scope.Issuer, job.Args.Org))
}

// linksArgs ask for a look at the links of all organizations, once in the week that begins on a day.
type linksArgs struct {
	Week time.Time `json:"week"`
}

// Kind implements river.JobArgs.
func (linksArgs) Kind() string { return "courses.links" }

// linksDueArgs ask for a look at those of one organization.
type linksDueArgs struct {
	Org  id.Org    `json:"org"`
	Week time.Time `json:"week"`
}

// Kind implements river.JobArgs.
func (linksDueArgs) Kind() string { return "courses.links_due" }

// InsertOpts implements river.JobArgsWithInsertOpts: a week of an organization is worked once.
func (linksDueArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}, MaxAttempts: 3}
}

// linksDraftArgs ask for a look at those of a draft.
type linksDraftArgs struct {
	Org  id.Org    `json:"org"`
	Item id.Item   `json:"item"`
	At   time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (linksDraftArgs) Kind() string { return "courses.links_draft" }

// InsertOpts implements river.JobArgsWithInsertOpts: who asks again within five minutes asks for the same.
func (linksDraftArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}, MaxAttempts: 3}
}

type linksWorker struct {
	river.WorkerDefaults[linksArgs]
	k *Checker
}

// Work implements river.Worker.
func (w *linksWorker) Work(ctx context.Context, job *river.Job[linksArgs]) error {
	return w.k.s.db.Tx(jobs.Enter(ctx, scope.Importer, id.Org{}), func(tx *db.Tx) error {
		// Which portals there are is public; what they link to each finds out for itself.
		orgs, err := db.Rows[id.Org](tx, `SELECT o.org_id FROM organizations o WHERE o.state = 'active' ORDER BY o.org_id LIMIT 100000`)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := w.k.jobs.Insert(tx, linksDueArgs{Org: org, Week: job.Args.Week}); err != nil {
				return err
			}
		}
		return nil
	})
}

type linksDueWorker struct {
	river.WorkerDefaults[linksDueArgs]
	k *Checker
}

// Work implements river.Worker.
func (w *linksDueWorker) Work(ctx context.Context, job *river.Job[linksDueArgs]) error {
	return w.k.Weekly(jobs.Enter(ctx, scope.Importer, job.Args.Org))
}

// Timeout implements river.Worker.
func (*linksDueWorker) Timeout(*river.Job[linksDueArgs]) time.Duration { return 40 * time.Minute }

type linksDraftWorker struct {
	river.WorkerDefaults[linksDraftArgs]
	k *Checker
}

// Work implements river.Worker.
func (w *linksDraftWorker) Work(ctx context.Context, job *river.Job[linksDraftArgs]) error {
	return w.k.Draft(jobs.Enter(ctx, scope.Importer, job.Args.Org), job.Args.Item)
}

// Timeout implements river.Worker.
func (*linksDraftWorker) Timeout(*river.Job[linksDraftArgs]) time.Duration { return 10 * time.Minute }

// work registers the weekly look at links, and the one that somebody asks for.
func (k *Checker) work(c *jobs.Client) {
	jobs.Add(c, &linksWorker{k: k})
	jobs.Add(c, &linksDueWorker{k: k})
	jobs.Add(c, &linksDraftWorker{k: k})
	jobs.Every(c, time.Hour, func() river.JobArgs {
		day := k.s.db.Now().UTC().Truncate(24 * time.Hour)
		return linksArgs{Week: day.AddDate(0, 0, -int(day.Weekday()))}
	})
}

// withdrawnArgs name people of an organization who were moved out of a version that its owner withdrew.
type withdrawnArgs struct {
	Org     id.Org    `json:"org"`
	Owner   id.Org    `json:"owner"`
	Item    id.Item   `json:"item"`
	Version int       `json:"version"`
	At      time.Time `json:"at"`
}

// Kind implements river.JobArgs.
func (withdrawnArgs) Kind() string { return "courses.withdrawn" }

type withdrawnWorker struct {
	river.WorkerDefaults[withdrawnArgs]
	w *Withdrawer
}

// Work implements river.Worker.
func (w *withdrawnWorker) Work(ctx context.Context, job *river.Job[withdrawnArgs]) error {
	return w.w.Tell(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.Owner, job.Args.Item, job.Args.Version)
}

// Timeout implements river.Worker.
func (*withdrawnWorker) Timeout(*river.Job[withdrawnArgs]) time.Duration { return 30 * time.Minute }

func (w *Withdrawer) work(c *jobs.Client) { jobs.Add(c, &withdrawnWorker{w: w}) }

func (w *Withdrawer) enqueue(tx *db.Tx, a withdrawnArgs) error { return w.jobs.Insert(tx, a) }
