package pages_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/community/communitytest"
	"github.com/learnscape/learnscape/community/pages"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
)

// site is the room's pages as one viewer gets them.
type site struct {
	t   *testing.T
	app *fiber.App
}

func open(t *testing.T, w *communitytest.World, viewer context.Context) site { //nolint:revive // The test comes first.
	t.Helper()
	app := fiber.New(fiber.Config{Immutable: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(errs.Status(errs.KindOf(err))).SendString(err.Error())
	}})
	app.Use(func(c *fiber.Ctx) error {
		c.SetUserContext(lang.With(viewer, lang.En))
		return c.Next()
	})
	pages.New(w.Svc).Mount(app)
	return site{t, app}
}

type reply struct {
	status int
	to     string // where a redirect leads
	page   *goquery.Document
	body   string
}

func (s site) do(method, target string, form url.Values, htmx bool) reply {
	s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, target, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if htmx {
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Current-URL", "http://x.localhost:8080/course/1/probe/lessons/bath?q=1")
	}
	res, err := s.app.Test(r, -1)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(text)))
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header.Get("Location"), doc, string(text)}
}

func (s site) get(target string) reply  { return s.do(http.MethodGet, target, nil, false) }
func (s site) part(target string) reply { return s.do(http.MethodGet, target, nil, true) }

// TestAskWithoutScript goes the way of a browser without script, on the forms as they are rendered.
func TestAskWithoutScript(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	a, vendor := open(t, w, w.A.Me), open(t, w, w.Vendor.Me)
	beside := "/questions/about/" + w.Path.ItemID.String() + "?lesson=alarms"
	first := a.get(beside)
	if got := first.page.Find("form[action='/questions'] .radios label").First().Text(); !strings.Contains(got, w.A.Name+", and people at "+w.C.Name+" and "+w.Vendor.Name+" who can open this") {
		t.Errorf("the form says that this is read by %q", got)
	}
	if strings.Contains(first.body, w.B.Name) {
		t.Error("the form names an organization that the asker is not connected to")
	}
	form := fields(first, "form[action='/questions']")
	form.Set("title", "?")
	form.Set("body", "Details that must not be lost")
	refused := a.do(http.MethodPost, "/questions", form, false)
	if refused.status != 422 || refused.page.Find("#ask-title[aria-invalid]").Length() != 1 || refused.page.Find(".faults a[href='#ask-title']").Length() != 1 {
		t.Errorf("a refused form: status %d\n%s", refused.status, refused.body)
	}
	if got := refused.page.Find("#ask-body").Text(); got != "Details that must not be lost" {
		t.Errorf("what was written became %q", got)
	}
	form = fields(refused, "form[action='/questions']")
	form.Set("title", "How cold is <b>cold</b>?")
	asked := a.do(http.MethodPost, "/questions", form, false)
	if asked.status != 303 || !strings.HasPrefix(asked.to, beside+"#p-") {
		t.Fatalf("asked: %d to %q", asked.status, asked.to)
	}
	_, anchor, _ := strings.Cut(asked.to, "#")
	list := a.get(beside)
	if got := list.page.Find("#" + anchor + " a.title").Text(); got != "How cold is <b>cold</b>?" {
		t.Errorf("the question reads %q", got)
	}
	href, _ := vendor.get(beside).page.Find("#" + anchor + " a.title").Attr("href")
	thread := vendor.get(href)
	if thread.status != 200 || thread.page.Find("h1").Text() != "How cold is <b>cold</b>?" || !strings.Contains(thread.page.Find("article .who").First().Text(), "Mara Alder") {
		t.Fatalf("the thread: %d\n%s", thread.status, thread.body)
	}
	answer := fields(thread, "form#answer")
	answer.Set("text", "Four **degrees**.")
	answered := vendor.do(http.MethodPost, href+"/answers", answer, false)
	if answered.status != 303 || !strings.HasPrefix(answered.to, href+"#p-") {
		t.Fatalf("answered: %d to %q", answered.status, answered.to)
	}
	_, anchor, _ = strings.Cut(answered.to, "#")
	read := a.get(href)
	if got := read.page.Find("#" + anchor + " strong").Text(); got != "degrees" {
		t.Errorf("the answer's Markdown became %q", got)
	}
	if vendor.get(href).page.Find("form[action$='/worked']").Length() != 0 {
		t.Error("the one who answered can say that it worked")
	}
	mark := fields(read, "form[action$='/worked']")
	mark.Set("on", "1")
	if got := a.do(http.MethodPost, href+"/worked", mark, false); got.status != 303 {
		t.Errorf("marked: %d", got.status)
	}
	if got := vendor.get(href).page.Find("#" + anchor + " .badge-ok").Text(); !strings.Contains(got, "Worked for Mara Alder") {
		t.Errorf("the mark reads %q", got)
	}
	if got := vendor.get("/community").page.Find(".question h2 a").First().Text(); got != "How cold is <b>cold</b>?" {
		t.Errorf("the community's list begins with %q", got)
	}
}

