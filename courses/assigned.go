package courses

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// AssignmentRow is an assignment in the list of those who look after people, with how it stands among those that the viewer looks after.
type AssignmentRow struct {
	Assignment

	Asker    string `db:"asker"` // the name of who asked; "" for somebody who was erased
	Teams    string `db:"teams"` // their names
	People   int    `db:"people"`
	Begun    int    `db:"begun"`
	Finished int    `db:"finished"` // with it, or before
	NoSeat   int    `db:"no_seat"`
}

// AssignmentFilter narrows the list of assignments.
type AssignmentFilter struct {
	Query string // in the title, the reason or the name of who asked
	Over  bool   // those that were taken back, instead of those that hold
	Mine  bool   // those that the viewer asked for
	Page  int    // from 0
	All   bool   // on one page, at most 5,000
}

// AssignmentsView is a page of the list.
type AssignmentsView struct {
	Now  time.Time
	Rows []AssignmentRow
	More bool
}

// assignmentsPage is how many assignments a page has.
const assignmentsPage = 25

// assignmentRowSQL is the assignments that the viewer sees: $1 organization, $2 whether all, $3 membership. Others see those that they asked
// for and those of teams that they lead, and of people in either only those whom they look after.
var assignmentRowSQL = `SELECT ` + assignmentColumns + `, coalesce(k.name, '') AS asker,
		coalesce((SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM assignment_teams x JOIN teams t ON t.org_id = x.org_id AND t.team_id = x.team_id WHERE x.org_id = a.org_id AND x.assignment_id = a.assignment_id), '') AS teams, n.*
	FROM assignments a LEFT JOIN memberships k ON k.org_id = a.org_id AND k.membership_id = a.asked_by
	CROSS JOIN LATERAL (SELECT count(*)::int AS people, (count(*) FILTER (WHERE e.state <> 'left' AND (e.done > 0 OR e.at_item IS NOT NULL OR e.state = 'completed')))::int AS begun, (count(*) FILTER (WHERE e.state = 'completed'))::int AS finished, (count(*) FILTER (WHERE p.state = 'no_seat'))::int AS no_seat
		FROM assignment_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left'
		LEFT JOIN enrollments e ON e.org_id = p.org_id AND e.membership_id = p.membership_id AND e.item_org = a.item_org AND e.item_id = a.item_id
		WHERE p.org_id = a.org_id AND p.assignment_id = a.assignment_id AND ` + lookedAfter("p.membership_id", "$2", "$3") + `) n
	WHERE a.org_id = $1 AND ($2 OR a.asked_by = $3 OR EXISTS (SELECT 1 FROM assignment_teams x JOIN team_members l ON l.org_id = x.org_id AND l.team_id = x.team_id AND l.leads AND l.membership_id = $3 WHERE x.org_id = a.org_id AND x.assignment_id = a.assignment_id))`

// Assignments lists what people are asked to learn: an administrator sees all of it, a manager what they asked for and what teams that
// they lead are asked, in figures of those whom they look after.
func (s *Service) Assignments(ctx context.Context, f AssignmentFilter) (v AssignmentsView, err error) {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	limit, from := assignmentsPage, f.Page*assignmentsPage
	if f.All {
		limit, from = 5000, 0
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, assignmentRowSQL+` AND (a.ended_at IS NOT NULL) = $4 AND (NOT $5 OR a.asked_by = $3) AND (lower(a.title) LIKE $6 OR lower(a.reason) LIKE $6 OR lower(k.name) LIKE $6)
			ORDER BY a.asked_at DESC, a.assignment_id LIMIT $7 OFFSET $8`, sc.Org, all(sc), sc.Membership, f.Over, f.Mine, db.Like(f.Query), limit+1, from)
	})
	if len(v.Rows) > limit {
		v.Rows, v.More = v.Rows[:limit], true
	}
	return v, err
}

// AssignedPerson is how it stands with one of those who were asked.
type AssignedPerson struct {
	Member   id.Membership `db:"membership_id"`
	Name     string        `db:"name"`
	Title    string        `db:"job"`
	State    string        `db:"state"`    // PersonAsked, PersonHad or PersonNoSeat
	Learning string        `db:"learning"` // of the enrollment: active, completed, left or ""
	Begun    bool          `db:"begun"`
	Done     int           `db:"done"`
	Total    int           `db:"total"`
	Due      *time.Time    `db:"due_at"`
	Finished *time.Time    `db:"completed_at"`
}

