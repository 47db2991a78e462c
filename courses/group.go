package courses

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// StepGroup is a few people who do together what a step asks for.
type StepGroup struct {
	ID     id.Any     `db:"group_id" json:"group_id"`
	Org    id.Org     `db:"org_id" json:"org_id"`       // of who opened it
	Starts *time.Time `db:"starts_at" json:"starts_at"` // nil: not agreed yet
	Zone   string     `db:"zone" json:"zone"`           // in which it was planned (IANA)
	Wide   bool       `db:"wide" json:"wide"`           // people of a connected organization can join, too
	Most   int        `db:"most" json:"most"`
	Size   int        `db:"size" json:"size"`
	State  string     `db:"state" json:"state"` // GroupOpen or GroupOff; "" where it is seen no more
	Asked  *time.Time `db:"asked_at" json:"asked_at"`
	Opener string     `db:"opener" json:"opener"` // of the own organization; "" for any other's
	Mine   bool       `db:"mine" json:"mine"`     // the viewer opened it
	Said   *time.Time `db:"said_at" json:"said_at"`
	Words  string     `db:"words" json:"words"` // the viewer's own
	Link   string     `db:"link" json:"link"`
	Room   string     `db:"room" json:"room"` // where it meets; "" for those who are not in it

	By tenants.Organization `db:"-" json:"-"`
}

// The states of a group.
const (
	GroupOpen = "open"
	GroupOff  = "off" // called off
)

// When is when the group meets, in a zone and, where the clocks differ then, in its own beside it; "" where that is not agreed.
func (g StepGroup) When(ctx context.Context, zone string) (own, there string) {
	if g.Starts == nil {
		return "", ""
	}
	home, _ := LiveZone(g.Zone)
	at, ok := LiveZone(zone)
	if !ok {
		return moment(ctx, g.Starts.In(home), g.Zone), ""
	}
	own = moment(ctx, g.Starts.In(at), zone)
	_, a := g.Starts.In(at).Zone()
	if _, b := g.Starts.In(home).Zone(); a != b {
		there = moment(ctx, g.Starts.In(home), g.Zone)
	}
	return own, there
}

// moment writes a time of a zone.
func moment(ctx context.Context, t time.Time, zone string) string {
	return lang.T(ctx, "group.when", "Day", lang.T(ctx, "live.day", "Weekday", lang.T(ctx, "live.weekday."+strconv.Itoa(int(t.Weekday()))), "Date", lang.Date(ctx, t)), "Time", t.Format("15:04"), "Zone", strings.ReplaceAll(zone, "_", " "))
}

// GroupPerson is somebody in the viewer's group.
type GroupPerson struct {
	Place id.Any     `db:"place_id" json:"place_id"`
	Org   id.Org     `db:"org_id" json:"org_id"`
	Name  string     `db:"name" json:"name"`   // "" where that is not told
	Shown bool       `db:"shown" json:"shown"` // of which organization they are is told
	Me    bool       `db:"me" json:"me"`
	Words string     `db:"words" json:"words"`
	Link  string     `db:"link" json:"link"`
	Said  *time.Time `db:"said_at" json:"said_at"`
	Seen  bool       `db:"seen" json:"seen"` // another one says that they were there
	Met   bool       `db:"met" json:"met"`   // the viewer says so

	By tenants.Organization `db:"-" json:"-"`
}

// GroupStep is something that a few do together, as somebody sees it who is to do it.
type GroupStep struct {
	groupSeen

	Now      time.Time
	From, To int // how many people
	Minutes  int // 0 for any time
	Out      string
	Member   bool
	Own      tenants.Organization // of the viewer
}

// groupSeen is what the page of a step reads for the viewer, in one row.
type groupSeen struct {
	Name     string        `db:"name"`     // the viewer's own
	Zone     string        `db:"zone"`     // in which they read times (IANA); "" for that of each group
	Partners int           `db:"partners"` // organizations whose people the viewer meets
	Teams    int           `db:"teams"`    // of the viewer
	Group    *StepGroup    `db:"mine"`     // the viewer's; nil for none
	People   []GroupPerson `db:"people"`   // in it, in the order of their coming
	Open     []StepGroup   `db:"open"`     // that the viewer can join; none for who is in one
	Peers    []Peer        `db:"peers"`    // colleagues who are on the same course or path
}

