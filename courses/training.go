package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// How somebody came to what their training record says.
const (
	ByLearning = "learned"
	ByTest     = "tested"   // they showed that they know it
	ByBoth     = "partly"   // partly the one, partly the other
	ByRecord   = "recorded" // their organization says so, see PastRecord
)

// The states of a line of the training record.
const (
	TrainingOpen   = "open" // not finished
	TrainingLate   = "late" // not finished, and overdue
	TrainingValid  = "valid"
	TrainingEnding = "ending" // ends within 30 days
	TrainingEnded  = "ended"
)

// TrainingStates lists them in the order in which people choose.
var TrainingStates = []string{TrainingValid, TrainingEnding, TrainingEnded, TrainingOpen, TrainingLate} //nolint:gochecknoglobals // A constant list.

// TrainingOrders are the columns by which the record is sorted; with a minus before it, the other way round.
var TrainingOrders = []string{"name", "what", "done", "ends"} //nolint:gochecknoglobals // A constant list.

// TrainingFilter narrows and sorts the training record.
type TrainingFilter struct {
	Team  id.Any    // zero for everybody whom the viewer looks after
	Items []id.Item // leaves these, and has a line of everybody for each; at most 20
	// Asked leaves what is needed of people: what somebody who looks after them asked for.
	Asked bool
	State string // one of TrainingStates, "" for all
	Query string // in the name
	Sort  string // one of TrainingOrders, "" for the name
	Page  int    // from 0
	All   bool   // on one page, at most 2,000 lines
}

// Training is a line of the training record: one person, one course or path or other training.
type Training struct {
	Member    id.Membership `db:"membership_id"`
	Name      string        `db:"name"`
	Job       string        `db:"job"`
	Item      id.Item       `db:"item_id"` // zero for training that was never on the portal
	Kind      string        `db:"kind"`    // "" for that
	Title     string        `db:"title"`
	Asked     bool          `db:"asked"`
	Due       *time.Time    `db:"due"`
	Version   int           `db:"version"` // that was learned; 0 for none
	Done      *time.Time    `db:"done_at"` // nil: not finished
	How       string        `db:"how"`     // one of the By constants; "" while it is open
	Score     *float64      `db:"score"`   // of a past record, percent
	Issuer    string        `db:"issuer"`  // of a past record, as it says
	Reference string        `db:"reference"`
	Record    id.Any        `db:"record_id"` // the past record that the line is; zero for none
	RecordBy  string        `db:"record_by"` // who recorded it
	RecordAt  *time.Time    `db:"record_at"`
	Ends      *time.Time    `db:"ends"`  // until when it holds; nil: for ever, or not finished
	State     string        `db:"state"` // one of TrainingStates
	Share     float64       `db:"share"` // how much of it is done, 0..1
	Shown     bool          `db:"shown"` // they agreed to show what became of what they tried
	Used      int           `db:"used"`  // of that: how often it is used at work,
	Tried     int           `db:"tried"` // was tried,
	NotYet    int           `db:"not_yet"`
	NotNeeded int           `db:"not_needed"`
	Voided    *time.Time    `db:"voided_of"`  // when the session was at which they were not, as its organization says now; nil for none
	VoidedWhy string        `db:"voided_why"` // its reason
}

