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
	"github.com/learnscape/learnscape/internal/scope"
)

// jointRoutes are the pages of what a publisher and an adopter say together of a path.
var jointRoutes = map[string]route{
	"GET /joint": {kind: list, asks: func(s *site, r *reader) []ask {
		var lines []listed
		for _, key := range slices.Sorted(maps.Keys(s.at("joint_propositions").objects)) {
			lines = append(lines, listed{ob: s.at("joint_propositions").objects[key], as: s.byKey["joint "+key]})
		}
		return []ask{{target: "/joint", about: shelf(orgOf(r)), ok: 200, open: true, pages: "page", lists: lines}}
	}},
	"GET /joint/:id": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			out = append(out, ask{target: "/joint/" + ob.ID, id: ob.ID, about: shelf(orgOf(r)), ok: 200})
		}
		return out
	}},
	"GET /joint/:id/:slug": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			out = append(out, ask{target: "/joint/" + ob.ID + "/nobody", id: ob.ID, never: true})
			for _, o := range s.orgs {
				a := ask{target: "/joint/" + ob.ID + "/" + o.slug, id: ob.ID, never: true}
				if o != r.org && (ob.Org == orgOf(r) || ob.Org == o.id.String()) {
					a = ask{target: a.target, about: shelf(orgOf(r)), ok: 200}
				}
				out = append(out, a)
			}
		}
		return out
	}},
	"POST /joint/:id/:slug": {kind: write, post: func(s *site, _ bool) []form {
		var out []form
		moves := []string{"propose&proposition=Mine", "decline&version=1", "withdraw&version=1", "take_back&version=1", "show&version=1&for_customers=on"}
		for i, ob := range s.world.items {
			out = append(out, form{"/joint/" + ob.ID + "/" + s.orgs[i%len(s.orgs)].slug, "do=" + moves[i%len(moves)]})
		}
		return out
	}},
}

// wordsHash is what a row's words are signed by.
const wordsHash = `sha256(convert_to(concat_ws(E'\n', 'learnscape joint proposition v1', $1::uuid, $2::uuid, $3::uuid, length($4::text) || ' ' || $4::text, '0 ', '0 ', '0 '), 'UTF8'))`

const proposeTogether = `INSERT INTO joint_propositions (publisher, adopter, path_id, version, state, proposed_by, title, proposition, publisher_knows, adopter_adds, customer_gets, words_hash, accepted_publisher_at, created_at)
	VALUES ($1, $2, $3, 1, 'proposed', $1, $5, $4, '', '', '', ` + wordsHash + `, now(), now())`

// speakTogether lets publishers propose words to those who may add to what they share, some of which accept and let their customers read
// them.
func (w *world) speakTogether() {
	w.t.Helper()
	// Apart from the rest of the world, which stays what it is whatever happens here.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 23))
	defer func() { w.r = before }()
	for _, it := range w.items {
		owner := w.owner[it.Org]
		for _, o := range w.orgs {
			key := it.Org + " " + o.id.String() + " " + it.ID
			var holds bool
			w.must(owner, func(tx *db.Tx) (err error) {
				holds, err = db.Row[bool](tx, `SELECT joint_holds($1, $2, $3, now(), false)`, owner.id, o.id, parse[id.Item](w.t, it.ID))
				return err
			})
			if !holds || w.at("joint_propositions").objects[key] != nil || w.chance(.3) {
				continue
			}
			ob := &oracle.Object{Kind: oracle.Joint, Org: it.Org, Other: o.id.String(), Item: it.ID, State: "proposed"}
			w.put("joint_propositions", key, ob)
			title := w.token(ob, "joint "+key)
			w.execAs(signer(owner), proposeTogether, owner.id, o.id, parse[id.Item](w.t, it.ID), w.field(ob, "joint.proposition"), title)
			if w.chance(.7) {
				ob.State, ob.Customers = "accepted", true
				if err := w.adopt(o, it, courses.Follow); err != nil && !errs.Is(err, errs.NotFound) {
					w.t.Fatal(err)
				}
				w.execAs(signer(o), `UPDATE joint_propositions SET state = 'accepted', accepted_adopter_at = now(), decided_at = now(), for_customers = true WHERE publisher = $1 AND adopter = $2 AND path_id = $3`,
					owner.id, o.id, parse[id.Item](w.t, it.ID))
			}
		}
	}
}

