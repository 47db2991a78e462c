package pages

import (
	"context"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// HouseSettings is where an administrator looks after the life of the organization, also while it is closed.
const HouseSettings = "/admin/organization"

// resting is the organization that lives at the host and is not active.
func resting(c *fiber.Ctx, svc *auth.Service, host string) (tenants.Organization, bool) {
	o, err := svc.Tenants().AtHost(c.UserContext(), host)
	return o, err == nil && o.State != tenants.OrgActive
}

// atRest answers on the host of an organization that rests: with a plain page that says so. Of one that is closed an administrator
// signs in and gets to its settings, and to nothing else.
func atRest(c *fiber.Ctx, svc *auth.Service, names names, org tenants.Organization) error {
	ctx := lang.With(auth.WithHost(c.UserContext(), org), language(c, names, org.Locale))
	c.SetUserContext(ctx)
	if org.State != tenants.OrgClosed {
		return restPage(c, svc.BaseURL(""), org)
	}
	if token := c.Cookies(names.session); secret.IsToken(token) {
		s, err := svc.Session(auth.Enter(ctx, org.OrgID), org, token)
		switch {
		case err == nil && within(c.Path(), HouseSettings, "/sign-out", "/language"):
			c.SetUserContext(member(c, s))
			return c.Next()
		case err == nil:
			return c.Redirect(HouseSettings, fiber.StatusSeeOther)
		case !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Unavailable):
			return err
		}
	}
	if within(c.Path(), "/sign-in", "/auth", "/signed-out", "/sign-out", "/language") {
		return c.Next()
	}
	return restPage(c, svc.BaseURL(""), org)
}

// within reports whether the path is one of these or below it.
func within(path string, of ...string) bool {
	return slices.ContainsFunc(of, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

// restText says why the organization rests; of one that is closed, until when it can come back.
func restText(ctx context.Context, org tenants.Organization) string {
	if org.State == tenants.OrgClosed && org.StateAt != nil {
		return lang.T(ctx, "house.rests.closed_until", "Date", lang.Date(ctx, org.StateAt.Add(tenants.Hold)))
	}
	return lang.T(ctx, "house.rests."+org.State)
}

// restPage says that the organization rests; door is the address of the front door, where people find another one.
func restPage(c *fiber.Ctx, door string, org tenants.Organization) error {
	ctx := c.UserContext()
	title := lang.T(ctx, "house.rests.title_"+org.State, "Org", org.Name)
	p := ui.ErrorProps{Icon: "info", Kind: ui.Neutral, Title: title, Text: restText(ctx, org)}
	page := ui.PageProps{Title: title, NoIndex: true, NoSearch: true, Layout: ui.Reading, SignInHref: door + "/sign-in"}
	if org.State == tenants.OrgClosed {
		page.SignInHref = "/sign-in?return_to=" + HouseSettings
		p.Actions = []ui.ButtonProps{{Label: lang.T(ctx, "house.rests.administrator"), Href: page.SignInHref}}
	}
	c.SetUserContext(shell.With(ctx, shell.Frame{Base: c.BaseURL(), Org: show.Org(org)}))
	c.Status(fiber.StatusServiceUnavailable)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, page, ui.ErrorPage(p))
}
