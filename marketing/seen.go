package marketing

import (
	"context"
	"fmt"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/tenants"
)

// CountSeen counts that a story was read, by whoever acts. It says how often, not who: of visitors each time, of another organization's
// people each person once in an ISO week, so that a week in which five read can be told from one in which somebody read five times.
// NotFound if the viewer may not see it; readers of the publisher's own organization are not counted.
func (s *Service) CountSeen(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.CountTouch, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		it, err := tenants.SeeItem(tx, item)
		if err != nil || it.OrgID == tx.Scope.Org {
			return err
		}
		e := Touched{Org: it.OrgID, Item: item, What: Seen, At: tx.Now, Key: id.New[id.Any]()}
		if !tx.Scope.Org.IsZero() {
			year, week := tx.Now.UTC().ISOWeek()
			e.What, e.Key = Read, id.Derive[id.Any](touchSpace, fmt.Sprint(Read, tx.Scope.Membership, item, year, week))
		}
		return jobs.Emit(tx, e)
	})
	if err != nil {
		return fmt.Errorf("count reader of %s: %w", item, err)
	}
	return nil
}
