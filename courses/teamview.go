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
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What the people of a team are narrowed to.
const (
	TeamLate     = "late"     // something that was asked for is overdue
	TeamDue      = "due"      // something that was asked for is due within 30 days
	TeamExpiring = "expiring" // a certificate ends within 30 days, or has ended
	TeamWaiting  = "waiting"  // something that was asked for has not begun
)

// TeamOrders are the columns by which the people of a team are sorted; with a minus before it, the other way round.
var TeamOrders = []string{"name", "due", "ends", "used", "chosen"} //nolint:gochecknoglobals // A constant list.

// TeamFilter narrows and sorts the people of a team.
type TeamFilter struct {
	Query string // in the name
	Show  string // TeamLate, TeamDue, TeamExpiring or TeamWaiting; "" for all
	Sort  string // one of TeamOrders, "" for the name
	Page  int    // from 0
	All   bool   // on one page, at most 5,000
}

// TeamPerson is how somebody of a team gets on, as far as whoever leads it is shown: no time, no reflection, no answer, no search, no day
// that they set for themselves.
type TeamPerson struct {
	Member   id.Membership `db:"membership_id"`
	Name     string        `db:"name"`
	Job      string        `db:"job"`
	Invited  bool          `db:"invited"`
	Kind     string        `db:"kind"` // of what they are on now: what is due first, or else what they learned last; "" for nothing
	Item     id.Item       `db:"item_id"`
	Title    string        `db:"title"`
	Done     int           `db:"done"`
	Total    int           `db:"total"`
	Begun    bool          `db:"begun"`
	Due      *time.Time    `db:"due"`     // the first date of what was asked for and is not finished
	Late     int           `db:"late"`    // how much of that is overdue
	Waiting  int           `db:"waiting"` // how much of that has not begun
	Paper    string        `db:"paper"`   // the certificate that ends first, of those earned for this organization and those recorded from before
	Past     bool          `db:"past"`    // it is only recorded, see PastRecord
	Ends     *time.Time    `db:"ends"`
	Tried    int           `db:"tried"` // what they said of it: tried at work, and
	Used     int           `db:"used"`  // used there
	Starts   int           `db:"starts"`
	Chosen   int           `db:"chosen"`   // of what they began within 180 days, by own choice
	Reminded *time.Time    `db:"reminded"` // when a reminder was written to them last
}

// PushMonth is how much of what a team began in a month was asked of it.
type PushMonth struct {
	Month    time.Time `db:"month"` // its first day, UTC
	Starts   int       `db:"starts"`
	Assigned int       `db:"assigned"`
}

// Share is how much was asked for, 0 to 1.
func (m PushMonth) Share() float64 { return float64(m.Assigned) / float64(max(1, m.Starts)) }

// pushFew is below how many starts nothing is said of a month.
const pushFew = 5

// Few reports whether too little was begun to say anything.
func (m PushMonth) Few() bool { return m.Starts < pushFew }

// Pushed reports whether most of what was begun was asked for.
func (m PushMonth) Pushed() bool { return !m.Few() && 2*m.Assigned > m.Starts }

// TeamFigures are the figures above the list, of the whole team.
type TeamFigures struct {
	People   int        `db:"people"`
	Used     int        `db:"used"`
	Tried    int        `db:"tried"`
	On       int        `db:"n_on"` // how many people are on something
	Due      int        `db:"n_due"`
	Late     int        `db:"n_late"`
	Expiring int        `db:"n_expiring"` // how many people
	Papers   int        `db:"n_papers"`   // who have a certificate
	Waiting  int        `db:"n_waiting"`
	Quiet    *time.Time `db:"quiet"` // until when the viewer is not warned of pushing
}

// TeamView is a team as whoever leads it sees it.
type TeamView struct {
	Now     time.Time
	Team    tenants.Team
	Teams   []tenants.Team // all that the viewer sees, at most 200
	Figures TeamFigures
	Months  []PushMonth // five, the last one is the current one
	Rows    []TeamPerson
	More    bool
	Tries   []TeamTry      // the last three that the viewer reads
	Asked   []TeamQuestion // the last three of half a year
}

// Pushed is the current month if most of it was asked for and the viewer wants to be told; nil otherwise.
func (v TeamView) Pushed() *PushMonth {
	if len(v.Months) == 0 || v.Figures.Quiet != nil && v.Figures.Quiet.After(v.Now) {
		return nil
	}
	if last := v.Months[len(v.Months)-1]; last.Pushed() {
		return &last
	}
	return nil
}

