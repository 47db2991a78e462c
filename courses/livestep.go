package courses

import (
	"context"
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// LiveStep is a live session that is a step of its own, as somebody sees it who is to take part in one.
type LiveStep struct {
	LiveList

	Past   []LiveDate           // what is over: those that the viewer came to first, then the latest
	Name   string               // the viewer's own
	Own    tenants.Organization // of the viewer; zero for visitors
	Record bool                 // watching the recording in the lesson does as well
	Part   string               // the key of the lesson for which sessions are planned

	dates []stepDate
}

// stepDate is a session as the page of a step reads it, with what only it needs of the viewer.
type stepDate struct {
	LiveDate

	MyName string `db:"my_name"`
	MyZone string `db:"my_zone"`
}

// LiveDate is a session as it counts for a step.
type LiveDate struct {
	Live

	Said bool `db:"said"` // it was said who came
}

// Came is the session that the viewer came to; nil for none.
func (l *LiveStep) Came() *Live {
	if i := slices.IndexFunc(l.Past, func(d LiveDate) bool { return d.Attended }); i >= 0 {
		return &l.Past[i].Live
	}
	if i := slices.IndexFunc(l.Rows, func(d Live) bool { return d.Attended }); i >= 0 {
		return &l.Rows[i]
	}
	return nil
}

// Planned reports whether a session is to come that takes place.
func (l *LiveStep) Planned() bool {
	return slices.ContainsFunc(l.Rows, func(d Live) bool { return d.State == LivePlanned })
}

// Seated reports whether the viewer has a seat in one to come.
func (l *LiveStep) Seated() bool {
	return slices.ContainsFunc(l.Rows, func(d Live) bool { return d.Mine == LiveSeat && d.State == LivePlanned })
}

// stepDates is how many sessions to come a step shows, and stepPast how many that are over.
const (
	stepDates = 12
	stepPast  = 3
)

// stepLivesSQL reads the sessions by which a step is done: of the organization $4 those that are planned for the lesson $6 of $5, and those of
// the series $7.
const stepLivesSQL = ` FROM ` + liveFrom + ` WHERE l.org_id = $4 AND (l.item_id = $5 AND l.part = $6 OR $7 <> '' AND l.series = $7) AND `

// filmed reports whether the lesson has a recording.
func filmed(list []markdown.Block) bool {
	return slices.ContainsFunc(list, func(b markdown.Block) bool { return b.Kind == markdown.Video })
}

// meets counts the blocks of a lesson that are done by having met somebody: a live session counts as one no more once its recording does as
// well.
func meets(list []markdown.Block) (n int) {
	for _, b := range list {
		if b.Meets() && (!b.Recording || !filmed(list)) {
			n++
		}
	}
	return n
}

// lessonKind is of what kind a lesson is: what stands in it says so where people meet.
func lessonKind(said string, list []markdown.Block) string {
	if i := slices.IndexFunc(list, markdown.Block.Meets); i >= 0 {
		return list[i].Kind
	}
	return said
}

// meetsIn is the kind of what people do who meet in a text; "" where nobody does.
func meetsIn(source string) string {
	for _, s := range markdown.Segments(source) {
		if (markdown.Block{Kind: s.Kind}).Meets() {
			return s.Kind
		}
	}
	return ""
}

// meetings reads what a lesson's page shows of people who meet; the pages of lessons in which nobody does read nothing.
func (s *Service) meetings(ctx context.Context, v *LessonView, at located, list []markdown.Block, sc scope.Scope, own tenants.Organization) error {
	if at.Own || len(v.Waits) > 0 || !slices.ContainsFunc(list, markdown.Block.Meets) {
		return nil
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		for i := range v.Blocks {
			j := slices.IndexFunc(list, func(x markdown.Block) bool { return x.Kind == v.Blocks[i].Kind && x.Key == v.Blocks[i].Key })
			switch v.Blocks[i].Kind {
			case markdown.Live:
				l := &LiveStep{LiveList: LiveList{Now: v.Now, Member: sc.SignedIn(), Author: v.Owner.OrgID == sc.Org && sc.Has(scope.Author)}, Own: own, Record: list[j].Recording && filmed(list), Part: at.Lesson}
				v.Blocks[i].Live = l
				l.queue(b, sc, at, list[j].Series)
			case markdown.Group:
				g := v.Blocks[i].Group
				g.Now, g.Member, g.Own = v.Now, sc.SignedIn() && !sc.ReadsOnly(), own
				if g.Member {
					g.queue(b, sc, at, list[j].Key)
				}
			}
		}
	}); err != nil {
		return fmt.Errorf("who meets in %s: %w", at.Lesson, err)
	}
	orgs := []id.Org{at.Org}
	for i := range v.Blocks {
		if l := v.Blocks[i].Live; l != nil {
			l.sort()
		}
		orgs = append(orgs, v.Blocks[i].metOrgs()...)
	}
	all, err := s.tenants.ByIDs(ctx, orgs...)
	for i := range v.Blocks {
		b := &v.Blocks[i]
		b.named(all)
		if b.Live == nil && b.Group == nil {
			continue
		}
		done := b.Live != nil && b.Live.Came() != nil || b.Group != nil && b.Group.Done()
		if !done && !v.Done && (b.Live == nil || !b.Live.Record) {
			v.Meets++
		}
		for j := range v.Parts {
			if p := &v.Parts[j]; p.Kind == b.Kind && p.Key == b.Key {
				p.Done = p.Done || done
				p.Now = p.Now && !p.Done
			}
		}
	}
	return err
}

