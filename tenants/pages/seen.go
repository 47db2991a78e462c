package pages

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// seen is what another organization can see of one's own, as cards.
func (p *Pages) seenBy(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	o, err := p.svc.BySlug(ctx, c.Params("slug"))
	if err != nil {
		return err
	}
	var after *tenants.Item
	if s := c.Query("after"); s != "" {
		item, err := id.Parse[id.Item](s)
		at, terr := time.Parse(time.RFC3339Nano, c.Query("at"))
		if err != nil || terr != nil {
			return errs.New(errs.NotFound, "place in the list %q", s)
		}
		after = &tenants.Item{ItemID: item, PublishedAt: &at}
	}
	public := c.Query("of") == "everybody"
	v, err := p.svc.SeenBy(ctx, o, public, after, 24)
	if err != nil {
		return err
	}
	view := seenView{SeenBy: v, Own: shell.From(ctx).Org, Them: orgUI(o), Public: public}
	if v.More {
		last := v.Items[len(v.Items)-1]
		view.Next = view.address(public) + sep(public) + "after=" + last.ItemID.String() + "&at=" + last.PublishedAt.UTC().Format(time.RFC3339Nano)
	}
	if after != nil {
		view.First = view.address(public)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "tenants.seen.title", "Org", o.Name), NavKey: "network", Layout: ui.Work, NoIndex: true}, seenPage(view))
}

type seenView struct {
	tenants.SeenBy

	Own, Them   ui.Org
	Public      bool
	First, Next string
}

func (v seenView) address(public bool) string {
	if public {
		return "/network/" + v.Other.Slug + "/view?of=everybody"
	}
	return "/network/" + v.Other.Slug + "/view"
}

func sep(query bool) string {
	if query {
		return "&"
	}
	return "?"
}
