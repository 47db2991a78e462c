package courses

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What to do about a lesson or step, as its figures say.
const (
	StopFew   = "few"   // fewer than five people reached it: there are no figures
	StopLeave = "leave" // many stop here
	StopAsk   = "ask"   // something is asked here that nobody answered
	StopLong  = "long"  // it takes longer than a lesson should
	StopNone  = ""      // it does what it should
)

// stoppedAfter is how long somebody has been away who counts as having stopped, and leaveShare from which share of those who reached a
// lesson on too many stop there.
const (
	stoppedAfter = 14 * 24 * time.Hour
	leaveShare   = 0.25
)

// StopStatistic is how people of the own organization come through one lesson of a course or one step of a path. Figures of people are in
// steps of five, 0 below.
type StopStatistic struct {
	Key      string
	Title    string
	Kind     string
	Minutes  int
	Reached  int    // finished it, or are in it
	Finished int    // of them
	Stopped  int    // of them: are in it, came for the whole, and have been away for two weeks
	Part     string // the title of the part at which most of them stopped, "" where that is not known of five
	Asked    int    // questions that the author may read
	Open     int    // of them, without an answer that worked
	Said     int    // people who said whether it helped, in steps of five
	Helped   int    // of them
	Advice   string
	Groups   *GroupNumbers // where a few do something together, and five people began the whole; nil elsewhere
	position int
}

// GroupNumbers is how people find together who have begun. Figures of people are in steps of five, 0 below.
type GroupNumbers struct {
	Lesson string `db:"lesson_key"`
	Block  string `db:"block_key"`
	Began  int    `db:"began"` // the whole
	Alone  int    `db:"alone"` // of them: in no group yet, and not done with the step
	Days   *int   `db:"days"`  // after which half of the others were in one; nil where that is known of fewer than five
}

// Left is the share of those who reached it that stopped there, 0..1.
func (s StopStatistic) Left() float64 {
	if s.Reached == 0 {
		return 0
	}
	return min(1, float64(s.Stopped)/float64(s.Reached))
}

// StopFilter narrows and orders the rows.
type StopFilter struct {
	Version int    // 0 for the one in force
	Advice  bool   // only those about which there is something to do
	Query   string // words of the title
	Sort    string // "" in the order of the course or path, or reached, finished, left, open; with a minus before it the other way round
	Page    int    // from 0
	All     bool   // no pages
}

// StopsView is a page of where people come through an own course or path and where they stop.
type StopsView struct {
	Item     tenants.Item
	Version  int
	Versions []int // the latest first
	Began    int   // people in steps of five: who came for one answer or to look around counts once they finish
	Finished int
	Rows     []StopStatistic
	Found    int
	More     bool
	Now      time.Time
}

// stopsPage is how many lines a page has.
const stopsPage = 25

// fives is the step in which people are counted; of fewer nothing is said.
const fives = 5

// inFives is a number of people as it is told: whole steps, so that a difference is always that of five people.
func inFives(n int) int { return n / fives * fives }

type stopRow struct {
	Item     id.Item `db:"item_id"`
	Lesson   string  `db:"lesson_key"`
	Part     string  `db:"at_part"`
	Finished int     `db:"finished"`
	At       int     `db:"at_it"`
	Stopped  int     `db:"stopped"`
}

type askedRow struct {
	Item   id.Item `db:"about_item"`
	Lesson string  `db:"about_lesson"`
	Asked  int     `db:"asked"`
	Open   int     `db:"open"`
}

