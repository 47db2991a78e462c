package courses

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
)

// The states of a question.
const (
	Unanswered = ""
	Right      = "right"
	Wrong      = "wrong"
)

// MaxWords is the longest written answer, in characters.
const MaxWords = 500

// Given is an answer: the question's key and the places of the chosen choices as they were shown, from 0. Of an order it is all places
// in their new order, of a match the place of each choice's partner, -1 for none; Words are what was written.
type Given struct {
	Question string
	Choices  []int
	Words    string
}

// QuestionView is a question with the viewer's last answer.
type QuestionView struct {
	Key, Kind      string
	Ask, HTML      string // HTML is "" where the text is all there is
	Unit           string
	Choices        []ChoiceView // as the viewer sees them; none where one writes
	Partners       []string     // of a match, as the viewer sees them
	Words          string
	State          string // Unanswered, Right or Wrong
	Fits           int    // of an order or a match that is wrong: how many stand right
	Feedback       string
	Answered       bool      // in a check, which says Right or Wrong only at its end
	Solution       *Solution // at the end of a check
	ReadKey, Again string    // the part of the lesson to read again, and its title, likewise
}

// ChoiceView is a choice; Right is told once the question was answered rightly.
type ChoiceView struct {
	Place         int // that an answer names it by
	Text, HTML    string
	Chosen, Right bool
	Partner       int // of a match: the place of the chosen partner, -1 for none
}

// Solution is what would have been right, and why.
type Solution struct {
	Lines []SolutionLine
	Why   string
}

// SolutionLine is a choice that is right; of a match with its partner. HTML is "" where the text is all there is.
type SolutionLine struct{ Text, HTML, Partner string }

// attempt is an answer as it is kept: the author's numbers of choices.
type attempt struct {
	Question string `db:"question_key"`
	Choices  []int  `db:"choices"`
	Words    string `db:"words"`
}

// dealt is the order in which somebody sees a question: at place i stands the author's choice, and for a match the author's partner, of
// that number. It follows from a seed, so that nothing is kept and nothing in a page tells the author's order.
type dealt struct{ choices, partners []int }

func deal(q markdown.Question, shuffle bool, seed string) dealt {
	sum := sha256.Sum256([]byte(seed + "\x00" + q.Key))
	r := rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]))) //nolint:gosec // Whoever sees a question may know its order; it has to come again.
	d := dealt{choices: upTo(len(q.Choices))}
	switch q.Kind {
	case markdown.Order:
		for shuffled(r, d.choices); slices.IsSorted(d.choices); {
			shuffled(r, d.choices)
		}
	case markdown.Match:
		d.choices = slices.DeleteFunc(d.choices, func(i int) bool { return strings.TrimSpace(q.Choices[i].Text) == "" })
		d.partners = upTo(len(q.Partners()))
		shuffled(r, d.partners)
	case markdown.Single, markdown.Multiple:
		if shuffle {
			shuffled(r, d.choices)
		}
	}
	return d
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func shuffled(r *rand.Rand, list []int) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// meant is an answer in the author's numbers. Invalid if nothing, or something that is not there, was chosen or written.
func (d dealt) meant(q markdown.Question, g Given) (attempt, error) {
	a := attempt{Question: q.Key, Choices: []int{}}
	choose := errs.Fields(errs.Field{Name: "choice", Key: "courses.quiz.choose"})
	if q.Written() {
		a.Words = strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(g.Words, "\x00", ""), ""))
		switch {
		case a.Words == "":
			return a, errs.Fields(errs.Field{Name: "words", Key: "quiz.fault.write"})
		case len([]rune(a.Words)) > MaxWords:
			return a, errs.Fields(errs.Field{Name: "words", Key: "quiz.fault.long", Args: []any{"Most", MaxWords}})
		case q.Kind == markdown.Number && len(numbers(q, a.Words)) == 0:
			return a, errs.Fields(errs.Field{Name: "words", Key: "quiz.fault.number"})
		}
		if i := known(q, a.Words); i >= 0 {
			a.Choices = append(a.Choices, i)
		}
		return a, nil
	}
	of, need := d.choices, 1
	switch q.Kind {
	case markdown.Order:
		need = len(d.choices)
	case markdown.Match:
		of, need = d.partners, len(d.choices)
		choose = errs.Fields(errs.Field{Name: "choice", Key: "quiz.fault.match"})
	}
	if len(g.Choices) < need || q.Kind != markdown.Multiple && len(g.Choices) > need {
		return a, choose
	}
	for i, place := range g.Choices {
		if place < 0 || place >= len(of) || q.Kind != markdown.Match && slices.Contains(g.Choices[:i], place) {
			return a, choose
		}
		a.Choices = append(a.Choices, of[place])
	}
	return a, nil
}

// numbers are what the written words may mean, with or without the unit.
func numbers(q markdown.Question, words string) []float64 {
	if rest, ok := strings.CutSuffix(strings.ToLower(words), strings.ToLower(strings.TrimSpace(q.Unit))); ok && q.Unit != "" {
		words = rest
	}
	return markdown.Readings(words)
}

