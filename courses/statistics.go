package courses

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What to do about a question, as its figures say.
const (
	AdviceNone    = ""     // it does what it should
	AdviceFew     = "few"  // fewer than five people answered: there are no figures
	AdviceKey     = "key"  // those who know the rest get it wrong: look whether the right choice is right
	AdviceHard    = "hard" // hardly anybody gets it right at once
	AdviceLure    = "lure" // one wrong choice draws most: a mistake worth teaching, or a choice that can be read as right
	AdviceWeak    = "weak" // it does not tell who knows the rest from who does not
	AdviceEasy    = "easy" // everybody gets it right at once
	adviceMinimum = 20     // people from which on the discrimination is told: of fewer it is chance
)

// ItemStatistic is how a question was answered at the first try, by people of the own organization. Figures are in steps of five people.
type ItemStatistic struct {
	Lesson, LessonTitle string
	Quiz                string
	Question            string // key
	Kind                string
	Ask                 string   // plain words
	People              int      // 0 below five
	Right               int      // of them
	Discrimination      *float64 // correlation with the rest of the quiz, -1..1 to one decimal; nil where it is chance or there is no rest
	Lure                string   // the wrong choice that most took, in plain words; "" for none
	LureN               int      // how many
	Advice              string
	position            int
}

// Difficulty is the share that got it right at once, 0..1.
func (s ItemStatistic) Difficulty() float64 {
	if s.People == 0 {
		return 0
	}
	return float64(s.Right) / float64(s.People)
}

// StatisticsFilter narrows and orders the questions.
type StatisticsFilter struct {
	Version int    // 0 for the one in force
	Lesson  string // key; "" for all
	Advice  bool   // only those about which there is something to do
	Query   string // words of the question
	Sort    string // "" in the order of the course, or people, right, discrimination; with a minus before it the other way round
	Page    int    // from 0
	All     bool   // no pages
}

// StatisticsView is a page of the questions of an own item.
type StatisticsView struct {
	Item     tenants.Item
	Version  int
	Versions []int // the latest first
	Lessons  []LessonRef
	Rows     []ItemStatistic
	Found    int
	More     bool
}

// statisticsPage is how many lines a page has.
const statisticsPage = 25

type answersRow struct {
	Lesson         string         `db:"lesson_key"`
	Question       string         `db:"question_key"`
	People         int            `db:"people"`
	Right          int            `db:"rightly"`
	Discrimination *float64       `db:"discrimination"`
	Picks          map[string]int `db:"picks"`
}

type lessonBlocks struct {
	Key    string           `db:"key"`
	Title  string           `db:"title"`
	Blocks []markdown.Block `db:"blocks"`
}

// Statistics returns how the questions of an own course or path were answered in one of its versions, by people of the own organization at
// their first try. NotFound for what another organization owns and for a version that there is not.
func (s *Service) Statistics(ctx context.Context, item id.Item, f StatisticsFilter) (StatisticsView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return StatisticsView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return StatisticsView{}, err
	}
	v, err := s.versioned(ctx, item, f.Version)
	if err != nil {
		return v, err
	}
	var lessons []lessonBlocks
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &lessons, `SELECT l.key, l.title, l.blocks FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 ORDER BY l.position LIMIT 1000`, sc.Org, item, v.Version)
	}); err != nil {
		return v, err
	}
	asked := v.asked(lessons)
	var keys [3][]string
	for _, q := range asked {
		keys[0], keys[1], keys[2] = append(keys[0], q.Lesson), append(keys[1], q.Quiz), append(keys[2], q.Question)
	}
	var rows []answersRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT a.lesson_key, a.question_key, a.people, a.rightly, a.discrimination, a.picks FROM answers_of($1, $2, $3, $4, $5) a ORDER BY a.lesson_key, a.question_key LIMIT 10000`, item, v.Version, keys[0], keys[1], keys[2])
	}); err != nil {
		return v, err
	}
	for i := range asked {
		for _, r := range rows {
			if r.Lesson == asked[i].Lesson && r.Question == asked[i].Question {
				asked[i].figures(r)
			}
		}
		asked[i].advise()
	}
	v.page(asked, f)
	return v, nil
}

// versioned reads an own course or path with its versions, and chooses one: 0 for the one in force. NotFound for what another organization
// owns and for a version that there is not.
func (s *Service) versioned(ctx context.Context, item id.Item, version int) (StatisticsView, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return StatisticsView{}, err
	}
	var v StatisticsView
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v.Item, &found, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path')`, sc.Org, item)
		db.List(b, &v.Versions, `SELECT v.version FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 ORDER BY v.version DESC LIMIT 1000`, sc.Org, item)
	}); err != nil {
		return v, err
	}
	if v.Version = cmp.Or(version, v.Item.Version); !found || !slices.Contains(v.Versions, v.Version) {
		return v, errs.New(errs.NotFound, "version %d of %s", version, item)
	}
	return v, nil
}

