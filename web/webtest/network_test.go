package webtest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// taught imports a small course with a file into a collection of a house, while the demonstration runs.
func taught(t *testing.T, d *webtest.Demo, org, collection, slug, title string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), slug)
	for name, text := range map[string]string{
		"course.yaml":     "title: " + title + "\nslug: " + slug + "\nsummary: How the pump is heard before it fails.\nlang: en\nlevel: beginner\ntopics: [maintenance]\nauthor: author@" + org + ".example\n",
		"01-listen.md":    "---\ntitle: Listen first\nminutes: 4\nsummary: A hand on the housing.\nkind: lesson\nmodule: The pump\n---\nPut a hand on the housing.\n\n![The housing](images/pump.svg)\n",
		"02-note.md":      "---\ntitle: Write it down\nminutes: 3\nsummary: Three words.\nkind: lesson\nmodule: The pump\n---\nThree words are enough.\n",
		"images/pump.svg": `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><title>Pump</title><path d="M0 10h40" stroke="#000"/></svg>`,
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := os.ReadFile(filepath.Join(d.Dir, "pg", "learnscape.socket"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(d.Dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), webtest.Binary(t), "import", "--org", org, "--collection", collection, folder) // Our own binary.
	cmd.Env = append(os.Environ(), "LEARNSCAPE_BASE_URL="+d.Base, "LEARNSCAPE_FILES="+filepath.Join(d.Dir, "files"),
		fmt.Sprintf("LEARNSCAPE_DATABASE_URL=host=%s user=learnscape_app dbname=learnscape sslmode=disable", strings.TrimSpace(string(socket))),
		"LEARNSCAPE_KEYS=demo:"+base64.StdEncoding.EncodeToString(key))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("import: %v: %s", err, out)
	}
}

