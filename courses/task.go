package courses

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// How far something is that was handed in for a task.
const (
	TaskOpen    = ""        // nothing was handed in
	TaskWaiting = "waiting" // somebody is to look at it
	TaskAgain   = "again"   // something is missing
	TaskDone    = "done"
)

// Submission is what a member hands in for a task, over all turns.
type Submission struct {
	Org      id.Org        `db:"org_id"` // for which the person learns
	ID       id.Any        `db:"submission_id"`
	Member   id.Membership `db:"membership_id"`
	ItemOrg  id.Org        `db:"item_org"`
	Item     id.Item       `db:"item_id"`
	RootKind string        `db:"root_kind"`
	Root     id.Item       `db:"root_id"`
	Step     string        `db:"step_key"`
	Lesson   string        `db:"lesson_key"`
	Task     string        `db:"task_key"`
	Title    string        `db:"title"`
	By       string        `db:"reviewed_by"` // markdown.ByPeer, ByMentor or ByAuthor
	Reviewer id.Membership `db:"reviewer"`    // zero for any author
	Across   bool          `db:"across"`
	State    string        `db:"state"`
	Updated  time.Time     `db:"updated_at"`
	Name     string        `db:"name"` // of who looks at it, or of who handed it in; "" where that is not told
}

const submissionColumns = `s.org_id, s.submission_id, s.membership_id, s.item_org, s.item_id, s.root_kind, s.root_id, s.step_key, s.lesson_key, s.task_key, s.title, s.reviewed_by, s.reviewer, s.across, s.state, s.updated_at`

// Turn is one handing-in and what was said of it.
type Turn struct {
	Number  int                  `db:"number"` // from 1
	Version int                  `db:"version"`
	Rubric  []markdown.Criterion `db:"rubric"`
	Words   string               `db:"words"`
	Link    string               `db:"link"`
	File    string               `db:"file_name"` // "" for none
	Size    int64                `db:"size"`      // of the file, in bytes
	At      time.Time            `db:"handed_at"`
	Verdict string               `db:"verdict"` // TaskAgain or TaskDone; "" while it waits
	Marks   []int                `db:"marks"`   // of each criterion the level, from 0
	Answer  string               `db:"answer"`
	ByOrg   id.Org               `db:"by_org"`
	ByName  string               `db:"by_name"` // within the own organization
	Said    *time.Time           `db:"answered_at"`
}

// Level is what was found of a criterion; "" while it waits.
func (t Turn) Level(criterion int) string {
	if criterion >= len(t.Marks) || criterion >= len(t.Rubric) || t.Marks[criterion] >= len(t.Rubric[criterion].Levels) {
		return ""
	}
	return t.Rubric[criterion].Levels[t.Marks[criterion]]
}

const turnsSQL = `SELECT t.number, t.version, t.rubric, t.words, t.link, t.file_name, t.size, t.handed_at, coalesce(a.verdict, '') AS verdict, coalesce(a.marks, '{}') AS marks, coalesce(a.words, '') AS answer,
		a.by_org, coalesce(m.name, '') AS by_name, a.at AS answered_at
	FROM submission_turns t LEFT JOIN submission_answers a ON a.org_id = t.org_id AND a.submission_id = t.submission_id AND a.number = t.number
	LEFT JOIN memberships m ON m.org_id = a.by_org AND m.membership_id = a.by_member
	WHERE t.org_id = $1 AND t.submission_id = $2 ORDER BY t.number LIMIT 50`

// turnsMost is how often something is handed in for a task.
const turnsMost = 50

// TaskView is a task as its page shows it to a learner.
type TaskView struct {
	Now     time.Time
	Place   Place
	Root    tenants.Item // the course or path of the address
	Lang    string       // of the content
	Lesson  string       // title
	Org     tenants.Organization
	Task    markdown.Block
	Mine    *Submission // nil until something was handed in
	Turns   []Turn      // the earliest first
	Peers   []Peer      // who is on the same course or path
	Own     bool        // the task is the viewer's own organization's
	Across  bool        // it is of another one that the viewer's is connected to, and whose people it meets
	Meet    string      // how people of the viewer's show themselves there: "name" or "company"
	Done    bool        // the lesson is finished
	Waits   []Waits
	Visitor bool
}

// Peer is a colleague who is on the same course or path.
type Peer struct {
	Member id.Membership `db:"membership_id" json:"membership_id"`
	Name   string        `db:"name" json:"name"`
}

// State is how far it is.
func (v TaskView) State() string {
	if v.Mine == nil {
		return TaskOpen
	}
	return v.Mine.State
}

