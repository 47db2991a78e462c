package pages

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// standingPageView is where the own organization stands in somebody's program.
type standingPageView struct {
	courses.OwnStanding

	Own, By ui.Org
	Reading courses.ProgramReading // what it asks for, until it is answered
	Said    string
}

func (v standingPageView) at() string { return programHref(v.Program.ID) }

func (p *Pages) standing(c *fiber.Ctx, which id.Any, said string, status int) error {
	ctx := c.UserContext()
	v := standingPageView{Said: said, Own: shell.From(ctx).Org}
	var err error
	if v.OwnStanding, err = p.courses.Standing(ctx, which); err != nil {
		return err
	}
	orgs, err := p.courses.Called(ctx, v.Program.Org)
	if err != nil {
		return err
	}
	v.By = show.Org(orgs)
	if v.State == "offered" {
		if v.Reading, err = p.courses.Requirements(ctx, which); err != nil {
			return err
		}
	}
	return showProgram(c, v.heading(ctx), status, programFlash(c), standingPage(v))
}

// heading says where the own organization stands.
func (v standingPageView) heading(ctx context.Context) string {
	switch {
	case v.State == "offered":
		return lang.T(ctx, "program.answer.heading", "Org", v.By.Name)
	case v.State == "ended":
		return lang.T(ctx, "program.ended.heading", "Program", v.Program.Name)
	case v.Is == nil || v.Is.Level == 0:
		return lang.T(ctx, "program.partner.title_none", "Org", v.Own.Name)
	}
	return lang.T(ctx, "program.partner.title", "Org", v.Own.Name, "Level", v.Name(v.Is.Level))
}

// riskWords say what endangers a level, in one or two sentences; "" for nothing. Names stand in them on the partner's own side alone.
func riskWords(ctx context.Context, v courses.StandingView, org, name string) string {
	switch is := v.Is; {
	case is == nil:
		return ""
	case is.DropAt != nil:
		return lang.T(ctx, "program.risk.short", "Org", org, "Level", v.Name(is.Level), "To", orNone(ctx, v.Name(is.Meets)), "Day", lang.Date(ctx, *is.DropAt))
	case is.RiskAt != nil && v.Terms != nil && !is.RiskAt.After(v.Now.AddDate(0, 0, v.Terms.WarnDays)):
		drop := is.RiskAt.AddDate(0, 0, v.Terms.GraceDays)
		key := "program.risk.expires"
		if name != "" {
			key = "program.risk.expires_of"
		}
		return lang.T(ctx, key, "Org", org, "Name", name, "Level", v.Name(is.Level), "To", orNone(ctx, v.Name(*is.RiskLevel)), "Day", lang.Date(ctx, *is.RiskAt), "Drop", lang.Date(ctx, drop), "Count", v.Terms.GraceDays)
	}
	return ""
}

func orNone(ctx context.Context, level string) string {
	if level == "" {
		return lang.T(ctx, "program.level_no")
	}
	return level
}

// whose is the name of whose certificate it is that ends at the time of the risk; "" where that is not one person's.
func (v standingPageView) whose() string {
	if v.Is == nil || v.Is.RiskAt == nil {
		return ""
	}
	name := ""
	for _, m := range v.Leaves {
		if m.Until != nil && m.Until.Equal(*v.Is.RiskAt) {
			if name != "" {
				return ""
			}
			name = m.Name
		}
	}
	return name
}

// steps are the levels with how far it is.
func steps(ctx context.Context, v courses.StandingView) (out []ui.StateStep) {
	if v.Terms == nil || v.Is == nil {
		return nil
	}
	for i, l := range v.Terms.Levels {
		s := ui.StateStep{Title: l.Name, State: ui.Ahead}
		switch n := i + 1; {
		case n < v.Is.Level:
			s.State = ui.Done
		case n == v.Is.Level:
			s.State = ui.Now
		default:
			s.Text = lang.T(ctx, "program.step.missing", "Count", len(missing(asks(v.Terms, n, v.Is.Figures))))
		}
		if at := v.Reached(i + 1); s.State != ui.Ahead && !at.IsZero() {
			s.Text = lang.T(ctx, "program.since", "Day", lang.Date(ctx, at))
		}
		out = append(out, s)
	}
	return out
}

// history is what happened to a standing, in words.
func history(ctx context.Context, v courses.StandingView, org ui.Org) (out []ui.TimelineRow) {
	for _, c := range v.Changes {
		words := []any{"Level", orNone(ctx, c.Name), "Was", orNone(ctx, c.Was)}
		if c.Due != nil {
			words = append(words, "Day", lang.Date(ctx, *c.Due))
		}
		out = append(out, ui.TimelineRow{Org: org, Text: lang.T(ctx, "program.happened."+c.What, words...), When: lang.Date(ctx, c.At), At: c.At.UTC().Format(time.RFC3339)})
	}
	return out
}

// metBy names who meets a requirement, a few of them.
func (v standingPageView) metBy(ctx context.Context, r courses.Requirement) string {
	var names []string
	if r.Kind == courses.RequireStories {
		for _, s := range v.Stories {
			names = append(names, s.Title)
		}
	}
	for _, m := range v.People[r.Key] {
		name := m.Name
		if m.Until != nil && v.Terms != nil && !m.Until.After(v.Now.AddDate(0, 0, v.Terms.WarnDays)) {
			name = lang.T(ctx, "program.until", "Name", m.Name, "Day", lang.DayMonth(ctx, *m.Until))
		}
		names = append(names, name)
	}
	const most = 6
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " " + lang.T(ctx, "program.and_more", "Count", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// closest says who is closest to a requirement that is not met; "" for nobody.
func (v standingPageView) closest(ctx context.Context, r courses.Requirement) string {
	n, ok := v.Closest[r.Key]
	if !ok {
		return ""
	}
	return lang.T(ctx, "program.closest", "Name", n.Name, "Count", n.Left, "Title", n.Title)
}

// leaver is what follows if one of the own people left.
func (v standingPageView) leaver(ctx context.Context, m courses.Meeter) word {
	if v.Is == nil || m.Drops >= v.Is.Level {
		return word{ui.OK, lang.T(ctx, "program.leaves.nothing")}
	}
	return word{ui.Bad, lang.T(ctx, "program.leaves.to", "Level", orNone(ctx, v.Name(m.Drops)))}
}

func meeterLine(ctx context.Context, m courses.Meeter) string {
	if m.Until == nil {
		return lang.T(ctx, "program.leaves.for_ever")
	}
	return lang.T(ctx, "program.leaves.until", "Day", lang.Date(ctx, *m.Until))
}
