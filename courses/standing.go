package courses

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// StandingDue says that something changed on which a partner's standing hangs: a certificate, a membership, a story, a version. The database
// emits it in the transaction of the change.
type StandingDue struct {
	Org id.Org `json:"org"` // the partner
}

// EventKind implements jobs.Event.
func (StandingDue) EventKind() string { return "courses.standing_due" }

// EventOrg implements jobs.Event.
func (e StandingDue) EventOrg() id.Org { return e.Org }

// Figure is how many meet a requirement. It names nobody, and is what both sides read.
type Figure struct {
	Have int        `json:"have"`
	Past int        `json:"past,omitempty"` // of these, whom only a record from before counts
	Soon int        `json:"soon,omitempty"` // of these, whose certificate expires within the program's days of warning
	Next *time.Time `json:"next,omitempty"` // when the next one does
}

// Figures are those of a standing, by the requirements' keys.
type Figures map[string]Figure

func (f Figures) equal(o Figures) bool {
	return maps.EqualFunc(f, o, func(a, b Figure) bool {
		return a.Have == b.Have && a.Past == b.Past && a.Soon == b.Soon && (a.Next == nil) == (b.Next == nil) && (a.Next == nil || a.Next.Equal(*b.Next))
	})
}

// What can happen to a standing.
const (
	StandingJoined  = "joined"
	StandingRisen   = "risen"
	StandingRisk    = "risk"  // it will fall short on a day if nothing is renewed
	StandingShort   = "short" // it falls short and will drop on a day
	StandingKept    = "kept"  // it fell short and does not any more
	StandingDropped = "dropped"
)

// Standing is where a partner stands in a program. Level 0 is none yet.
type Standing struct {
	Version   int        `db:"version"`
	Level     int        `db:"level"`
	Since     time.Time  `db:"since"`
	Meets     int        `db:"meets"`      // what it would hold without the grace
	DropAt    *time.Time `db:"drop_at"`    // when it falls to that; nil unless that is less
	RiskAt    *time.Time `db:"risk_at"`    // when it stops meeting its level if nothing is renewed
	RiskLevel *int       `db:"risk_level"` // what it would meet then
	Short     *int       `db:"short"`      // people and stories that the next level lacks; nil at the top
	Figures   Figures    `db:"figures"`
	Moved     time.Time  `db:"moved_at"` // when a figure last changed
	Reckoned  time.Time  `db:"reckoned_at"`
}

const standingColumns = `s.version, s.level, s.since, s.meets, s.drop_at, s.risk_at, s.risk_level, s.short, s.figures, s.moved_at, s.reckoned_at`

// same reports whether nothing moved but the time.
func (s Standing) same(o Standing) bool {
	at := func(a, b *time.Time) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }
	n := func(a, b *int) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return s.Version == o.Version && s.Level == o.Level && s.Meets == o.Meets && s.Since.Equal(o.Since) && at(s.DropAt, o.DropAt) && at(s.RiskAt, o.RiskAt) && n(s.RiskLevel, o.RiskLevel) && n(s.Short, o.Short) && s.Figures.equal(o.Figures)
}

// StandingChange is a line of its history.
type StandingChange struct {
	At    time.Time  `db:"at"`
	What  string     `db:"what"`
	Level int        `db:"level"`
	Name  string     `db:"name"`
	Was   string     `db:"was"`
	Due   *time.Time `db:"due_at"`
}

// counts is who meets a requirement of a program, and until when.
type counts struct {
	Member id.Membership `db:"membership_id"`
	Item   id.Item       `db:"item_id"`
	Roles  []scope.Role  `db:"roles"`
	Teams  []string      `db:"teams"` // names, in lower case
	Until  *time.Time    `db:"until"` // nil: for ever
}

