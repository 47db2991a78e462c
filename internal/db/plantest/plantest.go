// Package plantest explains queries as the application runs them, under the row policies, and fails when they read more than
// a page is worth: on a sequential scan of a table that grows, and on rows read beyond a bound. Tests of rooms call it on
// a database with enough rows, after ANALYZE.
package plantest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/scope"
)

// small is up to how many rows a table may be read whole: the planner is right to.
const small = 300

// Max is what a query may do.
type Max struct {
	Rows int      // read by scans, all loops, filtered ones included; a list may read 50 × limit × collections
	Seq  []string // tables that it may scan although they grow, each with its reason in a comment where it is said
}

// Plan is what a query did.
type Plan struct {
	Rows  int      // read by scans, all loops, filtered ones included
	Scans []string // tables of more than a few hundred rows that were read whole
	Text  string   // the plan as JSON, for a failing test to show
}

type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Filtered float64 `json:"Rows Removed by Filter"`
	Recheck  float64 `json:"Rows Removed by Index Recheck"`
	Plans    []node  `json:"Plans"`
}

// Check explains the query in the scope and fails when it does more than it may.
func Check(t testing.TB, d *db.DB, s scope.Scope, sql string, args []any, limit Max) Plan {
	t.Helper()
	p, err := Explain(t, d, s, sql, args)
	if err != nil {
		t.Errorf("explain %s: %v", sql, err)
		return p
	}
	for _, table := range p.Scans {
		if !slices.Contains(limit.Seq, table) {
			t.Errorf("%s is read whole:\n%s\n%s", table, sql, p.Text)
		}
	}
	if p.Rows > limit.Rows {
		t.Errorf("%d rows read, at most %d may be:\n%s\n%s", p.Rows, limit.Rows, sql, p.Text)
	}
	return p
}

// Recorded checks every query that fn sends through the context that it is given.
func Recorded(t testing.TB, d *db.DB, s scope.Scope, fill func(*db.Batch), limit Max) []Plan {
	t.Helper()
	ctx, trace := db.WithTrace(t.Context())
	if err := d.ReadAs(ctx, s, fill); err != nil {
		t.Fatal(err)
	}
	var out []Plan
	for _, st := range trace.Statements() {
		out = append(out, Check(t, d, s, st.SQL, st.Args, limit))
	}
	if len(out) == 0 {
		t.Error("no query was sent")
	}
	return out
}

// Explain runs the query and returns what it did.
func Explain(t testing.TB, d *db.DB, s scope.Scope, sql string, args []any) (Plan, error) {
	t.Helper()
	var p Plan
	err := d.Tx(scope.Enter(t.Context(), s), func(tx *db.Tx) error {
		raw, err := db.Row[[]byte](tx, `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) `+sql, args...)
		if err != nil {
			return err
		}
		var plans []struct {
			Plan node `json:"Plan"`
		}
		if err := json.Unmarshal(raw, &plans); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		sizes, err := db.Rows[size](tx, `SELECT relname::text AS name, greatest(reltuples, 0)::float8 AS rows FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`)
		if err != nil {
			return err
		}
		rows := map[string]float64{}
		for _, s := range sizes {
			rows[s.Name] = s.Rows
		}
		p = Plan{Text: string(raw)}
		p.walk(plans[0].Plan, rows)
		return nil
	})
	return p, err
}

type size struct {
	Name string  `db:"name"`
	Rows float64 `db:"rows"`
}

func (p *Plan) walk(n node, sizes map[string]float64) {
	if n.Relation != "" {
		p.Rows += int((n.Rows + n.Filtered + n.Recheck) * n.Loops)
		if n.Type == "Seq Scan" && n.Loops > 0 && sizes[n.Relation] > small && !slices.Contains(p.Scans, n.Relation) {
			p.Scans = append(p.Scans, n.Relation)
		}
	}
	for _, c := range n.Plans {
		p.walk(c, sizes)
	}
}
