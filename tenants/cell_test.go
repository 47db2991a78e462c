package tenants_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// learnedAt puts a member of b on an item at a time, finished at another one unless it is zero.
func (p *pair) learnedAt(t *testing.T, m id.Membership, it tenants.Item, started, finished time.Time) {
	t.Helper()
	state, done := "active", (*time.Time)(nil)
	if !finished.IsZero() {
		state, done = "completed", &finished
	}
	p.b.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, state, title, kind, started_at, completed_at) VALUES ($1, gen_random_uuid(), $2, $3, $4, 1, 'choice', $5, $6, $7, $8, $9)`,
			p.b.org.OrgID, m, it.OrgID, it.ItemID, state, it.Title, it.Kind, started, done)
		return err
	})
}

func (p *pair) countFrom(t *testing.T, from time.Time) {
	t.Helper()
	owner := connect(t, dbtest.OwnerDSN(t, "learnscape_owner"))
	if _, err := owner.Exec(t.Context(), `UPDATE cell_marks SET next_week = date_trunc('week', $3::timestamptz AT TIME ZONE 'UTC')::date WHERE org_id = $1 AND other_org = $2`, p.b.org.OrgID, p.a.org.OrgID, from); err != nil {
		t.Fatal(err)
	}
}

func (p *pair) release(t *testing.T) {
	t.Helper()
	if err := p.b.svc.Release(dbtest.System(t, scope.Discloser, p.b.org.OrgID)); err != nil {
		t.Fatal(err)
	}
}

// totals are the rows of the last quarter, as "kind title: started/finished".
func (p *pair) totals(t *testing.T) []string {
	t.Helper()
	v, err := p.a.svc.TotalsAbout(p.a.network(), p.b.org.OrgID, false, time.Time{}, true)
	if err != nil {
		t.Fatal(err)
	}
	mirror, err := p.b.svc.TotalsAbout(p.b.network(), p.a.org.OrgID, true, time.Time{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.Cells, mirror.Cells); diff != "" {
		t.Errorf("the two sides see different figures: %s", diff)
	}
	out := []string{}
	for _, r := range v.Rows {
		s := "hidden"
		if r.Started != nil {
			s = fmt.Sprintf("%d/%d", *r.Started, *r.Finished)
		}
		out = append(out, r.Kind+" "+r.Title+": "+s)
	}
	return out
}

// lastQuarter is a day in the fifth week of a quarter of ISO weeks that is over.
func lastQuarter(now time.Time) time.Time {
	at := now.AddDate(0, 0, -7*20).UTC()
	_, week := at.ISOWeek()
	return at.AddDate(0, 0, -7*((week-1)%13-4))
}

func TestTotalsAreReleasedOnceAndHideTheFew(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	much, little, other := p.a.item(tenants.KindCourse, "Much", noon), p.a.item(tenants.KindCourse, "Little", noon), p.a.item(tenants.KindPath, "Other", noon)
	p.agree(t, tenants.LearnsNamed, "")
	mid := lastQuarter(p.d.Now())
	p.countFrom(t, mid.AddDate(0, 0, -70))
	for i := range 9 {
		ctx, m := p.b.member(fmt.Sprintf("Person %d", i))
		p.learnedAt(t, m, much, mid, mid.AddDate(0, 0, 7))
		if i < 2 {
			p.learnedAt(t, m, little, mid, time.Time{})
		}
		if i >= 2 && i < 5 {
			p.learnedAt(t, m, other, mid, time.Time{})
		}
		if i == 8 {
			p.say(t, ctx, tenants.ConsentGiven)
		}
	}
	p.release(t)
	// Who is known by name is not counted: eight of nine. Two and three are too few, and together they are five.
	want := []string{"organization : 13/8", "item Little: hidden", "item Much: 8/8", "item Other: hidden"}
	if diff := cmp.Diff(want, p.totals(t)); diff != "" {
		t.Errorf("what is released (-want +got): %s", diff)
	}
	// What comes later changes nothing of it.
	_, late := p.b.member("Late")
	p.learnedAt(t, late, little, mid, mid)
	p.release(t)
	if diff := cmp.Diff(want, p.totals(t)); diff != "" {
		t.Errorf("after another release (-want +got): %s", diff)
	}
	for _, q := range []string{`UPDATE cells SET started = 9 WHERE org_id = $1`, `DELETE FROM cells WHERE org_id = $1`, `UPDATE cell_counts SET shown = true WHERE org_id = $1`} {
		for _, ctx := range []struct {
			a   scope.Actor
			org id.Org
		}{{scope.Discloser, p.a.org.OrgID}, {scope.Discloser, p.b.org.OrgID}, {scope.Operator, p.a.org.OrgID}} {
			if err := p.d.Tx(dbtest.System(t, ctx.a, ctx.org), func(tx *db.Tx) error { _, err := tx.Exec(q, ctx.org); return err }); err == nil {
				t.Errorf("not refused: %s as %s", q, ctx.a)
			}
		}
	}
	if _, err := p.a.svc.TotalsAbout(p.a.network(), p.b.org.OrgID, false, mid.AddDate(-3, 0, 0), false); !errs.Is(err, errs.NotFound) {
		t.Errorf("a quarter that there is none of: %v", err)
	}
	stranger := newHouse(t, p.d)
	if _, err := stranger.svc.TotalsAbout(stranger.network(), p.b.org.OrgID, false, time.Time{}, false); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stranger reads totals: %v", err)
	}
}

func TestOneSmallItemHidesTheTotal(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	much, little := p.a.item(tenants.KindCourse, "Much", noon), p.a.item(tenants.KindCourse, "Little", noon)
	p.agree(t, tenants.LearnsTotals, "")
	mid := lastQuarter(p.d.Now())
	p.countFrom(t, mid.AddDate(0, 0, -70))
	for i := range 9 {
		_, m := p.b.member(fmt.Sprintf("Person %d", i))
		p.learnedAt(t, m, much, mid, time.Time{})
		if i < 3 {
			p.learnedAt(t, m, little, mid, time.Time{})
		}
	}
	p.release(t)
	if diff := cmp.Diff([]string{"organization : hidden", "item Little: hidden", "item Much: 9/0"}, p.totals(t)); diff != "" {
		t.Errorf("subtraction would tell (-want +got): %s", diff)
	}
}

func TestNothingIsReleasedWithoutTerms(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course := p.a.item(tenants.KindCourse, "Course", noon)
	p.agree(t, tenants.LearnsTotals, "")
	mid := lastQuarter(p.d.Now())
	p.countFrom(t, mid.AddDate(0, 0, -70))
	for i := range 9 {
		_, m := p.b.member(fmt.Sprintf("Person %d", i))
		p.learnedAt(t, m, course, mid, time.Time{})
	}
	if err := p.b.svc.Pause(p.b.network(), p.a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	p.release(t)
	if got := p.totals(t); len(got) != 0 {
		t.Errorf("paused: %v", got)
	}
	if err := p.b.svc.Resume(p.b.network(), p.a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	p.release(t)
	if got := p.totals(t); len(got) != 0 {
		t.Errorf("resumed, and weeks before are counted: %v", got)
	}
	p.agree(t, tenants.LearnsNothing, "")
	const total = `INSERT INTO cells (org_id, giver_org, kind, thing, first_week, weeks, title, items, started, finished, released_at) VALUES ($1, $2, 'item', gen_random_uuid(), '2026-01-05', 1, 'x', '{}', $3, 0, now())`
	if err := p.d.Tx(dbtest.System(t, scope.Discloser, p.a.org.OrgID), func(tx *db.Tx) error {
		_, err := tx.Exec(total, p.a.org.OrgID, p.b.org.OrgID, 9)
		return err
	}); err == nil {
		t.Error("a total that nobody signed is written")
	}
}

// How many finished is read by everybody who sees an item. Whoever polls it week by week, and knows what the own people did, learns of
// five people of one organization or of nobody: not of the one who finished in between, and never of whose agreement gives no totals.
func TestNobodysFinishShowsInHowManyFinished(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	now := lastQuarter(d.Now()).AddDate(0, 0, -4*7)
	now = time.Date(now.Year(), now.Month(), now.Day()-(int(now.Weekday())+6)%7, 9, 0, 0, 0, time.UTC)
	clock, err := db.Open(t.Context(), db.Options{DSN: dsn("learnscape_app"), MaxConns: 4, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(clock.Close)
	near := newPairIn(t, d)
	publisher, course := near.a, near.a.item(tenants.KindCourse, "Course", noon)
	publisher.collection("everybody", "public", course)
	far := &pair{d: d, a: publisher, b: newHouse(t, d), ca: near.ca}
	far.cb = far.b.collection("shared", "agreement", far.b.item(tenants.KindStory, "C's story", noon))
	own, silent := &pair{d: d, a: publisher, b: publisher}, &pair{d: d, a: publisher, b: newHouse(t, d)}
	near.agree(t, tenants.LearnsTotals, "")
	far.agree(t, tenants.LearnsTotals, "")
	for _, p := range []*pair{near, far} {
		p.b.must(func(tx *db.Tx) error {
			return tx.As(scope.Discloser, p.b.org.OrgID, func() error {
				return tx.Must(`UPDATE cell_marks SET next_week = $2 WHERE org_id = $1`, p.b.org.OrgID, now)
			})
		})
	}
	polls := func() int {
		t.Helper()
		all := map[int]bool{}
		for _, h := range []*house{near.b, far.b, silent.b, publisher} {
			it, _, err := h.svc.Item(scope.Enter(t.Context(), h.viewer), course.ItemID)
			if err != nil {
				t.Fatal(err)
			}
			all[it.Finished] = true
		}
		if len(all) != 1 {
			t.Errorf("not the same for all: %v", all)
		}
		return slices.Collect(maps.Keys(all))[0]
	}
	weeks := []struct{ near, far, own, silent, want int }{
		{4, 0, 0, 0, 0},
		{1, 0, 0, 0, 0},
		{6, 0, 0, 0, 6},
		{1, 0, 0, 0, 6},
		{7, 2, 0, 0, 13},
		{0, 5, 3, 0, 18},
		{0, 0, 5, 0, 23},
		{0, 0, 0, 9, 23},
		{},
		{},
		{},
		{},
		{},
		{},
		{}, // The quarter ends: six of three weeks that were too few each are one figure; two and three stay unknown.
	}
	for i, w := range weeks {
		before := polls()
		for _, g := range []struct {
			p *pair
			n int
		}{{near, w.near}, {far, w.far}, {own, w.own}, {silent, w.silent}} {
			for range g.n {
				_, m := g.p.b.member("Somebody")
				g.p.learnedAt(t, m, course, now, now.Add(time.Hour))
			}
		}
		if got := polls(); got != before {
			t.Errorf("week %d: %d before it was over, and %d when somebody had finished", i+1, before, got)
		}
		now = now.AddDate(0, 0, 7)
		for _, h := range []*house{near.b, far.b, silent.b, publisher} {
			if err := tenants.New(clock, base).Release(dbtest.System(t, scope.Discloser, h.org.OrgID)); err != nil {
				t.Fatal(err)
			}
		}
		if i < 8 && polls() != w.want {
			t.Errorf("after week %d: %d, want %d", i+1, polls(), w.want)
		}
	}
	if got := polls(); got != 29 {
		t.Errorf("after the quarter: %d, want 29", got)
	}
}
