package tenants_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What the people of one organization read of another is counted without their names. The readers' administrators see it at once, the
// owner's only for whole weeks and from five people on; nothing is kept of who is not connected, of the own, and of a view.
func TestReadsAcrossOrganizations(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	third := newHouse(t, l.d)
	manager := func(h *house) context.Context {
		return dbtest.As(t, h.org.OrgID, h.viewer.Membership, id.Person{}, scope.Administrator)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.a.svc.Ask(manager(l.a), l.b.org.OrgID, tenants.Proposal{WeCall: "partner", TheyCall: "vendor"}))
	v, err := l.b.svc.Connection(manager(l.b), l.a.org.OrgID)
	must(err)
	must(l.b.svc.Sign(manager(l.b), l.a.org.OrgID, v.Proposed.Number, v.Proposed.Hash, ""))
	reads := tenants.NewReads(l.d, ring(t, 1), slog.New(slog.DiscardHandler))
	reader := func(h *house) scope.Scope {
		return scope.Scope{Actor: scope.Member, Org: h.org.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner}}
	}
	note := func(s scope.Scope, of *house, surface string, found bool, times int) {
		for range times {
			tenants.NoteRead(reads.With(scope.Enter(t.Context(), s), found), of.org.OrgID, surface)
		}
	}
	for range 12 { // A dozen people read a lesson of a's, more than can be taken for four; and one reads a path a hundred times.
		note(reader(l.b), l.a, tenants.ReadLesson, false, 1)
	}
	note(reader(l.b), l.a, tenants.KindPath, false, 100)
	note(reader(l.b), l.a, tenants.KindStory, true, 1)
	note(reader(l.b), l.b, tenants.KindPath, false, 1)
	note(reader(third), l.a, tenants.KindPath, false, 9)
	looking := reader(l.b)
	looking.View = l.a.org.OrgID
	note(looking, l.a, tenants.KindPath, false, 9)
	note(scope.Scope{Actor: scope.Visitor}, l.a, tenants.KindPath, false, 9)
	tenants.NoteRead(scope.Enter(t.Context(), reader(l.b)), l.a.org.OrgID, tenants.KindPath) // Nobody counts.
	must(reads.Flush(dbtest.System(t, scope.Counter, id.Org{})))
	must(reads.Flush(dbtest.System(t, scope.Counter, id.Org{}))) // Nothing is counted twice.

	of := func(h *house) (out []tenants.Crossing) {
		t.Helper()
		page, err := h.svc.Log(manager(h), tenants.LogFilter{})
		must(err)
		return page.Crossings
	}
	mine := []tenants.Crossing{
		{OrgID: l.a.org.OrgID, Name: "House", Surface: "lesson", Purpose: "learn", N: 12},
		{OrgID: l.a.org.OrgID, Name: "House", Surface: "path", Purpose: "learn", N: 100},
		{OrgID: l.a.org.OrgID, Name: "House", Surface: "story", Purpose: "find", N: 1},
	}
	if diff := cmp.Diff(mine, of(l.b)); diff != "" {
		t.Error(diff)
	}
	if got := of(l.a); len(got) != 0 {
		t.Errorf("this week is told already: %v", got)
	}
	if got := of(third); len(got) != 0 {
		t.Errorf("somebody who is not connected has %v", got)
	}
	// A week later it is told what five people did, and not what one did.
	l.force(`UPDATE reads_across SET day = day - 7`)
	want := []tenants.Crossing{{OrgID: l.b.org.OrgID, Name: "House", Ours: true, Surface: "lesson", Purpose: "learn", N: 12}}
	if diff := cmp.Diff(want, of(l.a)); diff != "" {
		t.Error(diff)
	}
	// Not by a row either: the owner of what is read sees the sums and no row; and nobody but the counter writes one.
	if err := l.d.ReadAs(t.Context(), scope.Scope{Actor: scope.Member, Org: l.a.org.OrgID}, func(b *db.Batch) {
		var n int
		db.One(b, &n, nil, `SELECT count(*)::int FROM reads_across`)
		t.Cleanup(func() {
			if n != 0 {
				t.Errorf("the owner reads %d rows", n)
			}
		})
	}); err != nil {
		t.Fatal(err)
	}
	write := func(a scope.Actor, org, of id.Org) error {
		return l.d.Tx(dbtest.System(t, a, org), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO reads_across (org_id, of_org, day, surface, purpose, n, people) VALUES ($1, $2, '2026-01-05', 'path', 'learn', 1000, -1)`, org, of)
			return err
		})
	}
	for name, err := range map[string]error{
		"a member":                write(scope.Operator, l.b.org.OrgID, l.a.org.OrgID),
		"of who is not connected": write(scope.Counter, third.org.OrgID, l.a.org.OrgID),
		"in the name of another organization": l.d.Tx(dbtest.System(t, scope.Counter, l.a.org.OrgID), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO reads_across (org_id, of_org, day, surface, purpose, n, people) VALUES ($1, $2, '2026-01-05', 'path', 'learn', 1000, -1)`, l.b.org.OrgID, l.a.org.OrgID)
			return err
		}),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s writes: %v", name, err)
		}
	}
}