// May reports whether the learner can ask somebody of the kind to look at it.
func (v TaskView) May(by string) bool {
	switch {
	case !slices.Contains(v.Task.By, by):
		return false
	case by == markdown.ByPeer:
		return len(v.Peers) > 0
	}
	return by != markdown.ByAuthor || v.Own || v.Across
}

// peersSQL reads the colleagues in $1 of a member who are on a course or path.
func peersSQL(member, root string) string {
	return `SELECT m.membership_id, m.name FROM enrollments e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id
	WHERE e.org_id = $1 AND e.item_id = ` + root + ` AND e.state <> 'left' AND e.membership_id <> ` + member + ` AND m.state = 'active'`
}

// meetSQL is how people of $1 show themselves to $2: name, company, or nothing where the two are not connected or do not meet.
const meetSQL = `SELECT s.meet FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = $2 AND s.state = 'active' AND s.meet <> 'none'`

// Task returns a task of the lesson at the place, with what the viewer handed in. NotFound for what may not be seen, and for no task.
func (s *Service) Task(ctx context.Context, p Place, key string) (TaskView, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return TaskView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return TaskView{}, err
	}
	var r root
	var found bool
	v := TaskView{Place: p, Visitor: !sc.SignedIn()}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		r.queue(b, &found, sc, p.Item)
	}); err != nil {
		return v, err
	}
	if !found || (p.Step == "") != (r.Item.Kind == tenants.KindCourse) {
		return v, errs.New(errs.NotFound, "task of lesson %s of %s", p.Lesson, p.Item)
	}
	if err := s.outline(ctx, &r); err != nil {
		return v, err
	}
	at, err := r.at(p)
	if err != nil {
		return v, err
	}
	if v.Waits = waitsOf(r.waiting(at.From)); len(v.Waits) > 0 {
		return v, errs.New(errs.NotFound, "task of a step that waits")
	}
	var l lessonFound
	var mine []Submission
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &l, &found, lessonTextSQL, at.Org, at.Item, at.Version, at.Lesson, reading(ctx))
		if sc.SignedIn() {
			db.List(b, &mine, mySubmission, sc.Org, sc.Membership, at.Org, at.Item, at.Lesson, key)
			db.List(b, &v.Peers, peersSQL("$3", "$2")+` ORDER BY lower(m.name), m.membership_id LIMIT 50`, sc.Org, p.Item, sc.Membership)
			db.One(b, &v.Meet, &v.Across, meetSQL, sc.Org, at.Org)
		}
	}); err != nil {
		return v, err
	}
	i := slices.IndexFunc(l.Blocks, func(b markdown.Block) bool { return b.Kind == markdown.Task && b.Key == key })
	if !found || i < 0 {
		return v, errs.New(errs.NotFound, "task %s of %s", key, at.Lesson)
	}
	v.Own = at.Org == sc.Org
	v.Root, v.Lang, v.Lesson, v.Task, v.Done = r.Item, r.Item.Lang, at.Ref.Title, l.Blocks[i], r.finishedSet()[Leaf{at.Item, at.Lesson}]
	v.Root.Title = r.Title
	if v.Org, err = s.tenants.ByID(ctx, at.Org); err != nil || len(mine) == 0 {
		return v, err
	}
	v.Mine = &mine[0]
	return v, s.db.Read(ctx, func(b *db.Batch) { db.List(b, &v.Turns, turnsSQL, sc.Org, v.Mine.ID) })
}

const mySubmission = `SELECT ` + submissionColumns + `, coalesce(m.name, '') AS name FROM submissions s LEFT JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.reviewer
	WHERE s.org_id = $1 AND s.membership_id = $2 AND s.item_org = $3 AND s.item_id = $4 AND s.lesson_key = $5 AND s.task_key = $6 LIMIT 1`

// Evidence is what somebody hands in: words, a link, a file, or several of them.
type Evidence struct {
	Words, Link string
	FileName    string
	File        io.Reader // nil for none

	TaskAsk
}

// TaskAsk is who is to look at it.
type TaskAsk struct {
	By     string // markdown.ByPeer, ByMentor or ByAuthor
	Peer   string // identifier of the peer
	Mentor string // address or name of the mentor
	Across bool   // the learner says that authors of another organization may read it
	Name   bool   // and see the learner's name
}

