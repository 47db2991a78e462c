package oracle_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// whole reports whether the oracle is asked for all that it can, as `make oracle` does; a plain run of all tests asks for less.
func whole() bool { return os.Getenv("LEARNSCAPE_ORACLE") == "whole" }

// anySeed is the seed of a world that no run had before, or the one that LEARNSCAPE_SEED names, to look at a finding again.
func anySeed(t *testing.T) uint64 {
	t.Helper()
	if v := os.Getenv("LEARNSCAPE_SEED"); v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed
	}
	return rand.Uint64()
}

// read lets a reader call every GET route of the inventory, or those that begin with one of at, each with a sample of its addresses, and
// compares with the model.
func (s *site) read(r *reader, into tallies, share float64, at ...string) {
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		c := routes[key]
		if c.asks == nil || len(at) > 0 && !slices.ContainsFunc(at, func(begin string) bool { return strings.HasPrefix(key, begin) }) {
			continue
		}
		if c.kind == public && s.r.IntN(4) > 0 {
			continue // It says the same to everybody.
		}
		asks := c.asks(s, r)
		if c.kind != list && len(asks) > 3 {
			s.r.Shuffle(len(asks), func(i, j int) { asks[i], asks[j] = asks[j], asks[i] })
			if i := slices.IndexFunc(asks, func(a ask) bool { return a.about != nil && !a.never && s.sees(r.who, a.about) }); i > 0 {
				asks[0], asks[i] = asks[i], asks[0] // Among many strangers' things, one's own is asked for at least once.
			}
			asks = asks[:min(len(asks), max(3, int(share*float64(len(asks)))))]
		}
		for _, a := range asks {
			if r.who.View != "" && c.kind != public && c.kind != operator && c.kind != asset {
				var ok bool
				if a, ok = inView(key, a); !ok {
					continue
				}
			}
			s.inquire(r, key, a, into.look(key))
		}
	}
}

// inquire makes one call, and now and then the same in another way, and compares what came with the model.
func (s *site) inquire(r *reader, key string, a ask, tl *tally) {
	got := s.request(r, "GET", a.target, "", a.header)
	tl.requests++
	s.scan(tl, r, key, a.target, got)
	wrong := func(format string, v ...any) {
		tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s (%s): ", s.now, r.name, a.target, key)+fmt.Sprintf(format, v...))
	}
	switch {
	case got.status >= 500 && !strings.HasPrefix(key, "GET /auth/"):
		wrong("answers %d", got.status)
	case a.never:
		if got.status != 404 && !toSignIn(r, got) {
			wrong("answers %d where nothing is", got.status)
		}
		s.alike(r, a, got, wrong)
	case a.about != nil:
		may := s.sees(r.who, a.about)
		switch {
		case !may:
			tl.settle(false, got.status != 404 && !toSignIn(r, got), func() string {
				return fmt.Sprintf("%s: %s: %s (%s) answers %d about %+v", s.now, r.name, a.target, key, got.status, *a.about)
			})
			s.alike(r, a, got, wrong)
		case a.open:
			tl.settle(true, got.status == a.ok, func() string {
				return fmt.Sprintf("%s: %s: %s (%s) answers %d, not %d, about %+v", s.now, r.name, a.target, key, got.status, a.ok, *a.about)
			})
		case got.status == a.ok:
			tl.settle(true, true, nil)
		case got.status != 404:
			wrong("answers %d", got.status)
		}
	case a.ok != 0 && got.status != a.ok:
		wrong("answers %d, not %d", got.status, a.ok)
	}
	if a.same != "" {
		s.sameAsNothing(r, a, got, tl, wrong)
	}
	if len(a.lists) > 0 && got.status == 200 {
		s.onList(r, key, a, got, tl)
	}
	s.otherwise(r, key, a, got, tl, wrong)
}

// toSignIn reports whether a visitor, or a program without a token, is sent to sign in, which tells nothing: the address alone decides it.
func toSignIn(r *reader, a answer) bool {
	return r.token == "" && a.status == 401 || r.who.Org == "" && (a.status == 303 && strings.HasPrefix(a.head["Location"], "/sign-in") || a.status == 401 || r.narrow && a.status == 403)
}

