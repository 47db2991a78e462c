package courses

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Cohort is people of one organization who take a path together, with dates. Nobody of another organization ever sees who is in it.
type Cohort struct {
	ID     id.Any     `db:"cohort_id"`
	Item   id.Item    `db:"item_id"`
	Title  string     `db:"title"` // of the path
	Name   string     `db:"name"`
	Starts time.Time  `db:"starts_on"` // UTC day
	Places *int       `db:"places"`    // nil for any number
	People int        `db:"people"`
	In     bool       `db:"is_in"` // the viewer
	By     string     `db:"made_by_name"`
	Ended  *time.Time `db:"ended_at"`
	Team   id.Any     `db:"team_id"` // that takes the path together; zero for whoever wants
	Crew   string     `db:"team"`    // its name
}

// Full reports whether there is no place left.
func (c Cohort) Full() bool { return c.Places != nil && c.People >= *c.Places }

// cohortSQL is cohorts with whether the member $2 of $1 is in them.
const cohortSQL = `SELECT c.cohort_id, c.item_id, c.title, c.name, c.starts_on, c.places, c.ended_at, c.team_id, coalesce(w.name, '') AS team, coalesce(k.name, '') AS made_by_name, n.people, n.is_in FROM cohorts c LEFT JOIN memberships k ON k.org_id = c.org_id AND k.membership_id = c.made_by LEFT JOIN teams w ON w.org_id = c.org_id AND w.team_id = c.team_id
	CROSS JOIN LATERAL (SELECT count(*)::int AS people, coalesce(bool_or(p.membership_id = $2), false) AS is_in FROM cohort_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left' WHERE p.org_id = c.org_id AND p.cohort_id = c.cohort_id) n
	WHERE c.org_id = $1`

// CohortDate is until when the people of a cohort want to be done with a step.
type CohortDate struct {
	Step  string    `db:"step_key"`
	Title string    `db:"title"`
	Due   time.Time `db:"due_on"`
}

// CohortPlan is what somebody plans.
type CohortPlan struct {
	Name, Starts string
	Places       int               // 1 to 1000; 0 for any number
	Dates        map[string]string // by the key of a step: a day; none for ""
	Team         string            // identifier of the team that takes the path together, whose people are asked by mail; "" for whoever wants
}

// CohortView is a cohort with its dates and, for whoever is in it or planned it, its people.
type CohortView struct {
	Cohort

	Now     time.Time
	Dates   []CohortDate
	Names   []string // of its people; none for who is not in it and may not plan
	Tries   []CohortTry
	Changes bool
}

// Cohorts lists those of the viewer's organization on a path that have not been called off, the next first, at most 50.
func (s *Service) Cohorts(ctx context.Context, path id.Item) (list []Cohort, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, cohortSQL+` AND c.item_id = $3 AND c.ended_at IS NULL ORDER BY c.starts_on DESC, c.cohort_id LIMIT 50`, sc.Org, sc.Membership, path)
	})
	return list, err
}

// Cohort returns one of the viewer's organization; NotFound for any other.
func (s *Service) Cohort(ctx context.Context, which id.Any) (v CohortView, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	v.Changes = authz.Allowed(sc, authz.Assign, id.Org{})
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Cohort, &found, cohortSQL+` AND c.cohort_id = $3`, sc.Org, sc.Membership, which)
		db.List(b, &v.Dates, `SELECT d.step_key, d.title, d.due_on FROM cohort_steps d WHERE d.org_id = $1 AND d.cohort_id = $2 ORDER BY d.due_on, d.step_key LIMIT 500`, sc.Org, which)
		db.List(b, &v.Names, `SELECT m.name FROM cohort_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left' WHERE p.org_id = $1 AND p.cohort_id = $2
			AND ($3 OR EXISTS (SELECT 1 FROM cohort_people me WHERE me.org_id = $1 AND me.cohort_id = $2 AND me.membership_id = $4)) ORDER BY lower(m.name), m.membership_id LIMIT 200`, sc.Org, which, v.Changes, sc.Membership)
		db.List(b, &v.Tries, cohortTriesSQL, sc.Org, sc.Membership, which)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "cohort %s", which)
	}
	return v, nil
}

