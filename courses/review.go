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
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The states of a review.
const (
	ReviewAsked  = "asked"
	ReviewGood   = "good"
	ReviewChange = "change"
)

// Review is what a colleague was asked to read before it is published, and what they answered.
type Review struct {
	Item     id.Item       `db:"item_id"`
	Title    string        `db:"title"`
	Kind     string        `db:"kind"`
	Reviewer id.Membership `db:"membership_id"`
	Name     string        `db:"name"`  // of the reviewer
	Asker    string        `db:"asker"` // the name of who asked
	Words    string        `db:"words"` // of who asked
	Asked    time.Time     `db:"asked_at"`
	State    string        `db:"state"`
	Answer   string        `db:"answer"`
	Answered *time.Time    `db:"answered_at"`
	Stale    bool          `db:"stale"` // something was changed since the answer
	Open     int           `db:"open"`  // remarks that nobody has seen to
}

const reviewColumns = `r.item_id, d.title, i.kind, r.membership_id, m.name, coalesce(a.name, '') AS asker, r.words, r.asked_at, r.state, r.answer, r.answered_at, coalesce(d.saved_at > r.answered_at, false) AS stale,
	(SELECT count(*)::int FROM review_remarks x WHERE x.org_id = r.org_id AND x.item_id = r.item_id AND x.membership_id = r.membership_id AND x.settled_at IS NULL) AS open`

const reviewFrom = `reviews r JOIN course_drafts d ON d.org_id = r.org_id AND d.item_id = r.item_id JOIN items i ON i.org_id = r.org_id AND i.item_id = r.item_id
	JOIN memberships m ON m.org_id = r.org_id AND m.membership_id = r.membership_id LEFT JOIN memberships a ON a.org_id = r.org_id AND a.membership_id = r.asked_by`

// Remark is what a reviewer says of a lesson, of a part of it, or of the whole.
type Remark struct {
	ID      id.Any        `db:"remark_id"`
	By      id.Membership `db:"membership_id"`
	Name    string        `db:"name"`
	Lesson  string        `db:"lesson"` // its key; "" for the whole
	About   string        `db:"about"`  // what the part is called; "" for all of it
	Body    string        `db:"body"`
	At      time.Time     `db:"at"`
	Settled *time.Time    `db:"settled_at"` // an author has seen to it
}

const remarkSQL = `SELECT x.remark_id, x.membership_id, m.name, x.lesson, x.about, x.body, x.at, x.settled_at FROM review_remarks x JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id
	WHERE x.org_id = $1 AND x.item_id = $2`

// AuthorRules are what an organization asks of those who write.
type AuthorRules struct {
	Review bool   `db:"review"` // a colleague reads what is published, before
	Frames string `db:"-"`      // the sites whose pages lessons show in frames, with blanks between them
}

// ReviewDue says that a colleague was asked to read a draft.
type ReviewDue struct {
	Org      id.Org        `json:"org"`
	Item     id.Item       `json:"item"`
	Reviewer id.Membership `json:"reviewer"`
}

// EventKind implements jobs.Event.
func (ReviewDue) EventKind() string { return "courses.review_due" }

// EventOrg implements jobs.Event.
func (e ReviewDue) EventOrg() id.Org { return e.Org }

// ReviewAnswered says that a colleague answered about a draft.
type ReviewAnswered struct {
	Org      id.Org        `json:"org"`
	Item     id.Item       `json:"item"`
	Reviewer id.Membership `json:"reviewer"`
}

// EventKind implements jobs.Event.
func (ReviewAnswered) EventKind() string { return "courses.review_answered" }

// EventOrg implements jobs.Event.
func (e ReviewAnswered) EventOrg() id.Org { return e.Org }

// reviewsMost bounds who is asked about one draft.
const reviewsMost = 10

