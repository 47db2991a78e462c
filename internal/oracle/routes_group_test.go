package oracle_test

import (
	"math/rand/v2"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// groupRoutes are what a few do together at a step. What they read of each other stands on the pages of lessons.
var groupRoutes = map[string]route{
	"POST /course/:id/:slug/lessons/:lesson/group/:group":   {kind: write, post: groupForms(tenants.KindCourse, "/lessons/a/group/group")},
	"POST /path/:id/:slug/steps/:step/group/:group":         {kind: write, post: groupForms(tenants.KindPath, "/steps/own/group/group", "/steps/s1/group/group")},
	"POST /path/:id/:slug/steps/:step/:lesson/group/:group": {kind: write, post: groupForms(tenants.KindPath, "/steps/s1/a/group/group")},
}

func groupForms(kind string, rest ...string) func(*site, bool) []form {
	return func(s *site, own bool) (out []form) {
		bodies := []string{"do=open&shown_as=name&group_wide=on", "do=join&shown_as=name&group=" + nobody, "do=plan", "do=leave", "do=off", "do=ask", "do=say&group_words=Mine&group_there=" + nobody}
		for _, g := range s.world.circles {
			bodies = append(bodies, "do=join&shown_as=name&group="+g)
		}
		for _, body := range bodies[:min(len(bodies), 10)] {
			out = append(out, s.forms(own, kind, rest, body)...)
		}
		return out
	}
}

// gather lets the first two of an organization open groups: one of their own, one for whoever they meet, and one with the first two of each
// other organization, whether the two are connected or not: they may have been.
func (w *world) gather(o *org) {
	// By chance of its own: the rest of the world is what it was.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 37))
	defer func() { w.r = before }()
	for i, with := range append([]*org{nil, o}, w.orgs...) {
		if i > 1 && with == o {
			continue
		}
		it, group := pick(w.r, w.items), id.New[id.Any]()
		if with != nil && with != o && w.rich {
			it = w.common(o, with, it)
		}
		key := group.String()
		ob := &oracle.Object{Kind: oracle.Circle, Org: o.id.String(), ID: key, Member: o.members[0].String(), Item: it.ID, Done: with != nil}
		var guest any
		people := map[*org][]id.Membership{o: o.members[:2]}
		if with != nil && with != o {
			ob.Other, guest = with.id.String(), with.id
			people[with] = with.members[:2]
		}
		w.exec(o, `INSERT INTO step_groups (org_id, group_id, membership_id, item_org, item_id, lesson_key, block_key, zone, wide, guest_org, most, size, created_at) VALUES ($1, $2, $3, $4, $5, 'a', 'group', $6, $7, $8, 9, 2, now())`,
			o.id, group, o.members[0], it.Org, it.ID, w.field(ob, "step_groups.zone"), with != nil, guest)
		w.put("step_groups", key, ob)
		w.circles = append(w.circles, key)
		for of, list := range people {
			var places []id.Any
			// Of several groups on one step a guest's page shows the last: one in which they are told least, if there is one.
			side, last := w.model.Sides[[2]string{o.id.String(), of.id.String()}], 0
			if side.State == "active" {
				last = map[string]int{"name": 1, "company": 2}[side.Meet]
			}
			for n, m := range list {
				shown, name := "company", ""
				if w.rich { // The row itself holds the name; whether it is told is decided where it is read.
					shown, name = "name", w.byKey[m.String()]
				}
				me, place := &oracle.Object{Kind: oracle.Beside, Org: of.id.String(), ID: key, Member: m.String(), Shown: shown}, id.New[id.Any]()
				if with != nil && of == o { // Whom they meet there.
					me.Other = with.members[0].String()
				} else if of != o {
					me.Other = o.members[0].String()
				}
				room := ""
				if of == o && n == 0 {
					room = "https://" + w.field(me, "step_group_people.room") + ".example/"
				}
				w.exec(of, `INSERT INTO step_group_people (org_id, membership_id, group_id, group_org, place_id, item_org, item_id, lesson_key, block_key, root_kind, root_id, title, shown_as, shown_name, room, joined_at, words, link, said_at)
					VALUES ($1, $2, $3, $4, $5, $6, $7, 'a', 'group', 'course', $7, $8, $9, $10, $11, now() + make_interval(mins => $14), $12, $13, now())`, of.id, m, group, o.id, place, it.Org, it.ID,
					w.field(me, "step_group_people.title"), shown, name, room, w.field(me, "step_group_people.words"), "https://example.org/"+w.field(me, "step_group_people.link"), last)
				w.put("step_group_people", key+" "+m.String(), me)
				if len(places) > 0 {
					w.exec(of, `INSERT INTO step_group_seen (org_id, membership_id, group_id, by_org, by_place, at) VALUES ($1, $2, $3, $1, $4, now())`, of.id, m, group, places[0])
					w.put("step_group_seen", key+" "+m.String(), me)
				}
				places = append(places, place)
				if n == 0 {
					w.shareThought(of, it, &oracle.Object{Kind: oracle.Thought, Org: of.id.String(), Member: m.String(), Group: key, Shown: shownInGroup(name)}, "group_id", group, name)
				}
			}
		}
	}
}

// shownInGroup is how the model calls that a name stands in a row.
func shownInGroup(name string) string {
	if name == "" {
		return ""
	}
	return "name"
}

// common is a course that two organizations see, on whose lesson their people find each other; the other item where there is none.
func (w *world) common(a, b *org, other *oracle.Object) *oracle.Object {
	var both []*oracle.Object
	for _, ob := range w.items {
		if w.pages[ob.ID].kind == tenants.KindCourse && ob.State == "published" && w.model.Sees(oracle.Viewer{Org: a.id.String()}, ob) && w.model.Sees(oracle.Viewer{Org: b.id.String()}, ob) {
			both = append(both, ob)
		}
	}
	if len(both) == 0 {
		return other
	}
	return pick(w.r, both)
}