// clean checks a plan and returns its first day.
func (p *CohortPlan) clean(now time.Time) (starts time.Time, places *int, dates map[string]time.Time, err error) {
	var f []errs.Field
	if p.Name = strings.TrimSpace(p.Name); p.Name == "" || utf8.RuneCountInString(p.Name) > 80 || strings.ContainsRune(p.Name, 0) {
		f = append(f, errs.Field{Name: "name", Key: "cohort.fault.name"})
	}
	today := now.UTC().Truncate(24 * time.Hour)
	if starts, err = time.Parse(time.DateOnly, p.Starts); err != nil || starts.Before(today.AddDate(-1, 0, 0)) || starts.After(today.AddDate(2, 0, 0)) {
		f, p.Dates = append(f, errs.Field{Name: "starts", Key: "assign.fault.day"}), nil // What follows the beginning cannot be told.
	}
	if p.Places < 0 || p.Places > 1000 {
		f = append(f, errs.Field{Name: "places", Key: "cohort.fault.places"})
	} else if p.Places > 0 {
		places = &p.Places
	}
	dates = map[string]time.Time{}
	for step, day := range p.Dates {
		if day == "" {
			continue
		}
		at, derr := time.Parse(time.DateOnly, day)
		if derr != nil || at.Before(starts) || at.After(starts.AddDate(3, 0, 0)) {
			f = append(f, errs.Field{Name: "date-" + step, Key: "cohort.fault.date"})
			continue
		}
		dates[step] = at
	}
	if len(f) > 0 {
		return starts, nil, nil, errs.Fields(f...)
	}
	return starts, places, dates, nil
}

