package auth

import (
	"errors"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

const (
	gateInside = 8                // exchanges with one provider at a time
	gateFails  = 3                // failures in a row after which a provider is left alone
	gateRest   = 10 * time.Second // for so long
)

// gates keep a slow or dead provider to itself: it holds a few requests at a time and, after it failed several times in a row, none for
// a while.
type gates struct {
	now func() time.Time

	mu sync.Mutex
	of map[id.Provider]*gate
}

type gate struct {
	inside, failed int
	until          time.Time
}

func newGates(now func() time.Time) *gates { return &gates{now: now, of: map[id.Provider]*gate{}} }

// rests is a Refusal while the provider has to rest.
func (g *gates) rests(p id.Provider) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := g.of[p]; at != nil && g.now().Before(at.until) {
		return busy()
	}
	return nil
}

func busy() error {
	return refuse(ProviderDown, "the provider did not answer others a moment ago").at("busy")
}

// through runs fn, which asks the provider; a Refusal if it has to rest.
func (g *gates) through(p id.Provider, fn func() error) error {
	g.mu.Lock()
	if len(g.of) >= issuerLimit {
		clear(g.of)
	}
	at := g.of[p]
	if at == nil {
		at = &gate{}
		g.of[p] = at
	}
	if at.inside >= gateInside || g.now().Before(at.until) {
		g.mu.Unlock()
		return busy()
	}
	at.inside++
	g.mu.Unlock()
	err := fn()
	g.mu.Lock()
	defer g.mu.Unlock()
	at.inside--
	if r, ok := errors.AsType[*Refusal](err); !ok || r.Reason != ProviderDown {
		at.failed = 0
		return err
	}
	if at.failed++; at.failed >= gateFails {
		at.until = g.now().Add(gateRest)
	}
	return err
}