// AssignmentView is one assignment with a page of those who were asked.
type AssignmentView struct {
	AssignmentRow

	Now     time.Time
	Changes bool // the viewer may change it and take it back
	Persons []AssignedPerson
	More    bool
	Seats   Seats // of the item, for one more
}

// assignedPage is how many of those who were asked stand on a page.
const assignedPage = 50

// Assignment returns one; NotFound for what Assignments does not list.
func (s *Service) Assignment(ctx context.Context, which id.Any, page int) (v AssignmentView, err error) {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.AssignmentRow, &found, assignmentRowSQL+` AND a.assignment_id = $4`, sc.Org, all(sc), sc.Membership, which)
		db.List(b, &v.Persons, `SELECT p.membership_id, m.name, m.title AS job, p.state, coalesce(e.state, '') AS learning, coalesce(e.done > 0 OR e.at_item IS NOT NULL, false) AS begun, coalesce(e.done, 0) AS done, coalesce(e.total, 0) AS total, p.due_at, e.completed_at
			FROM assignment_people p JOIN assignments a ON a.org_id = p.org_id AND a.assignment_id = p.assignment_id JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left'
			LEFT JOIN enrollments e ON e.org_id = p.org_id AND e.membership_id = p.membership_id AND e.item_org = a.item_org AND e.item_id = a.item_id
			WHERE p.org_id = $1 AND p.assignment_id = $4 AND `+lookedAfter("p.membership_id", "$2", "$3")+` ORDER BY lower(m.name), p.membership_id LIMIT $5 OFFSET $6`,
			sc.Org, all(sc), sc.Membership, which, assignedPage+1, page*assignedPage)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "assignment %s", which)
	}
	if len(v.Persons) > assignedPage {
		v.Persons, v.More = v.Persons[:assignedPage], true
	}
	v.Changes = all(sc) || v.AskedBy == sc.Membership
	return v, nil
}

// changing runs fn on an assignment that the acting member may change: one that they asked for, or any for administrators. NotFound for
// any other.
func (s *Service) changing(ctx context.Context, which id.Any, fn func(*db.Tx, Assignment) error) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		a, err := db.Row[Assignment](tx, `SELECT `+assignmentColumns+` FROM assignments a WHERE a.org_id = $1 AND a.assignment_id = $2 AND ($3 OR a.asked_by = $4) FOR UPDATE`, tx.Scope.Org, which, all(tx.Scope), tx.Scope.Membership)
		if err != nil {
			return err
		}
		return fn(tx, a)
	})
	if err != nil {
		return fmt.Errorf("assignment %s: %w", which, err)
	}
	return nil
}

// ChangeAssignment changes why and until when; whoever is not done is told. The days of a rule count from when somebody was asked. Invalid
// as Assign; Conflict for one that was taken back.
func (s *Service) ChangeAssignment(ctx context.Context, which id.Any, t Terms, joins bool) error {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	return s.changing(ctx, which, func(tx *db.Tx, a Assignment) error {
		if a.Ended != nil {
			return errs.Say(errs.Conflict, "assign.over")
		}
		by, days, faults := t.clean(tx.Now)
		if len(faults) > 0 {
			return errs.Fields(faults...)
		}
		before := a
		a.Reason, a.DueOn, a.DueDays = t.Reason, by, days
		if _, err := tx.Exec(`UPDATE assignments a SET reason = $3, due_on = $4, due_days = $5, joins = $6 AND (a.everybody OR EXISTS (SELECT 1 FROM assignment_teams t WHERE t.org_id = $1 AND t.assignment_id = $2)), changed_at = $7 WHERE a.org_id = $1 AND a.assignment_id = $2`,
			tx.Scope.Org, a.ID, a.Reason, a.DueOn, a.DueDays, joins, tx.Now); err != nil {
			return err
		}
		members, err := db.Rows[id.Membership](tx, `UPDATE assignment_people p SET due_at = CASE WHEN $3::date IS NOT NULL THEN ($3::date + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second'
				WHEN $4::int IS NOT NULL THEN ((p.at AT TIME ZONE 'UTC')::date + $4::int + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 second' END
			WHERE p.org_id = $1 AND p.assignment_id = $2 RETURNING p.membership_id`, tx.Scope.Org, a.ID, a.DueOn, a.DueDays)
		if err != nil {
			return err
		}
		if err := settle(tx, a, members); err != nil {
			return err
		}
		if before.Reason != a.Reason || !sameDay(before.DueOn, a.DueOn) || (before.DueDays == nil) != (a.DueDays == nil) || a.DueDays != nil && *before.DueDays != *a.DueDays {
			if err := s.tellAll(tx, a, "changed"); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "assignment.changed", "item:"+a.Item.String(), map[string]any{"assignment": a.ID})
	})
}

