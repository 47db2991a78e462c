package courses_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// TestPastRecordIsRemovedSingly removes one record of a file long after the file could be undone: its person reads why, and nobody else removes
// or reads it.
func TestPastRecordIsRemovedSingly(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	a := c.inside[0]
	file := c.bring("mail,what,date\n" + c.address(a) + ",First aid,2024-05-01\n" + c.address(a) + ",Fire drill,2024-06-01\n" + c.address(c.outside) + ",First aid,2024-05-01\n")
	c.tx(c.house.ctx, func(tx *db.Tx) error { // Fifteen days later.
		return tx.Must(`UPDATE record_imports SET expires_at = $3 WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, file, tx.Now.Add(-1))
	})
	if err := c.svc.UndoPast(c.admin, file); !errs.Is(err, errs.Conflict) {
		t.Fatalf("the file is undone: %v", err)
	}
	record := func(of id.Membership, title string) id.Any {
		return one[id.Any](c.house.ctx, c.world, `SELECT record_id FROM past_records WHERE org_id = $1 AND membership_id = $2 AND title = $3`, c.org.OrgID, of, title)
	}
	wrong, right, other := record(a, "First aid"), record(a, "Fire drill"), record(c.outside, "First aid")
	for name, err := range map[string]error{
		"its person removes it":          c.svc.RemovePast(c.ctxOf[a], wrong, "It is not mine."),
		"a manager of another team":      c.svc.RemovePast(c.manager, other, "It is not theirs."),
		"another organization":           c.svc.RemovePast(c.administrator(c.vendor), wrong, "It is not theirs."),
		"what there is not":              c.svc.RemovePast(c.admin, id.New[id.Any](), "It is not there."),
		"another organization reads it":  func() error { _, err := c.svc.PastRecord(c.administrator(c.vendor), wrong); return err }(),
		"a manager of others reads it":   func() error { _, err := c.svc.PastRecord(c.manager, other); return err }(),
		"its person reads the removal's": func() error { _, err := c.svc.PastRecord(c.ctxOf[a], wrong); return err }(),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, reason := range []string{"", "  ", strings.Repeat("x", 301)} {
		if err := c.svc.RemovePast(c.manager, wrong, reason); !errs.Is(err, errs.Invalid) {
			t.Errorf("the reason %.10q: %v", reason, err)
		}
	}
	if p, err := c.svc.PastRecord(c.manager, wrong); err != nil || p.Title != "First aid" || p.Name != "In One" {
		t.Errorf("what is about to be removed: %+v, %v", p, err)
	}
	if err := c.svc.RemovePast(c.manager, wrong, " Somebody else's certificate. "); err != nil {
		t.Fatal(err)
	}
	v, err := c.svc.OwnTraining(c.ctxOf[a])
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Removed) != 1 || v.Removed[0].Title != "First aid" || v.Removed[0].Reason != "Somebody else's certificate." || v.Removed[0].By == "" {
		t.Errorf("its person reads %+v", v.Removed)
	}
	if len(v.Rows) != 1 || v.Rows[0].Record != right {
		t.Errorf("what stays: %+v", v.Rows)
	}
	if v, err := c.svc.OwnTraining(c.ctxOf[c.outside]); err != nil || len(v.Removed) != 0 || len(v.Rows) != 1 {
		t.Errorf("somebody else reads %+v, %v", v.Removed, err)
	}
	_, rows, _, err := c.svc.PastImport(c.admin, file, courses.PastFilter{Show: "undone"})
	if err != nil || len(rows) != 1 || rows[0].Title != "First aid" || rows[0].Reason != "records.reason.singly" {
		t.Errorf("the file says %+v, %v", rows, err)
	}
	if n := one[int](c.house.ctx, c.world, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'record.removed'`, c.org.OrgID); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}
