package pages

import (
	"context"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Everything about hosts stands under the page of domains, which is answered on every host: a new one is made the address on itself,
// so that nobody sends all people to where nothing answers.
func (p *Pages) mountHosts(r fiber.Router) {
	r.Post("/admin/domains/hosts", p.addHost)
	r.Post("/admin/domains/hosts/canonical", p.makeCanonical)
	r.Get("/admin/domains/hosts/:host/remove", p.askRemoveHost)
	r.Post("/admin/domains/hosts/:host/remove", p.removeHost)
}

// hostsView is where an organization's portal answers.
type hostsView struct {
	List  []tenants.Host
	Own   string // {slug}.{base}
	At    string // the host of the request
	Lives string // the host that the others lead to
	Input string // of the form for a new one
	to    func(host string) string
}

func (p *Pages) hosts(c *fiber.Ctx, v *domainsView) (err error) {
	ctx := c.UserContext()
	if v.Hosts.List, err = p.svc.Hosts(ctx); err != nil {
		return err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	org, err := p.svc.ByID(ctx, who.Org)
	if err != nil {
		return err
	}
	v.Hosts.Own, v.Hosts.Lives, v.Hosts.At = p.svc.OwnHost(org), p.svc.Canonical(org), tenants.Hostname(c.Hostname())
	v.Hosts.to = func(host string) string { return addressAt(c, host) }
	return nil
}

// addressAt is the page of domains on another host, which is reached as this one is but for its name.
func addressAt(c *fiber.Ctx, host string) string {
	if _, port, err := net.SplitHostPort(c.Hostname()); err == nil {
		host = net.JoinHostPort(host, port)
	}
	return c.Protocol() + "://" + host + "/admin/domains"
}

func (p *Pages) addHost(c *fiber.Ctx) error {
	v := domainsView{Hosts: hostsView{Input: strings.TrimSpace(c.FormValue("host"))}}
	_, err := p.svc.AddHost(c.UserContext(), v.Hosts.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showDomains(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/domains?done=host_added", fiber.StatusSeeOther)
}

// makeCanonical makes the host of the request the address, or {slug}.{base} again.
func (p *Pages) makeCanonical(c *fiber.Ctx) error {
	name := c.FormValue("host")
	if name != "" && name != tenants.Hostname(c.Hostname()) {
		return errs.Say(errs.Conflict, "hosts.bad.elsewhere", "Host", name)
	}
	if err := p.svc.MakeCanonical(c.UserContext(), name); err != nil {
		return err
	}
	return c.Redirect("/admin/domains?done=canonical", fiber.StatusSeeOther)
}

func (p *Pages) askRemoveHost(c *fiber.Ctx) error {
	if err := p.fresh(c, authz.ManageOrg); err != nil {
		return err
	}
	ctx := c.UserContext()
	h, err := p.svc.Host(ctx, c.Params("host"))
	if err != nil {
		return err
	}
	v := domainsView{}
	if err := p.hosts(c, &v); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "domains.remove.title", "Domain", h.Host), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, removeHostPage(h, v.Hosts))
}

func (p *Pages) removeHost(c *fiber.Ctx) error {
	if err := p.svc.RemoveHost(c.UserContext(), c.Params("host")); err != nil {
		return err
	}
	if tenants.Hostname(c.Hostname()) == c.Params("host") {
		// Nobody lives here any more, and a form does not lead to another host: the answer does.
		v := domainsView{}
		if err := p.hosts(c, &v); err != nil {
			return err
		}
		return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "domains.done.removed"), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, removedHostPage(v.Hosts))
	}
	return c.Redirect("/admin/domains?done=removed", fiber.StatusSeeOther)
}

// line says what people get at a host.
func (v hostsView) line(ctx context.Context, h tenants.Host) string {
	switch {
	case !h.Answers:
		return lang.T(ctx, "hosts.silent", "Domain", h.Domain)
	case h.Canonical:
		return lang.T(ctx, "hosts.is_address")
	case v.At == h.Host:
		return lang.T(ctx, "hosts.works")
	}
	return lang.T(ctx, "hosts.try", "Host", v.Own)
}
