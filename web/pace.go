package web

import (
	"cmp"
	"net/netip"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	authpages "github.com/learnscape/learnscape/auth/pages"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/limit"
	"github.com/learnscape/learnscape/internal/scope"
)

// How fast people may be: pages of all sorts, a quarter of that searches, and ten exports where there are 600 pages. No person reads or
// types that fast; a program that means to has the API. A network of visitors is an office or a school, and may twice as much.
const (
	defaultPages = 600
	searchShare  = 4
	exportShare  = 60
)

// paces are the limits of one sort of people.
type paces[K comparable] struct{ page, search, export *limit.Buckets[K] }

func newPaces[K comparable](pages int) paces[K] {
	return paces[K]{limit.New[K](pages), limit.New[K](max(1, pages/searchShare)), limit.New[K](max(1, pages/exportShare))}
}

// take is how long whoever asks for the path has to wait.
func (p paces[K]) take(who K, path string, now time.Time) time.Duration {
	wait := p.page.Take(who, now)
	switch {
	case wait > 0:
	case searches(path):
		wait = p.search.Take(who, now)
	case exports(path):
		wait = p.export.Take(who, now)
	}
	return wait
}

func searches(path string) bool {
	return path == "/search" || strings.HasPrefix(path, "/search/") || path == "/welcome/answer"
}

// exports are what is made when it is asked for; a file that somebody put there is none.
func exports(path string) bool {
	return !strings.HasPrefix(path, "/files/") && (strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, ".jsonl") || strings.HasSuffix(path, ".zip"))
}

// pace holds back who is faster than people are: a person wherever they sign in, and visitors by their network. A portal over plain http
// is for its own machine, where there is nobody to hold back; a provider that tells of sign-outs tells of all at once.
func pace(o Options) fiber.Handler {
	pages := cmp.Or(o.PagesPerMinute, defaultPages)
	people, visitors := newPaces[id.Person](pages), newPaces[string](2*pages)
	return func(c *fiber.Ctx) error {
		if !o.Production && local(c.IP()) || strings.HasPrefix(c.Path(), auth.BackChannelPath) {
			return c.Next()
		}
		sc, err := scope.From(c.UserContext())
		if err != nil {
			return err
		}
		var wait time.Duration
		now := time.Now() //nolint:forbidigo // Paces requests, decides on nothing that is kept.
		if sc.SignedIn() {
			wait = people.take(sc.Person, c.Path(), now)
		} else {
			wait = visitors.take(authpages.Network(c.IP()), c.Path(), now)
		}
		if wait > 0 {
			return &errs.Error{Kind: errs.RateLimited, RetryAfter: wait}
		}
		return c.Next()
	}
}

func local(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.Unmap().IsLoopback()
}
