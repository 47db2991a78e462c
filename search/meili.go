package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meilisearch/meilisearch-go"

	"github.com/learnscape/learnscape/internal/id"
)

// Meili is the engine on a Meilisearch server, written for 1.50. One index holds the documents of all organizations; the
// channels of the viewer are a filter of every request, built from identifiers and the product's own words alone. The
// server gives back identifiers; titles and texts come from PostgreSQL.
type Meili struct {
	client meilisearch.ServiceManager
	index  string
	ready  sync.Mutex
	set    bool
}

func newMeili(url, key, prefix string) (*Meili, error) {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return nil, fmt.Errorf("meilisearch address %q is no http address", url)
	}
	client := meilisearch.New(url, meilisearch.WithAPIKey(key), meilisearch.WithCustomClient(&http.Client{Timeout: time.Minute}), meilisearch.WithCustomRetries(nil, 0))
	return &Meili{client: client, index: prefix + "_content"}, nil
}

// Name implements Engine.
func (m *Meili) Name() string { return "meilisearch" }

// Close implements Engine.
func (m *Meili) Close() error { m.client.Close(); return nil }

type meiliDoc struct {
	ID         string   `json:"id"`
	Item       string   `json:"item"`
	Org        string   `json:"org"`
	Owner      string   `json:"owner,omitempty"` // the organization, where everybody may know it
	Part       string   `json:"part"`
	Kind       string   `json:"kind"`
	Whole      bool     `json:"whole"` // the item itself, not a lesson of it
	Channels   []string `json:"channels"`
	Lang       string   `json:"lang"`
	Span       string   `json:"span,omitempty"`
	Popularity float64  `json:"popularity"`
	Day        int64    `json:"day"`
	Title      string   `json:"title"`
	Near       string   `json:"near"`
	Summary    string   `json:"summary"`
	Body       string   `json:"body"`
}

// configure makes the index with its settings before the first document.
func (m *Meili) configure(ctx context.Context) error {
	m.ready.Lock()
	defer m.ready.Unlock()
	if m.set {
		return nil
	}
	if err := m.make(ctx, m.index); err != nil {
		return err
	}
	m.set = true
	return nil
}

func (m *Meili) make(ctx context.Context, uid string) error {
	if _, err := m.client.GetIndexWithContext(ctx, uid); err != nil {
		t, err := m.client.CreateIndexWithContext(ctx, &meilisearch.IndexConfig{Uid: uid, PrimaryKey: "id"})
		if err == nil {
			err = m.done(ctx, t.TaskUID)
		}
		if err != nil && !strings.Contains(err.Error(), "index_already_exists") {
			return fmt.Errorf("make index %s: %w", uid, meiliError(err))
		}
	}
	distinct := "item"
	ix := m.client.Index(uid)
	t, err := ix.UpdateSettingsWithContext(ctx, &meilisearch.Settings{
		SearchableAttributes: []string{"title", "near", "summary", "body"},
		DisplayedAttributes:  []string{"id", "item", "org", "part"},
		DistinctAttribute:    &distinct,
		SortableAttributes:   []string{"day", "popularity"},
		RankingRules:         []string{"words", "typo", "proximity", "attribute", "sort", "exactness", "popularity:desc", "day:desc"},
		// Our own lexicon corrects before; what it does not know may still be one letter off.
		TypoTolerance: &meilisearch.TypoTolerance{
			Enabled: true, MinWordSizeForTypos: meilisearch.MinWordSizeForTypos{OneTypo: 4, TwoTypos: 8}, DisableOnNumbers: true, DisableOnWords: []string{}, DisableOnAttributes: []string{},
		},
		Pagination:     &meilisearch.Pagination{MaxTotalHits: maxWindow},
		Faceting:       &meilisearch.Faceting{MaxValuesPerFacet: 1000},
		SearchCutoffMs: 700,
	})
	if err == nil {
		err = m.done(ctx, t.TaskUID)
	}
	if err == nil {
		equal := func(facet bool, names ...string) any {
			return meilisearch.AttributeRule{AttributePatterns: names, Features: meilisearch.AttributeFeatures{FacetSearch: facet, Filter: meilisearch.FilterFeatures{Equality: true}}}
		}
		t, err = ix.UpdateFilterableAttributesWithContext(ctx, &[]any{equal(false, "channels", "item", "whole", "id", "org"), equal(true, "kind", "owner", "lang", "span")})
		if err == nil {
			err = m.done(ctx, t.TaskUID)
		}
	}
	if err != nil {
		return fmt.Errorf("set up index %s: %w", uid, meiliError(err))
	}
	return nil
}

