package webtest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestAuroraJoins is how two organizations come together and part, in the browser: Aurora answers Brightwater's invitation, proposes
// other terms, Brightwater signs, Aurora's learner finds exactly what was opened, and everything is closed on the next request after
// the end.
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

	// Nothing is open before both signed.
	const story = `main a[href*="eight-weeks-before-the-audit"]`
	boss.Visit(d.URL("aurora", "/stories"))
	if boss.Has(story) {
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

	// What was opened is there: in the list, by search, as a page.
	boss.Visit(d.URL("aurora", "/stories"))
	boss.Wait(story)
	opened := webtest.Eval[string](boss, `document.querySelector('main a[href*="eight-weeks-before-the-audit"]').href`)
	boss.Visit(d.URL("aurora", "/search?q=eight+weeks+before+the+audit"))
	boss.Wait(story)
	boss.Visit(opened)
	boss.WaitText("Brightwater")

	// The end with time to finish closes it for somebody who was in the middle of nothing; the end at once is a second step.
	for _, how := range []string{"finish", "now"} {
		partner.Visit(d.URL("brightwater", "/network/aurora/end"))
		shot(partner, "end-"+how)
		partner.Type(`main input[name="name"]`, "Aurora Foods")
		partner.Click(`main button[name="how"][value="` + how + `"]`)
		partner.WaitText("Ended")
		boss.Visit(opened)
		boss.Wait(`main h1`)
		if boss.Has(`main article`) || boss.Has(story) {
			t.Errorf("ended (%s), and the story is still there", how)
		}
		boss.Visit(d.URL("aurora", "/search?q=eight+weeks+before+the+audit"))
		if boss.Has(story) {
			t.Errorf("ended (%s), and search still finds it", how)
		}
	}
	shot(boss, "after-the-end")
}