// metOrgs are the organizations that the block names.
func (b *BlockView) metOrgs() (out []id.Org) {
	if b.Group != nil {
		for _, p := range b.Group.People {
			out = append(out, p.Org)
		}
		for _, g := range b.Group.Open {
			out = append(out, g.Org)
		}
	}
	return out
}

// named fills in what they are called.
func (b *BlockView) named(all map[id.Org]tenants.Organization) {
	if b.Group == nil {
		return
	}
	for i := range b.Group.People {
		b.Group.People[i].By = all[b.Group.People[i].Org]
	}
	for i := range b.Group.Open {
		b.Group.Open[i].By = all[b.Group.Open[i].Org]
	}
}

// queue reads the sessions by which the step is done.
func (l *LiveStep) queue(b *db.Batch, sc scope.Scope, at located, series string) {
	dates := func(rest string) string {
		return `(SELECT ` + liveColumns + `, s.attended IS NOT NULL AS said, coalesce((SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2), '') AS my_name,
			coalesce((SELECT x.zone FROM live_settings x WHERE x.org_id = $1 AND x.membership_id = $2), '') AS my_zone` + stepLivesSQL + rest + `)`
	}
	db.List(b, &l.dates, dates(`l.ends_at > $3 AND `+tenants.Seen("$1")+` ORDER BY l.starts_at, l.session_id LIMIT $8`)+` UNION ALL `+
		dates(`l.ends_at <= $3 AND `+tenants.Seen("$1")+` ORDER BY coalesce(s.attended, false) DESC, s.seat_id IS NULL, l.starts_at DESC, l.session_id LIMIT $9`),
		sc.Org, sc.Membership, b.Now, at.Org, at.Item, at.Lesson, series, stepDates, stepPast)
}

// sort tells those to come from those that are over, and notes what the rows say of the viewer.
func (l *LiveStep) sort() {
	for _, d := range l.dates {
		l.Name, l.Settings.Zone = d.MyName, d.MyZone
		if !d.Ends.After(l.Now) {
			l.Past = append(l.Past, d.LiveDate)
			continue
		}
		l.Rows = append(l.Rows, d.Live)
	}
}

// meetings are live sessions and what a few do together, each by its number.
type meetings struct {
	Live   int `db:"live"`
	Groups int `db:"groups"`
}

