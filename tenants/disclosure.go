package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// What is read of what one learns about others' people, as it is counted.
const (
	readNames      = "names"
	readNamesFile  = "names_file"
	readTotals     = "totals"
	readTotalsFile = "totals_file"
)

// Disclose brings what other organizations know by name of the members up to date, within what each agreed to: members of the organization of
// ctx's discloser, who all are meant if none is named. Repeating is safe.
func (s *Service) Disclose(ctx context.Context, members ...id.Membership) error {
	if err := authz.Check(ctx, authz.Disclose, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		list, err := db.Rows[struct {
			Other  id.Org         `db:"other_org"`
			Member *id.Membership `db:"membership_id"`
		}](tx, `SELECT DISTINCT c.other_org, CASE WHEN cardinality($2::uuid[]) > 0 THEN c.membership_id END AS membership_id FROM consents c
			WHERE c.org_id = $1 AND (cardinality($2::uuid[]) = 0 OR c.membership_id = ANY($2)) ORDER BY 1, 2 LIMIT 100000`, tx.Scope.Org, append([]id.Membership{}, members...))
		if err != nil {
			return err
		}
		for _, l := range list {
			if err := disclose(tx, tx.Scope.Org, l.Other, l.Member); err != nil {
				return err
			}
		}
		return nil
	})
}

// disclose makes the receiver's rows about a member of the giver, or about all of them, what may be known now. What may not is emptied: a
// name stands there for as long as both organizations and the person say so, and when one of them stops, nothing is left of it but that
// it was there.
func disclose(tx *db.Tx, giver, receiver id.Org, member *id.Membership) error {
	err := tx.As(scope.Discloser, receiver, func() error {
		return tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `INSERT INTO disclosures AS o (org_id, giver_org, membership_id, item_id, level, name, done, total, finished, until, first_at, updated_at)
				SELECT $1, $2, d.membership_id, d.item_id, d.level, d.name, d.done, d.total, d.finished, d.until, $4, $4 FROM disclosable($2, $1, $3) d
				ON CONFLICT (org_id, giver_org, membership_id, item_id) DO UPDATE SET level = excluded.level, name = excluded.name, done = excluded.done, total = excluded.total,
					finished = excluded.finished, until = excluded.until, updated_at = excluded.updated_at, ended_at = NULL
				WHERE (o.level, o.name, o.done, o.total, o.finished) <> (excluded.level, excluded.name, excluded.done, excluded.total, excluded.finished) OR o.until IS DISTINCT FROM excluded.until OR o.ended_at IS NOT NULL`,
				receiver, giver, member, tx.Now)
			db.Write(b, nil, `UPDATE disclosures o SET name = '', done = 0, total = 0, finished = false, ended_at = $4, updated_at = $4
				WHERE o.org_id = $1 AND o.giver_org = $2 AND ($3::uuid IS NULL OR o.membership_id = $3) AND o.ended_at IS NULL
					AND NOT EXISTS (SELECT 1 FROM disclosable($2, $1, $3) d WHERE d.membership_id = o.membership_id AND d.item_id = o.item_id)`, receiver, giver, member, tx.Now)
		})
	})
	if err != nil {
		return fmt.Errorf("disclose people of %s to %s: %w", giver, receiver, err)
	}
	return nil
}

// disclose brings what both sides know of each other's people in line with the terms, in the transaction of the move: a pause, an end or
// terms that say less hold for the next read.
func (l *link) disclose(tx *db.Tx) error {
	if err := disclose(tx, l.A, l.B, nil); err != nil {
		return err
	}
	if err := disclose(tx, l.B, l.A, nil); err != nil {
		return err
	}
	return l.mark(tx)
}

// DiscloseAll brings what every organization knows of every other's people up to date: what an event did not tell of, such as a
// name that changed, somebody who left or a time that is over. It acts as the discloser of one organization after the other.
func (s *Service) DiscloseAll(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Disclose, id.Org{}); err != nil {
		return err
	}
	orgs, err := s.orgIDs(ctx)
	if err != nil {
		return err
	}
	for _, o := range orgs {
		if err := s.Disclose(jobs.Enter(ctx, scope.Discloser, o)); err != nil {
			return err
		}
	}
	return nil
}

