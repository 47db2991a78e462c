package courses

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// The bounds of looking at links: authors choose whom the portal asks, so that it asks nobody often.
const (
	linksAtOnce  = 2000                // links of one look
	linksOfHost  = 60                  // of them, of one host
	linkHosts    = 4                   // hosts that are asked at the same time
	linkHops     = 5                   // addresses that one link may lead on to
	linkFresh    = 6 * 24 * time.Hour  // for so long what was found is true, unless somebody asks
	linkJustNow  = 10 * time.Minute    // the same for who asks
	linkKeep     = 60 * 24 * time.Hour // what stands nowhere any more is forgotten after
	linkBatch    = 50                  // results that are written together
	placesAtOnce = 200                 // items whose links are placed in one transaction
)

// Checker looks where the links of lessons lead: of all that is published once a week, and of a draft when its author asks.
type Checker struct {
	s     *Service
	jobs  *jobs.Client
	ask   *http.Client
	pause time.Duration
}

// LinkPause is how long a site is left alone between two questions.
const LinkPause = time.Second

// NewChecker returns the checker of an installation and registers its jobs. ask is the client that keeps to what may be reached, see
// internal/egress; pause is usually LinkPause.
func NewChecker(s *Service, ask *http.Client, c *jobs.Client, pause time.Duration) *Checker {
	k := &Checker{s: s, jobs: c, ask: ask, pause: pause}
	k.work(c)
	return k
}

