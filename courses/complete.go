package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// located is what stands at a place.
type located struct {
	Root    *root  // nil for an item that stands alone
	Org     id.Org // of the owner
	Item    id.Item
	Kind    string // of the owner
	Version int
	Lesson  string // key; "" for an item without lessons
	Ref     LessonRef
	Own     bool
	Step    string // key of an added step
	ByTest  bool   // it is shown by a check instead of learned
	From    Step   // of a path; without a key for all else
}

// begun is of a root what a change needs, as the function begun tells it to a member who has begun it.
type begun struct {
	Org      id.Org    `db:"org_id"`
	Item     id.Item   `db:"item_id"`
	Version  int       `db:"version"`
	Kind     string    `db:"kind"`
	Slug     string    `db:"slug"`
	State    string    `db:"state"`
	Origin   string    `db:"origin"`
	AtItem   id.Item   `db:"at_item"`
	AtLesson string    `db:"at_lesson"`
	Sees     []id.Item `db:"sees"`
}

func (b begun) root() root {
	return root{
		pinned: pinned{OrgID: b.Org, ItemID: b.Item, Version: b.Version, State: b.State, Origin: b.Origin, AtItem: b.AtItem, AtLesson: b.AtLesson},
		Item:   tenants.Item{OrgID: b.Org, ItemID: b.Item, Kind: b.Kind, Slug: b.Slug}, Sees: b.Sees,
	}
}

// locate finds what stands at the place for tx's member or visitor; NotFound if they may not see it. Of the root's item it knows kind and
// address, of its version the outline.
func (s *Service) locate(tx *db.Tx, p Place) (located, error) {
	var r root
	var b begun
	var found bool
	var err error
	if tx.Scope.SignedIn() {
		err = tx.Batch(func(q *db.Batch) { db.One(q, &b, &found, `SELECT * FROM begun($1)`, p.Item) })
	}
	if r = b.root(); err == nil && !found {
		err = tx.Batch(func(q *db.Batch) {
			db.One(q, &r, &found, placeSQL.of(tx.Scope), p.Item, tx.Scope.Org, tx.Scope.Membership, tx.Scope.Visitor)
		})
	}
	if err != nil {
		return located{}, fmt.Errorf("place in %s: %w", p.Item, err)
	}
	if !found {
		return located{}, errs.New(errs.NotFound, "place in %s", p.Item)
	}
	list, err := s.readTx(tx, r.edition())
	if err != nil {
		return located{}, err
	}
	r.Outline = list[r.edition()]
	r.settle(tx.Scope.Org)
	return r.at(p)
}

// at finds what stands at the place; NotFound if the viewer may not see it, or if it is not in the version that they learn.
func (r *root) at(p Place) (located, error) {
	none := func() (located, error) {
		return located{}, errs.New(errs.NotFound, "lesson %q of step %q of %s", p.Lesson, p.Step, p.Item)
	}
	if p.Step == "" {
		lessons := r.Outline.Lessons()
		i := slices.IndexFunc(lessons, func(l LessonRef) bool { return l.Key == p.Lesson })
		if i < 0 {
			return none()
		}
		return located{Root: r, Org: r.OrgID, Item: r.ItemID, Kind: tenants.KindCourse, Version: r.Version, Lesson: p.Lesson, Ref: lessons[i]}, nil
	}
	step, ok := r.Outline.Step(p.Step)
	if own, _, isOwn := r.ownStep(p.Step); !ok && isOwn {
		ref := LessonRef{Key: ownKey(own.Key), Title: own.Title, Minutes: own.Minutes}
		return located{Root: r, Org: r.OrgID, Item: r.ItemID, Kind: tenants.KindPath, Version: r.Version, Lesson: ref.Key, Ref: ref, Own: true, Step: own.Key}, nil
	}
	if !ok || !r.visible(step.Item) {
		return none()
	}
	at := located{Root: r, Org: step.Org, Item: step.Item, Kind: step.Kind, Version: step.Version, From: step}
	switch i := slices.IndexFunc(step.Lessons, func(l LessonRef) bool { return l.Key == p.Lesson }); {
	case step.Item == r.ItemID:
		at.Kind, at.Version, at.Lesson, at.Ref = tenants.KindPath, r.Version, step.Key, step.Lessons[0]
	case len(step.Lessons) == 0 && p.Lesson == "":
		at.Ref = LessonRef{Title: step.Title, Minutes: step.Minutes}
	case i < 0:
		return none()
	default:
		at.Lesson, at.Ref = p.Lesson, step.Lessons[i]
	}
	return at, nil
}