func sameDay(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// TakeBack takes an assignment back: nobody is asked any more, whoever has not begun is no more on it, and what was begun is the person's
// own. Conflict for one that was taken back.
func (s *Service) TakeBack(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	return s.changing(ctx, which, func(tx *db.Tx, a Assignment) error {
		return s.takeBack(tx, a)
	})
}

func (s *Service) takeBack(tx *db.Tx, a Assignment) error {
	if a.Ended != nil {
		return errs.Say(errs.Conflict, "assign.over")
	}
	if err := s.tellAll(tx, a, "back"); err != nil {
		return err
	}
	if err := tx.Must(`UPDATE assignments SET ended_at = $3 WHERE org_id = $1 AND assignment_id = $2`, tx.Scope.Org, a.ID, tx.Now); err != nil {
		return err
	}
	members, err := db.Rows[id.Membership](tx, `SELECT p.membership_id FROM assignment_people p WHERE p.org_id = $1 AND p.assignment_id = $2 LIMIT 100000`, tx.Scope.Org, a.ID)
	if err != nil {
		return err
	}
	if err := settle(tx, a, members); err != nil {
		return err
	}
	left, err := db.Rows[id.Membership](tx, `UPDATE enrollments e SET state = 'left', updated_at = $5 WHERE e.org_id = $1 AND e.item_org = $2 AND e.item_id = $3 AND e.membership_id = ANY($4) AND e.state = 'active' AND e.origin = 'assigned'
		AND e.asked_by IS NULL AND e.done = 0 AND e.at_item IS NULL RETURNING e.membership_id`, tx.Scope.Org, a.ItemOrg, a.Item, members, tx.Now)
	if err != nil {
		return err
	}
	if err := leave(tx, left); err != nil {
		return err
	}
	return tenants.Audit(tx, "assignment.taken_back", "item:"+a.Item.String(), map[string]any{"assignment": a.ID, "people": len(left)})
}

// leave tells of members that are no more on something.
func leave(tx *db.Tx, members []id.Membership) error {
	return tx.Batch(func(b *db.Batch) {
		for _, m := range members {
			jobs.Queue(b, tx.Now, EnrollmentLeft{tx.Scope.Org, m})
		}
	})
}

// Restore asks again for what was taken back. Nobody is told twice; Invalid if the item or its seats are gone, Conflict for one that holds.
func (s *Service) Restore(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	return s.changing(ctx, which, func(tx *db.Tx, a Assignment) error {
		if a.Ended == nil {
			return errs.Say(errs.Conflict, "assign.holds")
		}
		if _, err := assignable(tx, a.Item); err != nil {
			return err
		}
		if err := tx.Must(`UPDATE assignments SET ended_at = NULL WHERE org_id = $1 AND assignment_id = $2`, tx.Scope.Org, a.ID); err != nil {
			return err
		}
		if err := s.resume(tx, a, PersonAsked); err != nil {
			return err
		}
		return tenants.Audit(tx, "assignment.restored", "item:"+a.Item.String(), map[string]any{"assignment": a.ID})
	})
}

// SeatAgain asks those of an assignment once more who found no seat. Invalid while there are not seats enough.
func (s *Service) SeatAgain(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	return s.changing(ctx, which, func(tx *db.Tx, a Assignment) error {
		if a.Ended != nil {
			return errs.Say(errs.Conflict, "assign.over")
		}
		if _, err := assignable(tx, a.Item); err != nil {
			return err
		}
		return s.resume(tx, a, PersonNoSeat)
	})
}

// resume puts those of an assignment in the state on its item who are not on it.
func (s *Service) resume(tx *db.Tx, a Assignment, was string) error {
	members, err := db.Rows[id.Membership](tx, `SELECT p.membership_id FROM assignment_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left'
		WHERE p.org_id = $1 AND p.assignment_id = $2 AND p.state = $5 AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = p.membership_id AND e.item_org = $3 AND e.item_id = $4 AND e.state <> 'left')
		ORDER BY p.membership_id LIMIT 100000`, tx.Scope.Org, a.ID, a.ItemOrg, a.Item, was)
	if err != nil {
		return err
	}
	if a.Firm == FirmNeeded {
		seats, err := seatsOf(tx, a.ItemOrg, a.Item, members)
		if err != nil {
			return err
		}
		if seats.short(len(members)) {
			return errs.Fields(errs.Field{Name: "people", Key: "assign.fault.seats", Args: []any{"Count", seats.Free, "Seats", seats.All, "Wanted", len(members)}})
		}
		if err := s.put(tx, a, members); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`UPDATE assignment_people SET state = 'asked' WHERE org_id = $1 AND assignment_id = $2 AND state = 'no_seat' AND membership_id = ANY($3)`, tx.Scope.Org, a.ID, members); err != nil {
		return err
	}
	everyone, err := db.Rows[id.Membership](tx, `SELECT p.membership_id FROM assignment_people p WHERE p.org_id = $1 AND p.assignment_id = $2 LIMIT 100000`, tx.Scope.Org, a.ID)
	if err != nil {
		return err
	}
	return settle(tx, a, everyone)
}

// tellAll mails what became of an assignment to those who were asked and are not done.
func (s *Service) tellAll(tx *db.Tx, a Assignment, key string) error {
	list, err := db.Rows[struct {
		asking

		Due *time.Time `db:"due_at"`
	}](tx, `SELECT p.membership_id, m.email, m.locale, true AS told, p.state, p.due_at FROM assignment_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state = 'active' AND m.email <> ''
		WHERE p.org_id = $1 AND p.assignment_id = $2 AND p.state = 'asked' AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = p.membership_id AND e.item_org = $3 AND e.item_id = $4 AND e.state = 'completed')
		ORDER BY p.membership_id LIMIT 5000`, tx.Scope.Org, a.ID, a.ItemOrg, a.Item)
	if err != nil {
		return err
	}
	by, err := askerOf(tx, a)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := s.tellAssigned(tx, a, by, key, p.asking, p.Due); err != nil {
			return err
		}
	}
	return nil
}

