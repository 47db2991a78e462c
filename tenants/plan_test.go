package tenants_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/plantest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// A network of 40 organizations with 500 items in ten collections each. Organization 1 is shown one collection, organization
// 2 two hundred (twenty publishers), organization 3 nothing; the one collection is open to 300 partners more; five collections are public. Identifiers are derived from numbers.
const network = `
	CREATE FUNCTION plan_u(kind text, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(kind || n)::uuid $$;
	INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) SELECT plan_u('org', o), 'plan' || o, 'Organization ' || o, 'O', '#000000', 0, 0 FROM generate_series(1, 40) o;
	INSERT INTO items (org_id, item_id, kind, title, slug, state, version, published_at)
		SELECT plan_u('org', o), plan_u('item', o * 1000 + i), (ARRAY['course', 'path', 'resource', 'story'])[1 + i % 4], 'Item ' || i, 'i' || i,
			CASE WHEN i % 10 = 0 THEN 'draft' ELSE 'published' END, 1, now() - make_interval(mins => i * 41 + o) FROM generate_series(1, 40) o, generate_series(1, 500) i;
	INSERT INTO collections (org_id, collection_id, slug, title, visibility)
		SELECT plan_u('org', o), plan_u('coll', o * 1000 + c), 'c' || c, 'Collection', 'agreement' FROM generate_series(1, 40) o, generate_series(1, 10) c;
	INSERT INTO collection_items (org_id, collection_id, item_id, kind, listed_at)
		SELECT i.org_id, plan_u('coll', o * 1000 + 1 + (n * 7 + k) % 10), i.item_id, i.kind, i.published_at
		FROM generate_series(1, 40) o, generate_series(1, 500) n, generate_series(0, 1) k, items i WHERE i.item_id = plan_u('item', o * 1000 + n);
	INSERT INTO grants (org_id, viewer_org, collection_id) SELECT plan_u('org', 10), plan_u('org', 1), plan_u('coll', 10001);
	INSERT INTO grants (org_id, viewer_org, collection_id) SELECT plan_u('org', o), plan_u('org', 2), plan_u('coll', o * 1000 + c) FROM generate_series(11, 30) o, generate_series(1, 10) c;
	INSERT INTO grants (org_id, viewer_org, collection_id) SELECT plan_u('org', o), plan_u('org', v), plan_u('coll', o * 1000 + 1) FROM generate_series(5, 40) o, generate_series(6, 40) v WHERE o <> v;
	INSERT INTO grants (org_id, viewer_org, collection_id) SELECT plan_u('org', o), everyone(), plan_u('coll', o * 1000 + 10) FROM generate_series(36, 40) o;
	INSERT INTO grants (org_id, viewer_org, collection_id) SELECT plan_u('org', 10), plan_u('partner', v), plan_u('coll', 10001) FROM generate_series(1, 300) v;
	INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) SELECT plan_u('conn', a * 100 + b), plan_u('org', a), plan_u('org', b), 'active', plan_u('org', a)
		FROM generate_series(1, 40) a, generate_series(1, 40) b WHERE a < b;
	INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) SELECT org_a, org_b, connection_id, 'peer', 'active' FROM connections
		UNION ALL SELECT org_b, org_a, connection_id, 'peer', 'active' FROM connections;
	ANALYZE;`

func planned[T ~struct{ uuid.UUID }](t *testing.T, c *pgx.Conn, kind string, n int) T {
	t.Helper()
	var s string
	if err := c.QueryRow(t.Context(), `SELECT md5($1)::uuid::text`, kind+strconv.Itoa(n)).Scan(&s); err != nil {
		t.Fatal(err)
	}
	v, err := id.Parse[T](s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPlansOfLists(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	owner, err := pgx.Connect(t.Context(), dsn("learnscape_owner"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	if _, err := owner.Exec(t.Context(), network); err != nil {
		t.Fatal(err)
	}
	member := func(n int) scope.Scope {
		return scope.Scope{Actor: scope.Member, Org: planned[id.Org](t, owner, "org", n), Roles: []scope.Role{scope.Learner}}
	}
	visitor := scope.Scope{Actor: scope.Visitor}
	const public = 5
	foreign := planned[id.Item](t, owner, "item", 10_001)
	many := make([]id.Item, 30)
	for i := range many {
		many[i] = planned[id.Item](t, owner, "item", 12_001+i)
	}
	// The guard itself must find what it looks for: a list that asks every item reads them all.
	if p, err := plantest.Explain(t, d, member(2), `SELECT count(*) FROM items WHERE lower(title) = 'item 7'`, nil); err != nil || p.Rows < 20_000 {
		t.Errorf("reading all items was not noticed: %d rows, %v", p.Rows, err)
	}
	for _, tt := range []struct {
		name        string
		viewer      scope.Scope
		collections int // open to the viewer, its own items counted as one
		limit       int
		fill        func(b *db.Batch, viewer scope.Scope, limit int)
	}{
		{"Visible, one collection", member(1), 2 + public, 20, visible()},
		{"Visible, two hundred collections", member(2), 201 + public, 20, visible()},
		{"Visible, two hundred collections, a long page", member(2), 201 + public, 200, visible()},
		{"Visible, own and public only", member(3), 1 + public, 20, visible()},
		{"Visible, a visitor", visitor, public, 20, visible()},
		{"Visible, one kind", member(2), 201 + public, 20, visible(tenants.KindPath)},
		{"SeenItem, granted", member(1), 2, 1, func(b *db.Batch, v scope.Scope, _ int) {
			tenants.SeenItem(b, new(tenants.Item), new(bool), v, foreign)
		}},
		{"SeenItem, not granted", member(3), 2, 1, func(b *db.Batch, v scope.Scope, _ int) {
			tenants.SeenItem(b, new(tenants.Item), new(bool), v, foreign)
		}},
		{"SeenItem, a visitor", visitor, 2, 1, func(b *db.Batch, v scope.Scope, _ int) {
			tenants.SeenItem(b, new(tenants.Item), new(bool), v, foreign)
		}},
		{"SeeItems", member(2), 2, 30, func(b *db.Batch, v scope.Scope, _ int) { tenants.SeeItems(b, new([]tenants.Item), v, many) }},
		{"Neighbours", member(2), 1, 39, func(b *db.Batch, v scope.Scope, _ int) { tenants.Neighbours(b, new([]tenants.Neighbour), v) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range plantest.Recorded(t, d, tt.viewer, func(b *db.Batch) { tt.fill(b, tt.viewer, tt.limit) }, plantest.Max{Rows: 50 * tt.limit * tt.collections}) {
				t.Logf("%d rows read", p.Rows)
			}
		})
	}
}

func visible(kinds ...string) func(*db.Batch, scope.Scope, int) {
	return func(b *db.Batch, v scope.Scope, limit int) {
		tenants.Visible(b, new([]tenants.Item), v, tenants.ListFilter{Kinds: kinds, Limit: limit})
	}
}
