package courses

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
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Dated is a course or path that the acting member is on, with its dates.
type Dated struct {
	Kind    string     `db:"kind"`
	Item    id.Item    `db:"item_id"`
	Title   string     `db:"title"`
	Due     *time.Time `db:"due_at"`     // what was asked for
	Own     *time.Time `db:"own_due_at"` // what the member set for themselves
	Asker   string     `db:"asker"`      // the name of who asked; "" for nobody
	Reason  string     `db:"reason"`
	Done    int        `db:"done"`
	Total   int        `db:"total"`
	Created time.Time  `db:"started_at"`
}

// Until is the date in force: the earlier of both; nil for none.
func (p Dated) Until() *time.Time {
	if p.Due == nil || p.Own != nil && p.Own.Before(*p.Due) {
		return p.Own
	}
	return p.Due
}

// Suggested is what somebody suggested to the acting member.
type Suggested struct {
	Kind   string     `db:"kind"`
	Item   id.Item    `db:"item_id"`
	Title  string     `db:"title"`
	Asker  string     `db:"asker"`
	By     string     `db:"asked_by"` // the membership of who suggested it
	Reason string     `db:"reason"`
	Due    *time.Time `db:"due_at"`
}

// Reminded is a reminder that somebody wrote to the acting member.
type Reminded struct {
	By    string    `db:"by_name"`
	Words string    `db:"words"`
	At    time.Time `db:"at"`
}

// PlanView is what the acting member is on, what was suggested, and what reminds them.
type PlanView struct {
	Now       time.Time
	Rows      []Dated // what is due first
	Suggested []Suggested
	Reminded  []Reminded // within 30 days
	Quiet     bool       // no mails about dates are wanted
	Unwarned  bool       // none about withdrawn versions
	Feed      bool       // there is an address for the calendar
}

// plannedSQL is what a member ($2 of $1) is on.
const plannedSQL = `SELECT e.kind, e.item_id, e.title, e.due_at, e.own_due_at, coalesce(k.name, '') AS asker, e.reason, e.done, e.total, e.started_at FROM enrollments e LEFT JOIN memberships k ON k.org_id = e.org_id AND k.membership_id = e.asked_by
	WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state = 'active' ORDER BY least(e.due_at, e.own_due_at) NULLS LAST, e.updated_at DESC, e.enrollment_id LIMIT 200`

// Plan returns what the acting member is on, with its dates.
func (s *Service) Plan(ctx context.Context) (v PlanView, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, plannedSQL, sc.Org, sc.Membership)
		db.List(b, &v.Suggested, `SELECT a.kind, a.item_id, a.title, coalesce(k.name, '') AS asker, a.asked_by::text AS asked_by, a.reason, p.due_at FROM assignment_people p JOIN assignments a ON a.org_id = p.org_id AND a.assignment_id = p.assignment_id AND a.firm = 'suggested' AND a.ended_at IS NULL
			LEFT JOIN memberships k ON k.org_id = a.org_id AND k.membership_id = a.asked_by
			WHERE p.org_id = $1 AND p.membership_id = $2 AND p.state = 'asked' AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_org = a.item_org AND e.item_id = a.item_id AND e.state <> 'left')
			ORDER BY a.asked_at DESC, a.assignment_id LIMIT 50`, sc.Org, sc.Membership)
		db.List(b, &v.Reminded, `SELECT coalesce(k.name, '') AS by_name, n.words, n.at FROM nudges n LEFT JOIN memberships k ON k.org_id = n.org_id AND k.membership_id = n.sent_by WHERE n.org_id = $1 AND n.membership_id = $2 AND n.at > $3 ORDER BY n.at DESC, n.nudge_id LIMIT 10`,
			sc.Org, sc.Membership, b.Now.AddDate(0, 0, -30))
		db.One(b, &v.Quiet, nil, `SELECT EXISTS (SELECT 1 FROM quiet_dues q WHERE q.org_id = $1 AND q.membership_id = $2)`, sc.Org, sc.Membership)
		db.One(b, &v.Unwarned, nil, `SELECT EXISTS (SELECT 1 FROM quiet_withdrawals q WHERE q.org_id = $1 AND q.membership_id = $2)`, sc.Org, sc.Membership)
		db.One(b, &v.Feed, nil, `SELECT EXISTS (SELECT 1 FROM calendar_feeds f WHERE f.org_id = $1 AND f.membership_id = $2)`, sc.Org, sc.Membership)
	})
	return v, err
}

// SetOwnDate keeps until when the acting member wants to be done with something that they are on: a UTC day such as "2026-11-28", "" for no
// day. Nobody else is shown it, and it does not move what somebody asked for: Invalid for a later day than that one, a past one, or one in
// more than two years. NotFound for what they are not on.
func (s *Service) SetOwnDate(ctx context.Context, item id.Item, day string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		asked, err := db.Row[struct {
			Due *time.Time `db:"due_at"`
		}](tx, `SELECT e.due_at FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 AND e.state = 'active' FOR UPDATE`, tx.Scope.Org, tx.Scope.Membership, item)
		if err != nil {
			return err
		}
		var own *time.Time
		if day != "" {
			at, perr := time.Parse(time.DateOnly, day)
			today := tx.Now.UTC().Truncate(24 * time.Hour)
			switch {
			case perr != nil || at.Before(today) || at.After(today.AddDate(2, 0, 0)):
				return errs.Fields(errs.Field{Name: "day", Key: "assign.fault.day"})
			case asked.Due != nil && endOf(at).After(*asked.Due):
				return errs.Fields(errs.Field{Name: "day", Key: "assign.fault.later"})
			}
			at = endOf(at)
			own = &at
		}
		return tx.Must(`UPDATE enrollments e SET own_due_at = $4 WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 AND e.state = 'active'`, tx.Scope.Org, tx.Scope.Membership, item, own)
	})
	if err != nil {
		return fmt.Errorf("own date of %s: %w", item, err)
	}
	return nil
}