// Readers are names of colleagues who can be asked to read: those who write themselves, by name, at most 50. Any other colleague can be asked
// as well.
func (s *Service) Readers(ctx context.Context) (out []string, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND m.membership_id <> $2 AND m.roles && '{author,administrator}' ORDER BY lower(m.name), m.membership_id LIMIT 50`, sc.Org, sc.Membership)
	})
	return out, err
}

// AskReview asks a colleague, named by the address or, where nobody else has it, the name, to read what is written; asked again they answer anew.
// They get a mail. Invalid, with the field, for who is nobody, not alone with the name, or oneself.
func (s *Service) AskReview(ctx context.Context, item id.Item, who, words string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	words = strings.TrimSpace(words)
	if utf8.RuneCountInString(words) > 1000 {
		return errs.Fields(errs.Field{Name: "words", Key: "write.fault.long", Args: []any{"Most", 1000}})
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, _ Manuscript) error {
		found, key, err := findColleague(tx, who)
		if err != nil {
			return err
		}
		if key != "" {
			return errs.Fields(errs.Field{Name: "who", Key: key})
		}
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM reviews r WHERE r.org_id = $1 AND r.item_id = $2 AND r.membership_id <> $3`, tx.Scope.Org, item, found)
		if err != nil {
			return err
		}
		if n >= reviewsMost {
			return errs.Fields(errs.Field{Name: "who", Key: "review.fault.many", Args: []any{"Most", reviewsMost}})
		}
		if err := tx.Must(`INSERT INTO reviews (org_id, item_id, membership_id, asked_by, words, asked_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (org_id, item_id, membership_id) DO UPDATE SET asked_by = excluded.asked_by, words = excluded.words, asked_at = excluded.asked_at, state = 'asked', answer = '', answered_at = NULL`,
			tx.Scope.Org, item, found, tx.Scope.Membership, words, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "review.asked", "item:"+item.String(), map[string]string{"membership": found.String()}); err != nil {
			return err
		}
		return jobs.Emit(tx, ReviewDue{tx.Scope.Org, item, found})
	})
}

// CallOffReview takes back that somebody was asked, with what they said.
func (s *Service) CallOffReview(ctx context.Context, item id.Item, who id.Membership) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, _ Manuscript) error {
		if err := tx.Must(`DELETE FROM reviews WHERE org_id = $1 AND item_id = $2 AND membership_id = $3`, tx.Scope.Org, item, who); err != nil {
			return err
		}
		return tenants.Audit(tx, "review.called_off", "item:"+item.String(), map[string]string{"membership": who.String()})
	})
}

// SettleRemark says that an author has seen to a remark, or with open that it is open again.
func (s *Service) SettleRemark(ctx context.Context, item id.Item, remark id.Any, open bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, _ Manuscript) error {
		return tx.Must(`UPDATE review_remarks SET settled_at = CASE WHEN $4 THEN NULL ELSE $5::timestamptz END WHERE org_id = $1 AND item_id = $2 AND remark_id = $3`, tx.Scope.Org, item, remark, open, tx.Now)
	})
}

// Reviews lists what the acting member is asked to read, what waits for an answer first; at most 100.
func (s *Service) Reviews(ctx context.Context) (out []Review, err error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+reviewColumns+` FROM `+reviewFrom+` WHERE r.org_id = $1 AND r.membership_id = $2 ORDER BY r.state <> 'asked', r.asked_at DESC, r.item_id LIMIT 100`, sc.Org, sc.Membership)
	})
	return out, err
}

// ReviewView is a draft as a colleague reads it who was asked to.
type ReviewView struct {
	ManuscriptView

	Review  Review
	Lessons []ReviewLesson
	Remarks []Remark // of the whole, and of lessons that are gone; the viewer's own
}

// ReviewLesson is a lesson as learners would read it, with the viewer's own remarks. A step of a path that leads elsewhere has no text.
type ReviewLesson struct {
	Key     string
	Kind    string // of a step that leads elsewhere; "" for a text
	Title   string
	Section string
	Blocks  []BlockView
	Remarks []Remark
}

