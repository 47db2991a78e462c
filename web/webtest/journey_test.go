package webtest_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// signIn goes from the front door through the provider of the address's own organization.
func signIn(t *testing.T, b *webtest.Browser, d *webtest.Demo, email string) {
	t.Helper()
	_, domain, _ := strings.Cut(email, "@")
	org := strings.TrimSuffix(domain, ".example")
	b.Visit(d.URL("", "/"))
	b.Type(`main input[name="email"]`, email)
	b.Submit(`main input[name="email"]`)
	b.Click(`main a[href*="` + d.URL(org, "/") + `"]`)
	if b.Has(`main a[href^="/auth/start"]`) {
		b.Click(`main a[href^="/auth/start"]`)
	}
	b.WaitText("Demonstration provider")
	b.Type(`input[name="email"]`, email)
	b.Submit(`input[name="email"]`)
	b.Wait(`a[href="/me"]`)
	if !strings.HasPrefix(b.At(), d.URL(org, "/")) {
		t.Fatalf("signed in as %s, but at %s", email, b.At())
	}
}

// find searches from the page of the search, as somebody who types.
func find(b *webtest.Browser, address, words string) {
	b.Visit(address + "/search")
	b.Type(`main input[name="q"]`, words)
	b.Submit(`main input[name="q"]`)
}

// lesson answers every question of the lesson on the page, the first choice each, and reports whether there was one.
func lesson(b *webtest.Browser) (quiz bool) {
	for range 20 {
		open := webtest.Eval[bool](b, `(()=>{const q=[...document.querySelectorAll("main .quiz")].find(q=>!q.querySelector("[role=status] .callout"));
			if(!q)return false;q.scrollIntoView({block:"center"});const c=q.querySelector('input[name="choice"]:not([type="hidden"])');if(c&&!c.checked)c.click();
			q.querySelectorAll('input[type="text"],input:not([type])').forEach(i=>{i.value="1"});q.querySelectorAll("select").forEach(i=>{i.selectedIndex=i.options.length-1});q.querySelector("form").requestSubmit();return true})()`)
		if open {
			quiz = true
			b.Settle()
			b.Wait(`main .quiz [role=status] .callout`)
			continue
		}
		next := webtest.Eval[string](b, `document.querySelector('main .quiz-foot a[href*="?q="]')?.href ?? ""`)
		if next == "" {
			return quiz
		}
		b.Visit(next)
	}
	return quiz
}

// pass takes the check of the lesson on the page, if it has one, and answers all of it rightly.
func pass(b *webtest.Browser) {
	if !b.Has(`main a[href*="/quizzes/"][href$="/check"]`) {
		return
	}
	b.Click(`main a[href*="/quizzes/"][href$="/check"]`)
	b.ClickText("Begin")
	for range 4 {
		answerCheck(b, true)
	}
	b.ClickText("Hand in")
	b.WaitText("Passed")
}

// finish ends the lesson on the page, if answering did not.
func finish(b *webtest.Browser) {
	if b.Has(`#lesson-foot form`) {
		b.Click(`#lesson-foot form button`)
	}
}

// learn goes on from the page of a path or course until it is finished; it returns how many lessons it took and whether one
// had a quiz.
func learn(t *testing.T, b *webtest.Browser, at string) (lessons int, quiz bool) {
	t.Helper()
	for ; lessons < 60; lessons++ {
		b.Visit(at)
		next := webtest.Eval[string](b, `document.querySelector("main .progress-card a.btn-primary")?.href ?? ""`)
		if next == "" || share(b) == "Finished" {
			break
		}
		b.Visit(next)
		quiz = lesson(b) || quiz
		pass(b)
		finish(b)
	}
	return lessons, quiz
}

// share is the progress that the page of a path or course shows, such as "30%" or "Finished".
func share(b *webtest.Browser) string {
	return webtest.Eval[string](b, `(document.querySelector("main .progress-card")?.textContent.match(/\d+\s?%|Finished/)||[""])[0].replace(/\s/g,"")`)
}

