package oracle_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// credentialRoutes are the pages of what people earned, of what publishers give, and of what anybody may check.
var credentialRoutes = map[string]route{
	"GET /me/credentials": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/me/credentials", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /me/credentials/:id":            {kind: page, asks: unheld("/me/credentials/", "")},
	"GET /me/credentials/:id/badge.json": {kind: file, asks: unheld("/me/credentials/", "/badge.json")},
	"GET /me/credentials/:id/badge.svg":  {kind: file, asks: unheld("/me/credentials/", "/badge.svg")},
	"GET /credentials/given/:id":         {kind: page, asks: unheld("/credentials/given/", "")},
	"GET /credentials/given": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/credentials/given", about: &oracle.Object{Kind: oracle.Earned, Org: orgOf(r)}, ok: 200, open: true, pages: "page"}}
	}},
	"GET /credentials/keys": {kind: page, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/credentials/keys", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /credentials/offer/:id": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			if ob.Org != orgOf(r) {
				out = append(out, ask{target: "/credentials/offer/" + ob.ID, id: ob.ID, never: true})
			}
		}
		return out
	}},
	"GET /credentials/about/:id": {kind: fragment, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			out = append(out, ask{target: "/credentials/about/" + ob.ID, ok: 200})
		}
		return out
	}},

	// The same for everybody: whoever has the code, and whoever looks up a signature.
	"GET /c":                        {kind: public, asks: plain("/c", "/c?code=7QK2-M4XT-9BRC")},
	"GET /c/:code":                  {kind: public, asks: plain("/c/7QK2-M4XT-9BRC")},
	"GET /c/:code/badge.json":       {kind: public, asks: plain("/c/7QK2-M4XT-9BRC/badge.json")},
	"GET /issuer":                   {kind: public, asks: plain("/issuer")},
	"GET /issuer/keys/:key":         {kind: public, asks: plain("/issuer/keys/" + id.New[id.Any]().String())},
	"GET /credentials/status/:list": {kind: public, asks: plain("/credentials/status/0", "/credentials/status/x")},

	"POST /me/credentials": {kind: write, post: func(s *site, _ bool) []form {
		out := []form{{"/me/credentials", "do=mails&mails=on"}}
		for _, ob := range s.world.items {
			out = append(out, form{"/me/credentials", "do=claim&item=" + ob.ID})
		}
		return out
	}},
	"POST /me/credentials/:id":    {kind: write, post: posts("/me/credentials/"+id.New[id.Any]().String(), "do=share")},
	"POST /credentials/given/:id": {kind: write, post: posts("/credentials/given/"+id.New[id.Any]().String(), "name=x&reason=y")},
	"POST /credentials/keys":      {kind: write, post: posts("/credentials/keys", "")},
	"POST /credentials/offer/:id": {kind: write, post: func(s *site, _ bool) []form {
		var out []form
		for _, ob := range s.world.items {
			out = append(out, form{"/credentials/offer/" + ob.ID, "do=save&name=Mine&shows=x&criteria=y&renew_days=0"}, form{"/credentials/offer/" + ob.ID, "do=end"})
		}
		return out
	}},
}

// unheld asks for something that is nobody's.
func unheld(before, after string) func(*site, *reader) []ask {
	return func(*site, *reader) []ask {
		return []ask{{target: before + id.New[id.Any]().String() + after, never: true}}
	}
}

// credentialMails has everything that is published give a credential, and members of all organizations finish whatever they see: each is told
// of the own one, in words that they may read, and nobody else is.
func (s *site) credentialMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	if _, err := su.Exec(t.Context(), `INSERT INTO credential_offers (org_id, item_id, name, shows, criteria, months, set_at) SELECT org_id, item_id, title, title, title, 3, now() FROM items WHERE state = 'published' AND kind IN ('course', 'path')`); err != nil {
		t.Fatal(err)
	}
	given := 0
	for i, o := range s.orgs {
		member := o.members[i%len(o.members)]
		var events []courses.EnrollmentCompleted
		s.must(o, func(tx *db.Tx) error {
			ids, err := db.Rows[id.Enrollment](tx, `INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, state, title, kind, completed_at)
				SELECT $1, gen_random_uuid(), $2, i.org_id, i.item_id, i.version, 'choice', 'completed', i.title, i.kind, now() - interval '80 days' FROM items i WHERE i.state = 'published' AND i.kind IN ('course', 'path') AND i.version > 0
				ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET state = 'completed', completed_at = excluded.completed_at, title = excluded.title RETURNING enrollment_id`, o.id, member)
			for _, e := range ids {
				events = append(events, courses.EnrollmentCompleted{Org: o.id, Enrollment: e})
			}
			return err
		})
		if err := s.portal.Courses.Give(jobs.Enter(t.Context(), scope.Issuer, o.id), events); err != nil {
			t.Fatal(err)
		}
		if err := s.portal.Courses.Remind(jobs.Enter(t.Context(), scope.Mailer, o.id), s.portal.DB.Now()); err != nil {
			t.Fatal(err)
		}
		rows, err := su.Query(t.Context(), `SELECT m.subject || E'\n' || m.body, p.membership_id FROM mails m JOIN memberships p ON p.org_id = m.org_id AND p.email = m.recipient WHERE m.org_id = $1 AND m.body LIKE '%/me/credentials/%'`, o.id)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			Text   string
			Member id.Membership
		}])
		if err != nil {
			t.Fatal(err)
		}
		given += len(list)
		for _, m := range list {
			if m.Member != member {
				t.Errorf("%s: somebody else is told what %s earned", o.slug, member)
			}
			tl := &tally{}
			s.scan(tl, &reader{name: "who earned it", org: o, who: oracle.Viewer{Org: o.id.String(), Member: member.String()}}, "mail", "", answer{body: m.Text})
			for _, l := range tl.leaks {
				t.Errorf("LEAK: %s", l)
			}
		}
	}
	if given < 10 {
		t.Errorf("only %d mails", given)
	}
}
