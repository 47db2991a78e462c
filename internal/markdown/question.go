package markdown

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	"gopkg.in/yaml.v3"
)

// The kinds of a question.
const (
	Single    = "single"    // one choice is right
	Multiple  = "multiple"  // all that are right, and no other
	TrueFalse = "truefalse" // two choices: a statement holds, or it does not
	Number    = "number"    // a number is written; the choices are numbers that are right, and mistakes that are known
	Text      = "text"      // words are written; the choices are forms that are right, and mistakes that are known
	Order     = "order"     // the choices, which stand in the right order, are put in order
	Match     = "match"     // each choice is put together with its partner
)

// Kinds are all kinds of a question.
var Kinds = []string{Single, Multiple, TrueFalse, Number, Text, Order, Match} //nolint:gochecknoglobals // A constant list.

// What a written answer is forgiven, see Question.Forgive.
const (
	ForgiveCase    = "case"
	ForgiveSpaces  = "spaces"
	ForgiveAccents = "accents"
	ForgiveNothing = "nothing"
)

// Forgiven are the values of Question.Forgive.
var Forgiven = []string{ForgiveCase, ForgiveSpaces, ForgiveAccents, ForgiveNothing} //nolint:gochecknoglobals // A constant list.

// MaxChoices bounds what a question lets choose between.
const MaxChoices = 30

// Question of a quiz. Ask and the texts of its choices are Markdown; a single line is never a list or a heading.
type Question struct {
	Key       string   `json:"key" yaml:"key,omitempty"`
	Kind      string   `json:"kind" yaml:"kind,omitempty"`
	Ask       string   `json:"ask" yaml:"ask"`
	HTML      string   `json:"html,omitempty" yaml:"-"` // of Ask
	Choices   []Choice `json:"choices" yaml:"choices"`
	Tolerance string   `json:"tolerance,omitempty" yaml:"tolerance,omitempty"` // of a number: how far off is still right, "0.1" or "5%"
	Unit      string   `json:"unit,omitempty" yaml:"unit,omitempty"`           // of a number
	Forgive   []string `json:"forgive,omitempty" yaml:"forgive,omitempty"`     // of words: see Forgiven; default case and spaces
	Because   string   `json:"because,omitempty" yaml:"because,omitempty"`     // why what is right is right
	Hint      string   `json:"hint,omitempty" yaml:"hint,omitempty"`           // to a wrong answer that no choice explains
	Read      string   `json:"read,omitempty" yaml:"read,omitempty"`           // key of the part of the text to read again
}

// Choice of a question; Because explains it, and names the common mistake where it is one.
type Choice struct {
	Text    string `json:"text" yaml:"text,omitempty"`
	HTML    string `json:"html,omitempty" yaml:"-"` // of Text
	Right   bool   `json:"right,omitempty" yaml:"right,omitempty"`
	Because string `json:"because,omitempty" yaml:"because,omitempty"`
	Match   string `json:"match,omitempty" yaml:"match,omitempty"` // the partner; without a text it is one that belongs to nothing
}

// Chosen reports whether one answers the question by choosing.
func (q Question) Chosen() bool {
	return slices.Contains([]string{Single, Multiple, TrueFalse}, q.Kind)
}

// Written reports whether one answers the question by writing.
func (q Question) Written() bool { return q.Kind == Number || q.Kind == Text }

// Partners are what the choices of a match are put together with, each once, in the order of their writing.
func (q Question) Partners() (out []string) {
	for _, c := range q.Choices {
		if !slices.Contains(out, c.Match) {
			out = append(out, c.Match)
		}
	}
	return out
}

// Off is how far from a number an answer is still right.
func (q Question) Off(of float64) float64 {
	text, share := strings.CutSuffix(strings.TrimSpace(q.Tolerance), "%")
	t := 0.0
	if n := Readings(text); len(n) > 0 {
		t = math.Abs(n[0])
	}
	if share {
		t *= math.Abs(of) / 100
	}
	return t + 1e-9*max(1, math.Abs(of)) // What 0.1 + 0.2 is off.
}

var (
	numberLine = regexp.MustCompile(`^[+-]?(\d+([.,]\d+)*|[.,]\d+)(e[+-]?\d{1,3})?$`)
	thousands  = regexp.MustCompile(`^[+-]?\d{1,3}[.,]\d{3}$`)
)