// Stops returns how people of the own organization come through an own course or path in one of its versions. NotFound for what another
// organization owns and for a version that there is not.
func (s *Service) Stops(ctx context.Context, item id.Item, f StopFilter) (StopsView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return StopsView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return StopsView{}, err
	}
	chosen, err := s.versioned(ctx, item, f.Version)
	if err != nil {
		return StopsView{}, err
	}
	v := StopsView{Item: chosen.Item, Version: chosen.Version, Versions: chosen.Versions}
	of := edition{sc.Org, item, v.Version}
	known, err := s.read(ctx, of)
	if err != nil {
		return v, err
	}
	var rows []stopRow
	var asked []askedRow
	var said []FeedbackNumbers
	var groups []GroupNumbers
	var whole struct {
		Began    int `db:"began"`
		Finished int `db:"finished"`
	}
	var outline Outline // Where a step leads may have closed since.
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		outline, err = known[of].open(tx, item)
		return err
	}); err != nil {
		return v, err
	}
	stops := outline.stops(item)
	var items []id.Item
	var meetIn, meetAt []string // lessons and blocks in which a few do something together
	for _, st := range stops {
		items = append(items, st.item)
		for _, key := range st.groups {
			meetIn, meetAt = append(meetIn, st.Key), append(meetAt, key)
		}
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &whole, nil, `SELECT count(*)::int AS began, (count(*) FILTER (WHERE e.state = 'completed'))::int AS finished FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $1 AND e.item_id = $2 AND e.version = $3 AND (e.intent NOT IN ('answer', 'look') OR e.state = 'completed')`, sc.Org, item, v.Version)
		db.List(b, &rows, `WITH who AS MATERIALIZED (SELECT e.membership_id, e.state, e.at_item, e.at_lesson, e.at_part, e.updated_at, e.intent FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $1 AND e.item_id = $2 AND e.version = $3)
			SELECT x.item_id, x.lesson_key, x.at_part, sum(x.finished)::int AS finished, sum(x.at_it)::int AS at_it, sum(x.stopped)::int AS stopped FROM (
				SELECT c.item_id, c.lesson_key, '' AS at_part, 1 AS finished, 0 AS at_it, 0 AS stopped FROM completions c JOIN who w ON w.membership_id = c.membership_id WHERE c.org_id = $1 AND c.item_id = ANY ($4)
				UNION ALL
				SELECT w.at_item, w.at_lesson, w.at_part, 0, 1, (w.updated_at < $5 AND w.intent NOT IN ('answer', 'look'))::int FROM who w WHERE w.state = 'active' AND w.at_item = ANY ($4)
					AND NOT EXISTS (SELECT 1 FROM completions c WHERE c.org_id = $1 AND c.membership_id = w.membership_id AND c.item_id = w.at_item AND c.lesson_key = w.at_lesson)) x
			GROUP BY x.item_id, x.lesson_key, x.at_part ORDER BY x.item_id, x.lesson_key, x.at_part LIMIT 20000`, sc.Org, item, v.Version, items, b.Now.Add(-stoppedAfter))
		db.List(b, &said, `SELECT n.lesson_key, n.people, n.helped FROM feedback_numbers($1) n ORDER BY n.lesson_key LIMIT 5000`, item)
		if len(meetIn) > 0 {
			db.List(b, &groups, `SELECT g.lesson_key, g.block_key, g.began, g.alone, g.days FROM group_numbers($1, $2, $3, $4) g ORDER BY g.lesson_key, g.block_key LIMIT 5000`, item, v.Version, meetIn, meetAt)
		}
		// What is asked, the author may read; the posts' own policies say which.
		db.List(b, &asked, `SELECT q.about_item, q.about_lesson, count(*)::int AS asked, (count(*) FILTER (WHERE q.state = 'open'))::int AS open FROM questions q WHERE q.about_org = ANY ($1) AND q.about_item = ANY ($2) AND q.state <> 'withdrawn' GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 5000`, stopOwners(stops, sc.Org), items)
	}); err != nil {
		return v, err
	}
	v.Began, v.Finished = inFives(whole.Began), inFives(whole.Finished)
	list := make([]StopStatistic, len(stops))
	for i, st := range stops {
		list[i] = st.figures(rows, asked)
		list[i].position = i
		if j := slices.IndexFunc(groups, func(g GroupNumbers) bool { return st.item == item && g.Lesson == st.Key }); j >= 0 {
			list[i].Groups = &groups[j]
		}
		for _, n := range said {
			if st.item == item && n.Lesson == st.Key {
				list[i].Said, list[i].Helped = n.People, n.Helped
			}
		}
	}
	v.page(list, f)
	return v, nil
}

// stop is a lesson of a course, or a step of a path with all its lessons.
type stop struct {
	StopStatistic
	org    id.Org
	item   id.Item
	leaves []string // keys; "" for an item without lessons
	parts  map[string]string
	groups []string // keys of what a few do together in it
}

// stops are what of an outline people come through, one after the other.
func (o Outline) stops(self id.Item) (out []stop) {
	for _, l := range o.Lessons() {
		out = append(out, stop{StopStatistic: StopStatistic{Key: l.Key, Title: l.Title, Kind: l.Kind, Minutes: l.Minutes}, item: self, leaves: []string{l.Key}, parts: l.partTitles(), groups: l.groups()})
	}
	for _, st := range o.Steps {
		x := stop{StopStatistic: StopStatistic{Key: st.Key, Title: st.Title, Kind: st.Kind, Minutes: st.Minutes}, org: st.Org, item: st.Item, parts: map[string]string{}}
		for _, l := range st.leaves() {
			x.leaves = append(x.leaves, l.Lesson)
		}
		if st.Item == self && len(st.Lessons) == 1 {
			x.leaves, x.Kind, x.parts, x.groups = []string{st.Key}, st.Lessons[0].Kind, st.Lessons[0].partTitles(), st.Lessons[0].groups()
		}
		for _, l := range st.Lessons {
			if st.Item != self {
				x.parts[l.Key] = l.Title
			}
		}
		out = append(out, x)
	}
	return out
}