// Done reports whether the viewer took part, and another one says so.
func (g *GroupStep) Done() bool {
	return slices.ContainsFunc(g.People, func(p GroupPerson) bool { return p.Me && p.Said != nil && p.Seen })
}

// SomebodySaid reports whether it was said what came out of it.
func (g *GroupStep) SomebodySaid() bool {
	return slices.ContainsFunc(g.People, func(p GroupPerson) bool { return p.Words != "" })
}

// groupColumns are those of a group g as the member $2 of $1 sees it.
const groupColumns = `g.group_id, g.org_id, g.starts_at, g.zone, g.wide, g.most, g.size, g.state, g.asked_at, coalesce(m.name, '') AS opener, (g.org_id, g.membership_id) = ($1, $2) AS mine`

// openGroupsSQL are the groups of a step that the member $2 of $1 can join: of the own organization, then of others; $3 to $6 are the step,
// $7 the time.
const openGroupsSQL = `SELECT ` + groupColumns + `, NULL::timestamptz AS said_at, '' AS words, '' AS link, '' AS room FROM step_groups g LEFT JOIN memberships m ON m.org_id = $1 AND m.org_id = g.org_id AND m.membership_id = g.membership_id
	WHERE g.item_org = $3 AND g.item_id = $4 AND g.lesson_key = $5 AND g.block_key = $6 AND g.state = 'open' AND g.size BETWEEN 1 AND g.most - 1 AND (g.starts_at IS NULL AND g.created_at > $7::timestamptz - interval '60 days' OR g.starts_at > $7)
		AND (g.org_id = $1 OR EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = g.org_id AND s.state = 'active' AND s.meet <> 'none'))
		AND NOT EXISTS (SELECT 1 FROM step_group_people p WHERE p.org_id = $1 AND p.membership_id = $2 AND p.group_id = g.group_id)
	ORDER BY g.org_id <> $1, g.starts_at NULLS LAST, g.created_at, g.group_id LIMIT 20`

// myGroupSQL is the group of a step that the member $2 of $1 is in: what is done first, then the latest. Where it was called off without anybody
// having been there, one is in it no more.
const myGroupSQL = `SELECT p.group_id, p.group_org AS org_id, g.starts_at, coalesce(g.zone, '') AS zone, coalesce(g.wide, false) AS wide, coalesce(g.most, 2) AS most, coalesce(g.size, 1) AS size, coalesce(g.state, '') AS state, g.asked_at,
		coalesce(m.name, '') AS opener, coalesce((g.org_id, g.membership_id) = ($1, $2), false) AS mine, p.said_at, p.words, p.link,
		coalesce((SELECT x.room FROM step_group_people x WHERE x.group_id = p.group_id AND x.room <> '' LIMIT 1), '') AS room
	FROM step_group_people p LEFT JOIN step_groups g ON g.org_id = p.group_org AND g.group_id = p.group_id LEFT JOIN memberships m ON m.org_id = $1 AND m.org_id = g.org_id AND m.membership_id = g.membership_id
	WHERE p.org_id = $1 AND p.membership_id = $2 AND p.item_org = $3 AND p.item_id = $4 AND p.lesson_key = $5 AND p.block_key = $6 AND (p.said_at IS NOT NULL OR g.state = 'open')
	ORDER BY p.said_at IS NULL OR NOT EXISTS (SELECT 1 FROM step_group_seen s WHERE s.org_id = p.org_id AND s.membership_id = p.membership_id AND s.group_id = p.group_id), p.joined_at DESC, p.group_id LIMIT 1`

// groupPeople are the people of the group mine, as the member $2 of $1 may know them now: a name of another organization's people is told as
// they chose and while the two meet by name.
const groupPeople = `SELECT p.place_id, p.org_id, coalesce(m.name, CASE WHEN c.meet = 'name' AND p.shown_as = 'name' THEN p.shown_name END, '') AS name, p.org_id = $1 OR coalesce(c.meet, '') IN ('name', 'company') AND p.shown_as <> 'someone' AS shown,
		(p.org_id, p.membership_id) = ($1, $2) AS me, p.words, p.link, p.said_at,
		EXISTS (SELECT 1 FROM step_group_seen s WHERE s.org_id = p.org_id AND s.membership_id = p.membership_id AND s.group_id = p.group_id AND s.by_place <> p.place_id) AS seen,
		EXISTS (SELECT 1 FROM step_group_seen s JOIN step_group_people me ON me.org_id = $1 AND me.membership_id = $2 AND me.group_id = s.group_id AND me.place_id = s.by_place
			WHERE s.org_id = p.org_id AND s.membership_id = p.membership_id AND s.group_id = p.group_id) AS met
	FROM mine JOIN step_group_people p ON p.group_id = mine.group_id LEFT JOIN memberships m ON m.org_id = $1 AND m.org_id = p.org_id AND m.membership_id = p.membership_id
	LEFT JOIN connection_sides c ON c.org_id = p.org_id AND c.other_org = $1 AND c.state = 'active'
	ORDER BY p.joined_at, p.place_id LIMIT 50`