// Readings are the numbers that words may mean: the decimal reading first, and a second where a comma or point may also set thousands
// apart. Words that are no number have none.
func Readings(s string) (out []float64) {
	s = strings.NewReplacer("−", "-", "–", "-", " ", "", "\u00a0", "", "\u202f", "", "\u2009", "", "'", "", "’", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	if !numberLine.MatchString(s) {
		return nil
	}
	add := func(s string) {
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) {
			out = append(out, f)
		}
	}
	none := strings.NewReplacer(",", "", ".", "")
	point, comma := strings.Count(s, "."), strings.Count(s, ",")
	switch last := strings.LastIndexAny(s, ".,"); {
	case point+comma == 0:
		add(s)
	case point+comma == 1:
		add(strings.Replace(s, ",", ".", 1))
		if thousands.MatchString(s) {
			add(none.Replace(s))
		}
	case point == 0 || comma == 0:
		add(none.Replace(s))
	case strings.Count(s, s[last:last+1]) == 1:
		add(none.Replace(s[:last]) + "." + s[last+1:])
	}
	return out
}

// linesOf are the lines of a quiz's questions in the text, which its block begins at line at of.
func linesOf(body string, at int) func(question int) int {
	var doc yaml.Node
	var list []int
	if err := yaml.Unmarshal([]byte(body), &doc); err == nil && len(doc.Content) > 0 && doc.Content[0].Kind == yaml.MappingNode {
		top := doc.Content[0].Content
		for i := 0; i+1 < len(top); i += 2 {
			if top[i].Value == "questions" {
				for _, q := range top[i+1].Content {
					list = append(list, at+q.Line)
				}
			}
		}
	}
	return func(i int) int {
		if i < len(list) {
			return list[i]
		}
		return at
	}
}

// questions takes what can be answered; what cannot is named with its line.
func (s *splitter) questions(b *Block, list []Question, line func(int) int) bool {
	for i, q := range list {
		if q.Kind == "" {
			q.Kind = Single
		}
		s.truths(&q)
		if key, problem, fix := q.wrong(); key != "" {
			s.wrong(key, line(i), fmt.Sprintf("question %d", i+1), problem, fix)
			continue
		}
		if q.Key == "" {
			q.Key = q.Ask
		}
		q.Key = unique(s.asked, slug(q.Key))
		q.HTML = fragment(q.Ask, s.options)
		q.Choices = slices.Clone(q.Choices)
		if !q.Written() {
			for j, c := range q.Choices {
				q.Choices[j].HTML = fragment(c.Text, s.options)
			}
		}
		b.Questions = append(b.Questions, q)
	}
	if len(b.Questions) == 0 {
		s.wrong("no_answerable", b.Line, Quiz, "it has no question that can be answered", "add questions:")
		return false
	}
	return true
}

// rules takes how a quiz is taken; what makes no sense is named and left out.
func (s *splitter) rules(b *Block, f Fields) {
	take := func(to *int, n, most int, key, name, fix string) {
		if n < 0 || n > most {
			s.wrong(key, b.Line, fmt.Sprintf("%s: %d", name, n), "it cannot be so", fix)
			return
		}
		*to = n
	}
	b.Minutes = 0
	take(&b.Draw, f.Draw, len(b.Questions), "bad_draw", "draw", fmt.Sprintf("write a number up to %d, which is how many questions there are", len(b.Questions)))
	take(&b.Attempts, f.Attempts, 20, "bad_attempts", "attempts", "write a number up to 20, or leave it out for any number")
	take(&b.Pass, f.Pass, 100, "bad_pass", "pass", "write percent, up to 100")
	take(&b.Minutes, f.Minutes, 300, "bad_minutes", "minutes", "write minutes, up to 300")
	switch b.Skips = f.Skips; {
	case f.Skips != "" && f.Skips != SkipsLesson && f.Skips != SkipsCourse, f.Skips != "" && b.Pass == 0:
		s.wrong("bad_skips", b.Line, "skips: "+f.Skips, "nobody can skip anything with it", "write pass: with a mark, and skips: lesson or skips: course")
		b.Skips = ""
	}
}

// truths gives the two choices of a statement their words in the language of the text, unless its author wrote others.
func (s *splitter) truths(q *Question) {
	if q.Kind != TrueFalse || len(q.Choices) != 2 {
		return
	}
	words := [2]string{"True", "False"}
	if strings.HasPrefix(s.options.Lang, "de") {
		words = [2]string{"Richtig", "Falsch"}
	}
	q.Choices = slices.Clone(q.Choices)
	for i := range q.Choices {
		if strings.TrimSpace(q.Choices[i].Text) == "" {
			q.Choices[i].Text = words[i]
		}
	}
}

