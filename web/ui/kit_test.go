package ui_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/static"
)

func render(t *testing.T, l lang.Locale, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(lang.With(t.Context(), l), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPages renders every component in its states on mock pages and checks the
// structure that accessibility, the content security policy and the budget ask
// for. With LEARNSCAPE_KIT_DIR set it also writes the pages there.
func TestPages(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("LEARNSCAPE_KIT_DIR")
	if dir != "" {
		for name, fragment := range map[string]templ.Component{
			"quick": ui.QuickResults([]ui.QuickGroup{{Label: "Go to", Items: []ui.QuickItem{{Icon: "route", Href: "home.en.html", Text: ui.Plain("Home")}, {Icon: "route", Href: "path.en.html", Text: ui.Plain("Path")}}}}),
			"quiz":  ui.Quiz(quiz("k-q1", ui.Right)),
		} {
			if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(render(t, lang.En, fragment)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, page := range pages() {
		for _, l := range lang.Locales() {
			t.Run(name+"/"+string(l), func(t *testing.T) {
				t.Parallel()
				html := render(t, l, page)
				if dir != "" {
					if err := os.WriteFile(filepath.Join(dir, name+"."+string(l)+".html"), []byte(html), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				check(t, html)
			})
		}
	}
}

func check(t *testing.T, html string) {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	if len(html) > 60_000 {
		t.Errorf("page has %d bytes, more than 60,000", len(html))
	}
	if n := doc.Find("*").Length(); n > 1200 {
		t.Errorf("page has %d elements, more than 1,200", n)
	}
	if n := doc.Find("h1").Length(); n != 1 {
		t.Errorf("page has %d h1", n)
	}
	if n := doc.Find("main").Length(); n != 1 {
		t.Errorf("page has %d main", n)
	}
	ids := map[string]bool{}
	doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id, _ := s.Attr("id")
		if ids[id] {
			t.Errorf("id %s is used twice", id)
		}
		ids[id] = true
	})
	for _, attribute := range []string{"aria-describedby", "aria-labelledby", "for"} {
		doc.Find("[" + attribute + "]").Each(func(_ int, s *goquery.Selection) {
			value, _ := s.Attr(attribute)
			for id := range strings.FieldsSeq(value) {
				if !ids[id] {
					t.Errorf("%s names %s, which is not there", attribute, id)
				}
			}
		})
	}
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Nodes[0].Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") {
				t.Errorf("%s has the attribute %s", goquery.NodeName(s), a.Key)
			}
		}
	})
	if doc.Find("style").Length() > 0 {
		t.Error("page has a style element")
	}
	doc.Find("script").Each(func(_ int, s *goquery.Selection) {
		if src, ok := s.Attr("src"); !ok || !strings.HasPrefix(src, "/assets/") || s.Text() != "" {
			t.Error("page has an inline or foreign script")
		}
	})
	doc.Find("input:not([type=hidden]),textarea,select").Each(func(_ int, s *goquery.Selection) {
		id, _ := s.Attr("id")
		_, labelled := s.Attr("aria-label")
		_, by := s.Attr("aria-labelledby")
		if !labelled && !by && s.Closest("label").Length() == 0 && doc.Find(`label[for="`+id+`"]`).Length() == 0 {
			t.Errorf("field %q has no label", id)
		}
	})
	doc.Find("[hx-get],[hx-post]").Each(func(_ int, s *goquery.Selection) {
		for _, own := range []string{"hx-target", "hx-swap"} {
			if _, ok := s.Attr(own); !ok {
				t.Errorf("htmx element without its own %s", own)
			}
		}
	})
	doc.Find("a,button").Each(func(_ int, s *goquery.Selection) {
		_, labelled := s.Attr("aria-label")
		if strings.TrimSpace(s.Text()) == "" && !labelled {
			t.Error("link or button without words")
		}
	})
	doc.Find("svg use").Each(func(_ int, s *goquery.Selection) {
		href, _ := s.Attr("href")
		if _, name, _ := strings.Cut(href, "#"); !static.Icons()[name] {
			t.Errorf("icon %q is not in the sprite; add it to icons.txt", name)
		}
	})
	if strings.Contains(html, "⟦") {
		t.Error("page has a key without a text")
	}
	last := 1
	doc.Find("h1,h2,h3,h4").Each(func(_ int, s *goquery.Selection) {
		if s.Closest("dialog").Length() > 0 {
			return
		}
		level := int(goquery.NodeName(s)[1] - '0')
		if level > last+1 {
			t.Errorf("heading %q jumps from level %d to %d", s.Text(), last, level)
		}
		last = level
	})
}

func TestCoverIsSmallAndStable(t *testing.T) {
	t.Parallel()
	for _, family := range []string{ui.Braid, ui.Contour, ui.Log, ui.Route, ui.Arcs, ""} {
		p := ui.CoverProps{Slug: "cold-chain", Family: family, Orgs: []ui.Org{halden, brightwater, solvik}}
		a, b := render(t, lang.En, ui.Cover(p)), render(t, lang.En, ui.Cover(p))
		if a != b {
			t.Errorf("%s: two drawings of one slug differ", family)
		}
		t.Logf("%s: %d bytes", family, len(a))
		if len(a) > 1400 {
			t.Errorf("%s: %d bytes, more than 1,400", family, len(a))
		}
	}
}

func TestOrgClass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		org  ui.Org
		want string
	}{
		{halden, "org h260 c15"}, {ui.Org{Hue: 359, Chroma: .3}, "org h0 c15"}, {ui.Org{Hue: -3, Chroma: -1}, "org h355 c00"}, {ui.Org{}, "org h0 c00"},
	} {
		if got := ui.OrgClass(tt.org); got != tt.want {
			t.Errorf("OrgClass(%d, %g) = %q, want %q", tt.org.Hue, tt.org.Chroma, got, tt.want)
		}
	}
}

func TestEscapes(t *testing.T) {
	t.Parallel()
	html := render(t, lang.En, ui.Comment(ui.CommentProps{Person: ui.Person{Name: `<script>x</script>`}, Text: `"><img src=x>`}))
	if strings.Contains(html, "<script") || strings.Contains(html, "<img") {
		t.Errorf("text is not escaped: %s", html)
	}
	if html := render(t, lang.En, ui.Button(ui.ButtonProps{Label: "x", Href: "javascript:alert(1)"})); strings.Contains(html, "javascript:") {
		t.Errorf("address is not checked: %s", html)
	}
}

func BenchmarkHome(b *testing.B) {
	page := home()
	ctx := lang.With(b.Context(), lang.De)
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := page.Render(ctx, &out); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(out.Len()))
}
