package api

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// Limiter counts the requests of each token in this process; of several replicas each counts for itself.
type Limiter struct {
	perMinute int
	mu        sync.Mutex
	tokens    map[id.Any]*rate.Limiter
}

// tokensMost bounds what is remembered.
const tokensMost = 20_000

// NewLimiter lets a token make so many requests in a minute, a quarter of them at once.
func NewLimiter(perMinute int) *Limiter {
	return &Limiter{perMinute: perMinute, tokens: map[id.Any]*rate.Limiter{}}
}

// Take is RateLimited, with the time to wait, if the token has used up what it may.
func (l *Limiter) Take(token id.Any, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.tokens[token]
	if b == nil {
		if len(l.tokens) >= tokensMost {
			clear(l.tokens)
		}
		b = rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), max(1, l.perMinute/4))
		l.tokens[token] = b
	}
	r := b.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &errs.Error{Kind: errs.RateLimited, Key: "api.limit", RetryAfter: wait}
	}
	return nil
}
