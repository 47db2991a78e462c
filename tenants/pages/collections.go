package pages

import (
	"context"
	"net/url"
	"strings"
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

type sharingView struct {
	List               []tenants.SharedCollection
	Now                time.Time
	Own                ui.Org
	Title, Description string // of the form for a new one
	Faults             ui.Faults
}

func (p *Pages) sharing(c *fiber.Ctx) error {
	return p.showSharing(c, sharingView{}, fiber.StatusOK)
}

func (p *Pages) showSharing(c *fiber.Ctx, v sharingView, status int) error {
	ctx := c.UserContext()
	var err error
	if v.List, err = p.svc.Sharing(ctx); err != nil {
		return err
	}
	v.Now, v.Own = p.now(), shell.From(ctx).Org
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "tenants.sharing.title"), NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash(c)}, sharingPage(v))
}

func (p *Pages) createCollection(c *fiber.Ctx) error {
	v := sharingView{Title: c.FormValue("title"), Description: c.FormValue("description")}
	col, err := p.svc.CreateCollection(c.UserContext(), v.Title, v.Description)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showSharing(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/sharing/"+col.Slug+"?done=created", fiber.StatusSeeOther)
}

type collectionView struct {
	tenants.CollectionView

	Own         ui.Org
	Find        string
	To          string // the visibility that is asked about; "" for the page itself
	Title, Text string
	Faults      ui.Faults
	First, Next string
}

func (v collectionView) at() string { return "/sharing/" + v.Shared.Slug }

func (p *Pages) readCollection(c *fiber.Ctx) (collectionView, error) {
	f := tenants.CollectionFilter{Slug: c.Params("slug"), Find: strings.TrimSpace(c.Query("find")), Limit: pageSize}
	if len([]rune(f.Find)) > 100 || strings.ContainsRune(f.Find, 0) {
		return collectionView{}, errs.New(errs.Invalid, "words too long")
	}
	if after := c.Query("after"); after != "" {
		item, err := id.Parse[id.Item](after)
		if err != nil {
			return collectionView{}, errs.New(errs.NotFound, "place in the list: %w", err)
		}
		f.AfterID, f.AfterName = item, c.Query("name")
	}
	cv, err := p.svc.CollectionView(c.UserContext(), f)
	if err != nil {
		return collectionView{}, err
	}
	v := collectionView{CollectionView: cv, Own: shell.From(c.UserContext()).Org, Find: f.Find, Title: cv.Shared.Title, Text: cv.Shared.Description}
	if cv.More {
		last := cv.Items[len(cv.Items)-1]
		v.Next = v.at() + "?after=" + last.ItemID.String() + "&name=" + escape(strings.ToLower(last.Title))
	}
	if f.AfterName != "" {
		v.First = v.at()
	}
	return v, nil
}

func (p *Pages) showCollection(c *fiber.Ctx, v collectionView, status int) error {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Shared.Title, NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash(c)}, collectionPage(v))
}

func (p *Pages) collection(c *fiber.Ctx) error {
	v, err := p.readCollection(c)
	if err != nil {
		return err
	}
	return p.showCollection(c, v, fiber.StatusOK)
}

