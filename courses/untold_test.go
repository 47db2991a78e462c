package courses_test

import (
	"strings"
	"testing"
)

// A lesson in which somebody tells something says how it was before and what came of it; that is a hint and stops nobody.
func TestAStoryHasItsSituationAndItsResult(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author := w.author(w.vendor)
	it := w.course("told", "shared")
	w.did(w.svc.Rewrite(author, it.ItemID))
	words := strings.Repeat("Before the change nobody knew who answers at night. ", 2)
	for name, tt := range map[string]struct {
		source string
		line   int // 0: nothing is said of it
	}{
		"nothing is told":              {"## A\n\nText.", 0},
		"an alert is nobody's words":   {"> [!TIP]\n> Two minutes.", 0},
		"code is nobody's words":       {"```sh\n> not said\n```", 0},
		"no situation":                 {"> We did it on a Sunday.\n\n" + words, 1},
		"no result":                    {words + "\n\n> We did it on a Sunday.", 3},
		"a story elsewhere":            {"Read [the night](/story/x/night).", 1},
		"both":                         {words + "\n\n> We did it on a Sunday.\n\n" + words, 0},
		"what comes of it is to try":   {words + "\n\n> We did it on a Sunday.\n\n```try\nkey: t\nask: Try it.\n```", 0},
		"a try before is not after it": {"```try\nkey: t\nask: Try it.\n```\n\n" + words + "\n\n> We did it on a Sunday.", 8},
	} {
		d, err := w.svc.WriteLesson(author, it.ItemID, "read")
		if err != nil {
			t.Fatal(err)
		}
		l := d.Lesson
		l.Source = tt.source
		if _, err := w.svc.SaveLesson(author, it.ItemID, l); err != nil {
			t.Fatal(name, err)
		}
		m, err := w.svc.Manuscript(author, it.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range m.Checks {
			if c.Key == "story" && (c.OK != (tt.line == 0) || c.Line != tt.line || c.Blocks) {
				t.Errorf("%s: %+v, want line %d", name, c, tt.line)
			}
		}
		if !m.Ready() {
			t.Errorf("%s: publishing waits", name)
		}
	}
}