func signer(o *org) scope.Scope {
	return scope.Scope{Actor: scope.Member, Org: o.id, Membership: o.members[0], Roles: scope.Roles()}
}

// jointForgeries are words under a name whose owner did not sign them.
func (w *world) jointForgeries() (out []forgery) {
	const row = ` publisher = $1 AND adopter = $2 AND path_id = $3`
	add := func(what string, by *org, args []any, step string) {
		as := []scope.Scope{signer(by)}
		for _, a := range []scope.Actor{scope.SignIn, scope.Counter, scope.Agreement, scope.Operator, scope.Mailer} {
			s := scope.System(a, by.id)
			s.Membership = by.members[0]
			as = append(as, s)
		}
		out = append(out, forgery{what: what, as: as, args: args, steps: []string{step}})
	}
	tried := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.at("joint_propositions").objects)) {
		ob := w.at("joint_propositions").objects[key]
		if tried[ob.State] {
			continue // One of each state: every mutant of the wall is tried with all of them.
		}
		tried[ob.State] = true
		publisher, adopter := w.owner[ob.Org], w.owner[ob.Other]
		args := []any{publisher.id, adopter.id, parse[id.Item](w.t, ob.Item)}
		add("accept the own words for the adopter", publisher, args, `UPDATE joint_propositions SET state = 'accepted', accepted_adopter_at = now() WHERE state = 'proposed' AND`+row)
		add("let the customers of the adopter read", publisher, args, `UPDATE joint_propositions SET for_customers = NOT for_customers WHERE`+row)
		for _, by := range []*org{publisher, adopter} {
			add("change words that stand under two names", by, args, `UPDATE joint_propositions SET proposition = 'Buy here' WHERE`+row)
			add("put in force what one signed", by, args, `UPDATE joint_propositions SET state = 'accepted' WHERE state = 'proposed' AND`+row)
			add("propose again what was settled", by, args, `UPDATE joint_propositions SET state = 'proposed' WHERE state <> 'proposed' AND`+row)
			add("sign anew what was signed", by, args, `UPDATE joint_propositions SET accepted_publisher_at = now() - interval '1 day', accepted_adopter_at = now() - interval '1 day' WHERE`+row)
			add("drop what two said", by, args, `DELETE FROM joint_propositions WHERE`+row)
			add("put words into both mouths", by, append(args, "Both", ""), `INSERT INTO joint_propositions (publisher, adopter, path_id, version, state, proposed_by, title, proposition, publisher_knows, adopter_adds, customer_gets, words_hash, accepted_publisher_at, accepted_adopter_at, created_at)
				VALUES ($1, $2, $3, 90, 'accepted', $1, $5, $4, '', '', '', `+wordsHash+`, now(), now(), now())`)
			add("sign another text than one shows", by, append(args, "This"), `INSERT INTO joint_propositions (publisher, adopter, path_id, version, state, proposed_by, title, proposition, publisher_knows, adopter_adds, customer_gets, words_hash, accepted_publisher_at, created_at)
				VALUES ($1, $2, $3, 91, 'proposed', $1, '', 'That', '', '', '', `+wordsHash+`, now(), now())`)
		}
		add("propose in the publisher's name", adopter, append(args, "Mine", ""), `INSERT INTO joint_propositions (publisher, adopter, path_id, version, state, proposed_by, title, proposition, publisher_knows, adopter_adds, customer_gets, words_hash, accepted_publisher_at, created_at)
			VALUES ($1, $2, $3, 92, 'proposed', $1, $5, $4, '', '', '', `+wordsHash+`, now(), now())`)
		for _, third := range w.orgs {
			if third != publisher && third != adopter {
				if !w.model.Sees(oracle.Viewer{Org: third.id.String()}, ob) { // A customer of the adopter may.
					add("read what two others said", third, args, `SELECT count(*) FROM joint_propositions WHERE`+row)
				}
			}
		}
	}
	for _, ob := range w.items {
		for _, third := range w.orgs {
			if owner := w.owner[ob.Org]; ob.State == "published" && third != owner && w.pact(third, owner) == nil {
				add("propose to a stranger", owner, []any{owner.id, third.id, parse[id.Item](w.t, ob.ID), "Mine", ""}, proposeTogether)
			}
		}
	}
	return out
}
