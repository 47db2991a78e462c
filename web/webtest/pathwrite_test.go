package webtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// An expert writes a path from what is there: finds a course of the own house and a story of another's, adds a lesson, says what waits for
// what, drags a step to its place, has a colleague read it, and publishes. Learners find the steps in their order, and one that waits is closed
// until what it waits for is finished.
func TestExpertWritesAPath(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/publish"))
	webtest.Eval[bool](b, `(document.querySelector('#begin select[name="kind"]').value="path",true)`)
	b.Type(`#begin input[name="title"]`, "The first week with loggers")
	b.ClickText("Begin")
	b.WaitText("There is no step.")
	shot(b, "path-empty")
	b.Accessible()
	at := b.At()[:strings.Index(b.At(), "?")]
	b.Type(`#head textarea[name="outcome"]`, "You place loggers and read them")
	b.Type(`#head textarea[name="summary"]`, "Five days, one room.")
	b.Submit(`#head textarea[name="summary"]`)
	b.WaitText("Saved.")

	// While somebody types, what it could be appears.
	b.Type(`#find-step`, "placing")
	b.Wait(`#found form button`)
	shot(b, "path-find")
	b.Accessible()
	b.Click(`#found form button`)
	b.WaitText("The step is the last one now.")
	b.Type(`#find-step`, "alarm was right")
	b.WaitText("Solvik Dairy")
	b.Click(`#found form button`)
	b.WaitText("The night the alarm was right")
	b.Type(`#add input[name="lesson"]`, "Walk through the room")
	b.Submit(`#add input[name="lesson"]`)
	b.WaitText("The lesson is empty")
	b.ClickText("Text")
	b.Type(`#block-0 textarea`, "## Walk\n\nOpen **every** door once.")
	b.WaitText("Saved")
	b.Wait(`#preview .prose strong`)

	// The walk waits for the first course; the story may be left out.
	b.Visit(at + "/steps/walk-through-the-room")
	b.Type(`input[name="note"]`, "Take a torch.")
	b.Type(`input[name="section"]`, "On site")
	b.Click(`#needs label.check`)
	b.WaitText("Saved")
	shot(b, "path-step")
	b.Accessible()
	b.Fits(320)
	b.Resize(390)
	shot(b, "path-step-phone")
	b.Resize(1360)
	b.ClickText("Save and go back")
	b.WaitText("Opens after:")
	story := webtest.Eval[string](b, `[...document.querySelectorAll("#steps [data-key]")].map(e=>e.dataset.key).find(k=>k.includes("night"))`)
	b.Visit(at + "/steps/" + story)
	b.Click(`input[name="optional"]`)
	b.ClickText("Save and go back")
	b.WaitText("May be left out")

	// Dragged before the first, the story is the first.
	webtest.Eval[bool](b, `(()=>{const rows=[...document.querySelectorAll("#steps [data-key]")],from=rows.find(r=>r.dataset.key==="`+story+`"),to=rows[0],t=new DataTransfer(),box=to.getBoundingClientRect();
		const ev=(e,n,y)=>e.dispatchEvent(new DragEvent(n,{bubbles:true,cancelable:true,dataTransfer:t,clientY:y}));
		ev(from,"dragstart",0);ev(to,"dragover",box.top+2);ev(to,"drop",box.top+2);return true})()`)
	b.WaitText("“The night the alarm was right” is number 1 of 3 now.")
	if got := webtest.Eval[string](b, `document.querySelector("#steps [data-key]").dataset.key`); got != story {
		t.Errorf("after dragging the first step is %s", got)
	}

	// A colleague who writes nothing is asked, reads this draft, and wants a change.
	b.Type(`#reviews input[name="who"]`, "learner@halden.example")
	b.Type(`#reviews textarea[name="words"]`, "Is the walk clear?")
	b.ClickText("Ask to read")
	b.WaitText("Not answered yet")
	reader := webtest.Open(t, 1360)
	signIn(t, reader, d, "learner@halden.example")
	reader.Visit(d.URL("halden", "/reviews"))
	reader.WaitText("The first week with loggers")
	shot(reader, "review-list")
	reader.Accessible()
	reader.ClickText("The first week with loggers")
	reader.WaitText("Is the walk clear?")
	shot(reader, "review")
	reader.Accessible()
	reader.Fits(320)
	reader.Resize(390)
	shot(reader, "review-phone")
	reader.Resize(1360)
	reader.Dark(true)
	shot(reader, "review-dark")
	reader.Accessible()
	reader.Dark(false)
	reader.Click(`#l-walk-through-the-room details summary`)
	reader.Type(`#l-walk-through-the-room textarea[name="body"]`, "Say which doors.")
	reader.Submit(`#l-walk-through-the-room textarea[name="body"]`)
	reader.WaitText("The remark is left.")
	reader.ClickText("Change this")
	reader.WaitText("Answered: something is to change.")
	c := d.Client(t, "learner@halden.example")
	for _, address := range []string{at, at + "/steps/" + story, d.URL("halden", "/publish")} {
		if res := status(t, c, address); res != http.StatusNotFound {
			t.Errorf("the reader gets %d for %s", res, address)
		}
	}
	for _, who := range []string{"author@brightwater.example", "admin@kestrel.example", "learner2@halden.example"} {
		org := who[strings.IndexByte(who, '@')+1 : strings.IndexByte(who, '.')]
		if res := status(t, d.Client(t, who), d.URL(org, strings.Replace(strings.TrimPrefix(at, d.URL("halden", "")), "/publish/", "/reviews/", 1))); res != http.StatusNotFound {
			t.Errorf("%s gets %d for the draft", who, res)
		}
	}
	b.Visit(at)
	b.WaitText("asks for a change.")
	b.WaitText("Say which doors.")
	shot(b, "path-desk")
	b.Accessible()
	b.Fits(320)
	b.Resize(390)
	shot(b, "path-desk-phone")
	b.Resize(1360)
	b.Dark(true)
	shot(b, "path-desk-dark")
	b.Accessible()
	b.Dark(false)

	// Planned, called off, and published now.
	b.Click(`#publish details summary`)
	webtest.Eval[bool](b, `(document.querySelector('#publish input[name="at"]').value=new Date(Date.now()+36e5*48).toISOString().slice(0,16),true)`)
	b.ClickText("Publish then")
	b.WaitText("It will be published then.")
	shot(b, "path-planned")
	b.ClickText("Do not publish then")
	b.WaitText("It will not be published by itself.")
	b.ClickText("Publish version 1")
	b.WaitText("On site")
	path := b.At()
	shot(b, "path-published")
	b.Accessible()

	// Whoever writes it learns as everybody does.
	b.WaitText("Opens after:")
	b.ClickText("Walk through the room")
	b.WaitText("Not open yet")
	shot(b, "path-waits")
	b.Accessible()
	b.Fits(320)
	b.Resize(390)
	shot(b, "path-waits-phone")
	if strings.Contains(b.Text(), "every door") {
		t.Error("what waits can be read")
	}
	german := d.Client(t, "learner2@halden.example")
	if page := webtest.Text(t, german, path); !strings.Contains(page, "Darf ausgelassen werden") || !strings.Contains(page, "On site") {
		t.Error("in German, nothing is said of what may be left out")
	}
}