// withMine reads a member's group as mine.
const withMine = `WITH mine AS MATERIALIZED (` + myGroupSQL + `) `

// groupStepSQL reads a groupSeen: $8 is the course or path. The lists come as JSON, so that the page asks once.
var groupStepSQL = withMine + `SELECT m.name, coalesce(z.zone, '') AS zone,
		(SELECT count(*)::int FROM connection_sides s JOIN connection_sides o ON o.org_id = s.other_org AND o.other_org = s.org_id AND o.state = 'active' AND o.meet <> 'none' WHERE s.org_id = $1 AND s.state = 'active' AND s.meet <> 'none') AS partners,
		(SELECT count(*)::int FROM team_members x WHERE x.org_id = $1 AND x.membership_id = $2) AS teams,
		(SELECT to_json(x) FROM mine x) AS mine,
		(SELECT coalesce(json_agg(x), '[]') FROM (` + groupPeople + `) x) AS people,
		(SELECT coalesce(json_agg(x), '[]') FROM (` + openGroupsSQL + `) x WHERE NOT EXISTS (SELECT 1 FROM mine)) AS open,
		(SELECT coalesce(json_agg(x), '[]') FROM (` + peersSQL("$2", "$8") + ` ORDER BY e.updated_at DESC, m.membership_id LIMIT 5) x) AS peers
	FROM memberships m LEFT JOIN live_settings z ON z.org_id = m.org_id AND z.membership_id = m.membership_id WHERE m.org_id = $1 AND m.membership_id = $2`

// queue reads what stands where a few do something together.
func (g *GroupStep) queue(b *db.Batch, sc scope.Scope, at located, key string) {
	db.One(b, &g.groupSeen, nil, groupStepSQL, sc.Org, sc.Membership, at.Org, at.Item, at.Lesson, key, b.Now, at.Root.ItemID)
}

// GroupDraft is what somebody says of a group.
type GroupDraft struct {
	Starts string // "2026-12-03T14:00", in the zone; "" for not agreed
	Zone   string // IANA
	Room   string // https; "" for none
	Wide   bool
	Shown  string // how the member is shown to others: of LiveShown
}

// read checks it and returns when it is.
func (d *GroupDraft) read(now time.Time, was *time.Time) (*time.Time, error) {
	var f []errs.Field
	bad := func(name, key string) { f = append(f, errs.Field{Name: name, Key: key}) }
	d.Room = strings.TrimSpace(d.Room)
	if d.Zone = strings.TrimSpace(d.Zone); d.Zone == "" {
		d.Zone = "UTC"
	}
	zone, ok := LiveZone(d.Zone)
	if !ok {
		bad("group_zone", "live.fault.zone")
	}
	var starts *time.Time
	if d.Starts != "" {
		at, err := time.ParseInLocation(liveStamp, d.Starts, zone)
		at = at.UTC()
		switch {
		case err != nil:
			bad("group_starts", "live.fault.time")
		case (was == nil || !was.Equal(at)) && (at.Before(now) || at.Sub(now) > liveAhead):
			bad("group_starts", "live.fault.past")
		}
		starts = &at
	}
	if u, err := url.Parse(d.Room); d.Room != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(d.Room) > 2000 || strings.ContainsAny(d.Room, " \t\r\n")) {
		bad("group_room", "live.fault.link")
	}
	if len(f) > 0 {
		return nil, errs.Fields(f...)
	}
	return starts, nil
}

