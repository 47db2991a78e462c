package oracle_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// practiceRoutes are tasks, what is handed in for them, and the pages of those who look at it.
var practiceRoutes = map[string]route{
	"GET /course/:id/:slug/lessons/:lesson/tasks/:task": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(tenants.KindCourse) {
			out = append(out, s.item(p, "/lessons/a/tasks/task", 200), ask{target: p.href() + "/lessons/a/tasks/q", never: true})
		}
		return out
	}},
	"GET /path/:id/:slug/steps/:step/tasks/:task":          {kind: page, asks: func(s *site, _ *reader) []ask { return tasksOn(s.steps(false)) }},
	"GET /path/:id/:slug/steps/:step/:lesson/tasks/:task":  {kind: page, asks: func(s *site, _ *reader) []ask { return tasksOn(s.steps(true)) }},
	"POST /course/:id/:slug/lessons/:lesson/tasks/:task":   {kind: write, post: taskForms(tenants.KindCourse, "/lessons/a/tasks/task")},
	"POST /path/:id/:slug/steps/:step/tasks/:task":         {kind: write, post: taskForms(tenants.KindPath, "/steps/own/tasks/task", "/steps/s1/tasks/task")},
	"POST /path/:id/:slug/steps/:step/:lesson/tasks/:task": {kind: write, post: taskForms(tenants.KindPath, "/steps/s1/a/tasks/task")},
	// A form without a file is refused before anything is looked up, whoever sends it.
	"POST /course/:id/:slug/lessons/:lesson/tasks/:task/hand-in": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/tasks/task/hand-in"}, "words=Mine&by=author&across=on")
	}},
	"POST /path/:id/:slug/steps/:step/tasks/:task/hand-in": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/tasks/task/hand-in"}, "words=Mine&by=author&across=on")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/tasks/:task/hand-in": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/tasks/task/hand-in"}, "words=Mine&by=author&across=on")
	}},
	"POST /course/:id/:slug/intent": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/intent"}, "intent=look")
	}},
	"POST /path/:id/:slug/intent": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/intent"}, "intent=look")
	}},
	"GET /course/:id/:slug/version": {kind: page, asks: movesOf(tenants.KindCourse)},
	"GET /path/:id/:slug/version":   {kind: page, asks: movesOf(tenants.KindPath)},
	"POST /course/:id/:slug/version": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/version"}, "version=2")
	}},
	"POST /path/:id/:slug/version": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/version"}, "version=2")
	}},
	"GET /handed": {kind: list, asks: func(s *site, r *reader) []ask {
		var lines []listed
		for _, h := range s.world.handed {
			if h.ob.Member != r.who.Member || h.ob.Org != r.who.Org {
				lines = append(lines, listed{ob: h.ob, as: h.title, must: true})
			}
		}
		return []ask{{target: "/handed", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true, lists: lines}}
	}},
	"GET /handed/:id": {kind: page, asks: handedAt("")},
	"GET /handed/:id/:turn/:name": {kind: file, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, a := range handedAt("/1/nothing.txt")(s, r) {
			out = append(out, ask{target: a.target, id: a.id, never: true}) // None has a file.
		}
		return out
	}},
	"POST /handed/:id": {kind: write, post: func(s *site, _ bool) []form {
		var out []form
		for _, h := range s.world.handed {
			out = append(out, form{"/handed/" + h.ob.ID, "do=done&turn=1&marks=1&mark-0=1&words=Mine"})
		}
		return out
	}},
}

// movesOf asks how somebody moves to another version: there for who is on it, and for nobody who may not see it.
func movesOf(kind string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		var out []ask
		for _, p := range s.kind(kind) {
			a := ask{target: p.href() + "/version", about: p.ob, id: p.ob.ID, ok: 200}
			if a.never = r.who.Org == ""; a.never { // Members alone are on anything.
				a.about = nil
			}
			out = append(out, a)
		}
		return out
	}
}

// handedIn is something that somebody handed in.
type handedIn struct {
	ob    *oracle.Object
	title string // canary
}

// tasksOn asks for a task that is none at every step.
func tasksOn(list []ask) []ask {
	for i, a := range list {
		list[i] = ask{target: a.target + "/tasks/q", id: a.id, never: true}
	}
	return list
}

func taskForms(kind string, rest ...string) func(*site, bool) []form {
	return func(s *site, own bool) []form {
		var out []form
		for _, body := range []string{"do=back", "do=ask&by=mentor&mentor=mine"} {
			out = append(out, s.forms(own, kind, rest, body)...)
		}
		return out
	}
}

// handedAt asks for what was handed in, as whoever looks at it. Whoever handed it in reads it at its task.
func handedAt(rest string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		var out []ask
		for _, h := range s.world.handed {
			a := ask{target: "/handed/" + h.ob.ID + rest, id: h.ob.ID, about: h.ob, ok: 200}
			if h.ob.Member == r.who.Member && h.ob.Org == r.who.Org {
				a.never, a.about = true, nil
			}
			out = append(out, a)
		}
		return out
	}
}

