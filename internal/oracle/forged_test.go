package oracle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// forgery is something that one organization does in another's name, or to itself what only the other may give. It is tried by
// whoever can run statements as the product in the scope of the one: nothing but the database is in the way.
type forgery struct {
	what  string
	as    []scope.Scope
	proof string // the digest that is proven before
	steps []string
	args  []any
}

// forge tries every forgery and returns what was not refused. Whatever happens is rolled back.
func (w *world) forge(t *testing.T) (done []string) {
	t.Helper()
	for _, f := range w.forgeries() {
		done = append(done, w.attempt(t, f)...)
	}
	return done
}

// forgeUntil tries forgeries until one is not refused, those of rows of the table first.
func (w *world) forgeUntil(t *testing.T, table string) []string {
	t.Helper()
	all := w.forgeries()
	slices.SortStableFunc(all, func(a, b forgery) int { return lastly(!a.of(table)) - lastly(!b.of(table)) })
	for _, f := range all {
		if done := w.attempt(t, f); len(done) > 0 {
			return done
		}
	}
	return nil
}

// of reports whether the forgery is about rows of the table, or what the function guards that is named instead.
func (f forgery) of(table string) bool {
	for _, q := range f.steps {
		for _, word := range []string{"INTO ", "UPDATE ", "FROM "} {
			if _, rest, ok := strings.Cut(q, word); ok && (strings.HasPrefix(rest, table) || strings.HasPrefix(table, "guard_") && strings.HasPrefix(rest, strings.TrimPrefix(table, "guard_"))) {
				return true
			}
		}
	}
	return false
}

// attempt tries a forgery as everybody that it names.
func (w *world) attempt(t *testing.T, f forgery) (done []string) {
	t.Helper()
	for _, who := range f.as {
		_ = w.d.Tx(scope.Enter(t.Context(), who), func(tx *db.Tx) error {
			if f.proof != "" {
				if err := tx.Prove(f.proof); err != nil {
					return err
				}
			}
			for _, q := range f.steps {
				var n int64
				var err error
				if strings.HasPrefix(q, "SELECT") {
					n, err = db.Row[int64](tx, q, f.args...)
				} else {
					n, err = tx.Exec(q, f.args...)
				}
				if err != nil || n == 0 {
					return errRollBack
				}
			}
			done = append(done, fmt.Sprintf("%s (as %s)", f.what, who.Actor))
			return errRollBack
		})
	}
	return done
}

