package oracle_test

import (
	"maps"
	"slices"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
)

// adoptionRoutes are the routes of the library that an organization keeps.
var adoptionRoutes = map[string]route{
	"GET /library": {kind: list, asks: func(s *site, r *reader) []ask {
		about := &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}
		var lines []listed
		for _, key := range slices.Sorted(maps.Keys(s.at("adoptions").objects)) {
			ob := s.at("adoptions").objects[key]
			lines = append(lines, listed{ob: ob, as: s.byKey[key]})
		}
		return []ask{
			{target: "/library", about: about, ok: 200, open: true, next: "/library?after=", lists: append(lines, s.itemsOn(r, false)...)},
			{target: "/library?part=closed", about: about, ok: 200, open: true, lists: lines},
			{target: "/library?part=waiting", about: about, ok: 200, open: true, lists: lines},
			{target: "/library?part=more", about: about, ok: 200, open: true, lists: s.itemsOn(r, false)},
			{target: "/library?part=none", never: true},
		}
	}},
	"GET /library/:id": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: "/library/" + ob.ID, id: ob.ID, never: true}
			if s.at("adoptions").objects[orgOf(r)+" "+ob.ID] != nil {
				a = ask{target: a.target, about: &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}, ok: 200, open: true}
			}
			out = append(out, a)
		}
		return out
	}},
	"POST /library/:id":          {kind: write, post: libraryForms("", "updates=follow")},
	"POST /library/:id/updates":  {kind: write, post: libraryForms("/updates", "updates=follow")},
	"POST /library/:id/accept":   {kind: write, post: libraryForms("/accept", "version=1")},
	"POST /library/:id/postpone": {kind: write, post: libraryForms("/postpone", "version=1")},
	"POST /library/:id/back":     {kind: write, post: libraryForms("/back", "")},
	"POST /library/:id/remove":   {kind: write, post: libraryForms("/remove", "")},
}

func libraryForms(rest, body string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		var out []form
		for _, ob := range s.world.items {
			out = append(out, form{"/library/" + ob.ID + rest, body})
		}
		return out
	}
}

// takeIn takes into an organization's library what agreements open to it. What a line says when the item has closed is a canary of
// the organization's own.
func (w *world) takeIn(o *org) {
	w.t.Helper()
	for _, it := range w.items {
		err := w.as(o, func(tx *db.Tx) error {
			item := parse[id.Item](w.t, it.ID)
			if err := courses.AdoptItem(tx, courses.Adoption{Item: item, Updates: pick(w.r, []string{courses.Follow, courses.Ask, courses.Stay}), At: tx.Now}); err != nil {
				return err
			}
			key := o.id.String() + " " + it.ID
			ob := &oracle.Object{Kind: oracle.Taken, Org: o.id.String(), Item: it.ID}
			if err := tx.Must(`UPDATE adoptions SET title = $3 WHERE org_id = $1 AND item_id = $2`, o.id, item, w.token(ob, key)); err != nil {
				return err
			}
			w.put("adoptions", key, ob)
			return nil
		})
		if err != nil && !errs.Is(err, errs.NotFound) {
			w.t.Fatal(err)
		}
	}
}
