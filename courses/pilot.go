package courses

import (
	"context"
	"fmt"
	"slices"
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

// Who can try a version.
const (
	PilotTeam   = "team"
	PilotCohort = "cohort"
	PilotOrg    = "org" // an organization to which an agreement opens the item
)

// How a pilot ended.
const (
	PilotReleased = "released" // the version is everybody's
	PilotBack     = "back"     // it is nobody's
)

// PilotGroup is a team, a cohort or an organization that tries a version.
type PilotGroup struct {
	Kind string `db:"kind"`
	ID   id.Any `db:"group_id"`
	Name string `db:"name"`
}

// Pilot is a version that some try before it is everybody's.
type Pilot struct {
	Version int          `db:"version"`
	Words   string       `db:"words"` // what those who try it are asked
	By      string       `db:"by_name"`
	Begun   time.Time    `db:"begun_at"`
	Ended   *time.Time   `db:"ended_at"`
	Outcome string       `db:"outcome"` // "" while it is tried
	Groups  []PilotGroup `db:"-"`
}

// PilotDraft says who tries what is written.
type PilotDraft struct {
	Words  string
	Groups []PilotGroup
}

// The bounds of a pilot.
const (
	pilotGroups  = 50
	pilotWords   = 1000
	pilotRemark  = 2000
	pilotRemarks = 200 // of one person on one version
)

// PilotRemark is what somebody who tries a version says of it.
type PilotRemark struct {
	ID     id.Any               `db:"remark_id"`
	Org    id.Org               `db:"org_id"`
	Name   string               `db:"name"`   // of somebody of the own organization; "" of another's
	Lesson string               `db:"lesson"` // the title of the lesson; "" for the whole
	Body   string               `db:"body"`
	At     time.Time            `db:"at"`
	House  tenants.Organization `db:"-"`
}

// PilotView is what the authors of a course or path see of its pilot.
type PilotView struct {
	Now      time.Time
	Item     tenants.Item
	Written  bool // there is a draft that could be tried
	Edition  int  // of the draft
	Ready    bool // nothing stands against publishing it
	On       *Pilot
	Past     []Pilot
	Options  []PilotGroup // who can try it
	People   int          // of the own organization, on the version that is tried
	Finished int          // of them
	Remarks  []PilotRemark
}

// pilotsSQL reads the pilots of the own item $2 of $1, the latest first.
const pilotsSQL = `SELECT p.version, p.words, coalesce(m.name, '') AS by_name, p.begun_at, p.ended_at, p.outcome FROM pilots p LEFT JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.begun_by
	WHERE p.org_id = $1 AND p.item_id = $2 ORDER BY p.version DESC LIMIT 20`

// pilotOptionsSQL lists who of $1 can try its item $2: its teams, cohorts that take it, and organizations to which an agreement opens it.
const pilotOptionsSQL = `(SELECT 'team' AS kind, t.team_id AS group_id, t.name FROM teams t WHERE t.org_id = $1 ORDER BY lower(t.name), t.team_id LIMIT 200)
	UNION ALL (SELECT 'cohort', c.cohort_id, c.name FROM cohorts c WHERE c.org_id = $1 AND c.item_id = $2 AND c.ended_at IS NULL ORDER BY c.starts_on, c.cohort_id LIMIT 50)
	UNION ALL (SELECT 'org', o.org_id, o.name FROM (SELECT DISTINCT g.viewer_org FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
			WHERE ci.org_id = $1 AND ci.item_id = $2 AND ci.listed_at IS NOT NULL AND ci.kind <> 'part' AND g.viewer_org <> $1 AND (g.until IS NULL OR g.until > now())) v
		JOIN organizations o ON o.org_id = v.viewer_org AND o.state = 'active' ORDER BY lower(o.name), o.org_id LIMIT 500)`

// Pilot returns how a version of an own course or path is tried, or could be, for those who write it. NotFound for anything else.
func (s *Service) Pilot(ctx context.Context, item id.Item) (PilotView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return PilotView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return PilotView{}, err
	}
	var v PilotView
	var found bool
	var groups []struct {
		PilotGroup

		Version int `db:"version"`
	}
	var people struct {
		All  int `db:"n_all"`
		Done int `db:"n_done"`
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Item, &found, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path') AND i.state = 'published' AND i.version > 0`, sc.Org, item)
		db.List(b, &v.Past, pilotsSQL, sc.Org, item)
		db.List(b, &v.Options, pilotOptionsSQL, sc.Org, item)
		db.List(b, &groups, `SELECT g.kind, g.group_id, coalesce(t.name, c.name, o.name, '') AS name, g.version FROM pilot_groups g LEFT JOIN teams t ON g.kind = 'team' AND t.org_id = g.org_id AND t.team_id = g.group_id
			LEFT JOIN cohorts c ON g.kind = 'cohort' AND c.org_id = g.org_id AND c.cohort_id = g.group_id LEFT JOIN organizations o ON g.kind = 'org' AND o.org_id = g.group_id
			WHERE g.org_id = $1 AND g.item_id = $2 ORDER BY g.version, g.kind, lower(coalesce(t.name, c.name, o.name, '')), g.group_id LIMIT 1000`, sc.Org, item)
		db.One(b, &people, nil, `SELECT count(*)::int AS n_all, count(*) FILTER (WHERE e.state = 'completed')::int AS n_done FROM enrollments e JOIN pilots p ON p.org_id = $1 AND p.item_id = $2 AND p.ended_at IS NULL
			WHERE e.org_id = $1 AND e.item_org = $1 AND e.item_id = $2 AND e.version = p.version AND e.state <> 'left'`, sc.Org, item)
		db.List(b, &v.Remarks, `SELECT r.remark_id, r.org_id, coalesce(m.name, '') AS name, r.lesson, r.body, r.at FROM pilot_remarks r LEFT JOIN memberships m ON m.org_id = r.org_id AND m.membership_id = r.membership_id AND r.org_id = $1
			WHERE r.item_org = $1 AND r.item_id = $2 AND r.version = (SELECT max(p.version) FROM pilots p WHERE p.org_id = $1 AND p.item_id = $2) ORDER BY r.at DESC, r.remark_id LIMIT 500`, sc.Org, item)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "pilot of %s", item)
	}
	v.People, v.Finished = people.All, people.Done
	for i := range v.Past {
		for _, g := range groups {
			if g.Version == v.Past[i].Version {
				v.Past[i].Groups = append(v.Past[i].Groups, g.PilotGroup)
			}
		}
	}
	if len(v.Past) > 0 && v.Past[0].Ended == nil {
		v.On, v.Past = &v.Past[0], v.Past[1:]
	}
	var ids []id.Org
	for _, r := range v.Remarks {
		ids = append(ids, r.Org)
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	if err != nil {
		return v, err
	}
	for i, r := range v.Remarks {
		v.Remarks[i].House = orgs[r.Org]
	}
	m, err := s.Manuscript(ctx, item)
	switch {
	case errs.Is(err, errs.NotFound):
		return v, nil
	case err != nil:
		return v, err
	}
	v.Written, v.Edition, v.Ready = true, m.Edition, m.Ready()
	return v, nil
}