// Way is where to go on after a change: the course or path, of which kind and address are known, and the next stop in it, nil at its end.
type Way struct {
	Root tenants.Item
	Next *Stop
}

// way passes over the steps that do as well as the one that was finished.
func (at located) way(p Place) Way {
	v := LessonView{Place: p, Owner: at.Root.Item, Stations: at.Root.stations(nil)}
	if e := at.From.Either; e != "" {
		v.Stations = slices.DeleteFunc(v.Stations, func(st Station) bool { return st.Either == e && st.Step != p.Step })
	}
	at.Root.stops(&v, nil)
	return Way{at.Root.Item, v.Next}
}

// CompleteLesson marks what stands at the place as finished: a lesson, or a story or resource that is a step. In one transaction
// it brings the progress of every enrollment up to date, appends the statement and emits LessonCompleted; repeating it, also at
// the same time, does all of this once. Whoever has not begun the course or path begins it with this. A lesson with questions,
// checks, tasks or people to meet is finished by those; before that it is Invalid, with what is open. A step that waits for others is a Conflict that names
// them. A visitor's progress is kept for the browser only; for a task, a check or a meeting they sign in, and before that it is a
// Conflict that says so. It returns where to go on.
func (s *Service) CompleteLesson(ctx context.Context, p Place) (w Way, err error) {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return Way{}, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		w = at.way(p)
		if !tx.Scope.SignedIn() {
			if err := at.opened(tx); err != nil {
				return err
			}
			return visitorComplete(tx, at)
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		left, err := open(tx, at)
		if err != nil {
			return err
		}
		if err := left.fault(); err != nil {
			return err
		}
		return s.complete(tx, at, tx.Last)
	})
	return w, err
}

// CompleteItem marks a story or resource that the viewer may see as read, wherever it stands. Repeating is safe.
func (s *Service) CompleteItem(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		it, err := tenants.SeeItem(tx, item)
		if err != nil {
			return err
		}
		if it.Kind != tenants.KindStory && it.Kind != tenants.KindResource {
			return errs.New(errs.NotFound, "item %s is a %s", item, it.Kind)
		}
		return s.complete(tx, located{Org: it.OrgID, Item: it.ItemID, Kind: it.Kind, Version: it.Version, Ref: LessonRef{Title: it.Title, Minutes: it.Minutes}}, tx.Last)
	})
}

// join begins the course or path of the address for a member who learns in it without having begun.
func (s *Service) join(tx *db.Tx, at located) error {
	if at.Root.State != "" {
		return nil
	}
	return s.enroll(tx, at.Root.ItemID, Origin{Kind: OriginChoice})
}