func (m *Meili) done(ctx context.Context, task int64) error {
	t, err := m.client.WaitForTaskWithContext(ctx, task, 25*time.Millisecond)
	if err != nil {
		return err
	}
	if t.Status != meilisearch.TaskStatusSucceeded {
		return fmt.Errorf("task %d %s: %s: %s", task, t.Status, t.Error.Code, t.Error.Message)
	}
	return nil
}

// Apply implements Engine. The server has no compare-and-set: what keeps an older write from winning is that documents are
// built from PostgreSQL's present state by one relay per event.
func (m *Meili) Apply(ctx context.Context, ops []Op) (Ticket, error) {
	if err := m.configure(ctx); err != nil {
		return Ticket{}, err
	}
	return m.write(ctx, m.index, ops)
}

func (m *Meili) write(ctx context.Context, uid string, ops []Op) (Ticket, error) {
	var docs []meiliDoc
	var gone []string
	for _, op := range ops {
		if op.Upsert == nil {
			gone = append(gone, op.Delete.String())
			continue
		}
		docs = append(docs, meiliDocument(*op.Upsert))
	}
	var t Ticket
	if len(docs) > 0 {
		info, err := m.client.Index(uid).AddDocumentsWithContext(ctx, docs, nil)
		if err != nil {
			return Ticket{}, meiliError(err)
		}
		t.tasks = append(t.tasks, info.TaskUID)
	}
	if len(gone) > 0 {
		info, err := m.client.Index(uid).DeleteDocumentsWithContext(ctx, gone, nil)
		if err != nil {
			return Ticket{}, meiliError(err)
		}
		t.tasks = append(t.tasks, info.TaskUID)
	}
	return t, nil
}

// meiliDocument holds normalized texts: both sides then see the same words, and the server need not know a language.
func meiliDocument(d Document) meiliDoc {
	out := meiliDoc{
		ID: d.ID.String(), Item: d.Item.String(), Org: d.Org.String(), Part: d.Part, Kind: string(d.Kind), Whole: d.Part == "", Lang: d.Lang, Span: string(TimeOf(d.Minutes)),
		Popularity: d.Popularity, Day: d.PublishedAt.Unix() / 86400, Title: normalize(d.Title), Near: normalize(d.Context + " " + strings.Join(d.Topics, " ")),
		Summary: normalize(d.Summary), Body: normalize(cut(d.Body, maxBody)),
	}
	if !d.Unnamed {
		out.Owner = out.Org
	}
	for _, c := range d.Channels {
		out.Channels = append(out.Channels, c.String())
	}
	return out
}

// Wait implements Engine.
func (m *Meili) Wait(ctx context.Context, t Ticket) error {
	for _, task := range t.tasks {
		if err := m.done(ctx, task); err != nil {
			return meiliError(err)
		}
	}
	return nil
}

// filter is the request's filter without the one named dimension. It consists of identifiers and fixed words.
func meiliFilter(r Request, without string) [][]string {
	in := func(name string, values []string) []string {
		return []string{name + " IN [" + strings.Join(values, ", ") + "]"}
	}
	out := [][]string{in("channels", idStrings(r.Scope.channels))}
	if len(r.Scope.hidden) > 0 {
		out = append(out, []string{"item NOT IN [" + strings.Join(idStrings(r.Scope.hidden), ", ") + "]"})
	}
	q := r.Query
	if len(q.Kinds) > 0 && without != "kind" {
		var v []string
		for _, k := range q.Kinds {
			if slices.Contains(Kinds(), k) {
				v = append(v, string(k))
			}
		}
		out = append(out, in("kind", append(v, "none")))
	}
	if len(q.Orgs) > 0 && without != "owner" {
		f := in("owner", idStrings(q.Orgs))
		if slices.Contains(q.Orgs, r.Scope.viewer) && r.Scope.own() {
			f = append(f, "org = "+r.Scope.viewer.String())
		}
		out = append(out, f)
	}
	if len(q.Langs) > 0 && without != "lang" {
		var v []string
		for _, l := range q.Langs {
			if len(l) == 2 && l[0] >= 'a' && l[0] <= 'z' && l[1] >= 'a' && l[1] <= 'z' {
				v = append(v, l)
			}
		}
		out = append(out, in("lang", append(v, "none")))
	}
	if len(q.Times) > 0 && without != "span" {
		v := []string{"none"}
		for _, t := range q.Times {
			if t == Short || t == Medium || t == Long {
				v = append(v, string(t))
			}
		}
		out = append(out, in("span", v))
	}
	if !r.Terms.Asked {
		out = append(out, []string{"whole = true"})
	}
	return out
}

