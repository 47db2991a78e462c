package oracle_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// quizRoutes are the checks: quizzes that are taken as a whole. Whoever sees the lesson sees what its check asks for, and of takings the
// own ones alone.
var quizRoutes = map[string]route{
	"GET /publish/:id/answers":      {kind: page, asks: answersOfItems("/answers")},
	"GET /publish/:id/answers.csv":  {kind: file, asks: answersOfItems("/answers.csv")},
	"GET /publish/:id/learners":     {kind: page, asks: answersOfItems("/learners")},
	"GET /publish/:id/learners.csv": {kind: file, asks: answersOfItems("/learners.csv")},
	"GET /tries": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/tries", about: &oracle.Object{Kind: oracle.Private, Org: orgOf(r), Member: r.who.Member}, ok: 200, open: true}}
	}},
	"POST /tries": {kind: write, post: posts("/tries", "do=say&id="+nobody+"&days=7&said=used")},
	"POST /course/:id/:slug/lessons/:lesson/try": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/try"}, "key=t&what=hello")
	}},
	"POST /path/:id/:slug/steps/:step/try": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/try", "/steps/s1/try"}, "key=t&what=hello")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/try": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/try"}, "key=t&what=hello")
	}},
	"GET /admin/people/:id/time": {kind: page, asks: func(s *site, r *reader) []ask { return people("/time")(s, r) }},
	"POST /admin/people/:id/time": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/admin/people/" + o.members[0].String() + "/time", "percent=300&reason=mine"})
			}
		}
		return out
	}},
	"GET /course/:id/:slug/lessons/:lesson/quizzes/:quiz/check": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(tenants.KindCourse) {
			at := p.href() + "/lessons/a/quizzes/"
			out = append(out, s.item(p, "/lessons/a/quizzes/exam/check", 200), ask{target: at + "q/check", never: true}, ask{target: at + "exam/check?result=1000", never: true})
		}
		return out
	}},
	"GET /path/:id/:slug/steps/:step/quizzes/:quiz/check":          {kind: page, asks: func(s *site, _ *reader) []ask { return checksOn(s.steps(false)) }},
	"GET /path/:id/:slug/steps/:step/:lesson/quizzes/:quiz/check":  {kind: page, asks: func(s *site, _ *reader) []ask { return checksOn(s.steps(true)) }},
	"POST /course/:id/:slug/lessons/:lesson/quizzes/:quiz/check":   {kind: write, post: checkForms(tenants.KindCourse, "/lessons/a/quizzes/exam/check")},
	"POST /path/:id/:slug/steps/:step/quizzes/:quiz/check":         {kind: write, post: checkForms(tenants.KindPath, "/steps/own/quizzes/exam/check", "/steps/s1/quizzes/exam/check")},
	"POST /path/:id/:slug/steps/:step/:lesson/quizzes/:quiz/check": {kind: write, post: checkForms(tenants.KindPath, "/steps/s1/a/quizzes/exam/check")},
}

// checksOn asks for a quiz that is no check, which is nobody's to see, at every step.
func checksOn(list []ask) []ask {
	for i, a := range list {
		list[i] = ask{target: a.target + "/quizzes/q/check", id: a.id, never: true}
	}
	return list
}

func checkForms(kind string, rest ...string) func(*site, bool) []form {
	return func(s *site, own bool) []form {
		var out []form
		for _, body := range []string{"do=begin", "do=answer&question=y&n=1&choice=1&choice=0", "do=hand-in"} {
			out = append(out, s.forms(own, kind, rest, body)...)
		}
		return out
	}
}

// answersOfItems asks how people come through every item and how its questions are answered: for authors of its owner alone.
func answersOfItems(rest string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: "/publish/" + ob.ID + rest, id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200}
			if kind := s.pages[ob.ID].kind; kind != tenants.KindCourse && kind != tenants.KindPath || ob.State != "published" {
				a.never, a.about = true, nil
			}
			out = append(out, a)
		}
		return out
	}
}

// tryMails lets what people try come due: each is mailed to who tries it, and says nothing of what they wrote.
func (s *site) tryMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	if _, err := su.Exec(t.Context(), `INSERT INTO tryout_dues (org_id, tryout_id, membership_id, kind, due_on, title) SELECT t.org_id, t.tryout_id, t.membership_id, 'week', current_date, 'a lesson' FROM tryouts t ON CONFLICT DO NOTHING`); err != nil {
		t.Fatal(err)
	}
	for _, o := range s.orgs {
		if err := s.portal.Reminder.Remind(jobs.Enter(t.Context(), scope.Mailer, o.id), s.portal.DB.Now().AddDate(0, 0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := su.Query(t.Context(), `SELECT m.org_id::text AS org, m.subject || E'\n' || m.body AS text, p.membership_id::text AS member, EXISTS (SELECT 1 FROM tryouts t WHERE t.org_id = m.org_id AND t.membership_id = p.membership_id AND position(t.tryout_id::text IN m.body) > 0) AS own
		FROM mails m JOIN memberships p ON p.org_id = m.org_id AND p.email = m.recipient WHERE m.body LIKE '%/tries#%'`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Org    string `db:"org"`
		Text   string `db:"text"`
		Member string `db:"member"`
		Own    bool   `db:"own"`
	}])
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 5 {
		t.Errorf("%d mails about what is tried; the world does not try enough", len(list))
	}
	for _, m := range list {
		if !m.Own {
			t.Errorf("LEAK: somebody is mailed what another tries:\n%s", m.Text)
		}
		// Of what the person wrote nothing is in it, although they may read that.
		tl := &tally{}
		s.scan(tl, &reader{name: "whoever carries the mail", org: s.owner[m.Org], who: oracle.Viewer{Org: m.Org}}, "mail", "", answer{body: m.Text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}
