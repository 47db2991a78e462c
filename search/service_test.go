package search

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func pair(t *testing.T) (halden, brightwater *house) {
	t.Helper()
	d := dbtest.Fresh(t)
	svc := newService(t, d)
	return newHouse(t, d, svc), newHouse(t, d, svc)
}

func TestSearchFindsLessonWithTypingError(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.collection(t, "partners", "agreement")
	h.course(t, "Field engineer basics", "For everybody on site.", []lesson{
		{"check", "The field check of a probe", "Crush the ice. Calibrate the probe at the ice point and write down what it shows. Then go on with the next one."},
		{"report", "The report", "What the customer reads."},
	}, "partners")
	h.open(t, "partners", b)
	h.refresh(t)
	got := b.search(t, Query{Text: "calibraton probe", Counts: true}) //nolint:misspell // As people type it.
	if len(got.Hits) != 1 {
		t.Fatalf("found %q", titlesOf(got))
	}
	hit := got.Hits[0]
	if hit.Kind != KindLesson || hit.Context != "Field engineer basics" || text(hit.Title) != "The field check of a probe" || hit.Right != "adapt" || !strings.HasSuffix(hit.URL, "/lessons/check") {
		t.Errorf("got %+v", hit)
	}
	var marked []string
	for _, s := range slices.Concat(hit.Title, hit.Text) {
		if s.Mark {
			marked = append(marked, s.Text)
		}
	}
	if diff := cmp.Diff([]string{"probe", "Calibrate", "probe"}, marked); diff != "" {
		t.Errorf("marks: %s in %q", diff, text(hit.Text))
	}
	if !strings.HasPrefix(text(hit.Text), "Calibrate the probe") {
		t.Errorf("the text begins with %q", text(hit.Text))
	}
	if diff := cmp.Diff([]Correction{{"calibraton", "calibrate"}}, got.Corrections); diff != "" { //nolint:misspell // As people type it.
		t.Error(diff)
	}
	if got.Reading != "calibrate probe" {
		t.Errorf("reading %q", got.Reading)
	}
}

func TestRevokedGrantActsAtOnce(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.connect(t, b)
	h.collection(t, "partners", "agreement")
	it := h.course(t, "Glycol loops", "Secretive glycolisation.", nil, "partners")
	h.question(t, it, "connected", "name", "Which glycol for brine loops?", "We use propylene.")
	h.open(t, "partners", b)
	h.refresh(t)
	if got := b.search(t, Query{Text: "glycol", Counts: true}); got.Total != 2 {
		t.Fatalf("before: found %q", titlesOf(got))
	}
	manager := scope.Scope{Actor: scope.Member, Org: h.org, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner, scope.PartnerManager}}
	if err := tenants.New(h.d, "localhost:8080").End(scope.Enter(t.Context(), manager), b.org, true); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"glycol", "glycl", "glycolisaton", ""} {
		for _, kind := range []func(context.Context, Query) (Result, error){h.svc.Search, h.svc.Quick} {
			got, err := kind(b.member(t), Query{Text: q, Counts: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Hits)+got.Total+len(got.Counts.Kinds)+len(got.Counts.Orgs)+len(got.Counts.Langs)+len(got.Corrections) > 0 || strings.Contains(got.Reading, "glycol") {
				t.Errorf("%q after the end: %+v", q, got)
			}
		}
	}
	if got := h.search(t, Query{Text: "glycl"}); got.Total != 2 {
		t.Errorf("the owner finds %q", titlesOf(got))
	}
}