// alike compares a refusal with the one for something that does not exist: an unknown, a foreign and a missing thing look alike.
func (s *site) alike(r *reader, a ask, got answer, wrong func(string, ...any)) {
	if a.id == "" || got.status != 404 {
		return
	}
	plain := func(target, id string, g answer) string {
		delete(g.head, "X-Request-Id")
		delete(g.head, "Content-Length")
		return strings.ReplaceAll(strings.ReplaceAll(g.whole(), fmt.Sprintf("data-whose=%q", r.who.Member), ""), id, "…") // Whose page it is may be the very one.
	}
	shape := r.name + strings.Replace(a.target, a.id, "…", 1) + fmt.Sprint(a.header)
	want, ok := s.page404[shape]
	if !ok {
		missing := id.New[id.Any]().String()
		target := strings.Replace(a.target, a.id, missing, 1)
		want = plain(target, missing, s.request(r, "GET", target, "", a.header))
		s.page404[shape] = want
	}
	if have := plain(a.target, a.id, got); have != want {
		wrong("does not look like something that is missing:\n%s", difference(have, want))
	}
}

// difference shows where two texts part.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, i-60):min(len(s), i+120)] }
	return "have …" + cut(a) + "…\nwant …" + cut(b) + "…"
}

// sameAsNothing compares the answer to a search for a canary that the reader may not see with the answer to a word that nobody
// ever wrote: no hit, no count, no facet, no suggestion may differ.
func (s *site) sameAsNothing(r *reader, a ask, got answer, tl *tally, wrong func(string, ...any)) {
	o := s.tokens[a.same]
	may := s.sees(r.who, o)
	if s.fields[a.same] == "organizations.name" {
		may = true
	}
	nothing := s.nothing()
	other := s.request(r, "GET", strings.ReplaceAll(a.target, a.same, nothing), "", a.header)
	have, want := strings.ReplaceAll(got.body, a.same, "…"), strings.ReplaceAll(other.body, nothing, "…")
	tl.checks++
	switch {
	case may:
		tl.allowed++
	case have != want:
		wrong("differs from a search for nothing (%s of %+v):\n%s", s.fields[a.same], *o, difference(have, want))
	}
}

// nothing is a word that nobody wrote.
func (s *site) nothing() string {
	b := []byte("zq")
	for range 14 {
		b = append(b, letters[s.r.IntN(len(letters))])
	}
	return string(b)
}

// onList compares what stands on a list, over all its pages, with what the reader may see and must find.
func (s *site) onList(r *reader, key string, a ask, got answer, tl *tally) {
	text := got.body
	for n, last := 2, got.body; n < 12; n++ {
		target := ""
		switch {
		case a.pages != "":
			sep := "?"
			if strings.Contains(a.target, "?") {
				sep = "&"
			}
			if !strings.Contains(last, a.pages+"="+strconv.Itoa(n)) {
				break
			}
			target = a.target + sep + a.pages + "=" + strconv.Itoa(n)
		case a.more != nil:
			if m := a.more.FindStringSubmatch(last); m != nil {
				target = strings.ReplaceAll(m[1], "&amp;", "&")
			}
		case a.next != "":
			_, rest, ok := strings.Cut(strings.ReplaceAll(last, "&amp;", "&"), `href="`+a.next)
			if !ok {
				_, rest, ok = strings.Cut(strings.ReplaceAll(last, "&amp;", "&"), `&after=`)
			}
			if ok {
				after, _, _ := strings.Cut(rest, `"`)
				after, _, _ = strings.Cut(after, `&`)
				sep := "?"
				if strings.Contains(a.target, "?") {
					sep = "&"
				}
				target = a.target + sep + "after=" + after
			}
		}
		if target == "" {
			break
		}
		more := s.request(r, "GET", target, "", nil)
		tl.requests++
		s.scan(tl, r, key, target, more)
		last = more.body
		text += last
	}
	if key == "GET /search" {
		s.countsOf(r, a, text, tl)
	}
	if a.target == "/search" && !s.changed {
		s.totalOf(r, a, got.body, tl)
	}
	for _, l := range a.lists {
		may, does := s.sees(r.who, l.ob), strings.Contains(text, l.as)
		// The index follows what changed when it is told; nothing else may lag behind.
		must := l.must && may && (!s.pending || !strings.HasPrefix(key, "GET /search") && key != "GET /api/v1/search")
		if l.ob.Kind == oracle.Question && must {
			about := s.pages[l.ob.Item].ob
			must = about.State == "published" && s.sees(r.who, about) && !s.finishOnly(r.who, about)
		}
		if l.ob.Kind == oracle.Answer && must && a.about != nil {
			must = a.open
		}
		tl.checks++
		if may {
			tl.allowed++
		}
		if does && !may {
			tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s lists %+v", s.now, r.name, a.target, *l.ob))
		}
		if must && !does {
			tl.missing = append(tl.missing, fmt.Sprintf("%s: %s: %s does not list %+v", s.now, r.name, a.target, *l.ob))
		}
	}
}

