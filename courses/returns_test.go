package courses_test

import (
	"context"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Whether people come back is told by months, to who may see it, and of nobody who could be told from four others.
func TestReturnsAreTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	sc, err := scope.From(w.partner.member)
	w.did(err)
	sc.Roles = []scope.Role{scope.Learner, scope.Lead}
	lead := scope.Enter(t.Context(), sc)
	month := func(ago int) time.Time {
		n := w.db.Now().UTC()
		return time.Date(n.Year(), n.Month()-time.Month(ago), 1, 0, 0, 0, 0, time.UTC)
	}
	came := func(ago, people, again int) {
		for i := range people {
			w.tx(w.colleague(w.partner), func(tx *db.Tx) error {
				return tx.Must(`INSERT INTO returns (org_id, membership_id, first_on, day3, day30) VALUES ($1, $2, $3, $4, true)`, tx.Scope.Org, tx.Scope.Membership, month(ago), i < again)
			})
		}
	}
	came(3, 12, 6)
	came(4, 12, 4)
	came(5, 4, 2)
	came(20, 10, 5)
	came(0, 12, 6)
	list, err := w.svc.Returns(lead)
	w.did(err)
	got := map[time.Time]courses.Returning{}
	for _, r := range list {
		got[r.Month.UTC()] = r
	}
	if len(got) != 4 {
		t.Errorf("months: %s", says(list))
	}
	if r := got[month(3)]; r.People != 10 || r.Day3 == nil || *r.Day3 != .5 || r.Day7 != nil || r.Day30 != nil {
		t.Errorf("twelve people, told as ten, of whom six came again: %s", says(r))
	}
	if r := got[month(4)]; r.People != 10 || r.Day3 != nil {
		t.Errorf("four came again: %s", says(r))
	}
	if r := got[month(5)]; r.People != 0 || r.Day3 != nil {
		t.Errorf("four people: %s", says(r))
	}
	if r := got[month(0)]; r.Day30 != nil {
		t.Errorf("the days are not over: %s", says(r))
	}
	for name, ctx := range map[string]context.Context{"a learner": w.partner.member, "an author": w.author(w.partner)} {
		if _, err := w.svc.Returns(ctx); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, err := w.svc.Returns(w.administrator(w.vendor)); err != nil || len(list) != 0 {
		t.Errorf("another organization reads %s, %v", says(list), err)
	}
}
