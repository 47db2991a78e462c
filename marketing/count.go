package marketing

import (
	"fmt"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// CountOnce remembers the keys of events in tx's organization and returns those that were not known: what is added up for
// them is added up once, however often the event comes. Keys are forgotten after 30 days; an event is never that late.
func CountOnce(tx *db.Tx, keys []id.Any) (map[id.Any]bool, error) {
	if _, err := tx.Exec(`DELETE FROM counted WHERE org_id = $1 AND at < $2::timestamptz - interval '30 days'`, tx.Scope.Org, tx.Now); err != nil {
		return nil, fmt.Errorf("forget counted events: %w", err)
	}
	rows, err := db.Rows[id.Any](tx, `INSERT INTO counted (org_id, event, at) SELECT DISTINCT $1::uuid, k, $3::timestamptz FROM unnest($2::uuid[]) AS t(k)
		ON CONFLICT DO NOTHING RETURNING event`, tx.Scope.Org, keys, tx.Now)
	if err != nil {
		return nil, fmt.Errorf("remember counted events: %w", err)
	}
	fresh := make(map[id.Any]bool, len(rows))
	for _, k := range rows {
		fresh[k] = true
	}
	return fresh, nil
}
