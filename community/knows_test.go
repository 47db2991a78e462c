package community_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/community/communitytest"
	"github.com/learnscape/learnscape/internal/db/dbtest"
)

// Who knows a subject is read from the answers that the viewer may read, under the names they have there.
func TestWhoKnows(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "Who knows it?")
	for _, by := range []context.Context{w.A.Me, w.B.Me, w.C.Me, w.Vendor.Other} {
		post := w.Answer(t, by, q, community.AudienceConnected, "I do.")
		switch by {
		case w.C.Me:
			continue // Nobody used this one.
		case w.A.Me:
			if err := w.Svc.MarkWorked(w.Vendor.Me, q, post, true); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Svc.React(w.Vendor.Me, post, community.Used); err != nil {
			t.Fatal(err)
		}
	}
	w.Drain(t)
	for _, tt := range []struct {
		name   string
		viewer context.Context
		want   []string
	}{
		// b shows itself to the vendor by company only, and c was not used.
		{"the vendor", w.Vendor.Me, []string{"Mara Alder", "Owen Vendor"}},
		// That one person of the vendor used an answer is too few to be told outside.
		{"a colleague at a", w.A.Other, []string{"Mara Alder"}},
		{"a, who is left out of their own list", w.A.Me, nil},
		// a and b do not know of each other.
		{"b", w.B.Me, nil},
		{"a stranger", w.Stranger.Me, nil},
		{"a visitor", w.Visitor, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			known, err := w.Svc.Knows(tt.viewer, w.Path.ItemID)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range known {
				got = append(got, e.By.Name)
				if e.Thread != q || e.Best.IsZero() {
					t.Errorf("%s: answer %s in %s", e.By.Name, e.Best, e.Thread)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
