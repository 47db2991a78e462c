package oracle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/schematest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// sharedWrites are the tables in which an organization may write rows that name another, each with the reason.
var sharedWrites = map[string]string{
	"outbox": "an event is written by whoever caused it and names whose rows change; only the relay takes it out",
}

var errRollBack = errors.New("roll back")

// TestForeignWritesChangeNothing tries, as one organization, to change, delete, take over, plant and forge rows of another in
// every table that has an owner. Every try must be refused by the row policies or touch nothing, and the other's rows must
// be the same bytes afterwards.
func TestForeignWritesChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	su, err := pgx.Connect(t.Context(), w.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(context.WithoutCancel(t.Context())) })
	tables := ownedTables(t, su)
	if len(tables) < 25 {
		t.Fatalf("only %d tables have an owner", len(tables))
	}
	w.bring(w.orgs[1], w.orgs[2], "active") // The victim has something to do with a third one.
	victim := w.orgs[1].id
	fillOwned(t, su, tables, victim)
	mine := w.orgs[0]
	thief := scope.Scope{Actor: scope.Member, Org: mine.id, Membership: mine.members[0], Roles: scope.Roles()}
	thieves := []scope.Scope{thief, {Actor: scope.Visitor}}
	for _, a := range []scope.Actor{scope.SignIn, scope.Indexer, scope.Counter, scope.Mailer, scope.Discloser, scope.Operator} {
		thieves = append(thieves, scope.System(a, mine.id))
	}
	before := digest(t, su, tables, victim)
	tries := 0
	for _, who := range thieves {
		for _, tb := range tables {
			for _, try := range attempts(t, su, tb, mine.id, victim) {
				tries++
				rows, err := w.try(t, who, try)
				var pg *pgconn.PgError
				switch {
				case err == nil && rows == 0:
				case errors.As(err, &pg) && pg.Code == "42501":
				case sharedWrites[tb] != "" && try.what == "forge":
				case err == nil:
					t.Errorf("as %s: %s %s: %d rows", who.Actor, try.what, tb, rows)
				default:
					t.Errorf("as %s: %s %s: refused, but not by the row policy: %v", who.Actor, try.what, tb, err)
				}
			}
		}
	}
	after := digest(t, su, tables, victim)
	for _, tb := range tables {
		if before[tb] == "" {
			t.Errorf("%s: the other organization has no row: the test proves nothing", tb)
		}
		if before[tb] != after[tb] {
			t.Errorf("%s: the other organization's rows changed", tb)
		}
	}
	t.Logf("%d tries on %d tables", tries, len(tables))
	var walled, policies, guards, definers int
	if err := su.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND relforcerowsecurity AND NOT relispartition),
		(SELECT count(*) FROM pg_policies WHERE schemaname = 'public'), (SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname LIKE 'guard\_%'),
		(SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef)`).Scan(&walled, &policies, &guards, &definers); err != nil {
		t.Fatal(err)
	}
	t.Logf("schema: %d tables with forced row security, %d policies, %d guards, %d definer functions", walled, policies, guards, definers)
}

type attempt struct {
	what, sql string
	args      []any
}

// attempts are the ways to touch the victim's rows of a table.
func attempts(t *testing.T, su *pgx.Conn, tb string, mine, victim id.Org) []attempt {
	t.Helper()
	granted := map[string]bool{}
	for _, p := range []string{"INSERT", "UPDATE", "DELETE"} {
		var ok bool
		if err := su.QueryRow(t.Context(), `SELECT has_table_privilege('learnscape_app', $1::regclass, $2)`, tb, p).Scan(&ok); err != nil {
			t.Fatal(err)
		}
		granted[p] = ok
	}
	// Rows that name both organizations are the both's: a grant may be given back, a connection be ended by either.
	others := ""
	switch tb {
	case "grants":
		others = " AND viewer_org <> $2"
	case "connection_sides":
		others = " AND other_org <> $2"
	}
	args := []any{victim}
	if others != "" {
		args = append(args, mine)
	}
	var forged []byte
	if err := su.QueryRow(t.Context(), `SELECT to_jsonb(t) FROM `+tb+` t WHERE org_id = $1`+others+` LIMIT 1`, args...).Scan(&forged); err != nil {
		t.Fatalf("%s: %v", tb, err)
	}
	var out []attempt
	if granted["UPDATE"] {
		out = append(out, attempt{"change", `UPDATE ` + tb + ` SET org_id = org_id WHERE org_id = $1` + others, args})
		out = append(out, attempt{"take over", `UPDATE ` + tb + ` SET org_id = '` + mine.String() + `' WHERE org_id = $1` + others, args})
		if tb != "connection_sides" && tb != "organizations" {
			out = append(out, attempt{"plant", `UPDATE ` + tb + ` SET org_id = '` + victim.String() + `' WHERE org_id = $1`, []any{mine}})
		}
	}
	if granted["DELETE"] {
		out = append(out, attempt{"delete", `DELETE FROM ` + tb + ` WHERE org_id = $1` + others, args})
	}
	if granted["INSERT"] {
		out = append(out, attempt{"forge", `INSERT INTO ` + tb + ` OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(NULL::` + tb + `, $1)).*`, []any{forged}})
	}
	return out
}

// try runs the attempt and keeps it if it succeeds, but for what is allowed, which is rolled back.
func (w *world) try(t *testing.T, who scope.Scope, a attempt) (rows int64, err error) {
	t.Helper()
	var raw error
	_ = w.d.Tx(scope.Enter(t.Context(), who), func(tx *db.Tx) error {
		rows, raw = tx.Exec(a.sql, a.args...)
		if raw == nil && a.what == "forge" {
			return errRollBack
		}
		return raw
	})
	return rows, raw
}

func ownedTables(t *testing.T, su *pgx.Conn) []string {
	t.Helper()
	r, err := su.Query(t.Context(), `SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'river_%'
		AND has_table_privilege('learnscape_app', c.oid, 'SELECT') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(r, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// digest is one hash per table over the organization's rows, in order; "" for none.
func digest(t *testing.T, su *pgx.Conn, tables []string, org id.Org) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, tb := range tables {
		var h string
		if err := su.QueryRow(t.Context(), `SELECT coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM `+tb+` t WHERE org_id = $1`, org).Scan(&h); err != nil {
			t.Fatal(err)
		}
		out[tb] = h
	}
	return out
}

// fillOwned gives the organization a row in every table where it has none yet, with plain values and no foreign keys.
func fillOwned(t *testing.T, su *pgx.Conn, tables []string, org id.Org) {
	t.Helper()
	if _, err := su.Exec(t.Context(), `SET session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	for _, tb := range tables {
		var has bool
		if err := su.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM `+tb+` WHERE org_id = $1)`, org).Scan(&has); err != nil || has {
			continue
		}
		names, values := schematest.Sample(t, su, tb)
		if i := slices.Index(names, "org_id"); i >= 0 {
			values[i] = fmt.Sprintf("'%s'", org)
		}
		if _, err := su.Exec(t.Context(), `INSERT INTO `+tb+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(values, ", ")+`)`); err != nil {
			t.Fatalf("%s: %v", tb, err)
		}
	}
	if _, err := su.Exec(t.Context(), `SET session_replication_role = origin`); err != nil {
		t.Fatal(err)
	}
}
