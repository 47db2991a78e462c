package courses_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/plantest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// An organization with 300 people among 40 with 12,000 in all, each with something of every list.
const listed = `
	SET session_replication_role = replica;
	CREATE FUNCTION plan_u(kind text, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || n)::uuid $$;
	CREATE FUNCTION plan_o(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('org' || CASE WHEN n <= 300 THEN 1 ELSE 2 + n % 39 END)::uuid $$;
	INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) SELECT plan_u('org', o), 'plan' || o, 'Organization ' || o, 'O', '#000000', 0, 0 FROM generate_series(1, 40) o;
	INSERT INTO persons (person_id) SELECT plan_u('person', n) FROM generate_series(1, 12000) n;
	INSERT INTO memberships (org_id, membership_id, person_id, name, email, roles) SELECT plan_o(n), plan_u('member', n), plan_u('person', n), 'Person ' || n, 'p' || n || '@x.example', CASE WHEN n = 1 THEN '{administrator,author}'::text[] ELSE '{learner}' END FROM generate_series(1, 12000) n;
	INSERT INTO items (org_id, item_id, kind, slug, title, lang, state, version, published_at) SELECT plan_o(n), plan_u('item', n), 'course', 'i' || n, 'Item ' || n, 'en', 'published', 1, now() FROM generate_series(1, 12000) n;
	INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) SELECT plan_o(n), plan_u('item', n), 1, 'Item', '', '{}', '' FROM generate_series(1, 12000) n;
	INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, done, total, state, started_at, updated_at, completed_at, title, kind)
		SELECT plan_o(n), plan_u('enr', n), plan_u('member', n), plan_u('org', 1), plan_u('item', 1), 1, 'choice', 1, 1, 'completed', now(), now(), now() - make_interval(hours => n), 'Item 1', 'course' FROM generate_series(1, 12000) n;
	INSERT INTO past_records (org_id, record_id, membership_id, import_id, title, done_on, recorded_by, recorded_at) SELECT plan_o(n), plan_u('past', n), plan_u('member', n), plan_u('import', n % 400), 'Training', current_date - n % 900, plan_u('member', 1), now() FROM generate_series(1, 12000) n;
	INSERT INTO removed_records (org_id, record_id, membership_id, title, done_on, reason, removed_by, removed_at) SELECT plan_o(n), plan_u('gone', n), plan_u('member', n), 'Training', current_date, 'x', plan_u('member', 1), now() FROM generate_series(1, 12000) n;
	INSERT INTO record_imports (org_id, import_id, asked_by, created_at, expires_at) SELECT plan_o(n * 30), plan_u('import', n), plan_u('member', 1), now(), now() FROM generate_series(0, 399) n;
	INSERT INTO record_import_rows (org_id, import_id, line, record_id, email, account, membership_id, kind, title, issuer, reference, outcome)
		SELECT plan_o((n % 400) * 30), plan_u('import', n % 400), n, plan_u('past', n), '', '', plan_u('member', n), '', 'Training', '', '', 'new' FROM generate_series(1, 12000) n;
	INSERT INTO reflections (org_id, membership_id, item_org, item_id, lesson_key, reflection_key, body, reflection_id) SELECT plan_o(n), plan_u('member', n), plan_u('org', 1), plan_u('item', 1), 'l', 'r', 'Words', plan_u('refl', n) FROM generate_series(1, 12000) n;
	INSERT INTO reflection_shares (org_id, reflection_id, membership_id, item_org, item_id, reader_org, reader, body, shared_at)
		SELECT plan_o(n), plan_u('refl', n), plan_u('member', n), plan_u('org', 1), plan_u('item', 1), plan_o(n), plan_u('member', CASE WHEN n <= 300 THEN 1 ELSE n + 1 END), 'Words', now() - make_interval(mins => n) FROM generate_series(2, 11999) n;
	INSERT INTO lesson_feedback (org_id, feedback_id, membership_id, item_org, item_id, lesson_key, helped, words, at) SELECT plan_o(n), plan_u('fb', n), plan_u('member', n), plan_o(n), plan_u('item', n % 300 + 1), 'l', true, 'Words', now() FROM generate_series(1, 12000) n;
	INSERT INTO links (org_id, url, result, checked_at) SELECT plan_o(n), 'https://x.example/' || n, 'gone', now() FROM generate_series(1, 12000) n;
	INSERT INTO link_places (org_id, item_id, lesson_key, url) SELECT plan_o(n), plan_u('item', n), 'l', 'https://x.example/' || n FROM generate_series(1, 12000) n;
	INSERT INTO pilots (org_id, item_id, version, head, begun_by, begun_at) SELECT plan_o(n), plan_u('item', n), 1, '{}', plan_u('member', 1), now() FROM generate_series(1, 12000) n;
	INSERT INTO pilot_remarks (org_id, remark_id, membership_id, item_org, item_id, version, body, at) SELECT plan_o(n), plan_u('remark', n), plan_u('member', n), plan_o(n), plan_u('item', n), 1, 'Words', now() FROM generate_series(1, 12000) n;
	INSERT INTO returns (org_id, membership_id, first_on) SELECT plan_o(n), plan_u('member', n), current_date - n % 300 FROM generate_series(1, 12000) n;
	SET session_replication_role = origin;
	ANALYZE;`

