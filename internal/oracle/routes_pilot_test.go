package oracle_test

import (
	"math/rand/v2"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// pilotRoutes are versions that some try before all: the page of those who write, and that of those who try, of whom there are none here.
var pilotRoutes = map[string]route{
	"GET /publish/:id/pilot": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			p := s.pages[ob.ID]
			a := ask{target: "/publish/" + ob.ID + "/pilot", id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200}
			if a.never = p.kind != tenants.KindCourse && p.kind != tenants.KindPath || ob.State != "published"; a.never {
				a.about = nil
			}
			out = append(out, a)
		}
		return out
	}},
	"POST /publish/:id/pilot":     {kind: write, post: draftForms("/pilot", "do=release&version=2", "do=back&version=2", "do=begin&edition=1&group=team:"+nobody)},
	"GET /course/:id/:slug/pilot": {kind: page, asks: triedBy(tenants.KindCourse)},
	"GET /path/:id/:slug/pilot":   {kind: page, asks: triedBy(tenants.KindPath)},
	"POST /course/:id/:slug/pilot": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/pilot"}, "body=Mine")
	}},
	"POST /path/:id/:slug/pilot": {kind: write, post: func(s *site, own bool) []form { return s.forms(own, tenants.KindPath, []string{"/pilot"}, "body=Mine") }},
}

func triedBy(kind string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(kind) {
			out = append(out, ask{target: p.href() + "/pilot", id: p.ob.ID, never: true})
		}
		return out
	}
}

