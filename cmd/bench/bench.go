package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/html"

	"github.com/learnscape/learnscape/internal/db/embedded"
)

// bench is a run: what it started and what it drives.
type bench struct {
	options

	dir, bin   string
	cluster    *embedded.Cluster
	postmaster int
	report     *report

	portal, small, baseline *child
	targets                 []*target
	completions             *target
	pipelines               map[string]page
}

const (
	pathURL   = "/path/" + pathUUID + "/first-probe-to-first-audit"
	lessonURL = pathURL + "/steps/course-3/lesson-2"
	pathUUID  = "00000003-0000-7000-8000-0003000dbba0" // uid(vendorOrg, itemClass, pathItem)
	longURL   = "/path/00000003-0000-7000-8000-0003000dbbd2/a-year-of-site-visits"
)

// hot are the pages that are compared with the pipeline page, as the narrow viewer sees them, and the long path's learner.
var hot = []struct { //nolint:gochecknoglobals // A constant table.
	name, path, mark string
	member           int
}{
	{"home", "/", "From first probe to first audit", 1},
	{"learn", "/learn", "</html>", 1},
	{"path", pathURL, "Field check of a probe, part 5", 1},
	{"path-100", longURL, "A site visit, number 95", longMember},
	{"lesson", lessonURL, "The ice bath", 1},
}

func (b *bench) stop() {
	b.portal.stop()
	b.small.stop()
	b.baseline.stop()
}

// start starts the portals, takes down what the pages send, and starts the baselines with it.
func (b *bench) start(ctx context.Context) (err error) {
	if uid(vendorOrg, itemClass, pathItem).String() != pathUUID {
		return fmt.Errorf("the path is %s", uid(vendorOrg, itemClass, pathItem))
	}
	say("starting the portal")
	if b.portal, err = serve(ctx, b.bin, b.dir, "portal", b.cluster.DSN("learnscape_app", "big")); err != nil {
		return err
	}
	if err := idle(ctx, b.cluster.DSN("postgres", "big")); err != nil {
		return err
	}
	if b.growth {
		if b.small, err = serve(ctx, b.bin, b.dir, "small", b.cluster.DSN("learnscape_app", "small")); err != nil {
			return err
		}
		if err := idle(ctx, b.cluster.DSN("postgres", "small")); err != nil {
			return err
		}
	}
	if err := table(ctx, b.cluster.DSN("postgres", "big")); err != nil {
		return err
	}
	pages, err := b.capture(ctx)
	if err != nil {
		return err
	}
	b.pipelines = pages
	if err := b.startBaseline(ctx, pages); err != nil {
		return err
	}
	b.aim()
	return nil
}

// tapped is how often the tapped portal is asked for each page.
const tapped = 4

// signedIn is a page as a member of an organization sees it.
func signedIn(c *child, org, member int, path string, header ...string) func(uint64, *fasthttp.Request) {
	return get(c.host(org), path, append([]string{"Cookie", "ls_sid=" + token(org, member)}, header...)...)
}

// capture asks a portal behind a tap for each hot page and takes down what it sends to the database.
func (b *bench) capture(ctx context.Context) (map[string]page, error) {
	t, err := newTap(ctx, b.cluster.Socket)
	if err != nil {
		return nil, err
	}
	defer t.close()
	p, err := serve(ctx, b.bin, b.dir, "tapped", fmt.Sprintf("host=%s user=learnscape_app dbname=big sslmode=disable", t.dir))
	if err != nil {
		return nil, err
	}
	defer p.stop()
	if err := idle(ctx, b.cluster.DSN("postgres", "big")); err != nil {
		return nil, err
	}
	taps := map[string]func(uint64, *fasthttp.Request){"search": search(p, narrowOrg), "completion": func(n uint64, r *fasthttp.Request) {
		b.complete(p, uint64(b.big.learners)*(pathCourses*(pathLessons-1)-1)+n, r) //nolint:gosec // A number of people.
	}}
	names := []string{"search", "completion"}
	for _, h := range slices.Backward(hot) {
		names = slices.Insert(names, 0, h.name)
		taps[h.name] = signedIn(p, narrowOrg, h.member, h.path)
	}
	if b.explain != "" { // Whom many organizations open something to has no pipeline page, but plans of its own.
		for _, h := range hot[:2] {
			names = append(names, h.name+", 200 grants")
			taps[h.name+", 200 grants"] = signedIn(p, wideOrg, 1, h.path)
		}
	}
	var plans bytes.Buffer
	out := map[string]page{}
	for _, name := range names {
		var body []byte
		var failed error
		// The last of several times: organizations are known by then, and statements prepared.
		for n := range uint64(tapped) {
			t.take()
			if body, failed = fetch(p.addr, func(_ uint64, r *fasthttp.Request) { taps[name](n, r) }); failed != nil {
				say("%s: %s", name, failed) // Its target will fail.
				break
			}
		}
		txs := t.take()
		w := weight{Name: name}
		for _, tx := range txs {
			w.Trips, w.Statements = w.Trips+len(tx), w.Statements+len(slices.Concat(tx...))
		}
		b.report.Pages = append(b.report.Pages, w)
		if b.explain != "" {
			if err := explain(ctx, &plans, b.cluster.DSN("learnscape_app", "big"), name, txs); err != nil {
				return nil, err
			}
		}
		list, err := pipeline(txs)
		if err != nil && failed == nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if failed == nil {
			out[name] = page{list, len(body)}
		}
	}
	if b.explain != "" {
		return out, os.WriteFile(b.explain, plans.Bytes(), 0o644) //nolint:gosec // For everybody to read.
	}
	return out, nil
}

