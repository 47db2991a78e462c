package webtest_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// Two colleagues find together at a step, one shares with their group what they wrote down, who reads it is named before, and the other one finds
// it from the step; taken back, nobody does.
func TestAGroupReadsAThought(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	at := func(path string) string { return d.URL("brightwater", path) }
	priya := webtest.Open(t, 1360)
	signIn(t, priya, d, "learner@brightwater.example")
	priya.Visit(at("/search?q=four+thursdays"))
	path := webtest.Eval[string](priya, `new URL([...document.querySelectorAll('main a[href^="/path/"]')].find(a=>a.href.includes("four-thursdays")).href).pathname`)

	priya.Visit(at(path + "/steps/first-thursday"))
	priya.Type(`main .reflect textarea`, "Nobody knows why it hangs there")
	priya.Submit(`main .reflect textarea`)
	priya.Wait(`main .reflect a[href^="/reflections/"]`)
	thought := webtest.Eval[string](priya, `document.querySelector('main .reflect a[href^="/reflections/"]').getAttribute("href")`)
	priya.Visit(at(thought))
	if priya.Has(`#with-group`) {
		t.Error("a group is offered to who is in none")
	}

	priya.Visit(at(path + "/steps/fourth-thursday"))
	priya.Click(`main form[action*="/group/"] .btn-primary`)
	priya.WaitText("You are in the group")
	priya.Visit(at(path))
	if !strings.Contains(priya.Text(), "In a group of 2") {
		t.Errorf("the path does not say so:\n%s", priya.Text())
	}
	priya.Accessible()
	priya.Fits(390)
	priya.Resize(1360)

	priya.Visit(at(thought))
	priya.Click(`#with-group`)
	priya.WaitText("Who reads it in “The folder on the table”: Till Asmussen")
	priya.Accessible()
	priya.Fits(390)
	priya.Dark(true)
	priya.Contrast()
	priya.Dark(false)
	priya.Resize(1360)
	priya.Submit(`#group`)
	priya.WaitText("In it are: Till Asmussen")
	priya.Accessible()

	till := webtest.Open(t, 1360)
	signIn(t, till, d, "learner2@brightwater.example")
	till.Visit(at(path + "/steps/fourth-thursday"))
	till.Accessible()
	till.Click(`main a[href="/reflections?tab=shared"]`)
	till.WaitText("Nobody knows why it hangs")
	till.WaitText("Why does the sensor in your room hang where it hangs?")
	till.Accessible()
	till.Visit(at(thought))
	till.WaitText("Priya Nandakumar")

	priya.Visit(at(thought))
	priya.ClickText("Take back")
	priya.WaitText("Nobody else reads it now")
	till.Visit(at("/reflections?tab=shared"))
	if strings.Contains(till.Text(), "Nobody knows why") {
		t.Error("taken back, it is read")
	}
}
