package courses_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
)

// Colleagues on the same course are named, the one at the same place first; nobody of another organization is.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.course("shared-course", "shared")
	if people, _, err := w.svc.Together(w.partner.member); err != nil || people != nil {
		t.Errorf("somebody who is on nothing learns with %v: %v", people, err)
	}
	bo := w.colleague(w.partner)
	for _, who := range []struct {
		name string
		by   func() error
	}{
		{"partner's member", func() error { return w.svc.Start(w.partner.member, c.ItemID, courses.Origin{}) }},
		{"vendor's member", func() error { return w.svc.Start(w.vendor.member, c.ItemID, courses.Origin{}) }},
	} {
		if err := who.by(); err != nil {
			t.Fatalf("%s: %v", who.name, err)
		}
	}
	if people, _, err := w.svc.Together(w.partner.member); err != nil || people != nil {
		t.Errorf("alone in the own organization, but with %v: %v", people, err)
	}
	if err := w.svc.Start(bo, c.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	people, on, err := w.svc.Together(w.partner.member)
	if err != nil || on.ItemID != c.ItemID {
		t.Fatalf("together on %v: %v", on, err)
	}
	if d := cmp.Diff([]courses.Companion{{Name: "Bo", Same: true}}, people); d != "" {
		t.Error(d)
	}
}
