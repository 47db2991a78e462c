package oracle_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// liveRoutes are the pages of live sessions: whoever sees a course or path sees its sessions; who comes, is said to its authors.
var liveRoutes = map[string]route{
	"GET /live": {kind: list, asks: func(s *site, _ *reader) []ask {
		return []ask{{target: "/live", ok: 200, pages: "page", lists: s.livesOn()}, {target: "/live?when=past", ok: 200, pages: "page"}, {target: "/live?tab=mine", ok: 200}}
	}},
	"GET /live/about/:id": {kind: fragment, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			out = append(out, ask{target: "/live/about/" + ob.ID, ok: 200})
		}
		return out
	}},
	"GET /live/:id": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/live/" + nobody, never: true}}
		for session, of := range s.live {
			out = append(out, ask{target: "/live/" + session, id: session, about: of, ok: 200, open: of.State == "published"})
		}
		return out
	}},
	"GET /live/plan/:id": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			kind := s.pages[ob.ID].kind
			a := ask{target: "/live/plan/" + ob.ID, id: ob.ID, about: &oracle.Object{Kind: oracle.Earned, Org: ob.Org}, ok: 200}
			if a.never = kind != tenants.KindCourse && kind != tenants.KindPath || ob.State != "published" || !r.who.Writes; a.never {
				a.about = nil
			}
			out = append(out, a)
		}
		return out
	}},
	"GET /live/:id/calendar.ics": {kind: file, asks: liveUnheld("/calendar.ics")},
	"GET /live/:id/edit":         {kind: page, asks: liveAuthors("/edit", false)},
	"GET /live/:id/people":       {kind: page, asks: liveAuthors("/people", true)},
	"GET /live/:id/people.csv":   {kind: file, asks: liveAuthors("/people.csv", true)},
	"GET /live/:id/recording":    {kind: page, asks: liveAuthors("/recording", false)},
	"GET /live/:id/people/:seat": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for session, of := range s.live {
			out = append(out, ask{target: "/live/" + session + "/people/" + nobody, never: true})
			if seat := s.came[session]; seat != "" {
				a := ask{target: "/live/" + session + "/people/" + seat, id: seat, about: &oracle.Object{Kind: oracle.Earned, Org: of.Org}, ok: 200}
				if a.never = !r.who.Writes; a.never {
					a.about = nil
				}
				out = append(out, a)
			}
		}
		return out
	}},

	"POST /live": {kind: write, post: posts("/live", "my_zone=Europe%2FBerlin&remind=on")},
	"POST /live/plan/:id": {kind: write, post: func(s *site, _ bool) []form {
		return livePosts(s, "/live/plan/", "", "title=Mine&zone=UTC&starts=2099-01-01T10:00&ends=2099-01-01T11:00&seats=3&link=https%3A%2F%2Fx.example%2F", true)
	}},
	"POST /live/:id": {kind: write, post: func(s *site, _ bool) []form {
		return append(livePosts(s, "/live/", "", "do=take&shown_as=name", false), livePosts(s, "/live/", "", "do=leave", false)...)
	}},
	"POST /live/:id/edit": {kind: write, post: func(s *site, _ bool) []form {
		return append(livePosts(s, "/live/", "/edit", "title=Mine&zone=UTC&starts=2099-01-01T10:00&ends=2099-01-01T11:00&seats=3&link=https%3A%2F%2Fx.example%2F", false), livePosts(s, "/live/", "/edit", "do=cancel&title_again=x", false)...)
	}},
	"POST /live/:id/people": {kind: write, post: func(s *site, _ bool) []form {
		return livePosts(s, "/live/", "/people", "shown="+nobody+"&came="+nobody, false)
	}},
	"POST /live/:id/people/:seat": {kind: write, post: func(s *site, _ bool) []form {
		out := livePosts(s, "/live/", "/people/"+nobody, "reason=x", false)
		for session, seat := range s.came {
			out = append(out, form{"/live/" + session + "/people/" + seat, "reason=x"})
		}
		return out
	}},
	"POST /live/:id/recording": {kind: write, post: func(s *site, _ bool) []form {
		return livePosts(s, "/live/", "/recording", "lesson=a&src=https%3A%2F%2Fx.example%2F", false)
	}},
}

// livePosts posts to every session of the world, or to every item.
func livePosts(s *site, before, after, body string, items bool) []form {
	out := []form{{before + nobody + after, body}}
	for session := range s.live {
		if !items {
			out = append(out, form{before + session + after, body})
		}
	}
	for _, ob := range s.world.items {
		if items {
			out = append(out, form{before + ob.ID + after, body})
		}
	}
	return out
}

