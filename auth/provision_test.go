package auth_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// TestDeactivating holds what ends with a membership that the provider takes out: sessions, tokens and links that wait, in the same
// moment; and that of two administrators who are taken out at once, one stays.
func TestDeactivating(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var people []tenants.Membership
	w.tx(w.post, func(tx *db.Tx) error {
		people = nil
		for i, roles := range [][]scope.Role{{scope.Administrator}, {scope.Administrator}, {scope.Learner}} {
			m, err := tenants.AddMember(tx, tenants.NewMember{Name: fmt.Sprintf("Person %d", i), Email: fmt.Sprintf("p%d@%s.example", i, w.post.Slug), Roles: roles})
			if err != nil {
				return err
			}
			people = append(people, m)
		}
		return nil
	})
	as := func(m tenants.Membership) context.Context {
		return dbtest.As(t, m.OrgID, m.MembershipID, m.PersonID, m.Roles...)
	}
	admin, learner := as(people[0]), people[2]

	if _, err := w.svc.CreateToken(dbtest.System(t, scope.Operator, w.post.OrgID), auth.NewToken{Email: learner.Email, Name: "x", Scopes: []string{"read:content"}, Expires: w.now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.exec(w.post, `INSERT INTO sessions (org_id, session_id, token_hash, membership_id, created_at, seen_at, expires_at) VALUES ($1, $2, decode(repeat('ab', 32), 'hex'), $3, now(), now(), now() + interval '1 hour')`, id.New[id.Session](), learner.MembershipID)
	if _, err := w.svc.AskLink(dbtest.System(t, scope.SignIn, w.post.OrgID), w.post.Organization, learner.Email, auth.Browser{Network: "192.0.2.1"}, "/"); err != nil {
		t.Fatal(err)
	}
	left := func() (n [3]int) {
		for i, q := range []string{
			`SELECT count(*)::int FROM sessions WHERE org_id = $1 AND membership_id = $2`, `SELECT count(*)::int FROM api_tokens WHERE org_id = $1 AND membership_id = $2`,
			`SELECT count(*)::int FROM email_links l JOIN memberships m ON m.org_id = $1 AND m.membership_id = $2 WHERE l.org_id = $1 AND l.email = m.email`,
		} {
			n[i] = w.count(w.post, q, learner.MembershipID)
		}
		return n
	}
	if n := left(); n != [3]int{1, 1, 1} {
		t.Fatalf("before: %v", n)
	}
	active := func(is bool) func(*auth.Provisioned) error {
		return func(p *auth.Provisioned) error {
			p.Active = is
			return nil
		}
	}
	if _, err := w.svc.ChangeProvisioned(as(learner), people[0].MembershipID, active(false)); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner deactivates: %v", err)
	}
	if _, err := w.svc.ChangeProvisioned(admin, learner.MembershipID, active(false)); err != nil {
		t.Fatal(err)
	}
	if n := left(); n != [3]int{} {
		t.Errorf("after: %v", n)
	}
	if p, err := w.svc.ChangeProvisioned(admin, learner.MembershipID, active(true)); err != nil || !p.Active {
		t.Errorf("back: %v %v", p, err)
	}
	if n := left(); n != [3]int{} {
		t.Errorf("what ended is back: %v", n)
	}

	var wg sync.WaitGroup
	failed := make([]error, 2)
	for i := range 2 {
		wg.Go(func() { _, failed[i] = w.svc.ChangeProvisioned(admin, people[i].MembershipID, active(false)) })
	}
	wg.Wait()
	if (failed[0] == nil) == (failed[1] == nil) || !errs.Is(failed[0], errs.Conflict) && !errs.Is(failed[1], errs.Conflict) {
		t.Errorf("two administrators are taken out at once: %v, %v", failed[0], failed[1])
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND state = 'active' AND 'administrator' = ANY(roles)`); n != 1 {
		t.Errorf("%d administrators are left", n)
	}
}

// TestProvisionedRoom holds the limit of people: who is prepared counts, who is taken out does not, and the count is the one that counting
// gives.
func TestProvisionedRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var boss tenants.Membership
	w.tx(w.post, func(tx *db.Tx) (err error) {
		boss, err = tenants.AddMember(tx, tenants.NewMember{Name: "Boss", Email: "boss@" + w.post.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
		return err
	})
	three := 3
	if err := w.tenants.SetQuota(dbtest.System(t, scope.Operator, w.post.OrgID), tenants.NewQuota{People: &three}); err != nil {
		t.Fatal(err)
	}
	admin := dbtest.As(t, boss.OrgID, boss.MembershipID, boss.PersonID, boss.Roles...)
	add := func(name string, active bool) (auth.Provisioned, error) {
		return w.svc.ProvisionPerson(admin, auth.Provisioned{UserName: name + "@" + w.post.Slug + ".example", Active: active})
	}
	one, err := add("one", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := add("two", true); err != nil {
		t.Fatal(err)
	}
	if _, err := add("three", true); !errs.Is(err, errs.Conflict) || !strings.Contains(fmt.Sprint(errs.MessageKey(err)), "people_full") {
		t.Errorf("one more than may be: %v", err)
	}
	idle, err := add("four", false)
	if err != nil {
		t.Errorf("somebody who is not active: %v", err)
	}
	on := func(p *auth.Provisioned) error { p.Active = true; return nil }
	if _, err := w.svc.ChangeProvisioned(admin, idle.MembershipID, on); !errs.Is(err, errs.Conflict) {
		t.Errorf("coming back when it is full: %v", err)
	}
	if err := w.svc.RemoveProvisioned(admin, one.MembershipID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.ChangeProvisioned(admin, idle.MembershipID, on); err != nil {
		t.Errorf("coming back when there is room: %v", err)
	}
	if counted, kept := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND state <> 'left'`), w.count(w.post, `SELECT here FROM people_counts WHERE org_id = $1`); counted != 3 || kept != 3 {
		t.Errorf("%d are here, %d were counted", counted, kept)
	}
}
