package webtest_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// readingCourse is the address of the demonstration's course with questions of every kind.
func readingCourse(b *webtest.Browser, d *webtest.Demo, org string) string {
	find(b, d.URL(org, ""), "reports in four minutes")
	b.Click(`#results a[href$="/reports-in-four-minutes"]`)
	b.Wait(`main .progress-card`)
	return b.At()
}

// At the keyboard somebody puts things in order and writes a number; the page does not say what is right before they answer.
func TestOrderAndNumberByKeyboard(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "marketer@halden.example")
	lesson := readingCourse(b, d, "halden") + "/lessons/02-four-minutes-with-a-watch"
	b.Visit(lesson + "?q=order-of-reading#quiz")
	b.Wait(`#quiz .order`)
	texts := func() string {
		return webtest.Eval[string](b, `[...document.querySelectorAll("#quiz .order-text")].map(e=>e.textContent.trim()).join("|")`)
	}
	const right = "Gaps|The worst room|Alarms|Decide and sign"
	if texts() == right || strings.Contains(b.HTML(), "every other figure leans on it") {
		t.Errorf("the page has the answer: %s", texts())
	}
	b.Accessible()
	shot(b, "quiz-order")
	b.Click(`#quiz .quiz-foot button`)
	b.Wait(`#quiz [role=status] .callout`)
	if !strings.Contains(b.Text(), "stand where they belong") {
		t.Error("it does not say how much is right")
	}
	// Sorted with the buttons: each goes up until it stands where it belongs.
	for i, want := range strings.Split(right, "|") {
		for range 4 {
			list := strings.Split(texts(), "|")
			if list[i] == want {
				break
			}
			value := webtest.Eval[string](b, `[...document.querySelectorAll("#quiz .order-item")].find(e=>e.querySelector(".order-text").textContent.trim()===`+strconv.Quote(want)+`).querySelector("button").id`)
			b.TabTo(`#` + value)
			b.Press(webtest.Enter)
			b.Settle()
			if focus := webtest.Eval[string](b, `document.activeElement.id`); focus != value {
				t.Errorf("after the move the focus is on %q, not on %q", focus, value)
			}
			if texts() == strings.Join(list, "|") {
				t.Fatalf("%s did not move in %s", want, texts())
			}
		}
	}
	b.TabTo(`#quiz .quiz-foot button`)
	b.Press(webtest.Enter)
	b.WaitText("every other figure leans on it")
	b.Visit(lesson + "?q=one-percent#quiz")
	b.Type(`#quiz input[name="words"]`, "some")
	b.Press(webtest.Enter)
	b.WaitText("Write a number")
	b.Type(`#quiz input[name="words"]`, "288")
	b.Press(webtest.Enter)
	b.WaitText("That is a whole day")
	b.Type(`#quiz input[name="words"]`, "89,5")
	b.Press(webtest.Enter)
	b.WaitText("8,928 in the month")
	shot(b, "quiz-number")
	b.Fits(320)
}

