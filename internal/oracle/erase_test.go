package oracle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// withoutOwner says of each table without an org_id what becomes of it when an organization is erased. A new one has an entry here or
// the test fails; one with an org_id is erased unless tenants.Kept has a reason.
var withoutOwner = map[string]string{
	"operators": "belong to no organization", "operator_passkeys": "an operator's", "operator_questions": "an operator's, and goes within minutes", "operator_sessions": "an operator's", "operator_codes": "an operator's",
	"operator_audit": "what operators did stays theirs to answer for: the number of the organization, reasons and operators, nothing of what was in it",
	"retired_slugs":  "names of portals, which are public", "persons": "goes with the last membership",
	"connections": "belongs to both sides: the other keeps when it was", "agreements": "belongs to both sides: the other keeps what it signed", "joint_propositions": "the same",
	"visitors": "belongs to nobody yet, and ends by itself", "visitor_progress": "a visitor's own", "claims": "a visitor's own",
	"search_lexicon": "built again from what is there", "search_languages": "built again from what is there", "audit_keys": "the installation's",
}

// TestErase erases an organization that has a row in every table, is interrupted and goes on, and then looks for every canary of it in
// every table and file; nobody else's rows may change by it.
func TestErase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 91)
	w.awake()
	su, err := pgx.Connect(t.Context(), w.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(context.WithoutCancel(t.Context())) })
	files := t.TempDir()
	store, err := blob.NewFolder(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	gone, stays := w.orgs[0], w.orgs[1]
	own, both := w.field(&oracle.Object{Kind: oracle.House, Org: gone.id.String()}, "file"), "a picture that two organizations have"
	for _, f := range []struct {
		text string
		of   []*org
	}{{own, []*org{gone}}, {both, []*org{gone, stays}}} {
		sum, _, err := store.Put(t.Context(), bytes.NewReader([]byte(f.text)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range f.of {
			item := parse[id.Item](t, w.items[slices.IndexFunc(w.items, func(it *oracle.Object) bool { return it.Org == o.id.String() })].ID)
			w.must(o, func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO files (org_id, file_id, item_id, sha256, name, media_type, size) VALUES ($1, $2, $3, $4, 'a.txt', 'text/plain', 1)`, o.id, id.New[id.File](), item, sum[:])
				return err
			})
		}
	}
	logo, _, err := store.Put(t.Context(), strings.NewReader("a logo that is not a file"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := su.Exec(t.Context(), `UPDATE organizations SET logo_sha256 = $2 WHERE org_id = $1`, gone.id, logo[:]); err != nil {
		t.Fatal(err)
	}
	tables := ownedTables(t, su)
	fillOwned(t, su, slices.DeleteFunc(slices.Clone(tables), func(tb string) bool { return tb == "organizations" }), gone.id)

	svc := tenants.New(w.d, base, tenants.WithBlob(store))
	keeper := dbtest.System(t, scope.Keeper, gone.id)
	if err := svc.Erase(keeper); !errs.Is(err, errs.Conflict) {
		t.Fatalf("erased although it is active: %v", err)
	}
	if err := svc.GiveUp(dbtest.System(t, scope.Operator, gone.id)); err != nil {
		t.Fatal(err)
	}
	before := map[string]map[string]string{}
	interrupted, cut := errors.New("a power cut"), 0
	svc.OnErase(func(context.Context, id.Org) error {
		for _, o := range w.orgs[1:] { // What others are told of the end is told by now.
			before[o.slug] = digest(t, su, tables, o.id)
		}
		return nil
	})
	ctx, end := context.WithCancel(keeper)
	svc.OnErase(func(context.Context, id.Org) error {
		if cut++; cut == 1 {
			return interrupted
		}
		return nil
	})
	if err := svc.Erase(ctx); !errors.Is(err, interrupted) {
		t.Fatalf("interrupted: %v", err)
	}
	// Some rows are gone already when it dies the next time.
	if err := w.d.Tx(keeper, func(tx *db.Tx) error {
		_, err := tx.Exec(`SELECT erase_rows('mails', 1)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	end()
	if err := svc.Erase(ctx); err == nil {
		t.Fatal("erased after the end of its context")
	}
	if err := svc.Erase(keeper); err != nil {
		t.Fatal(err)
	}
	if err := svc.Erase(keeper); err != nil {
		t.Errorf("again, when all is gone: %v", err)
	}

	for _, o := range w.orgs[1:] {
		after := digest(t, su, tables, o.id)
		for _, tb := range tables {
			if before[o.slug][tb] != after[tb] {
				t.Errorf("%s of %s changed", tb, o.slug)
			}
		}
	}
	looked := 0
	rows, err := su.Query(t.Context(), `SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, tb := range all {
		rows, err := su.Query(t.Context(), `SELECT t::text FROM `+tb+` t`)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			for _, tok := range canary.FindAllString(text, -1) {
				looked++
				o := w.tokens[tok]
				if o == nil || o.Org != gone.id.String() || o.Kind == oracle.Connection || o.Kind == oracle.Joint || w.fields[tok] == "organizations.name" {
					continue
				}
				t.Errorf("%s still says %s (%s): %s", tb, tok, w.fields[tok], text)
			}
		}
		if slices.Contains(tables, tb) && tenants.Kept[tb] == "" {
			var n int
			if err := su.QueryRow(t.Context(), `SELECT count(*) FROM `+tb+` WHERE org_id = $1`, gone.id).Scan(&n); err != nil || n > 0 {
				t.Errorf("%d rows of %s are left: %v", n, tb, err)
			}
		}
	}
	if looked < 500 {
		t.Errorf("only %d canaries were looked at", looked)
	}
	var left []string
	_ = filepath.WalkDir(files, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			left = append(left, filepath.Base(path))
		}
		return nil
	})
	if sum := sha256.Sum256([]byte(both)); len(left) != 1 || left[0] != hex.EncodeToString(sum[:]) {
		t.Errorf("the files %v are left; one belongs to somebody else, too", left)
	}
	owned := map[string]bool{}
	for _, tb := range tables {
		owned[tb] = true
	}
	for _, tb := range slices.Sorted(maps.Keys(tenants.Kept)) {
		if !owned[tb] {
			t.Errorf("%s is kept and not there", tb)
		}
	}
	rest := slices.DeleteFunc(all, func(tb string) bool {
		return owned[tb] || withoutOwner[tb] != "" || tb == "goose_db_version" || len(tb) > 6 && tb[:6] == "river_"
	})
	for _, tb := range rest {
		t.Errorf("%s has no org_id: say in withoutOwner what becomes of it when an organization is erased", tb)
	}
}