// What is in the index and not open any more shows in no result and, where all results are shown, in no figure.
func TestStaleIndexShowsNothing(t *testing.T) {
	t.Parallel()
	h, _ := pair(t)
	h.collection(t, "open", "public")
	it := h.story(t, "Frozen harbour", "A story of ice.", "open")
	h.refresh(t)
	if got := find(t, h.svc, visitor(t), Query{Text: "harbour", Counts: true}); got.Total != 1 {
		t.Fatalf("before: %q", titlesOf(got))
	}
	h.collection(t, "open", "internal") // Closed to everyone, the documents still say otherwise.
	if got := find(t, h.svc, visitor(t), Query{Text: "harbour", Counts: true}); got.Total != 0 || len(got.Hits) > 0 || len(got.Counts.Kinds) > 0 || len(got.Counts.Orgs) > 0 {
		t.Errorf("after: %+v", got)
	}
	h.index(t, it.ItemID)
	if n := countOf(t, h.d, dbtest.System(t, scope.Indexer, h.org), `SELECT count(*)::int FROM search_documents WHERE channels @> ARRAY[everyone()]`); n != 0 {
		t.Error("the document still says it is public")
	}
}

// What closed a moment ago is in no figure either, however many results there are and though the news of it still waits.
func TestClosedThingsAreNotCounted(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.collection(t, "open", "public")
	h.collection(t, "more", "public")
	h.collection(t, "partners", "agreement")
	h.open(t, "partners", b)
	var one tenants.Item
	for i := range 6 {
		one = h.story(t, fmt.Sprintf("Ice harbour %d", i), "", "open")
		h.course(t, fmt.Sprintf("Ice pier %d", i), "", nil, "more")
		h.course(t, fmt.Sprintf("Ice dock %d", i), "", nil, "partners")
	}
	asked := h.question(t, one, "public", "name", "Ice at the harbour?", "")
	h.refresh(t)
	relay := jobs.NewRelay(h.d, slog.New(slog.DiscardHandler))
	h.svc.Listen(relay)
	if err := relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := Query{Text: "ice", Counts: true, Limit: 3}
	figures := func(ctx context.Context) map[Kind]int {
		t.Helper()
		got := find(t, h.svc, ctx, q)
		sum := 0
		for _, n := range got.Counts.Kinds {
			sum += n
		}
		if got.Total != sum || got.Counts.Orgs[h.org] != sum || got.Counts.Langs["en"] != sum || len(got.Hits) != min(sum, 3) {
			t.Errorf("%d results of which %d shown, counts %+v", got.Total, len(got.Hits), got.Counts)
		}
		return got.Counts.Kinds
	}
	if diff := cmp.Diff(map[Kind]int{KindStory: 6, KindCourse: 6, KindQuestion: 1}, figures(visitor(t))); diff != "" {
		t.Fatal("before:", diff)
	}
	h.collection(t, "open", "internal")
	if diff := cmp.Diff(map[Kind]int{KindCourse: 6}, figures(visitor(t))); diff != "" {
		t.Error("closed to everyone:", diff)
	}
	h.tx(t, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM collection_items ci USING collections c WHERE c.org_id = ci.org_id AND c.collection_id = ci.collection_id AND c.slug = 'partners' AND ci.org_id = $1`, h.org); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO outbox (org_id, kind, payload, at) SELECT $1, $2, jsonb_build_object('Org', $1::uuid, 'Item', i.item_id), now() FROM items i WHERE i.org_id = $1 AND i.title LIKE 'Ice dock%'`,
			h.org, tenants.ItemChanged{}.EventKind())
		return err
	})
	if diff := cmp.Diff(map[Kind]int{KindCourse: 6}, figures(b.member(t))); diff != "" {
		t.Error("taken out of what was granted:", diff)
	}
	if diff := cmp.Diff(map[Kind]int{KindStory: 6, KindCourse: 12, KindQuestion: 1}, figures(h.member(t))); diff != "" {
		t.Error("the owner:", diff)
	}
	h.tx(t, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE questions SET state = 'withdrawn' WHERE org_id = $1 AND question_id = $2`, h.org, asked); err != nil {
			return err
		}
		return jobs.Emit(tx, community.QuestionChanged{Org: h.org, Question: id.Post(asked)})
	})
	if diff := cmp.Diff(map[Kind]int{KindStory: 6, KindCourse: 12}, figures(h.member(t))); diff != "" {
		t.Error("a withdrawn question:", diff)
	}
	if err := relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[Kind]int{KindCourse: 6}, figures(b.member(t))); diff != "" {
		t.Error("after the news:", diff)
	}
}

func TestVisitorsSeePublicThingsOnly(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.collection(t, "open", "public")
	h.collection(t, "partners", "agreement")
	h.story(t, "Night shift story", "public words", "open")
	it := h.course(t, "Night shift course", "internal words", nil)
	h.course(t, "Night shift for partners", "", nil, "partners")
	h.question(t, it, "org", "name", "Night shift question?", "")
	h.open(t, "partners", b)
	h.refresh(t)
	if diff := cmp.Diff([]string{"Night shift story"}, titlesOf(find(t, h.svc, visitor(t), Query{Text: "night shift"}))); diff != "" {
		t.Error(diff)
	}
	if got := b.search(t, Query{Text: "night shift"}); got.Total != 2 {
		t.Errorf("the partner finds %q", titlesOf(got))
	}
	if got := h.search(t, Query{Text: "night shift"}); got.Total != 4 {
		t.Errorf("the owner finds %q", titlesOf(got))
	}
}

func TestQuestionsOfSomeoneTellNoOwner(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.connect(t, b)
	h.collection(t, "open", "public")
	it := h.course(t, "Reefer units", "", nil, "open")
	b.question(t, it, "connected", "someone", "Why does the reefer ice up?", "Every night.")
	h.refresh(t)
	got := h.search(t, Query{Text: "reefer ice", Counts: true, Kinds: []Kind{KindQuestion}})
	if len(got.Hits) != 1 || !got.Hits[0].Item.OrgID.IsZero() || len(got.Counts.Orgs) > 0 && got.Counts.Orgs[b.org] > 0 {
		t.Errorf("got %+v", got)
	}
	if got := h.search(t, Query{Text: "reefer ice", Orgs: []id.Org{b.org}}); got.Total != 0 {
		t.Errorf("the filter tells: %q", titlesOf(got))
	}
	if got := b.search(t, Query{Text: "reefer ice", Kinds: []Kind{KindQuestion}}); len(got.Hits) != 1 || got.Hits[0].Item.OrgID != b.org {
		t.Errorf("the asker's own organization finds %+v", got.Hits)
	}
}

func TestDraftsAndRemovedLessonsAreNotFound(t *testing.T) {
	t.Parallel()
	h, _ := pair(t)
	it := h.course(t, "Ammonia safety", "", []lesson{{"a", "Leak detection", "Sensors on the ceiling."}})
	h.refresh(t)
	if got := h.search(t, Query{Text: "leak detection"}); got.Total != 1 {
		t.Fatalf("before: %q", titlesOf(got))
	}
	h.tx(t, func(tx *db.Tx) error {
		return tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1 AND item_id = $2`, h.org, it.ItemID)
	})
	if got := h.search(t, Query{Text: "leak detection", Counts: true}); got.Total != 0 || len(got.Hits) != 0 {
		t.Errorf("retired, index untouched: %q", titlesOf(got))
	}
	h.index(t, it.ItemID)
	if n := countOf(t, h.d, dbtest.System(t, scope.Indexer, h.org), `SELECT count(*)::int FROM search_documents`); n != 0 {
		t.Errorf("%d documents are left", n)
	}
}

