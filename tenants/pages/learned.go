package pages

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountLearned adds the pages on which two organizations see what one learns about the other's people, from the same rows.
func (p *Pages) mountLearned(r fiber.Router) {
	r.Get("/network/:slug/people", p.learned)
	r.Get("/network/:slug/people.csv", p.exportLearned)
	r.Get("/network/:slug/totals.csv", p.exportTotals)
	r.Get("/network/:slug/ours", p.given)
	r.Get("/network/:slug/ours.csv", p.exportGiven)
}

// learnedSize is how many rows stand on a page.
const learnedSize = 25

// list is what both pages have: a filter, an address, and pages.
type list struct {
	Path       string
	Filter     tenants.LearnedFilter
	States     []string
	Own, Them  ui.Org
	Prev, Next string
}

type learnedView struct {
	tenants.Learned
	list

	Totals tenants.Totals
	Now    time.Time
}

type givenView struct {
	tenants.Given
	list

	Totals tenants.Totals
	Now    time.Time
}

// peer is the other organization of the address; whoever does not manage the network has no such page.
func (p *Pages) peer(c *fiber.Ctx) (tenants.Organization, error) {
	if err := authz.Check(c.UserContext(), authz.ManageNetwork, id.Org{}); err != nil {
		return tenants.Organization{}, err
	}
	return p.svc.BySlug(c.UserContext(), c.Params("slug"))
}

func readLearned(c *fiber.Ctx, states ...string) (tenants.LearnedFilter, error) {
	f := tenants.LearnedFilter{
		Query: strings.TrimSpace(c.Query("q")), State: c.Query("state"), Sort: c.Query("sort"), Desc: c.Query("desc") == "1",
		Page: c.QueryInt("page", 1) - 1, Limit: learnedSize,
	}
	if utf8.RuneCountInString(f.Query) > 100 || !utf8.ValidString(f.Query) || strings.ContainsRune(f.Query, 0) {
		return f, errs.New(errs.Invalid, "query too long")
	}
	return f.Clean(states...), nil
}

// address is the list with the filter; page counts from 0.
func (l list) address(f tenants.LearnedFilter, ext string) string {
	q := url.Values{}
	for k, v := range map[string]string{"q": f.Query, "state": f.State} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if f.Sort != tenants.LearnedByName || f.Desc {
		q.Set("sort", f.Sort)
	}
	if f.Desc {
		q.Set("desc", "1")
	}
	if f.Page > 0 {
		q.Set("page", strconv.Itoa(f.Page+1))
	}
	if len(q) == 0 {
		return l.Path + ext
	}
	return l.Path + ext + "?" + q.Encode()
}

func (l list) sorted(by string) (href, direction string) {
	f := l.Filter
	f.Page = 0
	if f.Sort == by {
		direction = "ascending"
		if f.Desc {
			direction = "descending"
		}
		f.Desc = !f.Desc
	} else {
		// Figures and dates are looked for from the top.
		f.Sort, f.Desc = by, by == tenants.LearnedByProgress || by == tenants.LearnedBySince
	}
	return l.address(f, ""), direction
}

func (l list) filters(ctx context.Context) []ui.Link {
	var out []ui.Link
	for _, s := range append([]string{""}, l.States...) {
		f := l.Filter
		f.State, f.Page = s, 0
		key := s
		if key == "" {
			key = "all"
		}
		out = append(out, ui.Link{Label: lang.T(ctx, "learned.state."+key), Href: l.address(f, ""), Current: s == l.Filter.State})
	}
	return out
}

func (l *list) pages(more bool) {
	f := l.Filter
	if f.Page > 0 {
		f.Page--
		l.Prev = l.address(f, "")
		f.Page++
	}
	if more {
		f.Page++
		l.Next = l.address(f, "")
	}
}

// tabs lead from one side's view to the other's.
func (l list) tabs(ctx context.Context) []ui.Link {
	at := "/network/" + l.Them.Slug
	return []ui.Link{
		{Label: lang.T(ctx, "learned.tab.people"), Href: at + "/people", Current: strings.HasSuffix(l.Path, "/people")},
		{Label: lang.T(ctx, "learned.tab.ours"), Href: at + "/ours", Current: strings.HasSuffix(l.Path, "/ours")},
		{Label: lang.T(ctx, "learned.tab.agreement"), Href: at},
	}
}

func (p *Pages) learned(c *fiber.Ctx) error {
	ctx := c.UserContext()
	o, err := p.peer(c)
	if err != nil {
		return err
	}
	f, err := readLearned(c, "finished", "learning")
	if err != nil {
		return err
	}
	at, err := quarterOf(c)
	if err != nil {
		return err
	}
	v := learnedView{Now: p.now(), list: list{Path: "/network/" + o.Slug + "/people", Filter: f, States: []string{"finished", "learning"}, Own: shell.From(ctx).Org, Them: orgUI(o)}}
	if v.Totals, err = p.svc.TotalsAbout(ctx, o.OrgID, false, at, false); err != nil {
		return err
	}
	if v.Learned, err = p.svc.LearnedAbout(ctx, o.OrgID, f); err != nil {
		return err
	}
	v.pages(v.More)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "learned.people.title", "Org", o.Name), NavKey: "network", Layout: ui.Work, NoIndex: true}, learnedPage(v))
}

