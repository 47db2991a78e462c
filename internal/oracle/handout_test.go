package oracle_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// theirs are fields with a canary of another organization that stand in rows of one's own, each with the reason.
var theirs = map[string]string{
	"organizations.name": "that an organization has a portal is public; its name stands in what both signed",
	"items.slug":         "a published path says where its steps lead; what stands there it does not say",
}

// TestHandOut has every organization take everything with it: each row that it owns is in the archive, and of another organization, of
// what is private to a person and of what opens something there is nothing.
func TestHandOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, 64)
	su := superuser(t, s.dsn("postgres"))
	tables := ownedTables(t, su)
	for tb := range tenants.Both {
		tables = append(tables, tb)
	}
	for _, o := range s.orgs[:1] {
		fillOwned(t, su, slices.DeleteFunc(slices.Clone(tables), func(tb string) bool {
			return tb == "organizations" || tenants.Both[tb] != "" || strings.HasPrefix(tb, "audit") || tb == "outbox"
		}), o.id)
	}
	looked := 0
	for _, o := range s.orgs {
		var b bytes.Buffer
		steps, last := 0, 0
		if err := s.portal.Keeper.HandOut(dbtest.System(t, scope.Keeper, o.id), &b, func(done, total int) error {
			if steps++; done < last || done > total {
				t.Errorf("progress goes from %d to %d of %d", last, done, total)
			}
			last = done
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		files := unzipped(t, b.Bytes())
		have := rowsOf(t, files)
		for _, tb := range tables {
			where := tenants.Both[tb]
			if where == "" {
				where = `t.org_id = $1`
			}
			var n int
			if err := su.QueryRow(t.Context(), `SELECT count(*) FROM `+tb+` t WHERE `+where, o.id).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if tenants.Withheld[tb] != "" {
				n = 0
			}
			if have[tb] != n {
				t.Errorf("%s takes %d of %d rows of %s", o.slug, have[tb], n, tb)
			}
		}
		for name := range files {
			if rest, ok := strings.CutPrefix(name, "json/"); ok && tenants.Withheld[strings.TrimSuffix(rest, ".json")] != "" {
				t.Errorf("%s takes %s", o.slug, name)
			}
		}
		for key := range tenants.Withheld {
			if tb, column, ok := strings.Cut(key, "."); ok && strings.Contains(files["json/"+tb+".json"], `"`+column+`"`) {
				t.Errorf("%s takes %s", o.slug, key)
			}
		}
		all := strings.Join(slices.Collect(maps.Values(files)), "\n")
		seen := map[string]bool{}
		for _, tok := range canary.FindAllString(all, -1) {
			looked++
			seen[tok] = true
			ob := s.tokens[tok]
			switch {
			case ob.Kind == oracle.Private:
				t.Errorf("%s takes what is private to %s: %s", o.slug, ob.Member, s.fields[tok])
			case ob.Org != o.id.String() && ob.Kind != oracle.Connection && theirs[s.fields[tok]] == "":
				t.Errorf("%s takes %s (%s) of %s: %+v", o.slug, tok, s.fields[tok], s.owner[ob.Org].slug, *ob)
			}
		}
		// Of each of its own texts there is one.
		for tok, ob := range s.tokens {
			if ob.Org == o.id.String() && slices.Contains([]oracle.Kind{oracle.Item, oracle.Question, oracle.Answer, oracle.Collection, oracle.Name, oracle.Member}, ob.Kind) && !seen[tok] && stored(t, su, tok) {
				t.Errorf("%s does not take its %s", o.slug, s.fields[tok])
			}
		}
		if _, err := ledger.Read(strings.NewReader(files["audit.jsonl"])); err != nil {
			t.Errorf("the log of %s does not verify: %v", o.slug, err)
		}
		var content, media int
		for name := range files {
			if strings.HasPrefix(name, "content/") {
				content++
			}
			if strings.HasPrefix(name, "files/") {
				media++
			}
		}
		if content == 0 || media == 0 {
			t.Errorf("%s takes %d texts and %d files", o.slug, content, media)
		}
	}
	if looked < 500 {
		t.Errorf("only %d canaries were looked at", looked)
	}
	// What looks like a secret is withheld or was looked at.
	open := map[string]bool{
		"files.sha256": true, "draft_files.sha256": true, "course_imports.sha256": true, "versions.digest": true, "organizations.logo_sha256": true, "standard_versions.hash_a": true, "standard_versions.hash_b": true, "agreements.terms_hash": true,
		"audit_numbers.hash": true, "audit_seals.hash": true, "audit_seals.previous": true, "audit_seals.public_key": true, "audit_seals.signature": true, "domains.token": true, "issuer_keys.public": true,
	}
	rows, err := su.Query(t.Context(), `SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND (a.atttypid = 'bytea'::regtype OR a.attname ~ 'secret|token$|hash|password') ORDER BY 1`, tables)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range columns {
		tb, _, _ := strings.Cut(c, ".")
		if tenants.Withheld[tb] == "" && tenants.Withheld[c] == "" && !open[c] {
			t.Errorf("%s looks like a secret and is handed out: withhold it, or say here that it is none", c)
		}
	}
}

// stored reports whether a canary stands in a table that is handed out with a text.
func stored(t *testing.T, su *pgx.Conn, tok string) bool {
	t.Helper()
	var is bool
	if err := su.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM items t WHERE position($1 IN t::text) > 0) OR EXISTS (SELECT 1 FROM questions t WHERE position($1 IN t::text) > 0)
		OR EXISTS (SELECT 1 FROM answers t WHERE position($1 IN t::text) > 0) OR EXISTS (SELECT 1 FROM lessons t WHERE position($1 IN t::text) > 0) OR EXISTS (SELECT 1 FROM memberships t WHERE position($1 IN t::text) > 0)`, tok).Scan(&is); err != nil {
		t.Fatal(err)
	}
	return is
}

// TestExport asks for a copy as an administrator, cancels one, has one made, fetches it and lets its time go by: who is no administrator
// of the organization gets nothing of it at any moment, and nothing of it is left afterwards.
func TestExport(t *testing.T) {
	t.Parallel()
	s := newSite(t, 65)
	su := superuser(t, s.dsn("postgres"))
	o, other := s.orgs[0], s.orgs[1]
	boss, learner, foreign := s.readerOf(o.members[len(o.members)-1]), s.readerOf(o.members[0]), s.readerOf(other.members[len(other.members)-1])
	const at = "/admin/organization/export"
	newest := func() (which, state string) {
		t.Helper()
		if err := su.QueryRow(t.Context(), `SELECT export_id::text, state FROM exports WHERE org_id = $1 ORDER BY created_at DESC LIMIT 1`, o.id).Scan(&which, &state); err != nil {
			t.Fatal(err)
		}
		return which, state
	}
	ask := func() id.Any {
		t.Helper()
		if a := s.request(boss, "POST", at, "", nil); a.status != 303 {
			t.Fatalf("asking answers %d", a.status)
		}
		which, _ := newest()
		return parse[id.Any](t, which)
	}
	kept := func() (n int) {
		_ = filepath.WalkDir(s.files, func(_ string, d os.DirEntry, _ error) error {
			if !d.IsDir() {
				n++
			}
			return nil
		})
		return n
	}
	if a := s.request(learner, "POST", at, "", nil); a.status != 404 {
		t.Errorf("a learner has a copy made: %d", a.status)
	}
	before := kept()
	keeper := dbtest.System(t, scope.Keeper, o.id)
	first := ask()
	if a := s.request(boss, "POST", at, "", nil); a.status != 409 {
		t.Errorf("a second one at the same time answers %d", a.status)
	}
	if a := s.request(boss, "POST", at+"/"+first.String()+"/cancel", "", nil); a.status != 303 {
		t.Fatalf("cancelling answers %d", a.status)
	}
	if err := s.portal.Keeper.RunExport(keeper, first); err != nil {
		t.Errorf("what was cancelled fails: %v", err)
	}
	if _, state := newest(); state != tenants.ExportCancelled || kept() != before {
		t.Errorf("what was cancelled is %s, and %d files are there", state, kept()-before)
	}
	second := ask()
	if err := s.portal.Keeper.RunExport(dbtest.System(t, scope.Keeper, other.id), second); err == nil {
		if _, state := newest(); state != tenants.ExportRunning {
			t.Error("the keeper of another organization made it")
		}
	}
	if err := s.portal.Keeper.RunExport(keeper, second); err != nil {
		t.Fatal(err)
	}
	link := at + "/" + second.String()
	if a := s.request(boss, "GET", at, "", nil); !strings.Contains(a.body, `href="`+link+`"`) {
		t.Error("the page has no link to the copy")
	}
	a := s.request(boss, "GET", link, "", nil)
	if a.status != 200 || len(rowsOf(t, unzipped(t, []byte(a.body)))) < 20 {
		t.Fatalf("the copy answers %d", a.status)
	}
	for _, r := range []*reader{learner, foreign} {
		if a := s.request(r, "GET", link, "", nil); a.status != 404 {
			t.Errorf("%s fetches it: %d", r.name, a.status)
		}
		if a := s.request(r, "POST", link+"/cancel", "", nil); a.status != 404 {
			t.Errorf("%s cancels it: %d", r.name, a.status)
		}
	}
	// Nor by a statement that forgot to ask who it is.
	var n int
	if err := s.d.Read(scope.Enter(t.Context(), learner.scope), func(b *db.Batch) { db.One(b, &n, nil, `SELECT count(*)::int FROM exports`) }); err != nil || n > 0 {
		t.Errorf("a learner reads %d exports: %v", n, err)
	}
	if err := s.portal.Keeper.RemoveExport(keeper, second); err != nil {
		t.Fatal(err)
	}
	if kept() != before+1 {
		t.Error("it is removed before its time is over")
	}
	if _, err := su.Exec(t.Context(), `UPDATE exports SET until = now() - interval '1 second' WHERE export_id = $1`, second); err != nil {
		t.Fatal(err)
	}
	if a := s.request(boss, "GET", link, "", nil); a.status != 404 {
		t.Errorf("after its time it answers %d", a.status)
	}
	for range 2 {
		if err := s.portal.Keeper.RemoveExport(keeper, second); err != nil {
			t.Fatal(err)
		}
	}
	if _, state := newest(); state != tenants.ExportRemoved || kept() != before {
		t.Errorf("it is %s, and %d files are left", state, kept()-before)
	}
	var asked, fetched int
	if err := su.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE action = 'organization.export_asked'), count(*) FILTER (WHERE action = 'organization.exported') FROM audit WHERE org_id = $1`, o.id).Scan(&asked, &fetched); err != nil || asked != 2 || fetched != 1 {
		t.Errorf("the log has %d askings and %d fetchings: %v", asked, fetched, err)
	}
	// Four a day.
	for range 2 {
		which := ask()
		if err := s.portal.Tenants.CancelExport(scope.Enter(t.Context(), boss.scope), which); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.portal.Tenants.AskExport(scope.Enter(dbtest.Shown(t.Context()), boss.scope)); !errs.Is(err, errs.Conflict) {
		t.Errorf("a fifth one: %v", err)
	}
	// Whoever writes a copy stops with whoever wanted it.
	ctx, end := context.WithTimeout(keeper, time.Minute)
	defer end()
	stop := errors.New("enough")
	if err := s.portal.Keeper.HandOut(ctx, io.Discard, func(done, _ int) error {
		if done > 3 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) {
		t.Errorf("it goes on: %v", err)
	}
}
