package courses

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Place is where a lesson is read: a lesson of a course (Step ""), or a step of a path with, for a course in it, the lesson.
type Place struct {
	Item   id.Item // the course or path of the address
	Step   string
	Lesson string
}

// LessonView is a lesson as its page shows it to one viewer. A step that leads to a story or resource has a Card and no blocks.
type LessonView struct {
	Now      time.Time
	Place    Place
	Root     tenants.Item         // the course or path of the address
	Owner    tenants.Item         // what the lesson belongs to: the root, or the course in the path
	Org      tenants.Organization // of the owner
	Title    string
	Kind     string
	Minutes  int
	Updated  time.Time // when this version of the root was published
	Blocks   []BlockView
	Parts    []Part
	Number   int       // of the station in the root, from 1
	Stations []Station // of the root
	Lessons  []Stop    // of the course that the lesson belongs to
	Previous *Stop
	Next     *Stop
	Progress Progress
	Done     bool
	Tested   bool  // it was shown by a check instead of learned
	Skip     *Skip // how to skip it; nil if one cannot
	Open     int   // questions without an answer
	Tasks    int   // that are not done
	Meets    int   // people whom the viewer has to meet yet: live sessions and groups
	Started  bool
	Pilot    int // the version of the root, where it is tried by some before it is everybody's; 0 for any other
	Visitor  bool
	SignIn   string // the key of why a visitor signs in to finish it; "" where saying so is enough
	Own      bool   // an added step
	Note     string
	NoteOrg  tenants.Organization
	Lang     string   // of the text
	Langs    []string // in which it is there, its own first; none if that is the only one
	Licence  string   // under which the text may be used; "" where its owner says nothing
	Origin   string   // where it comes from: an address or a name
	Card     *tenants.Item
	Waits    []Waits          // what has to be finished before the step opens: there is nothing to read then
	Verdict  *Verdict         // whether it helped the viewer; nil while they have not said
	Ask      *tenants.Sharing // what the publisher asks the viewer, who has begun; nil for nothing
}

// Stop is a lesson or step on the way through a course or path.
type Stop struct {
	Step, Lesson string
	Title        string
	Minutes      int
	Done         bool
}

// Part of a lesson in its outline.
type Part struct {
	Key, Title, Kind string
	Done, Now        bool
}

// BlockView is a block with what the viewer did in it. Which choices are right is left out until they are chosen.
type BlockView struct {
	Kind, Key, Title, HTML string
	Ask                    string
	Src, Poster, Captions  string
	Chapters, Said         []markdown.Cue
	Minutes                int
	Questions              []QuestionView
	Plan                   *TryView        // of something to try
	Task                   *markdown.Block // of a task: Body is how far it is
	Live                   *LiveStep       // of a live session; nil in a preview and in an added step
	Group                  *GroupStep      // of something that a few do together: where nobody is to do it, as in a preview, without Now
	Check                  *CheckRules     // of a quiz that is taken as a whole, elsewhere: it has no Questions here
	Steps                  []StepView      // of a list of steps
	Frame                  *FrameView      // of what another site shows
	Body                   string          // of the viewer's reflection
	Saved                  time.Time
	Edition                int    // of the viewer's reflection; 0 for none
	Thought                id.Any // the viewer's reflection; zero for none
	Shared                 bool   // somebody else reads of it
}

// text is what a lesson's page reads once it is known which lesson it is: the lesson, the item that it belongs to, and what the
// viewer alone sees of it: the last attempt at each question, and what they keep beside it.
type text struct {
	lessonFound

	Owner    tenants.Item
	Leads    tenants.Item // what an added step leads to
	Attempts []attempt
	Kept     []keepsake

	owner, lesson bool // whether they were there
}

// keepsake is something that a member keeps beside a lesson: a reflection, something to try, a task, the ticks in a list of steps, or whether
// the lesson helped.
type keepsake struct {
	Key  string    `db:"reflection_key"`
	Body string    `db:"body"`
	At   time.Time `db:"updated_at"`

	Kind    string     `db:"kind"` // of something to try, Body is what; of a task, how far it is; of a list of steps, the keys of those that are ticked
	With    string     `db:"with_whom"`
	By      *time.Time `db:"by_day"`
	Edition int        `db:"edition"`
	ID      id.Any     `db:"reflection_id"`
	Shared  bool       `db:"shared"`
}

