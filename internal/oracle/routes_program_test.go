package oracle_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// programRoutes are the pages of partner programs.
var programRoutes = map[string]route{
	"GET /programs": {kind: list, asks: func(s *site, r *reader) []ask {
		var lines []listed
		for _, key := range slices.Sorted(maps.Keys(s.at("program_partners").objects)) {
			lines = append(lines, listed{ob: s.at("program_partners").objects[key], as: s.byKey["program "+key]})
		}
		return []ask{{target: "/programs", about: board(orgOf(r)), ok: 200, open: true, lists: lines}}
	}},
	"GET /programs/:id":                {kind: page, asks: ofPrograms("", "")},
	"GET /programs/:id/requirements":   {kind: page, asks: ofPrograms("/requirements", "")},
	"GET /programs/:id/write":          {kind: page, asks: ofPrograms("/write", "vendor")},
	"GET /programs/:id/partners.csv":   {kind: file, asks: ofPrograms("/partners.csv", "vendor")},
	"GET /programs/:id/partners/:slug": {kind: page, asks: ofPrograms("/partners/", "partners")},
	"GET /api/v1/programs":             {kind: list, asks: withToken(desk(v1 + "/programs"))},
	"GET /api/v1/programs/:program/standings": {kind: list, asks: withToken(func(s *site, r *reader) []ask {
		var out []ask
		for _, key := range slices.Sorted(maps.Keys(s.at("program_partners").objects)) {
			ob := s.at("program_partners").objects[key]
			a := ask{target: v1 + "/programs/" + ob.ID + "/standings", id: ob.ID, never: true}
			if ob.Org == orgOf(r) {
				a = ask{target: a.target, about: &oracle.Object{Kind: oracle.Desk, Org: ob.Org}, ok: 200, open: true}
			}
			out = append(out, a)
		}
		return out
	})},
	"POST /programs": {kind: write, post: posts("/programs", "name=")},
	"POST /programs/:id": {kind: write, post: func(s *site, _ bool) []form {
		return s.programForms("", "do=accept", "do=decline", "do=leave", "do=back", "do=renew&person="+nobody, "do=offer", "do=close&confirm=Nothing")
	}},
	"POST /programs/:id/write": {kind: write, post: func(s *site, _ bool) []form {
		return s.programForms("/write", "do=save&name=Mine&levels=0", "do=publish&name=Mine&levels=0", "do=discard")
	}},
	"POST /programs/:id/partners/:slug": {kind: write, post: func(s *site, _ bool) []form {
		return s.programForms("/partners/"+s.orgs[0].slug, "do=remove", "do=ask", "do=count&story="+s.world.items[0].ID, "do=drop&story="+s.world.items[0].ID)
	}},
}

func board(org string) *oracle.Object { return &oracle.Object{Kind: oracle.Board, Org: org} }

// ofPrograms asks for a page of every program: its vendor's network managers read all of them, those who look after a partner's people their own.
func ofPrograms(rest, whose string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		var out []ask
		for _, key := range slices.Sorted(maps.Keys(s.at("program_partners").objects)) {
			ob := s.at("program_partners").objects[key]
			a := ask{target: "/programs/" + ob.ID + rest, id: ob.ID, never: true}
			if whose == "partners" {
				a.target += s.owner[ob.Other].slug
			}
			takes := ob.State == "active" && s.model.Sides[[2]string{ob.Org, ob.Other}].State == "active"
			switch orgOf(r) {
			case ob.Org:
				a = ask{target: a.target, about: &oracle.Object{Kind: oracle.Desk, Org: ob.Org}, ok: 200, open: whose != "partners" || takes}
			case ob.Other: // What it was offered it may read, too.
				if whose == "" {
					a = ask{target: a.target, about: board(ob.Other), ok: 200, open: rest == "" || takes}
				}
			}
			out = append(out, a)
		}
		return out
	}
}

// programForms send moves to every program; whoever sends them runs none and may not answer.
func (s *site) programForms(rest string, moves ...string) (out []form) {
	for i, key := range slices.Sorted(maps.Keys(s.at("program_partners").objects)) {
		out = append(out, form{"/programs/" + s.at("program_partners").objects[key].ID + rest, moves[i%len(moves)]})
	}
	if len(out) == 0 {
		out = append(out, form{"/programs/" + id.New[id.Any]().String() + rest, moves[0]})
	}
	return out
}

// runPrograms lets organizations run a program for one partner each: its name is a secret of the two. Some partners take part and stand
// somewhere.
func (w *world) runPrograms() {
	w.t.Helper()
	// Apart from the rest of the world, which stays what it is whatever happens here.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 29))
	defer func() { w.r = before }()
	for _, o := range w.orgs {
		for _, p := range w.orgs {
			key := o.id.String() + " " + p.id.String()
			if o == p || w.model.Sides[[2]string{o.id.String(), p.id.String()}].State != "active" || w.model.Resting[o.id.String()] != "" || w.model.Resting[p.id.String()] != "" || w.chance(.4) {
				continue
			}
			which := id.New[id.Any]()
			ob := &oracle.Object{Kind: oracle.Program, Org: o.id.String(), Other: p.id.String(), ID: which.String(), State: "offered"}
			w.put("program_partners", key, ob)
			name := w.token(ob, "program "+key)
			w.must(o, func(tx *db.Tx) error {
				for _, q := range []string{
					`INSERT INTO programs (org_id, program_id, name, created_at) VALUES ($1, $2, $3, now())`,
					`INSERT INTO program_versions (org_id, program_id, version, levels, grace_days, warn_days, counts_from, published_by, published_at) VALUES ($1, $2, 1, jsonb_build_array(jsonb_build_object('name', $3::text || ' level', 'requires', '[]'::jsonb)), 14, 30, now(), gen_random_uuid(), now())`,
				} {
					if _, err := tx.Exec(q, o.id, which, name); err != nil {
						return err
					}
				}
				_, err := tx.Exec(`INSERT INTO program_partners (org_id, program_id, partner, state, offered_at) VALUES ($1, $2, $3, 'offered', now())`, o.id, which, p.id)
				return err
			})
			if w.chance(.3) {
				continue
			}
			ob.State = "active"
			st := &oracle.Object{Kind: oracle.Standing, Org: ob.Org, Other: ob.Other, ID: ob.ID, State: "active"}
			w.put("standings", key, st)
			w.must(p, func(tx *db.Tx) error {
				return tx.Must(`UPDATE program_partners SET state = 'active', accepted_at = now() WHERE org_id = $1 AND program_id = $2 AND partner = $3`, o.id, which, p.id)
			})
			w.execAs(scope.System(scope.Issuer, p.id), standsSQL, o.id, which, p.id)
		}
	}
}

