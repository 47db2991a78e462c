package oracle_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// changes is how often a world changes before everything is compared again: anything, and then a move between two organizations.
func changes() int {
	if whole() {
		return 30
	}
	return 4
}

// TestOracle compares what everybody reads with the model, in random worlds that change: through the row policies alone and
// through the functions of tenants. A leak is never allowed, from the acknowledgement of a change on; nothing may be missing.
func TestOracle(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2, 3, 4, anySeed(t)}
	t.Logf("seeds %v", seeds)
	var mu sync.Mutex
	total := map[string]*tally{}
	limits := map[string][2]float64{"begun": {.005, .85}} // Everybody is asked for what few have begun.
	done := map[string]int{}
	start := time.Now()
	t.Run("worlds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, seed)
				m := w.tallies()
				w.compare(t.Context(), m, "at the start")
				did := map[string]int{}
				for i := range 2 * changes() {
					what := ""
					if i%2 == 0 {
						what = w.step()
					} else {
						what = w.move()
					}
					if what == "" {
						continue
					}
					did[what]++
					w.compare(t.Context(), m, fmt.Sprintf("seed %d, step %d, after %s", seed, i, what))
				}
				mu.Lock()
				defer mu.Unlock()
				for k, v := range did {
					done[k] += v
				}
				for _, s := range w.surfaces {
					limits[s.name] = [2]float64{s.lo, s.hi}
				}
				for k, v := range m {
					if total[k] == nil {
						total[k] = &tally{}
					}
					total[k].checks += v.checks
					total[k].allowed += v.allowed
					total[k].canaries += v.canaries
					total[k].leaks = append(total[k].leaks, v.leaks...)
					total[k].missing = append(total[k].missing, v.missing...)
				}
			})
		}
	})
	checks, canaries := 0, 0
	for _, name := range names(total) {
		tl := total[name]
		checks += tl.checks
		canaries += tl.canaries
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, l := range tl.leaks {
				if i == 3 {
					t.Errorf("… %d leaks", len(tl.leaks))
					break
				}
				t.Errorf("LEAK %s", l)
			}
			for i, l := range tl.missing {
				if i == 3 {
					t.Errorf("… %d are missing", len(tl.missing))
					break
				}
				t.Errorf("missing: %s", l)
			}
			lim, ok := limits[name]
			if !ok {
				lim = [2]float64{.12, .85}
			}
			if tl.checks == 0 {
				t.Fatal("nothing was checked")
			}
			if share := float64(tl.allowed) / float64(tl.checks); share < lim[0] || share > lim[1] {
				t.Errorf("%.0f %% of %d outcomes are allowed; a world between %.0f and %.0f %% proves something", share*100, tl.checks, lim[0]*100, lim[1]*100)
			} else {
				t.Logf("surface %s: %d checks, %.0f %% allowed, %d canaries", name, tl.checks, share*100, tl.canaries)
			}
		})
	}
	t.Logf("%d checks and %d canaries in %v; steps: %v", checks, canaries, time.Since(start).Round(time.Millisecond), done)
	if checks < 50_000 {
		t.Errorf("only %d checks", checks)
	}
}