// question of a lesson with what is needed to name its choices.
type statistic struct {
	ItemStatistic
	q markdown.Question
}

func (v *StatisticsView) asked(lessons []lessonBlocks) (out []statistic) {
	for _, l := range lessons {
		n := len(out)
		for _, b := range l.Blocks {
			for _, q := range b.Questions {
				out = append(out, statistic{ItemStatistic{
					Lesson: l.Key, LessonTitle: l.Title, Quiz: b.Key, Question: q.Key, Kind: cmp.Or(q.Kind, markdown.Single), Ask: markdown.Plain(q.Ask), position: len(out),
				}, q})
			}
		}
		if len(out) > n {
			v.Lessons = append(v.Lessons, LessonRef{Key: l.Key, Title: l.Title})
		}
	}
	return out
}

// figures takes what was counted.
func (s *statistic) figures(r answersRow) {
	s.People, s.Right = r.People, r.Right
	if r.People >= adviceMinimum {
		s.Discrimination = r.Discrimination
	}
	if s.q.Kind == markdown.Order || s.q.Kind == markdown.Match {
		return
	}
	for pick, n := range r.Picks {
		i, err := strconv.Atoi(pick)
		if err != nil || i < 0 || i >= len(s.q.Choices) || s.q.Choices[i].Right {
			continue
		}
		if text := markdown.Plain(s.q.Choices[i].Text); n > s.LureN || n == s.LureN && text < s.Lure {
			s.Lure, s.LureN = text, n
		}
	}
}

// advise says what to do. The bounds are those of the classical analysis of items (Ebel, Frisbie: Essentials of Educational Measurement, 1991):
// below 0.2 a question hardly tells people apart, below 0 it does so the wrong way round.
func (s *statistic) advise() {
	d := s.Difficulty()
	switch {
	case s.People == 0:
		s.Advice = AdviceFew
	case s.Discrimination != nil && *s.Discrimination < 0:
		s.Advice = AdviceKey
	case 2*s.LureN > s.People:
		s.Advice = AdviceLure
	case d < 0.3:
		s.Advice = AdviceHard
	case d > 0.95:
		s.Advice = AdviceEasy
	case s.Discrimination != nil && *s.Discrimination < 0.2:
		s.Advice = AdviceWeak
	}
}

// page picks the lines that are shown.
func (v *StatisticsView) page(list []statistic, f StatisticsFilter) {
	words := strings.ToLower(strings.TrimSpace(f.Query))
	for _, s := range list {
		if (f.Lesson == "" || s.Lesson == f.Lesson) && (!f.Advice || s.Advice != AdviceNone && s.Advice != AdviceFew) && strings.Contains(strings.ToLower(s.Ask), words) {
			v.Rows = append(v.Rows, s.ItemStatistic)
		}
	}
	by, down := strings.CutPrefix(f.Sort, "-")
	slices.SortStableFunc(v.Rows, func(a, b ItemStatistic) int {
		c := 0
		switch by {
		case "people":
			c = cmp.Compare(a.People, b.People)
		case "right":
			c = cmp.Compare(a.Difficulty(), b.Difficulty())
		case "discrimination":
			c = cmp.Compare(orNothing(a.Discrimination), orNothing(b.Discrimination))
		}
		if down {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.position, b.position))
	})
	v.Found = len(v.Rows)
	if f.All {
		return
	}
	from := min(max(f.Page, 0)*statisticsPage, len(v.Rows))
	to := min(from+statisticsPage, len(v.Rows))
	v.Rows, v.More = v.Rows[from:to], to < len(v.Rows)
}

// orNothing sorts what is not known below all that is.
func orNothing(d *float64) float64 {
	if d == nil {
		return -2
	}
	return *d
}
