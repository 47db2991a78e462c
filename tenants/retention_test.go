package tenants_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

var updateDocs = flag.Bool("update-docs", false, "write what is generated into docs/")

// What ends by itself has a time after which it goes, or a reason to stay.
func TestWhatEndsGoes(t *testing.T) {
	t.Parallel()
	stays := map[string]string{
		"invitations": "the record of who was invited, on which terms", "member_invitations": "the record of who was invited",
		"api_tokens": "an administrator sees that it is over, and revokes it", "claims": "goes with its visitor", "visitors": "see Retain",
		"credentials":    "belongs to who earned it, also when it is no longer valid",
		"operator_codes": "see auth.EndGlasses", "operator_questions": "see auth.EndGlasses", "operator_sessions": "see auth.EndGlasses",
	}
	_, dsn := dbtest.FreshDSN(t)
	su, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	rows, err := su.Query(t.Context(), `SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'expires_at' WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'river%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 8 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		goes := slices.ContainsFunc(tenants.Retentions, func(r tenants.Retention) bool { return r.Table == table })
		if why := stays[table]; goes == (why != "") {
			t.Errorf("%s: goes by itself: %t, has a reason to stay: %q", table, goes, why)
		}
	}
}

func TestRetain(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	su, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	exec := func(q string, args ...any) {
		t.Helper()
		if _, err := su.Exec(t.Context(), q, args...); err != nil {
			t.Fatal(err)
		}
	}
	now := d.Now()
	a, b := newHouse(t, d), newHouse(t, d)
	for _, h := range []*house{a, b} {
		_, m := h.member("Somebody")
		for i, age := range []int{0, 29, 31, 91, 400} {
			at := now.AddDate(0, 0, -age)
			exec(`INSERT INTO sessions (org_id, session_id, token_hash, membership_id, expires_at) VALUES ($1, $2, sha256($3::text::bytea), $4, $5)`, h.org.OrgID, id.New[id.Session](), fmt.Sprint(h.org.Slug, i), m, at)
			exec(`INSERT INTO mails (org_id, mail_id, recipient, subject, body, created_at) VALUES ($1, $2, 'a@b.example', 'S', 'B', $3)`, h.org.OrgID, id.New[id.Any](), at)
			exec(`INSERT INTO search_events (org_id, day, q_norm, lang, results) VALUES ($1, $2, 'probe', 'en', 'few')`, h.org.OrgID, at)
			exec(`INSERT INTO sign_in_tries (org_id, kind, key_hash, at) VALUES ($1, 'start_network', sha256('x'), $2)`, h.org.OrgID, at)
		}
	}
	v, gone := id.New[id.Visitor](), id.New[id.Visitor]()
	exec(`INSERT INTO visitors (visitor_id, token_hash, expires_at) VALUES ($1, sha256('1'), $3), ($2, sha256('2'), $4)`, v, gone, now.Add(time.Hour), now.Add(-time.Hour))
	exec(`INSERT INTO claims (code_hash, visitor_id, expires_at) VALUES (sha256('3'), $1, $2)`, gone, now)

	count := func(table string, h *house) (n int) {
		t.Helper()
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` WHERE org_id = $1`, h.org.OrgID).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	svc := tenants.New(d, base)
	if err := svc.Retain(jobs.Enter(t.Context(), scope.Keeper, a.org.OrgID)); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"sessions": 2, "mails": 3, "search_events": 4, "sign_in_tries": 1} {
		if n := count(table, a); n != want {
			t.Errorf("%d of %s left, want %d", n, table, want)
		}
		if n := count(table, b); n != 5 {
			t.Errorf("%d of another organization's %s left", n, table)
		}
	}
	if err := svc.RetainAll(jobs.Enter(t.Context(), scope.Keeper, id.Org{})); err != nil {
		t.Fatal(err)
	}
	if n := count("mails", b); n != 3 {
		t.Errorf("%d mails of the other organization left", n)
	}
	var left []string
	if err := su.QueryRow(t.Context(), `SELECT ARRAY(SELECT visitor_id::text FROM visitors UNION SELECT visitor_id::text FROM claims)`).Scan(&left); err != nil || len(left) != 1 || left[0] != v.String() {
		t.Errorf("visitors left: %v %v", left, err)
	}
	// Nobody else removes by this way, and the keeper no visitor who may come back.
	if err := svc.Retain(scope.Enter(t.Context(), a.viewer)); err == nil {
		t.Error("a learner may")
	}
	if err := d.Tx(jobs.Enter(t.Context(), scope.Keeper, id.Org{}), func(tx *db.Tx) error { return tx.Must(`DELETE FROM visitors WHERE visitor_id = $1`, v) }); err == nil {
		t.Error("the keeper removed a visitor who may come back")
	}
}

// The page for administrators says what the table says.
func TestRetentionIsDocumented(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../docs/privacy.md", "<!-- retention -->\n", "<!-- /retention -->"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| what | goes |\n| --- | --- |\n")
	for _, r := range tenants.Retentions {
		days := "a day"
		if r.Days > 1 {
			days = fmt.Sprintf("%d days", r.Days)
		}
		fmt.Fprintf(&b, "| %s | %s after %s |\n", r.What, days, r.Begin)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	have, after, okToo := strings.Cut(rest, end)
	if !ok || !okToo {
		t.Fatal("no place for the table")
	}
	if have == b.String() {
		return
	}
	if !*updateDocs {
		t.Fatalf("%s is not what Retentions says: go test ./tenants -run Documented -update-docs", file)
	}
	if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