// grouped runs fn where a few do something together, for a member for whom it is open.
func (s *Service) grouped(ctx context.Context, p Place, key string, fn func(*db.Tx, located, markdown.Block) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		l, err := db.Row[struct {
			Blocks []markdown.Block `db:"blocks"`
		}](tx, `SELECT l.blocks FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`, at.Org, at.Item, at.Version, at.Lesson)
		if err != nil {
			return fmt.Errorf("group %s: %w", key, err)
		}
		i := slices.IndexFunc(l.Blocks, func(b markdown.Block) bool { return b.Kind == markdown.Group && b.Key == key })
		if i < 0 {
			return errs.New(errs.NotFound, "group %s of %s", key, at.Lesson)
		}
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "group/"+tx.Scope.Membership.String()+"/"+at.Item.String()); err != nil {
			return err
		}
		return fn(tx, at, l.Blocks[i])
	})
}

// mine is the group of a step that tx's member is in; nil for none.
func (at located) mine(tx *db.Tx, key string) (*StepGroup, error) {
	list, err := db.Rows[StepGroup](tx, myGroupSQL, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// sit gives tx's member a place in a group.
func (at located) sit(tx *db.Tx, b markdown.Block, group id.Any, of id.Org, shown, room string) error {
	if !slices.Contains(LiveShown, shown) {
		return errs.New(errs.Malformed, "shown as %q", shown)
	}
	if err := tx.Must(`INSERT INTO step_group_people (org_id, membership_id, group_id, group_org, place_id, item_org, item_id, lesson_key, block_key, root_kind, root_id, step_key, title, shown_as, shown_name, room, joined_at)
		SELECT m.org_id, m.membership_id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $14 = 'name' THEN m.name ELSE '' END, $15, $16 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`,
		tx.Scope.Org, tx.Scope.Membership, group, of, id.New[id.Any](), at.Org, at.Item, at.Lesson, b.Key, at.Root.Item.Kind, at.Root.ItemID, at.From.Key, taskTitle(b, at), shown, room, tx.Now); err != nil {
		return fmt.Errorf("place in group %s: %w", group, err)
	}
	return nil
}

// OpenGroup opens a group for something that a few do together, with the acting member in it. Whoever has not begun the course or path begins
// it with this. Conflict for who is in one already; Invalid, with the field, for what cannot be.
func (s *Service) OpenGroup(ctx context.Context, p Place, key string, d GroupDraft) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		was, err := at.mine(tx, key)
		if err != nil {
			return err
		}
		if was != nil {
			return errs.Say(errs.Conflict, "group.fault.in")
		}
		starts, err := d.read(tx.Now, nil)
		if err != nil {
			return err
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		group := id.New[id.Any]()
		if err := tx.Must(`INSERT INTO step_groups (org_id, group_id, membership_id, item_org, item_id, lesson_key, block_key, starts_at, zone, wide, most, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			tx.Scope.Org, group, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key, starts, d.Zone, d.Wide, b.To, tx.Now); err != nil {
			return fmt.Errorf("open a group: %w", err)
		}
		return at.sit(tx, b, group, tx.Scope.Org, d.Shown, d.Room)
	})
}

// JoinGroup takes a place in a group that the acting member can join; the others are told. Conflict for who is in one already, and for one that
// is full, called off, or the other organization's of two; NotFound for one that the member may not see.
func (s *Service) JoinGroup(ctx context.Context, p Place, key string, group id.Any, shown string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		was, err := at.mine(tx, key)
		if err != nil {
			return err
		}
		if was != nil {
			return errs.Say(errs.Conflict, "group.fault.in")
		}
		list, err := db.Rows[StepGroup](tx, `SELECT * FROM (`+openGroupsSQL+`) o WHERE o.group_id = $8`, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key, tx.Now, group)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return errs.Say(errs.Conflict, "group.fault.gone")
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		own := tx.Scope.Org
		if err := tx.As(scope.Usher, list[0].Org, func() error {
			n, err := tx.Exec(`UPDATE step_groups SET size = size + 1, guest_org = coalesce(guest_org, CASE WHEN $3 <> org_id THEN $3 END) WHERE org_id = $1 AND group_id = $2 AND state = 'open' AND size < most
				AND ($3 = org_id OR wide AND coalesce(guest_org, $3) = $3)`, list[0].Org, group, own)
			if err == nil && n == 0 {
				err = errs.Say(errs.Conflict, "group.fault.gone")
			}
			return err
		}); err != nil {
			return err
		}
		if err := at.sit(tx, b, group, list[0].Org, shown, ""); err != nil {
			return err
		}
		return s.tellGroup(tx, group, "joined", taskTitle(b, at))
	})
}

// LeaveGroup gives the acting member's place in their group back. Conflict once they said that they took part, and for who opened it: they call
// it off.
func (s *Service) LeaveGroup(ctx context.Context, p Place, key string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		switch {
		case err != nil || g == nil:
			return err
		case g.Said != nil || g.Mine:
			return errs.Say(errs.Conflict, "group.fault.leave")
		}
		if err := s.tellGroup(tx, g.ID, "left", taskTitle(b, at)); err != nil {
			return err
		}
		if err := tx.Must(`DELETE FROM step_group_people WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID); err != nil {
			return err
		}
		return tx.As(scope.Usher, g.Org, func() error { return countGroup(tx, g.ID) })
	})
}