// Who is counted, of the organization $1, by the items $2 of the vendor $3.
const (
	// inTeams are the teams of the member m.
	inTeams      = `ARRAY(SELECT lower(t.name) FROM team_members x JOIN teams t ON t.org_id = x.org_id AND t.team_id = x.team_id WHERE x.org_id = m.org_id AND x.membership_id = m.membership_id) AS teams`
	certifiedSQL = `SELECT c.membership_id, c.item_id, m.roles, ` + inTeams + `, c.expires_at AS until FROM credentials c JOIN memberships m ON m.org_id = c.org_id AND m.membership_id = c.membership_id AND m.state = 'active'
		WHERE c.org_id = $1 AND c.item_id = ANY($2) AND c.issuer = $3 AND (c.expires_at IS NULL OR c.expires_at > $4)
			AND NOT EXISTS (SELECT 1 FROM credential_revocations r WHERE r.org_id = c.issuer AND r.list = c.list AND r.slot = c.slot) ORDER BY c.membership_id, c.item_id LIMIT 20000`
	finishedSQL = `SELECT e.membership_id, e.item_id, m.roles, ` + inTeams + `, NULL::timestamptz AS until FROM enrollments e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id AND m.state = 'active'
		WHERE e.org_id = $1 AND e.item_org = $3 AND e.item_id = ANY($2) AND e.completed_at IS NOT NULL AND e.completed_at <= $4 ORDER BY e.membership_id, e.item_id LIMIT 20000`
	// recordedSQL is what the partner recorded from before.
	recordedSQL = `SELECT p.membership_id, p.item_id, m.roles, ` + inTeams + `, (p.ends_on + time '23:59:59') AT TIME ZONE 'UTC' AS until FROM past_records p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id AND m.state = 'active'
		WHERE p.org_id = $1 AND p.item_id = ANY($2) AND p.item_org = $3 AND (p.ends_on IS NULL OR p.ends_on >= ($4 AT TIME ZONE 'UTC')::date) ORDER BY p.membership_id, p.item_id, p.done_on LIMIT 20000`
	// storiesSQL are the stories that the vendor $2 counts for the partner $1, as long as they are published and both see them.
	storiesSQL = `SELECT i.org_id, i.item_id, i.kind, i.title, i.slug, y.accepted_at FROM program_stories y JOIN items i ON i.org_id = y.item_org AND i.item_id = y.item_id AND i.state = 'published'
		WHERE y.partner = $1 AND y.org_id = $2 AND (i.org_id = $3 OR opened(i.org_id, i.item_id)) ORDER BY y.accepted_at DESC, i.item_id LIMIT 500`
)

// CountedStory is a story that counts.
type CountedStory struct {
	Org      id.Org    `db:"org_id"`
	Item     id.Item   `db:"item_id"`
	Kind     string    `db:"kind"`
	Title    string    `db:"title"`
	Slug     string    `db:"slug"`
	Accepted time.Time `db:"accepted_at"`
}

// meeting is who meets what of a program at a time: the one function by which standing is reckoned.
type meeting struct {
	certified, finished, recorded []counts
	stories                       []CountedStory
}

// queueMeeting reads it in the scope of the partner.
func queueMeeting(b *db.Batch, t *meeting, partner, vendor id.Org, terms ProgramTerms, at time.Time) {
	of := func(fits func(Requirement) bool) (out []id.Item) {
		for _, r := range terms.requirements() {
			if fits(r) {
				for _, i := range r.Items {
					out = append(out, i.ID)
				}
			}
		}
		return out
	}
	db.List(b, &t.certified, certifiedSQL, partner, of(func(r Requirement) bool { return r.Kind == RequireCertified }), vendor, at)
	db.List(b, &t.finished, finishedSQL, partner, of(func(r Requirement) bool { return r.Kind == RequireFinished }), vendor, at)
	db.List(b, &t.recorded, recordedSQL, partner, of(func(r Requirement) bool { return r.Past }), vendor, at)
	db.List(b, &t.stories, storiesSQL, partner, vendor, partner)
}

