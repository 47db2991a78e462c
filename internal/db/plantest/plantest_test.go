package plantest

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestWalkCountsWhatIsRead(t *testing.T) {
	t.Parallel()
	const plan = `{"Node Type": "Nested Loop", "Actual Rows": 5, "Actual Loops": 1, "Plans": [
		{"Node Type": "Seq Scan", "Relation Name": "items", "Actual Rows": 10, "Actual Loops": 1, "Rows Removed by Filter": 990},
		{"Node Type": "Seq Scan", "Relation Name": "organizations", "Actual Rows": 40, "Actual Loops": 1},
		{"Node Type": "Seq Scan", "Relation Name": "grants", "Actual Rows": 0, "Actual Loops": 0},
		{"Node Type": "Index Scan", "Relation Name": "collection_items", "Actual Rows": 2, "Actual Loops": 10, "Rows Removed by Index Recheck": 1}]}`
	var n node
	if err := json.Unmarshal([]byte(plan), &n); err != nil {
		t.Fatal(err)
	}
	var p Plan
	p.walk(n, map[string]float64{"items": 20_000, "organizations": 40, "grants": 20_000, "collection_items": 20_000})
	if want := 1000 + 40 + 30; p.Rows != want {
		t.Errorf("%d rows read, want %d", p.Rows, want)
	}
	if !slices.Equal(p.Scans, []string{"items"}) {
		t.Errorf("scans %v; want items, which is large and was read", p.Scans)
	}
}
