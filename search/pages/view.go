package pages

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/web/ui"
)

// view is what the page shows.
type view struct {
	Ask           ask
	Field         ui.SearchFieldProps
	Facets        ui.FacetsProps
	HasFacets     bool
	Count, From   string // "43 results", "from 4 organizations"
	Chips         []ui.Link
	ClearHref     string
	Rows          []ui.ResultProps
	Reading       string // what was searched instead; "" if what was typed
	Dropped       string // words that occur nowhere, joined; ""
	Relaxed       bool
	Previous      string
	Next          string
	Sorts         []ui.Option
	NothingTyped  bool
	AskHref       string
	UnfilteredRef string // the same question without filters, if they left nothing
}

func newView(ctx context.Context, a ask, r search.Result) view {
	v := view{Ask: a, NothingTyped: a.Text == "", Reading: r.Reading, Relaxed: r.Relaxed, AskHref: askHref(r)}
	v.Field = ui.SearchFieldProps{Action: "/search", Query: a.Text, Hidden: a.form(paramText, paramPage)}
	if a.Text != "" {
		v.Field.ClearHref = "/search"
	}
	v.Count = lang.T(ctx, "search.results", "Count", r.Total)
	if !r.TotalExact {
		v.Count = lang.T(ctx, "search.results_about", "Count", r.Total)
	}
	if r.Owners > 1 {
		v.From = lang.T(ctx, "search.from", "Count", r.Owners)
	}
	v.Facets = facets(ctx, a, r)
	for _, g := range v.Facets.Groups {
		for _, f := range g.Values {
			v.HasFacets = v.HasFacets || f.Count > 0 || f.Checked
			if f.Checked {
				v.Chips = append(v.Chips, ui.Link{Label: f.Label, Href: a.without(g.Name, f.Value)})
			}
		}
	}
	if len(v.Chips) > 0 {
		v.ClearHref = a.unfiltered().href()
		if len(r.Hits) == 0 {
			v.UnfilteredRef = v.ClearHref
		}
	}
	v.Dropped = strings.Join(r.Dropped, ", ")
	orgs := owners(r)
	for _, h := range r.Hits {
		v.Rows = append(v.Rows, row(ctx, h, orgs))
	}
	if a.Page > 1 {
		b := a
		b.Page--
		v.Previous = b.href()
	}
	if a.Page*pageSize < min(r.Total, 1000) && len(r.Hits) > 0 {
		b := a
		b.Page++
		v.Next = b.href()
	}
	for _, s := range []search.Sort{search.Best, search.Newest, search.Popular} {
		v.Sorts = append(v.Sorts, ui.Option{Value: string(s), Label: lang.T(ctx, "search.sort."+string(s)), Chosen: s == a.Sort})
	}
	return v
}

// askHref is where people are asked: beside what came closest, where those who know it see the question.
func askHref(r search.Result) string {
	for _, h := range r.Hits {
		switch {
		case h.Kind == search.KindQuestion || h.Kind == search.KindGroup:
		case h.Part != "":
			return "/questions/about/" + h.Item.ItemID.String() + "?lesson=" + url.QueryEscape(h.Part)
		default:
			return "/questions/about/" + h.Item.ItemID.String()
		}
	}
	return "/community"
}

func owners(r search.Result) map[id.Org]ui.Org {
	out := make(map[id.Org]ui.Org, len(r.Orgs))
	for k, o := range r.Orgs {
		out[k] = ui.Org{ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name, Short: o.Short, Hue: o.Hue, Chroma: o.Chroma}
	}
	return out
}

