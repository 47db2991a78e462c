package webtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// keep takes a picture of the page for whoever asked for them.
func keep(b *webtest.Browser, name string) {
	if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
		b.Shot(filepath.Join(dir, name+".png"))
	}
}

// One set of terms for many: published, accepted through a link, proposed to those who were chosen, and published anew.
func TestOneStandardForMany(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	sound := func(b *webtest.Browser, name string) {
		b.Settle()
		b.Accessible()
		keep(b, name)
		b.Dark(true)
		b.Contrast()
		keep(b, name+"-dark")
		b.Dark(false)
		b.Fits(320)
		b.Resize(390)
		keep(b, name+"-phone")
		b.Resize(1360)
	}
	halden := webtest.Open(t, 1360)
	signIn(t, halden, d, "partners@halden.example")
	halden.Visit(d.URL("halden", "/network"))
	halden.ClickText("Standard agreements")
	halden.WaitText("No standard agreement yet")
	sound(halden, "standards-empty")
	halden.ClickText("New standard agreement")
	halden.Type(`#title`, "Partner terms")
	halden.Click(`input[name="ours_open"]`)
	halden.Type(`#note`, "The same for all our partners.")
	sound(halden, "standard-form")
	halden.ClickText("Publish version 1")
	halden.WaitText("Nobody yet. Offer it to a list, or make a link.")
	halden.ClickText("New link")
	halden.Type(`#label`, "Partner day")
	halden.ClickText("Make a link")
	halden.WaitText("Copy it now")
	link := strings.TrimSpace(webtest.Eval[string](halden, `document.querySelector(".copy input").value`))
	sound(halden, "standard-link")

	// Kestrel's partner manager opens the link, finds the own portal and signs there.
	kestrel := webtest.Open(t, 1360)
	kestrel.Visit(link)
	kestrel.WaitText("Halden Systems offers to learn together")
	sound(kestrel, "join-door")
	kestrel.Type(`#portal`, "somebody@nowhere.example")
	kestrel.ClickText("Find")
	kestrel.WaitText("No organization here has this address")
	kestrel.Type(`#portal`, "partners@kestrel.example")
	kestrel.ClickText("Find")
	kestrel.WaitText("Found. Accept it there")
	signIn(t, kestrel, d, "partners@kestrel.example")
	kestrel.Visit(strings.Replace(link, d.Base, d.URL("kestrel", ""), 1))
	kestrel.WaitText("Kestrel Automation answers")
	sound(kestrel, "join")
	kestrel.ClickText("Sign and connect")
	kestrel.Wait(`.faults`)
	kestrel.Click(`#read`)
	kestrel.ClickText("Sign and connect")
	kestrel.WaitText("It is in force, and both sides have a receipt")
	halden.Visit(halden.At())

	// Two others are chosen in the list.
	halden.Visit(d.URL("halden", "/network"))
	sound(halden, "network")
	for _, org := range []string{"Brightwater Consulting", "Solvik Dairy"} {
		halden.Click(`td input, tbody th input[aria-label="Choose ` + org + `"]`)
	}
	halden.ClickText("Propose a standard")
	halden.WaitText("Propose a standard agreement to 2 organizations")
	sound(halden, "act-propose")
	halden.ClickText("Do it")
	halden.WaitText("Proposing “Partner terms”, version 1")
	halden.WaitText("2 of 2 done")
	sound(halden, "batch")
	halden.ClickText("Back")
	halden.WaitText("Not answered")
	sound(halden, "standard")

	// The next version is proposed to who is on the standard.
	halden.ClickText("Publish a version")
	halden.ClickText("More terms")
	halden.Type(`#finish_days`, "60")
	halden.ClickText("Publish version 2")
	halden.WaitText("Proposing “Partner terms”, version 2")
	halden.WaitText("3 of 3 done")

	// Ending many asks for their number.
	halden.Visit(d.URL("halden", "/network"))
	halden.Click(`tbody th input[aria-label="Choose Nordhav Logistics"]`)
	halden.Click(`button[name="action"][value="end"]`)
	halden.WaitText("End 1 connection with time to finish")
	sound(halden, "act-end")
	halden.ClickText("Do it")
	halden.Wait(`.faults a[href="#count"]`)
	halden.Type(`#count`, "1")
	halden.ClickText("Do it")
	halden.WaitText("1 of 1 done")

	// Account numbers, and an address that belongs to no portal.
	halden.Visit(d.URL("halden", "/partners/accounts"))
	halden.Type(`#list`, "portal,account\nkestrel,K-1042\nnobody,7")
	halden.ClickText("Note the numbers")
	halden.WaitText("1 number noted.")
	sound(halden, "accounts")
	halden.Visit(d.URL("halden", "/network?q=k-1042"))
	halden.WaitText("K-1042")
	halden.Visit(d.URL("halden", "/network/invite"))
	halden.Type(`#with`, "mail@unheard-of.example")
	halden.Click(`button[name="look"]`)
	halden.WaitText("It has no portal here yet")
	halden.Type(`#name`, "Unheard Of")
	sound(halden, "invite-unknown")
	halden.ClickText("Invite by mail")
	halden.WaitText("The invitation is on its way")

	// It stands in the list, is withdrawn and sent again.
	halden.Visit(d.URL("halden", "/partners/invitations"))
	halden.WaitText("Unheard Of")
	sound(halden, "invitations")
	halden.Click(`form[action$="/withdraw"] button`)
	halden.WaitText("The link leads nowhere any more")
	halden.Click(`form[action$="/resend"] button`)
	halden.WaitText("Sent again on the same terms")
	halden.Visit(d.URL("halden", "/partners/invitations?state=open&q=unheard"))
	halden.WaitText("mail@unheard-of.example")
	halden.Visit(d.URL("halden", "/partners/invitations?state=accepted"))
	halden.WaitText("No invitation matches")
}
