package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/search/pages"
	"github.com/learnscape/learnscape/search/searchbench"
	"github.com/learnscape/learnscape/tenants"
)

// site is search as one viewer gets it.
type site struct {
	t   *testing.T
	app *fiber.App
	n   *int // statements of the last request
}

func open(t *testing.T, svc *search.Service, viewer context.Context, l lang.Locale) site { //nolint:revive // The test comes first.
	t.Helper()
	s := site{t: t, n: new(int)}
	s.app = fiber.New(fiber.Config{Immutable: true, ReadBufferSize: 16384, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.Status(errs.Status(errs.KindOf(err))).SendString(err.Error())
	}})
	s.app.Use(func(c *fiber.Ctx) error {
		ctx, n := db.WithCounter(lang.With(viewer, l))
		c.SetUserContext(ctx)
		defer func() { *s.n = n.Statements() }()
		return c.Next()
	})
	pages.New(svc).Mount(s.app)
	return s
}

func (s site) get(target string) *goquery.Document {
	s.t.Helper()
	res, err := s.app.Test(httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, target, nil), -1)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	if res.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %d", target, res.StatusCode)
	}
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return doc
}

func library(t *testing.T) (*search.Service, *searchbench.World, context.Context) {
	t.Helper()
	return libraryIn(t, dbtest.Fresh(t))
}

