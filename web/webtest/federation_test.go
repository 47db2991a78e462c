package webtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestAuroraJoins is how two organizations come together and part, in the browser: Aurora answers Brightwater's invitation, proposes
// other terms, Brightwater signs, Aurora's learner finds exactly what was opened, and everything is closed on the next request after
// the end, but for what somebody was in the middle of.
func TestAuroraJoins(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.Folder(t))
	shot := func(b *webtest.Browser, name string) {
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Shot(filepath.Join(dir, name+".png"))
		}
	}
	// The invitation, from the mail.
	mail := webtest.Open(t, 1360)
	mail.Visit(d.URL("brightwater", "/outbox"))
	invitation := webtest.Eval[string](mail, `document.querySelector('main a[href*="/invite/"]').href`)
	boss := webtest.Open(t, 390)
	boss.Visit(invitation)
	boss.WaitText("Your project starts on 1 December")
	boss.Accessible()
	boss.Fits(320)
	boss.Resize(1360)
	boss.Submit(`main input[name="person"]`)
	boss.Wait(`main [aria-invalid="true"], main input:invalid`)
	boss.Type(`main input[name="person"]`, "Amelia Ferrant")
	shot(boss, "invited")
	boss.Submit(`main input[name="person"]`)
	boss.WaitText("Aurora Foods has a portal")
	shot(boss, "invited-done")

	// Its administrator signs in by email and finds the offer waiting.
	boss.Visit(d.URL("aurora", "/sign-in?return_to=/network/brightwater"))
	boss.Type(`main input[name="email"]`, "admin@aurora.example")
	boss.Submit(`main input[name="email"]`)
	boss.Wait(`#code`)
	box := webtest.Open(t, 1360)
	box.Visit(d.URL("aurora", "/outbox"))
	boss.Visit(webtest.Eval[string](box, `document.querySelector('main a[href*="/sign-in/link/"]').href`))
	boss.Click(`main form[action^="/sign-in/link/"] button`)
	boss.Wait(`form[action="/network/brightwater/sign"]`)
	shot(boss, "agreement-waiting")

	// A learner of Aurora's sees nothing of it before both signed.
	boss.Visit(d.URL("aurora", "/learn"))
	if boss.Has(`main a[href*="/course/"][href*="mock-audit"]`) {
		t.Error("an offer opens something before it is signed")
	}

	// A counter-proposal: less time, said in words.
	boss.Visit(d.URL("aurora", "/network/brightwater/counter"))
	boss.Type(`main [name="note"]`, "We would rather start with ten days to finish.")
	webtest.Eval[bool](boss, `(document.querySelector('details:has([name="finish_days"])')||{}).open=true`)
	webtest.Eval[string](boss, `document.querySelector('[name="finish_days"]').value="10"`)
	shot(boss, "counter")
	boss.Click(`main form[action="/network/brightwater/counter"] button.btn-primary`)
	boss.Wait(`form[action="/network/brightwater/withdraw"]`)

	partner := webtest.Open(t, 1360)
	signIn(t, partner, d, "partners@brightwater.example")
	partner.Visit(d.URL("brightwater", "/network/aurora"))
	partner.WaitText("We would rather start with ten days")
	partner.Accessible()
	shot(partner, "agreement-countered")
	partner.Click(`form[action="/network/aurora/sign"] [name="read"]`)
	partner.Click(`form[action="/network/aurora/sign"] button`)
	partner.Wait(`form[action="/network/aurora/pause"]`)
	shot(partner, "agreement-active")

	// Exactly the opened collection is there.
	boss.Visit(d.URL("aurora", "/learn"))
	boss.Wait(`main a[href*="mock-audit"]`)
	course := webtest.Eval[string](boss, `document.querySelector('main a[href*="mock-audit"]').href`)
	boss.Visit(d.URL("aurora", "/search?q=mock+audit"))
	boss.Wait(`main a[href*="mock-audit"]`)
	boss.Visit(course)
	boss.Click(`main form[action$="/start"] button`)
	boss.WaitText("Two weeks before")

	// The end, with time to finish: the course that was begun stays, all else is gone.
	partner.Visit(d.URL("brightwater", "/network/aurora/end"))
	shot(partner, "end")
	partner.Type(`main input[name="name"]`, "Aurora Foods")
	partner.Click(`main button[name="how"][value="finish"]`)
	partner.WaitText("Ended with time to finish")
	boss.Visit(course)
	boss.Wait(`main a[href*="/lessons/"]`)
	// And at once: closed on the next request, and the own record still told.
	partner.Visit(d.URL("brightwater", "/network/aurora/end"))
	partner.Type(`main input[name="name"]`, "Aurora Foods")
	partner.Click(`main button[name="how"][value="now"]`)
	partner.WaitText("Ended")
	boss.Visit(course)
	boss.WaitText("What you did in it stays yours")
	shot(boss, "closed")
	boss.Visit(d.URL("aurora", "/search?q=mock+audit"))
	if boss.Has(`main a[href*="mock-audit"]`) {
		t.Error("ended, and search still finds it")
	}
}
