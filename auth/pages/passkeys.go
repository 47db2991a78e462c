package pages

import (
	"errors"
	"strings"
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

// passkeysPath is the page of the own passkeys. It is on the host on which people sign in, because a passkey is of the host that it was
// made on.
const passkeysPath = "/sign-in/passkeys"

type passkeysView struct {
	Org    tenants.Organization
	List   []auth.Passkey
	Now    time.Time
	Takes  bool // people may come in without the provider
	Fresh  bool
	Remove *auth.Passkey
	Name   string
	Faults ui.Faults
}

func (p *Pages) mountPasskeys(r fiber.Router) {
	r.Get(passkeysPath, func(c *fiber.Ctx) error { return p.showPasskeys(c, passkeysView{}, fiber.StatusOK) })
	r.Post(passkeysPath, p.guard, p.addPasskey)
	r.Post(passkeysPath+"/offer", p.guard, p.offerPasskey)
	r.Get(passkeysPath+"/:id/remove", p.askRemovePasskey)
	r.Post(passkeysPath+"/:id/remove", p.removePasskey)
	r.Post("/sign-in/passkey/ask", p.guard, p.askPasskey)
	r.Post("/sign-in/passkey", p.guard, p.usePasskey)
}

func (p *Pages) showPasskeys(c *fiber.Ctx, v passkeysView, status int) (err error) {
	ctx := c.UserContext()
	if v.Org, _, err = p.home(c); err != nil {
		return err
	}
	if v.List, err = p.svc.Passkeys(ctx); err != nil {
		return err
	}
	v.Now, v.Takes, v.Fresh = p.svc.Now(), v.Org.SignIn == "email", authz.Fresh(ctx, p.svc.Now()) == nil
	c.Status(status)
	page := ui.PageProps{Title: lang.T(ctx, "passkey.title"), Section: "you", Layout: ui.Reading, NoIndex: true}
	if done := c.Query("done"); done == "added" || done == "removed" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "passkey."+done)}
	}
	return shell.Page(c, page, passkeysPage(v))
}

// offerPasskey answers the page's script with what the browser is asked to make.
func (p *Pages) offerPasskey(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	options, err := p.svc.OfferPasskey(c.UserContext(), org, b.Session)
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(options)
}

func (p *Pages) addPasskey(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	v := passkeysView{Name: strings.TrimSpace(c.FormValue("name"))}
	err = p.svc.AddPasskey(c.UserContext(), org, b.Session, v.Name, []byte(c.FormValue("credential")))
	switch key, args := errs.MessageKey(err); {
	case err == nil:
		return c.Redirect(passkeysPath+"?done=added", fiber.StatusSeeOther)
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, passkeysPath)
	case errs.Is(err, errs.Invalid), errs.Is(err, errs.Conflict):
		if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) == 0 {
			v.Faults = ui.Faults{{ID: "name", Text: lang.T(c.UserContext(), key, args...)}}
		}
		return p.showPasskeys(c, v, errs.Status(errs.KindOf(err)))
	}
	return err
}

func (p *Pages) askRemovePasskey(c *fiber.Ctx) error {
	list, err := p.svc.Passkeys(c.UserContext())
	if err != nil {
		return err
	}
	for _, k := range list {
		if k.PasskeyID.String() == c.Params("id") {
			return p.showPasskeys(c, passkeysView{Remove: &k}, fiber.StatusOK)
		}
	}
	return errs.New(errs.NotFound, "passkey %q", c.Params("id"))
}

func (p *Pages) removePasskey(c *fiber.Ctx) error {
	k, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "passkey %q", c.Params("id"))
	}
	if err := p.svc.RemovePasskey(c.UserContext(), k); err != nil {
		return err
	}
	return c.Redirect(passkeysPath+"?done=removed", fiber.StatusSeeOther)
}

// askPasskey answers the script of the sign-in page with what the browser is asked to show.
func (p *Pages) askPasskey(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	options, pre, err := p.svc.AskPasskey(auth.Enter(c.UserContext(), org.OrgID), org, b)
	if err != nil {
		return err
	}
	p.set(c, p.names.pre, pre, preLife)
	c.Type("json")
	return c.Send(options)
}

func (p *Pages) usePasskey(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	s, err := p.svc.UsePasskey(auth.Enter(c.UserContext(), org.OrgID), org, b, c.Query("return_to"), []byte(c.FormValue("credential")))
	if err != nil {
		return p.refused(c, org, err)
	}
	return p.signedIn(c, s)
}
