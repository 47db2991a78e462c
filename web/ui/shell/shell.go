// Package shell puts a room's content into the document: brand, organization, viewer and navigation come from the request,
// where the web server's middleware left them as a Frame. It is the one place where the design system meets Fiber; every
// room's pages call it, and it calls none.
package shell

import (
	"context"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/web/ui"
)

// Frame is what is around the content of every page of a request.
type Frame struct {
	Org         ui.Org // of the viewer, or of the host for a visitor
	BrandCSS    string // address of the brand's stylesheet
	SubLine     string
	Logo, Plate string     // address of the logo, and what stands behind it
	Viewer      *ui.Viewer // nil for a visitor
	Whose       string     // who that is, to the own browser: "none" for a visitor
	Nav         []ui.NavItem
	Footer      []ui.Link
	FooterText  string
	Base        string // scheme and host of the request, such as "http://halden.localhost:8080"
	Production  bool
	Look        *ui.LookBar // as whom the viewer looks at the own content
	Bars        []ui.Notice // above everything
	NoSearch    bool
}

type key struct{}

// With returns a context whose pages are framed by f.
func With(ctx context.Context, f Frame) context.Context { return context.WithValue(ctx, key{}, f) }

// From returns the frame of the request; a bare one if the request failed before it had one.
func From(ctx context.Context) Frame {
	f, _ := ctx.Value(key{}).(Frame) // No frame is the bare one.
	return f
}

// Page answers with the whole document around body. What p leaves open of organization, viewer and navigation is filled in
// from the request.
func Page(c *fiber.Ctx, p ui.PageProps, body templ.Component) error {
	ctx := c.UserContext()
	f := From(ctx)
	if p.Org.Name == "" {
		p.Org = f.Org
	}
	if p.BrandCSS == "" {
		p.BrandCSS = f.BrandCSS
	}
	if p.SubLine == "" {
		p.SubLine = f.SubLine
	}
	if p.LogoURL == "" && p.Org.ID == f.Org.ID {
		p.LogoURL, p.LogoPlate = f.Logo, f.Plate
	}
	p.Look, p.Whose, p.Bars, p.NoSearch = f.Look, f.Whose, f.Bars, p.NoSearch || f.NoSearch
	p.Viewer, p.Footer, p.FooterText, p.Path = f.Viewer, f.Footer, f.FooterText, c.OriginalURL()
	p.Nav = make([]ui.NavItem, len(f.Nav))
	copy(p.Nav, f.Nav)
	for i := range p.Nav {
		p.Nav[i].Current = p.Nav[i].Key == p.NavKey
	}
	if strings.HasPrefix(p.Canonical, "/") {
		p.Canonical = f.Base + p.Canonical
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Vary("HX-Request", "Cookie", "Accept-Language")
	return ui.Page(p).Render(templ.WithChildren(ctx, body), c.Response().BodyWriter())
}

// Fragment answers with the component alone, for an htmx swap.
func Fragment(c *fiber.Ctx, body templ.Component) error {
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Vary("HX-Request", "Cookie", "Accept-Language")
	return body.Render(c.UserContext(), c.Response().BodyWriter())
}

// IsFragment reports whether htmx asks for a part of a page (and not for a whole one through a boosted link).
func IsFragment(c *fiber.Ctx) bool {
	return c.Get("HX-Request") == "true" && c.Get("HX-Boosted") != "true"
}

// Sheet answers with a table for a spreadsheet, under a name such as "people.csv", that nobody on the way may keep. Cells become what
// sheet.Cell makes of them.
func Sheet(c *fiber.Ctx, name string, rows [][]string) error {
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return sheet.Write(c.Response().BodyWriter(), rows)
}
