package webtest_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// point is a PNG of one pixel.
const point = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// An expert writes a course from nothing: lessons in blocks, a picture that is dropped, a question, a reflection; what stands against
// publishing is named until it is there. Learners learn it at once, a colleague who writes at the same time is told, and nobody else
// saw the draft.
func TestExpertWritesACourse(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/publish"))
	b.WaitText("Nothing is being written")
	shot(b, "write-empty")
	b.Accessible()
	b.Type(`#begin input[name="title"]`, "Dry a probe before storage")
	b.ClickText("Begin")
	b.WaitText("Nobody sees it until you publish it")
	at := b.At()[:strings.Index(b.At(), "?")]
	b.WaitText("There is no lesson.")
	if !b.Has(`#publish button[aria-disabled="true"]`) {
		t.Error("it can be published without a lesson")
	}
	b.Type(`#head textarea[name="outcome"]`, "You store probes that are dry")
	b.Type(`#head textarea[name="summary"]`, "Why a wet probe drifts, and how to dry it.")
	b.Submit(`#head textarea[name="summary"]`)
	b.WaitText("Saved.")
	b.Type(`.add-lesson input[name="lesson"]`, "Why it drifts")
	b.Submit(`.add-lesson input[name="lesson"]`)
	b.WaitText("The lesson is empty")
	lesson := b.At()
	b.ClickText("Text")
	b.Type(`#block-0 textarea`, "## The drop\n\nWater in the tip **changes** the reading.")
	b.WaitText("Saved")
	b.Wait(`#preview .prose strong`)
	b.ClickText("Questions")
	b.Type(`textarea[name="b1.q0.ask"]`, "What do you do first?")
	b.Type(`input[name="b1.q0.c0.text"]`, "Wipe the tip")
	b.ClickText("Reflection")
	b.WaitText("an answer to question 1 says nothing yet")
	b.WaitText("the reflection asks nothing yet")
	b.Accessible()
	shot(b, "write-lesson-fault")
	b.Type(`input[name="b1.q0.c1.text"]`, "Shake it")
	b.Type(`textarea[name="b1.q0.c1.because"]`, "Drops stay in the tip.")
	b.Type(`textarea[name="b2.ask"]`, "Where do you keep yours?")
	b.Wait(`#preview .reflect`)
	b.WaitText("Where do you keep yours?")

	// A picture is dropped into the text; the cursor is where it is shown.
	webtest.Eval[bool](b, `(()=>{const f=document.querySelector("#block-0 textarea"),raw=atob("`+point+`"),a=new Uint8Array(raw.length);for(let i=0;i<raw.length;i++)a[i]=raw.charCodeAt(i);
		const t=new DataTransfer();t.items.add(new File([a],"The drop.png",{type:"image/png"}));f.focus();f.setSelectionRange(f.value.length,f.value.length);
		f.dispatchEvent(new DragEvent("drop",{bubbles:true,cancelable:true,dataTransfer:t}));return true})()`)
	b.Wait(`#preview img[src$="/files/the-drop.png"]`)
	shot(b, "write-lesson")
	b.Dark(true)
	shot(b, "write-lesson-dark")
	b.Accessible()
	b.Dark(false)
	b.Fits(320)
	b.Resize(390)
	shot(b, "write-lesson-phone")
	b.Resize(1360)
	b.Click(`#block-2 button[value="up 2"]`)
	b.Wait(`#block-1 textarea[name="b1.ask"]`)
	if got := webtest.Eval[string](b, `document.querySelector('textarea[name="b1.ask"]').value`); got != "Where do you keep yours?" {
		t.Errorf("after moving the reflection asks %q", got)
	}
	if got := webtest.Eval[string](b, `document.activeElement.value ?? ""`); got != "up 1" {
		t.Errorf("after moving the keyboard is on %q, not on the button that moves it again", got)
	}
	// By its handle it is dragged before the first, with what was typed a moment ago.
	b.Type(`textarea[name="b1.ask"]`, "Where do you keep yours? And why there?")
	webtest.Eval[bool](b, `(()=>{const from=document.querySelector("#block-1 .handle"),to=document.querySelector("#block-0").closest("li"),t=new DataTransfer(),box=to.getBoundingClientRect();
		const ev=(e,n,y)=>e.dispatchEvent(new DragEvent(n,{bubbles:true,cancelable:true,dataTransfer:t,clientY:y}));
		ev(from,"dragstart",0);ev(to,"dragover",box.top+2);ev(to,"drop",box.top+2);return true})()`)
	b.Wait(`#block-0 textarea[name="b0.ask"]`)
	if got := webtest.Eval[string](b, `document.querySelector('textarea[name="b0.ask"]').value`); !strings.Contains(got, "And why there?") {
		t.Errorf("after dragging the reflection asks %q", got)
	}
	b.Click(`#block-0 button[value="down 0"]`)
	b.Wait(`#block-0 textarea[name="b0.text"]`)

	// A colleague has the same lesson open and saves later: told, nothing lost.
	admin := webtest.Open(t, 1360)
	signIn(t, admin, d, "admin@halden.example")
	admin.Visit(lesson)
	admin.Wait(`#block-0 textarea`)
	b.Type(`input[name="title"]`, "Why a wet probe drifts")
	b.Submit(`input[name="title"]`)
	b.WaitText("Saved.")
	admin.Type(`#block-0 textarea`, "## Mine\n\nMy words.")
	admin.WaitText("Yours is not saved yet")
	webtest.Eval[bool](admin, `(document.querySelector("#write").requestSubmit(document.querySelector('#write button[value="save"]')),true)`)
	admin.WaitText("Above is what is saved")
	if got := webtest.Eval[string](admin, `document.querySelector("#block-0 textarea").value`); !strings.Contains(got, "My words.") {
		t.Errorf("what was written is gone: %q", got)
	}
	shot(admin, "write-conflict")
	admin.Accessible()

	// Nobody else gets anything of the draft.
	for _, who := range []string{"learner@halden.example", "author@brightwater.example", "admin@kestrel.example"} {
		c := d.Client(t, who)
		org := who[strings.IndexByte(who, '@')+1 : strings.IndexByte(who, '.')]
		for _, rest := range []string{"", "/discard", "/files/the-drop.png"} {
			if res := status(t, c, d.URL(org, strings.TrimPrefix(at, d.URL("halden", ""))+rest)); res != http.StatusNotFound {
				t.Errorf("%s gets %d for %s of the draft", who, res, rest)
			}
		}
		if strings.Contains(webtest.Text(t, c, d.URL(org, "/search?q=dry+probe+storage")), "Dry a probe before storage") {
			t.Errorf("%s finds the draft", who)
		}
	}

	b.Visit(at)
	b.WaitText("Before you publish")
	shot(b, "write-course")
	b.Accessible()
	b.Fits(320)
	b.Resize(390)
	shot(b, "write-course-phone")
	b.Resize(1360)
	b.Dark(true)
	shot(b, "write-course-dark")
	b.Accessible()
	b.Dark(false)
	b.ClickText("Publish version 1")
	b.WaitText("Dry a probe before storage")
	if !strings.Contains(b.At(), "/course/") {
		t.Fatalf("publishing leads to %s", b.At())
	}
	learner := d.Client(t, "learner@halden.example")
	page := webtest.Text(t, learner, b.At()+"/lessons/why-it-drifts")
	for _, want := range []string{"Why a wet probe drifts", "changes", "What do you do first?", "Where do you keep yours?"} {
		if !strings.Contains(page, want) {
			t.Errorf("a learner does not read %q", want)
		}
	}

	// The next version goes on from this one; discarding it leaves this one in use.
	b.Visit(d.URL("halden", "/publish?tab=published"))
	shot(b, "write-published")
	b.ClickText("Write the next version")
	b.WaitText("Draft of version")
	b.ClickText("Discard this draft")
	b.WaitText("stays in use")
	b.ClickText("Discard the draft")
	b.WaitText("The draft is gone")
}

