package courses

import (
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// TeamTry is what somebody of a team tried at work and showed a group that the viewer is in, too: nobody else reads it here.
type TeamTry struct {
	Name    string    `db:"name"`
	What    string    `db:"what"`
	Outcome string    `db:"outcome"`
	Said    string    `db:"said"` // one of TrySaid
	Cohort  id.Any    `db:"cohort_id"`
	At      time.Time `db:"shared_at"`
}

// TeamQuestion is what somebody of a team asked under their name, for all who read the organization's questions.
type TeamQuestion struct {
	ID    id.Post   `db:"question_id"`
	Name  string    `db:"name"`
	Title string    `db:"title"`
	At    time.Time `db:"created_at"`
}

const (
	// teamTriesSQL is what people of the team $2 of $1 tried and showed those of a group that $3 is in, the latest first.
	teamTriesSQL = `SELECT m.name, k.what, k.outcome, k.said, k.cohort_id, k.shared_at FROM cohort_people me JOIN cohort_tries k ON k.org_id = me.org_id AND k.cohort_id = me.cohort_id AND k.said <> ''
		JOIN team_members x ON x.org_id = k.org_id AND x.team_id = $2 AND x.membership_id = k.membership_id JOIN memberships m ON m.org_id = k.org_id AND m.membership_id = k.membership_id AND m.state <> 'left'
		WHERE me.org_id = $1 AND me.membership_id = $3 ORDER BY k.shared_at DESC, k.tryout_id DESC LIMIT 3`
	// teamQuestionsSQL is what people of the team $2 of $1 asked under their names within half a year before $3, the latest first.
	teamQuestionsSQL = `SELECT q.question_id, m.name, q.title, q.created_at FROM team_members x JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id AND m.state <> 'left'
		JOIN questions q ON q.org_id = x.org_id AND q.membership_id = x.membership_id AND q.shown_as = 'name' AND q.state <> 'withdrawn' AND q.created_at > $3::timestamptz - interval '180 days'
		WHERE x.org_id = $1 AND x.team_id = $2 ORDER BY q.created_at DESC, q.question_id LIMIT 3`
)
