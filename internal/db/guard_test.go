package db_test

import (
	"errors"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Whatever a transaction of a guarded request does first: with another answer than the presumed one nothing of it stays, with the
// right one it acts for whom it should, and the question was asked once.
func TestTransactionsLeadWithTheGuard(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	org := id.New[id.Org]()
	const insert = `INSERT INTO outbox (org_id, kind, payload, at) VALUES (app_org(), $1, '{}', $2)`
	ways := map[string]func(*db.Tx, string) error{
		"a statement": func(tx *db.Tx, kind string) error {
			_, err := tx.Exec(insert, kind, tx.Now)
			return err
		},
		"its last": func(tx *db.Tx, kind string) error {
			return tx.Last(func(b *db.Batch) { db.Write(b, nil, insert, kind, tx.Now) })
		},
		"by the library": func(tx *db.Tx, kind string) error { return tx.Gorm().Exec(insert, kind, tx.Now).Error },
		"though an error is passed over": func(tx *db.Tx, kind string) error {
			_, _ = tx.Exec(insert, kind, tx.Now)
			_, _ = tx.Exec(insert, kind, tx.Now)
			return nil
		},
	}
	for name, write := range ways {
		for _, holds := range []bool{false, true} {
			asked := 0
			ctx, _ := d.Guard(dbtest.System(t, scope.Operator, org), scope.System(scope.SignIn, id.New[id.Org]()), func(b *db.Batch) func() error {
				asked++
				var n int
				db.One(b, &n, nil, `SELECT 1`)
				return func() error {
					if holds {
						return nil
					}
					return db.ErrPresumed
				}
			})
			err := d.Tx(ctx, func(tx *db.Tx) error { return write(tx, name) })
			if holds && err != nil || !holds && err == nil {
				t.Errorf("%s, presumed rightly %t: %v", name, holds, err)
			}
			if !holds && name != "though an error is passed over" && !errors.Is(err, db.ErrPresumed) {
				t.Errorf("%s: %v", name, err)
			}
			var kept int
			if err := d.Tx(dbtest.System(t, scope.Relay, org), func(tx *db.Tx) (err error) {
				kept, err = db.Row[int](tx, `SELECT count(*) FROM outbox WHERE kind = $1 AND org_id = $2`, name, org)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if (kept > 0) != holds {
				t.Errorf("%s, presumed rightly %t: %d rows stay", name, holds, kept)
			}
			if asked != 1 {
				t.Errorf("%s, presumed rightly %t: asked %d times", name, holds, asked)
			}
		}
	}
}
