package courses

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// CheckRules are how a quiz is taken that is handed in as a whole.
type CheckRules struct {
	Asked    int // questions in one taking
	Of       int // questions that they are drawn from
	Minutes  int // 0 without a limit
	Attempts int // 0 for any number
	Pass     int // percent; 0 without a mark
}

func rulesOf(b markdown.Block) *CheckRules {
	return &CheckRules{Asked: b.Asked(), Of: len(b.Questions), Minutes: b.Minutes, Attempts: b.Attempts, Pass: b.Pass}
}

// Sitting is one taking of a check.
type Sitting struct {
	ID        id.Any     `db:"sitting_id"`
	Number    int        `db:"number"` // from 1
	Version   int        `db:"version"`
	Questions []string   `db:"questions"` // keys, in the order of asking
	Pass      int        `db:"pass"`
	Started   time.Time  `db:"started_at"`
	Ends      *time.Time `db:"ends_at"`  // nil without a limit
	Ended     *time.Time `db:"ended_at"` // nil while it goes on
	RanOut    bool       `db:"ran_out"`  // its time ran out: what was answered by then counts, and the rest is wrong
	Skips     bool       `db:"skips"`    // begun to skip what it asks
	Points    int        `db:"points"`   // questions that were answered rightly
	Passed    bool       `db:"passed"`
}

// Over reports whether its time has run out before it was handed in.
func (s Sitting) Over(now time.Time) bool {
	return s.Ended == nil && s.Ends != nil && !now.Before(*s.Ends)
}

// Percent is the share of what was answered rightly, rounded down, so that nobody passes by rounding.
func (s Sitting) Percent() int { return 100 * s.Points / max(1, len(s.Questions)) }

// CheckView is a check as its page shows it to one viewer.
type CheckView struct {
	Now        time.Time
	Place      Place
	Root       tenants.Item // the course or path of the address
	Lang       string       // of the content
	Lesson     string       // title
	Key, Title string
	Rules      CheckRules
	More       int    // percent of time that the viewer has on top
	Skips      string // what whoever passes it need not read: markdown.SkipsLesson or SkipsCourse; "" for nothing, or where it is finished
	Skipped    string // the same, of the shown one that was passed for it

	Past      []Sitting // handed in or run out, the latest first
	Running   *Sitting
	Shown     *Sitting       // whose result was asked for
	Questions []QuestionView // of the running one without results, or of the shown one with them
	Told      bool           // the questions say what would have been right
	Left      int            // how often it can still be begun; -1 for any number
	Passed    bool           // in one of the past ones; where a certificate is to be earned or renewed, in one since
	Anew      bool           // a certificate is to be earned or renewed, and what was taken before that does not count
	Visitor   bool           // nobody is signed in: checks are not kept, so there are none
}

// Minutes is how long the viewer has; 0 without a limit.
func (v CheckView) Minutes() int { return extended(v.Rules.Minutes, v.More) }

// extended is a time with so many percent on top, rounded up.
func extended(minutes, percent int) int { return (minutes*(100+percent) + 99) / 100 }

// answerRow is an answer of a sitting.
type answerRow struct {
	attempt

	Sitting id.Any `db:"sitting_id"`
}

type editionBlocks struct {
	Version int              `db:"version"`
	Blocks  []markdown.Block `db:"blocks"`
}

const sittingColumns = `s.sitting_id, s.number, s.version, s.questions, s.pass, s.started_at, s.ends_at, s.ended_at, s.ran_out, s.skips, s.points, s.passed`

const sittingsOf = `FROM sittings s WHERE s.org_id = $1 AND s.membership_id = $2 AND s.item_org = $3 AND s.item_id = $4 AND s.lesson_key = $5 AND s.quiz_key = $6`

// checked is what is read of a check and its viewer.
type checked struct {
	editions []editionBlocks
	sittings []Sitting // the latest first
	answers  []answerRow
	more     int
	again    *time.Time // since when takings count, because a certificate of the course or path is to be earned or renewed; nil for always
	last     int        // the number of the latest taking
	lost     *Sitting   // one that goes on in a version that is withdrawn since
}

// readable leaves out what was taken in a version that is withdrawn since: nobody reads its questions any more, and it is no attempt.
func (c *checked) readable() {
	if len(c.sittings) > 0 {
		c.last = c.sittings[0].Number
	}
	c.sittings = slices.DeleteFunc(c.sittings, func(s Sitting) bool {
		gone := !slices.ContainsFunc(c.editions, func(e editionBlocks) bool { return e.Version == s.Version })
		if gone && s.Ended == nil {
			c.lost = &s
		}
		return gone
	})
}