// HandTask hands something in for a task of the lesson at the place, and asks somebody to look at it; they get a mail. Whoever has not begun
// the course or path begins it with this. NotFound for no such task; Conflict while something waits, or once it is done; Invalid, with the
// field, for what the task does not take; TooLarge beyond the limit of the file's kind or the organization's quota.
func (s *Service) HandTask(ctx context.Context, p Place, key string, e Evidence) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	f, err := s.evidence(ctx, e)
	if err != nil {
		return err
	}
	err = s.tasked(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block, was *Submission) error {
		return s.hand(tx, at, b, was, e, f)
	})
	if err != nil && f.Size > 0 {
		err = errors.Join(err, s.blob.Remove(context.WithoutCancel(ctx), f.Sum)) // Nobody else has this content: see saltSize.
	}
	return err
}

// tasked runs fn on a task and what the acting member handed in for it; nil for nothing.
func (s *Service) tasked(ctx context.Context, p Place, key string, fn func(*db.Tx, located, markdown.Block, *Submission) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		l, err := db.Row[struct {
			Blocks []markdown.Block `db:"blocks"`
		}](tx, `SELECT l.blocks FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`, at.Org, at.Item, at.Version, at.Lesson)
		if err != nil {
			return fmt.Errorf("task %s: %w", key, err)
		}
		i := slices.IndexFunc(l.Blocks, func(b markdown.Block) bool { return b.Kind == markdown.Task && b.Key == key })
		if i < 0 {
			return errs.New(errs.NotFound, "task %s of %s", key, at.Lesson)
		}
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "task/"+tx.Scope.Membership.String()+"/"+at.Item.String()); err != nil {
			return err
		}
		was, err := db.Rows[Submission](tx, mySubmission, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key)
		if err != nil {
			return err
		}
		if len(was) == 0 {
			return fn(tx, at, l.Blocks[i], nil)
		}
		return fn(tx, at, l.Blocks[i], &was[0])
	})
}