func libraryIn(t *testing.T, d *db.DB) (*search.Service, *searchbench.World, context.Context) {
	t.Helper()
	svc, err := search.New(search.Deps{DB: d, Tenants: tenants.New(d, "localhost")})
	if err != nil {
		t.Fatal(err)
	}
	var sections []searchbench.Section
	add := func(repo, doc, heading, body, language string) {
		sections = append(sections, searchbench.Section{Repo: repo, Path: "a/" + doc, Lang: language, Doc: doc, Heading: heading, Title: doc + " " + heading, Body: body})
	}
	add("halden", "Field engineer", "The field check of a probe", "Calibrate the probe <b>at the ice point</b>.", "en")
	add("solvik", "Cold room", "Door alarms", "Which door alarm is muted by lunchtime.", "en")
	add("solvik", "Kühlraum", "Türalarme", "Alarme am Wareneingang.", "de")
	for i := range 14 {
		add("halden", "Warehouse notes "+string(rune('a'+i)), "Pallets", "Pallets and racks.", "en")
	}
	w, err := searchbench.Load(t.Context(), d, svc, sections, searchbench.Options{Publishers: 5, Viewers: 2, Open: 5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return svc, w, dbtest.As(t, w.Viewers[0], id.New[id.Membership](), id.New[id.Person]())
}

func textOf(s *goquery.Selection) []string {
	return s.Map(func(_ int, s *goquery.Selection) string { return strings.Join(strings.Fields(s.Text()), " ") })
}

func TestSearchPage(t *testing.T) { //nolint:tparallel // One site counts its statements.
	t.Parallel()
	svc, _, member := library(t)
	s := open(t, svc, member, lang.En)

	t.Run("a typing error", func(t *testing.T) { //nolint:paralleltest // As said.
		d := s.get("/search?q=calibraton+probe") //nolint:misspell // As people type it.
		if diff := cmp.Diff([]string{"The field check of a probe"}, textOf(d.Find(".result h2"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"probe", "Calibrate", "probe"}, textOf(d.Find(".result mark"))); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(d.Find("#results").Text(), "calibrate probe") {
			t.Error("does not say what was searched instead")
		}
		if d.Find(".result b b, .result-text b").Length() > 0 {
			t.Error("a document's markup is let through")
		}
		if href, _ := d.Find(".result h2 a").Attr("href"); !strings.HasPrefix(href, "/course/") || !strings.HasSuffix(href, "/lessons/l0") {
			t.Errorf("leads to %q", href)
		}
	})
	t.Run("facets and pages", func(t *testing.T) { //nolint:paralleltest // As said.
		d := s.get("/search?q=pallets")
		if got := textOf(d.Find(".results-head p"))[0]; !strings.HasPrefix(got, "14 results") {
			t.Errorf("says %q", got)
		}
		if n := d.Find(".result").Length(); n != 10 {
			t.Errorf("%d rows", n)
		}
		next, ok := d.Find("a[rel=next]").Attr("href")
		if !ok {
			t.Fatal("no next page")
		}
		if n := s.get(next).Find(".result").Length(); n != 4 {
			t.Errorf("%d rows on page two", n)
		}
		if d.Find(`.facets input[name=kind][value=lesson]`).Length() != 1 || d.Find(`.facets input[name=kind][value=story]`).Length() != 0 {
			t.Error("kinds with hits only")
		}
		if d.Find(".facets .num").First().Text() != "14" {
			t.Errorf("counts %q", textOf(d.Find(".facets .num")))
		}
	})
	t.Run("a filter", func(t *testing.T) { //nolint:paralleltest // As said.
		d := s.get("/search?q=alarm&lang=de")
		if diff := cmp.Diff([]string{"Türalarme"}, textOf(d.Find(".result h2"))); diff != "" {
			t.Error(diff)
		}
		if d.Find(`.facets input[value=de][checked]`).Length() != 1 || d.Find(`.facets input[value=en]`).Length() != 1 {
			t.Error("the other language can not be chosen any more")
		}
		if l, _ := d.Find(".result h2").Attr("lang"); l != "de" {
			t.Errorf("language %q of the title", l)
		}
		remove, _ := d.Find(".chip-on").Attr("href")
		if n := s.get(remove).Find(".result").Length(); n != 2 {
			t.Errorf("%d rows without the filter", n)
		}
	})
	t.Run("filters that leave nothing", func(t *testing.T) { //nolint:paralleltest // As said.
		d := s.get("/search?q=calibrate&lang=de")
		if d.Find(".result").Length() != 0 || d.Find(`a[href="/search?q=calibrate"]`).Length() == 0 {
			t.Error("no way out of the filters")
		}
	})
	t.Run("nothing", func(t *testing.T) { //nolint:paralleltest // As said.
		d := s.get("/search?q=" + url.QueryEscape(`quaternion "><script>alert(1)</script>`))
		if d.Find(`#results a[href="/community"]`).Length() != 1 {
			t.Error("does not offer to ask people")
		}
		if d.Find("#results script").Length() > 0 {
			t.Error("a script got through")
		}
	})
	t.Run("no words", func(t *testing.T) { //nolint:paralleltest // As said.
		if n := s.get("/search").Find(".result").Length(); n != 10 {
			t.Errorf("%d rows", n)
		}
	})
	t.Run("nonsense in the address", func(t *testing.T) { //nolint:paralleltest // As said.
		s.get("/search?q=%ff%fe&by=x&kind=x&time=x&lang=../../&sort=x&page=-1&page=999999999999")
		s.get("/search?q=" + strings.Repeat("word+", 900))
		s.get("/search/quick?q=%00%00")
	})
	t.Run("few statements", func(t *testing.T) { //nolint:paralleltest // As said.
		s.get("/search?q=calibraton+probe") //nolint:misspell // As people type it.
		if *s.n > 9 {
			t.Errorf("%d statements", *s.n)
		}
	})
}

func TestSearchPageInGerman(t *testing.T) {
	t.Parallel()
	svc, _, member := library(t)
	d := open(t, svc, member, lang.De).get("/search?q=pallets")
	if got := d.Text(); !strings.Contains(got, "14 Ergebnisse") || strings.Contains(got, "⟦search.") {
		t.Errorf("got %q", textOf(d.Find(".results-head")))
	}
}

func TestQuick(t *testing.T) {
	t.Parallel()
	svc, _, member := library(t)
	d := open(t, svc, member, lang.En).get("/search/quick?q=calib")
	options := d.Find(`[role=listbox] [role=option]`)
	if got := textOf(options); len(got) < 2 || !strings.HasPrefix(got[0], "The field check of a probe") || got[len(got)-1] != "All results for “calib”" {
		t.Errorf("options %q", got)
	}
	if d.Find("html > head > title").Length() > 0 {
		t.Error("a whole page for a fragment")
	}
	if n := open(t, svc, member, lang.En).get("/search/quick?q=").Find("[role=option]").Length(); n > 0 {
		t.Errorf("%d options for nothing", n)
	}
}

func TestStrangersFindNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	svc, _, _ := libraryIn(t, d)
	other := id.New[id.Org]()
	if err := d.Tx(dbtest.System(t, scope.Operator, other), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, 'kestrel', 'Kestrel', 'Ke', '#9e2b32', 22, 0.14)`, other)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name, ctx := range map[string]context.Context{
		"a visitor":                        scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}),
		"a member of another organization": dbtest.As(t, other, id.New[id.Membership](), id.New[id.Person]()),
	} {
		s := open(t, svc, ctx, lang.En)
		for _, target := range []string{"/search?q=probe", "/search?q=prob", "/search", "/search/quick?q=calib"} {
			d := s.get(target)
			if got := d.Find(".result, .facet").Length(); got > 0 || strings.Contains(d.Text(), "field check") || strings.Contains(strings.ReplaceAll(d.Text(), "“calib”", ""), "calibrat") {
				t.Errorf("%s: %s shows %q", name, target, d.Text())
			}
		}
	}
}
