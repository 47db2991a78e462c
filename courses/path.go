package courses

import (
	"cmp"
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

// View is a path or course as its page shows it to one viewer.
type View struct {
	Now       time.Time
	Item      tenants.Item
	Org       tenants.Organization // of the publisher
	Own       tenants.Organization // of the viewer; zero for visitors
	Outcome   string
	IntroHTML string
	Version   int        // the one shown: pinned by the enrollment, else that of the own library, else in force
	Updated   time.Time  // when that version was published
	Note      string     // what is new in it
	Stations  []Station  // steps of a path with the adopter's own, or lessons of a course under their modules
	Orgs      []OrgShare // who contributes how many stations, the publisher first
	Progress  Progress
	Left      int // minutes of what is not finished
	Started   bool
	Finished  *time.Time
	Due       *time.Time
	Asker     string // the name of who assigned it
	Reason    string // why
	Next      *Station
	Adders    map[id.Org]tenants.Organization // whose Additions and Joints are
	Additions []Additions                     // that the viewer reads: of their own organization first, then of those whose customer it is
	Joints    []Joint                         // what the publisher says together with an adopter: shown in place of what that one says alone
	People    []string                        // colleagues on it, by name; never from other organizations
	PeopleAll int
	Ask       *tenants.Sharing // what the publisher asks the viewer, who has begun; nil for nothing
	Newest    int              // the version that new starts get
	Gone      *Withdrawal      // of the version from which the viewer was moved, also once it is given back; nil for none, and once they have read it
	Pilot     bool             // it is tried by some before it is everybody's
	Intent    string           // what the viewer came for: one of Intents, "" where they did not say
	Skip      *Skip            // how to skip what comes next; nil if one cannot
	Mine      bool             // the viewer writes it: an author of its organization
	Visitor   bool             // nobody is signed in: progress is kept for this browser only
	Library   Shelved          // for those who look after the library
}

// OrgShare is how many stations come from an organization.
type OrgShare struct {
	Org tenants.Organization
	N   int
	Own bool // from additions
}

// Station is one row of a path's or course's list.
type Station struct {
	Step     string // the key in the address of a path's step; "" in a course
	Lesson   string // the key of a course's lesson; in a path, of the lesson to go to
	Kind     string // of the step, or lesson, practice, check
	Module   string // the course's module, or the path's section, where a new one begins
	Title    string
	Summary  string
	Minutes  int
	Org      tenants.Organization
	Own      bool // an addition: of the viewer's organization, or of one whose customer it is
	Done     bool
	Started  bool // some of its lessons are finished
	Tested   bool // done, and some of it was shown by a check instead of learned
	Now      bool // where to continue
	Lessons  int
	LessonsN int // finished of them

	Note     string  // one line from the publisher
	Optional bool    // nobody has to finish it
	Either   string  // of the stations with the same word one is enough
	Spared   bool    // another one that does as well is finished
	Waits    []Waits // what has to be finished before it opens; none where it is open

	Meeting *Meeting // how the viewer stands to it where people meet; nil for not at all
}

// Waits is a step that another waits for.
type Waits struct {
	Step, Title string
	Either      string // of those with the same word one is enough
}

func waitsOf(list []Step) (out []Waits) {
	for _, s := range list {
		out = append(out, Waits{s.Key, s.Title, s.Either})
	}
	return out
}

// Asked counts what the publisher asks for in a list of stations: of those that do as well as each other one, with the longest time.
// What the adopter added and what may be left out is extra.
func Asked(list []Station) (all, done, minutes int) {
	type choice struct {
		done    bool
		minutes int
	}
	choices := map[string]choice{}
	for _, s := range list {
		switch {
		case s.Own || s.Optional:
		case s.Either != "":
			c := choices[s.Either]
			choices[s.Either] = choice{c.done || s.Done, max(c.minutes, s.Minutes)}
		default:
			all, minutes = all+1, minutes+s.Minutes
			if s.Done {
				done++
			}
		}
	}
	for _, c := range choices {
		all, minutes = all+1, minutes+c.minutes
		if c.done {
			done++
		}
	}
	return all, done, minutes
}

// pinned is the version that a viewer learns, with the enrollment if there is one.
type pinned struct {
	OrgID      id.Org        `db:"org_id" json:"org_id"`
	ItemID     id.Item       `db:"item_id" json:"item_id"`
	Version    int           `db:"version" json:"version"`
	Title      string        `db:"title" json:"title"`
	Summary    string        `db:"summary" json:"summary"`
	Outcome    string        `db:"outcome" json:"outcome"`
	IntroHTML  string        `db:"intro_html" json:"intro_html"`
	Outline    Outline       `db:"-" json:"-"`
	Note       string        `db:"note" json:"note"`
	Published  time.Time     `db:"published_at" json:"published_at"`
	Enrollment id.Enrollment `db:"enrollment_id" json:"enrollment_id"`
	State      string        `db:"state" json:"state"` // "" without an enrollment
	Origin     string        `db:"origin" json:"origin"`
	Intent     string        `db:"intent" json:"intent"`
	Floor      float64       `db:"floor_share" json:"floor_share"` // 0..1: the share that a move to another version kept
	Newest     int           `db:"newest" json:"newest"`           // the version that new starts get
	Pilot      int           `db:"pilot" json:"pilot"`             // the version that the viewer tries, or could; 0 for none
	AtItem     id.Item       `db:"at_item" json:"at_item"`
	AtLesson   string        `db:"at_lesson" json:"at_lesson"`
	AtPart     string        `db:"at_part" json:"at_part"`
	Due        *time.Time    `db:"due_at" json:"due_at"`
	Asker      string        `db:"asker" json:"asker"`
	Reason     string        `db:"reason" json:"reason"`
	Completed  *time.Time    `db:"completed_at" json:"completed_at"`
}

func (p *pinned) edition() edition { return edition{p.OrgID, p.ItemID, p.Version} }

// done is a finished leaf.
type done struct {
	Item   id.Item `db:"item_id" json:"item_id"`
	Lesson string  `db:"lesson_key" json:"lesson_key"`
	ByTest bool    `db:"by_test" json:"by_test"` // shown by a check instead of learned
}

func (d done) leaf() Leaf { return Leaf{d.Item, d.Lesson} }

// root is what every page and change of a path or course reads first: the version that the viewer learns and what the viewer did.
type root struct {
	pinned

	Item      tenants.Item `db:"item"`
	Sees      []id.Item    `db:"sees"` // of what the steps lead to, what the viewer may see
	Finished  []done       `db:"finished"`
	Gone      *Withdrawal  `db:"gone"` // of the version from which the viewer was moved, until they have read it
	Additions []Additions  `db:"additions"`
}

// rootSQL reads a root, one row: $1 item, $2 organization, $3 membership, $4 visitor. The lists come as JSON, so that the version
// is found once and not once for each of them.
var rootSQL = forLearners(func(visits string) string {
	return fmt.Sprintf(rootShape, pinSQL(visits), `(SELECT to_json(x) FROM (SELECT n.version, n.kind, n.reason, n.instead, n.withdrawn_at, n.undone_at FROM withdrawal_notes n WHERE n.org_id = $2 AND n.item_org = p.org_id AND n.item_id = p.item_id
		AND (n.version = p.forced_from AND NOT p.forced_read AND n.undone_at IS NULL OR n.version = p.given_back AND n.undone_at IS NOT NULL) ORDER BY n.undone_at IS NOT NULL LIMIT 1) x)`, `(SELECT coalesce(json_agg(x), '[]') FROM (
		SELECT c.item_id, c.lesson_key, c.by_test FROM completions c WHERE c.org_id = $2 AND c.membership_id = $3 AND c.item_id = ANY(p.leads_to || p.item_id)
		UNION ALL
		SELECT d.item_id, d.lesson_key, false FROM `+visits+` d WHERE d.visitor_id = $4 AND d.item_id = ANY(p.leads_to || p.item_id) AND NOT (d.item_id = p.item_id AND d.lesson_key = '')
		LIMIT 2000) x)`)
})

// placeSQL is rootSQL without what was finished, for changes.
var placeSQL = forLearners(func(visits string) string {
	return fmt.Sprintf(rootShape, pinSQL(visits), `NULL::json`, `'[]'::json`)
})

// pinSQL finds the version that a viewer learns: that of the enrollment or visit, of the group that tries one, of the own library, or the one
// in force.
func pinSQL(visits string) string {
	return `SELECT v.org_id, v.item_id, v.version, v.title, v.summary, v.outcome, v.intro_html, v.note, v.published_at, v.leads_to,
		e.forced_from, e.forced_read, e.given_back, e.at_item, coalesce(e.at_lesson, '') AS at_lesson, coalesce(e.at_part, '') AS at_part, least(e.due_at, e.own_due_at) AS due_at, coalesce(e.reason, '') AS reason, e.completed_at,
		(SELECT to_json(x) FROM (SELECT ` + tenants.ItemColumns + `) x) AS item, e.enrollment_id,
		CASE WHEN e.state IS NOT NULL THEN e.state WHEN p.version IS NOT NULL THEN 'active' ELSE '' END AS state, coalesce(e.origin, p.origin, '') AS origin, coalesce(e.intent, '') AS intent, coalesce(e.floor_share, 0) AS floor_share, coalesce(t.version, ` + chosen + `, i.version) AS newest, coalesce(t.version, 0) AS pilot,
		coalesce((SELECT m.name FROM memberships m WHERE m.org_id = $2 AND m.membership_id = e.asked_by), '') AS asker
	FROM items i
	LEFT JOIN enrollments e ON e.org_id = $2 AND e.membership_id = $3 AND e.item_org = i.org_id AND e.item_id = i.item_id AND e.state <> 'left'
	LEFT JOIN ` + visits + ` p ON p.visitor_id = $4 AND p.item_org = i.org_id AND p.item_id = i.item_id AND p.lesson_key = ''
	LEFT JOIN adoptions a ON a.org_id = $2 AND a.item_org = i.org_id AND a.item_id = i.item_id
	LEFT JOIN LATERAL ` + piloted("i.org_id", "i.item_id", "$2", "$3") + ` t ON true
	JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = coalesce(e.version, CASE WHEN p.version IS NOT NULL THEN (SELECT y.version FROM versions y WHERE y.org_id = i.org_id AND y.item_id = i.item_id AND y.version = p.version AND NOT y.withdrawn) END, t.version, ` + chosen + `, i.version)
	WHERE i.item_id = $1 AND i.state = 'published' AND ` + tenants.Seen("$2") + ` LIMIT 1`
}

// rootShape is what all of them read with the version: its statement, what was withdrawn, what was finished.
var rootShape = `WITH pin AS MATERIALIZED (%s),
adds AS MATERIALIZED (SELECT ` + additionColumns + `, a.leads_to FROM pin p CROSS JOIN LATERAL additions_to(p.org_id, p.item_id) a)
SELECT p.org_id, p.item_id, p.version, p.title, p.summary, p.outcome, p.intro_html, p.note, p.published_at, p.enrollment_id, p.state, p.origin, p.intent, p.floor_share, p.newest, p.pilot,
	p.at_item, p.at_lesson, p.at_part, p.due_at, p.asker, p.reason, p.completed_at, p.item,
	visible_items(p.leads_to || ARRAY(SELECT unnest(a.leads_to) FROM adds a)) AS sees,
	%s AS gone,
	%s AS finished,
	(SELECT coalesce(json_agg(x), '[]') FROM (SELECT ` + additionColumns + ` FROM adds a) x) AS additions
FROM pin p`

func (r *root) queue(b *db.Batch, found *bool, s scope.Scope, item id.Item) {
	db.One(b, r, found, rootSQL.of(s), item, s.Org, s.Membership, s.Visitor)
}

func (r *root) visible(item id.Item) bool {
	return item == r.ItemID || slices.Contains(r.Sees, item)
}

func (r *root) finishedSet() map[Leaf]bool {
	out := make(map[Leaf]bool, len(r.Finished))
	for _, d := range r.Finished {
		out[d.leaf()] = true
	}
	return out
}

// waiting lists what has to be finished before the step opens; what is finished is open.
func (r *root) waiting(s Step) []Step {
	if len(s.Needs) == 0 {
		return nil
	}
	finished := r.finishedSet()
	if s.finished(finished) {
		return nil
	}
	return r.Outline.waits(s, r.visible, finished)
}

// tested is what of the finished was shown by a check.
func (r *root) tested(list ...Leaf) bool {
	return slices.ContainsFunc(r.Finished, func(d done) bool { return d.ByTest && slices.Contains(list, d.leaf()) })
}

func (r *root) progress() Progress {
	return Measure(r.Outline.Required(r.ItemID, r.visible), r.finishedSet()).atLeast(r.Floor)
}

// stations lists what the viewer sees, in order, added steps at their places.
func (r *root) stations(orgs map[id.Org]tenants.Organization) []Station {
	finished := r.finishedSet()
	out := make([]Station, 0, len(r.Outline.Steps)+len(r.Outline.Modules)*8+len(r.Additions))
	for _, m := range r.Outline.Modules {
		for i, l := range m.Lessons {
			st := Station{Lesson: l.Key, Kind: l.Kind, Title: l.Title, Summary: l.Summary, Minutes: l.Minutes, Org: orgs[r.OrgID], Lessons: 1, Done: finished[Leaf{r.ItemID, l.Key}]}
			st.Tested = st.Done && r.tested(Leaf{r.ItemID, l.Key})
			if i == 0 {
				st.Module = m.Title
			}
			out = append(out, st)
		}
	}
	out = r.ownSteps(out, "", orgs, finished)
	section := ""
	for _, s := range r.Outline.Steps {
		if r.visible(s.Item) {
			st := r.station(s, orgs, finished)
			if s.Section != section {
				section, st.Module = s.Section, s.Section
			}
			out = append(out, st)
		}
		out = r.ownSteps(out, s.Key, orgs, finished)
	}
	return out
}

func (r *root) station(s Step, orgs map[id.Org]tenants.Organization, finished map[Leaf]bool) Station {
	st := Station{Step: s.Key, Kind: s.Kind, Title: s.Title, Minutes: s.Minutes, Org: orgs[s.Org], Lessons: max(1, len(s.Lessons))}
	if s.Kind == StepLesson && len(s.Lessons) == 1 {
		st.Kind = s.Lessons[0].Kind
	}
	leaves := s.leaves()
	for _, l := range leaves {
		switch {
		case finished[l]:
			st.LessonsN++
		case st.Lesson == "":
			st.Lesson = l.Lesson
		}
	}
	st.Done = st.LessonsN == st.Lessons
	st.Tested = st.Done && r.tested(leaves...)
	st.Started = st.LessonsN > 0 && !st.Done
	st.Note, st.Optional, st.Either = s.Note, s.Optional, s.Either
	st.Spared = s.Either != "" && !st.Done && r.Outline.settled(s, finished)
	if !st.Done {
		st.Waits = waitsOf(r.Outline.waits(s, r.visible, finished))
	}
	if s.Kind != StepCourse {
		st.Lesson = ""
	}
	return st
}

func (r *root) ownSteps(out []Station, after string, orgs map[id.Org]tenants.Organization, finished map[Leaf]bool) []Station {
	for _, a := range r.Additions {
		for _, s := range a.Steps {
			if s.After == after {
				out = append(out, Station{Step: s.Key, Kind: cmp.Or(s.Kind, StepLesson), Title: s.Title, Minutes: s.Minutes, Org: orgs[a.Org], Own: true, Lessons: 1, Done: finished[Leaf{r.ItemID, ownKey(s.Key)}]})
			}
		}
	}
	return out
}

// Path returns the path as the viewer sees it; visitors see public ones. NotFound for anything else.
func (s *Service) Path(ctx context.Context, item id.Item) (View, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return View{}, err
	}
	return s.view(ctx, item, tenants.KindPath)
}

