package courses_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// taught publishes a course with the lessons in a collection of the house and returns its item.
func (w *world) taught(h house, slug, collection string, lessons ...string) id.Item {
	w.t.Helper()
	var it id.Item
	w.tx(h.ctx, func(tx *db.Tx) error {
		d := courses.CourseDraft{Item: tenants.Item{Title: "Course " + slug, Slug: slug, Summary: "S", Lang: "en"}}
		for _, l := range lessons {
			d.Lessons = append(d.Lessons, courses.LessonDraft{Key: l, Title: "Lesson " + l, Source: "Text."})
		}
		p, err := courses.PublishCourse(tx, d)
		if err != nil {
			return err
		}
		it = p.Item.ItemID
		if collection == "" {
			return nil
		}
		return tenants.Collect(tx, it, collection)
	})
	return it
}

// written publishes what is written.
func (w *world) written(author context.Context, item id.Item) courses.Published {
	w.t.Helper()
	m, err := w.svc.Manuscript(author, item)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.svc.PublishManuscript(author, item, m.Edition)
	if err != nil {
		w.t.Fatalf("publish: %v, %+v", err, m.Checks)
	}
	return p
}

func (w *world) step(author context.Context, item id.Item, key string, change func(*courses.PlanStep)) error {
	w.t.Helper()
	d, err := w.svc.WriteStep(author, item, key)
	if err != nil {
		w.t.Fatal(err)
	}
	s := d.Step.PlanStep
	change(&s)
	_, err = w.svc.SaveStep(author, item, s)
	return err
}