func (l LessonRef) partTitles() map[string]string {
	out := map[string]string{}
	for _, p := range l.Parts {
		out[p.Key] = p.Title
	}
	return out
}

// groups are the keys of what a few do together in a lesson.
func (l LessonRef) groups() (out []string) {
	for _, p := range l.Parts {
		if p.Kind == markdown.Group {
			out = append(out, p.Key)
		}
	}
	return out
}

func stopOwners(list []stop, own id.Org) []id.Org {
	out := []id.Org{own}
	for _, s := range list {
		if !s.org.IsZero() && !slices.Contains(out, s.org) {
			out = append(out, s.org)
		}
	}
	return out
}

// figures takes what was counted. A step of several lessons is finished with the last of them, and one stops at the lesson where one is.
func (s stop) figures(rows []stopRow, asked []askedRow) StopStatistic {
	out := s.StopStatistic
	finished, at, stopped, where := -1, 0, 0, map[string]int{}
	for _, leaf := range s.leaves {
		n := 0
		for _, r := range rows {
			if r.Item != s.item || r.Lesson != leaf {
				continue
			}
			n, at, stopped = n+r.Finished, at+r.At, stopped+r.Stopped
			if part := s.partOf(r); part != "" {
				where[part] += r.Stopped
			}
		}
		if finished < 0 || n < finished {
			finished = n
		}
	}
	for _, q := range asked {
		if q.Item == s.item && (slices.Contains(s.leaves, q.Lesson) || q.Lesson == "" && len(s.leaves) > 1) {
			out.Asked, out.Open = out.Asked+q.Asked, out.Open+q.Open
		}
	}
	finished = max(finished, 0)
	if out.Reached = inFives(finished + at); out.Reached > 0 {
		out.Finished, out.Stopped = inFives(finished), inFives(stopped)
	}
	most := fives - 1
	for _, part := range sortedKeys(where) {
		if where[part] > most {
			out.Part, most = part, where[part]
		}
	}
	switch {
	case out.Stopped > 0 && out.Left() >= leaveShare:
		out.Advice = StopLeave
	case out.Open > 0:
		out.Advice = StopAsk
	case out.Minutes > longLesson && out.Kind != StepCourse && !(markdown.Block{Kind: out.Kind}).Meets():
		out.Advice = StopLong
	case out.Reached == 0:
		out.Advice = StopFew
	}
	return out
}

// partOf is the title of where in the stop somebody is: a part of its lesson, or, of a course in a path, the lesson.
func (s stop) partOf(r stopRow) string {
	if t := s.parts[r.Part]; t != "" && r.Part != "" {
		return t
	}
	if len(s.leaves) > 1 {
		return s.parts[r.Lesson]
	}
	return ""
}

func sortedKeys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// page picks the lines that are shown.
func (v *StopsView) page(list []StopStatistic, f StopFilter) {
	words := strings.ToLower(strings.TrimSpace(f.Query))
	for _, s := range list {
		if (!f.Advice || s.Advice != StopNone && s.Advice != StopFew) && strings.Contains(strings.ToLower(s.Title), words) {
			v.Rows = append(v.Rows, s)
		}
	}
	by, down := strings.CutPrefix(f.Sort, "-")
	slices.SortStableFunc(v.Rows, func(a, b StopStatistic) int {
		c := 0
		switch by {
		case "reached":
			c = cmp.Compare(a.Reached, b.Reached)
		case "finished":
			c = cmp.Compare(a.Finished, b.Finished)
		case "left":
			c = cmp.Compare(a.Left(), b.Left())
		case "open":
			c = cmp.Or(cmp.Compare(a.Open, b.Open), cmp.Compare(a.Asked, b.Asked))
		}
		if down {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.position, b.position))
	})
	v.Found = len(v.Rows)
	if f.All {
		return
	}
	from := min(max(f.Page, 0)*stopsPage, len(v.Rows))
	to := min(from+stopsPage, len(v.Rows))
	v.Rows, v.More = v.Rows[from:to], to < len(v.Rows)
}
