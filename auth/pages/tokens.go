package pages

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type tokensView struct {
	List         []auth.Token
	Now          time.Time
	Address      string // of the API
	Provisioning string // the address for an identity provider
	Made         string // the new token: this page alone shows it
	Revoke       *auth.Token
	Name         string
	Scopes       []string
	Days         int
	Faults       ui.Faults
}

// tokenDays are the lives that people choose from.
var tokenDays = []int{30, 90, 180, 365} //nolint:gochecknoglobals // A constant list.

func (p *Pages) mountTokens(r fiber.Router) {
	r.Get("/admin/tokens", func(c *fiber.Ctx) error { return p.showTokens(c, tokensView{Days: 90}, fiber.StatusOK) })
	r.Post("/admin/tokens", p.createToken)
	r.Get("/admin/tokens/:id/revoke", p.askRevoke)
	r.Post("/admin/tokens/:id/revoke", p.revokeToken)
	r.Get("/settings/tokens", func(c *fiber.Ctx) error { return c.Redirect("/admin/tokens", fiber.StatusMovedPermanently) }) // Its address once.
}

// showTokens shows the organization's API tokens to its administrator. A new one stands on no other page and in no cache.
func (p *Pages) showTokens(c *fiber.Ctx, v tokensView, status int) error {
	ctx := c.UserContext()
	list, err := p.svc.Tokens(ctx)
	if err != nil {
		return err
	}
	m, _ := auth.Current(ctx)
	org, err := p.svc.Tenants().ByID(ctx, m.OrgID)
	if err != nil {
		return err
	}
	v.List, v.Now, v.Address = list, p.svc.Now(), p.svc.BaseURL(org.Slug)+"/api/v1"
	v.Provisioning = p.svc.Provisioning(org)
	c.Status(status)
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	page := ui.PageProps{Title: lang.T(ctx, "token.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true}
	if c.Query("done") == "revoked" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "token.revoked")}
	}
	return shell.Page(c, page, tokensPage(v))
}

func (p *Pages) createToken(c *fiber.Ctx) error {
	v := tokensView{Name: strings.TrimSpace(c.FormValue("name"))}
	for _, s := range authz.TokenScopes() {
		if c.FormValue(s) != "" {
			v.Scopes = append(v.Scopes, s)
		}
	}
	v.Days, _ = strconv.Atoi(c.FormValue("days")) // Nothing to read is no day, which is refused.
	if v.Name == "" {
		v.Faults = ui.Faults{{ID: "name", Text: lang.T(c.UserContext(), "token.fault.name_missing")}}
		return p.showTokens(c, v, fiber.StatusUnprocessableEntity)
	}
	made, err := p.svc.CreateToken(c.UserContext(), auth.NewToken{Name: v.Name, Scopes: v.Scopes, Expires: p.svc.Now().AddDate(0, 0, v.Days)})
	e, _ := errors.AsType[*errs.Error](err)
	switch {
	case err == nil:
		return p.showTokens(c, tokensView{Made: made.Reveal(), Name: v.Name, Days: 90}, fiber.StatusOK)
	case e != nil && len(e.Fields) > 0:
		for _, f := range e.Fields {
			v.Faults = append(v.Faults, ui.Fault{ID: f.Name, Text: lang.T(c.UserContext(), f.Key, f.Args...)})
		}
		return p.showTokens(c, v, fiber.StatusUnprocessableEntity)
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		v.Faults = ui.Faults{{ID: "name", Text: lang.T(c.UserContext(), key, args...)}}
		return p.showTokens(c, v, fiber.StatusConflict)
	}
	return err
}

// askRevoke asks before a token is revoked.
func (p *Pages) askRevoke(c *fiber.Ctx) error {
	token, err := p.token(c)
	if err != nil {
		return err
	}
	return p.showTokens(c, tokensView{Revoke: &token, Days: 90}, fiber.StatusOK)
}

func (p *Pages) revokeToken(c *fiber.Ctx) error {
	token, err := p.token(c)
	if err != nil {
		return err
	}
	if err := p.svc.RevokeToken(c.UserContext(), token.TokenID); err != nil {
		return err
	}
	return c.Redirect("/admin/tokens?done=revoked", fiber.StatusSeeOther)
}

func (p *Pages) token(c *fiber.Ctx) (auth.Token, error) {
	list, err := p.svc.Tokens(c.UserContext())
	if err != nil {
		return auth.Token{}, err
	}
	for _, t := range list {
		if t.TokenID.String() == c.Params("id") {
			return t, nil
		}
	}
	return auth.Token{}, errs.New(errs.NotFound, "token %q", c.Params("id"))
}
