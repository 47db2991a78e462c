package courses

import (
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// Outline is the order of a published version: modules of a course, or steps and slots of a path. It is stored as JSON with the
// version, never changes, and is shared by whoever reads it: nobody writes into it.
type Outline struct {
	Modules []Module `json:"modules,omitempty"`
	Steps   []Step   `json:"steps,omitempty"`
	Slots   []Slot   `json:"slots,omitempty"`

	NoProposition bool     `json:"no_proposition,omitempty"` // adopters write no value proposition on it
	NoNotes       []string `json:"no_notes,omitempty"`       // keys of the steps beside which they write no note
}

// Module is a named group of a course's lessons; the title may be "".
type Module struct {
	Title   string      `json:"title,omitempty"`
	Lessons []LessonRef `json:"lessons"`
}

// LessonRef is what an outline says of a lesson.
type LessonRef struct {
	Key       string    `json:"key"` // stable over versions
	Title     string    `json:"title"`
	Summary   string    `json:"summary,omitempty"`
	Kind      string    `json:"kind"` // lesson, practice or check, or live or group where people meet in it
	Minutes   int       `json:"minutes"`
	Questions int       `json:"questions,omitempty"` // in its quizzes that are answered one by one
	Checks    int       `json:"checks,omitempty"`    // quizzes that are taken as a whole
	Tasks     int       `json:"tasks,omitempty"`     // to be done and found done by somebody
	Meets     int       `json:"meets,omitempty"`     // that are done by having met somebody
	Skip      string    `json:"skip,omitempty"`      // the key of the check by which one shows that one knows it already
	SkipAll   bool      `json:"skip_all,omitempty"`  // and with it all of the course
	Parts     []PartRef `json:"parts,omitempty"`

	Titles map[string]string `json:"titles,omitempty"` // in the languages of its translations
}

// PartRef is what an outline says of a part of a lesson: a headed piece of prose, a quiz, a reflection, a recording.
type PartRef struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	Kind  string `json:"kind"`
}

// The kinds of a step.
const (
	StepLesson   = "lesson"   // a lesson of the path's own
	StepCourse   = "course"   // a course, all its lessons
	StepStory    = "story"    // something to read
	StepResource = "resource" // something to use
)

// Step is one station of a path. Org, Item and Version say what it leads to; for a step of kind lesson that is the path itself.
type Step struct {
	Key     string      `json:"key"` // stable over versions
	Kind    string      `json:"kind"`
	Title   string      `json:"title"`
	Minutes int         `json:"minutes"`
	Org     id.Org      `json:"org"`
	Item    id.Item     `json:"item"`
	Version int         `json:"version,omitempty"` // pinned with the path's version; 0 for items without versions
	Slug    string      `json:"slug,omitempty"`
	Lessons []LessonRef `json:"lessons,omitempty"`

	Rules
}

// Slot is a place where an adopter may add steps of its own: after a step, with a suggestion what for.
type Slot struct {
	Key        string `json:"key"`
	After      string `json:"after"` // a step's key; "" for the beginning
	Suggestion string `json:"suggestion,omitempty"`
}

// Rules are how a step stands among the others of its path.
type Rules struct {
	Note     string   `json:"note,omitempty"`     // one line from the publisher
	Section  string   `json:"section,omitempty"`  // the title of its section; steps of one section stand together
	Optional bool     `json:"optional,omitempty"` // nobody has to finish it
	Either   string   `json:"either,omitempty"`   // of the steps with the same word one is enough
	Needs    []string `json:"needs,omitempty"`    // the keys of the steps that are finished before it opens
}

func (r Rules) equal(o Rules) bool {
	return r.Note == o.Note && r.Section == o.Section && r.Optional == o.Optional && r.Either == o.Either && slices.Equal(r.Needs, o.Needs)
}

// Leaf is the smallest thing that can be finished: a lesson of a course or path, or an item without lessons (Lesson "").
type Leaf struct {
	Item   id.Item
	Lesson string
}

// Required is what has to be finished: leaves, once each, and of every choice one alternative.
type Required struct {
	Leaves  []Leaf
	Choices [][][]Leaf
}

