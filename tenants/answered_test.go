package tenants_test

import (
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// How many questions two organizations answered for each other is told from five on, to both alike, and without what hides whose it is.
func TestAnsweredForEachOther(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	_, asker := p.a.member("Asker")
	_, answerer := p.b.member("Answerer")
	item := p.a.item(tenants.KindCourse, "About", noon)
	exchange := func(audience, asked, answered string) {
		t.Helper()
		q := id.New[id.Any]()
		p.a.must(func(tx *db.Tx) error {
			return tx.Must(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, title) VALUES ($1, $2, $3, $1, $4, $5, $6, 'Why is that?')`, tx.Scope.Org, q, asker, item.ItemID, audience, asked)
		})
		p.b.must(func(tx *db.Tx) error {
			return tx.Must(`INSERT INTO answers (org_id, answer_id, question_org, question_id, membership_id, audience, shown_as, body) VALUES ($1, $2, $3, $4, $5, $6, $7, 'So.')`,
				tx.Scope.Org, id.New[id.Any](), p.a.org.OrgID, q, answerer, audience, answered)
		})
	}
	want := func(n int) {
		t.Helper()
		a, b := p.view(t, p.a), p.view(t, p.b)
		if a.TheyAnswered != n || b.WeAnswered != n || a.WeAnswered != 0 || b.TheyAnswered != 0 {
			t.Errorf("%d and %d of %d; the other way %d and %d", a.TheyAnswered, b.WeAnswered, n, a.WeAnswered, b.TheyAnswered)
		}
	}
	for range 4 {
		exchange("connected", "name", "company")
	}
	for range 5 {
		exchange("connected", "someone", "name")
		exchange("connected", "name", "someone")
	}
	want(0)
	exchange("public", "company", "name")
	want(5)
}
