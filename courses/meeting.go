package courses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
)

// Meeting is how the viewer stands to a station at which people meet: a seat in a live session that is to come, or the group that they are in.
type Meeting struct {
	Item    id.Item    `db:"item_id"`
	Lesson  string     `db:"lesson_key"`
	Kind    string     `db:"kind"`      // markdown.Live or markdown.Group
	At      *time.Time `db:"starts_at"` // nil: it is not agreed yet
	Zone    string     `db:"zone"`      // in which the viewer reads it (IANA)
	Waiting bool       `db:"waiting"`   // for a seat
	Size    int        `db:"size"`      // of the group, the viewer among them
	Said    bool       `db:"said"`      // that they took part
	Met     bool       `db:"met"`       // which one of the others confirmed
}

// When is the time on the viewer's clock; false where it is not agreed.
func (m Meeting) When() (time.Time, bool) {
	if m.At == nil {
		return time.Time{}, false
	}
	if zone, ok := LiveZone(m.Zone); ok {
		return m.At.In(zone), true
	}
	return m.At.UTC(), true
}

// meetingsSQL reads how the member $2 of $1 stands to lessons at which people meet, of which $3 to $6 are the owners, items, versions and keys; $7 is
// the time. Of a lesson with several the first is read to which they stand at all.
const meetingsSQL = `SELECT DISTINCT ON (k.item_id, k.lesson_key) k.item_id, k.lesson_key, k.kind, m.starts_at, coalesce(nullif(z.zone, ''), m.zone) AS zone, m.waiting, m.size, m.said, m.met
	FROM (SELECT l.org_id, l.item_id, l.key AS lesson_key, b.n, b.block->>'kind' AS kind, b.block->>'key' AS block_key, coalesce(b.block->>'series', '') AS series
		FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[]) AS a(org_id, item_id, version, key) JOIN lessons l ON l.org_id = a.org_id AND l.item_id = a.item_id AND l.version = a.version AND l.key = a.key
			CROSS JOIN LATERAL jsonb_array_elements(l.blocks) WITH ORDINALITY AS b(block, n)
		WHERE b.block->>'kind' IN ('live', 'group')) k
	CROSS JOIN LATERAL (
		(SELECT x.starts_at, x.zone, s.number IS NULL AS waiting, 0 AS size, false AS said, false AS met FROM live_seats s JOIN live_sessions x ON x.org_id = s.session_org AND x.session_id = s.session_id AND x.state = 'planned' AND x.ends_at > $7
			WHERE k.kind = 'live' AND s.org_id = $1 AND s.membership_id = $2 AND x.org_id = k.org_id AND (x.item_id = k.item_id AND x.part = k.lesson_key OR x.series <> '' AND x.series = k.series) ORDER BY waiting, x.starts_at, x.session_id LIMIT 1)
		UNION ALL
		(SELECT g.starts_at, coalesce(g.zone, ''), false, coalesce(g.size, 1), p.said_at IS NOT NULL, p.said_at IS NOT NULL AND EXISTS (SELECT 1 FROM step_group_seen c WHERE c.org_id = p.org_id AND c.membership_id = p.membership_id AND c.group_id = p.group_id AND c.by_place <> p.place_id) FROM step_group_people p LEFT JOIN step_groups g ON g.org_id = p.group_org AND g.group_id = p.group_id
			WHERE k.kind = 'group' AND p.org_id = $1 AND p.membership_id = $2 AND p.item_org = k.org_id AND p.item_id = k.item_id AND p.lesson_key = k.lesson_key AND p.block_key = k.block_key AND (p.said_at IS NOT NULL OR g.state = 'open')
			ORDER BY p.said_at IS NULL, p.joined_at DESC, p.group_id LIMIT 1)) m
	LEFT JOIN live_settings z ON z.org_id = $1 AND z.membership_id = $2
	ORDER BY k.item_id, k.lesson_key, k.n LIMIT 500`

// meet reads how the viewer stands to the stations at which people meet: of a path also to a course in which they do and that is not finished. A
// course or path without such reads nothing.
func (s *Service) meet(ctx context.Context, v *View, r *root, sc scope.Scope) error {
	finished, places := r.finishedSet(), make([][]Leaf, len(v.Stations))
	var orgs []id.Org
	var items []id.Item
	var versions []int
	var keys []string
	add := func(i int, org id.Org, version int, l Leaf, kind string) {
		if (markdown.Block{Kind: kind}).Meets() {
			places[i] = append(places[i], l)
			orgs, items, versions, keys = append(orgs, org), append(items, l.Item), append(versions, version), append(keys, l.Lesson)
		}
	}
	for i := range v.Stations {
		st := &v.Stations[i]
		switch {
		case st.Own:
		case st.Kind == StepCourse:
			course, _ := r.Outline.Step(st.Step) // It is on the line, so it is there.
			for _, l := range course.Lessons {
				if at := (Leaf{course.Item, l.Key}); !finished[at] {
					add(i, course.Org, course.Version, at, l.Kind)
				}
			}
		default:
			add(i, r.OrgID, r.Version, Leaf{r.ItemID, cmp.Or(st.Step, st.Lesson)}, st.Kind)
		}
	}
	if len(keys) == 0 || !sc.SignedIn() || sc.ReadsOnly() {
		return nil
	}
	var list []Meeting
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, meetingsSQL, sc.Org, sc.Membership, orgs, items, versions, keys, b.Now)
	}); err != nil {
		return fmt.Errorf("who meets on %s: %w", r.ItemID, err)
	}
	for i := range v.Stations {
		if j := slices.IndexFunc(list, func(m Meeting) bool { return slices.Contains(places[i], Leaf{m.Item, m.Lesson}) }); j >= 0 {
			v.Stations[i].Meeting = &list[j]
		}
	}
	return nil
}