// counts reports whether a requirement counts a line.
func (r Requirement) counts(c counts) bool {
	return r.Kind != RequireStories && (r.Role == "" || slices.Contains(c.Roles, r.Role)) && (r.Team == "" || slices.Contains(c.Teams, strings.ToLower(r.Team))) && slices.ContainsFunc(r.Items, func(i Counted) bool { return i.ID == c.Item })
}

// meets are the people who meet a requirement, each with the latest end of what they meet it by.
func (t meeting) meets(r Requirement) map[id.Membership]*time.Time {
	out := map[id.Membership]*time.Time{}
	rows := t.certified
	if r.Kind == RequireFinished {
		rows = t.finished
	}
	if r.Past {
		rows = slices.Concat(rows, t.recorded)
	}
	for _, c := range rows {
		if !r.counts(c) {
			continue
		}
		if was, ok := out[c.Member]; ok && (was == nil || c.Until != nil && c.Until.Before(*was)) {
			continue
		}
		out[c.Member] = c.Until
	}
	return out
}

// have is how many meet a requirement at a time, without one of them (zero: with all).
func (t meeting) have(r Requirement, at time.Time, without id.Membership) (n int) {
	if r.Kind == RequireStories {
		return len(t.stories)
	}
	for m, until := range t.meets(r) {
		if m != without && (until == nil || until.After(at)) {
			n++
		}
	}
	return n
}

func (t meeting) level(terms ProgramTerms, at time.Time, without id.Membership) int {
	return terms.reaches(func(r Requirement) int { return t.have(r, at, without) })
}

// figures are what both sides read.
func (t meeting) figures(terms ProgramTerms, now time.Time) Figures {
	out := Figures{}
	warn := now.AddDate(0, 0, terms.WarnDays)
	for _, r := range terms.requirements() {
		f := Figure{Have: t.have(r, now, id.Membership{})}
		if proven := r; r.Past {
			proven.Past = false
			f.Past = f.Have - t.have(proven, now, id.Membership{})
		}
		for _, until := range t.meets(r) {
			if until == nil {
				continue
			}
			if !until.After(warn) {
				f.Soon++
			}
			if f.Next == nil || until.Before(*f.Next) {
				f.Next = until
			}
		}
		out[r.Key] = f
	}
	return out
}

// ends are the times at which something that is counted ends, the first first.
func (t meeting) ends() (out []time.Time) {
	for _, c := range slices.Concat(t.certified, t.recorded) {
		if c.Until != nil {
			out = append(out, *c.Until)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// lacks is how many people and stories the level after one lacks; nil at the top.
func (t ProgramTerms) lacks(f Figures, level int) *int {
	if level >= len(t.Levels) {
		return nil
	}
	n := 0
	for _, r := range t.Levels[level].Requires {
		n += max(0, r.N-f[r.Key].Have)
	}
	return &n
}

// reckoned is a program in which the acting organization takes part, with where it stood.
type reckoned struct {
	ProgramTerms

	Vendor  id.Org     `db:"org_id"`
	Program id.Any     `db:"program_id"`
	Name    string     `db:"name"`
	Version int        `db:"version"`
	Next    *time.Time `db:"next_from"` // when the next version counts
}

const reckonSQL = `SELECT v.levels, v.grace_days, v.warn_days, g.org_id, g.program_id, g.name, v.version,
		(SELECT min(n.counts_from) FROM program_versions n WHERE n.org_id = g.org_id AND n.program_id = g.program_id AND n.counts_from > $2) AS next_from
	FROM program_partners p JOIN programs g ON g.org_id = p.org_id AND g.program_id = p.program_id
	JOIN LATERAL (SELECT v.* FROM program_versions v WHERE v.org_id = g.org_id AND v.program_id = g.program_id AND v.counts_from <= $2 ORDER BY v.version DESC LIMIT 1) v ON true
	WHERE p.partner = $1 AND p.state = 'active' AND g.closed_at IS NULL ORDER BY g.org_id, g.program_id LIMIT 200`

// Reckon brings the standing of the acting organization in the programs that it takes part in up to date, tells both sides what changed, and
// says when it has to be looked at next although nothing happens: something expires, a grace ends, a version begins to count. Repeating it is safe.
func (s *Service) Reckon(ctx context.Context) (next []time.Time, err error) {
	if err := authz.Check(ctx, authz.Issue, id.Org{}); err != nil {
		return nil, err
	}
	var failed []error
	var all []reckoned
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		all, err = db.Rows[reckoned](tx, reckonSQL, tx.Scope.Org, tx.Now)
		return err
	}); err != nil {
		return nil, err
	}
	for _, r := range all {
		var at *time.Time
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			at, err = s.reckon(tx, r)
			return err
		}); err != nil {
			failed = append(failed, fmt.Errorf("standing in %s: %w", r.Program, err))
		}
		if at != nil {
			next = append(next, *at)
		}
	}
	return next, errors.Join(failed...)
}

