package pages

import (
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// sendView is the form that sends a step to somebody.
type sendView struct {
	Domain       tenants.Domain
	Email, Error string
}

func (p *Pages) askErrand(c *fiber.Ctx) error { return p.showSend(c, sendView{}, fiber.StatusOK) }

func (p *Pages) showSend(c *fiber.Ctx, v sendView, status int) (err error) {
	ctx := c.UserContext()
	if v.Domain, err = p.svc.Tenants().Domain(ctx, c.Params("domain")); err != nil {
		return err
	}
	if v.Domain.Vouched() || v.Domain.State() == tenants.DomainVerified {
		return errs.New(errs.NotFound, "%s needs no record", v.Domain.Domain)
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "setup.send_title"), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, sendPage(v))
}

func (p *Pages) sendErrand(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	v := sendView{Email: c.FormValue("email")}
	err := p.svc.SendErrand(ctx, c.Params("domain"), v.Email)
	if errs.Is(err, errs.Invalid) {
		v.Error = lang.T(ctx, "auth.email.form")
		return p.showSend(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/domains?done=sent", fiber.StatusSeeOther)
}

// errandView is the page of whoever was sent a step.
type errandView struct {
	auth.Errand

	Org   tenants.Organization
	Token string
	Told  *ui.CalloutProps
	Done  bool
}

func (p *Pages) errand(c *fiber.Ctx) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	v := errandView{Org: org, Token: c.Params("token")}
	if v.Errand, err = p.svc.Errand(auth.Enter(c.UserContext(), org.OrgID), org, v.Token); err != nil {
		return err
	}
	return p.bare(c, lang.T(c.UserContext(), "setup.errand.title", "Domain", v.Domain.Name()), errandPage(v))
}

// doErrand looks for the record and says what was seen.
func (p *Pages) doErrand(c *fiber.Ctx) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	v := errandView{Org: org, Token: c.Params("token")}
	if v.Errand, err = p.svc.Errand(auth.Enter(ctx, org.OrgID), org, v.Token); err != nil {
		return err
	}
	d, err := p.svc.DoErrand(auth.Enter(ctx, org.OrgID), org, v.Token)
	switch {
	case errs.Is(err, errs.RateLimited):
		v.Told = &ui.CalloutProps{Kind: ui.Info, Text: lang.T(ctx, "domains.soon"), Status: true}
	case errs.Is(err, errs.Unavailable):
		v.Told = &ui.CalloutProps{Kind: ui.Warn, Text: lang.T(ctx, "domains.silent"), Status: true}
	case err != nil:
		return err
	case d.State() == tenants.DomainVerified:
		v.Done = true
	default:
		v.Told = &ui.CalloutProps{Kind: ui.Warn, Text: lang.T(ctx, "setup.errand.waiting"), Status: true}
	}
	return p.bare(c, lang.T(ctx, "setup.errand.title", "Domain", v.Domain.Name()), errandPage(v))
}
