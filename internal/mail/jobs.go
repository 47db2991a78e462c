package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// deliverArgs name one mail.
type deliverArgs struct {
	Org  id.Org `json:"org"`
	Mail id.Any `json:"mail"`
}

// Kind implements river.JobArgs.
func (deliverArgs) Kind() string { return "mail.deliver" }

type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	s *Service
}

// Work implements river.Worker.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[deliverArgs]) error {
	err := w.s.Deliver(jobs.Enter(ctx, scope.Mailer, job.Args.Org), job.Args.Mail)
	if errors.Is(err, ErrSuspended) {
		return river.JobSnooze(10 * time.Minute)
	}
	if errs.Is(err, errs.NotFound) {
		return river.JobCancel(err) // It went with whom it was for.
	}
	return err
}

// Timeout implements river.Worker.
func (*deliverWorker) Timeout(*river.Job[deliverArgs]) time.Duration { return time.Minute }

func (s *Service) work(c *jobs.Client) { jobs.Add(c, &deliverWorker{s: s}) }

func (s *Service) enqueue(tx *db.Tx, mailID id.Any) error {
	if err := s.jobs.Insert(tx, deliverArgs{Org: tx.Scope.Org, Mail: mailID}); err != nil {
		return fmt.Errorf("enqueue mail %s: %w", mailID, err)
	}
	return nil
}
