package pages

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// linksPath is where the links of what an organization publishes are listed.
const linksPath = "/publish/links"

// linkResults are the parts of the list, in order.
var linkResults = []string{courses.LinkDead, courses.LinkMoved, courses.LinkUnsure, courses.LinkOK} //nolint:gochecknoglobals // A constant list.

// linksView is the list with what narrows it.
type linksView struct {
	courses.LinksView

	Filter courses.LinksFilter
}

func (v linksView) href(path, result string, kv ...string) string {
	if result == courses.LinkDead {
		result = ""
	}
	if q := query(append([]string{"show", result, "q", v.Filter.Query}, kv...)...); q != "" {
		return path + "?" + q
	}
	return path
}

// next leads to the next page; "" where there is none.
func (v linksView) next() string {
	if !v.More {
		return ""
	}
	last := v.Rows[len(v.Rows)-1]
	return v.href(linksPath, v.Filter.Result, "after", last.URL, "at", last.Mark())
}

func (v linksView) tabs(ctx context.Context) (out []ui.Link) {
	for _, r := range linkResults {
		out = append(out, ui.Link{Label: lang.T(ctx, "links.tab."+r, "Count", v.Counts[r]), Href: v.href(linksPath, r), Current: r == v.Filter.Result})
	}
	return out
}

func linksFilter(c *fiber.Ctx) courses.LinksFilter {
	f := courses.LinksFilter{Result: c.Query("show"), Query: c.Query("q"), After: c.Query("after"), AfterAt: c.Query("at")}
	if !slices.Contains(linkResults, f.Result) {
		f.Result = courses.LinkDead
	}
	return f
}

func (p *Pages) links(c *fiber.Ctx) error {
	v := linksView{Filter: linksFilter(c)}
	var err error
	if v.LinksView, err = p.courses.Links(c.UserContext(), v.Filter); err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "links.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, linksPage(v))
}

func (p *Pages) exportLinks(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f := linksFilter(c)
	f.Limit = 1000
	var head []string
	for _, k := range []string{"address", "found", "status", "moved_to", "checked", "since", "course", "lesson", "line"} {
		head = append(head, lang.T(ctx, "links."+k))
	}
	lines := [][]string{head}
	for more := true; more; {
		v, err := p.courses.Links(ctx, f)
		if err != nil {
			return err
		}
		for _, r := range v.Rows {
			lines = append(lines, []string{r.URL, lang.T(ctx, "links.result."+r.Result), number0(r.Status), r.MovedTo, r.Checked.Format(time.DateOnly), day(r.Since), r.Title, r.Named, number0(r.Line)})
			f.After, f.AfterAt = r.URL, r.Mark()
		}
		more = v.More
	}
	return shell.Sheet(c, "links.csv", lines)
}

// number0 is a number in a table; "" for none.
func number0(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

// linkAt is the address of the lesson in which a link stands.
func linkAt(r courses.LinkPlace) string {
	it := tenants.Item{ItemID: r.Item, Kind: r.Kind, Slug: r.Slug}
	if r.Kind == tenants.KindPath {
		return StopHref(it, r.Lesson, "")
	}
	return StopHref(it, "", r.Lesson)
}

// linkKind paints what was found.
func linkKind(result string) string {
	switch result {
	case courses.LinkOK:
		return ui.OK
	case courses.LinkMoved, courses.LinkUnsure:
		return ui.Warn
	}
	return ui.Bad
}

// linkSaid is what was found, in words.
func linkSaid(ctx context.Context, r courses.LinkPlace) string {
	switch {
	case r.Since != nil:
		return lang.T(ctx, "links.since", "Date", lang.Date(ctx, *r.Since))
	case r.Status > 0 && r.Result == courses.LinkUnsure:
		return lang.T(ctx, "links.status_was", "Status", strconv.Itoa(r.Status))
	}
	return ""
}

// askLinks has the links of a manuscript looked at, and says where to go on.
func (p *Pages) askLinks(c *fiber.Ctx, it id.Item) (to string, err error) {
	return manuscriptHref(it) + "?done=links#checks", p.courses.AskLinks(c.UserContext(), it)
}

// linksKnown says how many links there are and when they were looked at.
func linksKnown(ctx context.Context, v courses.ManuscriptView) string {
	switch {
	case v.LinksNew == v.LinksAll:
		return lang.T(ctx, "links.never", "Count", v.LinksAll)
	case v.LinksNew > 0:
		return lang.T(ctx, "links.some_new", "Count", v.LinksNew)
	case v.LinksAt == nil:
		return ""
	}
	return lang.T(ctx, "links.checked_at", "When", lang.Ago(ctx, v.Now, *v.LinksAt))
}