// Required lists what has to be finished, in order. Steps that lead to an item for which visible says no are left out and not
// required; own are the lessons of the course or path self, which whoever reads the outline may see.
func (o Outline) Required(self id.Item, visible func(id.Item) bool) (r Required) {
	n := len(o.Steps)
	for _, m := range o.Modules {
		n += len(m.Lessons)
	}
	seen := make(map[Leaf]bool, n)
	r.Leaves = make([]Leaf, 0, n)
	add := func(l Leaf) {
		if !seen[l] {
			seen[l] = true
			r.Leaves = append(r.Leaves, l)
		}
	}
	for _, m := range o.Modules {
		for _, l := range m.Lessons {
			add(Leaf{self, l.Key})
		}
	}
	var choices map[string]int // one more than the place of a choice
	for _, s := range o.Steps {
		switch {
		case s.Item != self && !visible(s.Item) || s.Optional:
		case s.Either != "":
			n := choices[s.Either]
			if n == 0 {
				if choices == nil {
					choices = map[string]int{}
				}
				r.Choices = append(r.Choices, nil)
				n = len(r.Choices)
				choices[s.Either] = n
			}
			r.Choices[n-1] = append(r.Choices[n-1], s.leaves())
		case len(s.Lessons) == 0:
			add(Leaf{s.Item, ""})
		default:
			for _, l := range s.Lessons {
				add(Leaf{s.Item, l.Key})
			}
		}
	}
	return r
}

func (s Step) leaves() []Leaf {
	if len(s.Lessons) == 0 {
		return []Leaf{{s.Item, ""}}
	}
	out := make([]Leaf, len(s.Lessons))
	for i, l := range s.Lessons {
		out[i] = Leaf{s.Item, l.Key}
	}
	return out
}

// own lists the other items of the publisher that the outline's steps lead to.
func (o Outline) own(self tenants.Item) []id.Item {
	out := []id.Item{}
	for _, s := range o.Steps {
		if s.Item != self.ItemID && s.Org == self.OrgID {
			out = append(out, s.Item)
		}
	}
	return out
}

// Lessons lists a course's lessons in order, over its modules.
func (o Outline) Lessons() []LessonRef {
	var out []LessonRef
	for _, m := range o.Modules {
		out = append(out, m.Lessons...)
	}
	return out
}

// Step returns the step with the key.
func (o Outline) Step(key string) (Step, bool) {
	for _, s := range o.Steps {
		if s.Key == key {
			return s, true
		}
	}
	return Step{}, false
}

// Slot returns the slot with the key.
func (o Outline) Slot(key string) (Slot, bool) {
	i := slices.IndexFunc(o.Slots, func(s Slot) bool { return s.Key == key })
	if i < 0 {
		return Slot{}, false
	}
	return o.Slots[i], true
}

// Progress is how much of what is required is finished, in leaves.
type Progress struct{ Done, Total int }

// Share is 0..1; nothing required is 0.
func (p Progress) Share() float64 {
	if p.Total == 0 {
		return 0
	}
	return float64(min(p.Done, p.Total)) / float64(p.Total)
}

// Counts reports whether these are lessons, and not the thousandths in which a share is kept that a move must not lower; see atLeast.
func (p Progress) Counts() bool { return p.Total < 1000 }

// Complete reports whether all is finished.
func (p Progress) Complete() bool { return p.Total > 0 && p.Done >= p.Total }

// Way is one way through: what has to be finished, and of every choice the first alternative.
func (r Required) Way() []Leaf {
	out := slices.Clone(r.Leaves)
	for _, c := range r.Choices {
		out = append(out, c[0]...)
	}
	return out
}

// Measure is the one function from what is required and what is finished to a figure. It never exceeds the whole. What is
// finished is known by item and lesson key, so a version that keeps a lesson's key keeps its being finished. A choice weighs as
// much as its shortest alternative, whichever one is taken, so that going on never takes anything away.
func Measure(required Required, finished map[Leaf]bool) Progress {
	p := Progress{Total: len(required.Leaves)}
	for _, l := range required.Leaves {
		if finished[l] {
			p.Done++
		}
	}
	for _, c := range required.Choices {
		weight, best := len(c[0]), 0
		for _, leaves := range c[1:] {
			weight = min(weight, len(leaves))
		}
		for _, leaves := range c {
			best = max(best, weight*count(leaves, finished)/len(leaves))
		}
		p.Total, p.Done = p.Total+weight, p.Done+best
	}
	return p
}

