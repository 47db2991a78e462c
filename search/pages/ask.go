package pages

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/web/ui"
)

// ask is what the address of the search page says. Whatever in it is not understood is left out.
type ask struct {
	Text  string
	By    []id.Org
	Kinds []search.Kind
	Times []search.Time
	Langs []string
	Sort  search.Sort
	Page  int // from 1
}

// The names of the parameters.
const (
	paramText = "q"
	paramBy   = "by"
	paramKind = "kind"
	paramTime = "time"
	paramLang = "lang"
	paramSort = "sort"
	paramPage = "page"
)

// most is how many values of one filter are read.
const most = 50

func readAsk(c *fiber.Ctx) ask {
	a := ask{Text: strings.TrimSpace(c.Query(paramText)), Page: 1, Sort: search.Best}
	if r := []rune(a.Text); len(r) > 300 {
		a.Text = string(r[:300])
	}
	for _, v := range values(c, paramBy) {
		if org, err := id.Parse[id.Org](v); err == nil {
			a.By = append(a.By, org)
		}
	}
	for _, v := range values(c, paramKind) {
		if slices.Contains(search.Kinds(), search.Kind(v)) {
			a.Kinds = append(a.Kinds, search.Kind(v))
		}
	}
	for _, v := range values(c, paramTime) {
		if t := search.Time(v); t == search.Short || t == search.Medium || t == search.Long {
			a.Times = append(a.Times, t)
		}
	}
	for _, v := range values(c, paramLang) {
		if len(v) == 2 && v[0] >= 'a' && v[0] <= 'z' && v[1] >= 'a' && v[1] <= 'z' {
			a.Langs = append(a.Langs, v)
		}
	}
	if s := search.Sort(c.Query(paramSort)); s == search.Newest || s == search.Popular {
		a.Sort = s
	}
	if n, err := strconv.Atoi(c.Query(paramPage)); err == nil && n > 1 && n <= 1000/pageSize {
		a.Page = n
	}
	return a
}

func values(c *fiber.Ctx, name string) []string {
	var out []string
	for _, v := range c.Context().QueryArgs().PeekMulti(name) {
		if s := string(v); len(out) < most && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (a ask) query() search.Query {
	return search.Query{
		Text: a.Text, Orgs: a.By, Kinds: a.Kinds, Times: a.Times, Langs: a.Langs, Sort: a.Sort, Limit: pageSize, Offset: (a.Page - 1) * pageSize,
	}
}

// form lists the parameters but for those that a form has fields for.
func (a ask) form(without ...string) []ui.FormValue {
	var out []ui.FormValue
	add := func(name, value string) {
		if !slices.Contains(without, name) {
			out = append(out, ui.FormValue{Name: name, Value: value})
		}
	}
	if a.Text != "" {
		add(paramText, a.Text)
	}
	for _, v := range a.By {
		add(paramBy, v.String())
	}
	for _, v := range a.Kinds {
		add(paramKind, string(v))
	}
	for _, v := range a.Times {
		add(paramTime, string(v))
	}
	for _, v := range a.Langs {
		add(paramLang, v)
	}
	if a.Sort != search.Best {
		add(paramSort, string(a.Sort))
	}
	if a.Page > 1 {
		add(paramPage, strconv.Itoa(a.Page))
	}
	return out
}

// href is the address of the page that says what a says.
func (a ask) href() string {
	v := url.Values{}
	for _, f := range a.form() {
		v.Add(f.Name, f.Value)
	}
	if len(v) == 0 {
		return "/search"
	}
	return "/search?" + v.Encode()
}

// without is the address with one value of a filter taken away, on the first page.
func (a ask) without(name, value string) string {
	v := url.Values{}
	for _, f := range a.form(paramPage) {
		if f.Name != name || f.Value != value {
			v.Add(f.Name, f.Value)
		}
	}
	return "/search?" + v.Encode()
}

func (a ask) filters() int { return len(a.By) + len(a.Kinds) + len(a.Times) + len(a.Langs) }

// unfiltered is the same question without filters.
func (a ask) unfiltered() ask { return ask{Text: a.Text, Sort: a.Sort, Page: 1} }
