package pages

import (
	"context"
	"io"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/brand"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountBrand(r fiber.Router) {
	r.Get("/admin/brand", p.brand)
	r.Post("/admin/brand", p.setBrand)
	r.Get("/admin/brand/preview", p.previewBrand)
	r.Post("/admin/brand/logo", p.setLogo)
	r.Post("/admin/brand/logo/remove", p.removeLogo)
	r.Get("/logo/:name", p.logo)
}

// brandView is the form, with what was typed and not saved yet.
type brandView struct {
	Org    tenants.Organization
	Input  tenants.Brand
	Faults ui.Faults
}

// brandDone are the words of what has just been done, by the value in the address.
var brandDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"saved":   {Kind: ui.OK, Text: "brand.done.saved"},
	"logo":    {Kind: ui.OK, Text: "brand.done.logo"},
	"removed": {Kind: ui.OK, Text: "brand.done.removed"},
}

// typed reads the form, from the address or from the body.
func typed(get func(string) string) tenants.Brand {
	b := tenants.Brand{Name: get("name"), Short: get("short"), Tagline: get("tagline"), About: get("about"), Color: get("color"), Locale: get("locale")}
	b.Hue, b.Chroma = brand.HueChroma(strings.ToLower(strings.TrimSpace(b.Color)))
	return b
}

func (p *Pages) ownOrg(c *fiber.Ctx) (tenants.Organization, error) {
	who, err := scope.From(c.UserContext())
	if err != nil {
		return tenants.Organization{}, err
	}
	return p.svc.ByID(c.UserContext(), who.Org)
}

// brand shows the form; words in its address are shown as they would look, and not kept.
func (p *Pages) brand(c *fiber.Ctx) error {
	v := brandView{}
	if c.Query("color") != "" {
		v.Input = typed(func(k string) string { return c.Query(k) })
	}
	return p.showBrand(c, v, fiber.StatusOK)
}

func (p *Pages) showBrand(c *fiber.Ctx, v brandView, status int) (err error) {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if v.Org, err = p.ownOrg(c); err != nil {
		return err
	}
	if o := v.Org; v.Input == (tenants.Brand{}) {
		v.Input = tenants.Brand{Name: o.Name, Short: o.Short, Tagline: o.Tagline, About: o.About, Color: o.Color, Hue: o.Hue, Chroma: o.Chroma, Locale: o.Locale}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "brand.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: told(c, brandDone)}, brandPage(v))
}

func (p *Pages) setBrand(c *fiber.Ctx) error {
	v := brandView{Input: typed(func(k string) string { return c.FormValue(k) })}
	err := p.svc.SetBrand(c.UserContext(), v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showBrand(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/brand?done=saved", fiber.StatusSeeOther)
}

// previewBrand is the preview alone, while somebody chooses.
func (p *Pages) previewBrand(c *fiber.Ctx) error {
	if err := authz.Check(c.UserContext(), authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	return shell.Fragment(c, brandPreview(typed(func(k string) string { return c.Query(k) })))
}

func (p *Pages) setLogo(c *fiber.Ctx) error {
	ctx := c.UserContext()
	raw, err := uploaded(c, "logo")
	if err == nil {
		err = p.svc.SetLogo(ctx, raw)
	}
	v := brandView{}
	if v.Faults = ui.FaultsIn(ctx, err); len(v.Faults) > 0 {
		return p.showBrand(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/brand?done=logo", fiber.StatusSeeOther)
}

// uploaded is a file of the form. None is Invalid.
func uploaded(c *fiber.Ctx, name string) ([]byte, error) {
	missing := errs.Fields(errs.Field{Name: name, Key: "brand.bad.logo_none"})
	head, err := c.FormFile(name)
	if err != nil || head.Size == 0 {
		return nil, missing
	}
	f, err := head.Open()
	if err != nil {
		return nil, missing
	}
	defer f.Close() //nolint:errcheck // Read only.
	return io.ReadAll(io.LimitReader(f, tenants.LogoBytes+1))
}

func (p *Pages) removeLogo(c *fiber.Ctx) error {
	if err := p.svc.SetLogo(c.UserContext(), nil); err != nil {
		return err
	}
	return c.Redirect("/admin/brand?done=removed", fiber.StatusSeeOther)
}

// logo serves a logo under its hash: what it shows never changes.
func (p *Pages) logo(c *fiber.Ctx) error {
	f, err := p.svc.Logo(c.UserContext(), strings.TrimSuffix(c.Params("name"), ".png"))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Read whole.
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "image/png")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox")
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(b)
}

// sample is one side of the preview: the parts of a page in the colours that people will see.
type sample struct {
	Label                                                          string
	Surface, Ink, Muted, Line, Solid, OnSolid, Brand, Tint, Strand string
}

// samples are the preview in light and dark, and whether the colour was adjusted; none for what is no colour.
func samples(ctx context.Context, b tenants.Brand) (out []sample, adjusted bool) {
	p, adjusted, err := brand.Roles(strings.ToLower(strings.TrimSpace(b.Color)))
	if err != nil {
		return nil, false
	}
	return []sample{
		{lang.T(ctx, "ui.theme.light"), "#ffffff", "#15202b", "#52606d", "#e1e6ea", p.Solid.Light, p.OnSolid.Light, p.Brand.Light, p.Tint.Light, p.Strand.Light},
		{lang.T(ctx, "ui.theme.dark"), "#14191e", "#e8edf2", "#9aa7b3", "#2b343c", p.Solid.Dark, p.OnSolid.Dark, p.Brand.Dark, p.Tint.Dark, p.Strand.Dark},
	}, adjusted
}

// colours are offered besides every other one.
func colours() []string {
	return []string{"#2855ad", "#066a5b", "#8e4300", "#9e2b32", "#794182", "#3b6919", "#685b00"}
}

func locales(chosen string) []ui.Option {
	var out []ui.Option
	for _, l := range lang.Locales() {
		out = append(out, ui.Option{Value: string(l), Label: l.Name(), Chosen: string(l) == chosen})
	}
	return out
}