// BeginPilot publishes what is written as the next version for those who are named, and for nobody else: everybody else stays with the
// version in force. Invalid, with the field, without anybody who tries it and for who cannot; Conflict for an older edition, while a
// version is tried, and for what was never published.
func (s *Service) BeginPilot(ctx context.Context, item id.Item, edition int, d PilotDraft) (Published, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Published{}, err
	}
	if d.Words = strings.TrimSpace(d.Words); utf8.RuneCountInString(d.Words) > pilotWords {
		return Published{}, errs.Fields(errs.Field{Name: "words", Key: "write.fault.long", Args: []any{"Most", pilotWords}})
	}
	if len(d.Groups) == 0 || len(d.Groups) > pilotGroups {
		return Published{}, errs.Fields(errs.Field{Name: "groups", Key: "pilot.fault.nobody", Args: []any{"Most", pilotGroups}})
	}
	return s.publishDraftFor(ctx, item, func(m Manuscript) error {
		switch {
		case m.Edition != edition:
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", m.SavedBy)
		case m.Newest == 0:
			return errs.Say(errs.Conflict, "pilot.fault.first")
		}
		return nil
	}, &d)
}

// try keeps who tries a version that was just stored.
func (d *PilotDraft) try(tx *db.Tx, it tenants.Item, version int) error {
	options, err := db.Rows[PilotGroup](tx, pilotOptionsSQL, tx.Scope.Org, it.ItemID)
	if err != nil {
		return err
	}
	var kinds []string
	var ids []id.Any
	for _, g := range d.Groups {
		if !slices.ContainsFunc(options, func(o PilotGroup) bool { return o.Kind == g.Kind && o.ID == g.ID }) {
			return errs.Fields(errs.Field{Name: "groups", Key: "pilot.fault.who"})
		}
		kinds, ids = append(kinds, g.Kind), append(ids, g.ID)
	}
	if err := tx.Must(`INSERT INTO pilots (org_id, item_id, version, head, words, begun_by, begun_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`, tx.Scope.Org, it.ItemID, version, it, d.Words, tx.Scope.Membership, tx.Now); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO pilot_groups (org_id, item_id, version, kind, group_id) SELECT DISTINCT $1::uuid, $2::uuid, $3::int, g.kind, g.id FROM unnest($4::text[], $5::uuid[]) AS g(kind, id)`, tx.Scope.Org, it.ItemID, version, kinds, ids); err != nil {
		return err
	}
	return tenants.Audit(tx, "pilot.begun", "item:"+it.ItemID.String(), map[string]int{"version": version, "groups": len(kinds)})
}

// onTrial reads the pilot of an own item under a lock; Conflict if it is another version by now, or over.
func onTrial(tx *db.Tx, item id.Item, version int) (head tenants.Item, err error) {
	row, err := db.Row[struct {
		Version int          `db:"version"`
		Head    tenants.Item `db:"head"`
	}](tx, `SELECT p.version, p.head FROM pilots p WHERE p.org_id = $1 AND p.item_id = $2 AND p.ended_at IS NULL FOR UPDATE`, tx.Scope.Org, item)
	switch {
	case err != nil && !errs.Is(err, errs.NotFound):
		return head, fmt.Errorf("pilot of %s: %w", item, err)
	case err != nil || row.Version != version:
		return head, errs.Say(errs.Conflict, "pilot.fault.over")
	}
	return row.Head, nil
}

// ReleasePilot makes the version that is tried everybody's: from now on adopters get it as they chose. Conflict if it is another one by now.
func (s *Service) ReleasePilot(ctx context.Context, item id.Item, version int) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		head, err := onTrial(tx, item, version)
		if err != nil {
			return err
		}
		if _, err := tenants.PutItem(tx, head); err != nil {
			return err
		}
		if err := tx.Batch(func(b *db.Batch) {
			for _, table := range []string{"versions", "lessons", "lesson_texts"} {
				db.Write(b, nil, `UPDATE `+table+` SET pilot = false WHERE org_id = $1 AND item_id = $2 AND version = $3`, tx.Scope.Org, item, version)
			}
			db.Write(b, nil, `UPDATE pilots SET ended_at = $4, ended_by = $5, outcome = 'released' WHERE org_id = $1 AND item_id = $2 AND version = $3`, tx.Scope.Org, item, version, tx.Now, memberOrNil(tx.Scope.Membership))
		}); err != nil {
			return fmt.Errorf("release version %d of %s: %w", version, item, err)
		}
		e := edition{tx.Scope.Org, item, version}
		list, err := s.readTx(tx, e)
		if err != nil {
			return err
		}
		if err := tenants.AddParts(tx, item, list[e].own(head)); err != nil {
			return err
		}
		if err := tenants.PublishItem(tx, item, version, time.Time{}); err != nil {
			return err
		}
		if err := reopened(tx, item, version); err != nil {
			return err
		}
		return tenants.Audit(tx, "pilot.released", "item:"+item.String(), map[string]int{"version": version})
	})
}

// TakeBackPilot ends it: who tries the version goes back to the one in force, with what they finished and with the share that they had.
// Conflict if it is another one by now.
func (s *Service) TakeBackPilot(ctx context.Context, item id.Item, version int) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error { return takeBack(tx, item, version) })
}

// takeBack ends the pilot of a version; Conflict if it is another one by now.
func takeBack(tx *db.Tx, item id.Item, version int) error {
	if _, err := onTrial(tx, item, version); err != nil {
		return err
	}
	if err := tx.Must(`UPDATE pilots SET ended_at = $4, ended_by = $5, outcome = 'back' WHERE org_id = $1 AND item_id = $2 AND version = $3`, tx.Scope.Org, item, version, tx.Now, memberOrNil(tx.Scope.Membership)); err != nil {
		return err
	}
	it, err := db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2`, tx.Scope.Org, item)
	if err != nil {
		return err
	}
	others, err := db.Rows[id.Org](tx, `SELECT g.group_id FROM pilot_groups g WHERE g.org_id = $1 AND g.item_id = $2 AND g.version = $3 AND g.kind = 'org' ORDER BY g.group_id LIMIT 100`, tx.Scope.Org, item, version)
	if err != nil {
		return err
	}
	if err := comeBack(tx, it, version); err != nil {
		return err
	}
	for _, org := range others {
		if err := tx.As(scope.Agreement, org, func() error { return comeBack(tx, it, version) }); err != nil {
			return fmt.Errorf("take version %d of %s back: %w", version, item, err)
		}
	}
	return tenants.Audit(tx, "pilot.taken_back", "item:"+item.String(), map[string]int{"version": version})
}

