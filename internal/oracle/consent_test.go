package oracle_test

import (
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// levels are what one side may learn about the other's people.
var levels = []string{tenants.LearnsNothing, tenants.LearnsTotals, tenants.LearnsCertified, tenants.LearnsNamed}

// refuses lets a member say no to one of the organizations, connected or not: what somebody said is the member's alone.
func (w *world) refuses(o *org, m id.Membership) {
	w.t.Helper()
	c, other := id.New[id.Any](), pick(w.r, w.orgs)
	w.put("consents", c.String(), &oracle.Object{Kind: oracle.Private, Org: o.id.String(), Member: m.String(), Other: other.id.String()})
	if err := w.d.Tx(scope.Enter(w.t.Context(), scope.Scope{Actor: scope.Member, Org: o.id, Membership: m}), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO consents (org_id, membership_id, consent_id, other_org, agreement_id, version, purpose, decision, at) VALUES ($1, $2, $3, $4, gen_random_uuid(), 1, 'progress', 'declined', now())`, o.id, m, c, other.id)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
}

// consentForgeries are answers that nobody gave: for a member by anybody else, and by a member to what was not signed.
func (w *world) consentForgeries() (out []forgery) {
	const yes = `INSERT INTO consents (org_id, membership_id, consent_id, other_org, agreement_id, version, purpose, decision, until, at)
		SELECT $1, $2, gen_random_uuid(), $3, a.agreement_id, a.version, %s, 'given', NULL, now() FROM agreements a WHERE a.state %s AND $1 IN (a.org_a, a.org_b) AND $3 IN (a.org_a, a.org_b)`
	for _, p := range w.pacts {
		for _, by := range []*org{p.a, p.b} {
			args := []any{by.id, by.members[1], p.other(by).id}
			others := []scope.Scope{{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}, {Actor: scope.Member, Org: p.other(by).id, Membership: by.members[1], Roles: scope.Roles()}}
			for _, a := range []scope.Actor{scope.Operator, scope.Discloser, scope.Agreement, scope.SignIn, scope.Counter} {
				s := scope.System(a, by.id)
				others = append(others, s)
				s.Membership = by.members[1] // Nor one that borrows the member's name.
				others = append(others, s)
			}
			asks := "CASE a.terms->CASE WHEN a.org_a = $1 THEN 'a' ELSE 'b' END->>'learns' WHEN 'certified' THEN 'certificate' WHEN 'named' THEN 'progress' END"
			out = append(out, forgery{what: "say yes for a member", as: others, args: args, steps: []string{fmt.Sprintf(yes, asks, "= 'active'")}})
			self := []scope.Scope{{Actor: scope.Member, Org: by.id, Membership: by.members[1]}}
			out = append(out,
				forgery{what: "say yes to another purpose than what is signed", as: self, args: args, steps: []string{fmt.Sprintf(yes, "CASE WHEN "+asks+" = 'progress' THEN 'certificate' ELSE 'progress' END", "= 'active'")}},
				forgery{what: "say yes to what is not in force", as: self, args: args, steps: []string{fmt.Sprintf(yes, asks, "<> 'active'")}},
				forgery{what: "take a no back without a trace", as: self, args: args[1:2], steps: []string{`DELETE FROM consents WHERE membership_id = $1`}},
				forgery{what: "turn a no into a yes", as: self, args: args[1:2], steps: []string{`UPDATE consents SET decision = 'given' WHERE membership_id = $1`}})
		}
	}
	return out
}

// given is what goes about a reader to every other organization.
func given(s *site, r *reader) []ask {
	out := []ask{{target: "/me/sharing/nobody", never: true}}
	for _, o := range s.orgs {
		if o != r.org {
			out = append(out, ask{target: "/me/sharing/" + o.slug, about: &oracle.Object{Kind: oracle.Given, Org: orgOf(r), Member: r.who.Member, Other: o.id.String()}, ok: 200, open: true})
		}
	}
	return out
}

// learn is what another organization could know of a member who is on something of its own, and lets the discloser look.
func (w *world) learn(o *org, m id.Membership, it *oracle.Object, done bool) {
	w.t.Helper()
	w.put("disclosures", it.Org+" "+o.id.String()+" "+m.String()+" "+it.ID, &oracle.Object{Kind: oracle.Disclosure, Org: it.Org, Other: o.id.String(), Member: m.String(), Item: it.ID, Done: done})
	w.carry(o, m)
}

// carry does what an event about the members does.
func (w *world) carry(o *org, members ...id.Membership) {
	w.t.Helper()
	if err := w.tenants().Disclose(scope.Enter(w.t.Context(), scope.System(scope.Discloser, o.id)), members...); err != nil {
		w.t.Fatal(err)
	}
	w.went()
}

// went notes what has crossed: who gave it sees it from then on.
func (w *world) went() {
	for _, o := range w.at("disclosures").objects {
		if w.model.Discloses(o) {
			o.State = "went"
		}
	}
}

// totals writes a total about each side's people for the other, where it was signed: who learns it and whose people it is about may read it.
func (w *world) totals() {
	w.t.Helper()
	for _, p := range w.pacts {
		for _, giver := range []*org{p.a, p.b} {
			to := p.other(giver)
			if w.stateOf(p) != "active" || p.inForce.learns[giver] == tenants.LearnsNothing {
				continue
			}
			ob, thing := &oracle.Object{Kind: oracle.Total, Org: to.id.String(), Other: giver.id.String()}, id.New[id.Any]()
			if err := w.d.Tx(scope.Enter(w.t.Context(), scope.System(scope.Discloser, to.id)), func(tx *db.Tx) error {
				return tx.Must(`INSERT INTO cells (org_id, giver_org, kind, thing, first_week, weeks, title, items, started, finished, released_at) VALUES ($1, $2, 'item', $3, '2026-01-05', 13, $4, '{}', 7, 6, now())`,
					to.id, giver.id, thing, w.field(ob, "cells.title"))
			}); err != nil {
				w.t.Fatal(err)
			}
			w.put("cells", to.id.String()+" "+giver.id.String()+" "+thing.String(), ob)
			if err := w.d.Tx(scope.Enter(w.t.Context(), scope.System(scope.Discloser, giver.id)), func(tx *db.Tx) error {
				return tx.Must(`INSERT INTO cell_counts (org_id, other_org, item_id, week, started, finished, shown) VALUES ($1, $2, $3, '2026-01-05', ARRAY[$4::uuid], '{}', true)`, giver.id, to.id, thing, giver.members[0])
			}); err != nil {
				w.t.Fatal(err)
			}
			for _, table := range []string{"cell_counts", "cell_marks"} {
				w.put(table, giver.id.String()+" "+to.id.String(), &oracle.Object{Kind: oracle.Sealed, Org: giver.id.String()})
			}
		}
	}
}

// answer lets a member who learns something of another organization say yes, say no, or take a yes back.
func (w *world) answer() string {
	if len(w.learners) == 0 {
		return ""
	}
	l := pick(w.r, w.learners)
	return w.answerOf(l, pick(w.r, []string{tenants.ConsentGiven, tenants.ConsentGiven, tenants.ConsentGiven, tenants.ConsentDeclined, tenants.ConsentWithdrawn}))
}

func (w *world) answerOf(l *learner, decision string) string {
	w.t.Helper()
	to := w.owner[l.item.Org]
	p, at := w.pact(l.org, to), [2]string{l.member.String(), l.item.Org}
	if p == nil || p.inForce == nil || w.stateOf(p) != "active" && decision != tenants.ConsentWithdrawn {
		return ""
	}
	asks := tenants.Asks(p.inForce.learns[l.org])
	if asks == "" && decision != tenants.ConsentWithdrawn || decision == tenants.ConsentWithdrawn && w.model.Said[at] == "" {
		return ""
	}
	ctx := scope.Enter(w.t.Context(), scope.Scope{Actor: scope.Member, Org: l.org.id, Membership: l.member})
	before, err := w.tenants().SharedWithOne(ctx, to.id, id.Any{})
	if err == nil {
		err = w.tenants().Answer(ctx, to.id, before.Version, decision)
	}
	if err != nil {
		w.moved("answer "+decision, err)
		return ""
	}
	after, err := w.tenants().SharedWithOne(ctx, to.id, id.Any{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.put("consents", after.History[0].ConsentID.String(), &oracle.Object{Kind: oracle.Private, Org: l.org.id.String(), Member: l.member.String(), Other: l.item.Org})
	w.model.Said[at] = ""
	if decision == tenants.ConsentGiven {
		w.model.Said[at] = asks
	}
	w.went()
	return "answer: " + decision
}

// acquaint makes sure that some names have crossed, and one has been taken back.
func (w *world) acquaint() {
	w.t.Helper()
	pairs := 0
	for _, p := range w.pacts {
		if w.stateOf(p) != "active" || pairs == 3 {
			continue
		}
		for range 60 {
			if tenants.Asks(p.inForce.learns[p.a]) == tenants.ConsentProgress && tenants.Asks(p.inForce.learns[p.b]) == tenants.ConsentCertificate && len(w.midCourse(p)) > 1 {
				break
			}
			w.counterOpen(p)
		}
		pairs++
		for i, l := range w.learners {
			if w.owner[l.item.Org] == p.other(l.org) && (l.org == p.a || l.org == p.b) {
				if w.answerOf(l, tenants.ConsentGiven); i%4 == 0 {
					w.answerOf(l, tenants.ConsentWithdrawn)
				}
			}
		}
	}
}

// agrees lets all who learn something of the other side say yes, on terms that ask them.
func (w *world) agrees(p *pact) {
	for tenants.Asks(p.inForce.learns[p.a]) != tenants.ConsentProgress || len(w.midCourse(p)) == 0 {
		w.counterOpen(p)
	}
	for _, l := range w.learners {
		if l.org == p.a && w.owner[l.item.Org] == p.b || l.org == p.b && w.owner[l.item.Org] == p.a {
			w.answerOf(l, tenants.ConsentGiven)
		}
	}
}

// wavers lets them say yes and take it back.
func (w *world) wavers(p *pact) {
	w.agrees(p)
	for _, l := range w.learners {
		if l.org == p.a && w.owner[l.item.Org] == p.b || l.org == p.b && w.owner[l.item.Org] == p.a {
			w.answerOf(l, tenants.ConsentWithdrawn)
		}
	}
}

// forgetAnswers says that what was agreed to ended with the agreement.
func (w *world) forgetAnswers(o, to *org) {
	for _, m := range o.members {
		delete(w.model.Said, [2]string{m.String(), to.id.String()})
	}
}

// disclosureForgeries are names that nobody gave.
func (w *world) disclosureForgeries() (out []forgery) {
	const insert = `INSERT INTO disclosures (org_id, giver_org, membership_id, item_id, level, name, done, total, finished, first_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, 0, 2, $7, now(), now())`
	tried := map[[2]*org]bool{}
	for _, l := range w.learners {
		to := w.owner[l.item.Org]
		first := !tried[[2]*org{l.org, to}] // Whoever it is about, once for each two organizations is enough of what no member decides.
		tried[[2]*org{l.org, to}] = true
		as := []scope.Scope{{Actor: scope.Member, Org: to.id, Membership: to.members[0], Roles: scope.Roles()}, {Actor: scope.Member, Org: l.org.id, Membership: l.member, Roles: scope.Roles()}}
		for _, a := range []scope.Actor{scope.Operator, scope.Agreement, scope.Counter, scope.Indexer} {
			as = append(as, scope.System(a, to.id), scope.System(a, l.org.id))
		}
		args := []any{to.id, l.org.id, l.member, parse[id.Item](w.t, l.item.ID), "progress", w.byKey[l.member.String()], !l.active}
		if first {
			out = append(out, forgery{what: "write a disclosure without being the discloser", as: as, args: args, steps: []string{insert}})
		}
		o := w.at("disclosures").objects[l.item.Org+" "+l.org.id.String()+" "+l.member.String()+" "+l.item.ID]
		ask := []any{l.org.id, to.id}
		if first {
			out = append(out, forgery{what: "ask what may be known", as: as, args: ask, steps: []string{`SELECT count(*) FROM disclosable($1, $2, NULL)`}})
		}
		for _, third := range w.orgs {
			if first && third != to && third != l.org {
				out = append(out, forgery{what: "ask what may be known to others", as: []scope.Scope{scope.System(scope.Discloser, third.id)}, args: ask, steps: []string{`SELECT count(*) FROM disclosable($1, $2, NULL)`}})
			}
		}
		if o != nil && !w.model.Discloses(o) {
			carriers := []scope.Scope{scope.System(scope.Discloser, to.id), scope.System(scope.Discloser, l.org.id)}
			for _, level := range []string{"progress", "certificate"} {
				args = slices.Clone(args)
				args[4] = level
				out = append(out, forgery{what: "disclose what nobody agreed to", as: carriers, args: args, steps: []string{insert + ` ON CONFLICT (org_id, giver_org, membership_id, item_id) DO UPDATE
					SET name = excluded.name, level = excluded.level, done = excluded.done, total = excluded.total, finished = excluded.finished, ended_at = NULL`}})
			}
		}
	}
	for _, it := range w.items[:len(w.items)/4] {
		owner := w.owner[it.Org]
		as := []scope.Scope{{Actor: scope.Member, Org: owner.id, Membership: owner.members[0], Roles: scope.Roles()}}
		for _, a := range []scope.Actor{scope.Operator, scope.Counter, scope.Indexer} {
			as = append(as, scope.System(a, owner.id))
		}
		args := []any{owner.id, parse[id.Item](w.t, it.ID)}
		out = append(out,
			forgery{what: "say how many finished without having released it", as: as, args: args, steps: []string{`UPDATE items SET finished = finished + 5 WHERE org_id = $1 AND item_id = $2`}},
			forgery{what: "let one person's finish be seen", as: []scope.Scope{scope.System(scope.Discloser, owner.id)}, args: args, steps: []string{`UPDATE items SET finished = finished + 5 WHERE org_id = $1 AND item_id = $2`, `UPDATE items SET finished = finished + 1 WHERE org_id = $1 AND item_id = $2`}})
	}
	for _, o := range w.orgs {
		for _, by := range w.orgs {
			if o != by {
				out = append(out, forgery{
					what: "take back what was read", as: []scope.Scope{{Actor: scope.Member, Org: o.id, Membership: o.members[0], Roles: scope.Roles()}}, args: []any{o.id, by.id},
					steps: []string{`INSERT INTO disclosure_reads (org_id, giver_org, purpose, day, n) VALUES ($1, $2, 'names', current_date, 1) ON CONFLICT DO NOTHING`, `UPDATE disclosure_reads SET n = n - 1 WHERE org_id = $1 AND giver_org = $2 AND n > 1`},
				},
					forgery{
						what: "count reads for another", as: []scope.Scope{{Actor: scope.Member, Org: o.id, Membership: o.members[0], Roles: scope.Roles()}}, args: []any{o.id, by.id},
						steps: []string{`INSERT INTO disclosure_reads (org_id, giver_org, purpose, day, n) VALUES ($2, $1, 'names', current_date, 1)`},
					})
			}
		}
	}
	return out
}
