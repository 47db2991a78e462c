package webtest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// shot keeps a picture of the page in the folder that LEARNSCAPE_SHOTS names, to be looked at.
func shot(b *webtest.Browser, name string) {
	if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
		b.Shot(filepath.Join(dir, name+".png"))
	}
}

// A partner reads what is different in a vendor's new version and takes it into its library; whoever is in mid-course stays where
// they are, and it can be undone.
func TestPartnerTakesAnUpdate(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	author := webtest.Open(t, 1360)
	signIn(t, author, d, "author@brightwater.example")
	author.Visit(d.URL("brightwater", "/learn"))
	shot(author, "learn")
	author.ClickText("Look after the library")
	author.WaitText("Version 3 waits")
	shot(author, "library")
	author.ClickText("Cold-chain monitoring")
	author.WaitText("You asked to be asked")
	author.WaitText("A second pair of eyes")
	if !author.Has(".change-new, .change-changed, .change-moved") || author.Has("main h1 ~ .empty") {
		t.Error("the page does not say what is different")
	}
	at := author.At()
	shot(author, "update")
	author.Accessible()
	author.Dark(true)
	shot(author, "update-dark")
	author.Contrast()
	author.Dark(false)
	author.Fits(320)
	author.Resize(390)
	shot(author, "update-phone")
	author.Resize(1360)
	author.ClickText("Not yet")
	author.WaitText("asked again about the version after")
	author.Visit(at)
	author.ClickText("Accept version 3")
	author.WaitText("Whoever starts now gets this version")
	shot(author, "accepted")
	path := d.URL("brightwater", webtest.Eval[string](author, `document.querySelector('main a[href^="/path/"]').getAttribute("href")`))
	var fresh *http.Client // somebody who has not begun the path
	for _, who := range []string{"admin", "marketer", "moderator", "manager", "partners"} {
		c := d.Client(t, who+"@brightwater.example")
		if fresh == nil && strings.Contains(webtest.Text(t, c, path), "Not started yet") {
			fresh = c
		}
	}
	if fresh == nil {
		t.Fatal("everybody has begun the path")
	}
	for want, c := range map[string]*http.Client{"2, published": d.Client(t, "learner@brightwater.example"), "3, published": fresh} {
		if page := webtest.Text(t, c, path); !strings.Contains(page, want) {
			t.Errorf("nobody reads version %s", want)
		}
	}
	author.ClickText("Go back to version 2")
	author.WaitText("The former version is in use again")
	if page := webtest.Text(t, fresh, path); !strings.Contains(page, "2, published") {
		t.Error("after going back people start in another version than 2")
	}
	author.Visit(d.URL("brightwater", "/library?part=more"))
	shot(author, "offers")
	author.Accessible()
	author.Fits(320)
	author.Resize(1360)
	author.Click(`main .items form button`)
	author.WaitText("Added to the library")
	shot(author, "current")
	author.Accessible()
	author.Visit(path)
	author.WaitText("In your library")
	author.Accessible()
	author.Visit(d.URL("brightwater", "/library?q=zzz"))
	author.WaitText("Nothing here")
	author.Accessible()

	// A neighbour knows nothing of it, and a learner looks after nothing.
	for org, email := range map[string]string{"halden": "author@halden.example", "kestrel": "author@kestrel.example", "brightwater": "learner@brightwater.example"} {
		want := map[string]int{"halden": 404, "kestrel": 200, "brightwater": 404}[org]
		if got := status(t, d.Client(t, email), d.URL(org, strings.TrimPrefix(at, d.URL("brightwater", "")))); got != want {
			t.Errorf("%s gets %d, not %d", email, got, want)
		}
	}
}

// A partner writes what it adds to a vendor's path, sees the path with it while writing, publishes it to its own people and takes
// it back; the vendor says where, and knows nothing of what it says.
func TestPartnerAddsToAPath(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@brightwater.example")
	b.Visit(d.URL("brightwater", "/library"))
	b.ClickText("Cold-chain monitoring")
	b.ClickText("Our additions")
	b.WaitText("What Brightwater Consulting adds to this path")
	b.WaitText("loses its place")
	at := b.At()
	shot(b, "compose")
	b.Accessible()
	b.Dark(true)
	b.Contrast()
	shot(b, "compose-dark")
	b.Dark(false)
	b.Fits(320)
	b.Resize(390)
	shot(b, "compose-phone")
	b.Resize(1360)

	b.Click(`a[href*="?slot=before-hand-over"]`)
	b.Type(`#title`, "Rehearse the zqhandover")
	b.Type(`#text`, "Let the customer do all of it, and say nothing.")
	b.WaitText("Rehearse the zqhandover") // In the map, before it is saved.
	b.Settle()
	shot(b, "compose-step")
	b.Accessible()
	b.Fits(320)
	b.Resize(1360)
	b.Submit(`#title`)
	b.WaitText("Saved as a draft")
	learner := d.Client(t, "learner@brightwater.example")
	path := d.URL("brightwater", webtest.Eval[string](b, `document.querySelector('main a[href^="/path/"]').getAttribute("href")`))
	if strings.Contains(webtest.Text(t, learner, path), "zqhandover") {
		t.Error("a draft is seen by a learner")
	}
	b.ClickText("Publish,")
	b.WaitText("Published.")
	shot(b, "compose-published")
	if !strings.Contains(webtest.Text(t, learner, path), "zqhandover") {
		t.Error("a learner does not see what was published")
	}
	for org, email := range map[string]string{"halden": "author@halden.example", "kestrel": "learner@kestrel.example"} {
		if strings.Contains(webtest.Text(t, d.Client(t, email), strings.Replace(path, "brightwater", org, 1)), "zqhandover") {
			t.Errorf("%s reads what Brightwater adds", email)
		}
	}
	b.Visit(path)
	b.WaitText("Why customers choose us")
	shot(b, "path")
	b.Accessible()
	b.Visit(at)
	b.Click(`a[href*="?note=placing"]`)
	b.WaitText("Note beside")
	shot(b, "compose-note")
	b.Accessible()

	vendor := webtest.Open(t, 1360)
	signIn(t, vendor, d, "author@halden.example")
	vendor.Visit(strings.Replace(path, "brightwater", "halden", 1))
	vendor.ClickText("Where partners may add")
	vendor.WaitText("No partner shows you what it adds")
	shot(vendor, "slots")
	vendor.Accessible()
	vendor.Fits(320)
	vendor.Resize(1360)
	vendor.Click(`input[name="open"][value="reports"]`)
	vendor.ClickText("Publish as version 4")
	vendor.WaitText("Published with these places")
	b.Visit(d.URL("brightwater", "/library"))
	b.WaitText("Version 4 waits")
}
