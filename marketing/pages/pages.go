// Package pages shows stories: the list, and a story with what it leads to. Reading leaves no cookie; that a story was read is
// counted after the page has been rendered.
package pages

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Pages are the room's pages.
type Pages struct{ svc *marketing.Service }

// New returns the pages of the service.
func New(svc *marketing.Service) *Pages { return &Pages{svc: svc} }

// Mount registers the routes.
func (p *Pages) Mount(r fiber.Router) {
	r.Get("/stories", p.list)
	r.Get("/story/:id/:slug?", p.story)
}

func (p *Pages) list(c *fiber.Ctx) error {
	ctx := c.UserContext()
	after := c.Query("after")
	stories, err := p.svc.Stories(ctx, after)
	if err != nil {
		return err
	}
	props := ui.PageProps{Title: lang.T(ctx, "marketing.list.title"), Description: lang.T(ctx, "marketing.list.lead"), NavKey: "stories"}
	return shell.Page(c, props, list(listProps{StoryList: stories, after: after}))
}

func (p *Pages) story(c *fiber.Ctx) error {
	ctx := c.UserContext()
	item, err := id.Parse[id.Item](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "story: %w", err)
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return err
	}
	s, err := p.svc.Story(ctx, item)
	if err != nil {
		return err
	}
	if href := tenants.ItemURL(s.Item); c.Params("slug") != s.Slug {
		return c.Redirect(href, fiber.StatusPermanentRedirect)
	}
	props := ui.PageProps{Title: s.Title, Description: s.Summary, Canonical: tenants.ItemURL(s.Item), NoIndex: !s.Public, NavKey: "stories"}
	if err := shell.Page(c, props, story(storyProps{s, viewer.SignedIn()})); err != nil {
		return err
	}
	if countable(c) {
		p.count(ctx, item)
	}
	return nil
}

// count counts the reader. The page is there already: that it could not be counted is for the log.
func (p *Pages) count(ctx context.Context, item id.Item) {
	if err := p.svc.CountSeen(ctx, item); err != nil && !errors.Is(err, context.Canceled) {
		slog.WarnContext(ctx, "count reader", "item", item, "error", err)
	}
}

// robots are parts of the names by which programs that read pages call themselves.
var robots = []string{"bot", "crawl", "spider", "slurp", "preview", "facebookexternalhit", "curl", "wget", "python", "go-http-client", "headless", "monitor"}

// countable reports whether a person seems to read: no robot, and no browser that fetches ahead of a click.
func countable(c *fiber.Ctx) bool {
	agent := strings.ToLower(c.Get(fiber.HeaderUserAgent))
	if agent == "" || c.Method() != fiber.MethodGet || strings.Contains(c.Get("Sec-Purpose"), "prefetch") || strings.Contains(c.Get("Purpose"), "prefetch") {
		return false
	}
	for _, r := range robots {
		if strings.Contains(agent, r) {
			return false
		}
	}
	return true
}
