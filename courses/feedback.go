package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Verdict is whether a lesson helped a member, and a few words about it.
type Verdict struct {
	Helped bool   `db:"helped"`
	Words  string `db:"words"`  // at most 1,000 characters; "" for none
	Signed bool   `db:"signed"` // its authors may see the name, where the agreement lets it cross
	Answer string `db:"answer"` // what its authors said; "" for nothing
}

// feedbackMost is how many characters the words have, and answerMost those of an answer.
const (
	feedbackMost = 1000
	answerMost   = 2000
)

// SayFeedback keeps whether the lesson at the place helped the acting member, for its authors: see FeedbackOn. It can be said anew at any
// time. Invalid for too many words; NotFound for what the member may not see, and for a place that has no lesson of its own.
func (s *Service) SayFeedback(ctx context.Context, p Place, v Verdict) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	if v.Words = strings.TrimSpace(v.Words); utf8.RuneCountInString(v.Words) > feedbackMost {
		return errs.Fields(errs.Field{Name: "words", Key: "feedback.fault.long", Args: []any{"Most", feedbackMost}})
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if at.Own || at.Lesson == "" {
			return errs.New(errs.NotFound, "no lesson at %s", p.Item)
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		if err := tx.Must(`INSERT INTO lesson_feedback AS f (org_id, feedback_id, membership_id, item_org, item_id, lesson_key, helped, words, shown_name, at)
			SELECT $1, gen_random_uuid(), $2, $3, $4, $5, $6, $7, CASE WHEN $8 THEN m.name ELSE '' END, $9 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2
			ON CONFLICT (org_id, membership_id, item_org, item_id, lesson_key) DO UPDATE SET helped = excluded.helped, words = excluded.words, shown_name = excluded.shown_name`,
			tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, v.Helped, v.Words, v.Signed && v.Words != "", tx.Now); err != nil {
			return fmt.Errorf("feedback on %s: %w", at.Item, err)
		}
		return nil
	})
}

// FeedbackNumbers is how many people a lesson helped, of those who said: in steps of five people, 0 below.
type FeedbackNumbers struct {
	Lesson string `db:"lesson_key"`
	People int    `db:"people"`
	Helped int    `db:"helped"`
}

// FeedbackWords is what somebody wrote about a lesson.
type FeedbackWords struct {
	ID     id.Any    `db:"feedback_id"`
	Lesson string    `db:"lesson_key"`
	Title  string    `db:"-"` // of the lesson; its key where it is gone
	Helped bool      `db:"helped"`
	Words  string    `db:"words"`
	Org    id.Org    `db:"from_org"` // zero where that is not told
	Name   string    `db:"name"`     // "" unless they signed and names cross
	Day    time.Time `db:"at"`       // UTC
	Done   bool      `db:"done"`     // answered or dealt with
	Answer string    `db:"answer"`

	From tenants.Organization `db:"-"`
}

// FeedbackFilter narrows what was written.
type FeedbackFilter struct {
	Lesson string // its key; "" for all
	Done   bool   // what was answered or dealt with, instead of what was not
	Page   int    // from 0
	All    bool   // no pages
}

// FeedbackView is what people say of the lessons of an own course or path.
type FeedbackView struct {
	Item    tenants.Item
	Now     time.Time
	Lessons []LessonRef // of the version in force
	Numbers []FeedbackNumbers
	Rows    []FeedbackWords // the latest first
	More    bool
	Waiting int // not answered nor dealt with
}

// Of are the numbers of a lesson.
func (v FeedbackView) Of(lesson string) FeedbackNumbers {
	for _, n := range v.Numbers {
		if n.Lesson == lesson {
			return n
		}
	}
	return FeedbackNumbers{Lesson: lesson}
}

// feedbackPage is how many lines a page has.
const feedbackPage = 25

