package pages

import (
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func pastHref(which id.Any) string { return "/records/past/" + which.String() }

// removalView is a past record with the form that removes it.
type removalView struct {
	courses.PastOf

	Reason string
	Faults ui.Faults
}

func (p *Pages) removal(c *fiber.Ctx) error { return p.showRemoval(c, removalView{}, fiber.StatusOK) }

func (p *Pages) showRemoval(c *fiber.Ctx, v removalView, status int) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	if v.PastOf, err = p.courses.PastRecord(ctx, which); err != nil {
		return err
	}
	return shell.Page(c, recordsPage(c, lang.T(ctx, "records.remove.title"), status), removalPage(v))
}

func (p *Pages) removePast(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	v := removalView{Reason: formText(c, "reason")}
	err = p.courses.RemovePast(ctx, which, v.Reason)
	if v.Faults = faultsOf(ctx, err); v.Faults != nil {
		return p.showRemoval(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/records?done=removed", fiber.StatusSeeOther)
}
