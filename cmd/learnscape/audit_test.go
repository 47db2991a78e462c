package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// An operator verifies the logs in the database, an organization takes its log away, and whoever has the file verifies it without
// the database: a line that was changed is named in both.
func TestAudit(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	const keys = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	env := map[string]string{
		"LEARNSCAPE_BASE_URL": "http://localhost:8080", "LEARNSCAPE_DATABASE_URL": dsn("learnscape_app"), "LEARNSCAPE_FILES": t.TempDir(), "LEARNSCAPE_KEYS": keys,
	}
	call := func(env map[string]string, args ...string) (string, error) {
		var out strings.Builder
		err := run(t.Context(), args, func(k string) string { return env[k] }, &out, t.Output())
		return out.String(), err
	}
	cli := func(args ...string) (string, error) { return call(env, args...) }
	if out, err := cli("audit", "keys"); err != nil || !strings.Contains(out, "no key yet") {
		t.Errorf("%q, %v", out, err)
	}
	for _, slug := range []string{"halden", "brightwater"} {
		if _, err := cli("org", "create", "--slug", slug, "--name", slug, "--admin", "admin@"+slug+".example"); err != nil {
			t.Fatal(err)
		}
	}
	ring, err := secret.ParseKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := tenants.NewSealer(d, ring, slog.New(slog.DiscardHandler)).Once(dbtest.System(t, scope.Sealer, id.Org{})); err != nil {
		t.Fatal(err)
	}
	if out, err := cli("audit", "verify"); err != nil || !strings.Contains(out, "✓ brightwater: 2 lines under 1 seals") || !strings.Contains(out, "✓ halden: 2 lines") {
		t.Errorf("%q, %v", out, err)
	}
	file := filepath.Join(t.TempDir(), "halden.jsonl")
	if _, err := cli("audit", "export", "--org", "halden", "--file", file); err != nil {
		t.Fatal(err)
	}
	kid, _, _ := strings.Cut(must(cli("audit", "keys", "--rotate"))(t), " ")
	if out := must(cli("audit", "keys"))(t); !strings.HasPrefix(out, kid+"  signs") || strings.Count(out, "\n") != 2 {
		t.Errorf("after a new key: %q", out)
	}
	// Without any configuration: a file is enough.
	bare := map[string]string{}
	out, err := call(bare, "audit", "verify", "--file", file, "--with", file)
	if err != nil || !strings.Contains(out, "✓ halden: 2 lines") || !strings.Contains(out, "the first 2 lines are the same") {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := call(bare, "audit", "verify", "--file", file, "--key", kid); err == nil {
		t.Error("signed by a key that did not exist yet")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), `"organization.created"`, `"organization.renamed"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := call(bare, "audit", "verify", "--file", file); err == nil || !strings.Contains(err.Error(), "line 1:") {
		t.Errorf("a changed file: %v", err)
	}
	root, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close(context.WithoutCancel(t.Context())) })
	for _, q := range []string{`SET session_replication_role = replica`, `UPDATE audit SET actor = 'member' WHERE action = 'member.added' AND org_id = (SELECT org_id FROM organizations WHERE slug = 'halden')`} {
		if _, err := root.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	out, err = cli("audit", "verify")
	if err == nil || !strings.Contains(out, "✗ halden: line 2:") || !strings.Contains(out, "✓ brightwater") {
		t.Errorf("a changed database: %q, %v", out, err)
	}
	for _, wrong := range [][]string{{"audit"}, {"audit", "verify", "x"}, {"audit", "verify", "--with", file}, {"audit", "export"}, {"audit", "seal"}} {
		if _, err := cli(wrong...); err == nil {
			t.Errorf("%v is a call", wrong)
		}
	}
}

func must(out string, err error) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}