func TestWithHtmx(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Anybody?")
	vendor := open(t, w, w.Vendor.Me)
	beside := "/questions/about/" + w.Path.ItemID.String()
	part := vendor.part(beside)
	if part.status != 200 || part.page.Find("#talk").Length() != 1 || part.page.Find("title").Length() != 0 {
		t.Fatalf("not a fragment: %s", part.body)
	}
	if got, _ := part.page.Find("input[name=back]").Attr("value"); got != "/course/1/probe/lessons/bath?q=1" {
		t.Errorf("without script the form would lead back to %q", got)
	}
	part.page.Find("[hx-post],[hx-get]").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("hx-target", "") == "" || s.AttrOr("hx-swap", "") == "" {
			t.Error("an htmx element without a target or a swap of its own")
		}
	})
	react, _ := part.page.Find("#p-" + q.String() + " form").First().Attr("hx-post")
	again := vendor.do(http.MethodPost, react, url.Values{"kind": {"same"}}, true)
	if again.status != 200 || again.page.Find("#talk #p-"+q.String()+" button[aria-pressed=true]").Length() != 1 {
		t.Errorf("reacted: %d\n%s", again.status, again.body)
	}
	plain := vendor.do(http.MethodPost, react, url.Values{"kind": {"same"}}, false)
	if plain.status != 303 || plain.to != "/course/1/probe/lessons/bath?q=1#p-"+q.String() {
		t.Errorf("without script: %d to %q", plain.status, plain.to)
	}
	form := fields(part, "form[action='/questions']")
	form.Set("title", "")
	if got := vendor.do(http.MethodPost, "/questions", form, true); got.status != 422 || got.page.Find("#talk .fault").Length() == 0 || got.page.Find("title").Length() != 0 {
		t.Errorf("a refused fragment: %d\n%s", got.status, got.body)
	}
}

func TestNamesOfOthersAreConfirmed(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	a := open(t, w, w.A.Me)
	beside := "/questions/about/" + w.Path.ItemID.String()
	form := fields(a.get(beside), "form[action='/questions']")
	form.Set("title", "At Customer we saw this")
	asked := a.do(http.MethodPost, "/questions", form, false)
	if asked.status != 422 || !strings.Contains(asked.page.Find(".callout-warn").Text(), w.C.Name) {
		t.Fatalf("naming a customer: %d\n%s", asked.status, asked.body)
	}
	form = fields(asked, "form[action='/questions']")
	form.Set("confirmed", "1")
	if got := a.do(http.MethodPost, "/questions", form, false); got.status != 303 {
		t.Errorf("confirmed: %d\n%s", got.status, got.body)
	}
}

// TestNoTraceOfOthers reads every page of the room as an organization that is not connected to the one that wrote.
func TestNoTraceOfOthers(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "For all partners")
	hidden := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Alder asks")
	ans := w.Answer(t, w.A.Me, q, community.AudienceConnected, "Alder answers")
	if err := w.Svc.MarkWorked(w.Vendor.Me, q, ans, true); err != nil {
		t.Fatal(err)
	}
	w.Drain(t)
	b := open(t, w, w.B.Me)
	for _, target := range []string{
		"/community", "/community?tab=unanswered", "/community?tab=mine", "/questions/" + q.String(), "/questions/" + q.String() + "?sort=new",
		"/questions/about/" + w.Path.ItemID.String(), "/questions/" + hidden.String(), "/questions/about/" + w.ForA.ItemID.String(),
	} {
		got := b.get(target)
		for _, trace := range []string{w.A.Name, w.A.Slug, w.A.OrgID.String(), "Alder", hidden.String(), ans.String(), "1 answer", "Worked for"} {
			// The error page of this test repeats what was asked for.
			if strings.Contains(got.body, trace) && !strings.Contains(target, trace) {
				t.Errorf("%s tells of the other partner: %q", target, trace)
			}
		}
	}
	for _, target := range []string{"/questions/" + hidden.String(), "/questions/about/" + w.ForA.ItemID.String(), "/questions/nonsense", "/questions/about/nonsense"} {
		if got := b.get(target); got.status != 404 {
			t.Errorf("%s: %d, want 404", target, got.status)
		}
	}
	if got := b.do(http.MethodPost, "/questions/"+hidden.String()+"/answers", url.Values{"text": {"x"}, "shown_as": {"name"}, "audience": {"connected"}}, false); got.status != 404 {
		t.Errorf("answering an unseen question: %d, want 404", got.status)
	}
}

