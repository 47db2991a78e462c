package searchbench

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
)

// corpus is where real prose in many languages lies, beside the repository.
func corpus(t *testing.T) string {
	t.Helper()
	path := os.Getenv("LEARNSCAPE_SEARCH_CORPUS")
	if path == "" {
		path = "../../../shared/content/corpus.jsonl.gz"
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no corpus at %s: relevance is not measured (LEARNSCAPE_SEARCH_CORPUS names another)", path)
	}
	return path
}

// corpusLines is how many sections the file has; fewer are taken evenly, because a source's sections stand together.
const corpusLines = 144541

func setUp(t *testing.T, sections []Section, o Options) (*db.DB, *search.Service, *World) {
	t.Helper()
	d := dbtest.Fresh(t)
	svc, err := search.New(search.Deps{DB: d, Tenants: tenants.New(d, "localhost"), MeiliURL: os.Getenv("LEARNSCAPE_TEST_MEILI_URL"), MeiliKey: os.Getenv("LEARNSCAPE_TEST_MEILI_KEY"), Prefix: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	w, err := Load(t.Context(), d, svc, sections, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d sections loaded and indexed in %s", len(sections), time.Since(start).Round(time.Millisecond))
	return d, svc, w
}

func member(t *testing.T) func(id.Org) context.Context {
	t.Helper()
	return func(org id.Org) context.Context {
		return dbtest.As(t, org, id.New[id.Membership](), id.New[id.Person]())
	}
}

func report(t *testing.T, figures map[string]Figures) {
	t.Helper()
	for _, k := range append(Kinds(), "") {
		f, ok := figures[k]
		if !ok {
			continue
		}
		t.Logf("%-14s n %4d  recall@10 %.3f  MRR %.3f  p50 %6.1f ms  p95 %6.1f ms", k, f.N, f.Recall, f.MRR, float64(f.P50.Microseconds())/1000, float64(f.P95.Microseconds())/1000)
	}
}

// A small library, with room below the figures of the large one: it catches what breaks, not what shifts.
func TestRelevance(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short: relevance is not measured")
	}
	sections, err := Corpus(corpus(t), 1500, 96)
	if err != nil {
		t.Fatal(err)
	}
	_, svc, w := setUp(t, sections, Options{Publishers: 30, Viewers: 4, Open: 20, Seed: 1})
	figures, err := Run(svc, w.Asks(20, 1), member(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	report(t, figures)
	for kind, least := range map[string]float64{
		"exact": .9, "prefix": .85, "typo": .85, "first letter": .8, "short word": .75, "swapped": .85, "noise first": .9, "reversed": .9, "multi": .8,
	} {
		if f := figures[kind]; f.N < 10 || f.Recall < least {
			t.Errorf("%s: recall@10 is %.2f of %d, want %.2f; missed %v", kind, f.Recall, f.N, least, f.Missed)
		}
	}
}

// TestMeasure is the benchmark of search: LEARNSCAPE_SEARCH_DOCS=144541 go test ./search/searchbench -run TestMeasure -v -timeout 60m
func TestMeasure(t *testing.T) { //nolint:paralleltest // It measures time.
	n, err := strconv.Atoi(os.Getenv("LEARNSCAPE_SEARCH_DOCS"))
	if err != nil {
		t.Skip("LEARNSCAPE_SEARCH_DOCS names no number of sections: nothing is measured")
	}
	asks := 50
	if a, err := strconv.Atoi(os.Getenv("LEARNSCAPE_SEARCH_ASKS")); err == nil {
		asks = a
	}
	sections, err := Corpus(corpus(t), n, max(1, corpusLines/n))
	if err != nil {
		t.Fatal(err)
	}
	_, svc, w := setUp(t, sections, Options{Publishers: max(10, n/72), Viewers: 20, Open: 200, Seed: 1})
	seen := 0
	for _, v := range w.Viewers {
		seen += len(w.Seen[v])
	}
	t.Logf("a viewer sees %d sections of %d on average", seen/len(w.Viewers), n)
	for round, seed := range []uint64{1, 2} {
		figures, err := Run(svc, w.Asks(asks, seed), member(t), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d", round+1)
		report(t, figures)
		if round == 0 {
			for i, m := range figures[""].Missed {
				if i < 40 {
					t.Logf("missed %s: %q", m.Kind, m.Text)
				}
			}
		}
	}
}
