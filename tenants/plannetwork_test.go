package tenants_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/plantest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Organization 1 has 300 partners more, each with terms in force and one collection that it is shown, and knows twenty people of each of
// the first hundred by name; half of that is over. The other connections have terms, too.
const partners = `
	INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) SELECT plan_u('partner', p), 'partner' || p, 'Partner ' || p, 'P', '#000000', 0, 0 FROM generate_series(1, 300) p;
	INSERT INTO connections (connection_id, org_a, org_b, state, asked_by, since) SELECT plan_u('pconn', p), plan_u('org', 1), plan_u('partner', p), 'active', plan_u('org', 1), now() FROM generate_series(1, 300) p;
	INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) SELECT org_a, org_b, connection_id, 'partner', 'active' FROM connections c WHERE c.since IS NOT NULL
		UNION ALL SELECT org_b, org_a, connection_id, 'vendor', 'active' FROM connections c WHERE c.since IS NOT NULL;
	INSERT INTO grants (org_id, viewer_org, collection_id) SELECT plan_u('org', 1), plan_u('partner', p), plan_u('coll', 1001) FROM generate_series(1, 300) p;
	INSERT INTO agreements (agreement_id, version, connection_id, org_a, org_b, state, title, terms, terms_hash, proposed_by)
		SELECT plan_u('terms' || c.connection_id, v), v, c.connection_id, c.org_a, c.org_b, CASE v WHEN 2 THEN 'active' ELSE 'replaced' END, '', '{"a": {"learns": "named"}, "b": {"learns": "named"}}', decode(repeat('ab', 32), 'hex'), c.org_a
		FROM connections c, generate_series(1, 2) v;
	INSERT INTO persons (person_id) SELECT plan_u('person', p * 100 + m) FROM generate_series(1, 100) p, generate_series(1, 20) m;
	INSERT INTO memberships (org_id, membership_id, person_id, name, email) SELECT plan_u('partner', p), plan_u('member', p * 100 + m), plan_u('person', p * 100 + m), 'Member ' || m, 'm' || m || '@p' || p || '.example'
		FROM generate_series(1, 100) p, generate_series(1, 20) m;
	INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin) SELECT plan_u('partner', p), plan_u('enrolled', (p * 100 + m) * 10 + i), plan_u('member', p * 100 + m), plan_u('org', 1), plan_u('item', 1000 + i), 1, 'choice'
		FROM generate_series(1, 100) p, generate_series(1, 20) m, generate_series(1, 4) i;
	INSERT INTO disclosures (org_id, giver_org, membership_id, item_id, level, name, done, total, finished, first_at, updated_at, ended_at)
		SELECT e.item_org, e.org_id, e.membership_id, e.item_id, 'progress', CASE WHEN e.item_id IN (plan_u('item', 1001), plan_u('item', 1002)) THEN 'Somebody' ELSE '' END, 0, 2, false, now(), now(),
			CASE WHEN e.item_id IN (plan_u('item', 1001), plan_u('item', 1002)) THEN NULL ELSE now() END FROM enrollments e;
	INSERT INTO disclosure_reads (org_id, giver_org, purpose, day, n) SELECT plan_u('org', 1), plan_u('partner', p), 'names', current_date - d, 3 FROM generate_series(1, 100) p, generate_series(0, 200) d;
	INSERT INTO reads_across (org_id, of_org, day, surface, purpose, n, people) SELECT plan_u('partner', p), plan_u('org', 1), current_date - d, s, 'learn', 9, 255
		FROM generate_series(1, 100) p, generate_series(0, 100) d, unnest(ARRAY['path', 'lesson', 'story']) s;
	ANALYZE;`

// What a partner manager of 340 connections reads grows with the own network and with the page, never with the networks of others or
// with everything that is known of anybody.
func TestPlansOfTheNetwork(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	root, err := pgx.Connect(t.Context(), dsn("learnscape_owner"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close(context.WithoutCancel(t.Context())) })
	for _, q := range []string{network, partners} {
		if _, err := root.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	svc := tenants.New(d, "localhost:8080")
	as := func(kind string, n, member int) scope.Scope {
		return scope.Scope{Actor: scope.Member, Org: planned[id.Org](t, root, kind, n), Membership: planned[id.Membership](t, root, "member", member), Roles: []scope.Role{scope.PartnerManager, scope.Administrator}}
	}
	// What flows is counted for every connection, to find those through which most does: 340 of them, some with a hundred items.
	const flows = 50 * 1000
	vendor, partner := as("org", 1, 0), as("partner", 7, 701)
	for _, tt := range []struct {
		name   string
		viewer scope.Scope
		most   int // rows read by any one statement
		call   func(context.Context) error
	}{
		{"portfolio", vendor, flows, func(ctx context.Context) error { _, err := svc.Portfolio(ctx, tenants.PortfolioFilter{}); return err }},
		{"portfolio by what is given", vendor, flows, func(ctx context.Context) error {
			_, err := svc.Portfolio(ctx, tenants.PortfolioFilter{Sort: tenants.SortGives, Desc: true})
			return err
		}},
		{"portfolio, one name", vendor, flows, func(ctx context.Context) error {
			_, err := svc.Portfolio(ctx, tenants.PortfolioFilter{Query: "partner 17", State: string(tenants.Active)})
			return err
		}},
		{"portfolio of a partner", partner, 5000, func(ctx context.Context) error { _, err := svc.Portfolio(ctx, tenants.PortfolioFilter{}); return err }},
		{"all that a filter leaves", vendor, 1500, func(ctx context.Context) error {
			_, err := svc.Matching(ctx, tenants.PortfolioFilter{Query: "partner"})
			return err
		}},
		{"names that are learned", vendor, 700, func(ctx context.Context) error {
			_, err := svc.LearnedAbout(ctx, partner.Org, tenants.LearnedFilter{Query: "some"})
			return err
		}},
		{"names that are given", partner, 700, func(ctx context.Context) error {
			_, err := svc.GivenTo(ctx, vendor.Org, tenants.LearnedFilter{})
			return err
		}},
		{"what goes about oneself", partner, 300, func(ctx context.Context) error { _, _, err := svc.GoneTo(ctx, vendor.Org); return err }},
		{"totals", vendor, 300, func(ctx context.Context) error {
			_, err := svc.TotalsAbout(ctx, partner.Org, false, d.Now(), false)
			return err
		}},
		{"what others read", vendor, 1200, func(ctx context.Context) error { _, err := svc.Log(ctx, tenants.LogFilter{}); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, trace := db.WithTrace(scope.Enter(t.Context(), tt.viewer))
			if err := tt.call(ctx); err != nil {
				t.Fatal(err)
			}
			asked := 0
			for _, st := range trace.Statements() {
				if q := strings.TrimSpace(st.SQL); strings.HasPrefix(q, "SELECT") || strings.HasPrefix(q, "WITH") {
					asked++
					p := plantest.Check(t, d, tt.viewer, st.SQL, st.Args, plantest.Max{Rows: tt.most, Seq: []string{"organizations"}}) // The names of 340 of 340.
					t.Logf("%d rows read", p.Rows)
				}
			}
			if asked == 0 {
				t.Error("no query was sent")
			}
		})
	}
}
