package webtest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// everyWay takes a picture of a page in light and dark, wide and narrow, and checks each.
func everyWay(b *webtest.Browser, name string) {
	b.Accessible()
	if os.Getenv("LEARNSCAPE_SHOTS") != "" {
		shot(b, name)
		b.Dark(true)
		shot(b, name+"-dark")
		b.Resize(390)
		shot(b, name+"-390-dark")
		b.Dark(false)
		shot(b, name+"-390")
	}
	b.Fits(320)
	b.Resize(1360)
}

// Somebody does a task, hands it in to a colleague whom they name, is sent back once, and finishes the lesson when it is found done.
func TestTaskIsHandedInAndAnswered(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	learner, mentor := webtest.Open(t, 1360), webtest.Open(t, 1360)
	signIn(t, learner, d, "manager@halden.example")
	signIn(t, mentor, d, "moderator@halden.example")
	mentor.Visit(d.URL("halden", "/handed"))
	mentor.WaitText("Nobody asks you to look at anything")
	everyWay(mentor, "handed-empty")

	find(learner, d.URL("halden", ""), "placing loggers")
	learner.Click(`#results a[href$="/placing-loggers"]`)
	learner.Wait(`main .progress-card`)
	lesson := learner.At() + "/lessons/04-place-three-loggers"
	learner.Visit(lesson)
	learner.WaitText("One page about your room")
	learner.WaitText("The lesson is finished when somebody has found your task done.")
	everyWay(learner, "task-lesson")
	learner.ClickText("Do it")
	learner.Wait(`.rubric`)
	everyWay(learner, "task")
	learner.Script(false)
	learner.Click(`#by-mentor`)
	learner.Type(`#mentor`, "nobody at all")
	learner.Type(`#words`, "Three loggers hang: by the left door, on the top rack, in the middle.")
	learner.ClickText("Hand it in")
	learner.WaitText("Nobody active in your organization has this name or address.")
	if got := webtest.Eval[string](learner, `document.querySelector("#words").value`); !strings.HasPrefix(got, "Three loggers hang") {
		t.Errorf("what was written is %q", got)
	}
	learner.Script(true)
	everyWay(learner, "task-error")
	learner.Script(false)
	webtest.Eval[bool](learner, `document.querySelector("#mentor").value="moderator@halden.example",true`)
	learner.ClickText("Hand it in")
	learner.WaitText("is asked to look at it")
	learner.Script(true)
	learner.Visit(strings.Split(learner.At(), "?")[0])
	everyWay(learner, "task-waits")

	mentor.Visit(d.URL("halden", "/handed"))
	mentor.WaitText("Waits for you")
	everyWay(mentor, "handed")
	mentor.ClickText("One page about your room")
	mentor.WaitText("How is it?")
	mentor.ClickText("It is done")
	mentor.WaitText("Plan: choose what you found.")
	everyWay(mentor, "handed-error")
	for _, mark := range []string{"#mark-0-0", "#mark-1-1", "#mark-2-1", "#mark-3-1"} {
		mentor.Click(mark)
	}
	mentor.Type(`#words`, "Where is north, and at what height do they hang?")
	mentor.ClickText("Something is missing")
	mentor.WaitText("Answered: something is missing.")

	learner.Visit(lesson)
	learner.ClickText("Go on with it")
	learner.WaitText("Where is north")
	everyWay(learner, "task-again")
	learner.Type(`#words`, "North is at the top. 0.4 m, 1.5 m and 2.8 m.")
	learner.ClickText("Hand it in")
	learner.WaitText("is asked to look at it")

	mentor.Visit(d.URL("halden", "/handed"))
	mentor.ClickText("One page about your room")
	mentor.WaitText("How is it?")
	for _, mark := range []string{"#mark-0-1", "#mark-1-1", "#mark-2-2", "#mark-3-1"} {
		mentor.Click(mark)
	}
	mentor.ClickText("It is done")
	mentor.WaitText("Answered: it is done.")
	learner.Visit(lesson + "/tasks/one-page")
	learner.WaitText("Found done")
	everyWay(learner, "task-done")
	learner.ClickText("Finish the lesson")
	learner.Visit(lesson)
	learner.Wait(`main .metas .badge-ok`)
}

// Whoever knows a course already is offered its check.
func TestTestOutIsOffered(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "manager@halden.example")
	readingCourse(b, d, "halden")
	b.WaitText("Know this already?")
	everyWay(b, "skip-course")
	b.ClickText("Show it")
	b.WaitText("Pass the check and all lessons of the course count as shown by test.")
	everyWay(b, "skip-check")
	b.ClickText("Begin")
	for range 4 {
		answerCheck(b, true)
	}
	b.ClickText("Hand in")
	b.WaitText("4 of 4 right")
	b.WaitText("All lessons of the course are finished by that.")
	everyWay(b, "skip-passed")
	b.ClickText("Reports in four minutes")
	b.WaitText("Shown by test")
	everyWay(b, "skip-done")
	// On a phone nobody sees the word, and everybody hears it.
	b.Resize(390)
	if n := strings.Count(b.Text(), "Done"); n < 3 {
		t.Errorf("%d lessons are told to be done:\n%s", n, b.Text())
	}
}