// The first thing that a newcomer sees, on a fresh data folder, in a real browser, on a phone.
func TestJourney(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.Folder(t))
	const title = "How long does the zqbath have to settle on a windy dock?"

	learner := webtest.Open(t, 390)
	learner.Motion()
	signIn(t, learner, d, "learner@brightwater.example")
	find(learner, d.URL("brightwater", ""), "calibraton probe") //nolint:misspell // A slip that the search forgives.
	learner.WaitText("The field check of a probe")
	learner.WaitText("Shared by Halden Systems")

	// The path that the vendor shares: a lesson with a quiz, on 390 px.
	find(learner, d.URL("brightwater", ""), "from first sensor to audit-ready")
	learner.Click(`main a[href$="/cold-chain"]`)
	learner.Wait(`main .progress-card`)
	path := learner.At()
	learner.WaitText("Halden Systems")
	learner.Fits(320)
	learner.Resize(390)
	before := share(learner)
	learner.Click(`main .progress-card a.btn-primary`)
	at := learner.At()
	if !lesson(learner) {
		t.Errorf("%s has no quiz", at)
	}
	finish(learner)

	// Asks beside the lesson; who will read it and under which name is said before.
	learner.Visit(at)
	learner.Wait(`textarea[name="title"]`)
	for _, house := range []string{"Halden Systems", "Solvik Dairy"} {
		learner.WaitText(house)
	}
	if strings.Contains(learner.Text(), "Kestrel") {
		t.Error("the composer names a house that Brightwater is not connected to")
	}
	webtest.Eval[bool](learner, `(()=>{const r=document.querySelector('input[name="audience"][value="connected"]');if(r)r.click();return true})()`)
	learner.Type(`textarea[name="title"]`, title)
	learner.Submit(`textarea[name="title"]`)
	learner.WaitText(title)

	// A customer answers.
	customer := webtest.Open(t, 1360)
	signIn(t, customer, d, "learner@solvik.example")
	customer.Visit(d.URL("solvik", "/community"))
	customer.ClickText(title)
	question := customer.At()
	customer.Type(`main textarea[name="text"]`, "Two minutes out of the wind zqanswer, and write down both readings.")
	customer.Submit(`main textarea[name="text"]`)
	customer.WaitText("zqanswer")
	learner.Visit(strings.Replace(question, "://solvik.", "://brightwater.", 1))
	learner.WaitText("zqanswer")
	learner.WaitText("Solvik Dairy")

	// Goes on at the same place in a second browser, and finishes.
	second := webtest.Open(t, 1360)
	signIn(t, second, d, "learner@brightwater.example")
	second.WaitText("Cold-chain monitoring, from first sensor to audit-ready")
	second.Visit(path)
	if after := share(second); after == before || after == "" {
		t.Errorf("the second browser shows %q, the first began at %q", after, before)
	}
	n, _ := learn(t, second, path)
	second.Visit(path)
	if got := share(second); got != "Finished" {
		t.Errorf("after %d more lessons the path is at %s", n, got)
	}

	// Somebody who is not connected finds nothing of it, by any page.
	stranger := webtest.Open(t, 1360)
	signIn(t, stranger, d, "learner@kestrel.example")
	in := func(address string) string { return strings.Replace(address, "://solvik.", "://kestrel.", 1) }
	pages := []string{
		d.URL("kestrel", "/"), d.URL("kestrel", "/learn"), d.URL("kestrel", "/community"), d.URL("kestrel", "/stories"),
		d.URL("kestrel", "/search?q=zqbath"), d.URL("kestrel", "/search?q=Brightwater"), d.URL("kestrel", "/search/quick?q=zqba"), d.URL("kestrel", "/search?q=mock+audit"),
		in(question), strings.Replace(at, "://brightwater.", "://kestrel.", 1), strings.Replace(path, "://brightwater.", "://kestrel.", 1),
	}
	for _, page := range pages {
		stranger.Visit(page)
		stranger.Settle()
		html := webtest.Eval[string](stranger, `(()=>{const d=document.cloneNode(true);d.querySelectorAll('input[name="q"],title').forEach(e=>e.remove());return d.documentElement.innerHTML.replace(/href="[^"]*"/g,"").replace(/value="[^"]*"/g,"")})()`)
		for _, word := range []string{"zqbath", "zqanswer", "Brightwater", "Priya"} {
			if i := strings.Index(html, word); i >= 0 && !echoes(page, word) {
				t.Errorf("%s shows %q: …%s…", page, word, html[max(0, i-120):min(len(html), i+80)])
			}
		}
	}
	if !strings.Contains(stranger.Text(), "Cold-chain monitoring") {
		t.Error("the stranger does not see the vendor's path, so this proves little")
	}
}