// A path is written from own things and from what another organization opened, published as a version, and written on from there with all
// that was said of its steps.
func TestWritingAPath(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author := w.keeper(w.partner)
	own := w.taught(w.partner, "zebra-own", "", "a", "b")
	opened := w.taught(w.vendor, "zebra-opened", "shared", "x")
	closed := w.taught(w.vendor, "zebra-closed", "internal", "x")

	list, err := w.svc.Linkable(author, "ZEBRA", 20)
	if err != nil {
		t.Fatal(err)
	}
	var found []id.Item
	for _, c := range list {
		found = append(found, c.Item.ItemID)
	}
	if diff := cmp.Diff([]id.Item{own, opened}, found); diff != "" {
		t.Errorf("what a step can lead to: %s", diff)
	}
	item, err := w.svc.Begin(author, courses.Beginning{Kind: tenants.KindPath, Title: "Begin well", Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []id.Item{closed, item, id.New[id.Item]()} {
		if _, err := w.svc.AddStep(author, item, foreign); !errs.Is(err, errs.NotFound) {
			t.Errorf("a step leads to %s: %v", foreign, err)
		}
	}
	m, err := w.svc.Manuscript(author, item)
	if err != nil || m.Ready() {
		t.Fatalf("a path without a step is ready: %v", err)
	}
	if err := w.svc.SaveHead(author, item, courses.ManuscriptHead{Title: "Begin well", Summary: "S", Outcome: "O", Lang: "en", Intro: "Hello *there*", Edition: 1}); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, it := range []id.Item{own, opened} {
		key, err := w.svc.AddStep(author, item, it)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if _, err := w.svc.AddStep(author, item, own); !errs.Is(err, errs.Invalid) {
		t.Errorf("the same course twice: %v", err)
	}
	key, err := w.svc.AddStepLesson(author, item, "Do it", "")
	if err != nil {
		t.Fatal(err)
	}
	if m, err = w.svc.Manuscript(author, item); err != nil || m.Ready() {
		t.Errorf("a lesson without a text is ready: %v", err)
	}
	if _, err := w.svc.SaveLesson(author, item, courses.ManuscriptLesson{Key: key, Title: "Do it now", Kind: "practice", Minutes: 7, Source: "Do it.", Edition: 1}); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.MoveStep(author, item, key, true); err != nil {
		t.Fatal(err)
	}
	if err := w.step(author, item, keys[0], func(s *courses.PlanStep) {
		s.Title, s.Note, s.Section, s.Minutes, s.Slot, s.NoNote = "Ours", "Look here.", "First", 12, &courses.PlanSlot{Suggestion: "Yours"}, true
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.OpenPlan(author, item, 2, false, true, "At once"); err != nil {
		t.Fatal(err)
	}
	if p := w.written(author, item); p.Version != 1 || !p.Fresh {
		t.Fatalf("published as %+v", p)
	}
	v, err := w.svc.Path(w.partner.member, item)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, s := range v.Stations {
		titles = append(titles, s.Module+"/"+s.Title)
	}
	if diff := cmp.Diff([]string{"/Do it now", "/Course zebra-opened", "First/Ours"}, titles); diff != "" {
		t.Errorf("the steps: %s", diff)
	}

	// The next version begins with all of it, and is none while nothing is different.
	if err := w.svc.Rewrite(author, item); err != nil {
		t.Fatal(err)
	}
	if m, err = w.svc.Manuscript(author, item); err != nil {
		t.Fatal(err)
	}
	last := m.Steps[2]
	if last.Title != "Ours" || last.Minutes != 12 || last.Slot == nil || last.Slot.Suggestion != "Yours" || !last.NoNote || m.Steps[1].Title != "" || m.Plan.Begin == nil || !m.Plan.NoProposition || m.Intro != "Hello *there*" {
		t.Errorf("the next version begins with %+v", m)
	}
	if p := w.written(author, item); p.Fresh {
		t.Errorf("the same path is version %d", p.Version)
	}

	// What is closed since stands in the way, without a word of what it was.
	if err := w.svc.Rewrite(author, item); err != nil {
		t.Fatal(err)
	}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM collection_items WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, opened)
		return err
	})
	if m, err = w.svc.Manuscript(author, item); err != nil || m.Ready() || !m.Steps[1].Closed || m.Steps[1].Shown != "" {
		t.Errorf("a step that has closed: %v, %+v", err, m.Steps[1])
	}
	if _, err := w.svc.PublishManuscript(author, item, m.Edition); !errs.Is(err, errs.Invalid) {
		t.Errorf("it is published with a step that has closed: %v", err)
	}
	if err := w.svc.RemoveStep(author, item, keys[1], false); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.RemoveStep(author, item, key, false); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.RemoveStep(author, item, key, true); err != nil {
		t.Fatal(err)
	}
	if p := w.written(author, item); p.Version != 2 {
		t.Errorf("published as %+v", p)
	}

	// Another path begins as a copy; those who write nothing get nothing.
	other, err := w.svc.Begin(author, courses.Beginning{Kind: tenants.KindPath, Title: "Again", Lang: "en", From: item})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = w.svc.Manuscript(author, other); err != nil || len(m.Steps) != 2 || m.Base != 0 || m.Title != "Again" {
		t.Errorf("the copy is %+v, %v", m, err)
	}
	if _, err := w.svc.Begin(author, courses.Beginning{Kind: tenants.KindCourse, Title: "No", Lang: "en", From: item}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a course begins as a copy of a path: %v", err)
	}
	for name, ctx := range map[string]context.Context{"a learner": w.partner.member, "another organization": w.keeper(w.vendor)} {
		if _, err := w.svc.WriteStep(ctx, other, key); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s gets the draft: %v", name, err)
		}
		if _, err := w.svc.SaveStep(ctx, other, courses.PlanStep{Key: key}); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s changes the draft: %v", name, err)
		}
	}
}

// writer is another author of the house.
func (w *world) writer(h house) context.Context {
	w.t.Helper()
	sc, err := scope.From(w.colleague(h))
	if err != nil {
		w.t.Fatal(err)
	}
	sc.Roles = []scope.Role{scope.Learner, scope.Author}
	return scope.Enter(w.t.Context(), sc)
}