var (
	result    = regexp.MustCompile(`(?s)<li class="result">.*?</li>`)
	answersOf = regexp.MustCompile(`>(\d+) answers?<`)
)

// countsOf compares how many answers a found question is said to have, and whether one worked, with those that the reader may see:
// a count is made after rights, never before.
func (s *site) countsOf(r *reader, a ask, text string, tl *tally) {
	for _, li := range result.FindAllString(text, -1) {
		for _, q := range s.world.posts {
			if q.Kind != oracle.Question || !strings.Contains(li, `href="/questions/`+q.ID+`"`) {
				continue
			}
			want, worked := 0, false
			for _, l := range s.answersOn(q) {
				if l.must && s.sees(r.who, l.ob) {
					want++
					worked = worked || s.worked[q.ID] == l.ob.ID
				}
			}
			have := 0
			if m := answersOf.FindStringSubmatch(li); m != nil {
				have, _ = strconv.Atoi(m[1])
			}
			tl.checks++
			if have > want {
				tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s says %d answers of question %s, of which %d are open", s.now, r.name, a.target, have, q.ID, want))
			}
			if !worked && strings.Contains(li, "Answered") {
				tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s says that an answer to question %s worked, which is not open", s.now, r.name, a.target, q.ID))
			}
		}
	}
}

var resultsOf = regexp.MustCompile(`<b>(\d+) results?</b>`)

// totalOf compares how many results there are said to be with what the reader may see.
func (s *site) totalOf(r *reader, a ask, text string, tl *tally) {
	most := 0
	for _, ob := range s.world.items {
		if ob.State == "published" && s.sees(r.who, ob) {
			most++
		}
	}
	for _, q := range s.world.posts {
		if q.Kind == oracle.Question && q.State != "withdrawn" && s.sees(r.who, q) {
			most++
		}
	}
	tl.checks++
	if m := resultsOf.FindStringSubmatch(text); m != nil {
		if n, _ := strconv.Atoi(m[1]); n > most {
			tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s counts %d results, of which %d are open", s.now, r.name, a.target, n, most))
		}
	}
}

// otherwise asks for the same in another way: HEAD, with a validator, as a part of a page, in another language. It must tell no more.
func (s *site) otherwise(r *reader, key string, a ask, got answer, tl *tally, wrong func(string, ...any)) {
	method, header := "GET", maps.Clone(a.header)
	if header == nil {
		header = map[string]string{}
	}
	switch s.r.IntN(8) {
	case 0:
		method = "HEAD"
	case 1:
		// What a reader could have kept from before, or guess: the validator of what is there.
		header["If-None-Match"] = s.validator(key, a)
	case 2:
		header["HX-Request"] = "true"
	case 3:
		header["Accept-Language"] = "de"
	default:
		return
	}
	again := s.request(r, method, a.target, "", header)
	tl.requests++
	s.scan(tl, r, key, a.target, again)
	switch {
	case again.status == got.status:
	case again.status == 304 && got.status == 200, header["HX-Request"] != "" && toSignIn(r, got) && again.status == 401:
	case header["If-None-Match"] != "" && got.status == 206 && again.status == 304:
	default:
		wrong("%s with %v answers %d, not %d", method, header, again.status, got.status)
	}
}

// validator is the ETag that somebody who may see the file gets.
func (s *site) validator(key string, a ask) string {
	if key != "GET /files/:id/:name" {
		return `"x"`
	}
	for _, r := range s.readers {
		if r.who.Org == a.about.Org {
			return s.request(r, "GET", a.target, "", nil).head["Etag"]
		}
	}
	return `"x"`
}

