package tenants_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	boss, operator := h.boss(), dbtest.System(t, scope.Operator, h.org.OrgID)
	joins := func() error {
		return h.d.Tx(dbtest.System(t, scope.SignIn, h.org.OrgID), func(tx *db.Tx) error {
			_, err := tenants.AddMember(tx, tenants.NewMember{Email: unique() + "@h.example"})
			return err
		})
	}
	if err := joins(); err != nil {
		t.Fatal(err)
	}
	if u, err := h.svc.Usage(boss); err != nil || u.Quota != tenants.DefaultQuota() || u.Used.People != 2 {
		t.Errorf("what is used: %+v, %v", u, err)
	}
	if err := h.svc.SetQuota(boss, tenants.NewQuota{People: new(1000)}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an administrator changes the limits: %v", err)
	}
	if err := h.svc.SetQuota(operator, tenants.NewQuota{People: new(3), Storage: new(int64(100)), InvitesHour: new(0)}); err != nil {
		t.Fatal(err)
	}
	if err := joins(); err != nil {
		t.Errorf("the third of three: %v", err)
	}
	err := joins()
	if key, args := errs.MessageKey(err); key != "house.quota.people_full" || len(args) != 2 || args[1] != 3 {
		t.Errorf("the fourth of three: %v, %q %v", err, key, args)
	}
	if err := h.svc.SetQuota(operator, tenants.NewQuota{Storage: new(int64(50))}); err != nil {
		t.Fatal(err)
	}
	if u, _ := h.svc.Usage(boss); u.People != 3 || u.Storage != 50 {
		t.Errorf("what is not named stays: %+v", u.Quota)
	}
	it := h.item(tenants.KindCourse, "Course", noon)
	for _, tt := range []struct {
		size int64
		may  bool
	}{{30, true}, {30, false}, {20, true}} {
		err := h.as(func(tx *db.Tx) error {
			if _, err := tx.Exec(`INSERT INTO files (org_id, file_id, item_id, sha256, name, media_type, size) VALUES ($1, $2, $3, decode(repeat('00', 32), 'hex'), 'a', 'text/plain', $4)`,
				tx.Scope.Org, id.New[id.File](), it.ItemID, tt.size); err != nil {
				return err
			}
			return tenants.RoomForFiles(tx)
		})
		if tt.may != (err == nil) {
			t.Errorf("%d bytes more: %v", tt.size, err)
		}
	}
	if err := h.as(tenants.RoomForInvitation); !errs.Is(err, errs.RateLimited) {
		t.Errorf("an invitation where none may be sent: %v", err)
	}
	// Nobody gives more to themselves, whatever code asks for it.
	if err := h.d.Tx(boss, func(tx *db.Tx) error {
		return tx.Must(`UPDATE quotas SET people = 1000 WHERE org_id = $1`, h.org.OrgID)
	}); err == nil {
		t.Error("an administrator's statement changes the limits")
	}
	other := newHouse(t, h.d)
	if u, err := other.svc.Usage(other.boss()); err != nil || u.Quota != tenants.DefaultQuota() {
		t.Errorf("another organization's limits: %+v, %v", u.Quota, err)
	}
}
