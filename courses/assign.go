package courses

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// How firm somebody asks.
const (
	FirmNeeded    = "needed"    // it has to be learned: the person is put on it
	FirmSuggested = "suggested" // the person is told, and begins by own choice or not
)

// How it stands with somebody who was asked.
const (
	PersonAsked  = "asked"
	PersonHad    = "had"     // finished it before
	PersonNoSeat = "no_seat" // the agreement has no seat left
)

// Assignment is what somebody who looks after people asked them to learn, why and until when.
type Assignment struct {
	ID        id.Any        `db:"assignment_id"`
	ItemOrg   id.Org        `db:"item_org"`
	Item      id.Item       `db:"item_id"`
	Kind      string        `db:"kind"`
	Title     string        `db:"title"`
	Firm      string        `db:"firm"`
	Reason    string        `db:"reason"`
	DueOn     *time.Time    `db:"due_on"`   // UTC day
	DueDays   *int          `db:"due_days"` // or so many days after somebody is asked
	Everybody bool          `db:"everybody"`
	Joins     bool          `db:"joins"`
	AskedBy   id.Membership `db:"asked_by"`
	AskedAt   time.Time     `db:"asked_at"`
	Ended     *time.Time    `db:"ended_at"`
}

const assignmentColumns = `a.assignment_id, a.item_org, a.item_id, a.kind, a.title, a.firm, a.reason, a.due_on, a.due_days, a.everybody, a.joins, a.asked_by, a.asked_at, a.ended_at`

// Assigning is what somebody wants to ask of others.
type Assigning struct {
	Item      id.Item
	People    []id.Membership
	Teams     []id.Any
	Everybody bool // of the organization; administrators alone
	Joins     bool // who joins the teams, or the organization, later is asked too
	Terms
}

// Terms are the parts of an assignment that can be changed.
type Terms struct {
	Firm   string // FirmNeeded or FirmSuggested; it cannot be changed
	Reason string // 1 to 500 characters
	By     string // "2026-11-28"; "" for no day
	Days   int    // 1 to 365 days after somebody is asked, instead of By; 0 for none
}

// Joined says that somebody joined a team or the organization, or that an assignment has people left to ask.
type Joined struct {
	Org id.Org `json:"org"`
}

// EventKind implements jobs.Event.
func (Joined) EventKind() string { return "courses.joined" }

// EventOrg implements jobs.Event.
func (e Joined) EventOrg() id.Org { return e.Org }

// EnrollmentLeft says that a member is no more on a course or path.
type EnrollmentLeft struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
}

// EventKind implements jobs.Event.
func (EnrollmentLeft) EventKind() string { return "courses.enrollment_left" }

// EventOrg implements jobs.Event.
func (e EnrollmentLeft) EventOrg() id.Org { return e.Org }

const (
	askNow  = 100 // people are asked with the press of the button; who is left over follows within moments
	askMost = 200 // in one transaction afterwards
	askList = 500 // people and teams named in one form
)

// clean checks the terms and returns the day, if there is one.
func (t *Terms) clean(now time.Time) (by *time.Time, days *int, f []errs.Field) {
	if t.Reason = strings.TrimSpace(t.Reason); t.Reason == "" {
		f = append(f, errs.Field{Name: "reason", Key: "assign.fault.reason"})
	} else if n := utf8.RuneCountInString(t.Reason); n > 500 || strings.ContainsRune(t.Reason, 0) {
		f = append(f, errs.Field{Name: "reason", Key: "assign.fault.long", Args: []any{"Most", 500}})
	}
	switch {
	case t.By != "":
		day, perr := time.Parse(time.DateOnly, t.By)
		today := now.UTC().Truncate(24 * time.Hour)
		if perr != nil || day.Before(today) || day.After(today.AddDate(2, 0, 0)) {
			f = append(f, errs.Field{Name: "by", Key: "assign.fault.day"})
		}
		by = &day
	case t.Days < 0 || t.Days > 365:
		f = append(f, errs.Field{Name: "days", Key: "assign.fault.days"})
	case t.Days > 0:
		days = &t.Days
	}
	return by, days, f
}

