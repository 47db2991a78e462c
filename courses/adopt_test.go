package courses_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// keeper is somebody of the house who looks after its library.
func (w *world) keeper(h house) context.Context {
	w.t.Helper()
	sc, err := scope.From(h.member)
	if err != nil {
		w.t.Fatal(err)
	}
	sc.Roles = []scope.Role{scope.Learner, scope.Author}
	return scope.Enter(w.t.Context(), sc)
}

// edition publishes the course in a version with these lessons, key, title and text.
func (w *world) edition(slug string, lessons ...[3]string) tenants.Item {
	w.t.Helper()
	d := courses.CourseDraft{Item: tenants.Item{Title: slug, Slug: slug, Lang: "en"}}
	for _, l := range lessons {
		d.Lessons = append(d.Lessons, courses.LessonDraft{Key: l[0], Title: l[1], Source: l[2], Minutes: 5})
	}
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, d)
		if err != nil {
			return err
		}
		it = p.Item
		return tenants.Collect(tx, it.ItemID, "shared")
	})
	return it
}

func (w *world) version(ctx context.Context, it tenants.Item) int {
	w.t.Helper()
	v, err := w.svc.Course(ctx, it.ItemID)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Version
}

// A library decides in which version its people start; those in mid-course stay, others do not notice.
func TestLibraryTakesUpdates(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.edition("pump", [3]string{"hear", "Hear it", "Put a hand on the housing."})
	keeper, learner := w.keeper(w.partner), w.partner.member
	if err := w.svc.Adopt(learner, it.ItemID, courses.Ask); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner changes the library: %v", err)
	}
	if err := w.svc.Adopt(w.keeper(w.other), it.ItemID, courses.Ask); !errs.Is(err, errs.NotFound) {
		t.Errorf("what is not shared was adopted: %v", err)
	}
	if err := w.svc.Adopt(w.keeper(w.vendor), it.ItemID, courses.Ask); !errs.Is(err, errs.NotFound) {
		t.Errorf("an own course was adopted: %v", err)
	}
	if err := w.svc.Adopt(keeper, it.ItemID, "sometimes"); !errs.Is(err, errs.Invalid) {
		t.Errorf("updates “sometimes”: %v", err)
	}
	for range 2 {
		if err := w.svc.Adopt(keeper, it.ItemID, courses.Ask); err != nil {
			t.Fatal(err)
		}
	}
	first := w.colleague(w.partner)
	if err := w.svc.Start(first, it.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	w.edition("pump", [3]string{"hear", "Hear it", "Put a flat hand on the housing."}, [3]string{"note", "Write it down", "Three words."})
	if got := w.version(learner, it); got != 1 {
		t.Errorf("before it was accepted people see version %d", got)
	}
	line, err := w.svc.Adopted(keeper, it.ItemID)
	if err != nil || !line.Waits() || line.Learners != 1 || line.Diff == nil {
		t.Fatalf("an update waits: %+v, %v", line, err)
	}
	want := []courses.Change{
		{Kind: courses.ChangeChanged, Key: "hear", Title: "Hear it", Minutes: 5, Old: 5, Place: 1, Words: []courses.Words{{Text: "Put a"}, {Kind: courses.WordsIn, Text: "flat"}, {Text: "hand on the housing."}}},
		{Kind: courses.ChangeNew, Key: "note", Title: "Write it down", Minutes: 5, Place: 2},
	}
	if d := cmp.Diff(want, line.Diff.Changes); d != "" {
		t.Error(d)
	}
	if err := w.svc.PostponeVersion(keeper, it.ItemID, 2); err != nil {
		t.Fatal(err)
	}
	if line, err = w.svc.Adopted(keeper, it.ItemID); err != nil || line.Waits() || !line.Behind() {
		t.Errorf("it asks again about the same version: %+v, %v", line.Adopted, err)
	}
	if err := w.svc.AcceptVersion(keeper, it.ItemID, 3); !errs.Is(err, errs.Conflict) {
		t.Errorf("a version that nobody published was accepted: %v", err)
	}
	if err := w.svc.AcceptVersion(keeper, it.ItemID, 2); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.Start(learner, it.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	if a, b := w.version(first, it), w.version(learner, it); a != 1 || b != 2 {
		t.Errorf("mid-course in version %d, new in %d", a, b)
	}
	if err := w.svc.BackVersion(keeper, it.ItemID); err != nil {
		t.Fatal(err)
	}
	late := w.colleague(w.partner)
	if err := w.svc.Start(late, it.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	if a, b := w.version(late, it), w.version(learner, it); a != 1 || b != 2 {
		t.Errorf("after going back new people start in %d, and who was in 2 is in %d", a, b)
	}
	if err := w.svc.BackVersion(keeper, it.ItemID); !errs.Is(err, errs.Conflict) {
		t.Errorf("back beyond the first: %v", err)
	}
	if err := w.svc.SetUpdates(keeper, it.ItemID, courses.Follow); err != nil {
		t.Fatal(err)
	}
	if got := w.version(w.keeper(w.partner), it); got != 2 {
		t.Errorf("a library that follows shows version %d", got)
	}
	if got := w.version(w.keeper(w.vendor), it); got != 2 {
		t.Errorf("the publisher sees version %d", got)
	}
}

// What a library holds closes with the agreement, stays as a line, and comes back with it.
func TestLibraryClosesWithTheAgreement(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.edition("pump", [3]string{"hear", "Hear it", "Put a hand on the housing."})
	keeper := w.keeper(w.partner)
	if err := w.svc.Adopt(keeper, it.ItemID, courses.Stay); err != nil {
		t.Fatal(err)
	}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error { return tenants.Close(tx, "shared", w.partner.org.OrgID) })
	if _, err := w.svc.Course(keeper, it.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("a closed course: %v", err)
	}
	list, err := w.svc.Library(keeper, courses.LibraryFilter{Shelf: courses.ShelfClosed})
	if err != nil || len(list.Rows) != 1 || list.Rows[0].Title != "pump" || list.Rows[0].Open || list.Rows[0].Slug != "" || list.Closed != 1 {
		t.Fatalf("the line of what has closed: %+v, %v", list, err)
	}
	if err := w.svc.SetUpdates(keeper, it.ItemID, courses.Follow); !errs.Is(err, errs.Conflict) {
		t.Errorf("a decision about what is closed: %v", err)
	}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: w.partner.org.OrgID, Right: "use"})
	})
	w.edition("pump", [3]string{"hear", "Hear it", "Something else."})
	line, err := w.svc.Adopted(keeper, it.ItemID)
	if err != nil || !line.Open || line.InUse() != 1 || line.Updates != courses.Stay || line.Waits() {
		t.Errorf("after it opened again: %+v, %v", line.Adopted, err)
	}
	if err := w.svc.Unadopt(keeper, it.ItemID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Adopted(keeper, it.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("what was taken out: %v", err)
	}
}