// A word is named only to who sees it, or if it is nobody's in particular.
func TestCorrectionsKeepSecrets(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	c := newHouse(t, h.d, h.svc)
	h.collection(t, "open", "public")
	h.course(t, "Project Zephyrium", "zephyrium everywhere", nil)
	for _, x := range []*house{h, b, c} {
		x.course(t, "Condenser cleaning", "", nil)
	}
	h.refresh(t)
	got := b.search(t, Query{Text: "zephyriun"})
	if len(got.Hits) > 0 || len(got.Corrections) > 0 || !slices.Equal(got.Dropped, []string{"zephyriun"}) {
		t.Errorf("a foreign secret shows: %+v", got)
	}
	never := b.search(t, Query{Text: "qqzzyxw"})
	got.Dropped, never.Dropped, got.Took, never.Took = nil, nil, 0, 0
	if diff := cmp.Diff(never, got); diff != "" {
		t.Errorf("a foreign word is answered unlike one that nobody wrote: %s", diff)
	}
	if got := h.search(t, Query{Text: "zephyriun"}); len(got.Corrections) != 1 {
		t.Errorf("the owner is not helped: %+v", got)
	}
	if got := b.search(t, Query{Text: "condensor"}); len(got.Corrections) != 1 || got.Corrections[0].To != "condenser" {
		t.Errorf("got %+v", got.Corrections)
	}
}