// echoes reports that a search page repeats the word that was searched.
func echoes(page, word string) bool {
	return strings.Contains(page, "/search") && strings.Contains(strings.ToLower(page), strings.ToLower(word))
}

// A visitor goes from a public story to a path, and keeps the progress on signing in.
func TestVisitorKeepsProgress(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 390)
	b.Visit(d.URL("solvik", "/stories"))
	b.ClickText("The night the alarm was right")
	b.WaitText("Door alarms that people act on")
	b.Click(`main .scard a.btn-primary, main .scard button`)
	if !b.Has(`main .progress-card`) {
		t.Fatalf("the story's button leads to %s", b.At())
	}
	path := b.At()
	b.Click(`main .progress-card form button`)
	// Starting leads to the first lesson.
	lesson(b)
	finish(b)
	b.Click(`form[action="/visit/claim"] button`)
	// Signs in at the organization of the host, then says what to keep.
	for range 3 {
		if b.Has(`main a[href*="/auth/start"]`) {
			b.Click(`main a[href*="/auth/start"]`)
		}
		if b.Has(`main a[href*="/sign-in"]`) {
			b.Click(`main a[href*="/sign-in"]`)
		}
		if b.Has(`input[name="email"]`) {
			break
		}
	}
	b.Type(`input[name="email"]`, "lead@solvik.example")
	b.Submit(`input[name="email"]`)
	b.WaitText("Door alarms that people act on")
	b.Click(`form[action="/keep"] button`)
	b.Visit(d.URL("solvik", "/learn?tab=active"))
	b.WaitText("Door alarms that people act on")
	b.Visit(path)
	if got := share(b); got == "" || got == "0%" {
		t.Errorf("after keeping, the path is at %q", got)
	}
}

// Nothing internal shows to a visitor, on any organization's host.
func TestVisitorSeesPublicThingsOnly(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	for _, org := range []string{"", "halden", "brightwater", "kestrel", "solvik", "nordhav", "aurora"} {
		for _, page := range []string{"/", "/learn", "/stories", "/community", "/search?q=audit", "/search?q=gateway", "/search?q=pilot"} {
			b.Visit(d.URL(org, page))
			text := b.Text()
			for _, internal := range []string{"A mock audit in a day", "Commissioning gateways", "Scope a pilot in one afternoon", "What our audit found", "Loading-bay walk-through"} {
				if strings.Contains(text, internal) {
					t.Errorf("%s shows %q to a visitor", d.URL(org, page), internal)
				}
			}
		}
	}
}

// Every page reflows at 320 px and has nothing that axe reports, light and dark, filled, empty and in error.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	visitor := webtest.Open(t, 1360)
	readable(visitor, d.URL("", "/"), d.URL("halden", "/"), d.URL("kestrel", "/"), d.URL("", "/sign-in"), d.URL("brightwater", "/sign-in"), d.URL("nordhav", "/sign-in"),
		d.URL("halden", "/stories"), d.URL("halden", "/nothing-here"), d.URL("nobody", "/"), d.URL("halden", "/search?q=alarm"), d.URL("halden", "/search?q=xyzzyq"))
	member := webtest.Open(t, 1360)
	signIn(t, member, d, "learner@brightwater.example")
	var more []string
	for list, kinds := range map[string][]string{"/learn": {"/path/", "/course/"}, "/stories": {"/story/"}, "/community": {"/questions/"}} {
		member.Visit(d.URL("brightwater", list))
		for _, k := range kinds {
			if a := webtest.Eval[string](member, `document.querySelector('main a[href^="`+k+`"]')?.href ?? ""`); a != "" {
				more = append(more, a)
			}
		}
	}
	for _, a := range more {
		member.Visit(a)
		if l := webtest.Eval[string](member, `document.querySelector('main a[href*="/steps/"], main a[href*="/lessons/"]')?.href ?? ""`); l != "" {
			more = append(more, l)
		}
	}
	readable(member, append([]string{d.URL("brightwater", "/"), d.URL("brightwater", "/learn"), d.URL("brightwater", "/learn?tab=finished"), d.URL("brightwater", "/community"), d.URL("brightwater", "/search?q=door+alarm"), d.URL("brightwater", "/me"), d.URL("brightwater", "/welcome"), d.URL("brightwater", "/welcome/answer?for=solve&q=alarm"), d.URL("brightwater", "/welcome/answer?q=xyzzyq")}, more...)...)
	admin := webtest.Open(t, 1360)
	signIn(t, admin, d, "admin@halden.example")
	readable(admin, d.URL("halden", "/admin/people"), d.URL("halden", "/admin/audit"), d.URL("halden", "/admin/sign-in"))
}

