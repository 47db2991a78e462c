package webtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestAdministratorAtTheDoor: an administrator looks at the provider, tries it, begins another one step by step, sends the step away and
// invites people, all in the browser.
func TestAdministratorAtTheDoor(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	look := func(name string) {
		t.Helper()
		b.Accessible()
		b.Fits(320)
		b.Resize(1360)
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Resize(390)
			b.Shot(filepath.Join(dir, "door-"+name+"-phone.png"))
			b.Resize(1360)
			b.Shot(filepath.Join(dir, "door-"+name+".png"))
			b.Dark(true)
			b.Shot(filepath.Join(dir, "door-"+name+"-dark.png"))
			b.Dark(false)
		}
		b.Resize(1360)
	}
	signIn(t, b, d, "admin@halden.example")
	b.Visit(d.URL("halden", "/admin/sign-in"))
	b.WaitText("Single sign-on only")
	look("list")

	b.Click(`main .items a.btn`)
	b.WaitText("The provider answers")
	b.Click(`main a[href^="/auth/test/"]`)
	b.Type(`input[name="email"]`, "admin@halden.example")
	b.Submit(`input[name="email"]`)
	b.WaitText("The test worked")
	b.WaitText("email_verified")
	look("provider")
	b.Click(`main a[href$="/claims"]`)
	b.WaitText("Claim with roles")
	look("claims")

	b.Visit(d.URL("halden", "/admin/sign-in/new"))
	b.WaitText("Which provider do you have?")
	look("new")
	b.Click(`main button[value="keycloak"]`)
	b.WaitText("What to type where")
	look("edit")
	b.Type("#issuer", "https://nobody.example/realms/x")
	b.Type("#client_id", "portal")
	b.Type("#secret", "something")
	b.Submit("#client_id")
	b.Wait(".faults")
	if !strings.Contains(b.Text(), "No provider answers at this address") {
		t.Errorf("nothing said of the issuer: %s", b.Text())
	}
	look("edit-fault")
	b.Click(`main a[href$="/send"]`)
	b.WaitText("Send this step to IT")
	look("send")

	b.Visit(d.URL("halden", "/admin/sign-in/only"))
	b.WaitText("Who can still come in")
	look("only")
	b.Visit(d.URL("halden", "/admin/people/invite"))
	b.Type("#emails", "new.colleague@halden.example\nadmin@halden.example")
	b.Click(`main form[action="/admin/people/invite"] button[type="submit"]`)
	b.WaitText("1 invitation is on its way")
	b.WaitText("Is a member already")
	look("invite")
}
