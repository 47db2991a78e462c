package pages

import (
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// extensionView is the page on which somebody is given more time.
type extensionView struct {
	courses.Extension

	Faults ui.Faults
}

func (p *Pages) extension(c *fiber.Ctx) error { return p.showExtension(c, nil, fiber.StatusOK) }

func (p *Pages) showExtension(c *fiber.Ctx, said *extensionView, status int) error {
	ctx := c.UserContext()
	m, err := id.Parse[id.Membership](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	e, err := p.courses.Extension(ctx, m)
	if err != nil {
		return err
	}
	v := extensionView{Extension: e}
	if said != nil {
		v.Percent, v.Reason, v.Faults = said.Percent, said.Reason, said.Faults
	}
	page := ui.PageProps{Title: lang.T(ctx, "quiz.extend.title", "Name", v.Name), NavKey: "admin", Layout: ui.Reading, NoIndex: true}
	if c.Query("done") == "saved" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "quiz.extend.saved")}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, page, extensionPage(v))
}

func (p *Pages) extend(c *fiber.Ctx) error {
	ctx := c.UserContext()
	m, err := id.Parse[id.Membership](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	v := extensionView{Extension: courses.Extension{Percent: number(c.FormValue("percent")), Reason: formText(c, "reason")}}
	if c.FormValue("percent") == "" {
		v.Percent = 0
	}
	err = p.courses.ExtendTime(ctx, m, v.Percent, v.Reason)
	if v.Faults = faultsOf(ctx, err); v.Faults != nil {
		return p.showExtension(c, &v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/people/"+m.String()+"/time?done=saved", fiber.StatusSeeOther)
}