// The same journey with a course that was imported from a folder of Markdown.
func TestImportedCourse(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "content", "docker-getting-started"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("no folder to import: %v", err)
	}
	d := webtest.Start(t, webtest.World(t))
	if out := imports(t, d, folder); !strings.Contains(out, "version 1") {
		t.Errorf("first import: %s", out)
	}
	if out := imports(t, d, folder); !strings.Contains(out, "unchanged") {
		t.Errorf("second import: %s", out)
	}
	b := webtest.Open(t, 390)
	signIn(t, b, d, "learner@brightwater.example")
	find(b, d.URL("brightwater", ""), "persisitng our data")
	b.WaitText("Shared by Halden Systems")
	course := webtest.Eval[string](b, `[...document.querySelectorAll('main a[href^="/course/"]')].map(a=>a.href.replace(/\/lessons\/.*/,"")).find(h=>/docker|started/.test(h)) ?? ""`)
	b.Visit(course)
	b.Click(`main .progress-card form button`)
	n, _ := learn(t, b, course)
	b.Visit(course)
	if got := share(b); got != "Finished" {
		t.Errorf("after %d lessons the imported course is at %s", n, got)
	}
}

// imports runs the command on the running demonstration's database.
func imports(t *testing.T, d *webtest.Demo, folder string) string {
	t.Helper()
	socket, err := os.ReadFile(filepath.Join(d.Dir, "pg", "learnscape.socket"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(d.Dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), webtest.Binary(t), "import", "--org", "halden", "--collection", "customer-onboarding,partner-enablement", folder) // Our own binary.
	cmd.Env = append(os.Environ(), "LEARNSCAPE_BASE_URL="+d.Base, "LEARNSCAPE_FILES="+filepath.Join(d.Dir, "files"),
		fmt.Sprintf("LEARNSCAPE_DATABASE_URL=host=%s user=learnscape_app dbname=learnscape sslmode=disable", strings.TrimSpace(string(socket))),
		"LEARNSCAPE_KEYS=demo:"+base64.StdEncoding.EncodeToString(key))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("import: %v: %s", err, out)
	}
	return string(out)
}

// A first visit to a page takes at most eight requests, the next two.
func TestRequests(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	const asked = `1 + performance.getEntriesByType("resource").filter(r=>r.transferSize>0).length`
	for _, page := range []string{d.URL("", "/"), d.URL("solvik", "/stories"), d.URL("halden", "/learn"), d.URL("halden", "/search?q=alarm")} {
		b := webtest.Open(t, 1360)
		b.Visit(page)
		b.Settle()
		if n := webtest.Eval[int](b, asked); n > 8 {
			t.Errorf("%s: %d requests on the first visit: %s", page, n, webtest.Eval[string](b, `performance.getEntriesByType("resource").map(r=>r.name).join(" ")`))
		}
		b.Visit(page)
		b.Settle()
		if n := webtest.Eval[int](b, asked); n > 2 {
			t.Errorf("%s: %d requests on the next visit: %s", page, n, webtest.Eval[string](b, `performance.getEntriesByType("resource").filter(r=>r.transferSize>0).map(r=>r.name).join(" ")`))
		}
	}
}
