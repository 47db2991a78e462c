package courses

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
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
	Thoughts int           `db:"thoughts"` // reflections that the others in it share with it
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
		(SELECT count(*)::int FROM mine JOIN reflection_shares s ON s.group_id = mine.group_id AND (s.org_id, s.membership_id) <> ($1, $2)) AS thoughts,
		(SELECT coalesce(json_agg(x), '[]') FROM (` + openGroupsSQL + `) x WHERE NOT EXISTS (SELECT 1 FROM mine)) AS open,
		(SELECT coalesce(json_agg(x), '[]') FROM (` + peersSQL("$2", "$8") + ` ORDER BY e.updated_at DESC, m.membership_id LIMIT 5) x) AS peers
	FROM memberships m LEFT JOIN live_settings z ON z.org_id = m.org_id AND z.membership_id = m.membership_id WHERE m.org_id = $1 AND m.membership_id = $2`

// queue reads what stands where a few do something together.
func (g *GroupStep) queue(b *db.Batch, sc scope.Scope, at located, key string) {
	db.One(b, &g.groupSeen, nil, groupStepSQL, sc.Org, sc.Membership, at.Org, at.Item, at.Lesson, key, b.Now, at.Root.ItemID)
}