func idStrings[K any](ids []id.ID[K]) []string {
	out := make([]string, len(ids))
	for i, v := range ids {
		out[i] = v.String()
	}
	return out
}

type meiliHit struct {
	ID    string  `json:"id"`
	Item  string  `json:"item"`
	Org   string  `json:"org"`
	Part  string  `json:"part"`
	Score float64 `json:"_rankingScore"`
}

// Search implements Engine. First, at the same time: whether five results have all the words, and which suspects stand in
// anything open to the viewer; then, only if nothing has all the words, which of them do; at last the hits, the questions, and
// each filter that is on and whose other values are counted.
func (m *Meili) Search(ctx context.Context, r Request) (EngineResult, error) {
	if len(r.Scope.channels) == 0 {
		return EngineResult{}, ErrNoScope
	}
	if r.Terms.hopeless() {
		return EngineResult{Counts: newCounts(), TotalExact: true}, nil
	}
	r.Query = r.Query.bounded()
	out := EngineResult{Counts: newCounts(), TotalExact: true}
	var mu sync.Mutex
	words := make([]string, len(r.Terms.Words))
	for i, w := range r.Terms.Words {
		words[i] = w[0]
	}
	var full []EngineHit
	relaxed := false // results need not have all the words
	ask := []func() error{func() (err error) { full, err = m.full(ctx, r, words); return err }}
	for _, s := range r.Suspects {
		ask = append(ask, func() error {
			known, err := m.has(ctx, r, s)
			if known {
				mu.Lock()
				defer mu.Unlock()
				out.Known = append(out.Known, s)
			}
			return err
		})
	}
	if err := together(ask); err != nil {
		return EngineResult{}, err
	}
	if len(words) > 0 && len(full) == 0 {
		var err error
		if words, out.Gone, err = m.present(ctx, r); err != nil || len(words) == 0 {
			return out, err
		}
		if len(out.Gone) > 0 {
			if full, err = m.full(ctx, r, words); err != nil {
				return EngineResult{}, err
			}
		}
		if all := words; len(full) == 0 {
			if words, err = m.allButOne(ctx, r, words); err != nil {
				return EngineResult{}, err
			}
			relaxed = len(words) < len(all)
		}
	}
	base := meilisearch.SearchRequest{Query: strings.Join(words, " "), MatchingStrategy: meilisearch.All, ShowRankingScore: true}
	if len(words) > 1 && len(full) < fewResults {
		base.MatchingStrategy, relaxed = meilisearch.Frequency, true
	}
	switch r.Query.Sort {
	case Newest:
		base.Sort = []string{"day:desc"}
	case Popular:
		base.Sort = []string{"popularity:desc"}
	case Best:
	}
	ask = []func() error{func() error {
		req := base
		req.Filter, req.Offset, req.Limit = meiliFilter(r, ""), int64(r.Query.Offset), int64(r.Query.Limit)
		req.Facets = []string{"kind", "owner", "lang", "span", "org"}
		got, err := m.request(ctx, r, &req)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		out.Total = int(got.EstimatedTotalHits)
		out.TotalExact = false
		if out.Hits, err = meiliHits(got); err != nil {
			return err
		}
		for i, h := range out.Hits {
			out.Hits[i].Partial = relaxed && !slices.ContainsFunc(full, func(f EngineHit) bool { return f.Item == h.Item })
		}
		facets, err := decodeFacets(got.FacetDistribution, r.Scope)
		if err != nil {
			return err
		}
		out.Owners = len(facets["owner"])
		for name, on := range active(r.Query) {
			if r.Query.Counts && !on {
				out.Counts.take(name, facets[name])
			}
		}
		return nil
	}}
	ask = append(ask, func() error {
		req := base
		req.Filter, req.Limit = append(meiliFilter(Request{Scope: r.Scope, Terms: r.Terms}, ""), []string{"kind = " + string(KindQuestion)}), askedMost+1
		got, err := m.request(ctx, r, &req)
		if err != nil {
			return err
		}
		hits, err := meiliHits(got)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, h := range hits {
			out.Asked = append(out.Asked, h.Item)
		}
		return nil
	})
	for name, on := range active(r.Query) {
		if !r.Query.Counts || !on {
			continue
		}
		ask = append(ask, func() error {
			req := base
			req.Filter, req.Limit, req.Facets = meiliFilter(r, name), 1, []string{name, "org"}
			got, err := m.request(ctx, r, &req)
			if err != nil {
				return err
			}
			facets, err := decodeFacets(got.FacetDistribution, r.Scope)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out.Counts.take(name, facets[name])
			return nil
		})
	}
	if err := together(ask); err != nil {
		return EngineResult{}, err
	}
	if out.Total <= r.Query.Limit && r.Query.Offset == 0 {
		out.Total, out.TotalExact = len(out.Hits), true
	}
	return out, nil
}

