package webtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/web/webtest"
)

// An author plans a live session with one seat. Two want it, in two organizations: one has it, the other waits, and moves up when the first
// gives it back. Of a session that is over the author says who came and keeps the recording, which learners find in the lesson.
func TestLiveSession(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.Folder(t))
	author, first, second := webtest.Open(t, 1360), webtest.Open(t, 1360), webtest.Open(t, 390)
	signIn(t, author, d, "author@halden.example")
	at := readingCourse(author, d, "halden")
	author.ClickText("Plan a live session")
	author.WaitText("Seats and place")
	everyWay(author, "live-plan")
	author.Type("#title", "Read yours aloud")
	put(author, "#starts", time.Now().AddDate(0, 0, 3).Format("2006-01-02")+"T10:00")
	put(author, "#ends", time.Now().AddDate(0, 0, 3).Format("2006-01-02")+"T09:00")
	put(author, "#seats", "1")
	put(author, "#link", "https://meet.example.com/aloud")
	author.ClickText("Plan it")
	author.WaitText("The end comes after the beginning, within a day.")
	if got := webtest.Eval[string](author, `document.querySelector("#title").value+document.querySelector("#link").value`); got != "Read yours aloudhttps://meet.example.com/aloud" {
		t.Errorf("after the refusal the form has %q", got)
	}
	everyWay(author, "live-plan-error")
	put(author, "#ends", time.Now().AddDate(0, 0, 3).Format("2006-01-02")+"T11:00")
	author.ClickText("Plan it")
	author.WaitText("The session is planned.")
	session, _, _ := strings.Cut(author.At(), "?")
	path := strings.TrimPrefix(session, d.URL("halden", ""))
	everyWay(author, "live-author")

	signIn(t, first, d, "learner@halden.example")
	first.Visit(at)
	first.ClickText("Read yours aloud")
	first.ClickText("Take a seat")
	first.WaitText("You have a seat. The invitation comes by mail.")
	everyWay(first, "live-seat")
	signIn(t, second, d, "learner@brightwater.example")
	second.Visit(d.URL("brightwater", path))
	second.WaitText("All seats are taken.")
	second.Fits(320)
	second.Resize(390)
	second.Script(false)
	second.Click(`#seat .btn-primary`)
	second.WaitText("You are on the waiting list.")
	second.Script(true)
	second.Accessible()
	author.Visit(session + "/people?tab=waiting")
	author.WaitText("Brightwater Consulting")
	everyWay(author, "live-waiting")

	first.ClickText("Give my seat back")
	first.WaitText("You gave your seat back.")
	everyWay(first, "live-left")
	second.Visit(d.URL("brightwater", path))
	second.WaitText("You have a seat")
	second.Visit(d.URL("brightwater", "/live?tab=mine"))
	second.WaitText("Read yours aloud")
	author.Visit(session + "/people")
	author.WaitText("Brightwater Consulting")
	if text := author.Text(); strings.Contains(text, "Elin Sandqvist") {
		t.Errorf("who gave the seat back still has it:\n%s", text)
	}

	// The demonstration's session is over: who came is said, and the recording goes into the next version of a lesson.
	author.Visit(d.URL("halden", "/live?when=past"))
	author.ClickText("An ice bath in front of the camera")
	author.WaitText("The session is over.")
	author.ClickText("Who comes")
	author.WaitText("A guest")
	webtest.Eval[bool](author, `(document.querySelectorAll("input[name=came]").forEach(e=>{e.checked=true}),true)`)
	author.ClickText("Save who came")
	author.WaitText("Saved who came.")
	taken := `main a[href*="/people/"]`
	if n := webtest.Eval[int](author, `document.querySelectorAll('`+taken+`').length`); n != 3 {
		t.Errorf("%d of 3 were there", n)
	}
	everyWay(author, "live-came")

	// One of them was not: that is taken back with a reason, and noted again.
	author.Click(taken)
	author.WaitText("What happens")
	everyWay(author, "live-void")
	webtest.Eval[bool](author, `(document.querySelector("#reason").required=false,true)`)
	author.Submit("#reason")
	author.Wait(`#reason[aria-invalid="true"]`)
	everyWay(author, "live-void-error")
	author.Type("#reason", "Another one of the same name came.")
	author.Submit("#reason")
	author.WaitText("Another one of the same name came.")
	everyWay(author, "live-voided")
	author.Click(`input[name=came]`)
	author.ClickText("Save who came")
	author.WaitText("Saved who came.")
	if n := webtest.Eval[int](author, `document.querySelectorAll('`+taken+`').length`); n != 3 {
		t.Errorf("%d of 3 were there, after it was noted again", n)
	}
	author.ClickText("An ice bath in front of the camera")
	author.ClickText("Keep the recording")
	author.WaitText("Into which lesson")
	author.Type("#src", "https://media.example.com/ice-bath.mp4")
	author.Type("#chapters", "0:10 The bucket")
	author.ClickText("Put it into the lesson")
	author.Wait(`#write`)
	if html := author.HTML(); !strings.Contains(html, "https://media.example.com/ice-bath.mp4") || !strings.Contains(html, "0:10 The bucket") {
		t.Error("the lesson that is written has no recording")
	}
}
