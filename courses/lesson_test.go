package courses_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
)

// A lesson that was read before, short or too long to be remembered, shows each reader what they keep in it, whoever read it first and
// whatever was there by then, and nobody else reads it because somebody did.
func TestLessonThatWasReadBefore(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	const blocks = "```reflect\nkey: think\nask: What will you do?\n```\n\n```quiz\nkey: quiz\nquestions:\n  - {key: q, ask: Which, choices: [{text: yes, right: true}, {text: no}]}\n```\n"
	for name, before := range map[string]string{"short": "", "long": strings.Repeat("A paragraph of a few words.\n\n", 3000)} {
		p := a.lessonOf(name, before+blocks)
		read := func() (courses.BlockView, string) {
			t.Helper()
			v, err := a.svc.Lesson(a.vendor.member, p, nil)
			a.did(err)
			var thought courses.BlockView
			var state string
			for _, b := range v.Blocks {
				if b.Key == "think" {
					thought = b
				}
				for _, q := range b.Questions {
					state = q.State
				}
			}
			if len(before) > 0 && (len(v.Blocks) == 0 || len(v.Blocks[0].HTML) < len(before)) {
				t.Errorf("%s: the text is cut", name)
			}
			return thought, state
		}
		for range 2 {
			if thought, state := read(); thought.Ask == "" || thought.Body != "" || state != courses.Unanswered {
				t.Errorf("%s, before anything was written: %+v, %v", name, thought, state)
			}
		}
		_, err := a.svc.Reflect(a.vendor.member, p, "think", courses.Thought{Text: "Ask twice."})
		a.did(err)
		_, err = a.svc.Answer(a.vendor.member, p, courses.Given{Question: "q", Choices: []int{0}})
		a.did(err)
		for range 2 {
			if thought, state := read(); thought.Body != "Ask twice." || state != courses.Right {
				t.Errorf("%s, after it: %q, %v", name, thought.Body, state)
			}
		}
		if _, err := a.svc.Lesson(a.other.member, p, nil); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s, somebody to whom it is not open: %v", name, err)
		}
	}
}