// Course returns the course as the viewer sees it; visitors see public ones. NotFound for anything else.
func (s *Service) Course(ctx context.Context, item id.Item) (View, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return View{}, err
	}
	return s.view(ctx, item, tenants.KindCourse)
}

type colleague struct {
	Name string `db:"name"`
	All  int    `db:"everybody"`
}

func (s *Service) view(ctx context.Context, item id.Item, kind string) (View, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return View{}, err
	}
	var r root
	var found bool
	var people []colleague
	var asking tenants.Asking
	v := View{Visitor: !sc.SignedIn()}
	at := asked{sc.Membership, item}
	asks := s.asks(at, s.db.Now())
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		r.queue(b, &found, sc, item)
		if asks {
			asking.Read(b, sc, item)
		}
		if sc.SignedIn() {
			if kind == tenants.KindPath {
				db.List(b, &v.Joints, jointsOn, item, sc.Org)
			}
			db.List(b, &people, `SELECT m.name, count(*) OVER ()::int AS everybody FROM enrollments e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id
				WHERE e.org_id = $1 AND e.item_id = $2 AND e.state <> 'left' AND e.membership_id <> $3 AND m.state = 'active' ORDER BY e.updated_at DESC, m.membership_id LIMIT 5`, sc.Org, item, sc.Membership)
		}
		if authz.Allowed(sc, authz.Adopt, id.Org{}) {
			db.One(b, &v.Library, nil, shelvedSQL, sc.Org, item)
		}
	}); err != nil {
		return View{}, err
	}
	if !found || r.Item.Kind != kind {
		return View{}, errs.New(errs.NotFound, "%s %s", kind, item)
	}
	if err := s.fill(ctx, &v, &r, sc); err != nil {
		return View{}, err
	}
	if err := s.meet(ctx, &v, &r, sc); err != nil {
		return View{}, err
	}
	if v.Started && asks {
		v.Ask = s.askedBy(at, &asking, v.Now)
	}
	tenants.NoteRead(ctx, r.OrgID, kind)
	for _, p := range people {
		v.People, v.PeopleAll = append(v.People, p.Name), p.All
	}
	return v, nil
}

