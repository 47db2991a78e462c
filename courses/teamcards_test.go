package courses_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// TestWhatATeamShowsItsLead reads what people of a team tried only where the lead is in the group that they showed it, and questions only under
// the names under which they were asked.
func TestWhatATeamShowsItsLead(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	a := c.inside[0]
	groups := []id.Any{id.New[id.Any](), id.New[id.Any]()}
	lead := one[id.Membership](c.house.ctx, c.world, `SELECT x.membership_id FROM team_members x WHERE x.org_id = $1 AND x.team_id = $2 AND x.leads`, c.org.OrgID, c.team)
	it := c.course("tried", "shared")
	c.tx(c.house.ctx, func(tx *db.Tx) error {
		for i, g := range groups {
			if err := tx.Must(`INSERT INTO cohorts (org_id, cohort_id, item_org, item_id, title, name, starts_on, made_by, made_at) VALUES ($1, $2, $3, $4, 'Path', 'Group', current_date, $5, now())`, tx.Scope.Org, g, it.OrgID, it.ItemID, lead); err != nil {
				return err
			}
			for _, who := range []id.Membership{a, c.outside, lead}[:3-i] { // The lead is in the first group alone.
				if err := tx.Must(`INSERT INTO cohort_people (org_id, cohort_id, membership_id, joined_at) VALUES ($1, $2, $3, now())`, tx.Scope.Org, g, who); err != nil {
					return err
				}
			}
			for n, who := range []id.Membership{a, c.outside} {
				try := id.New[id.Any]()
				if err := tx.Must(`INSERT INTO tryouts (org_id, tryout_id, membership_id, item_org, item_id, lesson_key, try_key, root_kind, root_id, title, what, by_day, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 'k', 'course', $5, 'Lesson', 'Do it', current_date, now(), now())`,
					tx.Scope.Org, try, who, it.OrgID, it.ItemID, "l"+string(rune('0'+i))+string(rune('0'+n))); err != nil {
					return err
				}
				if err := tx.Must(`INSERT INTO cohort_tries (org_id, cohort_id, tryout_id, membership_id, title, what, outcome, said, shared_at) VALUES ($1, $2, $3, $4, 'Lesson', 'Do it', $5, 'used', now())`, tx.Scope.Org, g, try, who, []string{"It worked.", "SECRET"}[i]); err != nil {
					return err
				}
			}
		}
		for _, q := range [][4]string{{"How cold is cold?", "name", "open"}, {"SECRET whose it is?", "company", "open"}, {"SECRET taken back?", "name", "withdrawn"}} {
			if err := tx.Must(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, title, shown_as, state, audience) VALUES ($1, gen_random_uuid(), $2, $6, $7, $3, $4, $5, 'org')`, tx.Scope.Org, a, q[0], q[1], q[2], it.OrgID, it.ItemID); err != nil {
				return err
			}
		}
		return nil
	})
	v, err := c.svc.Team(c.manager, c.team, courses.TeamFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range v.Tries {
		got = append(got, x.Name+": "+x.Outcome)
	}
	for _, q := range v.Asked {
		got = append(got, q.Name+": "+q.Title)
	}
	if diff := cmp.Diff([]string{"In One: It worked.", "In One: How cold is cold?"}, got); diff != "" {
		t.Errorf("the lead reads (-want +got):\n%s", diff)
	}
	if v, err := c.svc.Team(c.admin, c.team, courses.TeamFilter{}); err != nil || len(v.Tries) != 0 {
		t.Errorf("an administrator who is in no group reads %+v, %v", v.Tries, err)
	}
}
