package db_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

func TestNoScopeIsAnError(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	if err := d.Tx(t.Context(), func(*db.Tx) error { return nil }); err == nil {
		t.Error("a transaction without a scope ran")
	}
	if err := d.Read(t.Context(), func(*db.Batch) {}); err == nil {
		t.Error("a read without a scope ran")
	}
}

func TestScopeLeavesNothingOnTheConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	org := id.New[id.Org]()
	ctx := dbtest.System(t, scope.Operator, org)
	for range 20 {
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			got, err := db.Row[string](tx, `SELECT app_org()::text`)
			if err != nil || got != org.String() {
				t.Errorf("app_org() = %q, %v; want %s", got, err, org)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var none *string
		if err := d.Read(scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}), func(b *db.Batch) {
			db.One(b, &none, nil, `SELECT app_org()::text`)
		}); err != nil {
			t.Fatal(err)
		}
		if none != nil {
			t.Fatalf("a visitor's transaction acts for %s", *none)
		}
	}
}

func TestFailedBatchLeavesTheConnectionUsable(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	ctx := dbtest.System(t, scope.Operator, id.New[id.Org]())
	var n int
	err := d.Read(ctx, func(b *db.Batch) { db.One(b, &n, nil, `SELECT 1/0`) })
	if errs.KindOf(err) != errs.Invalid {
		t.Errorf("division by zero: %v", err)
	}
	for range 10 {
		if err := d.Read(ctx, func(b *db.Batch) { db.One(b, &n, nil, `SELECT 7`) }); err != nil || n != 7 {
			t.Fatalf("after a failed batch: %d, %v", n, err)
		}
	}
}

// All queries of a page see one snapshot, cannot write, and leave nothing behind on the connection.
func TestReadIsOneReadOnlySnapshot(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	ctx := dbtest.System(t, scope.Operator, id.New[id.Org]())
	var first, second, isolation, readOnly string
	started := make(chan error, 1)
	go func() {
		started <- d.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO outbox (org_id, kind, payload) VALUES (app_org(), 'test', '{}')`)
			return err
		})
	}()
	if err := d.Read(ctx, func(b *db.Batch) {
		db.One(b, &first, nil, `SELECT pg_current_snapshot()::text`)
		db.One(b, new(string), nil, `SELECT pg_sleep(0.2)::text`)
		db.One(b, &second, nil, `SELECT pg_current_snapshot()::text`)
		db.One(b, &isolation, nil, `SELECT current_setting('transaction_isolation')`)
		db.One(b, &readOnly, nil, `SELECT current_setting('transaction_read_only')`)
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if first != second || isolation != "repeatable read" || readOnly != "on" {
		t.Errorf("snapshots %q and %q, isolation %q, read only %q", first, second, isolation, readOnly)
	}
	if err := d.Read(ctx, func(b *db.Batch) {
		db.One(b, new(int), nil, `WITH x AS (INSERT INTO outbox (org_id, kind, payload) VALUES (app_org(), 'test', '{}') RETURNING 1) SELECT count(*)::int FROM x`)
	}); err == nil {
		t.Error("a read wrote")
	}
	if err := d.Tx(ctx, func(tx *db.Tx) error {
		isolation, err := db.Row[string](tx, `SELECT current_setting('transaction_isolation') || current_setting('transaction_read_only')`)
		if isolation != "read committedoff" {
			t.Errorf("a transaction after a read is %q", isolation)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
