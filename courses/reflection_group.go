package courses

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// Circle is a few people with whom a member can share what they wrote: those of the group in which they do a step of the same course or path,
// or of the cohort in which they take the path.
type Circle struct {
	ID     id.Any        `db:"circle_id"`
	Cohort bool          `db:"cohort"`
	Title  string        `db:"title"`  // of the step, or the name of the cohort
	Shown  string        `db:"shown"`  // the own name as people of another organization see it; "" where they do not
	Other  id.Org        `db:"other"`  // the other organization of which people are in it; zero for none
	Grows  bool          `db:"grows"`  // people of a connected organization can still join
	People []GroupPerson `db:"people"` // who else is in it and reads what is shared, 50 at most
}

// circlesSQL reads the circles of the member $2 of $1 on what is written in the item $4 of $3 in the course or path $5; with $6 that one. Of a
// group those are named who read what the member shares: whom the own organization shows itself to.
const circlesSQL = `SELECT me.group_id AS circle_id, false AS cohort, me.title, me.shown_name AS shown, CASE WHEN g.org_id = $1 THEN g.guest_org ELSE g.org_id END AS other, g.wide AND g.guest_org IS NULL AND g.size < g.most AS grows,
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT p.org_id, coalesce(m.name, CASE WHEN b.meet = 'name' AND p.shown_as = 'name' THEN p.shown_name END, '') AS name, p.org_id = $1 OR coalesce(b.meet, '') IN ('name', 'company') AND p.shown_as <> 'someone' AS shown
			FROM step_group_people p LEFT JOIN memberships m ON m.org_id = $1 AND m.org_id = p.org_id AND m.membership_id = p.membership_id
			LEFT JOIN connection_sides b ON b.org_id = p.org_id AND b.other_org = $1 AND b.state = 'active'
			WHERE p.group_id = me.group_id AND (p.org_id, p.membership_id) <> ($1, $2) AND (p.org_id = $1 OR EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = p.org_id AND s.state = 'active' AND s.meet <> 'none'))
			ORDER BY p.joined_at, p.place_id LIMIT 50) x) AS people
	FROM step_group_people me JOIN step_groups g ON g.org_id = me.group_org AND g.group_id = me.group_id AND g.state = 'open'
	WHERE me.org_id = $1 AND me.membership_id = $2 AND (me.root_id = $5 OR me.item_org = $3 AND me.item_id = $4) AND ($6::uuid IS NULL OR me.group_id = $6)
	UNION ALL
	SELECT c.cohort_id, true, c.name, '', NULL, false,
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT p.org_id, m.name, true AS shown FROM cohort_people p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state <> 'left'
			WHERE p.org_id = c.org_id AND p.cohort_id = c.cohort_id AND p.membership_id <> $2 ORDER BY lower(m.name), m.membership_id LIMIT 50) x)
	FROM cohort_people me JOIN cohorts c ON c.org_id = me.org_id AND c.cohort_id = me.cohort_id AND c.ended_at IS NULL
	WHERE me.org_id = $1 AND me.membership_id = $2 AND ($6::uuid IS NULL OR me.cohort_id = $6)
		AND (c.item_id = $5 OR EXISTS (SELECT 1 FROM versions v WHERE v.org_id = c.item_org AND v.item_id = c.item_id AND $4 = ANY (v.leads_to)))
	ORDER BY cohort, title, circle_id LIMIT 50`

// circle finds one of the acting member's circles for what they wrote, and says what is wrong with the choice.
func (in Sharing) circle(tx *db.Tx, r Reflection) (to sharer, bad *errs.Field, err error) {
	to.org = tx.Scope.Org
	bad = &errs.Field{Name: "group", Key: "reflect.fault.group"}
	which, err := id.Parse[id.Any](in.Group)
	if err != nil {
		return to, bad, nil //nolint:nilerr // It is said by the field.
	}
	list, err := db.Rows[Circle](tx, circlesSQL, tx.Scope.Org, tx.Scope.Membership, r.ItemOrg, r.Item, idOrNil(r.Root), which)
	if err != nil || len(list) == 0 {
		return to, bad, err
	}
	to.shown, to.beside, to.title = list[0].Shown, list[0].Other, list[0].Title
	if list[0].Cohort {
		to.cohort = which
	} else {
		to.group = which
	}
	return to, nil, nil
}

// nameCircles fills in of which organizations their people are.
func (s *Service) nameCircles(ctx context.Context, list []Circle) error {
	var ids []id.Org
	for _, c := range list {
		for _, p := range c.People {
			if !slices.Contains(ids, p.Org) {
				ids = append(ids, p.Org)
			}
		}
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i := range list {
		for j, p := range list[i].People {
			list[i].People[j].By = orgs[p.Org]
		}
	}
	return err
}

// idOrNil is the item, or nil for none.
func idOrNil(item id.Item) *id.Item {
	if item.IsZero() {
		return nil
	}
	return &item
}