func TestSomeoneStaysSomeone(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q, err := w.Svc.Ask(w.A.Me, community.Draft{Item: w.Path.ItemID, Title: "Is it allowed?", Audience: community.AudienceConnected, ShownAs: community.AsSomeone})
	if err != nil {
		t.Fatal(err)
	}
	vendor := open(t, w, w.Vendor.Me)
	for _, target := range []string{"/questions/" + q.String(), "/questions/about/" + w.ForA.ItemID.String()} {
		got := vendor.get(target)
		for _, trace := range []string{"Mara Alder", w.A.OrgID.String(), w.A.Slug} {
			if strings.Contains(got.page.Find("main").Text(), trace) || (trace != "Mara Alder" && strings.Contains(got.body, trace)) {
				t.Errorf("%s tells who it was: %q", target, trace)
			}
		}
	}
	if got := vendor.get("/questions/" + q.String()).page.Find("article .who").First().Text(); !strings.Contains(got, "Someone at a partner") {
		t.Errorf("shown as %q", got)
	}
}

func TestVisitor(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q := w.Ask(t, w.A.Me, w.Open, community.AudiencePublic, "Open to all?")
	v := open(t, w, w.Visitor)
	thread := v.get("/questions/" + q.String())
	if thread.status != 200 || thread.page.Find("form").FilterFunction(func(_ int, s *goquery.Selection) bool {
		return strings.HasPrefix(s.AttrOr("action", ""), "/questions") || strings.HasPrefix(s.AttrOr("action", ""), "/posts")
	}).Length() != 0 {
		t.Errorf("a visitor's thread: %d, or it has a form", thread.status)
	}
	if v.get("/questions/about/"+w.Open.ItemID.String()).page.Find("a[href^='/sign-in?return_to=']").Length() == 0 {
		t.Error("nothing leads a visitor to signing in")
	}
	if got := v.do(http.MethodPost, "/posts/"+q.String()+"/react", url.Values{"kind": {"same"}}, false); got.status != 401 {
		t.Errorf("a visitor reacts: %d, want 401", got.status)
	}
	if got := v.get("/community?tab=mine"); got.status != 200 || got.page.Find(".question").Length() != 1 {
		t.Errorf("a visitor's list: %d", got.status)
	}
}

func TestBackLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Where to?")
	a := open(t, w, w.Vendor.Me)
	for _, back := range []string{"https://evil.test/", "//evil.test/", `/\evil.test`, "javascript:alert(1)", "http:evil"} {
		target := "/posts/" + q.String() + "/react?item=" + w.Path.ItemID.String() + "&back=" + url.QueryEscape(back)
		if got := a.do(http.MethodPost, target, url.Values{"kind": {"same"}}, false); got.status != 303 || !strings.HasPrefix(got.to, "/questions/"+q.String()+"#") {
			t.Errorf("back to %q: %d to %q", back, got.status, got.to)
		}
	}
}

// fields is what a browser would send of a form as it stands.
func fields(r reply, selector string) url.Values {
	out := url.Values{}
	form := r.page.Find(selector).First()
	form.Find("input[type=hidden],input[type=text],input:checked").Each(func(_ int, s *goquery.Selection) { out.Set(s.AttrOr("name", ""), s.AttrOr("value", "")) })
	form.Find("textarea").Each(func(_ int, s *goquery.Selection) { out.Set(s.AttrOr("name", ""), s.Text()) })
	form.Find("select").Each(func(_ int, s *goquery.Selection) {
		o := s.Find("option[selected]")
		if o.Length() == 0 {
			o = s.Find("option").First()
		}
		out.Set(s.AttrOr("name", ""), o.AttrOr("value", ""))
	})
	return out
}
