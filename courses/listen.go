package courses

import (
	"context"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Listen registers what the room does on events.
func (s *Service) Listen(r *jobs.Relay) {
	jobs.On(r, scope.Counter, s.countFinished)
	s.discloseOn(r)
}

// countFinished keeps how many people finished an item, in the publisher's scope. A finish counts once however often it comes.
func (s *Service) countFinished(ctx context.Context, events []ItemFinished) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		items, finishes := make([]id.Item, len(events)), make([]id.Any, len(events))
		for i, e := range events {
			items[i], finishes[i] = e.Item, e.Finish
		}
		changed, err := db.Rows[id.Item](tx, `WITH fresh AS (
				INSERT INTO finishes (org_id, item_id, finish_id)
				SELECT DISTINCT i.org_id, i.item_id, e.finish_id FROM unnest($2::uuid[], $3::uuid[]) AS e(item_id, finish_id)
					JOIN items i ON i.org_id = $1 AND i.item_id = e.item_id
				ON CONFLICT DO NOTHING RETURNING item_id
			), sums AS (SELECT item_id, count(*) AS n FROM fresh GROUP BY item_id)
			UPDATE items i SET finished = i.finished + sums.n FROM sums WHERE i.org_id = $1 AND i.item_id = sums.item_id
			RETURNING i.item_id`, tx.Scope.Org, items, finishes)
		if err != nil {
			return err
		}
		for _, item := range changed {
			if err := jobs.Emit(tx, tenants.ItemChanged{Org: tx.Scope.Org, Item: item}); err != nil {
				return err
			}
		}
		return nil
	})
}