// endOf is the last moment of a UTC day: until then something due on it is in time.
func endOf(day time.Time) time.Time { return day.AddDate(0, 0, 1).Add(-time.Second) }

// due is until when somebody has to be done who is asked now; nil for no date.
func (a Assignment) due(now time.Time) *time.Time {
	switch {
	case a.DueOn != nil:
		at := endOf(*a.DueOn)
		return &at
	case a.DueDays != nil:
		at := endOf(now.UTC().Truncate(24*time.Hour).AddDate(0, 0, *a.DueDays))
		return &at
	}
	return nil
}

// lookedAfter is the condition under which the membership in the column is of somebody whom the viewer looks after: of anybody ($all), or of
// a team that the membership $me leads.
func lookedAfter(column, all, me string) string {
	return `(` + all + ` OR EXISTS (SELECT 1 FROM team_members tl JOIN team_members tm ON tm.org_id = tl.org_id AND tm.team_id = tl.team_id
		WHERE tl.org_id = $1 AND tl.membership_id = ` + me + ` AND tl.leads AND tm.membership_id = ` + column + `))`
}

// all reports whether the scope looks after everybody of its organization.
func all(sc scope.Scope) bool { return authz.Allowed(sc, authz.ManageTeams, id.Org{}) }

// assignable reads a course or path that may be asked of people: one that the organization owns, or that is open to it, not merely to
// somebody who may finish it.
func assignable(tx *db.Tx, item id.Item) (tenants.Item, error) {
	it, err := tenants.SeeItem(tx, item)
	if err == nil && (it.Version == 0 || it.State != "published" || it.Kind != tenants.KindCourse && it.Kind != tenants.KindPath) {
		err = errs.New(errs.NotFound, "nothing published")
	}
	if err == nil && it.OrgID != tx.Scope.Org {
		var right string
		if err = tx.Batch(func(b *db.Batch) { tenants.Right(b, &right, tx.Scope, it) }); err == nil && right == "" {
			err = errs.New(errs.NotFound, "open to who finishes it alone")
		}
	}
	if errs.Is(err, errs.NotFound) {
		return it, errs.Fields(errs.Field{Name: "item", Key: "assign.fault.item"})
	}
	return it, err
}

// Assign asks people to learn a course or path: those named, the teams that there are, or everybody, and with Joins whoever joins them
// later. A manager asks those of the teams that they lead, an administrator anybody. It returns the assignment. Invalid, with the field,
// for terms that say nothing, an item that those people do not see, or more people than there are seats; NotFound for people and teams of
// somebody else's.
func (s *Service) Assign(ctx context.Context, in Assigning) (id.Any, error) {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return id.Any{}, err
	}
	var made id.Any
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		a, err := s.assigning(tx, &in)
		if err != nil {
			return err
		}
		made = a.ID
		if err := tx.Must(`INSERT INTO assignments (org_id, assignment_id, item_org, item_id, kind, title, firm, reason, due_on, due_days, everybody, joins, asked_by, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			tx.Scope.Org, a.ID, a.ItemOrg, a.Item, a.Kind, a.Title, a.Firm, a.Reason, a.DueOn, a.DueDays, a.Everybody, a.Joins, a.AskedBy, a.AskedAt); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO assignment_teams (org_id, assignment_id, team_id) SELECT $1, $2, t.id FROM unnest($3::uuid[]) AS t(id)`, tx.Scope.Org, a.ID, in.Teams); err != nil {
			return err
		}
		n, err := s.ask(tx, a, in.People, max(askNow, len(in.People)), true)
		if err != nil {
			return err
		}
		if n >= askNow {
			if err := jobs.Emit(tx, Joined{tx.Scope.Org}); err != nil {
				return err
			}
		} else if n == 0 && !a.Joins {
			return errs.Fields(errs.Field{Name: "people", Key: "assign.fault.nobody"})
		}
		return tenants.Audit(tx, "assignment.made", "item:"+a.Item.String(), map[string]any{"assignment": a.ID, "people": n})
	})
	if err != nil {
		return id.Any{}, fmt.Errorf("assign %s: %w", in.Item, err)
	}
	return made, nil
}

