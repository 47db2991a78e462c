package tenants

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants/cells"
)

// monday is the Monday of the ISO week of a time, UTC.
func monday(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day()-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
}

// quarter is the first Monday and the number of weeks of the quarter of ISO weeks that a week belongs to: four of 13 weeks a year, the last
// of 14 in a year of 53.
func quarter(week time.Time) (first time.Time, weeks int) {
	year, n := week.ISOWeek()
	q := min((n-1)/13, 3)
	weeks = 13
	if _, last := time.Date(year, 12, 28, 0, 0, 0, 0, time.UTC).ISOWeek(); q == 3 && last == 53 {
		weeks = 14
	}
	return week.AddDate(0, 0, -7*(n-1-13*q)), weeks
}

// mark begins or ends the counting of one's people for the other, as the terms say: it begins with the next week, and a week in which
// the terms did not hold until its end is not counted.
func (l *link) mark(tx *db.Tx) error {
	for _, side := range []struct{ giver, receiver id.Org }{{l.A, l.B}, {l.B, l.A}} {
		if err := tx.As(scope.Discloser, side.giver, func() error {
			return tx.Batch(func(b *db.Batch) { markCells(b, side.giver, side.receiver, monday(tx.Now).AddDate(0, 0, 7)) })
		}); err != nil {
			return fmt.Errorf("mark what is counted of %s for %s: %w", side.giver, side.receiver, err)
		}
	}
	return nil
}

const givesTotals = `SELECT 1 FROM connections c JOIN agreements a ON a.connection_id = c.connection_id AND a.state = 'active' WHERE c.state = 'active'
	AND least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid)
	AND a.terms->CASE WHEN a.org_a = $1 THEN 'a' ELSE 'b' END->>'learns' IN ('totals', 'certified', 'named')`

func markCells(b *db.Batch, giver, receiver id.Org, from time.Time) {
	db.Write(b, nil, `DELETE FROM cell_marks m WHERE m.org_id = $1 AND m.other_org = $2 AND NOT EXISTS (`+givesTotals+`)`, giver, receiver)
	db.Write(b, nil, `INSERT INTO cell_marks (org_id, other_org, next_week) SELECT $1, $2, $3 WHERE EXISTS (`+givesTotals+`) ON CONFLICT (org_id, other_org) DO NOTHING`, giver, receiver, from)
}

// CountFrom begins to count the people of tx's organization for another with the week of a time: for who brings over what was agreed elsewhere.
func CountFrom(tx *db.Tx, receiver id.Org, from time.Time) error {
	giver := tx.Scope.Org
	return tx.As(scope.Discloser, giver, func() error {
		return tx.Batch(func(b *db.Batch) { markCells(b, giver, receiver, monday(from)) })
	})
}