// answerCheck answers the question of a check that is on the page, rightly with all or with a guess.
func answerCheck(b *webtest.Browser, right bool) {
	b.Wait(`#answer fieldset`)
	legend := webtest.Eval[string](b, `document.querySelector("#answer legend").textContent.trim()`)
	pick := map[string]string{
		"A room has": "A unit that is too weak, or a limit that does not fit the room", "The signature": "False", "For how many": "55 days", "Which figure": " MEAN ",
	}
	for start, say := range pick {
		switch {
		case !strings.HasPrefix(legend, start):
		case !right && b.Has(`#answer input[name=words]`):
			b.Type(`#answer input[name=words]`, "7")
		case b.Has(`#answer input[name=words]`):
			b.Type(`#answer input[name=words]`, say)
		default:
			webtest.Eval[bool](b, `[...document.querySelectorAll("#answer .choice")].find(c=>c.textContent.includes(`+strconv.Quote(say)+`)===`+strconv.FormatBool(right)+`).querySelector("input").click()??true`)
		}
	}
	if right && b.Has(`#answer .order`) {
		webtest.Eval[bool](b, `(()=>{const o=document.querySelector("#answer .order");["Gaps","The worst room","Alarms","Decide and sign"].forEach(t=>o.append([...o.children].find(e=>e.textContent.includes(t))));return true})()`)
	}
	if b.Has(`#answer .match`) {
		webtest.Eval[bool](b, `(()=>{const want={"I have had no time":"Fewer rooms","There is never":"An answer line","My colleague":"One name"};document.querySelectorAll("#answer .match-row").forEach(r=>{const key=Object.keys(want).find(k=>r.textContent.trim().startsWith(k));const s=r.querySelector("select");s.value=[...s.options].find(o=>o.text.startsWith(want[key])===`+strconv.FormatBool(right)+`&&o.value!=="-1").value});return true})()`)
	}
	b.Click(`#answer button[value=answer]`)
	b.Settle()
}

// A check is taken as a whole: it says nothing until it is handed in, then what was right and what to read again, and passing it finishes
// the lesson. Without script the clock stands in words and everything can be answered.
func TestCheckInTheBrowser(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "moderator@halden.example")
	lesson := readingCourse(b, d, "halden") + "/lessons/03-the-customer-opens-it"
	b.Visit(lesson)
	b.WaitText("4 questions, drawn from 6")
	shot(b, "check-card")
	b.ClickText("To the check")
	b.WaitText("Passed from 75%")
	b.Accessible()
	shot(b, "check-cover")
	b.ClickText("Begin")
	b.Wait(`#answer fieldset`)
	b.WaitText("left")
	b.Accessible()
	shot(b, "check-question")
	b.Fits(320)
	b.Resize(1360)
	for range 4 {
		answerCheck(b, false)
		if html := b.HTML(); strings.Contains(html, "choice-right") || strings.Contains(html, "choice-wrong") || strings.Contains(html, "8,928") {
			t.Error("it says how one does before the end")
		}
	}
	b.WaitText("Look it over")
	b.Accessible()
	shot(b, "check-over")
	b.ClickText("Hand in")
	b.WaitText("Not passed")
	b.WaitText("Worth reading again")
	b.WaitText("What would have been right stays open")
	b.Accessible()
	shot(b, "check-failed")

	b.Script(false)
	b.ClickText("Begin again")
	b.WaitText("minutes left")
	for range 4 {
		answered := b.At()
		legend := webtest.Eval[string](b, `document.querySelector("#answer legend").textContent.trim()`)
		b.Script(true)
		answerCheck(b, true)
		b.Script(false)
		if b.At() == answered {
			t.Fatalf("%q was not taken: %s", legend, b.Text())
		}
	}
	b.ClickText("Hand in")
	b.WaitText("4 of 4 right")
	b.Script(true)
	b.Visit(b.At())
	b.WaitText("Passed")
	shot(b, "check-passed")
	b.Accessible()
	b.Fits(320)
	b.Resize(390)
	b.Dark(true)
	shot(b, "check-passed-390")
	b.Visit(lesson)
	b.Wait(`main .metas .badge-ok`)
	b.ClickText("Look at it again")
	b.WaitText("Your attempts")
	b.Fits(320)
}