func count(leaves []Leaf, finished map[Leaf]bool) (n int) {
	for _, l := range leaves {
		if finished[l] {
			n++
		}
	}
	return n
}

// finished reports whether nothing of the step is open.
func (s Step) finished(of map[Leaf]bool) bool {
	leaves := s.leaves()
	return count(leaves, of) == len(leaves)
}

// settled reports whether the step is finished, or one that does as well.
func (o Outline) settled(s Step, finished map[Leaf]bool) bool {
	return s.finished(finished) || s.Either != "" && slices.ContainsFunc(o.Steps, func(t Step) bool { return t.Either == s.Either && t.finished(finished) })
}

// waits lists the steps that have to be finished before the step opens; of those that do as well as each other, all. Steps that the
// viewer does not see are not waited for.
func (o Outline) waits(s Step, visible func(id.Item) bool, finished map[Leaf]bool) (out []Step) {
	for _, key := range s.Needs {
		n, ok := o.Step(key)
		if !ok || !visible(n.Item) || o.settled(n, finished) {
			continue
		}
		for _, t := range o.Steps {
			if (t.Key == key || n.Either != "" && t.Either == n.Either) && visible(t.Item) && !slices.ContainsFunc(out, func(x Step) bool { return x.Key == t.Key }) {
				out = append(out, t)
			}
		}
	}
	return out
}

// RuleFault is something that the steps of a path cannot ask of learners.
type RuleFault struct {
	Key   string // unknown, circle, optional, alone, both, nothing
	Step  string // the key of the step
	Other string // of the step that it names, or its word
}

// String says it in plain words.
func (f RuleFault) String() string {
	switch f.Key {
	case "unknown":
		return fmt.Sprintf("it needs %q, which is no step of the path", f.Other)
	case "circle":
		return "it waits, over what it needs, for itself"
	case "optional":
		return fmt.Sprintf("it needs %q, which nobody has to finish", f.Other)
	case "alone":
		return fmt.Sprintf("it is the only one of %q; one of several has to be finished", f.Other)
	case "both":
		return "it is one of several and may be left out as well"
	}
	return "no step has to be finished"
}

// ruleFaults finds what a path cannot ask: a step that waits for one that is not there or, over others, for itself; a step that has to
// be finished and waits for one that nobody has to finish; a choice with one alternative, or with one that may be left out anyway; a path
// of which nothing has to be finished.
func ruleFaults(steps []Step) (out []RuleFault) {
	at := map[string]int{}
	alternatives, required := map[string]int{}, false
	for i, s := range steps {
		at[s.Key] = i
		if s.Either != "" {
			alternatives[s.Either]++
		}
		required = required || !s.Optional
	}
	// Steps of one choice are one place: whoever waits for one waits for any.
	place := func(s Step) string {
		if s.Either != "" {
			return "choice " + s.Either
		}
		return "step " + s.Key
	}
	before := map[string][]string{}
	for _, s := range steps {
		if s.Either != "" && alternatives[s.Either] == 1 {
			out = append(out, RuleFault{"alone", s.Key, s.Either})
		}
		if s.Either != "" && s.Optional {
			out = append(out, RuleFault{"both", s.Key, s.Either})
		}
		for _, n := range s.Needs {
			i, ok := at[n]
			switch {
			case !ok:
				out = append(out, RuleFault{"unknown", s.Key, n})
			case steps[i].Optional && !s.Optional:
				out = append(out, RuleFault{"optional", s.Key, n})
			default:
				before[place(s)] = append(before[place(s)], place(steps[i]))
			}
		}
	}
	state := map[string]int{} // 1 on the way, 2 without a circle
	var circle func(string) bool
	circle = func(p string) bool {
		switch state[p] {
		case 1:
			return true
		case 2:
			return false
		}
		state[p] = 1
		if slices.ContainsFunc(before[p], circle) {
			return true
		}
		state[p] = 2
		return false
	}
	for _, s := range steps {
		if circle(place(s)) {
			out = append(out, RuleFault{"circle", s.Key, ""})
			break
		}
	}
	if len(steps) > 0 && !required {
		out = append(out, RuleFault{"nothing", steps[0].Key, ""})
	}
	return out
}
