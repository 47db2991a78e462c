package community_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/community/communitytest"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// TestPlans explains the room's lists as the application, with 12,000 questions of 30 connected houses in the database: none
// reads a tenant table from end to end, and what they read grows with connections × limit.
func TestPlans(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	w := communitytest.New(t, d)
	const houses, each = 30, 400
	for range houses {
		org := id.New[id.Org]()
		ctx := dbtest.System(t, scope.Operator, org)
		w.Tx(t, ctx, func(tx *db.Tx) error {
			for _, q := range []string{
				`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, 'h-' || replace(($1::uuid)::text, '-', ''), 'House', 'Ho', '#2855ad', 1, 0)`,
				`INSERT INTO persons (person_id) VALUES ($1)`,
				`INSERT INTO memberships (org_id, membership_id, person_id, name, email) VALUES ($1, $1, $1, 'Somebody', 'x@x.example')`,
			} {
				if _, err := tx.Exec(q, org); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(`WITH c AS (INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) VALUES ($1, $1, $2, 'active', $1) RETURNING connection_id)
				INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) SELECT v.a, v.b, c.connection_id, 'partner', 'active' FROM c, (VALUES ($1::uuid, $2::uuid), ($2::uuid, $1::uuid)) AS v(a, b)`,
				org, w.Vendor.OrgID); err != nil {
				return err
			}
			_, err := tx.Exec(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, title, active_at)
				SELECT $1, gen_random_uuid(), $1, $2, $3, 'connected', 'company', 'Question ' || n, now() - n * interval '1 hour' FROM generate_series(1, $4::int) AS n`,
				org, w.Vendor.OrgID, w.Path.ItemID, each)
			return err
		})
	}
	analyze(t, dsn("learnscape_owner"))
	var some id.Post
	w.Tx(t, w.Vendor.Operator, func(tx *db.Tx) (err error) {
		some, err = db.Row[id.Post](tx, `SELECT question_id FROM questions ORDER BY question_id LIMIT 1`)
		return err
	})
	const limit = 21
	for name, q := range community.Queries(w.Path.ItemID, some, limit) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scans, rows := explain(t, w, w.Vendor.Me, q)
			for _, s := range scans {
				t.Errorf("reads all of %s", s)
			}
			if most := float64(5 * limit * (houses + 4)); rows > most {
				t.Errorf("reads %.0f rows, want at most %.0f", rows, most)
			}
		})
	}
}

// analyze gathers the statistics that the server gathers by itself after a while.
func analyze(t *testing.T, dsn string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context()) //nolint:errcheck // Nothing is buffered.
	if _, err := c.Exec(t.Context(), `ANALYZE questions, answers, items, collection_items, grants, connection_sides`); err != nil {
		t.Fatal(err)
	}
}

type node struct {
	Type  string  `json:"Node Type"`
	Table string  `json:"Relation Name"`
	Rows  float64 `json:"Actual Rows"`
	Loops float64 `json:"Actual Loops"`
	Gone  float64 `json:"Rows Removed by Filter"`
	Plans []node  `json:"Plans"`
}

// explain returns the tenant tables that a query reads from end to end, and how many rows it takes from tables.
func explain(t *testing.T, w *communitytest.World, ctx context.Context, q func(scope.Scope) (string, []any)) (scans []string, rows float64) { //nolint:revive // The test comes first.
	t.Helper()
	w.Tx(t, ctx, func(tx *db.Tx) error {
		sql, args := q(tx.Scope)
		out, err := db.Row[string](tx, `EXPLAIN (ANALYZE, FORMAT JSON) `+sql, args...)
		if err != nil {
			return err
		}
		var plans []struct {
			Plan node
			Time float64 `json:"Execution Time"`
		}
		if err := json.Unmarshal([]byte(out), &plans); err != nil {
			return err
		}
		var walk func(n node)
		walk = func(n node) {
			if n.Table != "" {
				rows += (n.Rows + n.Gone) * n.Loops
				if n.Type == "Seq Scan" && strings.Contains(" questions answers reactions items collection_items ", " "+n.Table+" ") && n.Rows+n.Gone > 200 {
					scans = append(scans, n.Table)
				}
			}
			for _, p := range n.Plans {
				walk(p)
			}
		}
		walk(plans[0].Plan)
		t.Logf("%.0f rows, %.1f ms", rows, plans[0].Time)
		return nil
	})
	return scans, rows
}
