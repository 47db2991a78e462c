package webtest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// The ways of people who have no mouse, no English, no password, no script, or are here for the first time. They share a
// server; each is somebody else.
func TestWays(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	for name, way := range map[string]func(*testing.T, *webtest.Demo){
		"by keyboard": byKeyboard, "in German": inGerman, "by email link": byLink, "without script": withoutScript, "first visit": firstVisit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way(t, d)
		})
	}
}

// byKeyboard signs in, searches, learns, answers, asks and reads with keys alone.
func byKeyboard(t *testing.T, d *webtest.Demo) { //nolint:thelper // The body of a test.
	b := webtest.Open(t, 1360)
	b.Visit(d.URL("", "/"))
	b.TabTo(`main input[name="email"]`)
	b.Press("learner@brightwater.example" + webtest.Enter)
	b.TabTo(`main a[href*="/auth/start"]`)
	b.Press(webtest.Enter)
	b.WaitText("Demonstration provider")
	if !webtest.Eval[bool](b, `document.activeElement.matches('input[name="email"]')`) {
		b.TabTo(`input[name="email"]`)
	}
	b.Press("learner@brightwater.example" + webtest.Enter)
	b.Wait(`a[href="/me"]`)

	// The first key of search, the second of its list, and the page of results.
	b.Settle()
	b.Press("/")
	b.Wait(`#find:focus`)
	b.Press("ice bath")
	b.Wait(`#quick [role=option]`)
	b.Press(webtest.ArrowDown)
	b.Wait(`#quick [role=option][aria-selected=true]`)
	b.Press(webtest.Enter)
	b.WaitText("Make the bath")
	b.Visit(d.URL("brightwater", "/"))
	b.Settle()
	b.Press("/")
	b.Wait(`#find:focus`)
	b.Press("field check" + webtest.Enter)
	b.TabTo(`#results a[href$="/field-check-of-a-probe"]`)
	b.Press(webtest.Enter)
	b.TabTo(`.progress-card .btn-primary`)
	b.Press(webtest.Enter)
	b.Wait(`#lesson-foot`)

	// n goes on, p goes back; in the quiz Space chooses and Enter answers.
	b.Settle()
	at := b.At()
	b.Press("n")
	b.Wait(`a[rel=prev][href="` + strings.TrimPrefix(at, d.URL("brightwater", "")) + `"]`)
	b.Settle()
	b.Press("p")
	b.Wait(`a[rel=next]`)
	b.Wait(`main .quiz input[type=radio]:not(:disabled)`)
	b.TabTo(`main .quiz input[type=radio]`)
	b.Press(webtest.Space)
	b.TabTo(`main .quiz button[type=submit]`)
	b.Press(webtest.Enter)
	b.Wait(`main .quiz [role=status] .callout`)

	// The question beside it is sent with Control and Enter.
	const title = "Does the zqkeyboard bath need salt?"
	b.TabTo(`textarea[name="title"]`)
	b.Press(title)
	b.PressControl(webtest.Enter)
	b.WaitText(title)

	// Away with the keys of the navigation, and into the thread.
	b.Visit(d.URL("brightwater", "/"))
	b.Settle()
	b.Press("gc")
	b.WaitText(title)
	b.TabTo(`main .question a[href^="/questions/"]`)
	b.Press(webtest.Enter)
	b.TabTo(`main textarea[name="text"]`)
	b.Press("No, and drinking water at that.")
	b.PressControl(webtest.Enter)
	b.WaitText("drinking water at that")
	b.Press(webtest.Tab)
	b.TabTo(`summary`)
	b.Press(webtest.Enter)
	b.TabTo(`.menu-out button`)
	b.Press(webtest.Enter)
	b.Wait(`a[href^="/sign-in"]`)
}

