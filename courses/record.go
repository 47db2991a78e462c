package courses

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Record is what a member keeps of a course or path that is open to them no more: their own row and nothing of the publisher's.
type Record struct {
	Title     string // when they began
	Kind      string
	Org       tenants.Organization // of the publisher
	Progress  Progress
	Lessons   int // finished of it
	Started   time.Time
	Last      time.Time // when they were in it last
	Completed *time.Time
	Gone      *Withdrawal // why it closed, where the version that they were in was withdrawn; nil for any other reason
}

type recordRow struct {
	Title     string     `db:"title"`
	Kind      string     `db:"kind"`
	Org       id.Org     `db:"item_org"`
	Done      int        `db:"done"`
	Total     int        `db:"total"`
	Lessons   int        `db:"lessons"`
	Started   time.Time  `db:"started_at"`
	Last      time.Time  `db:"updated_at"`
	Completed *time.Time `db:"completed_at"`

	Gone *Withdrawal `db:"gone"`
}

// Record returns the member's own record of an item that has closed, so that nobody is told "not found" of what they learned.
// NotFound for everybody without one.
func (s *Service) Record(ctx context.Context, item id.Item) (Record, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return Record{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Record{}, err
	}
	var r recordRow
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &r, &found, `SELECT e.title, e.kind, e.item_org, e.done, e.total, e.started_at, e.updated_at, e.completed_at,
				(SELECT count(*)::int FROM completions c WHERE c.org_id = e.org_id AND c.membership_id = e.membership_id AND c.item_org = e.item_org AND c.item_id = e.item_id) AS lessons,
				(SELECT to_json(x) FROM (SELECT n.version, n.kind, n.reason, n.instead, n.withdrawn_at FROM withdrawal_notes n WHERE n.org_id = e.org_id AND n.item_org = e.item_org AND n.item_id = e.item_id AND n.version = e.forced_from AND n.instead = 0 AND n.undone_at IS NULL) x) AS gone
			FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 AND e.title <> '' LIMIT 1`, sc.Org, sc.Membership, item)
	}); err != nil {
		return Record{}, err
	}
	if !found {
		return Record{}, errs.New(errs.NotFound, "record of %s", item)
	}
	orgs, err := s.tenants.ByIDs(ctx, r.Org)
	if err != nil {
		return Record{}, err
	}
	return Record{
		Title: r.Title, Kind: r.Kind, Org: orgs[r.Org], Progress: Progress{r.Done, r.Total}, Lessons: r.Lessons, Started: r.Started, Last: r.Last, Completed: r.Completed, Gone: r.Gone,
	}, nil
}
