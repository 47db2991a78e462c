package webtest_test

import (
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
	d := webtest.Start(t, webtest.Folder(t))
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
	author.Accessible()
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
	for email, want := range map[string]string{"learner@brightwater.example": "2, published", "admin@brightwater.example": "3, published"} {
		if page := webtest.Text(t, d.Client(t, email), path); !strings.Contains(page, want) {
			t.Errorf("%s does not read version %s", email, want)
		}
	}
	author.ClickText("Go back to version 2")
	author.WaitText("The former version is in use again")
	if page := webtest.Text(t, d.Client(t, "admin@brightwater.example"), path); !strings.Contains(page, "2, published") {
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
