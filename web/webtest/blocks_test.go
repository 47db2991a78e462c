package webtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// An author writes a list of steps and something of another site; readers tick, print, and see the other site only when they want to. A dead
// link is named before publishing and listed afterwards.
func TestListsFramesAndLinks(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/publish"))
	b.Type(`#begin input[name="title"]`, "Swap a battery")
	b.ClickText("Begin")
	b.WaitText("Nobody sees it until you publish it")
	at := b.At()[:strings.Index(b.At(), "?")]
	b.Type(`#head textarea[name="outcome"]`, "You swap batteries without a gap")
	b.Type(`#head textarea[name="summary"]`, "How to swap a battery.")
	b.Submit(`#head textarea[name="summary"]`)
	b.WaitText("Saved.")
	b.Type(`.add-lesson input[name="lesson"]`, "The swap")
	b.Submit(`.add-lesson input[name="lesson"]`)
	b.WaitText("The lesson is empty")
	lesson := b.At()
	b.ClickText("List of steps")
	b.WaitText("the list has no step yet")
	b.Type(`input[name="b0.title"]`, "Swap the battery")
	b.Type(`input[name="b0.ask"]`, "The logger says LOW")
	b.Type(`textarea[name="b0.steps"]`, "Open the **lid**\nSwap within ten seconds\nRead [the sheet]("+d.URL("halden", "/nothing-here")+")")
	b.Wait(`#preview .steps-list strong`)
	b.ClickText("From another site")
	b.WaitText("there is no address yet")
	b.Type(`input[name="b1.title"]`, "The swap in a minute")
	b.Type(`input[name="b1.src"]`, "https://maps.example.org/x")
	b.WaitText("is not on the list of sites")
	shot(b, "blocks-write")
	b.Accessible()
	b.Fits(320)
	b.Resize(1360)
	b.Type(`input[name="b1.src"]`, "https://vimeo.com/12345678")
	b.WaitText("The swap in a minute")
	b.Wait(`#preview .frame`)
	webtest.Eval[bool](b, `(document.querySelector("#write").requestSubmit(document.querySelector('#write button[value="save"]')),true)`)
	b.WaitText("Saved.")
	b.Visit(at)
	b.WaitText("Nobody has looked at the 2 links yet")
	shot(b, "links-check")
	b.ClickText("Look again")
	b.WaitText("The links are looked at now")
	for range 100 {
		if b.Visit(at); strings.Contains(b.Text(), "/nothing-here") {
			break
		}
	}
	b.WaitText("/nothing-here")
	shot(b, "links-found")
	b.Accessible()
	b.ClickText("Publish version 1")
	b.WaitText("Swap a battery")
	page := strings.TrimPrefix(b.At(), d.URL("halden", "")) + "/lessons/the-swap"

	r := webtest.Open(t, 1360)
	signIn(t, r, d, "learner@halden.example")
	r.Visit(d.URL("halden", page))
	r.WaitText("0 of 3 done")
	if r.Has("iframe") {
		t.Error("something of another site is there before anybody wants it")
	}
	shot(r, "blocks-lesson")
	r.Accessible()
	r.Click(`.steps-list li:nth-child(2) input`)
	r.WaitText("1 of 3 done")
	r.Visit(d.URL("halden", page))
	r.WaitText("1 of 3 done")
	if !webtest.Eval[bool](r, `document.querySelector('.steps-list li:nth-child(2) input').checked`) {
		t.Error("the tick is gone")
	}
	r.Fits(320)
	r.Resize(390)
	r.Dark(true)
	shot(r, "blocks-lesson-phone-dark")
	r.Accessible()
	r.Dark(false)
	r.Resize(1360)
	r.ClickText("Print as a job aid")
	r.WaitText("The boxes are empty on paper")
	r.Wait(`[data-print]:not([hidden])`)
	shot(r, "blocks-aid")
	r.Accessible()
	r.Fits(320)
	r.Resize(1360)
	r.Visit(d.URL("halden", page))
	r.ClickText("Show it here")
	r.Wait(`iframe[title="The swap in a minute"][sandbox][src="https://player.vimeo.com/video/12345678?dnt=1"]`)
	if got := webtest.Eval[string](r, `[...document.querySelectorAll(".frame figcaption a")].map(a=>a.textContent+" "+a.href).join("; ")`); !strings.HasSuffix(got, "Open at vimeo.com https://vimeo.com/12345678") {
		t.Errorf("the film's own page is offered as %q", got)
	}
	everyWay(r, "blocks-frame")
	c := d.Client(t, "learner@halden.example")
	policy := func(rest string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL("halden", page)+rest, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Header.Get("Content-Security-Policy")
	}
	if got := policy(""); strings.Contains(got, "frame-src") {
		t.Errorf("frames are let in before anybody wants one: %s", got)
	}
	if got := policy("?show=from-elsewhere"); strings.Contains(got, "frame-src") {
		t.Errorf("frames are let in for what is not there: %s", got)
	}
	key := webtest.Eval[string](r, `new URL(location.href).searchParams.get("show")`)
	if got := policy("?show=" + key); !strings.HasSuffix(got, "; frame-src https://player.vimeo.com") {
		t.Errorf("the frame is let in by %s", got)
	}

	// Without script the list is a form, and the frame a page.
	r.Script(false)
	r.Visit(d.URL("halden", page))
	r.Click(`.steps-list li:nth-child(1) input`)
	r.ClickText("Keep the ticks")
	r.WaitText("2 of 3 done")
	r.Script(true)

	// An administrator takes the site off the list.
	admin := webtest.Open(t, 1360)
	signIn(t, admin, d, "admin@halden.example")
	admin.Visit(d.URL("halden", "/publishing"))
	admin.Type(`textarea[name="frames"]`, "vimeo")
	admin.ClickText("Save")
	admin.WaitText("vimeo is no host that can be framed")
	shot(admin, "blocks-rules-fault")
	admin.Accessible()
	admin.Type(`textarea[name="frames"]`, "")
	admin.ClickText("Save")
	admin.WaitText("Saved")
	for range 200 {
		if r.Visit(d.URL("halden", page+"?show="+key)); !r.Has("iframe") {
			break
		}
	}
	r.WaitText("Content of this site is not shown inside the portal")
	b.Visit(lesson)
	b.Visit(d.URL("halden", "/publish/links"))
	shot(b, "links-empty")
	b.Accessible()
	b.Fits(320)
}
