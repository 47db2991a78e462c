package oracle_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// TestReadsAfterTheEnd lets four workers read without a pause what connections open, while another ends one after the other: a read
// that begins after End has returned finds nothing, one that overlaps it may go either way.
func TestReadsAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 81)
	for i := range organizations {
		for j := i + 1; j < organizations; j++ {
			if !w.recluse(w.orgs[i], w.orgs[j]) {
				w.bring(w.orgs[i], w.orgs[j], "active")
			}
		}
	}
	// What a connection opens and nothing else: not to everybody, and not to somebody who may finish it then. What the reader is and what
	// it asks for is fixed before anybody reads, so that the workers share no more than the moment of the end.
	type opening struct {
		viewer scope.Scope
		item   id.Item
		text   string
		ended  atomic.Bool
	}
	open := map[*pact][]*opening{}
	var all []*opening
	for _, p := range w.pacts {
		for _, o := range []*org{p.a, p.b} {
			v := w.scopeOf(o.members[0])
			learns := func(it *oracle.Object) bool {
				return slices.ContainsFunc(w.learners, func(l *learner) bool { return l.member == o.members[0] && l.item == it })
			}
			for _, it := range w.items {
				who := oracle.Viewer{Org: o.id.String(), Member: o.members[0].String()}
				if it.Org != p.other(o).id.String() || it.State != "published" || !w.opensTo(o, it) || w.model.Sees(oracle.Viewer{}, it) || w.model.Finishes(who, it) || learns(it) {
					continue
				}
				x := &opening{viewer: v, item: parse[id.Item](t, it.ID), text: fmt.Sprintf("%s of %s to %s", it.ID, w.owner[it.Org].slug, o.slug)}
				open[p], all = append(open[p], x), append(all, x)
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d things are open", len(all))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var before, after, refused atomic.Int64
	const workers = 4
	laps, gone := make(chan int), make(chan struct{}, workers)
	for n := range workers {
		wg.Go(func() {
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				x := all[i%len(all)]
				ended := x.ended.Load()
				var list, several []tenants.Item
				var one tenants.Item
				var found bool
				if err := w.d.ReadAs(t.Context(), x.viewer, func(b *db.Batch) {
					tenants.SeenItem(b, &one, &found, x.viewer, x.item)
					tenants.SeeItems(b, &several, x.viewer, []id.Item{x.item})
					tenants.Visible(b, &list, x.viewer, tenants.ListFilter{Limit: 200})
				}); err != nil {
					t.Error(err)
					gone <- struct{}{}
					return
				}
				seen := found || len(several) > 0
				for _, it := range list {
					seen = seen || it.ItemID == x.item
				}
				switch {
				case ended && seen:
					t.Errorf("LEAK: read after the end: %s", x.text)
				case ended:
					after.Add(1)
				case seen:
					before.Add(1)
				default:
					refused.Add(1)
				}
				if (i-n)%len(all) == len(all)-1 {
					select {
					case laps <- n:
					default:
					}
				}
			}
		})
	}
	// Every worker reads everything before an end and after the last, so that the test does not depend on who is faster. Of two laps
	// the second is a whole one.
	wait := func() {
		var did [workers]int
		for slices.Min(did[:]) < 2 {
			select {
			case n := <-laps:
				did[n]++
			case <-gone:
				return
			}
		}
	}
	svc := w.tenants()
	for i, p := range w.pacts {
		if len(open[p]) == 0 || w.stateOf(p) != "active" {
			continue
		}
		if i%3 == 0 {
			wait()
		}
		if err := svc.End(w.manager(p.a), p.b.id, i%2 == 0); err != nil {
			t.Error(err)
			break
		}
		for _, x := range open[p] {
			x.ended.Store(true)
		}
	}
	wait()
	close(stop)
	wg.Wait()
	t.Logf("%d openings; %d reads before an end, %d after it, %d in between", len(all), before.Load(), after.Load(), refused.Load())
	if before.Load() == 0 || after.Load() < int64(len(all)) {
		t.Error("the workers read too little to prove anything")
	}
}
