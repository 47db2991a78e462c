package oracle_test

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
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
	"GET /library/:id/additions": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: "/library/" + ob.ID + "/additions", id: ob.ID, never: true}
			if s.at("adoptions").objects[orgOf(r)+" "+ob.ID] != nil && s.pages[ob.ID].kind == tenants.KindPath {
				a = ask{target: a.target, about: &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}, ok: 200}
			}
			out = append(out, a)
		}
		return out
	}},
	"GET /slots/:id": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			out = append(out, ask{target: "/slots/" + ob.ID, id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200})
		}
		return out
	}},
	"POST /library/:id/additions":         {kind: write, post: libraryForms("/additions", "do=proposition&proposition=Mine")},
	"POST /library/:id/additions/preview": {kind: write, post: libraryForms("/additions/preview", "do=note&step=own&text=hello")},
	"POST /library/:id/additions/publish": {kind: write, post: libraryForms("/additions/publish", "")},
	"POST /slots/:id": {kind: write, post: func(s *site, _ bool) []form {
		var out []form
		for _, ob := range s.world.items {
			out = append(out, form{"/slots/" + ob.ID, "version=1&proposition=on&note=own"})
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
	// Apart from the rest of the world, which stays what it is whatever happens here.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 17))
	defer func() { w.r = before }()
	w.mayAdd(o)
	for _, it := range w.items {
		err := w.adopt(o, it, pick(w.r, []string{courses.Follow, courses.Ask, courses.Stay}))
		if err == nil && !w.rich { // In a rich one learning adds to what people see there.
			err = w.as(o, func(tx *db.Tx) error { return w.addTo(tx, o, it, pick(w.r, []string{"", "publisher"}), w.chance(.5)) })
		}
		if err != nil && !errs.Is(err, errs.NotFound) {
			w.t.Fatal(err)
		}
	}
}

// adopt takes an item into an organization's library, if it is not there.
func (w *world) adopt(o *org, it *oracle.Object, updates string) error {
	key, item := o.id.String()+" "+it.ID, parse[id.Item](w.t, it.ID)
	if w.at("adoptions").objects[key] != nil {
		return nil
	}
	return w.as(o, func(tx *db.Tx) error {
		if err := courses.AdoptItem(tx, courses.Adoption{Item: item, Updates: updates, At: tx.Now}); err != nil {
			return err
		}
		ob := &oracle.Object{Kind: oracle.Taken, Org: o.id.String(), Other: it.Org, Item: it.ID}
		if err := tx.Must(`UPDATE adoptions SET title = $3 WHERE org_id = $1 AND item_id = $2`, o.id, item, w.token(ob, key)); err != nil {
			return err
		}
		w.put("adoptions", key, ob)
		return nil
	})
}

// mayAdd lets an organization add to one collection of each that it is connected to.
func (w *world) mayAdd(o *org) {
	for _, c := range w.colls {
		if p := w.pact(o, w.owner[c.Org]); p != nil && c.State != "internal" && w.stateOf(p) == "active" && w.slugs[c.ID] == "c1" {
			w.open(c, o, false)
		}
	}
}

// addTo adds to an item, for the own people and for whom the audience and customers say.
func (w *world) addTo(tx *db.Tx, o *org, it *oracle.Object, audience string, customers bool) error {
	key := o.id.String() + " " + it.ID
	add := &oracle.Object{Kind: oracle.Addition, Org: o.id.String(), Other: it.Org, Item: it.ID, Audience: audience, Customers: customers}
	w.put("additions", key, add)
	_, err := tx.Exec(`INSERT INTO additions (org_id, path_org, path_id, proposition, for_publisher, for_customers) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (org_id, path_org, path_id) DO UPDATE SET proposition = excluded.proposition, for_publisher = excluded.for_publisher, for_customers = excluded.for_customers`,
		o.id, parse[id.Org](w.t, it.Org), parse[id.Item](w.t, it.ID), w.field(add, "additions.proposition"), audience != "", customers)
	return err
}

// addForCustomers lets every organization add, for its customers, to what it may add to of those that it is connected to by now.
func (w *world) addForCustomers() {
	n := 0
	for _, o := range w.orgs {
		w.mayAdd(o)
		for _, key := range slices.Sorted(maps.Keys(w.at("collection_items").objects)) {
			l := w.at("collection_items").objects[key]
			it := w.model.Objects["item "+l.Item]
			if w.slugs[l.ID] == "c1" && it.State == "published" && it.Org != o.id.String() && w.pact(o, w.owner[it.Org]) != nil {
				n++
				w.must(o, func(tx *db.Tx) error { return w.addTo(tx, o, it, []string{"", "publisher"}[n%2], true) })
			}
		}
	}
}

// addToStrangers lets the operator open a collection to an organization that is not connected with its owner, which adds to what is in it
// and shows that to the publisher: who reads it must be connected.
func (w *world) addToStrangers() {
	for _, c := range w.colls {
		owner := w.owner[c.Org]
		for _, o := range w.orgs {
			if o == owner || c.State == "internal" || w.slugs[c.ID] != "c1" || w.pact(o, owner) != nil {
				continue
			}
			w.open(c, o, false)
			for _, key := range slices.Sorted(maps.Keys(w.at("collection_items").objects)) {
				if l := w.at("collection_items").objects[key]; l.ID == c.ID && w.model.Objects["item "+l.Item].State == "published" {
					w.must(o, func(tx *db.Tx) error { return w.addTo(tx, o, w.model.Objects["item "+l.Item], "publisher", false) })
				}
			}
		}
	}
}
