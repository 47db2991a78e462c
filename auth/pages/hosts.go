package pages

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

// An organization signs in at {slug}.{base}, where its provider sends people back to. On a host of its own a sign-in begins with a
// cookie there, takes place at {slug}.{base} and is handed over to the browser that has the cookie.

// handOver is where a sign-in is handed over: from {slug}.{base} under it, to a host of the organization's own at it.
const handOver = "/hand-over"

// everywhere are the paths that are answered on each host of an organization: signing in and out, programs, and the page on which an
// administrator tries a new host, or gives up one that has stopped to work.
var everywhere = []string{"/sign-in", "/sign-out", "/signed-out", "/auth", handOver, "/language", "/admin/domains", doorPath, "/invited", "/errand", "/api", "/scim"} //nolint:gochecknoglobals // A constant table.

func under(path string, roots ...string) bool {
	for _, r := range roots {
		if path == r || strings.HasPrefix(path, r+"/") || strings.HasPrefix(path, r+"?") {
			return true
		}
	}
	return false
}

// elsewhere returns the address of the same page on the canonical host, if the request came to another one of the organization's.
func elsewhere(svc *auth.Service, c *fiber.Ctx, org tenants.Organization) (to string, moved bool) {
	if tenants.Hostname(c.Hostname()) == svc.Tenants().Canonical(org) || under(c.Path(), everywhere...) {
		return "", false
	}
	// Not the address as it was sent, which may begin with another host.
	return svc.Address(org) + string(c.Request().URI().RequestURI()), true
}

// onOwn reports whether the request came to a host of the organization's own.
func (p *Pages) onOwn(c *fiber.Ctx, org tenants.Organization) bool {
	return tenants.Hostname(c.Hostname()) != p.svc.Tenants().OwnHost(org)
}

// leads reports whether a sign-in at {slug}.{base} has to begin on another host. The page on which hosts are changed can be reached
// without one.
func (p *Pages) leads(org tenants.Organization, back string) bool {
	return org.Host != "" && !auth.HandsOver(back) && !under(back, "/admin/domains", doorPath)
}

// home is host for what happens at {slug}.{base} alone.
func (p *Pages) home(c *fiber.Ctx) (tenants.Organization, auth.Browser, error) {
	org, b, err := p.host(c)
	if err == nil && p.onOwn(c, org) {
		err = errs.New(errs.NotFound, "%s on a host of the organization's own", c.Path())
	}
	return org, b, err
}

// beginOn begins a sign-in on a host of the organization's own.
func (p *Pages) beginOn(c *fiber.Ctx, org tenants.Organization, back string) error {
	if !p.svc.Production() && !loopback(c.Hostname()) {
		return errs.Say(errs.Forbidden, "auth.plain_http")
	}
	if _, ok := auth.Current(c.UserContext()); ok {
		return c.Redirect(back, fiber.StatusSeeOther)
	}
	if tenants.Hostname(c.Hostname()) != p.svc.Tenants().Canonical(org) && !under(back, "/admin/domains", doorPath) {
		return c.Redirect(p.svc.Address(org)+"/sign-in"+query(back), fiber.StatusSeeOther)
	}
	_, b, err := p.host(c)
	if err != nil {
		return err
	}
	s, err := p.svc.BeginOn(auth.Enter(c.UserContext(), org.OrgID), org, c.Hostname(), b, back)
	if err != nil {
		return err
	}
	p.set(c, p.names.pre, s.Pre, preLife)
	return c.Redirect(s.URL, fiber.StatusSeeOther)
}

// handOver sends whoever has signed in at {slug}.{base} back to the host that the sign-in began on.
func (p *Pages) handOver(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	to, err := p.svc.HandOver(auth.Enter(c.UserContext(), org.OrgID), org, c.Params("hand"), b.Session)
	switch {
	case errs.Is(err, errs.Unauthenticated):
		to = "/sign-in" + query(auth.ReturnTo(c.Path()))
	case errs.Is(err, errs.NotFound): // Too late, or a second time: where it began, it begins again.
		to = p.svc.Address(org) + "/sign-in"
	case err != nil:
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// takeOver begins the session on the host that the sign-in began on.
func (p *Pages) takeOver(c *fiber.Ctx) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	s, err := p.svc.TakeOver(auth.Enter(c.UserContext(), org.OrgID), org, c.Hostname(), c.Query("code"), b)
	if err != nil {
		return p.refused(c, org, err)
	}
	return p.signedIn(c, s)
}