// trainingSQL is the training record of the people who are in crew: $1 organization, $2 and $3 as in caredFor, $4 the team, $5 now, $6 the
// items, $7 whether they are all that is wanted, $8 only what is asked. A line is about one item or, without one, one title. What was finished
// here counts before what was recorded from before, unless that is newer. It has what lines are found, counted and sorted by; see trainingPageSQL.
func trainingSQL(crew string) string {
	return `WITH crew AS MATERIALIZED (SELECT m.membership_id, m.name, m.title AS job FROM memberships m WHERE ` + crew + `),
	asks AS (SELECT c.membership_id, a.item_org, a.item_id, a.kind, a.title, p.due_at FROM crew c JOIN assignment_people p ON p.org_id = $1 AND p.membership_id = c.membership_id
		JOIN assignments a ON a.org_id = p.org_id AND a.assignment_id = p.assignment_id AND a.firm = 'needed' AND a.ended_at IS NULL),
	things AS (SELECT c.membership_id, e.item_org, e.item_id, e.kind, e.title, lower(e.title) AS thing, e.asked_by IS NOT NULL AS asked, e.due_at AS due FROM crew c JOIN enrollments e ON e.org_id = $1 AND e.membership_id = c.membership_id AND e.state <> 'left'
			AND (e.completed_at IS NOT NULL OR e.asked_by IS NOT NULL OR $7)
		UNION ALL SELECT a.membership_id, a.item_org, a.item_id, a.kind, a.title, '', true, a.due_at FROM asks a
		UNION ALL SELECT c.membership_id, p.item_org, p.item_id, p.kind, p.title, lower(p.title), false, NULL FROM crew c JOIN past_records p ON p.org_id = $1 AND p.membership_id = c.membership_id
		UNION ALL SELECT c.membership_id, e.item_org, e.item_id, e.kind, e.title, '', false, NULL FROM crew c JOIN live_voided v ON v.org_id = $1 AND v.membership_id = c.membership_id AND NOT v.again
			JOIN enrollments e ON e.org_id = $1 AND e.membership_id = c.membership_id AND e.item_id = ANY(v.items) AND e.state <> 'left'
		UNION ALL SELECT c.membership_id, i.org_id, i.item_id, i.kind, i.title, '', false, NULL FROM crew c CROSS JOIN items i WHERE $7 AND i.item_id = ANY($6)),
	lines AS (SELECT t.membership_id, t.item_org, t.item_id, CASE WHEN t.item_id IS NULL THEN t.thing ELSE '' END AS thing, max(t.kind) AS kind, max(t.title) AS title, bool_or(t.asked) AS asked, min(t.due) AS due
		FROM things t WHERE NOT $7 OR t.item_id = ANY($6) GROUP BY 1, 2, 3, 4 HAVING bool_or(t.asked) OR NOT $8),
	ends AS MATERIALIZED (SELECT k.* FROM record_credentials(ARRAY(SELECT c.membership_id FROM crew c)) k),
	record AS (SELECT c.membership_id, c.name, c.job, l.item_org, l.item_id, l.kind, coalesce(e.title, p.title, l.title) AS title, l.asked, CASE WHEN e.completed_at IS NULL THEN l.due END AS due, coalesce(e.share, 0) AS share,
			CASE WHEN NOT x.past AND e.completed_at IS NOT NULL THEN e.version ELSE 0 END AS version, CASE WHEN x.past THEN p.done_on::timestamp AT TIME ZONE 'UTC' ELSE e.completed_at END AS done_at,
			CASE WHEN x.past THEN p.record_id END AS record_id,
			CASE WHEN x.past THEN (p.ends_on + time '23:59:59') AT TIME ZONE 'UTC' WHEN e.completed_at IS NOT NULL THEN k.expires_at END AS ends, coalesce(k.revoked, false) AND NOT x.past AS revoked
		FROM lines l JOIN crew c ON c.membership_id = l.membership_id
		LEFT JOIN LATERAL (SELECT e.title, coalesce(e.finished_in, e.version) AS version, e.completed_at, e.done::float8 / greatest(e.total, 1) AS share FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = l.membership_id AND e.item_org = l.item_org AND e.item_id = l.item_id AND e.state <> 'left') e ON true
		LEFT JOIN LATERAL (SELECT p.record_id, p.title, p.done_on, p.ends_on FROM past_records p WHERE p.org_id = $1 AND p.membership_id = l.membership_id
			AND coalesce(p.item_id::text, lower(p.title)) = coalesce(l.item_id::text, l.thing) ORDER BY p.done_on DESC LIMIT 1) p ON true
		CROSS JOIN LATERAL (SELECT p.record_id IS NOT NULL AND (e.completed_at IS NULL OR e.completed_at::date < p.done_on) AS past) x
		LEFT JOIN ends k ON k.membership_id = l.membership_id AND k.issuer = l.item_org AND k.item_id = l.item_id),
	stated AS (SELECT r.*, CASE WHEN r.done_at IS NULL THEN CASE WHEN r.due < $5 THEN 'late' ELSE 'open' END WHEN r.revoked OR r.ends < $5 THEN 'ended' WHEN r.ends <= $5 + interval '30 days' THEN 'ending' ELSE 'valid' END AS state FROM record r)`
}

