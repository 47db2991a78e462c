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
)

// maxAnswers is how many answers a thread shows.
const maxAnswers = 200

// Reply is an answer before it is posted.
type Reply struct {
	Question  id.Post
	Body      string // Markdown, 1 to 10,000 characters
	Audience  string // one of the audiences that the thread's composer offers; "" for its first
	ShownAs   string
	Confirmed bool // naming other companies is agreed with them
}

// AnswerQuestion posts an answer of the acting member. Writing needs reading: NotFound for a question that the member may
// not read. Invalid names the fields "text", "audience", "shown_as" and "confirmed".
func (s *Service) AnswerQuestion(ctx context.Context, r Reply) (id.Post, error) {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return id.Post{}, err
	}
	r.Body = strings.TrimSpace(r.Body)
	var post id.Post
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		q, err := seenQuestion(tx, r.Question)
		if err != nil {
			return err
		}
		if q.State == "withdrawn" {
			return errs.New(errs.NotFound, "question %s is withdrawn", r.Question)
		}
		c, err := replyComposer(tx, q)
		if err != nil {
			return err
		}
		if r.Audience == "" && len(c.Audiences) > 0 {
			r.Audience = c.Audiences[0].Value
		}
		if err := r.check(c, q); err != nil {
			return err
		}
		post = id.New[id.Post]()
		as, name := c.shown(r.Audience, r.ShownAs)
		row := answerRecord{
			OrgID: tx.Scope.Org, AnswerID: post, QuestionOrg: q.OrgID, QuestionID: q.QuestionID, MembershipID: tx.Scope.Membership,
			Audience: r.Audience, ShownAs: as, ShownName: name, Body: r.Body, State: "shown", CreatedAt: tx.Now,
		}
		return insertAnswer(tx, row)
	})
	if err != nil {
		return id.Post{}, fmt.Errorf("answer question %s: %w", r.Question, err)
	}
	return post, nil
}

func (r Reply) check(c Composer, q questionRow) error {
	var faults []errs.Field
	if r.Body == "" {
		faults = append(faults, errs.Field{Name: "text", Key: "community.fault.text_missing"})
	} else if utf8.RuneCountInString(r.Body) > maxBody {
		faults = append(faults, errs.Field{Name: "text", Key: "community.fault.text_long"})
	}
	faults = append(faults, c.check(r.Audience, r.ShownAs)...)
	if len(faults) == 0 && !r.Confirmed && r.Audience != AudienceOrg {
		shown := id.Org{}
		if q.ShownAs != AsSomeone {
			shown = q.OrgID
		}
		if names := c.mentions(r.Body, q.AboutOrg, shown); len(names) > 0 {
			faults = append(faults, errs.Field{Name: "confirmed", Key: "community.fault.names", Args: []any{"Names", strings.Join(names, ", ")}})
		}
	}
	if len(faults) > 0 {
		return errs.Fields(faults...)
	}
	return nil
}
