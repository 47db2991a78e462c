package community

import (
	"context"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/tenants"
)

// Listen registers the counters of posts.
func (s *Service) Listen(r *jobs.Relay) {
	jobs.On(r, scope.Counter, s.countReactions)
	jobs.On(r, scope.Counter, s.countAnswers)
	jobs.On(r, scope.Counter, s.restAnswers)
}

// restAnswers tells of every question of others that the organization answered: its answers rest and come back with it.
func (s *Service) restAnswers(ctx context.Context, _ []tenants.OrganizationChanged) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO outbox (org_id, kind, payload, at) SELECT q.question_org, $2, json_build_object('org', q.question_org, 'question', q.question_id), $3
			FROM (SELECT DISTINCT a.question_org, a.question_id FROM answers a JOIN organizations o ON o.org_id = a.org_id AND o.state_at IS NOT NULL
				WHERE a.org_id = $1 AND a.question_org <> $1) q`, tx.Scope.Org, QuestionChanged{}.EventKind(), tx.Now)
		return err
	})
}

// countReactions adds reactions up on the posts they are on, in the posts' organization.
func (s *Service) countReactions(ctx context.Context, events []Reacted) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		keys := make([]id.Any, len(events))
		for i, e := range events {
			keys[i] = e.Key
		}
		fresh, err := marketing.CountOnce(tx, keys)
		if err != nil {
			return err
		}
		type sum struct {
			post id.Post
			kind string
		}
		sums := map[sum]int{}
		var order []sum
		for _, e := range events {
			if !fresh[e.Key] {
				continue
			}
			delete(fresh, e.Key) // The same event twice in one batch.
			k := sum{e.Post, e.Kind}
			if _, ok := sums[k]; !ok {
				order = append(order, k)
			}
			if e.On {
				sums[k]++
			} else {
				sums[k]--
			}
		}
		for _, k := range order {
			if err := addReactions(tx, k.post, k.kind, sums[k]); err != nil {
				return err
			}
		}
		return nil
	})
}

// addReactions changes a post's sum of one kind by n. A post that is gone is no error. The column is checked, not guessed.
func addReactions(tx *db.Tx, post id.Post, kind string, n int) error {
	if n == 0 {
		return nil
	}
	tables := map[string][]string{"same": {"questions"}, "thanks": {"questions", "answers"}, "used": {"answers"}}
	keys := map[string]string{"questions": "question_id", "answers": "answer_id"}
	for _, table := range tables[kind] {
		if _, err := tx.Exec(`UPDATE `+table+` SET `+kind+` = greatest(0, `+kind+` + $3) WHERE org_id = $1 AND `+keys[table]+` = $2`,
			tx.Scope.Org, post, n); err != nil {
			return err
		}
	}
	return nil
}

// countAnswers brings a question's own count, state and time of last activity up to date. The time moves only with answers
// that every reader of the question may read; otherwise its place in a list would tell of an answer that the list's reader
// may not know of.
func (s *Service) countAnswers(ctx context.Context, events []AnswerPosted) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		var questions []id.Post
		for _, e := range events {
			questions = append(questions, e.Question)
		}
		_, err := tx.Exec(recount, tx.Scope.Org, questions)
		return err
	})
}

const recount = `UPDATE questions q SET answers = c.n,
	state = CASE WHEN q.state = 'withdrawn' THEN q.state WHEN c.n > 0 THEN 'answered' ELSE 'open' END,
	active_at = greatest(q.created_at, c.at)
	FROM (SELECT k.question_id, count(a.answer_id) AS n,
			max(a.created_at) FILTER (WHERE a.audience = 'public' OR (a.org_id = k.org_id AND a.audience = k.audience)) AS at
		FROM questions k LEFT JOIN answers a ON a.question_org = k.org_id AND a.question_id = k.question_id AND a.state = 'shown'
		WHERE k.org_id = $1 AND k.question_id = ANY($2) GROUP BY k.org_id, k.question_id) c
	WHERE q.org_id = $1 AND q.question_id = c.question_id`
