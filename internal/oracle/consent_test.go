package oracle_test

import (
	"fmt"

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