// counts reports whether a taking counts: as an attempt, and as passed.
func (c *checked) counts(s Sitting) bool { return c.again == nil || !s.Started.Before(*c.again) }

// used is how often the check was taken.
func (c *checked) used() (n int) {
	for _, s := range c.sittings {
		if c.counts(s) {
			n++
		}
	}
	return n
}

func (c *checked) queue(b *db.Batch, sc scope.Scope, at located, quiz string) {
	of := []any{sc.Org, sc.Membership, at.Org, at.Item, at.Lesson, quiz}
	db.List(b, &c.editions, `SELECT l.version, l.blocks FROM lessons l WHERE l.org_id = $3 AND l.item_id = $4 AND l.key = $5 AND (l.version = $7 OR l.version IN (SELECT s.version `+sittingsOf+`)) ORDER BY l.version LIMIT 200`, append(of, at.Version)...)
	if !sc.SignedIn() {
		return
	}
	db.List(b, &c.sittings, `SELECT `+sittingColumns+` `+sittingsOf+` ORDER BY s.number DESC LIMIT 200`, of...)
	db.List(b, &c.answers, `SELECT a.sitting_id, a.question_key, a.choices, a.words FROM attempts a WHERE a.org_id = $1 AND a.membership_id = $2 AND a.sitting_id IN (SELECT s.sitting_id `+sittingsOf+`) ORDER BY a.sitting_id, a.question_key LIMIT 10000`, of...)
	db.One(b, &c.more, nil, `SELECT t.percent FROM time_extensions t WHERE t.org_id = $1 AND t.membership_id = $2`, sc.Org, sc.Membership)
	db.One(b, &c.again, nil, `SELECT max(coalesce(r.at, c.renew_from)) `+heldFrom+`WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id = $3 AND coalesce(r.at, c.renew_from) <= $4`, sc.Org, sc.Membership, at.Root.ItemID, b.Now)
}

// block is the check in a version of its lesson. NotFound if there is none in it.
func (c *checked) block(version int, quiz string) (markdown.Block, error) {
	for _, e := range c.editions {
		for _, b := range e.Blocks {
			if e.Version == version && b.Key == quiz && b.Check() {
				return b, nil
			}
		}
	}
	return markdown.Block{}, errs.New(errs.NotFound, "check %s in version %d", quiz, version)
}

// Check returns a quiz that is taken as a whole, with the viewer's takings of it. result is the number of the taking whose result is
// shown, 0 for none. NotFound for what may not be seen, for a quiz that is no check, and for a result that there is not.
func (s *Service) Check(ctx context.Context, p Place, quiz string, result int) (CheckView, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return CheckView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return CheckView{}, err
	}
	var r root
	var found bool
	v := CheckView{Place: p, Key: quiz, Visitor: !sc.SignedIn()}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		r.queue(b, &found, sc, p.Item)
	}); err != nil {
		return v, err
	}
	if !found || (p.Step == "") != (r.Item.Kind == tenants.KindCourse) {
		return v, errs.New(errs.NotFound, "check of lesson %s of %s", p.Lesson, p.Item)
	}
	if err := s.outline(ctx, &r); err != nil {
		return v, err
	}
	at, err := r.at(p)
	if err != nil {
		return v, err
	}
	var c checked
	if err := s.db.Read(ctx, func(b *db.Batch) { c.queue(b, sc, at, quiz) }); err != nil {
		return v, err
	}
	c.readable()
	v.Root, v.Lang, v.Lesson, v.More = r.Item, r.Item.Lang, at.Ref.Title, c.more
	v.Root.Title = r.Title
	return v, v.fill(at, c, result)
}

func (v *CheckView) fill(at located, c checked, result int) error {
	b, err := c.block(at.Version, v.Key)
	if err != nil {
		return err
	}
	v.Title, v.Rules, v.Left, v.Anew = b.Title, *rulesOf(b), -1, c.again != nil
	if finished := at.Root.finishedSet(); slices.ContainsFunc(at.skipped(b), func(l LessonRef) bool { return !finished[Leaf{at.Item, l.Key}] }) {
		v.Skips = b.Skips
	}
	if v.Rules.Attempts > 0 {
		v.Left = max(0, v.Rules.Attempts-c.used())
	}
	for i, s := range c.sittings {
		if s.Ended == nil {
			v.Running = &c.sittings[i]
			continue
		}
		v.Past, v.Passed = append(v.Past, s), v.Passed || s.Passed && c.counts(s)
		if s.Number == result {
			v.Shown = &c.sittings[i]
			if s.Passed && s.Skips {
				v.Skipped = b.Skips
			}
		}
	}
	if result > 0 && v.Shown == nil {
		return errs.New(errs.NotFound, "result %d of check %s", result, v.Key)
	}
	show := v.Running
	if v.Shown != nil {
		show = v.Shown
		// While there is another try to pass, what is right stays open, so that it is one.
		v.Told = v.Rules.Pass == 0 || v.Left == 0 || v.Passed
	}
	if show == nil {
		return nil
	}
	if b, err = c.block(show.Version, v.Key); err != nil {
		return err
	}
	v.Questions = sat(b, *show, c.answers, v.Shown != nil, v.Told, c.prose(show.Version, v.Key))
	return nil
}