const teamPage = 25

// teamSQL is the people of a team: $1 organization, $2 team, $3 now. What somebody is on now is what is asked for and due first, or else
// what they learned last. What was used at work is what they said last of it.
const teamSQL = `WITH crew AS MATERIALIZED (
	SELECT m.membership_id, m.name, m.title AS job, m.state = 'invited' AS invited, coalesce(n.kind, '') AS kind, n.item_id, coalesce(n.title, '') AS title, coalesce(n.done, 0) AS done, coalesce(n.total, 0) AS total, coalesce(n.done > 0 OR n.at_item IS NOT NULL, false) AS begun,
		e.due, e.late, e.waiting, coalesce(c.name, '') AS paper, coalesce(c.past, false) AS past, c.expires_at AS ends, t.tried, t.used, e.starts, e.chosen, (SELECT max(w.at) FROM nudges w WHERE w.org_id = $1 AND w.membership_id = m.membership_id) AS reminded
	FROM team_members x JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id AND m.state <> 'left'
	LEFT JOIN LATERAL (SELECT e.kind, e.item_id, e.title, e.done, e.total, e.at_item FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = m.membership_id AND e.state = 'active'
		ORDER BY e.due_at NULLS LAST, e.updated_at DESC, e.enrollment_id LIMIT 1) n ON true
	CROSS JOIN LATERAL (SELECT min(e.due_at) FILTER (WHERE e.state = 'active') AS due, (count(*) FILTER (WHERE e.state = 'active' AND e.due_at < $3))::int AS late,
			(count(*) FILTER (WHERE e.state = 'active' AND e.asked_by IS NOT NULL AND e.done = 0 AND e.at_item IS NULL))::int AS waiting,
			(count(*) FILTER (WHERE e.started_at > $3 - interval '180 days'))::int AS starts, (count(*) FILTER (WHERE e.started_at > $3 - interval '180 days' AND e.origin <> 'assigned'))::int AS chosen
		FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = m.membership_id AND e.state <> 'left') e
	CROSS JOIN LATERAL (SELECT count(*)::int AS tried, (count(*) FILTER (WHERE l.used))::int AS used FROM (SELECT DISTINCT ON (s.object_id, s.object_part) (s.context->>'used')::boolean AS used FROM statements s
		WHERE s.org_id = $1 AND s.membership_id = m.membership_id AND s.verb = 'applied' AND s.at > $3 - interval '1 year' ORDER BY s.object_id, s.object_part, s.at DESC) l) t
	LEFT JOIN LATERAL (SELECT y.name, y.expires_at, y.past FROM (SELECT c.name, c.expires_at, false AS past FROM team_credentials($2) c WHERE c.membership_id = m.membership_id
			UNION ALL SELECT p.title, (p.ends_on + time '23:59:59') AT TIME ZONE 'UTC', true FROM past_records p WHERE p.org_id = $1 AND p.membership_id = m.membership_id AND NOT ` + superseded + `) y
		ORDER BY y.expires_at NULLS LAST, y.past, y.name LIMIT 1) c ON true
	WHERE x.org_id = $1 AND x.team_id = $2)`

// teamShows are the conditions of what the list is narrowed to, with $3 now.
var teamShows = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"":           `true`,
	TeamLate:     `c.late > 0`,
	TeamDue:      `c.due <= $3 + interval '30 days'`,
	TeamExpiring: `c.ends <= $3 + interval '30 days'`,
	TeamWaiting:  `c.waiting > 0`,
}

var teamOrders = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"name": `lower(c.name)`, "due": `c.due`, "ends": `c.ends`, "used": `c.used`, "chosen": `c.chosen::float8 / greatest(c.starts, 1)`,
}

func (f TeamFilter) query() (string, error) {
	show, ok := teamShows[f.Show]
	if !ok {
		return "", errs.New(errs.NotFound, "people who are %q", f.Show)
	}
	by, down := strings.CutPrefix(f.Sort, "-")
	if by == "" {
		by = "name"
	}
	order, ok := teamOrders[by]
	if !ok {
		return "", errs.New(errs.NotFound, "order %q", f.Sort)
	}
	if down {
		order += ` DESC`
	}
	return teamSQL + ` SELECT c.* FROM crew c WHERE ` + show + ` AND lower(c.name) LIKE $4 ORDER BY ` + order + ` NULLS LAST, lower(c.name), c.membership_id LIMIT $5 OFFSET $6`, nil
}

