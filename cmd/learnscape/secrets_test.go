package main

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// A key is changed while the portal runs: the new one is put in front, everything is put under it, the old one is taken out, and all
// secrets open.
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	first, second := "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	cli := func(keys string, args ...string) (string, error) {
		var out strings.Builder
		err := run(t.Context(), args, func(k string) string {
			return map[string]string{"LEARNSCAPE_BASE_URL": "http://localhost:8080", "LEARNSCAPE_DATABASE_URL": dsn("learnscape_app"), "LEARNSCAPE_FILES": t.TempDir(), "LEARNSCAPE_KEYS": keys}[k]
		}, &out, t.Output())
		return out.String(), err
	}
	ring := func(keys string) *secret.Keyring {
		r, err := secret.ParseKeyring(keys)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	orgs := map[string]id.Org{}
	add := func(org id.Org, keys string, n int) {
		if err := d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
			for range n {
				if _, err := auth.PutProvider(tx, ring(keys), auth.NewProvider{Name: "ID", Issuer: "https://id" + strings.ReplaceAll(id.New[id.Any]().String(), "-", "") + ".example", ClientID: "c", ClientSecret: "hush"}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, slug := range []string{"halden", "brightwater"} {
		if _, err := cli(first, "org", "create", "--slug", slug, "--name", slug, "--admin", "admin@"+slug+".example"); err != nil {
			t.Fatal(err)
		}
		o, err := tenants.New(d, "localhost:8080").ByHost(scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}), slug+".localhost:8080")
		if err != nil {
			t.Fatal(err)
		}
		orgs[slug] = o.OrgID
		add(o.OrgID, first, 3)
	}
	if _, err := cli(first, "audit", "keys", "--rotate"); err != nil {
		t.Fatal(err)
	}
	out, err := cli(second+","+first, "secrets", "rotate")
	if err != nil || !strings.Contains(out, "7 values of 2 organizations are now under the key k2") {
		t.Fatalf("%q, %v", out, err)
	}
	if out, err := cli(second, "secrets", "rotate"); err != nil || !strings.Contains(out, "0 values of 2") {
		t.Errorf("a second time, without the old key: %q, %v", out, err)
	}
	for slug, org := range orgs {
		type row struct {
			ID    id.Provider `db:"provider_id"`
			Value []byte      `db:"client_secret"`
		}
		if err := d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
			rows, err := db.Rows[row](tx, `SELECT provider_id, client_secret FROM providers WHERE org_id = $1`, org)
			for _, r := range rows {
				if v, err := ring(second).Open(secret.Ref{Table: "providers", Org: org.String(), Row: r.ID.String(), Column: "client_secret"}, r.Value); err != nil || string(v) != "hush" {
					t.Errorf("%s: %q, %v", slug, v, err)
				}
			}
			if len(rows) != 3 {
				t.Errorf("%s has %d providers", slug, len(rows))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	// A value of a key that is gone is named, and everything else is done.
	add(orgs["halden"], "lost:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=", 1)
	add(orgs["brightwater"], first, 250) // More than one transaction's.
	if out, err := cli(second+","+first, "secrets", "rotate"); err == nil || !strings.Contains(out, "✗ halden: providers ") || !strings.Contains(out, "250 values of 2") || strings.Contains(out, "can be taken out") {
		t.Errorf("%q, %v", out, err)
	}
}
