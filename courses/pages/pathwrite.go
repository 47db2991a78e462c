package pages

import (
	"context"
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// linksShown is how many things are shown that a step could lead to.
const linksShown = 12

func stepHref(it id.Item, key string) string {
	return manuscriptHref(it) + "/steps/" + url.PathEscape(key)
}

// sections are the titles of the sections in their order; one of "" stands for steps without.
func (v manuscriptView) sections() (out []string) {
	for _, s := range v.Steps {
		if !slices.Contains(out, s.Section) {
			out = append(out, s.Section)
		}
	}
	return out
}

// isStep reports whether a step leads to the item already.
func (v manuscriptView) isStep(it id.Item) bool {
	return slices.ContainsFunc(v.Steps, func(s courses.PlanRow) bool { return s.Item == it })
}

// stepNamed is the title of a step; what has closed has none to show.
func stepNamed(ctx context.Context, shown string) string {
	if shown == "" {
		return lang.T(ctx, "pathwrite.closed_step")
	}
	return shown
}

// changePlan does one thing to the steps of a path and says where to go on.
func (p *Pages) changePlan(c *fiber.Ctx, it id.Item, do string) (to string, err error) {
	ctx, key := c.UserContext(), formText(c, "step")
	to = manuscriptHref(it)
	switch do {
	case "step":
		lead, bad := id.Parse[id.Item](c.FormValue("item"))
		if bad != nil {
			return to, errs.New(errs.NotFound, "%w", bad)
		}
		key, err = p.courses.AddStep(ctx, it, lead)
		return to + "?" + query("done", "step-added", "find", c.FormValue("find")) + "#s-" + url.PathEscape(key), err
	case "step-lesson":
		key, err = p.courses.AddStepLesson(ctx, it, formText(c, "lesson"), pattern(ctx, c.FormValue("pattern")))
		return lessonHref(it, key), err
	case "step-up", "step-down":
		return to + "?" + query("moved", key) + "#s-" + url.PathEscape(key), p.courses.MoveStep(ctx, it, key, do == "step-up")
	case "step-place":
		return to + "?" + query("moved", key) + "#s-" + url.PathEscape(key), p.courses.PlaceStep(ctx, it, key, formText(c, "at"), c.FormValue("behind") != "")
	case "step-remove", "step-restore":
		return to + "?done=" + do + "#steps", p.courses.RemoveStep(ctx, it, key, do == "step-restore")
	case "section":
		return to + "?done=saved#steps", p.courses.RenameSection(ctx, it, formText(c, "from"), formText(c, "section"))
	}
	return to + "?done=saved#open", p.courses.OpenPlan(ctx, it, number(c.FormValue("edition")), c.FormValue("proposition") != "", c.FormValue("begin") != "", formText(c, "begin_suggestion"))
}

// planForm is the page on which it is said how a step stands in its path.
type planForm struct {
	courses.StepDesk

	Form    courses.PlanStep // what the form says
	Faults  ui.Faults
	Refused string
	Saved   bool
}

func (v planForm) fault(name string) string { return v.Faults.Of(name) }

// slot is the slot behind the step as the form says; without one there is none.
func (v planForm) suggestion() string {
	if v.Form.Slot == nil {
		return ""
	}
	return v.Form.Slot.Suggestion
}

// others are the steps that this one can wait for.
func (v planForm) others() (out []courses.PlanRow) {
	for _, s := range v.Steps {
		if s.Key != v.Step.Key {
			out = append(out, s)
		}
	}
	return out
}

// words lists the words of the path's sections, or of its choices, each once.
func (v planForm) words(of func(courses.PlanRow) string) (out []string) {
	for _, s := range v.Steps {
		if w := of(s); w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func (p *Pages) writeStep(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	d, err := p.courses.WriteStep(c.UserContext(), it, param(c, "step"))
	if err != nil {
		return err
	}
	return p.showStep(c, planForm{StepDesk: d, Form: d.Step.PlanStep}, fiber.StatusOK)
}

func (p *Pages) showStep(c *fiber.Ctx, v planForm, status int) error {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: stepNamed(c.UserContext(), v.Step.Shown), NavKey: "publish", Layout: ui.Reading, NoIndex: true, Flash: wrote(c)}, planFormPage(v))
}

// saveStep keeps what the form says; while somebody writes, a script sends the form and takes what came of it.
func (p *Pages) saveStep(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	s := courses.PlanStep{
		Key: param(c, "step"), Title: formText(c, "title"), Minutes: max(number(c.FormValue("minutes")), 0), Edition: number(c.FormValue("edition")), NoNote: c.FormValue("notes") == "",
		Rules: courses.Rules{Note: formText(c, "note"), Section: formText(c, "section"), Optional: c.FormValue("optional") != "", Either: formText(c, "either")},
	}
	for _, n := range c.Context().PostArgs().PeekMulti("needs") {
		s.Needs = append(s.Needs, string(n))
	}
	if c.FormValue("slot") != "" {
		s.Slot = &courses.PlanSlot{Suggestion: formText(c, "suggestion")}
	}
	_, err = p.courses.SaveStep(ctx, it, s)
	if err == nil && !shell.IsFragment(c) {
		return c.Redirect(manuscriptHref(it)+"?done=saved#s-"+url.PathEscape(s.Key), fiber.StatusSeeOther)
	}
	faults, says := faultsOf(ctx, err), saysOf(ctx, err)
	if err != nil && faults == nil && says == "" {
		return err
	}
	d, derr := p.courses.WriteStep(ctx, it, s.Key)
	if derr != nil {
		return derr
	}
	v := planForm{StepDesk: d, Form: s, Faults: faults, Refused: says, Saved: err == nil}
	if shell.IsFragment(c) {
		c.Set(fiber.HeaderCacheControl, "no-store")
		return shell.Fragment(c, stepSaved(v))
	}
	v.Form.Edition = d.Step.Edition // Whoever sends it again has seen that it is another one.
	return p.showStep(c, v, errs.Status(errs.KindOf(err)))
}