// Teams are those whose people the viewer looks after, by name, at most 200.
func (s *Service) Teams(ctx context.Context) ([]tenants.Team, error) {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return nil, err
	}
	list, _, err := s.tenants.Teams(ctx, tenants.TeamFilter{Limit: 200})
	return list, err
}

// Team returns a team and how its people get on: to whoever leads it and is a manager, and to administrators. NotFound for any other team,
// and for a filter that there is not.
func (s *Service) Team(ctx context.Context, team id.Any, f TeamFilter) (v TeamView, err error) {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	list, err := f.query()
	if err != nil {
		return v, err
	}
	if v.Team, err = s.tenants.Team(ctx, team); err != nil {
		return v, err
	}
	if v.Teams, err = s.Teams(ctx); err != nil {
		return v, err
	}
	limit, from := teamPage, f.Page*teamPage
	if f.All {
		limit, from = 5000, 0
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, list, sc.Org, team, b.Now, db.Like(f.Query), limit+1, from)
		db.One(b, &v.Figures, nil, teamSQL+` SELECT count(*)::int AS people, coalesce(sum(c.used), 0)::int AS used, coalesce(sum(c.tried), 0)::int AS tried, (count(*) FILTER (WHERE c.kind <> ''))::int AS n_on,
				(count(*) FILTER (WHERE `+teamShows[TeamDue]+`))::int AS n_due, (count(*) FILTER (WHERE `+teamShows[TeamLate]+`))::int AS n_late, (count(*) FILTER (WHERE `+teamShows[TeamExpiring]+`))::int AS n_expiring,
				(count(*) FILTER (WHERE c.paper <> ''))::int AS n_papers, (count(*) FILTER (WHERE `+teamShows[TeamWaiting]+`))::int AS n_waiting,
				(SELECT q.until FROM quiet_pushes q WHERE q.org_id = $1 AND q.membership_id = $4 AND q.team_id = $2) AS quiet FROM crew c`, sc.Org, team, b.Now, sc.Membership)
		db.List(b, &v.Tries, teamTriesSQL, sc.Org, team, sc.Membership)
		db.List(b, &v.Asked, teamQuestionsSQL, sc.Org, team, b.Now)
		db.List(b, &v.Months, `SELECT g.month, count(e.enrollment_id)::int AS starts, (count(e.enrollment_id) FILTER (WHERE e.origin = 'assigned'))::int AS assigned
			FROM generate_series(date_trunc('month', $3::timestamptz AT TIME ZONE 'UTC') - interval '4 months', date_trunc('month', $3::timestamptz AT TIME ZONE 'UTC'), interval '1 month') AS g(month)
			LEFT JOIN (team_members x JOIN enrollments e ON e.org_id = x.org_id AND e.membership_id = x.membership_id AND e.state <> 'left') ON x.org_id = $1 AND x.team_id = $2 AND e.started_at >= g.month AT TIME ZONE 'UTC' AND e.started_at < (g.month + interval '1 month') AT TIME ZONE 'UTC'
			GROUP BY g.month ORDER BY g.month`, sc.Org, team, b.Now)
	}); err != nil {
		return v, fmt.Errorf("team %s: %w", team, err)
	}
	if len(v.Rows) > limit {
		v.Rows, v.More = v.Rows[:limit], true
	}
	return v, nil
}

// ExportTeam returns all people that the filter leaves, at most 5,000, and notes it in the log.
func (s *Service) ExportTeam(ctx context.Context, team id.Any, f TeamFilter) (TeamView, error) {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return TeamView{}, err
	}
	f.All = true
	v, err := s.Team(ctx, team, f)
	if err != nil {
		return v, err
	}
	return v, s.db.Tx(ctx, func(tx *db.Tx) error {
		return tenants.Audit(tx, "team.learning_exported", "team:"+team.String(), map[string]any{"people": len(v.Rows)})
	})
}