// countOwn begins to count the people of tx's organization for its own items, with the first of them that there are: how many finished
// one is told to others, so it is released as the rest is.
func countOwn(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO cell_marks (org_id, other_org, next_week)
		SELECT $1, $1, coalesce((SELECT date_trunc('week', min(e.started_at) AT TIME ZONE 'UTC')::date FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $1), $2::date)
		WHERE NOT EXISTS (SELECT 1 FROM cell_marks m WHERE m.org_id = $1 AND m.other_org = $1) ON CONFLICT DO NOTHING`, tx.Scope.Org, monday(tx.Now))
	return err
}

// ReleaseAll releases the totals of all weeks that ended, about the people of every organization to every other that has an agreement on
// it. What was released is never changed; repeating releases nothing twice.
func (s *Service) ReleaseAll(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Disclose, id.Org{}); err != nil {
		return err
	}
	orgs, err := s.orgIDs(ctx)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		if err := s.Release(jobs.Enter(ctx, scope.Discloser, o)); err != nil {
			return err
		}
	}
	return nil
}

// Release does it for the people of the organization of ctx's discloser.
func (s *Service) Release(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Disclose, id.Org{}); err != nil {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if err := s.db.Tx(ctx, countOwn); err != nil {
		return fmt.Errorf("count the people of %s for itself: %w", sc.Org, err)
	}
	var to []id.Org
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &to, `SELECT m.other_org FROM cell_marks m WHERE m.org_id = $1 AND m.next_week + 7 <= $2 ORDER BY m.other_org LIMIT 100000`, sc.Org, b.Now)
	}); err != nil {
		return err
	}
	for _, receiver := range to {
		if err := s.db.Tx(ctx, func(tx *db.Tx) error { return release(tx, receiver) }); err != nil {
			return fmt.Errorf("release totals about %s to %s: %w", sc.Org, receiver, err)
		}
	}
	return nil
}

type countRow struct {
	Item     id.Item   `db:"item_id"`
	Week     time.Time `db:"week"`
	Started  []string  `db:"started"`
	Finished []string  `db:"finished"`
	Shown    bool      `db:"shown"`
}

type totalRow struct {
	First time.Time `db:"first_week"`
	Weeks int       `db:"weeks"`
	Items []string  `db:"items"`
}

// press holds what the release of totals of one organization's people to another works with.
type press struct {
	tx              *db.Tx
	giver, receiver id.Org
	ledger          *cells.Ledger
}

// number numbers the weeks, so that they are in order.
func number(week time.Time) int { return int(week.Unix() / (7 * 24 * 3600)) }

func (p *press) atom(item string, week time.Time) cells.Atom {
	return cells.Atom{Item: item, Week: number(week)}
}

// release goes on where the last one ended, one week after the other.
func release(tx *db.Tx, receiver id.Org) error {
	p := &press{tx: tx, giver: tx.Scope.Org, receiver: receiver, ledger: cells.New()}
	next, err := db.Row[time.Time](tx, `SELECT m.next_week FROM cell_marks m WHERE m.org_id = $1 AND m.other_org = $2 FOR UPDATE`, p.giver, receiver)
	if err != nil {
		return err
	}
	may, err := db.Row[bool](tx, `SELECT $1::uuid = $2::uuid OR EXISTS (`+givesTotals+`)`, p.giver, receiver)
	if err != nil || !may {
		return err
	}
	if err := p.remember(); err != nil {
		return err
	}
	for ; !next.AddDate(0, 0, 7).After(tx.Now); next = next.AddDate(0, 0, 7) {
		if err := p.week(next); err != nil {
			return err
		}
		if first, weeks := quarter(next); next.Equal(first.AddDate(0, 0, 7*(weeks-1))) {
			if err := p.quarter(first, weeks); err != nil {
				return err
			}
		}
	}
	return tx.Must(`UPDATE cell_marks SET next_week = $3 WHERE org_id = $1 AND other_org = $2`, p.giver, receiver, next)
}

// remember fills the ledger with what was counted and released before.
func (p *press) remember() error {
	counted, err := db.Rows[countRow](p.tx, `SELECT c.item_id, c.week, c.started::text[], c.finished::text[], c.shown FROM cell_counts c WHERE c.org_id = $1 AND c.other_org = $2 ORDER BY c.week, c.item_id`, p.giver, p.receiver)
	if err != nil {
		return err
	}
	totals, err := db.Rows[totalRow](p.tx, `SELECT c.first_week, c.weeks, c.items::text[] FROM cells c WHERE c.org_id = $1 AND c.giver_org = $2 AND c.weeks > 1 AND c.started IS NOT NULL
		ORDER BY c.first_week, array_position(ARRAY['item', 'collection', 'organization'], c.kind), c.thing`, p.receiver, p.giver)
	if err != nil {
		return err
	}
	for _, c := range counted {
		p.ledger.Add(p.atom(c.Item.String(), c.Week), c.Started, c.Finished)
		if c.Shown {
			p.ledger.Known(p.atom(c.Item.String(), c.Week))
		}
	}
	for _, t := range totals {
		p.ledger.KnownTotal(p.ledger.Atoms(t.Items, number(t.First), number(t.First)+t.Weeks-1))
	}
	return nil
}

type thing struct {
	ID    string   `db:"thing"`
	Title string   `db:"title"`
	Items []string `db:"items"`
}

// figure is a total as it is released: without numbers where they may not be known.
type figure struct {
	thing

	kind  string
	n     cells.Counts
	ok    bool
	fresh int // of those who finished an item, how many no figure told of before
}

// put keeps figures for who learns them, and adds to how many finished an item what is new in them.
func (p *press) put(figures []figure, first time.Time, weeks int) error {
	if len(figures) == 0 {
		return nil
	}
	return p.tx.As(scope.Discloser, p.receiver, func() error {
		return p.tx.Batch(func(b *db.Batch) {
			for _, f := range figures {
				var started, finished *int
				if f.ok {
					started, finished = &f.n.Started, &f.n.Finished
				}
				db.Write(b, nil, `INSERT INTO cells (org_id, giver_org, kind, thing, first_week, weeks, title, items, started, finished, released_at) VALUES ($1, $2, $3, $4::text::uuid, $5, $6, $7, $8::text[]::uuid[], $9, $10, $11)`,
					p.receiver, p.giver, f.kind, f.ID, first, weeks, f.Title, f.Items, started, finished, p.tx.Now)
				if item, err := id.Parse[id.Item](f.ID); err == nil && f.fresh > 0 {
					db.Write(b, nil, `UPDATE items SET finished = finished + $3 WHERE org_id = $1 AND item_id = $2`, p.receiver, item, f.fresh)
					jobs.Queue(b, p.tx.Now, ItemChanged{p.receiver, item})
				}
			}
		})
	})
}

// week counts a week and releases its cells. Who came for one answer, or to look around, and went again has not started. Whoever is known by name is not counted: the total without them would tell of the others.
func (p *press) week(week time.Time) error {
	rows, err := db.Rows[struct {
		countRow

		Title string `db:"title"`
	}](p.tx, `SELECT e.item_id, $3::date AS week, max(e.title) AS title, false AS shown,
			coalesce(array_agg(e.membership_id::text ORDER BY e.membership_id) FILTER (WHERE e.started_at >= $3 AND e.started_at < $4 AND (e.intent NOT IN ('answer', 'look') OR e.state = 'completed')), '{}') AS started,
			coalesce(array_agg(e.membership_id::text ORDER BY e.membership_id) FILTER (WHERE e.state = 'completed' AND e.completed_at >= $3 AND e.completed_at < $4), '{}') AS finished
		FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $2 AND (e.started_at >= $3 AND e.started_at < $4 OR e.completed_at >= $3 AND e.completed_at < $4)
			AND e.membership_id NOT IN (SELECT c.membership_id FROM consents c WHERE c.org_id = $1 AND c.other_org = $2 AND consented($1, c.membership_id, $2) <> '')
		GROUP BY e.item_id ORDER BY e.item_id`, p.giver, p.receiver, week, week.AddDate(0, 0, 7))
	if err != nil {
		return err
	}
	for _, r := range rows {
		p.ledger.Add(p.atom(r.Item.String(), week), r.Started, r.Finished)
	}
	var figures []figure
	if err := p.tx.Batch(func(b *db.Batch) {
		for _, r := range rows {
			n, ok := p.ledger.Cell(p.atom(r.Item.String(), week))
			db.Write(b, nil, `INSERT INTO cell_counts (org_id, other_org, item_id, week, started, finished, shown) VALUES ($1, $2, $3, $4, $5::text[]::uuid[], $6::text[]::uuid[], $7)`,
				p.giver, p.receiver, r.Item, week, r.Started, r.Finished, ok)
			figures = append(figures, figure{thing{ID: r.Item.String(), Title: r.Title, Items: []string{r.Item.String()}}, "item", n, ok, n.Finished})
		}
	}); err != nil {
		return err
	}
	return p.put(figures, week, 1)
}

// quarter releases the totals of a quarter: of items first, because these say most, then of collections, then of all.
func (p *press) quarter(first time.Time, weeks int) error {
	list, err := db.Rows[thing](p.tx, `SELECT e.item_id::text AS thing, max(e.title) AS title, ARRAY[e.item_id::text] AS items FROM enrollments e
		WHERE e.org_id = $1 AND e.item_org = $2 AND EXISTS (SELECT 1 FROM cell_counts c WHERE c.org_id = $1 AND c.other_org = $2 AND c.item_id = e.item_id AND c.week >= $3 AND c.week < $4)
		GROUP BY e.item_id ORDER BY e.item_id`, p.giver, p.receiver, first, first.AddDate(0, 0, 7*weeks))
	if err != nil || len(list) == 0 {
		return err
	}
	var all []string
	for _, t := range list {
		all = append(all, t.ID)
	}
	var sets []thing
	if err := p.tx.As(scope.Discloser, p.receiver, func() (err error) {
		sets, err = db.Rows[thing](p.tx, `SELECT c.collection_id::text AS thing, c.title, array_agg(DISTINCT ci.item_id::text) AS items FROM grants g JOIN collections c ON c.org_id = g.org_id AND c.collection_id = g.collection_id
			JOIN collection_items ci ON ci.org_id = c.org_id AND ci.collection_id = c.collection_id WHERE g.org_id = $1 AND g.viewer_org = $2 AND ci.item_id::text = ANY($3) GROUP BY c.collection_id, c.title ORDER BY c.collection_id`,
			p.receiver, p.giver, all)
		return err
	}); err != nil {
		return err
	}
	last := number(first) + weeks - 1
	var figures []figure
	total := func(kind string, list ...thing) {
		for _, t := range list {
			atoms := p.ledger.Atoms(t.Items, number(first), last)
			n, ok := p.ledger.Total(atoms)
			fresh := 0
			if kind == "item" && ok {
				fresh = n.Finished - p.ledger.Shown(atoms).Finished
			}
			figures = append(figures, figure{t, kind, n, ok, fresh})
		}
	}
	total("item", list...)
	total("collection", sets...)
	total("organization", thing{ID: p.giver.String(), Items: all})
	return p.put(figures, first, weeks)
}

// CellRow is a total about people; without numbers where fewer than five could be told.
type CellRow struct {
	Kind     string    `db:"kind"` // item, collection or organization
	Title    string    `db:"title"`
	First    time.Time `db:"first_week"` // its Monday
	Weeks    int       `db:"weeks"`
	Started  *int      `db:"started"`
	Finished *int      `db:"finished"`
}

// Totals are the totals that one organization learns about the people of another.
type Totals struct {
	Other    Organization
	Quarters []time.Time // that there are figures of, the last first
	Quarter  time.Time   // shown
	Weeks    int
	Rows     []CellRow // all, then collections and items by title
	All      []CellRow // of all, quarter by quarter, the last first; at most eight
	Cells    []CellRow // of items and weeks, for a file
}

// TotalsAbout returns the totals that the own organization learned about another's people (given false), or the other about one's own
// (given true), of a quarter: of the one that a time is in, or of the last one that there is. What was released is shown as long as
// there is a connection at all, also when it is over: it names nobody. Each look at others' people is counted.
func (s *Service) TotalsAbout(ctx context.Context, other id.Org, given bool, at time.Time, file bool) (Totals, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return Totals{}, err
	}
	var v Totals
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		v = Totals{}
		receiver, giver := tx.Scope.Org, other
		if given {
			receiver, giver = other, tx.Scope.Org
		}
		if _, err := db.Row[levelRow](tx, levelSQL, tx.Scope.Org, other); err != nil {
			return fmt.Errorf("totals of %s and %s: %w", giver, receiver, err)
		}
		quarters, err := db.Rows[time.Time](tx, `SELECT DISTINCT c.first_week FROM cells c WHERE c.org_id = $1 AND c.giver_org = $2 AND c.weeks > 1 ORDER BY 1 DESC LIMIT 40`, receiver, giver)
		if err != nil || len(quarters) == 0 {
			return err
		}
		v.Quarters, v.Quarter = quarters, quarters[0]
		if !at.IsZero() {
			if v.Quarter, _ = quarter(monday(at)); !slices.ContainsFunc(quarters, v.Quarter.Equal) {
				return errs.New(errs.NotFound, "totals of %s", at)
			}
		}
		if !given {
			purpose := readTotals
			if file {
				purpose = readTotalsFile
			}
			if err := countRead(tx, other, purpose); err != nil {
				return err
			}
		}
		_, v.Weeks = quarter(v.Quarter)
		const columns = `SELECT c.kind, c.title, c.first_week, c.weeks, c.started, c.finished FROM cells c WHERE c.org_id = $1 AND c.giver_org = $2`
		return tx.Batch(func(b *db.Batch) {
			db.List(b, &v.Rows, columns+` AND c.weeks > 1 AND c.first_week = $3 ORDER BY array_position(ARRAY['organization', 'collection', 'item'], c.kind), lower(c.title), c.thing LIMIT 1000`, receiver, giver, v.Quarter)
			db.List(b, &v.All, columns+` AND c.weeks > 1 AND c.kind = 'organization' ORDER BY c.first_week DESC LIMIT 8`, receiver, giver)
			if file {
				db.List(b, &v.Cells, columns+` ORDER BY c.first_week, c.weeks DESC, c.kind, lower(c.title), c.thing LIMIT 100000`, receiver, giver)
			}
		})
	})
	if err == nil {
		v.Other, err = s.ByID(ctx, other)
	}
	return v, err
}
