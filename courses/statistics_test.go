package courses_test

import (
	"context"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

const countedSource = "## A\n\nText.\n\n```quiz\nquestions:\n" +
	"  - {key: one, ask: Which one, choices: [{text: right, right: true}, {text: lure, because: x}, {text: other, because: x}]}\n" +
	"  - {key: two, ask: Which two, choices: [{text: yes, right: true}, {text: no, because: x}]}\n" +
	"  - {key: three, ask: Which three, choices: [{text: yes, right: true}, {text: no, because: x}]}\n```\n"

// author is a member of the vendor who writes.
func (w *world) author(h house) context.Context {
	w.t.Helper()
	var m tenants.Membership
	w.tx(h.ctx, func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Cy", Email: id.New[id.Any]().String() + "@x.example", Roles: []scope.Role{scope.Learner, scope.Author}})
		return err
	})
	return dbtest.As(w.t, h.org.OrgID, m.MembershipID, m.PersonID, scope.Author)
}

// An author reads how their own organization's people answered, from five people on and in steps of five, so that no single answer shows
// by asking before and after it; of people of other organizations nothing.
func TestStatisticsTellOfNobody(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("counted", countedSource)
	author := w.author(w.vendor)
	read := func() []courses.ItemStatistic {
		t.Helper()
		v, err := w.svc.Statistics(author, p.Item, courses.StatisticsFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return v.Rows
	}
	answer := func(ctx context.Context, key string, choice int) {
		t.Helper()
		if _, err := w.svc.Answer(ctx, p, courses.Given{Question: key, Choices: []int{choice}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 6 {
		ctx := w.colleague(w.partner)
		answer(ctx, "one", 0)
	}
	for i := range 4 {
		answer(w.colleague(w.vendor), "one", i%2)
	}
	if rows := read(); len(rows) != 3 || rows[0].People != 0 || rows[0].Advice != courses.AdviceFew || rows[0].Lure != "" {
		t.Errorf("of four of ours and six of others: %+v", rows)
	}
	fifth := w.colleague(w.vendor)
	answer(fifth, "one", 1)
	answer(fifth, "one", 0) // The first try counts.
	rows := read()
	if r := rows[0]; r.People != 5 || r.Right != 2 || r.Lure != "lure" || r.LureN != 3 || r.Advice != courses.AdviceLure || r.Discrimination != nil {
		t.Errorf("of five: %+v", r)
	}
	before := says(rows)
	for i := range 4 {
		answer(w.colleague(w.vendor), "one", i%3)
		if now := says(read()); now != before {
			t.Fatalf("after one more answer it says\n%s, before\n%s", now, before)
		}
	}
	answer(w.colleague(w.vendor), "one", 2)
	if r := read()[0]; r.People != 10 {
		t.Errorf("of ten: %+v", r)
	}
	// Twenty more: whoever knows two and three knows neither the first, which is marked wrongly, it seems.
	for i := range 20 {
		ctx := w.colleague(w.vendor)
		answer(ctx, "one", i%2)
		answer(ctx, "two", (i+1)%2)
		answer(ctx, "three", (i+1)%2)
	}
	rows = read()
	if r := rows[0]; r.People != 30 || r.Discrimination == nil || *r.Discrimination != -1 || r.Advice != courses.AdviceKey {
		t.Errorf("of thirty: %+v", r)
	}
	if r := rows[1]; r.People != 20 || r.Right != 10 || r.Discrimination != nil { // The rest is the same for everybody.
		t.Errorf("the second: %+v", r)
	}
	v, err := w.svc.Statistics(author, p.Item, courses.StatisticsFilter{Sort: "-people", Query: "ONE", Advice: true})
	if err != nil || v.Found != 1 || v.Rows[0].Question != "one" {
		t.Errorf("filtered: %+v, %v", v, err)
	}
	for name, err := range map[string]error{
		"a version that there is not":       errOf(w.svc.Statistics(author, p.Item, courses.StatisticsFilter{Version: 2})),
		"a learner of the house":            errOf(w.svc.Statistics(w.vendor.member, p.Item, courses.StatisticsFilter{})),
		"an author of a partner":            errOf(w.svc.Statistics(w.author(w.partner), p.Item, courses.StatisticsFilter{})),
		"an author of another organization": errOf(w.svc.Statistics(w.author(w.other), p.Item, courses.StatisticsFilter{})),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The database counts for authors alone, whoever asks it, and gives no answer away.
	direct := `SELECT count(*)::int FROM answers_of($1, 1, '{l}', '{q}', '{one}')`
	for name, ctx := range map[string]context.Context{"a learner": w.vendor.member, "the partner's author": w.author(w.partner), "the operator": w.vendor.ctx} {
		if n := one[int](ctx, w, direct, p.Item); n != 0 {
			t.Errorf("%s counts %d", name, n)
		}
	}
	if n := one[int](author, w, direct, p.Item); n != 1 {
		t.Errorf("an author counts %d", n)
	}
	if got := one[string](author, w, `SELECT coalesce(string_agg(a.question_key, ''), '') FROM attempts a WHERE a.org_id = $1`, w.vendor.org.OrgID); strings.Contains(got, "one") {
		t.Errorf("an author reads answers: %s", got)
	}
}

func errOf[T any](_ T, err error) error { return err }