// openMeets counts the live sessions of the lesson that the member has not come to, and what a few do together in which the member has not taken
// part.
func openMeets(tx *db.Tx, at located) (meetings, error) {
	return db.Row[meetings](tx, `SELECT (count(*) FILTER (WHERE b->>'kind' = 'live'))::int AS live, (count(*) FILTER (WHERE b->>'kind' = 'group'))::int AS groups FROM lessons l CROSS JOIN LATERAL jsonb_array_elements(l.blocks) b
		WHERE l.org_id = $3 AND l.item_id = $4 AND l.version = $6 AND l.key = $5 AND (b->>'kind' = 'live' AND NOT (coalesce((b->>'recording')::boolean, false) AND jsonb_path_exists(l.blocks, '$[*] ? (@.kind == "video")'))
				AND NOT EXISTS (SELECT 1 FROM live_seats s JOIN live_sessions x ON x.org_id = s.session_org AND x.session_id = s.session_id
					WHERE s.org_id = $1 AND s.membership_id = $2 AND s.attended AND x.org_id = $3 AND (x.item_id = $4 AND x.part = $5 OR x.series <> '' AND x.series = b->>'series'))
			OR b->>'kind' = 'group' AND NOT EXISTS (SELECT 1 FROM step_group_people p JOIN step_group_seen s ON s.org_id = p.org_id AND s.membership_id = p.membership_id AND s.group_id = p.group_id AND s.by_place <> p.place_id
				WHERE p.org_id = $1 AND p.membership_id = $2 AND p.item_org = $3 AND p.item_id = $4 AND p.lesson_key = $5 AND p.block_key = b->>'key' AND p.said_at IS NOT NULL))`,
		tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, at.Version)
}

// earn finishes what stands at the place for a member of the acting organization, if nothing is left to do there and nothing to wait for; who
// is not on it finishes nothing. It is for what others say of somebody: that they came, that they took part. Repeating it is safe.
func (s *Service) earn(tx *db.Tx, member id.Membership, p Place) error {
	return tx.For(member, func() error {
		at, err := s.locate(tx, p)
		if errs.Is(err, errs.NotFound) {
			return nil // It is there no more; what was said stands.
		}
		if err != nil || at.Root.State == "" {
			return err
		}
		switch err := at.opened(tx); {
		case errs.Is(err, errs.Conflict):
			return nil // It waits for something; once that is done, one finishes it oneself.
		case err != nil:
			return err
		}
		if left, err := open(tx, at); err != nil || left.any() {
			return err
		}
		return s.complete(tx, at, tx.Batch)
	})
}

// doneBy holds where a live session in the lesson l is done by the session x.
const doneBy = `jsonb_path_exists(l.blocks, '$[*] ? (@.kind == "live" && ($here == true || @.series == $series))', jsonb_build_object('here', l.item_id = x.item_id AND l.key = x.part, 'series', nullif(x.series, '')))`

// attendedPlaces are the places that the member $2 of $1 is on and finishes by having come to the session $3: lessons of a course, of a path, and of
// the courses to which a path leads.
const attendedPlaces = `SELECT DISTINCT w.root, w.kind, w.step, l.key FROM live_seats s JOIN live_sessions x ON x.org_id = s.session_org AND x.session_id = s.session_id
	JOIN (SELECT e.item_id AS root, e.kind, '' AS step, e.item_org AS org_id, e.item_id, e.version FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state <> 'left'
		UNION ALL SELECT e.item_id, e.kind, t->>'key', (t->>'org')::uuid, (t->>'item')::uuid, (t->>'version')::int FROM enrollments e JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version
			CROSS JOIN LATERAL jsonb_path_query(v.outline, '$.steps[*] ? (@.kind == "course")') t WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state <> 'left' AND e.kind = 'path') w ON w.org_id = x.org_id
	JOIN lessons l ON l.org_id = w.org_id AND l.item_id = w.item_id AND l.version = w.version
	WHERE s.org_id = $1 AND s.membership_id = $2 AND s.session_id = $3 AND s.attended AND ` + doneBy + `
	ORDER BY w.root, w.step, l.key LIMIT 100`

// came finishes what a member of the acting organization finishes by having come to a session.
func (s *Service) came(tx *db.Tx, e LiveAttended) error {
	list, err := db.Rows[struct {
		Root id.Item `db:"root"`
		Kind string  `db:"kind"`
		Step string  `db:"step"`
		Key  string  `db:"key"`
	}](tx, attendedPlaces, tx.Scope.Org, e.Membership, e.Session)
	if err != nil {
		return fmt.Errorf("where somebody came: %w", err)
	}
	for _, l := range list {
		p := Place{Item: l.Root, Step: l.Step, Lesson: l.Key}
		if l.Kind == tenants.KindPath && l.Step == "" {
			p = Place{Item: l.Root, Step: l.Key}
		}
		if err := s.earn(tx, e.Membership, p); err != nil {
			return err
		}
	}
	return nil
}