// forgeries are made for the first pair in the state that each needs; a world that was aged has all of them.
func (w *world) forgeries() (out []forgery) {
	add := func(what string, by *org, args []any, steps ...string) {
		thief := scope.Scope{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}
		as := []scope.Scope{thief}
		for _, a := range []scope.Actor{scope.SignIn, scope.Counter, scope.Agreement} {
			as = append(as, scope.System(a, by.id))
		}
		out = append(out, forgery{what: what, as: as, args: args, steps: steps})
	}
	const (
		pair  = ` least(org_a, org_b) = least($1::uuid, $2::uuid) AND greatest(org_a, org_b) = greatest($1::uuid, $2::uuid)`
		fresh = `INSERT INTO agreements (agreement_id, version, connection_id, org_a, org_b, state, title, terms, terms_hash, proposed_by, accepted_a_at, accepted_b_at)
			SELECT gen_random_uuid(), 1, connection_id, org_a, org_b, %s, '', '{}', decode(repeat('ab', 32), 'hex'), %s, %s, %s FROM connections WHERE` + pair
	)
	for _, p := range w.pacts {
		state := w.stateOf(p)
		for _, by := range []*org{p.a, p.b} {
			args := []any{by.id, p.other(by).id}
			theirs := "accepted_b_at"
			if by == p.b {
				theirs = "accepted_a_at"
			}
			add("sign for the other side", by, args, `UPDATE agreements SET `+theirs+` = now() WHERE state = 'proposed' AND`+pair)
			add("put in force what one side signed", by, args, `UPDATE agreements SET state = 'active' WHERE state = 'proposed' AND`+pair)
			add("change what is proposed or in force", by, args, `UPDATE agreements SET terms = '{"a": 1}' WHERE state IN ('proposed', 'active') AND`+pair)
			add("change what the other side wrote with it", by, args, `UPDATE agreements SET note = 'no' WHERE proposed_by <> $1 AND`+pair)
			add("revive what was settled", by, args, `UPDATE agreements SET state = 'proposed' WHERE state NOT IN ('proposed', 'active') AND`+pair)
			add("put terms in force that nobody saw", by, args, fmt.Sprintf(fresh, "'active'", "$1::uuid", "now()", "now()"))
			add("propose in the other's name", by, args, fmt.Sprintf(fresh, "'proposed'", "$2::uuid", "CASE WHEN org_a = $2 THEN now() END", "CASE WHEN org_b = $2 THEN now() END"))
			if p.inForce == nil {
				add("make a connection active without terms", by, args, `UPDATE connections SET state = 'active' WHERE`+pair)
			}
			if state != "asked" {
				add("ask in the other's name", by, args, `UPDATE connections SET state = 'asked', asked_by = $2 WHERE`+pair)
				for _, third := range w.orgs {
					if third != p.a && third != p.b && w.pact(by, third) == nil {
						add("take the connection elsewhere", by, append(args, third.id), `UPDATE connections SET state = 'asked', asked_by = $1, org_a = $1, org_b = $3 WHERE`+pair)
					}
				}
			}
			add("say how the other's people meet ours", by, args, `UPDATE connection_sides SET meet = 'name' WHERE org_id = $2 AND other_org = $1`)
		}
	}
	for i, by := range w.orgs {
		other := w.orgs[(i+1)%organizations]
		add("write a line into the other's log", by, []any{other.id}, `INSERT INTO audit (org_id, actor, action) VALUES ($1, 'member', 'collection.renamed')`)
		add("rewrite the own log", by, []any{by.id}, `UPDATE audit SET actor = 'operator' WHERE org_id = $1`)
		add("drop a line of the own log", by, []any{by.id}, `DELETE FROM audit WHERE org_id = $1`)
		add("give lines other numbers", by, []any{by.id}, `UPDATE audit_numbers SET n = n + 1000 WHERE org_id = $1`)
		add("put a seal under the own log", by, []any{by.id}, `INSERT INTO audit_seals (org_id, seal, first, last, hash, previous, at, public_key, signature)
			SELECT org_id, seal + 1000, last + 1, last + 2, hash, previous, at, public_key, signature FROM audit_seals WHERE org_id = $1`)
		add("read the keys under the seals", by, nil, `SELECT count(*) FROM audit_keys`)
		for _, to := range w.orgs {
			if by == to {
				continue
			}
			add("take somebody out elsewhere", by, []any{to.id}, `UPDATE memberships SET state = 'left' WHERE org_id = $1`)
			add("prepare somebody elsewhere", by, []any{to.id}, `INSERT INTO memberships (org_id, membership_id, person_id, name, email, state) SELECT $1, gen_random_uuid(), p.person_id, 'x', 'x@x.example', 'invited' FROM persons p LIMIT 1`)
			add("say how many people others have", by, []any{to.id}, `UPDATE people_counts SET here = 0 WHERE org_id = $1`)
			add("look how many people others have", by, []any{to.id}, `SELECT c.here::bigint FROM people_counts c WHERE c.org_id = $1`)
			add("make a team elsewhere", by, []any{to.id}, `INSERT INTO teams (org_id, team_id, name, source) VALUES ($1, gen_random_uuid(), 'Forged', 'scim')`)
			add("have somebody else's people in a team", by, []any{by.id, to.members[0]}, `WITH t AS (INSERT INTO teams (org_id, team_id, name, source) VALUES ($1, gen_random_uuid(), 'Forged', 'scim') RETURNING org_id, team_id)
				INSERT INTO team_members (org_id, team_id, membership_id) SELECT t.org_id, t.team_id, $2 FROM t`)
			if w.pact(by, to) == nil {
				args := []any{by.id, to.id}
				add("connect without asking", by, args, `INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) VALUES (gen_random_uuid(), $1, $2, 'active', $1)`)
				add("be asked", by, args, `INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) VALUES (gen_random_uuid(), $1, $2, 'asked', $2)`)
				add("answer for who was asked", by, args, `INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) VALUES ('01980000-0000-7000-8000-00000000000f', $1, $2, 'asked', $1)`,
					`INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) VALUES ($2::uuid, $1::uuid, '01980000-0000-7000-8000-00000000000f', 'peer', 'active')`)
			}
			if it := w.closed(by, to); it != nil {
				add("take into the library what is not open", by, []any{by.id, to.id, parse[id.Item](w.t, it.ID)}, `INSERT INTO adoptions (org_id, item_org, item_id, kind, title, updates, version, adopted_at) VALUES ($1, $2, $3, 'course', '', 'follow', 1, now())`)
				add("add to what is not open", by, []any{by.id, to.id, parse[id.Item](w.t, it.ID)}, `INSERT INTO additions (org_id, path_org, path_id) VALUES ($1, $2, $3)`)
				add("give oneself time to finish", by, []any{by.id, by.members[0], to.id, parse[id.Item](w.t, it.ID)}, `INSERT INTO finishing (org_id, membership_id, item_org, item_id, until) VALUES ($1, $2, $3, $4, now() + interval '1 year')`)
			}
		}
		add("let oneself in again", by, []any{by.id}, `UPDATE organizations SET state = 'active' WHERE org_id = $1 AND state = 'suspended'`)
		add("close it without administering it", by, []any{by.id}, `UPDATE organizations SET state = 'closed' WHERE org_id = $1 AND state = 'active'`)
		add("erase it without a hold", by, []any{by.id}, `UPDATE organizations SET state = 'erasing' WHERE org_id = $1`)
		add("say that it was closed long ago", by, []any{by.id}, `UPDATE organizations SET state_at = now() - interval '60 days' WHERE org_id = $1`)
		add("go on when the time to finish is over", by, []any{by.id}, `UPDATE finishing SET until = now() + interval '200 days' WHERE org_id = $1`)
	}
	for i, v := range w.codes {
		next := w.orgs[(i/5+1)%organizations]
		if v.org == next {
			continue
		}
		add("use up somebody's invitation", next, []any{v.org.id}, `UPDATE invitations SET state = 'accepted' WHERE org_id = $1`)
		out = append(out, w.withCode(v)...)
	}
	out = slices.Concat(out, w.consentForgeries(), w.disclosureForgeries(), w.cellForgeries(), w.readForgeries(), w.jointForgeries(), w.programForgeries(), w.assignForgeries(), w.recordForgeries(), w.askForgeries(), w.pilotForgeries(), w.recallForgeries(), w.missForgeries())
	someone := id.New[id.Org]()
	out = append(out, forgery{what: "make an organization without an invitation", as: []scope.Scope{scope.System(scope.SignIn, someone)}, args: []any{someone}, steps: []string{newOrganization}})
	return out
}

