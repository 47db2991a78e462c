package webtest_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestThroughThePublicDoor is somebody who belongs to no organization: on a phone they come from a story to a path, learn, make an account
// with a link, keep what they learned, find nothing that is internal, take their data and leave. An administrator sees address and last
// visit, shuts the door, and everybody who came in by it is out.
func TestThroughThePublicDoor(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	const at, email = "halden", "passer.by@mail.example"
	look := func(b *webtest.Browser, name string) {
		b.Accessible()
		shot(b, "individual-"+name)
		b.Fits(320)
		b.Resize(390)
		shot(b, "individual-"+name+"-phone")
		b.Dark(true)
		b.Resize(1360)
		shot(b, "individual-"+name+"-dark")
		b.Accessible()
		b.Dark(false)
		b.Resize(390)
	}
	b := webtest.Open(t, 390)
	b.Visit(d.URL(at, "/stories"))
	b.ClickText("The cost of a muted alarm")
	b.Wait(`main .scard`)
	b.Click(`main .scard a.btn-primary, main .scard button`)
	b.Click(`main .progress-card form button`)
	path, _, _ := strings.Cut(b.At(), "/steps/")
	path, _, _ = strings.Cut(path, "/lessons/")
	lesson(b)
	finish(b)
	b.Click(`form[action="/visit/claim"] button`)
	b.WaitText("You belong to no organization?")
	look(b, "ways")
	b.Click(`main a[href^="/door"]`)
	b.WaitText("The open academy is free")
	look(b, "door")
	b.Type(`input[name="email"]`, "somebody@halden.example")
	b.Submit(`input[name="email"]`)
	b.WaitText("come in through its own sign-in")
	b.Type(`input[name="email"]`, email)
	b.Submit(`input[name="email"]`)
	b.WaitText(email)
	link := mailed(t, d, at)
	b.Visit(d.URL(at, link))
	b.WaitText("This link was sent to " + email)
	look(b, "enter")
	b.Type(`input[name="name"]`, "Passer-by")
	b.Click(`#agreed`)
	b.Submit(`input[name="name"]`)
	// What the browser kept goes into the account, once the person says so.
	b.Click(`form[action="/keep"] button`)
	b.WaitText("What you have learned so far is in your account.")
	b.WaitText("1 finished")
	look(b, "account")
	b.Visit(path)
	if got := share(b); got == "" || got == "0%" {
		t.Errorf("after keeping, the path is at %q", got)
	}
	// What only members keep says so, and does not ask for a sign-in that changes nothing.
	told := false
	for _, step := range webtest.Eval[[]string](b, `[...new Set([...document.querySelectorAll('main a[href*="/steps/"]')].map(a => a.href))]`) {
		b.Visit(step)
		if told = strings.Contains(b.Text(), "This is for members of an organization."); told {
			look(b, "members")
			break
		}
	}
	if !told {
		t.Error("nothing on the path says that it is for members")
	}

	answers := func(page string) int {
		return webtest.Eval[int](b, `fetch(`+strconv.Quote(page)+`, {redirect: "manual"}).then(r => r.status)`)
	}
	internal := inside(t, d, d.Client(t, "admin@halden.example"), at)
	for _, page := range []string{internal, "/admin/people", "/network", "/community/new", "/me/sharing", "/admin/tokens", "/sharing"} {
		if got := answers(page); got != http.StatusNotFound {
			t.Errorf("%s answers %d", page, got)
		}
	}
	if got := webtest.Eval[string](b, `fetch("/account/data.zip").then(r => r.arrayBuffer()).then(a => new TextDecoder("latin1").decode(a))`); !strings.HasPrefix(got, "PK") || !strings.Contains(got, "progress.csv") {
		t.Error("what is taken out is no archive")
	}

	a := webtest.Open(t, 1360)
	signIn(t, a, d, "admin@halden.example")
	a.Visit(d.URL(at, "/admin/people"))
	if strings.Contains(a.Text(), email) {
		t.Error("who came in by the door is among the people")
	}
	a.ClickText("listed apart")
	a.WaitText(email)
	look(a, "list")
	a.Visit(d.URL(at, "/admin/public-door"))
	a.WaitText("Public door")
	look(a, "settings")

	b.Visit(d.URL(at, "/account/erase"))
	b.Type(`main input[name="email"]`, "else@mail.example")
	b.Submit(`main input[name="email"]`)
	b.WaitText("This is not the address")
	look(b, "erase")
	b.Type(`main input[name="email"]`, email)
	b.Submit(`main input[name="email"]`)
	b.WaitText("erased")
	if got := answers("/account"); got == http.StatusOK {
		t.Error("the session is still there")
	}
	a.Visit(d.URL(at, "/admin/individuals"))
	if strings.Contains(a.Text(), email) {
		t.Error("the account is still on the list")
	}
}

var doorLink = regexp.MustCompile(`/door/link/[A-Za-z0-9_-]{43}`)

// mailed is the last link of the public door that was mailed.
func mailed(t *testing.T, d *webtest.Demo, org string) string {
	t.Helper()
	link := doorLink.FindString(webtest.Text(t, d.Client(t, ""), d.URL(org, "/outbox")))
	if link == "" {
		t.Fatal("no link was mailed")
	}
	return link
}

// inside is the address of a course or path that the house keeps to itself.
func inside(t *testing.T, d *webtest.Demo, client *http.Client, org string) string {
	t.Helper()
	page := webtest.Text(t, client, d.URL(org, "/learn?kind=path")) + webtest.Text(t, client, d.URL(org, "/learn?kind=course")) + webtest.Text(t, client, d.URL(org, "/learn?page=2"))
	for _, m := range regexp.MustCompile(`href="(/(?:course|path)/[^"?]+)"`).FindAllStringSubmatch(page, -1) {
		if status(t, d.Client(t, ""), d.URL(org, m[1])) == http.StatusNotFound {
			return m[1]
		}
	}
	t.Fatal("everything is public")
	return ""
}