func facets(ctx context.Context, a ask, r search.Result) ui.FacetsProps {
	p := ui.FacetsProps{Action: "/search", Hidden: a.form(paramBy, paramKind, paramTime, paramLang, paramPage), Target: "#results", Active: a.filters()}
	orgs := owners(r)
	by := ui.FacetGroup{Name: paramBy, Label: lang.T(ctx, "search.facet.by")}
	for _, o := range a.By {
		if _, ok := r.Counts.Orgs[o]; !ok && orgs[o].Name != "" {
			r.Counts.Orgs[o] = 0
		}
	}
	for _, o := range slices.SortedFunc(maps.Keys(r.Counts.Orgs), func(x, y id.Org) int {
		return cmp.Or(r.Counts.Orgs[y]-r.Counts.Orgs[x], cmp.Compare(orgs[x].Name, orgs[y].Name), cmp.Compare(x.String(), y.String()))
	}) {
		org := orgs[o]
		by.Values = append(by.Values, ui.FacetValue{Value: o.String(), Label: org.Name, Count: r.Counts.Orgs[o], Checked: slices.Contains(a.By, o), Org: &org})
	}
	kinds := ui.FacetGroup{Name: paramKind, Label: lang.T(ctx, "search.facet.kind")}
	for _, k := range search.Kinds() {
		kinds.Values = append(kinds.Values, ui.FacetValue{Value: string(k), Label: lang.T(ctx, "search.kind."+string(k)), Count: r.Counts.Kinds[k], Checked: slices.Contains(a.Kinds, k)})
	}
	times := ui.FacetGroup{Name: paramTime, Label: lang.T(ctx, "search.facet.time")}
	for _, t := range []search.Time{search.Short, search.Medium, search.Long} {
		times.Values = append(times.Values, ui.FacetValue{Value: string(t), Label: lang.T(ctx, "search.time."+string(t)), Count: r.Counts.Times[t], Checked: slices.Contains(a.Times, t)})
	}
	langs := ui.FacetGroup{Name: paramLang, Label: lang.T(ctx, "search.facet.lang")}
	for _, l := range a.Langs {
		if _, ok := r.Counts.Langs[l]; !ok {
			r.Counts.Langs[l] = 0
		}
	}
	for _, l := range slices.SortedFunc(maps.Keys(r.Counts.Langs), func(x, y string) int {
		return cmp.Or(r.Counts.Langs[y]-r.Counts.Langs[x], cmp.Compare(x, y))
	}) {
		langs.Values = append(langs.Values, ui.FacetValue{Value: l, Label: languageName(l), Count: r.Counts.Langs[l], Checked: slices.Contains(a.Langs, l)})
	}
	p.Groups = []ui.FacetGroup{by, kinds, times, langs}
	return p
}

