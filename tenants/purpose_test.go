package tenants_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

// A member is asked once what they are here to do, and may say it whenever they like.
func TestPurpose(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	var m tenants.Membership
	h.must(func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Email: "new@" + h.org.Slug + ".example"})
		return err
	})
	me := dbtest.As(t, h.org.OrgID, m.MembershipID, m.PersonID)
	for i, want := range []bool{true, false, false} {
		if first, err := h.svc.AskPurpose(me); err != nil || first != want {
			t.Errorf("question %d: asked %v, want %v: %v", i+1, first, want, err)
		}
	}
	for _, wrong := range []string{"", tenants.PurposeAsked, "money"} {
		if err := h.svc.SetPurpose(me, wrong); !errs.Is(err, errs.Invalid) {
			t.Errorf("purpose %q: %v, want invalid", wrong, err)
		}
	}
	for _, p := range tenants.Purposes() {
		if err := h.svc.SetPurpose(me, p); err != nil {
			t.Errorf("purpose %q: %v", p, err)
		}
		h.must(func(tx *db.Tx) error {
			if got, err := tenants.MemberByID(tx, m.MembershipID); err != nil || got.Purpose != p {
				t.Errorf("purpose %q is kept as %q: %v", p, got.Purpose, err)
			}
			return nil
		})
	}
	if first, err := h.svc.AskPurpose(me); err != nil || first {
		t.Errorf("asked again after answering: %v", err)
	}
}