// fetch returns the body of one answer.
func fetch(addr string, fill func(uint64, *fasthttp.Request)) ([]byte, error) {
	c := &fasthttp.HostClient{Addr: addr, ReadBufferSize: 64 << 10, DisablePathNormalizing: true}
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	fill(0, req)
	if err := c.DoTimeout(req, res, 20*time.Second); err != nil {
		return nil, err
	}
	if res.StatusCode() != fasthttp.StatusOK && (!req.Header.IsPost() || res.StatusCode() != fasthttp.StatusSeeOther) {
		return nil, fmt.Errorf("%s: status %d, to %q: %.400s", req.URI().Path(), res.StatusCode(), res.Header.Peek("Location"), res.Body())
	}
	return bytes.Clone(res.Body()), nil
}

// aim lists the targets.
func (b *bench) aim() {
	base, portal := usageOf(b.baseline.pid(), b.postmaster), usageOf(b.portal.pid(), b.postmaster)
	both, few := []int{8, 64}, []int{8}
	add := func(t *target) *target {
		if t.want == 0 {
			t.want = fasthttp.StatusOK
		}
		if b.only == "" || regexp.MustCompile(b.only).MatchString(t.name) {
			b.targets = append(b.targets, t)
		}
		return t
	}
	page := func(name string, c *child, conns []int, cpu func() usage, request func(uint64, *fasthttp.Request), mark string) {
		add(&target{name: name, addr: c.addr, conns: conns, cpu: cpu, request: request, mark: mark})
	}
	page("Fiber hello", b.baseline, few, base, get(b.baseline.addr, "/hello"), "Hello")
	page("one select by key", b.baseline, few, base, get(b.baseline.addr, "/key"), "Organization")
	for _, h := range hot {
		page(h.name, b.portal, both, portal, signedIn(b.portal, narrowOrg, h.member, h.path), h.mark)
	}
	page("home, 200 grants", b.portal, few, portal, signedIn(b.portal, wideOrg, 1, "/"), hot[0].mark)
	page("learn, 200 grants", b.portal, few, portal, signedIn(b.portal, wideOrg, 1, "/learn"), hot[1].mark)
	page("path, gzip", b.portal, few, portal, signedIn(b.portal, narrowOrg, 1, pathURL, "Accept-Encoding", "gzip"), "")
	for _, h := range hot {
		if _, ok := b.pipelines[h.name]; ok {
			page(h.name+"'s pipeline page", b.baseline, both, base, get(b.baseline.addr, "/pipeline/"+h.name), "")
		}
	}
	page("search", b.portal, both, portal, search(b.portal, narrowOrg), "</html>")
	page("search, 200 grants", b.portal, few, portal, search(b.portal, wideOrg), "</html>")
	add(&target{name: "bare insert", addr: b.baseline.addr, conns: both, cpu: base, want: fasthttp.StatusSeeOther, request: func(_ uint64, r *fasthttp.Request) {
		get(b.baseline.addr, "/insert")(0, r)
		r.Header.SetMethod(fasthttp.MethodPost)
	}})
	b.completions = add(&target{name: "completion", addr: b.portal.addr, conns: both, cpu: portal, want: fasthttp.StatusSeeOther, request: func(n uint64, r *fasthttp.Request) { b.complete(b.portal, n, r) }})
	if b.growth {
		cpu := usageOf(b.small.pid(), b.postmaster)
		for _, h := range hot {
			page(h.name+", 10,000 items", b.small, few, cpu, signedIn(b.small, narrowOrg, h.member, h.path), h.mark)
		}
		page("learn, 160 grants, 10,000 items", b.small, few, cpu, signedIn(b.small, wideOrg, 1, "/learn"), hot[1].mark)
		page("search, 10,000 items", b.small, few, cpu, search(b.small, narrowOrg), "</html>")
	}
}