func (s *Service) fill(ctx context.Context, v *View, r *root, sc scope.Scope) error {
	if err := s.outline(ctx, r); err != nil {
		return err
	}
	orgs, err := s.orgs(ctx, r, sc, v.Joints)
	if err != nil {
		return err
	}
	p := r.pinned
	v.Own = orgs[sc.Org]
	v.Mine = authz.Allowed(sc, authz.Author, p.OrgID)
	v.Item, v.Org, v.Outcome, v.IntroHTML, v.Version, v.Updated, v.Note = r.Item, orgs[p.OrgID], p.Outcome, p.IntroHTML, p.Version, p.Published, p.Note
	v.Item.Title, v.Item.Summary = p.Title, p.Summary
	v.Stations, v.Progress = r.stations(orgs), r.progress()
	v.Started, v.Finished, v.Due, v.Asker, v.Reason, v.Intent = p.State != "", p.Completed, p.Due, p.Asker, p.Reason, p.Intent
	v.Newest, v.Pilot, v.Gone = p.Newest, p.Pilot == p.Version, r.Gone
	if g := v.Gone; g != nil && g.Back == nil && g.Instead == 0 {
		v.Gone = nil // It is open again, which their organization learns in a moment.
	}
	if len(r.Additions)+len(v.Joints) > 0 {
		v.Additions, v.Adders = r.Additions, orgs
	}
	at := r.here(v.Stations)
	for i := range v.Stations {
		st := &v.Stations[i]
		if i == at && (v.Started || sc.SignedIn()) {
			st.Now = v.Started
			v.Next = st
		}
		v.Orgs = share(v.Orgs, st)
	}
	if at >= 0 && v.Next == nil {
		v.Next = &v.Stations[at]
	}
	v.Left = left(v.Stations)
	if v.Next != nil && sc.SignedIn() && len(v.Next.Waits) == 0 && !v.Next.Own {
		v.Skip = r.skip(v.Next.Step, v.Next.Lesson)
	}
	slices.SortStableFunc(v.Orgs, func(a, b OrgShare) int { return rank(a, p.OrgID) - rank(b, p.OrgID) })
	return nil
}