// known is the number of the choice that written words say: one that is right, or else a known mistake; -1 for none.
func known(q markdown.Question, words string) int {
	says := func(c markdown.Choice) bool { return folded(c.Text, q.Forgive) == folded(words, q.Forgive) }
	if q.Kind == markdown.Number {
		said := numbers(q, words)
		says = func(c markdown.Choice) bool {
			want := markdown.Readings(c.Text)
			return len(want) > 0 && slices.ContainsFunc(said, func(n float64) bool { return math.Abs(n-want[0]) <= q.Off(want[0]) })
		}
	}
	for _, right := range []bool{true, false} {
		if i := slices.IndexFunc(q.Choices, func(c markdown.Choice) bool { return c.Right == right && says(c) }); i >= 0 {
			return i
		}
	}
	return -1
}

// folded is what of written words counts: a form of Unicode in which the same looks the same, without what is forgiven.
func folded(s string, forgive []string) string {
	if len(forgive) == 0 {
		forgive = []string{markdown.ForgiveCase, markdown.ForgiveSpaces}
	}
	s = norm.NFC.String(strings.TrimSpace(s))
	if slices.Contains(forgive, markdown.ForgiveCase) {
		s = cases.Fold().String(s)
	}
	if slices.Contains(forgive, markdown.ForgiveSpaces) {
		s = strings.Join(strings.Fields(s), " ")
	}
	if slices.Contains(forgive, markdown.ForgiveAccents) {
		if t, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s); err == nil {
			s = t
		}
	}
	return s
}

// seed is what the order of questions and choices follows from while somebody practises: every member has their own, visitors have one.
func (at located) seed(sc scope.Scope) string {
	return fmt.Sprintf("%s/%s/%s", sc.Membership, at.Item, at.Lesson)
}

func findQuestion(tx *db.Tx, at located, key string) (markdown.Question, dealt, error) {
	l, err := db.Row[struct {
		Blocks []markdown.Block `db:"blocks"`
	}](tx, `SELECT l.blocks FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`, at.Org, at.Item, at.Version, at.Lesson)
	if err != nil {
		return markdown.Question{}, dealt{}, fmt.Errorf("question %s: %w", key, err)
	}
	if q, d, ok := practised(l.Blocks, at.seed(tx.Scope), key); ok {
		return q, d, nil
	}
	return markdown.Question{}, dealt{}, errs.New(errs.NotFound, "question %s of %s", key, at.Lesson)
}

// practised finds a question that is answered on the lesson's page.
func practised(list []markdown.Block, seed, key string) (markdown.Question, dealt, bool) {
	for _, b := range list {
		if b.Check() {
			continue
		}
		for _, q := range b.Questions {
			if q.Key == key {
				return q, deal(q, b.Shuffle, seed), true
			}
		}
	}
	return markdown.Question{}, dealt{}, false
}

// answered adds an answer that is kept nowhere; one that does not fit its question is none.
func (l *text) answered(seed string, g Given) {
	q, d, ok := practised(l.Blocks, seed, g.Question)
	if !ok {
		return
	}
	if a, err := d.meant(q, g); err == nil {
		l.Attempts = append(l.Attempts, a)
	}
}

func blocks(list []markdown.Block, seed string, attempts []attempt, own []keepsake) []BlockView {
	out := make([]BlockView, 0, len(list))
	for _, b := range list {
		v := BlockView{Kind: b.Kind, Key: b.Key, Title: b.Title, HTML: b.HTML, Ask: b.Ask, Src: b.Src, Poster: b.Poster, Captions: b.Captions, Chapters: b.Chapters, Said: b.Said, Minutes: b.Minutes}
		if b.Check() {
			v.Check = rulesOf(b)
		} else {
			v.Questions = questions(b, seed, attempts)
		}
		for _, r := range own {
			if r.Kind == b.Kind && r.Key == b.Key {
				v.Body, v.Saved, v.Edition, v.Thought, v.Shared = r.Body, r.At, r.Edition, r.ID, r.Shared
				if r.Kind == markdown.Try {
					v.Plan = &TryView{With: r.With, By: r.By}
				}
			}
		}
		switch {
		case b.Kind == markdown.Try && v.Plan == nil:
			v.Plan = &TryView{With: b.With, Days: b.Days}
		case b.Kind == markdown.Task:
			v.Task = &b
		case b.Kind == markdown.Group:
			v.Group = &GroupStep{From: b.From, To: b.To, Minutes: b.Minutes, Out: b.Out}
		case b.Kind == markdown.Steps:
			v.Steps = ticked(b, v.Body)
		case b.Kind == markdown.Embed:
			v.Frame = framed(b.Src)
		}
		out = append(out, v)
	}
	return out
}

