package pages_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/courses/pages"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// site is a vendor with a public course and one opened to a partner, and the room's pages as a member of the partner, a member of
// a third organization or a visitor sees them.
type site struct {
	t              *testing.T
	app            *fiber.App
	svc            *courses.Service
	shared, open   tenants.Item
	partner, third scope.Scope
	colleague      scope.Scope // of the partner, who learns nothing
	end            func()      // closes what the vendor opened to the partner
	course         func(collection string, files map[string]string) tenants.Item
	cookies        map[string]string
}

const text = "Words.\n\n## Wait\n\nLonger. ![A bath](bath.svg)\n\n```quiz\ntitle: Check yourself\nquestions:\n  - key: one\n    ask: One?\n    choices:\n      - text: No\n        because: Not that.\n" +
	"      - text: Yes\n        right: true\n        because: Exactly so.\n```\n\n```reflect\nkey: think\nask: Where?\n```\n\n```file\nsrc: sheet.csv\ntitle: Sheet\n```\n"

func open(t *testing.T) *site {
	t.Helper()
	d := dbtest.Open(t)
	store, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ten := tenants.New(d, "localhost:8080")
	s := &site{t: t, svc: courses.New(courses.Deps{DB: d, Tenants: ten, Blob: store}), cookies: map[string]string{}}
	house := func(name string) (context.Context, scope.Scope) {
		org := id.New[id.Org]()
		ctx := dbtest.System(t, scope.Operator, org)
		slug := name + "-" + org.String()[24:]
		var m tenants.Membership
		if _, err := ten.CreateOrganization(ctx, tenants.NewOrganization{OrgID: org, Slug: slug, Name: name, Short: "Xx", Color: "#2855ad", Locale: "en", SignIn: "email"}); err != nil {
			t.Fatal(err)
		}
		if err := d.Tx(ctx, func(tx *db.Tx) (err error) {
			m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Ada", Email: "ada@" + slug + ".example"})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return ctx, scope.Scope{Actor: scope.Member, Org: org, Membership: m.MembershipID, Person: m.PersonID}
	}
	vendor, _ := house("vendor")
	var partner id.Org
	_, s.partner = house("partner")
	_, s.third = house("third")
	partner = s.partner.Org
	s.colleague = s.partner
	s.colleague.Membership = id.New[id.Membership]()
	s.end = func() {
		t.Helper()
		if err := d.Tx(vendor, func(tx *db.Tx) error { return tenants.Close(tx, "shared", partner) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Tx(vendor, func(tx *db.Tx) error {
		for slug, v := range map[string]string{"shared": "agreement", "open": "public"} {
			if _, err := tenants.PutCollection(tx, tenants.Collection{Slug: slug, Title: slug, Visibility: v}); err != nil {
				return err
			}
		}
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: partner, Right: "use"})
	}); err != nil {
		t.Fatal(err)
	}
	s.course = func(collection string, files map[string]string) tenants.Item {
		t.Helper()
		dir := t.TempDir()
		for name, body := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := s.svc.ImportFolder(vendor, courses.ImportOptions{Dir: dir, Title: "The " + collection + " course", Collections: []string{collection}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Item
	}
	files := map[string]string{"01-read.md": text, "02-do.md": "Do it.", "bath.svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "sheet.csv": "a,b\n1,2\n"}
	s.shared, s.open = s.course("shared", files), s.course("open", files)
	s.app = fiber.New(fiber.Config{Immutable: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(errs.Status(errs.KindOf(err))).SendString(string(errs.KindOf(err)))
	}})
	s.app.Use(func(c *fiber.Ctx) error {
		as := map[string]scope.Scope{"partner": s.partner, "third": s.third, "colleague": s.colleague}[c.Get("As")]
		if as.Actor == "" {
			as = scope.Scope{Actor: scope.Visitor}
		}
		ctx := scope.Enter(c.UserContext(), as)
		if c.Get("Accept-Language") == "de" {
			ctx = lang.With(ctx, lang.De)
		}
		c.SetUserContext(ctx)
		return c.Next()
	})
	pages.New(s.svc).Mount(s.app)
	return s
}

type answer struct {
	*http.Response
	*goquery.Document
	body string
}

func (s *site) do(as, method, target string, form url.Values, headers ...string) answer {
	s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("As", as)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if as == "visitor" {
		for k, v := range s.cookies {
			r.AddCookie(&http.Cookie{Name: k, Value: v})
		}
	}
	res, err := s.app.Test(r, int((20 * time.Second).Milliseconds()))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		s.cookies[c.Name] = c.Value
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{res, doc, string(body)}
}

func (s *site) get(as, target string, headers ...string) answer {
	s.t.Helper()
	return s.do(as, http.MethodGet, target, nil, headers...)
}

func (s *site) want(a answer, status int, what string) {
	s.t.Helper()
	if a.StatusCode != status {
		s.t.Fatalf("%s: status %d, want %d\n%s", what, a.StatusCode, status, a.body)
	}
}

func TestWhatClosedIsToldToThoseWithARecord(t *testing.T) {
	t.Parallel()
	s := open(t)
	base := tenants.ItemURL(s.shared)
	s.want(s.do("partner", http.MethodPost, base+"/start", url.Values{}), 303, "start")
	s.end()
	for _, path := range []string{base, base + "/lessons/read"} {
		page := s.get("partner", path)
		s.want(page, 410, "what was begun and has closed")
		if !strings.Contains(page.Find("h1").Text(), "The shared course") || strings.Contains(page.body, "Words.") || page.Find(`a[href="/learn"]`).Length() == 0 {
			t.Errorf("%s: the record is not told, or more than it:\n%s", path, page.body)
		}
		for _, as := range []string{"colleague", "third", ""} {
			if page := s.get(as, path); page.StatusCode != 404 || strings.Contains(page.body, "The shared course") {
				t.Errorf("%s, seen by %q: %d", path, as, page.StatusCode)
			}
		}
	}
}

func TestLearnerGoesThroughACourse(t *testing.T) {
	t.Parallel()
	s := open(t)
	base := tenants.ItemURL(s.shared)
	page := s.get("partner", base)
	s.want(page, 200, "course")
	start := page.Find(".progress-card form").AttrOr("action", "")
	if got := page.Find(".btn-primary").Length(); got != 1 || start != base+"/start" {
		t.Fatalf("%d primary buttons, start at %q", got, start)
	}
	if page.Find("[style],script:not([src])").Length() > 0 {
		t.Error("the page has inline styles or scripts")
	}
	begun := s.do("partner", http.MethodPost, start, url.Values{})
	s.want(begun, 303, "start")
	lesson := begun.Header.Get("Location")
	if lesson != base+"/lessons/read" {
		t.Fatalf("start leads to %s", lesson)
	}
	page = s.get("partner", lesson)
	s.want(page, 200, "lesson")
	if page.Find(".btn-primary").Length() != 1 || page.Find("#lesson-foot form").Length() != 0 {
		t.Error("before the answer the question has the one primary button, and there is no other way to finish")
	}
	if strings.Contains(page.body, "Exactly so") || strings.Contains(page.body, "Not that") {
		t.Error("the page tells the answer before it was given")
	}
	if page.Find("#discussion").AttrOr("hx-get", "") == "" || page.Find("#discussion a").AttrOr("href", "") != page.Find("#discussion").AttrOr("hx-get", "") {
		t.Error("the discussion has no address, or none without script")
	}
	s.want(s.do("partner", http.MethodPost, lesson+"/complete", url.Values{}), 422, "finishing with an open question")
	s.want(s.do("partner", http.MethodPost, lesson+"/answer", url.Values{"question": {"one"}}), 422, "answering nothing")
	wrong := s.do("partner", http.MethodPost, lesson+"/answer", url.Values{"question": {"one"}, "choice": {"0"}}, "HX-Request", "true")
	s.want(wrong, 200, "a wrong answer in place")
	if !strings.Contains(wrong.body, "Not that.") || strings.Contains(wrong.body, "Exactly") || wrong.Find("html > body > .top").Length() > 0 || wrong.Find("#lesson-foot").AttrOr("hx-swap-oob", "") != "true" {
		t.Errorf("a wrong answer in place:\n%s", wrong.body)
	}
	right := s.do("partner", http.MethodPost, lesson+"/answer", url.Values{"question": {"one"}, "choice": {"1"}})
	s.want(right, 303, "a right answer without script")
	page = s.get("partner", right.Header.Get("Location"))
	if !strings.Contains(page.Find("#quiz").Text(), "Exactly so.") || page.Find(".badge-ok").Length() == 0 {
		t.Errorf("after the answer:\n%s", page.Find("#quiz").Text())
	}
	kept := s.do("partner", http.MethodPost, lesson+"/reflect", url.Values{"key": {"think"}, "text": {"At <forty> seconds."}})
	s.want(kept, 303, "a reflection")
	page = s.get("partner", lesson)
	if got := page.Find("textarea").Text(); got != "At <forty> seconds." {
		t.Errorf("the reflection reads %q", got)
	}
	s.want(s.do("partner", http.MethodPost, lesson+"/place", url.Values{"part": {"wait"}}), 204, "the place")
	s.want(s.do("partner", http.MethodPost, base+"/lessons/do/complete", url.Values{}), 303, "the last lesson")
	page = s.get("partner", base)
	if !strings.Contains(page.Find(".progress-card").Text(), "Finished") || page.Find(".lm-done").Length() != 2 {
		t.Errorf("at the end:\n%s", page.Find(".progress-card").Text())
	}
	if got := s.get("partner", "/learn?tab=finished").Find(".pcard").Length(); got != 1 {
		t.Errorf("%d finished courses in the library", got)
	}
}

func TestForeignPagesAreNotFound(t *testing.T) {
	t.Parallel()
	s := open(t)
	base := tenants.ItemURL(s.shared)
	lesson := s.get("partner", base+"/lessons/read")
	s.want(lesson, 200, "lesson")
	picture := lesson.Find(".prose img").AttrOr("src", "")
	missing := tenants.ItemURL(tenants.Item{Kind: "course", ItemID: id.New[id.Item](), Slug: "x"})
	for _, as := range []string{"third", "visitor"} {
		for _, target := range []string{base, base + "/lessons/read", strings.Replace(base, "/course/", "/path/", 1), picture, missing, "/course/x/y", base + "/lessons/nothing"} {
			a := s.get(as, target)
			if a.StatusCode != 404 || a.body != "not_found" {
				t.Errorf("%s gets %s: %d", as, target, a.StatusCode)
			}
		}
		for _, target := range []string{base + "/start", base + "/lessons/read/answer", base + "/lessons/read/complete", base + "/lessons/do/place"} {
			if a := s.do(as, http.MethodPost, target, url.Values{"question": {"one"}, "choice": {"1"}}); a.StatusCode != 404 {
				t.Errorf("%s posts to %s: %d", as, target, a.StatusCode)
			}
		}
		if got := s.get(as, "/learn").Find(".pcard").Text(); strings.Contains(got, "shared") {
			t.Errorf("%s finds %s", as, got)
		}
	}
}

func TestWrongSlugMovesForGood(t *testing.T) {
	t.Parallel()
	s := open(t)
	for target, want := range map[string]string{
		"/course/" + s.shared.ItemID.String():                             tenants.ItemURL(s.shared),
		"/course/" + s.shared.ItemID.String() + "/old?origin=search":      tenants.ItemURL(s.shared) + "?origin=search",
		"/course/" + s.shared.ItemID.String() + "/old/lessons/read?q=one": tenants.ItemURL(s.shared) + "/lessons/read?q=one",
	} {
		a := s.get("partner", target)
		if a.StatusCode != 308 || a.Header.Get("Location") != want {
			t.Errorf("%s: %d to %s, want %s", target, a.StatusCode, a.Header.Get("Location"), want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	s := open(t)
	lesson := s.get("partner", tenants.ItemURL(s.shared)+"/lessons/read")
	picture := lesson.Find(".prose img").AttrOr("src", "")
	a := s.get("partner", picture)
	s.want(a, 200, "picture")
	for k, v := range map[string]string{
		"Content-Type": "image/svg+xml; charset=utf-8", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
		"Cache-Control": "private, max-age=3600", "Accept-Ranges": "bytes",
	} {
		if a.Header.Get(k) != v {
			t.Errorf("%s: %q, want %q", k, a.Header.Get(k), v)
		}
	}
	if b := s.get("partner", picture, "If-None-Match", a.Header.Get("ETag")); b.StatusCode != 304 || b.body != "" {
		t.Errorf("the same again: %d", b.StatusCode)
	}
	sheet := lesson.Find("a.file").AttrOr("href", "")
	tests := []struct {
		header, body, crange string
		status               int
	}{
		{"", "a,b\n1,2\n", "", 200},
		{"bytes=0-2", "a,b", "bytes 0-2/8", 206},
		{"bytes=4-", "1,2\n", "bytes 4-7/8", 206},
		{"bytes=-2", "2\n", "bytes 6-7/8", 206},
		{"bytes=4-400", "1,2\n", "bytes 4-7/8", 206},
		{"bytes=8-", "Requested Range Not Satisfiable", "bytes */8", 416},
		{"bytes=0-1,3-4", "a,b\n1,2\n", "", 200},
		{"lines=1", "a,b\n1,2\n", "", 200},
	}
	for _, tt := range tests {
		a := s.get("partner", sheet, "Range", tt.header)
		if a.StatusCode != tt.status || a.body != tt.body || a.Header.Get("Content-Range") != tt.crange {
			t.Errorf("Range %q: %d %q %q", tt.header, a.StatusCode, a.body, a.Header.Get("Content-Range"))
		}
	}
	if got := s.get("partner", sheet).Header.Get("Content-Disposition"); got != "attachment; filename*=UTF-8''sheet.csv" {
		t.Errorf("disposition %q", got)
	}
}

func TestVisitorStartsWithoutAnAccountAndKeepsIt(t *testing.T) {
	t.Parallel()
	s := open(t)
	base := tenants.ItemURL(s.open)
	page := s.get("visitor", base)
	s.want(page, 200, "public course")
	if page.Header.Get("Set-Cookie") != "" {
		t.Error("looking sets a cookie")
	}
	begun := s.do("visitor", http.MethodPost, base+"/start?origin=story&ref=abc", url.Values{})
	s.want(begun, 303, "start")
	if c := begun.Header.Get("Set-Cookie"); !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") || strings.Contains(strings.ToLower(c), "domain=") {
		t.Errorf("the cookie is %q", c)
	}
	lesson := begun.Header.Get("Location")
	answered := s.do("visitor", http.MethodPost, lesson+"/answer", url.Values{"question": {"one"}, "choice": {"1"}})
	s.want(answered, 303, "answer")
	if page := s.get("visitor", answered.Header.Get("Location")); !strings.Contains(page.Find("#quiz").Text(), "Exactly so.") {
		t.Error("a visitor's answer is not judged")
	}
	s.want(s.do("visitor", http.MethodPost, lesson+"/complete", url.Values{}), 303, "complete")
	if got := s.get("visitor", base).Find(".lm-done").Length(); got != 1 {
		t.Errorf("%d lessons done", got)
	}
	claim := s.do("visitor", http.MethodPost, "/visit/claim", url.Values{})
	s.want(claim, 303, "claim")
	to, err := url.Parse(claim.Header.Get("Location"))
	if err != nil || to.Path != "/sign-in" {
		t.Fatalf("claim leads to %s", to)
	}
	keep := to.Query().Get("return_to")
	if a := s.get("visitor", keep); a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in?") {
		t.Errorf("a visitor at /keep: %d", a.StatusCode)
	}
	look := s.get("third", keep)
	s.want(look, 200, "what would be kept")
	if s.get("third", base).Find(".lm-done").Length() != 0 {
		t.Error("looking kept something")
	}
	code := look.Find("input[name=code]").AttrOr("value", "")
	s.want(s.do("third", http.MethodPost, "/keep", url.Values{"code": {code}}), 303, "keep")
	if got := s.get("third", base).Find(".lm-done").Length(); got != 1 {
		t.Errorf("%d lessons kept", got)
	}
	s.want(s.get("third", keep), 404, "the code again")
	s.want(s.do("partner", http.MethodPost, "/keep", url.Values{"code": {code}}), 404, "the code by another")
}

// A check belongs to a person: a visitor is told so where the lesson would be marked as done, and cannot do it by the address either.
func TestVisitorSignsInForACheck(t *testing.T) {
	t.Parallel()
	s := open(t)
	base := tenants.ItemURL(s.course("open", map[string]string{
		"01-read.md":  "Read.",
		"02-check.md": "```quiz\ntitle: Check\npass: 100\nquestions:\n  - key: one\n    ask: One?\n    choices:\n      - text: No\n      - text: Yes\n        right: true\n```\n",
		"03-on.md":    "Go on.",
	}))
	s.want(s.do("visitor", http.MethodPost, base+"/lessons/read/complete", url.Values{}), 303, "a lesson without a check")
	for in, says := range map[string]string{"en": "finished by passing its check. Sign in", "de": "indem Sie ihre Prüfung bestehen. Melden Sie sich an"} {
		refused := s.do("visitor", http.MethodPost, base+"/lessons/check/complete", url.Values{}, "Accept-Language", in)
		s.want(refused, 409, "a lesson with a check")
		for name, page := range map[string]answer{"before": s.get("visitor", base+"/lessons/check", "Accept-Language", in), "refused": refused} {
			foot := page.Find("#lesson-foot")
			if !strings.Contains(foot.Text(), says) || foot.Find(`form[action$="/complete"]`).Length() > 0 || foot.Find(`a[href$="/lessons/on"]`).Length() == 0 {
				t.Errorf("%s, %s: the foot is\n%s", in, name, foot.Text())
			}
		}
	}
	if got := s.get("visitor", base).Find(".lm-done").Length(); got != 1 {
		t.Errorf("%d lessons done", got)
	}
	if got := s.get("", base+"/lessons/check").Find(`#lesson-foot a[href^="/sign-in?return_to="]`).Length(); got != 1 {
		t.Error("who has begun nothing is not led to the sign-in")
	}
	if foot := s.get("third", base+"/lessons/check").Find("#lesson-foot").Text(); strings.Contains(foot, "Sign in") {
		t.Errorf("who is signed in reads %q", foot)
	}
}

func TestGerman(t *testing.T) {
	t.Parallel()
	s := open(t)
	page := s.get("partner", tenants.ItemURL(s.shared), "Accept-Language", "de")
	if got := page.Find(".progress-card button").Text(); !strings.Contains(got, "Diesen Kurs beginnen") {
		t.Errorf("the button says %q", got)
	}
	for _, target := range []string{tenants.ItemURL(s.shared), tenants.ItemURL(s.shared) + "/lessons/read", "/learn"} {
		if body := s.get("partner", target, "Accept-Language", "de").body; strings.Contains(body, "⟦") {
			t.Errorf("%s lacks a text", target)
		}
	}
}