// status is what the address answers to the client.
func status(t *testing.T, client *http.Client, address string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// Two houses that do not know each other agree on terms in the browser; one learns with what the other opened, and when it ends,
// everything is gone on the next request.
func TestTwoHousesConnect(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	taught(t, d, "solvik", "what-we-learned", "listen-to-a-pump", "The zqpump gives notice")
	learner := d.Client(t, "learner@kestrel.example")
	beside := d.Client(t, "learner2@kestrel.example")
	search := d.URL("kestrel", "/search?q=zqpump")
	course := regexp.MustCompile(`/course/[0-9a-f-]+/listen-to-a-pump`)
	if course.MatchString(webtest.Text(t, learner, search)) {
		t.Fatal("found before anybody agreed to anything")
	}

	// Solvik asks: by the address of somebody there, which only says which house it is.
	solvik := webtest.Open(t, 1360)
	signIn(t, solvik, d, "partners@solvik.example")
	solvik.Visit(d.URL("solvik", "/network"))
	solvik.ClickText("Invite an organization")
	solvik.Type(`#with`, "somebody@kestrel.example")
	solvik.Click(`button[name="look"]`)
	solvik.WaitText("Kestrel Automation")
	solvik.ClickText("What we learned")
	solvik.Type(`#note`, "You mount the gateways, we live with them.")
	solvik.Accessible()
	solvik.ClickText("Ask Kestrel Automation")
	solvik.WaitText("You asked Kestrel Automation for a connection")

	// Kestrel has nothing to open yet: a collection, something in it, open by agreement, on a phone.
	kestrel := webtest.Open(t, 390)
	signIn(t, kestrel, d, "partners@kestrel.example")
	kestrel.Visit(d.URL("kestrel", "/sharing"))
	kestrel.Type(`#title`, "From the scaffold")
	kestrel.Submit(`#title`)
	kestrel.WaitText("Nobody else sees it yet")
	kestrel.Type(`#own`, "gateway")
	kestrel.Submit(`#own`)
	kestrel.Click(`#add form button[type="submit"]:not([name]):has(.vh)`)
	kestrel.WaitText("Added.")
	kestrel.ClickText("Open it by agreement only")
	kestrel.WaitText("Nobody sees it until an agreement in force names it")
	kestrel.Click(`.ask button`)
	kestrel.WaitText("Only those see the collection")
	kestrel.Fits(320)
	kestrel.Resize(390)

	// Reads what is asked, and counters.
	kestrel.Visit(d.URL("kestrel", "/network"))
	kestrel.WaitText("Waiting for you")
	kestrel.Click(`.links a[href="/network/solvik"]`)
	kestrel.WaitText("Solvik Dairy asks you for a connection")
	kestrel.WaitText("You mount the gateways")
	kestrel.Fits(320)
	kestrel.Accessible()
	kestrel.Resize(390)
	kestrel.ClickText("Counter")
	kestrel.ClickText("From the scaffold")
	kestrel.ClickText("More terms")
	kestrel.Type(`#finish_days`, "14")
	kestrel.ClickText("Sign and send")
	kestrel.WaitText("You answered Solvik Dairy with a counter-proposal")

	// Solvik sees what changes and signs it; before, nothing was open.
	if course.MatchString(webtest.Text(t, learner, search)) {
		t.Error("found before both signed")
	}
	solvik.Visit(d.URL("solvik", "/network/kestrel"))
	solvik.WaitText("Kestrel Automation answered with a counter-proposal")
	for _, words := range []string{"From the scaffold", "New", "Those in mid-course finish within 14 days"} {
		solvik.WaitText(words)
	}
	solvik.Accessible()
	solvik.Dark(true)
	solvik.Contrast()
	solvik.Dark(false)
	solvik.Click(`#read`)
	solvik.ClickText("Sign version 2")
	solvik.WaitText("It is in force")

	// Kestrel's learner finds exactly what was opened, as soon as the index knows.
	at := ""
	for range 100 {
		if at = course.FindString(webtest.Text(t, learner, search)); at != "" {
			break
		}
		solvik.Settle()
	}
	if at == "" {
		t.Fatal("the learner of the other house does not find what was opened")
	}
	page := d.URL("kestrel", at)
	phone := webtest.Open(t, 390)
	signIn(t, phone, d, "learner@kestrel.example")
	phone.Visit(page)
	phone.WaitText("Solvik Dairy")
	phone.Click(`main .progress-card form button`)
	lesson := phone.At()
	src := webtest.Eval[string](phone, `document.querySelector("main .prose img")?.src ?? ""`)
	if src == "" {
		t.Fatalf("%s shows no picture", lesson)
	}
	for _, c := range []*http.Client{learner, beside} {
		for _, a := range []string{page, lesson, src} {
			if got := status(t, c, a); got != http.StatusOK {
				t.Errorf("open: %s answers %d", a, got)
			}
		}
	}
	if got := webtest.Text(t, learner, d.URL("kestrel", "/search?q=Brightwater")); strings.Contains(got, "Shared by Brightwater") {
		t.Error("the connection leads on to Solvik's other partners")
	}
	if got := webtest.Text(t, learner, d.URL("kestrel", "/network")); !strings.Contains(got, "Solvik Dairy") || strings.Contains(got, "Brightwater") {
		t.Error("a learner sees with whom the house is connected, and nobody else")
	}
	// Solvik's other partner sees nothing of it.
	if got := webtest.Text(t, d.Client(t, "partners@brightwater.example"), d.URL("brightwater", "/network")); strings.Contains(got, "Kestrel") {
		t.Error("Solvik's partner learns of Kestrel")
	}

	// Ended with time to finish: who began goes on, nobody else does.
	solvik.Visit(d.URL("solvik", "/network/kestrel"))
	solvik.ClickText("End")
	solvik.WaitText("End the connection with Kestrel Automation?")
	solvik.Accessible()
	solvik.Type(`#name`, "kestrel automation")
	solvik.ClickText("End with time to finish")
	solvik.WaitText("Nobody new starts")
	if got := status(t, learner, lesson); got != http.StatusOK {
		t.Errorf("in mid-course: %s answers %d", lesson, got)
	}
	for _, a := range []string{page, lesson, src} {
		if got := status(t, beside, a); got != http.StatusNotFound {
			t.Errorf("ended, and %s answers %d to somebody who did not begin", a, got)
		}
	}
	if course.MatchString(webtest.Text(t, beside, search)) {
		t.Error("ended, and still found")
	}

	// Ended at once, on a page without script: gone for everybody on the next request.
	solvik.Script(false)
	solvik.Visit(d.URL("solvik", "/network/kestrel/end"))
	solvik.Type(`#name`, "Kestrel Automation")
	solvik.Click(`button[value="now"]`)
	solvik.WaitText("The connection with Kestrel Automation has ended")
	solvik.Script(true)
	for _, c := range []*http.Client{learner, beside} {
		for _, a := range []string{page, lesson, src} {
			want := http.StatusNotFound
			if c == learner && a != src {
				want = http.StatusGone // Who has an own record is told what ended.
			}
			if got := status(t, c, a); got != want {
				t.Errorf("ended at once, and %s answers %d, want %d", a, got, want)
			}
		}
		if course.MatchString(webtest.Text(t, c, search)) {
			t.Error("ended at once, and still found")
		}
		if strings.Contains(webtest.Text(t, c, d.URL("kestrel", "/network")), "Solvik") {
			t.Error("ended, and still named on the network page")
		}
	}
	kestrel.Visit(d.URL("kestrel", "/network/solvik"))
	kestrel.WaitText("The connection with Solvik Dairy has ended")
	kestrel.WaitText("Solvik Dairy ended the connection")
	kestrel.WaitText("Earlier versions")
}

// Every page of the network reflows at 320 px and has nothing that axe reports, light and dark, filled, empty and in error, in English
// and in German.
func TestNetworkPagesAreAccessible(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	check := func(b *webtest.Browser, org string, paths ...string) {
		for _, p := range paths {
			readable(b, d.URL(org, p))
		}
	}
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "partners@brightwater.example")
	check(b, "brightwater", "/network", "/network?q=zzz", "/network/solvik", "/network/solvik/counter", "/network/solvik/end", "/network/solvik/view", "/network/aurora", "/network/halden?text=whole", "/network/nobody",
		"/network/invite?fill=try", "/network/invite?with=nobody.example", "/sharing", "/sharing/for-clients?find=audit", "/sharing/internal", "/sharing/for-clients/visibility?to=public")
	// A form that is refused, with its summary and the fields named.
	b.Resize(1360)
	b.Visit(d.URL("brightwater", "/network/solvik/counter"))
	b.ClickText("More terms")
	b.Type(`#finish_days`, "999")
	webtest.Eval[bool](b, `(document.querySelector("#finish_days").form.noValidate=true,true)`)
	b.ClickText("Sign and send")
	b.Wait(`.faults a[href="#finish_days"]`)
	if !webtest.Eval[bool](b, `document.activeElement.matches(".faults")`) {
		t.Error("the summary of a refused form does not take the focus")
	}
	b.Accessible()
	b.Fits(320)
	learner := webtest.Open(t, 1360)
	signIn(t, learner, d, "learner2@halden.example") // reads German
	check(learner, "halden", "/network", "/sharing")
	author := webtest.Open(t, 1360)
	signIn(t, author, d, "author@halden.example")
	check(author, "halden", "/sharing", "/sharing/open-academy")
}
