package pages

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type sessionsView struct {
	Of   tenants.Membership // whose they are, on the administrator's page
	List []auth.OpenSession
	Now  time.Time
}

func (p *Pages) mountSessions(r fiber.Router) {
	r.Get("/me/sessions", p.sessions)
	r.Post("/me/sessions/others", p.endOthers)
	r.Post("/me/sessions/:id/end", p.endSession)
	r.Get("/admin/people/:id/sessions", p.memberSessions)
	r.Post("/admin/people/:id/sessions", p.endMemberSessions)
	r.Post(auth.BackChannelPath+":provider", p.backChannel)
}

// sessions shows where the member is signed in.
func (p *Pages) sessions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := p.svc.Sessions(ctx, c.Cookies(p.names.session))
	if err != nil {
		return err
	}
	page := ui.PageProps{Title: lang.T(ctx, "session.title"), Section: "you", Layout: ui.Reading, NoIndex: true}
	switch c.Query("done") {
	case "one":
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "session.ended")}
	case "others":
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "session.ended_others")}
	}
	return shell.Page(c, page, sessionsPage(sessionsView{List: list, Now: p.svc.Now()}))
}

func (p *Pages) endSession(c *fiber.Ctx) error {
	session, err := id.Parse[id.Session](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "session %q", c.Params("id"))
	}
	// Twice is no fault: it is ended.
	if err := p.svc.EndSession(c.UserContext(), session); err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	return c.Redirect("/me/sessions?done=one", fiber.StatusSeeOther)
}

func (p *Pages) endOthers(c *fiber.Ctx) error {
	if _, err := p.svc.EndOtherSessions(c.UserContext(), c.Cookies(p.names.session)); err != nil {
		return err
	}
	return c.Redirect("/me/sessions?done=others", fiber.StatusSeeOther)
}

// memberSessions shows an administrator where somebody is signed in.
func (p *Pages) memberSessions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	of, err := membership(c)
	if err != nil {
		return err
	}
	m, list, err := p.svc.MemberSessions(ctx, of, c.Cookies(p.names.session))
	if err != nil {
		return err
	}
	page := ui.PageProps{Title: lang.T(ctx, "session.of", "Name", m.Name), NavKey: "admin", Layout: ui.Reading, NoIndex: true}
	if c.Query("done") != "" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "session.of_ended", "Name", m.Name)}
	}
	return shell.Page(c, page, memberSessionsPage(sessionsView{Of: m, List: list, Now: p.svc.Now()}))
}

func (p *Pages) endMemberSessions(c *fiber.Ctx) error {
	of, err := membership(c)
	if err != nil {
		return err
	}
	if _, err := p.svc.EndMemberSessions(c.UserContext(), of); err != nil {
		return err
	}
	return c.Redirect("/admin/people/"+of.String()+"/sessions?done=all", fiber.StatusSeeOther)
}

func membership(c *fiber.Ctx) (id.Membership, error) {
	of, err := id.Parse[id.Membership](c.Params("id"))
	if err != nil {
		return of, errs.New(errs.NotFound, "membership %q", c.Params("id"))
	}
	return of, nil
}

// backChannel takes what a provider tells of a sign-out there; its answers are those of OpenID Connect Back-Channel Logout 1.0, 2.8.
func (p *Pages) backChannel(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	provider, err := id.Parse[id.Provider](c.Params("provider"))
	if err != nil {
		return errs.New(errs.NotFound, "provider %q", c.Params("provider"))
	}
	err = p.svc.BackChannelLogout(auth.Enter(c.UserContext(), org.OrgID), org, provider, b.Network, c.FormValue("logout_token"))
	switch r, ok := errors.AsType[*auth.Refusal](err); {
	case err == nil:
		return c.SendStatus(fiber.StatusOK)
	case ok && r.Reason == auth.ProviderDown: // Its keys cannot be read: it may try again.
		return c.Status(fiber.StatusServiceUnavailable).JSON(fiber.Map{"error": "temporarily_unavailable", "error_description": r.Reference})
	case ok:
		return c.Status(fiber.StatusBadRequest).JSON(fiber.Map{"error": "invalid_request", "error_description": r.Reference})
	}
	return err
}
