package pages

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) returns(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := p.courses.Returns(ctx)
	if err != nil {
		return err
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "returns.title"), NavKey: "impact", Layout: ui.Work, NoIndex: true}, returnsPage(list))
}

func (p *Pages) exportReturns(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := p.courses.Returns(ctx)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"month", "people", "day3", "day7", "day30"} {
		head = append(head, lang.T(ctx, "returns.head."+k))
	}
	lines := [][]string{head}
	for _, r := range list {
		line := []string{r.Month.Format("2006-01"), number0(r.People)}
		for _, s := range []*float64{r.Day3, r.Day7, r.Day30} {
			share := ""
			if s != nil {
				share = strconv.FormatFloat(*s, 'f', 2, 64)
			}
			line = append(line, share)
		}
		lines = append(lines, line)
	}
	return shell.Sheet(c, "returns.csv", lines)
}

// returnMonth names a month with its year.
func returnMonth(ctx context.Context, r courses.Returning) string {
	return lang.T(ctx, "teamview.month."+strconv.Itoa(int(r.Month.Month()))) + " " + strconv.Itoa(r.Month.Year())
}

func returnShare(ctx context.Context, s *float64) string {
	if s == nil {
		return "–"
	}
	return lang.Percent(ctx, *s)
}

func returnPeople(ctx context.Context, r courses.Returning) string {
	if r.People == 0 {
		return lang.T(ctx, "authorview.few")
	}
	return lang.Number(ctx, r.People)
}
