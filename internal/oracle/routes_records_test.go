package oracle_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// recordsRoutes are training records: one's own, and those of the people whom somebody looks after, with what was learned before. Managers
// lead nobody in this world and read an empty one.
var recordsRoutes = map[string]route{
	"GET /records":                     {kind: list, asks: recordsOf("/records", "/records?print=1", "/records?only=asked&state=valid&sort=-ends")},
	"GET /records.csv":                 {kind: list, asks: recordsOf("/records.csv")},
	"GET /records/import":              {kind: list, asks: boards("/records/import")},
	"GET /records/import/:id":          {kind: page, asks: pastOf("", "?show=bad", "?ask=undo")},
	"GET /records/import/:id/rows.csv": {kind: file, asks: pastOf("/rows.csv", "/rows.csv?show=new")},
	"GET /me/record": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/me/record", about: &oracle.Object{Kind: oracle.Private, Org: orgOf(r), Member: r.who.Member}, ok: 200, open: true}}
	}},
	"GET /records/past/:id": {kind: page, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/records/past/" + nobody, never: true}}
		for _, o := range s.orgs {
			which := s.world.pasts[o.id.String()].String()
			out = append(out, ask{target: "/records/past/" + which, id: which, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: true})
		}
		return out
	}},
	"POST /records/past/:id": {kind: write, post: func(s *site, _ bool) []form {
		out := []form{{"/records/past/" + nobody, "reason=x"}}
		for _, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/records/past/" + s.world.pasts[o.id.String()].String(), "reason=x"})
			}
		}
		return out
	}},
	"POST /me/record":      {kind: write, post: posts("/me/record", "do=hide")},
	"POST /records/import": {kind: write, post: posts("/records/import", "pasted=")},
	"POST /records/import/:id": {kind: write, post: func(s *site, _ bool) []form {
		out := []form{{"/records/import/" + nobody, "do=take"}}
		for i, o := range s.orgs {
			if o != s.orgs[1] {
				out = append(out, form{"/records/import/" + s.world.pasts[o.id.String()].String(), []string{"do=take", "do=undo", "do=discard"}[i%3]})
			}
		}
		return out
	}},
}

// recordsOf are boards with a record of each organization; one that is narrowed by its team is that organization's alone.
func recordsOf(targets ...string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		out := boards(targets...)(s, r)
		for _, o := range s.orgs {
			key := s.world.pasts[o.id.String()].String()
			out[0].lists = append(out[0].lists, listed{ob: s.at("past_records").objects[key], as: s.byKey[key], must: r.who.Admin})
			team := s.world.crews[o.id.String()].String()
			out = append(out, ask{target: targets[0] + "?team=" + team, id: team, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: true})
		}
		return append(out, ask{target: targets[0] + "?team=" + nobody, never: true})
	}
}

// pastOf asks for the file of past records of every organization, and for one that is not there.
func pastOf(rest ...string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) (out []ask) {
		for _, x := range rest {
			out = append(out, ask{target: "/records/import/" + nobody + x, never: true})
			for _, o := range s.orgs {
				which := s.world.pasts[o.id.String()].String()
				out = append(out, ask{target: "/records/import/" + which + x, id: which, about: &oracle.Object{Kind: oracle.Office, Org: o.id.String()}, ok: 200, open: true})
			}
		}
		return out
	}
}

// recording gives an organization a past record of somebody, and the file that it is from. All of it is its own.
func (w *world) recording(o *org) {
	w.t.Helper()
	// Apart from the rest of the world, which stays what it is whatever happens here.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 31))
	defer func() { w.r = before }()
	if w.pasts == nil {
		w.pasts = map[string]id.Any{}
	}
	which, office := id.New[id.Any](), &oracle.Object{Kind: oracle.Office, Org: o.id.String()}
	w.pasts[o.id.String()] = which
	ob, admin := &oracle.Object{Kind: oracle.House, Org: o.id.String()}, o.members[len(o.members)-1]
	w.exec(o, `INSERT INTO record_imports (org_id, import_id, asked_by, file, skipped, created_at, expires_at) VALUES ($1, $2, $3, $4, ARRAY[$5::text], now(), now() + interval '1 day')`,
		o.id, which, admin, w.field(office, "record_imports.file"), w.field(office, "record_imports.skipped"))
	w.exec(o, `INSERT INTO record_import_rows (org_id, import_id, line, record_id, email, account, kind, title, issuer, reference, outcome, problems)
		VALUES ($1, $2, 2, gen_random_uuid(), $3, $4, '', $5, $6, $7, 'bad', jsonb_build_array(jsonb_build_object('column', 'done', 'key', 'records.row.day', 'value', $8::text)))`,
		o.id, which, w.field(office, "record_import_rows.email")+"@x.example", w.field(office, "record_import_rows.account"), w.field(office, "record_import_rows.title"),
		w.field(office, "record_import_rows.issuer"), w.field(office, "record_import_rows.reference"), w.field(office, "record_import_rows.problems"))
	w.exec(o, `INSERT INTO past_records (org_id, record_id, membership_id, import_id, title, done_on, ends_on, issuer, reference, recorded_by, recorded_at) VALUES ($1, $2, $3, $2, $4, current_date - 300, current_date + 400, $5, $6, $7, now())`,
		o.id, which, o.members[0], w.token(ob, which.String()), w.field(ob, "past_records.issuer"), w.field(ob, "past_records.reference"), admin)
	w.put("past_records", which.String(), ob)
	gone := id.New[id.Any]()
	w.exec(o, `INSERT INTO removed_records (org_id, record_id, membership_id, title, done_on, reason, removed_by, removed_at) VALUES ($1, $2, $3, $4, current_date - 400, $5, $6, now())`,
		o.id, gone, o.members[0], w.field(ob, "removed_records.title"), w.field(ob, "removed_records.reason"), admin)
	w.put("removed_records", gone.String(), ob)
}

