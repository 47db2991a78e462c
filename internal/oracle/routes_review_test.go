package oracle_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// reviewRoutes are the pages of those who are asked to read drafts, and of what an organization asks of those who write.
var reviewRoutes = map[string]route{
	"GET /reviews": {kind: list, asks: func(s *site, r *reader) []ask {
		var lines []listed
		for _, ob := range s.world.items {
			if tok := s.byKey["draft "+ob.ID]; tok != "" && r.who.Member != "" && s.world.asked[ob.ID] == r.who.Member {
				lines = append(lines, listed{ob: s.drafted(ob), as: tok, must: true})
			}
		}
		return []ask{{target: "/reviews", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true, lists: lines}}
	}},
	"GET /reviews/:id": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: "/reviews/" + ob.ID, id: ob.ID, never: true}
			if by := s.world.asked[ob.ID]; by != "" && s.byKey["draft "+ob.ID] != "" {
				a = ask{target: a.target, id: ob.ID, about: &oracle.Object{Kind: oracle.Private, Org: ob.Org, Member: by}, ok: 200}
			}
			out = append(out, a)
		}
		return out
	}},
	"GET /publishing": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/publishing", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200}}
	}},
	"POST /reviews/:id": {kind: write, post: func(s *site, _ bool) []form {
		var out []form
		for i, ob := range s.world.items {
			body := []string{"do=good&answer=Mine", "do=change&answer=Mine", "do=remark&lesson=first&body=Mine", "do=take-back&remark=01a21306-28be-7092-bb09-9f3a7379a7ff"}[i%4]
			out = append(out, form{"/reviews/" + ob.ID, body})
		}
		return out
	}},
	"POST /publishing": {kind: write, post: posts("/publishing", "review=on&frames=player.vimeo.com")},
}

// reviewMails asks anew whoever was asked to read a draft, and lets them answer: each mail is for a member of the organization, and says
// nothing that the reader may not see.
func (s *site) reviewMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	seen := 0
	read := func(o *org, m id.Membership, who oracle.Viewer) {
		t.Helper()
		s.settleDown()
		var text string
		if err := su.QueryRow(t.Context(), `SELECT subject || E'\n' || body FROM mails WHERE org_id = $1 AND recipient = $2 AND body LIKE '%/reviews/%' OR org_id = $1 AND recipient = $2 AND body LIKE '%/publish/%' ORDER BY created_at DESC LIMIT 1`, o.id, s.address(o, m)).Scan(&text); err != nil {
			t.Fatal(err)
		}
		seen++
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: o, who: who}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
	for _, ob := range s.world.items {
		by := s.world.asked[ob.ID]
		if by == "" || s.byKey["draft "+ob.ID] == "" || seen > 5 {
			continue
		}
		o, item, m := s.owner[ob.Org], parse[id.Item](t, ob.ID), parse[id.Membership](t, by)
		author := scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: o.id, Membership: s.boss(o), Roles: []scope.Role{scope.Administrator}})
		if m == s.boss(o) {
			continue
		}
		if err := s.portal.Courses.AskReview(author, item, s.address(o, m), "Please"); err != nil {
			t.Fatal(err)
		}
		read(o, m, oracle.Viewer{Org: ob.Org, Member: by})
		if err := s.portal.Courses.AnswerReview(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: o.id, Membership: m, Roles: []scope.Role{scope.Learner}}), item, "good", "It is"); err != nil {
			t.Fatal(err)
		}
		read(o, s.boss(o), oracle.Viewer{Org: ob.Org, Member: s.boss(o).String(), Admin: true, Keeps: true})
	}
	if seen < 2 {
		t.Errorf("%d mails about reviews: the world asks too few", seen)
	}
}

// review lets whoever was asked to read a draft answer, with a remark.
func (w *world) review(o *org, p *itemPage) {
	by, err := id.Parse[id.Membership](w.asked[p.ob.ID])
	if err != nil {
		return // Nobody was asked.
	}
	desk := w.drafted(p.ob)
	w.exec(o, `INSERT INTO reviews (org_id, item_id, membership_id, asked_by, words, asked_at, state, answer, answered_at) VALUES ($1, $2, $3, $4, $5, now(), 'change', $6, now())`,
		o.id, p.id, by, id.New[id.Membership](), w.field(desk, "reviews.words"), w.field(desk, "reviews.answer"))
	w.exec(o, `INSERT INTO review_remarks (org_id, remark_id, item_id, membership_id, lesson, about, body, at) VALUES ($1, $2, $3, $4, 'first', $5, $6, now())`,
		o.id, id.New[id.Any](), p.id, by, w.field(desk, "review_remarks.about"), w.field(desk, "review_remarks.body"))
}
