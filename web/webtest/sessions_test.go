package webtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestSessions is how somebody who left a computer signed in ends that session, and how a sign-out at the provider ends the rest.
func TestSessions(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	issuer := ""
	in := func(width int) *webtest.Browser {
		b := webtest.Open(t, width)
		b.Visit(d.URL("halden", "/sign-in?return_to=/me/sessions"))
		b.Click(`main a[href^="/auth/start"]`)
		b.WaitText("Demonstration provider")
		issuer, _, _ = strings.Cut(b.At(), "/authorize")
		b.Type(`input[name="email"]`, "learner@halden.example")
		b.Submit(`input[name="email"]`)
		b.WaitText("Where you are signed in")
		return b
	}
	shot := func(b *webtest.Browser, name string) {
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Shot(filepath.Join(dir, name+".png"))
		}
	}
	left, b := in(390), in(1360)
	b.Accessible()
	shot(b, "sessions")
	b.Fits(320)
	b.Resize(1360)
	b.ClickText("Sign out everywhere else")
	b.WaitText("All other browsers are signed out")
	b.WaitText("You are signed in nowhere else")
	b.Accessible()
	left.Visit(d.URL("halden", "/me/sessions"))
	left.WaitText("Sign in")

	// A sign-out at the provider is one here, at once.
	provider := webtest.Open(t, 1360)
	provider.Visit(issuer)
	provider.Type(`input[name="email"]`, "learner@halden.example")
	provider.Submit(`input[name="email"]`)
	provider.WaitText("is signed out of 1 portals")
	b.Visit(d.URL("halden", "/me/sessions"))
	b.WaitText("Sign in")

	boss := webtest.Open(t, 1360)
	boss.Visit(d.URL("halden", "/sign-in?return_to=/admin/people"))
	boss.Click(`main a[href^="/auth/start"]`)
	boss.WaitText("Demonstration provider")
	boss.Type(`input[name="email"]`, "admin@halden.example")
	boss.Submit(`input[name="email"]`)
	boss.Wait(`a[href$="/sessions"]`)
	boss.Click(`a[href$="/sessions"]`)
	boss.WaitText("has no session at the moment")
	boss.Accessible()
	shot(boss, "sessions-none")
	boss.Fits(320)
}

// TestDraftsStayNobodys is two people at one computer: what the first one typed and did not send is gone when the second one signs in.
func TestDraftsStayNobodys(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	in := func(email string) {
		b.Visit(d.URL("halden", "/sign-in?return_to=/community"))
		b.Click(`main a[href^="/auth/start"]`)
		b.WaitText("Demonstration provider")
		b.Type(`input[name="email"]`, email)
		b.Submit(`input[name="email"]`)
		b.Wait(`a[href="/me"]`)
	}
	in("learner@halden.example")
	b.Click(`main a[href^="/questions/"]`)
	b.Wait(`textarea[data-draft]`)
	page := b.At()
	typed := `document.querySelector("textarea[data-draft]").value`
	b.Type(`textarea[data-draft]`, "Not for your eyes")
	b.Visit(page)
	if got := webtest.Eval[string](b, typed); got != "Not for your eyes" {
		t.Errorf("a draft does not outlive its page: %q", got)
	}
	b.Visit(d.URL("halden", "/me"))
	b.Click(`main form[action="/sign-out"] button`)
	b.WaitText("signed out")
	kept := `Object.keys(localStorage).filter(function (k) { return k.indexOf("draft:") === 0; }).length`
	in("learner@halden.example")
	b.Visit(page)
	b.Type(`textarea[data-draft]`, "Nor when the session ends by itself")
	if n := webtest.Eval[int](b, kept); n != 1 {
		t.Errorf("%d drafts are kept", n)
	}
	b.DropCookies()
	b.Visit(d.URL("halden", "/sign-in"))
	if n := webtest.Eval[int](b, kept); n != 0 {
		t.Errorf("%d drafts outlive the session", n)
	}
	webtest.Eval[bool](b, `localStorage.setItem("draft:somebody:/x#text", "left by a browser that was closed") === undefined`)
	in("admin@halden.example")
	if n := webtest.Eval[int](b, kept); n != 0 {
		t.Errorf("%d drafts of somebody else are kept", n)
	}
	b.Visit(page)
	if got := webtest.Eval[string](b, typed); got != "" {
		t.Errorf("the next person reads the draft: %q", got)
	}
}