// prose is the part of the text before a quiz, where one reads again what it asks.
func (c *checked) prose(version int, quiz string) (out markdown.Block) {
	for _, e := range c.editions {
		if e.Version != version {
			continue
		}
		for _, b := range e.Blocks {
			if b.Key == quiz {
				return out
			}
			if b.Kind == markdown.Prose && b.Title != "" {
				out = b
			}
		}
	}
	return out
}

// sat is the questions of a taking as they are shown while it goes on, or with ended as its result.
func sat(b markdown.Block, s Sitting, answers []answerRow, ended, told bool, before markdown.Block) (out []QuestionView) {
	for _, key := range s.Questions {
		i := slices.IndexFunc(b.Questions, func(q markdown.Question) bool { return q.Key == key })
		if i < 0 {
			continue
		}
		q := b.Questions[i]
		d := deal(q, b.Shuffle, s.ID.String())
		var given *attempt
		if j := slices.IndexFunc(answers, func(a answerRow) bool { return a.Sitting == s.ID && a.Question == key }); j >= 0 {
			given = &answers[j].attempt
		}
		v := question(q, d, given)
		v.Answered = v.State != Unanswered
		switch {
		case !ended:
			v.State, v.Feedback, v.Fits = Unanswered, "", 0
			for j := range v.Choices {
				v.Choices[j].Right = false
			}
		case v.State != Right:
			v.State = Wrong
			v.ReadKey, v.Again = before.Key, before.Title
			if q.Read != "" {
				v.ReadKey, v.Again = q.Read, ""
			}
			if told {
				v.Solution = solution(q)
			}
		}
		out = append(out, v)
	}
	return out
}

// draw is the keys of the questions of one taking.
func draw(b markdown.Block, sitting id.Any) (out []string) {
	for _, q := range b.Questions {
		out = append(out, q.Key)
	}
	if b.Draw == 0 && !b.Shuffle {
		return out
	}
	sum := sha256.Sum256([]byte(sitting.String()))
	rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] }) //nolint:gosec // As deal.
	out = out[:b.Asked()]
	if !b.Shuffle {
		slices.SortFunc(out, func(x, y string) int {
			at := func(key string) int {
				return slices.IndexFunc(b.Questions, func(q markdown.Question) bool { return q.Key == key })
			}
			return at(x) - at(y)
		})
	}
	return out
}

// sit runs fn on a check of the acting member, whose lesson nobody else changes meanwhile: the one member does one thing at a time.
func (s *Service) sit(ctx context.Context, p Place, quiz string, fn func(*db.Tx, located, *checked) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "sitting/"+tx.Scope.Membership.String()+"/"+at.Item.String()); err != nil {
			return err
		}
		var c checked
		if err := tx.Batch(func(b *db.Batch) { c.queue(b, tx.Scope, at, quiz) }); err != nil {
			return err
		}
		c.readable()
		return fn(tx, at, &c)
	})
}

// running is the taking that goes on; nil for none.
func (c *checked) running() *Sitting {
	if i := slices.IndexFunc(c.sittings, func(s Sitting) bool { return s.Ended == nil }); i >= 0 {
		return &c.sittings[i]
	}
	return nil
}