// countGroup brings up to date how many are in an own group.
func countGroup(tx *db.Tx, group id.Any) error {
	_, err := tx.Exec(`UPDATE step_groups g SET size = least(g.most, (SELECT count(*)::int FROM step_group_people p WHERE p.group_id = g.group_id)) WHERE g.org_id = $1 AND g.group_id = $2`, tx.Scope.Org, group)
	return err
}

// forgetGroups takes somebody who is being erased out of the groups that they are in.
func forgetGroups(tx *db.Tx, member id.Membership) error {
	list, err := db.Rows[struct {
		Org   id.Org `db:"group_org"`
		Group id.Any `db:"group_id"`
	}](tx, `SELECT p.group_org, p.group_id FROM step_group_people p WHERE p.org_id = $1 AND p.membership_id = $2 ORDER BY p.group_id LIMIT 1000`, tx.Scope.Org, member)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM step_group_people WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, member); err != nil {
		return err
	}
	for _, g := range list {
		if err := tx.As(scope.Usher, g.Org, func() error { return countGroup(tx, g.Group) }); err != nil {
			return err
		}
	}
	return nil
}

// PlanGroup changes when and where the acting member's own group meets, and whether others can join; those in it are told. NotFound for who
// opened none.
func (s *Service) PlanGroup(ctx context.Context, p Place, key string, d GroupDraft) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err == nil && (g == nil || !g.Mine) {
			err = errs.New(errs.NotFound, "no group of one's own")
		}
		if err != nil {
			return err
		}
		starts, err := d.read(tx.Now, g.Starts)
		if err != nil {
			return err
		}
		if err := tx.Batch(func(bt *db.Batch) {
			db.Write(bt, nil, `UPDATE step_groups SET starts_at = $4, zone = $5, wide = $6 OR guest_org IS NOT NULL WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID, starts, d.Zone, d.Wide)
			db.Write(bt, nil, `UPDATE step_group_people SET room = $4 WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID, d.Room)
		}); err != nil {
			return err
		}
		return s.tellGroup(tx, g.ID, "planned", taskTitle(b, at))
	})
}

// CallGroupOff calls the acting member's own group off; those in it are told. Conflict once somebody said that they took part.
func (s *Service) CallGroupOff(ctx context.Context, p Place, key string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err == nil && (g == nil || !g.Mine) {
			err = errs.New(errs.NotFound, "no group of one's own")
		}
		if err != nil {
			return err
		}
		said, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM step_group_people p WHERE p.group_id = $1 AND p.said_at IS NOT NULL)`, g.ID)
		if err == nil && said {
			err = errs.Say(errs.Conflict, "group.fault.leave")
		}
		if err != nil {
			return err
		}
		if err := tx.Must(`UPDATE step_groups SET state = 'off' WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID); err != nil {
			return err
		}
		return s.tellGroup(tx, g.ID, "off", taskTitle(b, at))
	})
}

// askTeamAgain is how often the own team is asked, and noteMost how long a note to it is.
const (
	askTeamAgain = 24 * time.Hour
	noteMost     = 500
)

