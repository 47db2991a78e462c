package courses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
)

// Meeting is how the viewer stands to a station at which people meet: a seat in a live session that is to come, or the group that they are in.
type Meeting struct {
	Lesson  string     `db:"lesson_key"`
	Kind    string     `db:"kind"`      // markdown.Live or markdown.Group
	At      *time.Time `db:"starts_at"` // nil: it is not agreed yet
	Zone    string     `db:"zone"`      // in which the viewer reads it (IANA)
	Waiting bool       `db:"waiting"`   // for a seat
	Size    int        `db:"size"`      // of the group, the viewer among them
	Said    bool       `db:"said"`      // that they took part
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

// meetingsSQL reads how the member $2 of $1 stands to the lessons $6 of the version $5 of $3's item $4 at which people meet; $7 is the time. Of a
// lesson with several the first is read to which they stand at all.
const meetingsSQL = `SELECT DISTINCT ON (k.lesson_key) k.lesson_key, k.kind, m.starts_at, coalesce(nullif(z.zone, ''), m.zone) AS zone, m.waiting, m.size, m.said
	FROM (SELECT l.key AS lesson_key, b.n, b.block->>'kind' AS kind, b.block->>'key' AS block_key, coalesce(b.block->>'series', '') AS series FROM lessons l CROSS JOIN LATERAL jsonb_array_elements(l.blocks) WITH ORDINALITY AS b(block, n)
		WHERE l.org_id = $3 AND l.item_id = $4 AND l.version = $5 AND l.key = ANY ($6) AND b.block->>'kind' IN ('live', 'group')) k
	CROSS JOIN LATERAL (
		(SELECT x.starts_at, x.zone, s.number IS NULL AS waiting, 0 AS size, false AS said FROM live_seats s JOIN live_sessions x ON x.org_id = s.session_org AND x.session_id = s.session_id AND x.state = 'planned' AND x.ends_at > $7
			WHERE k.kind = 'live' AND s.org_id = $1 AND s.membership_id = $2 AND x.org_id = $3 AND (x.item_id = $4 AND x.part = k.lesson_key OR x.series <> '' AND x.series = k.series) ORDER BY waiting, x.starts_at, x.session_id LIMIT 1)
		UNION ALL
		(SELECT g.starts_at, coalesce(g.zone, ''), false, coalesce(g.size, 1), p.said_at IS NOT NULL FROM step_group_people p LEFT JOIN step_groups g ON g.org_id = p.group_org AND g.group_id = p.group_id
			WHERE k.kind = 'group' AND p.org_id = $1 AND p.membership_id = $2 AND p.item_org = $3 AND p.item_id = $4 AND p.lesson_key = k.lesson_key AND p.block_key = k.block_key AND (p.said_at IS NOT NULL OR g.state = 'open')
			ORDER BY p.said_at IS NULL, p.joined_at DESC, p.group_id LIMIT 1)) m
	LEFT JOIN live_settings z ON z.org_id = $1 AND z.membership_id = $2
	ORDER BY k.lesson_key, k.n LIMIT 500`

// meet reads how the viewer stands to the stations at which people meet; a course or path without such reads nothing.
func (s *Service) meet(ctx context.Context, v *View, r *root, sc scope.Scope) error {
	var keys []string
	at := func(st *Station) string {
		switch {
		case st.Own || st.Kind != markdown.Live && st.Kind != markdown.Group:
			return ""
		case st.Step != "":
			return st.Step
		}
		return st.Lesson
	}
	for i := range v.Stations {
		if key := at(&v.Stations[i]); key != "" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 || !sc.SignedIn() || sc.ReadsOnly() {
		return nil
	}
	var list []Meeting
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, meetingsSQL, sc.Org, sc.Membership, r.OrgID, r.ItemID, r.Version, keys, b.Now)
	}); err != nil {
		return fmt.Errorf("who meets on %s: %w", r.ItemID, err)
	}
	for i := range v.Stations {
		st := &v.Stations[i]
		if j := slices.IndexFunc(list, func(m Meeting) bool { return m.Lesson == at(st) }); j >= 0 {
			st.Meeting = &list[j]
		}
	}
	return nil
}
