package pages

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type listProps struct {
	community.Recent
	tab    string
	after  string
	member bool
}

func (l listProps) href(tab, after string) string {
	q := url.Values{}
	if tab != "" {
		q.Set("tab", tab)
	}
	if after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return "/community"
	}
	return "/community?" + q.Encode()
}

func (l listProps) next() string {
	if l.Next == "" {
		return ""
	}
	return l.href(l.tab, l.Next)
}

// first leads back to the beginning of a list that is read by its last row.
func (l listProps) first() string {
	if l.after == "" {
		return ""
	}
	return l.href(l.tab, "")
}

func (p *Pages) list(c *fiber.Ctx) error {
	ctx := c.UserContext()
	viewer, err := scope.From(ctx)
	if err != nil {
		return err
	}
	l := listProps{after: c.Query("after"), member: viewer.SignedIn()}
	switch tab := c.Query("tab"); {
	case tab == community.TabUnanswered, tab == community.TabMine && l.member:
		l.tab = tab
	}
	if l.Recent, err = p.svc.Recent(ctx, community.ListFilter{Tab: l.tab, After: l.after}); err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "community.list.title"), NavKey: "community"}, list(l))
}

func (p *Pages) resource(c *fiber.Ctx) error {
	item, err := itemOf(c.Params("id"))
	if err != nil {
		return err
	}
	r, err := p.svc.Resource(c.UserContext(), item)
	if err != nil {
		return err
	}
	if c.Params("slug") != r.Slug {
		return c.Redirect(resourceHref(r), fiber.StatusPermanentRedirect)
	}
	return shell.Page(c, ui.PageProps{Title: r.Title, Description: r.Summary, Canonical: resourceHref(r), NavKey: "learn"}, resource(r))
}

func notFound(err error) error { return errs.New(errs.NotFound, "%w", err) }
