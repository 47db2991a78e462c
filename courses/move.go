package courses

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// backDays is how long somebody who moved to another version can go back.
const backDays = 14

// MoveView is what a learner sees before they move to another version of the course or path that they are on.
type MoveView struct {
	Now      time.Time
	Item     tenants.Item
	Org      tenants.Organization
	From, To int          // the version that the viewer is on, and the one that new starts get
	Diff     *VersionDiff // nil where the two are one
	Finished []string     // keys of the steps or lessons of the former version that the viewer finished
	Before   Progress
	After    Progress
	LeftNow  int // minutes
	LeftThen int
	Back     int       // the version that the viewer can go back to; 0 for none
	Until    time.Time // until when
	At       string    // "completed" for who has finished it already
}

// Kept counts what of the finished is there in the later version.
func (v MoveView) Kept() int {
	gone := map[string]bool{}
	for _, c := range v.Diff.Changes {
		gone[c.Key] = gone[c.Key] || c.Kind == ChangeGone
	}
	n := 0
	for _, key := range v.Finished {
		if !gone[key] {
			n++
		}
	}
	return n
}

// atLeast is the progress where its share is no lower than the floor. It is the whole by that alone only for who had finished all before. Below the floor it
// counts in thousandths of what is required, because so few lessons seldom have that share, and rounding up each time would add up.
func (p Progress) atLeast(floor float64) Progress {
	if p.Complete() || p.Total == 0 || p.Share() >= floor {
		return p
	}
	if floor >= 1 {
		return Progress{p.Total, p.Total}
	}
	p.Total *= 1000
	p.Done = min(p.Total-1, int(math.Ceil(floor*float64(p.Total)-1e-9)))
	return p
}

// moving is what is read about a move: both versions as the viewer would see them.
type moving struct {
	now, then *root
	from      int
	at        *time.Time
}

// Moving returns what is different between the version that the acting member is on and the one that new starts get. NotFound for who is not on
// it, and for what may not be seen.
func (s *Service) Moving(ctx context.Context, item id.Item) (MoveView, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return MoveView{}, err
	}
	var v MoveView
	var m moving
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		v.Now = tx.Now
		m, err = s.moving(tx, item, 0)
		return err
	}); err != nil {
		return v, err
	}
	v.Item, v.From, v.To, v.At = m.now.Item, m.now.Version, m.then.Version, m.now.State
	v.Item.Title = m.now.Title
	v.Before = m.now.progress()
	v.After = m.then.progress().atLeast(v.Before.Share())
	v.LeftNow, v.LeftThen = left(m.now.stations(nil)), left(m.then.stations(nil))
	for _, st := range m.now.stations(nil) {
		if st.Done && !st.Own {
			v.Finished = append(v.Finished, st.key())
		}
	}
	if m.at != nil && v.Now.Before(m.at.AddDate(0, 0, backDays)) {
		v.Back, v.Until = m.from, m.at.AddDate(0, 0, backDays)
	}
	var err error
	if v.Org, err = s.tenants.ByID(ctx, m.now.OrgID); err != nil || v.From == v.To {
		return v, err
	}
	v.Diff, err = s.diff(ctx, m.now.Item, v.From, v.To)
	return v, err
}

// key is by what a station is known over versions.
func (s Station) key() string {
	if s.Step != "" {
		return s.Step
	}
	return s.Lesson
}

// moving reads the version that tx's member is on and another one; 0 for the one that new starts get.
func (s *Service) moving(tx *db.Tx, item id.Item, to int) (m moving, err error) {
	m.now, m.then = &root{}, &root{}
	var found bool
	var since struct {
		From *int       `db:"moved_from"`
		At   *time.Time `db:"moved_at"`
	}
	if err := tx.Batch(func(b *db.Batch) {
		m.now.queue(b, &found, tx.Scope, item)
		db.One(b, &since, nil, `SELECT e.moved_from, e.moved_at FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3`, tx.Scope.Org, tx.Scope.Membership, item)
	}); err != nil {
		return m, fmt.Errorf("move in %s: %w", item, err)
	}
	if !found || m.now.State == "" {
		return m, errs.New(errs.NotFound, "not on %s", item)
	}
	if since.From != nil {
		m.from, m.at = *since.From, since.At
	}
	if to == 0 {
		to = m.now.Newest
	}
	*m.then = *m.now
	m.then.Version = to
	list, err := s.readTx(tx, m.now.edition(), m.then.edition())
	if err != nil {
		return m, err
	}
	m.now.Outline, m.then.Outline = list[m.now.edition()], list[m.then.edition()]
	// What the later version leads to, as far as the viewer sees it, and what of that they finished elsewhere.
	leads := m.then.Outline.leads(item)
	var sees []tenants.Item
	if err := tx.Batch(func(b *db.Batch) {
		tenants.SeeItems(b, &sees, tx.Scope, leads)
		db.List(b, &m.then.Finished, `SELECT c.item_id, c.lesson_key, c.by_test FROM completions c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id = ANY($3) LIMIT 5000`, tx.Scope.Org, tx.Scope.Membership, append(slices.Clone(leads), item))
	}); err != nil {
		return m, err
	}
	m.then.Sees = slices.Clone(m.now.Sees)
	for _, it := range sees {
		m.then.Sees = append(m.then.Sees, it.ItemID)
	}
	m.now.settle(tx.Scope.Org)
	m.then.settle(tx.Scope.Org)
	return m, nil
}

// MoveVersion moves the acting member to a version of what they are on: the one that new starts get, or, for fourteen days, the one that they were
// on before. What they finished stays finished, and their share never falls. Conflict for any other version.
func (s *Service) MoveVersion(ctx context.Context, item id.Item, to int) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`SELECT 1 FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 FOR UPDATE`, tx.Scope.Org, tx.Scope.Membership, item); err != nil {
			return err
		}
		m, err := s.moving(tx, item, 0)
		if err != nil {
			return err
		}
		back := m.at != nil && to == m.from && tx.Now.Before(m.at.AddDate(0, 0, backDays))
		switch {
		case to == m.now.Version:
			return nil
		case to != m.now.Newest && !back:
			return errs.Say(errs.Conflict, "practice.move.fault")
		}
		var from, at any
		if !back {
			from, at = m.now.Version, tx.Now
		}
		if err := tx.Must(`UPDATE enrollments SET version = $4, finished_in = CASE WHEN completed_at IS NOT NULL THEN coalesce(finished_in, version) END, floor_share = greatest(floor_share, $5), moved_from = $6, moved_at = $7, updated_at = $8 WHERE org_id = $1 AND membership_id = $2 AND item_id = $3 AND state <> 'left'`,
			tx.Scope.Org, tx.Scope.Membership, item, to, m.now.progress().Share(), from, at, tx.Now); err != nil {
			return err
		}
		var t tally
		if err := tx.Batch(func(b *db.Batch) { t.queue(b, tx.Scope, item) }); err != nil {
			return err
		}
		list, err := s.readTx(tx, t.editions()...)
		if err != nil {
			return err
		}
		return tx.Batch(func(b *db.Batch) { t.count(b, tx, list) })
	})
}