// AskTeamToJoin mails the people of the acting member's teams that somebody is looked for, with a note. Conflict within a day; Invalid for a note
// that is too long; NotFound for who opened no group.
func (s *Service) AskTeamToJoin(ctx context.Context, p Place, key, note string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	note = strings.TrimSpace(note)
	if utf8.RuneCountInString(note) > noteMost {
		return errs.Fields(errs.Field{Name: "group_note", Key: "live.fault.long", Args: []any{"Most", noteMost}})
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err == nil && (g == nil || !g.Mine) {
			err = errs.New(errs.NotFound, "no group of one's own")
		}
		if err != nil {
			return err
		}
		if g.Asked != nil && tx.Now.Sub(*g.Asked) < askTeamAgain {
			return errs.Say(errs.Conflict, "group.fault.asked")
		}
		if err := tx.Must(`UPDATE step_groups SET asked_at = $4 WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID, tx.Now); err != nil {
			return err
		}
		if s.mail == nil {
			return nil
		}
		by, err := db.Row[string](tx, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
		if err != nil {
			return err
		}
		list, err := db.Rows[holder](tx, `SELECT DISTINCT m.email, m.locale, o.slug FROM team_members me JOIN team_members x ON x.org_id = me.org_id AND x.team_id = me.team_id AND x.membership_id <> me.membership_id
			JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id AND m.state = 'active' AND m.email <> '' JOIN organizations o ON o.org_id = m.org_id
			WHERE me.org_id = $1 AND me.membership_id = $2 ORDER BY m.email LIMIT $3`, tx.Scope.Org, tx.Scope.Membership, teamMails)
		if err != nil {
			return err
		}
		for _, to := range list {
			if err := s.post(tx, to, "group.mail.ask", "Name", by, "Title", taskTitle(b, at), "Note", note, "Link", s.url(to.Slug)+stepAddress(at.Root.Item.Kind, at.Root.ItemID, at.From.Key, at.Lesson)); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "group.asked", "item:"+at.Item.String(), map[string]int{"people": len(list)})
	})
}

// stepAddress is where a step is on a portal; the readable part is put right by the server.
func stepAddress(kind string, root id.Item, step, lesson string) string {
	at := "/" + kind + "/" + root.String() + "/-"
	switch step {
	case "":
		return at + "/lessons/" + url.PathEscape(lesson)
	case lesson:
		return at + "/steps/" + url.PathEscape(step)
	}
	return at + "/steps/" + url.PathEscape(step) + "/" + url.PathEscape(lesson)
}

// GroupSay is what somebody says who took part.
type GroupSay struct {
	Words string
	Link  string   // "" for none
	There []string // the places of the others who were there
}

// GroupMet says that somebody took part in what a few did together, and another one says so, too.
type GroupMet struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
	Group      id.Any        `json:"group"`
}

// EventKind implements jobs.Event.
func (GroupMet) EventKind() string { return "courses.group_met" }

// EventOrg implements jobs.Event.
func (e GroupMet) EventOrg() id.Org { return e.Org }

// SayGroup says for the acting member that they took part, what came out of it, and who else was there. Somebody is done with the step who says
// that they took part and of whom another one says so; nobody is alone. What one said of others stands. Conflict for who is in no group, for one
// with nobody else, and before it began; Invalid, with the field, without anybody else, and without words while nobody said any.
func (s *Service) SayGroup(ctx context.Context, p Place, key string, say GroupSay) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err != nil {
			return err
		}
		if g == nil || g.State == "" || g.Starts != nil && g.Starts.After(tx.Now) {
			return errs.Say(errs.Conflict, "group.fault.early")
		}
		people, err := db.Rows[GroupPerson](tx, withMine+groupPeople, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key)
		if err != nil {
			return err
		}
		var there []id.Any
		for _, x := range people {
			if !x.Me && slices.Contains(say.There, x.Place.String()) {
				there = append(there, x.Place)
			}
		}
		if err := say.check(people, there); err != nil {
			return err
		}
		var mine id.Any
		for _, x := range people {
			if x.Me {
				mine = x.Place
			}
		}
		if err := tx.Must(`UPDATE step_group_people SET words = $4, link = $5, said_at = coalesce(said_at, $6) WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`,
			tx.Scope.Org, tx.Scope.Membership, g.ID, say.Words, say.Link, tx.Now); err != nil {
			return fmt.Errorf("took part in %s: %w", g.ID, err)
		}
		seen, err := db.Rows[struct {
			Org    id.Org        `db:"org_id"`
			Member id.Membership `db:"membership_id"`
		}](tx, `INSERT INTO step_group_seen (org_id, membership_id, group_id, by_org, by_place, at) SELECT p.org_id, p.membership_id, p.group_id, $2, $3, $4 FROM step_group_people p WHERE p.group_id = $1 AND p.place_id = ANY ($5)
			ON CONFLICT DO NOTHING RETURNING org_id, membership_id`, g.ID, tx.Scope.Org, mine, tx.Now, there)
		if err != nil {
			return fmt.Errorf("who was in %s: %w", g.ID, err)
		}
		for _, x := range seen {
			if err := jobs.Emit(tx, GroupMet{Org: x.Org, Membership: x.Member, Group: g.ID}); err != nil {
				return err
			}
		}
		if err := s.tellGroup(tx, g.ID, "said", taskTitle(b, at)); err != nil {
			return err
		}
		// Whoever was named already is done with this.
		return s.earn(tx, tx.Scope.Membership, p)
	})
}

func (say *GroupSay) check(people []GroupPerson, there []id.Any) error {
	say.Words, say.Link = strings.TrimSpace(say.Words), strings.TrimSpace(say.Link)
	var f []errs.Field
	bad := func(name, key string, args ...any) { f = append(f, errs.Field{Name: name, Key: key, Args: args}) }
	switch {
	case utf8.RuneCountInString(say.Words) > 4000:
		bad("group_words", "live.fault.long", "Most", 4000)
	case say.Words == "" && !slices.ContainsFunc(people, func(p GroupPerson) bool { return !p.Me && p.Words != "" }):
		bad("group_words", "group.fault.words")
	}
	if u, err := url.Parse(say.Link); say.Link != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(say.Link) > 2000) {
		bad("group_link", "practice.fault.link")
	}
	if len(there) == 0 {
		bad("group_there", "group.fault.there")
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return nil
}

// Met finishes the step for members of the acting organization of whom somebody else says that they took part. An event only says whose rows to
// look at; repeating it is safe.
func (s *Service) Met(ctx context.Context, events []GroupMet) error {
	if err := authz.Check(ctx, authz.SeatPeople, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			list, err := db.Rows[struct {
				Root   id.Item `db:"root_id"`
				Step   string  `db:"step_key"`
				Lesson string  `db:"lesson_key"`
			}](tx, `SELECT p.root_id, p.step_key, p.lesson_key FROM step_group_people p WHERE p.org_id = $1 AND p.membership_id = $2 AND p.group_id = $3 AND p.said_at IS NOT NULL LIMIT 1`, tx.Scope.Org, e.Membership, e.Group)
			if err != nil {
				return err
			}
			for _, l := range list {
				if l.Step == l.Lesson {
					l.Lesson = ""
				}
				if err := s.earn(tx, e.Membership, Place{Item: l.Root, Step: l.Step, Lesson: l.Lesson}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// tellGroup mails the others of a group what happened in it: that, not who did it.
func (s *Service) tellGroup(tx *db.Tx, group id.Any, what, title string) error {
	if s.mail == nil {
		return nil
	}
	list, err := db.Rows[struct {
		Org    id.Org        `db:"org_id"`
		Member id.Membership `db:"membership_id"`
		Kind   string        `db:"root_kind"`
		Root   id.Item       `db:"root_id"`
		Step   string        `db:"step_key"`
		Lesson string        `db:"lesson_key"`
	}](tx, `SELECT p.org_id, p.membership_id, p.root_kind, p.root_id, p.step_key, p.lesson_key FROM step_group_people p WHERE p.group_id = $1 AND (p.org_id, p.membership_id) <> ($2, $3) ORDER BY p.joined_at, p.place_id LIMIT 50`,
		group, tx.Scope.Org, tx.Scope.Membership)
	if err != nil {
		return err
	}
	for _, p := range list {
		send := func() error {
			to, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.email <> '' LIMIT 1`, p.Org, p.Member)
			if err != nil || len(to) == 0 {
				return err
			}
			return s.post(tx, to[0], "group.mail."+what, "Title", title, "Link", s.url(to[0].Slug)+stepAddress(p.Kind, p.Root, p.Step, p.Lesson))
		}
		if p.Org != tx.Scope.Org {
			if err := tx.As(scope.Mailer, p.Org, send); err != nil {
				return err
			}
		} else if err := send(); err != nil {
			return err
		}
	}
	return nil
}

// listenGroups registers what follows on somebody's having taken part.
func (s *Service) listenGroups(relay *jobs.Relay) { jobs.On(relay, scope.Usher, s.Met) }
