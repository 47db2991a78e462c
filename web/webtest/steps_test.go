package webtest_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// thursdays is the path of the demonstration on which people meet.
const thursdays = "/path/dabb5ef4-403c-56e2-84a9-8b1c6ec4c125/four-thursdays"

// Somebody takes a seat on the step itself; two colleagues do something together, one says what came out of it, and it is done for both once the
// other one confirms it.
func TestStepsInWhichPeopleMeet(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	one, two := webtest.Open(t, 1360), webtest.Open(t, 1360)
	signIn(t, one, d, "learner@brightwater.example")
	one.Visit(d.URL("brightwater", thursdays+"/steps/first-thursday"))
	one.WaitText("Choose a date. The step is done once it is entered that you were there.")
	one.Click(`.step-take .btn-primary`)
	one.WaitText("You have a seat. The invitation comes by mail.")
	one.WaitText("The step is done once it is entered that you were there.")
	if !strings.Contains(one.At(), "/steps/first-thursday") {
		t.Errorf("from the step one comes to %s", one.At())
	}
	everyWay(one, "livestep-seat")

	one.Visit(d.URL("brightwater", thursdays+"/steps/fourth-thursday"))
	one.WaitText("Opened by somebody of Halden Systems")
	everyWay(one, "group-find")
	one.Script(false)
	one.Click(`.step-take .btn-primary`)
	one.WaitText("You are in the group.")
	one.Script(true)
	one.Visit(d.URL("brightwater", thursdays+"/steps/fourth-thursday"))
	everyWay(one, "group-in")
	one.ClickText("I took part")
	one.WaitText("Tick at least one of the others: nobody does this alone.")
	one.WaitText("Say what came out of it, in a few words.")
	everyWay(one, "group-error")
	webtest.Eval[bool](one, `(document.querySelectorAll("input[name=group_there]").forEach(e=>{e.checked=true}),true)`)
	one.Type("#group_words", "Four minutes for the alarm on Sunday.")
	one.ClickText("I took part")
	one.WaitText("The step is done once one of the others confirms it.")
	one.WaitText("Change what you said")
	everyWay(one, "group-said")
	one.Visit(d.URL("brightwater", thursdays))
	one.WaitText("Met, waits for the others")

	signIn(t, two, d, "learner2@brightwater.example")
	two.Visit(d.URL("brightwater", thursdays+"/steps/fourth-thursday"))
	if text := two.Text(); !strings.Contains(text, "Sie waren") && !strings.Contains(text, "bestätigen Sie es") {
		t.Errorf("the other one reads\n%s", text)
	}
	two.WaitText("Four minutes for the alarm on Sunday.")
	webtest.Eval[bool](two, `(document.querySelectorAll("input[name=group_there]").forEach(e=>{e.checked=true}),true)`)
	two.ClickText("Ich habe teilgenommen")
	two.WaitText("Gespeichert.")
	everyWay(two, "group-done")
	one.Visit(d.URL("brightwater", thursdays+"/steps/fourth-thursday"))
	one.WaitText("Done")
	everyWay(one, "group-done-one")
	// Questions of the lesson are open still; nobody is waited for any more.
	one.Visit(d.URL("brightwater", thursdays))
	if text := one.Text(); !strings.Contains(text, "Met") || strings.Contains(text, "waits for the others") {
		t.Errorf("once they met, the path says\n%s", text)
	}
}

// An author puts a live session and something for a few onto a path, as steps of their own.
func TestStepsInWhichPeopleMeetAreWritten(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/publish"))
	webtest.Eval[bool](b, `(document.querySelector('#begin select[name="kind"]').value="path",true)`)
	b.Type(`#begin input[name="title"]`, "Look back together")
	b.ClickText("Begin")
	b.WaitText("There is no step.")
	at := b.At()[:strings.Index(b.At(), "?")]
	add := func(kind, title string) {
		t.Helper()
		b.Visit(at)
		webtest.Eval[bool](b, `(document.querySelector('#pattern').value="`+kind+`",true)`)
		b.Type(`#add input[name="lesson"]`, title)
		b.Submit(`#add input[name="lesson"]`)
		b.Wait(`#block-0`)
	}
	add("live", "Ask the field")
	b.Type(`#block-0 input[name="b0.series"]`, "Field clinic")
	b.Click(`#block-0 label.check`)
	b.WaitText("Saved")
	b.WaitText("Dates stand here once the path is published")
	everyWay(b, "livestep-write")
	add("group", "Look back")
	b.Type(`#block-0 textarea[name="b0.ask"]`, "Say what went **wrong**, one after the other.")
	put(b, `#block-0 input[name="b0.to"]`, "6")
	b.Type(`#block-0 input[name="b0.out"]`, "Two things to change")
	b.WaitText("Two things to change")
	b.WaitText("2 to 6 people")
	everyWay(b, "group-write")
	b.Visit(at)
	b.WaitText("Group activity")
	b.WaitText("Live session")
	everyWay(b, "path-meets")
	b.ClickText("Look back")
	b.WaitText("Learners find or open a group on this step.")
	everyWay(b, "path-meets-step")
}
