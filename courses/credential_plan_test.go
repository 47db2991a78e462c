package courses_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/plantest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// A publisher that gave 1,000 credentials to its own people and 10,000 to those of 39 others, of whom 400 are known to it by name.
const awarded = `
	SET session_replication_role = replica;
	CREATE FUNCTION plan_u(kind text, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || n)::uuid $$;
	CREATE FUNCTION plan_o(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('org' || CASE WHEN n <= 1000 THEN 1 ELSE 2 + n % 39 END)::uuid $$;
	INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) SELECT plan_u('org', o), 'plan' || o, 'Organization ' || o, 'O', '#000000', 0, 0 FROM generate_series(1, 40) o;
	INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) SELECT plan_u('org', o), plan_u('org', 1), plan_u('conn', o), 'vendor', 'active' FROM generate_series(2, 40) o;
	INSERT INTO persons (person_id) SELECT plan_u('person', n) FROM generate_series(1, 11000) n;
	INSERT INTO memberships (org_id, membership_id, person_id, name, email, roles) SELECT plan_o(n), plan_u('member', n), plan_u('person', n), 'Person ' || n, 'p' || n || '@x.example', CASE WHEN n = 1 THEN '{administrator}'::text[] ELSE '{learner}' END FROM generate_series(1, 11000) n;
	INSERT INTO credentials (org_id, membership_id, credential_id, issuer, item_id, kind, title, lang, version, name, shows, criteria, right_answers, questions, first_at, issued_at, expires_at, renew_from, awards, list, slot, document, code, code_hash)
		SELECT plan_o(n), plan_u('member', n), plan_u('cred', n), plan_u('org', 1), plan_u('item', 1), 'course', 'T', 'en', 1, 'N', 's', 'c', 0, 0, now(), now() - make_interval(mins => n), now() + make_interval(days => 100), now() + make_interval(days => 40), '[]', 0, n, '{}',
			'C' || n, sha256(('C' || n)::bytea) FROM generate_series(1, 11000) n;
	INSERT INTO disclosures (org_id, giver_org, membership_id, item_id, level, name, done, total, finished, first_at, updated_at) SELECT plan_u('org', 1), plan_o(n), plan_u('member', n), plan_u('item', 1), 'certificate', 'Person ' || n, 1, 1, true, now(), now() FROM generate_series(1001, 1400) n;
	INSERT INTO disclosures (org_id, giver_org, membership_id, item_id, level, name, done, total, finished, first_at, updated_at) SELECT plan_u('org', 2), plan_o(n), plan_u('member', n), plan_u('item', 2), 'certificate', 'Person ' || n, 1, 1, true, now(), now() FROM generate_series(1, 9000) n;
	INSERT INTO account_links (org_id, membership_id, other_org, other_membership, linked_at) SELECT plan_o(n), plan_u('member', n), plan_o(n + 1), plan_u('member', n + 1), now() FROM generate_series(1, 10000) n;
	INSERT INTO credential_revocations (org_id, list, slot, reason, revoked_by, at) SELECT plan_u('org', 1), 0, n * 20, 'r', plan_u('member', 1), now() FROM generate_series(1, 500) n;
	SET session_replication_role = origin;
	ANALYZE;`

// TestPlansOfCredentials holds what reading and reminding cost at such a publisher: nobody's page grows with what others earned.
func TestPlansOfCredentials(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	su, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(context.WithoutCancel(t.Context())) })
	if _, err := su.Exec(t.Context(), awarded); err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeyring(secret.Key{ID: "k", Bytes: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	svc := courses.New(courses.Deps{DB: d, Tenants: tenants.New(d, "localhost:8080"), Keys: keys, URL: func(slug string) string { return "https://" + slug + ".example" }})
	org, member, own := planID[id.Org](t, su, "org", 1), planID[id.Membership](t, su, "member", 1), planID[id.Any](t, su, "cred", 1)
	admin := scope.Scope{Actor: scope.Member, Org: org, Membership: member, Roles: scope.Roles()}
	for name, c := range map[string]struct {
		as   scope.Scope
		rows int
		do   func(ctx context.Context) error
	}{
		"mine":      {admin, 60, func(ctx context.Context) error { _, err := svc.Credentials(ctx); return err }},
		"one":       {admin, 60, func(ctx context.Context) error { _, err := svc.Credential(ctx, own); return err }},
		"given":     {admin, 9000, func(ctx context.Context) error { _, err := svc.Gave(ctx, 0); return err }}, // All that the reader may see is put in order.
		"given one": {admin, 6000, func(ctx context.Context) error { _, err := svc.GaveOne(ctx, own, ""); return err }},
		"checked": {scope.Scope{Actor: scope.Visitor}, 60, func(ctx context.Context) error {
			_, err := svc.CheckCredential(ctx, org, "C10000000000")
			return ignoreMissing(err)
		}},
		"reminded": {scope.System(scope.Mailer, org), 60, func(ctx context.Context) error { return svc.Remind(ctx, d.Now()) }},
	} {
		ctx, trace := db.WithTrace(scope.Enter(t.Context(), c.as))
		if err := c.do(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, st := range trace.Statements() {
			if strings.HasPrefix(st.SQL, "SELECT c.") || strings.HasPrefix(st.SQL, "SELECT x.") || strings.HasPrefix(st.SQL, "SELECT e.") {
				p := plantest.Check(t, d, c.as, st.SQL, st.Args, plantest.Max{Rows: c.rows})
				t.Logf("%s: %d rows", name, p.Rows)
			}
		}
	}
}

func planID[T ~struct{ uuid.UUID }](t *testing.T, c *pgx.Conn, kind string, n int) (out T) {
	t.Helper()
	var s string
	if err := c.QueryRow(t.Context(), `SELECT plan_u($1, $2)::text`, kind, n).Scan(&s); err != nil {
		t.Fatal(err)
	}
	out, err := id.Parse[T](s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ignoreMissing(err error) error {
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
