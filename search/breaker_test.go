package search

import (
	"net"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/tenants"
)

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