// onTrial has some of an organization try a version of two of its items, and of one of them no more: its team, one of those to whom the item
// is open, and one to whom it was. Members of all of them say something of it.
func (w *world) onTrial(o *org) {
	if w.rich {
		return
	}
	before := w.r // By chance of its own: the rest of the world is what it was.
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 41))
	defer func() { w.r = before }()
	owner, n := o.id.String(), 0
	su := superuser(w.t, w.dsn("postgres"))
	exec := func(q string, args ...any) {
		w.t.Helper()
		if _, err := su.Exec(w.t.Context(), q, args...); err != nil {
			w.t.Fatalf("%s: %v", q, err)
		}
	}
	for _, it := range w.items {
		if it.Org != owner || it.State != "published" {
			continue
		}
		var open, shut *org
		for _, v := range w.orgs {
			switch {
			case v == o:
			case !w.model.Sees(oracle.Viewer{Org: v.id.String()}, it):
				shut = v
			case open == nil || w.pact(o, v) != nil:
				open = v
			}
		}
		if open == nil {
			continue
		}
		if n++; n > 3 {
			break
		}
		over := n == 2
		ob := &oracle.Object{Kind: oracle.Trial, Org: owner, ID: it.ID, Item: it.ID, Done: over}
		iid, tok := parse[id.Item](w.t, it.ID), w.token(ob, "trial "+it.ID)
		exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest, pilot) VALUES ($1, $2, 2, $3, '', '[]', '', true)`, o.id, iid, tok)
		exec(`INSERT INTO lessons (org_id, item_id, version, key, position, title, source, blocks, plain, pilot) VALUES ($1, $2, 2, 'trial', 1, $3, $3, '[]', $3, true)`, o.id, iid, tok)
		exec(`INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, blocks, plain, pilot) VALUES ($1, $2, 2, 'trial', 'fr', $3, $3, '[]', $3, true)`, o.id, iid, tok)
		exec(`INSERT INTO pilots (org_id, item_id, version, head, words, begun_by, begun_at, ended_at, outcome) VALUES ($1, $2, 2, jsonb_build_object('title', $3::text), $4, $5, now(), CASE WHEN $6 THEN now() END, CASE WHEN $6 THEN 'back' ELSE '' END)`,
			o.id, iid, tok, w.field(ob, "pilots.words"), o.members[0], over)
		w.put("versions", it.ID+" trial", ob)
		w.put("lessons", it.ID+" trial", ob)
		w.put("lesson_texts", it.ID+" trial", ob)
		w.put("pilots", it.ID, ob)
		group := func(kind string, which id.Any, other string) {
			exec(`INSERT INTO pilot_groups (org_id, item_id, version, kind, group_id) VALUES ($1, $2, 2, $3, $4)`, o.id, iid, kind, which)
			w.put("pilot_groups", it.ID+" "+which.String(), &oracle.Object{Kind: oracle.Tries, Org: owner, Item: it.ID, Other: other})
		}
		group("team", w.crews[owner], "")
		from := []*org{o}
		for _, v := range []*org{open, shut} {
			if v != nil {
				group("org", id.Any(v.id), v.id.String())
				from = append(from, v)
			}
		}
		for _, v := range from {
			for _, m := range v.members[:2] {
				which := id.New[id.Any]()
				said := &oracle.Object{Kind: oracle.Remark, Org: v.id.String(), ID: which.String(), Item: it.ID, Member: m.String(), Other: owner}
				exec(`INSERT INTO pilot_remarks (org_id, remark_id, membership_id, item_org, item_id, version, lesson, body, at) VALUES ($1, $2, $3, $4, $5, 2, $6, $7, now())`,
					v.id, which, m, o.id, iid, w.field(said, "pilot_remarks.lesson"), w.field(said, "pilot_remarks.body"))
				w.put("pilot_remarks", which.String(), said)
			}
		}
	}
}

// pilotForgeries are what nobody says of a version on trial, and nobody does with it: what one does not try, what somebody else says, and
// what another organization gives to all.
func (w *world) pilotForgeries() (out []forgery) {
	const (
		learn  = `INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin) VALUES ($1, gen_random_uuid(), $2, $3, $4, $5, 'choice') ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET version = excluded.version`
		remark = `INSERT INTO pilot_remarks (org_id, remark_id, membership_id, item_org, item_id, version, body, at) VALUES ($1, gen_random_uuid(), $2, $3, $4, $5, 'x', now())`
	)
	for _, by := range w.orgs {
		as := []scope.Scope{{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}}
		for _, key := range w.shuffled("pilots") {
			ob := w.at("pilots").objects[key]
			iid, owner := parse[id.Item](w.t, key), w.owner[ob.Org]
			mine, theirs := []any{by.id, by.members[0], owner.id, iid}, []any{by.id, by.members[1], owner.id, iid}
			out = append(out,
				forgery{what: "say something of a version that is everybody's", as: as, args: append(mine, 1), steps: []string{learn, remark}},
				forgery{what: "say something in the name of a colleague", as: as, args: append(theirs, 2), steps: []string{learn, remark}})
			if ob.Done || !w.model.Sees(oracle.Viewer{Org: by.id.String(), Member: by.members[0].String()}, ob) {
				out = append(out, forgery{what: "say something of what one does not try", as: as, args: append(mine, 2), steps: []string{learn, remark}})
			}
			if by == owner {
				continue
			}
			for _, table := range []string{"versions", "lessons", "lesson_texts"} {
				out = append(out, forgery{what: "give to all what another organization tries", as: as, args: []any{owner.id, iid}, steps: []string{`UPDATE ` + table + ` SET pilot = false WHERE org_id = $1 AND item_id = $2 AND version = 2`}})
			}
			out = append(out,
				forgery{what: "end what another organization tries", as: as, args: []any{owner.id, iid}, steps: []string{`UPDATE pilots SET ended_at = now(), outcome = 'released' WHERE org_id = $1 AND item_id = $2`}},
				forgery{what: "try what one was not asked to", as: as, args: []any{owner.id, iid, id.New[id.Any]()}, steps: []string{`INSERT INTO pilot_groups (org_id, item_id, version, kind, group_id) VALUES ($1, $2, 2, 'org', $3)`}})
		}
	}
	return out
}
