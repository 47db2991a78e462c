package community

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Beside is the talk beside an item or one of its lessons.
type Beside struct {
	Item      tenants.Item
	Lesson    string
	Questions []Question // newest activity first, at most 20, each with its three best answers
	Composer  *Composer  // nil for a visitor
	Now       time.Time
}

// About returns the questions about an item that the viewer may see, or those about one of its lessons. NotFound if the
// viewer may not see the item.
func (s *Service) About(ctx context.Context, item id.Item, lesson string) (Beside, error) {
	if err := authz.Check(ctx, authz.ReadQuestions, id.Org{}); err != nil {
		return Beside{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return Beside{}, err
	}
	out := Beside{Lesson: lesson}
	var rows []questionRow
	var c composing
	var found bool
	err = s.db.Read(ctx, func(b *db.Batch) {
		out.Now = b.Now
		tenants.SeenItem(b, &out.Item, &found, viewer, item)
		besideItem(item, lesson, 20, 3).queue(b, &rows, viewer)
		if viewer.SignedIn() {
			queueComposing(b, &c, viewer.Org, viewer.Membership, item)
		}
	})
	if err != nil {
		return Beside{}, fmt.Errorf("questions about %s: %w", item, err)
	}
	if !found {
		return Beside{}, errs.New(errs.NotFound, "item %s", item)
	}
	out.Questions = questions(rows, viewer)
	if viewer.SignedIn() {
		composer := c.ask()
		out.Composer = &composer
	}
	return out, nil
}

func besideItem(item id.Item, lesson string, limit, answers int) search {
	f := search{cond: `q.about_item = $5`, args: []any{item}, limit: limit, answers: answers}
	if lesson != "" {
		f.cond, f.args = f.cond+` AND q.about_lesson = $6`, append(f.args, lesson)
	}
	return f
}

// Thread is a question with everything the viewer may see under it.
type Thread struct {
	Question
	Newest   bool       // answers are in the order of time instead of use
	Composer *Composer  // for an answer; nil if the viewer cannot answer
	Related  []Question // others about the same item, at most four, without answers
	Now      time.Time
}

// Thread returns a question. NotFound if the viewer may not read it or may not see what it is about.
func (s *Service) Thread(ctx context.Context, question id.Post, newest bool) (Thread, error) {
	if err := authz.Check(ctx, authz.ReadQuestions, id.Org{}); err != nil {
		return Thread{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return Thread{}, err
	}
	var rows, related []questionRow
	var c composing
	err = s.db.Read(ctx, func(b *db.Batch) {
		search{cond: `q.question_id = $5`, args: []any{question}, limit: 1, answers: maxAnswers, own: true, newest: newest}.queue(b, &rows, viewer)
		search{
			cond: `q.question_id <> $5 AND q.about_item = (SELECT k.about_item FROM questions k WHERE k.question_id = $5)`,
			args: []any{question}, limit: 4,
		}.queue(b, &related, viewer)
		if viewer.SignedIn() {
			db.One(b, &c.self, nil, selfSQL, viewer.Org, viewer.Membership)
			db.List(b, &c.readers, strings.ReplaceAll(readersSQL, "$2", "(SELECT k.about_item FROM questions k WHERE k.question_id = $2)"), viewer.Org, question)
		}
	})
	if err != nil {
		return Thread{}, fmt.Errorf("question %s: %w", question, err)
	}
	if len(rows) == 0 {
		return Thread{}, errs.New(errs.NotFound, "question %s", question)
	}
	out := Thread{Question: rows[0].question(viewer), Newest: newest, Related: questions(related, viewer), Now: s.db.Now()}
	if out.MayAnswer {
		composer := c.reply(rows[0])
		out.Composer = &composer
	}
	return out, nil
}

// The tabs of the community page.
const (
	TabAll        = ""
	TabUnanswered = "unanswered"
	TabMine       = "mine"
)

// ListFilter narrows the list of recent questions.
type ListFilter struct {
	Tab   string // TabAll, TabUnanswered or TabMine
	After string // Recent.Next of the page before; "" for the first
	Limit int    // at most 100, default 20
}

// Recent is a page of questions.
type Recent struct {
	Questions []Question // newest activity first, each with its best answer
	Next      string     // "" on the last page
	Now       time.Time
}

// Recent returns the questions of the viewer's organization, of connected ones and public ones. A cursor that cannot be read
// starts from the beginning.
func (s *Service) Recent(ctx context.Context, f ListFilter) (Recent, error) {
	if err := authz.Check(ctx, authz.ReadQuestions, id.Org{}); err != nil {
		return Recent{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return Recent{}, err
	}
	if f.Limit <= 0 || f.Limit > 100 {
		f.Limit = 20
	}
	var rows []questionRow
	out := Recent{}
	err = s.db.Read(ctx, func(b *db.Batch) {
		out.Now = b.Now
		f.search().queue(b, &rows, viewer)
	})
	if err != nil {
		return Recent{}, fmt.Errorf("recent questions: %w", err)
	}
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		last := rows[f.Limit-1]
		out.Next = cursor{last.ActiveAt, last.QuestionID}.String()
	}
	out.Questions = questions(rows, viewer)
	return out, nil
}

var news = search{cond: `true`, brief: true} //nolint:gochecknoglobals // A constant.

// QueueNews queues the newest questions that the viewer may read, at most limit, without their texts and answers: one statement, to
// stand in the batch of a page beside other rooms' queries. The result is read after the batch.
func QueueNews(b *db.Batch, viewer scope.Scope, limit int) func() []Question {
	var rows []newsRow
	db.List(b, &rows, news.sql(), viewer.Org, limit)
	return func() []Question {
		out := make([]Question, len(rows))
		for i, r := range rows {
			out[i] = r.brief(viewer)
		}
		return out
	}
}

func (f ListFilter) search() search {
	q := search{cond: `true`, limit: f.Limit + 1, answers: 1}
	switch f.Tab {
	case TabUnanswered:
		q.cond = `NOT EXISTS (SELECT 1 FROM ` + heard + `)`
	case TabMine:
		q.cond, q.own = `q.org_id = $1 AND q.membership_id = $2`, true
	}
	if c, ok := parseCursor(f.After); ok {
		q.cond += ` AND q.active_at <= $5 AND (q.active_at < $5 OR q.question_id > $6)`
		q.args = []any{c.at, c.question}
	}
	return q
}

// cursor is the last row of a page, for the next one.
type cursor struct {
	at       time.Time
	question id.Post
}

// String is the cursor as an address holds it.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.at.UTC().Format(time.RFC3339Nano) + " " + c.question.String()))
}

func parseCursor(s string) (cursor, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, false
	}
	at, post, ok := strings.Cut(string(raw), " ")
	if !ok {
		return cursor{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return cursor{}, false
	}
	p, err := id.Parse[id.Post](post)
	return cursor{t, p}, err == nil
}

// Answered queues public questions that have a public answer, newest activity first, for a landing page: those about org's
// items first, if org is not zero. The function that it returns gives them once the batch has been read.
func Answered(b *db.Batch, viewer scope.Scope, org id.Org, limit int) func() []Question {
	f := search{cond: `q.audience = 'public' AND EXISTS (SELECT 1 FROM ` + heard + `)`, limit: limit, answers: 1}
	var about, rest []questionRow
	if !org.IsZero() {
		first := f
		first.cond, first.args = f.cond+` AND q.about_org = $5`, []any{org}
		first.queue(b, &about, viewer)
		f.cond, f.args = f.cond+` AND q.about_org <> $5`, []any{org}
	}
	f.queue(b, &rest, viewer)
	return func() []Question {
		rows := append(about, rest...)
		return questions(rows[:min(limit, len(rows))], viewer)
	}
}
