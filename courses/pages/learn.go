package pages

import (
	"context"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) learn(c *fiber.Ctx) error {
	f := courses.LearnFilter{Tab: c.Query("tab"), Kinds: queries(c, "kind"), Orgs: queries(c, "org"), Page: min(max(c.QueryInt("page"), 1), 100) - 1}
	v, err := p.courses.Learn(c.UserContext(), f)
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "courses.learn.title"), NavKey: "learn", Layout: ui.Work, Canonical: "/learn"}, learnPage(v, f))
}

// queries are all values of a parameter, at most 20.
func queries(c *fiber.Ctx, name string) []string {
	var out []string
	for _, v := range c.Context().QueryArgs().PeekMulti(name) {
		if len(out) < 20 && len(v) > 0 && len(v) < 100 {
			out = append(out, string(v))
		}
	}
	return out
}

func learnHref(tab string, f courses.LearnFilter) string {
	q := url.Values{}
	if tab != "" {
		q.Set("tab", tab)
	}
	q["kind"], q["org"] = f.Kinds, f.Orgs
	if f.Page > 0 {
		q.Set("page", strconv.Itoa(f.Page+1))
	}
	if e := q.Encode(); e != "" {
		return "/learn?" + e
	}
	return "/learn"
}

// pageHref leads to a page before or after; "" where there is none.
func pageHref(f courses.LearnFilter, by int, there bool) string {
	if !there {
		return ""
	}
	f.Page += by
	return learnHref(f.Tab, f)
}

func tabs(ctx context.Context, v courses.LearnView, f courses.LearnFilter) []ui.Link {
	f.Page = 0
	list := []ui.Link{
		{Label: lang.T(ctx, "courses.learn.all"), Href: learnHref("", f), Current: f.Tab == courses.TabAll},
		{Label: lang.T(ctx, "courses.learn.active"), Href: learnHref(courses.TabActive, f), Current: f.Tab == courses.TabActive, Count: v.Active},
		{Label: lang.T(ctx, "courses.learn.finished"), Href: learnHref(courses.TabFinished, f), Current: f.Tab == courses.TabFinished, Count: v.Past},
	}
	if !v.Visitor {
		list = append(list, ui.Link{Label: lang.T(ctx, "adoption.learn.ours"), Href: learnHref(courses.TabOurs, f), Current: f.Tab == courses.TabOurs, Count: v.Ours})
	}
	return list
}

func facets(ctx context.Context, v courses.LearnView, f courses.LearnFilter) ui.FacetsProps {
	p := ui.FacetsProps{Action: "/learn", Target: "#library", Active: len(f.Kinds) + len(f.Orgs)}
	if f.Tab != "" {
		p.Hidden = []ui.FormValue{{Name: "tab", Value: f.Tab}}
	}
	kinds := ui.FacetGroup{Name: "kind", Label: lang.T(ctx, "courses.learn.kind")}
	for _, k := range v.Kinds {
		kinds.Values = append(kinds.Values, ui.FacetValue{Value: k.Value, Label: lang.T(ctx, "courses.kind."+k.Value), Count: k.Count, Checked: k.Checked})
	}
	orgs := ui.FacetGroup{Name: "org", Label: lang.T(ctx, "courses.learn.by")}
	for _, o := range v.Orgs {
		org := show.Org(o.Org)
		orgs.Values = append(orgs.Values, ui.FacetValue{Value: o.Value, Label: o.Org.Name, Count: o.Count, Checked: o.Checked, Org: &org})
	}
	p.Groups = []ui.FacetGroup{orgs, kinds}
	return p
}

// Card is a path or course with the viewer's own progress, as lists below a page's heading show it.
func Card(ctx context.Context, c courses.Card) ui.PathCardProps {
	p := ui.PathCardProps{Title: c.Item.Title, Href: href(c.Item), Slug: c.Item.Slug, Segments: segments(c.Parts), Heading: 2}
	if c.Item.Kind == tenants.KindPath {
		p.Meta = append(p.Meta, lang.T(ctx, "courses.steps", "Count", c.Item.Steps))
	} else {
		p.Meta = append(p.Meta, lang.T(ctx, "courses.lessons", "Count", c.Item.Steps))
	}
	if c.Item.Minutes > 0 {
		p.Meta = append(p.Meta, lang.Minutes(ctx, c.Item.Minutes))
	}
	if c.Adopted {
		p.Meta = append(p.Meta, lang.T(ctx, "adoption.learn.adopted"))
	}
	switch {
	case c.State == "completed":
		p.Meta = append(p.Meta, lang.T(ctx, "courses.card.finished"))
	case c.State == "active" && c.Progress.Total > 0:
		p.Meta = append(p.Meta, lang.T(ctx, "courses.card.active", "Percent", lang.Percent(ctx, c.Progress.Share())))
	case c.State == "active":
		p.Meta = append(p.Meta, lang.T(ctx, "courses.card.begun"))
	case c.Item.Finished > 0:
		p.Meta = append(p.Meta, lang.T(ctx, "courses.card.people", "Count", c.Item.Finished))
	}
	switch {
	case c.State != "active":
	case c.Asker != "":
		p.Reason = askedLine(ctx, c.Asker, c.Due) + ". " + c.Reason
	case c.Due != nil:
		p.Reason = lang.T(ctx, "assign.until", "Date", lang.Date(ctx, *c.Due))
	}
	return p
}