// comeBack moves the people of tx's organization from a version to the one in force. What they finished is known by its key, and their
// share does not fall.
func comeBack(tx *db.Tx, it tenants.Item, version int) error {
	_, err := tx.Exec(`UPDATE enrollments SET version = $4, finished_in = CASE WHEN completed_at IS NOT NULL THEN coalesce(finished_in, version) END, floor_share = greatest(floor_share, CASE WHEN state = 'completed' THEN 1 WHEN total > 0 THEN least(done, total)::float8 / total ELSE 0 END), moved_from = NULL, moved_at = NULL, updated_at = $5
		WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND version = $6`, tx.Scope.Org, it.OrgID, it.ItemID, it.Version, tx.Now, version)
	return err
}

// piloted is the version of the item (owner and identifier named) that a member of an organization tries; NULL for none. What an
// organization adopted it tries only if it takes updates by themselves.
func piloted(owner, item, org, member string) string {
	return strings.NewReplacer("$owner", owner, "$item", item, "$org", org, "$member", member).Replace(`(SELECT t.version FROM pilots t WHERE t.org_id = $owner AND t.item_id = $item AND t.ended_at IS NULL AND EXISTS (
		SELECT 1 FROM pilot_groups g WHERE g.org_id = t.org_id AND g.item_id = t.item_id AND g.version = t.version AND (
			t.org_id = $org AND g.kind = 'team' AND g.group_id IN (SELECT x.team_id FROM team_members x WHERE x.org_id = $org AND x.membership_id = $member)
			OR t.org_id = $org AND g.kind = 'cohort' AND g.group_id IN (SELECT x.cohort_id FROM cohort_people x WHERE x.org_id = $org AND x.membership_id = $member)
			OR g.kind = 'org' AND g.group_id = $org AND NOT EXISTS (SELECT 1 FROM adoptions x WHERE x.org_id = $org AND x.item_org = $owner AND x.item_id = $item AND x.updates <> 'follow'))))`)
}

