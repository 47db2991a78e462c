package pages

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func pilotHref(it id.Item) string { return manuscriptHref(it) + "/pilot" }

// pilotView is the page on which authors give a version to some before all, with the form that was refused.
type pilotView struct {
	courses.PilotView

	Draft   courses.PilotDraft
	Faults  ui.Faults
	Refused string
}

// chosen reports whether the form names somebody.
func (v pilotView) chosen(g courses.PilotGroup) bool {
	for _, c := range v.Draft.Groups {
		if c.Kind == g.Kind && c.ID == g.ID {
			return true
		}
	}
	return false
}

// options are those of a kind who can try a version.
func (v pilotView) options(kind string) (out []courses.PilotGroup) {
	for _, o := range v.Options {
		if o.Kind == kind {
			out = append(out, o)
		}
	}
	return out
}

func (p *Pages) pilot(c *fiber.Ctx) error { return p.showPilot(c, pilotView{}, fiber.StatusOK) }

func (p *Pages) showPilot(c *fiber.Ctx, v pilotView, status int) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	if v.PilotView, err = p.courses.Pilot(ctx, it); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "pilot.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true, Flash: did(c, "pilot.done."+c.Query("done"), "begun", "released", "back")}, pilotPage(v))
}

// changePilot begins a pilot or ends it.
func (p *Pages) changePilot(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	v := pilotView{Draft: courses.PilotDraft{Words: formText(c, "words"), Groups: pilotGroups(marked(c, "group"))}}
	done, version := "", number(c.FormValue("version"))
	switch do := c.FormValue("do"); do {
	case "begin":
		done = "begun"
		_, err = p.courses.BeginPilot(ctx, it, number(c.FormValue("edition")), v.Draft)
	case "release":
		done, err = "released", p.courses.ReleasePilot(ctx, it, version)
	case "back":
		done, err = "back", p.courses.TakeBackPilot(ctx, it, version)
	default:
		return errs.New(errs.Malformed, "do %q", do)
	}
	v.Faults, v.Refused = faultsOf(ctx, err), saysOf(ctx, err)
	switch {
	case v.Faults != nil || v.Refused != "":
		return p.showPilot(c, v, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	}
	return c.Redirect(pilotHref(it)+"?done="+done, fiber.StatusSeeOther)
}

// pilotGroups reads who is ticked: "team:" and the identifier.
func pilotGroups(list []string) (out []courses.PilotGroup) {
	for _, s := range list {
		kind, of, _ := strings.Cut(s, ":")
		if g, err := id.Parse[id.Any](of); err == nil {
			out = append(out, courses.PilotGroup{Kind: kind, ID: g})
		}
	}
	return out
}

// pilotBy says who made a remark: colleagues by name, others by their organization.
func pilotBy(ctx context.Context, r courses.PilotRemark) string {
	if r.Name != "" {
		return r.Name
	}
	return lang.T(ctx, "pilot.somebody_of", "Org", r.House.Name)
}

// tryingView is the page of who tries a version, with the form that was refused.
type tryingView struct {
	courses.TryingView

	Lesson, Body string
	Faults       ui.Faults
}

func (v tryingView) here() string { return href(v.Item) + "/pilot" }

func (v tryingView) lessonOptions(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: "", Label: lang.T(ctx, "pilot.whole")}}
	for _, t := range v.Lessons {
		out = append(out, ui.Option{Value: t, Label: t, Chosen: t == v.Lesson})
	}
	return out
}

func (p *Pages) trying(c *fiber.Ctx) error {
	return p.showTrying(c, tryingView{Lesson: c.Query("lesson")}, fiber.StatusOK)
}

func (p *Pages) showTrying(c *fiber.Ctx, v tryingView, status int) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	if v.TryingView, err = p.courses.Trying(ctx, it); err != nil {
		return err
	}
	if c.Method() == fiber.MethodGet {
		if moved, err := rightSlug(c, v.Item, "/pilot"); moved {
			return err
		}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "pilot.try.title", "Version", itoa(v.Version)), NavKey: "learn", Layout: ui.Reading, NoIndex: true, Flash: did(c, "pilot.done."+c.Query("done"), "remark", "unremark")}, tryingPage(v))
}

// remark keeps what somebody says of a version that they try, or takes it back.
func (p *Pages) remarkPilot(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	v, done := tryingView{Lesson: formText(c, "lesson"), Body: formText(c, "body")}, "remark"
	if c.FormValue("do") == "back" {
		r, bad := id.Parse[id.Any](c.FormValue("remark"))
		if bad != nil {
			return errs.New(errs.NotFound, "%w", bad)
		}
		done, err = "unremark", p.courses.UnremarkOnPilot(ctx, it, r)
	} else {
		err = p.courses.RemarkOnPilot(ctx, it, v.Lesson, v.Body)
	}
	if v.Faults = faultsOf(ctx, err); v.Faults != nil {
		return p.showTrying(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(c.Path()+"?done="+done, fiber.StatusSeeOther)
}