// PlanCohort makes a cohort on a path that the organization's people see, or with which changes one that there is. Invalid, with the field,
// for a plan that cannot be, such as fewer places than people or a team that somebody else leads; NotFound for a path that is not open to them, and for another organization's
// cohort.
func (s *Service) PlanCohort(ctx context.Context, path id.Item, which id.Any, p CohortPlan) (id.Any, error) {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return id.Any{}, err
	}
	made := which
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		starts, places, dates, err := p.clean(tx.Now)
		if err != nil {
			return err
		}
		if !which.IsZero() {
			if path, err = db.Row[id.Item](tx, `SELECT c.item_id FROM cohorts c WHERE c.org_id = $1 AND c.cohort_id = $2 AND c.ended_at IS NULL FOR UPDATE`, tx.Scope.Org, which); err != nil {
				return err
			}
		}
		it, err := assignable(tx, path)
		if errs.Is(err, errs.Invalid) || err == nil && it.Kind != tenants.KindPath {
			return errs.New(errs.NotFound, "path %s", path)
		}
		if err != nil {
			return err
		}
		team, err := teamOf(tx, p.Team)
		if err != nil {
			return err
		}
		var was id.Any
		if which.IsZero() {
			made = id.New[id.Any]()
			err = tx.Must(`INSERT INTO cohorts (org_id, cohort_id, item_org, item_id, title, name, starts_on, places, made_by, made_at, team_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				tx.Scope.Org, made, it.OrgID, it.ItemID, it.Title, p.Name, starts, places, tx.Scope.Membership, tx.Now, anyOrNil(team))
		} else {
			if was, err = db.Row[id.Any](tx, `SELECT coalesce(c.team_id, '00000000-0000-0000-0000-000000000000') FROM cohorts c WHERE c.org_id = $1 AND c.cohort_id = $2`, tx.Scope.Org, made); err != nil {
				return err
			}
			people, cerr := db.Row[int](tx, `SELECT count(*)::int FROM cohort_people p WHERE p.org_id = $1 AND p.cohort_id = $2`, tx.Scope.Org, made)
			if cerr != nil {
				return cerr
			}
			if places != nil && *places < people {
				return errs.Fields(errs.Field{Name: "places", Key: "cohort.fault.fewer", Args: []any{"Count", people}})
			}
			err = tx.Must(`UPDATE cohorts SET name = $3, starts_on = $4, places = $5, team_id = $6 WHERE org_id = $1 AND cohort_id = $2`, tx.Scope.Org, made, p.Name, starts, places, anyOrNil(team))
		}
		if err != nil {
			return err
		}
		if err := s.dateSteps(tx, it, made, dates); err != nil {
			return err
		}
		if !team.IsZero() && team != was {
			what := "asked"
			if which.IsZero() {
				what = "planned"
			}
			if err := s.askTeam(tx, what, team, made, p.Name, it.Title, starts); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "cohort.planned", "item:"+it.ItemID.String(), map[string]any{"cohort": made})
	})
	if err != nil {
		return id.Any{}, fmt.Errorf("cohort on %s: %w", path, err)
	}
	return made, nil
}

// dateSteps writes until when the steps of a path are due in a cohort; a step that the path does not have is left out.
func (s *Service) dateSteps(tx *db.Tx, it tenants.Item, cohort id.Any, dates map[string]time.Time) error {
	e := edition{it.OrgID, it.ItemID, it.Version}
	list, err := s.readTx(tx, e)
	if err != nil {
		return err
	}
	return tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `DELETE FROM cohort_steps WHERE org_id = $1 AND cohort_id = $2`, tx.Scope.Org, cohort)
		for _, st := range list[e].Steps {
			if at, ok := dates[st.Key]; ok {
				db.Write(b, nil, `INSERT INTO cohort_steps (org_id, cohort_id, step_key, title, due_on) VALUES ($1, $2, $3, $4, $5)`, tx.Scope.Org, cohort, st.Key, st.Title, at)
			}
		}
	})
}

// EndCohort calls a cohort off; what people learned stays theirs. NotFound for one that there is not.
func (s *Service) EndCohort(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		item, err := db.Row[id.Item](tx, `UPDATE cohorts SET ended_at = $3 WHERE org_id = $1 AND cohort_id = $2 AND ended_at IS NULL RETURNING item_id`, tx.Scope.Org, which, tx.Now)
		if err != nil {
			return err
		}
		return tenants.Audit(tx, "cohort.ended", "item:"+item.String(), map[string]any{"cohort": which})
	})
}

// JoinCohort takes a place for the acting member, who begins the path with it. Repeating it is safe. Conflict for a cohort that is full, and
// where the agreement has no seat left; NotFound for one that was called off, and for a path that is not open any more.
func (s *Service) JoinCohort(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		c, err := db.Row[struct {
			Item   id.Item `db:"item_id"`
			Places *int    `db:"places"`
		}](tx, `SELECT c.item_id, c.places FROM cohorts c WHERE c.org_id = $1 AND c.cohort_id = $2 AND c.ended_at IS NULL FOR UPDATE`, tx.Scope.Org, which)
		if err != nil {
			return err
		}
		if err := s.enroll(tx, c.Item, Origin{Kind: OriginChoice}); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO cohort_people (org_id, cohort_id, membership_id, joined_at) SELECT $1, $2, $3, $4 WHERE $5::int IS NULL OR (SELECT count(*) FROM cohort_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left'
			WHERE p.org_id = $1 AND p.cohort_id = $2 AND p.membership_id <> $3) < $5 ON CONFLICT (org_id, cohort_id, membership_id) DO UPDATE SET joined_at = cohort_people.joined_at`, tx.Scope.Org, which, tx.Scope.Membership, tx.Now, c.Places)
		if err == nil && n == 0 {
			err = errs.Say(errs.Conflict, "cohort.full")
		}
		return err
	})
}

// LeaveCohort gives the acting member's place back; what they learned stays theirs. Repeating it is safe.
func (s *Service) LeaveCohort(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM cohort_people WHERE org_id = $1 AND cohort_id = $2 AND membership_id = $3`, tx.Scope.Org, which, tx.Scope.Membership)
		return err
	})
}
