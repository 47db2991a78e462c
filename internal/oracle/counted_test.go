package oracle_test

import (
	"slices"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// readAcross counts what people of each side of a connection read of the other's: five of them in a week that is over, four, and many
// in the week that still goes on.
func (w *world) readAcross() {
	w.t.Helper()
	for _, p := range w.pacts {
		for _, by := range []*org{p.a, p.b} {
			if w.stateOf(p) != "active" {
				continue
			}
			of := p.other(by)
			if err := w.d.Tx(scope.Enter(w.t.Context(), scope.System(scope.Counter, by.id)), func(tx *db.Tx) error {
				return tx.Must(`INSERT INTO reads_across (org_id, of_org, day, surface, purpose, n, people)
					SELECT $1, $2, date_trunc('week', now() AT TIME ZONE 'UTC')::date - r.ago, r.surface, 'learn', 9, r.people
					FROM (VALUES ('path', 7, 31), ('lesson', 7, 15), ('story', 0, 255)) r(surface, ago, people)`, by.id, of.id)
			}); err != nil {
				w.t.Fatal(err)
			}
			for _, surface := range []string{"path", "lesson", "story"} {
				key := by.id.String() + " " + of.id.String() + " " + surface
				w.put("reads_across", key, &oracle.Object{Kind: oracle.House, Org: by.id.String()})
				w.put("reads_of_ours", key, &oracle.Object{Kind: oracle.Readers, Org: by.id.String(), Other: of.id.String(), Done: surface == "path"})
			}
		}
	}
}

// systemActors are the actors of an organization but for some.
func systemActors(o *org, but ...scope.Actor) (out []scope.Scope) {
	for _, a := range []scope.Actor{scope.SignIn, scope.Indexer, scope.Counter, scope.Mailer, scope.Discloser, scope.Agreement, scope.Registrar, scope.Sealer, scope.Keeper, scope.Operator} {
		if !slices.Contains(but, a) {
			out = append(out, scope.System(a, o.id))
		}
	}
	return out
}

// allRoles is a member of the organization who may do whatever a person can.
func allRoles(o *org) scope.Scope {
	return scope.Scope{Actor: scope.Member, Org: o.id, Membership: o.members[0], Roles: scope.Roles()}
}

// cellForgeries are totals that the discloser did not count, on terms that nobody signed, of too few people or changed afterwards, and looks
// at what they were counted from.
func (w *world) cellForgeries() (out []forgery) {
	const cell = `INSERT INTO cells (org_id, giver_org, kind, thing, first_week, weeks, title, items, started, finished, released_at) VALUES ($1, $2, 'item', $3, '2026-02-02', 1, 'Mine', '{}', `
	for _, p := range w.pacts {
		for _, giver := range []*org{p.a, p.b} {
			to := p.other(giver)
			discloser := []scope.Scope{scope.System(scope.Discloser, to.id)}
			about, args := []any{to.id, giver.id}, []any{to.id, giver.id, id.New[id.Any]()}
			if w.stateOf(p) != "active" || p.inForce.learns[giver] == tenants.LearnsNothing {
				out = append(out, forgery{what: "learn totals on terms that nobody signed", as: discloser, args: args, steps: []string{cell + `9, 8, now())`}})
				continue
			}
			elsewhere := systemActors(giver)
			for _, third := range w.orgs {
				if third != to && third != giver {
					elsewhere = append(elsewhere, scope.System(scope.Discloser, third.id), allRoles(third))
				}
			}
			out = append(out,
				forgery{what: "write the totals that one learns", as: append(systemActors(to, scope.Discloser), allRoles(to)), args: args, steps: []string{cell + `9, 8, now())`}},
				forgery{what: "write the totals that another learns", as: append(elsewhere, allRoles(giver)), args: args, steps: []string{cell + `9, 8, now())`}},
				forgery{what: "release a total of fewer than five", as: discloser, args: args, steps: []string{cell + `9, 3, now())`}},
				forgery{what: "change a total that was released", as: append(systemActors(to), allRoles(to)), args: about, steps: []string{`UPDATE cells SET started = 50 WHERE org_id = $1 AND giver_org = $2`}},
				forgery{what: "take a total back", as: append(systemActors(to), allRoles(to), allRoles(giver)), args: about, steps: []string{`DELETE FROM cells WHERE org_id = $1 AND giver_org = $2`}},
				forgery{
					what: "look at what totals were counted from", as: slices.Concat(systemActors(to), systemActors(giver, scope.Discloser), []scope.Scope{allRoles(to), allRoles(giver)}), args: about,
					steps: []string{`SELECT count(*) FROM cell_counts WHERE other_org = $1 AND org_id = $2`},
				},
				forgery{
					what: "have totals counted from another week on", as: slices.Concat(systemActors(to), systemActors(giver, scope.Discloser), []scope.Scope{allRoles(to), allRoles(giver)}), args: about,
					steps: []string{`UPDATE cell_marks SET next_week = '2020-01-06' WHERE other_org = $1 AND org_id = $2`},
				})
		}
	}
	return out
}

// readForgeries are reads that nobody counted, of strangers or changed afterwards.
func (w *world) readForgeries() (out []forgery) {
	const reads = `INSERT INTO reads_across (org_id, of_org, day, surface, purpose, n, people) VALUES ($1, $2, '2026-01-05', 'file', 'find', 1000, -1)`
	for _, by := range w.orgs {
		for _, of := range w.orgs {
			if by == of {
				continue
			}
			args := []any{by.id, of.id}
			if w.model.Sides[[2]string{by.id.String(), of.id.String()}].State != "active" {
				out = append(out, forgery{what: "count reads of a stranger", as: []scope.Scope{scope.System(scope.Counter, by.id)}, args: args, steps: []string{reads}})
				continue
			}
			out = append(out,
				forgery{what: "count what was not read", as: append(systemActors(by, scope.Counter), allRoles(by)), args: args, steps: []string{reads}},
				forgery{what: "count the other's reads", as: append(systemActors(of), allRoles(of)), args: args, steps: []string{reads}},
				forgery{what: "change what was counted", as: slices.Concat(systemActors(by, scope.Counter), systemActors(of), []scope.Scope{allRoles(by), allRoles(of)}), args: args, steps: []string{`UPDATE reads_across SET n = 1000 WHERE org_id = $1 AND of_org = $2`}},
				forgery{what: "look at who reads day by day", as: append(systemActors(of), allRoles(of)), args: args, steps: []string{`SELECT count(*) FROM reads_across WHERE org_id = $1 AND of_org = $2`}})
		}
	}
	return out
}

// countedMutants are holes in the walls around totals and counted reads.
var countedMutants = []mutant{
	{name: "whoever learns totals writes them", sql: `ALTER POLICY p_insert ON cells WITH CHECK (org_id = (SELECT app_org()))`},
	{name: "the discloser of anybody writes totals", sql: `ALTER POLICY p_insert ON cells WITH CHECK ((SELECT app_actor()) = 'discloser')`},
	{name: "totals are released whatever was signed", sql: `ALTER TABLE cells DISABLE TRIGGER guard_cell`},
	{name: "totals are released on the terms of the other side", fn: "guard_cell", old: `a.org_a = NEW.giver_org`, new: `a.org_b = NEW.giver_org`},
	{name: "totals are released while a connection is paused", fn: "guard_cell", old: `c.state = 'active' AND `, new: ``},
	{name: "totals are released to whom nothing was promised", fn: "guard_cell", old: `IN ('totals', 'certified', 'named')`, new: `IS NOT NULL`},
	{name: "who gives totals does not see them", sql: `ALTER POLICY p_read ON cells USING (org_id = (SELECT app_org()))`},
	{name: "who was counted is read by those who learn totals", sql: `ALTER POLICY p_read ON cell_counts USING (other_org = (SELECT app_org()))`},
	{name: "who was counted is read by the own house", sql: `ALTER POLICY p_read ON cell_counts USING (org_id = (SELECT app_org()))`},
	{name: "from when on is counted is the house's to say", sql: `ALTER POLICY p_carry ON cell_marks USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()))`},
	{name: "counted reads are read by all", sql: `ALTER POLICY p_read ON reads_across USING (true)`},
	{name: "reads are told to the owner day by day", sql: `ALTER POLICY p_read ON reads_across USING ((SELECT app_org()) IN (org_id, of_org))`},
	{name: "reads of four are told", fn: "reads_of_ours", old: `>= 5`, new: `>= 4`},
	{name: "reads are told while the week goes on", fn: "reads_of_ours", old: `r.day < date_trunc('week', now() AT TIME ZONE 'UTC')::date`, new: `true`},
	{name: "reads of everything are told to everybody", fn: "reads_of_ours", old: `r.of_org = app_org()`, new: `true`},
	{name: "a view tells what is read", fn: "reads_of_ours", old: `app_view() IS NULL`, new: `true`},
	{name: "anybody of the house counts reads", sql: `ALTER POLICY p_insert ON reads_across WITH CHECK (org_id = (SELECT app_org()))`},
	{name: "reads of strangers are counted", sql: `ALTER POLICY p_insert ON reads_across WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'counter')`},
	{name: "what was counted is the house's to change", sql: `ALTER POLICY p_update ON reads_across USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()))`},
}