// complete stores that a leaf was finished, and what follows from it, in two round trips. The second goes through send: tx.Last
// where nothing comes after it.
func (s *Service) complete(tx *db.Tx, at located, send func(func(*db.Batch)) error) error {
	var fresh int64
	var before []done
	t := tally{root: at.Root}
	if err := tx.Batch(func(b *db.Batch) {
		at.before(b, tx.Scope, &before)
		db.Write(b, &fresh, `INSERT INTO completions (org_id, membership_id, item_org, item_id, lesson_key, version, at, by_test) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, at.Version, tx.Now, at.ByTest)
		t.queue(b, tx.Scope, at.Item)
	}); err != nil {
		return fmt.Errorf("complete %s of %s: %w", at.Lesson, at.Item, err)
	}
	if err := at.waits(before); err != nil {
		return err
	}
	if fresh == 0 {
		return nil
	}
	list, err := s.readTx(tx, t.editions()...)
	if err != nil {
		return err
	}
	if err := t.beside(tx, list); err != nil {
		return err
	}
	said := map[string]any{"version": at.Version}
	if at.ByTest {
		said["by_test"] = true
		at.Ref.Minutes = 0 // Nobody spent them.
	}
	return send(func(b *db.Batch) {
		state(b, tx, statement{
			Verb: "completed", Org: at.Org, Kind: at.Kind, Item: at.Item, Part: at.Lesson, Minutes: at.Ref.Minutes,
			Formal: at.Kind == tenants.KindCourse || at.Kind == tenants.KindPath, Pull: at.pull(), Context: said,
		})
		jobs.Queue(b, tx.Now, LessonCompleted{Org: tx.Scope.Org, Membership: tx.Scope.Membership, ItemOrg: at.Org, Item: at.Item, Lesson: at.Lesson, At: tx.Now})
		t.count(b, tx, list)
	})
}

// before queues what was finished of that for which the step at the place waits; most steps wait for nothing.
func (at located) before(b *db.Batch, sc scope.Scope, dest *[]done) {
	if len(at.From.Needs) == 0 {
		return
	}
	db.List(b, dest, `SELECT c.item_id, c.lesson_key, c.by_test FROM completions c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id = ANY($4)
		UNION ALL SELECT d.item_id, d.lesson_key, false FROM visitor_progress d WHERE d.visitor_id = $3 AND d.item_id = ANY($4) LIMIT 5000`,
		sc.Org, sc.Membership, sc.Visitor, append(at.Root.Outline.leads(at.Root.ItemID), at.Root.ItemID))
}

// waits is a Conflict that names what has to be finished before the step opens; nil where it is open.
func (at located) waits(finished []done) error {
	if len(at.From.Needs) == 0 {
		return nil
	}
	at.Root.Finished = finished
	list := at.Root.waiting(at.From)
	if len(list) == 0 {
		return nil
	}
	titles := make([]string, len(list))
	for i, s := range list {
		titles[i] = s.Title
	}
	return errs.Say(errs.Conflict, "pathwrite.waits", "Titles", strings.Join(titles, ", "))
}

// opened is waits for a change that reads nothing else first.
func (at located) opened(tx *db.Tx) error {
	var finished []done
	if len(at.From.Needs) == 0 {
		return nil
	}
	if err := tx.Batch(func(b *db.Batch) { at.before(b, tx.Scope, &finished) }); err != nil {
		return fmt.Errorf("what step %q waits for: %w", at.From.Key, err)
	}
	return at.waits(finished)
}

// pull reports whether the member learns by own choice.
func (at located) pull() bool { return at.Root == nil || at.Root.Origin != OriginAssigned }

// openQuestions counts the questions on the lesson's page that the member has not answered.
func openQuestions(tx *db.Tx, at located) (int, error) {
	n, err := db.Row[int](tx, `SELECT count(DISTINCT a.question_key)::int FROM attempts a JOIN lessons l ON l.org_id = $3 AND l.item_id = $4 AND l.version = $6 AND l.key = $5
			CROSS JOIN LATERAL jsonb_path_query(l.blocks, '$[*] ? (!exists(@.draw) && !exists(@.attempts) && !exists(@.pass) && !(@.kind == "quiz" && exists(@.minutes))).questions[*].key') q
		WHERE a.org_id = $1 AND a.membership_id = $2 AND a.item_org = $3 AND a.item_id = $4 AND a.lesson_key = $5 AND a.sitting_id IS NULL AND to_jsonb(a.question_key) = q`,
		tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, at.Version)
	return max(at.Ref.Questions-n, 0), err
}

// Feedback is what came of an answer.
type Feedback struct {
	Question  QuestionView
	Completed bool // the lesson is finished with it
}

// Answer judges an answer to a question of the lesson at the place. A member's answer is kept, and the lesson is finished once
// every question was answered, rightly or not; answering again is allowed. A visitor's answer is judged and not kept. Invalid if
// nothing, or something that is not there, was chosen.
func (s *Service) Answer(ctx context.Context, p Place, g Given) (Feedback, error) {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return Feedback{}, err
	}
	var out Feedback
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		out = Feedback{}
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		q, d, err := findQuestion(tx, at, g.Question)
		if err != nil {
			return err
		}
		a, err := d.meant(q, g)
		if err != nil {
			return err
		}
		out.Question = question(q, d, &a)
		if !tx.Scope.SignedIn() {
			return nil
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		out.Completed, err = s.answer(tx, at, a, out.Question.State == Right)
		return err
	})
	return out, err
}

func (s *Service) answer(tx *db.Tx, at located, a attempt, right bool) (completed bool, err error) {
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `INSERT INTO attempts (org_id, attempt_id, membership_id, item_org, item_id, version, lesson_key, question_key, choices, words, correct, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`, tx.Scope.Org, id.New[id.Any](), tx.Scope.Membership, at.Org, at.Item, at.Version, at.Lesson, a.Question, a.Choices, a.Words, right, tx.Now)
		state(b, tx, statement{
			Verb: "answered", Org: at.Org, Kind: at.Kind, Item: at.Item, Part: at.Lesson, Formal: true, Pull: at.pull(),
			Context: map[string]any{"version": at.Version, "question": a.Question, "success": right},
		})
		keepPlace(b, tx, at, quizOf(at.Ref))
	}); err != nil {
		return false, fmt.Errorf("answer %s: %w", a.Question, err)
	}
	if left, err := open(tx, at); err != nil || left.any() {
		return false, err
	}
	return true, s.complete(tx, at, tx.Last)
}
