package oracle_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// houseRoutes are the routes of an organization's own life.
var houseRoutes = map[string]route{
	"GET /admin/organization":         {kind: page, asks: office("/admin/organization")},
	"GET /admin/organization/close":   {kind: page, asks: office("/admin/organization/close")},
	"GET /admin/teams":                {kind: list, asks: crews("", true)},
	"GET /admin/teams/:team":          {kind: page, asks: crews("/01a21306-28be-7092-bb09-9f3a7379a7ff", false)},
	"GET /admin/teams/:team/delete":   {kind: page, asks: crews("/01a21306-28be-7092-bb09-9f3a7379a7ff/delete", false)},
	"GET /admin/teams/:team/roles":    {kind: page, asks: crews("/01a21306-28be-7092-bb09-9f3a7379a7ff/roles", false)},
	"POST /admin/teams/:team/roles":   {kind: write, post: posts("/admin/teams/01a21306-28be-7092-bb09-9f3a7379a7ff/roles", "role_author=on")},
	"POST /admin/teams":               {kind: write, post: posts("/admin/teams", "name=")},
	"POST /admin/teams/:team":         {kind: write, post: posts("/admin/teams/01a21306-28be-7092-bb09-9f3a7379a7ff", "name=x")},
	"POST /admin/teams/:team/people":  {kind: write, post: posts("/admin/teams/01a21306-28be-7092-bb09-9f3a7379a7ff/people", "change=add")},
	"POST /admin/teams/:team/delete":  {kind: write, post: posts("/admin/teams/01a21306-28be-7092-bb09-9f3a7379a7ff/delete", "name=x")},
	"POST /admin/organization/close":  {kind: write, post: posts("/admin/organization/close", "name=nobody")},
	"POST /admin/organization/reopen": {kind: write, post: posts("/admin/organization/reopen", "")},
}

// crews asks for teams: administrators see all of them, managers those that they lead, of which this world has none.
func crews(rest string, there bool) func(*site, *reader) []ask {
	return func(_ *site, r *reader) []ask {
		a := ask{target: "/admin/teams" + rest, never: !there}
		switch {
		case there && r.scope.Has(scope.Manager):
			a.ok = 200
		case there:
			a.about, a.ok, a.open = &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, 200, true
		}
		return []ask{a}
	}
}

// houseMails closes an organization of its own: its administrators alone are told, and nothing of anybody else.
func (s *site) houseMails(t *testing.T) {
	t.Helper()
	o := &org{id: id.New[id.Org](), slug: "leaving"}
	if _, err := s.portal.Tenants.CreateOrganization(scope.Enter(t.Context(), scope.System(scope.Operator, o.id)), tenants.NewOrganization{
		OrgID: o.id, Slug: o.slug, Name: "Leaving", Short: "L", Color: "#000000", Locale: "en", SignIn: "email",
	}); err != nil {
		t.Fatal(err)
	}
	var boss tenants.Membership
	if err := s.d.Tx(scope.Enter(t.Context(), scope.System(scope.Operator, o.id)), func(tx *db.Tx) (err error) {
		if _, err = tenants.AddMember(tx, tenants.NewMember{Email: "somebody@leaving.example"}); err == nil {
			boss, err = tenants.AddMember(tx, tenants.NewMember{Email: "boss@leaving.example", Roles: []scope.Role{scope.Administrator}})
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	as := scope.Enter(dbtest.Shown(t.Context()), scope.Scope{Actor: scope.Member, Org: o.id, Membership: boss.MembershipID, Roles: boss.Roles})
	if err := s.portal.Tenants.Close(as, "Leaving"); err != nil {
		t.Fatal(err)
	}
	s.settleDown()
	if err := s.portal.Tenants.Reopen(as); err != nil {
		t.Fatal(err)
	}
	s.settleDown()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	rows, err := su.Query(t.Context(), `SELECT recipient || ' ' || subject || E'\n' || body FROM mails WHERE org_id = $1 ORDER BY created_at`, o.id)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(texts) != 2 {
		t.Fatalf("%d mails about the end and the return: %v", len(texts), err)
	}
	for _, text := range texts {
		if !strings.HasPrefix(text, "boss@leaving.example ") || !strings.Contains(text, "://leaving.") {
			t.Errorf("the mail is %s", text)
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: o, who: oracle.Viewer{Org: o.id.String()}}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}