// Askable is somebody whom the viewer may ask to learn something.
type Askable struct {
	Member id.Membership `db:"membership_id"`
	Name   string        `db:"name"`
	Job    string        `db:"job"`
	Open   int           `db:"open"` // what they were asked and have not begun
	Chosen bool          `db:"chosen"`
}

// AssignForm is what somebody chooses from who asks others to learn.
type AssignForm struct {
	Now       time.Time
	Everybody bool // the viewer may ask the whole organization
	Teams     []tenants.Team
	People    []Askable // those chosen first, at most 200
	More      bool
	Asked     int            // how many people are chosen, by name, with their team or with everybody
	Items     []tenants.Item // the newest courses and paths that may be asked for, at most 200
	Orgs      map[id.Org]tenants.Organization
	Item      id.Item   // the chosen one
	Seats     Seats     // of it
	Month     PushMonth // of those chosen, as it is now
}

// After is the month of those chosen with what is asked of them now.
func (f AssignForm) After() PushMonth {
	return PushMonth{Month: f.Month.Month, Starts: f.Month.Starts + f.Asked, Assigned: f.Month.Assigned + f.Asked}
}

// AssignWhom is what is chosen when the form opens.
type AssignWhom struct {
	Item      id.Item
	People    []id.Membership
	Teams     []id.Any
	Everybody bool
	Query     string // in the names of those listed
}

const askablePage = 200

// AssignForm returns what the acting member may ask of whom.
func (s *Service) AssignForm(ctx context.Context, w AssignWhom) (v AssignForm, err error) {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	v.Everybody, v.Item = all(sc), w.Item
	if w.People == nil {
		w.People = []id.Membership{}
	}
	if w.Teams == nil {
		w.Teams = []id.Any{}
	}
	if v.Teams, err = s.Teams(ctx); err != nil {
		return v, err
	}
	asked := []id.Membership{}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &asked, `SELECT m.membership_id FROM memberships m WHERE m.org_id = $1 AND m.state <> 'left' AND `+lookedAfter("m.membership_id", "$2", "$3")+`
			AND ($4 OR m.membership_id = ANY($5) OR EXISTS (SELECT 1 FROM team_members t WHERE t.org_id = $1 AND t.membership_id = m.membership_id AND t.team_id = ANY($6))) ORDER BY m.membership_id LIMIT 10000`,
			sc.Org, v.Everybody, sc.Membership, w.Everybody && v.Everybody, w.People, w.Teams)
	}); err != nil {
		return v, err
	}
	v.Asked = len(asked)
	var named []tenants.Item
	var list []seatRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.People, `SELECT m.membership_id, m.name, m.title AS job, m.membership_id = ANY($4) AS chosen, (SELECT count(*)::int FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = m.membership_id AND e.state = 'active' AND e.asked_by IS NOT NULL AND e.done = 0 AND e.at_item IS NULL) AS open
			FROM memberships m WHERE m.org_id = $1 AND m.state <> 'left' AND `+lookedAfter("m.membership_id", "$2", "$3")+` AND (lower(m.name) LIKE $5 OR m.membership_id = ANY($4))
			ORDER BY chosen DESC, lower(m.name), m.membership_id LIMIT $6`, sc.Org, v.Everybody, sc.Membership, w.People, db.Like(w.Query), askablePage+1)
		tenants.Visible(b, &v.Items, sc, tenants.ListFilter{Kinds: []string{tenants.KindPath, tenants.KindCourse}, Limit: 200})
		tenants.SeeItems(b, &named, sc, []id.Item{w.Item})
		db.One(b, &v.Month, nil, `SELECT date_trunc('month', $3::timestamptz AT TIME ZONE 'UTC') AS month, count(*)::int AS starts, (count(*) FILTER (WHERE e.origin = 'assigned'))::int AS assigned FROM enrollments e
			WHERE e.org_id = $1 AND e.membership_id = ANY($2) AND e.state <> 'left' AND e.started_at >= date_trunc('month', $3::timestamptz AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'`, sc.Org, asked, b.Now)
	}); err != nil {
		return v, err
	}
	if len(v.People) > askablePage {
		v.People, v.More = v.People[:askablePage], true
	}
	var owners []id.Org
	for _, it := range named {
		if it.Kind != tenants.KindPath && it.Kind != tenants.KindCourse {
			continue
		}
		if !slices.ContainsFunc(v.Items, func(o tenants.Item) bool { return o.ItemID == it.ItemID }) {
			v.Items = append(v.Items, it)
		}
		if it.OrgID != sc.Org {
			if err := s.db.Read(ctx, func(b *db.Batch) { db.List(b, &list, seatsSQL, sc.Org, it.OrgID, it.ItemID, asked) }); err != nil {
				return v, err
			}
			v.Seats = seats(list, len(asked))
		}
	}
	for _, it := range v.Items {
		owners = append(owners, it.OrgID)
	}
	slices.SortStableFunc(v.Items, func(a, b tenants.Item) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	v.Orgs, err = s.tenants.ByIDs(ctx, owners...)
	return v, err
}