// recordForgeries are records of what nobody said: for another organization, of colleagues whom one does not look after, in the name of somebody
// else, and of what is not seen.
func (w *world) recordForgeries() (out []forgery) {
	const write = `INSERT INTO past_records (org_id, record_id, membership_id, import_id, item_org, item_id, kind, title, done_on, recorded_by, recorded_at) VALUES ($1, gen_random_uuid(), $2, gen_random_uuid(), `
	const remove = `INSERT INTO removed_records (org_id, record_id, membership_id, title, done_on, reason, removed_by, removed_at) VALUES ($1, gen_random_uuid(), $2, 'x', current_date, 'x', $3, now())`
	for i, by := range w.orgs {
		to := w.orgs[(i+1)%len(w.orgs)]
		admin := by.members[len(by.members)-1]
		learner := scope.Scope{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()} // Of roles that the database knows nothing of.
		as := []scope.Scope{learner, {Actor: scope.Member, Org: by.id, Membership: admin, Roles: scope.Roles()}}
		systems := []scope.Scope{learner}
		for _, a := range []scope.Actor{scope.SignIn, scope.Counter, scope.Mailer, scope.Issuer, scope.Agreement, scope.Importer} {
			s := scope.System(a, by.id)
			s.Membership = admin
			as, systems = append(as, s), append(systems, s)
		}
		out = append(out,
			forgery{what: "record what people of another organization learned", as: as, args: []any{to.id, to.members[0], admin}, steps: []string{write + `NULL, NULL, '', 'x', current_date, $3, now())`}},
			forgery{what: "record what colleagues learned without looking after them", as: systems, args: []any{by.id, by.members[1], by.members[0]}, steps: []string{write + `NULL, NULL, '', 'x', current_date, $3, now())`}},
			forgery{what: "record in the name of somebody else", as: as, args: []any{by.id, by.members[0], by.members[1]}, steps: []string{write + `NULL, NULL, '', 'x', current_date, $3, now())`}},
			forgery{what: "say that what is recorded of people of another organization was removed", as: as, args: []any{to.id, to.members[0], admin}, steps: []string{remove}},
			forgery{what: "say that what is recorded of colleagues was removed without looking after them", as: systems, args: []any{by.id, by.members[1], by.members[0]}, steps: []string{remove}},
			forgery{what: "say that somebody else removed what is recorded", as: as, args: []any{by.id, by.members[0], by.members[1]}, steps: []string{remove}},
			forgery{what: "change what was recorded", as: as, args: []any{by.id}, steps: []string{`UPDATE past_records SET done_on = current_date WHERE org_id = $1`}},
			forgery{what: "take back what another organization recorded", as: as, args: []any{to.id}, steps: []string{`DELETE FROM past_records WHERE org_id = $1`}})
		if it := w.closed(by, to); it != nil {
			out = append(out, forgery{what: "record an item that the organization does not see", as: as, args: []any{by.id, by.members[0], admin, to.id, parse[id.Item](w.t, it.ID)}, steps: []string{write + `$4, $5, 'course', 'x', current_date, $3, now())`}})
		}
	}
	return out
}