// inGerman goes the learner's way with the interface in German, dark, at 390 px; no text of the English catalogue is left.
func inGerman(t *testing.T, d *webtest.Demo) { //nolint:thelper // The body of a test.
	const org, email = "brightwater", "learner2@brightwater.example"
	b := webtest.Open(t, 390)
	b.Dark(true)
	english := catalogue(t)
	check := func() {
		t.Helper()
		b.Settle()
		texts := webtest.Eval[[]string](b, chrome)
		if len(texts) < 8 {
			t.Errorf("%s: only %d texts were looked at", b.At(), len(texts))
		}
		for _, text := range texts {
			if key := english(text); key != "" {
				t.Errorf("%s: %q is English (%s)", b.At(), text, key)
			}
		}
		b.Fits(320)
		b.Resize(390)
	}
	b.Visit(d.URL("", "/"))
	b.Click(`footer button[lang="de"]`)
	check()
	signIn(t, b, d, email)
	check() // home
	at := func(path string) string { return d.URL(org, path) }
	for _, page := range []string{"/learn", "/learn?tab=finished", "/search?q=alarm", "/search?q=xyzzyq", "/community", "/community?tab=mine", "/stories", "/me", "/welcome", "/welcome/answer?for=learn", "/welcome/answer?q=alarm", "/nichts-hier"} {
		b.Visit(at(page))
		check()
	}
	// The filters are folded on a phone, and there when it is turned.
	b.Visit(at("/learn"))
	b.Settle()
	shown := func() bool { return webtest.Eval[bool](b, `document.querySelector(".facets form").checkVisibility()`) }
	if shown() {
		t.Error("the filters take the phone's whole page")
	}
	b.Resize(1024)
	b.Settle()
	if !shown() {
		t.Error("a phone that is turned has no filters")
	}
	b.Resize(390)
	b.Visit(at("/learn"))
	b.Click(`main a[href$="/haccp-evidence"]`)
	check()
	b.Click(`main .progress-card .btn-primary`)
	check()
	if b.Has(`.progress-card`) { // All of it was learned as part of a path, and counts as finished now.
		b.Click(`main .progress-card a.btn`)
		check()
	}
	if lesson(b) {
		check()
	}
	b.Wait(`textarea[name="title"]`)
	webtest.Eval[bool](b, `(document.querySelector('textarea[name="title"]').removeAttribute("required"),true)`)
	b.Submit(`textarea[name="title"]`)
	b.Wait(`.faults`)
	check()
	b.Visit(at("/community"))
	b.Click(`main .question a[href^="/questions/"]`)
	check()
	b.Visit(at("/stories"))
	b.Click(`main a[href^="/story/"]`)
	check()
}

// chrome is what the page says itself: its texts and labels, but for what people wrote.
const chrome = `(()=>{const own=[".prose",".said","blockquote",".pcard h2",".pcard h3","#results h2",".result-text","[lang]:not(html)","time","code","mark",".who b",".question h2","h1",".crumbs li:last-child",".lm .title",".outline li",".chip-tag",".brand",".menu-who",".tasks .title","option",".continue h2",".continue .lead",".top-lesson .brand-name",".prov b",".choice",".quiz legend",".reflect .meta-lead",".page-head .lead",".defs dd",".scard",".badge-neutral",".callout-own",".card a.title",".acts-who",".prop"];
	const out=[],inside=e=>own.some(s=>e.closest(s));
	const w=document.createTreeWalker(document.body,NodeFilter.SHOW_TEXT);
	while(w.nextNode()){const n=w.currentNode,p=n.parentElement,t=n.data.replace(/\s+/g," ").trim();if(t.length>2&&!p.closest("script,style,svg")&&!inside(p))out.push(t)}
	document.querySelectorAll("[aria-label],[placeholder],[title]").forEach(e=>{if(!inside(e))for(const a of["aria-label","placeholder"]){const v=e.getAttribute(a);if(v&&v.length>2)out.push(v)}});
	return out})()`

