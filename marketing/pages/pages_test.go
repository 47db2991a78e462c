package pages_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/marketing/pages"
	"github.com/learnscape/learnscape/tenants"
)

// bundle is a publisher with a public story that leads to a public path and to one of its own.
type bundle struct {
	d        *db.DB
	svc      *marketing.Service
	relay    *jobs.Relay
	operator context.Context
	member   context.Context // of the publisher
	visitor  context.Context
	story    tenants.Item
	open     tenants.Item
}

func setup(t *testing.T) *bundle {
	t.Helper()
	d := dbtest.Fresh(t)
	ten := tenants.New(d, "localhost:8080")
	org := id.New[id.Org]()
	w := &bundle{
		d: d, svc: marketing.New(marketing.Deps{DB: d, Tenants: ten}), relay: jobs.NewRelay(d, slog.New(slog.DiscardHandler)), operator: dbtest.System(t, scope.Operator, org),
		member: dbtest.As(t, org, id.New[id.Membership](), id.New[id.Person]()), visitor: scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}),
	}
	w.svc.Listen(w.relay)
	if _, err := ten.CreateOrganization(w.operator, tenants.NewOrganization{OrgID: org, Slug: "solvik", Name: "Solvik Dairy", Short: "So", Color: "#8e4300", Locale: "en", SignIn: "email"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Tx(w.operator, func(tx *db.Tx) error {
		if _, err := tenants.PutCollection(tx, tenants.Collection{Slug: "public", Title: "Public", Visibility: "public"}); err != nil {
			return err
		}
		for slug, in := range map[string][]string{"door-alarms": {"public"}, "for-us": nil} {
			it, err := tenants.PutItem(tx, tenants.Item{Kind: tenants.KindPath, Title: "Path " + slug, Slug: slug, Summary: "Summary of the path.", Steps: 4, Minutes: 40})
			if err != nil {
				return err
			}
			if err := tenants.PublishItem(tx, it.ItemID, 1, time.Time{}); err != nil {
				return err
			}
			if err := tenants.Collect(tx, it.ItemID, in...); err != nil {
				return err
			}
			if slug == "door-alarms" {
				w.open = it
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.story, err = w.svc.Publish(w.operator, marketing.Draft{
		Title: "The night the alarm was right", Kind: marketing.Article, Lang: "en", Summary: "One of them rang.", AuthorName: "Ingrid Solheim", AuthorTitle: "Shift lead", Collections: []string{"public"},
		CTA: "Four short steps.", Quote: "I ran because it was the only one.", Figures: []marketing.Figure{{Value: "38 to 5", Label: "alarms a night", Note: "One plant, no comparison site."}},
		Published: time.Date(2026, 5, 6, 9, 0, 0, 0, time.UTC), Body: "It was 02:47.\n\n{{path solvik/door-alarms}}\n\n{{path solvik/for-us}}\n\n## Door 14\n\nA hand's width.",
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *bundle) get(t *testing.T, viewer context.Context, target, agent string) (*http.Response, *goquery.Document) { //nolint:revive // The test comes first.
	t.Helper()
	app := fiber.New(fiber.Config{Immutable: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(errs.Status(errs.KindOf(err))).SendString(err.Error())
	}})
	app.Use(func(c *fiber.Ctx) error {
		c.SetUserContext(lang.With(viewer, lang.De))
		return c.Next()
	})
	pages.New(w.svc).Mount(app)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Header.Set("User-Agent", agent)
	res, err := app.Test(r, -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = io.Copy(io.Discard, res.Body); _ = res.Body.Close() })
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, doc
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func TestStoryPage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	res, doc := w.get(t, w.visitor, tenants.ItemURL(w.story), firefox)
	if res.StatusCode != 200 || res.Header.Get("Set-Cookie") != "" {
		t.Fatalf("status %d, cookie %q", res.StatusCode, res.Header.Get("Set-Cookie"))
	}
	for selector, want := range map[string]string{
		"h1":                          "The night the alarm was right",
		"time[datetime='2026-05-06']": "6. Mai 2026",
		".byline":                     "Ingrid Solheim",
		".scard h2":                   "Path door-alarms",
		".scard p:nth-of-type(2)":     "Four short steps.",
		"blockquote":                  "I ran because it was the only one.",
		".stats dd":                   "38 to 5",
		"section ul li":               "One plant, no comparison site.",
		"div[hx-get] a":               "Fragen zu diesem Beitrag",
	} {
		if got := doc.Find(selector).First().Text(); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q", selector, strings.TrimSpace(got), want)
		}
	}
	if n := doc.Find(".scard").Length(); n != 1 {
		t.Errorf("%d cards, want only that of the public path", n)
	}
	if href := doc.Find(".scard a.btn").AttrOr("href", ""); href != tenants.ItemURL(w.open)+"?from="+w.story.ItemID.String() {
		t.Errorf("a visitor's card leads to %q", href)
	}
	if got := doc.Find("link[rel=canonical]").AttrOr("href", ""); !strings.HasSuffix(got, tenants.ItemURL(w.story)) {
		t.Errorf("canonical %q", got)
	}
	if doc.Find("meta[name=robots]").Length() != 0 || doc.Find("meta[property='og:title']").AttrOr("content", "") == "" || doc.Find("h1").Closest("[lang=en]").Length() != 1 {
		t.Error("a public story is hidden from search engines, has no title for others, or does not say its language")
	}
	_, member := w.get(t, w.member, tenants.ItemURL(w.story), firefox)
	if n := member.Find(".scard form[method=post]").Length(); n != 2 {
		t.Errorf("a member of the publisher can start %d paths, want 2", n)
	}
	if got := member.Find(".scard form").First().AttrOr("action", ""); !strings.HasPrefix(got, tenants.ItemURL(w.open)+"/start?") || !strings.Contains(got, "origin=story") || !strings.Contains(got, "ref="+w.story.ItemID.String()) {
		t.Errorf("starting goes to %q", got)
	}
}

func TestStoryAddress(t *testing.T) {
	t.Parallel()
	w := setup(t)
	base := "/story/" + w.story.ItemID.String()
	for target, want := range map[string]int{base: 308, base + "/old-slug": 308, base + "/" + w.story.Slug: 200, "/story/nonsense/x": 404, "/story/" + w.open.ItemID.String() + "/x": 404} {
		res, _ := w.get(t, w.visitor, target, firefox)
		if res.StatusCode != want || (want == 308 && res.Header.Get("Location") != tenants.ItemURL(w.story)) {
			t.Errorf("%s: %d to %q, want %d", target, res.StatusCode, res.Header.Get("Location"), want)
		}
	}
}

func TestWhoIsCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, agent := range []string{firefox, "Googlebot/2.1", "curl/8.5", "", "facebookexternalhit/1.1"} {
		w.get(t, w.visitor, tenants.ItemURL(w.story), agent)
	}
	w.get(t, w.member, tenants.ItemURL(w.story), firefox)
	if err := w.relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := w.svc.Story(w.member, w.story.ItemID)
	if err != nil || s.Seen != 1 {
		t.Errorf("%d readers are counted, %v; want one person", s.Seen, err)
	}
}

func TestStoriesPage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	res, doc := w.get(t, w.visitor, "/stories", firefox)
	if res.StatusCode != 200 || doc.Find("a.pcard h2").Text() != "The night the alarm was right" || doc.Find("a.pcard").AttrOr("href", "") != tenants.ItemURL(w.story) {
		t.Errorf("status %d, cards %q", res.StatusCode, doc.Find("a.pcard h2").Text())
	}
}
