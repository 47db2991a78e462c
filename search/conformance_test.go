package search

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// bench is an engine with what the suite needs around it: organizations that exist, and a way to write in their scope.
type bench struct {
	engine Engine
	org    func(t *testing.T) id.Org
	as     func(t *testing.T, org id.Org) context.Context
	// sentinel keeps the runs of one server apart: a word that all documents of a run have and all questions ask within.
}

func TestPostgresConforms(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	conform(t, bench{
		engine: newPostgres(d, func() []string { return []string{"en", "de", "fr"} }),
		org:    func(t *testing.T) id.Org { t.Helper(); return newOrg(t, d) },
		as: func(t *testing.T, org id.Org) context.Context {
			t.Helper()
			return dbtest.System(t, scope.Indexer, org)
		},
	})
}

func TestMeilisearchConforms(t *testing.T) {
	t.Parallel()
	url := os.Getenv("LEARNSCAPE_TEST_MEILI_URL")
	if url == "" {
		t.Skip("LEARNSCAPE_TEST_MEILI_URL names no Meilisearch server: its half of the suite did not run")
	}
	m, err := newMeili(url, os.Getenv("LEARNSCAPE_TEST_MEILI_KEY"), "test_"+strings.ReplaceAll(id.New[id.Any]().String(), "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := m.client.DeleteIndex(m.index); err != nil {
			t.Error(err)
		}
	})
	conform(t, bench{
		engine: m,
		org:    func(*testing.T) id.Org { return id.New[id.Org]() },
		as: func(t *testing.T, org id.Org) context.Context {
			t.Helper()
			return dbtest.System(t, scope.Indexer, org)
		},
	})
}

// shelf is an organization's documents in an engine, and a lexicon of their words.
type shelf struct {
	b    bench
	org  id.Org
	docs map[string]*Document // by title
	lex  *Lexicon
}

func (b bench) shelf(t *testing.T, docs ...Document) *shelf {
	t.Helper()
	s := &shelf{b: b, org: b.org(t), docs: map[string]*Document{}}
	df := map[string]int{}
	ops := make([]Op, 0, len(docs))
	for _, d := range docs {
		if d.Item.IsZero() {
			d.Item = id.New[id.Item]()
		}
		d.ID, d.Org, d.Version = NewDocID(d.Item, d.Part), s.org, 1
		d.Channels = append(d.Channels, AnyOf(s.org))
		if d.Lang == "" {
			d.Lang = "en"
		}
		if d.Kind == "" {
			d.Kind = KindCourse
		}
		if d.PublishedAt.IsZero() {
			d.PublishedAt = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		}
		s.docs[d.Title] = &d
		ops = append(ops, Op{Upsert: &d})
		for _, w := range distinct(normalize(d.Title), normalize(d.Context), normalize(d.Summary), normalize(d.Body)) {
			df[w]++
		}
	}
	s.apply(t, ops...)
	words := make([]Word, 0, len(df))
	for w, n := range df {
		words = append(words, Word{Text: w, DF: n, Orgs: 1})
	}
	s.lex = NewLexicon(words)
	return s
}

