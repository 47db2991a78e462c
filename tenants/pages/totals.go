package pages

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// quarterOf takes the quarter from the address: the day of its first Monday.
func quarterOf(c *fiber.Ctx) (time.Time, error) {
	s := c.Query("quarter")
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, errs.New(errs.NotFound, "quarter %q", s)
	}
	return t, nil
}

func (p *Pages) exportTotals(c *fiber.Ctx) error {
	ctx := c.UserContext()
	o, err := p.peer(c)
	if err != nil {
		return err
	}
	v, err := p.svc.TotalsAbout(ctx, o.OrgID, false, time.Time{}, true)
	if err != nil {
		return err
	}
	rows := [][]string{headings(ctx, "kind", "item", "week", "weeks", "started", "finished")}
	for _, r := range v.Cells {
		rows = append(rows, []string{lang.T(ctx, "learned.kind."+r.Kind), r.Title, r.First.Format(time.DateOnly), strconv.Itoa(r.Weeks), figureOr(r.Started, ""), figureOr(r.Finished, "")})
	}
	return shell.Sheet(c, "totals.csv", rows)
}

func figureOr(n *int, otherwise string) string {
	if n == nil {
		return otherwise
	}
	return strconv.Itoa(*n)
}

// quarterName is what people call it.
func quarterName(ctx context.Context, first time.Time) string {
	year, week := first.AddDate(0, 0, 3).ISOWeek()
	return lang.T(ctx, "learned.quarter", "N", strconv.Itoa(min((week-1)/13, 3)+1), "Year", strconv.Itoa(year))
}

// quarters lead to the figures of each quarter that there is, the last four.
func quarters(ctx context.Context, path string, t tenants.Totals) []ui.Link {
	var out []ui.Link
	for _, q := range t.Quarters[:min(4, len(t.Quarters))] {
		out = append(out, ui.Link{Label: quarterName(ctx, q), Href: path + "?quarter=" + q.Format(time.DateOnly) + "#totals", Current: q.Equal(t.Quarter)})
	}
	return out
}

// bars are the quarters of all items together, all on one scale.
func bars(ctx context.Context, t tenants.Totals) []ui.Bars {
	most := 1
	for _, r := range t.All {
		if r.Started != nil {
			most = max(most, *r.Started, *r.Finished)
		}
	}
	var out []ui.Bars
	for _, r := range slices.Backward(t.All) {
		if r.Started == nil || *r.Started+*r.Finished == 0 {
			continue
		}
		out = append(out, ui.Bars{Label: lang.T(ctx, "learned.bar.label", "Quarter", quarterName(ctx, r.First)), Rows: []ui.Bar{
			{Value: lang.Number(ctx, *r.Started), Share: float64(*r.Started) / float64(most), Before: true},
			{Value: lang.Number(ctx, *r.Finished), Share: float64(*r.Finished) / float64(most)},
		}})
	}
	return out
}

// titled is what a total is about.
func titled(ctx context.Context, r tenants.CellRow) string {
	switch {
	case r.Kind == "organization":
		return lang.T(ctx, "learned.kind.organization")
	case r.Title == "":
		return lang.T(ctx, "learned.kind."+r.Kind)
	}
	return r.Title
}

// totalsNone says why there are no totals.
func totalsNone(ctx context.Context, learns, org string) string {
	if learns == "" || learns == tenants.LearnsNothing {
		return lang.T(ctx, "learned.totals.not_agreed", "Org", org)
	}
	return lang.T(ctx, "learned.totals.not_yet")
}
