package oracle_test

import (
	"maps"
	"slices"
)

// eyesRoutes are the routes of the list of organizations that were invited. What others invited is asked for by the only thing that
// leads to it, an identifier that nobody else was told.
var eyesRoutes = map[string]route{
	"GET /partners/invitations":     {kind: list, asks: desk("/partners/invitations")},
	"GET /partners/invitations.csv": {kind: list, asks: desk("/partners/invitations.csv")},

	"GET /settings/tokens": {kind: page, asks: func(*site, *reader) []ask { return []ask{{target: "/settings/tokens", ok: 301}} }},
	"GET /setup":           {kind: page, asks: func(*site, *reader) []ask { return []ask{{target: "/setup", ok: 301}} }},

	"POST /partners/invitations/:id/resend":   {kind: write, post: foreignInvitations("/resend")},
	"POST /partners/invitations/:id/withdraw": {kind: write, post: foreignInvitations("/withdraw")},
}

// foreignInvitations sends a move to every invitation of another organization than the second one, and to one that is not there.
func foreignInvitations(rest string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		out := []form{{"/partners/invitations/" + nobodys + rest, ""}}
		sent := s.at("invitations").objects
		for _, which := range slices.Sorted(maps.Keys(sent)) {
			if sent[which].Org != s.orgs[1].id.String() {
				out = append(out, form{"/partners/invitations/" + which + rest, ""})
			}
		}
		return out
	}
}
