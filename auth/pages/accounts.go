package pages

import (
	"errors"
	"time"

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

const accountsPath = "/me/accounts"

func (p *Pages) mountAccounts(r fiber.Router) {
	r.Get(accountsPath, func(c *fiber.Ctx) error { return p.showAccounts(c, accountsView{}, fiber.StatusOK) })
	r.Post(accountsPath+"/providers/:provider", p.guard, p.linkAccount)
	r.Post(accountsPath+"/remove", p.unlinkAccount)
	r.Post(accountsPath+"/organizations", p.beginLink)
	r.Post(accountsPath+"/organizations/remove", p.unlink)
	r.Get(auth.AcceptPath+":from/:token", func(c *fiber.Ctx) error { return p.showAsked(c, "") })
	r.Post(auth.AcceptPath+":from/:token", p.acceptLink)
	r.Get(auth.FinishPath+":token", p.showConfirmed)
	r.Post(auth.FinishPath+":token", p.finishLink)
}

// linkedOrg is a membership elsewhere with the organization that it is of.
type linkedOrg struct {
	auth.LinkedAccount

	Organization tenants.Organization
	Href         string // its sign-in
}

type accountsView struct {
	Org    tenants.Organization
	Ways   []auth.Account
	More   []auth.Provider // where one more account can be
	Links  []linkedOrg
	Now    time.Time
	Fresh  bool
	Word   string
	GoTo   string // where what was begun goes on
	At     string // whose page that is
	Told   string
	Faults ui.Faults
}

var accountsDone = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"linked": "link.account.done.linked", "failed": "link.account.done.failed", "removed": "link.account.done.removed", "joined": "link.account.done.joined", "parted": "link.account.done.parted",
}

func (p *Pages) showAccounts(c *fiber.Ctx, v accountsView, status int) (err error) {
	ctx := c.UserContext()
	var links []auth.LinkedAccount
	if v.Ways, links, err = p.svc.Accounts(ctx); err != nil {
		return err
	}
	if v.Org, err = p.own(ctx); err != nil {
		return err
	}
	if v.More, err = p.svc.Ways(auth.Enter(ctx, v.Org.OrgID), v.Org); err != nil {
		return err
	}
	var ids []id.Org
	for _, l := range links {
		ids = append(ids, l.Org)
	}
	orgs, err := p.svc.Tenants().ByIDs(ctx, ids...)
	if err != nil {
		return err
	}
	for _, l := range links {
		if o, ok := orgs[l.Org]; ok {
			v.Links = append(v.Links, linkedOrg{LinkedAccount: l, Organization: o, Href: p.svc.Address(o) + "/sign-in"})
		}
	}
	v.Now, v.Fresh = p.svc.Now(), authz.Fresh(ctx, p.svc.Now()) == nil
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	page := ui.PageProps{Title: lang.T(ctx, "link.account.title"), Section: "you", Layout: ui.Reading, NoIndex: true}
	if key := accountsDone[c.Query("done")]; key != "" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, key)}
		if c.Query("done") == "failed" {
			page.Flash.Kind = ui.Bad
		}
	}
	return shell.Page(c, page, accountsPage(v))
}