func questions(b markdown.Block, seed string, attempts []attempt) (out []QuestionView) {
	list := b.Questions
	if b.Shuffle {
		list = slices.Clone(list)
		sum := sha256.Sum256([]byte(seed + "\x00\x00" + b.Key))
		rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) //nolint:gosec // As deal.
	}
	for _, q := range list {
		var last *attempt
		for i, a := range attempts {
			if a.Question == q.Key {
				last = &attempts[i]
			}
		}
		out = append(out, question(q, deal(q, b.Shuffle, seed), last))
	}
	return out
}

// question is a question as somebody sees it who answered so, or not yet. An answer that does not fit, as after a new version, is none.
func question(q markdown.Question, d dealt, a *attempt) QuestionView {
	v := QuestionView{Key: q.Key, Kind: q.Kind, Ask: q.Ask, HTML: q.HTML, Unit: q.Unit}
	if a != nil && fits(q, d, *a) {
		ok, feedback := judge(q, *a)
		v.State, v.Feedback, v.Words = Wrong, feedback, a.Words
		if ok {
			v.State = Right
		} else {
			v.Fits = standing(q, *a)
		}
	} else {
		a = &attempt{}
	}
	if q.Written() {
		return v
	}
	for _, p := range d.partners {
		v.Partners = append(v.Partners, q.Partners()[p])
	}
	places := upTo(len(d.choices))
	if q.Kind == markdown.Order && v.State != Unanswered {
		for i, c := range a.Choices {
			places[i] = slices.Index(d.choices, c)
		}
	}
	for _, place := range places {
		i := d.choices[place]
		c := ChoiceView{Place: place, Text: q.Choices[i].Text, HTML: q.Choices[i].HTML, Partner: -1}
		switch {
		case q.Kind == markdown.Match && v.State != Unanswered:
			c.Partner = slices.Index(d.partners, a.Choices[place])
		case q.Chosen():
			c.Chosen, c.Right = slices.Contains(a.Choices, i), q.Choices[i].Right && v.State == Right
		}
		v.Choices = append(v.Choices, c)
	}
	return v
}

// fits reports whether an answer can be one to the question.
func fits(q markdown.Question, d dealt, a attempt) bool {
	switch q.Kind {
	case markdown.Number, markdown.Text:
		return a.Words != ""
	case markdown.Order:
		return slices.Equal(slices.Sorted(slices.Values(a.Choices)), upTo(len(d.choices)))
	case markdown.Match:
		return len(a.Choices) == len(d.choices) && !slices.ContainsFunc(a.Choices, func(p int) bool { return p < 0 || p >= len(d.partners) })
	}
	return len(a.Choices) > 0 && !slices.ContainsFunc(a.Choices, func(c int) bool { return c < 0 || c >= len(q.Choices) })
}

// standing is how many choices of an order stand where they belong, or of a match with whom.
func standing(q markdown.Question, a attempt) (n int) {
	left := slices.DeleteFunc(slices.Clone(q.Choices), func(c markdown.Choice) bool { return strings.TrimSpace(c.Text) == "" })
	for i, c := range a.Choices {
		if q.Kind == markdown.Order && i == c || q.Kind == markdown.Match && i < len(left) && q.Partners()[c] == left[i].Match {
			n++
		}
	}
	return n
}

// judge says whether an answer is right and explains it; of a wrong answer it explains what was wrong about it and does not tell the
// right one.
func judge(q markdown.Question, a attempt) (right bool, feedback string) {
	var because []string
	switch q.Kind {
	case markdown.Order, markdown.Match:
		right = standing(q, a) == len(a.Choices)
	case markdown.Number, markdown.Text:
		right = len(a.Choices) > 0 && a.Choices[0] < len(q.Choices) && q.Choices[a.Choices[0]].Right
	default:
		right = true
		for i, c := range q.Choices {
			right = right && slices.Contains(a.Choices, i) == c.Right
		}
	}
	for i, c := range q.Choices {
		if q.Kind != markdown.Order && q.Kind != markdown.Match && slices.Contains(a.Choices, i) && c.Because != "" && (right || !c.Right) {
			because = append(because, c.Because)
		}
	}
	switch {
	case right && q.Because != "":
		because = append(because, q.Because)
	case !right && len(because) == 0 && q.Hint != "":
		because = append(because, q.Hint)
	}
	return right, strings.Join(because, " ")
}

// solution is what would have been right.
func solution(q markdown.Question) *Solution {
	s := &Solution{Why: q.Because}
	for _, c := range q.Choices {
		switch {
		case q.Kind == markdown.Match && strings.TrimSpace(c.Text) == "":
		case q.Kind == markdown.Match || q.Kind == markdown.Order || c.Right:
			line := SolutionLine{Text: c.Text, HTML: c.HTML, Partner: c.Match}
			if q.Kind == markdown.Number && q.Unit != "" {
				line.Text += " " + q.Unit
			}
			s.Lines = append(s.Lines, line)
			if c.Right && c.Because != "" && q.Because == "" {
				s.Why = strings.TrimSpace(s.Why + " " + c.Because)
			}
		}
	}
	return s
}