// Somebody writes down what they try at work, finds it again with what came of it, and switches the mails about it off.
func TestTryAtWorkInTheBrowser(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "manager@halden.example")
	b.Visit(d.URL("halden", "/tries"))
	b.WaitText("Nothing yet")
	b.Accessible()
	lesson := readingCourse(b, d, "halden") + "/lessons/03-the-customer-opens-it"
	b.Visit(lesson)
	b.WaitText("Take a watch")
	b.Settle()
	b.Accessible()
	b.Type(`form[action$="/try"] textarea`, "Read the May report with the shift lead.")
	b.Type(`form[action$="/try"] input[name=with]`, "the shift lead")
	shot(b, "try-lesson")
	b.Script(false)
	webtest.Eval[bool](b, `document.querySelector("form[action$='/try'] input[name=by]").value="2020-01-01",true`)
	b.Click(`form[action$="/try"] button`)
	b.WaitText("Choose a day from today on")
	if got := webtest.Eval[string](b, `document.querySelector("form[action$='/try'] textarea").value`); got != "Read the May report with the shift lead." {
		t.Errorf("what was typed is %q", got)
	}
	webtest.Eval[bool](b, `document.querySelector("form[action$='/try'] input[name=by]").value=new Date(Date.now()+864e5).toISOString().slice(0,10),true`)
	b.Click(`form[action$="/try"] button`)
	b.Wait(`.reflect a[href="/tries"]`)
	b.Script(true)
	b.Visit(d.URL("halden", "/tries"))
	b.WaitText("Read the May report with the shift lead.")
	b.Type(`.try-card textarea`, "She found the gap.")
	b.Submit(`.try-card textarea`)
	b.WaitText("Saved.")
	b.ClickText("Send me none")
	b.WaitText("Send me these mails")
	b.Accessible()
	shot(b, "tries")
	b.Fits(320)
	b.Resize(1360)
	b.Click(`.try-card summary`)
	b.Click(`.try-card details button`)
	b.WaitText("Nothing yet")
}

// An author writes questions of several kinds; each kind shows its own fields, the preview shows what learners will see, and what is missing is
// named. How questions are answered is a table with what to do.
func TestAuthorWritesQuestionsOfEveryKind(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/publish"))
	b.Type(`#begin input[name="title"]`, "Kinds of questions")
	b.ClickText("Begin")
	b.Type(`.add-lesson input[name="lesson"]`, "All kinds")
	b.Submit(`.add-lesson input[name="lesson"]`)
	b.ClickText("Questions")
	b.Wait(`select[name="b0.q0.kind"]`)
	kind := func(k string) {
		webtest.Eval[bool](b, `(()=>{const s=document.querySelector('select[name="b0.q0.kind"]');s.value=`+strconv.Quote(k)+`;s.dispatchEvent(new Event("input",{bubbles:true}));return true})()`)
		b.Settle()
	}
	shows := func(selector string) bool {
		return webtest.Eval[bool](b, `document.querySelector(`+strconv.Quote(selector)+`).checkVisibility()`)
	}
	kind("number")
	b.Type(`textarea[name="b0.q0.ask"]`, "How many **degrees**?")
	b.Type(`input[name="b0.q0.c0.text"]`, "ten")
	b.Type(`input[name="b0.q0.c1.text"]`, "0.6")
	b.WaitText("an answer to question 1 is no number")
	if !shows(`input[name="b0.q0.tolerance"]`) || shows(`input[name="b0.q0.c0.match"]`) || shows(`input[name="b0.q0.forgive"]`) {
		t.Error("a number has other fields than its own")
	}
	b.Type(`input[name="b0.q0.c0.text"]`, "-0.6")
	b.Type(`input[name="b0.q0.unit"]`, "°C")
	b.Wait(`#preview .quiz-words`)
	b.Wait(`#preview legend strong`)
	b.Accessible()
	shot(b, "write-number")
	kind("match")
	if shows(`input[name="b0.q0.tolerance"]`) || !shows(`input[name="b0.q0.c0.match"]`) || shows(`input[name="b0.q0.right"]`) {
		t.Error("a match has other fields than its own")
	}
	b.Type(`input[name="b0.q0.c0.match"]`, "low")
	b.Type(`input[name="b0.q0.c1.match"]`, "high")
	b.Wait(`#preview .match-row`)
	kind("order")
	b.Wait(`#preview .order-item`)
	b.Fits(320)
	b.Resize(1360)
	b.Visit(d.URL("halden", "/publish?tab=published"))
	b.Click(`main a[href$="/learners"]`)
	b.Click(`main a[href$="/answers"]`)
	b.WaitText("How questions are answered")
	b.Accessible()
	course := readingCourse(b, d, "halden")
	id, _, _ := strings.Cut(strings.TrimPrefix(course, d.URL("halden", "/course/")), "/")
	b.Visit(d.URL("halden", "/publish/"+id+"/answers?sort=-people"))
	b.Wait(`main tbody tr`)
	b.Accessible()
	shot(b, "answers")
	b.Fits(320)
}

