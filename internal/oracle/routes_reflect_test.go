package oracle_test

import (
	"math/rand/v2"
	"regexp"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
)

var moreThoughts = regexp.MustCompile(`href="(/reflections\?[^"]*after=[^"]*)"`)

// reflectRoutes are what somebody wrote down while they learned, and what others share with them.
var reflectRoutes = map[string]route{
	"GET /reflections": {kind: list, asks: func(s *site, r *reader) []ask {
		var lines []listed
		for _, h := range s.world.thoughts {
			if h.ob.Member != r.who.Member || h.ob.Org != r.who.Org {
				lines = append(lines, listed{ob: h.ob, as: h.body, must: true})
			}
		}
		mine := &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}
		return []ask{{target: "/reflections?tab=shared", about: mine, ok: 200, open: true, lists: lines, more: moreThoughts}, {target: "/reflections", about: mine, ok: 200, open: true}}
	}},
	"GET /reflections/mine.csv": {kind: list, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/reflections/mine.csv", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /reflections/:id": {kind: page, asks: func(s *site, _ *reader) (out []ask) {
		for _, h := range s.world.thoughts {
			out = append(out, ask{target: "/reflections/" + h.ob.ID, id: h.ob.ID, about: h.ob, ok: 200})
		}
		return out
	}},
	"POST /reflections/:id": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, h := range s.world.thoughts {
			for _, body := range []string{"do=back", "do=drop", "do=share&with=colleague&colleague=mine", "do=share&with=reader&reader=" + nobody, "do=share&with=group&group=" + nobody} {
				out = append(out, form{"/reflections/" + h.ob.ID, body})
			}
		}
		return out
	}},
}

// sharedThought is what somebody shares of a reflection.
type sharedThought struct {
	ob   *oracle.Object
	body string // canary
}

// tryTogether lets all of an organization but the last take a path together, and show each other what they tried.
func (w *world) tryTogether(o *org) {
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 31))
	defer func() { w.r = before }()
	cohort, last := w.cohorts[o.id.String()], o.members[len(o.members)-1]
	for _, m := range o.members {
		if m == last {
			continue
		}
		if m != o.members[0] {
			w.exec(o, `INSERT INTO cohort_people (org_id, cohort_id, membership_id, joined_at) VALUES ($1, $2, $3, now())`, o.id, cohort, m)
			w.put("cohort_people", o.id.String()+" "+cohort.String()+" "+m.String(), &oracle.Object{Kind: oracle.House, Org: o.id.String()})
		}
		it, try := pick(w.r, w.items), id.New[id.Any]()
		secret := &oracle.Object{Kind: oracle.Private, Org: o.id.String(), Member: m.String()}
		ob := &oracle.Object{Kind: oracle.Tried, Org: o.id.String(), ID: try.String(), Member: m.String(), Other: last.String()}
		w.exec(o, `INSERT INTO tryouts (org_id, tryout_id, membership_id, item_org, item_id, lesson_key, try_key, root_kind, root_id, title, what, by_day, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 'a', 'together', 'course', $5, $6, $7, current_date, now(), now())`,
			o.id, try, m, it.Org, it.ID, w.field(secret, "tryouts.title"), w.field(secret, "tryouts.what"))
		w.exec(o, `INSERT INTO cohort_tries (org_id, cohort_id, tryout_id, membership_id, title, what, outcome, said, shared_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'tried', now())`,
			o.id, cohort, try, m, w.field(ob, "cohort_tries.title"), w.field(ob, "cohort_tries.what"), w.field(ob, "cohort_tries.outcome"))
		w.put("cohort_tries", try.String(), ob)
		if m == o.members[0] {
			w.shareThought(o, it, &oracle.Object{Kind: oracle.Thought, Org: o.id.String(), Member: m.String(), Other: last.String(), Done: true}, "cohort_id", cohort, "")
		}
	}
}