func search(c *child, org int) func(uint64, *fasthttp.Request) {
	asked := questions(3000)
	return func(n uint64, r *fasthttp.Request) {
		signedIn(c, org, 1, "/search?q="+url.QueryEscape(asked[n%uint64(len(asked))]))(0, r)
	}
}

// complete is the n-th POST that finishes a lesson: everybody's first lesson first, then everybody's second, so that each is a
// first completion and no two at a time are one person's.
func (b *bench) complete(c *child, n uint64, r *fasthttp.Request) {
	member, leaf := firstLearner+int(n%uint64(b.big.learners)), int(n/uint64(b.big.learners)) //nolint:gosec // Small.
	course, lesson := 1+leaf/(pathLessons-1), 1+leaf%(pathLessons-1)
	path := fmt.Sprintf("%s/steps/course-%d/lesson-%d/complete", pathURL, course, lesson)
	signedIn(c, learnersOrg, member, path, "Sec-Fetch-Site", "same-origin", "Origin", "http://"+c.host(learnersOrg), "Content-Type", "application/x-www-form-urlencoded")(0, r)
	r.Header.SetMethod(fasthttp.MethodPost)
}

// weigh looks at the hot pages as a browser gets them.
func (b *bench) weigh(context.Context) error {
	for i, h := range hot { // They come first.
		w := &b.report.Pages[i]
		if _, ok := b.pipelines[h.name]; !ok {
			continue
		}
		body, err := fetch(b.portal.addr, signedIn(b.portal, narrowOrg, h.member, h.path))
		if err != nil {
			return err
		}
		packed, err := fetch(b.portal.addr, signedIn(b.portal, narrowOrg, h.member, h.path, "Accept-Encoding", "gzip"))
		if err != nil {
			return err
		}
		w.Bytes, w.Gzip, w.Elements = len(body), len(packed), elements(body)
		if z, err := gzip.NewReader(bytes.NewReader(packed)); err != nil {
			return fmt.Errorf("%s is not packed: %w", h.name, err)
		} else if _, err := io.Copy(io.Discard, z); err != nil { //nolint:gosec // Our own page.
			return err
		}
	}
	return nil
}

func elements(page []byte) (n int) {
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return n
		case html.StartTagToken, html.SelfClosingTagToken:
			n++
		default:
		}
	}
}

// rounds drives all targets in turn, each round beginning with another one. A target that answers wrongly is not driven
// again; the others are, and the run as a whole fails at its end.
func (b *bench) rounds(ctx context.Context) error {
	var c clients
	turn := func(t *target, d time.Duration, warm bool) {
		for _, n := range t.conns {
			if t.err != nil || ctx.Err() != nil {
				return
			}
			if t.err = t.drive(ctx, &c, n, d, warm); t.err != nil {
				say("%s", t.err)
			}
		}
	}
	say("warming up")
	for _, t := range b.targets {
		turn(t, b.round/3, true)
	}
	used, begin := usageOf(b.portal.pid(), b.postmaster), time.Now()
	before := used()
	time.Sleep(2 * time.Second) //nolint:forbidigo // Measures what is used while nobody asks.
	u := used().sub(before)
	b.report.IdleShare = (u.server + u.postgres).Seconds() / time.Since(begin).Seconds()
	for round := range b.options.rounds {
		say("round %d of %d", round+1, b.options.rounds)
		for i := range b.targets {
			turn(b.targets[(i+round*5)%len(b.targets)], b.round, false)
		}
	}
	for _, t := range b.targets {
		if t.err != nil {
			b.report.Failed = append(b.report.Failed, t.err.Error())
		}
		for _, n := range t.conns {
			if t.err == nil && t.stats[n] != nil {
				b.report.Rows = append(b.report.Rows, row{Name: t.name, Conns: n, Stats: t.stats[n]})
			}
		}
	}
	return ctx.Err()
}

// after checks what the run left behind.
func (b *bench) after(ctx context.Context) error {
	b.report.RSS, b.report.PeakRSS = resident(b.portal.pid())
	if b.completions.n.Load() > 0 && b.completions.err == nil {
		have, err := count(ctx, b.cluster.DSN("postgres", "big"), fmt.Sprintf(`SELECT count(*) FROM completions WHERE org_id = '%s' AND membership_id >= '%s'`, uid(learnersOrg, orgClass, 0), uid(learnersOrg, memberClass, firstLearner)))
		if err != nil {
			return err
		}
		// Every answered POST is a row: nothing was answered and not written, nothing counted twice.
		if sent := int(b.completions.n.Load()); have != sent+tapped { //nolint:gosec // Small.
			return fmt.Errorf("%d completions were answered and %d are stored", sent, have)
		}
	}
	begin := time.Now()
	if err := settled(ctx, b.cluster.DSN("postgres", "big")); err != nil {
		return err
	}
	b.report.EventsLag = time.Since(begin).Seconds()
	return nil
}
