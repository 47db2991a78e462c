package webtest_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// readable looks at pages in light and dark, at 320 px, and with letters of twice the size.
func readable(b *webtest.Browser, addresses ...string) {
	for _, a := range addresses {
		b.Resize(1360)
		b.Visit(a)
		b.Settle()
		b.Accessible()
		b.Dark(true)
		b.Contrast()
		b.Dark(false)
		b.Fits(320)
		b.Accessible()
		b.FitsLarge()
	}
}

// The pages on which people work behind what is learned are for everybody, too: also where a file has lines that nobody can take.
func TestRoomsAreAccessible(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	const reading = "eb117680-13e0-5149-a419-1cbae2912643"
	for _, who := range []struct {
		email string
		pages []string
	}{
		{"manager@brightwater.example", []string{"/team", "/records", "/records?q=xyzzyq", "/assign", "/assignments", "/plan", "/programs", "/cohorts/5a2b2431-4d87-5948-a5f2-ade9a049b09c"}},
		{"author@halden.example", []string{"/publish", "/publish?tab=published", "/publish/" + reading + "/versions?withdraw=1", "/publish/" + reading + "/pilot", "/publish/" + reading + "/feedback", "/publish/" + reading + "/learners", "/live", "/live/plan/" + reading, "/credentials/given"}},
		{"moderator@halden.example", []string{"/course/" + reading + "/reports-in-four-minutes/pilot", "/handed", "/reviews"}},
		{"lead@halden.example", []string{"/returns"}},
		{"learner@brightwater.example", []string{"/reflections", "/me/credentials", "/me/sharing", "/tries"}},
	} {
		b := webtest.Open(t, 1360)
		signIn(t, b, d, who.email)
		_, org, _ := strings.Cut(strings.TrimSuffix(who.email, ".example"), "@")
		for _, page := range who.pages {
			readable(b, d.URL(org, page))
		}
	}
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "admin@brightwater.example")
	for page, lines := range map[string]string{
		"/records/import":      "Address;Training;Completed;Result\\nlearner@brightwater.example;;31.02.2025;200\\n;First aid;2030-01-01;x",
		"/admin/people/import": "Name;Address;Roles\\n;;Author\\nSam Hill;no-address;Nonsense",
	} {
		readable(b, d.URL("brightwater", page))
		b.Resize(1360)
		put(b, "#pasted", lines)
		b.Submit("#pasted")
		b.WaitText("Pasted lines")
		b.Wait(`main tbody tr`)
		readable(b, b.At())
		if text := b.Text(); strings.Contains(text, "passed\n") {
			t.Errorf("a result that nobody can read is shown as passed:\n%s", text)
		}
	}
}

// What a field says of itself is read whole, in both languages: on a phone, and at the top of the page also with letters of twice the size, where
// the navigation leaves no room beside it.
func TestFieldsAreReadWhole(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "admin@halden.example")
	b.Visit(d.URL("halden", "/programs"))
	program := webtest.Eval[string](b, `document.querySelector('main a[href^="/programs/"]').getAttribute("href")`)
	for _, in := range []string{"en", "de"} {
		webtest.Eval[bool](b, `fetch("/language",{method:"POST",body:new URLSearchParams({lang:"`+in+`",back:"/"})}).then(()=>true)`)
		for _, page := range []string{program, "/admin/people"} {
			b.Visit(d.URL("halden", page))
			b.Resize(390)
			b.Uncut()
			b.Fits(320)
			b.Resize(1360)
			b.Uncut()
		}
		// Between a phone and a desk the entries of who runs the house fill one row, and search is a link, also for its key.
		for _, width := range []int{1024, 1150} {
			b.Resize(width)
			if high := webtest.Eval[int](b, `document.querySelector(".top").offsetHeight`); high > 64 {
				t.Errorf("%s: at %d px the top of the page is %d px high", in, width, high)
			}
			if cut := webtest.Eval[bool](b, `(e=>e.scrollWidth>e.clientWidth)(document.querySelector(".brand-name b"))`); cut {
				t.Errorf("%s: at %d px the organization's name is cut", in, width)
			}
		}
		for _, press := range []func(){func() { b.Press("/") }, func() { b.PressControl("k") }} {
			b.Visit(d.URL("halden", "/admin/people"))
			b.Settle()
			press()
			b.Wait(`.bigfind input`)
		}
		b.Resize(1360)
		b.Visit(d.URL("halden", "/records"))
		webtest.Eval[bool](b, `(document.documentElement.style.fontSize="200%",true)`)
		b.Uncut()
		b.Fits(1360)
		if over := webtest.Eval[int](b, `Math.round(document.querySelector(".top .menu summary").getBoundingClientRect().right - innerWidth)`); over > 0 {
			t.Errorf("%s: the account is %d px beside the page", in, over)
		}
		everyWay(b, "top-large-"+in)
	}
}
