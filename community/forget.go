package community

import (
	"context"
	"fmt"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/tenants"
)

// forgetBatch is how many posts change in one transaction.
const forgetBatch = 500

// Forget takes the name of a member who is erased from what they wrote, and with tenants.PostsDelete what they wrote, too: such a
// post is withdrawn and empty, because what others answered still belongs to it. The keeper of the organization may. Repeating is safe.
func (s *Service) Forget(ctx context.Context, member id.Membership, posts string) error {
	if err := authz.Check(ctx, authz.ErasePerson, id.Org{}); err != nil {
		return err
	}
	if err := s.forget(ctx, func(tx *db.Tx) (int, error) {
		list, err := db.Rows[id.Post](tx, `UPDATE questions SET shown_as = CASE WHEN shown_as = 'name' THEN 'former' ELSE shown_as END, shown_name = '',
				title = CASE WHEN $3 THEN '–––' ELSE title END, body = CASE WHEN $3 THEN '' ELSE body END, state = CASE WHEN $3 THEN 'withdrawn' ELSE state END
			WHERE org_id = $1 AND question_id IN (SELECT q.question_id FROM questions q WHERE q.org_id = $1 AND q.membership_id = $2
				AND (q.shown_as = 'name' OR q.shown_name <> '' OR $3 AND (q.title <> '–––' OR q.body <> '' OR q.state <> 'withdrawn')) ORDER BY q.question_id LIMIT $4) RETURNING question_id`,
			tx.Scope.Org, member, posts == tenants.PostsDelete, forgetBatch)
		if err != nil {
			return 0, err
		}
		for _, q := range list {
			if err := jobs.Emit(tx, QuestionChanged{tx.Scope.Org, q}); err != nil {
				return 0, err
			}
		}
		return len(list), nil
	}); err != nil {
		return fmt.Errorf("forget the questions of %s: %w", member, err)
	}
	if err := s.forget(ctx, func(tx *db.Tx) (int, error) {
		list, err := db.Rows[forgotten](tx, `UPDATE answers SET shown_as = CASE WHEN shown_as = 'name' THEN 'former' ELSE shown_as END, shown_name = '',
				body = CASE WHEN $3 THEN '–' ELSE body END, state = CASE WHEN $3 THEN 'withdrawn' ELSE state END
			WHERE org_id = $1 AND answer_id IN (SELECT a.answer_id FROM answers a WHERE a.org_id = $1 AND a.membership_id = $2
				AND (a.shown_as = 'name' OR a.shown_name <> '' OR $3 AND (a.body <> '–' OR a.state <> 'withdrawn')) ORDER BY a.answer_id LIMIT $4) RETURNING answer_id, question_org, question_id`,
			tx.Scope.Org, member, posts == tenants.PostsDelete, forgetBatch)
		if err != nil {
			return 0, err
		}
		for _, a := range list {
			if err := a.emit(tx, a.Answer); err != nil {
				return 0, err
			}
		}
		return len(list), nil
	}); err != nil {
		return fmt.Errorf("forget the answers of %s: %w", member, err)
	}
	return nil
}

type forgotten struct {
	answerKey

	Answer id.Post `db:"answer_id"`
}

// forget runs some until it finds nothing more.
func (s *Service) forget(ctx context.Context, some func(*db.Tx) (int, error)) error {
	for {
		var n int
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			n, err = some(tx)
			return err
		}); err != nil || n == 0 {
			return err
		}
	}
}