// handIn lets each member of an organization hand something in, by turns for a colleague, for the authors of an own item, and for those of another
// organization's, with and without a yes and with and without the name.
func (w *world) handIn(o *org) {
	// By chance of its own: the rest of the world is what it was.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.items)), uint64(len(w.handed)+1)))
	defer func() { w.r = before }()
	for i, m := range slices.Repeat(o.members, 3) {
		it := pick(w.r, w.items)
		ob := &oracle.Object{Kind: oracle.Handed, Org: o.id.String(), ID: id.New[id.Any]().String(), Member: m.String(), Post: it}
		by, shown := markdown.ByMentor, ""
		var reviewer any
		switch other := o.members[(i+1)%len(o.members)]; {
		case w.chance(.3):
			ob.Other, reviewer = other.String(), other
		case it.Org == ob.Org:
			by = markdown.ByAuthor
		default:
			by, ob.Signed = markdown.ByAuthor, len(w.handed)%2 == 0
			if ob.Signed && w.rich && w.chance(.5) { // The row itself holds the name; whether it is told is decided where it is read.
				ob.Shown, shown = "name", w.byKey[m.String()]
			}
		}
		title := w.field(ob, "submissions.title")
		w.exec(o, `INSERT INTO submissions (org_id, submission_id, membership_id, item_org, item_id, lesson_key, task_key, root_kind, root_id, title, reviewed_by, reviewer, across, shown_name, created_at, updated_at, state)
			VALUES ($1, $2, $3, $4, $5, 'a', $11, 'course', $5, $6, $7, $8, $9, $10, now(), now(), 'again')`, o.id, ob.ID, m, it.Org, it.ID, title, by, reviewer, ob.Signed, shown, fmt.Sprintf("task-%d", i))
		w.exec(o, `INSERT INTO submission_turns (org_id, submission_id, membership_id, number, version, rubric, words, link, handed_at) VALUES ($1, $2, $3, 1, 1, $4, $5, $6, now())`,
			o.id, ob.ID, m, []markdown.Criterion{{Title: w.field(ob, "submission_turns.criterion"), Levels: []string{w.field(ob, "submission_turns.level"), "x"}, Enough: 1}}, w.field(ob, "submission_turns.words"), "https://example.org/"+w.field(ob, "submission_turns.link"))
		w.exec(o, `INSERT INTO submission_answers (org_id, submission_id, number, membership_id, by_org, verdict, marks, words, at) VALUES ($1, $2, 1, $3, $1, 'again', '{0}', $4, now())`, o.id, ob.ID, m, w.field(ob, "submission_answers.words"))
		for _, table := range []string{"submissions", "submission_turns", "submission_answers"} {
			w.put(table, ob.ID, ob)
		}
		w.handed = append(w.handed, handedIn{ob, title})
	}
}

// taskMails lets members hand something in, to a colleague and, where the two meet, to the authors of another organization, and has it answered:
// each mail says nothing that its reader may not see.
func (s *site) taskMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	read := func(o *org, m id.Membership, who oracle.Viewer) {
		t.Helper()
		var text string
		if err := su.QueryRow(t.Context(), `SELECT subject || E'\n' || body FROM mails WHERE org_id = $1 AND recipient = $2 AND body LIKE '%/handed%' ORDER BY created_at DESC LIMIT 1`, o.id, s.address(o, m)).Scan(&text); err != nil {
			t.Fatalf("no mail to %s: %v", s.address(o, m), err)
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: o, who: who}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
	within, across := 0, 0
	for _, o := range s.orgs {
		for _, p := range s.world.learnable(o, tenants.KindCourse) {
			m, mentor := o.members[2], o.members[3]
			ctx := scope.Enter(t.Context(), s.memberOf(m))
			at := courses.Place{Item: p.id, Lesson: "a"}
			hand := func(a courses.TaskAsk) error {
				return s.portal.Courses.HandTask(ctx, at, "task", courses.Evidence{Words: "Mine", TaskAsk: a})
			}
			answered := func(by context.Context, boss *org, looker id.Membership) {
				t.Helper()
				read(boss, looker, oracle.Viewer{Org: boss.id.String(), Member: looker.String(), Writes: true, Keeps: true})
				v, err := s.portal.Courses.Task(ctx, at, "task")
				if err != nil {
					t.Fatal(err)
				}
				if err := s.portal.Courses.AnswerTask(by, v.Mine.ID, courses.TaskAnswer{Turn: len(v.Turns), Verdict: courses.TaskAgain, Marks: []int{0}, Words: "Where?"}); err != nil {
					t.Fatal(err)
				}
				read(o, m, oracle.Viewer{Org: o.id.String(), Member: m.String()})
			}
			side := s.model.Sides[[2]string{o.id.String(), p.ob.Org}]
			switch {
			case within < 3:
				within++
				if err := hand(courses.TaskAsk{By: markdown.ByMentor, Mentor: s.address(o, mentor)}); err != nil {
					t.Fatal(err)
				}
				answered(scope.Enter(t.Context(), s.memberOf(mentor)), o, mentor)
			case p.org != o && side.State == "active" && side.Meet != "none" && across < 3:
				across++
				boss := s.boss(p.org)
				if _, err := su.Exec(t.Context(), `UPDATE versions SET published_by = $3 WHERE org_id = $1 AND item_id = $2`, p.org.id, p.id, boss); err != nil {
					t.Fatal(err)
				}
				if err := hand(courses.TaskAsk{By: markdown.ByAuthor, Across: true}); err != nil {
					t.Fatal(err)
				}
				answered(scope.Enter(t.Context(), s.memberOf(boss)), p.org, boss)
			}
		}
	}
	if within == 0 || across == 0 {
		t.Errorf("%d within and %d across: the world hands in too little", within, across)
	}
}