// Review returns a draft that the acting member was asked to read. NotFound for any other.
func (s *Service) Review(ctx context.Context, item id.Item) (ReviewView, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return ReviewView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return ReviewView{}, err
	}
	var v ReviewView
	var found bool
	var remarks []Remark
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v.Review, &found, `SELECT `+reviewColumns+` FROM `+reviewFrom+` WHERE r.org_id = $1 AND r.item_id = $2 AND r.membership_id = $3`, sc.Org, item, sc.Membership)
		db.List(b, &remarks, remarkSQL+` AND x.membership_id = $3 ORDER BY x.at, x.remark_id LIMIT 500`, sc.Org, item, sc.Membership)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "no review of %s", item)
	}
	if v.ManuscriptView, err = s.readManuscript(ctx, item); err != nil {
		return v, err
	}
	v.fill(remarks)
	return v, nil
}

func (v *ReviewView) fill(remarks []Remark) {
	p := v.press()
	add := func(key, kind, title, section, text string) {
		l := ReviewLesson{Key: key, Kind: kind, Title: title, Section: section}
		if i := slices.IndexFunc(v.ManuscriptView.Lessons, func(l ManuscriptLesson) bool { return l.Key == key }); i >= 0 && text != "" {
			list, _ := p.read(v.ManuscriptView.Lessons[i])
			l.Blocks = blocks(list, "", nil, nil)
			allow(l.Blocks, func(host string) bool { return slices.Contains(v.Frames, host) })
		}
		for _, r := range remarks {
			if r.Lesson == key {
				l.Remarks = append(l.Remarks, r)
			}
		}
		v.Lessons = append(v.Lessons, l)
	}
	if v.Kind == tenants.KindPath {
		for _, s := range v.Steps {
			if s.Kind == StepLesson {
				add(s.Key, "", s.Shown, s.Section, v.lesson(s.Key).Source)
			} else {
				add(s.Key, s.Kind, s.Shown, s.Section, "")
			}
		}
	} else {
		for _, l := range v.ManuscriptView.Lessons {
			add(l.Key, "", l.Title, l.Module, l.Source)
		}
	}
	for _, r := range remarks {
		if !slices.ContainsFunc(v.Lessons, func(l ReviewLesson) bool { return l.Key == r.Lesson }) {
			v.Remarks = append(v.Remarks, r)
		}
	}
}

// reviewing runs fn on a review that the acting member was asked for. NotFound if there is none.
func (s *Service) reviewing(ctx context.Context, item id.Item, fn func(*db.Tx) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := db.Row[string](tx, `SELECT r.state FROM reviews r WHERE r.org_id = $1 AND r.item_id = $2 AND r.membership_id = $3 FOR UPDATE`, tx.Scope.Org, item, tx.Scope.Membership); err != nil {
			return fmt.Errorf("review of %s: %w", item, err)
		}
		return fn(tx)
	})
}

// RemarkOn leaves a remark on a lesson of a draft that the acting member was asked to read; about names the part. Invalid without words.
func (s *Service) RemarkOn(ctx context.Context, item id.Item, lesson, about, body string) error {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return err
	}
	if body = strings.TrimSpace(body); body == "" || utf8.RuneCountInString(body) > 2000 {
		return errs.Fields(errs.Field{Name: "body", Key: "review.fault.body", Args: []any{"Most", 2000}})
	}
	if r := []rune(about); len(r) > 200 {
		about = string(r[:200])
	}
	return s.reviewing(ctx, item, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM review_remarks x WHERE x.org_id = $1 AND x.item_id = $2 AND x.membership_id = $3`, tx.Scope.Org, item, tx.Scope.Membership)
		if err != nil {
			return err
		}
		if n >= 200 {
			return errs.Fields(errs.Field{Name: "body", Key: "review.fault.remarks", Args: []any{"Most", 200}})
		}
		return tx.Must(`INSERT INTO review_remarks (org_id, remark_id, item_id, membership_id, lesson, about, body, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			tx.Scope.Org, id.New[id.Any](), item, tx.Scope.Membership, lesson, about, body, tx.Now)
	})
}