// left is how many minutes are to come: none of what nobody has to finish. Of those that do as well as each other the first counts.
func left(list []Station) (n int) {
	counted := map[string]bool{}
	for i := range list {
		st := &list[i]
		if st.Done || st.Own || st.Optional || st.Spared || counted[st.Either] {
			continue
		}
		counted[st.Either] = st.Either != ""
		n += st.Minutes * (st.Lessons - st.LessonsN) / st.Lessons
	}
	return n
}

func rank(o OrgShare, publisher id.Org) int {
	switch {
	case o.Own:
		return 1
	case o.Org.OrgID == publisher:
		return 0
	}
	return 2
}

func share(list []OrgShare, st *Station) []OrgShare {
	for i := range list {
		if list[i].Org.OrgID == st.Org.OrgID && list[i].Own == st.Own {
			list[i].N++
			return list
		}
	}
	return append(list, OrgShare{Org: st.Org, N: 1, Own: st.Own})
}

// here returns the index of the station where the viewer goes on: where they stopped if that is unfinished, else the first
// unfinished one that is open and has to be finished, else any unfinished one; -1 if there is none.
func (r *root) here(stations []Station) int {
	first, any := -1, -1
	for i := range stations {
		st := &stations[i]
		if st.Done {
			continue
		}
		if any < 0 && !st.Own {
			any = i
		}
		if len(st.Waits) > 0 || st.Spared {
			continue
		}
		if first < 0 && !st.Own && !st.Optional {
			first = i
		}
		if r.AtItem.IsZero() {
			continue
		}
		if st.Step == "" && st.Lesson == r.AtLesson {
			return i
		}
		if s, ok := r.Outline.Step(st.Step); ok && !st.Own && s.Item == r.AtItem && (s.Item != r.ItemID || s.Key == r.AtLesson) {
			return i
		}
	}
	if first < 0 {
		return any
	}
	return first
}