// Uploads are what their names say, and of a kind that lessons show.
func TestUploadsOfAuthors(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	c := d.Client(t, "author@halden.example")
	at := begin(t, c, d, "halden", "With files")
	raw, err := base64.StdEncoding.DecodeString(point)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		body []byte
		want int
		says string
	}{
		{"a.png", raw, http.StatusOK, `"name":"a.png"`},
		{"../../A b.PNG", raw, http.StatusOK, `"name":"a-b.png"`},
		{"a.png", raw, http.StatusOK, `"name":"a-2.png"`},
		{"a.png", []byte("<script>alert(1)</script>"), http.StatusUnprocessableEntity, "not what its name says"},
		{"a.html", []byte("<script>alert(1)</script>"), http.StatusUnprocessableEntity, "not taken"},
		{"a.svg", append([]byte("<svg xmlns='http://www.w3.org/2000/svg'>"), make([]byte, 6<<20)...), http.StatusUnprocessableEntity, "larger than 5 MB"},
		{"", nil, http.StatusUnprocessableEntity, "Choose a file"},
	} {
		status, body := upload(t, c, at+"/files", tt.name, tt.body)
		if status != tt.want || !strings.Contains(body, tt.says) {
			t.Errorf("%q answers %d %s", tt.name, status, body)
		}
	}
}

// begin begins a course and returns the address of its draft.
func begin(t *testing.T, c *http.Client, d *webtest.Demo, org, title string) string {
	t.Helper()
	res, err := c.PostForm(d.URL(org, "/publish"), url.Values{"title": {title}, "lang": {"en"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	at, _, ok := strings.Cut(res.Request.URL.String(), "?done=begun")
	if !ok {
		t.Fatalf("beginning a course leads to %s", res.Request.URL)
	}
	return at
}

// upload sends a file as a script does and returns what is answered.
func upload(t *testing.T, c *http.Client, at, name string, content []byte) (int, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if name != "" {
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(content)
	}
	_ = w.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Accept", "application/json")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read whole.
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}
