package courses_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// A publisher learns how many organizations took its path from five on, of those whose agreement gives totals and who do not rest, and in
// which version their people start where no part of them is fewer than five.
func TestAdoptersAreCountedFromFive(t *testing.T) {
	t.Parallel()
	w := setupOn(t, dbtest.Fresh(t))
	path, _, _ := w.path("shared")
	adopt := func(learns string) house {
		t.Helper()
		h := w.house("adopter")
		w.tx(w.vendor.ctx, func(tx *db.Tx) error {
			if _, err := tenants.Connect(tx, tenants.Connection{
				A: tenants.Side{Org: w.vendor.org.OrgID, Relationship: "partner", Meet: "name"}, B: tenants.Side{Org: h.org.OrgID, Relationship: "vendor", Meet: "name"}, State: "active", Since: tx.Now,
				Terms: tenants.Terms{Template: tenants.Template, A: tenants.Half{Meet: "name"}, B: tenants.Half{Learns: learns, Meet: "name"}},
			}); err != nil {
				return err
			}
			return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: h.org.OrgID, Right: "adapt"})
		})
		if err := w.svc.Adopt(w.keeper(h), path.ItemID, courses.Follow); err != nil {
			t.Fatal(err)
		}
		return h
	}
	want := func(when string, all int, more ...courses.Adopters) {
		t.Helper()
		v, err := w.svc.Slots(w.keeper(w.vendor), path.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		want := []courses.Adopters{}
		if all > 0 {
			want = append(append(want, more...), courses.Adopters{Organizations: all})
		}
		if diff := cmp.Diff(want, v.Adopters); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	for range 4 {
		adopt(tenants.LearnsTotals)
	}
	adopt(tenants.LearnsNothing)
	want("four, and one whose agreement gives nothing", 0)
	fifth := adopt(tenants.LearnsNamed)
	want("five", 5, courses.Adopters{Version: 1, Organizations: 5})
	operator := dbtest.System(t, scope.Operator, fifth.org.OrgID)
	if err := w.tenants.Suspend(operator, "unpaid"); err != nil {
		t.Fatal(err)
	}
	want("one of five rests", 0)
	if err := w.tenants.Reinstate(operator, "paid"); err != nil {
		t.Fatal(err)
	}
	sixth := adopt(tenants.LearnsTotals)
	want("six", 6, courses.Adopters{Version: 1, Organizations: 6})
	// One stays on an older version: the part alone would tell of one organization, so no part is told.
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) SELECT org_id, item_id, 2, title, summary, outline, '\x01' FROM versions WHERE org_id = $1 AND item_id = $2 AND version = 1`, tx.Scope.Org, path.ItemID); err != nil {
			return err
		}
		return tx.Must(`UPDATE items SET version = 2 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, path.ItemID)
	})
	w.tx(sixth.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE adoptions SET updates = 'stay' WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, path.ItemID)
	})
	want("one of six stays behind", 6)
	for i := range 4 {
		h := adopt(tenants.LearnsTotals)
		w.tx(h.ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE adoptions SET updates = 'stay', version = 1 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, path.ItemID)
		})
		if i < 3 {
			want(fmt.Sprintf("%d stay behind", i+2), 7+i)
		}
	}
	want("five stay behind", 10, courses.Adopters{Version: 2, Organizations: 5}, courses.Adopters{Version: 1, Organizations: 5})
}
