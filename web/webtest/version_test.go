package webtest_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// The next version of a course arrives while somebody of a partner is in the middle of the first: told at the course, they read what is
// different, move without losing anything, and go back.
func TestNextVersionArrives(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	learner, author := webtest.Open(t, 390), webtest.Open(t, 1360)
	signIn(t, learner, d, "author@brightwater.example")
	at := readingCourse(learner, d, "brightwater")
	// What some try there is taken back first: everybody is in version 1.
	signIn(t, author, d, "author@halden.example")
	author.Visit(d.URL("halden", "/publish/"+strings.Split(at, "/")[4]+"/pilot"))
	author.ClickText("Take it back")
	author.WaitText("taken back")
	learner.Click(`main .progress-card .btn-primary`)
	learner.Wait(`#lesson-foot`)
	lesson(learner)
	pass(learner)
	finish(learner)
	learner.Visit(at)
	before := share(learner)
	if before == "" || before == "0%" {
		t.Fatalf("after a lesson the progress is %q", before)
	}

	author.Visit(d.URL("halden", "/publish?tab=published&q=Reports"))
	author.ClickText("Write the next version")
	author.WaitText("Draft of version")
	author.Type(`.add-lesson input[name="lesson"]`, "Read it to somebody")
	author.Submit(`.add-lesson input[name="lesson"]`)
	author.WaitText("The lesson is empty")
	manuscript := author.At()[:strings.Index(author.At(), "/lessons/")]
	author.ClickText("Text")
	author.Type(`#block-0 textarea`, "Read the report aloud to whoever runs the site.")
	author.WaitText("Saved")
	author.Visit(manuscript)
	author.Click(`#publish .btn-primary`)
	author.Wait(`main .progress-card`)

	learner.Visit(at)
	learner.WaitText("Version 3 is here. You are in version 1.")
	learner.ClickText("See what is different")
	learner.WaitText("Read it to somebody")
	everyWay(learner, "move")
	learner.Resize(390)
	learner.ClickText("Move to version 3")
	learner.WaitText("Moved. What you finished stays finished.")
	everyWay(learner, "moved")
	learner.Resize(390)
	learner.Visit(at)
	learner.WaitText("Read it to somebody")
	if after := share(learner); after != before {
		t.Errorf("the move takes the progress from %s to %s", before, after)
	}
	if !learner.Has(`main .map-done, main [class*="done"]`) {
		t.Error("what was finished is not any more")
	}
	learner.Visit(d.URL("brightwater", "/plan"))
	if text := learner.Text(); !strings.Contains(text, before) || strings.Contains(text, "000") {
		t.Errorf("of what is kept at %s the dates say\n%s", before, text)
	}
	learner.Visit(at)

	// The way back is where the version stands.
	learner.Click(`main .defs a[href$="/version"]`)
	learner.WaitText("You moved. Until")
	learner.ClickText("Back to version 1")
	learner.WaitText("Back in the version before.")
	learner.Visit(at)
	learner.WaitText("Version 3 is here. You are in version 1.")
	if strings.Contains(learner.Text(), "Read it to somebody") || share(learner) != before {
		t.Errorf("back in version 1 the page has the new lesson, or the progress is %s after %s", share(learner), before)
	}
	if code := status(t, d.Client(t, "learner@kestrel.example"), strings.Replace(at, "brightwater", "kestrel", 1)+"/version"); code != 404 {
		t.Errorf("who is not on it gets %d", code)
	}
}

// visitUntil opens an address again and again, until a job has brought the words onto its page.
func visitUntil(b *webtest.Browser, address, words string) {
	for range 100 {
		if b.Visit(address); strings.Contains(b.Text(), words) {
			return
		}
	}
	b.WaitText(words)
}

// The only version of a course is withdrawn while somebody learns in it, and given back: they read why it closed and that it is there again, on its
// page and by mail, and go on where they stopped.
func TestWhatWasWithdrawnIsGivenBack(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	learner, author := webtest.Open(t, 1360), webtest.Open(t, 1360)
	signIn(t, learner, d, "learner2@brightwater.example")
	const course = "4efb5b8c-8e5a-5d65-8dbd-427a44f99197"
	at := d.URL("brightwater", "/course/"+course+"/fuehlerpruefung-im-feld")
	learner.Visit(at)
	learner.Click(`main .progress-card form button`)
	learner.Wait(`#lesson-foot`)
	signIn(t, author, d, "author@halden.example")
	author.Visit(d.URL("halden", "/publish/"+course+"/versions?withdraw=1"))
	author.Click(`input[name=kind][value=wrong]`)
	author.Type(`#reason`, "Das Eisbad braucht zehn Minuten.")
	author.Submit(`#reason`)
	author.WaitText("Given back, it is open again: whoever was in it goes on where they stopped")
	everyWay(author, "withdrawn")
	learner.Visit(at)
	learner.WaitText("Das Eisbad braucht zehn Minuten.")
	everyWay(learner, "withdrawn-closed")

	author.ClickText("Give version 1 back")
	author.WaitText("The version is there again.")
	learner.Visit(at)
	if text := learner.Text(); strings.Contains(text, "Version 0") {
		t.Errorf("before their organization learns of it the page says\n%s", text)
	}
	visitUntil(learner, at, "Version 1 ist wieder da")
	learner.WaitText("Fortsetzen: Das Eisbad")
	everyWay(learner, "given-back")
	learner.ClickText("Verstanden")
	learner.Visit(at)
	if text := learner.Text(); strings.Contains(text, "wieder da") || !strings.Contains(text, "Fortsetzen") {
		t.Errorf("after it was read the page says\n%s", text)
	}
	visitUntil(learner, d.URL("brightwater", "/outbox"), "Wieder offen: „Fühlerprüfung im Feld“")
}