// asker is who asks, as a mail says it.
type asker struct {
	Name string `db:"name"`
	Slug string `db:"slug"` // of the organization
	Org  string `db:"org"`
}

func askerOf(tx *db.Tx, a Assignment) (asker, error) {
	return db.Row[asker](tx, `SELECT coalesce(m.name, '') AS name, o.slug, o.name AS org FROM organizations o LEFT JOIN memberships m ON m.org_id = o.org_id AND m.membership_id = $2 WHERE o.org_id = $1`, tx.Scope.Org, a.AskedBy)
}

// tellAssigned mails somebody what they are asked to learn, by whom and why; key is asked, changed or back.
func (s *Service) tellAssigned(tx *db.Tx, a Assignment, by asker, key string, to asking, due *time.Time) error {
	if s.mail == nil {
		return nil
	}
	ctx := tx.Context()
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	if key == "asked" {
		key = a.Firm
	}
	day := ""
	if due != nil {
		day = lang.Date(ctx, *due)
	}
	words := []any{"Title", a.Title, "Name", by.Name, "Org", by.Org, "Reason", a.Reason, "Date", day}
	text := []string{lang.T(ctx, "assign.mail.text."+key, words...)}
	if key != "back" {
		link := s.url(by.Slug) + "/" + a.Kind + "/" + a.Item.String()
		if a.Firm == FirmSuggested {
			link += "?origin=" + OriginPeer + "&ref=" + a.AskedBy.String()
		}
		text = append(text, link)
	}
	return s.mail.Send(tx, mail.Message{To: to.Email, Subject: lang.T(ctx, "assign.mail.subject."+key, words...), Text: strings.Join(append(text, lang.T(ctx, "assign.mail.foot", words...)), "\n\n")})
}
