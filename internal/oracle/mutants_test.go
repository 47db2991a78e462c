package oracle_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// mutant is a hole that somebody could make in the wall.
type mutant struct {
	name          string
	table, policy string // ALTER POLICY, with old replaced by new in its USING
	old, new      string
	sql           string // instead: a statement of the owner
	fn            string // instead: in this function, old replaced by new
	inner         string // part of the function opened that says the same a second time: the hole goes through both
}

var mutants = []mutant{
	{name: "no row security on items", sql: `ALTER TABLE items DISABLE ROW LEVEL SECURITY`},
	{name: "no row security on files", sql: `ALTER TABLE files DISABLE ROW LEVEL SECURITY`},
	{name: "no row security on grants", sql: `ALTER TABLE grants DISABLE ROW LEVEL SECURITY`},
	{name: "drafts are opened with the rest", table: "items", policy: "p_read", old: `(state = 'published'::text)`, new: `true`, inner: `ci.listed_at IS NOT NULL`},
	{name: "retired items stay open", table: "items", policy: "p_read", old: `(state = 'published'::text)`, new: `(state <> 'draft'::text)`, inner: `ci.listed_at IS NOT NULL`},
	{name: "whatever is published is open", sql: `ALTER POLICY p_read ON items USING (org_id = (SELECT app_org()) OR state = 'published')`},
	{name: "grants do not expire", table: "grants", policy: "p_read", old: `(until > now())`, new: `true`},
	{name: "everybody's grants are everybody's", table: "grants", policy: "p_read", old: `viewer_org = ANY (ARRAY[( SELECT app_org() AS app_org), everyone()])`, new: `true`},
	{name: "public is forgotten", table: "grants", policy: "p_read", old: `everyone()`, new: `NULL::uuid`},
	{name: "collections do not ask for a grant", sql: `ALTER POLICY p_read ON collections USING (true)`},
	{name: "listings do not ask for a grant", sql: `ALTER POLICY p_read ON collection_items USING (true)`},
	{name: "listings forget public", table: "collection_items", policy: "p_read", old: `everyone()`, new: `NULL::uuid`},
	{name: "what was opened once stays open", fn: "opened", old: `g.until > now()`, new: `true`},
	{name: "what is opened to somebody is opened to all", fn: "opened", old: `g.viewer_org = ANY (ARRAY[app_org(), everyone()])`, new: `true`},
	{name: "one collection of a publisher opens all of them", fn: "opened", old: `g.collection_id = ci.collection_id`, new: `true`},
	{name: "one item opens the others of its publisher", fn: "opened", old: `ci.item_id = item`, new: `true`},
	{name: "lessons do not ask for their item", sql: `ALTER POLICY p_read ON lessons USING (true)`},
	{name: "versions do not ask for their item", sql: `ALTER POLICY p_read ON versions USING (true)`},
	{name: "stories are for members only", table: "stories", policy: "p_read", old: `opened(`, new: `(SELECT app_org()) IS NOT NULL AND opened(`},
	{name: "resources join by owner alone", table: "resources", policy: "p_read", old: `opened(org_id, item_id)`, new: `org_id IN (SELECT i.org_id FROM items i)`},
	{name: "people of others are seen", sql: `ALTER POLICY p_own ON memberships USING (true)`},
	{name: "reflections are the organization's", table: "reflections", policy: "p_mine", old: `(membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "relationships are public", sql: `ALTER POLICY p_read ON connection_sides USING (true)`},
	{name: "one side does not see its connection", sql: `ALTER POLICY p_read ON connection_sides USING (org_id = (SELECT app_org()))`},
	{name: "questions stay after the end", table: "questions", policy: "p_read", old: `(s.state = 'active'::text)`, new: `true`},
	{name: "questions reach those who meet nobody", table: "questions", policy: "p_read", old: `(s.meet <> 'none'::text)`, new: `true`},
	{name: "questions read the connection the other way", table: "questions", policy: "p_read", old: `(s.org_id = questions.org_id) AND (s.other_org = ( SELECT app_org() AS app_org))`, new: `(s.other_org = questions.org_id) AND (s.org_id = ( SELECT app_org() AS app_org))`},
	{name: "questions of the connected reach anybody connected to anybody", table: "questions", policy: "p_read", old: `(s.org_id = questions.org_id) AND `, new: ``},
	{name: "withdrawn questions stay", table: "questions", policy: "p_read", old: `(state <> 'withdrawn'::text)`, new: `true`},
	{name: "internal questions reach the connected", table: "questions", policy: "p_read", old: `(audience = 'connected'::text)`, new: `(audience <> 'public'::text)`},
	{name: "withdrawn answers stay", table: "answers", policy: "p_read", old: `(state = 'shown'::text)`, new: `true`},
	{name: "answers stay after the end", table: "answers", policy: "p_read", old: `(s.state = 'active'::text)`, new: `true`},
	{name: "enrollments are seen by the item's owner", sql: `ALTER POLICY p_own ON enrollments USING (item_org = (SELECT app_org()))`},
	{name: "enrollments of everybody", sql: `ALTER POLICY p_own ON enrollments USING (true)`},
	{name: "the log of everybody", sql: `ALTER POLICY p_read ON audit USING (true)`},
	{name: "mail of everybody", sql: `ALTER TABLE mails DISABLE ROW LEVEL SECURITY`},
	{name: "a second policy opens what the first closes", sql: `CREATE POLICY p_more ON files FOR SELECT TO learnscape_app USING (true)`},
}

// TestMutants breaks the wall on purpose, one hole at a time: the oracle must find each.
func TestMutants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	w.netAlone = true
	// A world that has seen something: retired items, ended and paused connections, grants that ran out.
	for i := 0; i < 40 || i < 400 && (len(w.pairs("ended")) < 2 || len(w.pairs("paused")) < 2); i++ {
		w.step()
	}
	for _, c := range w.colls {
		for _, v := range w.orgs {
			if key := c.Org + " " + v.id.String() + " " + c.ID; c.Org != v.id.String() && w.at("grants").objects[key] == nil {
				w.open(c, v, true)
			}
		}
	}
	owner, err := pgx.Connect(t.Context(), w.dsn("learnscape_owner"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	before := w.tallies()
	w.compare(t.Context(), before, "before")
	killed := 0
	var slowest time.Duration
	for _, m := range mutants {
		undo := m.apply(t, owner)
		start := time.Now()
		after := w.tallies()
		w.compare(t.Context(), after, "mutant")
		slowest = max(slowest, time.Since(start))
		var found []string
		for _, name := range names(after) {
			if len(after[name].leaks) != len(before[name].leaks) || len(after[name].missing) != len(before[name].missing) {
				found = append(found, name)
			}
		}
		undo()
		if len(found) == 0 {
			t.Errorf("nobody noticed: %s", m.name)
			continue
		}
		killed++
		t.Logf("%-70s found in %s", m.name, strings.Join(found, ", "))
	}
	again := w.tallies()
	w.compare(t.Context(), again, "mended")
	for name := range again {
		if len(again[name].leaks) != len(before[name].leaks) || len(again[name].missing) != len(before[name].missing) {
			t.Errorf("%s is not mended", name)
		}
	}
	t.Logf("%d of %d mutants killed, at most %v each", killed, len(mutants), slowest.Round(time.Millisecond))
}

// apply makes the hole and returns what mends it.
func (m mutant) apply(t *testing.T, owner *pgx.Conn) (undo func()) {
	t.Helper()
	exec := func(q string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %s: %v", m.name, q, err)
		}
	}
	change := func(fn, old, new string) (undo func()) {
		t.Helper()
		var def string
		if err := owner.QueryRow(t.Context(), `SELECT pg_get_functiondef($1::regproc)`, fn).Scan(&def); err != nil || !strings.Contains(def, old) {
			t.Fatalf("%s: %s does not say %q any more: %v\n%s", m.name, fn, old, err, def)
		}
		exec(strings.ReplaceAll(def, old, new))
		return func() { exec(def) }
	}
	if m.fn != "" {
		return change(m.fn, m.old, m.new)
	}
	var table, policy, using string
	switch {
	case strings.HasPrefix(m.sql, "ALTER TABLE"):
		exec(m.sql)
		return func() { exec(strings.Replace(m.sql, "DISABLE", "ENABLE", 1)) }
	case strings.HasPrefix(m.sql, "CREATE POLICY"):
		exec(m.sql)
		f := strings.Fields(m.sql)
		return func() { exec(fmt.Sprintf("DROP POLICY %s ON %s", f[2], f[4])) }
	case m.sql != "":
		f := strings.Fields(m.sql)
		policy, table = f[2], f[4]
	default:
		table, policy = m.table, m.policy
	}
	if err := owner.QueryRow(t.Context(), `SELECT qual FROM pg_policies WHERE tablename = $1 AND policyname = $2`, table, policy).Scan(&using); err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	q := m.sql
	if q == "" {
		if !strings.Contains(using, m.old) {
			t.Fatalf("%s: the policy %s.%s does not say %q any more: %s", m.name, table, policy, m.old, using)
		}
		q = fmt.Sprintf("ALTER POLICY %s ON %s USING (%s)", policy, table, strings.ReplaceAll(using, m.old, m.new))
	}
	exec(q)
	undo = func() { exec(fmt.Sprintf("ALTER POLICY %s ON %s USING (%s)", policy, table, using)) }
	if m.inner == "" {
		return undo
	}
	first, second := undo, change("opened", m.inner, "true")
	return func() { first(); second() }
}