// catalogue returns a function that names the key of the English text that a text is, "" if it is none, or is the same in
// German.
func catalogue(t *testing.T) func(string) string {
	t.Helper()
	read := func(locale string) map[string][]string {
		files, err := filepath.Glob(filepath.Join("..", "..", "internal", "lang", "messages", "*."+locale+".json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no messages: %v", err)
		}
		out := map[string][]string{}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]json.RawMessage
			if err := json.Unmarshal(raw, &m); err != nil {
				t.Fatal(err)
			}
			for k, v := range m {
				var one string
				forms := map[string]string{}
				if json.Unmarshal(v, &one) == nil {
					out[k] = append(out[k], one)
				} else if json.Unmarshal(v, &forms) == nil {
					for _, f := range forms {
						out[k] = append(out[k], f)
					}
				}
			}
		}
		return out
	}
	hole := regexp.MustCompile(`\\\{\\\{\.[A-Za-z]+\\\}\\\}`)
	pattern := func(text string) *regexp.Regexp {
		return regexp.MustCompile(`^` + hole.ReplaceAllString(regexp.QuoteMeta(text), `.+`) + `$`)
	}
	words := regexp.MustCompile(`\{\{[^}]*\}\}|[^\p{L}]+`)
	german := map[string]bool{}
	for _, forms := range read("de") {
		for _, f := range forms {
			german[f] = true
		}
	}
	type entry struct {
		key string
		is  *regexp.Regexp
	}
	var all []entry
	for k, forms := range read("en") {
		for _, f := range forms {
			// Few letters between holes match anything, and what German says alike is no fault.
			if len(words.ReplaceAllString(f, "")) >= 4 && !german[f] {
				all = append(all, entry{k, pattern(f)})
			}
		}
	}
	if len(all) < 400 {
		t.Fatalf("only %d English texts", len(all))
	}
	return func(text string) string {
		for _, e := range all {
			if e.is.MatchString(text) {
				return e.key
			}
		}
		return ""
	}
}

// byLink signs in with a one-time link that the outbox shows; elsewhere it asks for the digits, and it works once.
func byLink(t *testing.T, d *webtest.Demo) { //nolint:thelper // The body of a test.
	const email = "learner@nordhav.example"
	ask := func(b *webtest.Browser) (link, code string) {
		b.Visit(d.URL("nordhav", "/sign-in"))
		b.Type(`main input[name="email"]`, email)
		b.Submit(`main input[name="email"]`)
		b.Wait(`#code`)
		code = webtest.Eval[string](b, `document.querySelector("#code").textContent`)
		mail := webtest.Open(t, 1360)
		mail.Visit(d.URL("nordhav", "/outbox"))
		mail.Wait(`main a[href*="/sign-in/link/"]`)
		return webtest.Eval[string](mail, `document.querySelector('main a[href*="/sign-in/link/"]').href`), code
	}
	b := webtest.Open(t, 1360)
	link, code := ask(b)

	other := webtest.Open(t, 390)
	other.Visit(link)
	other.Type(`main input[name="code"]`, "000000")
	other.Submit(`main input[name="code"]`)
	other.Wait(`main [aria-invalid]`)
	other.Type(`main input[name="code"]`, code)
	other.Submit(`main input[name="code"]`)
	other.Wait(`a[href="/me"]`)

	b.Visit(link)
	b.WaitText("That took too long")
	if b.Has(`form[action^="/sign-in/link/"]`) || b.Has(`a[href="/me"]`) {
		t.Error("a link that was used works again")
	}

	link, _ = ask(b)
	b.Visit(link)
	if b.Has(`main input[name="code"]`) {
		t.Error("the browser that asked is asked for the digits")
	}
	b.Click(`main form[action^="/sign-in/link/"] button`)
	b.Wait(`a[href="/me"]`)
}