const standsSQL = `INSERT INTO standings (org_id, program_id, partner, version, level, since, meets, figures, moved_at, reckoned_at) VALUES ($1, $2, $3, 1, 1, now(), 1, '{}', now(), now())`

// programForgeries take part for somebody else, or write where somebody stands.
func (w *world) programForgeries() (out []forgery) {
	const row = ` WHERE org_id = $1 AND program_id = $2 AND partner = $3`
	add := func(what string, by *org, args []any, step string) {
		as := []scope.Scope{signer(by)}
		for _, a := range []scope.Actor{scope.SignIn, scope.Counter, scope.Agreement, scope.Mailer} {
			s := scope.System(a, by.id)
			s.Membership = by.members[0]
			as = append(as, s)
		}
		out = append(out, forgery{what: what, as: as, args: args, steps: []string{step}})
	}
	tried := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.at("program_partners").objects)) {
		ob := w.at("program_partners").objects[key]
		if tried[ob.State] {
			continue // One of each state: every mutant of the wall is tried with all of them.
		}
		tried[ob.State] = true
		vendor, partner := w.owner[ob.Org], w.owner[ob.Other]
		args := []any{vendor.id, parse[id.Any](w.t, ob.ID), partner.id}
		add("take part for the partner", vendor, args, `UPDATE program_partners SET state = 'active', accepted_at = now(), ended_at = NULL, ended_by = NULL`+row+` AND state <> 'active'`)
		add("take part again after the end", partner, args, `UPDATE program_partners SET state = 'active', accepted_at = now(), ended_at = NULL, ended_by = NULL`+row+` AND state = 'ended'`)
		add("end it in the other's name", vendor, args, `UPDATE program_partners SET state = 'ended', ended_at = now(), ended_by = partner`+row+` AND state <> 'ended'`)
		for _, by := range []*org{vendor, partner} {
			add("write where a partner stands", by, args, `UPDATE standings SET level = 7`+row)
			add("write what happened to a standing", by, args, `INSERT INTO standing_changes (org_id, program_id, partner, at, what, level, name, was) VALUES ($1, $2, $3, now(), 'risen', 7, '', '')`)
			add("drop who takes part", by, args, `DELETE FROM program_partners`+row)
			add("change what was published", by, args, `UPDATE program_versions SET grace_days = 0 WHERE org_id = $1 AND program_id = $2 AND $3::uuid IS NOT NULL`)
		}
		add("publish in the vendor's program", partner, args, `INSERT INTO program_versions (org_id, program_id, version, levels, grace_days, warn_days, counts_from, published_by, published_at) SELECT $1, $2, 99, '[]', 0, 0, now(), $3, now()`)
		for _, third := range w.orgs {
			if third != vendor && third != partner {
				add("read who takes part", third, args, `SELECT 1 FROM program_partners`+row)
				add("read where a partner stands", third, args, `SELECT 1 FROM standings`+row)
			}
		}
	}
	return out
}

// programMails reckons the standing of all partners with what counts changed: the mails tell both sides of a program of theirs, and nobody else.
func (s *site) programMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	// Nobody is certified in anything: whoever stands somewhere falls short.
	if _, err := su.Exec(t.Context(), `UPDATE program_versions SET levels = '[{"name": "One", "requires": [{"key": "a", "kind": "stories", "n": 1}]}]'`); err != nil {
		t.Fatal(err)
	}
	for _, o := range s.orgs {
		if _, err := s.portal.Courses.Reckon(jobs.Enter(t.Context(), scope.Issuer, o.id)); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	for _, o := range s.orgs {
		rows, err := su.Query(t.Context(), `SELECT m.subject || E'\n' || m.body, p.membership_id FROM mails m JOIN memberships p ON p.org_id = m.org_id AND p.email = m.recipient WHERE m.org_id = $1 AND m.body LIKE '%/programs/%'`, o.id)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			Text   string
			Member id.Membership
		}])
		if err != nil {
			t.Fatal(err)
		}
		told += len(list)
		for _, m := range list {
			tl := &tally{}
			s.scan(tl, &reader{name: "who looks after partners", org: o, who: oracle.Viewer{Org: o.id.String(), Member: m.Member.String(), Partners: true, Leads: true}}, "mail", "", answer{body: m.Text})
			for _, l := range tl.leaks {
				t.Errorf("LEAK: %s", l)
			}
		}
	}
	if told == 0 {
		t.Error("nobody is told of a standing")
	}
}