// linkAccount begins what makes one more account the member's own. A form does not lead to another host, so a link does.
func (p *Pages) linkAccount(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	which, err := providerID(c)
	if err != nil {
		return err
	}
	s, err := p.svc.LinkAccount(c.UserContext(), org, which, b)
	if errors.Is(err, authz.ErrNotFresh) {
		return stale(c, accountsPath)
	}
	if _, refused := errors.AsType[*auth.Refusal](err); refused {
		return c.Redirect(accountsPath+"?done=failed", fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	p.set(c, p.names.pre, s.Pre, preLife)
	v := accountsView{GoTo: s.URL}
	ways, err := p.svc.Ways(auth.Enter(c.UserContext(), org.OrgID), org)
	for _, w := range ways {
		if w.ProviderID == which {
			v.At = w.Name
		}
	}
	if err != nil {
		return err
	}
	return p.showAccounts(c, v, fiber.StatusOK)
}

func (p *Pages) unlinkAccount(c *fiber.Ctx) error {
	err := p.svc.UnlinkAccount(c.UserContext(), c.FormValue("account"))
	switch {
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, accountsPath)
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		return p.showAccounts(c, accountsView{Told: lang.T(c.UserContext(), key, args...)}, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(accountsPath+"?done=removed", fiber.StatusSeeOther)
}

func (p *Pages) beginLink(c *fiber.Ctx) error {
	ctx, v := c.UserContext(), accountsView{Word: c.FormValue("to")}
	org, err := p.svc.Elsewhere(ctx, v.Word)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		v.Faults = ui.Faults{{ID: "to", Text: lang.T(ctx, "link.account.to_none")}}
		return p.showAccounts(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	v.GoTo, err = p.svc.BeginLink(ctx, org)
	switch {
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, accountsPath)
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		v.Told = lang.T(ctx, key, args...)
		return p.showAccounts(c, v, fiber.StatusConflict)
	case err != nil:
		return err
	}
	v.At = org.Name
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	return p.showAccounts(c, v, fiber.StatusOK)
}

func (p *Pages) unlink(c *fiber.Ctx) error {
	org, err := id.Parse[id.Org](c.FormValue("org"))
	m, err2 := id.Parse[id.Membership](c.FormValue("member"))
	if err != nil || err2 != nil {
		return errs.New(errs.NotFound, "link with %q", c.FormValue("org"))
	}
	if err := p.svc.Unlink(c.UserContext(), org, m); err != nil {
		return err
	}
	return c.Redirect(accountsPath+"?done=parted", fiber.StatusSeeOther)
}

// joinView is a link that waits for its confirmation at one of the two ends.
type joinView struct {
	auth.AskedLink

	Own    tenants.Organization
	Mine   tenants.Membership
	Action string
	GoTo   string // where the confirmed one is finished
	Last   bool   // this is the end at which it began
}

// showAsked shows what is asked for from another organization, and waits for the button.
func (p *Pages) showAsked(c *fiber.Ctx, goTo string) (err error) {
	ctx, v := c.UserContext(), joinView{Action: c.Path(), GoTo: goTo}
	if _, ok := auth.Current(ctx); !ok {
		return c.Redirect("/sign-in"+query(c.Path()), fiber.StatusSeeOther)
	}
	if goTo == "" {
		if v.AskedLink, err = p.svc.AskedLink(ctx, c.Params("from"), c.Params("token")); err != nil {
			return err
		}
	}
	return p.showJoin(c, v)
}

func (p *Pages) showJoin(c *fiber.Ctx, v joinView) (err error) {
	ctx := c.UserContext()
	if v.Own, err = p.own(ctx); err != nil {
		return err
	}
	v.Mine, _ = auth.Current(ctx)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "link.join.title"), Section: "you", Layout: ui.Reading, NoIndex: true}, joinPage(v))
}

func (p *Pages) acceptLink(c *fiber.Ctx) error {
	goTo, err := p.svc.AcceptLink(c.UserContext(), c.Params("from"), c.Params("token"))
	if errors.Is(err, authz.ErrNotFresh) {
		return stale(c, c.Path())
	}
	if err != nil {
		return err
	}
	return p.showAsked(c, goTo)
}

func (p *Pages) showConfirmed(c *fiber.Ctx) error {
	asked, err := p.svc.ConfirmedLink(c.UserContext(), c.Params("token"))
	if err != nil {
		return err
	}
	return p.showJoin(c, joinView{AskedLink: asked, Action: c.Path(), Last: true})
}

func (p *Pages) finishLink(c *fiber.Ctx) error {
	if err := p.svc.FinishLink(c.UserContext(), c.Params("token")); err != nil {
		return err
	}
	return c.Redirect(accountsPath+"?done=joined", fiber.StatusSeeOther)
}