func (s *Service) hand(tx *db.Tx, at located, b markdown.Block, was *Submission, e Evidence, f evidenceFile) error {
	switch {
	case was != nil && was.State == TaskWaiting:
		return errs.Say(errs.Conflict, "practice.fault.waiting")
	case was != nil && was.State == TaskDone:
		return errs.Say(errs.Conflict, "practice.fault.done")
	}
	faults := e.faults(b, f)
	to, bad, err := e.find(tx, at, b)
	if err != nil {
		return err
	}
	if faults = append(bad, faults...); len(faults) > 0 {
		return errs.Fields(faults...)
	}
	if err := s.join(tx, at); err != nil {
		return err
	}
	sub := id.New[id.Any]()
	n := 1
	if was != nil {
		sub = was.ID
		if n, err = db.Row[int](tx, `SELECT coalesce(max(t.number), 0)::int + 1 FROM submission_turns t WHERE t.org_id = $1 AND t.submission_id = $2`, tx.Scope.Org, sub); err != nil {
			return err
		}
		if n > turnsMost {
			return errs.Say(errs.Conflict, "practice.fault.often", "Most", turnsMost)
		}
	}
	title := taskTitle(b, at)
	if err := tx.Must(`INSERT INTO submissions AS s (org_id, submission_id, membership_id, item_org, item_id, lesson_key, task_key, root_kind, root_id, step_key, title, reviewed_by, reviewer, across, shown_name, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
		ON CONFLICT (org_id, membership_id, item_org, item_id, lesson_key, task_key) DO UPDATE SET title = excluded.title, reviewed_by = excluded.reviewed_by, reviewer = excluded.reviewer, across = excluded.across,
			shown_name = excluded.shown_name, state = 'waiting', updated_at = excluded.updated_at`,
		tx.Scope.Org, sub, tx.Scope.Membership, at.Org, at.Item, at.Lesson, b.Key, at.Root.Item.Kind, at.Root.ItemID, at.From.Key, title, e.By, memberOrNil(to.member), to.across, to.shown, tx.Now); err != nil {
		return fmt.Errorf("hand in task %s: %w", b.Key, err)
	}
	evidence, sum := any(nil), []byte(nil)
	if f.Size > 0 {
		evidence, sum = f.ID, f.Sum[:]
		if err := tx.Must(`INSERT INTO evidence_files (org_id, evidence_id, sha256, size) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, f.ID, sum, f.Size); err != nil {
			return err
		}
	}
	if err := tx.Must(`INSERT INTO submission_turns (org_id, submission_id, membership_id, number, version, rubric, words, link, evidence_id, file_name, media_type, sha256, size, handed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		tx.Scope.Org, sub, tx.Scope.Membership, n, at.Version, b.Rubric, e.Words, e.Link, evidence, f.Name, f.MediaType, sum, f.Size, tx.Now); err != nil {
		return fmt.Errorf("hand in task %s: %w", b.Key, err)
	}
	if err := tenants.RoomForFiles(tx); err != nil {
		return err
	}
	if err := tx.Batch(func(bt *db.Batch) { keepPlace(bt, tx, at, b.Key) }); err != nil {
		return err
	}
	return s.tellReviewer(tx, at, to, sub, title)
}

// taskTitle is what a task is called.
func taskTitle(b markdown.Block, at located) string {
	if b.Title != "" {
		return b.Title
	}
	return at.Ref.Title
}

func (e *Evidence) faults(b markdown.Block, f evidenceFile) (out []errs.Field) {
	wrong := func(name, key string, args ...any) { out = append(out, errs.Field{Name: name, Key: key, Args: args}) }
	if !slices.Contains(b.Hand, markdown.HandText) {
		e.Words = ""
	}
	if !slices.Contains(b.Hand, markdown.HandLink) {
		e.Link = ""
	}
	e.Words, e.Link = strings.TrimSpace(e.Words), strings.TrimSpace(e.Link)
	if utf8.RuneCountInString(e.Words) > 20000 {
		wrong("words", "practice.fault.long", "Most", 20000)
	}
	if u, err := url.Parse(e.Link); e.Link != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(e.Link) > 2000) {
		wrong("link", "practice.fault.link")
	}
	if f.Size > 0 && !slices.Contains(b.Hand, markdown.HandFile) {
		wrong("file", "practice.fault.no_file")
	}
	if e.Words == "" && e.Link == "" && f.Size == 0 {
		wrong(map[string]string{markdown.HandText: "words", markdown.HandLink: "link", markdown.HandFile: "file"}[b.Hand[0]], "practice.fault.nothing")
	}
	return out
}

// looker is who is to look at something.
type looker struct {
	member id.Membership // zero for any author
	across bool
	shown  string // the name that another organization sees
}

// find finds who is to look at it, among those whom the author of the task allows.
func (a TaskAsk) find(tx *db.Tx, at located, b markdown.Block) (to looker, bad []errs.Field, err error) {
	no := func(name, key string) (looker, []errs.Field, error) {
		return to, []errs.Field{{Name: name, Key: key}}, nil
	}
	if !slices.Contains(b.By, a.By) {
		return no("by", "practice.fault.by")
	}
	switch a.By {
	case markdown.ByPeer:
		who, err := id.Parse[id.Membership](a.Peer)
		if err != nil {
			return no("peer", "practice.fault.peer")
		}
		n, err := db.Rows[Peer](tx, peersSQL("$3", "$2")+` AND m.membership_id = $4 LIMIT 1`, tx.Scope.Org, at.Root.ItemID, tx.Scope.Membership, who)
		if err == nil && len(n) == 0 {
			return no("peer", "practice.fault.peer")
		}
		return looker{member: who}, nil, err
	case markdown.ByMentor:
		who, key, err := findColleague(tx, a.Mentor)
		if err != nil || key != "" {
			return to, []errs.Field{{Name: "mentor", Key: key}}, err
		}
		return looker{member: who}, nil, nil
	}
	if at.Org == tx.Scope.Org {
		return to, nil, nil
	}
	meet, err := db.Rows[string](tx, meetSQL+` LIMIT 1`, tx.Scope.Org, at.Org)
	switch {
	case err != nil:
		return to, nil, err
	case len(meet) == 0:
		return no("by", "practice.fault.apart")
	case !a.Across:
		return no("across", "practice.fault.across")
	}
	to.across = true
	if a.Name && meet[0] == "name" {
		to.shown, err = db.Row[string](tx, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
	}
	return to, nil, err
}

// findColleague finds an active colleague by the address or, where nobody else has it, the name. key is a message that says why there is none.
func findColleague(tx *db.Tx, who string) (found id.Membership, key string, err error) {
	who = strings.TrimSpace(who)
	list, err := db.Rows[id.Membership](tx, `SELECT m.membership_id FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND (m.email = lower($2) OR lower(m.name) = lower($2)) ORDER BY m.email <> lower($2), m.membership_id LIMIT 3`, tx.Scope.Org, who)
	switch {
	case err != nil:
		return found, "", err
	case len(list) == 0:
		return found, "review.fault.nobody", nil
	case len(list) > 1 && !strings.Contains(who, "@"):
		return found, "review.fault.several", nil
	case list[0] == tx.Scope.Membership:
		return found, "review.fault.self", nil
	}
	return list[0], "", nil
}

// AskForTask asks somebody else to look at what waits. Whoever was asked before reads it no more. Conflict where nothing waits.
func (s *Service) AskForTask(ctx context.Context, p Place, key string, a TaskAsk) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.tasked(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block, was *Submission) error {
		if was == nil || was.State != TaskWaiting {
			return errs.Say(errs.Conflict, "practice.fault.not_waiting")
		}
		to, bad, err := a.find(tx, at, b)
		if err != nil {
			return err
		}
		if len(bad) > 0 {
			return errs.Fields(bad...)
		}
		if err := tx.Must(`UPDATE submissions SET reviewed_by = $3, reviewer = $4, across = $5, shown_name = $6, updated_at = $7 WHERE org_id = $1 AND submission_id = $2`,
			tx.Scope.Org, was.ID, a.By, memberOrNil(to.member), to.across, to.shown, tx.Now); err != nil {
			return err
		}
		return s.tellReviewer(tx, at, to, was.ID, was.Title)
	})
}

