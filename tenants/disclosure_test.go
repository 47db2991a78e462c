package tenants_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// enroll puts a member of b on an item, done of total parts far.
func (p *pair) enroll(t *testing.T, m id.Membership, it tenants.Item, done, total int) {
	t.Helper()
	state := "active"
	if done == total {
		state = "completed"
	}
	p.b.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, done, total, state, title, kind) VALUES ($1, gen_random_uuid(), $2, $3, $4, 1, 'choice', $5, $6, $7, $8, $9)
			ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET done = $5, total = $6, state = $7`, p.b.org.OrgID, m, it.OrgID, it.ItemID, done, total, state, it.Title, it.Kind)
		return err
	})
}

// carry does what an event about members of b, or the daily look, does.
func (p *pair) carry(t *testing.T, members ...id.Membership) {
	t.Helper()
	if err := p.b.svc.Disclose(dbtest.System(t, scope.Discloser, p.b.org.OrgID), members...); err != nil {
		t.Fatal(err)
	}
}

// learned is what a learns about b's people, as "name: title done/total".
func (p *pair) learned(t *testing.T) []string {
	t.Helper()
	v, err := p.a.svc.LearnedAbout(p.a.network(), p.b.org.OrgID, tenants.LearnedFilter{})
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, r := range v.Rows {
		out = append(out, fmt.Sprintf("%s: %s %d/%d", r.Name, r.Title, r.Done, r.Total))
	}
	return out
}

func (p *pair) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), p.learned(t)); diff != "" {
		t.Errorf("%s (-want +got): %s", when, diff)
	}
}

func TestNamesCrossWithinWhatWasSignedAndAgreedTo(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course, other := p.a.item(tenants.KindCourse, "Course", noon), p.a.item(tenants.KindCourse, "Other", noon)
	own := p.b.item(tenants.KindCourse, "B's own", noon)
	p.agree(t, tenants.LearnsNamed, "")
	ada, adaID := p.b.member("Ada")
	_, bobID := p.b.member("Bob")
	for _, m := range []id.Membership{adaID, bobID} {
		p.enroll(t, m, course, 1, 3)
		p.enroll(t, m, other, 2, 2)
		p.enroll(t, m, own, 1, 2)
	}
	p.carry(t)
	p.want(t, "nobody agreed")
	p.say(t, ada, tenants.ConsentGiven)
	p.want(t, "one agreed: at once, of the other's things alone", "Ada: Course 1/3", "Ada: Other 2/2")
	p.enroll(t, adaID, course, 2, 3)
	p.want(t, "before the event", "Ada: Course 1/3", "Ada: Other 2/2")
	p.carry(t, adaID)
	p.want(t, "after it", "Ada: Course 2/3", "Ada: Other 2/2")

	p.agree(t, tenants.LearnsCertified, "")
	p.want(t, "terms that say less hold at once", "Ada: Other 2/2")
	p.agree(t, tenants.LearnsTotals, "")
	p.want(t, "no names any more")
	p.agree(t, tenants.LearnsNamed, "")
	p.want(t, "and again", "Ada: Course 2/3", "Ada: Other 2/2")
	if err := p.b.svc.Pause(p.b.network(), p.a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	p.carry(t)
	p.want(t, "paused")
	if err := p.b.svc.Resume(p.b.network(), p.a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	p.want(t, "resumed", "Ada: Course 2/3", "Ada: Other 2/2")
	p.say(t, ada, tenants.ConsentWithdrawn)
	p.want(t, "taken back")
	p.carry(t)
	p.want(t, "and it stays so")
	p.say(t, ada, tenants.ConsentGiven)
	p.want(t, "given again", "Ada: Course 2/3", "Ada: Other 2/2")
	if err := p.a.svc.End(p.a.network(), p.b.org.OrgID, false); err != nil {
		t.Fatal(err)
	}
	p.carry(t)
	p.want(t, "ended, with time to finish")

	// What once went is to be seen by who gave it, without what it said.
	var rows []string
	p.b.must(func(tx *db.Tx) (err error) {
		rows, err = db.Rows[string](tx, `SELECT d.name || d.done || d.total FROM disclosures d WHERE d.giver_org = $1 AND d.ended_at IS NOT NULL`, p.b.org.OrgID)
		return err
	})
	if diff := cmp.Diff([]string{"00", "00"}, rows); diff != "" {
		t.Errorf("what is left of it (-want +got): %s", diff)
	}
}

func TestAMemberWhoLeftIsKnownNoMore(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course := p.a.item(tenants.KindCourse, "Course", noon)
	p.agree(t, tenants.LearnsNamed, "")
	ada, m := p.b.member("Ada")
	p.enroll(t, m, course, 1, 3)
	p.say(t, ada, tenants.ConsentGiven)
	p.want(t, "before", "Ada: Course 1/3")
	p.b.must(func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, p.b.org.OrgID, m)
	})
	if err := p.b.svc.DiscloseAll(scope.Enter(t.Context(), scope.System(scope.Discloser, id.Org{}))); err != nil {
		t.Fatal(err)
	}
	p.want(t, "after the daily look")
}

func TestTheTimeOfAYesIsOverWithoutAnyJob(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course := p.a.item(tenants.KindCourse, "Course", noon)
	p.agree(t, tenants.LearnsNamed, "2099-12-31")
	ada, m := p.b.member("Ada")
	p.enroll(t, m, course, 1, 3)
	p.say(t, ada, tenants.ConsentGiven)
	p.want(t, "before", "Ada: Course 1/3")
	owner := connect(t, dbtest.OwnerDSN(t, "learnscape_owner"))
	if _, err := owner.Exec(t.Context(), `UPDATE disclosures SET until = now() - interval '1 minute' WHERE membership_id = $1`, m); err != nil {
		t.Fatal(err)
	}
	p.want(t, "after its time")
}

// Both see how often names were read, and the numbers only grow.
func TestReadsAreCountedForBoth(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.agree(t, tenants.LearnsNamed, "")
	admin := p.b.viewer
	admin.Roles = []scope.Role{scope.Learner, scope.Administrator}
	boss := scope.Enter(t.Context(), admin)
	for range 3 {
		p.learned(t)
	}
	if _, err := p.a.svc.LearnedAbout(p.a.network(), p.b.org.OrgID, tenants.LearnedFilter{File: true}); err != nil {
		t.Fatal(err)
	}
	given, err := p.b.svc.GivenTo(boss, p.a.org.OrgID, tenants.LearnedFilter{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range given.Reads {
		got[r.Purpose] += r.N
	}
	if diff := cmp.Diff(map[string]int{"names": 3, "names_file": 1}, got); diff != "" {
		t.Errorf("what the giver sees (-want +got): %s", diff)
	}
	if v, err := p.a.svc.LearnedAbout(p.a.network(), p.b.org.OrgID, tenants.LearnedFilter{}); err != nil || len(v.Reads) != 2 {
		t.Errorf("what the reader sees: %+v, %v", v.Reads, err)
	}
	for _, q := range []string{
		`UPDATE disclosure_reads SET n = n - 1 WHERE org_id = $1`, `UPDATE disclosure_reads SET day = day - 1 WHERE org_id = $1`, `DELETE FROM disclosure_reads WHERE org_id = $1`,
	} {
		if err := p.a.as(func(tx *db.Tx) error { _, err := tx.Exec(q, p.a.org.OrgID); return err }); err == nil {
			t.Errorf("not refused: %s", q)
		}
	}
	// A connection that gives no names has nothing to count.
	p.agree(t, tenants.LearnsTotals, "")
	p.learned(t)
	if again, err := p.b.svc.GivenTo(boss, p.a.org.OrgID, tenants.LearnedFilter{}); err != nil || len(again.Reads) != len(given.Reads) {
		t.Errorf("after terms without names: %+v, %v", again.Reads, err)
	}
}

func TestWhoSeesWhatWent(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course := p.a.item(tenants.KindCourse, "Course", noon)
	p.agree(t, tenants.LearnsNamed, "")
	ada, m := p.b.member("Ada")
	p.enroll(t, m, course, 1, 3)
	p.say(t, ada, tenants.ConsentGiven)
	stranger := newHouse(t, p.d)
	for who, tt := range map[string]struct {
		ctx  context.Context
		want errs.Kind
	}{
		"a learner of the receiver": {scope.Enter(t.Context(), p.a.viewer), errs.NotFound},
		"a stranger's manager":      {stranger.network(), errs.NotFound},
	} {
		if _, err := p.a.svc.LearnedAbout(tt.ctx, p.b.org.OrgID, tenants.LearnedFilter{}); !errs.Is(err, tt.want) {
			t.Errorf("%s reads names: %v", who, err)
		}
		if _, err := p.b.svc.GivenTo(tt.ctx, p.a.org.OrgID, tenants.LearnedFilter{}); !errs.Is(err, tt.want) {
			t.Errorf("%s reads what was given: %v", who, err)
		}
	}
	// Whoever manages partners sees how many, administrators who.
	v, err := p.b.svc.GivenTo(p.b.network(), p.a.org.OrgID, tenants.LearnedFilter{})
	if err != nil || v.People != 1 || len(v.Rows) != 0 {
		t.Errorf("a partner manager of the giver: %d people, %d rows, %v", v.People, len(v.Rows), err)
	}
	if _, err := p.b.svc.GivenTo(p.b.network(), p.a.org.OrgID, tenants.LearnedFilter{File: true}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a partner manager of the giver takes the file: %v", err)
	}
	admin := p.b.viewer
	admin.Roles = []scope.Role{scope.Learner, scope.Administrator}
	boss := scope.Enter(t.Context(), admin)
	if v, err = p.b.svc.GivenTo(boss, p.a.org.OrgID, tenants.LearnedFilter{}); err != nil || len(v.Rows) != 1 || v.Rows[0].Shown != "Ada" {
		t.Errorf("an administrator of the giver: %+v, %v", v.Rows, err)
	}
	rows, reads, err := p.b.svc.GoneTo(ada, p.a.org.OrgID)
	if err != nil || len(rows) != 1 || rows[0].Title != "Course" || reads != 0 {
		t.Errorf("the member: %+v, %d, %v", rows, reads, err)
	}
}

func TestTheListOfNamesIsFilteredSortedAndPaged(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	one, two := p.a.item(tenants.KindCourse, "Alpha", noon), p.a.item(tenants.KindCourse, "Beta", noon)
	p.agree(t, tenants.LearnsNamed, "")
	for i := range 30 {
		ctx, m := p.b.member(fmt.Sprintf("Person %02d", i))
		p.enroll(t, m, one, i%4, 3+i%4)
		p.enroll(t, m, two, 2, 2)
		p.say(t, ctx, tenants.ConsentGiven)
	}
	get := func(f tenants.LearnedFilter) tenants.Learned {
		t.Helper()
		v, err := p.a.svc.LearnedAbout(p.a.network(), p.b.org.OrgID, f)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, order := range append(tenants.LearnedOrders(), "nothing") {
		seen := map[string]int{}
		for page := 0; ; page++ {
			v := get(tenants.LearnedFilter{Sort: order, Page: page, Limit: 7})
			for _, r := range v.Rows {
				seen[r.Name+r.Title]++
			}
			if !v.More {
				break
			}
		}
		if len(seen) != 60 {
			t.Errorf("%s: %d of 60 rows over all pages", order, len(seen))
		}
	}
	if v := get(tenants.LearnedFilter{Query: "person 07"}); v.Matches != 2 || v.People != 30 {
		t.Errorf("a name: %d matches of %d people", v.Matches, v.People)
	}
	if v := get(tenants.LearnedFilter{State: "learning", Limit: 200}); v.Matches != 30 {
		t.Errorf("who learns: %d", v.Matches)
	}
	if v := get(tenants.LearnedFilter{Sort: tenants.LearnedByItem, Desc: true, Limit: 1}); v.Rows[0].Title != "Beta" {
		t.Errorf("by title, down: %s", v.Rows[0].Title)
	}
}

// Whoever runs statements as the product: what is written is what may be known, or nothing.
func TestNobodyWritesWhatMayNotBeKnown(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course, rest := p.a.item(tenants.KindCourse, "Course", noon), p.a.item(tenants.KindCourse, "Rest", noon)
	p.agree(t, tenants.LearnsCertified, "")
	ada, m := p.b.member("Ada")
	_, bob := p.b.member("Bob")
	for _, who := range []id.Membership{m, bob} {
		p.enroll(t, who, course, 3, 3)
		p.enroll(t, who, rest, 1, 3)
	}
	p.say(t, ada, tenants.ConsentGiven)
	p.want(t, "certified", "Ada: Course 3/3")
	const insert = `INSERT INTO disclosures (org_id, giver_org, membership_id, item_id, level, name, done, total, finished, first_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now(), now())`
	discloser := dbtest.System(t, scope.Discloser, p.a.org.OrgID)
	for what, args := range map[string][]any{
		"somebody who did not agree":         {p.a.org.OrgID, p.b.org.OrgID, bob, course.ItemID, "certificate", "Bob", 3, 3, true},
		"what is not finished":               {p.a.org.OrgID, p.b.org.OrgID, m, rest.ItemID, "certificate", "Ada", 1, 3, false},
		"progress where names were agreed":   {p.a.org.OrgID, p.b.org.OrgID, m, rest.ItemID, "progress", "Ada", 1, 3, false},
		"somebody who is not there":          {p.a.org.OrgID, p.b.org.OrgID, id.New[id.Membership](), course.ItemID, "certificate", "Eve", 3, 3, true},
		"in the name of another receiver":    {p.b.org.OrgID, p.b.org.OrgID, m, course.ItemID, "certificate", "Ada", 3, 3, true},
		"a finish that was not":              {p.a.org.OrgID, p.b.org.OrgID, m, rest.ItemID, "certificate", "Ada", 3, 3, true},
		"about an organization that is none": {p.a.org.OrgID, p.a.org.OrgID, m, course.ItemID, "certificate", "Ada", 3, 3, true},
	} {
		if err := p.d.Tx(discloser, func(tx *db.Tx) error { _, err := tx.Exec(insert, args...); return err }); err == nil {
			t.Errorf("written: %s", what)
		}
	}
	for what, q := range map[string]string{
		"another name":    `UPDATE disclosures SET name = 'Eve' WHERE org_id = $1`,
		"another item":    `UPDATE disclosures SET item_id = '` + rest.ItemID.String() + `' WHERE org_id = $1`,
		"a longer time":   `UPDATE disclosures SET until = '2200-01-01' WHERE org_id = $1`,
		"an end with all": `UPDATE disclosures SET ended_at = now() WHERE org_id = $1`,
		"another start":   `UPDATE disclosures SET first_at = '2000-01-01' WHERE org_id = $1`,
	} {
		if err := p.d.Tx(discloser, func(tx *db.Tx) error { return tx.Must(q, p.a.org.OrgID) }); err == nil {
			t.Errorf("changed: %s", what)
		}
	}
	good := []any{p.a.org.OrgID, p.b.org.OrgID, m, course.ItemID, "certificate", "Ada", 3, 3, true}
	owner := connect(t, dbtest.OwnerDSN(t, "learnscape_owner"))
	if _, err := owner.Exec(t.Context(), `DELETE FROM disclosures WHERE org_id = $1`, p.a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	admin := dbtest.As(t, p.a.org.OrgID, id.New[id.Membership](), id.Person{}, scope.Roles()...)
	writers := map[string]context.Context{"an administrator of the receiver": admin, "an administrator of the giver": dbtest.As(t, p.b.org.OrgID, m, id.Person{}, scope.Roles()...)}
	for _, a := range []scope.Actor{scope.Operator, scope.Agreement, scope.SignIn, scope.Indexer, scope.Counter, scope.Mailer} {
		writers[string(a)+" of the receiver"], writers[string(a)+" of the giver"] = dbtest.System(t, a, p.a.org.OrgID), dbtest.System(t, a, p.b.org.OrgID)
	}
	writers["the discloser of the giver alone"] = dbtest.System(t, scope.Discloser, p.b.org.OrgID)
	for who, ctx := range writers {
		if err := p.d.Tx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(insert, good...); return err }); err == nil {
			t.Errorf("%s writes", who)
		}
		told := -1
		if err := p.d.Tx(ctx, func(tx *db.Tx) (err error) {
			told, err = db.Row[int](tx, `SELECT count(*)::int FROM disclosable($1, $2, NULL)`, p.b.org.OrgID, p.a.org.OrgID)
			return err
		}); err != nil || told != 0 && !strings.HasPrefix(who, "the discloser") {
			t.Errorf("%s is told what may be known: %d, %v", who, told, err)
		}
	}
	if err := p.d.Tx(discloser, func(tx *db.Tx) error { _, err := tx.Exec(insert, good...); return err }); err != nil {
		t.Errorf("what may be known is refused: %v", err)
	}
}