// Two who change the same step: the later one is told and nothing is lost.
func TestTwoWriteAStep(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author, other := w.keeper(w.vendor), w.writer(w.vendor)
	item, err := w.svc.Begin(author, courses.Beginning{Kind: tenants.KindPath, Title: "P", Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.svc.AddStepLesson(author, item, "One", "Text.")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.SaveStep(author, item, courses.PlanStep{Key: key, Edition: 1, Rules: courses.Rules{Note: "Mine"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.SaveStep(other, item, courses.PlanStep{Key: key, Edition: 1, Rules: courses.Rules{Note: "Theirs"}}); !errs.Is(err, errs.Conflict) {
		t.Errorf("the later one is not told: %v", err)
	}
	if d, err := w.svc.WriteStep(other, item, key); err != nil || d.Step.Note != "Mine" {
		t.Errorf("the step says %q, %v", d.Step.Note, err)
	}
}

// ruled is a path of the vendor's, open to the partner: a; then b or c (of two lessons); then d, which opens after a and after one of the
// two; and e, which may be left out.
func (w *world) ruled() (item, b, c id.Item) {
	w.t.Helper()
	b, c = w.taught(w.vendor, "b", "shared", "x"), w.taught(w.vendor, "c", "shared", "y", "z")
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		own := func(key string, r courses.Rules) courses.StepDraft {
			return courses.StepDraft{Key: key, Kind: courses.StepLesson, Title: "Step " + key, Rules: r, Lesson: courses.LessonDraft{Source: "Read **" + key + "**.\n\n```reflect\nkey: think\nask: Why?\n```", Minutes: 5}}
		}
		p, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Ruled", Slug: "ruled", Lang: "en"}, Steps: []courses.StepDraft{
			own("a", courses.Rules{Section: "Begin"}),
			{Key: "b", Kind: courses.StepCourse, Item: b, Rules: courses.Rules{Section: "Begin", Either: "visit"}},
			{Key: "c", Kind: courses.StepCourse, Item: c, Rules: courses.Rules{Section: "Begin", Either: "visit"}},
			own("d", courses.Rules{Section: "End", Needs: []string{"a", "c"}}),
			own("e", courses.Rules{Section: "End", Optional: true}),
		}})
		item = p.Item.ItemID
		if err != nil {
			return err
		}
		return tenants.Collect(tx, item, "shared")
	})
	return item, b, c
}

// A step opens when what it waits for is finished, for members and visitors alike; of a choice one is enough; what may be left out is not
// counted; and no figure falls on the way.
func TestRulesOfAPath(t *testing.T) {
	t.Parallel()
	w := setup(t)
	item, _, _ := w.ruled()
	learner := w.partner.member
	last := 0.0
	share := func() float64 {
		t.Helper()
		v, err := w.svc.Path(learner, item)
		if err != nil {
			t.Fatal(err)
		}
		if v.Progress.Share() < last {
			t.Errorf("progress fell from %v to %v", last, v.Progress.Share())
		}
		last = v.Progress.Share()
		return last
	}
	locked := courses.Place{Item: item, Step: "d"}
	closed := func(when string) {
		t.Helper()
		v, err := w.svc.Lesson(learner, locked, nil)
		if err != nil || len(v.Waits) == 0 || len(v.Blocks) > 0 {
			t.Errorf("%s it can be read: %+v, %v", when, v.Waits, err)
		}
		if _, err := w.svc.CompleteLesson(learner, locked); !errs.Is(err, errs.Conflict) {
			t.Errorf("%s it can be finished: %v", when, err)
		}
		if _, err := w.svc.Reflect(learner, locked, "think", courses.Thought{Text: "Because"}); !errs.Is(err, errs.Conflict) {
			t.Errorf("%s somebody can write in it: %v", when, err)
		}
		if err := w.svc.SavePlace(learner, locked, "think"); !errs.Is(err, errs.Conflict) {
			t.Errorf("%s somebody can be in it: %v", when, err)
		}
	}
	if err := w.svc.Enroll(learner, item, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Path(learner, item)
	if err != nil {
		t.Fatal(err)
	}
	var waits []string
	for _, x := range v.Stations[3].Waits {
		waits = append(waits, x.Step)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, waits); diff != "" {
		t.Errorf("d waits for %s", diff)
	}
	if v.Progress.Total != 3 || v.Stations[0].Module != "Begin" || v.Stations[3].Module != "End" || !v.Stations[4].Optional {
		t.Errorf("progress %+v, stations %+v", v.Progress, v.Stations)
	}
	closed("at the beginning")
	finish := func(step, lesson string) courses.Way {
		t.Helper()
		way, err := w.svc.CompleteLesson(learner, courses.Place{Item: item, Step: step, Lesson: lesson})
		if err != nil {
			t.Fatal(err)
		}
		share()
		return way
	}
	finish("a", "")
	closed("after a")
	finish("c", "y")
	closed("in the middle of c")
	if way := finish("b", "x"); way.Next == nil || way.Next.Step != "d" {
		t.Errorf("after one of the two the way goes on to %+v", way.Next)
	}
	if lv, err := w.svc.Lesson(learner, locked, nil); err != nil || len(lv.Waits) > 0 || len(lv.Blocks) == 0 {
		t.Errorf("it is closed still: %+v, %v", lv.Waits, err)
	}
	if v, err = w.svc.Path(learner, item); err != nil || !v.Stations[2].Spared || v.Next == nil || v.Next.Step != "d" {
		t.Errorf("c is spared, d is next: %+v, %v", v.Next, err)
	}
	finish("d", "")
	if s := share(); s != 1 {
		t.Errorf("finished is %v", s)
	}
	if v, err = w.svc.Path(learner, item); err != nil || v.Finished == nil {
		t.Errorf("the path is not finished: %v", err)
	}
	finish("e", "")
	finish("c", "z")
}

// A visitor of a public path waits as members do.
func TestVisitorsWait(t *testing.T) {
	t.Parallel()
	w := setup(t)
	item, b, c := w.ruled()
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		for _, it := range []id.Item{item, b, c} {
			if err := tenants.Collect(tx, it, "open"); err != nil {
				return err
			}
		}
		return nil
	})
	visit, _, err := w.svc.Visit(w.visitor())
	if err != nil {
		t.Fatal(err)
	}
	place := func(step, lesson string) courses.Place {
		return courses.Place{Item: item, Step: step, Lesson: lesson}
	}
	if _, err := w.svc.CompleteLesson(visit, place("d", "")); !errs.Is(err, errs.Conflict) {
		t.Errorf("a visitor finishes what is closed: %v", err)
	}
	for _, p := range []courses.Place{place("a", ""), place("b", "x"), place("d", "")} {
		if _, err := w.svc.CompleteLesson(visit, p); err != nil {
			t.Errorf("a visitor at %+v: %v", p, err)
		}
	}
}

