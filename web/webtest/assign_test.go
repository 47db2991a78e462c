package webtest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/web/webtest"
)

// put sets a field to a value, as a date that is chosen.
func put(b *webtest.Browser, selector, value string) {
	b.Wait(selector)
	webtest.Eval[bool](b, `(()=>{const e=document.querySelector(`+"`"+selector+"`"+`);e.value=`+"`"+value+"`"+`;e.dispatchEvent(new Event("input",{bubbles:true}));e.dispatchEvent(new Event("change",{bubbles:true}));return true})()`)
}

// pick chooses the option of a list whose words begin so.
func pick(t *testing.T, b *webtest.Browser, selector, words string) {
	t.Helper()
	b.Wait(selector)
	if !webtest.Eval[bool](b, `(()=>{const e=document.querySelector(`+"`"+selector+"`"+`),o=[...e.options].find(o=>o.text.startsWith(`+"`"+words+"`"+`));if(o)e.value=o.value;return !!o})()`) {
		t.Fatalf("%s: %s offers nothing that begins with %q", b.At(), selector, words)
	}
}

// later is the day so many days from today, as forms send it.
func later(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }

// A manager asks one of the team to learn something by a day. The person reads the reason at home and the day in the own calendar, learns
// it, and the manager sees that it is finished.
func TestManagerAsksTheTeam(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	const who, course, reason = "Gareth Penhallow", "Reports in four minutes", "The audit on Thursday asks for last month's report."
	manager, learner := webtest.Open(t, 1360), webtest.Open(t, 390)
	signIn(t, manager, d, "manager@brightwater.example")
	manager.Visit(d.URL("brightwater", "/team"))
	manager.WaitText("Food practice")
	everyWay(manager, "team")
	webtest.Eval[bool](manager, `[...document.querySelectorAll(".team-who")].find(e=>e.textContent.includes("`+who+`")).querySelector("input").click(),true`)
	manager.ClickText("Assign to the chosen")
	manager.WaitText("Ask people to learn something")
	everyWay(manager, "assign")

	// What is missing is named, and what was written stays.
	ask := func() {
		webtest.Eval[bool](manager, `(document.querySelector("form.assign").noValidate=true)`)
		manager.Click(`form.assign .assign-foot .btn-primary`)
	}
	ask()
	manager.WaitText("Say why. It is the first thing that people read.")
	manager.WaitText("Choose a path or course that is open to your people.")
	manager.Type("#reason", reason)
	ask()
	manager.WaitText("Choose a path or course that is open to your people.")
	if got := webtest.Eval[string](manager, `document.querySelector("#reason").value`); got != reason {
		t.Errorf("after the refusal the reason is %q", got)
	}
	everyWay(manager, "assign-error")
	pick(t, manager, "#item", course)
	put(manager, "#by", later(9))
	manager.Click(`form.assign .assign-foot .btn-primary`)
	manager.WaitText("Assigned. They get a mail with your reason.")
	manager.WaitText("Not begun")
	one, _, _ := strings.Cut(manager.At(), "?")
	everyWay(manager, "assignment")

	signIn(t, learner, d, "author@brightwater.example")
	learner.Visit(d.URL("brightwater", "/"))
	learner.WaitText(course)
	learner.WaitText(reason)
	learner.Visit(d.URL("brightwater", "/plan"))
	learner.WaitText(reason)
	learner.ClickText("Make an address")
	learner.WaitText("Copy it now")
	feed := webtest.Eval[string](learner, `document.querySelector("#calendar-address").value`)
	everyWay(learner, "plan-address")
	calendar := func() (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, feed, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := d.Client(t, "").Do(req) // A calendar has no session.
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // Read to its end.
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, strings.ReplaceAll(string(text), "\r\n ", "")
	}
	day := strings.ReplaceAll(later(9), "-", "")
	if code, text := calendar(); code != http.StatusOK || !strings.Contains(text, "SUMMARY:Due: "+course) || !strings.Contains(text, "DTSTART;VALUE=DATE:"+day) {
		t.Errorf("the calendar answers %d without %q on %s:\n%s", code, course, day, text)
	}
	if lessons, _ := learn(t, learner, readingCourse(learner, d, "brightwater")); lessons == 0 {
		t.Fatal("there was nothing to learn")
	}
	if _, text := calendar(); strings.Contains(text, "Due: "+course) {
		t.Error("what is finished is due in the calendar")
	}

	manager.Visit(one)
	manager.WaitText("Finished")
	if got := webtest.Eval[string](manager, `document.querySelector("main tbody tr").innerText`); !strings.Contains(got, who) || !strings.Contains(got, "Finished") {
		t.Errorf("the manager reads %q", got)
	}
	learner.Visit(d.URL("brightwater", "/plan"))
	learner.ClickText("Close the address")
	learner.WaitText("The address is closed.")
	if code, _ := calendar(); code != http.StatusNotFound {
		t.Errorf("a closed address answers %d", code)
	}
}
