package webtest_test

import (
	"archive/zip"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestTakingOutAndLeaving is what becomes of somebody's data: a learner sees who knows what, takes everything out, and leaves; a colleague
// reads what they wrote without their name; an administrator takes out all that the organization owns, to the last page by keyboard and
// on a phone.
func TestTakingOutAndLeaving(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	look := func(b *webtest.Browser, name string) {
		b.Accessible()
		shot(b, "person-"+name)
		b.Fits(320)
		b.Resize(390)
		shot(b, "person-"+name+"-phone")
		b.Dark(true)
		b.Resize(1360)
		shot(b, "person-"+name+"-dark")
		b.Accessible()
		b.Dark(false)
	}
	const learner, at = "learner@brightwater.example", "brightwater"
	b := webtest.Open(t, 1360)
	signIn(t, b, d, learner)
	name := webtest.Eval[string](b, `fetch("/me").then(r=>r.text()).then(x=>new DOMParser().parseFromString(x,"text/html").querySelector("h1").textContent.trim())`)
	b.Visit(d.URL(at, "/community?tab=mine"))
	thread := webtest.Eval[string](b, `document.querySelector('main a[href*="/questions/"]')?.getAttribute("href") ?? ""`)
	b.Visit(d.URL(at, "/me/sharing"))
	b.WaitText("Take it with you")
	look(b, "sharing")

	client := d.Client(t, learner)
	archive := webtest.Text(t, client, d.URL(at, "/me/data.zip"))
	z, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range z.File {
		have[f.Name] = true
	}
	for _, f := range []string{"about.json", "json/memberships.json", "csv/enrollments.csv", "json/sessions.json", "csv/audit.csv"} {
		if !have[f] {
			t.Errorf("%s is not in what the learner takes out", f)
		}
	}

	boss := webtest.Open(t, 1360)
	signIn(t, boss, d, "admin@brightwater.example")
	boss.Visit(d.URL(at, "/admin/people?q=learner%40"))
	boss.Click(`main a[href$="/data"]`)
	boss.WaitText(name)
	look(boss, "member")
	boss.Visit(d.URL(at, "/admin/organization/export"))
	boss.Submit(`main form[action="/admin/organization/export"] button`)
	boss.Wait(`main a[href^="/admin/organization/export/"]`)
	look(boss, "export")
	all := d.Client(t, "admin@brightwater.example")
	all.Timeout = time.Minute
	whole := webtest.Text(t, all, webtest.Eval[string](boss, `document.querySelector('main a[href^="/admin/organization/export/"]').href`))
	if _, err := zip.NewReader(strings.NewReader(whole), int64(len(whole))); err != nil {
		t.Errorf("what the administrator takes out is no archive: %v", err)
	}

	b.Visit(d.URL(at, "/me/erase"))
	b.Type(`main input[name="name"]`, "somebody else")
	b.Submit(`main form[action="/me/erase"] button`)
	b.WaitText("This is not the name")
	look(b, "erase")
	b.Visit(d.URL(at, "/me/erase"))
	b.Type(`main input[name="name"]`, name)
	b.Submit(`main form[action="/me/erase"] button`)
	b.WaitText("You have left")
	look(b, "gone")
	if _, page := ask(t, client, http.MethodGet, d.URL(at, "/me")); page.Find(`form[action="/sign-out"]`).Length() > 0 {
		t.Error("another session of the learner still works")
	}
	boss.Visit(d.URL(at, "/admin/people?state=left"))
	boss.WaitText("A former member")
	if strings.Contains(boss.Text(), name) {
		t.Errorf("the list of people still names %s", name)
	}
	if thread != "" {
		boss.Visit(d.URL(at, thread))
		if text := boss.Text(); strings.Contains(text, name) {
			t.Errorf("what the learner wrote still names %s: %s", name, text)
		}
		shot(boss, "person-thread")
	}
}
