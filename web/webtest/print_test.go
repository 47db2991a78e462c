package webtest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// On paper a certificate is one upright sheet and a training record sheets across; nothing of the portal around them is printed.
func TestWhatIsPrinted(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	paper := func(size string, has, not []string) (sheets int) {
		t.Helper()
		_, list := b.Print()
		if len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return s != size }) {
			t.Errorf("%s is printed on %v, not on %s", b.At(), list, size)
		}
		b.Paper(true)
		text := webtest.Eval[string](b, `document.body.innerText`)
		for _, words := range has {
			if !strings.Contains(text, words) {
				t.Errorf("%s has no %q on paper:\n%.600s", b.At(), words, text)
			}
		}
		for _, words := range append(not, "Stories") {
			if strings.Contains(text, words) {
				t.Errorf("%s has %q on paper:\n%.600s", b.At(), words, text)
			}
		}
		b.Paper(false)
		return len(list)
	}
	signIn(t, b, d, "author@brightwater.example")
	b.Visit(d.URL("brightwater", "/me/credentials"))
	b.ClickText("Pilot lead")
	b.ClickText("Make a public page")
	b.WaitText("Whoever has this address sees whether it is valid")
	if n := paper("210x297", []string{"Halden Systems and Brightwater Consulting confirm that", "Pilot lead", "Check it at"}, []string{"Whoever has this address", "Take the page away"}); n != 1 {
		t.Errorf("the certificate takes %d sheets", n)
	}
	b.Visit(d.URL("brightwater", "/me/record"))
	paper("297x210", []string{"Training record", "Gareth Penhallow"}, []string{"Show what became of"})

	signIn(t, b, d, "admin@halden.example")
	b.Visit(d.URL("halden", "/records?print=1"))
	all := paper("297x210", []string{"Covers all", "Pavel Hruska", "Zofia Marczak"}, []string{"Back to the list", "For printing"})
	b.Visit(d.URL("halden", "/records"))
	if n := paper("297x210", []string{"Covers all", "Only the lines of one page of the list."}, []string{"Find a person", "Zofia Marczak"}); n >= all {
		t.Errorf("a page of the list takes %d sheets, all of it %d", n, all)
	}
}
