package courses_test

import (
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
)

// What somebody came for is kept with what they began, can be changed, and is nobody else's to say.
func TestIntent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("meant", "shared")
	ctx := w.partner.member
	refused(t, "before it is begun", w.svc.SetIntent(ctx, it.ItemID, courses.IntentLook), errs.NotFound)
	if err := w.svc.Start(ctx, it.ItemID, courses.Origin{Intent: courses.IntentAnswer}); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		t.Helper()
		v, err := w.svc.Course(ctx, it.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		return v.Intent
	}
	if got := said(); got != courses.IntentAnswer {
		t.Errorf("came for %q", got)
	}
	if n := one[int](ctx, w, `SELECT count(*)::int FROM statements WHERE org_id = $1 AND verb = 'enrolled' AND context->>'intent' = 'answer'`, w.partner.org.OrgID); n != 1 {
		t.Errorf("%d statements say so", n)
	}
	if err := w.svc.SetIntent(ctx, it.ItemID, courses.IntentWhole); err != nil || said() != courses.IntentWhole {
		t.Errorf("changed: %v, %q", err, said())
	}
	refused(t, "something else", w.svc.SetIntent(ctx, it.ItemID, "sleep"), errs.Malformed)
	refused(t, "a colleague who has not begun", w.svc.SetIntent(w.colleague(w.partner), it.ItemID, courses.IntentLook), errs.NotFound)
	refused(t, "another organization", w.svc.SetIntent(w.other.member, it.ItemID, courses.IntentLook), errs.NotFound)
}

// Whether somebody came back is noted by days from the first visit on, once each, and nothing else is.
func TestReturnsAreNoted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO sessions (org_id, session_id, token_hash, membership_id, seen_at, expires_at) VALUES ($1, gen_random_uuid(), 'x', $2, $3, $3)`, tx.Scope.Org, w.partner.m.MembershipID, first)
	})
	for _, tt := range []struct {
		day  int
		want string
	}{{0, "false false false"}, {2, "true false false"}, {40, "true false false"}, {10, "true false true"}, {7, "true true true"}} {
		w.tx(w.partner.ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE sessions SET seen_at = $2 WHERE org_id = $1`, tx.Scope.Org, first.AddDate(0, 0, tt.day).Add(time.Hour))
		})
		if got := one[string](w.partner.ctx, w, `SELECT concat_ws(' ', r.day3::text, r.day7::text, r.day30::text) FROM returns r WHERE r.org_id = $1 AND r.first_on = '2026-03-01'`, w.partner.org.OrgID); got != tt.want {
			t.Errorf("day %d: %s, want %s", tt.day, got, tt.want)
		}
	}
	if n := one[int](w.other.member, w, `SELECT count(*)::int FROM returns`); n != 0 {
		t.Errorf("another organization reads %d", n)
	}
}
