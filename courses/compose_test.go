package courses_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// adapted is a path of the vendor with two slots that the partner may add to and has in its library.
func (w *world) adapted() (tenants.Item, context.Context) {
	w.t.Helper()
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishPath(tx, w.slotted("first", "second"))
		if err != nil {
			return err
		}
		it = p.Item
		if err := tenants.Collect(tx, it.ItemID, "shared"); err != nil {
			return err
		}
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: w.partner.org.OrgID, Right: tenants.RightAdapt})
	})
	keeper := w.keeper(w.partner)
	if err := w.svc.Adopt(keeper, it.ItemID, courses.Ask); err != nil {
		w.t.Fatal(err)
	}
	return it, keeper
}

// slotted is a path of two lessons with a slot after each of those that are named.
func (w *world) slotted(slots ...string) courses.PathDraft {
	d := courses.PathDraft{Item: tenants.Item{Title: "Pumps", Slug: "pumps", Lang: "en"}}
	for _, key := range []string{"first", "second"} {
		d.Steps = append(d.Steps, courses.StepDraft{Key: key, Kind: courses.StepLesson, Title: key, Minutes: 5, Lesson: courses.LessonDraft{Source: "Words of " + key + "."}})
	}
	for _, s := range slots {
		d.Slots = append(d.Slots, courses.Slot{Key: "after-" + s, After: s})
	}
	return d
}

func (w *world) did(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) titles(ctx context.Context, path id.Item) []string {
	w.t.Helper()
	v, err := w.svc.Path(ctx, path)
	w.did(err)
	var out []string
	for _, s := range v.Stations {
		out = append(out, s.Title)
	}
	return out
}

// connected writes that one organization is connected to another and what it calls it.
func (w *world) connected(from, to house, calls string) {
	w.t.Helper()
	connection := id.New[id.Connection]()
	w.tx(from.ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) VALUES ($1, $2, $3, 'active', $2)`, connection, from.org.OrgID, to.org.OrgID); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) VALUES ($1, $2, $3, $4, 'active'), ($2, $1, $3, 'vendor', 'active')`, from.org.OrgID, to.org.OrgID, connection, calls)
		return err
	})
}