// assigning checks what is wanted and returns it as an assignment.
func (s *Service) assigning(tx *db.Tx, in *Assigning) (Assignment, error) {
	if in.Firm != FirmNeeded && in.Firm != FirmSuggested || len(in.People) > askList || len(in.Teams) > askList {
		return Assignment{}, errs.New(errs.Malformed, "assign %d people and %d teams as %q", len(in.People), len(in.Teams), in.Firm)
	}
	everybody := all(tx.Scope)
	by, days, faults := in.clean(tx.Now)
	it, err := assignable(tx, in.Item)
	if e, ok := errors.AsType[*errs.Error](err); ok && len(e.Fields) > 0 {
		faults = append(e.Fields, faults...)
	} else if err != nil {
		return Assignment{}, err
	}
	if len(in.People)+len(in.Teams) == 0 && !in.Everybody {
		faults = append([]errs.Field{{Name: "people", Key: "assign.fault.people"}}, faults...)
	}
	if len(faults) > 0 {
		return Assignment{}, errs.Fields(faults...)
	}
	if in.Everybody && !everybody {
		return Assignment{}, errs.New(errs.NotFound, "a manager assigns to everybody")
	}
	slices.SortFunc(in.People, func(a, b id.Membership) int { return strings.Compare(a.String(), b.String()) })
	in.People = slices.Compact(in.People)
	slices.SortFunc(in.Teams, func(a, b id.Any) int { return strings.Compare(a.String(), b.String()) })
	in.Teams = slices.Compact(in.Teams)
	known, err := db.Row[struct {
		People int `db:"people"`
		Teams  int `db:"teams"`
	}](tx, `SELECT (SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.membership_id = ANY($2) AND m.state <> 'left' AND `+lookedAfter("m.membership_id", "$4", "$5")+`) AS people,
		(SELECT count(*)::int FROM teams t WHERE t.org_id = $1 AND t.team_id = ANY($3) AND ($4 OR EXISTS (SELECT 1 FROM team_members l WHERE l.org_id = $1 AND l.team_id = t.team_id AND l.membership_id = $5 AND l.leads))) AS teams`,
		tx.Scope.Org, in.People, in.Teams, everybody, tx.Scope.Membership)
	if err != nil {
		return Assignment{}, err
	}
	if known.People != len(in.People) || known.Teams != len(in.Teams) {
		return Assignment{}, errs.New(errs.NotFound, "assign to %d of %d people and %d of %d teams", known.People, len(in.People), known.Teams, len(in.Teams))
	}
	in.Joins = in.Joins && (in.Everybody || len(in.Teams) > 0)
	return Assignment{
		ID: id.New[id.Any](), ItemOrg: it.OrgID, Item: it.ItemID, Kind: it.Kind, Title: it.Title, Firm: in.Firm, Reason: in.Reason, DueOn: by, DueDays: days,
		Everybody: in.Everybody, Joins: in.Joins, AskedBy: tx.Scope.Membership, AskedAt: tx.Now,
	}, nil
}

// asking is somebody whom an assignment asks now.
type asking struct {
	Member id.Membership `db:"membership_id"`
	Email  string        `db:"email"`
	Locale string        `db:"locale"`
	Told   bool          `db:"told"` // they can be told by mail
	State  string        `db:"state"`
}

// whomSQL is who is to be asked and was not: those named ($3), and those of the teams, or everybody, who were there when it was asked or
// may have joined since. Who asks is meant only if named.
const whomSQL = `SELECT m.membership_id, m.email, m.locale, m.state = 'active' AND m.email <> '' AS told, coalesce(e.state, '') AS state
	FROM memberships m LEFT JOIN enrollments e ON e.org_id = $1 AND e.membership_id = m.membership_id AND e.item_org = $9 AND e.item_id = $10
	WHERE m.org_id = $1 AND m.state <> 'left' AND (m.membership_id = ANY($3) OR m.membership_id <> $4 AND ($5 AND ($6 OR m.created_at <= $7) OR EXISTS (
			SELECT 1 FROM assignment_teams t JOIN team_members x ON x.org_id = t.org_id AND x.team_id = t.team_id WHERE t.org_id = $1 AND t.assignment_id = $2 AND x.membership_id = m.membership_id AND ($6 OR x.since <= $7))))
		AND NOT EXISTS (SELECT 1 FROM assignment_people p WHERE p.org_id = $1 AND p.assignment_id = $2 AND p.membership_id = m.membership_id)
	ORDER BY m.membership_id LIMIT $8`

