package oracle_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// assignRoutes are what people are asked to learn, how those of a team get on, and everybody's own dates. Administrators see all teams of
// their organization, managers those that they lead, of which this world has none.
var assignRoutes = map[string]route{
	"GET /assign":          {kind: page, asks: boards("/assign", "/assign?firm=suggested&person="+nobody)},
	"GET /assignments":     {kind: list, asks: setOnes("/assignments")},
	"GET /assignments.csv": {kind: list, asks: setOnes("/assignments.csv")},
	"GET /assignments/:id": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/assignments/" + nobody, never: true}}
		for _, o := range s.orgs {
			which := s.world.set[o.id.String()].String()
			out = append(out, ask{target: "/assignments/" + which, id: which, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: true})
		}
		return out
	}},
	"GET /team": {kind: page, asks: func(_ *site, r *reader) []ask {
		if r.scope.Has(scope.Manager) {
			return []ask{{target: "/team", ok: 200}}
		}
		return []ask{{target: "/team", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 303}}
	}},
	"GET /team/:team":                {kind: page, asks: teamsOf("", "?show=late", "?sort=-used", "?show=none")},
	"GET /team/:team/people.csv":     {kind: list, asks: teamsOf("/people.csv")},
	"GET /team/:team/remind/:person": {kind: page, asks: teamsOf("/remind/:person")},
	"GET /plan": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/plan", about: &oracle.Object{Kind: oracle.Private, Org: orgOf(r), Member: r.who.Member}, ok: 200, open: true}}
	}},

	"GET /calendar/:token": {kind: public, asks: plain("/calendar/"+secret.NewToken()+".ics", "/calendar/x")},

	"POST /assign": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, o := range s.orgs {
			for _, it := range s.world.items[:3] {
				out = append(out, form{"/assign", "firm=needed&reason=mine&item=" + it.ID + "&person=" + o.members[0].String() + "&team=" + s.world.crews[o.id.String()].String() + "&team=" + nobody})
			}
		}
		return out
	}},
	"POST /assignments/:id": {kind: write, post: func(s *site, _ bool) (out []form) {
		for i, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/assignments/" + s.world.set[o.id.String()].String(), []string{"do=back", "do=change&reason=mine", "do=restore", "do=seat"}[i%4]})
			}
		}
		return out
	}},
	"POST /team/:team": {kind: write, post: posts("/team/"+nobody, "")},
	"POST /team/:team/remind/:person": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/team/" + s.world.crews[o.id.String()].String() + "/remind/" + o.members[0].String(), "words=mine"})
			}
		}
		return out
	}},
	"POST /plan": {kind: write, post: posts("/plan", "do=date&day=2099-01-01&item="+nobody)},
}

// boards asks for pages that whoever looks after people has of their own organization.
func boards(targets ...string) func(*site, *reader) []ask {
	return func(_ *site, r *reader) (out []ask) {
		for _, t := range targets {
			a := ask{target: t, ok: 200}
			if !r.scope.Has(scope.Manager) {
				a.about, a.open = &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, true
			}
			out = append(out, a)
		}
		return out
	}
}

// setOnes are boards with the line of each organization.
func setOnes(target string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		list := boards(target)(s, r)
		for _, o := range s.orgs {
			key := s.world.set[o.id.String()].String()
			list[0].lists = append(list[0].lists, listed{ob: s.at("assignments").objects[key], as: s.byKey[key], must: r.who.Admin})
		}
		return list
	}
}

// teamsOf asks for every organization's team, in every way.
func teamsOf(rests ...string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) (out []ask) {
		for _, o := range s.orgs {
			team := s.world.crews[o.id.String()].String()
			for _, rest := range rests {
				a := ask{target: "/team/" + team + rest, id: team, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: true}
				switch rest {
				case "/remind/:person":
					a.target = "/team/" + team + "/remind/" + o.members[0].String()
				case "?show=none":
					a.about, a.never = nil, true
				}
				out = append(out, a)
			}
		}
		return append(out, ask{target: "/team/" + nobody + rests[0], never: true})
	}
}