// TakeBackRemark removes an own remark.
func (s *Service) TakeBackRemark(ctx context.Context, item id.Item, remark id.Any) error {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return err
	}
	return s.reviewing(ctx, item, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM review_remarks WHERE org_id = $1 AND item_id = $2 AND membership_id = $3 AND remark_id = $4`, tx.Scope.Org, item, tx.Scope.Membership, remark)
	})
}

// AnswerReview says what the acting member thinks of a draft: ReviewGood, or ReviewChange with what has to change. Whoever asked gets a mail.
// Answering again counts.
func (s *Service) AnswerReview(ctx context.Context, item id.Item, state, answer string) error {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return err
	}
	answer = strings.TrimSpace(answer)
	switch {
	case state != ReviewGood && state != ReviewChange:
		return errs.New(errs.Malformed, "answer %q", state)
	case utf8.RuneCountInString(answer) > 2000:
		return errs.Fields(errs.Field{Name: "answer", Key: "write.fault.long", Args: []any{"Most", 2000}})
	}
	return s.reviewing(ctx, item, func(tx *db.Tx) error {
		if state == ReviewChange && answer == "" {
			n, err := db.Row[int](tx, `SELECT count(*)::int FROM review_remarks x WHERE x.org_id = $1 AND x.item_id = $2 AND x.membership_id = $3 AND x.settled_at IS NULL`, tx.Scope.Org, item, tx.Scope.Membership)
			if err != nil {
				return err
			}
			if n == 0 {
				return errs.Fields(errs.Field{Name: "answer", Key: "review.fault.what"})
			}
		}
		if err := tx.Must(`UPDATE reviews SET state = $4, answer = $5, answered_at = $6 WHERE org_id = $1 AND item_id = $2 AND membership_id = $3`, tx.Scope.Org, item, tx.Scope.Membership, state, answer, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "review."+state, "item:"+item.String(), nil); err != nil {
			return err
		}
		return jobs.Emit(tx, ReviewAnswered{tx.Scope.Org, item, tx.Scope.Membership})
	})
}

// AuthorRules returns what the own organization asks of those who write.
func (s *Service) AuthorRules(ctx context.Context) (out AuthorRules, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return AuthorRules{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return AuthorRules{}, err
	}
	var frames []string
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &out, nil, authorRulesSQL, sc.Org)
		db.One(b, &frames, nil, framesSQL, sc.Org)
	})
	out.Frames = strings.Join(frames, " ")
	return out, err
}

const authorRulesSQL = `SELECT a.review FROM author_rules a WHERE a.org_id = $1`

// SetAuthorRules changes them. Repeating it is safe. Invalid, with the field "frames", for what is no site.
func (s *Service) SetAuthorRules(ctx context.Context, r AuthorRules) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tenants.SetFrames(tx, r.Frames, s.tenants.Base()); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO author_rules AS a (org_id, review) VALUES ($1, $2) ON CONFLICT (org_id) DO UPDATE SET review = excluded.review WHERE a.review <> excluded.review`, tx.Scope.Org, r.Review)
		if err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "publishing.rules", "organization:"+tx.Scope.Org.String(), map[string]bool{"review": r.Review})
	})
}

// lookReviews fills the check of the reviews: whoever asks for a change waits for it, and an organization may want somebody to have found
// good what is there now.
func (v *ManuscriptView) lookReviews() {
	c := WriteCheck{Key: "review", OK: true, Blocks: v.Rules.Review}
	good := false
	for _, r := range v.Reviews {
		if r.State == ReviewChange {
			c.OK, c.Found = false, "change"
			c.Count++
			if c.Title == "" {
				c.Title = r.Name
			}
		}
		good = good || r.State == ReviewGood && !r.Stale
	}
	switch {
	case c.OK && !good && v.Rules.Review && slices.ContainsFunc(v.Reviews, func(r Review) bool { return r.State == ReviewGood }):
		c.OK, c.Found = false, "stale"
	case c.OK && !good && v.Rules.Review:
		c.OK, c.Found = false, "none"
	case len(v.Reviews) == 0:
		return // Nobody asks for it.
	}
	v.Checks = append(v.Checks, c)
}
