package main

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db/dbtest"
)

// Nobody is in a new installation, and in a new organization only the administrator that was named: there is no account by default, no key
// and no token with which somebody gets in.
func TestNobodyIsThereByDefault(t *testing.T) {
	t.Parallel()
	_, dsn := dbtest.FreshDSN(t)
	conn, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	in := func(tables ...string) (people int) {
		for _, table := range tables {
			var n int
			if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()).Scan(&n); err != nil {
				t.Fatal(err)
			}
			people += n
		}
		return people
	}
	doors := []string{"persons", "memberships", "identities", "passkeys", "operators", "api_tokens", "sessions", "email_links"}
	if n := in(doors...); n != 0 {
		t.Fatalf("%d ways into an installation where nobody is", n)
	}
	for i, args := range [][]string{{"--slug", "halden", "--name", "Halden"}, {"--slug", "nordhav", "--name", "Nordhav", "--admin", "admin@nordhav.example"}} {
		var out strings.Builder
		if err := run(t.Context(), append([]string{"org", "create"}, args...), func(k string) string {
			return map[string]string{"LEARNSCAPE_BASE_URL": "http://localhost:8080", "LEARNSCAPE_DATABASE_URL": dsn("learnscape_app"), "LEARNSCAPE_FILES": t.TempDir(), "LEARNSCAPE_KEYS": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}[k]
		}, &out, t.Output()); err != nil {
			t.Fatal(err)
		}
		if n := in("memberships"); n != i {
			t.Errorf("%v made %d members", args, n)
		}
	}
	if n := in("identities", "passkeys", "operators", "api_tokens", "sessions"); n != 0 {
		t.Errorf("%d ways in that nobody asked for", n)
	}
}
