package search

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// guarded is an engine behind a circuit breaker: after failures in a row it is left alone for a while, so that searches do
// not each wait for an engine that is down.
type guarded struct {
	engine Engine
	now    func() time.Time

	mu       sync.Mutex
	failures int
	until    time.Time // not asked before
}

// Three failures open the breaker; one question in ten seconds then tries again.
const (
	breakAfter = 3
	breakFor   = 10 * time.Second
)

func (g *guarded) search(ctx context.Context, r Request, quick bool) (EngineResult, error) {
	if !g.closed() {
		return EngineResult{}, errOpen
	}
	ctx, cancel := context.WithTimeout(ctx, meiliTimeout)
	defer cancel()
	var out EngineResult
	var err error
	if quick {
		out.Hits, err = g.engine.Suggest(ctx, r)
		out.Total, out.Counts = len(out.Hits), newCounts()
	} else {
		out, err = g.engine.Search(ctx, r)
	}
	g.note(err)
	return out, err
}

// errOpen says that the engine was left alone.
var errOpen = fmt.Errorf("%w: left alone for a while", ErrUnavailable)

// closed reports whether the engine may be asked; while the breaker is open it lets one question through now and then.
func (g *guarded) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures < breakAfter {
		return true
	}
	if now := g.now(); now.After(g.until) {
		g.until = now.Add(breakFor)
		return true
	}
	return false
}

func (g *guarded) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.failures = 0
		return
	}
	g.failures++
	if g.failures == breakAfter {
		g.until = g.now().Add(breakFor)
	}
}