func (s *shelf) apply(t *testing.T, ops ...Op) {
	t.Helper()
	ctx := s.b.as(t, s.org)
	ticket, err := s.b.engine.Apply(ctx, ops)
	if err == nil {
		err = s.b.engine.Wait(ctx, ticket)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ask returns the titles that the engine finds for the shelf's own organization.
func (s *shelf) ask(t *testing.T, q Query) []string {
	t.Helper()
	return s.titles(s.answer(t, q))
}

func (s *shelf) answer(t *testing.T, q Query, channels ...id.Any) EngineResult {
	t.Helper()
	if channels == nil {
		channels = []id.Any{AnyOf(s.org)}
	}
	got, err := s.b.engine.Search(s.b.as(t, s.org), Request{Scope: Scope{viewer: s.org, channels: channels}, Query: q, Terms: understand(s.lex, q.Text, q.AsYouType, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (s *shelf) titles(r EngineResult) []string {
	out := []string{}
	for _, h := range r.Hits {
		for title, d := range s.docs {
			if d.ID == h.ID {
				out = append(out, title)
			}
		}
	}
	return out
}

func library() []Document {
	docs := []Document{
		{Title: "The field check of a probe", Body: "Calibrate the probe at the ice point before the season. A calibration takes ten minutes and needs no laboratory.", Kind: KindCourse, Minutes: 25},
		{Title: "Door alarms people act on", Summary: "Set thresholds from your own door counts.", Body: "An alarm that is muted by lunchtime protects nobody.", Kind: KindPath, Minutes: 40},
		{Title: "Kühlkette im Überblick", Lang: "de", Body: "Die Prüfung der Fühler gehört zur Übergabe. Türalarme am Wareneingang.", Kind: KindCourse, Minutes: 90},
		{Title: "Chaîne du froid", Lang: "fr", Body: "Vérifier l'étalonnage des sondes à l'arrivée.", Kind: KindStory, Minutes: 6},
		{Title: "Release 2025 of the monitoring software", Body: "What is new for operators of gateways.", Kind: KindResource, Minutes: 3},
		{Title: "Release 2024 of the monitoring software", Body: "What was new for operators of gateways.", Kind: KindResource, Minutes: 3},
		{Title: "Workflow of a goods receipt", Body: "From the dock to the cold room.", Kind: KindCourse, Minutes: 15},
		{Title: "Loading bay basics", Body: "Docks, seals and the first measurement of the day.", Kind: KindCourse, Minutes: 15},
		{Title: "Gateway error E41", Body: "The radio lost its logger. Restart, then pair again.", Kind: KindResource, Minutes: 4},
	}
	for i := range 6 {
		docs = append(docs, Document{Title: fmt.Sprintf("Warehouse notes part %d", i), Body: "Pallets, racks, forklifts and people.", Kind: KindStory, Minutes: 5})
	}
	return docs
}

func conform(t *testing.T, b bench) {
	t.Helper()
	s := b.shelf(t, library()...)
	for _, tt := range []struct{ name, text, want string }{
		{"whole words", "field check probe", "The field check of a probe"},
		{"one letter missing", "calibraton probe", "The field check of a probe"}, //nolint:misspell // As people type it.
		{"swapped letters", "calibrtaion", "The field check of a probe"},
		{"first letter wrong", "xoading bay", "Loading bay basics"},
		{"word of four letters mistyped", "dooe alarms", "Door alarms people act on"},
		{"two errors in a long word", "thresolhds", "Door alarms people act on"},
		{"another form of the word", "calibrating probes", "The field check of a probe"},
		{"reversed order", "probe check field", "The field check of a probe"},
		{"a word first that nothing has", "zzyzx loading bay", "Loading bay basics"},
		{"a word last that nothing has", "loading bay zzyzx", "Loading bay basics"},
		{"words between that this has not", "pallets loading bay seals", "Loading bay basics"},
		{"a rare word among many that this has not", "dock seals racks first measurement", "Loading bay basics"},
		{"words written apart", "work flow receipt", "Workflow of a goods receipt"},
		{"words written together", "doralarms loadingbay", "Loading bay basics"},
		{"accents left out", "kuhlkette uberblick", "Kühlkette im Überblick"},
		{"umlauts spelled out", "Kuehlkette", "Kühlkette im Überblick"},
		{"accents of another language", "étalonnage sonde", "Chaîne du froid"},
		{"German forms", "Prüfungen Fühlern", "Kühlkette im Überblick"},
		{"a code", "e41", "Gateway error E41"},
		{"a year", "release 2025", "Release 2025 of the monitoring software"},
		{"the other year", "release 2024", "Release 2024 of the monitoring software"},
		{"stop words", "what is the field check of a probe?", "The field check of a probe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := s.ask(t, Query{Text: tt.text}); len(got) == 0 || got[0] != tt.want {
				t.Errorf("%q found %q, want %q first", tt.text, got, tt.want)
			}
		})
	}
	t.Run("unfinished words", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"calib", "field che", "thresh", "load", "calibrat"} {
			if got := s.ask(t, Query{Text: text, AsYouType: true}); len(got) == 0 {
				t.Errorf("%q found nothing", text)
			}
		}
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		got := s.answer(t, Query{Text: "quaternion zzyzx", Counts: true})
		if len(got.Hits) != 0 || got.Total != 0 {
			t.Errorf("found %v", s.titles(got))
		}
	})
	t.Run("a year is not another", func(t *testing.T) {
		t.Parallel()
		if got := s.ask(t, Query{Text: "2026"}); len(got) > 0 {
			t.Errorf("found %q", got)
		}
	})
	t.Run("filters and their counts", func(t *testing.T) {
		t.Parallel()
		got := s.answer(t, Query{Text: "release monitoring warehouse notes", Kinds: []Kind{KindResource}, Counts: true, Limit: 20})
		for _, title := range s.titles(got) {
			if s.docs[title].Kind != KindResource {
				t.Errorf("%q is no resource", title)
			}
		}
		got = s.answer(t, Query{Text: "warehouse notes", Times: []Time{Short}, Counts: true, Limit: 20})
		if got.Total != 6 || got.Counts.Kinds[KindStory] != 6 || got.Counts.Times[Short] != 6 || got.Counts.Orgs[s.org] != 6 || got.Counts.Langs["en"] != 6 {
			t.Errorf("got %d, counts %+v", got.Total, got.Counts)
		}
	})
	t.Run("a filter's own values are counted as if it were off", func(t *testing.T) {
		t.Parallel()
		got := s.answer(t, Query{Text: "gateway", Kinds: []Kind{KindStory}, Counts: true})
		if got.Total != 0 || got.Counts.Kinds[KindResource] != 3 {
			t.Errorf("got %d, counts %+v", got.Total, got.Counts)
		}
	})
	t.Run("pages without doubles", func(t *testing.T) {
		t.Parallel()
		var all []string
		for off := 0; off < 6; off += 2 {
			all = append(all, s.ask(t, Query{Text: "warehouse notes", Limit: 2, Offset: off})...)
		}
		slices.Sort(all)
		if n := len(all); n != 6 || len(slices.Compact(all)) != 6 {
			t.Errorf("got %q", all)
		}
	})
	t.Run("newest first", func(t *testing.T) {
		t.Parallel()
		day := func(n int) time.Time { return time.Date(2026, 5, n, 0, 0, 0, 0, time.UTC) }
		s := b.shelf(t, Document{Title: "Seals one", PublishedAt: day(1)}, Document{Title: "Seals three", PublishedAt: day(3)}, Document{Title: "Seals two", PublishedAt: day(2)})
		if diff := cmp.Diff([]string{"Seals three", "Seals two", "Seals one"}, s.ask(t, Query{Text: "seals", Sort: Newest})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"Seals three", "Seals two", "Seals one"}, s.ask(t, Query{Sort: Newest})); diff != "" {
			t.Error("without words:", diff)
		}
	})
	t.Run("one result per item, the best part", func(t *testing.T) {
		t.Parallel()
		item := id.New[id.Item]()
		s := b.shelf(t,
			Document{Item: item, Title: "Field engineer", Body: "Learn it all."},
			Document{Item: item, Part: "ice", Kind: KindLesson, Title: "The ice point", Context: "Field engineer", Body: "Crushed ice and water."},
			Document{Item: item, Part: "boil", Kind: KindLesson, Title: "The boiling point", Context: "Field engineer", Body: "Water, no ice."})
		got := s.answer(t, Query{Text: "ice point"})
		if diff := cmp.Diff([]string{"The ice point"}, s.titles(got)); diff != "" || got.Total != 1 || got.Hits[0].Part != "ice" {
			t.Error(diff, got.Total, got.Hits)
		}
	})
	t.Run("writing", func(t *testing.T) {
		t.Parallel()
		s := b.shelf(t, Document{Title: "Compressor oil", Body: "Change it."})
		d := *s.docs["Compressor oil"]
		s.apply(t, Op{Upsert: &d}) // Again: no second one.
		if got := s.answer(t, Query{Text: "compressor"}); got.Total != 1 {
			t.Errorf("written twice, found %d times", got.Total)
		}
		s.apply(t, Op{Delete: d.ID})
		if got := s.answer(t, Query{Text: "compressor"}); got.Total != 0 {
			t.Error("removed and still found")
		}
	})
	t.Run("no channels, no answer", func(t *testing.T) {
		t.Parallel()
		if _, err := b.engine.Search(b.as(t, s.org), Request{Query: Query{Text: "probe"}, Terms: understand(s.lex, "probe", false, nil)}); err == nil {
			t.Error("answered without a scope")
		}
	})
	t.Run("channels", func(t *testing.T) { t.Parallel(); conformChannels(t, b) })
	t.Run("owner of what someone asked", func(t *testing.T) {
		t.Parallel()
		shared := id.New[id.Any]()
		s := b.shelf(t, Document{Title: "Muted by lunchtime", Kind: KindQuestion, Unnamed: true, Channels: []id.Any{shared}})
		got := s.answer(t, Query{Text: "lunchtime", Counts: true}, shared)
		if got.Total != 1 || len(got.Counts.Orgs) != 0 || got.Owners != 0 {
			t.Errorf("counts %+v, owners %d tell whose it is", got.Counts, got.Owners)
		}
		if got := s.answer(t, Query{Text: "lunchtime", Orgs: []id.Org{s.org}}, shared); got.Total != 0 {
			t.Error("the filter by owner tells whose it is")
		}
		if got := s.answer(t, Query{Text: "lunchtime", Counts: true, Orgs: []id.Org{s.org}}); got.Total != 1 || got.Owners != 1 || got.Counts.Orgs[s.org] != 1 {
			t.Errorf("its own people find %d, counts %+v, owners %d", got.Total, got.Counts, got.Owners)
		}
	})
	t.Run("what is hidden is not there", func(t *testing.T) {
		t.Parallel()
		shared := id.New[id.Any]()
		s := b.shelf(t, Document{Title: "Brine valve", Channels: []id.Any{shared}}, Document{Title: "Brine secret", Channels: []id.Any{shared}, Kind: KindQuestion, Lang: "de"})
		ask := func(text string) EngineResult {
			t.Helper()
			got, err := b.engine.Search(b.as(t, s.org), Request{
				Scope: Scope{viewer: s.org, channels: []id.Any{shared}, hidden: []id.Item{s.docs["Brine secret"].Item}},
				Query: Query{Text: text, Counts: true}, Terms: understand(s.lex, text, false, nil), Suspects: []string{"secret"},
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for _, text := range []string{"brine", "", "brine secret"} {
			if got := ask(text); got.Total != 1 || len(got.Hits) != 1 || got.Counts.Kinds[KindQuestion] > 0 || got.Counts.Langs["de"] > 0 || len(got.Known) > 0 || len(got.Asked) > 0 {
				t.Errorf("%q: %+v", text, got)
			}
		}
		if got := ask("secret"); got.Total != 0 || len(got.Gone) != 1 {
			t.Errorf("the word is there: %+v", got)
		}
	})
	t.Run("questions among the results are named", func(t *testing.T) {
		t.Parallel()
		s := b.shelf(t, Document{Title: "Brine one", Kind: KindQuestion}, Document{Title: "Brine two", Kind: KindQuestion}, Document{Title: "Brine three"})
		if got := s.answer(t, Query{Text: "brine", Kinds: []Kind{KindCourse}, Counts: true, Limit: 1}); len(got.Asked) != 2 {
			t.Errorf("named are %v", got.Asked)
		}
	})
	t.Run("a shadow index", func(t *testing.T) {
		t.Parallel()
		s := b.shelf(t, Document{Title: "Brine pump", Body: "Old."})
		ctx := b.as(t, s.org)
		r, err := b.engine.BeginReindex(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Abort(ctx); err != nil {
			t.Fatal(err)
		}
		if got := s.answer(t, Query{Text: "brine"}); got.Total != 1 {
			t.Error("aborting the shadow changed the index")
		}
	})
}

// conformChannels: what no channel of the viewer opens is in no hit, count, total or word.
func conformChannels(t *testing.T, b bench) {
	t.Helper()
	open, other := id.New[id.Any](), id.New[id.Any]()
	canary := "canary" + strings.ReplaceAll(id.New[id.Any]().String()[24:], "-", "")
	s := b.shelf(t,
		Document{Title: "Open valve guide", Body: "How to read it.", Channels: []id.Any{open}},
		Document{Title: "Secret valve " + canary, Body: canary + " project", Channels: []id.Any{other}, Kind: KindStory, Lang: "de", Minutes: 70})
	viewer := b.org(t)
	ask := func(text string, channels ...id.Any) EngineResult {
		t.Helper()
		got, err := b.engine.Search(b.as(t, viewer), Request{
			Scope: Scope{viewer: viewer, channels: channels}, Query: Query{Text: text, Counts: true, Limit: 50}, Terms: understand(s.lex, text, false, nil), Suspects: []string{canary, "guide"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, text := range []string{"valve", canary, "secret " + canary, "canary", ""} {
		got := ask(text, open, AnyOf(viewer), AnyOf(id.Everyone))
		for _, h := range got.Hits {
			if h.ID != s.docs["Open valve guide"].ID {
				t.Errorf("%q leaks a hit", text)
			}
		}
		if got.Total > 1 || got.Counts.Kinds[KindStory] > 0 || got.Counts.Langs["de"] > 0 || got.Counts.Times[Long] > 0 || got.Counts.Orgs[s.org] > 1 {
			t.Errorf("%q leaks counts: %d %+v", text, got.Total, got.Counts)
		}
		if slices.Contains(got.Known, canary) {
			t.Errorf("%q leaks a word", text)
		}
	}
	// A word that only foreign documents have is answered like one that nobody wrote.
	if got := ask(canary+" valve", open); len(got.Hits) != 1 || got.Hits[0].Partial || !slices.Equal(got.Gone, []int{0}) {
		t.Errorf("the answer shows that the word exists: %+v", got)
	}
	if got := ask("valve", other); got.Total != 1 || !slices.Contains(got.Known, canary) {
		t.Errorf("who may see it finds %d, knows %q", got.Total, got.Known)
	}
	if got := ask("valve", id.New[id.Any]()); got.Total != 0 || len(got.Counts.Kinds) > 0 {
		t.Errorf("a foreign channel opens %+v", got)
	}
}

func TestNobodyElseReadsDocuments(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	p := newPostgres(d, func() []string { return []string{"en"} })
	s := bench{
		engine: p, org: func(t *testing.T) id.Org { t.Helper(); return newOrg(t, d) },
		as: func(t *testing.T, org id.Org) context.Context {
			t.Helper()
			return dbtest.System(t, scope.Indexer, org)
		},
	}.shelf(t, Document{Title: "A thing", Channels: []id.Any{AnyOf(id.Everyone)}})
	other := newOrg(t, d)
	for name, ctx := range map[string]context.Context{
		"a member":            dbtest.As(t, s.org, id.New[id.Membership](), id.New[id.Person](), scope.Administrator),
		"a foreign indexer":   dbtest.System(t, scope.Indexer, other),
		"a visitor":           scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}),
		"the counter":         dbtest.System(t, scope.Counter, s.org),
		"an operator of none": dbtest.System(t, scope.Operator, id.Org{}),
	} {
		if n := countOf(t, d, ctx, `SELECT count(*)::int FROM search_documents`); n != 0 {
			t.Errorf("%s reads %d documents", name, n)
		}
	}
	if n := countOf(t, d, s.b.as(t, s.org), `SELECT count(*)::int FROM search_documents`); n != 1 {
		t.Errorf("the owner's indexer reads %d documents", n)
	}
	member := dbtest.As(t, s.org, id.New[id.Membership](), id.New[id.Person](), scope.Administrator)
	if n := countOf(t, d, member, `SELECT count(*)::int FROM search_lexicon`); n != 0 {
		t.Errorf("a member reads %d words", n)
	}
	doc := *s.docs["A thing"]
	if _, err := p.Apply(member, []Op{{Upsert: &doc}}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a member writes a document: %v", err)
	}
	if n := countOf(t, d, member, `SELECT count(*)::int FROM search_read(NULL, '{thing}', '{en}', 'thing', false, NULL, NULL, NULL, NULL, true, NULL, 'best', 0, 10)`); n != 0 {
		t.Errorf("without channels there are %d rows", n)
	}
	if n := countOf(t, d, member, `SELECT count(*)::int FROM search_read('{}', '{thing}', '{en}', 'thing', false, NULL, NULL, NULL, NULL, true, NULL, 'best', 0, 10)`); n != 0 {
		t.Errorf("with no channel there are %d rows", n)
	}
}

func TestOlderWritesLose(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	s := bench{
		engine: newPostgres(d, func() []string { return []string{"en"} }), org: func(t *testing.T) id.Org { t.Helper(); return newOrg(t, d) },
		as: func(t *testing.T, org id.Org) context.Context {
			t.Helper()
			return dbtest.System(t, scope.Indexer, org)
		},
	}.shelf(t, Document{Title: "Evaporator fan"})
	doc := *s.docs["Evaporator fan"]
	newer, older := doc, doc
	newer.Version, newer.Title = 5, "Evaporator fan five"
	older.Version, older.Title = 3, "Evaporator fan three"
	s.apply(t, Op{Upsert: &newer})
	s.apply(t, Op{Upsert: &older})
	if n := countOf(t, d, s.b.as(t, s.org), `SELECT count(*)::int FROM search_documents WHERE title = 'Evaporator fan five'`); n != 1 {
		t.Error("an older write won")
	}
}