func (p *Pages) given(c *fiber.Ctx) error {
	ctx := c.UserContext()
	o, err := p.peer(c)
	if err != nil {
		return err
	}
	f, err := readLearned(c, "known", "ended")
	if err != nil {
		return err
	}
	at, err := quarterOf(c)
	if err != nil {
		return err
	}
	v := givenView{Now: p.now(), list: list{Path: "/network/" + o.Slug + "/ours", Filter: f, States: []string{"known", "ended"}, Own: shell.From(ctx).Org, Them: orgUI(o)}}
	if v.Totals, err = p.svc.TotalsAbout(ctx, o.OrgID, true, at, false); err != nil {
		return err
	}
	if v.Given, err = p.svc.GivenTo(ctx, o.OrgID, f); err != nil {
		return err
	}
	v.pages(v.More)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "learned.ours.title", "Org", o.Name), NavKey: "network", Layout: ui.Work, NoIndex: true}, givenPage(v))
}

func (p *Pages) exportLearned(c *fiber.Ctx) error {
	ctx := c.UserContext()
	o, err := p.peer(c)
	if err != nil {
		return err
	}
	f, err := readLearned(c, "finished", "learning")
	if err != nil {
		return err
	}
	f.Page, f.File = 0, true
	v, err := p.svc.LearnedAbout(ctx, o.OrgID, f)
	if err != nil {
		return err
	}
	rows := [][]string{headings(ctx, "name", "item", "done", "total", "finished", "since")}
	for _, r := range v.Rows {
		rows = append(rows, []string{r.Name, r.Title, strconv.Itoa(r.Done), strconv.Itoa(r.Total), yes(ctx, r.Finished), r.First.UTC().Format(time.DateOnly)})
	}
	return shell.Sheet(c, "people.csv", rows)
}

func (p *Pages) exportGiven(c *fiber.Ctx) error {
	ctx := c.UserContext()
	o, err := p.peer(c)
	if err != nil {
		return err
	}
	f, err := readLearned(c, "known", "ended")
	if err != nil {
		return err
	}
	f.Page, f.File = 0, true
	v, err := p.svc.GivenTo(ctx, o.OrgID, f)
	if err != nil {
		return err
	}
	rows := [][]string{headings(ctx, "name", "item", "done", "total", "finished", "since", "ended")}
	for _, r := range v.Rows {
		rows = append(rows, []string{r.Member, r.Title, strconv.Itoa(r.Done), strconv.Itoa(r.Total), yes(ctx, r.Finished), r.First.UTC().Format(time.DateOnly), sheet.Day(r.Ended)})
	}
	return shell.Sheet(c, "ours.csv", rows)
}

func headings(ctx context.Context, keys ...string) (out []string) {
	for _, k := range keys {
		out = append(out, lang.T(ctx, "learned.head."+k))
	}
	return out
}

func yes(ctx context.Context, b bool) string {
	if b {
		return lang.T(ctx, "learned.yes")
	}
	return ""
}

// share is how far somebody is, 0 to 1.
func share(done, total int, finished bool) float64 {
	if finished {
		return 1
	}
	return float64(done) / float64(max(total, 1))
}

// level says what a side learns, and that nothing passes while it is not in force.
func level(ctx context.Context, state tenants.State, learns string) string {
	switch {
	case learns == "":
		return lang.T(ctx, "learned.level.none")
	case state != tenants.Active:
		return lang.T(ctx, "learned.level.paused")
	}
	return lang.T(ctx, "tenants.learns."+learns)
}

// readsIn sums what was read in the last 30 days.
func readsIn(list []tenants.ReadCount, now time.Time) (n int) {
	for _, r := range list {
		if now.Sub(r.Day) < 30*24*time.Hour {
			n += r.N
		}
	}
	return n
}

func exportOf(l list, there bool) string {
	if !there {
		return ""
	}
	f := l.Filter
	f.Page = 0
	return l.address(f, ".csv")
}

func itemHref(r tenants.LearnedRow) templ.SafeURL {
	return templ.SafeURL((&url.URL{Path: tenants.ItemURL(tenants.Item{ItemID: r.Item, Kind: r.Kind, Slug: r.Slug})}).EscapedPath())
}

// namesNone says why no name stands there.
func namesNone(ctx context.Context, v learnedView) string {
	switch {
	case v.Filter.Query != "" || v.Filter.State != "":
		return lang.T(ctx, "learned.names.no_match")
	case v.State != tenants.Active || tenants.Asks(v.Learns) == "":
		return lang.T(ctx, "learned.names.not_agreed", "Org", v.Other.Name)
	}
	return lang.T(ctx, "learned.names.nobody", "Org", v.Other.Name)
}
