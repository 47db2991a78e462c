package auth_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/plantest"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// An organization of 100,000 people, half of them provisioned, with 50 groups, beside others of 200 each.
const crowd = `
	CREATE FUNCTION plan_u(kind text, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || n)::uuid $$;
	INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) SELECT plan_u('org', o), 'crowd' || o, 'Organization ' || o, 'O', '#000000', 0, 0 FROM generate_series(1, 40) o;
	INSERT INTO persons (person_id) SELECT plan_u('person', n) FROM generate_series(1, 108000) n;
	INSERT INTO memberships (org_id, membership_id, person_id, name, email, user_name, called, external_id)
		SELECT plan_u('org', CASE WHEN n <= 100000 THEN 1 ELSE 2 + n % 39 END), plan_u('member', n), plan_u('person', n), 'Person ' || n, 'p' || n || '@crowd.example',
			CASE WHEN n % 2 = 0 THEN 'P' || n END, CASE WHEN n % 2 = 0 THEN 'p' || n END, CASE WHEN n % 2 = 0 THEN 'x' || n ELSE '' END FROM generate_series(1, 108000) n;
	INSERT INTO teams (org_id, team_id, name, source, external) SELECT plan_u('org', 1), plan_u('team', n), 'Team ' || n, 'scim', 't' || n FROM generate_series(1, 50) n;
	INSERT INTO team_members (org_id, team_id, membership_id, source) SELECT plan_u('org', 1), plan_u('team', 1 + n % 50), plan_u('member', n), 'scim' FROM generate_series(1, 100000) n;
	ANALYZE;`

// TestPlansOfProvisioning holds what a list of provisioning reads at an organization of 100,000 people: who is looked for by a name, an
// address or an identifier is found by an index, a page reads the identifiers before it and its own rows, and to say how many there are
// every identifier is counted once.
func TestPlansOfProvisioning(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	owner, err := pgx.Connect(t.Context(), dsn("learnscape_owner"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	if _, err := owner.Exec(t.Context(), crowd); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), `VACUUM memberships`); err != nil {
		t.Fatal(err)
	}
	var here int
	if err := owner.QueryRow(t.Context(), `SELECT here FROM people_counts WHERE org_id = plan_u('org', 1)`).Scan(&here); err != nil || here != 100_000 {
		t.Fatalf("%d people are counted, %v", here, err)
	}
	uid := func(kind string, n int) (u id.Any) {
		if err := owner.QueryRow(t.Context(), `SELECT plan_u($1, $2)`, kind, n).Scan(&u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	keys, err := secret.NewKeyring(secret.Key{ID: "k1", Bytes: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	client, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	svc, err := auth.New(auth.Deps{DB: d, Tenants: tenants.New(d, base), Mail: mail.New(d, client, mail.Outbox{}, "test.example"), Keys: keys, Egress: egress.New(egress.Options{}), BaseURL: baseURL})
	if err != nil {
		t.Fatal(err)
	}
	admin := scope.Scope{Actor: scope.Member, Org: id.Org{UUID: uid("org", 1).UUID}, Roles: []scope.Role{scope.Learner, scope.Administrator}}
	const all, every = 100_000, 108_000 // The organization has nearly all rows of the table, which may then be read as it lies.
	for _, c := range []struct {
		name   string
		filter auth.ProvisionFilter
		groups bool
		found  int
		rows   int // of the statement that reads most
	}{
		{"by name", auth.ProvisionFilter{Expression: `userName eq "P500"`, Count: 100}, false, 1, 10},
		{"by the address of whom no provider named", auth.ProvisionFilter{Expression: `userName eq "p501@crowd.example"`, Count: 100}, false, 1, 10},
		{"by address", auth.ProvisionFilter{Expression: `emails[type eq "work" and value eq "p7@crowd.example"]`, Count: 100}, false, 1, 10},
		{"by the provider's identifier", auth.ProvisionFilter{Expression: `externalId eq "x500"`, Count: 100}, false, 1, 10},
		{"by identifier", auth.ProvisionFilter{Expression: `id eq "` + uid("member", 9).String() + `"`, Count: 100}, false, 1, 10},
		{"somebody else's", auth.ProvisionFilter{Expression: `id eq "` + uid("member", 100_500).String() + `" or externalId eq "x100500"`, Count: 100}, false, 0, 10},
		{"the first page", auth.ProvisionFilter{Count: 200}, false, all, every + 200},
		{"the last page", auth.ProvisionFilter{Start: all - 199, Count: 200}, false, all, every + 200},
		{"a part of a name", auth.ProvisionFilter{Expression: `displayName co "son 99999"`, Count: 100}, false, 1, every + 200},
		{"of a group", auth.ProvisionFilter{Expression: `groups.value eq "` + uid("team", 3).String() + `"`, Count: 200}, false, 2000, every + 2200},
		{"groups", auth.ProvisionFilter{Count: 200}, true, 50, 200},
		{"groups of somebody", auth.ProvisionFilter{Expression: `members.value eq "` + uid("member", 9).String() + `"`, Count: 200}, true, 1, 200},
	} {
		ctx, trace := db.WithTrace(scope.Enter(t.Context(), admin))
		var total int
		if c.groups {
			_, total, err = svc.ProvisionedGroups(ctx, c.filter, false)
		} else {
			_, total, err = svc.ProvisionedPeople(ctx, c.filter)
		}
		if err != nil || total != c.found {
			t.Errorf("%s: %d found, want %d; %v", c.name, total, c.found, err)
		}
		limit := plantest.Max{Rows: c.rows}
		if c.rows >= all {
			limit.Seq = []string{"memberships"}
		}
		for _, st := range trace.Statements() {
			plantest.Check(t, d, admin, st.SQL, st.Args, limit)
		}
	}
}