// assigning makes a team of an organization's people, asks them to learn something of another's, and reminds one of it. Of what is written
// there everything is the organization's own.
func (w *world) assigning(o *org) {
	w.t.Helper()
	// Apart from the rest of the world, which stays what it is whatever happens here.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 23))
	defer func() { w.r = before }()
	if w.crews == nil {
		w.crews, w.set = map[string]id.Any{}, map[string]id.Any{}
	}
	team, which, nudge := id.New[id.Any](), id.New[id.Any](), id.New[id.Any]()
	w.crews[o.id.String()], w.set[o.id.String()] = team, which
	house := func() *oracle.Object { return &oracle.Object{Kind: oracle.House, Org: o.id.String()} }
	w.exec(o, `INSERT INTO teams (org_id, team_id, name) VALUES ($1, $2, $3)`, o.id, team, w.field(house(), "teams.name"))
	w.exec(o, `INSERT INTO team_members (org_id, team_id, membership_id) SELECT $1, $2, m.id FROM unnest($3::uuid[]) AS m(id)`, o.id, team, o.members[:2])
	// Of whom it is does not matter: what was asked for stays when it has closed.
	other := w.items[slices.IndexFunc(w.items, func(it *oracle.Object) bool { return it.Org != "" })]
	for _, it := range w.items {
		if it.Org != o.id.String() {
			other = it
		}
	}
	ob := house()
	w.exec(o, `INSERT INTO assignments (org_id, assignment_id, item_org, item_id, kind, title, firm, reason, asked_by, asked_at) VALUES ($1, $2, $3, $4, 'course', $5, 'needed', $6, $7, now())`,
		o.id, which, w.owner[other.Org].id, parse[id.Item](w.t, other.ID), w.token(ob, which.String()), w.field(ob, "assignments.reason"), o.members[0])
	w.put("assignments", which.String(), ob)
	w.exec(o, `INSERT INTO assignment_teams (org_id, assignment_id, team_id) VALUES ($1, $2, $3)`, o.id, which, team)
	for _, m := range o.members[:2] {
		w.exec(o, `INSERT INTO assignment_people (org_id, assignment_id, membership_id, at) VALUES ($1, $2, $3, now())`, o.id, which, m)
		w.put("assignment_people", o.id.String()+" "+which.String()+" "+m.String(), house())
	}
	ob = house()
	w.exec(o, `INSERT INTO nudges (org_id, nudge_id, membership_id, sent_by, words, at) VALUES ($1, $2, $3, $4, $5, now() - interval '20 days')`, o.id, nudge, o.members[0], o.members[1], w.token(ob, nudge.String()))
	w.put("nudges", nudge.String(), ob)
}

// assignForgeries are what nobody asks of whom: for another, for what is not open, or of people whom they do not look after.
func (w *world) assignForgeries() (out []forgery) {
	for _, by := range w.orgs {
		thief := scope.Scope{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}
		as := []scope.Scope{thief, scope.System(scope.SignIn, by.id), scope.System(scope.Counter, by.id), scope.System(scope.Mailer, by.id)}
		const ask = `INSERT INTO assignments (org_id, assignment_id, item_org, item_id, kind, title, firm, reason, asked_by, asked_at) VALUES ($1, gen_random_uuid(), $2, $3, 'course', 'x', 'needed', 'x', $4, now())`
		for _, to := range w.orgs {
			if it := w.closed(by, to); by != to && it != nil {
				out = append(out, forgery{what: "ask for what is not open", as: as, args: []any{by.id, to.id, parse[id.Item](w.t, it.ID), by.members[0]}, steps: []string{ask}})
				out = append(out, forgery{what: "ask in the name of a colleague", as: as, args: []any{by.id, by.id, parse[id.Item](w.t, it.ID), by.members[1]}, steps: []string{ask}})
			}
			if by != to {
				out = append(out,
					forgery{what: "ask the people of another organization", as: as, args: []any{to.id, w.set[to.id.String()], to.members[len(to.members)-1]}, steps: []string{`INSERT INTO assignment_people (org_id, assignment_id, membership_id, at) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`}},
					forgery{what: "take back what another organization asks", as: as, args: []any{to.id}, steps: []string{`UPDATE assignments SET ended_at = now() WHERE org_id = $1`}},
					forgery{what: "remind the people of another organization", as: as, args: []any{to.id, to.members[0], by.members[0]}, steps: []string{`INSERT INTO nudges (org_id, nudge_id, membership_id, sent_by, words, at) VALUES ($1, gen_random_uuid(), $2, $3, 'x', now())`}})
			}
		}
		learner := []scope.Scope{{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}} // Of roles that the database knows nothing of.
		out = append(out,
			forgery{what: "ask colleagues without looking after them", as: learner, args: []any{by.id, w.set[by.id.String()]}, steps: []string{`DELETE FROM assignment_people WHERE org_id = $1 AND assignment_id = $2`, `INSERT INTO assignment_people (org_id, assignment_id, membership_id, at) SELECT $1, $2, m.membership_id, now() FROM memberships m WHERE m.org_id = $1 LIMIT 1`}},
			forgery{what: "remind a colleague without looking after them", as: as, args: []any{by.id, by.members[1], by.members[0]}, steps: []string{`INSERT INTO nudges (org_id, nudge_id, membership_id, sent_by, words, at) VALUES ($1, gen_random_uuid(), $2, $3, 'x', now())`}})
	}
	return out
}

