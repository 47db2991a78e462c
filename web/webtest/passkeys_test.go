package webtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestPasskeys is how somebody of an organization without a provider signs in by email once, makes a passkey, comes back with it, and
// what is left when it is removed. Its people read German, and whoever is signed out what the browser prefers.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	shot := func(name string) {
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Shot(filepath.Join(dir, name+".png"))
		}
	}
	b.Keyring()
	b.Visit(d.URL("nordhav", "/sign-in?return_to=/me"))
	b.Type(`main input[name="email"]`, "learner@nordhav.example")
	b.Submit(`main input[name="email"]`)
	b.Wait(`#code`)
	mail := webtest.Open(t, 1360)
	mail.Visit(d.URL("nordhav", "/outbox"))
	mail.Wait(`main a[href*="/sign-in/link/"]`)
	b.Visit(webtest.Eval[string](mail, `document.querySelector('main a[href*="/sign-in/link/"]').href`))
	b.Click(`main form[action^="/sign-in/link/"] button`)
	b.WaitText("Passkeys verwalten")
	b.ClickText("Passkeys verwalten")
	b.WaitText("Noch kein Passkey")
	b.Accessible()
	b.Fits(320)
	b.Resize(1360)
	shot("passkeys-empty")
	b.Type(`#name`, "Work laptop")
	b.ClickText("Passkey anlegen")
	b.WaitText("Der Passkey ist fertig")
	b.Accessible()
	shot("passkeys")
	b.Resize(390)
	b.Dark(true)
	shot("passkeys-390-dark")
	b.Dark(false)
	b.Resize(1360)
	// One that is there is not made again.
	b.Type(`#name`, "The same")
	b.ClickText("Passkey anlegen")
	b.WaitText("Es wurde nichts angelegt")

	signOut := func() {
		b.Visit(d.URL("nordhav", "/me"))
		b.Click(`main form[action="/sign-out"] button`)
		b.WaitText("signed out")
	}
	signOut()
	b.Visit(d.URL("nordhav", "/sign-in?return_to=/community"))
	b.WaitText("Sign in with a passkey")
	b.Accessible()
	shot("passkeys-sign-in")
	b.ClickText("Sign in with a passkey")
	b.Wait(`a[href="/me"]`)
	if at := b.At(); at != d.URL("nordhav", "/community") {
		t.Errorf("signed in at %s", at)
	}
	b.Visit(d.URL("nordhav", "/sign-in/passkeys"))
	b.WaitText("Zuletzt benutzt")
	b.Click(`main a[href$="/remove"]`)
	b.WaitText("Danach kann sich niemand mehr damit anmelden")
	b.Accessible()
	b.Click(`main form[action$="/remove"] button`)
	b.WaitText("Der Passkey ist entfernt")

	// The browser still offers it; it opens nothing.
	signOut()
	b.Visit(d.URL("nordhav", "/sign-in"))
	b.ClickText("Sign in with a passkey")
	b.WaitText("Reference")
	if b.Has(`a[href="/me"]`) {
		t.Error("a passkey that was removed signs in")
	}
	// Where the provider is the only way in, none is asked for.
	b.Visit(d.URL("halden", "/sign-in"))
	if b.Has(`form[data-passkey]`) {
		t.Error("a passkey is asked for where the provider is the only way in")
	}
}
