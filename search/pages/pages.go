// Package pages shows search: the page with its filters, and the instant results below the header's field. Both answer a
// GET and work without script.
package pages

import (
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Pages are the room's pages.
type Pages struct{ svc *search.Service }

// New returns the pages of the service.
func New(svc *search.Service) *Pages { return &Pages{svc: svc} }

// Mount registers the routes.
func (p *Pages) Mount(r fiber.Router) {
	r.Get("/search", p.search)
	r.Get("/search/quick", p.quick)
	r.Get("/search/close", p.close)
}

// pageSize is how many results stand on a page.
const pageSize = 10

func (p *Pages) search(c *fiber.Ctx) error {
	ctx := c.UserContext()
	a := readAsk(c)
	q := a.query()
	q.Counts = true
	res, err := p.svc.Search(ctx, q)
	if err != nil {
		return err
	}
	title := lang.T(ctx, "search.page.title")
	if a.Text != "" {
		title = lang.T(ctx, "search.page.title_for", "Text", a.Text)
	}
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	return shell.Page(c, ui.PageProps{Title: title, Layout: ui.Work, Section: "search", NavKey: "search", NoIndex: true},
		page(newView(ctx, a, res)))
}

// quickSize is how many results the instant box has.
const quickSize = 8

func (p *Pages) quick(c *fiber.Ctx) error {
	ctx := c.UserContext()
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	text := readAsk(c).Text
	if text == "" {
		return shell.Fragment(c, ui.QuickResults(nil))
	}
	res, err := p.svc.Quick(ctx, search.Query{Text: text, Limit: quickSize})
	if err != nil {
		return err
	}
	return shell.Fragment(c, ui.QuickResults(quickGroups(ctx, text, res)))
}

// closeSize is how many things stand in the card "Close to this".
const closeSize = 4

// close is the card of what comes close to a text, but for the item or question that the text stands on. Nobody looked for
// it, so it does not count as looked for.
func (p *Pages) close(c *fiber.Ctx) error {
	ctx := c.UserContext()
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	text := readAsk(c).Text
	if text == "" {
		return shell.Fragment(c, closeTo(nil))
	}
	res, err := p.svc.Quick(ctx, search.Query{Text: text, Limit: closeSize + 3})
	if err != nil {
		return err
	}
	return shell.Fragment(c, closeTo(closeRows(ctx, res, c.Query("but"))))
}
