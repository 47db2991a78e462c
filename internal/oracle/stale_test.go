package oracle_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// TestStaleSessions holds that somebody who finds an administrator's open browser cannot change how people come in or what they may, nor
// take data out, erase or close: each is asked for a fresh sign-in, nothing is written, and the form is kept for when that was given.
func TestStaleSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t, 43)
	s.forget("stale sessions")
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	o := s.orgs[1]
	i := slices.IndexFunc(s.readers, func(r *reader) bool {
		return r.org == o && r.scope.Org == o.id && r.scope.Has(scope.Administrator) && r.scope.View.IsZero()
	})
	fresh := s.readers[i]
	token, other := secret.NewToken(), o.members[0].String()
	s.exec(o, `INSERT INTO sessions (org_id, session_id, token_hash, membership_id, expires_at, auth_at) VALUES ($1, $2, $3, $4, now() + interval '1 day', now() - interval '6 minutes')`, o.id, id.New[id.Session](), secret.Hash(token), fresh.scope.Membership)
	stale := *fresh
	stale.cookie = "ls_sid=" + token

	forms := []form{
		{"/admin/domains", "name=kept.example"},
		{"/admin/domains/hosts", "host=kept.example"},
		{"/admin/domains/hosts/canonical", "host="},
		{"/admin/domains/hosts/x.example/remove", ""},
		{"/admin/tokens", "name=kept&days=7&read%3Acontent=on"},
		{"/admin/organization/close", "name=kept"},
		{"/admin/organization/export", ""},
		{"/me/sessions/others", ""},
		{"/me/sessions/" + id.New[id.Session]().String() + "/end", ""},
		{"/me/erase", "name=kept&posts=keep"},
		{"/admin/people/" + other + "/erase", "name=kept&posts=keep"},
		{"/admin/people/" + other + "/roles", "role_author=on&kept=1"},
		{"/admin/teams/" + id.New[id.Any]().String() + "/roles", "role_author=on"},
	}
	tables := slices.DeleteFunc(ownedTables(t, su), func(table string) bool { return table == "sessions" }) // When it was used last is written.
	before := digest(t, su, tables, o.id)
	for _, f := range forms {
		a := s.request(&stale, "POST", f.target, f.body, nil)
		if a.status != 403 || !strings.Contains(a.body, `href="/auth/again"`) {
			t.Errorf("%s with a stale session: %d", f.target, a.status)
		}
		if strings.Contains(f.body, "kept") && (!strings.Contains(a.body, `type="hidden"`) || !strings.Contains(a.body, "kept")) {
			t.Errorf("%s: what was typed is lost", f.target)
		}
		if f.target == "/me/sessions/others" {
			continue // It would end the stale one.
		}
		if b := s.request(fresh, "POST", f.target, strings.NewReplacer("kept=1", "", "kept", "x y").Replace(f.body), nil); b.status == 403 {
			t.Errorf("%s with a fresh session: 403", f.target)
		}
		if f.target == "/admin/organization/export" || strings.HasPrefix(f.target, "/admin/tokens") || strings.HasSuffix(f.target, "/roles") {
			before = digest(t, su, tables, o.id) // These worked.
		}
	}
	for table, was := range before {
		if is := digest(t, su, tables, o.id)[table]; is != was {
			t.Errorf("%s changed", table)
		}
	}
	for _, page := range []string{"/me/data.zip", "/admin/people/" + other + "/data.zip", "/admin/organization/close", "/me/erase", "/admin/people/" + other + "/roles", "/admin/domains/x.example/remove"} {
		if a := s.request(&stale, "GET", page, "", nil); a.status != 303 || !strings.HasPrefix(a.head["Location"], "/auth/again?return_to=") {
			t.Errorf("%s with a stale session: %d to %q", page, a.status, a.head["Location"])
		}
	}
}
