package courses_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What an organization sees no more it holds no seat in: who waits moves up, and both are told.
func TestASeatInWhatIsClosedGoesToWhoWaits(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	session, past := h.plan(48*time.Hour, 1), h.plan(24*time.Hour, 1)
	waiting, going := h.colleague(h.vendor), h.colleague(h.partner)
	for _, s := range []struct {
		who  func() (string, error)
		want string
	}{
		{func() (string, error) { return h.svc.TakeSeat(going, session, "name") }, courses.LiveSeat},
		{func() (string, error) { return h.svc.TakeSeat(waiting, session, "name") }, courses.LiveWaiting},
		{func() (string, error) { return h.svc.TakeSeat(going, past, "name") }, courses.LiveSeat},
	} {
		if got, err := s.who(); err != nil || got != s.want {
			t.Fatalf("%s, want %s, %v", got, s.want, err)
		}
	}
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE live_sessions SET starts_at = $3, ends_at = $4 WHERE org_id = $1 AND session_id = $2`, tx.Scope.Org, past, tx.Now.Add(-3*time.Hour), tx.Now.Add(-2*time.Hour))
	})
	h.told(h.partner)
	h.told(h.vendor)
	seats := func() int {
		return one[int](dbtest.System(t, scope.Usher, h.partner.org.OrgID), h.world, `SELECT count(*)::int FROM live_seats s WHERE s.org_id = $1`, h.partner.org.OrgID)
	}
	news := func() {
		h.tx(h.partner.ctx, func(tx *db.Tx) error {
			return jobs.Emit(tx, tenants.ConnectionChanged{Org: h.partner.org.OrgID, Other: h.vendor.org.OrgID, What: "connection.ended"})
		})
	}
	// News alone takes nothing away.
	news()
	if h.mails(h.partner); seats() != 2 {
		t.Fatalf("%d seats while it is open", seats())
	}
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, h.vendor.org.OrgID, h.partner.org.OrgID)
		return err
	})
	news()
	if got := h.mails(h.partner, "No seat any more: Ask the field"); !strings.Contains(got[0], "METHOD:CANCEL") || strings.Contains(got[0], meeting) {
		t.Errorf("told:\n%s", got[0])
	}
	if n := seats(); n != 1 {
		t.Errorf("%d seats are left, want that of the past session", n)
	}
	h.mails(h.vendor, "You have a seat")
	if v, err := h.svc.LiveSession(waiting, session); err != nil || v.Mine != courses.LiveSeat {
		t.Errorf("who waited: %q, %v", v.Mine, err)
	}
	news()
	h.mails(h.partner)
	// Nobody takes a seat away from the people of another organization by it.
	for name, who := range map[string]scope.Actor{"its usher": scope.Usher, "its mailer": scope.Mailer} {
		h.tx(dbtest.System(t, who, h.vendor.org.OrgID), func(tx *db.Tx) error {
			if n, err := tx.Exec(`DELETE FROM live_seats WHERE session_org = $1 AND org_id = $2`, h.vendor.org.OrgID, h.partner.org.OrgID); err != nil || n != 0 {
				t.Errorf("%s took %d seats, %v", name, n, err)
			}
			return nil
		})
	}
}

// One thing that closes is enough: what people of the partner have no seat in any more is free at once, whoever closed it and however.
func TestASeatInOneThingThatClosesIsFreeAtOnce(t *testing.T) {
	t.Parallel()
	for name, shut := range map[string]func(*hall, context.Context) error{
		"taken out of a collection": func(h *hall, by context.Context) error {
			return h.tenants.RemoveFromCollection(by, "shared", h.item.ItemID)
		},
		"a collection": func(h *hall, by context.Context) error {
			return h.tenants.SetVisibility(by, "shared", tenants.Internal)
		},
		"a collection to one": func(h *hall, _ context.Context) error {
			return h.db.Tx(h.vendor.ctx, func(tx *db.Tx) error { return tenants.Close(tx, "shared", h.partner.org.OrgID) })
		},
		"the course": func(h *hall, _ context.Context) error {
			return h.db.Tx(h.vendor.ctx, func(tx *db.Tx) error { return tenants.RetireItem(tx, h.item.ItemID) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := openHall(t)
			session := h.plan(48*time.Hour, 1)
			waiting := h.colleague(h.vendor)
			if got, err := h.svc.TakeSeat(h.partner.member, session, "name"); err != nil || got != courses.LiveSeat {
				t.Fatal(got, err)
			}
			if got, err := h.svc.TakeSeat(waiting, session, "name"); err != nil || got != courses.LiveWaiting {
				t.Fatal(got, err)
			}
			elsewhere := h.planFor(h.course("stays", "open").ItemID, 48*time.Hour, func(*courses.LiveDraft) {})
			if got, err := h.svc.TakeSeat(h.partner.member, elsewhere, "name"); err != nil || got != courses.LiveSeat {
				t.Fatal(got, err)
			}
			h.told(h.partner)
			h.told(h.vendor)
			h.tx(h.vendor.ctx, func(tx *db.Tx) error {
				return jobs.Emit(tx, tenants.ItemChanged{Org: h.vendor.org.OrgID, Item: h.item.ItemID})
			})
			h.mails(h.partner) // News of what is open takes nothing away.
			h.did(shut(h, h.watcher(h.vendor)))
			if got := h.mails(h.partner, "No seat any more: Ask the field"); !strings.Contains(got[0], "METHOD:CANCEL") {
				t.Errorf("told:\n%s", got[0])
			}
			h.mails(h.vendor, "You have a seat")
			if left := one[id.Any](h.partner.member, h.world, `SELECT s.session_id FROM live_seats s WHERE s.org_id = $1`, h.partner.org.OrgID); left != elsewhere {
				t.Errorf("the seat in %s is left, not that in what stays open", left)
			}
		})
	}
}
