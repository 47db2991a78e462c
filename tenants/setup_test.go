package tenants_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// TestSetupTicksItself does one step after the other, as an organization does, and looks at the list after each.
func TestSetupTicksItself(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h, _ := newBranded(t, d)
	other := newHouse(t, d)
	var want tenants.Setup
	look := func(after string) {
		t.Helper()
		got, err := h.svc.Setup(h.admin)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", after, diff)
		}
	}
	exec := func(q string, args ...any) {
		t.Helper()
		h.must(func(tx *db.Tx) error {
			_, err := tx.Exec(q, append([]any{h.org.OrgID}, args...)...)
			return err
		})
	}
	look("nothing")
	if err := h.svc.SetBrand(h.admin, tenants.Brand{Name: "Set up " + unique(), Short: "S", Tagline: "What we do", Color: "#123456", Locale: "en"}); err != nil {
		t.Fatal(err)
	}
	want.Words, want.Brand = true, true
	look("a brand")
	exec(`INSERT INTO domains (org_id, domain, verified_at) VALUES ($1, $2, now())`, unique()+".example")
	want.Domain = true
	look("a domain")
	it := other.item(tenants.KindPath, "Shared", noon)
	other.collection("c", "agreement", it)
	other.open("c", h.house)
	want.Shared = true
	look("something was opened")
	for n := range 3 {
		h.must(func(tx *db.Tx) error {
			_, err := tenants.AddMember(tx, tenants.NewMember{Email: fmt.Sprintf("p%d@setup.example", n), State: []string{"active", "invited", "left"}[n]})
			return err
		})
	}
	want.People = 2
	look("two people and one who left")
	for mark, field := range map[string]*bool{tenants.MarkLooked: &want.Looked, tenants.MarkAway: &want.Away} {
		for _, on := range []bool{true, true, false, true} {
			if err := h.svc.MarkSetup(h.admin, mark, on); err != nil {
				t.Fatal(err)
			}
			*field = on
			look(mark)
		}
	}
	if err := h.svc.MarkSetup(h.admin, "verified", true); !errs.Is(err, errs.NotFound) {
		t.Errorf("a mark that nobody may set: %v", err)
	}
	if _, err := h.svc.Setup(scope.Enter(t.Context(), h.viewer)); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner: %v", err)
	}
	// What one organization did ticks nothing of another.
	o, err := other.svc.Setup(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: other.org.OrgID, Membership: h.viewer.Membership, Roles: []scope.Role{scope.Administrator}}))
	if err != nil || o != (tenants.Setup{}) {
		t.Errorf("the other organization: %+v, %v", o, err)
	}
}