// livesOn are the sessions that a list can hold.
func (s *site) livesOn() (out []listed) {
	for session, of := range s.live {
		out = append(out, listed{ob: of, as: s.byKey["live "+session]})
	}
	return out
}

// liveUnheld asks for what only who has a seat gets.
func liveUnheld(after string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		var out []ask
		for session := range s.live {
			if !s.seated[session+" "+r.who.Member] {
				out = append(out, ask{target: "/live/" + session + after, id: session, never: true})
			}
		}
		return out
	}
}

// liveAuthors asks for what the authors of whose session it is see, some of it also when what it is about is published no more.
func liveAuthors(after string, gone bool) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		var out []ask
		for session, of := range s.live {
			a := ask{target: "/live/" + session + after, id: session, about: &oracle.Object{Kind: oracle.Earned, Org: of.Org}, ok: 200}
			if a.never = of.State != "published" && !gone || !r.who.Writes; a.never {
				a.about = nil
			}
			out = append(out, a)
		}
		return out
	}
}

// lives gives some courses and paths of an organization live sessions that are open, with people on the seats: some under their name, some not.
func (w *world) lives(o *org) {
	for _, ob := range w.items {
		// A plain world says of no item what it is.
		if ob.Org != o.id.String() || w.rich && w.pages[ob.ID].kind != tenants.KindCourse && w.pages[ob.ID].kind != tenants.KindPath || !w.chance(.6) {
			continue
		}
		session := id.New[id.Any]()
		key := session.String()
		of := &oracle.Object{Kind: oracle.Live, Org: ob.Org, ID: key, Item: ob.ID}
		room := &oracle.Object{Kind: oracle.Room, Org: ob.Org, ID: key}
		w.live[key] = ob
		// Some stand on a lesson, which is done by them.
		part := ""
		if len(w.live)%2 == 0 {
			part = "a"
		}
		w.exec(o, `INSERT INTO live_sessions (org_id, session_id, item_id, part, series, title, about, host, zone, starts_at, ends_at, seats, made_at, changed_at) VALUES ($1, $2, $3, $7, $8, $4, $5, $6, 'Europe/Berlin', now() + interval '5 minutes', now() + interval '1 day', 20, now(), now())`,
			o.id, session, parse[id.Item](w.t, ob.ID), w.token(of, "live "+key), w.field(of, "live_sessions.about"), w.field(of, "live_sessions.host"), part, w.field(of, "live_sessions.series"))
		w.exec(o, `INSERT INTO live_links (org_id, session_id, link) VALUES ($1, $2, $3)`, o.id, session, "https://"+w.token(room, "room "+key)+".example/")
		w.put("live_sessions", key, of)
		w.put("live_links", key, room)
		n := 0
		for _, from := range w.orgs {
			if !w.model.Sees(oracle.Viewer{Org: from.id.String()}, ob) {
				continue
			}
			for _, m := range from.members[:2] {
				as := pick(w.r, shownAs)
				n++
				w.seated[key+" "+m.String()] = true
				w.put("live_seats", key+" "+m.String(), &oracle.Object{Kind: oracle.Seat, Org: from.id.String(), Member: m.String(), ID: key, Other: ob.Org, Shown: as})
				w.execAs(w.scopeOf(m), `INSERT INTO live_seats (org_id, membership_id, session_org, session_id, seat_id, number, shown_as, shown_name, asked_at)
					SELECT m.org_id, m.membership_id, $3, $4, $5, $6, $7, CASE WHEN $7 = 'name' THEN m.name ELSE '' END, now() FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, from.id, m, o.id, session, id.New[id.Any](), n, as)
			}
		}
	}
}

// misses says of some who have a seat that they came, and of others that this was taken back, with words of whose session it is.
func (w *world) misses() {
	before := w.r // By chance of its own: the rest of the world is what it was.
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 47))
	defer func() { w.r = before }()
	su := superuser(w.t, w.dsn("postgres"))
	w.came = map[string]string{}
	for session, of := range w.live {
		rows, err := su.Query(w.t.Context(), `SELECT s.seat_id::text AS seat, s.org_id::text AS org, s.membership_id::text AS member FROM live_seats s WHERE s.session_id = $1 AND s.number IS NOT NULL ORDER BY s.org_id = s.session_org, s.place`, session)
		if err != nil {
			w.t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
			Seat   string `db:"seat"`
			Org    string `db:"org"`
			Member string `db:"member"`
		}])
		if err != nil {
			w.t.Fatal(err)
		}
		for i, x := range list {
			row := &oracle.Object{Kind: oracle.Missed, Org: x.Org, Member: x.Member, ID: session, Other: of.Org}
			words := *row
			words.Done = true
			q, args := `UPDATE live_seats SET attended = true WHERE seat_id = $1`, []any{x.Seat}
			switch i % 3 {
			case 0:
				w.came[session] = x.Seat
			case 1:
				q, args = `WITH seat AS (UPDATE live_seats SET attended = false WHERE seat_id = $1 RETURNING *)
					INSERT INTO live_voided (org_id, membership_id, session_id, session_org, title, starts_at, reason, voided_at, carried_at) SELECT s.org_id, s.membership_id, s.session_id, s.session_org, $2, now(), $3, now(), now() FROM seat s`,
					[]any{x.Seat, w.field(row, "live_voided.title"), w.field(&words, "live_voided.reason")}
				w.put("live_voided", session+" "+x.Member, row)
			default:
				continue
			}
			if _, err := su.Exec(w.t.Context(), q, args...); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// voidMails has carried out once more that attendance was taken back.
func (s *site) voidMails(t *testing.T) {
	t.Helper()
	su := superuser(t, s.dsn("postgres"))
	rows, err := su.Query(t.Context(), `UPDATE live_voided SET carried_at = NULL RETURNING org_id::text AS org, membership_id::text AS member, session_id::text AS session`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Org     string `db:"org"`
		Member  string `db:"member"`
		Session string `db:"session"`
	}])
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		org := parse[id.Org](t, v.Org)
		if err := s.portal.Usher.Attended(jobs.Enter(t.Context(), scope.Usher, org), []courses.LiveAttended{{Org: org, Membership: parse[id.Membership](t, v.Member), Session: parse[id.Any](t, v.Session)}}); err != nil {
			t.Fatal(err)
		}
	}
	s.mailsAre(t, su, `m.subject LIKE 'Taken back: %'`, 1)
}

// missForgeries are what nobody says of another organization's session, of others' people or of themselves: that somebody was not there, that
// this is not so, or another reason.
func (w *world) missForgeries() (out []forgery) {
	for session, of := range w.live {
		for _, by := range w.orgs {
			if by.id.String() == of.Org {
				continue
			}
			as := []scope.Scope{{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}, scope.System(scope.Usher, by.id)}
			out = append(out,
				forgery{what: "take attendance at another's session back", as: as, args: []any{session}, steps: []string{`INSERT INTO live_voided (org_id, membership_id, session_id, session_org, title, starts_at, reason, voided_at)
					SELECT s.org_id, s.membership_id, s.session_id, s.session_org, 'x', now(), 'x', now() FROM live_seats s WHERE s.session_id = $1 AND NOT EXISTS (SELECT 1 FROM live_voided v WHERE v.membership_id = s.membership_id AND v.session_id = s.session_id)`}},
				forgery{what: "give another reason for it", as: as, args: []any{session}, steps: []string{`UPDATE live_voided SET reason = 'x' WHERE session_id = $1`}},
				forgery{what: "say that somebody came to another's session after all", as: as, args: []any{session}, steps: []string{`UPDATE live_seats SET attended = true WHERE session_id = $1`}})
		}
	}
	return out
}

// liveMails has everybody told of their sessions, in every way: each mail tells of a session to somebody who sees it, and never where people
// meet or who else comes.
func (s *site) liveMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	for session := range s.live {
		which := parse[id.Any](t, session)
		for _, o := range s.orgs {
			mailer := jobs.Enter(t.Context(), scope.Mailer, o.id)
			for _, what := range []string{courses.LiveChanged, courses.LiveTaken} {
				if err := s.portal.Usher.Tell(mailer, courses.LiveNews{Org: o.id, Session: which, What: what}); err != nil {
					t.Fatal(err)
				}
			}
			var starts time.Time
			if err := su.QueryRow(t.Context(), `SELECT starts_at FROM live_sessions WHERE session_id = $1`, session).Scan(&starts); err != nil {
				t.Fatal(err)
			}
			if err := s.portal.Usher.Remind(mailer, which, "hour", starts); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.mailsAre(t, su, `m.body LIKE '%/live/%'`, 10)
}

// mailsAre scans the mails for which the condition holds, of which there are at least so many, each for whom it went to.
func (s *site) mailsAre(t *testing.T, su *pgx.Conn, where string, least int) {
	t.Helper()
	rows, err := su.Query(t.Context(), `SELECT m.org_id::text AS org, m.subject || E'\n' || m.body || E'\n' || m.calendar AS text, p.membership_id::text AS member FROM mails m
		JOIN memberships p ON p.org_id = m.org_id AND p.email = m.recipient WHERE `+where)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Org    string `db:"org"`
		Text   string `db:"text"`
		Member string `db:"member"`
	}])
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < least {
		t.Errorf("only %d mails", len(list))
	}
	for _, m := range list {
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: s.owner[m.Org], who: oracle.Viewer{Org: m.Org, Member: m.Member}}, "mail", "", answer{body: m.Text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}
