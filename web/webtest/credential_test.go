package webtest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// A partner's engineer shows a certificate that two organizations stand by, first without and then with the name; a visitor checks it, its
// publisher takes it back by the code that it was shown, and both learn that. Nothing of it takes a script.
func TestCertificate(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.Folder(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@brightwater.example")
	look := func(name string) {
		t.Helper()
		shot(b, name)
		b.Accessible()
		b.Dark(true)
		shot(b, name+"-dark")
		b.Contrast()
		b.Dark(false)
		b.Resize(390)
		shot(b, name+"-phone")
		b.Fits(320)
		b.Resize(1360)
	}
	b.Visit(d.URL("brightwater", "/me/credentials"))
	b.WaitText("stay when you change employers")
	look("credentials")
	b.ClickText("Pilot lead")
	b.WaitText("Halden Systems and Brightwater Consulting confirm that")
	name := webtest.Eval[string](b, `document.querySelector('.cert-who').textContent.trim()`)
	b.ClickText("Make a public page")
	b.WaitText("Whoever has this address sees whether it is valid")
	look("credential")
	page := webtest.Eval[string](b, `document.querySelector('#page').value`)
	at, err := url.Parse(page)
	if err != nil || at.Host != strings.TrimPrefix(d.URL("halden", ""), "http://") {
		t.Fatalf("the page is at %s: %v", page, err)
	}
	visitor := webtest.Open(t, 1360)
	visitor.Visit(d.URL("halden", at.Path))
	visitor.WaitText("This certificate is valid")
	if strings.Contains(visitor.Text(), name) || !strings.Contains(visitor.Text(), "Brightwater Consulting") {
		t.Error("it tells the name, or not who signed")
	}
	visitor.Accessible()
	b.Script(false)
	b.ClickText("Put " + name + " on it")
	b.WaitText("It says " + name)
	b.Script(true)
	visitor.Visit(d.URL("halden", at.Path))
	visitor.WaitText(name)
	shot(visitor, "certificate")
	visitor.Accessible()
	visitor.Dark(true)
	shot(visitor, "certificate-dark")
	visitor.Contrast()
	visitor.Dark(false)
	visitor.Resize(390)
	shot(visitor, "certificate-phone")
	visitor.Fits(320)
	visitor.Resize(1360)
	if c := webtest.Eval[string](visitor, `document.cookie`); c != "" {
		t.Errorf("whoever checks gets a cookie: %s", c)
	}
	// What is looked up is there for programs.
	anybody := d.Client(t, "learner@solvik.example")
	get := func(path string) (int, string) {
		t.Helper()
		res, err := anybody.Get(d.URL("halden", path))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode, res.Header.Get("Content-Type")
	}
	for path, want := range map[string]string{at.Path + "/badge.json": "application/vc", "/issuer": "application/ld+json", "/credentials/status/0": "application/vc"} {
		if code, kind := get(path); code != http.StatusOK || kind != want {
			t.Errorf("%s answers %d, %s", path, code, kind)
		}
	}

	// The publisher's author looks at what a path gives, and takes this one back by its code.
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/credentials/given"))
	b.WaitText("Certificates given")
	// Names of others are for who looks after partners, as far as those people agreed.
	if strings.Contains(b.Text(), "Kestrel Automation") || !strings.Contains(webtest.Text(t, d.Client(t, "partners@halden.example"), d.URL("halden", "/credentials/given")), "Kestrel Automation") {
		t.Error("an author reads names of others, or who looks after partners does not")
	}
	look("credentials-given")
	code := strings.TrimPrefix(at.Path, "/c/")
	b.Type(`input[name="code"]`, strings.ToLower(code))
	b.Submit(`input[name="code"]`)
	b.WaitText("Take it back")
	look("credential-revoke")
	b.Type(`textarea[name="reason"]`, "The pilot was scoped by somebody else.")
	b.Type(`input[name="name"]`, "Pilot leader")
	b.ClickText("Take it back for good")
	b.WaitText("That is not what it is called")
	if !strings.Contains(b.HTML(), "The pilot was scoped by somebody else.") {
		t.Error("the reason is lost")
	}
	b.Type(`input[name="name"]`, "Pilot lead")
	b.ClickText("Take it back for good")
	b.WaitText("Taken back")
	visitor.Visit(d.URL("halden", at.Path))
	visitor.WaitText("Taken back on")
	shot(visitor, "certificate-revoked")
	visitor.Accessible()
	if strings.Contains(visitor.Text(), "somebody else") {
		t.Error("the reason is public")
	}
	visitor.Visit(d.URL("halden", "/c/7QK2-M4XT-9BRC"))
	visitor.WaitText("No such certificate")
	shot(visitor, "certificate-unknown")
	visitor.Accessible()
	// The holder reads why, answers the questions once more and has a new one beside it.
	signIn(t, visitor, d, "author@brightwater.example")
	visitor.Visit(d.URL("brightwater", "/me/credentials"))
	visitor.ClickText("Pilot lead")
	visitor.WaitText("Taken back: The pilot was scoped by somebody else.")
	visitor.WaitText("You earn a new one by doing this once more")
	everyWay(visitor, "credential-revoked")
	back := visitor.At()
	for says, lesson := range map[string]string{"90 % of alarms acknowledged": "three-numbers", "From 23:00 to 05:30, between": "last-bad-night"} {
		visitor.Visit(back)
		visitor.Click(`main a[href$="/` + lesson + `"]`)
		visitor.ClickText("Answer it once more")
		visitor.Wait(`#quiz input:not(:checked)`)
		if visitor.Has(`#quiz input:checked`) || visitor.Has(`#quiz .choice-right`) {
			t.Error("the question that is asked once more has the answer")
		}
		webtest.Eval[bool](visitor, `[...document.querySelectorAll("#quiz .choice")].find(c=>c.textContent.includes("`+says+`")).querySelector("input").click()??true`)
		visitor.Click(`#quiz .quiz-foot button`)
		visitor.Wait(`#quiz [role=status] .callout`)
	}
	visitor.Visit(back)
	visitor.ClickText("Get a new one")
	visitor.WaitText("You have earned it again since.")
	visitor.ClickText("Open the new one")
	visitor.WaitText("Earned again")
	everyWay(visitor, "credential-again")
	b.Visit(d.URL("halden", "/learn?kind=path"))
	b.ClickText("Scope a pilot in one afternoon")
	b.ClickText("What finishing it gives")
	b.WaitText("gives to whoever finishes it")
	look("credential-offer")
	signIn(t, b, d, "admin@halden.example")
	b.Visit(d.URL("halden", "/credentials/keys"))
	b.WaitText("Keys for certificates")
	b.ClickText("Sign with a new key")
	b.WaitText("still checks")
	look("credential-keys")
}