// What a viewer does not see is not waited for, and not one of several.
func TestRulesOfWhatIsNotSeen(t *testing.T) {
	t.Parallel()
	w := setup(t)
	item, b, c := w.ruled()
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM item_parts WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM collection_items WHERE org_id = $1 AND item_id = ANY($2)`, tx.Scope.Org, []id.Item{b, c})
		return err
	})
	v, err := w.svc.Path(w.partner.member, item)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range v.Stations {
		for _, x := range s.Waits {
			if x.Step != "a" {
				t.Errorf("step %s waits for %s, which nobody sees", s.Step, x.Step)
			}
		}
	}
}

// What nobody could follow is no path, whoever brings it how.
func TestRulesThatNobodyCanFollow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author := w.keeper(w.vendor)
	for _, tt := range []struct {
		name  string
		rules []courses.Rules
		line  string // of the file, where it is said
		says  string
	}{
		{"a circle", []courses.Rules{{Needs: []string{"s2"}}, {Needs: []string{"s1"}}, {}}, "3", "for itself"},
		{"itself", []courses.Rules{{Needs: []string{"s0"}}, {}, {}}, "3", "for itself"},
		{"over a choice", []courses.Rules{{Either: "x"}, {Either: "x", Needs: []string{"s2"}}, {Needs: []string{"s0"}}}, "3", "for itself"},
		{"nothing there", []courses.Rules{{}, {Needs: []string{"s9"}}, {}}, "6", "no step"},
		{"what may be left out", []courses.Rules{{Optional: true}, {Needs: []string{"s0"}}, {}}, "6", "nobody has to finish"},
		{"alone", []courses.Rules{{Either: "x"}, {}, {}}, "3", "the only one"},
		{"both", []courses.Rules{{Either: "x", Optional: true}, {Either: "x"}, {}}, "3", "left out as well"},
		{"nothing asked", []courses.Rules{{Optional: true}, {Optional: true}, {Optional: true}}, "3", "no step has to be finished"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var steps []courses.StepDraft
			var file strings.Builder
			file.WriteString("---\nsteps:\n")
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "p"), 0o700); err != nil {
				t.Fatal(err)
			}
			for i, r := range tt.rules {
				key := "s" + string(rune('0'+i))
				if i == 0 && tt.name == "a circle" {
					r.Needs = []string{"s1"}
				}
				steps = append(steps, courses.StepDraft{Key: key, Kind: courses.StepLesson, Title: key, Rules: r, Lesson: courses.LessonDraft{Source: "Text."}})
				file.WriteString("  - key: " + key + "\n    lesson: " + key + ".md\n    " + yamlOf(r) + "\n")
				if err := os.WriteFile(filepath.Join(dir, "p", key+".md"), []byte("Text."), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			file.WriteString("---\nIntro.\n")
			if err := os.WriteFile(filepath.Join(dir, "p.md"), []byte(file.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			err := w.db.Tx(author, func(tx *db.Tx) error {
				_, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Bad " + tt.name, Lang: "en"}, Steps: steps})
				return err
			})
			if !errs.Is(err, errs.Invalid) {
				t.Errorf("it is published: %v", err)
			}
			_, err = w.svc.ImportPath(author, courses.ImportOptions{Dir: dir, File: "p.md"})
			if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "p.md:"+tt.line+": ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it is imported, or not refused with its line: %v", err)
			}
		})
	}
}

func yamlOf(r courses.Rules) string {
	var out []string
	if r.Either != "" {
		out = append(out, "either: "+r.Either)
	}
	if r.Optional {
		out = append(out, "optional: true")
	}
	if len(r.Needs) > 0 {
		out = append(out, "needs: ["+strings.Join(r.Needs, ", ")+"]")
	}
	return strings.Join(out, "\n    ")
}

// The desk refuses what nobody could follow beside the field, and the checklist names what came of taking a step out.
func TestRulesOnTheDesk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author := w.keeper(w.vendor)
	item, err := w.svc.Begin(author, courses.Beginning{Kind: tenants.KindPath, Title: "P", Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"One", "Two"} {
		if _, err := w.svc.AddStepLesson(author, item, title, "Text."); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.step(author, item, "two", func(s *courses.PlanStep) { s.Needs = []string{"one"} }); err != nil {
		t.Fatal(err)
	}
	if err := w.step(author, item, "one", func(s *courses.PlanStep) { s.Needs = []string{"two"} }); !errs.Is(err, errs.Invalid) {
		t.Errorf("they wait for each other: %v", err)
	}
	if err := w.svc.PlaceStep(author, item, "two", "one", false); err != nil {
		t.Fatal(err)
	}
	m, err := w.svc.Manuscript(author, item)
	if err != nil || m.Steps[0].Key != "two" || !slices.Equal(m.Steps[0].Waiting, []string{"One"}) {
		t.Fatalf("placed before: %+v, %v", m.Steps, err)
	}
	if err := w.svc.PlaceStep(author, item, "two", "one", true); err != nil {
		t.Fatal(err)
	}
	if m, err = w.svc.Manuscript(author, item); err != nil || m.Steps[1].Key != "two" {
		t.Fatalf("placed behind: %+v, %v", m.Steps, err)
	}
	if err := w.svc.RemoveStep(author, item, "one", false); err != nil {
		t.Fatal(err)
	}
	if m, err = w.svc.Manuscript(author, item); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(m.Checks, func(c courses.WriteCheck) bool { return c.Key == "rules" })
	if c := m.Checks[i]; c.OK || c.Step != "two" || c.Found != "unknown" {
		t.Errorf("the checklist says %+v", c)
	}
}

// A choice weighs as its shortest alternative, whichever is taken: figures only grow, and are whole exactly when one alternative is.
func TestMeasureOfAChoice(t *testing.T) {
	t.Parallel()
	it := id.New[id.Item]()
	leaf := func(k string) courses.Leaf { return courses.Leaf{Item: it, Lesson: k} }
	r := courses.Required{Leaves: []courses.Leaf{leaf("a")}, Choices: [][][]courses.Leaf{{{leaf("x"), leaf("y")}, {leaf("p"), leaf("q"), leaf("r")}}}}
	for _, tt := range []struct {
		done string
		want courses.Progress
	}{
		{"", courses.Progress{Total: 3}},
		{"p", courses.Progress{Total: 3}},
		{"p q", courses.Progress{Done: 1, Total: 3}},
		{"p q x", courses.Progress{Done: 1, Total: 3}},
		{"p q r", courses.Progress{Done: 2, Total: 3}},
		{"p q r x y a", courses.Progress{Done: 3, Total: 3}},
		{"x y a", courses.Progress{Done: 3, Total: 3}},
	} {
		finished := map[courses.Leaf]bool{}
		for k := range strings.FieldsSeq(tt.done) {
			finished[leaf(k)] = true
		}
		if got := courses.Measure(r, finished); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.done, got, tt.want)
		}
	}
}
