package db

import (
	"context"
	"sync/atomic"
)

// Counter counts the statements of one request; a page may send ten at most, and a test holds that.
type Counter struct{ n atomic.Int64 }

type counterKey struct{}

// WithCounter returns a context whose statements are counted.
func WithCounter(ctx context.Context) (context.Context, *Counter) {
	c := &Counter{}
	return context.WithValue(ctx, counterKey{}, c), c
}

// CounterFrom returns the counter of ctx, nil if none.
func CounterFrom(ctx context.Context) *Counter {
	c, _ := ctx.Value(counterKey{}).(*Counter) // nil counts nothing.
	return c
}

// Statements returns how many were sent.
func (c *Counter) Statements() int { return int(c.n.Load()) }

func (c *Counter) add(n int) {
	if c != nil {
		c.n.Add(int64(n))
	}
}
