package search

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// A Meilisearch server that was added or replaced holds what changed since and nothing else: it is not asked until somebody
// reindexes.
func TestPostgresAnswersUntilMeilisearchIsFilled(t *testing.T) {
	t.Parallel()
	if os.Getenv("LEARNSCAPE_TEST_MEILI_URL") == "" {
		t.Skip("LEARNSCAPE_TEST_MEILI_URL names no Meilisearch server")
	}
	d := dbtest.Fresh(t)
	postgres, err := New(Deps{DB: d, Tenants: tenants.New(d, "localhost")})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, d, postgres)
	for i := range 5 {
		h.course(t, fmt.Sprintf("Door seals %d", i), "", nil)
	}
	h.svc = newService(t, d)
	h.course(t, "Door seals, the last part", "", nil)
	h.refresh(t)
	if got := h.search(t, Query{Text: "door seals"}); got.Total != 6 || got.Engine != "postgres" {
		t.Fatalf("%d results from %s", got.Total, got.Engine)
	}
	if _, err := h.svc.Reindex(dbtest.System(t, scope.Indexer, id.Org{}), func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	if got := h.search(t, Query{Text: "door seals"}); got.Total != 6 || got.Engine != "meilisearch" {
		t.Fatalf("after reindexing: %d results from %s", got.Total, got.Engine)
	}
}

// A Meilisearch that takes every connection and never answers: each of the first questions waits for its time limit, later
// ones do not wait, and all are answered.
func TestPostgresAnswersWhenMeilisearchDoesNot(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	d := dbtest.Fresh(t)
	h := newHouse(t, d, newService(t, d))
	h.course(t, "Door seals", "", nil)
	svc, err := New(Deps{DB: d, Tenants: tenants.New(d, "localhost"), MeiliURL: "http://" + ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Close() })
	h.svc = svc
	h.refresh(t)
	for i := range breakAfter + 2 {
		start := time.Now()
		got := h.search(t, Query{Text: "door seals"})
		took := time.Since(start)
		if got.Total != 1 || got.Engine != "postgres" {
			t.Fatalf("question %d: %d results from %s", i, got.Total, got.Engine)
		}
		if i < breakAfter && took < meiliTimeout {
			t.Errorf("question %d was not given to Meilisearch", i)
		}
		if i > breakAfter && took > meiliTimeout {
			t.Errorf("question %d waited %s for a server that is known to be silent", i, took)
		}
	}
}
