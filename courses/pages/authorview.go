package pages

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// stopsView is the page of where people come through a course or path, and where they stop.
type stopsView struct {
	courses.StopsView

	Filter courses.StopFilter
}

func stopsHref(it id.Item) string { return manuscriptHref(it) + "/learners" }

func stopFilter(c *fiber.Ctx) courses.StopFilter {
	return courses.StopFilter{Version: max(number(c.Query("version")), 0), Advice: c.Query("advice") != "", Query: c.Query("q"), Sort: c.Query("sort"), Page: max(number(c.Query("page")), 0)}
}

func (p *Pages) stops(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	v := stopsView{Filter: stopFilter(c)}
	if v.StopsView, err = p.courses.Stops(c.UserContext(), it, v.Filter); err != nil {
		return err
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "authorview.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, stopsPage(v))
}

// href is the page with the filter and more pairs.
func (v stopsView) href(path string, kv ...string) string {
	f := v.Filter
	words := []string{"q", f.Query, "sort", f.Sort}
	if f.Version > 0 {
		words = append(words, "version", strconv.Itoa(f.Version))
	}
	if f.Advice {
		words = append(words, "advice", "1")
	}
	if q := query(append(words, kv...)...); q != "" {
		return path + "?" + q
	}
	return path
}

// sorted is where the head of a column leads to, and how it is sorted now.
func (v stopsView) sorted(by string) (href, direction string) {
	next := "-" + by
	switch v.Filter.Sort {
	case "-" + by:
		next, direction = by, "descending"
	case by:
		next, direction = "", "ascending"
	}
	v.Filter.Sort = next
	return v.href(stopsHref(v.Item.ItemID)), direction
}

func (v stopsView) turned(by int) string {
	if by < 0 && v.Filter.Page == 0 || by > 0 && !v.More {
		return ""
	}
	return v.href(stopsHref(v.Item.ItemID), "page", strconv.Itoa(v.Filter.Page+by))
}

// at is where the lesson or step is read.
func (v stopsView) at(s courses.StopStatistic) string {
	if v.Item.Kind == "path" {
		return StopHref(v.Item, s.Key, "")
	}
	return StopHref(v.Item, "", s.Key)
}

// stopAdvice is what to do about a lesson or step, in words.
func stopAdvice(ctx context.Context, s courses.StopStatistic) string {
	switch {
	case s.Advice == courses.StopNone:
		return ""
	case s.Advice == courses.StopLeave && s.Part != "":
		return lang.T(ctx, "authorview.advice.leave_at", "Part", s.Part)
	}
	return lang.T(ctx, "authorview.advice."+s.Advice, "Count", s.Open, "Time", lang.Minutes(ctx, s.Minutes))
}

// groupsWord is how people find together at a step, in words.
func groupsWord(ctx context.Context, g courses.GroupNumbers) string {
	said := lang.T(ctx, "authorview.groups.few", "Began", g.Began)
	if g.Alone > 0 {
		said = lang.T(ctx, "authorview.groups.alone", "Alone", g.Alone, "Began", g.Began)
	}
	if g.Days == nil {
		return said
	}
	return said + " " + lang.T(ctx, "authorview.groups.days", "Count", *g.Days)
}

func stopKind(s courses.StopStatistic) string {
	if s.Advice == courses.StopLeave {
		return ui.Bad
	}
	return ui.Warn
}

func (p *Pages) exportStops(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	f := stopFilter(c)
	f.All = true
	v, err := p.courses.Stops(ctx, it, f)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"version", "stop", "reached", "finished", "stopped", "part", "asked", "open", "advice"} {
		head = append(head, lang.T(ctx, "authorview."+k))
	}
	head = append(head, lang.T(ctx, "feedback.helped"), lang.T(ctx, "feedback.said_whether"), lang.T(ctx, "authorview.groups.began"), lang.T(ctx, "authorview.groups.none"), lang.T(ctx, "authorview.groups.median"))
	lines := [][]string{head}
	for _, s := range v.Rows {
		line := []string{strconv.Itoa(v.Version), s.Title, "", "", "", s.Part, strconv.Itoa(s.Asked), strconv.Itoa(s.Open), stopAdvice(ctx, s), "", "", "", "", ""}
		if s.Said > 0 {
			line[9], line[10] = strconv.Itoa(s.Helped), strconv.Itoa(s.Said)
		}
		if g := s.Groups; g != nil {
			line[11], line[12] = strconv.Itoa(g.Began), strconv.Itoa(g.Alone)
			if g.Days != nil {
				line[13] = strconv.Itoa(*g.Days)
			}
		}
		if s.Reached > 0 {
			line[2], line[3], line[4] = strconv.Itoa(s.Reached), strconv.Itoa(s.Finished), strconv.Itoa(s.Stopped)
		}
		lines = append(lines, line)
	}
	return shell.Sheet(c, "learners.csv", lines)
}