// TryingView is a version that is tried, as somebody sees it who tries it.
type TryingView struct {
	Now     time.Time
	Item    tenants.Item
	Org     tenants.Organization
	Version int
	Words   string
	Lessons []string // titles of what a remark can be about
	Remarks []PilotRemark
}

// Trying returns the version that the acting member tries, with what they remarked. NotFound for who is on no version that is tried.
func (s *Service) Trying(ctx context.Context, item id.Item) (TryingView, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return TryingView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return TryingView{}, err
	}
	var v TryingView
	var r root
	var found, tried bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		r.queue(b, &found, sc, item)
		db.One(b, &v.Words, &tried, `SELECT p.words FROM enrollments e JOIN pilots p ON p.org_id = e.item_org AND p.item_id = e.item_id AND p.version = e.version AND p.ended_at IS NULL
			WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 AND e.state <> 'left'`, sc.Org, sc.Membership, item)
		db.List(b, &v.Remarks, `SELECT r.remark_id, r.org_id, '' AS name, r.lesson, r.body, r.at FROM pilot_remarks r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.item_id = $3 ORDER BY r.at DESC, r.remark_id LIMIT 200`, sc.Org, sc.Membership, item)
	}); err != nil {
		return v, err
	}
	if !found || !tried {
		return v, errs.New(errs.NotFound, "no version of %s that is tried", item)
	}
	if err := s.outline(ctx, &r); err != nil {
		return v, err
	}
	v.Item, v.Version = r.Item, r.Version
	v.Item.Title = r.Title
	for _, st := range r.stations(nil) {
		v.Lessons = append(v.Lessons, st.Title)
	}
	v.Org, err = s.tenants.ByID(ctx, r.OrgID)
	return v, err
}

