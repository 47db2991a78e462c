package pages

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountDomains(r fiber.Router) {
	r.Get("/admin/domains", p.domains)
	r.Post("/admin/domains", p.addDomain)
	r.Post("/admin/domains/:domain/check", p.checkDomain)
	r.Get("/admin/domains/:domain/remove", p.askRemoveDomain)
	r.Post("/admin/domains/:domain/remove", p.removeDomain)
	p.mountHosts(r)
}

type domainsView struct {
	List   []tenants.Domain
	Hosts  hostsView
	Now    time.Time
	Input  string // of the form for a new one
	Faults ui.Faults
}

// proven reports whether the organization has a domain for hosts.
func (v domainsView) proven() bool {
	return slices.ContainsFunc(v.List, func(d tenants.Domain) bool { return d.VerifiedAt != nil })
}

// domainDone are the words of what has just been done, by the value in the address.
var domainDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"added":    {Kind: ui.Info, Text: "domains.done.added"},
	"verified": {Kind: ui.OK, Text: "domains.done.verified"},
	"waiting":  {Kind: ui.Warn, Text: "domains.done.waiting"},
	"lost":     {Kind: ui.Warn, Text: "domains.done.waiting"},
	"soon":     {Kind: ui.Info, Text: "domains.soon"},
	"silent":   {Kind: ui.Warn, Text: "domains.silent"},
	"removed":  {Kind: ui.OK, Text: "domains.done.removed"},

	"sent":       {Kind: ui.OK, Text: "setup.sent"},
	"host_added": {Kind: ui.Info, Text: "hosts.done.added"},
	"canonical":  {Kind: ui.OK, Text: "hosts.done.canonical"},
}

// told is the message that the address asks for.
func told(c *fiber.Ctx, words map[string]ui.Flash) *ui.Flash {
	f, ok := words[c.Query("done")]
	if !ok {
		return nil
	}
	f.Text = lang.T(c.UserContext(), f.Text)
	return &f
}

func (p *Pages) domains(c *fiber.Ctx) error {
	return p.showDomains(c, domainsView{}, fiber.StatusOK)
}

func (p *Pages) showDomains(c *fiber.Ctx, v domainsView, status int) error {
	ctx := c.UserContext()
	var err error
	if v.List, err = p.svc.Domains(ctx); err != nil {
		return err
	}
	if err := p.hosts(c, &v); err != nil {
		return err
	}
	v.Now = p.now()
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "domains.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: told(c, domainDone)}, domainsPage(v))
}

func (p *Pages) addDomain(c *fiber.Ctx) error {
	v := domainsView{Input: strings.TrimSpace(c.FormValue("domain"))}
	_, err := p.svc.AddDomain(c.UserContext(), v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showDomains(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/domains?done=added", fiber.StatusSeeOther)
}

// checkDomain looks for the record and says what was seen; a DNS that is silent is no fault of the page.
func (p *Pages) checkDomain(c *fiber.Ctx) error {
	d, err := p.svc.CheckDomain(c.UserContext(), c.Params("domain"))
	result := d.State()
	switch {
	case errs.Is(err, errs.RateLimited):
		result = "soon"
	case errs.Is(err, errs.Unavailable):
		result = "silent"
	case err != nil:
		return err
	}
	return c.Redirect("/admin/domains?done="+result, fiber.StatusSeeOther)
}

type removeDomainView struct {
	Domain tenants.Domain
	People int
	Hosts  []string // that no longer answer without it
	Input  string
	Faults ui.Faults
}

// effects are what removing the domain does.
func (v removeDomainView) effects(ctx context.Context) []string {
	out := []string{lang.T(ctx, "domains.remove.again")}
	if v.Domain.State() == tenants.DomainVerified {
		out = []string{
			lang.T(ctx, "domains.remove.door", "Domain", v.Domain.Name()), lang.T(ctx, "domains.remove.join", "Domain", v.Domain.Name()),
			lang.T(ctx, "domains.remove.people", "Count", v.People), out[0],
		}
	}
	if len(v.Hosts) > 0 {
		out = append(out, lang.T(ctx, "hosts.remove.with_domain", "Hosts", strings.Join(v.Hosts, ", ")))
	}
	return out
}

func (p *Pages) askRemoveDomain(c *fiber.Ctx) error {
	if err := p.fresh(c, authz.ManageOrg); err != nil {
		return err
	}
	return p.showRemoveDomain(c, removeDomainView{}, fiber.StatusOK)
}

func (p *Pages) showRemoveDomain(c *fiber.Ctx, v removeDomainView, status int) (err error) {
	ctx := c.UserContext()
	if v.Domain, err = p.svc.Domain(ctx, c.Params("domain")); err != nil {
		return err
	}
	if v.People, err = p.svc.PeopleOfDomain(ctx, v.Domain.Domain); err != nil {
		return err
	}
	list, err := p.svc.Hosts(ctx)
	if err != nil {
		return err
	}
	for _, h := range list {
		if h.Domain == v.Domain.Domain {
			v.Hosts = append(v.Hosts, h.Host)
		}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "domains.remove.title", "Domain", v.Domain.Name()), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, removeDomainPage(v))
}

// removeDomain wants the name typed, because only its owner's DNS gives the domain back.
func (p *Pages) removeDomain(c *fiber.Ctx) error {
	ctx := c.UserContext()
	d, err := p.svc.Domain(ctx, c.Params("domain"))
	if err != nil {
		return err
	}
	v := removeDomainView{Input: strings.TrimSpace(c.FormValue("name"))}
	if !strings.EqualFold(v.Input, d.Name()) && !strings.EqualFold(v.Input, d.Domain) {
		v.Faults = ui.Faults{{ID: "name", Text: lang.T(ctx, "domains.remove.differs", "Domain", d.Name())}}
		return p.showRemoveDomain(c, v, fiber.StatusUnprocessableEntity)
	}
	if err := p.svc.RemoveDomain(ctx, d.Domain); err != nil {
		return err
	}
	return c.Redirect("/admin/domains?done=removed", fiber.StatusSeeOther)
}

// domainLine says since when the domain is as it is, and when it was looked at.
func domainLine(ctx context.Context, now time.Time, d tenants.Domain) string {
	var line string
	switch d.State() {
	case tenants.DomainVerified:
		if d.Vouched() {
			return lang.T(ctx, "domains.vouched")
		}
		line = lang.T(ctx, "domains.since", "When", lang.Date(ctx, *d.VerifiedAt))
	case tenants.DomainLost:
		line = lang.T(ctx, "domains.lost_since", "When", lang.Date(ctx, *d.LostAt))
	default:
		line = lang.T(ctx, "domains.added", "When", lang.Date(ctx, d.CreatedAt))
	}
	if d.TriedAt == nil {
		return line
	}
	return line + " " + lang.T(ctx, "domains.looked", "When", lang.Ago(ctx, now, *d.TriedAt))
}
