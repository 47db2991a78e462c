package webtest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

var codeLink = regexp.MustCompile(`http://operator\.\S+/host/code/[\w-]{43}`)

// operator brings somebody into the operators' area of a demonstration with a link, and a passkey of the own browser.
func operator(t *testing.T, b *webtest.Browser, link, name string) {
	t.Helper()
	b.Keyring()
	b.Visit(link)
	b.WaitText("Become an operator")
	if b.Has(`#email`) {
		b.Type(`#name`, name)
		b.Type(`#email`, strings.ToLower(strings.Fields(name)[0])+"@operators.example")
		b.Submit(`#email`)
	}
	b.WaitText("Choose how you will sign in")
	b.ClickText("Make a passkey")
	b.Wait(`a[href="/host/organizations"]`)
}

// TestOperators is how the first operator comes in by the code that was printed, and what operators do: an organization is out on the
// next request and back again; a break-glass opens by a second operator alone, reads and writes nothing, is seen by the organization and
// ended by it; and nothing else of an organization is read on the way.
func TestOperators(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	out, err := command(t, d, "operator", "code")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	link := codeLink.FindString(out)
	if link == "" {
		t.Fatalf("no code in %q", out)
	}
	at := func(path string) string { return d.URL("operator", path) }
	first, second := webtest.Open(t, 1360), webtest.Open(t, 1360)
	shot := func(b *webtest.Browser, name string) {
		b.Accessible()
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Shot(filepath.Join(dir, "operator-"+name+".png"))
			b.Dark(true)
			b.Resize(390)
			b.Shot(filepath.Join(dir, "operator-"+name+"-390-dark.png"))
			b.Dark(false)
		}
		b.Fits(320)
		b.Resize(1360)
	}
	first.Visit(at("/"))
	first.WaitText("Sign in as an operator")
	shot(first, "door")
	operator(t, first, link, "Amara Diallo")
	shot(first, "overview")
	// The code is spent.
	second.Visit(link)
	second.WaitText("This link was used")

	first.Visit(at("/host/organizations?q=kest"))
	first.ClickText("Kestrel Automation")
	first.WaitText("What operators did here")
	shot(first, "organization")
	// Without a break-glass nothing of an organization is on any page, and the address of its pages is nowhere here.
	for _, path := range []string{"/learn", "/admin/people", "/search?q=alarm"} {
		first.Visit(at(path))
		first.WaitText("Nothing is here")
	}

	member := d.Client(t, "learner@kestrel.example")
	first.Visit(at("/host/organizations/kestrel"))
	first.Type(`#suspend-reason`, "Two invoices are unpaid")
	first.ClickText("Suspend the organization")
	first.WaitText("The organization is suspended")
	if status, _ := ask(t, member, "GET", d.URL("kestrel", "/learn")); status != 503 {
		t.Errorf("a member of a suspended organization gets %d", status)
	}
	first.Type(`#resume-reason`, "Paid")
	first.ClickText("Let the organization in")
	first.WaitText("The organization is back")
	if status, _ := ask(t, member, "GET", d.URL("kestrel", "/learn")); status != 200 {
		t.Errorf("a member of an organization that is back gets %d", status)
	}

	// The second operator comes by the first one's link.
	first.Visit(at("/host/operators"))
	shot(first, "operators")
	first.Type(`#name`, "Piet Bakker")
	first.Type(`#email`, "piet@operators.example")
	first.ClickText("Make the link")
	first.Wait(`#link`)
	operator(t, second, webtest.Eval[string](first, `document.getElementById("link").value`), "")

	second.Visit(at("/host/organizations/kestrel"))
	second.Type(`#glass-reason`, "Nobody there can sign in, ticket 4471")
	second.ClickText("Ask for access")
	second.WaitText("waits for its approval")
	second.Visit(at("/host/break-glass"))
	second.ClickText("Kestrel Automation")
	second.WaitText("Nobody approves an own request")
	if second.Has(`form[action$="/approve"]`) {
		t.Error("who asked may approve")
	}
	request := second.At()
	first.Visit(request)
	shot(first, "request")
	first.Type(`#name`, "Halden Systems")
	first.ClickText("Approve 60 minutes")
	first.WaitText("Type the organization's name")
	first.Type(`#name`, "Kestrel Automation")
	first.ClickText("Approve 60 minutes")
	first.WaitText("The administrators have been told")
	if first.Has(`form[action$="/open"]`) {
		t.Error("who approved may read")
	}

	second.Visit(request)
	second.ClickText("Read there")
	second.ClickText("Go to Kestrel Automation")
	second.ClickText("Begin to read")
	second.WaitText("You read Kestrel Automation as its administrators do")
	shot(second, "reading")
	for _, path := range []string{"/admin/people", "/admin/audit", "/network", "/community", "/search?q=alarm"} {
		second.Visit(d.URL("kestrel", path))
		second.WaitText("You read Kestrel Automation as its administrators do")
		second.Wait(`main h1`)
		if text := second.Text(); strings.Contains(text, "went wrong") || strings.Contains(text, "Nothing is here") {
			t.Errorf("%s: %.300s", path, text)
		}
	}
	for _, path := range []string{"/me", "/admin/people.csv", "/admin/organization/close", "/settings/tokens"} {
		second.Visit(d.URL("kestrel", path))
		second.WaitText("not part of the access")
	}
	// A write is refused, also without the button.
	second.Visit(d.URL("kestrel", "/admin/teams"))
	if status := webtest.Eval[int](second, `fetch("/admin/teams", {method: "POST", headers: {"Content-Type": "application/x-www-form-urlencoded"}, body: "name=Mine"}).then(r => r.status)`); status != 409 {
		t.Errorf("a write answers %d", status)
	}
	// Of another organization it is nothing.
	second.Visit(d.URL("halden", "/admin/people"))
	if second.Has(`.notice`) {
		t.Error("the access to Kestrel shows at Halden")
	}

	admin := webtest.Open(t, 1360)
	signIn(t, admin, d, "admin@kestrel.example")
	admin.Visit(d.URL("kestrel", "/admin/audit"))
	admin.WaitText("Piet Bakker (operator of the portal) asked for GET /admin/people")
	admin.WaitText("Nobody there can sign in, ticket 4471")
	shot(admin, "watched")
	admin.Visit(d.URL("kestrel", "/admin/operators"))
	shot(admin, "here")
	admin.ClickText("End now")
	admin.WaitText("The access has ended")
	second.Visit(d.URL("kestrel", "/learn"))
	second.WaitText("Your access to this organization has ended")
	mail := d.Client(t, "")
	if _, page := ask(t, mail, "GET", d.URL("kestrel", "/outbox")); !strings.Contains(page.Text(), "Piet Bakker, an operator, reads at Kestrel Automation") || !strings.Contains(page.Text(), "no longer reads at Kestrel Automation") {
		t.Error("the administrators have no mail of the beginning and the end")
	}

	first.Visit(at("/host/audit"))
	first.WaitText("Approved to read there")
	shot(first, "audit")
	first.Visit(at("/host/system"))
	shot(first, "system")
	// Signed out, the passkey alone leads back.
	first.Click(`.top details.menu > summary`)
	first.Click(`form[action="/sign-out"] button`)
	first.WaitText("You are signed out")
	first.ClickText("Sign in with a passkey")
	first.Wait(`a[href="/host/organizations"]`)
}