// wrong says why a question cannot be answered; "" if it can.
func (q Question) wrong() (key, problem, fix string) {
	right := 0
	for _, c := range q.Choices {
		if c.Right {
			right++
		}
	}
	has := func(bad func(Choice) bool) bool { return slices.ContainsFunc(q.Choices, bad) }
	silent := func(c Choice) bool { return strings.TrimSpace(c.Text) == "" }
	least := map[string]int{Number: 1, Text: 1}[q.Kind]
	if least == 0 {
		least = 2
	}
	ordered := q.Kind == Order || q.Kind == Match
	switch {
	case strings.TrimSpace(q.Ask) == "":
		return "asks_nothing", "it asks nothing", "add ask:"
	case !slices.Contains(Kinds, q.Kind):
		return "bad_kind", "its kind is " + q.Kind, "write kind: and one of " + strings.Join(Kinds, ", ")
	case len(q.Choices) < least:
		return "no_choices", "there is nothing to choose", "add at least two choices"
	case len(q.Choices) > MaxChoices:
		return "many_choices", fmt.Sprintf("it has %d choices", len(q.Choices)), fmt.Sprintf("keep it below %d", MaxChoices+1)
	case q.Kind == TrueFalse && len(q.Choices) != 2:
		return "not_two", "a statement holds or does not", "write two choices: the first for true, the second for false"
	case q.Kind == Match && has(func(c Choice) bool { return strings.TrimSpace(c.Match) == "" }):
		return "no_partner", "a choice has no partner", "give it a match:"
	case q.Kind == Match && (len(q.Partners()) < 2 || len(q.Choices)-count(q.Choices, silent) < 2):
		return "no_pairs", "there is nothing to put together", "add at least two choices with a text: and a match: that differ"
	case q.Kind != Match && has(silent):
		return "empty_choice", "a choice says nothing", "give it a text: or leave it out"
	case ordered && twice(q.Choices):
		return "same_choice", "two choices say the same", "make them differ"
	case !ordered && right == 0:
		return "none_right", "no choice is right", "mark one with right: true"
	case right > 1 && (q.Kind == Single || q.Kind == TrueFalse):
		return "several_right", "several choices are right", "write kind: multiple"
	case q.Kind == Number && has(func(c Choice) bool { return len(Readings(c.Text)) == 0 }):
		return "no_number", "a choice is no number", "write a number such as 0.6 and the unit as unit:"
	case q.Tolerance != "" && len(Readings(strings.TrimSuffix(strings.TrimSpace(q.Tolerance), "%"))) == 0:
		return "bad_tolerance", "its tolerance is " + q.Tolerance, "write a number such as 0.1, or a share such as 5%"
	case slices.ContainsFunc(q.Forgive, func(f string) bool { return !slices.Contains(Forgiven, f) }):
		return "bad_forgive", "it forgives " + strings.Join(q.Forgive, ", "), "write forgive: with some of " + strings.Join(Forgiven, ", ")
	}
	return "", "", ""
}

func count(list []Choice, of func(Choice) bool) (n int) {
	for _, c := range list {
		if of(c) {
			n++
		}
	}
	return n
}

// twice reports whether two choices have the same text.
func twice(list []Choice) bool {
	seen := map[string]bool{}
	for _, c := range list {
		t := strings.TrimSpace(c.Text)
		if seen[t] && t != "" {
			return true
		}
		seen[t] = true
	}
	return false
}

var partID = regexp.MustCompile(` id="s-[^"]*"`)

// fragment renders what stands in a question: a single line as words, pictures and code within a line; several lines as a text. Headings
// in it are no places to lead to.
func fragment(src string, o Options) string {
	src = strings.TrimSpace(clean(src))
	source := []byte(src)
	var doc *ast.Document
	if strings.Contains(src, "\n") {
		doc = parse(source, o)
	} else {
		doc = parseWith(liner(), source, o)
	}
	out, err := render(doc, source)
	if err != nil {
		return "" // The text itself is shown then.
	}
	out = partID.ReplaceAllString(out, "")
	if in, ok := strings.CutPrefix(out, "<p>"); ok {
		if in, ok = strings.CutSuffix(in, "</p>"); ok && !strings.Contains(in, "<p>") {
			return in
		}
	}
	return out
}
