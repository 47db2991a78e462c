package tenants_test

import (
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/scope"
)

// The administrators of a closed organization are told a week and a day before it is erased, and those of one that is there once that a
// domain has lost its record.
func TestAdministratorsAreWarned(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	mails := func(h *house) (out []string) {
		t.Helper()
		h.must(func(tx *db.Tx) (err error) {
			out, err = db.Rows[string](tx, `SELECT split_part(m.recipient, '@', 1) || ': ' || m.subject FROM mails m WHERE m.org_id = $1 AND (m.recipient LIKE 'admin@%' OR m.recipient LIKE 'partners@%') AND (m.subject LIKE '%erased%' OR m.subject LIKE '%record%') ORDER BY m.created_at, m.mail_id`, tx.Scope.Org)
			return err
		})
		return out
	}
	warn := func(h *house, at time.Time, closed bool) {
		t.Helper()
		for range 2 {
			got, err := k.routine.Warn(dbtest.System(t, scope.Mailer, h.org.OrgID), at)
			if err != nil || got != closed {
				t.Fatalf("closed %v, %v", got, err)
			}
		}
	}
	k.a.must(func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO domains (org_id, domain, token, created_at, lost_at) VALUES ($1, $2, repeat('x', 43), now(), now())`, tx.Scope.Org, k.a.org.Slug+".example.com")
	})
	now := k.d.Now()
	warn(k.a, now.Add(time.Hour), false)
	warn(k.a, now.AddDate(0, 0, 2), false)
	if got, want := mails(k.a), "admin: The record of "+k.a.org.Slug+".example.com is gone"; len(got) != 1 || got[0] != want {
		t.Errorf("about the domain: %q, not %q", got, want)
	}

	if err := k.b.svc.Close(k.b.boss(), k.b.org.Name); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		days int
		want int
	}{{20, 0}, {24, 1}, {28, 1}, {29, 2}, {31, 2}} {
		warn(k.b, now.AddDate(0, 0, step.days).Add(time.Hour), true)
		if got := mails(k.b); len(got) != step.want {
			t.Errorf("after %d days: %q", step.days, got)
		}
	}
	if got := mails(k.a); len(got) != 1 {
		t.Errorf("the neighbour is told %q", got)
	}
}