type lessonFound struct {
	Title   string           `db:"title"`
	Kind    string           `db:"kind"`
	Minutes int              `db:"minutes"`
	Blocks  []markdown.Block `db:"blocks"`
	Lang    string           `db:"lang"`  // of the text that was found; "" for the item's
	Base    string           `db:"base"`  // of the lesson's own text; "" likewise
	Langs   []string         `db:"langs"` // of its translations
	Licence string           `db:"licence"`
	Origin  string           `db:"origin"`
}

// Lesson returns the lesson at the place as the viewer sees it. Answered gives a visitor's answer back, which is judged and not
// kept; nil for none. NotFound for what may not be seen, and for lessons that are not in the version the viewer learns.
func (s *Service) Lesson(ctx context.Context, p Place, answered *Given) (LessonView, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return LessonView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LessonView{}, err
	}
	var r root
	var found bool
	var asking tenants.Asking
	v := LessonView{Place: p, Visitor: !sc.SignedIn()}
	// What stood there the last time is read with it, under the viewer's own rights, and counts if it is what stands there now.
	var l text
	last, known := s.leaves.get(p)
	in := reading(ctx)
	asker := asked{sc.Membership, p.Item}
	asks := s.asks(asker, s.db.Now())
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		r.queue(b, &found, sc, p.Item)
		if known {
			s.queue(b, &l, sc, leafIn{last, in}, p.Item)
		}
		if asks {
			asking.Read(b, sc, p.Item)
		}
	}); err != nil {
		return LessonView{}, err
	}
	if !found || (p.Step == "") != (r.Item.Kind == tenants.KindCourse) {
		return LessonView{}, errs.New(errs.NotFound, "lesson %s of %s", p.Lesson, p.Item)
	}
	if err := s.outline(ctx, &r); err != nil {
		return LessonView{}, err
	}
	if step, ok := r.Outline.Step(p.Step); ok && p.Lesson == "" && step.Kind == StepCourse && len(step.Lessons) > 0 {
		v.Place.Lesson = step.Lessons[0].Key
	}
	at, err := r.at(v.Place)
	if err != nil {
		return LessonView{}, err
	}
	v.Waits = waitsOf(r.waiting(at.From))
	if leaf := at.leaf(); len(v.Waits) > 0 {
		l = text{}
	} else if at.Own || !known || leaf != last || !l.whole() {
		if l, err = s.text(ctx, at, sc, in); err != nil {
			return LessonView{}, err
		}
		if !at.Own {
			s.leaves.put(p, leaf)
		}
	}
	if at.Item == r.ItemID {
		l.Owner = r.Item
	}
	if l.Title != "" {
		s.remember(leafIn{at.leaf(), in}, l.lessonFound)
	}
	if answered != nil && v.Visitor {
		l.answered(at.seed(sc), *answered)
	}
	orgs, err := s.orgs(ctx, &r, sc, nil)
	if err != nil {
		return LessonView{}, err
	}
	r.lesson(&v, at, l, sc, orgs)
	if err := s.meetings(ctx, &v, at, l.Blocks, sc, orgs[sc.Org]); err != nil {
		return LessonView{}, err
	}
	if v.Started && asks {
		v.Ask = s.askedBy(asker, &asking, v.Now)
	}
	tenants.NoteRead(ctx, v.Org.OrgID, tenants.ReadLesson)
	return v, nil
}

// text reads what stands at a place that the viewer was found to see. A step of the own organization's came with the additions; one
// that leads to an item without lessons has no text.
func (s *Service) text(ctx context.Context, at located, sc scope.Scope, in string) (l text, err error) {
	own, _, ok := at.Root.ownStep(at.Step)
	leads := ok && !own.Item.IsZero()
	if at.Own && !leads {
		return l, nil
	}
	found := true
	err = s.db.Read(ctx, func(b *db.Batch) {
		if leads {
			tenants.SeenItem(b, &l.Leads, &found, sc, own.Item)
		} else {
			s.queue(b, &l, sc, leafIn{at.leaf(), in}, at.Root.ItemID)
		}
	})
	if err != nil {
		return l, err
	}
	if !found || !leads && !l.whole() {
		return l, errs.New(errs.NotFound, "lesson %s of %s", at.Lesson, at.Item)
	}
	return l, nil
}