// orgIDs are all organizations that are active: that they exist is public.
func (s *Service) orgIDs(ctx context.Context) (out []id.Org, err error) {
	err = s.db.Read(jobs.Enter(ctx, scope.Discloser, id.Org{}), func(b *db.Batch) {
		db.List(b, &out, `SELECT o.org_id FROM organizations o WHERE o.state = 'active' ORDER BY o.org_id LIMIT 1000000`)
	})
	return out, err
}

// The orders of what one learns.
const (
	LearnedByName     = "name"
	LearnedByItem     = "item"
	LearnedByProgress = "progress"
	LearnedBySince    = "since"
)

// LearnedFilter narrows and orders the list of who is how far.
type LearnedFilter struct {
	Query string // in the name or title; empty for all
	State string // finished, learning; empty for all
	Sort  string // one of the orders; default LearnedByName
	Desc  bool
	Page  int // from 0
	Limit int // rows of a page, 1 to 200; default 50
	File  bool
}

func (f LearnedFilter) order() string {
	by := map[string]string{
		LearnedByItem: "lower(i.title)", LearnedByProgress: "d.done::float8 / greatest(d.total, 1)", LearnedBySince: "d.first_at",
	}[f.Sort]
	if by == "" {
		by = "lower(d.name)"
	}
	if f.Desc {
		by += " DESC"
	}
	return by + ", lower(d.name), d.membership_id, d.item_id"
}

// LearnedRow says that a person of another organization learns or finished something of the own.
type LearnedRow struct {
	Name     string    `db:"name"`
	Item     id.Item   `db:"item_id"`
	Kind     string    `db:"kind"`
	Title    string    `db:"title"`
	Slug     string    `db:"slug"`
	Level    string    `db:"level"`
	Done     int       `db:"done"`
	Total    int       `db:"total"`
	Finished bool      `db:"finished"`
	First    time.Time `db:"first_at"` // since when it is known
}

// ReadCount is how often what is learned about people was read on a day.
type ReadCount struct {
	Day     time.Time `db:"day"`
	Purpose string    `db:"purpose"` // names, names_file, totals, totals_file
	N       int       `db:"n"`
}

// Learned is what the own organization learns about the people of another.
type Learned struct {
	Other   Organization
	State   State
	Learns  string // what the agreement in force says; "" if there is none
	Version int
	Rows    []LearnedRow
	People  int // by name, whatever the filter
	Matches int
	More    bool
	Reads   []ReadCount // the own organization's, the last days first
}

type levelRow struct {
	State   State  `db:"state"`
	Learns  string `db:"learns"`
	Version int    `db:"version"`
}

// levelSQL is how the connection of $1 with $2 stands and what $2 gives about its people.
const levelSQL = `SELECT s.state, coalesce(a.terms->CASE WHEN a.org_a = s.other_org THEN 'a' ELSE 'b' END->>'learns', '') AS learns, coalesce(a.version, 0) AS version
	FROM connection_sides s LEFT JOIN agreements a ON a.connection_id = s.connection_id AND a.state = 'active' WHERE s.org_id = $1 AND s.other_org = $2`

// readsSQL is how often $1 read about the people of $2.
const readsSQL = `SELECT r.day, r.purpose, r.n FROM disclosure_reads r WHERE r.org_id = $1 AND r.giver_org = $2 ORDER BY r.day DESC, r.purpose LIMIT 60`

// countRead counts, in the transaction of the read, that tx's organization read about the people of another. Both see it.
func countRead(tx *db.Tx, giver id.Org, purpose string) error {
	_, err := tx.Exec(`INSERT INTO disclosure_reads AS r (org_id, giver_org, purpose, day, n) VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (org_id, giver_org, purpose, day) DO UPDATE SET n = r.n + 1`, tx.Scope.Org, giver, purpose, tx.Now)
	return err
}

// NamesRead counts, in the transaction of the read, that tx's organization read names of people of others; its own are no read.
func NamesRead(tx *db.Tx, of ...id.Org) error {
	if tx.Scope.ReadsOnly() {
		return nil // An operator who was let in, whose look has a record of its own.
	}
	for _, o := range of {
		if o == tx.Scope.Org {
			continue
		}
		if err := countRead(tx, o, readNames); err != nil {
			return err
		}
	}
	return nil
}

