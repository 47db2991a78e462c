package db_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// While as many pages are read as are read at once, the next one waits, who gives up gets away, and work in the background goes on; then
// everybody gets their page.
func TestReadsTakeTurns(t *testing.T) {
	t.Parallel()
	turns := (3*runtime.NumCPU() + 1) / 2
	d := dbtest.Open(t)
	lock := make(chan struct{})
	free := sync.OnceFunc(func() { close(lock) })
	defer free()
	held := make(chan error, 1)
	ctx := dbtest.System(t, scope.Operator, id.New[id.Org]())
	go func() {
		held <- d.Tx(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(4711)`); err != nil {
				return err
			}
			lock <- struct{}{}
			<-lock
			return nil
		})
	}()
	<-lock
	people := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	var slow sync.WaitGroup
	wait := func() {
		var got string
		if err := d.Read(people, func(b *db.Batch) { db.One(b, &got, nil, `SELECT pg_advisory_xact_lock_shared(4711)::text`) }); err != nil {
			t.Errorf("a page that waited: %v", err)
		}
	}
	for range turns + 3 {
		slow.Go(wait)
	}
	one := func(ctx context.Context) (n int, err error) {
		err = d.Read(ctx, func(b *db.Batch) {
			db.One(b, &n, nil, `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`)
		})
		return n, err
	}
	for n := 0; n < turns; {
		var err error
		if n, err = one(ctx); err != nil {
			t.Fatalf("work in the background: %v", err)
		}
	}
	gone, leave := context.WithCancel(people)
	leave()
	if _, err := one(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	for range 50 { // Whoever came later has had the time to read as well.
		if n, err := one(ctx); err != nil || n != turns {
			t.Fatalf("%d pages are read at once, %v", n, err)
		}
	}
	free()
	if err := <-held; err != nil {
		t.Error(err)
	}
	slow.Wait()
}