// bossOf acts as an administrator of the organization.
func (s *site) bossOf(o *org) scope.Scope {
	return scope.Scope{Actor: scope.Member, Org: o.id, Membership: s.boss(o), Roles: []scope.Role{scope.Learner, scope.Administrator}}
}

// mailedLast reads the last mail to a member for what its reader may not see.
func (s *site) mailedLast(t *testing.T, su *pgx.Conn, o *org, m id.Membership) {
	t.Helper()
	var text string
	if err := su.QueryRow(t.Context(), `SELECT subject || E'\n' || body FROM mails WHERE org_id = $1 AND recipient = $2 ORDER BY created_at DESC LIMIT 1`, o.id, s.address(o, m)).Scan(&text); err != nil {
		t.Fatal(err)
	}
	tl := &tally{}
	s.scan(tl, &reader{name: "the mail's reader", org: o, who: oracle.Viewer{Org: o.id.String(), Member: m.String()}}, "mail", "", answer{body: text})
	for _, l := range tl.leaks {
		t.Errorf("LEAK: %s", l)
	}
}

// assignMails asks a learner of every organization to learn what is open there, changes why, and takes it back: each time they are told,
// and of nothing that they may not see.
func (s *site) assignMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	seen := 0
	for _, o := range s.orgs {
		boss, who := scope.Enter(t.Context(), s.bossOf(o)), o.members[0]
		for _, p := range s.learnable(o, tenants.KindCourse, tenants.KindPath) {
			if n := 0; su.QueryRow(t.Context(), `SELECT count(*) FROM enrollments WHERE org_id = $1 AND membership_id = $2 AND item_id = $3`, o.id, who, p.id).Scan(&n) != nil || n > 0 {
				continue
			}
			made, err := s.portal.Courses.Assign(boss, courses.Assigning{Item: p.id, People: []id.Membership{who}, Terms: courses.Terms{Firm: courses.FirmNeeded, Reason: "It helps", Days: 3}})
			if err != nil {
				t.Fatal(err)
			}
			s.mailedLast(t, su, o, who)
			if err := s.portal.Courses.ChangeAssignment(boss, made, courses.Terms{Reason: "It helps more"}, false); err != nil {
				t.Fatal(err)
			}
			s.mailedLast(t, su, o, who)
			if err := s.portal.Courses.TakeBack(boss, made); err != nil {
				t.Fatal(err)
			}
			s.mailedLast(t, su, o, who)
			seen++
			break
		}
	}
	if seen < 2 {
		t.Errorf("people of %d organizations were asked", seen)
	}
}

// nudgeMails reminds somebody of every organization's team.
func (s *site) nudgeMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	for _, o := range s.orgs {
		if err := s.portal.Courses.Nudge(scope.Enter(t.Context(), s.bossOf(o)), s.world.crews[o.id.String()], o.members[0], "Please"); err != nil {
			t.Fatal(err)
		}
		s.mailedLast(t, su, o, o.members[0])
	}
}

// dueMails lets what people are on come due: each is told of their own, in words that they may read.
func (s *site) dueMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	if _, err := su.Exec(t.Context(), `UPDATE enrollments SET due_at = now() WHERE state = 'active'`); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, o := range s.orgs {
		var before, after int
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM mails WHERE org_id = $1`, o.id).Scan(&before); err != nil {
			t.Fatal(err)
		}
		if err := s.portal.Reminder.RemindDates(jobs.Enter(t.Context(), scope.Mailer, o.id), s.portal.DB.Now()); err != nil {
			t.Fatal(err)
		}
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM mails WHERE org_id = $1`, o.id).Scan(&after); err != nil {
			t.Fatal(err)
		}
		for _, m := range o.members {
			if n := 0; su.QueryRow(t.Context(), `SELECT count(*) FROM mails WHERE org_id = $1 AND recipient = $2 AND body LIKE '%/plan%'`, o.id, s.address(o, m)).Scan(&n) == nil && n > 0 {
				s.mailedLast(t, su, o, m)
				seen++
			}
		}
		if after < before {
			t.Errorf("%d mails became %d", before, after)
		}
	}
	if seen == 0 {
		t.Error("nobody is reminded of anything")
	}
}
