package db_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// A statement is ended by the server when it takes longer than any page may, also when nobody waits for it any more, and so is a
// transaction that does nothing; a person is told to come again.
func TestStatementsHaveADeadline(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	ctx := dbtest.System(t, scope.Operator, id.New[id.Org]())
	if err := d.Tx(ctx, func(tx *db.Tx) error {
		for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
			if v, err := db.Row[string](tx, `SELECT current_setting($1)`, name); err != nil || v != "15s" {
				t.Errorf("%s is %q, %v", name, v, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	err := d.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`SET LOCAL statement_timeout = '50ms'`); err != nil {
			return err
		}
		_, err := tx.Exec(`SELECT pg_sleep(30)`)
		return err
	})
	if !errs.Is(err, errs.Timeout) {
		t.Errorf("a statement that takes too long: %v", err)
	}
}