// leaf names a lesson of a published version, or, with no lesson, an item that stands alone.
type leaf struct {
	edition

	Lesson string
}

func (at located) leaf() leaf { return leaf{edition{at.Org, at.Item, at.Version}, at.Lesson} }

// lessonTextSQL reads a lesson of a version: $1 its owner, $2 item, $3 version, $4 key, $5 the language to read it in if it is there.
const lessonTextSQL = `SELECT coalesce(t.title, l.title) AS title, l.kind, l.minutes, coalesce(t.blocks, l.blocks) AS blocks, coalesce(t.lang, l.lang) AS lang, l.lang AS base, l.langs, l.licence, l.origin
		FROM lessons l LEFT JOIN lesson_texts t ON t.org_id = l.org_id AND t.item_id = l.item_id AND t.version = l.version AND t.key = l.key AND t.lang = $5
		WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`

// leafIn is a lesson of a published version in the language in which it is asked for.
type leafIn struct {
	leaf

	Lang string
}

// textMost is the longest text that is remembered, in bytes of its blocks as JSON: a thousand of them are 32 MB at most.
const textMost = 32 << 10

// remember keeps a text, or of one that is too long that it is.
func (s *Service) remember(of leafIn, l lessonFound) {
	if _, ok := s.texts.get(of); ok {
		return
	}
	if b, err := json.Marshal(l.Blocks); err != nil || len(b) > textMost {
		l = lessonFound{}
	}
	s.texts.put(of, l)
}

// queue queues the lesson, in a language if it is there in it, its item unless that is the root, and what the viewer alone sees of it.
// Of a lesson that is remembered it is only asked whether the viewer may read it, and what they keep of what it has.
func (s *Service) queue(b *db.Batch, l *text, sc scope.Scope, of leafIn, root id.Item) {
	l.owner, l.lesson = of.Item == root, of.Lesson == ""
	if !l.owner {
		tenants.SeenItem(b, &l.Owner, &l.owner, sc, of.Item)
	}
	if l.lesson {
		return
	}
	found, known := s.texts.get(of)
	if known = known && found.Title != ""; known {
		l.lessonFound = found
		var there int
		db.One(b, &there, &l.lesson, `SELECT 1 FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`, of.Org, of.Item, of.Version, of.Lesson)
	} else {
		db.One(b, &l.lessonFound, &l.lesson, lessonTextSQL, of.Org, of.Item, of.Version, of.Lesson, of.Lang)
	}
	if !sc.SignedIn() {
		return
	}
	has := func(kind string) bool {
		return !known || slices.ContainsFunc(found.Blocks, func(x markdown.Block) bool { return x.Kind == kind })
	}
	if has(markdown.Quiz) {
		db.List(b, &l.Attempts, `SELECT DISTINCT ON (a.question_key) a.question_key, a.choices, a.words FROM attempts a
			WHERE a.org_id = $1 AND a.membership_id = $2 AND a.item_org = $3 AND a.item_id = $4 AND a.lesson_key = $5 AND a.sitting_id IS NULL ORDER BY a.question_key, a.at DESC LIMIT 200`, sc.Org, sc.Membership, of.Org, of.Item, of.Lesson)
	}
	db.List(b, &l.Kept, keptSQL(has), sc.Org, sc.Membership, of.Org, of.Item, of.Lesson)
}