// ask asks up to most people of an assignment who were not asked yet: puts them on the item where it is needed, and tells them. It returns
// how many it looked at. With strict it is Invalid if there are not seats enough; otherwise whoever gets none is noted.
func (s *Service) ask(tx *db.Tx, a Assignment, named []id.Membership, most int, strict bool) (int, error) {
	if named == nil {
		named = []id.Membership{}
	}
	list, err := db.Rows[asking](tx, whomSQL, tx.Scope.Org, a.ID, named, a.AskedBy, a.Everybody, a.Joins, a.AskedAt, most, a.ItemOrg, a.Item)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var on []id.Membership
	for _, p := range list {
		if a.Firm == FirmNeeded && p.State != "active" && p.State != "completed" {
			on = append(on, p.Member)
		}
	}
	seats, err := seatsOf(tx, a.ItemOrg, a.Item, on)
	if err != nil {
		return 0, err
	}
	if strict && seats.short(len(on)) {
		return 0, errs.Fields(errs.Field{Name: "people", Key: "assign.fault.seats", Args: []any{"Count", seats.Free, "Seats", seats.All, "Wanted", len(on)}})
	}
	refused := on[min(len(on), seats.fit(len(on))):]
	on = on[:len(on)-len(refused)]
	if err := s.put(tx, a, on); err != nil {
		return 0, err
	}
	due := a.due(tx.Now)
	members, states := make([]id.Membership, len(list)), make([]string, len(list))
	for i, p := range list {
		members[i], states[i] = p.Member, PersonAsked
		switch {
		case p.State == "completed":
			states[i] = PersonHad
		case slices.Contains(refused, p.Member):
			states[i] = PersonNoSeat
		}
	}
	if err := tx.Must(`INSERT INTO assignment_people (org_id, assignment_id, membership_id, state, due_at, at) SELECT $1, $2, p.id, p.state, $5, $6 FROM unnest($3::uuid[], $4::text[]) AS p(id, state)`,
		tx.Scope.Org, a.ID, members, states, due, tx.Now); err != nil {
		return 0, err
	}
	if err := settle(tx, a, members); err != nil {
		return 0, err
	}
	by, err := askerOf(tx, a)
	if err != nil {
		return 0, err
	}
	for i, p := range list {
		if p.Told && states[i] == PersonAsked {
			if err := s.tellAssigned(tx, a, by, "asked", p, due); err != nil {
				return 0, err
			}
		}
	}
	return len(list), nil
}

