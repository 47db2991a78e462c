package oracle_test

import (
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/oracle"
)

// standardRoutes are the routes of standard agreements, of links to them, and of what is done with many connections at once. The world
// has none of one's own; those of others are asked for by the only thing that leads to them, an identifier that nobody else was told.
var standardRoutes = map[string]route{
	"GET /partners/standards":          {kind: list, asks: desk("/partners/standards")},
	"GET /partners/standards/new":      {kind: page, asks: desk("/partners/standards/new")},
	"GET /partners/standards/:id":      {kind: page, asks: nothingAt("/partners/standards/", "")},
	"GET /partners/standards/:id/edit": {kind: page, asks: nothingAt("/partners/standards/", "/edit")},
	"GET /partners/batches/:id":        {kind: page, asks: nothingAt("/partners/batches/", "")},
	"GET /partners/accounts":           {kind: page, asks: desk("/partners/accounts")},
	"GET /join/:token": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/join/" + strings.Repeat("A", 43), never: true}}
	}},

	"POST /partners/standards":            {kind: write, post: posts("/partners/standards", "title=")},
	"POST /partners/standards/:id":        {kind: write, post: foreignOnes("/partners/standards/", "", "title=Mine&finish_days=3")},
	"POST /partners/standards/:id/retire": {kind: write, post: foreignOnes("/partners/standards/", "/retire", "")},
	"POST /partners/standards/:id/links":  {kind: write, post: foreignOnes("/partners/standards/", "/links", "most=5&until=2027-01-01")},
	"POST /partners/standards/:id/close":  {kind: write, post: foreignOnes("/partners/standards/", "/close", "link="+nobodys)},
	"POST /partners/standards/:id/act":    {kind: write, post: foreignOnes("/partners/standards/", "/act", "action=propose&org="+nobodys)},
	"POST /partners/batches/:id/cancel":   {kind: write, post: foreignOnes("/partners/batches/", "/cancel", "")},
	"POST /partners/act":                  {kind: write, post: posts("/partners/act", "action=burn")},
	"POST /partners/accounts":             {kind: write, post: posts("/partners/accounts", "list=")},
	"POST /join/:token":                   {kind: write, post: posts("/join/"+strings.Repeat("A", 43), "hash="+strings.Repeat("00", 32)+"&read=1&we_call=peer")},
	"POST /network/:slug/remind":          {kind: write, post: strangers("/remind", "")},
	"POST /network/:slug/account":         {kind: write, post: strangers("/account", "account=7")},
}

// nobodys is an identifier of nothing.
const nobodys = "01a21306-28be-7092-bb09-9f3a7379a7ff"

// nothingAt asks for things by identifiers that name none of their kind.
func nothingAt(before, after string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) []ask {
		out := []ask{{target: before + nobodys + after, never: true}, {target: before + "x" + after, never: true}}
		for _, o := range s.orgs {
			out = append(out, ask{target: before + o.id.String() + after, never: true})
		}
		return out
	}
}

// foreignOnes sends a change by identifiers that name nothing of the sender's.
func foreignOnes(before, after, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{before + nobodys + after, body}}
		for _, o := range s.foreign(s.orgs[0]) {
			out = append(out, form{before + o + after, body})
		}
		return slices.Clip(out)
	}
}

var _ = oracle.Desk
