package pages

import (
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// statisticsView is the page of how questions were answered.
type statisticsView struct {
	courses.StatisticsView

	Filter courses.StatisticsFilter
}

func answersHref(it id.Item) string { return manuscriptHref(it) + "/answers" }

func statisticsFilter(c *fiber.Ctx) courses.StatisticsFilter {
	return courses.StatisticsFilter{
		Version: max(number(c.Query("version")), 0), Lesson: c.Query("lesson"), Advice: c.Query("advice") != "", Query: c.Query("q"), Sort: c.Query("sort"), Page: max(number(c.Query("page")), 0),
	}
}

func (p *Pages) statistics(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	v := statisticsView{Filter: statisticsFilter(c)}
	if v.StatisticsView, err = p.courses.Statistics(c.UserContext(), it, v.Filter); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "quiz.stats.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, statisticsPage(v))
}

// href is the page with the filter and more pairs.
func (v statisticsView) href(path string, kv ...string) string {
	f := v.Filter
	words := []string{"lesson", f.Lesson, "q", f.Query, "sort", f.Sort}
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
func (v statisticsView) sorted(by string) (href, direction string) {
	next := "-" + by
	switch v.Filter.Sort {
	case "-" + by:
		next, direction = by, "descending"
	case by:
		next, direction = "", "ascending"
	}
	v.Filter.Sort = next
	return v.href(answersHref(v.Item.ItemID)), direction
}

func (v statisticsView) previous() string {
	if v.Filter.Page == 0 {
		return ""
	}
	return v.href(answersHref(v.Item.ItemID), "page", strconv.Itoa(v.Filter.Page-1))
}

func (v statisticsView) next() string {
	if !v.More {
		return ""
	}
	return v.href(answersHref(v.Item.ItemID), "page", strconv.Itoa(v.Filter.Page+1))
}

// advice is what to do about a question, in words.
func advice(ctx context.Context, s courses.ItemStatistic) string {
	if s.Advice == courses.AdviceNone {
		return ""
	}
	return lang.T(ctx, "quiz.advice."+s.Advice, "Choice", s.Lure, "Percent", lang.Percent(ctx, float64(s.LureN)/float64(max(1, s.People))))
}

func adviceKind(s courses.ItemStatistic) string {
	switch s.Advice {
	case courses.AdviceKey:
		return ui.Bad
	case courses.AdviceHard, courses.AdviceLure, courses.AdviceWeak:
		return ui.Warn
	}
	return ui.Neutral
}

// decimal is the discrimination; "" where it is not known.
func decimal(ctx context.Context, d *float64) string {
	if d == nil {
		return ""
	}
	s := strconv.FormatFloat(*d, 'f', 1, 64)
	if lang.From(ctx) == lang.De {
		s = strings.Replace(s, ".", ",", 1)
	}
	return strings.Replace(s, "-", "−", 1)
}

func (p *Pages) exportStatistics(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	f := statisticsFilter(c)
	f.All = true
	v, err := p.courses.Statistics(ctx, it, f)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"version", "lesson", "question", "kind", "people", "right", "discrimination", "lure", "lure_n", "advice"} {
		head = append(head, lang.T(ctx, "quiz.stats."+k))
	}
	lines := [][]string{head}
	for _, s := range v.Rows {
		line := []string{strconv.Itoa(v.Version), s.LessonTitle, s.Ask, lang.T(ctx, "quiz.kind."+s.Kind), "", "", "", "", "", advice(ctx, s)}
		if s.People > 0 {
			line[4], line[5] = strconv.Itoa(s.People), strconv.FormatFloat(s.Difficulty(), 'f', 2, 64)
		}
		if s.Discrimination != nil {
			line[6] = strconv.FormatFloat(*s.Discrimination, 'f', 1, 64)
		}
		if s.LureN > 0 {
			line[7], line[8] = s.Lure, strconv.Itoa(s.LureN)
		}
		lines = append(lines, line)
	}
	return shell.Sheet(c, "answers.csv", lines)
}
