package webtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/web/webtest"
)

// An author plans a live session with one seat. Two want it, in two organizations: one has it, the other waits, and moves up when the first
// gives it back. Of a session that is over the author says who came and keeps the recording, which learners find in the lesson.
func TestLiveSession(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
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
	author.ClickText("Who came")
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

// A course with a live session is a step of a path. Somebody takes a seat in it on their way, the path says when it is; the host notes that they came,
// the lesson is done by that and the path goes on. Taken back with a reason, it is open again, which they read where the session stands, in their record and by mail.
func TestALiveSessionOnTheWayOfAPath(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	folder := t.TempDir()
	for name, text := range map[string]string{
		"learnscape.yaml":            "learnscape: 1\nitems:\n  - course: courses/clinic\n  - path: paths/way\n",
		"courses/clinic/course.yaml": "title: The clinic\nslug: clinic\noutcome: You ask\nsummary: An hour.\nlang: en\nlessons: [hour.md, lines.md]\n",
		"courses/clinic/hour.md":     "---\nkey: hour\ntitle: The hour\nminutes: 60\n---\nBring a curve.\n\n```live\nkey: hour\ntitle: The clinic\nask: Choose a date.\n```\n",
		"courses/clinic/lines.md":    "---\nkey: lines\ntitle: Three lines\nminutes: 5\n---\nWrite three lines.\n",
		"paths/way/path.yaml":        "title: Zqway to the clinic\nslug: way\noutcome: You ask\nsummary: A course, a look back.\nlang: en\nsteps:\n  - key: clinic\n    course: clinic\n  - key: back\n    lesson: back.md\n    title: Look back\n    needs: [clinic]\n",
		"paths/way/back.md":          "---\nkey: back\ntitle: Look back\nminutes: 5\n---\nWhat was it good for?\n",
	} {
		if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	imports(t, d, folder)
	author, learner := webtest.Open(t, 1360), webtest.Open(t, 1360)
	signIn(t, learner, d, "learner2@brightwater.example")
	find(learner, d.URL("brightwater", ""), "Zqway")
	learner.Click(`#results a[href$="/way"]`)
	learner.Click(`main .progress-card form button`)
	learner.WaitText("Zurzeit ist kein Termin geplant.")
	step := strings.TrimPrefix(learner.At(), d.URL("brightwater", ""))
	path, _, _ := strings.Cut(step, "/steps/")

	signIn(t, author, d, "author@halden.example")
	author.Visit(d.URL("halden", step))
	author.ClickText("Plan a live session")
	plan := func(begins time.Time) {
		put(author, "#zone", "Etc/UTC")
		put(author, "#starts", begins.UTC().Format("2006-01-02T15:04"))
		put(author, "#ends", begins.Add(time.Hour).UTC().Format("2006-01-02T15:04"))
		author.Submit("#title")
	}
	author.Type("#title", "Ask us")
	put(author, "#seats", "3")
	put(author, "#link", "https://meet.example.com/ask")
	plan(time.Now().AddDate(0, 0, 3))
	author.WaitText("The session is planned.")
	session, _, _ := strings.Cut(author.At(), "?")

	learner.Visit(d.URL("brightwater", step))
	learner.Click(`.step-take .btn-primary`)
	learner.WaitText("Sie haben einen Platz. Die Einladung kommt per E-Mail.")
	learner.Visit(d.URL("brightwater", path))
	learner.WaitText("Platz: ")
	everyWay(learner, "live-way-seat")

	// It begins within a minute or so; who came can be said from then on.
	author.Visit(session + "/edit")
	plan(time.Now().Add(70 * time.Second))
	author.WaitText("The session is changed.")
	for end := time.Now().Add(100 * time.Second); !author.Has(`input[name=came]`) && time.Now().Before(end); author.Settle() {
		author.Visit(session + "/people")
	}
	author.Click(`input[name=came]`)
	author.ClickText("Save who came")
	author.WaitText("Saved who came.")

	visitUntil(learner, d.URL("brightwater", path), "1 von 2 Lektionen erledigt")
	if text := learner.Text(); strings.Contains(text, "Platz: ") {
		t.Errorf("who was there still has a seat to come:\n%s", text)
	}
	learner.Click(`main .progress-card .btn-primary`)
	learner.WaitText("Write three lines.")
	finish(learner)
	learner.WaitText("What was it good for?")
	learner.Visit(d.URL("brightwater", path))
	everyWay(learner, "live-way-on")

	author.Click(`main a[href*="/people/"]`)
	author.Type("#reason", "Another one of the same name came.")
	author.Submit("#reason")
	author.WaitText("Another one of the same name came.")
	visitUntil(learner, d.URL("brightwater", "/outbox"), "Zurückgenommen: Ihre Teilnahme an Ask us")
	learner.Visit(d.URL("brightwater", strings.TrimPrefix(session, d.URL("halden", ""))))
	learner.WaitText("Zurückgenommen von Halden Systems am")
	learner.WaitText("Another one of the same name came.")
	everyWay(learner, "live-way-voided")
	learner.Visit(d.URL("brightwater", "/me/record"))
	learner.WaitText("Another one of the same name came.")
	everyWay(learner, "live-way-record")
	learner.Visit(d.URL("brightwater", path+"/steps/back"))
	learner.WaitText("Noch nicht offen")
}
