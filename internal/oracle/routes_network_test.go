package oracle_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/oracle"
)

// joined is one inventory of several.
func joined(list ...map[string]route) map[string]route {
	out := map[string]route{}
	for _, m := range list {
		maps.Copy(out, m)
	}
	return out
}

// networkRoutes are the routes of connections, agreements, invitations and of what is shared.
var networkRoutes = map[string]route{
	"GET /network": {kind: list, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/network", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /network.csv":           {kind: list, asks: desk("/network.csv")},
	"GET /network/invite":        {kind: page, asks: desk("/network/invite")},
	"GET /partners/offer":        {kind: page, asks: desk("/partners/offer")},
	"GET /network/:slug":         {kind: page, asks: deals("", true)},
	"GET /network/:slug/view":    {kind: list, asks: deals("/view", true)},
	"GET /network/:slug/counter": {kind: page, asks: settled("/counter")},
	"GET /network/:slug/end":     {kind: page, asks: settled("/end")},
	"GET /sharing": {kind: list, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/sharing", about: shelf(orgOf(r)), ok: 200, open: true}}
	}},
	"GET /sharing/:slug":            {kind: page, asks: shelves("", true)},
	"GET /sharing/:slug/visibility": {kind: page, asks: shelves("/visibility", false)},
	"GET /invite/:token": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/invite/" + strings.Repeat("A", 43), never: true}}
	}},

	"POST /network/invite":           {kind: write, post: posts("/network/invite", "with=nobody.example")},
	"POST /network/:slug/sign":       {kind: write, post: strangers("/sign", "version=1&read=1&hash="+strings.Repeat("00", 32))},
	"POST /network/:slug/counter":    {kind: write, post: strangers("/counter", "version=1&finish_days=10")},
	"POST /network/:slug/decline":    {kind: write, post: strangers("/decline", "version=1")},
	"POST /network/:slug/withdraw":   {kind: write, post: strangers("/withdraw", "version=1")},
	"POST /network/:slug/pause":      {kind: write, post: strangers("/pause", "")},
	"POST /network/:slug/mails":      {kind: write, post: strangers("/mails", "mails=off")},
	"POST /network/:slug/resume":     {kind: write, post: strangers("/resume", "")},
	"POST /network/:slug/end":        {kind: write, post: strangers("/end", "how=now&name=x")},
	"POST /sharing":                  {kind: write, post: posts("/sharing", "title=")},
	"POST /sharing/:slug":            {kind: write, post: foreignShelves("", "title=Mine")},
	"POST /sharing/:slug/add":        {kind: write, post: foreignShelves("/add", "item=01a21306-28be-7092-bb09-9f3a7379a7ff")},
	"POST /sharing/:slug/remove":     {kind: write, post: foreignShelves("/remove", "item=01a21306-28be-7092-bb09-9f3a7379a7ff")},
	"POST /sharing/:slug/visibility": {kind: write, post: foreignShelves("/visibility", "to=public")},
	"POST /partners/offer":           {kind: write, post: posts("/partners/offer", "list=")},
	"POST /invite/:token":            {kind: write, post: posts("/invite/"+strings.Repeat("A", 43), "person=x")},
}

func desk(target string) func(*site, *reader) []ask {
	return func(_ *site, r *reader) []ask {
		return []ask{{target: target, about: &oracle.Object{Kind: oracle.Desk, Org: orgOf(r)}, ok: 200, open: true}}
	}
}

// deals asks for the connection with every organization, and with one that is not there.
func deals(rest string, open bool) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		out := []ask{{target: "/network/nobody" + rest, never: true}}
		for _, o := range s.orgs {
			if o != r.org {
				out = append(out, ask{target: "/network/" + o.slug + rest, about: &oracle.Object{Kind: oracle.Deal, Org: orgOf(r), Other: o.id.String()}, ok: 200, open: open})
			}
		}
		return out
	}
}

// settled asks for a page only of connections in which something may be done there, and of those that never were; from the others it
// leads back to the connection.
func settled(rest string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		return slices.DeleteFunc(deals(rest, false)(s, r), func(a ask) bool {
			if a.never {
				return false
			}
			state := s.model.Sides[[2]string{a.about.Other, orgOf(r)}].State
			return state != "" && state != "active"
		})
	}
}

func shelf(org string) *oracle.Object { return &oracle.Object{Kind: oracle.Shelf, Org: org} }

// shelves asks for every collection of every organization; the address names those of the reader's own alone, so that a foreign
// one is asked for only where no own one is called the same.
func shelves(rest string, open bool) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		out := []ask{{target: "/sharing/nothing" + rest, never: true}}
		own := s.shelvesOf(orgOf(r))
		for _, c := range s.colls {
			if c.Org != orgOf(r) && own[s.slugs[c.ID]] {
				continue
			}
			out = append(out, ask{target: "/sharing/" + s.slugs[c.ID] + rest, about: shelf(c.Org), ok: 200, open: open})
		}
		return out
	}
}

// strangers sends a move to every organization that the second one never had to do with, and to one that is not there.
func strangers(rest, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/network/nobody" + rest, body}}
		for _, o := range s.orgs {
			if o != s.orgs[1] && s.model.Sides[[2]string{o.id.String(), s.orgs[1].id.String()}].State == "" {
				out = append(out, form{"/network/" + o.slug + rest, body})
			}
		}
		return out
	}
}

// foreignShelves sends a change to every collection of the others.
func foreignShelves(rest, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/sharing/nothing" + rest, body}}
		own := s.shelvesOf(s.orgs[1].id.String())
		for _, c := range s.colls {
			if c.Org != s.orgs[1].id.String() && !own[s.slugs[c.ID]] {
				out = append(out, form{"/sharing/" + s.slugs[c.ID] + rest, body})
			}
		}
		return out
	}
}

// shelvesOf is what the collections of an organization are called in addresses.
func (s *site) shelvesOf(org string) map[string]bool {
	out := map[string]bool{}
	for _, c := range s.colls {
		if c.Org == org {
			out[s.slugs[c.ID]] = true
		}
	}
	return out
}
