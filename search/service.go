package search

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Deps is what a Service needs.
type Deps struct {
	DB       *db.DB
	Tenants  *tenants.Service
	MeiliURL string           // of a Meilisearch server; empty: PostgreSQL answers
	MeiliKey string           // an API key that may search, write documents, settings and indexes
	Prefix   string           // of the index's name there; default "learnscape"
	Now      func() time.Time // default DB.Now
	Log      *slog.Logger     // default slog.Default
}

// Service answers questions and keeps the index.
type Service struct {
	db       *db.DB
	tenants  *tenants.Service
	postgres *Postgres
	remote   *guarded // Meilisearch behind a circuit breaker; nil without one
	now      func() time.Time
	log      *slog.Logger
	known    atomic.Pointer[knowledge]
	rare     rareWords
	tally    tally
}

// knowledge is what the process knows of all documents: replaced as a whole, never changed.
type knowledge struct {
	lexicon  *Lexicon
	langs    []string
	synonyms map[id.Org]map[string][]string
	words    int
	changed  time.Time
}

// New returns a service whose lexicon is empty until Refresh or Run was called.
func New(d Deps) (*Service, error) {
	s := &Service{db: d.DB, tenants: d.Tenants, now: d.Now, log: d.Log, tally: tally{full: make(chan struct{}, 1)}}
	if s.now == nil {
		s.now = d.DB.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.known.Store(&knowledge{lexicon: NewLexicon(nil), langs: []string{"en"}})
	s.postgres = newPostgres(d.DB, func() []string { return s.known.Load().langs })
	if d.MeiliURL != "" {
		if d.Prefix == "" {
			d.Prefix = "learnscape"
		}
		m, err := newMeili(d.MeiliURL, d.MeiliKey, d.Prefix)
		if err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		s.remote = &guarded{engine: m, now: s.now}
	}
	return s, nil
}

// Close gives back what the engines hold.
func (s *Service) Close() error {
	if s.remote != nil {
		return s.remote.engine.Close()
	}
	return nil
}

// Health is the state of the engine that answers first, for the operator.
func (s *Service) Health(ctx context.Context) (Health, error) {
	if err := authz.Check(ctx, authz.Index, id.Org{}); err != nil {
		return Health{}, err
	}
	if s.remote != nil {
		return s.remote.engine.Health(ctx), nil
	}
	return s.postgres.Health(ctx), nil
}

// Hit is a result, read again under the viewer's own rights.
type Hit struct {
	Item     tenants.Item // of a question: its id, title and, unless "someone" asked it, owner only
	Kind     Kind         // of the best part: a lesson of a course is a lesson
	Part     string       // the lesson's key; ""
	Title    []Span       // of the part
	Context  string       // the course's or path's title, for a lesson
	Text     []Span       // what matched, about 200 letters
	Right    string       // own, adapt, show, use or read
	Lang     string
	Minutes  int
	Answers  int    // of a question
	ShownAs  string // of a question: the asker's name if it is shown
	Answered bool   // a question that has an answer that worked
	Partial  bool   // not every word matched
	URL      string
}

// Owner is an organization as results show it.
type Owner struct {
	OrgID  id.Org  `db:"org_id"`
	Slug   string  `db:"slug"`
	Name   string  `db:"name"`
	Short  string  `db:"short"`
	Hue    int     `db:"hue"`
	Chroma float64 `db:"chroma"`
}

// Result is an answer for one viewer.
type Result struct {
	Hits        []Hit
	Total       int
	TotalExact  bool
	Owners      int // how many organizations the results belong to
	Counts      Counts
	Orgs        map[id.Org]Owner // names and brands of the organizations in hits and counts
	Corrections []Correction     // words that were read as another, and may be named
	Reading     string           // the question with the corrections; "" without
	Dropped     []string         // words that stand in nothing the viewer may see
	Relaxed     bool             // no result has every word
	Engine      string           // which engine answered
	Took        time.Duration
}

// Search answers a question for who acts. Anybody may ask; a visitor sees what is public.
func (s *Service) Search(ctx context.Context, q Query) (Result, error) {
	if err := authz.Check(ctx, authz.Search, id.Org{}); err != nil {
		return Result{}, err
	}
	return s.answer(ctx, q, false)
}

// Quick answers while somebody is typing: at most q.Limit results, by their titles first. Nothing is counted as looked for.
func (s *Service) Quick(ctx context.Context, q Query) (Result, error) {
	if err := authz.Check(ctx, authz.Search, id.Org{}); err != nil {
		return Result{}, err
	}
	q.AsYouType = true
	return s.answer(ctx, q, true)
}

func (s *Service) answer(ctx context.Context, q Query, quick bool) (Result, error) {
	start := s.now()
	q = q.bounded()
	viewer, err := scope.From(ctx)
	if err != nil {
		return Result{}, err
	}
	k := s.known.Load()
	r := Request{Query: q, Terms: understand(k.lexicon, q.Text, q.AsYouType, k.meanings(viewer.Org))}
	r.Suspects = suspects(k.lexicon, r.Terms)
	var blind bool
	if r.Scope, blind, err = s.open(ctx, viewer); err != nil {
		return Result{}, err
	}
	res, engine, err := s.ask(ctx, r, quick)
	if err != nil {
		return Result{}, err
	}
	var asked []id.Item
	if res.Total > len(res.Hits) { // Otherwise all results are read anyway.
		asked = res.Asked
	}
	hits, closed, err := s.hydrate(ctx, viewer, res.Hits, asked, r.Terms)
	if err != nil {
		return Result{}, err
	}
	if len(closed) > 0 {
		// Whether a question may be read depends on what it is about, which no document knows. Ask again without these.
		r.Scope.hidden = append(r.Scope.hidden, closed...)
		if res, engine, err = s.ask(ctx, r, quick); err != nil {
			return Result{}, err
		}
		if hits, _, err = s.hydrate(ctx, viewer, res.Hits, nil, r.Terms); err != nil {
			return Result{}, err
		}
	}
	out := Result{Engine: engine}
	if err := s.finish(ctx, viewer, r, res, hits, &out); err != nil {
		return Result{}, err
	}
	if blind || len(asked) > askedMost {
		// There is more to look up than a question may take: figures tell of the results that are shown alone.
		out.Total, out.TotalExact, out.Owners, out.Counts = r.Query.Offset+len(out.Hits), false, owners(out.Hits), recount(out.Hits)
	}
	out.Orgs, err = s.named(ctx, &out)
	out.Took = s.now().Sub(start)
	return out, err
}

// ask puts the question to the first engine that answers and says which did.
func (s *Service) ask(ctx context.Context, r Request, quick bool) (EngineResult, string, error) {
	if s.remote != nil {
		res, err := s.remote.search(ctx, r, quick)
		if err == nil {
			return res, s.remote.engine.Name(), nil
		}
		if !errors.Is(err, errOpen) {
			s.log.WarnContext(ctx, "search engine does not answer, PostgreSQL does", "error", err)
		}
	}
	res, err := s.postgres.Search(ctx, r)
	return res, s.postgres.Name(), err
}

// finish fills up once what is missing of the results, and counts what was looked for.
func (s *Service) finish(ctx context.Context, viewer scope.Scope, r Request, res EngineResult, hits []Hit, out *Result) error {
	if missing := len(res.Hits) - len(hits); missing > 0 && out.Engine == s.postgres.Name() && res.Total > r.Query.Offset+len(res.Hits) {
		more := r
		more.Query.Offset, more.Query.Limit, more.Query.Counts, more.Suspects = r.Query.Offset+len(res.Hits), 2*missing, false, nil
		next, err := s.postgres.Search(ctx, more)
		if err != nil {
			return err
		}
		extra, _, err := s.hydrate(ctx, viewer, next.Hits, nil, r.Terms)
		if err != nil {
			return err
		}
		hits = append(hits, extra[:min(len(extra), missing)]...)
	}
	out.Hits, out.Total, out.TotalExact, out.Owners, out.Counts = hits, res.Total, res.TotalExact, res.Owners, res.Counts
	if res.Total > len(hits) && res.Total <= r.Query.Limit && r.Query.Offset == 0 {
		// What was left out must not show in the figures.
		out.Total, out.Owners, out.Counts = len(hits), owners(hits), recount(hits)
	}
	out.Relaxed = len(hits) > 0 && hits[0].Partial
	s.known.Load().name(r.Terms, res, out)
	if !r.Query.AsYouType && r.Query.Offset == 0 && (len(hits) > 0 || res.Total == 0) {
		s.count(ctx, viewer, r, res.Total)
	}
	return nil
}

// named reads the names of the organizations that the result mentions; that an organization exists is public.
func (s *Service) named(ctx context.Context, r *Result) (map[id.Org]Owner, error) {
	ids := map[id.Org]bool{}
	for _, h := range r.Hits {
		ids[h.Item.OrgID] = true
	}
	for o := range r.Counts.Orgs {
		ids[o] = true
	}
	delete(ids, id.Org{})
	out := make(map[id.Org]Owner, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	orgs, err := s.tenants.ByIDs(ctx, slices.Collect(maps.Keys(ids))...)
	if err != nil {
		return nil, fmt.Errorf("read owners: %w", err)
	}
	for i, o := range orgs {
		out[i] = Owner{OrgID: o.OrgID, Slug: o.Slug, Name: o.Name, Short: o.Short, Hue: o.Hue, Chroma: o.Chroma}
	}
	return out, nil
}

func owners(hits []Hit) int {
	seen := map[id.Org]bool{}
	for _, h := range hits {
		if !h.Item.OrgID.IsZero() {
			seen[h.Item.OrgID] = true
		}
	}
	return len(seen)
}

func recount(hits []Hit) Counts {
	c := newCounts()
	for _, h := range hits {
		c.Kinds[h.Kind]++
		c.Langs[h.Lang]++
		if !h.Item.OrgID.IsZero() {
			c.Orgs[h.Item.OrgID]++
		}
		if t := TimeOf(h.Minutes); t != "" {
			c.Times[t]++
		}
	}
	return c
}

// suspects are the words of a reading that may be named only if the viewer sees them somewhere.
func suspects(lex *Lexicon, t Terms) []string {
	out := []string{}
	for _, c := range t.Corrections {
		if w, ok := lex.Word(c.To); !ok || w.Orgs < openWord {
			out = append(out, c.To)
		}
	}
	return out
}

// openWord is in how many organizations a word must occur to be nobody's secret.
const openWord = 3

// name says how the question was read, as far as the viewer may know.
func (k *knowledge) name(t Terms, res EngineResult, out *Result) {
	var reading []string
	for i, typed := range t.Typed {
		if slices.Contains(res.Gone, i) {
			out.Dropped = append(out.Dropped, typed)
			continue
		}
		at := slices.IndexFunc(t.Corrections, func(c Correction) bool { return c.From == typed })
		if at >= 0 {
			c := t.Corrections[at]
			if w, ok := k.lexicon.Word(c.To); ok && w.Orgs >= openWord || slices.Contains(res.Known, c.To) {
				out.Corrections = append(out.Corrections, c)
				typed = c.To
			}
		}
		reading = append(reading, typed)
	}
	if len(out.Corrections) > 0 {
		out.Reading = strings.Join(reading, " ")
	}
}

func (k *knowledge) meanings(org id.Org) map[string][]string {
	own, all := k.synonyms[org], k.synonyms[id.Everyone]
	if len(own) == 0 {
		return all
	}
	out := make(map[string][]string, len(own)+len(all))
	maps.Copy(out, all)
	for t, e := range own {
		out[t] = append(slices.Clone(e), out[t]...)
	}
	return out
}
