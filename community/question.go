package community

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The sizes of what people write, in characters.
const (
	minTitle = 3
	maxTitle = 200
	maxBody  = 10_000
)

// Draft is a question before it is asked.
type Draft struct {
	Item      id.Item // what it is about
	Lesson    string  // key of the lesson or step; "" for the whole item
	Title     string  // the question, 3 to 200 characters
	Body      string  // more of it, Markdown, at most 10,000 characters
	Audience  string  // one of the audiences that Composer offers
	ShownAs   string  // AsName, AsCompany or AsSomeone
	Confirmed bool    // naming other companies is agreed with them
}

// Ask posts a question of the acting member. NotFound if the member may not see the item; Invalid names the fields "title",
// "body", "audience" and "shown_as", or "confirmed" if the text names a connected company and others will read it.
func (s *Service) Ask(ctx context.Context, d Draft) (id.Post, error) {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return id.Post{}, err
	}
	d.Title, d.Body = strings.Join(strings.Fields(d.Title), " "), strings.TrimSpace(d.Body)
	var post id.Post
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		item, err := tenants.SeeItem(tx, d.Item)
		if err != nil {
			return err
		}
		c, err := composer(tx, item)
		if err != nil {
			return err
		}
		if err := d.check(c, item); err != nil {
			return err
		}
		post = id.New[id.Post]()
		as, name := c.shown(d.Audience, d.ShownAs)
		row := questionRecord{
			OrgID: tx.Scope.Org, QuestionID: post, MembershipID: tx.Scope.Membership, AboutOrg: item.OrgID, AboutItem: item.ItemID,
			AboutLesson: d.Lesson, Audience: d.Audience, ShownAs: as, ShownName: name, Lang: string(lang.From(ctx)),
			Title: d.Title, Body: d.Body, State: "open", CreatedAt: tx.Now, ActiveAt: tx.Now,
		}
		return insertQuestion(tx, row)
	})
	if err != nil {
		return id.Post{}, fmt.Errorf("ask about %s: %w", d.Item, err)
	}
	return post, nil
}

func (d Draft) check(c Composer, item tenants.Item) error {
	var faults []errs.Field
	if n := utf8.RuneCountInString(d.Title); n < minTitle {
		faults = append(faults, errs.Field{Name: "title", Key: "community.fault.title_short"})
	} else if n > maxTitle {
		faults = append(faults, errs.Field{Name: "title", Key: "community.fault.title_long"})
	}
	if utf8.RuneCountInString(d.Body) > maxBody {
		faults = append(faults, errs.Field{Name: "body", Key: "community.fault.text_long"})
	}
	if len(d.Lesson) > 200 {
		faults = append(faults, errs.Field{Name: "title", Key: "community.fault.choice"})
	}
	faults = append(faults, c.check(d.Audience, d.ShownAs)...)
	if len(faults) == 0 && !d.Confirmed && d.Audience != AudienceOrg {
		if names := c.mentions(d.Title+" "+d.Body, item.OrgID); len(names) > 0 {
			faults = append(faults, errs.Field{Name: "confirmed", Key: "community.fault.names", Args: []any{"Names", strings.Join(names, ", ")}})
		}
	}
	if len(faults) > 0 {
		return errs.Fields(faults...)
	}
	return nil
}

// MarkWorked says that an answer worked for the one who asked, who alone may say so; on false takes it back. NotFound for
// everybody else and for an answer that the asker may not read.
func (s *Service) MarkWorked(ctx context.Context, question, answer id.Post, on bool) error {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		q, err := seenQuestion(tx, question)
		if err != nil {
			return err
		}
		if !q.hears(answer) {
			return errs.New(errs.NotFound, "answer %s", answer)
		}
		worked := answer
		if !on {
			worked = id.Post{}
		}
		if err := tx.Must(`UPDATE questions SET worked_answer = $4 WHERE org_id = $1 AND question_id = $2 AND membership_id = $3 AND state <> 'withdrawn'`,
			tx.Scope.Org, question, tx.Scope.Membership, worked); err != nil {
			return err
		}
		return jobs.Emit(tx, QuestionChanged{tx.Scope.Org, question})
	})
	if err != nil {
		return fmt.Errorf("mark answer %s of question %s: %w", answer, question, err)
	}
	return nil
}

// Withdraw takes an own question or answer back; nobody but its author sees it until Restore. Repeating is safe. NotFound for
// what somebody else wrote.
func (s *Service) Withdraw(ctx context.Context, post id.Post) (question id.Post, err error) {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return id.Post{}, err
	}
	return s.shown(ctx, post, false)
}

// Restore brings back what Withdraw took, and returns the question that the post belongs to.
func (s *Service) Restore(ctx context.Context, post id.Post) (question id.Post, err error) {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return id.Post{}, err
	}
	return s.shown(ctx, post, true)
}

func (s *Service) shown(ctx context.Context, post id.Post, on bool) (question id.Post, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		asked, err := tx.Exec(`UPDATE questions SET state = CASE WHEN NOT $4 THEN 'withdrawn' WHEN answers > 0 THEN 'answered' ELSE 'open' END
			WHERE org_id = $1 AND question_id = $2 AND membership_id = $3`, tx.Scope.Org, post, tx.Scope.Membership, on)
		if err != nil {
			return err
		}
		if asked > 0 {
			question = post
			return jobs.Emit(tx, QuestionChanged{tx.Scope.Org, post})
		}
		of, err := db.Row[answerKey](tx, `UPDATE answers SET state = CASE WHEN $4 THEN 'shown' ELSE 'withdrawn' END
			WHERE org_id = $1 AND answer_id = $2 AND membership_id = $3 RETURNING question_org, question_id`, tx.Scope.Org, post, tx.Scope.Membership, on)
		if err != nil {
			return err
		}
		question = of.QuestionID
		return of.emit(tx, post)
	})
	if err != nil {
		return id.Post{}, fmt.Errorf("withdraw or restore %s: %w", post, err)
	}
	return question, nil
}

// answerKey is the question that an answer belongs to.
type answerKey struct {
	QuestionOrg id.Org  `db:"question_org"`
	QuestionID  id.Post `db:"question_id"`
}

func (k answerKey) emit(tx *db.Tx, answer id.Post) error {
	if err := jobs.Emit(tx, AnswerPosted{k.QuestionOrg, k.QuestionID, answer}); err != nil {
		return err
	}
	return jobs.Emit(tx, QuestionChanged{k.QuestionOrg, k.QuestionID})
}

// seenQuestion returns a question that the acting scope may read, with all its answers.
func seenQuestion(tx *db.Tx, question id.Post) (questionRow, error) {
	rows, err := search{cond: `q.question_id = $5`, args: []any{question}, limit: 1, answers: maxAnswers, own: true}.rows(tx)
	if err != nil {
		return questionRow{}, err
	}
	if len(rows) == 0 {
		return questionRow{}, errs.New(errs.NotFound, "question %s", question)
	}
	return rows[0], nil
}

func (r questionRow) hears(answer id.Post) bool {
	for _, a := range r.Answers {
		if a.AnswerID == answer {
			return true
		}
	}
	return false
}

func (r questionRow) mine(s scope.Scope) bool {
	return s.SignedIn() && r.OrgID == s.Org && r.MembershipID == s.Membership
}