// LearnedAbout returns what the own organization learns about another's people: who is how far, of those who agreed. Whoever manages
// the network may see it; each look is counted and both organizations see how often. NotFound if there never was a connection.
func (s *Service) LearnedAbout(ctx context.Context, other id.Org, f LearnedFilter) (Learned, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return Learned{}, err
	}
	f.Limit = size(f.Limit, f.File)
	var v Learned
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		v = Learned{}
		level, err := db.Row[levelRow](tx, levelSQL, tx.Scope.Org, other)
		if err != nil {
			return fmt.Errorf("what is learned about people of %s: %w", other, err)
		}
		v.State, v.Learns, v.Version = level.State, level.Learns, level.Version
		purpose := readNames
		if f.File {
			purpose = readNamesFile
		}
		// What is counted is that names may have been read.
		if level.State == Active && Asks(level.Learns) != "" {
			if err := countRead(tx, other, purpose); err != nil {
				return err
			}
		}
		if f.File {
			if err := Audit(tx, "disclosures.exported", "organization:"+other.String(), nil); err != nil {
				return err
			}
		}
		const from = ` FROM disclosures d JOIN items i ON i.org_id = d.org_id AND i.item_id = d.item_id WHERE d.org_id = $1 AND d.giver_org = $2 AND d.ended_at IS NULL`
		const match = from + ` AND (lower(d.name) LIKE $3 OR lower(i.title) LIKE $3) AND ($4 = '' OR d.finished = ($4 = 'finished'))`
		if err := tx.Batch(func(b *db.Batch) {
			db.One(b, &v.People, nil, `SELECT count(DISTINCT d.membership_id)::int`+from, tx.Scope.Org, other)
			db.One(b, &v.Matches, nil, `SELECT count(*)::int`+match, tx.Scope.Org, other, db.Like(f.Query), f.State)
			db.List(b, &v.Rows, `SELECT d.name, d.item_id, i.kind, i.title, i.slug, d.level, d.done, d.total, d.finished, d.first_at`+match+` ORDER BY `+f.order()+` LIMIT $5 OFFSET $6`,
				tx.Scope.Org, other, db.Like(f.Query), f.State, f.Limit+1, f.Page*f.Limit)
			db.List(b, &v.Reads, readsSQL, tx.Scope.Org, other)
		}); err != nil {
			return err
		}
		if len(v.Rows) > f.Limit {
			v.Rows, v.More = v.Rows[:f.Limit], true
		}
		return nil
	})
	if err == nil {
		v.Other, err = s.ByID(ctx, other)
	}
	return v, err
}

func size(limit int, file bool) int {
	switch {
	case file:
		return exportLimit
	case limit < 1 || limit > 200:
		return 50
	}
	return limit
}

// GivenRow is what has gone to another organization about a member of the own.
type GivenRow struct {
	Member   string     `db:"member"` // as the own organization calls them
	Shown    string     `db:"name"`   // as the other sees them now; "" when it has ended
	Kind     string     `db:"kind"`
	Title    string     `db:"title"`
	Level    string     `db:"level"`
	Done     int        `db:"done"`
	Total    int        `db:"total"`
	Finished bool       `db:"finished"`
	First    time.Time  `db:"first_at"`
	Ended    *time.Time `db:"ended_at"`
}

// Given is what another organization learns about the own people: exactly what has gone.
type Given struct {
	Other   Organization
	State   State
	Learns  string
	Version int
	Persons bool // per person, for administrators
	Rows    []GivenRow
	People  int // who are known by name now
	Matches int
	More    bool
	Reads   []ReadCount // the other organization's
}

