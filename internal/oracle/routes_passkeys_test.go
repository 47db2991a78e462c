package oracle_test

import "github.com/learnscape/learnscape/internal/oracle"

// passkeyRoutes are the routes of passkeys, which nobody in the oracle's world has.
var passkeyRoutes = map[string]route{
	"GET /sign-in/passkeys": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/sign-in/passkeys", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /sign-in/passkeys/:id/remove": {kind: page, asks: func(*site, *reader) []ask {
		return []ask{{target: "/sign-in/passkeys/01a21306-28be-7092-bb09-9f3a7379a7ff/remove", never: true}}
	}},
	"POST /sign-in/passkeys":            {kind: write, post: posts("/sign-in/passkeys", "name=mine&credential={}")},
	"POST /sign-in/passkeys/offer":      {kind: write, post: posts("/sign-in/passkeys/offer", "")},
	"POST /sign-in/passkeys/:id/remove": {kind: write, post: posts("/sign-in/passkeys/01a21306-28be-7092-bb09-9f3a7379a7ff/remove", "")},
	"POST /sign-in/passkey/ask":         {kind: public, post: posts("/sign-in/passkey/ask", "")},
	"POST /sign-in/passkey":             {kind: public, post: posts("/sign-in/passkey", "credential={}")},
}
