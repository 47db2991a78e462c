package search

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// guarded is an engine behind a circuit breaker: after failures in a row it is left alone for a while, so that searches do
// not each wait for an engine that is down.
type guarded struct {
	engine Engine
	now    func() time.Time
	lacks  atomic.Bool // holds too few documents to be asked

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
	if g.lacks.Load() || !g.closed() {
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

// compare looks how many documents the engine holds of those that there are, and reports whether that changes if it is asked
// at all: a server that was added or replaced knows what changed since, and nothing else, until somebody reindexes. One in
// ten may be missing, because figures are minutes old.
func (g *guarded) compare(ctx context.Context, want int) (has int, changed bool) {
	ctx, cancel := context.WithTimeout(ctx, meiliTimeout)
	defer cancel()
	h := g.engine.Health(ctx)
	if h.State == "down" || ctx.Err() != nil {
		return 0, false
	}
	lacks := h.Docs < want-want/10
	return h.Docs, g.lacks.Swap(lacks) != lacks
}

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