// reckon does it for one program, as the issuer of the partner.
func (s *Service) reckon(tx *db.Tx, r reckoned) (next *time.Time, err error) {
	partner := tx.Scope.Org
	// Of two that reckon at once the second sees what the first wrote.
	if _, err := tx.Exec(`SELECT 1 FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.partner = $3 FOR UPDATE`, r.Vendor, r.Program, partner); err != nil {
		return nil, err
	}
	var t meeting
	var was Standing
	var stood bool
	if err := tx.Batch(func(b *db.Batch) {
		queueMeeting(b, &t, partner, r.Vendor, r.ProgramTerms, tx.Now)
		db.One(b, &was, &stood, `SELECT `+standingColumns+` FROM standings s WHERE s.org_id = $1 AND s.program_id = $2 AND s.partner = $3`, r.Vendor, r.Program, partner)
	}); err != nil {
		return nil, err
	}
	st, changes := r.stand(t, was, stood, tx.Now)
	if stood && len(changes) == 0 && st.same(was) {
		return r.look(t, st, tx.Now), nil
	}
	if _, err := tx.Exec(`INSERT INTO standings (org_id, program_id, partner, version, level, since, meets, drop_at, risk_at, risk_level, short, figures, moved_at, reckoned_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (org_id, program_id, partner) DO UPDATE SET version = excluded.version, level = excluded.level, since = excluded.since, meets = excluded.meets,
			drop_at = excluded.drop_at, risk_at = excluded.risk_at, risk_level = excluded.risk_level, short = excluded.short, figures = excluded.figures, moved_at = excluded.moved_at, reckoned_at = excluded.reckoned_at`,
		r.Vendor, r.Program, partner, st.Version, st.Level, st.Since, st.Meets, st.DropAt, st.RiskAt, st.RiskLevel, st.Short, st.Figures, st.Moved, st.Reckoned); err != nil {
		return nil, err
	}
	for _, c := range changes {
		n, err := tx.Exec(`INSERT INTO standing_changes (org_id, program_id, partner, at, what, level, name, was, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			r.Vendor, r.Program, partner, c.At, c.What, c.Level, c.Name, c.Was, c.Due)
		if err != nil {
			return nil, err
		}
		if n == 0 || c.What == StandingJoined {
			continue
		}
		news := programNews{Vendor: r.Vendor, Program: r.Program, Name: r.Name, What: c.What, Level: c.Name, Was: c.Was, Day: c.Due}
		if err := s.tellPartner(tx, news, partner); err != nil {
			return nil, err
		}
		if err := s.tellVendor(tx, news, partner); err != nil {
			return nil, err
		}
	}
	return r.look(t, st, tx.Now), nil
}

// stand works out where a partner stands by who meets what, where it stood and the time; and what changed.
func (r reckoned) stand(t meeting, was Standing, stood bool, now time.Time) (Standing, []StandingChange) {
	st := Standing{Version: r.Version, Level: was.Level, Since: was.Since, Meets: t.level(r.ProgramTerms, now, id.Membership{}), DropAt: was.DropAt, Figures: t.figures(r.ProgramTerms, now), Moved: was.Moved, Reckoned: now}
	var changes []StandingChange
	happen := func(what string, from int, due *time.Time) {
		changes = append(changes, StandingChange{At: now, What: what, Level: st.Level, Name: r.level(st.Level), Was: r.level(from), Due: due})
	}
	if !stood || !st.Figures.equal(was.Figures) {
		st.Moved = now
	}
	switch {
	case !stood:
		st.Level, st.Since = st.Meets, now
		happen(StandingJoined, 0, nil)
	case st.Meets > was.Level:
		st.Level, st.Since, st.DropAt = st.Meets, now, nil
		happen(StandingRisen, was.Level, nil)
	case st.Meets == was.Level:
		if was.DropAt != nil {
			st.DropAt = nil
			happen(StandingKept, was.Level, nil)
		}
	case was.DropAt == nil && r.GraceDays > 0:
		end := now.AddDate(0, 0, r.GraceDays)
		st.DropAt = &end
		happen(StandingShort, st.Meets, &end)
	case was.DropAt == nil || !was.DropAt.After(now):
		st.Level, st.Since, st.DropAt = st.Meets, now, nil
		happen(StandingDropped, was.Level, nil)
	}
	st.Short = r.lacks(st.Figures, st.Level)
	if st.DropAt == nil {
		for _, end := range t.ends() {
			if would := t.level(r.ProgramTerms, end, id.Membership{}); would < st.Level {
				st.RiskAt, st.RiskLevel = &end, &would
				break
			}
		}
	}
	if st.RiskAt != nil && !st.RiskAt.After(now.AddDate(0, 0, r.WarnDays)) && stood {
		// Once for a day on which it would happen: it is told when that comes within the days of warning.
		if was.RiskAt == nil || !was.RiskAt.Equal(*st.RiskAt) || was.Reckoned.AddDate(0, 0, r.WarnDays).Before(*st.RiskAt) {
			happen(StandingRisk, *st.RiskLevel, st.RiskAt)
		}
	}
	return st, changes
}

// look is when the standing has to be reckoned again although nothing happens; nil for never.
func (r reckoned) look(t meeting, st Standing, now time.Time) (next *time.Time) {
	first := func(at time.Time) {
		if at.After(now) && (next == nil || at.Before(*next)) {
			next = &at
		}
	}
	for _, end := range t.ends() {
		first(end)
		first(end.AddDate(0, 0, -r.WarnDays))
	}
	if st.DropAt != nil {
		first(*st.DropAt)
	}
	if r.Next != nil {
		first(*r.Next)
	}
	return next
}

// StandingView is a program as one of its two sides looks at a partner in it.
type StandingView struct {
	Now     time.Time
	Program Program
	State   string // of the partner in it: offered, active or ended
	Offered time.Time
	Terms   *ProgramVersion // that counts; nil for none yet
	Coming  *ProgramVersion // the next that will
	Is      *Standing       // nil: not reckoned, or not to be read at present
	Changes []StandingChange
	Stories []CountedStory
}

// read queues what both sides read alike.
func (v *StandingView) read(b *db.Batch, found, terms, coming, is *bool, held *partnerRow, vendor, partner id.Org, program id.Any) {
	v.Now = b.Now
	v.Terms, v.Coming, v.Is = &ProgramVersion{}, &ProgramVersion{}, &Standing{}
	db.One(b, &v.Program, found, `SELECT `+programColumns+` FROM programs g WHERE g.org_id = $1 AND g.program_id = $2`, vendor, program)
	db.One(b, held, nil, `SELECT p.state, p.offered_at, p.accepted_at, p.ended_at, p.ended_by FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.partner = $3`, vendor, program, partner)
	db.One(b, v.Terms, terms, `SELECT `+programVersionColumns+` FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2 AND v.counts_from <= $3 ORDER BY v.version DESC LIMIT 1`, vendor, program, b.Now)
	db.One(b, v.Coming, coming, `SELECT `+programVersionColumns+` FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2 AND v.counts_from > $3 ORDER BY v.counts_from, v.version DESC LIMIT 1`, vendor, program, b.Now)
	db.One(b, v.Is, is, `SELECT `+standingColumns+` FROM standings s WHERE s.org_id = $1 AND s.program_id = $2 AND s.partner = $3`, vendor, program, partner)
	db.List(b, &v.Changes, `SELECT c.at, c.what, c.level, c.name, c.was, c.due_at FROM standing_changes c WHERE c.org_id = $1 AND c.program_id = $2 AND c.partner = $3 ORDER BY c.at DESC, array_position(ARRAY['risk', 'short', 'kept', 'dropped', 'risen', 'joined'], c.what) LIMIT 30`, vendor, program, partner)
}

func (v *StandingView) settle(held partnerRow, terms, coming, is bool) {
	v.State, v.Offered = held.State, held.Offered
	if !terms {
		v.Terms = nil
	}
	if !coming {
		v.Coming = nil
	}
	if !is {
		v.Is = nil
	}
}

type partnerRow struct {
	State    string     `db:"state"`
	Offered  time.Time  `db:"offered_at"`
	Accepted *time.Time `db:"accepted_at"`
	Ended    *time.Time `db:"ended_at"`
	By       id.Org     `db:"ended_by"`
}

// programUndo is how long a part in a program that was ended can be taken up again.
const programUndo = 14 * 24 * time.Hour

// undoable reports whether an organization that ended the part can take it up again.
func (p partnerRow) undoable(by id.Org, now time.Time) bool {
	return p.State == "ended" && p.By == by && p.Accepted != nil && p.Ended != nil && now.Before(p.Ended.Add(programUndo))
}

// Name is the name of a level of the terms that count, "" for none.
func (v StandingView) Name(level int) string {
	if v.Terms == nil {
		return ""
	}
	return v.Terms.level(level)
}

// Reached is when a level was last reached, as far as its history says; zero if it does not.
func (v StandingView) Reached(level int) time.Time {
	for _, c := range v.Changes {
		if (c.What == StandingRisen || c.What == StandingJoined) && c.Name != "" && c.Level >= level {
			was := 0
			for i, l := range v.Terms.Levels {
				if l.Name == c.Was {
					was = i + 1
				}
			}
			if was < level {
				return c.At
			}
		}
	}
	return time.Time{}
}

// Meeter is one of the own people whom a requirement counts.
type Meeter struct {
	Member id.Membership
	Name   string
	Until  *time.Time // the first end of what they are counted by; nil: for ever
	Drops  int        // the level that would be met if they left today
}

// Nearest is one of the own people who is on the way to meeting a requirement.
type Nearest struct {
	Key    string        `db:"-"`
	Member id.Membership `db:"membership_id"`
	Name   string        `db:"name"`
	Item   id.Item       `db:"item_id"`
	Kind   string        `db:"kind"`
	Title  string        `db:"title"`
	Left   int           `db:"rest"` // lessons and steps
}

// OwnStanding is where the own organization stands in somebody's program, with the names that only it reads.
type OwnStanding struct {
	StandingView

	Manages bool                        // the viewer may accept and leave
	People  map[string][]Meeter         // by requirement, whose end comes first first
	Leaves  []Meeter                    // who are counted at all: whose leaving would drop the level first
	Closest map[string]Nearest          // by requirement that is not met
	Asked   map[id.Membership]time.Time // who was asked because of it within seven days, and when
	Back    *time.Time                  // until when having left can be undone; nil if not
}

// Standing returns where the own organization stands in a program of another. NotFound unless it takes part, did, or was offered to.
func (s *Service) Standing(ctx context.Context, program id.Any) (v OwnStanding, err error) {
	if err := authz.Check(ctx, authz.SeeStanding, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	v.Manages = authz.Allowed(sc, authz.ManageNetwork, id.Org{})
	var vendor id.Org
	var joined, found, terms, coming, is bool
	var held partnerRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &vendor, &joined, `SELECT p.org_id FROM program_partners p WHERE p.partner = $1 AND p.program_id = $2 ORDER BY p.org_id LIMIT 1`, sc.Org, program)
	}); err != nil {
		return v, err
	}
	if !joined {
		return v, errs.New(errs.NotFound, "program %s", program)
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.read(b, &found, &terms, &coming, &is, &held, vendor, sc.Org, program)
	}); err != nil {
		return v, fmt.Errorf("standing in %s: %w", program, err)
	}
	if v.settle(held, terms, coming, is); held.undoable(sc.Org, v.Now) {
		until := held.Ended.Add(programUndo)
		v.Back = &until
	}
	if v.Terms == nil || v.State != "active" {
		return v, nil
	}
	// Who is counted is read with the viewer's own rights: the policy opens the certificates that a program counts.
	var t meeting
	var near []nearRow
	var names []calledRow
	var lately []askedMember
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &lately, askedSQL, sc.Org, program, b.Now.AddDate(0, 0, -askRest))
		queueMeeting(b, &t, sc.Org, vendor, v.Terms.ProgramTerms, b.Now)
		db.List(b, &near, nearestSQL, sc.Org, vendor, v.Terms.items())
	}); err != nil {
		return v, fmt.Errorf("who is counted in %s: %w", program, err)
	}
	v.Stories = t.stories
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &names, `SELECT m.membership_id, m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = ANY($2) ORDER BY m.membership_id LIMIT 20000`, sc.Org, t.members())
	}); err != nil {
		return v, err
	}
	called := map[id.Membership]string{}
	for _, n := range names {
		called[n.Member] = n.Name
	}
	v.people(t, called, near)
	v.Asked = map[id.Membership]time.Time{}
	for _, a := range lately {
		v.Asked[a.Member] = a.At
	}
	return v, nil
}

type calledRow struct {
	Member id.Membership `db:"membership_id"`
	Name   string        `db:"name"`
}

type nearRow struct {
	Nearest

	Roles []scope.Role `db:"roles"`
	Teams []string     `db:"teams"`
}

// nearestSQL are those of $1 who are in the middle of the items $3 of $2, who has least to do first.
const nearestSQL = `SELECT e.membership_id, m.name, e.item_id, e.title, e.total - e.done AS rest, m.roles, ` + inTeams + `, e.kind FROM enrollments e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id AND m.state = 'active'
	WHERE e.org_id = $1 AND e.item_org = $2 AND e.item_id = ANY($3) AND e.state = 'active' AND e.done > 0 ORDER BY e.total - e.done, lower(m.name), e.membership_id, e.item_id LIMIT 200`

// items are all that the terms count.
func (t ProgramTerms) items() (out []id.Item) {
	for _, r := range t.requirements() {
		for _, i := range r.Items {
			out = append(out, i.ID)
		}
	}
	return out
}

func (t meeting) members() (out []id.Membership) {
	for _, c := range slices.Concat(t.certified, t.finished, t.recorded) {
		out = append(out, c.Member)
	}
	return out
}

// people fills in who is counted, whose leaving would tell, and who is closest to what is missing.
func (v *OwnStanding) people(t meeting, called map[id.Membership]string, near []nearRow) {
	v.People, v.Closest = map[string][]Meeter{}, map[string]Nearest{}
	order := func(a, b Meeter) int {
		switch {
		case a.Until == nil && b.Until != nil:
			return 1
		case a.Until != nil && b.Until == nil:
			return -1
		case a.Until != nil && !a.Until.Equal(*b.Until):
			return a.Until.Compare(*b.Until)
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return strings.Compare(a.Member.String(), b.Member.String())
	}
	leaves := map[id.Membership]Meeter{}
	for _, r := range v.Terms.requirements() {
		meets := t.meets(r)
		for m, until := range meets {
			one := Meeter{Member: m, Name: called[m], Until: until, Drops: t.level(v.Terms.ProgramTerms, v.Now, m)}
			v.People[r.Key] = append(v.People[r.Key], one)
			if was, ok := leaves[m]; !ok || was.Until == nil || until != nil && until.Before(*was.Until) {
				leaves[m] = one
			}
		}
		slices.SortFunc(v.People[r.Key], order)
		if r.Kind == RequireStories || len(meets) >= r.N {
			continue
		}
		for _, n := range near {
			_, already := meets[n.Member]
			if !already && r.counts(counts{Item: n.Item, Roles: n.Roles, Teams: n.Teams}) {
				n.Key = r.Key
				v.Closest[r.Key] = n.Nearest
				break
			}
		}
	}
	for _, m := range leaves {
		v.Leaves = append(v.Leaves, m)
	}
	slices.SortFunc(v.Leaves, func(a, b Meeter) int {
		if a.Drops != b.Drops {
			return a.Drops - b.Drops
		}
		return order(a, b)
	})
}

// ProgramReading is what a program asks for, as its vendor and those who take part read it.
type ProgramReading struct {
	Now      time.Time
	Program  Program
	Own      bool             // the own organization runs it
	Offered  bool             // it was offered to the own organization, which has not answered
	Manages  bool             // the viewer may answer for the own organization
	Versions []ProgramVersion // the newest first
}

// InForce is the version that counts; nil for none yet.
func (v ProgramReading) InForce() *ProgramVersion {
	for i := range v.Versions {
		if !v.Versions[i].From.After(v.Now) {
			return &v.Versions[i]
		}
	}
	return nil
}

// Requirements returns what a program asks for. NotFound unless the own organization runs it, takes part in it, or was offered to.
func (s *Service) Requirements(ctx context.Context, program id.Any) (v ProgramReading, err error) {
	if err := authz.Check(ctx, authz.SeeStanding, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var found bool
	var state string
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Program, &found, `SELECT `+programColumns+` FROM programs g WHERE g.program_id = $2 AND (g.org_id = $1 OR EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = g.org_id AND p.program_id = g.program_id AND p.partner = $1 AND p.state <> 'ended'))
			ORDER BY g.org_id LIMIT 1`, sc.Org, program)
		db.One(b, &state, nil, `SELECT p.state FROM program_partners p WHERE p.partner = $1 AND p.program_id = $2 ORDER BY p.org_id LIMIT 1`, sc.Org, program)
		db.List(b, &v.Versions, `SELECT `+programVersionColumns+` FROM program_versions v WHERE v.program_id = $2 AND (v.org_id = $1 OR EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = v.org_id AND p.program_id = v.program_id AND p.partner = $1 AND p.state <> 'ended'))
			ORDER BY v.version DESC LIMIT 50`, sc.Org, program)
	}); err != nil {
		return v, fmt.Errorf("requirements of %s: %w", program, err)
	}
	v.Own = v.Program.Org == sc.Org
	v.Offered, v.Manages = state == "offered", authz.Allowed(sc, authz.ManageNetwork, id.Org{})
	if !found || v.Own && !v.Manages {
		return v, errs.New(errs.NotFound, "program %s", program)
	}
	return v, nil
}

// RunsProgram reports whether a program is the own organization's: the same address shows its vendor the partners, and a partner its standing.
func (s *Service) RunsProgram(ctx context.Context, program id.Any) (own bool, err error) {
	if err := authz.Check(ctx, authz.SeeStanding, id.Org{}); err != nil {
		return false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return false, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &own, nil, `SELECT EXISTS (SELECT 1 FROM programs g WHERE g.org_id = $1 AND g.program_id = $2)`, sc.Org, program)
	})
	return own, err
}