// keptSQL is what a member keeps beside a lesson: whether it helped and what was answered, and what belongs to the kinds of blocks that
// it has: $1 organization, $2 member, $3 owner of the lesson, $4 its item, $5 its key.
func keptSQL(has func(kind string) bool) string {
	const of = ` WHERE x.org_id = $1 AND x.membership_id = $2 AND x.item_org = $3 AND x.item_id = $4 AND x.lesson_key = $5`
	parts := []string{`SELECT CASE WHEN x.helped THEN 'yes' ELSE 'no' END AS reflection_key, x.words AS body, x.at AS updated_at, 'feedback' AS kind, CASE WHEN x.shown_name <> '' THEN 'signed' ELSE '' END AS with_whom,
			NULL::date AS by_day, 0 AS edition, NULL::uuid AS reflection_id, false AS shared FROM lesson_feedback x` + of + `
		UNION ALL SELECT '', a.words, a.at, 'answer', '', NULL::date, 0, NULL::uuid, false FROM lesson_feedback x JOIN feedback_answers a ON a.org_id = x.item_org AND a.feedback_id = x.feedback_id AND a.words <> ''` + of}
	for _, k := range []struct{ kind, sql string }{
		{markdown.Reflect, `SELECT x.reflection_key, x.body, x.updated_at, 'reflect', '', NULL::date, x.edition, x.reflection_id,
			EXISTS (SELECT 1 FROM reflection_shares h WHERE h.org_id = x.org_id AND h.reflection_id = x.reflection_id) FROM reflections x` + of + ` ORDER BY x.reflection_key LIMIT 50`},
		{markdown.Try, `SELECT x.try_key, x.what, x.updated_at, 'try', x.with_whom, x.by_day, 0, NULL::uuid, false FROM tryouts x` + of + ` ORDER BY x.try_key LIMIT 50`},
		{markdown.Task, `SELECT x.task_key, x.state, x.updated_at, 'task', '', NULL::date, 0, NULL::uuid, false FROM submissions x` + of + ` ORDER BY x.task_key LIMIT 50`},
		{markdown.Steps, `SELECT x.list_key, array_to_string(x.done, ' '), x.updated_at, 'steps', '', NULL::date, 0, NULL::uuid, false FROM ticks x` + of + ` ORDER BY x.list_key LIMIT 50`},
	} {
		if has(k.kind) {
			parts = append(parts, "("+k.sql+")")
		}
	}
	return strings.Join(parts, "\n\t\tUNION ALL ")
}

// whole reports whether all that the page needs was there.
func (l *text) whole() bool { return l.owner && l.lesson }

// lesson fills the view from what was read.
func (r *root) lesson(v *LessonView, at located, l text, sc scope.Scope, orgs map[id.Org]tenants.Organization) {
	finished, seed := r.finishedSet(), at.seed(sc)
	v.Root, v.Owner, v.Org, v.Updated = r.Item, l.Owner, orgs[at.Org], r.Published
	v.Root.Title = r.Title
	v.Progress, v.Started = r.progress(), r.State != ""
	v.Stations = r.stations(orgs)
	if r.Pilot == r.Version && v.Started {
		v.Pilot = r.Version
	}
	leaf := Leaf{at.Item, at.Lesson}
	switch own, by, isOwn := r.ownStep(v.Place.Step); {
	case isOwn:
		v.Own, v.Org, v.Title, v.Kind, v.Minutes = true, orgs[by], own.Title, cmp.Or(own.Kind, "lesson"), own.Minutes
		v.Blocks = blocks(own.Blocks, seed, nil, nil)
		if !own.Item.IsZero() {
			v.Card = &l.Leads
		}
	case len(v.Waits) > 0:
		v.Title, v.Kind, v.Minutes = at.From.Title, at.From.Kind, at.From.Minutes
	case at.Lesson == "":
		v.Card, v.Title, v.Kind, v.Minutes = &v.Owner, at.Ref.Title, at.Kind, at.Ref.Minutes
	default:
		v.Title, v.Kind, v.Minutes = l.Title, lessonKind(l.Kind, l.Blocks), l.Minutes
		v.Blocks = blocks(l.Blocks, seed, l.Attempts, l.Kept)
		v.Verdict = verdict(l.Kept)
		v.Lang, v.Licence, v.Origin = cmp.Or(l.Lang, v.Owner.Lang), l.Licence, l.Origin
		if len(l.Langs) > 0 {
			v.Langs = append([]string{cmp.Or(l.Base, v.Owner.Lang)}, l.Langs...)
		}
	}
	v.frames(v.Org, orgs[sc.Org])
	v.Lang = cmp.Or(v.Lang, v.Owner.Lang)
	v.Done, v.Tested = finished[leaf], r.tested(leaf)
	if v.Visitor && !v.Done {
		v.SignIn = at.Ref.signIn()
	}
	if !v.Done && !v.Visitor && !v.Own && len(v.Waits) == 0 {
		v.Skip = r.skip(v.Place.Step, v.Place.Lesson)
	}
	for _, b := range v.Blocks {
		switch {
		case v.Done:
		case b.Check != nil:
			v.Open += b.Check.Asked
		case b.Kind == markdown.Task && b.Body != TaskDone:
			v.Tasks++
		}
		for _, q := range b.Questions {
			if q.State == Unanswered {
				v.Open++
			}
		}
	}
	v.Parts = r.parts(v, leaf)
	r.notes(v, orgs)
	r.stops(v, finished)
}

