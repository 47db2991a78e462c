package markdown

import (
	"fmt"
	"slices"
	"strings"
)

// What can be handed in for a task.
const (
	HandText = "text"
	HandLink = "link"
	HandFile = "file"
)

// Hands are the values of Block.Hand; a task that names none takes all.
var Hands = []string{HandText, HandLink, HandFile} //nolint:gochecknoglobals // A constant list.

// Who may look at what was handed in.
const (
	ByPeer   = "peer"   // a colleague who is on the same path or course
	ByMentor = "mentor" // any colleague whom the learner names
	ByAuthor = "author" // who writes for the organization whose lesson it is
)

// Lookers are the values of Block.By; a task that names none lets the learner choose among all.
var Lookers = []string{ByPeer, ByMentor, ByAuthor} //nolint:gochecknoglobals // A constant list.

// Criterion is one thing by which a task is judged. Levels say in words what it may be like, from the least to the best.
type Criterion struct {
	Title  string   `json:"title"`
	Levels []string `json:"levels"`
	Enough int      `json:"enough"` // the least level, from 0, that is enough
}

// The bounds of a rubric.
const (
	criteriaMost = 12
	levelsMost   = 6
)

// task takes what to do, and by what it is judged; what makes no sense is named.
func (s *splitter) task(b *Block, f Fields) bool {
	if strings.TrimSpace(f.Ask) == "" {
		s.wrong("no_task", b.Line, Task, "there is nothing to do", "add ask: with what to do")
		return false
	}
	b.HTML = fragment(f.Ask, s.options)
	b.Hand = s.some(b.Line, "hand", f.Hand, Hands)
	b.By = s.some(b.Line, "reviewers", f.By, Lookers)
	for line := range strings.SplitSeq(f.Rubric, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		c, ok := criterion(line)
		if !ok || len(b.Rubric) == criteriaMost {
			s.wrong("bad_criterion", b.Line, line, "it is no line of a rubric", fmt.Sprintf("write What counts: not there | as it should be, with 2 to %d levels and at most %d lines", levelsMost, criteriaMost))
			continue
		}
		b.Rubric = append(b.Rubric, c)
	}
	if len(b.Rubric) == 0 {
		s.wrong("no_rubric", b.Line, Task, "nobody knows by what it is judged", "add rubric: with a line such as What counts: not there | as it should be")
		return false
	}
	return true
}

// some are those of the values that there are, in their usual order; all where none is named.
func (s *splitter) some(line int, name string, values, all []string) (out []string) {
	for _, v := range values {
		if !slices.Contains(all, v) {
			s.wrong("bad_choice", line, name+": "+v, "it cannot be so", "write some of "+strings.Join(all, ", "))
		}
	}
	for _, v := range all {
		if slices.Contains(values, v) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return slices.Clone(all)
	}
	return out
}

// criterion reads "What counts: not there | as it should be | better still". A level that ends with * is the least that is enough; without
// one it is the second.
func criterion(line string) (Criterion, bool) {
	title, rest, ok := strings.Cut(line, ":")
	c := Criterion{Title: strings.TrimSpace(title), Enough: 1}
	for level := range strings.SplitSeq(rest, "|") {
		level, star := strings.CutSuffix(strings.TrimSpace(level), "*")
		if level = strings.TrimSpace(level); level == "" {
			return c, false
		}
		if star {
			c.Enough = len(c.Levels)
		}
		c.Levels = append(c.Levels, level)
	}
	return c, ok && c.Title != "" && len(c.Levels) > 1 && len(c.Levels) <= levelsMost
}
