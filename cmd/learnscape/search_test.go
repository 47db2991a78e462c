package main

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// A document that got lost and one that is left over are put right, and every organization is told of.
func TestSearchReindex(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	env := map[string]string{
		"LEARNSCAPE_BASE_URL": "http://localhost:8080", "LEARNSCAPE_DATABASE_URL": dsn("learnscape_app"), "LEARNSCAPE_FILES": t.TempDir(),
		"LEARNSCAPE_KEYS": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	}
	cli := func(args ...string) (string, error) {
		var out strings.Builder
		err := run(t.Context(), args, func(k string) string { return env[k] }, &out, t.Output())
		return out.String(), err
	}
	orgs := map[string]id.Org{}
	for _, slug := range []string{"halden", "brightwater"} {
		if _, err := cli("org", "create", "--slug", slug, "--name", slug); err != nil {
			t.Fatal(err)
		}
		orgs[slug] = orgNamed(t, d, slug)
		if err := d.Tx(dbtest.System(t, scope.Operator, orgs[slug]), func(tx *db.Tx) error {
			it, err := tenants.PutItem(tx, tenants.Item{Kind: tenants.KindCourse, Title: "Brine pumps of " + slug})
			if err != nil {
				return err
			}
			return tenants.PublishItem(tx, it.ItemID, 1, tx.Now)
		}); err != nil {
			t.Fatal(err)
		}
	}
	titles := func(slug string) (out []string) {
		t.Helper()
		if err := d.Tx(dbtest.System(t, scope.Indexer, orgs[slug]), func(tx *db.Tx) (err error) {
			out, err = db.Rows[string](tx, `SELECT title FROM search_documents WHERE org_id = $1`, orgs[slug])
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if n := len(titles("halden")); n != 0 {
		t.Fatalf("%d documents before", n)
	}
	out, err := cli("search", "reindex")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"filled: 1 of 2 organizations, 1 documents\n", "filled: 2 of 2 organizations, 2 documents\n", "verified: 2 of 2 organizations, 2 documents\n", "done: 2 documents\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("says %q, not %q", out, want)
		}
	}
	if got := titles("halden"); len(got) != 1 || got[0] != "Brine pumps of halden" {
		t.Errorf("documents %q", got)
	}
	if err := d.Tx(dbtest.System(t, scope.Operator, orgs["halden"]), func(tx *db.Tx) error {
		return tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1`, orgs["halden"])
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := cli("search", "reindex", "--org", "halden"); err != nil {
		t.Fatal(err)
	}
	if len(titles("halden")) != 0 || len(titles("brightwater")) != 1 {
		t.Errorf("halden has %q, brightwater %q", titles("halden"), titles("brightwater"))
	}
	if _, err := cli("search", "reindex", "everything"); err == nil {
		t.Error("takes an argument that it does not know")
	}
}

func orgNamed(t *testing.T, d *db.DB, slug string) (org id.Org) {
	t.Helper()
	if err := d.Tx(dbtest.System(t, scope.Operator, id.Org{}), func(tx *db.Tx) (err error) {
		org, err = db.Row[id.Org](tx, `SELECT org_id FROM organizations WHERE slug = $1`, slug)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return org
}
