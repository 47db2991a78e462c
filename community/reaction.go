package community

import (
	"context"
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
)

// React sets the acting member's reaction on a post, or takes it back when it is set, and returns the question that the post
// belongs to. Questions take Same and Thanks, answers Used and Thanks. NotFound for a post that the member may not read,
// Invalid for another kind or an own post.
func (s *Service) React(ctx context.Context, post id.Post, kind string) (id.Post, error) {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return id.Post{}, err
	}
	var question id.Post
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		p, err := seenPost(tx, post)
		if err != nil {
			return err
		}
		question = p.question
		if p.mine || !slices.Contains(p.kinds, kind) {
			return errs.Fields(errs.Field{Name: "kind", Key: "community.fault.choice"})
		}
		gone, err := tx.Exec(`DELETE FROM reactions WHERE org_id = $1 AND membership_id = $2 AND post_id = $3 AND kind = $4`, tx.Scope.Org, tx.Scope.Membership, post, kind)
		if err != nil {
			return err
		}
		if gone == 0 {
			if err := tx.Must(`INSERT INTO reactions (org_id, membership_id, post_org, post_id, kind, at) VALUES ($1, $2, $3, $4, $5, $6)`,
				tx.Scope.Org, tx.Scope.Membership, p.org, post, kind, tx.Now); err != nil {
				return err
			}
		}
		return jobs.Emit(tx, Reacted{Org: p.org, Post: post, Kind: kind, On: gone == 0, Key: id.New[id.Any]()})
	})
	if err != nil {
		return id.Post{}, fmt.Errorf("react to %s: %w", post, err)
	}
	return question, nil
}

// postRef is a question or an answer that may be read.
type postRef struct {
	org      id.Org
	question id.Post
	kinds    []string
	mine     bool
}

// seenPost finds a post that the acting scope may read; an answer only in a question that may be read.
func seenPost(tx *db.Tx, post id.Post) (postRef, error) {
	q, err := seenQuestion(tx, post)
	if err == nil {
		return postRef{q.OrgID, q.QuestionID, []string{Same, Thanks}, q.mine(tx.Scope)}, nil
	}
	if !errs.Is(err, errs.NotFound) {
		return postRef{}, err
	}
	of, err := db.Row[answerKey](tx, `SELECT a.question_org, a.question_id FROM answers a WHERE a.answer_id = $1 AND a.state = 'shown'
		AND (a.org_id = $2 OR a.audience IN ('connected', 'public'))`, post, tx.Scope.Org)
	if err != nil {
		return postRef{}, err
	}
	if q, err = seenQuestion(tx, of.QuestionID); err != nil {
		return postRef{}, err
	}
	for _, a := range q.Answers {
		if a.AnswerID == post {
			return postRef{a.OrgID, q.QuestionID, []string{Used, Thanks}, a.byline(tx.Scope).Mine}, nil
		}
	}
	return postRef{}, errs.New(errs.NotFound, "post %s", post)
}
