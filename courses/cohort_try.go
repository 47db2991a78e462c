package courses

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
)

// CohortTry is what somebody shows of something that they tried to those with whom they take a path.
type CohortTry struct {
	Name    string    `db:"name"`
	Mine    bool      `db:"mine"`
	Title   string    `db:"title"` // of the lesson
	What    string    `db:"what"`
	Outcome string    `db:"outcome"`
	Said    string    `db:"said"` // one of TrySaid; "" for nothing yet
	At      time.Time `db:"shared_at"`
}

// cohortTriesSQL is what the people of a cohort show each other, the latest first: nobody is ordered by what they did. It is read by who is in it.
const cohortTriesSQL = `SELECT m.name, k.membership_id = $2 AS mine, k.title, k.what, k.outcome, k.said, k.shared_at FROM cohort_tries k JOIN memberships m ON m.org_id = k.org_id AND m.membership_id = k.membership_id AND m.state <> 'left'
	WHERE k.org_id = $1 AND k.cohort_id = $3 AND EXISTS (SELECT 1 FROM cohort_people p WHERE p.org_id = $1 AND p.cohort_id = $3 AND p.membership_id = $2) ORDER BY k.shared_at DESC, k.tryout_id DESC LIMIT 100`

// TryGroup is a cohort to which something that a member tries can be shown, or is.
type TryGroup struct {
	Tryout id.Any     `db:"tryout_id"`
	Cohort id.Any     `db:"cohort_id"`
	Name   string     `db:"name"`
	Shown  *time.Time `db:"shared_at"` // nil: it is not
	Stale  bool       `db:"stale"`     // it was changed since
}

// saidLast is what became of a tryout t, as it was said last.
const saidLast = `coalesce(nullif(t.after_month, ''), t.after_week)`

// tryGroupsSQL are the cohorts of $2 of $1 on a path in which something was read that they try.
const tryGroupsSQL = `SELECT t.tryout_id, c.cohort_id, c.name, k.shared_at, coalesce((k.what, k.outcome, k.said) IS DISTINCT FROM (t.what, t.outcome, ` + saidLast + `) AND k.shared_at IS NOT NULL, false) AS stale
	FROM cohort_people p JOIN cohorts c ON c.org_id = p.org_id AND c.cohort_id = p.cohort_id AND c.ended_at IS NULL
	JOIN tryouts t ON t.org_id = p.org_id AND t.membership_id = p.membership_id AND (t.root_id = c.item_id OR EXISTS (SELECT 1 FROM versions v WHERE v.org_id = c.item_org AND v.item_id = c.item_id AND t.item_id = ANY (v.leads_to)))
	LEFT JOIN cohort_tries k ON k.org_id = p.org_id AND k.cohort_id = c.cohort_id AND k.tryout_id = t.tryout_id
	WHERE p.org_id = $1 AND p.membership_id = $2`

// ShowTryout shows those of a cohort what the acting member tries, as it stands now, with what came of it, and not with whom. Repeating it
// shows what was changed since. NotFound for anybody else's, and for a cohort that the member is not in or that takes another path.
func (s *Service) ShowTryout(ctx context.Context, tryout, cohort id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		may, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM (`+tryGroupsSQL+` AND t.tryout_id = $3 AND c.cohort_id = $4) g)`, tx.Scope.Org, tx.Scope.Membership, tryout, cohort)
		if err != nil {
			return err
		}
		if !may {
			return errs.New(errs.NotFound, "show tryout %s to %s", tryout, cohort)
		}
		if err := tx.Must(`INSERT INTO cohort_tries (org_id, cohort_id, tryout_id, membership_id, title, what, outcome, said, shared_at)
			SELECT t.org_id, $4, t.tryout_id, t.membership_id, t.title, t.what, t.outcome, `+saidLast+`, $5 FROM tryouts t WHERE t.org_id = $1 AND t.membership_id = $2 AND t.tryout_id = $3
			ON CONFLICT (org_id, cohort_id, tryout_id) DO UPDATE SET title = excluded.title, what = excluded.what, outcome = excluded.outcome, said = excluded.said, shared_at = excluded.shared_at`,
			tx.Scope.Org, tx.Scope.Membership, tryout, cohort, tx.Now); err != nil {
			return fmt.Errorf("show tryout %s: %w", tryout, err)
		}
		return nil
	})
}

// HideTryout takes back what the acting member showed a cohort of something that they try. Repeating it is safe.
func (s *Service) HideTryout(ctx context.Context, tryout, cohort id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM cohort_tries WHERE org_id = $1 AND membership_id = $2 AND tryout_id = $3 AND cohort_id = $4`, tx.Scope.Org, tx.Scope.Membership, tryout, cohort)
		return err
	})
}

// teamOf is the team for which a cohort is planned: one that the acting member leads, or any for who looks after all; zero for "".
func teamOf(tx *db.Tx, team string) (id.Any, error) {
	if team == "" {
		return id.Any{}, nil
	}
	none := errs.Fields(errs.Field{Name: "team", Key: "reflect.fault.team"})
	of, err := id.Parse[id.Any](team)
	if err != nil {
		return of, none
	}
	may, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM teams t WHERE t.org_id = $1 AND t.team_id = $2 AND ($3 OR EXISTS (SELECT 1 FROM team_members l WHERE l.org_id = $1 AND l.team_id = $2 AND l.membership_id = $4 AND l.leads)))`,
		tx.Scope.Org, of, all(tx.Scope), tx.Scope.Membership)
	if err == nil && !may {
		err = none
	}
	return of, err
}

// teamMails is to how many people of a team a mail goes.
const teamMails = 500

// askTeam mails the people of a team who are not in a cohort that it takes a path together, and who plans that: what is "planned" for a new
// cohort, "asked" for one that there was.
func (s *Service) askTeam(tx *db.Tx, what string, team, cohort id.Any, name, title string, starts time.Time) error {
	if s.mail == nil {
		return nil
	}
	by, err := db.Row[string](tx, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
	if err != nil {
		return err
	}
	list, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM team_members x JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id AND m.state = 'active' AND m.email <> '' JOIN organizations o ON o.org_id = m.org_id
		WHERE x.org_id = $1 AND x.team_id = $2 AND x.membership_id <> $3 AND NOT EXISTS (SELECT 1 FROM cohort_people p WHERE p.org_id = $1 AND p.cohort_id = $4 AND p.membership_id = x.membership_id) ORDER BY m.membership_id LIMIT $5`,
		tx.Scope.Org, team, tx.Scope.Membership, cohort, teamMails)
	for _, to := range list {
		in := tx.Context()
		if l, ok := lang.Parse(to.Locale); ok {
			in = lang.With(in, l)
		}
		if err == nil {
			err = s.post(tx, to, "together.mail."+what, "Name", by, "Cohort", name, "Title", title, "Date", lang.Date(in, starts), "Link", s.url(to.Slug)+"/cohorts/"+cohort.String())
		}
	}
	return err
}