// shareThought lets the member of ob share what they wrote on an item with the group or cohort of the column, under a name or none.
func (w *world) shareThought(o *org, it, ob *oracle.Object, column string, with id.Any, name string) {
	ob.ID = id.New[id.Any]().String()
	secret := &oracle.Object{Kind: oracle.Private, Org: ob.Org, Member: ob.Member}
	body := w.field(ob, "reflection_shares.body")
	w.exec(o, `INSERT INTO reflections (org_id, membership_id, item_org, item_id, lesson_key, reflection_key, reflection_id, root_kind, root_id, title, asked, body, updated_at) VALUES ($1, $2, $3, $4, 'a', $5, $6, 'course', $4, $7, $8, $9, now())`,
		o.id, ob.Member, it.Org, it.ID, "with-"+with.String(), ob.ID, w.field(secret, "reflections.title"), w.field(secret, "reflections.asked"), w.field(secret, "reflections.body"))
	w.exec(o, `INSERT INTO reflection_shares (org_id, reflection_id, membership_id, item_org, item_id, reader_org, `+column+`, shown_name, body, shared_at) VALUES ($1, $2, $3, $4, $5, $1, $6, $7, $8, now())`,
		o.id, ob.ID, ob.Member, it.Org, it.ID, with, name, body)
	w.put("reflection_shares", ob.ID, ob)
	w.thoughts = append(w.thoughts, sharedThought{ob, body})
}

// think lets each member of an organization share what they wrote: by turns with a colleague, with the team of the two first, and with
// somebody of another organization, with and without the name.
func (w *world) think(o *org) {
	// By chance of its own: the rest of the world is what it was.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 29))
	defer func() { w.r = before }()
	for i, m := range o.members {
		for n, with := range []string{"colleague", "team", "other", "other", "alone"} {
			if with == "team" && i > 1 || with == "alone" && i > 0 {
				continue // The team has two people, and another one has one.
			}
			it := pick(w.r, w.items)
			ob := &oracle.Object{Kind: oracle.Thought, Org: o.id.String(), ID: id.New[id.Any]().String(), Member: m.String()}
			to, reader, shown := o, o.members[(i+1)%len(o.members)], ""
			var team, met any
			switch with {
			case "team":
				reader, team = o.members[1-i], w.crews[o.id.String()]
			case "alone":
				own := id.New[id.Any]()
				w.exec(o, `INSERT INTO teams (org_id, team_id, name) VALUES ($1, $2, $3)`, o.id, own, w.field(&oracle.Object{Kind: oracle.House, Org: o.id.String()}, "teams.name"))
				w.exec(o, `INSERT INTO team_members (org_id, team_id, membership_id) VALUES ($1, $2, $3)`, o.id, own, m)
				reader, team = m, own
			case "other":
				to = w.orgs[(n+w.r.IntN(len(w.orgs)))%len(w.orgs)]
				if to == o {
					continue
				}
				reader, met = pick(w.r, to.members), id.New[id.Any]()
				if w.rich && n == 3 { // The row itself holds the name; whether it is told is decided where it is read.
					ob.Shown, shown = "name", w.byKey[m.String()]
				}
			}
			ob.Other = reader.String()
			var one any = reader
			if team != nil {
				one = nil
			}
			secret := &oracle.Object{Kind: oracle.Private, Org: ob.Org, Member: ob.Member}
			body := w.field(ob, "reflection_shares.body")
			w.exec(o, `INSERT INTO reflections (org_id, membership_id, item_org, item_id, lesson_key, reflection_key, reflection_id, root_kind, root_id, title, asked, body, updated_at) VALUES ($1, $2, $3, $4, 'a', $5, $6, 'course', $4, $7, $8, $9, now())`,
				o.id, m, it.Org, it.ID, "shared-"+with+string(rune('0'+n)), ob.ID, w.field(secret, "reflections.title"), w.field(secret, "reflections.asked"), w.field(secret, "reflections.body"))
			w.exec(o, `INSERT INTO reflection_shares (org_id, reflection_id, membership_id, item_org, item_id, reader_org, reader, team_id, met_in, shown_name, body, shared_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())`,
				o.id, ob.ID, m, it.Org, it.ID, to.id, one, team, met, shown, body)
			w.put("reflection_shares", ob.ID, ob)
			w.thoughts = append(w.thoughts, sharedThought{ob, body})
		}
	}
}