// trainingPageSQL is a page of that, rows being what it leaves of s, in which order: how somebody came to a line, who recorded it and what became
// of it at work are asked of these lines alone.
func trainingPageSQL(crew, rows, order string) string {
	return trainingSQL(crew) + `, page AS MATERIALIZED (SELECT s.*, row_number() OVER (ORDER BY ` + order + `) AS nth FROM stated s WHERE ` + rows + `),
	tries AS MATERIALIZED (SELECT k.* FROM record_tries(ARRAY(SELECT DISTINCT s.membership_id FROM page s)) k)
	SELECT s.membership_id, s.name, s.job, s.item_id, s.kind, s.title, s.asked, s.due, s.version, s.done_at,
		CASE WHEN s.record_id IS NOT NULL THEN 'recorded' WHEN s.done_at IS NOT NULL THEN how_learned($1, s.membership_id, s.item_org, s.item_id, s.version) ELSE '' END AS how,
		s.record_id, p.score, coalesce(p.issuer, '') AS issuer, coalesce(p.reference, '') AS reference, coalesce(k.name, '') AS record_by, p.recorded_at AS record_at, s.ends, s.state, s.share,
		a.membership_id IS NOT NULL AS shown, coalesce(t.used, 0) AS used, coalesce(t.tried, 0) AS tried, coalesce(t.not_yet, 0) AS not_yet, coalesce(t.not_needed, 0) AS not_needed,
		v.starts_at AS voided_of, coalesce(v.reason, '') AS voided_why
	FROM page s LEFT JOIN past_records p ON p.org_id = $1 AND p.record_id = s.record_id LEFT JOIN memberships k ON k.org_id = p.org_id AND k.membership_id = p.recorded_by
	LEFT JOIN tries t ON t.membership_id = s.membership_id AND t.item_id = s.item_id LEFT JOIN (SELECT DISTINCT t.membership_id FROM tries t) a ON a.membership_id = s.membership_id
	LEFT JOIN LATERAL (SELECT v.starts_at, v.reason FROM live_voided v WHERE v.org_id = $1 AND v.membership_id = s.membership_id AND s.item_id = ANY(v.items) AND NOT v.again AND s.done_at IS NULL ORDER BY v.voided_at DESC, v.session_id LIMIT 1) v ON true
	ORDER BY s.nth`
}

var trainingOrders = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"name": `lower(s.name)`, "what": `lower(s.title)`, "done": `s.done_at`, "ends": `s.ends`,
}

// order is how the record is sorted.
func (f TrainingFilter) order() (string, error) {
	by, down := strings.CutPrefix(f.Sort, "-")
	if by == "" {
		by = "name"
	}
	order, ok := trainingOrders[by]
	if !ok || f.State != "" && !slices.Contains(TrainingStates, f.State) {
		return "", errs.New(errs.NotFound, "record by %q of %q", f.Sort, f.State)
	}
	if down {
		order += ` DESC`
	}
	return order + ` NULLS LAST, lower(s.name), s.membership_id, lower(s.title), s.item_id`, nil
}

const (
	trainingPage = 50
	trainingMost = 2000
)

// TrainingCount is how many lines of the record are in a state.
type TrainingCount struct {
	State  string `db:"state"`
	N      int    `db:"n"`
	People int    `db:"people"`
}

// TrainingItem is an item by which the record can be narrowed.
type TrainingItem struct {
	ID    id.Item `db:"item_id"`
	Title string  `db:"title"`
}

// TrainingRecord is the training record of the people whom somebody looks after.
type TrainingRecord struct {
	Now    time.Time
	Team   *tenants.Team // nil for everybody
	Teams  []tenants.Team
	Items  []TrainingItem // that can be chosen: what people were asked for or finished, at most 200
	Rows   []Training
	More   bool
	Counts []TrainingCount
	People int // whom the viewer looks after, or who are in the team
	By     string
}

// Count is how many lines are in a state, "" for all.
func (v TrainingRecord) Count(state string) (n int) {
	for _, c := range v.Counts {
		if state == "" || c.State == state {
			n += c.N
		}
	}
	return n
}

// Training returns the training record: of whom the acting member looks after, people by what is needed of them or what they finished. NotFound
// for a team that they do not lead, and for a filter that there is not.
func (s *Service) Training(ctx context.Context, f TrainingFilter) (v TrainingRecord, err error) {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	order, err := f.order()
	if err != nil {
		return v, err
	}
	if len(f.Items) > 20 {
		f.Items = f.Items[:20]
	}
	if !f.Team.IsZero() {
		t, err := s.tenants.Team(ctx, f.Team)
		if err != nil {
			return v, err
		}
		v.Team = &t
	}
	if v.Teams, err = s.Teams(ctx); err != nil {
		return v, err
	}
	limit, from := trainingPage, f.Page*trainingPage
	if f.All {
		limit, from = trainingMost, 0
	}
	crew := caredFor + ` AND ($4::uuid IS NULL OR EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = m.org_id AND x.team_id = $4 AND x.membership_id = m.membership_id))`
	args := append(cares(sc), f.Team, nil, f.Items, len(f.Items) > 0, f.Asked)
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now, args[4] = b.Now, b.Now
		db.List(b, &v.Rows, trainingPageSQL(crew, `lower(s.name) LIKE $9 AND ($10 = '' OR s.state = $10) ORDER BY `+order+` LIMIT $11 OFFSET $12`, order), append(slices.Clone(args), db.Like(f.Query), f.State, limit+1, from)...)
		db.List(b, &v.Counts, trainingSQL(crew)+` SELECT s.state, count(*)::int AS n, count(DISTINCT s.membership_id)::int AS people FROM stated s WHERE lower(s.name) LIKE $9 GROUP BY s.state`, append(slices.Clone(args), db.Like(f.Query))...)
		db.List(b, &v.Items, `SELECT x.item_id, max(x.title) AS title FROM (
				SELECT e.item_id, e.title FROM memberships m JOIN enrollments e ON e.org_id = m.org_id AND e.membership_id = m.membership_id AND (e.completed_at IS NOT NULL OR e.asked_by IS NOT NULL) WHERE `+crew+`
				UNION ALL SELECT p.item_id, p.title FROM memberships m JOIN past_records p ON p.org_id = m.org_id AND p.membership_id = m.membership_id AND p.item_id IS NOT NULL WHERE `+crew+`) x
			GROUP BY x.item_id ORDER BY lower(max(x.title)), x.item_id LIMIT 200`, args[:4]...)
		db.One(b, &v.People, nil, `SELECT count(*)::int FROM memberships m WHERE `+crew, args[:4]...)
		db.One(b, &v.By, nil, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, sc.Membership)
	}); err != nil {
		return v, fmt.Errorf("training record: %w", err)
	}
	if len(v.Rows) > limit {
		v.Rows, v.More = v.Rows[:limit], true
	}
	return v, nil
}

