package pages

import (
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// datesView is what somebody is on, with its dates, and the form that was refused.
type datesView struct {
	courses.PlanView

	Address string // of the calendar, when it was just made

	Of     id.Item // whose date was refused
	Day    string
	Faults ui.Faults
	Own    ui.Org
}

// day is the own date as its field shows it.
func (v datesView) day(d courses.Dated) string {
	switch {
	case v.Faults != nil && v.Of == d.Item:
		return v.Day
	case d.Own != nil:
		return d.Own.UTC().Format(time.DateOnly)
	}
	return ""
}

func (v datesView) fault(d courses.Dated) string {
	if v.Of != d.Item {
		return ""
	}
	return v.Faults.Of("day")
}

// summary leads to the field of the row whose date was refused.
func (v datesView) summary() []ui.Fault {
	var out []ui.Fault
	for _, f := range v.Faults {
		out = append(out, ui.Fault{ID: f.ID + "-" + v.Of.String(), Text: f.Text})
	}
	return out
}

func (p *Pages) dates(c *fiber.Ctx) error { return p.showDates(c, datesView{}, fiber.StatusOK) }

func (p *Pages) showDates(c *fiber.Ctx, v datesView, status int) (err error) {
	ctx := c.UserContext()
	if v.PlanView, err = p.courses.Plan(ctx); err != nil {
		return err
	}
	v.Own = shell.From(ctx).Org
	props := ui.PageProps{Title: lang.T(ctx, "assign.plan.title"), Section: "you", Layout: ui.Reading, NoIndex: true}
	if d := c.Query("done"); slices.Contains([]string{"date", "mails", "close"}, d) {
		props.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "assign.plan.done."+d)}
	}
	c.Status(status)
	private(c)
	return shell.Page(c, props, datesPage(v))
}

// calendar answers a calendar that reads somebody's dates by the address that they made.
func (p *Pages) calendar(c *fiber.Ctx) error {
	o, ok := auth.HostOrg(c.UserContext())
	token, ics := strings.CutSuffix(c.Params("token"), ".ics")
	if !ok || !ics {
		return errs.New(errs.NotFound, "calendar")
	}
	text, err := p.courses.Calendar(c.UserContext(), o.OrgID, token)
	if err != nil {
		return err
	}
	private(c)
	c.Set(fiber.HeaderContentType, "text/calendar; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="dates.ics"`)
	return c.SendString(text)
}

// changeDates keeps an own date, whether mails about dates are wanted, and the address of the calendar.
func (p *Pages) changeDates(c *fiber.Ctx) error {
	ctx := c.UserContext()
	switch do := c.FormValue("do"); do {
	case "mails":
		if err := p.courses.SetDueMails(ctx, c.FormValue("on") == "1"); err != nil {
			return err
		}
		return c.Redirect("/plan?done=mails", fiber.StatusSeeOther)
	case "warnings":
		if err := p.courses.SetWithdrawalMails(ctx, c.FormValue("on") == "1"); err != nil {
			return err
		}
		return c.Redirect("/plan?done=mails", fiber.StatusSeeOther)
	case "open":
		token, err := p.courses.OpenCalendar(ctx)
		if err != nil {
			return err
		}
		return p.showDates(c, datesView{Address: shell.From(ctx).Base + "/calendar/" + token + ".ics"}, fiber.StatusOK)
	case "close":
		if err := p.courses.CloseCalendar(ctx); err != nil {
			return err
		}
		return c.Redirect("/plan?done=close", fiber.StatusSeeOther)
	case "date":
		it, err := id.Parse[id.Item](c.FormValue("item"))
		if err != nil {
			return errs.New(errs.NotFound, "%w", err)
		}
		v := datesView{Of: it, Day: c.FormValue("day")}
		err = p.courses.SetOwnDate(ctx, it, v.Day)
		if v.Faults = faultsOf(ctx, err); v.Faults != nil {
			return p.showDates(c, v, fiber.StatusUnprocessableEntity)
		}
		if err != nil {
			return err
		}
		return c.Redirect("/plan?done=date", fiber.StatusSeeOther)
	default:
		return errs.New(errs.Malformed, "do %q", do)
	}
}
