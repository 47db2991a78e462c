package pages

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// networkSize is how many connections stand on a page: each stands in the list of wide windows and in that of phones.
const networkSize = 20

type networkView struct {
	tenants.Portfolio

	Filter      tenants.PortfolioFilter
	Own         ui.Org
	Open        *tenants.PortfolioRow // whose agreement stands beside the list
	Standards   []tenants.Standard    // whose partners can be looked for
	MayShare    bool
	First, Next string
}

// portfolioFilter takes the filter from a form or an address.
func portfolioFilter(value func(string) string) (tenants.PortfolioFilter, error) {
	f := tenants.PortfolioFilter{Query: strings.TrimSpace(value("q")), State: value("state"), Sort: value("sort"), Desc: value("desc") == "1", Tag: value("tag"), Limit: networkSize}
	if utf8.RuneCountInString(f.Query) > 100 || utf8.RuneCountInString(f.Tag) > 100 || !utf8.ValidString(f.Query+f.Tag) || strings.ContainsRune(f.Query+f.Tag, 0) {
		return f, errs.New(errs.Invalid, "query of the network too long")
	}
	var err error
	if who := value("owner"); who != "" {
		if f.Owner, err = id.Parse[id.Membership](who); err != nil {
			return f, errs.New(errs.NotFound, "who looks after partners: %w", err)
		}
	}
	if days := value("ends"); days != "" {
		if f.Ends, err = strconv.Atoi(days); err != nil {
			return f, errs.New(errs.NotFound, "days %q", days)
		}
	}
	if which, version, _ := strings.Cut(value("standard"), "."); which != "" {
		if f.Standard, err = id.Parse[id.Any](which); err == nil && version != "" {
			f.Version, err = strconv.Atoi(version)
		}
		if err != nil {
			return f, errs.New(errs.NotFound, "standard agreement: %w", err)
		}
	}
	return f, nil
}

// filterWords are the filter as fields of an address or a form; what is at rest is left out.
func filterWords(f tenants.PortfolioFilter) map[string]string {
	out := map[string]string{}
	put := func(key, value string, there bool) {
		if there {
			out[key] = value
		}
	}
	put("q", f.Query, f.Query != "")
	put("state", f.State, f.State != "")
	put("sort", f.Sort, f.Sort != "")
	put("desc", "1", f.Desc)
	put("owner", f.Owner.String(), !f.Owner.IsZero())
	put("tag", f.Tag, f.Tag != "")
	put("ends", strconv.Itoa(f.Ends), f.Ends > 0)
	put("standard", standardWord(f.Standard, f.Version), !f.Standard.IsZero())
	return out
}

// standardWord names a standard agreement, or a version of it, in an address.
func standardWord(which id.Any, version int) string {
	if version > 0 {
		return which.String() + "." + strconv.Itoa(version)
	}
	return which.String()
}

// readPortfolio takes the filter from the address; an unreadable place in the list is a missing page.
func readPortfolio(c *fiber.Ctx) (tenants.PortfolioFilter, error) {
	f, err := portfolioFilter(func(key string) string { return c.Query(key) })
	if err != nil {
		return f, err
	}
	if after := c.Query("after"); after != "" {
		o, err := id.Parse[id.Org](after)
		if err != nil {
			return f, errs.New(errs.NotFound, "place in the list: %w", err)
		}
		f.AfterID, f.AfterKey = o, c.Query("key")
		if !utf8.ValidString(f.AfterKey) || strings.ContainsRune(f.AfterKey, 0) {
			return f, errs.New(errs.NotFound, "place in the list")
		}
	}
	return f, nil
}

func (p *Pages) network(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f, err := readPortfolio(c)
	if err != nil {
		return err
	}
	list, err := p.svc.Portfolio(ctx, f)
	if err != nil {
		return err
	}
	v := networkView{Portfolio: list, Filter: f, Own: shell.From(ctx).Org, MayShare: may(ctx, authz.ManageSharing)}
	v.Open = v.opened(c.Query("open"))
	if list.Manages {
		if v.Standards, err = p.svc.Standards(ctx); err != nil {
			return err
		}
	}
	if list.More {
		last := list.Rows[len(list.Rows)-1]
		v.Next = networkAddress("/network", f, "after", last.OrgID.String(), "key", last.Key)
	}
	if !f.AfterID.IsZero() {
		v.First = networkAddress("/network", f)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "tenants.network.title"), NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash(c)}, networkPage(v))
}

