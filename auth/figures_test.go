package auth_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Who is signed in is found out by one query, sent with the settings of its scope: the check is on every page.
func TestASessionCostsOneQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t)
	b.signIn(w.a, "learner@"+w.a.Slug+".example", "")
	token := b.cookies[w.a.Slug]["ls_sid"]
	for range 2 {
		ctx, count := db.WithCounter(dbtest.System(t, scope.SignIn, w.a.OrgID))
		s, err := w.svc.Session(ctx, w.a.Organization, token)
		if err != nil || s.Membership.Email == "" {
			t.Fatalf("%+v, %v", s, err)
		}
		if n := count.Statements(); n != 2 {
			t.Errorf("%d statements, and not the settings and one query", n)
		}
	}
}

// listening is the portal of a world on a port of its own, as far as signing in goes.
func (w *world) listening(b *testing.B) (fresh func() *http.Client) {
	b.Helper()
	ln, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = w.app.Listener(ln) }()
	b.Cleanup(func() { _ = w.app.ShutdownWithTimeout(time.Second) })
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.Contains(addr, ".localhost:") {
			addr = ln.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	b.Cleanup(transport.CloseIdleConnections)
	return func() *http.Client {
		jar, err := cookiejar.New(nil)
		if err != nil {
			b.Fatal(err)
		}
		return &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
}

// call is one request, of which the address that it leads to is returned.
func call(ctx context.Context, c *http.Client, method, address string, form url.Values) (to string, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.Do(req)
	if err != nil {
		return "", 0, err
	}
	_ = res.Body.Close()
	return res.Header.Get("Location"), res.StatusCode, nil
}

// signInOver goes the whole way over HTTP.
func signInOver(ctx context.Context, c *http.Client, h house) error {
	to, _, err := call(ctx, c, http.MethodGet, baseURL(h.Slug)+"/auth/start/"+h.provider.String(), nil)
	if err == nil {
		to, _, err = call(ctx, c, http.MethodPost, to, url.Values{"email": {"learner@" + h.Slug + ".example"}})
	}
	if err != nil {
		return err
	}
	_, status, err := call(ctx, c, http.MethodGet, to, nil)
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("the callback answered %d", status)
	}
	return err
}

// BenchmarkSignInBesideAHangingProvider signs b.N people in to one organization while five people of another sign in there again and
// again, and as many while the provider of that other hangs and the same five try, in rounds that take turns:
// go test ./auth -run - -bench Hanging -benchtime 1000x. The ratio is the 99th percentile with to that without.
func BenchmarkSignInBesideAHangingProvider(b *testing.B) {
	w := newWorld(b)
	w.restart(5 * time.Second)
	fresh := w.listening(b)
	if err := signInOver(b.Context(), fresh(), w.a); err != nil {
		b.Fatal(err)
	}
	took := map[demoop.Fault][]time.Duration{}
	const rounds = 10
	b.ResetTimer()
	for round := range rounds {
		order := []demoop.Fault{demoop.None, demoop.Hanging}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, fault := range order {
			if err := w.op.SetFault(w.a.Slug, fault); err != nil {
				b.Fatal(err)
			}
			w.advance(time.Minute) // A provider that failed is asked again.
			ctx, stop := context.WithCancel(b.Context())
			var others sync.WaitGroup
			for range 5 {
				others.Go(func() {
					for ctx.Err() == nil {
						_ = signInOver(ctx, fresh(), w.a) // What becomes of them is not measured.
						select {
						case <-ctx.Done():
						case <-time.After(time.Second): // People, not a flood.
						}
					}
				})
			}
			for range max(1, b.N/rounds) {
				start := time.Now()
				if err := signInOver(b.Context(), fresh(), w.b); err != nil {
					b.Error(err)
				}
				took[fault] = append(took[fault], time.Since(start))
			}
			stop()
			others.Wait()
		}
	}
	p99 := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[(len(d)-1)*99/100].Seconds()
	}
	without, with := p99(took[demoop.None]), p99(took[demoop.Hanging])
	b.ReportMetric(without*1000, "ms-p99-without")
	b.ReportMetric(with*1000, "ms-p99-with")
	b.ReportMetric(with/without, "ratio")
}

// BenchmarkKnownAndUnknown asks b.N times for an email link of a member and as often for one of nobody, in random order, and says how
// likely times that differ so much are when there is no difference (Mann-Whitney, two sides): go test ./auth -run - -bench Known
// -benchtime 1000x. Below 0.01 they can be told apart.
func BenchmarkKnownAndUnknown(b *testing.B) {
	w := newWorld(b)
	known, unknown := "driver@"+w.post.Slug+".example", "nobody@"+w.post.Slug+".example"
	w.tx(w.post, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Driver", Email: known})
		return err
	})
	fresh := w.listening(b)
	took := map[string][]float64{}
	ask := func(email string) {
		w.exec(w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`)
		c := fresh()
		start := time.Now()
		to, status, err := call(b.Context(), c, http.MethodPost, baseURL(w.post.Slug)+"/sign-in/email", url.Values{"email": {email}})
		took[email] = append(took[email], time.Since(start).Seconds())
		if err != nil || status != http.StatusSeeOther || to != "/sign-in/sent" {
			b.Fatalf("%s: %d to %q, %v", email, status, to, err)
		}
	}
	for range 20 {
		ask(known)
		ask(unknown)
	}
	clear(took)
	b.ResetTimer()
	for range b.N {
		if first, then := known, unknown; rand.IntN(2) == 0 {
			ask(first)
			ask(then)
		} else {
			ask(then)
			ask(first)
		}
	}
	median := func(v []float64) float64 { return slices.Sorted(slices.Values(v))[len(v)/2] * 1e6 }
	b.ReportMetric(mannWhitney(took[known], took[unknown]), "p")
	b.ReportMetric(median(took[known]), "µs-known")
	b.ReportMetric(median(took[unknown]), "µs-unknown")
}

// mannWhitney is the two-sided p of the rank sum by its normal approximation, which holds from twenty values of each on.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v     float64
		first bool
	}
	var all []value
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	n, m := float64(len(a)), float64(len(b))
	ranks, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		for _, x := range all[i:j] {
			if x.first {
				ranks += float64(i+j+1) / 2
			}
		}
		i = j
	}
	mean, sum := n*m/2, n+m
	deviation := math.Sqrt(n * m / 12 * (sum + 1 - ties/(sum*(sum-1))))
	return math.Erfc(math.Abs(ranks-n*(n+1)/2-mean) / deviation / math.Sqrt2)
}

func TestMannWhitney(t *testing.T) {
	t.Parallel()
	up := make([]float64, 100)
	shifted, mixed := make([]float64, 100), make([]float64, 100)
	for i := range up {
		up[i], shifted[i], mixed[i] = float64(i), float64(i)+40, float64(i)+.5
	}
	if p := mannWhitney(up, shifted); p > 1e-6 {
		t.Errorf("what differs: p = %g", p)
	}
	if p := mannWhitney(up, mixed); p < .5 {
		t.Errorf("what does not differ: p = %g", p)
	}
	// By hand: rank sum 14, U 4 of 8, and a variance of 64/7 with the ties.
	if p := mannWhitney([]float64{1, 1, 1, 2}, []float64{1, 2, 2, 2}); math.Abs(p-math.Erfc(4/math.Sqrt(64./7)/math.Sqrt2)) > 1e-9 {
		t.Errorf("with ties: p = %g", p)
	}
}
