package oracle_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/valyala/fasthttp"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// base is where the organizations of a site live: {slug}.localhost:8080.
const base = "localhost:8080"

// site is a world that people read over HTTP: the real portal, put together as the binary does it, called in process.
type site struct {
	*world

	files   string
	portal  *portal.Portal
	handler fasthttp.RequestHandler
	readers []*reader
	r       *rand.Rand // what is asked, apart from what the world is
	page404 map[string]string
	changed bool     // something was changed that its room would have told the index of
	pending bool     // what was changed last has not been told to the index
	said    []string // every canary in the order of its making, to search for
	now     string   // when: for messages
}

// reader is somebody at one host: a member with a session, or a visitor.
type reader struct {
	name   string
	host   string
	org    *org // of the host; nil at the front door
	who    oracle.Viewer
	scope  scope.Scope
	cookie string
	token  string        // of the API, for everything that a token can be for; "" for who has none
	narrow bool          // the token is for writing alone and reads nothing
	self   oracle.Viewer // who looks as others do, when the view has ended
	looks  string        // as whom its browser asks to look, while it may: an organization, or Everyone; "" for as oneself
}

// answer is what came back.
type answer struct {
	status int
	head   map[string]string
	body   string
}

// newSite makes a rich world, the portal on it and everybody who reads: of each organization a member with each role, a visitor
// at each host and at the front door, and two strangers, who hold a session that is not for the host or not any more.
func newSite(t *testing.T, seed uint64) *site {
	t.Helper()
	w := emptyWorld(t, seed)
	w.rich = true
	files := t.TempDir()
	store, err := blob.NewFolder(files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w.blob = store
	w.fill()
	w.furnish()
	s := &site{world: w, files: files, r: rand.New(rand.NewPCG(seed, 11)), page404: map[string]string{}}
	s.portal = s.portalAt(t, &url.URL{Scheme: "http", Host: base}, false)
	s.handler = s.portal.App.Handler()
	s.people()
	s.said = slices.Sorted(maps.Keys(w.tokens))
	s.settleDown()
	s.knowWords()
	s.heed()
	return s
}

// productionBase is where a second portal on the same world answers as one behind https does.
const productionBase = "learn.example"

// another is a second portal on the same world: the demonstration's, or one in production.
func (s *site) another(t *testing.T, demo bool) *portal.Portal {
	t.Helper()
	if demo {
		return s.portalAt(t, &url.URL{Scheme: "http", Host: base}, true)
	}
	return s.portalAt(t, &url.URL{Scheme: "https", Host: productionBase}, false)
}

func (s *site) portalAt(t *testing.T, at *url.URL, demo bool, change ...func(*portal.Config)) *portal.Portal {
	t.Helper()
	keys, err := secret.ParseKeyring("test:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	c := portal.Config{
		DSN: s.dsn("learnscape_app"), BaseURL: at, Keys: keys, Files: s.files, Sender: mail.Outbox{}, Demo: demo, APIPerMinute: 1_000_000, PagesPerMinute: 1_000_000,
		Operators: auth.OperatorDeps{URL: at.Scheme + "://operator." + at.Host},
		Log:       slog.New(slog.NewTextHandler(logs(t), &slog.HandlerOptions{Level: slog.LevelInfo})),
	}
	for _, f := range change {
		f(&c)
	}
	p, err := portal.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// rows is one hash per table that has an owner, over all organizations.
func (s *site) rows(t *testing.T) map[string]string {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer su.Close(t.Context()) //nolint:errcheck // Nothing is buffered.
	out := map[string]string{}
	for _, tb := range ownedTables(t, su) {
		for _, o := range s.orgs {
			out[tb+" of "+o.slug] = digest(t, su, []string{tb}, o.id)[tb]
		}
	}
	return out
}

// logs reads the portal's log: it is for the operator, who reads no organization's content.
func logs(t *testing.T) *logWriter { t.Helper(); return &logWriter{t} }

type logWriter struct{ t *testing.T }

func (l *logWriter) Write(b []byte) (int, error) {
	if tok := canary.Find(b); tok != nil {
		l.t.Errorf("LEAK: the log says %s", b)
	}
	return len(b), nil
}

// people gives every member a session and lists who reads.
func (s *site) people() {
	for _, o := range s.orgs {
		for i, m := range o.members {
			v := s.memberOf(m)
			who := oracle.Viewer{
				Org: o.id.String(), Member: m.String(), Admin: v.Has(scope.Administrator),
				Partners: v.Has(scope.Administrator) || v.Has(scope.PartnerManager), Leads: v.Has(scope.Administrator) || v.Has(scope.PartnerManager) || v.Has(scope.Manager), Shares: v.Has(scope.Administrator) || v.Has(scope.PartnerManager) || v.Has(scope.Author) || v.Has(scope.Marketer),
				Writes: v.Has(scope.Administrator) || v.Has(scope.Author),
				Keeps:  v.Has(scope.Administrator) || v.Has(scope.Author) || v.Has(scope.Marketer),
				Looks:  v.Has(scope.Administrator) || v.Has(scope.PartnerManager) || v.Has(scope.Author),
			}
			role := "learner"
			if n := len(v.Roles); n > 1 {
				role = string(v.Roles[n-1])
			}
			s.readers = append(s.readers, &reader{
				name: fmt.Sprintf("%s of %s", role, o.slug), host: o.slug + "." + base, org: o, who: who, scope: v, cookie: "ls_sid=" + s.session(o, m), token: s.token(o, m, time.Hour, authz.TokenScopes()...),
			})
			if who.Looks || i == 0 { // Whoever may not look is oneself, whatever the browser asks for.
				s.readers = append(s.readers, s.looking(o, m, role, who, v))
			}
			if i == 0 {
				s.readers = append(s.readers, &reader{name: "visitor at " + o.slug, host: o.slug + "." + base, org: o, scope: scope.Scope{Actor: scope.Visitor}})
			}
		}
	}
	s.calling()
	s.readers = append(s.readers, &reader{name: "visitor at the front door", host: base, scope: scope.Scope{Actor: scope.Visitor}})
	a, b := s.orgs[0], s.orgs[1]
	// Tokens that read nothing, of somebody with every role.
	boss := s.boss(a)
	for i, r := range []*reader{
		{name: "token that only writes", token: s.token(a, boss, time.Hour, authz.WriteContent, authz.WriteNetwork), narrow: true},
		{name: "expired token", token: s.token(a, boss, -time.Minute, authz.TokenScopes()...)},
		{name: "token that nobody made", token: "ls_" + base64.RawURLEncoding.EncodeToString(make([]byte, 16)) + "_" + secret.NewToken()},
	} {
		r.name, r.host, r.org, r.scope = r.name+" of "+a.slug, a.slug+"."+base, a, scope.Scope{Actor: scope.Visitor}
		s.readers = slices.Insert(s.readers, 2+i, r)
	}
	s.readers = append(s.readers, &reader{
		name: "member of " + a.slug + " at " + b.slug, host: b.slug + "." + base, org: b, scope: scope.Scope{Actor: scope.Visitor}, cookie: "ls_sid=" + s.session(a, a.members[0]),
		token: s.token(a, a.members[0], time.Hour, authz.TokenScopes()...),
	})
}

// looking is the member with a view: as a random organization that the own one is connected to, or as a visitor.
func (s *site) looking(o *org, m id.Membership, role string, who oracle.Viewer, v scope.Scope) *reader {
	as, slug := id.Everyone, "*"
	var near []*org
	for _, other := range s.orgs {
		if s.model.Sides[[2]string{o.id.String(), other.id.String()}].State == "active" {
			near = append(near, other)
		}
	}
	if len(near) > 0 && s.r.IntN(4) > 0 {
		other := pick(s.r, near)
		as, slug = other.id, other.slug
	}
	v.View = as
	return &reader{
		name: fmt.Sprintf("%s of %s, looking as %s", role, o.slug, slug), host: o.slug + "." + base, org: o, scope: v, cookie: "ls_sid=" + s.session(o, m) + "; ls_view=" + slug, self: who, looks: view(v),
	}
}

// heed says of every reader who looks as others do who that is by now: a view ends with the connection and with the role that it rests
// on, and the reader is oneself again.
func (s *site) heed() {
	for _, r := range s.readers {
		if r.looks == "" {
			continue
		}
		r.who = r.self
		if r.self.Looks && (r.looks == oracle.Everyone || s.model.Sides[[2]string{r.self.Org, r.looks}].State == "active") {
			r.who = oracle.Viewer{Org: r.self.Org, Member: r.self.Member, View: r.looks}
		}
	}
}

func (s *site) memberOf(m id.Membership) scope.Scope {
	for _, v := range s.viewers {
		if v.Membership == m && v.View.IsZero() {
			return v
		}
	}
	s.t.Fatalf("no member %s", m)
	return scope.Scope{}
}

// session opens a session as signing in would have, of somebody who was here before: the first visit to the home page leads elsewhere.
func (s *site) session(o *org, m id.Membership) string {
	token := secret.NewToken()
	s.exec(o, `UPDATE memberships SET purpose = 'asked' WHERE org_id = $1 AND membership_id = $2 AND purpose = ''`, o.id, m)
	s.exec(o, `INSERT INTO sessions (org_id, session_id, token_hash, membership_id, expires_at, auth_at) VALUES ($1, $2, $3, $4, now() + interval '1 day', now() + interval '1 day')`,
		o.id, id.New[id.Session](), secret.Hash(token), m)
	return token
}

// boss is a member of the organization who administrates it.
func (s *site) boss(o *org) id.Membership {
	for _, v := range s.viewers {
		if v.Org == o.id && v.Has(scope.Administrator) {
			return v.Membership
		}
	}
	s.t.Fatalf("nobody administrates %s", o.slug)
	return id.Membership{}
}

// token makes an API token as auth does, for a member and a time.
func (s *site) token(o *org, m id.Membership, life time.Duration, scopes ...string) string {
	tokenID, value := id.New[id.Any](), secret.NewToken()
	s.exec(o, `INSERT INTO api_tokens (org_id, token_id, token_hash, membership_id, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, now() + $6::interval)`,
		o.id, tokenID, secret.Hash(value), m, scopes, life.String())
	return "ls_" + base64.RawURLEncoding.EncodeToString(tokenID.UUID[:]) + "_" + value
}

// settleDown lets the events of what was done have their effect.
func (s *site) settleDown() {
	s.t.Helper()
	if err := s.portal.Relay.Drain(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// knowWords counts the words that are searched for, as the portal does every ten minutes.
func (s *site) knowWords() {
	s.t.Helper()
	if err := s.portal.Search.RebuildLexicon(jobs.Enter(s.t.Context(), scope.Indexer, id.Org{})); err != nil {
		s.t.Fatal(err)
	}
}

// request is one call of the portal. A form makes it a POST from the site's own page, unless a header says otherwise.
func (s *site) request(r *reader, method, target, form string, header map[string]string) answer {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.SetRequestURI(target)
	req.Header.SetHost(r.host)
	req.Header.Set("Accept-Language", "en")
	req.Header.SetUserAgent("Mozilla/5.0 (oracle)")
	if r.cookie != "" {
		req.Header.Set("Cookie", r.cookie)
	}
	if method == fasthttp.MethodPost {
		req.Header.SetContentType("application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if form != "" {
		req.SetBodyString(form)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	var c fasthttp.RequestCtx
	c.Init(&req, nil, nil)
	s.handler(&c)
	a := answer{status: c.Response.StatusCode(), head: map[string]string{}, body: string(c.Response.Body())}
	for k, v := range c.Response.Header.All() {
		key := string(k)
		if a.head[key] != "" {
			a.head[key] += "\n"
		}
		a.head[key] += string(v)
	}
	return a
}

// whole is everything of an answer that a reader could find something in.
func (a answer) whole() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(a.head)) {
		b.WriteString(k + ": " + a.head[k] + "\n")
	}
	b.WriteString(a.body)
	return b.String()
}

// look is a surface's tally, made on first use.
func (m tallies) look(name string) *tally {
	if m[name] == nil {
		m[name] = &tally{}
	}
	return m[name]
}

type tallies map[string]*tally

// wrote reports whether the address is that of what the reader wrote and shared.
func (s *site) wrote(r *reader, target string) bool {
	return slices.ContainsFunc(s.world.thoughts, func(h sharedThought) bool {
		return target == "/reflections/"+h.ob.ID && h.ob.Org == r.who.Org && h.ob.Member == r.who.Member
	})
}

// scan looks for canaries that the reader may not see. What the reader typed into the question comes back and is no finding.
func (s *site) scan(tl *tally, r *reader, route, target string, a answer) {
	typed, _ := url.PathUnescape(target)
	for _, tok := range canary.FindAllString(a.whole(), -1) {
		if strings.Contains(typed, tok) {
			continue
		}
		tl.canaries++
		o := s.tokens[tok]
		switch {
		case o == nil:
			tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s shows a canary that nobody set: %s", s.now, r.name, target, tok))
		case s.fields[tok] == "organizations.name":
			tl.saw(s.fields[tok])
			if strings.HasPrefix(route, "GET /admin/audit") && r.scope.Has(scope.Administrator) && r.who.View == "" {
				continue // The log goes on to say with whom something was once.
			}
			if s.wrote(r, target) {
				continue // Who shared a reflection reads with whom, to take it back.
			}
			if (r.org == nil || r.org.id.String() != o.Org) && !s.names(r.who, o.Org) {
				tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s (%s) names the organization %s, of which nothing is open", s.now, r.name, target, route, s.owner[o.Org].slug))
			}
		case r.who.View != "" && o.Kind == oracle.Member && o.ID == r.who.Member: // The menu names who looks.
		case !s.sees(r.who, o):
			tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: %s (%s, %d) shows %s (%s): %+v", s.now, r.name, target, route, a.status, tok, s.fields[tok], *o))
		default:
			tl.saw(s.fields[tok])
		}
	}
}

// names asks the model, once for each organization and viewer of a comparison.
func (s *site) names(who oracle.Viewer, org string) bool {
	k := question{who, s.portals[org]}
	may, ok := s.naming[k]
	if !ok {
		may = s.model.Names(who, org)
		s.naming[k] = may
	}
	return may
}

// forget begins a new comparison: the world has changed.
func (s *site) forget(when string) {
	s.now = when
	s.heed()
	s.memo, s.naming = map[question]bool{}, map[question]bool{}
	clear(s.page404)
}

// exec runs a statement for an organization, as the command line would.
func (w *world) exec(o *org, q string, args ...any) {
	w.t.Helper()
	w.must(o, func(tx *db.Tx) error {
		if _, err := tx.Exec(q, args...); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
		return nil
	})
}

// execAs runs a statement as a member.
func (w *world) execAs(v scope.Scope, q string, args ...any) {
	w.t.Helper()
	if err := w.d.Tx(scope.Enter(w.t.Context(), v), func(tx *db.Tx) error {
		_, err := tx.Exec(q, args...)
		return err
	}); err != nil {
		w.t.Fatalf("%s: %v", q, err)
	}
}
