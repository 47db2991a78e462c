package db_test

import (
	"errors"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
)

// A portal that was given the wrong role would answer everybody everything, so it does not start.
func TestStrongerRolesAreRefused(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"postgres", "learnscape_owner"} {
		d, err := db.Open(t.Context(), db.Options{DSN: dbtest.OwnerDSN(t, role), MaxConns: 1})
		if err == nil {
			d.Close()
		}
		if !errors.Is(err, db.ErrPrivileged) {
			t.Errorf("as %s: %v", role, err)
		}
	}
}