func TestSearchNeedsScope(t *testing.T) {
	t.Parallel()
	h, _ := pair(t)
	if _, err := h.svc.Search(t.Context(), Query{Text: "x"}); err == nil {
		t.Error("answered nobody")
	}
	if err := h.svc.ReindexOrg(h.member(t), h.org); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a member reindexes: %v", err)
	}
}

// A grant opens a path's own courses with it; the path's event brings their documents up to date.
func TestPartsAreFoundWhereTheWholeIs(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.collection(t, "partners", "agreement")
	h.open(t, "partners", b)
	part := h.course(t, "Suction line sizing", "", []lesson{{"a", "Superheat", "Measure it."}})
	whole := h.course(t, "The whole way", "", nil)
	h.refresh(t)
	if got := b.search(t, Query{Text: "superheat"}); got.Total != 0 {
		t.Fatalf("before: %q", titlesOf(got))
	}
	h.tx(t, func(tx *db.Tx) error {
		if err := tenants.AddParts(tx, whole.ItemID, []id.Item{part.ItemID}); err != nil {
			return err
		}
		return tenants.Collect(tx, whole.ItemID, "partners")
	})
	relay := jobs.NewRelay(h.d, slog.New(slog.DiscardHandler))
	h.svc.Listen(relay)
	if err := relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Superheat"}, titlesOf(b.search(t, Query{Text: "superheat"}))); diff != "" {
		t.Error(diff)
	}
}

func TestReindexOrg(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	it := h.course(t, "Evaporator coils", "", []lesson{{"a", "Frost", "Defrost it."}})
	h.question(t, it, "org", "name", "How often to defrost coils?", "Weekly?")
	b.course(t, "Evaporator fans", "", nil)
	indexer := dbtest.System(t, scope.Indexer, h.org)
	var all []DocID
	h.tx(t, func(tx *db.Tx) (err error) {
		all, err = db.Rows[DocID](tx, `SELECT doc_id FROM search_documents WHERE org_id = $1`, h.org)
		return err
	})
	var ops []Op
	for _, d := range all {
		ops = append(ops, Op{Delete: d})
	}
	if err := h.svc.Apply(indexer, ops); err != nil {
		t.Fatal(err)
	}
	if got := h.search(t, Query{Text: "coils"}); got.Total != 0 {
		t.Fatal("not emptied")
	}
	if err := h.svc.ReindexOrg(indexer, h.org); err != nil {
		t.Fatal(err)
	}
	h.refresh(t)
	if got := h.search(t, Query{Text: "coils"}); got.Total != 2 {
		t.Errorf("found %q", titlesOf(got))
	}
	if err := h.svc.ReindexOrg(indexer, b.org); errs.KindOf(err) != errs.NotFound {
		t.Errorf("reindexes a foreign organization: %v", err)
	}
}

