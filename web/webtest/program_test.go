package webtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/web/webtest"
)

// comes opens an address again and again until it shows the words: what is counted follows a moment after what happened.
func comes(t *testing.T, b *webtest.Browser, address, words string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) { //nolint:forbidigo // Bounded, until the news has been read.
		if b.Visit(address); strings.Contains(b.Text(), words) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not come to say %q:\n%s", address, words, b.Text())
		}
	}
}

// A vendor writes a program and offers it; the partner reads what it asks for and takes part. One of its authors earns the certificate, and
// both sides see it rise. When that person leaves, both read that it falls short, and until when it keeps its level.
func TestPartnerProgram(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	vendor, partner, person := webtest.Open(t, 1360), webtest.Open(t, 1360), webtest.Open(t, 1360)
	signIn(t, vendor, d, "partners@halden.example")
	vendor.Visit(d.URL("halden", "/programs"))
	everyWay(vendor, "programs-vendor")
	vendor.ClickText("Begin")
	vendor.WaitText("Give the program a name.")
	everyWay(vendor, "programs-error")
	vendor.Type("#name", "Night watch")
	vendor.ClickText("Begin")
	vendor.WaitText("Requirements of Night watch")
	vendor.Type("#about", "For those who write alarm rules for others.")
	vendor.Type("#l0-name", "Registered")
	vendor.ClickText("Add a level")
	vendor.Type("#l1-name", "Ready")
	put(vendor, "#from", later(0))
	vendor.Click(`button[value="add:1"]`)
	vendor.Wait("#l1-r0-n")
	vendor.ClickText("Publish as a new version")
	vendor.WaitText("Choose a path or course.")
	everyWay(vendor, "program-write-error")
	pick(t, vendor, "#l1-r0-item0", "Alarm rules that survive a night shift")
	pick(t, vendor, "#l1-r0-role", "Author")
	vendor.ClickText("Publish as a new version")
	vendor.WaitText("Offer it to partners")
	program, _, _ := strings.Cut(vendor.At(), "?")
	path := strings.TrimPrefix(program, d.URL("halden", ""))
	everyWay(vendor, "program-offer")
	vendor.ClickText("Offer the program")
	vendor.WaitText("Choose whom to offer it to.")
	everyWay(vendor, "program-offer-error")
	vendor.ClickText("Solvik Dairy")
	vendor.ClickText("Offer the program")
	vendor.WaitText("Offered to 1 partner.")

	signIn(t, partner, d, "partners@solvik.example")
	partner.Visit(d.URL("solvik", "/programs"))
	partner.WaitText("Waits for you")
	everyWay(partner, "programs-partner")
	partner.ClickText("Night watch")
	partner.WaitText("Halden Systems offers you its partner program")
	everyWay(partner, "program-answer")
	partner.ClickText("Take part")
	comes(t, partner, d.URL("solvik", path), "Solvik Dairy is Registered")
	everyWay(partner, "program-standing")
	partner.Visit(d.URL("solvik", path+"/requirements"))
	everyWay(partner, "program-requirements")
	comes(t, vendor, program, "Registered")

	signIn(t, person, d, "author@solvik.example")
	find(person, d.URL("solvik", ""), "alarm rules night shift")
	person.Click(`#results a[href$="/alarm-rules-night-shift"]`)
	person.Wait(`main .progress-card`)
	learn(t, person, person.At())
	if person.Has(`main .progress-card form`) { // Its lessons were done on a path: what remains is to count it.
		person.Click(`main .progress-card form button`)
		person.WaitText("Finished")
	}
	comes(t, person, d.URL("solvik", "/me/credentials"), "Alarm rules that hold at night")
	comes(t, partner, d.URL("solvik", path), "Solvik Dairy is Ready")
	partner.WaitText("Birgit Lauritzen")
	everyWay(partner, "program-ready")
	comes(t, vendor, program+"/partners/solvik", "Solvik Dairy is Ready")
	if strings.Contains(vendor.HTML(), "Lauritzen") {
		t.Error("the vendor reads who it is")
	}
	everyWay(vendor, "program-partner")

	person.Visit(d.URL("solvik", "/me/erase"))
	person.Type(`main input[name="name"]`, "Birgit Lauritzen")
	person.Submit(`main form[action="/me/erase"] button`)
	person.WaitText("You have left")
	comes(t, partner, d.URL("solvik", path), "Ready is at risk.")
	partner.WaitText("Fewer people meet it than it asks for.")
	everyWay(partner, "program-short")
	comes(t, vendor, program, "Falls short; drops to Registered on")
	everyWay(vendor, "program-short-vendor")

	// The partner leaves; its history stays with it, and the vendor reads no figures of it.
	partner.ClickText("End taking part")
	partner.ClickText("Leave the program")
	partner.WaitText("Night watch is over for you")
	everyWay(partner, "program-ended")
	if code := status(t, d.Client(t, "partners@halden.example"), program+"/partners/solvik"); code != 404 {
		t.Errorf("the vendor gets %d for a partner that left", code)
	}
	if code := status(t, d.Client(t, "partners@kestrel.example"), d.URL("kestrel", path)); code != 404 {
		t.Errorf("another partner gets %d", code)
	}
}