// languageName is the language's name in itself.
func languageName(code string) string {
	tag, err := language.Parse(code)
	if err != nil {
		return code
	}
	name := display.Self.Name(tag)
	if name == "" {
		return code
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

var icons = map[search.Kind]string{ //nolint:gochecknoglobals // Fixed data.
	search.KindPath: "route", search.KindCourse: "graduation-cap", search.KindLesson: "file-text", search.KindStory: "book-open",
	search.KindResource: "clipboard-check", search.KindQuestion: "message-circle-question-mark", search.KindGroup: "users",
}

// rights are the words of the provenance line for what a viewer may do.
var rights = map[string]string{"own": ui.RightOwn, "adapt": ui.RightAdapt, "show": ui.RightShow, "use": ui.RightRead, "read": ui.RightRead} //nolint:gochecknoglobals // Fixed data.

// Row is a hit of a result as a row of results.
func Row(ctx context.Context, r search.Result, hit int) ui.ResultProps {
	return row(ctx, r.Hits[hit], owners(r))
}

func row(ctx context.Context, h search.Hit, orgs map[id.Org]ui.Org) ui.ResultProps {
	p := ui.ResultProps{
		Kind: lang.T(ctx, "search.kind."+string(h.Kind)), KindIcon: icons[h.Kind], Title: spans(h.Title), Text: spans(h.Text), Href: h.URL, Slug: h.Item.ItemID.String(),
		Provenance: ui.ProvenanceProps{Org: orgs[h.Item.OrgID], Verb: ui.SharedBy, Right: rights[h.Right]},
	}
	if h.Lang != "" && h.Lang != string(lang.From(ctx)) {
		p.Lang = h.Lang
	}
	switch {
	case h.Kind == search.KindQuestion:
		question(ctx, h, &p)
		return p
	case h.Right == "own":
		p.Provenance.Verb = ui.WrittenBy
	case h.Kind == search.KindStory:
		p.Provenance.Verb = ui.StoryBy
	}
	switch {
	case h.Context != "":
		p.Label, p.LabelKind = h.Context, ui.Neutral
	case lang.Has("search.level." + h.Item.Level):
		p.Label, p.LabelKind = lang.T(ctx, "search.level."+h.Item.Level), ui.Neutral
	case p.Lang != "":
		p.Label, p.LabelKind = languageName(p.Lang), ui.Neutral
	}
	if h.Part == "" && h.Item.Steps > 0 {
		key := "search.meta.lessons"
		if h.Kind == search.KindPath {
			key = "search.meta.steps"
		}
		p.Meta = append(p.Meta, lang.T(ctx, key, "Count", h.Item.Steps))
	}
	if h.Minutes > 0 {
		p.Meta = append(p.Meta, lang.Minutes(ctx, h.Minutes))
	}
	if h.Part == "" && h.Item.Finished > 0 {
		p.Meta = append(p.Meta, lang.T(ctx, "search.meta.finished", "Count", h.Item.Finished))
	}
	return p
}

// question rows name who asked as far as the asker allowed.
func question(ctx context.Context, h search.Hit, p *ui.ResultProps) {
	p.Provenance.Verb, p.Provenance.Right = ui.AskedBy, ""
	if h.Item.OrgID.IsZero() {
		p.Provenance.Org = ui.Org{Name: lang.T(ctx, "search.someone")}
	} else if h.ShownAs != "" {
		p.Meta = append(p.Meta, h.ShownAs)
	}
	if h.Answers > 0 {
		p.Meta = append(p.Meta, lang.T(ctx, "search.meta.answers", "Count", h.Answers))
	}
	if h.Answered {
		p.Label, p.LabelKind = lang.T(ctx, "search.answered"), ui.OK
	}
}

func spans(in []search.Span) []ui.Span {
	out := make([]ui.Span, len(in))
	for i, s := range in {
		out[i] = ui.Span{Text: s.Text, Mark: s.Mark}
	}
	return out
}

// quickGroups are the instant results: by kind of help, and at the end the way to all of them.
func quickGroups(ctx context.Context, text string, r search.Result) []ui.QuickGroup {
	learn := ui.QuickGroup{Label: lang.T(ctx, "search.quick.learn")}
	answers := ui.QuickGroup{Label: lang.T(ctx, "search.quick.answers")}
	read := ui.QuickGroup{Label: lang.T(ctx, "search.quick.read")}
	orgs := owners(r)
	for _, h := range r.Hits {
		it := ui.QuickItem{Icon: icons[h.Kind], Href: h.URL, Text: spans(h.Title)}
		if o, ok := orgs[h.Item.OrgID]; ok {
			it.Org = &o
		}
		switch h.Kind {
		case search.KindQuestion:
			answers.Items = append(answers.Items, it)
		case search.KindStory, search.KindResource, search.KindGroup:
			read.Items = append(read.Items, it)
		case search.KindCourse, search.KindPath, search.KindLesson:
			learn.Items = append(learn.Items, it)
		}
	}
	all := ask{Text: text, Page: 1, Sort: search.Best}
	more := ui.QuickGroup{Label: lang.T(ctx, "search.quick.search")}
	if r.Reading != "" && r.Reading != text {
		b := all
		b.Text = r.Reading
		more.Items = append(more.Items, ui.QuickItem{Icon: "search", Href: b.href(), Text: ui.Plain(r.Reading)})
	}
	more.Items = append(more.Items, ui.QuickItem{Icon: "search", Href: all.href(), Text: ui.Plain(lang.T(ctx, "search.quick.all", "Text", text))})
	return []ui.QuickGroup{learn, answers, read, more}
}

// closeRows are the first of the hits that are not the thing itself, one of each item.
func closeRows(ctx context.Context, r search.Result, but string) []closeRow {
	orgs := owners(r)
	var out []closeRow
	seen := map[string]bool{but: true}
	for _, h := range r.Hits {
		if key := h.Item.ItemID.String(); !seen[key] && len(out) < closeSize {
			seen[key] = true
			out = append(out, closeRow{Title: ui.Unmarked(spans(h.Title)), Href: h.URL, Kind: lang.T(ctx, "search.kind."+string(h.Kind)), Lang: h.Lang, Org: orgs[h.Item.OrgID]})
		}
	}
	return out
}