const newOrganization = `INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma, sign_in) VALUES ($1, 'someone', 'Someone', 'S', '#000000', 0, 0, 'email')`

// withCode is what the holder of an invitation's code must not do with it.
func (w *world) withCode(v invitation) (out []forgery) {
	someone := id.New[id.Org]()
	as := []scope.Scope{scope.System(scope.SignIn, someone)}
	if v.old {
		out = append(out,
			forgery{what: "read an invitation after its time", as: as, proof: v.hash, steps: []string{`SELECT count(*) FROM invitations`}},
			forgery{what: "make an organization after the invitation's time", as: as, proof: v.hash, args: []any{someone}, steps: []string{newOrganization}})
		return out
	}
	out = append(out,
		forgery{what: "read the inviter's other invitations", as: as, proof: v.hash, steps: []string{`SELECT greatest(count(*) - 1, 0) FROM invitations`}},
		forgery{what: "change an invitation that one holds", as: as, proof: v.hash, steps: []string{`UPDATE invitations SET state = 'withdrawn' WHERE state = 'open'`}})
	if !v.to.IsZero() {
		out = append(out, forgery{what: "make an organization beside the one that was invited", as: as, proof: v.hash, args: []any{someone}, steps: []string{newOrganization}})
	}
	if v.withdrawn {
		out = append(out, forgery{what: "make an organization with an invitation that was withdrawn", as: as, proof: v.hash, args: []any{someone}, steps: []string{newOrganization}})
	}
	if v.used {
		out = append(out, forgery{what: "make another organization with a used invitation", as: as, proof: v.hash, args: []any{someone}, steps: []string{newOrganization}})
	}
	return out
}

// closed is a published item of one organization that is not open to another.
func (w *world) closed(by, owner *org) *oracle.Object {
	for _, it := range w.items {
		if it.Org == owner.id.String() && it.State == "published" && !w.model.Sees(oracle.Viewer{Org: by.id.String()}, it) {
			return it
		}
	}
	return nil
}

// TestForgeries tries what one organization could do in another's name, in a world with connections in every state.
func TestForgeries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 13)
	w.age()
	// One proposal waits on a new connection, and one beside terms that hold.
	w.bring(w.orgs[4], w.orgs[0], "active")
	w.counter(w.pact(w.orgs[4], w.orgs[0]), w.orgs[4])
	tried := map[string]bool{}
	for _, f := range w.forgeries() {
		tried[f.what] = true
	}
	for _, what := range w.forge(t) {
		t.Errorf("not refused: %s", what)
	}
	if len(tried) < 20 {
		t.Errorf("only %d sorts of forgery were tried: %v", len(tried), tried)
	}
	t.Logf("%d forgeries of %d sorts", len(w.forgeries()), len(tried))
}