// fewResults is how many results must have all the words; with fewer, words may be missing, the most frequent first.
const fewResults = 5

// full returns the first results that have all the words.
func (m *Meili) full(ctx context.Context, r Request, words []string) ([]EngineHit, error) {
	if len(words) == 0 {
		return nil, nil
	}
	got, err := m.request(ctx, r, &meilisearch.SearchRequest{Query: strings.Join(words, " "), MatchingStrategy: meilisearch.All, Limit: fewResults, Filter: meiliFilter(r, "")})
	if err != nil {
		return nil, err
	}
	return meiliHits(got)
}

// allButOne returns the words without the one whose absence leaves the most results that have all the others; nothing has all
// the words. The server by itself drops the most frequent ones and keeps a rare word that has nothing to do with the rest.
func (m *Meili) allButOne(ctx context.Context, r Request, words []string) ([]string, error) {
	if len(words) < 3 {
		return words, nil
	}
	found := make([]int, len(words))
	ask := make([]func() error, len(words))
	for i := range words {
		ask[i] = func() error {
			hits, err := m.full(ctx, r, slices.Delete(slices.Clone(words), i, i+1))
			found[i] = len(hits)
			return err
		}
	}
	if err := together(ask); err != nil {
		return nil, err
	}
	if most := slices.Max(found); most > 0 {
		i := slices.Index(found, most)
		return slices.Delete(slices.Clone(words), i, i+1), nil
	}
	return words, nil
}

// has reports whether a document open to the viewer has the word as it stands.
func (m *Meili) has(ctx context.Context, r Request, word string) (bool, error) {
	got, err := m.request(ctx, r, &meilisearch.SearchRequest{Query: `"` + word + `"`, Limit: 1, Filter: meiliFilter(Request{Scope: r.Scope, Terms: r.Terms}, "")})
	return err == nil && len(got.Hits) > 0, err
}

// present returns for each word the first of its readings that stands in anything open to the viewer, and the places of the
// words that have none, which are left out as if nobody had ever written them. The server knows no alternatives, so that a
// synonym or a second correction is asked for only here, when the first reading leads nowhere.
func (m *Meili) present(ctx context.Context, r Request) (words []string, gone []int, err error) {
	found := make([]string, len(r.Terms.Words))
	ask := make([]func() error, len(r.Terms.Words))
	for i, w := range r.Terms.Words {
		ask[i] = func() error {
			for _, v := range w {
				if known, err := m.has(ctx, r, v); err != nil {
					return err
				} else if known {
					found[i] = v
					break
				}
			}
			return nil
		}
	}
	if err := together(ask); err != nil {
		return nil, nil, err
	}
	for i, v := range found {
		if v != "" {
			words = append(words, v)
		} else {
			gone = append(gone, i)
		}
	}
	return words, gone, nil
}

func active(q Query) map[string]bool {
	return map[string]bool{"kind": len(q.Kinds) > 0, "owner": len(q.Orgs) > 0, "lang": len(q.Langs) > 0, "span": len(q.Times) > 0}
}

func (c *Counts) take(name string, values map[string]int) {
	for v, n := range values {
		switch name {
		case "kind":
			c.Kinds[Kind(v)] = n
		case "lang":
			c.Langs[v] = n
		case "span":
			c.Times[Time(v)] = n
		case "owner":
			if org, err := id.Parse[id.Org](v); err == nil {
				c.Orgs[org] = n
			}
		}
	}
}

// decodeFacets reads the counts. Whose a document is stands in owner, where everybody may know it; what the viewer's own
// organization has of the others is its to know too.
func decodeFacets(raw json.RawMessage, s Scope) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	if len(raw) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read facets: %w", err)
	}
	if n := out["org"][s.viewer.String()]; n > 0 && s.own() {
		if out["owner"] == nil {
			out["owner"] = map[string]int{}
		}
		out["owner"][s.viewer.String()] = n
	}
	return out, nil
}