// ownStep finds an added step, and whose it is.
func (r *root) ownStep(key string) (OwnStep, id.Org, bool) {
	for _, a := range r.Additions {
		if s, ok := a.Step(key); ok && key != "" {
			return s, a.Org, true
		}
	}
	return OwnStep{}, id.Org{}, false
}

// parts says which parts of the lesson lie behind the viewer: those before the place where they stopped, questions that were
// answered, reflections that were written; all, once the lesson is finished.
func (r *root) parts(v *LessonView, leaf Leaf) []Part {
	var out []Part
	for _, b := range v.Blocks {
		if b.Kind == markdown.File || b.Kind == markdown.Path || b.Title == "" && b.Kind != markdown.Reflect && b.Kind != markdown.Quiz && b.Kind != markdown.Try && b.Kind != markdown.Task && b.Kind != markdown.Live && b.Kind != markdown.Group {
			continue
		}
		p := Part{Key: b.Key, Title: b.Title, Kind: b.Kind, Done: v.Done}
		switch b.Kind {
		case markdown.Quiz:
			p.Done = p.Done || b.Check == nil && !slices.ContainsFunc(b.Questions, func(q QuestionView) bool { return q.State == Unanswered })
		case markdown.Reflect, markdown.Try:
			p.Done = p.Done || b.Body != ""
		case markdown.Task:
			p.Done = p.Done || b.Body == TaskDone
		case markdown.Steps:
			p.Done = p.Done || !slices.ContainsFunc(b.Steps, func(s StepView) bool { return !s.Done })
		}
		out = append(out, p)
	}
	if v.Done || len(out) == 0 {
		return out
	}
	at := 0
	if r.AtItem == leaf.Item && r.AtLesson == leaf.Lesson {
		at = max(0, slices.IndexFunc(out, func(p Part) bool { return p.Key == r.AtPart }))
	}
	for i := range at {
		if out[i].Kind == markdown.Prose || out[i].Kind == markdown.Video || out[i].Kind == markdown.Embed {
			out[i].Done = true
		}
	}
	for i := range out {
		if j := (at + i) % len(out); !out[j].Done {
			out[j].Now = true
			break
		}
	}
	return out
}

// notes shows the note beside the step: the own organization's, or else the first of those whose customer it is.
func (r *root) notes(v *LessonView, orgs map[id.Org]tenants.Organization) {
	for _, a := range r.Additions {
		if n, ok := a.Note(v.Place.Step); ok && v.Place.Step != "" {
			v.Note, v.NoteOrg = n.HTML, orgs[a.Org]
			return
		}
	}
}

// stops finds the neighbours of the place, and the lessons of its course.
func (r *root) stops(v *LessonView, finished map[Leaf]bool) {
	var all []Stop
	for n, st := range v.Stations {
		step, isStep := r.Outline.Step(st.Step)
		switch {
		case isStep && step.Kind == StepCourse && !st.Own:
			for _, l := range step.Lessons {
				all = append(all, Stop{st.Step, l.Key, l.Title, l.Minutes, finished[Leaf{step.Item, l.Key}]})
			}
		default:
			all = append(all, Stop{st.Step, st.Lesson, st.Title, st.Minutes, st.Done})
		}
		if st.Step == v.Place.Step && (st.Step != "" || st.Lesson == v.Place.Lesson) {
			v.Number = n + 1
		}
	}
	for i, st := range all {
		if v.Owner.Kind == tenants.KindCourse && st.Step == v.Place.Step {
			v.Lessons = append(v.Lessons, st)
		}
		if st.Step != v.Place.Step || st.Lesson != v.Place.Lesson {
			continue
		}
		if i > 0 {
			v.Previous = &all[i-1]
		}
		if i < len(all)-1 {
			v.Next = &all[i+1]
		}
	}
}
