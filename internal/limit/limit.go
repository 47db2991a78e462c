// Package limit counts what somebody does in a minute, in this process: of several replicas each counts for itself. It remembers no
// more than it has room for. The server and the API's frame call it; it knows neither who is counted nor what is answered.
package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Buckets has a token bucket for each key.
type Buckets[K comparable] struct {
	perMinute int
	most      int

	mu       sync.Mutex
	now, old map[K]*rate.Limiter // who was here lately, and who was before
}

// most is how many keys are remembered, twice over; whoever brings ever new ones makes the oldest forgotten, not all.
const most = 10_000

// New lets each key do something so often in a minute, a quarter of it at once.
func New[K comparable](perMinute int) *Buckets[K] {
	return &Buckets[K]{perMinute: perMinute, most: most, now: map[K]*rate.Limiter{}}
}

// Take is how long the key has to wait; 0 if it need not. What has to wait is not counted, so waiting always helps.
func (b *Buckets[K]) Take(key K, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.now[key]
	if l == nil {
		if l = b.old[key]; l == nil {
			l = rate.NewLimiter(rate.Limit(float64(b.perMinute)/60), max(1, b.perMinute/4))
		}
		if len(b.now) >= b.most {
			b.now, b.old = map[K]*rate.Limiter{}, b.now
		}
		b.now[key] = l
	}
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