// HidePush keeps the acting member from being warned for 30 days that most of what a team does is asked of it.
func (s *Service) HidePush(ctx context.Context, team id.Any) error {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return err
	}
	if _, err := s.tenants.Team(ctx, team); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO quiet_pushes (org_id, membership_id, team_id, until) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, membership_id, team_id) DO UPDATE SET until = excluded.until`,
			tx.Scope.Org, tx.Scope.Membership, team, tx.Now.AddDate(0, 0, 30))
		return err
	})
}

// nudgeRest is how many days somebody is left alone after a reminder.
const nudgeRest = 3

// Nudge writes to one person of a team about what they were asked to learn, in the words of the acting member and under their name. NotFound
// for somebody of no such team; Invalid without words, and Conflict within three days of the last time.
func (s *Service) Nudge(ctx context.Context, team id.Any, who id.Membership, words string) error {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return err
	}
	if words = strings.TrimSpace(words); words == "" {
		return errs.Fields(errs.Field{Name: "words", Key: "teamview.fault.words"})
	} else if utf8.RuneCountInString(words) > 1000 {
		return errs.Fields(errs.Field{Name: "words", Key: "assign.fault.long", Args: []any{"Most", 1000}})
	}
	if _, err := s.tenants.Team(ctx, team); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		to, err := db.Row[struct {
			asking

			Name string `db:"name"`
			By   string `db:"by_name"`
			Org  string `db:"org"`
			Slug string `db:"slug"`
		}](tx, `SELECT m.membership_id, m.email, m.locale, m.state = 'active' AND m.email <> '' AS told, m.state, m.name, k.name AS by_name, o.name AS org, o.slug FROM team_members x JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id AND m.state <> 'left'
			JOIN memberships k ON k.org_id = m.org_id AND k.membership_id = $4 JOIN organizations o ON o.org_id = m.org_id WHERE x.org_id = $1 AND x.team_id = $2 AND x.membership_id = $3 FOR NO KEY UPDATE OF m`, tx.Scope.Org, team, who, tx.Scope.Membership)
		if err != nil {
			return err
		}
		recent, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM nudges n WHERE n.org_id = $1 AND n.membership_id = $2 AND n.at > $3)`, tx.Scope.Org, who, tx.Now.AddDate(0, 0, -nudgeRest))
		if err != nil {
			return err
		}
		switch {
		case recent:
			return errs.Say(errs.Conflict, "teamview.fault.recent", "Name", to.Name, "Days", nudgeRest)
		case !to.Told:
			return errs.Say(errs.Conflict, "teamview.fault.unreachable", "Name", to.Name)
		}
		if err := tx.Must(`INSERT INTO nudges (org_id, nudge_id, membership_id, sent_by, words, at) VALUES ($1, $2, $3, $4, $5, $6)`, tx.Scope.Org, id.New[id.Any](), who, tx.Scope.Membership, words, tx.Now); err != nil {
			return err
		}
		if err := s.mailNudge(tx, to.asking, words, "Name", to.By, "Org", to.Org, "Link", s.address(to.Slug)+"/plan"); err != nil {
			return err
		}
		return tenants.Audit(tx, "team.reminded", "membership:"+who.String(), nil)
	})
	if err != nil {
		return fmt.Errorf("remind %s: %w", who, err)
	}
	return nil
}

func (s *Service) mailNudge(tx *db.Tx, to asking, words string, kv ...any) error {
	if s.mail == nil {
		return nil
	}
	ctx := tx.Context()
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	return s.mail.Send(tx, mail.Message{To: to.Email, Subject: lang.T(ctx, "teamview.mail.subject", kv...), Text: lang.T(ctx, "teamview.mail.text", kv...) + "\n\n" + words + "\n\n" + lang.T(ctx, "teamview.mail.foot", kv...)})
}

// address is that of an organization's portal; "" where the service knows none.
func (s *Service) address(slug string) string {
	if s.url == nil {
		return ""
	}
	return s.url(slug)
}

// TeamSort reports whether the word sorts a team.
func TeamSort(by string) bool { return slices.Contains(TeamOrders, strings.TrimPrefix(by, "-")) }

// TeamPerson returns one of a team's people; NotFound as Team, and for somebody who is not in it.
func (s *Service) TeamPerson(ctx context.Context, team id.Any, who id.Membership) (t tenants.Team, p TeamPerson, err error) {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return t, p, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return t, p, err
	}
	if t, err = s.tenants.Team(ctx, team); err != nil {
		return t, p, err
	}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &p, &found, teamSQL+` SELECT c.* FROM crew c WHERE c.membership_id = $4`, sc.Org, team, b.Now, who)
	}); err != nil {
		return t, p, err
	}
	if !found {
		return t, p, errs.New(errs.NotFound, "%s in team %s", who, team)
	}
	return t, p, nil
}