func (p *Pages) renameCollection(c *fiber.Ctx) error {
	title, text := c.FormValue("title"), c.FormValue("description")
	err := p.svc.RenameCollection(c.UserContext(), c.Params("slug"), title, text)
	if faults := ui.FaultsIn(c.UserContext(), err); len(faults) > 0 {
		v, err := p.readCollection(c)
		if err != nil {
			return err
		}
		v.Title, v.Text, v.Faults = title, text, faults
		return p.showCollection(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/sharing/"+c.Params("slug")+"?done=saved", fiber.StatusSeeOther)
}

// changeItem adds an item to the collection or takes it out.
func (p *Pages) changeItem(do func(ctx context.Context, slug string, item id.Item) error, what string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		item, err := id.Parse[id.Item](c.FormValue("item"))
		if err != nil {
			return errs.New(errs.NotFound, "item: %w", err)
		}
		if err := do(c.UserContext(), c.Params("slug"), item); err != nil {
			return err
		}
		back := "/sharing/" + c.Params("slug") + "?done=" + what
		if find := strings.TrimSpace(c.FormValue("find")); find != "" {
			back += "&find=" + escape(find) + "#add"
		}
		return c.Redirect(back, fiber.StatusSeeOther)
	}
}

// askVisibility says what opening or closing the collection does, before it is done.
func (p *Pages) askVisibility(c *fiber.Ctx) error {
	if err := authz.Check(c.UserContext(), authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	to := c.Query("to")
	v, err := p.readCollection(c)
	if err != nil {
		return err
	}
	if to != tenants.Internal && to != tenants.ByAgreement && to != tenants.Public {
		return errs.New(errs.NotFound, "visibility %q", to)
	}
	if to == v.Shared.Visibility {
		return c.Redirect(v.at(), fiber.StatusSeeOther)
	}
	v.To = to
	return p.showCollection(c, v, fiber.StatusOK)
}

func (p *Pages) setVisibility(c *fiber.Ctx) error {
	to := c.FormValue("to")
	if err := p.svc.SetVisibility(c.UserContext(), c.Params("slug"), to); err != nil {
		return err
	}
	return c.Redirect("/sharing/"+c.Params("slug")+"?done="+to, fiber.StatusSeeOther)
}

func visibilityKind(v string) string {
	switch v {
	case tenants.Public:
		return ui.Info
	case tenants.ByAgreement:
		return ui.OK
	}
	return ui.Neutral
}

// seenSoFar says for how long a public collection was open to everybody, and how often it was opened as far as that is counted.
func (v collectionView) seenSoFar(ctx context.Context) string {
	if v.Shared.PublicAt == nil {
		return ""
	}
	days := int(v.Now.Sub(*v.Shared.PublicAt).Hours() / 24)
	text := lang.T(ctx, "tenants.visibility.was_public", "Date", lang.Date(ctx, *v.Shared.PublicAt), "Count", days)
	if v.Seen > 0 {
		return text + " " + lang.T(ctx, "tenants.visibility.was_seen", "Count", v.Seen)
	}
	return text + " " + lang.T(ctx, "tenants.visibility.not_counted")
}

// consequences are what a change of visibility does, line by line.
func (v collectionView) consequences(ctx context.Context) []string {
	s := v.Shared
	out := []string{lang.T(ctx, "tenants.visibility.to_"+v.To, "Count", s.Items)}
	if v.To != tenants.Public && v.Elsewhere > 0 {
		out = append(out, lang.T(ctx, "tenants.visibility.elsewhere", "Count", v.Elsewhere))
	}
	if s.Visibility == tenants.Public {
		if text := v.seenSoFar(ctx); text != "" {
			out = append(out, text)
		}
		out = append(out, lang.T(ctx, "tenants.visibility.copies"))
	}
	switch {
	case v.To == tenants.Internal && s.Opened > 0:
		out = append(out, lang.T(ctx, "tenants.visibility.closes", "Count", s.Opened))
	case v.To != tenants.Internal && s.Opened > 0:
		out = append(out, lang.T(ctx, "tenants.visibility.stays", "Count", s.Opened))
	case v.To == tenants.ByAgreement:
		out = append(out, lang.T(ctx, "tenants.visibility.nobody_yet"))
	}
	if v.To == tenants.Public {
		out = append(out, lang.T(ctx, "tenants.visibility.back"))
	} else {
		out = append(out, lang.T(ctx, "tenants.visibility.progress"))
	}
	return out
}

// visibilities are what a collection can be instead of what it is.
func (v collectionView) visibilities() []string {
	var out []string
	for _, to := range []string{tenants.Public, tenants.ByAgreement, tenants.Internal} {
		if to != v.Shared.Visibility {
			out = append(out, to)
		}
	}
	return out
}

func itemCard(ctx context.Context, own ui.Org, it tenants.Item) ui.PathCardProps {
	p := ui.PathCardProps{Title: it.Title, Href: tenants.ItemURL(it), Slug: it.Slug, Heading: 2, ByLine: lang.T(ctx, "tenants.kind."+it.Kind), Segments: []ui.Segment{{Org: own, Size: 1}}}
	if it.Minutes > 0 {
		p.Meta = append(p.Meta, lang.Minutes(ctx, it.Minutes))
	}
	return p
}

// addWho says who sees what is added, from then on.
func addWho(ctx context.Context, s tenants.SharedCollection) string {
	switch {
	case s.Visibility == tenants.Public:
		return lang.T(ctx, "tenants.sharing.who_public")
	case s.Opened > 0:
		return lang.T(ctx, "tenants.sharing.who_opened", "Count", s.Opened)
	}
	return lang.T(ctx, "tenants.sharing.who_nobody")
}

func escape(s string) string { return url.QueryEscape(s) }