// HandOutTraining returns all lines that the filter leaves, at most 2,000, for a file or a printer, and notes it in the log.
func (s *Service) HandOutTraining(ctx context.Context, f TrainingFilter) (TrainingRecord, error) {
	if err := authz.Check(ctx, authz.SeeTeamLearning, id.Org{}); err != nil {
		return TrainingRecord{}, err
	}
	f.All = true
	v, err := s.Training(ctx, f)
	if err != nil {
		return v, err
	}
	return v, s.db.Tx(ctx, func(tx *db.Tx) error {
		about := "organization:" + tx.Scope.Org.String()
		if !f.Team.IsZero() {
			about = "team:" + f.Team.String()
		}
		return tenants.Audit(tx, "record.exported", about, map[string]any{"rows": len(v.Rows)})
	})
}

// OwnTraining is what a member's own training record says, and whether they show in it what became of what they tried.
type OwnTraining struct {
	Now     time.Time
	Name    string
	Job     string
	Rows    []Training         // the last first, at most 500
	Removed []RemovedRecord    // what was recorded of them from before and removed again, the last first, at most 50
	Voided  []VoidedAttendance // at live sessions, the last first, at most 50
	Shows   bool               // what became of what they tried at work is shown to whoever looks after them
}

// OwnTraining returns the training record of the acting member.
func (s *Service) OwnTraining(ctx context.Context) (v OwnTraining, err error) {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	const crew, latest = `m.org_id = $1 AND $2 AND m.membership_id = $3 AND $4::uuid IS NULL`, `s.done_at DESC NULLS FIRST, lower(s.title), s.item_id`
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, trainingPageSQL(crew, `true ORDER BY `+latest+` LIMIT 500`, latest), sc.Org, true, sc.Membership, nil, b.Now, []id.Item{}, false, false)
		db.List(b, &v.Removed, removedSQL, sc.Org, sc.Membership)
		db.List(b, &v.Voided, voidedSQL+`ORDER BY v.voided_at DESC, v.session_id LIMIT 50`, sc.Org, sc.Membership)
		db.One(b, &v.Shows, nil, `SELECT EXISTS (SELECT 1 FROM shown_tries t WHERE t.org_id = $1 AND t.membership_id = $2)`, sc.Org, sc.Membership)
		db.One(b, &v.Name, nil, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, sc.Membership)
		db.One(b, &v.Job, nil, `SELECT m.title FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, sc.Membership)
	}); err != nil {
		return v, fmt.Errorf("training record of %s: %w", sc.Membership, err)
	}
	of := make([]id.Org, len(v.Voided))
	for i := range v.Voided {
		of[i] = v.Voided[i].Org
	}
	orgs, err := s.tenants.ByIDs(ctx, of...)
	for i := range v.Voided {
		v.Voided[i].Of = orgs[of[i]]
	}
	return v, err
}

// ShowTries says whether what became of what the acting member tried at work stands in their training record, which whoever looks after them
// reads: never what it is. Repeating it is safe.
func (s *Service) ShowTries(ctx context.Context, on bool) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if on {
			_, err := tx.Exec(`INSERT INTO shown_tries (org_id, membership_id, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, tx.Scope.Org, tx.Scope.Membership, tx.Now)
			return err
		}
		_, err := tx.Exec(`DELETE FROM shown_tries WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
}