// TakeTaskBack takes back what waits, as if it had not been handed in. Conflict where nothing waits.
func (s *Service) TakeTaskBack(ctx context.Context, p Place, key string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	err := s.tasked(ctx, p, key, func(tx *db.Tx, _ located, _ markdown.Block, was *Submission) error {
		if was == nil || was.State != TaskWaiting {
			return errs.Say(errs.Conflict, "practice.fault.not_waiting")
		}
		// Where an earlier turn was answered, that answer holds again.
		first, err := db.Row[bool](tx, `SELECT count(*) = 1 FROM submission_turns t WHERE t.org_id = $1 AND t.submission_id = $2`, tx.Scope.Org, was.ID)
		if err != nil {
			return err
		}
		if first {
			return tx.Must(`DELETE FROM submissions WHERE org_id = $1 AND submission_id = $2`, tx.Scope.Org, was.ID)
		}
		if err := tx.Must(`DELETE FROM submission_turns t WHERE t.org_id = $1 AND t.submission_id = $2 AND NOT EXISTS (SELECT 1 FROM submission_answers a WHERE a.org_id = t.org_id AND a.submission_id = t.submission_id AND a.number = t.number)`, tx.Scope.Org, was.ID); err != nil {
			return err
		}
		return tx.Must(`UPDATE submissions SET state = 'again', updated_at = $3 WHERE org_id = $1 AND submission_id = $2`, tx.Scope.Org, was.ID, tx.Now)
	})
	if err != nil {
		return err
	}
	return s.sweepEvidence(ctx)
}

// Handed is a page of what others handed in for the acting member to look at.
type Handed struct {
	Now  time.Time
	Rows []HandedRow // what waits first, the longest waiting first
	Mine []Submission
}

// HandedRow is one thing that somebody handed in.
type HandedRow struct {
	Submission

	From tenants.Organization // of who handed it in
}

// handedSQL lists what $2 of $1 is asked to look at, by name or, with $3, as an author of the lesson. A name of another organization's people is
// told as the learner chose and while the two meet by name.
const handedSQL = `SELECT ` + submissionColumns + `, coalesce(m.name, CASE WHEN c.meet = 'name' THEN s.shown_name END, '') AS name
	FROM (SELECT s.* FROM submissions s WHERE s.org_id = $1 AND s.reviewer = $2
		UNION ALL SELECT s.* FROM submissions s WHERE $3 AND s.item_org = $1 AND s.reviewer IS NULL AND NOT (s.org_id = $1 AND s.membership_id = $2)) s
	LEFT JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.membership_id AND s.org_id = $1
	LEFT JOIN connection_sides c ON c.org_id = s.org_id AND c.other_org = $1`

// Handed lists what others handed in for the acting member to look at, at most 100, and what that one handed in.
func (s *Service) Handed(ctx context.Context) (Handed, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return Handed{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Handed{}, err
	}
	var v Handed
	var rows []Submission
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &rows, handedSQL+` ORDER BY s.state <> 'waiting', CASE WHEN s.state = 'waiting' THEN s.updated_at END, s.updated_at DESC, s.submission_id LIMIT 100`, sc.Org, sc.Membership, authz.Allowed(sc, authz.Author, id.Org{}))
		db.List(b, &v.Mine, `SELECT `+submissionColumns+`, coalesce(m.name, '') AS name FROM submissions s LEFT JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.reviewer
			WHERE s.org_id = $1 AND s.membership_id = $2 ORDER BY s.updated_at DESC, s.submission_id DESC LIMIT 100`, sc.Org, sc.Membership)
	}); err != nil {
		return v, err
	}
	ids := make([]id.Org, len(rows))
	for i, r := range rows {
		ids[i] = r.Org
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for _, r := range rows {
		v.Rows = append(v.Rows, HandedRow{r, orgs[r.Org]})
	}
	return v, err
}