// GivenTo returns what another organization learns about the own people, from the same rows that it reads: per person for administrators,
// how many for whoever else manages the network. NotFound if there never was a connection.
func (s *Service) GivenTo(ctx context.Context, other id.Org, f LearnedFilter) (Given, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return Given{}, err
	}
	f.Limit = size(f.Limit, f.File)
	var v Given
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		v = Given{Persons: authz.Allowed(tx.Scope, authz.SeePeople, id.Org{})}
		if f.File && !v.Persons {
			return errs.New(errs.NotFound, "who is known to %s", other)
		}
		level, err := db.Row[levelRow](tx, levelSQL, tx.Scope.Org, other)
		if err != nil {
			return fmt.Errorf("what %s learns: %w", other, err)
		}
		v.State, v.Version = level.State, level.Version
		if f.File {
			if err := Audit(tx, "disclosures.exported", "organization:"+other.String(), map[string]bool{"own": true}); err != nil {
				return err
			}
		}
		// The title of somebody else's item is told by the member's own record of it: the item may have closed.
		const from = ` FROM disclosures d JOIN memberships m ON m.org_id = d.giver_org AND m.membership_id = d.membership_id
			JOIN enrollments e ON e.org_id = d.giver_org AND e.membership_id = d.membership_id AND e.item_org = d.org_id AND e.item_id = d.item_id WHERE d.giver_org = $1 AND d.org_id = $2`
		const match = from + ` AND (lower(m.name) LIKE $3 OR lower(e.title) LIKE $3) AND ($4 = '' OR (d.ended_at IS NOT NULL) = ($4 = 'ended'))`
		order := strings.NewReplacer("i.title", "e.title", "d.name", "m.name").Replace(f.order())
		if err := tx.Batch(func(b *db.Batch) {
			db.One(b, &v.Learns, nil, `SELECT coalesce(a.terms->CASE WHEN a.org_a = s.org_id THEN 'a' ELSE 'b' END->>'learns', '') FROM connection_sides s
				JOIN agreements a ON a.connection_id = s.connection_id AND a.state = 'active' WHERE s.org_id = $1 AND s.other_org = $2`, tx.Scope.Org, other)
			db.One(b, &v.People, nil, `SELECT count(DISTINCT d.membership_id)::int FROM disclosures d WHERE d.giver_org = $1 AND d.org_id = $2 AND d.ended_at IS NULL`, tx.Scope.Org, other)
			db.List(b, &v.Reads, readsSQL, other, tx.Scope.Org)
			if v.Persons {
				db.One(b, &v.Matches, nil, `SELECT count(*)::int`+match, tx.Scope.Org, other, db.Like(f.Query), f.State)
				db.List(b, &v.Rows, `SELECT m.name AS member, d.name, e.kind, e.title, d.level, d.done, d.total, d.finished, d.first_at, d.ended_at`+match+` ORDER BY `+order+` LIMIT $5 OFFSET $6`,
					tx.Scope.Org, other, db.Like(f.Query), f.State, f.Limit+1, f.Page*f.Limit)
			}
		}); err != nil {
			return err
		}
		if len(v.Rows) > f.Limit {
			v.Rows, v.More = v.Rows[:f.Limit], true
		}
		return nil
	})
	if err == nil {
		v.Other, err = s.ByID(ctx, other)
	}
	return v, err
}

// GoneRow is something of the acting member's that another organization learns by name.
type GoneRow struct {
	Title    string    `db:"title"`
	Done     int       `db:"done"`
	Total    int       `db:"total"`
	Finished bool      `db:"finished"`
	First    time.Time `db:"first_at"`
}

// GoneTo lists what has gone about the acting member to another organization and is known there now, and how often it read names in the
// last 30 days.
func (s *Service) GoneTo(ctx context.Context, other id.Org) (rows []GoneRow, reads int, err error) {
	if err := authz.Check(ctx, authz.Consent, id.Org{}); err != nil {
		return nil, 0, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, 0, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT e.title, d.done, d.total, d.finished, d.first_at FROM disclosures d
			JOIN enrollments e ON e.org_id = d.giver_org AND e.membership_id = d.membership_id AND e.item_org = d.org_id AND e.item_id = d.item_id
			WHERE d.giver_org = $1 AND d.org_id = $3 AND d.membership_id = $2 AND d.ended_at IS NULL AND (d.until IS NULL OR d.until > $4) ORDER BY d.first_at DESC, d.item_id LIMIT 200`, sc.Org, sc.Membership, other, b.Now)
		db.One(b, &reads, nil, `SELECT coalesce(sum(r.n), 0)::int FROM disclosure_reads r WHERE r.giver_org = $1 AND r.org_id = $2 AND r.purpose IN ('names', 'names_file') AND r.day > $3::timestamptz - interval '30 days'`, sc.Org, other, b.Now)
	})
	return rows, reads, err
}

// LearnedOrders lists the orders, for whoever reads one from an address.
func LearnedOrders() []string {
	return []string{LearnedByName, LearnedByItem, LearnedByProgress, LearnedBySince}
}

// Clean makes an order or state that there is not the default one.
func (f LearnedFilter) Clean(states ...string) LearnedFilter {
	if !slices.Contains(LearnedOrders(), f.Sort) {
		f.Sort, f.Desc = LearnedByName, false
	}
	if !slices.Contains(states, f.State) {
		f.State = ""
	}
	f.Page = min(max(f.Page, 0), 10_000)
	return f
}