// With keys alone somebody begins a path, adds a course, a story, a lesson, a live session and something for a group, puts them in order, says what
// may be left out and what does as well as what, and publishes. The keyboard stays where the work goes on.
func TestAPathIsWrittenByKeyboard(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	press := func(selector string) {
		t.Helper()
		b.TabTo(selector)
		b.Press(webtest.Enter)
		b.Settle()
	}
	order := func() string {
		return webtest.Eval[string](b, `[...document.querySelectorAll("#steps [data-key]")].map(e=>e.dataset.key).join(" ")`)
	}
	b.Visit(d.URL("halden", "/publish"))
	b.TabTo(`#kind`)
	b.Press(webtest.ArrowDown)
	b.TabTo(`#title`)
	b.Press("By hand" + webtest.Enter)
	b.WaitText("There is no step.")
	desk := b.At()[:strings.Index(b.At(), "?")]

	for words, key := range map[string]string{"placing": "placing-loggers-and-mapping-a-room", "alarm was right": "the-night-the-alarm-was-right", "ice bath, the card": "ice-bath-the-card-for-the-van"} {
		b.Visit(desk)
		b.TabTo(`#find-step`)
		b.Press(words)
		press(`#found form button`)
		b.WaitText("The step is the last one now.")
		b.WaitFocus(`#s-` + key + ` a`)
	}
	for i, title := range []string{"Wrap up", "Ask the field", "Look back"} {
		b.Visit(desk)
		b.TabTo(`#lesson`)
		b.Press(title)
		b.TabTo(`#pattern`)
		if i > 0 { // Behind the patterns of a text.
			b.Press(strings.Repeat(webtest.ArrowDown, i+2))
		}
		press(`#add .add-lesson button`)
		if i == 0 {
			press(`button[value="add prose"]`)
			b.WaitFocus(`textarea[name="b0.text"]`)
			b.Press("Three lines are enough.")
			if got := webtest.Eval[string](b, `document.querySelector("#block-0 textarea").value`); got != "Three lines are enough." {
				t.Errorf("what is written stands among the example: %q", got)
			}
		} else {
			b.TabTo(`textarea[name="b0.ask"]`)
			b.Press("An hour together.")
		}
		press(`button[value="save"]`)
		b.WaitText("Saved.")
	}

	b.Visit(desk)
	for _, n := range []string{"5 of 6", "4 of 6"} {
		if n == "5 of 6" {
			press(`#s-look-back form:first-child button`)
		} else {
			b.Press(webtest.Enter) // The keyboard is still on the button.
		}
		b.WaitText("“Look back” is number " + n + " now.")
		b.WaitFocus(`#s-look-back form:first-child button`)
	}
	if got := order(); !strings.HasSuffix(got, "look-back wrap-up ask-the-field") {
		t.Errorf("the order is %s", got)
	}
	for _, key := range []string{"the-night-the-alarm-was-right", "ice-bath-the-card-for-the-van"} {
		press(`#s-` + key + ` h3 a`)
		b.TabTo(`#either`)
		b.Press("Reading")
		press(`form .btn-primary`)
		b.WaitText("One of: Reading")
	}
	press(`#s-wrap-up h3 a`)
	b.TabTo(`#optional`)
	b.Press(webtest.Space)
	press(`form .btn-primary`)
	b.WaitText("May be left out")
	b.TabTo(`#outcome`)
	b.Press("You look back")
	b.TabTo(`#summary`)
	b.Press("Six steps.")
	press(`#head button`)
	press(`#publish .btn-primary`)
	b.WaitText("One is enough of: Reading")
	everyWay(b, "path-by-keyboard")
}