// opened is the row that the address asks for, or else the first one that has terms.
func (v networkView) opened(slug string) *tenants.PortfolioRow {
	if !v.Manages {
		return nil
	}
	all := append(append([]tenants.PortfolioRow{}, v.Rows...), v.Map...)
	for i := range all {
		if slug != "" && all[i].Slug == slug {
			return &all[i]
		}
	}
	for i := range v.Rows {
		if v.Rows[i].Terms != nil {
			return &v.Rows[i]
		}
	}
	return nil
}

// may reports whether who acts may do the action, for buttons.
func may(ctx context.Context, a authz.Action) bool {
	sc, err := scope.From(ctx)
	return err == nil && authz.Allowed(sc, a, id.Org{})
}

// networkAddress is the list with the filter's words and more pairs.
func networkAddress(path string, f tenants.PortfolioFilter, kv ...string) string {
	q := url.Values{}
	for k, val := range filterWords(f) {
		q.Set(k, val)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// sorted is the address of the list in the order, turned round if it is in it already.
func (v networkView) sorted(by string) (href, direction string) {
	f := v.Filter
	if f.Sort == by {
		direction = "ascending"
		if f.Desc {
			direction = "descending"
		}
		f.Desc = !f.Desc
	} else {
		// Figures and dates are looked for from the top.
		f.Sort, f.Desc = by, by != tenants.SortName
	}
	return networkAddress("/network", f), direction
}

// filters are the states that there are, with how many connections are in each.
func (v networkView) filters(ctx context.Context) []ui.Link {
	c := v.Counts
	var out []ui.Link
	for _, s := range []struct {
		state string
		n     int
	}{
		{"", c.All},
		{tenants.WaitsUs, c.Us},
		{tenants.WaitsThem, c.Them},
		{string(tenants.Active), c.Active},
		{string(tenants.Paused), c.Paused},
		{string(tenants.Ending), c.Ending},
		{string(tenants.Ended), c.Ended},
		{string(tenants.Declined), c.Declined},
	} {
		if s.n == 0 && s.state != "" && s.state != v.Filter.State {
			continue
		}
		f := v.Filter
		f.State = s.state
		key := s.state
		if key == "" {
			key = "all"
		}
		out = append(out, ui.Link{Label: lang.T(ctx, "tenants.filter."+key), Href: networkAddress("/network", f), Count: s.n, Current: s.state == v.Filter.State})
	}
	return out
}

// nodes are the organizations on the map.
func (v networkView) nodes(ctx context.Context) []ui.MapNode {
	var out []ui.MapNode
	for _, r := range v.Map {
		out = append(out, v.node(ctx, r))
	}
	return out
}

func (v networkView) node(ctx context.Context, r tenants.PortfolioRow) ui.MapNode {
	n := ui.MapNode{Org: rowOrg(r), Flow: r.GivesItems + r.GetsItems, Waits: r.State == tenants.Asked}
	switch {
	case !v.Manages:
		n.Text, n.Flow, n.Href = relation(ctx, r.WeCall), 7, "#list"
	case r.State == tenants.Asked && r.Proposed != nil:
		n.Text = lang.T(ctx, "tenants.network.asked", "When", lang.Ago(ctx, v.Now, *r.Proposed))
	default:
		n.Text = lang.T(ctx, "tenants.network.flow", "Gives", r.GivesItems, "Gets", r.GetsItems)
	}
	if v.Manages {
		n.Href = networkAddress("/network", v.Filter, "open", r.Slug) + "#agreement"
	}
	return n
}

// sum says what passes over all lines of the map.
func (v networkView) sum(ctx context.Context) string {
	if n := v.Counts.All; n > len(v.Map) && len(v.Map) == 10 {
		return lang.T(ctx, "tenants.network.busiest", "Count", len(v.Map), "All", n)
	}
	give, get := 0, 0
	for _, r := range v.Map {
		give, get = give+r.GivesItems, get+r.GetsItems
	}
	return lang.T(ctx, "tenants.network.flow", "Gives", give, "Gets", get)
}

func figure(ctx context.Context, items, collections int) string {
	if items == 0 && collections == 0 {
		return "–"
	}
	return lang.Number(ctx, items)
}

func (p *Pages) exportNetwork(c *fiber.Ctx) error {
	f, err := readPortfolio(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	rows, err := p.svc.ExportPortfolio(ctx, f)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"organization", "portal", "relation", "state", "since", "gives_collections", "gives_items", "gets_collections", "gets_items", "until"} {
		head = append(head, lang.T(ctx, "tenants.csv."+k))
	}
	for _, k := range []string{"account", "standard", "version"} {
		head = append(head, lang.T(ctx, "partner.csv."+k))
	}
	head = append(head, lang.T(ctx, "owner.csv.owner"), lang.T(ctx, "owner.csv.tags"))
	lines := [][]string{head}
	for _, r := range rows {
		var states []string
		for _, s := range rowWords(ctx, r) {
			states = append(states, s.Text)
		}
		end := ""
		if r.Terms != nil {
			end = r.Terms.Until
		}
		if r.Finish != nil && r.State == tenants.Ending {
			end = sheet.Day(r.Finish)
		}
		lines = append(lines, []string{
			r.Name, r.Slug, relation(ctx, r.WeCall), strings.Join(states, "; "), sheet.Day(r.Since),
			strconv.Itoa(r.Gives), strconv.Itoa(r.GivesItems), strconv.Itoa(r.Gets), strconv.Itoa(r.GetsItems), end,
			r.Account, r.Standard, versionCell(r.StandardV), r.OwnerEmail, strings.Join(r.Tags, "; "),
		})
	}
	return shell.Sheet(c, "network.csv", lines)
}

func versionCell(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// standardOptions are the standard agreements and their versions that the list can be narrowed to.
func (v networkView) standardOptions(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "partner.standard.any")}}
	add := func(d tenants.Standard, version int, label string) {
		out = append(out, ui.Option{Value: standardWord(d.ID, version), Label: label, Chosen: v.Filter.Standard == d.ID && v.Filter.Version == version})
	}
	for _, d := range v.Standards {
		add(d, 0, d.Title)
		for n := d.Version; n > max(0, d.Version-5); n-- {
			add(d, n, lang.T(ctx, "batch.version_of", "Title", d.Title, "Version", strconv.Itoa(n)))
		}
	}
	return out
}