// RemarkOnPilot keeps what the acting member says of a version that they try; its authors read it. lesson is the title of what it is about, ""
// for the whole. Invalid, with the field, for no words or too many; NotFound for who tries none.
func (s *Service) RemarkOnPilot(ctx context.Context, item id.Item, lesson, body string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	body = strings.TrimSpace(body)
	if n := utf8.RuneCountInString(body); n == 0 || n > pilotRemark {
		return errs.Fields(errs.Field{Name: "body", Key: "pilot.fault.remark", Args: []any{"Most", pilotRemark}})
	}
	if utf8.RuneCountInString(lesson) > 200 {
		lesson = ""
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tenants.SeeItem(tx, item); err != nil {
			return err
		}
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM pilot_remarks r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.item_id = $3`, tx.Scope.Org, tx.Scope.Membership, item)
		if err != nil {
			return err
		}
		if n >= pilotRemarks {
			return errs.Fields(errs.Field{Name: "body", Key: "pilot.fault.many", Args: []any{"Most", pilotRemarks}})
		}
		return tx.Must(`INSERT INTO pilot_remarks (org_id, remark_id, membership_id, item_org, item_id, version, lesson, body, at)
			SELECT e.org_id, $4, e.membership_id, e.item_org, e.item_id, e.version, $5, $6, $7 FROM enrollments e JOIN pilots p ON p.org_id = e.item_org AND p.item_id = e.item_id AND p.version = e.version AND p.ended_at IS NULL
			WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 AND e.state <> 'left'`, tx.Scope.Org, tx.Scope.Membership, item, id.New[id.Any](), lesson, body, tx.Now)
	})
}

// UnremarkOnPilot takes back what the acting member said. NotFound for anybody else's.
func (s *Service) UnremarkOnPilot(ctx context.Context, item id.Item, remark id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM pilot_remarks WHERE org_id = $1 AND membership_id = $2 AND item_id = $3 AND remark_id = $4`, tx.Scope.Org, tx.Scope.Membership, item, remark)
	})
}
