package courses

import (
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
	Kind      string    `json:"kind"` // lesson, practice or check
	Minutes   int       `json:"minutes"`
	Questions int       `json:"questions,omitempty"` // in its quizzes
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
}

// Slot is a place where an adopter may add steps of its own: after a step, with a suggestion what for.
type Slot struct {
	Key        string `json:"key"`
	After      string `json:"after"` // a step's key; "" for the beginning
	Suggestion string `json:"suggestion,omitempty"`
}

// Leaf is the smallest thing that can be finished: a lesson of a course or path, or an item without lessons (Lesson "").
type Leaf struct {
	Item   id.Item
	Lesson string
}

// Leaves lists what has to be finished, in order, once each. Steps that lead to an item for which visible says no are left out
// and not required; own are the lessons of the course or path self, which whoever reads the outline may see.
func (o Outline) Leaves(self id.Item, visible func(id.Item) bool) []Leaf {
	var out []Leaf
	seen := map[Leaf]bool{}
	add := func(l Leaf) {
		if !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	for _, m := range o.Modules {
		for _, l := range m.Lessons {
			add(Leaf{self, l.Key})
		}
	}
	for _, s := range o.Steps {
		if s.Item != self && !visible(s.Item) {
			continue
		}
		for _, l := range s.leaves() {
			add(l)
		}
	}
	return out
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

// Complete reports whether all is finished.
func (p Progress) Complete() bool { return p.Total > 0 && p.Done >= p.Total }

// Measure is the one function from what is required and what is finished to a figure. It never exceeds the whole. What is
// finished is known by item and lesson key, so a version that keeps a lesson's key keeps its being finished.
func Measure(required []Leaf, finished map[Leaf]bool) Progress {
	p := Progress{Total: len(required)}
	for _, l := range required {
		if finished[l] {
			p.Done++
		}
	}
	return p
}
