package oracle_test

import (
	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// caller is somebody who came in by the public door of an organization.
type caller struct {
	org     *org
	id      id.Visitor
	account *oracle.Object
	record  *oracle.Object
	name    string
	email   string
}

// openDoors opens the public door of every organization, lets two people in by each, and has them learn something that is public.
func (w *world) openDoors() {
	w.t.Helper()
	for _, o := range w.orgs {
		w.exec(o, `INSERT INTO public_doors (org_id, open, privacy_url, changed_at) VALUES ($1, true, 'https://door.example/privacy', now())`, o.id)
		for range 2 {
			c := &caller{org: o, id: id.New[id.Visitor]()}
			c.account = &oracle.Object{Kind: oracle.Account, Org: o.id.String(), ID: c.id.String()}
			c.record = &oracle.Object{Kind: oracle.Record, Org: o.id.String(), ID: c.id.String()}
			c.name, c.email = w.token(c.account, "individual"+c.id.String()), w.field(c.account, "individuals.email")+"@mail.example"
			w.fields[c.name] = "individuals.name"
			if err := w.d.Tx(dbtest.System(w.t, scope.SignIn, o.id), func(tx *db.Tx) error {
				_, err := auth.AddIndividual(tx, auth.NewIndividual{ID: c.id, Email: c.email, Name: c.name})
				return err
			}); err != nil {
				w.t.Fatal(err)
			}
			w.execAs(c.scope(), `INSERT INTO visitor_progress (visitor_id, item_org, item_id, lesson_key, version) VALUES ($1, $2, $3, '', 1)`, c.id, o.id, id.New[id.Item]())
			w.put("individuals", c.id.String(), c.account)
			w.put("visitor_progress", c.id.String(), c.record)
			w.callers = append(w.callers, c)
			if o == w.orgs[0] { // Two at one door, who must not know of each other, stand for all.
				w.viewers = append(w.viewers, c.scope())
			}
		}
	}
}

func (c *caller) scope() scope.Scope { return scope.Scope{Actor: scope.Individual, Visitor: c.id} }

// calling gives one who came in by each door a session, and a reader at its host and one at another's.
func (s *site) calling() {
	for i, c := range s.callers {
		if i%2 == 1 {
			continue
		}
		token := secret.NewToken()
		if err := s.d.Tx(dbtest.System(s.t, scope.SignIn, c.org.id), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO individual_sessions (org_id, session_id, token_hash, individual_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, now(), now(), now() + interval '1 day')`,
				c.org.id, id.New[id.Session](), secret.Hash(token), c.id)
			return err
		}); err != nil {
			s.t.Fatal(err)
		}
		s.readers = append(s.readers, &reader{
			name: "individual at " + c.org.slug, host: c.org.slug + "." + base, org: c.org, who: oracle.Viewer{Individual: c.id.String()}, scope: c.scope(), cookie: "ls_door=" + token,
		})
		if i == 0 {
			o := s.orgs[1]
			s.readers = append(s.readers, &reader{name: "individual of " + c.org.slug + " at " + o.slug, host: o.slug + "." + base, org: o, scope: scope.Scope{Actor: scope.Visitor}, cookie: "ls_door=" + token})
		}
	}
}

// ownRecord asks for a page that is the individual's own.
func ownRecord(target string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		about := s.callers[0].record // Of somebody else, for everybody else.
		for _, c := range s.callers {
			if c.id.String() == r.who.Individual {
				about = c.record
			}
		}
		if about == s.callers[0].record && r.who.Individual != about.ID {
			about = &oracle.Object{Kind: oracle.Record, ID: "nobody's"}
		}
		return []ask{{target: target, about: about, ok: 200, open: true}}
	}
}

// individualRoutes are the routes of the public door.
var individualRoutes = map[string]route{
	"GET /door":             {kind: public, asks: plain("/door", "/door?return_to=/learn")},
	"GET /door/sent":        {kind: public, asks: plain("/door/sent")},
	"GET /door/link/:token": {kind: public, asks: plain("/door/link/x")},
	"GET /account":          {kind: page, asks: ownRecord("/account")},
	"GET /account/data.zip": {kind: file, asks: ownRecord("/account/data.zip")},
	"GET /account/erase":    {kind: page, asks: ownRecord("/account/erase")},

	"GET /admin/public-door":       {kind: page, asks: office("/admin/public-door")},
	"GET /admin/public-door/close": {kind: page, asks: office("/admin/public-door/close")},
	"GET /admin/individuals": {kind: list, asks: func(s *site, r *reader) []ask {
		a := office("/admin/individuals")(s, r)
		for _, c := range s.callers {
			a[0].lists = append(a[0].lists, listed{ob: c.account, as: c.name, must: true})
		}
		return a
	}},
	"GET /admin/individuals.csv": {kind: file, asks: office("/admin/individuals.csv")},
	"GET /admin/individuals/:id/remove": {kind: page, asks: func(s *site, _ *reader) (out []ask) {
		out = append(out, ask{target: "/admin/individuals/" + id.New[id.Visitor]().String() + "/remove", never: true})
		for _, c := range s.callers {
			out = append(out, ask{target: "/admin/individuals/" + c.id.String() + "/remove", about: &oracle.Object{Kind: oracle.Office, Org: c.org.id.String()}, id: c.id.String(), ok: 200, open: true})
		}
		return out
	}},

	"POST /door":                    {kind: public, post: posts("/door", "email=nobody")},
	"POST /door/link/:token":        {kind: public, post: posts("/door/link/x", "")},
	"POST /account":                 {kind: write, post: posts("/account", "name=Mine")},
	"POST /account/leave-elsewhere": {kind: write, post: posts("/account/leave-elsewhere", "")},
	"POST /account/erase":           {kind: write, post: posts("/account/erase", "email=somebody@mail.example")},
	"POST /admin/public-door":       {kind: write, post: posts("/admin/public-door", "privacy=https://mine.example/privacy")},
	"POST /admin/public-door/open":  {kind: write, post: posts("/admin/public-door/open", "")},
	"POST /admin/public-door/close": {kind: write, post: posts("/admin/public-door/close", "")},
	"POST /admin/individuals/:id/remove": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, c := range s.callers {
			if c.org != s.orgs[1] {
				out = append(out, form{"/admin/individuals/" + c.id.String() + "/remove", "email=" + c.email})
			}
		}
		return out
	}},
}