// pastMails lets what was recorded from before end: its people are told, of their own.
func (s *site) pastMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	if _, err := su.Exec(t.Context(), `UPDATE past_records SET ends_on = current_date + 3, told = ''`); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, o := range s.orgs {
		if err := s.portal.Courses.RemindPast(jobs.Enter(t.Context(), scope.Mailer, o.id), s.portal.DB.Now()); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM mails WHERE org_id = $1 AND recipient = $2 AND body LIKE '%/me/record%'`, o.id, s.address(o, o.members[0])).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			s.mailedLast(t, su, o, o.members[0])
			seen++
		}
	}
	if seen == 0 {
		t.Error("nobody is told of anything that ends")
	}
}

// askInPrograms lets every partner ask one of its people because of a program: whom it asked is its own.
func (w *world) askInPrograms() {
	w.t.Helper()
	// One is enough: every mutant of the wall is tried with all of them.
	keys := slices.Sorted(maps.Keys(w.at("standings").objects))
	for _, key := range keys[:min(1, len(keys))] {
		st := w.at("standings").objects[key]
		vendor, partner, program := w.owner[st.Org], w.owner[st.Other], parse[id.Any](w.t, st.ID)
		ask := id.New[id.Any]()
		w.exec(partner, `INSERT INTO program_asks (org_id, ask_id, vendor, program_id, kind, membership_id, asked_by, at) VALUES ($1, $2, $3, $4, 'renew', $5, $5, now() - interval '20 days')`, partner.id, ask, vendor.id, program, partner.members[0])
		w.put("program_asks", ask.String(), &oracle.Object{Kind: oracle.House, Org: partner.id.String()})
	}
}

// askForgeries ask for somebody else, or because of a program in which nobody takes part.
func (w *world) askForgeries() (out []forgery) {
	const ask = `INSERT INTO program_asks (org_id, ask_id, vendor, program_id, kind, membership_id, asked_by, at) VALUES ($1, gen_random_uuid(), $2, $3, 'renew', $4, $5, now())`
	// One is enough: every mutant of the wall is tried with all of them.
	keys := slices.Sorted(maps.Keys(w.at("standings").objects))
	for _, key := range keys[:min(1, len(keys))] {
		st := w.at("standings").objects[key]
		vendor, partner, program := w.owner[st.Org], w.owner[st.Other], parse[id.Any](w.t, st.ID)
		for _, third := range w.orgs {
			boss := third.members[len(third.members)-1]
			as := []scope.Scope{{Actor: scope.Member, Org: third.id, Membership: boss, Roles: scope.Roles()}}
			if third != partner {
				out = append(out,
					forgery{what: "ask the people of another organization", as: as, args: []any{partner.id, vendor.id, program, partner.members[0], boss}, steps: []string{ask}},
					forgery{what: "ask people because of a program in which one takes no part", as: as, args: []any{third.id, vendor.id, program, third.members[0], boss}, steps: []string{ask}})
			}
			if third != vendor {
				out = append(out, forgery{what: "note that the vendor asked a partner", as: as, args: []any{vendor.id, program, partner.id}, steps: []string{`UPDATE program_partners SET asked_at = now() WHERE org_id = $1 AND program_id = $2 AND partner = $3`}})
			}
		}
	}
	return out
}

// askMails lets every vendor ask who takes part in its program to look: they are told of that program and nobody's name.
func (s *site) askMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	seen := 0
	for _, key := range slices.Sorted(maps.Keys(s.at("standings").objects)) {
		st := s.at("standings").objects[key]
		vendor, partner := s.owner[st.Org], s.owner[st.Other]
		if err := s.portal.Courses.AskPartner(scope.Enter(t.Context(), s.bossOf(vendor)), parse[id.Any](t, st.ID), partner.id); err != nil {
			t.Logf("%s asks %s: %v", vendor.slug, partner.slug, err)
			continue // They are not connected any more.
		}
		var who id.Membership // Who looks after partners there, or else who administrates.
		if err := su.QueryRow(t.Context(), `SELECT m.membership_id FROM mails x JOIN memberships m ON m.org_id = x.org_id AND m.email = x.recipient WHERE x.org_id = $1 AND x.body LIKE '%/programs/%' ORDER BY x.created_at DESC LIMIT 1`, partner.id).Scan(&who); err == nil {
			s.mailedLast(t, su, partner, who)
			seen++
		}
	}
	if seen == 0 {
		t.Error("nobody is asked because of a program")
	}
	// What one of the own people is asked can say who asks, for which organization and program, a day, a title and a link, and nothing else.
	for _, l := range lang.Locales() {
		for _, kind := range []string{courses.AskRenew, courses.AskSuggest} {
			text := ""
			for _, k := range []string{"subject.", "text.", "off."} {
				text += lang.T(lang.With(t.Context(), l), "records.ask."+k+kind, "Name", "<Name>", "Org", "<Org>", "Program", "<Program>", "Vendor", "<Vendor>", "Title", "<Title>", "Day", "<Day>")
			}
			if !strings.Contains(text, "<Program>") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: the mail says %s", l, text)
			}
		}
	}
}