// Learn begins with what the own organization offers.
func TestLearnBeginsWithTheOwnLibrary(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old := w.edition("old", [3]string{"a", "A", "Words."})
	w.edition("new", [3]string{"a", "A", "Words."})
	if err := w.svc.Adopt(w.keeper(w.partner), old.ItemID, courses.Follow); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Learn(w.partner.member, courses.LearnFilter{})
	if err != nil || len(v.Cards) < 2 || v.Cards[0].Item.Slug != "old" || !v.Cards[0].Adopted || v.Cards[1].Adopted {
		t.Errorf("learn: %+v, %v", v.Cards, err)
	}
	ours, err := w.svc.Learn(w.partner.member, courses.LearnFilter{Tab: courses.TabOurs})
	if err != nil || len(ours.Cards) != 1 || ours.Found != 1 || v.Ours != 1 {
		t.Errorf("the own library: %+v, %v", ours, err)
	}
}

// Steps and lessons are the same by their keys: a new title, another place and other words are told as that, and a step that leads
// where the reader may not go is not told at all.
func TestVersionsAreCompared(t *testing.T) {
	t.Parallel()
	w := setup(t)
	long := strings.Repeat("The same words over and over. ", 30)
	it := w.edition("pump", [3]string{"a", "First", long + "End."}, [3]string{"b", "Second", "Two."}, [3]string{"c", "Third", "Three."}, [3]string{"d", "Fourth", "Four."})
	if err := w.svc.Adopt(w.keeper(w.partner), it.ItemID, courses.Stay); err != nil {
		t.Fatal(err)
	}
	w.edition("pump", [3]string{"d", "Fourth", "Four."}, [3]string{"a", "First", long + "Start."}, [3]string{"b", "Second, better", "Two."}, [3]string{"e", "Fifth", "Five."})
	line, err := w.svc.Adopted(w.keeper(w.partner), it.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range line.Diff.Changes {
		got = append(got, c.Kind+" "+c.Key)
	}
	if d := cmp.Diff([]string{"moved d", "changed a", "changed b", "gone c", "new e"}, got); d != "" {
		t.Error(d)
	}
	if words := line.Diff.Changes[1].Words; len(words) != 4 || words[0].Kind != courses.WordsCut || words[2].Kind != courses.WordsOut || words[3].Kind != courses.WordsIn {
		t.Errorf("words: %+v", words)
	}
	if c := line.Diff.Changes[2]; c.Was != "Second" {
		t.Errorf("a new title: %+v", c)
	}
}