// HandedView is what somebody handed in, as whoever looks at it sees it.
type HandedView struct {
	HandedRow

	Now   time.Time
	Brief string // HTML: what the task asks; "" where the lesson is not there any more
	Lang  string
	Turns []Turn
}

// Last is the latest turn.
func (v HandedView) Last() Turn { return v.Turns[len(v.Turns)-1] }

// HandedBy returns what somebody handed in for the acting member to look at. NotFound for anything else.
func (s *Service) HandedBy(ctx context.Context, of id.Any) (HandedView, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return HandedView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return HandedView{}, err
	}
	var v HandedView
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Submission, &found, handedSQL+` WHERE s.submission_id = $4`, sc.Org, sc.Membership, authz.Allowed(sc, authz.Author, id.Org{}), of)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "nothing handed in %s", of)
	}
	var l lessonFound
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &v.Turns, turnsSQL, v.Org, of)
	}); err != nil {
		return v, err
	}
	if len(v.Turns) == 0 {
		return v, errs.New(errs.NotFound, "no turn of %s", of)
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &l, &found, lessonTextSQL, v.ItemOrg, v.Item, v.Last().Version, v.Lesson, reading(ctx))
	}); err != nil {
		return v, err
	}
	for _, b := range l.Blocks {
		if b.Kind == markdown.Task && b.Key == v.Task {
			v.Brief, v.Lang = b.HTML, l.Lang
		}
	}
	v.From, err = s.tenants.ByID(ctx, v.Org)
	return v, err
}

// TaskAnswer is what somebody says of what was handed in.
type TaskAnswer struct {
	Turn    int // which they looked at
	Verdict string
	Marks   []int // of each criterion the level, from 0
	Words   string
}