// leave lets somebody leave an organization: every session goes on to exist and must be nobody's.
func (s *site) leave() string {
	var list []*reader
	for _, r := range s.readers {
		// Who made the tokens of others stays.
		if r.who.Org != "" && r.who.Member != r.org.members[0].String() && r.who.Member != s.boss(s.orgs[0]).String() {
			list = append(list, r)
		}
	}
	gone := list[s.r.IntN(len(list))]
	s.exec(gone.org, `UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, gone.org.id, parse[id.Membership](s.t, gone.who.Member))
	for _, r := range s.whoIs(gone.who.Member) {
		r.name, r.who, r.self, r.looks, r.scope = r.name+", who left", oracle.Viewer{}, oracle.Viewer{}, "", scope.Scope{Actor: scope.Visitor}
	}
	return "leave an organization"
}

// demote takes a role from an administrator, who goes on as a learner.
func (s *site) demote() string {
	for _, r := range s.readers {
		if !r.who.Admin {
			continue
		}
		s.must(r.org, func(tx *db.Tx) error {
			return tx.Must(`UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND membership_id = $2`, r.org.id, parse[id.Membership](s.t, r.who.Member))
		})
		for _, l := range s.whoIs(r.who.Member) {
			l.name, l.who, l.scope.Roles = l.name+", no more", oracle.Viewer{Org: r.who.Org, Member: r.who.Member}, []scope.Role{scope.Learner}
			l.self = l.who
		}
		return "take a role away"
	}
	return ""
}

// whoIs are the readers who are a member, with a view or without.
func (s *site) whoIs(member string) (out []*reader) {
	for _, r := range s.readers {
		if r.who.Member == member {
			out = append(out, r)
		}
	}
	return out
}

// onNoPage are the fields with canaries that no page shows to anybody.
var onNoPage = []string{
	"api_tokens.token_hash", "email_links.email", "email_links.token_hash",
	"invitations.proposal", "lessons.source", "live.series", "member_invitations.token", "provider_errands.token", "resources.source", "sealed", "search_events.q_norm", "search_synonyms.expands",
	"search_synonyms.term", "stories.source",
}

// refusals are pages that say only at times what they are for, even to those who may: what is counted is whom they refuse.
var refusals = []string{"GET /network/:slug/counter", "GET /network/:slug/end", "GET /sharing/:slug/visibility", "GET /slots/:id", "GET /joint/:id", "GET /joint/:id/:slug"}

// seldom are fields that only some searches and answers show.
var seldom = []string{"additions.block", "additions.note", "check.because", "check.choice", "house", "lessons.plain", "private", "provider_errands.email", "quiz.because", "record_import_rows.account", "reflections.body", "resources.plain", "slot", "stories.cta", "stories.plain"}

// TestOverHTTP lets members with every role, visitors at every host and strangers call every page of the portal with every kind of
// identifier, in random worlds that change, and compares status, content and every canary in the whole answer with the model.
func TestOverHTTP(t *testing.T) {
	t.Parallel()
	seeds, share, changes, first := []uint64{21, anySeed(t)}, .04, 2, 8
	if whole() {
		seeds, share, changes, first = []uint64{21, 22, anySeed(t)}, .05, 10, 30
	}
	t.Logf("seeds %v", seeds)
	total, did, held := tallies{}, map[string]int{}, map[string]bool{}
	var mu sync.Mutex
	start := time.Now()
	t.Run("worlds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				s := newSite(t, seed)
				m := tallies{}
				s.forget(fmt.Sprintf("seed %d, at the start", seed))
				for _, r := range s.sampleReaders(first) {
					s.read(r, m, share)
				}
				for i := range changes {
					what := s.change()
					mu.Lock()
					did[what]++
					mu.Unlock()
					s.forget(fmt.Sprintf("seed %d, change %d, after %s", seed, i, what))
					for _, r := range s.sampleReaders(5) {
						s.read(r, m, share/2)
					}
				}
				// While one rests, nothing of it is anybody else's; its own people and its host stand outside.
				s.awake()
				rests := s.orgs[len(s.orgs)-1]
				what := s.rest(rests)
				s.settleDown() // The words of its answers leave the questions of others with the index.
				s.readers = slices.DeleteFunc(s.readers, func(r *reader) bool { return r.org == rests || r.who.View != "" })
				s.forget(fmt.Sprintf("seed %d, after %s", seed, what))
				for _, r := range s.sampleReaders(5) {
					s.read(r, m, share)
				}
				mu.Lock()
				defer mu.Unlock()
				for k, v := range m {
					total.look(k).add(v)
				}
				for _, f := range s.fields {
					held[f] = true
				}
			})
		}
	})
	checks, requests, canaries := 0, 0, 0
	for _, key := range names(total) {
		tl := total[key]
		checks, requests, canaries = checks+tl.checks, requests+tl.requests, canaries+tl.canaries
		t.Run(strings.ReplaceAll(key, "/", "∕"), func(t *testing.T) {
			t.Parallel()
			tl.report(t)
			if key == "GET /me" || routes[key].kind == public || routes[key].kind == operator || routes[key].kind == asset || slices.Contains(refusals, key) || tl.checks == 0 || tl.checks < 250 && !whole() {
				return
			}
			lo, hi := .15, .85
			if strings.HasPrefix(key, "GET /admin/") || strings.HasPrefix(key, "GET /publish") || strings.HasPrefix(key, "GET /settings/") || strings.HasPrefix(key, "GET /setup") || strings.HasPrefix(key, "GET /scim/") || key == "GET /network.csv" || key == "GET /network/invite" || key == "GET /partners/offer" || strings.HasPrefix(key, "GET /credentials/") {
				lo = .04 // One member of eight administrates or manages partners, and few write.
			}
			if strings.HasSuffix(key, "/version") {
				lo = .1 // Visitors are on no version.
			}
			if key == "GET /reflections" {
				lo = .01 // What is shared is for one or two.
			}
			if strings.HasPrefix(key, "GET /reflections/") {
				lo = .05 // Of these, each is its writer's and theirs with whom it is shared.
			}
			if strings.HasPrefix(key, "GET /records") || strings.HasPrefix(key, "GET /returns") {
				lo = .04 // One member of eight leads or administrates.
			}
			if (strings.HasPrefix(key, "GET /admin/") || strings.HasPrefix(key, "GET /records/")) && strings.Contains(key, "/:") {
				lo = .02 // Of these, each has what is of one organization among five.
			}
			if strings.Contains(key, "/steps/") {
				lo = .05 // The path and what the step leads to must both be open.
			}
			if strings.HasPrefix(key, "GET /account") || strings.HasPrefix(key, "GET /api/") || strings.HasPrefix(key, "GET /admin/tokens/:") || strings.HasPrefix(key, "GET /network/:") || strings.HasPrefix(key, "GET /sharing/:") || strings.HasPrefix(key, "GET /publish/import/:") || strings.HasPrefix(key, "GET /handed") || strings.HasPrefix(key, "GET /team") || strings.HasPrefix(key, "GET /assign") {
				lo = .01 // One member of eight manages partners, and few of the organizations are theirs.
			}
			if s := float64(tl.allowed) / float64(tl.checks); s < lo || s > hi {
				t.Errorf("%.0f %% of %d outcomes are allowed; between %.0f and %.0f %% proves something", s*100, tl.checks, lo*100, hi*100)
			} else {
				t.Logf("surface %s: %d checks, %.0f %% allowed, %d canaries; %d requests, %d names", key, tl.checks, s*100, tl.canaries, tl.requests, tl.fields["shown_name"])
			}
		})
	}
	seen := tally{}
	for _, tl := range total {
		seen.add(&tally{fields: tl.fields})
	}
	for _, f := range slices.Sorted(maps.Keys(held)) {
		if !whole() || slices.Contains(seldom, f) {
			continue
		}
		if hidden := slices.Contains(onNoPage, f); seen.fields[f] == 0 && !hidden {
			t.Errorf("nobody saw a canary of %s on any page: the oracle proves nothing about it", f)
		} else if hidden && seen.fields[f] > 0 {
			t.Errorf("%s is on a page", f)
		}
	}
	t.Logf("canaries seen by those who may: %v", seen.fields)
	t.Logf("%d checks, %d requests, %d canaries over HTTP in %v; changes: %v", checks, requests, canaries, time.Since(start).Round(time.Millisecond), did)
	if checks < 20_000 || whole() && checks < 100_000 {
		t.Errorf("only %d checks", checks)
	}
}

// change does one random thing that changes what somebody may see. Half of the time nothing has been told to the index and the
// counters when the next page is read: a leak is never allowed, from the acknowledgement on.
func (s *site) change() string {
	what := ""
	s.changed = true
	for what == "" {
		switch s.r.IntN(10) {
		case 0:
			what = s.leave()
		case 1:
			what = s.demote()
		case 2, 3, 4, 5:
			what = s.move()
		default:
			what = s.step()
		}
	}
	if s.pending = s.r.IntN(2) == 0; !s.pending {
		s.settleDown()
	}
	return what
}

// sampleReaders are n readers: a quarter administrators, for whom most pages are, a quarter visitors, who sign in for most, and whoever else.
func (s *site) sampleReaders(n int) (out []*reader) {
	list := slices.Clone(s.readers)
	s.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	take := func(most int, of func(*reader) bool) {
		for _, r := range list {
			if most > 0 && of(r) && !slices.Contains(out, r) {
				out = append(out, r)
				most--
			}
		}
	}
	take(n/4, func(r *reader) bool { return r.scope.Has(scope.Administrator) })
	take(n/4, func(r *reader) bool { return r.who.Org == "" })
	take(n-len(out), func(*reader) bool { return true })
	return out
}