// FeedbackOn returns what people of all organizations say of the lessons of an own course or path, for its authors. Of people of another
// organization that one is told where the two meet, and a name where it was signed and names cross. NotFound for anybody else's.
func (s *Service) FeedbackOn(ctx context.Context, item id.Item, f FeedbackFilter) (FeedbackView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return FeedbackView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return FeedbackView{}, err
	}
	chosen, err := s.versioned(ctx, item, 0)
	if err != nil {
		return FeedbackView{}, err
	}
	of := edition{sc.Org, item, chosen.Version}
	known, err := s.read(ctx, of)
	if err != nil {
		return FeedbackView{}, err
	}
	v := FeedbackView{Item: chosen.Item, Lessons: known[of].ownLessons()}
	limit, from := feedbackPage, min(max(f.Page, 0), 1000)*feedbackPage
	if f.All {
		limit, from = 5000, 0
	}
	const words = ` FROM feedback_on($2) f LEFT JOIN feedback_answers a ON a.org_id = $1 AND a.feedback_id = f.feedback_id`
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Numbers, `SELECT n.lesson_key, n.people, n.helped FROM feedback_numbers($1) n ORDER BY n.lesson_key LIMIT 5000`, item)
		db.List(b, &v.Rows, `SELECT f.feedback_id, f.lesson_key, f.helped, f.words, f.from_org, f.name, f.at, a.feedback_id IS NOT NULL AS done, coalesce(a.words, '') AS answer`+words+`
			WHERE (a.feedback_id IS NOT NULL) = $3 AND ($4 = '' OR f.lesson_key = $4) ORDER BY f.at DESC, f.feedback_id LIMIT $5 OFFSET $6`, sc.Org, item, f.Done, f.Lesson, limit+1, from)
		db.One(b, &v.Waiting, nil, `SELECT count(*)::int`+words+` WHERE a.feedback_id IS NULL`, sc.Org, item)
	}); err != nil {
		return v, fmt.Errorf("feedback on %s: %w", item, err)
	}
	if len(v.Rows) > limit {
		v.Rows, v.More = v.Rows[:limit], true
	}
	var ids []id.Org
	for i, r := range v.Rows {
		v.Rows[i].Title = r.Lesson
		if j := slices.IndexFunc(v.Lessons, func(l LessonRef) bool { return l.Key == r.Lesson }); j >= 0 {
			v.Rows[i].Title = v.Lessons[j].Title
		}
		if !r.Org.IsZero() {
			ids = append(ids, r.Org)
		}
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i, r := range v.Rows {
		v.Rows[i].From = orgs[r.Org]
	}
	return v, err
}

// ownLessons are the lessons that a course or path has of its own.
func (o Outline) ownLessons() []LessonRef {
	out := o.Lessons()
	for _, st := range o.Steps {
		if st.Kind == StepLesson {
			out = append(out, LessonRef{Key: st.Key, Title: st.Title, Minutes: st.Minutes})
		}
	}
	return out
}

// AnswerFeedback says something to words that somebody wrote about a lesson of an own course or path, or, without words, that they were dealt
// with; whoever wrote them reads it in the lesson. back takes that back. Invalid for too many words; NotFound for anything else.
func (s *Service) AnswerFeedback(ctx context.Context, item id.Item, of id.Any, words string, back bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	if words = strings.TrimSpace(words); utf8.RuneCountInString(words) > answerMost {
		return errs.Fields(errs.Field{Name: "words", Key: "feedback.fault.long", Args: []any{"Most", answerMost}})
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := ownItem(tx, item); err != nil {
			return err
		}
		if back {
			if err := tx.Must(`DELETE FROM feedback_answers WHERE org_id = $1 AND item_id = $2 AND feedback_id = $3`, tx.Scope.Org, item, of); err != nil {
				return err
			}
			return tenants.Audit(tx, "feedback.reopened", "item:"+item.String(), nil)
		}
		if err := tx.Must(`INSERT INTO feedback_answers (org_id, feedback_id, item_id, words, answered_by, at) SELECT $1, f.feedback_id, $2, $4, $5, $6 FROM feedback_on($2) f WHERE f.feedback_id = $3
			ON CONFLICT (org_id, feedback_id) DO UPDATE SET words = excluded.words, answered_by = excluded.answered_by, at = excluded.at`, tx.Scope.Org, item, of, words, tx.Scope.Membership, tx.Now); err != nil {
			return fmt.Errorf("answer feedback %s: %w", of, err)
		}
		return tenants.Audit(tx, "feedback.answered", "item:"+item.String(), nil)
	})
}

// verdict is what the viewer said of a lesson, of what they alone see of it.
func verdict(list []keepsake) (v *Verdict) {
	for _, r := range list {
		if r.Kind == "feedback" {
			v = &Verdict{Helped: r.Key == "yes", Words: r.Body, Signed: r.With != ""}
		}
	}
	for _, r := range list {
		if r.Kind == "answer" && v != nil {
			v.Answer = r.Body
		}
	}
	return v
}