// AnswerTask says how something is that was handed in for the acting member to look at; whoever handed it in gets a mail. NotFound for
// anything else; Conflict if it was taken back, handed in anew, or answered meanwhile; Invalid, with the field, without a mark for each criterion, for done
// where a level is not enough, and for again without words.
func (s *Service) AnswerTask(ctx context.Context, of id.Any, a TaskAnswer) error {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return err
	}
	if a.Verdict != TaskAgain && a.Verdict != TaskDone {
		return errs.New(errs.Malformed, "verdict %q", a.Verdict)
	}
	a.Words = strings.TrimSpace(a.Words)
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		sub, err := db.Row[Submission](tx, handedSQL+` WHERE s.submission_id = $4`, tx.Scope.Org, tx.Scope.Membership, authz.Allowed(tx.Scope, authz.Author, id.Org{}), of)
		if err != nil {
			return fmt.Errorf("handed in %s: %w", of, err)
		}
		turns, err := db.Rows[Turn](tx, turnsSQL, sub.Org, of)
		if err != nil {
			return err
		}
		if sub.State != TaskWaiting || len(turns) == 0 || turns[len(turns)-1].Number != a.Turn {
			return errs.Say(errs.Conflict, "practice.fault.changed")
		}
		if f := a.faults(turns[len(turns)-1].Rubric); len(f) > 0 {
			return errs.Fields(f...)
		}
		var by any
		if sub.Org == tx.Scope.Org {
			by = tx.Scope.Membership
		}
		if err := tx.Must(`INSERT INTO submission_answers (org_id, submission_id, number, membership_id, by_org, by_member, verdict, marks, words, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			sub.Org, of, a.Turn, sub.Member, tx.Scope.Org, by, a.Verdict, a.Marks, a.Words, tx.Now); err != nil {
			return fmt.Errorf("answer %s: %w", of, err)
		}
		if err := tx.Must(`UPDATE submissions SET state = $3, updated_at = $4 WHERE org_id = $1 AND submission_id = $2 AND state = 'waiting'`, sub.Org, of, a.Verdict, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "task."+a.Verdict, "item:"+sub.Item.String(), nil); err != nil {
			return err
		}
		return s.tellLearner(tx, sub, a.Verdict)
	})
}

func (a TaskAnswer) faults(rubric []markdown.Criterion) (out []errs.Field) {
	if utf8.RuneCountInString(a.Words) > 4000 {
		out = append(out, errs.Field{Name: "words", Key: "practice.fault.long", Args: []any{"Most", 4000}})
	}
	if len(a.Marks) != len(rubric) {
		return append(out, errs.Field{Name: "marks", Key: "practice.fault.marks"})
	}
	for i, c := range rubric {
		switch m := a.Marks[i]; {
		case m < 0 || m >= len(c.Levels):
			out = append(out, errs.Field{Name: fmt.Sprintf("mark-%d", i), Key: "practice.fault.mark", Args: []any{"Title", c.Title}})
		case m < c.Enough && a.Verdict == TaskDone:
			out = append(out, errs.Field{Name: fmt.Sprintf("mark-%d", i), Key: "practice.fault.enough", Args: []any{"Title", c.Title, "Level", c.Levels[c.Enough]}})
		}
	}
	if a.Verdict == TaskAgain && a.Words == "" {
		out = append(out, errs.Field{Name: "words", Key: "practice.fault.what"})
	}
	return out
}

// doneTasks counts the tasks of a lesson that the member has done.
func doneTasks(tx *db.Tx, at located) (int, error) {
	return db.Row[int](tx, `SELECT count(*)::int FROM submissions s JOIN lessons l ON l.org_id = $3 AND l.item_id = $4 AND l.version = $6 AND l.key = $5
		WHERE s.org_id = $1 AND s.membership_id = $2 AND s.item_org = $3 AND s.item_id = $4 AND s.lesson_key = $5 AND s.state = 'done' AND jsonb_path_exists(l.blocks, '$[*] ? (@.kind == "task" && @.key == $k)', jsonb_build_object('k', s.task_key))`,
		tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, at.Version)
}

// salt is random bytes.
func salt() []byte {
	b := make([]byte, saltSize)
	_, _ = rand.Read(b) // It never fails.
	return b
}

// saltSize is how many random bytes stand before the content of what is handed in, in the store. It is kept once for each that hands it in, and
// goes with it: the same file of somebody else stays.
const saltSize = 16

// evidenceFile is a file that was put for what is handed in.
type evidenceFile struct {
	ID        id.Any
	Name      string
	MediaType string
	Sum       blob.Sum
	Size      int64 // bytes in the store; 0 for no file
}

// evidence puts the file of what is handed in. Invalid for a kind that is not taken or content that is not what its name says.
func (s *Service) evidence(ctx context.Context, e Evidence) (f evidenceFile, err error) {
	if e.File == nil {
		return f, nil
	}
	name := path.Base(strings.ReplaceAll(e.FileName, `\`, "/"))
	ext := strings.ToLower(path.Ext(name))
	media, limit := mediaType(ext)
	kind := []any{"Kind", strings.TrimPrefix(ext, ".")}
	if media == "" {
		return f, errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_kind", Args: kind})
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(e.File, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return f, fmt.Errorf("read upload: %w", err)
	}
	if n == 0 || !matches(media, head[:n]) {
		return f, errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_content", Args: kind})
	}
	f = evidenceFile{ID: id.New[id.Any](), Name: tenants.Slugify(strings.TrimSuffix(name, path.Ext(name))) + ext, MediaType: media}
	if f.Sum, f.Size, err = s.blob.Put(ctx, io.MultiReader(bytes.NewReader(salt()), bytes.NewReader(head[:n]), e.File), limit+saltSize); errs.Is(err, errs.TooLarge) {
		return evidenceFile{}, errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_large", Args: []any{"Most", int(limit >> 20)}})
	}
	return f, err
}

// EvidenceFile opens the file of a turn, for whoever handed it in or looks at it; anything else is NotFound. The caller closes its content.
func (s *Service) EvidenceFile(ctx context.Context, of id.Any, turn int) (File, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return File{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return File{}, err
	}
	var row draftFileRow
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &row, &found, `SELECT t.file_name AS name, t.sha256, t.media_type, t.size FROM submission_turns t JOIN submissions s ON s.org_id = t.org_id AND s.submission_id = t.submission_id
			WHERE t.submission_id = $4 AND t.number = $5 AND t.sha256 IS NOT NULL AND (s.org_id = $1 AND $2 IN (s.membership_id, s.reviewer) OR $3 AND s.item_org = $1 AND s.reviewer IS NULL)`,
			sc.Org, sc.Membership, authz.Allowed(sc, authz.Author, id.Org{}), of, turn)
	}); err != nil {
		return File{}, err
	}
	if !found {
		return File{}, errs.New(errs.NotFound, "file of turn %d of %s", turn, of)
	}
	content, err := s.blob.Open(ctx, [32]byte(row.Sum))
	if err != nil {
		return File{}, err
	}
	in := &salted{content}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return File{}, errors.Join(err, content.Close())
	}
	return File{Name: row.Name, MediaType: row.MediaType, Size: row.Size - saltSize, Sum: row.Sum, Content: in}, nil
}

// salted is content without its salt.
type salted struct{ io.ReadSeekCloser }

// Seek implements io.Seeker.
func (s *salted) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		offset += saltSize
	}
	n, err := s.ReadSeekCloser.Seek(offset, whence)
	return n - saltSize, err
}

// sweepEvidence removes the content of files of the acting organization that are named no more. Repeating it is safe.
func (s *Service) sweepEvidence(ctx context.Context) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		gone, err := db.Rows[struct {
			ID  id.Any `db:"evidence_id"`
			Sum []byte `db:"sha256"`
		}](tx, `SELECT e.evidence_id, e.sha256 FROM evidence_files e WHERE e.org_id = $1 AND e.gone_at IS NOT NULL ORDER BY e.gone_at, e.evidence_id LIMIT 1000`, tx.Scope.Org)
		if err != nil {
			return err
		}
		for _, e := range gone {
			if err := s.blob.Remove(ctx, [32]byte(e.Sum)); err != nil {
				return fmt.Errorf("remove evidence %s: %w", e.ID, err)
			}
			if _, err := tx.Exec(`DELETE FROM evidence_files WHERE org_id = $1 AND evidence_id = $2`, tx.Scope.Org, e.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellReviewer mails whoever is asked to look at something; of authors the one who published the version, without a name that they do not see.
func (s *Service) tellReviewer(tx *db.Tx, at located, to looker, sub id.Any, title string) error {
	if s.mail == nil {
		return nil
	}
	who, err := db.Row[struct {
		Name string `db:"name"`
		Org  string `db:"org"`
	}](tx, `SELECT m.name, o.name AS org FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
	if err != nil {
		return err
	}
	if to.across {
		who.Name = to.shown
	}
	me, of := tx.Scope.Membership, at.looks(tx.Scope.Org, to)
	send := func() error {
		list, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.state = 'active' AND m.email <> '' AND m.membership_id <> $2
			AND m.membership_id = coalesce($3, (SELECT v.published_by FROM versions v WHERE v.org_id = $1 AND v.item_id = $4 AND v.version = $5 AND m.roles && '{author,administrator}')) LIMIT 1`,
			of, me, memberOrNil(to.member), at.Item, at.Version)
		if err != nil || len(list) == 0 {
			return err
		}
		return s.post(tx, list[0], "practice.mail.due", "Name", who.Name, "Org", who.Org, "Title", title, "Link", s.url(list[0].Slug)+"/handed/"+sub.String())
	}
	if !to.across {
		return send()
	}
	return tx.As(scope.Mailer, at.Org, send)
}

// looks is the organization of who looks at it.
func (at located) looks(own id.Org, to looker) id.Org {
	if to.across {
		return at.Org
	}
	return own
}

// tellLearner mails whoever handed something in what was said of it: that something was, not what.
func (s *Service) tellLearner(tx *db.Tx, sub Submission, verdict string) error {
	if s.mail == nil {
		return nil
	}
	send := func() error {
		list, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.email <> '' LIMIT 1`, sub.Org, sub.Member)
		if err != nil || len(list) == 0 {
			return err
		}
		return s.post(tx, list[0], "practice.mail."+verdict, "Title", sub.Title, "Link", s.url(list[0].Slug)+"/handed#mine")
	}
	if sub.Org == tx.Scope.Org {
		return send()
	}
	return tx.As(scope.Mailer, sub.Org, send)
}

// post sends a mail in the language of who gets it.
func (s *Service) post(tx *db.Tx, to holder, key string, kv ...any) error {
	ctx := tx.Context()
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	return s.mail.Send(tx, mail.Message{To: to.Email, Subject: lang.T(ctx, key+".subject", kv...), Text: lang.T(ctx, key+".text", kv...)})
}

// forgetTasks removes what a member handed in who is being erased, with its files.
func (s *Service) forgetTasks(ctx context.Context, member id.Membership) error {
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`SELECT forget_rows('submissions', $1, 100000)`, member)
		return err
	}); err != nil {
		return err
	}
	return s.sweepEvidence(ctx)
}