// Listen registers what follows when an author asks.
func (k *Checker) Listen(relay *jobs.Relay) {
	jobs.On(relay, scope.Importer, func(ctx context.Context, events []LinksAsked) error {
		return k.s.db.Tx(ctx, func(tx *db.Tx) error {
			for _, e := range events {
				// Whose event it is, the outbox says.
				if err := k.jobs.Insert(tx, linksDraftArgs{Org: tx.Scope.Org, Item: e.Item, At: tx.Now.UTC().Truncate(5 * time.Minute)}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Weekly looks at the links of everything that the acting organization publishes, as far as nobody looked within six days. Repeating is
// safe.
func (k *Checker) Weekly(ctx context.Context) error {
	if err := authz.Check(ctx, authz.CheckLinks, id.Org{}); err != nil {
		return err
	}
	var after id.Item
	for more := true; more; {
		err := k.s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			after, more, err = placeLinks(tx, after)
			return err
		})
		if err != nil {
			return fmt.Errorf("place links: %w", err)
		}
	}
	var due []string
	if err := k.s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if _, err := tx.Exec(`DELETE FROM links k WHERE k.org_id = $1 AND k.checked_at < $2 AND NOT EXISTS (SELECT 1 FROM link_places p WHERE p.org_id = k.org_id AND p.url = k.url)`, tx.Scope.Org, tx.Now.Add(-linkKeep)); err != nil {
			return err
		}
		due, err = db.Rows[string](tx, `SELECT p.url FROM (SELECT DISTINCT p.url FROM link_places p WHERE p.org_id = $1) p LEFT JOIN links k ON k.org_id = $1 AND k.url = p.url
			WHERE k.url IS NULL OR k.checked_at < $2 ORDER BY k.checked_at NULLS FIRST, p.url LIMIT $3`, tx.Scope.Org, tx.Now.Add(-linkFresh), linksAtOnce)
		return err
	}); err != nil {
		return fmt.Errorf("links that are due: %w", err)
	}
	return k.look(ctx, due)
}

// Draft looks at the links of a manuscript of the acting organization, as far as nobody did within ten minutes. One that is there no more has none.
func (k *Checker) Draft(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.CheckLinks, id.Org{}); err != nil {
		return err
	}
	var due []string
	if err := k.s.db.Tx(ctx, func(tx *db.Tx) error {
		sources, err := db.Rows[string](tx, `SELECT l.source FROM draft_lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.removed_at IS NULL ORDER BY l.position, l.key LIMIT 1000`, tx.Scope.Org, item)
		if err != nil {
			return err
		}
		fresh, err := db.Rows[string](tx, `SELECT k.url FROM links k WHERE k.org_id = $1 AND k.checked_at >= $2 LIMIT 10000`, tx.Scope.Org, tx.Now.Add(-linkJustNow))
		if err != nil {
			return err
		}
		for _, src := range sources {
			for _, l := range leadsOut(src) {
				if len(due) < linksAtOnce && isAway(l.Target) && !slices.Contains(fresh, l.Target) && !slices.Contains(due, l.Target) {
					due = append(due, l.Target)
				}
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("links of the manuscript of %s: %w", item, err)
	}
	return k.look(ctx, due)
}

// placeLinks notes where the links of published courses and paths stand, behind an item, and which was the last.
func placeLinks(tx *db.Tx, after id.Item) (last id.Item, more bool, err error) {
	items, err := db.Rows[id.Item](tx, `SELECT i.item_id FROM items i WHERE i.org_id = $1 AND i.kind IN ('course', 'path') AND i.state = 'published' AND ($2::uuid IS NULL OR i.item_id > $2) ORDER BY i.item_id LIMIT $3`, tx.Scope.Org, after, placesAtOnce)
	if err != nil {
		return after, false, err
	}
	if after.IsZero() { // What was taken back leads nowhere.
		if _, err := tx.Exec(`DELETE FROM link_places p WHERE p.org_id = $1 AND NOT EXISTS (SELECT 1 FROM items i WHERE i.org_id = p.org_id AND i.item_id = p.item_id AND i.state = 'published')`, tx.Scope.Org); err != nil {
			return after, false, err
		}
	}
	if len(items) == 0 {
		return after, false, nil
	}
	texts, err := db.Rows[struct {
		Item   id.Item `db:"item_id"`
		Lesson string  `db:"key"`
		Source string  `db:"source"`
	}](tx, `SELECT l.item_id, l.key, l.source FROM items i JOIN lessons l ON l.org_id = i.org_id AND l.item_id = i.item_id AND l.version = i.version WHERE i.org_id = $1 AND i.item_id = ANY($2) AND position('](' IN l.source) + position('http' IN l.source) > 0
		ORDER BY l.item_id, l.position, l.key LIMIT 100000`, tx.Scope.Org, items)
	if err != nil {
		return after, false, err
	}
	var of []id.Item
	var keys, urls []string
	var at []int
	for _, t := range texts {
		for _, l := range leadsOut(t.Source) {
			of, keys, urls, at = append(of, t.Item), append(keys, t.Lesson), append(urls, l.Target), append(at, l.Line)
		}
	}
	if _, err := tx.Exec(`DELETE FROM link_places p WHERE p.org_id = $1 AND p.item_id = ANY($2)`, tx.Scope.Org, items); err != nil {
		return after, false, err
	}
	if _, err := tx.Exec(`INSERT INTO link_places (org_id, item_id, lesson_key, url, line) SELECT $1, x.item_id, x.lesson, x.url, x.line FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[]) AS x(item_id, lesson, url, line)`,
		tx.Scope.Org, of, keys, urls, at); err != nil {
		return after, false, err
	}
	return items[len(items)-1], len(items) == placesAtOnce, nil
}

// look asks where links lead and writes down what it finds, a few at a time: what was found when it is interrupted is kept.
func (k *Checker) look(ctx context.Context, urls []string) error {
	var within []string
	hosts := map[string][]string{}
	var order []string
	for _, u := range urls {
		if strings.HasPrefix(u, "/") {
			within = append(within, u)
			continue
		}
		p, err := url.Parse(u)
		if err != nil {
			continue
		}
		h := strings.ToLower(p.Host)
		if len(hosts[h]) == 0 {
			order = append(order, h)
		}
		if len(hosts[h]) < linksOfHost {
			hosts[h] = append(hosts[h], u)
		}
	}
	if err := k.lookWithin(ctx, within); err != nil {
		return err
	}
	found := make(chan LinkResult)
	next := make(chan []string)
	var wg sync.WaitGroup
	for range linkHosts {
		wg.Go(func() {
			for list := range next {
				for i, u := range list {
					if i > 0 && !wait(ctx, k.pause) {
						return
					}
					found <- k.visit(ctx, u)
				}
			}
		})
	}
	go func() {
		defer close(found)
		for _, h := range order {
			if ctx.Err() != nil {
				break
			}
			next <- hosts[h]
		}
		close(next)
		wg.Wait()
	}()
	var batch []LinkResult
	var failed error
	for r := range found {
		if ctx.Err() != nil || failed != nil {
			continue // What was not answered in time says nothing.
		}
		if batch = append(batch, r); len(batch) == linkBatch {
			failed, batch = k.keep(ctx, batch), nil
		}
	}
	if failed == nil && ctx.Err() == nil {
		failed = k.keep(ctx, batch)
	}
	return errors.Join(failed, ctx.Err())
}

// wait returns whether the time went by before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// lookWithin finds which paths of the portal lead to something.
func (k *Checker) lookWithin(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	var there []string
	if err := k.s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Batch(func(b *db.Batch) { lookInside(b, tx.Scope.Org, paths, &there) })
	}); err != nil {
		return err
	}
	list := make([]LinkResult, len(paths))
	for i, p := range paths {
		list[i] = LinkResult{URL: p, Result: LinkGone}
		if slices.Contains(there, p) {
			list[i].Result = LinkOK
		}
	}
	return k.keep(ctx, list)
}

// keep writes down what was found. One that was dead before is dead since then.
func (k *Checker) keep(ctx context.Context, list []LinkResult) error {
	if len(list) == 0 {
		return nil
	}
	return k.s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Batch(func(b *db.Batch) {
			for _, r := range list {
				var since *time.Time
				if dead(r.Result) {
					since = &tx.Now
				}
				db.Write(b, nil, `INSERT INTO links AS k (org_id, url, result, status, moved_to, checked_at, bad_since) VALUES ($1, $2, $3, $4, $5, $6, $7)
					ON CONFLICT (org_id, url) DO UPDATE SET result = excluded.result, status = excluded.status, moved_to = excluded.moved_to, checked_at = excluded.checked_at, bad_since = CASE WHEN excluded.bad_since IS NULL THEN NULL ELSE coalesce(k.bad_since, excluded.bad_since) END`,
					tx.Scope.Org, r.URL, r.Result, r.Status, r.MovedTo, tx.Now, since)
			}
		})
	})
}

// visit asks for one address, without its content: by HEAD, and by GET where HEAD is not answered. It follows what the address leads on to,
// each time within what may be reached.
func (k *Checker) visit(ctx context.Context, address string) LinkResult {
	r := LinkResult{URL: address}
	at, err := url.Parse(address)
	if err != nil {
		r.Result = LinkUnreachable
		return r
	}
	at.Fragment = ""
	plain := at.Scheme == "http"
	moved := false
	for range linkHops {
		res, err := k.request(ctx, http.MethodHead, at)
		if err != nil || refusesHead(res.status) {
			res, err = k.request(ctx, http.MethodGet, at)
		}
		if err != nil {
			r.Result = LinkUnreachable
			if plain || !nobody(err) { // Without encryption nothing is asked; it may well be there.
				r.Result = LinkUnsure
			}
			return r
		}
		r.Status = res.status
		to := res.location
		if to == nil {
			r.Result = resultOf(res.status)
			if r.Result == LinkOK && moved {
				r.Result = LinkMoved
				if r.MovedTo = at.String(); len(r.MovedTo) > linkMost {
					r.MovedTo = ""
				}
			}
			return r
		}
		plain = plain || to.Scheme == "http"
		moved = moved || res.status == http.StatusMovedPermanently || res.status == http.StatusPermanentRedirect
		at = to
	}
	r.Result = LinkUnsure // It leads on and on.
	return r
}

// nobody reports whether the error says that nobody answers there, or nobody who may be asked, and not that the way there is slow or
// broken today.
func nobody(err error) bool {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.IsNotFound
	}
	e, ok := errors.AsType[net.Error](err)
	return !ok || !e.Timeout()
}

// answered is the head of an answer.
type answered struct {
	status   int
	location *url.URL // where it leads on to; nil for nowhere
}

func (k *Checker) request(ctx context.Context, method string, to *url.URL) (answered, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return answered{}, err
	}
	req.Header.Set("User-Agent", "Learnscape (looks whether links lead somewhere)")
	req.Header.Set("Accept", "*/*")
	res, err := k.ask.Do(req)
	if err != nil {
		return answered{}, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, 1) // Only whether it is there counts.
	a := answered{status: res.StatusCode}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		if a.location, err = res.Location(); err == nil {
			a.location.Fragment = ""
		}
	}
	return a, nil
}

// refusesHead reports whether an answer to HEAD says nothing about GET.
func refusesHead(status int) bool {
	return status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented || status == http.StatusForbidden || status == http.StatusNotFound || status >= 500
}

// resultOf is what an answer says of a link.
func resultOf(status int) string {
	switch {
	case status >= 200 && status < 300:
		return LinkOK
	case status == http.StatusNotFound || status == http.StatusGone:
		return LinkGone
	}
	return LinkUnsure
}