func meiliHits(got *meilisearch.SearchResponse) ([]EngineHit, error) {
	out := make([]EngineHit, 0, len(got.Hits))
	for _, raw := range got.Hits {
		var h meiliHit
		if err := raw.DecodeInto(&h); err != nil {
			return nil, fmt.Errorf("read hit: %w", err)
		}
		hit, err := h.hit()
		if err != nil {
			return nil, err
		}
		out = append(out, hit)
	}
	return out, nil
}

func (h meiliHit) hit() (EngineHit, error) {
	doc, err1 := id.Parse[DocID](h.ID)
	item, err2 := id.Parse[id.Item](h.Item)
	org, err3 := id.Parse[id.Org](h.Org)
	if err := errors.Join(err1, err2, err3); err != nil {
		return EngineHit{}, fmt.Errorf("read hit: %w", err)
	}
	return EngineHit{ID: doc, Item: item, Org: org, Part: h.Part, Score: h.Score}, nil
}

// together runs all functions at the same time and returns the first error.
func together(fns []func() error) error {
	errc := make(chan error, len(fns))
	for _, f := range fns {
		go func() { errc <- f() }()
	}
	var first error
	for range fns {
		if err := <-errc; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (m *Meili) request(ctx context.Context, r Request, req *meilisearch.SearchRequest) (*meilisearch.SearchResponse, error) {
	if len(r.Scope.channels) == 0 {
		return nil, ErrNoScope
	}
	got, err := m.client.Index(m.index).SearchWithContext(ctx, "", req)
	if err != nil {
		return nil, meiliError(err)
	}
	return got, nil
}

// Suggest implements Engine.
func (m *Meili) Suggest(ctx context.Context, r Request) ([]EngineHit, error) {
	out, err := m.Search(ctx, r)
	return out.Hits, err
}

// FacetSearch implements Engine.
func (m *Meili) FacetSearch(ctx context.Context, r Request) (Counts, error) {
	r.Query.Counts, r.Query.Limit = true, 1
	out, err := m.Search(ctx, r)
	return out.Counts, err
}

// Similar implements Engine: it would need an embedder.
func (m *Meili) Similar(context.Context, Scope, DocID, int) ([]EngineHit, error) {
	return nil, ErrUnsupported
}

// Health implements Engine.
func (m *Meili) Health(ctx context.Context) Health {
	h, err := m.client.HealthWithContext(ctx)
	if err != nil {
		return Health{State: "down", Detail: err.Error()}
	}
	out := Health{State: "up"}
	if h.Status != "available" {
		out.State = "degraded"
	}
	if v, err := m.client.VersionWithContext(ctx); err == nil {
		out.Version = v.PkgVersion
	}
	if s, err := m.client.Index(m.index).GetStatsWithContext(ctx, nil); err == nil {
		out.Docs = int(s.NumberOfDocuments)
	}
	return out
}

// BeginReindex implements Engine: a second index that takes the first one's place when it is complete.
func (m *Meili) BeginReindex(ctx context.Context) (Reindex, error) {
	if err := m.configure(ctx); err != nil {
		return nil, err
	}
	uid := m.index + "_" + strings.ReplaceAll(id.New[id.Any]().String(), "-", "")
	if err := m.make(ctx, uid); err != nil {
		return nil, err
	}
	return &shadow{m: m, uid: uid}, nil
}

type shadow struct {
	m   *Meili
	uid string
}

func (s *shadow) Apply(ctx context.Context, ops []Op) (Ticket, error) {
	return s.m.write(ctx, s.uid, ops)
}

func (s *shadow) Verify(ctx context.Context, want int) error {
	stats, err := s.m.client.Index(s.uid).GetStatsWithContext(ctx, nil)
	if err != nil {
		return meiliError(err)
	}
	if int(stats.NumberOfDocuments) != want {
		return fmt.Errorf("%w: %d documents of %d", ErrIncomplete, stats.NumberOfDocuments, want)
	}
	return nil
}

func (s *shadow) Swap(ctx context.Context) error {
	t, err := s.m.client.SwapIndexesWithContext(ctx, []*meilisearch.SwapIndexesParams{{Indexes: []string{s.m.index, s.uid}}})
	if err == nil {
		err = s.m.done(ctx, t.TaskUID)
	}
	if err != nil {
		return meiliError(err)
	}
	return s.Abort(ctx) // What the shadow's name holds now is the old index.
}

func (s *shadow) Abort(ctx context.Context) error {
	t, err := s.m.client.DeleteIndexWithContext(ctx, s.uid)
	if err == nil {
		err = s.m.done(ctx, t.TaskUID)
	}
	return meiliError(err)
}

func meiliError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