// put begins what is assigned for members who are not on it.
func (s *Service) put(tx *db.Tx, a Assignment, members []id.Membership) error {
	if len(members) == 0 {
		return nil
	}
	ids := make([]id.Enrollment, len(members))
	for i := range ids {
		ids[i] = id.New[id.Enrollment]()
	}
	version, err := db.Rows[int](tx, `INSERT INTO enrollments AS e (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, started_at, updated_at, title, kind)
		SELECT $1, p.id, p.member, i.org_id, i.item_id, coalesce((SELECT `+chosen+` FROM adoptions a WHERE a.org_id = $1 AND a.item_org = i.org_id AND a.item_id = i.item_id), i.version), $6, $7, $7, i.title, i.kind
		FROM unnest($4::uuid[], $5::uuid[]) AS p(id, member) CROSS JOIN items i WHERE i.org_id = $2 AND i.item_id = $3
		ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET state = 'active', origin = excluded.origin, updated_at = excluded.updated_at WHERE e.state = 'left' RETURNING e.version`,
		tx.Scope.Org, a.ItemOrg, a.Item, ids, members, OriginAssigned, tx.Now)
	if err != nil || len(version) == 0 {
		return err
	}
	tallies := make([]tally, len(members))
	if err := tx.Batch(func(b *db.Batch) {
		for i, m := range members {
			on := tx.Scope
			on.Membership, tallies[i].member = m, m
			state(b, tx, statement{Member: m, Verb: "enrolled", Org: a.ItemOrg, Kind: a.Kind, Item: a.Item, Formal: true, Context: map[string]any{"version": version[0], "origin": OriginAssigned}})
			jobs.Queue(b, tx.Now, Enrolled{Org: tx.Scope.Org, Membership: m, ItemOrg: a.ItemOrg, Item: a.Item, Origin: OriginAssigned, At: tx.Now})
			tallies[i].queue(b, on, a.Item)
		}
	}); err != nil {
		return fmt.Errorf("put %d people on %s: %w", len(members), a.Item, err)
	}
	var editions []edition
	for _, t := range tallies {
		editions = append(editions, t.editions()...)
	}
	list, err := s.readTx(tx, editions...)
	if err != nil {
		return err
	}
	return tx.Batch(func(b *db.Batch) {
		for _, t := range tallies {
			t.count(b, tx, list)
		}
	})
}

// settle writes into the enrollments of members what is asked of them last; nothing where nobody asks any more.
func settle(tx *db.Tx, a Assignment, members []id.Membership) error {
	_, err := tx.Exec(`UPDATE enrollments e SET due_at = x.due_at, asked_by = x.asked_by, reason = coalesce(x.reason, ''), assignment_id = x.assignment_id
		FROM unnest($4::uuid[]) AS u(id) LEFT JOIN LATERAL (SELECT p.due_at, a.asked_by, a.reason, a.assignment_id FROM assignment_people p JOIN assignments a ON a.org_id = p.org_id AND a.assignment_id = p.assignment_id
			WHERE p.org_id = $1 AND p.membership_id = u.id AND p.state = 'asked' AND a.item_org = $2 AND a.item_id = $3 AND a.firm = 'needed' AND a.ended_at IS NULL ORDER BY a.asked_at DESC, a.assignment_id LIMIT 1) x ON true
		WHERE e.org_id = $1 AND e.membership_id = u.id AND e.item_org = $2 AND e.item_id = $3 AND e.state = 'active'`, tx.Scope.Org, a.ItemOrg, a.Item, members)
	return err
}

// Catch asks whoever joined a team or the organization what is asked of those who join, and whoever was left over. It acts for the
// organization; what is not open to it any more is asked of nobody. Repeating it is safe.
func (s *Service) Catch(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	var open []Assignment
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		open, err = db.Rows[Assignment](tx, `SELECT `+assignmentColumns+` FROM assignments a WHERE a.org_id = $1 AND a.ended_at IS NULL AND (a.joins OR a.asked_at > $2) ORDER BY a.asked_at, a.assignment_id LIMIT 1000`,
			tx.Scope.Org, tx.Now.AddDate(0, 0, -7))
		return err
	}); err != nil {
		return err
	}
	for _, a := range open {
		for n := askMost; n == askMost; {
			if err := s.db.Tx(ctx, func(tx *db.Tx) error {
				if _, err := db.Row[id.Any](tx, `SELECT a.assignment_id FROM assignments a WHERE a.org_id = $1 AND a.assignment_id = $2 AND a.ended_at IS NULL FOR UPDATE`, tx.Scope.Org, a.ID); err != nil {
					n = 0
					return ignore(err, errs.NotFound)
				}
				if _, err := assignable(tx, a.Item); err != nil {
					n = 0
					return ignore(err, errs.Invalid)
				}
				var err error
				n, err = s.ask(tx, a, nil, askMost, false)
				return err
			}); err != nil {
				return fmt.Errorf("ask those of assignment %s: %w", a.ID, err)
			}
		}
	}
	return nil
}

// ignore is err, or nil if it is of the kind.
func ignore(err error, k errs.Kind) error {
	if errs.Is(err, k) {
		return nil
	}
	return err
}