// endOptions are the spans in which an end is looked for.
func (v networkView) endOptions(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "partner.ends.any")}}
	for _, days := range []int{7, 30, 90} {
		out = append(out, ui.Option{Value: strconv.Itoa(days), Label: lang.T(ctx, "partner.ends.days", "Count", days), Chosen: v.Filter.Ends == days})
	}
	return out
}

// done are the words of what has just been done, by the value in the address.
var done = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"asked": "tenants.done.asked", "countered": "tenants.done.countered", "signed": "tenants.done.signed", "declined": "tenants.done.declined",
	"withdrawn": "tenants.done.withdrawn", "paused": "tenants.done.paused", "resumed": "tenants.done.resumed", "ended": "tenants.done.ended", "ending": "tenants.done.ending",
	"invited": "partner.done.invited", "nobody": "partner.done.nobody", "published": "partner.done.published", "retired": "partner.done.retired",
	"link_closed": "partner.done.link_closed", "noted": "owner.done.noted", "cancelled": "partner.done.cancelled", "reminded": "partner.done.reminded",
	"mails_on": "notice.done_on", "mails_off": "notice.done_off",
	"created": "tenants.done.created", "saved": "tenants.done.saved", "added": "tenants.done.added", "removed": "tenants.done.removed",
	"public": "tenants.done.public", "agreement": "tenants.done.agreement", "internal": "tenants.done.internal",
}

func flash(c *fiber.Ctx) *ui.Flash {
	key, ok := done[c.Query("done")]
	if !ok {
		return nil
	}
	return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), key)}
}