// Who was given more time takes a check with keys alone: each question is what the keyboard is on when it comes, an order is sorted without losing
// one's place, and that time runs short is told to who does not see the clock.
func TestCheckByKeyboardAgainstTheClock(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	admin, b := webtest.Open(t, 1360), webtest.Open(t, 1360)
	press := func(b *webtest.Browser, selector string) {
		t.Helper()
		b.TabTo(selector)
		b.Press(webtest.Enter)
		b.Settle()
	}
	signIn(t, admin, d, "admin@halden.example")
	admin.Visit(d.URL("halden", "/admin/people?q=Moraghan"))
	press(admin, `main a[href$="/data"]`)
	press(admin, `main a[href$="/time"]`)
	admin.TabTo(`#percent`)
	admin.Press(strings.Repeat("\b", 4) + "50")
	admin.TabTo(`#reason`)
	admin.Press("She reads with her ears.")
	press(admin, `main form .btn-primary`)
	admin.WaitText("Saved.")
	everyWay(admin, "check-extended")

	signIn(t, b, d, "moderator@halden.example")
	b.Visit(readingCourse(b, d, "halden") + "/lessons/03-the-customer-opens-it")
	press(b, `main a[href$="/check"]`)
	b.WaitText("12 min")
	b.WaitText("You have 50% more time than others.")
	press(b, `form .btn-primary`)
	for n := range 4 {
		b.WaitText(strconv.Itoa(n+1) + " of 4")
		b.WaitFocus(`#answer fieldset`)
		if n == 1 { // The computer slept.
			if left := webtest.Eval[string](b, `document.querySelector("[role=timer]").textContent`); !strings.HasPrefix(left, "11:") {
				t.Errorf("the clock says %q", left)
			}
			for _, at := range []string{"5 minutes left", "1 minute left"} {
				webtest.Eval[bool](b, `(()=>{const now=Date.now,left=document.querySelector("[role=timer]").textContent.split(":")[0];Date.now=()=>now()+6e4*(left-`+at[:1]+`+1);return true})()`)
				b.Wait(`#status`)
				for range 20 {
					if webtest.Eval[string](b, `document.querySelector("#status").textContent`) == at {
						break
					}
					b.Settle()
				}
				if said := webtest.Eval[string](b, `document.querySelector("#status").textContent`); said != at {
					t.Errorf("when there is %s, %q is said", at, said)
				}
			}
			b.Accessible()
		}
		switch {
		case b.Has(`#answer .order`):
			press(b, `#answer .order-item:nth-child(3) button`)
			b.WaitFocus(`#answer .order-item:nth-child(2) button`)
		case b.Has(`#answer select`):
			for line := range 3 {
				b.TabTo(`#answer .match-row:nth-child(` + strconv.Itoa(line+1) + `) select`)
				b.Press(webtest.ArrowDown)
			}
		case b.Has(`#answer input[name=words]`):
			b.TabTo(`#answer input[name=words]`)
			b.Press("7")
		default:
			b.TabTo(`#answer input[name=choice]`)
			b.Press(webtest.Space)
		}
		press(b, `#answer button[value=answer]`)
	}
	b.WaitText("Look it over")
	press(b, `#hand-in button`)
	b.WaitText("of 4 right")
	b.Accessible()
}