// TestPlansOfLists holds what the lists of what people brought along, thought and said cost: none of them reads through what other
// organizations have.
func TestPlansOfLists(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	su, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(context.WithoutCancel(t.Context())) })
	if _, err := su.Exec(t.Context(), listed); err != nil {
		t.Fatal(err)
	}
	svc := courses.New(courses.Deps{DB: d, Tenants: tenants.New(d, "localhost:8080")})
	org, member, item := planID[id.Org](t, su, "org", 1), planID[id.Membership](t, su, "member", 1), planID[id.Item](t, su, "item", 1)
	admin := scope.Scope{Actor: scope.Member, Org: org, Membership: member, Roles: scope.Roles()}
	for name, c := range map[string]struct {
		rows int // read in all, at most
		do   func(ctx context.Context) error
	}{
		"training record": {3000, func(ctx context.Context) error { _, err := svc.Training(ctx, courses.TrainingFilter{}); return err }}, // Every line of the 300 has a state that is counted.
		"own record":      {300, func(ctx context.Context) error { _, err := svc.OwnTraining(ctx); return err }},
		"imports":         {1500, func(ctx context.Context) error { _, _, err := svc.PastImports(ctx); return err }},
		"a past record": {100, func(ctx context.Context) error {
			_, err := svc.PastRecord(ctx, planID[id.Any](t, su, "past", 7))
			return err
		}},
		"reflections": {200, func(ctx context.Context) error {
			_, err := svc.Reflections(ctx, "", courses.ReflectionsAfter{}, false)
			return err
		}},
		"shared with me": {1500, func(ctx context.Context) error {
			_, err := svc.SharedWithMe(ctx, courses.ReflectionsAfter{})
			return err
		}},
		"feedback": {2000, func(ctx context.Context) error {
			_, err := svc.FeedbackOn(ctx, item, courses.FeedbackFilter{})
			return err
		}},
		"links": {3000, func(ctx context.Context) error {
			_, err := svc.Links(ctx, courses.LinksFilter{Result: courses.LinkDead})
			return err
		}},
		"pilot":   {500, func(ctx context.Context) error { _, err := svc.Pilot(ctx, item); return err }},
		"returns": {1500, func(ctx context.Context) error { _, err := svc.Returns(ctx); return err }},
	} {
		ctx, trace := db.WithTrace(scope.Enter(t.Context(), admin))
		if err := c.do(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seen := 0
		for _, st := range trace.Statements() {
			if !strings.HasPrefix(st.SQL, "SELECT ") && !strings.HasPrefix(st.SQL, "WITH ") && !strings.HasPrefix(st.SQL, "(SELECT ") || strings.HasPrefix(st.SQL, "SELECT set_config") {
				continue
			}
			p := plantest.Check(t, d, admin, st.SQL, st.Args, plantest.Max{Rows: c.rows})
			t.Logf("%s: %d rows", name, p.Rows)
			seen++
		}
		if seen == 0 {
			t.Errorf("%s: no statement was seen", name)
		}
	}
}