// Lost and left over documents are put right in every engine, while events go on being handled.
func TestReindex(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.course(t, "Evaporator coils", "", []lesson{{"a", "Frost", "Defrost it."}})
	h.question(t, h.course(t, "Drain pans", "", nil), "org", "name", "How often to defrost coils?", "Weekly?")
	gone := b.course(t, "Evaporator fans", "", nil)
	b.course(t, "Evaporator valves", "", nil)
	h.refresh(t)
	if err := h.svc.Apply(dbtest.System(t, scope.Indexer, h.org), []Op{{Delete: NewDocID(h.course(t, "Evaporator lost", "", nil).ItemID, "")}}); err != nil {
		t.Fatal(err)
	}
	b.tx(t, func(tx *db.Tx) error {
		return tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1 AND item_id = $2`, b.org, gone.ItemID)
	})
	var steps []Step
	late := false
	n, err := h.svc.Reindex(dbtest.System(t, scope.Indexer, id.Org{}), func(p Progress) {
		if p.Step == Filled && p.Orgs == p.Of && !late {
			late = true
			h.course(t, "Evaporator late", "", nil)
		}
		if !slices.Contains(steps, p.Step) {
			steps = append(steps, p.Step)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{Filled, FilledAgain, Verified}
	if h.svc.remote != nil {
		want = append(want, Swapped)
	}
	if diff := cmp.Diff(want, steps); diff != "" || n != 7 {
		t.Error(n, "documents, steps", diff)
	}
	h.refresh(t)
	got := titlesOf(h.search(t, Query{Text: "evaporator", Sort: Newest}))
	slices.Sort(got)
	if diff := cmp.Diff([]string{"Evaporator coils", "Evaporator late", "Evaporator lost"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Evaporator valves"}, titlesOf(b.search(t, Query{Text: "evaporator"}))); diff != "" {
		t.Error(diff)
	}
	if _, err := h.svc.Reindex(h.member(t), func(Progress) {}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a member reindexes: %v", err)
	}
}

func TestSynonyms(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	for _, x := range []*house{h, b} {
		x.course(t, "Refrigerated lorries", "", nil)
	}
	h.tx(t, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO search_synonyms (org_id, term, expands) VALUES ($1, 'truck', '{lorries}')`, h.org)
		return err
	})
	h.refresh(t)
	if got := h.search(t, Query{Text: "truck"}); got.Total != 1 {
		t.Errorf("found %q", titlesOf(got))
	}
	if got := b.search(t, Query{Text: "truck"}); got.Total != 0 {
		t.Errorf("another organization's synonym works: %q", titlesOf(got))
	}
}

func TestCountsWhatWasLookedFor(t *testing.T) {
	t.Parallel()
	h, _ := pair(t)
	h.course(t, "Drain heater", "", nil)
	h.refresh(t)
	one, two := h.member(t), h.member(t)
	for _, ctx := range []context.Context{one, one, two, two} {
		find(t, h.svc, ctx, Query{Text: "drain heater"})
		find(t, h.svc, ctx, Query{Text: "heater ida@example.org 0171555123"})
		find(t, h.svc, ctx, Query{Text: "trace heating"})
	}
	if _, err := h.svc.Quick(one, Query{Text: "dra"}); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Q string `db:"q_norm"`
		N int    `db:"n"`
	}
	stored := func() (rows []row) {
		t.Helper()
		h.tx(t, func(tx *db.Tx) (err error) {
			rows, err = db.Rows[row](tx, `SELECT q_norm, n FROM search_events WHERE org_id = $1 ORDER BY q_norm`, h.org)
			return err
		})
		return rows
	}
	// Words that no document has are kept from the second person on.
	want := []row{{"drain heater", 4}, {"heater", 4}, {"heating trace", 2}}
	indexer := dbtest.System(t, scope.Indexer, id.Org{})
	away, cancel := context.WithCancel(indexer)
	cancel()
	if err := h.svc.Flush(away); err == nil || len(stored()) > 0 {
		t.Errorf("written although the database was away: %v", err)
	}
	for range 2 { // What was written is not written again.
		if err := h.svc.Flush(indexer); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, stored()); diff != "" {
			t.Error(diff)
		}
	}
	find(t, h.svc, one, Query{Text: "drain heater"})
	if err := h.svc.Flush(indexer); err != nil {
		t.Fatal(err)
	}
	want[0].N++
	if diff := cmp.Diff(want, stored()); diff != "" {
		t.Error("a later flush:", diff)
	}
	if err := h.svc.Flush(one); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a member flushes: %v", err)
	}
}

// A database that is away for long must not fill the memory.
func TestTallyIsBounded(t *testing.T) {
	t.Parallel()
	y := tally{full: make(chan struct{}, 1)}
	org := id.New[id.Org]()
	for i := range tallyMost + 100 {
		y.add(looked{org: org, words: fmt.Sprint(i)}, 1)
	}
	y.add(looked{org: org, words: "7"}, 1)
	if len(y.n) != tallyMost || y.n[looked{org: org, words: "7"}] != 2 {
		t.Errorf("holds %d, the known one %d times", len(y.n), y.n[looked{org: org, words: "7"}])
	}
	select {
	case <-y.full:
	default:
		t.Error("nobody is told to write")
	}
}