// What an adopter adds is a draft until it is published, can be undone, and is its own.
func TestAdditionsAreWritten(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it, keeper := w.adapted()
	path := it.ItemID
	add := func(e courses.Edit) error { return w.svc.EditAdditions(keeper, path, e) }
	if err := w.svc.EditAdditions(w.partner.member, path, courses.Edit{Do: courses.EditProposition}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner writes additions: %v", err)
	}
	if err := w.svc.EditAdditions(w.keeper(w.other), path, courses.Edit{Do: courses.EditProposition}); !errs.Is(err, errs.NotFound) {
		t.Errorf("somebody else writes additions: %v", err)
	}
	for name, e := range map[string]courses.Edit{
		"no title":      {Do: courses.EditStep, Slot: "after-first", Text: "x"},
		"no slot":       {Do: courses.EditStep, Slot: "nowhere", Title: "A", Text: "x"},
		"no text":       {Do: courses.EditStep, Slot: "after-first", Title: "A"},
		"long sentence": {Do: courses.EditProposition, Proposition: strings.Repeat("x", 301)},
	} {
		if err := add(e); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.did(add(courses.Edit{Do: courses.EditProposition, Proposition: "We stay until it runs."}))
	w.did(add(courses.Edit{Do: courses.EditStep, Slot: "after-first", Title: "Ours", Text: "Do it.", Minutes: 7}))
	w.did(add(courses.Edit{Do: courses.EditStep, Slot: "after-first", Title: "Ours", Text: "Again.", Minutes: 7}))
	w.did(add(courses.Edit{Do: courses.EditNote, Step: "second", Text: "Mind the **valve**."}))
	if got := w.titles(w.partner.member, path); len(got) != 2 {
		t.Errorf("a draft is seen: %v", got)
	}
	w.did(w.svc.PublishAdditions(keeper, path))
	if got := w.titles(w.partner.member, path); !slices.Equal(got, []string{"first", "Ours", "Ours", "second"}) {
		t.Errorf("published: %v", got)
	}
	w.did(add(courses.Edit{Do: courses.EditMove, Step: "ours", By: 1}))
	w.did(add(courses.Edit{Do: courses.EditMove, Step: "ours", By: 1}))
	v, err := w.svc.Compose(keeper, path, false)
	w.did(err)
	var rows []string
	for _, s := range v.Stops {
		rows = append(rows, s.Kind+" "+s.Key)
	}
	if want := []string{"step first", "own ours-2", "slot after-first", "step second", "own ours", "slot after-second"}; !slices.Equal(rows, want) || !v.Changed || !v.CanUndo {
		t.Errorf("rows %v, want %v", rows, want)
	}
	w.did(add(courses.Edit{Do: courses.EditUndo}))
	v, err = w.svc.Compose(keeper, path, false)
	w.did(err)
	if s, _ := v.Draft.Step("ours"); s.After != "first" {
		t.Errorf("the last change is not undone: %+v", v.Draft.Steps)
	}
	w.did(add(courses.Edit{Do: courses.EditPark, Step: "ours"}))
	w.did(w.svc.PublishAdditions(keeper, path))
	if got := w.titles(w.partner.member, path); !slices.Equal(got, []string{"first", "Ours", "second"}) {
		t.Errorf("after one was taken out: %v", got)
	}
	w.did(add(courses.Edit{Do: courses.EditRestore, Edition: 1}))
	w.did(w.svc.PublishAdditions(keeper, path))
	if got := w.titles(w.partner.member, path); len(got) != 4 {
		t.Errorf("an earlier edition: %v", got)
	}
	// Taken out of the library, they are hidden; taken in again, they are back.
	w.did(w.svc.Unadopt(keeper, path))
	if got := w.titles(w.partner.member, path); len(got) != 2 {
		t.Errorf("out of the library: %v", got)
	}
	w.did(w.svc.Adopt(keeper, path, courses.Ask))
	if got := w.titles(w.partner.member, path); len(got) != 4 {
		t.Errorf("in it again: %v", got)
	}
}

// A slot that is gone in the next version parks its content; it comes back with the slot, and no percentage falls.
func TestAdditionsSurviveAVersion(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it, keeper := w.adapted()
	path, learner := it.ItemID, w.partner.member
	w.did(w.svc.EditAdditions(keeper, path, courses.Edit{Do: courses.EditStep, Slot: "after-second", Title: "Ours", Text: "Do it."}))
	w.did(w.svc.PublishAdditions(keeper, path))
	w.did(w.svc.Start(learner, path, courses.Origin{}))
	for _, key := range []string{"first", "ours"} {
		if _, err := w.svc.CompleteLesson(learner, courses.Place{Item: path, Step: key}); err != nil {
			t.Fatal(err)
		}
	}
	before, err := w.svc.Path(learner, path)
	w.did(err)
	w.tx(w.vendor.ctx, func(tx *db.Tx) error { _, err := courses.PublishPath(tx, w.slotted("first")); return err })
	v, err := w.svc.Compose(keeper, path, false)
	w.did(err)
	if v.Next == nil || !slices.Equal(v.Next.Parked, []string{"Ours"}) || len(v.Parked.Steps) != 0 {
		t.Errorf("what the next version does: %+v", v.Next)
	}
	w.did(w.svc.AcceptVersion(keeper, path, 2))
	if v, err = w.svc.Compose(keeper, path, false); err != nil || len(v.Parked.Steps) != 1 {
		t.Errorf("parked: %+v, %v", v.Parked.Steps, err)
	}
	late := w.colleague(w.partner)
	if got := w.titles(late, path); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("what is parked is seen: %v", got)
	}
	after, err := w.svc.Path(learner, path)
	w.did(err)
	if after.Progress.Share() < before.Progress.Share() || len(after.Stations) != 3 {
		t.Errorf("who is in version 1: %+v, then %+v", before.Progress, after.Progress)
	}
	w.did(w.svc.EditAdditions(keeper, path, courses.Edit{Do: courses.EditStep, Step: "ours", Slot: "after-first", Title: "Ours", Text: "Do it."}))
	w.did(w.svc.PublishAdditions(keeper, path))
	if got := w.titles(late, path); !slices.Equal(got, []string{"first", "Ours", "second"}) {
		t.Errorf("put elsewhere: %v", got)
	}
}

