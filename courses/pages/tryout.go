package pages

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// planTry keeps what somebody wants to try.
func (p *Pages) planTry(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	key := c.FormValue("key")
	plan := courses.TryPlan{What: formText(c, "what"), With: formText(c, "with"), By: formText(c, "by")}
	err = p.courses.PlanTryout(c.UserContext(), at, key, plan)
	if f := faultsOf(c.UserContext(), err); f != nil {
		return p.show(c, at, shown{try: key, plan: plan, faults: f, status: fiber.StatusUnprocessableEntity})
	}
	if err != nil {
		return err
	}
	return c.Redirect(strings.TrimSuffix(c.Path(), "/try")+"#s-"+url.PathEscape(key), fiber.StatusSeeOther)
}

// triesView is the list of what somebody tries.
type triesView struct {
	courses.TryoutList

	Next    string
	Faults  ui.Faults
	Refused string
	Of      id.Any // whose outcome was refused
	Outcome string
}

func (p *Pages) tries(c *fiber.Ctx) error { return p.showTries(c, triesView{}, fiber.StatusOK) }

func (p *Pages) showTries(c *fiber.Ctx, v triesView, status int) error {
	ctx := c.UserContext()
	var after courses.TryoutsAfter
	if by, err := time.Parse(time.DateOnly, c.Query("by")); err == nil {
		if at, err := id.Parse[id.Any](c.Query("after")); err == nil {
			after = courses.TryoutsAfter{By: by, ID: at}
		}
	}
	var err error
	if v.TryoutList, err = p.courses.Tryouts(ctx, after); err != nil {
		return err
	}
	if v.More {
		last := v.Rows[len(v.Rows)-1]
		v.Next = "/tries?" + query("by", last.By.Format(time.DateOnly), "after", last.ID.String())
	}
	page := ui.PageProps{Title: lang.T(ctx, "trial.title"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}
	if w := c.Query("done"); slices.Contains([]string{"said", "outcome", "dropped", "mails", "show", "hide"}, w) {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "trial.done."+w)}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, page, triesPage(v))
}

// sayTry keeps what became of something that was tried, and whether mails are wanted.
func (p *Pages) sayTry(c *fiber.Ctx) error {
	ctx := c.UserContext()
	do, done := c.FormValue("do"), ""
	var of id.Any
	var err error
	if do != "mails" {
		if of, err = id.Parse[id.Any](c.FormValue("id")); err != nil {
			return errs.New(errs.NotFound, "%w", err)
		}
	}
	switch do {
	case "mails":
		err, done = p.courses.SetTryMails(ctx, c.FormValue("on") == "1"), "mails"
	case "say":
		err, done = p.courses.SayTryout(ctx, of, number(c.FormValue("days")), c.FormValue("said")), "said#t-"+of.String()
	case "outcome":
		err, done = p.courses.NoteOutcome(ctx, of, formText(c, "outcome")), "outcome#t-"+of.String()
	case "show", "hide":
		cohort, cerr := id.Parse[id.Any](c.FormValue("cohort"))
		if cerr != nil {
			return errs.New(errs.NotFound, "%w", cerr)
		}
		change := p.courses.ShowTryout
		if do == "hide" {
			change = p.courses.HideTryout
		}
		err, done = change(ctx, of, cohort), do+"#t-"+of.String()
	case "drop":
		err, done = p.courses.DropTryout(ctx, of), "dropped"
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	v := triesView{Faults: faultsOf(ctx, err), Refused: saysOf(ctx, err), Of: of, Outcome: formText(c, "outcome")}
	switch {
	case v.Faults != nil || v.Refused != "":
		return p.showTries(c, v, fiber.StatusUnprocessableEntity)
	case err != nil:
		return err
	}
	return c.Redirect("/tries?done="+done, fiber.StatusSeeOther)
}

// at is the address of the lesson that something was read in; the readable part of it is put right by the server.
func triedAt(t courses.Tryout) string {
	return StopHref(tenants.Item{Kind: t.RootKind, ItemID: t.Root, Slug: "-"}, t.Step, lessonOf(t)) + "#s-" + url.PathEscape(t.Key)
}

// lessonOf is the lesson in the address: a step that is a lesson itself has none.
func lessonOf(t courses.Tryout) string {
	if t.Step == t.Lesson {
		return ""
	}
	return t.Lesson
}