// Random organizations, collections and grants: everything that comes back is something the model says the viewer may see,
// and figures never exceed it.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	svc := newService(t, d)
	const orgs, things, asks = 12, 60, 150
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	houses := make([]*house, orgs)
	granted := map[string]map[id.Org]bool{} // collection key to viewers
	for i := range houses {
		houses[i] = newHouse(t, d, svc)
		for c := range 3 {
			vis := []string{"internal", "agreement", "public"}[c]
			houses[i].collection(t, vis, vis)
		}
	}
	for i, h := range houses {
		granted[fmt.Sprint(i)] = map[id.Org]bool{}
		for j, v := range houses {
			if i != j && rnd.IntN(4) == 0 {
				h.open(t, "agreement", v)
				granted[fmt.Sprint(i)][v.org] = true
			}
		}
	}
	type thing struct {
		owner  int
		where  []string
		canary string
	}
	all := map[id.Item]thing{}
	for n := range things {
		owner := rnd.IntN(orgs)
		th := thing{owner: owner, canary: "secretword" + string(rune('a'+n%26)) + string(rune('a'+n/26))}
		for _, c := range []string{"internal", "agreement", "public"} {
			if rnd.IntN(2) == 0 {
				th.where = append(th.where, c)
			}
		}
		it := houses[owner].course(t, "Shared topic "+th.canary, "about cooling", []lesson{{"l", "Lesson " + th.canary, "cooling with " + th.canary}}, th.where...)
		all[it.ItemID] = th
	}
	houses[0].refresh(t)
	may := func(v int, th thing) bool {
		return th.owner == v || slices.Contains(th.where, "public") || v >= 0 && slices.Contains(th.where, "agreement") && granted[fmt.Sprint(th.owner)][houses[v].org]
	}
	for range asks {
		v := rnd.IntN(orgs+1) - 1
		ctx := visitor(t)
		if v >= 0 {
			ctx = houses[v].member(t)
		}
		words := []string{"cooling", "shared topic", "lesson", ""}
		for _, th := range all {
			words = append(words, th.canary, th.canary[:len(th.canary)-1], th.canary+" cooling")
			if len(words) > 8 {
				break
			}
		}
		q := Query{Text: words[rnd.IntN(len(words))], Counts: true, Limit: 100}
		got := find(t, svc, ctx, q)
		if rnd.IntN(3) == 0 {
			var err error
			if got, err = svc.Quick(ctx, q); err != nil {
				t.Fatal(err)
			}
		}
		visible, byOrg := 0, map[id.Org]int{}
		for _, th := range all {
			if may(v, th) {
				visible++
				byOrg[houses[th.owner].org]++
			}
		}
		for _, h := range got.Hits {
			if !may(v, all[h.Item.ItemID]) {
				t.Errorf("viewer %d, %q: leaks a thing of %d in %v", v, q.Text, all[h.Item.ItemID].owner, all[h.Item.ItemID].where)
			}
		}
		if got.Total > visible {
			t.Errorf("viewer %d, %q: %d results of %d visible", v, q.Text, got.Total, visible)
		}
		for o, n := range got.Counts.Orgs {
			if n > byOrg[o] {
				t.Errorf("viewer %d, %q: counts %d of an organization that shows %d", v, q.Text, n, byOrg[o])
			}
		}
		for _, c := range got.Corrections {
			ok := false
			for _, th := range all {
				ok = ok || may(v, th) && th.canary == c.To
			}
			if strings.HasPrefix(c.To, "secretword") && !ok {
				t.Errorf("viewer %d, %q: names %q", v, q.Text, c.To)
			}
		}
		if q.Text == "cooling" && got.Total != visible {
			t.Errorf("viewer %d finds %d of %d visible", v, got.Total, visible)
		}
	}
}