// withoutScript reads and submits with scripts off: from the front door over the first question to an answered quiz, a
// reflection, a question with an answer, and out.
func withoutScript(t *testing.T, d *webtest.Demo) { //nolint:thelper // The body of a test.
	const org, title = "halden", "Is zqplain enough without a script?"
	b := webtest.Open(t, 1360)
	b.Script(false)
	defer b.Script(true)
	signIn(t, b, d, "farah.siddiqi@halden.example")
	b.Click(`form.welcome input[value="solve"]`)
	b.Submit(`form.welcome input[name="q"]`)
	b.Wait(`main .welcome-read a.btn-primary`)

	find(b, d.URL(org, ""), "calibraton probe") //nolint:misspell // A slip that the search forgives.
	b.Click(`#results a[href$="/field-check-of-a-probe"]`)
	b.Click(`main .progress-card form button`)
	first := b.At()
	for range 4 {
		if lesson(b) {
			break
		}
		finish(b)
	}
	b.Wait(`main .quiz [role=status] .callout`)
	b.Visit(first)
	if b.Has(`main .reflect textarea`) {
		b.Type(`main .reflect textarea`, "zqthought")
		b.Submit(`main .reflect textarea`)
		b.Visit(first)
		if got := webtest.Eval[string](b, `document.querySelector("main .reflect textarea").value`); got != "zqthought" {
			t.Errorf("the reflection is %q", got)
		}
	}
	b.Click(`a[href^="/questions/about/"]`)
	b.Type(`textarea[name="title"]`, title)
	b.Submit(`textarea[name="title"]`)
	b.WaitText(title)
	b.Visit(d.URL(org, "/community"))
	b.ClickText(title)
	b.Type(`main textarea[name="text"]`, "It is, zqanswered.")
	b.Submit(`main textarea[name="text"]`)
	b.WaitText("zqanswered")
	b.Visit(d.URL(org, "/me"))
	b.Click(`main button[lang="de"]`)
	b.WaitText("Einstellungen")
	b.Submit(`form[action="/sign-out"] button`)
	b.Visit(d.URL(org, "/me"))
	if strings.HasSuffix(b.At(), "/me") {
		t.Error("signed out, but the own page is there")
	}
}

// firstVisit is asked one question once, gets something to read and something to try, and can say otherwise later.
func firstVisit(t *testing.T, d *webtest.Demo) { //nolint:thelper // The body of a test.
	const org, email = "kestrel", "partners@kestrel.example"
	b := webtest.Open(t, 390)
	signIn(t, b, d, email)
	if want := d.URL(org, "/welcome"); b.At() != want {
		t.Fatalf("a first sign-in leads to %s, want %s", b.At(), want)
	}
	b.Submit(`form.welcome input[name="q"]`)
	b.Wait(`.faults`)
	b.Click(`form.welcome input[value="solve"]`)
	b.Type(`form.welcome input[name="q"]`, "probe reads wrong")
	b.Submit(`form.welcome input[name="q"]`)
	b.WaitText("Ice bath, the card for the van")
	b.Accessible()
	b.Fits(320)
	b.Resize(390)
	read := webtest.Eval[string](b, `document.querySelector("main .welcome-read a.btn-primary").href`)
	b.Visit(read)
	if text := b.Text(); !strings.Contains(text, "probe") {
		t.Errorf("%s is no answer to a probe that reads wrong: %.200s", read, text)
	}

	// Never again, not even after another sign-in; home stays home for who skipped, too.
	for range 2 {
		b.Visit(d.URL(org, "/"))
		if strings.Contains(b.At(), "/welcome") {
			t.Fatal("asked twice")
		}
	}
	again := webtest.Open(t, 1360)
	signIn(t, again, d, email)
	if strings.Contains(again.At(), "/welcome") {
		t.Error("asked again after another sign-in")
	}
	again.Visit(d.URL(org, "/me"))
	again.WaitText("Solve something")
	again.Click(`main a[href="/welcome"]`)
	again.Accessible()
	again.Click(`form.welcome input[value="team"]`)
	again.Submit(`form.welcome input[name="q"]`)
	again.Visit(d.URL(org, "/me"))
	again.WaitText("Bring my team along")

	skips := webtest.Open(t, 1360)
	signIn(t, skips, d, "rafael.quintas@brightwater.example")
	skips.ClickText("Skip this")
	skips.WaitText("From your network")

	// Somebody who has learned here before is not asked.
	learner := webtest.Open(t, 1360)
	signIn(t, learner, d, "learner@brightwater.example")
	if strings.Contains(learner.At(), "/welcome") {
		t.Error("somebody in mid-course is asked what they are here to do")
	}
}