// BeginCheck begins a taking, or goes on with the one that was begun. A taking whose time ran out is ended first. With skip, who passes need not
// read what the check asks, if its author says so. Invalid if it was taken as often as it may be.
func (s *Service) BeginCheck(ctx context.Context, p Place, quiz string, skip bool) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.sit(ctx, p, quiz, func(tx *db.Tx, at located, c *checked) error {
		b, err := c.block(at.Version, quiz)
		if err != nil {
			return err
		}
		if run := c.running(); run != nil {
			if !run.Over(tx.Now) {
				return nil
			}
			if err := s.end(tx, at, c, quiz, *run); err != nil {
				return err
			}
		}
		if b.Attempts > 0 && c.used() >= b.Attempts {
			return errs.Say(errs.Invalid, "quiz.fault.none_left")
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		if c.lost != nil {
			if err := tx.Must(`UPDATE sittings SET ended_at = $3 WHERE org_id = $1 AND sitting_id = $2`, tx.Scope.Org, c.lost.ID, tx.Now); err != nil {
				return err
			}
		}
		sitting, number := id.New[id.Any](), c.last+1
		var ends *time.Time
		if b.Minutes > 0 {
			t := tx.Now.Add(time.Duration(extended(b.Minutes, c.more)) * time.Minute)
			ends = &t
		}
		return tx.Must(`INSERT INTO sittings (org_id, sitting_id, membership_id, item_org, item_id, version, lesson_key, quiz_key, number, questions, pass, started_at, ends_at, skips) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			tx.Scope.Org, sitting, tx.Scope.Membership, at.Org, at.Item, at.Version, at.Lesson, quiz, number, draw(b, sitting), b.Pass, tx.Now, ends, skip && b.Skips != "")
	})
}

// AnswerCheck keeps an answer of the taking that goes on, in the place of an earlier one. Nothing is said of it until the end. Conflict if
// none goes on or its time ran out; Invalid as for Answer.
func (s *Service) AnswerCheck(ctx context.Context, p Place, quiz string, g Given) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.sit(ctx, p, quiz, func(tx *db.Tx, at located, c *checked) error {
		run := c.running()
		if run == nil || run.Over(tx.Now) {
			return errs.Say(errs.Conflict, "quiz.fault.over")
		}
		b, err := c.block(run.Version, quiz)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(b.Questions, func(q markdown.Question) bool { return q.Key == g.Question })
		if i < 0 || !slices.Contains(run.Questions, g.Question) {
			return errs.New(errs.NotFound, "question %s of check %s", g.Question, quiz)
		}
		q := b.Questions[i]
		a, err := deal(q, b.Shuffle, run.ID.String()).meant(q, g)
		if err != nil {
			return err
		}
		right, _ := judge(q, a)
		_, err = tx.Exec(`INSERT INTO attempts (org_id, attempt_id, membership_id, item_org, item_id, version, lesson_key, question_key, choices, words, correct, at, sitting_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (org_id, sitting_id, question_key) WHERE sitting_id IS NOT NULL DO UPDATE SET choices = excluded.choices, words = excluded.words, correct = excluded.correct, at = excluded.at`,
			tx.Scope.Org, id.New[id.Any](), tx.Scope.Membership, at.Org, at.Item, run.Version, at.Lesson, g.Question, a.Choices, a.Words, right, tx.Now, run.ID)
		if err != nil {
			return fmt.Errorf("answer %s of check %s: %w", g.Question, quiz, err)
		}
		return nil
	})
}

// HandIn ends the taking that goes on and returns its number. The lesson is finished with it if nothing else in it is open and the check is
// passed, or has no mark. Conflict if none goes on.
func (s *Service) HandIn(ctx context.Context, p Place, quiz string) (number int, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return 0, err
	}
	err = s.sit(ctx, p, quiz, func(tx *db.Tx, at located, c *checked) error {
		run := c.running()
		if run == nil {
			return errs.Say(errs.Conflict, "quiz.fault.over")
		}
		number = run.Number
		return s.end(tx, at, c, quiz, *run)
	})
	return number, err
}

// end ends a taking at its end or now, whichever comes first, and says in the stream how each question was answered.
func (s *Service) end(tx *db.Tx, at located, c *checked, quiz string, run Sitting) error {
	b, err := c.block(run.Version, quiz)
	if err != nil {
		return err
	}
	ended, ranOut := tx.Now, run.Over(tx.Now)
	if ranOut {
		ended = *run.Ends
	}
	questions := sat(b, run, c.answers, true, false, markdown.Block{})
	for _, q := range questions {
		if q.State == Right {
			run.Points++
		}
	}
	passed := 100*run.Points >= run.Pass*len(run.Questions)
	if err := tx.Batch(func(bt *db.Batch) {
		db.Write(bt, nil, `UPDATE sittings SET ended_at = $3, ran_out = $4, points = $5, passed = $6 WHERE org_id = $1 AND sitting_id = $2`, tx.Scope.Org, run.ID, ended, ranOut, run.Points, passed)
		for _, q := range questions {
			state(bt, tx, statement{
				Verb: "answered", Org: at.Org, Kind: at.Kind, Item: at.Item, Part: at.Lesson, Formal: true, Pull: at.pull(),
				Context: map[string]any{"version": run.Version, "question": q.Key, "success": q.State == Right},
			})
		}
		keepPlace(bt, tx, at, quiz)
	}); err != nil {
		return fmt.Errorf("end check %s: %w", quiz, err)
	}
	if passed && run.Skips {
		return s.skipped(tx, at, b)
	}
	if left, err := open(tx, at); err != nil || left.any() {
		return err
	}
	return s.complete(tx, at, tx.Batch)
}

// skipped finishes what whoever passed the check need not read: as shown by test, unless it was finished before.
func (s *Service) skipped(tx *db.Tx, at located, b markdown.Block) error {
	at.ByTest = true
	for _, l := range at.skipped(b) {
		at.Lesson, at.Ref = l.Key, l
		if err := s.complete(tx, at, tx.Batch); err != nil {
			return err
		}
	}
	return nil
}

// skipped lists what whoever passes the check need not read.
func (at located) skipped(b markdown.Block) []LessonRef {
	switch {
	case b.Skips == "":
		return nil
	case b.Skips == markdown.SkipsCourse && at.From.Kind == StepCourse:
		return at.From.Lessons
	case b.Skips == markdown.SkipsCourse && at.From.Key == "":
		return at.Root.Outline.Lessons()
	}
	return []LessonRef{at.Ref}
}

// Skip is a check by which somebody shows that they know something already.
type Skip struct {
	Stop

	Quiz  string // key of the check
	Whole bool   // all of the course is skipped with it
}

// skip finds how to skip what stands at a place and is not finished: its own check, or one of the course that it belongs to. nil if one cannot.
func (r *root) skip(step, lesson string) *Skip {
	item, lessons := r.ItemID, r.Outline.Lessons()
	if s, ok := r.Outline.Step(step); ok {
		item, lessons = s.Item, s.Lessons
	}
	finished := r.finishedSet()
	for _, own := range []bool{true, false} {
		for _, l := range lessons {
			at := l.Key
			if s, ok := r.Outline.Step(step); ok && s.Kind != StepCourse {
				at = ""
			}
			if l.Skip != "" && !finished[Leaf{item, l.Key}] && (l.SkipAll && !own || own && (at == lesson || at == "")) {
				return &Skip{Stop{Step: step, Lesson: at, Title: l.Title}, l.Skip, l.SkipAll}
			}
		}
	}
	return nil
}

// remaining is what a member has to do before a lesson is finished.
type remaining struct {
	questions, checks, tasks int

	meetings
}

func (l remaining) any() bool { return l != remaining{} }

// fault is Invalid and says what is open first; nil for nothing.
func (l remaining) fault() error {
	for _, x := range []struct {
		n   int
		key string
	}{
		{l.questions, "courses.lesson.questions_open"}, {l.checks, "courses.lesson.checks_open"}, {l.tasks, "practice.lesson.open"}, {l.Live, "livestep.lesson_open"}, {l.Groups, "group.lesson_open"},
	} {
		if x.n > 0 {
			return errs.Say(errs.Invalid, x.key, "Count", x.n)
		}
	}
	return nil
}

// open counts what the member has to do before the lesson is finished: questions, checks that are not passed, tasks that are not done, and
// people whom they have not met.
func open(tx *db.Tx, at located) (l remaining, err error) {
	if at.Ref.Questions > 0 {
		if l.questions, err = openQuestions(tx, at); err != nil {
			return l, err
		}
	}
	if at.Ref.Tasks > 0 {
		done, err := doneTasks(tx, at)
		if err != nil {
			return l, err
		}
		l.tasks = max(at.Ref.Tasks-done, 0)
	}
	if at.Ref.Meets > 0 {
		if l.meetings, err = openMeets(tx, at); err != nil {
			return l, err
		}
	}
	if at.Ref.Checks == 0 {
		return l, nil
	}
	passed, err := db.Row[int](tx, `SELECT count(DISTINCT s.quiz_key)::int FROM sittings s JOIN lessons l ON l.org_id = $3 AND l.item_id = $4 AND l.version = $6 AND l.key = $5
		WHERE s.org_id = $1 AND s.membership_id = $2 AND s.item_org = $3 AND s.item_id = $4 AND s.lesson_key = $5 AND s.passed AND jsonb_path_exists(l.blocks, '$[*] ? (@.kind == "quiz" && @.key == $k)', jsonb_build_object('k', s.quiz_key))`,
		tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, at.Version)
	l.checks = max(at.Ref.Checks-passed, 0)
	return l, err
}
