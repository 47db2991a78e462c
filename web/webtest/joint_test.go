package webtest_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// A vendor reads the text that a partner proposes, accepts it without a script and takes its name back; the partner's people read it
// meanwhile, and the other partner's never.
func TestTwoSayItTogether(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "partners@halden.example")
	b.Visit(d.URL("halden", "/joint"))
	b.WaitText("Waits for you")
	b.Accessible()
	b.Fits(320)
	b.Resize(1360)
	b.ClickText("Cold-chain monitoring")
	b.WaitText("Kestrel Automation proposes a text for both of you")
	shot(b, "joint")
	b.Accessible()
	b.Dark(true)
	b.Contrast()
	b.Dark(false)
	b.Fits(320)
	b.Resize(1360)
	path := strings.TrimPrefix(webtest.Eval[string](b, `document.querySelector('main .lead a').href`), d.URL("halden", ""))
	const words = "nobody drives back"
	reads := func(org string) bool {
		return strings.Contains(webtest.Text(t, d.Client(t, "learner@"+org+".example"), d.URL(org, path)), words)
	}
	if reads("kestrel") || reads("halden") {
		t.Error("it is read before both accepted it")
	}
	b.Script(false)
	b.ClickText("Accept for Halden Systems")
	b.WaitText("Both names stand under it now")
	shot(b, "joint-accepted")
	for org, want := range map[string]bool{"kestrel": true, "halden": true, "brightwater": false, "solvik": false} {
		if got := reads(org); got != want {
			t.Errorf("%s reads it: %v", org, got)
		}
	}
	b.ClickText("Take our name back")
	b.WaitText("nobody reads it under both names")
	if reads("kestrel") || reads("halden") {
		t.Error("it is read after the vendor took its name back")
	}
	// What each of the two did stands with their connection, and with no other.
	receipt := func(org, with string) string {
		return webtest.Text(t, d.Client(t, "partners@"+org+".example"), d.URL(org, "/network/"+with))
	}
	for org, with := range map[string]string{"halden": "kestrel", "kestrel": "halden"} {
		got := receipt(org, with)
		for _, want := range []string{"proposed version 1 of what both say on", "accepted version 1 of what both say on", "took back what both said on"} {
			if !strings.Contains(got, want) {
				t.Errorf("the receipts of %s do not say %q", org, want)
			}
		}
	}
	if got := receipt("halden", "solvik"); strings.Contains(got, "what both say on") {
		t.Error("it stands with another connection")
	}
}