// outline adds the outline to what was read.
func (s *Service) outline(ctx context.Context, r *root) error {
	list, err := s.read(ctx, r.edition())
	r.Outline = list[r.edition()].in(reading(ctx))
	if sc, scErr := scope.From(ctx); scErr == nil {
		r.settle(sc.Org)
	}
	return err
}

// orgs returns the organizations that a page names.
func (s *Service) orgs(ctx context.Context, r *root, sc scope.Scope, joints []Joint) (map[id.Org]tenants.Organization, error) {
	ids := []id.Org{r.OrgID}
	if !sc.Org.IsZero() {
		ids = append(ids, sc.Org)
	}
	for _, st := range r.Outline.Steps {
		if r.visible(st.Item) && !slices.Contains(ids, st.Org) {
			ids = append(ids, st.Org)
		}
	}
	for _, a := range r.Additions {
		if !slices.Contains(ids, a.Org) {
			ids = append(ids, a.Org)
		}
	}
	for _, j := range joints {
		ids = append(ids, j.Adopter)
	}
	return s.tenants.ByIDs(ctx, ids...)
}

// ownKey is how the completion of an adopter's own step is kept: beside the path's lessons and never mixed with them.
func ownKey(step string) string { return "own:" + step }

// OwnKey reports whether a lesson key names an adopter's own step.
func OwnKey(lesson string) bool { return strings.HasPrefix(lesson, "own:") }
