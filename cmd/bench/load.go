package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// target is one thing that is driven. Its answers must have the status and contain the mark.
type target struct {
	name  string
	addr  string // of the listener
	conns []int  // with how many connections
	cpu   func() usage
	want  int
	mark  string
	// request fills in the n-th request; n counts over the whole run, so that every one may be another.
	request func(n uint64, r *fasthttp.Request)

	n     atomic.Uint64
	stats map[int]*stats
	err   error // the first wrong answer
}

// stats is what was seen of a target with one number of connections, a value for each round.
type stats struct {
	Rate, P50, P95, P99 []float64 // requests per second; milliseconds
	Go, PG              []float64 // CPU microseconds per request: of the server process, of all PostgreSQL processes
	Requests            int
}

// get is a request for a page.
func get(host, path string, header ...string) func(uint64, *fasthttp.Request) {
	return func(_ uint64, r *fasthttp.Request) {
		r.SetRequestURI("http://" + host + path)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
	}
}

// clients are kept over the rounds, so that connections are.
type clients struct {
	mu    sync.Mutex
	byKey map[string]*fasthttp.HostClient
}

func (c *clients) of(addr string, conns int) *fasthttp.HostClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := fmt.Sprint(addr, conns)
	if c.byKey[key] == nil {
		if c.byKey == nil {
			c.byKey = map[string]*fasthttp.HostClient{}
		}
		c.byKey[key] = &fasthttp.HostClient{
			Addr: addr, MaxConns: conns, MaxIdleConnDuration: 5 * time.Minute, ReadBufferSize: 64 << 10, NoDefaultUserAgentHeader: true,
			DisablePathNormalizing: true, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second,
			RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
		}
	}
	return c.byKey[key]
}

// drive sends requests over conns connections for as long as d and adds what it saw to the target's stats, unless it only
// warms up. The first wrong answer ends it with an error.
func (t *target) drive(ctx context.Context, c *clients, conns int, d time.Duration, warm bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := c.of(t.addr, conns)
	took := make([][]time.Duration, conns)
	before, start := t.cpu(), time.Now()
	end := start.Add(d)
	var wg sync.WaitGroup
	for w := range conns {
		wg.Go(func() {
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(req)
			defer fasthttp.ReleaseResponse(res)
			for ctx.Err() == nil {
				sent := time.Now()
				if sent.After(end) {
					return
				}
				req.Reset()
				t.request(t.n.Add(1)-1, req)
				err := client.Do(req, res)
				if err == nil {
					err = t.check(res)
				}
				if err != nil {
					cancel(fmt.Errorf("%s %s: %w", t.name, req.URI().RequestURI(), err))
					return
				}
				took[w] = append(took[w], time.Since(sent))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	after, wall := t.cpu(), time.Since(start)
	all := slices.Concat(took...)
	if len(all) == 0 {
		return fmt.Errorf("%s: no answer within %s", t.name, d)
	}
	if !warm {
		t.note(conns, all, after.sub(before), wall)
	}
	return nil
}

func (t *target) check(res *fasthttp.Response) error {
	if res.StatusCode() != t.want {
		return fmt.Errorf("status %d instead of %d: %.300s", res.StatusCode(), t.want, bytes.TrimSpace(res.Body()))
	}
	if t.want == fasthttp.StatusSeeOther && bytes.Contains(res.Header.Peek("Location"), []byte("/sign-in")) {
		return errors.New("the session does not count: sent to the sign-in")
	}
	if t.mark != "" && len(res.Header.ContentEncoding()) == 0 && !bytes.Contains(res.Body(), []byte(t.mark)) {
		return fmt.Errorf("%q is not in the answer: %.300s", t.mark, res.Body())
	}
	return nil
}

func (t *target) note(conns int, all []time.Duration, u usage, wall time.Duration) {
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[min(len(all)-1, int(q*float64(len(all))))]) / float64(time.Millisecond)
	}
	if t.stats == nil {
		t.stats = map[int]*stats{}
	}
	s := t.stats[conns]
	if s == nil {
		s = &stats{}
		t.stats[conns] = s
	}
	n := float64(len(all))
	s.Rate = append(s.Rate, n/wall.Seconds())
	s.P50, s.P95, s.P99 = append(s.P50, at(.5)), append(s.P95, at(.95)), append(s.P99, at(.99))
	s.Go, s.PG = append(s.Go, float64(u.server.Microseconds())/n), append(s.PG, float64(u.postgres.Microseconds())/n)
	s.Requests += len(all)
}

// median is the middle value of the rounds: what else the machine did in one of them does not count.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func (s *stats) cpu() float64 { return median(s.Go) + median(s.PG) }
