package courses

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Returning is how many of those who came for the first time in a month came again. A share is nil while its days are not over for all of
// them, and where fewer than five came, came again or did not: a difference would tell of somebody.
type Returning struct {
	Month  time.Time // its first day, UTC
	People int       // in steps of five
	Day3   *float64  // on one of the days 1 to 3 after the first
	Day7   *float64  // on one of the days 4 to 7
	Day30  *float64  // on one of the days 8 to 30
}

type returningRow struct {
	Month  time.Time `db:"month"`
	People int       `db:"people"`
	Last   time.Time `db:"last"` // first day of who came last
	Day3   int       `db:"day3"`
	Day7   int       `db:"day7"`
	Day30  int       `db:"day30"`
}

// returnMonths is over how many months it is told.
const returnMonths = 12

// Returns returns whether the own organization's people come back, by the month of their first visit, the latest first.
func (s *Service) Returns(ctx context.Context) ([]Returning, error) {
	if err := authz.Check(ctx, authz.SeeReturns, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var rows []returningRow
	var now time.Time
	if err := s.db.Read(ctx, func(b *db.Batch) {
		now = b.Now
		db.List(b, &rows, `SELECT date_trunc('month', r.first_on)::date AS month, count(*)::int AS people, max(r.first_on) AS last, (count(*) FILTER (WHERE r.day3))::int AS day3, (count(*) FILTER (WHERE r.day7))::int AS day7, (count(*) FILTER (WHERE r.day30))::int AS day30
			FROM returns r WHERE r.org_id = $1 AND r.first_on >= date_trunc('month', $2::timestamptz AT TIME ZONE 'UTC')::date - make_interval(months => $3) GROUP BY 1 ORDER BY 1 DESC LIMIT $3 + 1`, sc.Org, b.Now, returnMonths)
	}); err != nil {
		return nil, err
	}
	today := now.UTC().Truncate(24 * time.Hour)
	out := make([]Returning, len(rows))
	for i, r := range rows {
		share := func(n, days int) *float64 {
			if r.People < fives || n < fives || r.People-n < fives || !r.Last.AddDate(0, 0, days).Before(today) {
				return nil
			}
			x := float64(n) / float64(r.People)
			return &x
		}
		out[i] = Returning{Month: r.Month, People: inFives(r.People), Day3: share(r.Day3, 3), Day7: share(r.Day7, 7), Day30: share(r.Day30, 30)}
	}
	return out, nil
}
