package tenants_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Whatever an organization shares rests with it, in each way in which others read it, from the commit on; and comes back whole.
func TestWhatIsSharedRests(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	p, operator := k.pair, dbtest.System(t, scope.Operator, k.b.org.OrgID)
	course := p.a.item(tenants.KindCourse, "Course", noon)
	p.agree(t, tenants.LearnsNamed, "")
	mid := lastQuarter(p.d.Now())
	p.b.must(func(tx *db.Tx) error {
		return tx.As(scope.Discloser, p.b.org.OrgID, func() error {
			return tx.Must(`UPDATE cell_marks SET next_week = date_trunc('week', $2::timestamptz AT TIME ZONE 'UTC')::date WHERE org_id = $1`, p.b.org.OrgID, mid.AddDate(0, 0, -70))
		})
	})
	for i := range 8 {
		ctx, m := p.b.member(fmt.Sprintf("Person %d", i))
		p.learnedAt(t, m, course, mid, mid.AddDate(0, 0, 7))
		if i == 0 {
			p.say(t, ctx, tenants.ConsentGiven)
			p.carry(t, m)
		}
	}
	p.release(t)
	standard, _, err := p.b.svc.Publish(p.b.network(), id.Any{}, "Terms", tenants.Proposal{WeCall: "peer", TheyCall: "peer"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := p.b.svc.OpenLink(p.b.network(), standard, "Fair", 9, p.d.Now().AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	// One of the standing and one that was asked a while ago.
	waits := newHouse(t, p.d)
	if err := p.b.svc.Ask(p.b.network(), waits.org.OrgID, tenants.Proposal{WeCall: "peer", TheyCall: "peer"}); err != nil {
		t.Fatal(err)
	}
	reads := func() (out []string) {
		if n := len(p.learned(t)); n > 0 {
			out = append(out, fmt.Sprintf("%d names", n))
		}
		v, err := p.a.svc.TotalsAbout(p.a.network(), p.b.org.OrgID, false, time.Time{}, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Cells) > 0 || len(v.Quarters) > 0 {
			out = append(out, "totals")
		}
		var near []tenants.Neighbour
		if err := p.d.ReadAs(t.Context(), p.a.viewer, func(b *db.Batch) { tenants.Neighbours(b, &near, p.a.viewer) }); err != nil {
			t.Fatal(err)
		}
		if len(near) > 0 {
			out = append(out, "a neighbour")
		}
		if sees(t, p.d, p.a.viewer, p.sb) {
			out = append(out, "a story")
		}
		if _, err := p.a.svc.Linked(scope.Enter(t.Context(), visitor), token); err == nil {
			out = append(out, "an offer")
		} else if !errs.Is(err, errs.NotFound) {
			t.Error(err)
		}
		if _, err := p.a.svc.Join(p.a.network(), token, [32]byte{}, true, "peer"); err != nil && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Conflict) {
			t.Error(err)
		}
		return out
	}
	all := []string{"1 names", "totals", "a neighbour", "a story", "an offer"}
	for _, state := range []struct {
		when string
		do   func() error
		want []string
	}{
		{"at first", func() error { return nil }, all},
		{"suspended", func() error { return p.b.svc.Suspend(operator, "unpaid") }, nil},
		{"back", func() error { return p.b.svc.Reinstate(operator, "paid") }, all},
	} {
		if err := state.do(); err != nil {
			t.Fatal(err)
		}
		if got := reads(); fmt.Sprint(got) != fmt.Sprint(state.want) {
			t.Errorf("%s: others read %v, want %v", state.when, got, state.want)
		}
	}
	// Whoever it is about sees what went, also while the receiver rests.
	if err := p.a.svc.Suspend(dbtest.System(t, scope.Operator, p.a.org.OrgID), "unpaid"); err != nil {
		t.Fatal(err)
	}
	if v, err := p.b.svc.TotalsAbout(p.b.network(), p.a.org.OrgID, true, time.Time{}, true); err != nil || len(v.Cells) == 0 {
		t.Errorf("what went to one that rests: %d figures, %v", len(v.Cells), err)
	}
	if err := p.a.svc.Reinstate(dbtest.System(t, scope.Operator, p.a.org.OrgID), "paid"); err != nil {
		t.Fatal(err)
	}
	// What is over is over, although it rested.
	if err := p.b.svc.Suspend(operator, "unpaid"); err != nil {
		t.Fatal(err)
	}
	if err := p.a.svc.End(p.a.network(), p.b.org.OrgID, true); err != nil {
		t.Fatal(err)
	}
	if err := p.b.svc.Reinstate(operator, "paid"); err != nil {
		t.Fatal(err)
	}
	if got := p.learned(t); len(got) > 0 {
		t.Errorf("names after an end during the rest: %v", got)
	}
}

// Nobody is asked to answer who cannot be answered to.
func TestNobodyIsRemindedOfWhoRests(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	operator := dbtest.System(t, scope.Operator, k.a.org.OrgID)
	if err := k.a.svc.Ask(k.a.network(), k.b.org.OrgID, k.offer(k.a, 30)); err != nil {
		t.Fatal(err)
	}
	if err := k.a.svc.Suspend(operator, "unpaid"); err != nil {
		t.Fatal(err)
	}
	k.want(t, "the offer of one that rests by now", k.b)
	k.remind(t, k.d.Now().AddDate(0, 0, 4))
	k.want(t, "after four days", k.b)
	if err := k.a.svc.Reinstate(operator, "paid"); err != nil {
		t.Fatal(err)
	}
	k.remind(t, k.d.Now().AddDate(0, 0, 5))
	k.want(t, "when it is back", k.b, "House wartet noch auf Ihre Antwort")
}