// By the adopter's choice its customers and the publisher read what it adds; others never, and nobody after the end.
func TestAdditionsAreShownByChoice(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it, keeper := w.adapted()
	path := it.ItemID
	w.did(w.svc.EditAdditions(keeper, path, courses.Edit{Do: courses.EditStep, Slot: "after-first", Title: "Ours", Text: "Do it."}))
	w.did(w.svc.EditAdditions(keeper, path, courses.Edit{Do: courses.EditProposition, Proposition: "We stay until it runs."}))
	w.did(w.svc.PublishAdditions(keeper, path))
	w.connected(w.partner, w.vendor, "vendor")
	w.connected(w.partner, w.other, "customer")
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: w.other.org.OrgID, Right: tenants.RightUse})
	})
	author := w.keeper(w.vendor)
	shown := func() int {
		v, err := w.svc.Slots(author, path)
		w.did(err)
		return len(v.Shown)
	}
	if got := w.titles(w.other.member, path); len(got) != 2 || shown() != 0 {
		t.Fatalf("before the choice: %v, %d", got, shown())
	}
	w.did(w.svc.EditAdditions(keeper, path, courses.Edit{Do: courses.EditShare, ForCustomers: true, ForPublisher: true}))
	w.did(w.svc.PublishAdditions(keeper, path))
	v, err := w.svc.Path(w.other.member, path)
	w.did(err)
	if got := w.titles(w.other.member, path); !slices.Equal(got, []string{"first", "Ours", "second"}) || len(v.Additions) != 1 || v.Additions[0].Proposition == "" || v.Stations[1].Org.OrgID != w.partner.org.OrgID {
		t.Errorf("the customer: %v", got)
	}
	if _, err := w.svc.CompleteLesson(w.other.member, courses.Place{Item: path, Step: v.Stations[1].Step}); err != nil {
		t.Errorf("the customer finishes the step: %v", err)
	}
	if v, err = w.svc.Path(w.other.member, path); err != nil || !v.Stations[1].Done || v.Progress.Done != 0 || v.Progress.Total != 2 {
		t.Errorf("it counts for the customer: %+v, %v", v.Progress, err)
	}
	if got := w.titles(w.vendor.member, path); len(got) != 2 || shown() != 1 {
		t.Errorf("the publisher: %v, %d", got, shown())
	}
	if _, err := w.svc.Slots(keeper, path); !errs.Is(err, errs.NotFound) {
		t.Errorf("the adopter sees the publisher's slots: %v", err)
	}
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE connection_sides SET state = 'ended' WHERE org_id = $1`, tx.Scope.Org)
		return err
	})
	if got := w.titles(w.other.member, path); len(got) != 2 || shown() != 0 {
		t.Errorf("after the end: %v, %d", got, shown())
	}
}

// The publisher opens places with a version of its own; who adopted it is counted from five on.
func TestPublisherOpensSlots(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it, keeper := w.adapted()
	path, author := it.ItemID, w.keeper(w.vendor)
	if err := w.svc.OpenSlots(keeper, path, courses.SlotsDraft{Version: 1}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an adopter opens places: %v", err)
	}
	w.did(w.svc.OpenSlots(author, path, courses.SlotsDraft{Version: 1, Notes: []string{"second"}, Open: []courses.Slot{{After: ""}, {After: "second", Suggestion: "Your rollout"}}}))
	v, err := w.svc.Slots(author, path)
	w.did(err)
	if v.Item.Version != 2 || !v.Outline.NoProposition || len(v.Outline.Slots) != 2 || v.Outline.Slots[1].Key != "after-second" || !slices.Equal(v.Outline.NoNotes, []string{"first"}) || len(v.Adopters) != 0 {
		t.Errorf("version %d: %+v, %+v", v.Item.Version, v.Outline, v.Adopters)
	}
	if err := w.svc.OpenSlots(author, path, courses.SlotsDraft{Version: 1}); !errs.Is(err, errs.Conflict) {
		t.Errorf("on an old version: %v", err)
	}
	l, err := w.svc.Lesson(author, courses.Place{Item: path, Step: "first"}, nil)
	if err != nil || len(l.Blocks) == 0 {
		t.Errorf("the lessons came along: %v", err)
	}
	// While the next version is written it opens the places: it would be published without these.
	w.did(w.svc.Rewrite(author, path))
	if err := w.svc.OpenSlots(author, path, courses.SlotsDraft{Version: 2}); !errs.Is(err, errs.Conflict) {
		t.Errorf("beside a version that is being written: %v", err)
	}
	if v, err = w.svc.Slots(author, path); err != nil || !v.Written || v.Item.Version != 2 {
		t.Errorf("the page says that it is written: %v, %+v", err, v)
	}
	w.did(w.svc.DiscardManuscript(author, path))
	w.did(w.svc.OpenSlots(author, path, courses.SlotsDraft{Version: 2, Proposition: true, Notes: []string{"second"}, Open: []courses.Slot{{After: ""}, {After: "second", Suggestion: "Your rollout"}}}))
	w.did(w.svc.AcceptVersion(keeper, path, 3))
	if err := w.svc.EditAdditions(keeper, path, courses.Edit{Do: courses.EditNote, Step: "first", Text: "No."}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a note where none is wanted: %v", err)
	}
}
