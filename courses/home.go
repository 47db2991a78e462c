package courses

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// HomeView is what the home page shows of learning.
type HomeView struct {
	Now         time.Time
	Current     *Going
	Due         []Going // with a due date, soonest first, then what was begun and not finished
	Recommended []Recommendation
	Formal      int // minutes of the last 30 days in courses and paths
	Informal    int // and in stories, resources, questions
	OwnChoice   int // minutes of both that nobody assigned
	Finished    int // courses and paths, ever
}

// Going is a course or path that the viewer is on.
type Going struct {
	Item     tenants.Item
	Org      tenants.Organization
	Orgs     []OrgShare
	Stations []Station
	Next     *Station
	Progress Progress
	Left     int // minutes
	Due      *time.Time
	AskedBy  string // the name of the colleague who assigned it
	Reason   string
	At       string // the title of the part where the viewer stopped, "" for a beginning
}

// Recommendation is a card with the reason why, as a message key's arguments.
type Recommendation struct {
	Card
	Why   string // WhyTopic, WhyColleagues or WhyNew
	After string // with WhyTopic: the title of what it goes on from
	Count int    // with WhyColleagues
}

// The reasons of a recommendation.
const (
	WhyTopic      = "topic"
	WhyColleagues = "colleagues"
	WhyNew        = "new"
)

type going struct {
	pinned
	Kind    string   `json:"kind"`
	Slug    string   `json:"slug"`
	Minutes int      `json:"minutes"`
	Topics  []string `json:"topics"`
	Lang    string   `json:"lang"`
	Level   string   `json:"level"`
	AskedBy string   `json:"asked_by"`
}

type colleagues struct {
	Item id.Item `json:"item_id"`
	N    int     `json:"n"`
}

type topic struct {
	Title  string   `json:"title"`
	Topics []string `json:"topics"`
}

// homeReads is what HomeData reads, in one batch.
type homeReads struct {
	items []tenants.Item
	lists lists
}

// lists is the courses and paths that the member is on (Going) and what hangs on them (Sees, Finished), all that they ever were on
// (Mine), what they finished, how they spent the last 30 days, what colleagues finished in 90, and with whom the organization
// is connected.
type lists struct {
	Going    []going      `db:"going"`
	Mine     []learning   `db:"mine"`
	Near     []id.Org     `db:"near"`
	Sees     []id.Item    `db:"sees"`
	Finished []done       `db:"finished"`
	Known    []topic      `db:"known"`
	Others   []colleagues `db:"others"`

	Formal    int `db:"formal"`
	Informal  int `db:"informal"`
	OwnChoice int `db:"own_choice"`
}

// candidates is how many of the newest items are looked at for recommendations.
const candidates = 16

// read starts from the member's own enrollments and what is newest; whether an item may be seen is for its row policy to say. What is
// not a list of items comes as one row.
func (h *homeReads) read(b *db.Batch, sc scope.Scope) {
	tenants.Visible(b, &h.items, sc, tenants.ListFilter{Kinds: []string{tenants.KindPath, tenants.KindCourse}, Limit: candidates})
	db.One(b, &h.lists, nil, `WITH mine AS MATERIALIZED (SELECT * FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state <> 'left' ORDER BY e.updated_at DESC, e.enrollment_id LIMIT 500),
		known AS MATERIALIZED (SELECT e.item_org, e.item_id, e.completed_at, e.enrollment_id FROM mine e WHERE e.state = 'completed' ORDER BY e.completed_at DESC, e.enrollment_id LIMIT 20),
		pins AS MATERIALIZED (SELECT v.org_id, v.item_id, v.version, v.title, v.summary, v.outcome, v.note, v.published_at, v.leads_to, e.enrollment_id, e.state, e.origin, e.floor_share,
				e.at_item, e.at_lesson, e.at_part, least(e.due_at, e.own_due_at) AS due_at, e.reason, coalesce(m.name, '') AS asked_by, e.updated_at
			FROM (SELECT e.* FROM mine e WHERE e.state = 'active' ORDER BY e.updated_at DESC, e.enrollment_id LIMIT 8) e
			JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version
			LEFT JOIN memberships m ON m.org_id = $1 AND m.membership_id = e.asked_by),
		leads AS MATERIALIZED (SELECT i.org_id, i.item_id, i.state, i.title, i.kind, i.slug, i.minutes, i.topics, i.lang, i.level
			FROM seen_items(ARRAY(SELECT unnest(p.leads_to || p.item_id) FROM pins p UNION SELECT k.item_id FROM known k)) i LIMIT 500)
		SELECT
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT p.org_id, p.item_id, p.version, p.title, p.summary, p.outcome, p.note, p.published_at, p.enrollment_id, p.state, p.origin, p.floor_share,
				p.at_item, p.at_lesson, p.at_part, p.due_at, p.reason, p.asked_by, i.kind, i.slug, i.minutes, i.topics, i.lang, i.level
			FROM pins p JOIN leads i ON i.org_id = p.org_id AND i.item_id = p.item_id AND i.state = 'published' ORDER BY p.updated_at DESC, p.enrollment_id) x) AS going,
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT e.item_id, e.done, e.total, e.state FROM mine e) x) AS mine, `+nearSQL+` AS near,
		ARRAY(SELECT l.item_id FROM leads l) AS sees,
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT c.item_id, c.lesson_key FROM completions c
			WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id = ANY(ARRAY(SELECT unnest(p.leads_to || p.item_id) FROM pins p)) LIMIT 5000) x) AS finished,
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT i.title, i.topics FROM known k JOIN leads i ON i.org_id = k.item_org AND i.item_id = k.item_id
			ORDER BY k.completed_at DESC, k.enrollment_id) x) AS known,
		(SELECT coalesce(json_agg(x), '[]') FROM (SELECT e.item_id, count(*)::int AS n FROM (
			SELECT e.item_id, e.membership_id FROM enrollments e WHERE e.org_id = $1 AND e.state = 'completed' AND e.completed_at > $3 ORDER BY e.completed_at DESC LIMIT 500) e
			WHERE e.membership_id <> $2 GROUP BY e.item_id ORDER BY n DESC, e.item_id LIMIT 100) x) AS others, m.*
		FROM (SELECT coalesce(sum(s.minutes) FILTER (WHERE s.formal), 0)::int AS formal, coalesce(sum(s.minutes) FILTER (WHERE NOT s.formal), 0)::int AS informal,
				coalesce(sum(s.minutes) FILTER (WHERE s.pull), 0)::int AS own_choice
			FROM statements s WHERE s.org_id = $1 AND s.membership_id = $2 AND `+within("s.at", b.Now.AddDate(0, 0, -30), b.Now)+`) m`,
		sc.Org, sc.Membership, b.Now.AddDate(0, 0, -90))
}

// within holds if column at is in the days from first to last. They stand in the statement, so that its plan, which is made once for
// a day, has their months of the activity stream and not all.
func within(at string, first, last time.Time) string {
	return at + ` >= '` + first.UTC().Format(time.DateOnly) + `' AND ` + at + ` < '` + last.UTC().AddDate(0, 0, 1).Format(time.DateOnly) + `'`
}

// HomeData reads what also queues in the same batch, for a page that shows other rooms too. It returns what the member is on, what is due, what is recommended and why, and the balance of the last 30 days.
func (s *Service) HomeData(ctx context.Context, also ...func(*db.Batch)) (HomeView, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return HomeView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return HomeView{}, err
	}
	var h homeReads
	var v HomeView
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		h.read(b, sc)
		for _, queue := range also {
			queue(b)
		}
	}); err != nil {
		return HomeView{}, err
	}
	var want []edition
	for _, g := range h.lists.Going {
		want = append(want, g.edition())
	}
	outlines, err := s.read(ctx, want...)
	if err != nil {
		return HomeView{}, err
	}
	for i := range h.lists.Going {
		h.lists.Going[i].Outline = outlines[h.lists.Going[i].edition()]
	}
	cards, err := s.cards(ctx, h.items, h.lists.Mine, append(h.lists.Near, sc.Org))
	if err != nil {
		return HomeView{}, err
	}
	orgs, err := s.tenants.ByIDs(ctx, h.orgIDs(sc.Org)...)
	if err != nil {
		return HomeView{}, err
	}
	// What was assigned and has not begun does not stand before what the viewer is learning.
	current := max(0, slices.IndexFunc(h.lists.Going, func(g going) bool { return !g.AtItem.IsZero() }))
	for i, g := range h.lists.Going {
		one := h.one(g, orgs)
		if i == current {
			v.Current = &one
			continue
		}
		v.Due = append(v.Due, one)
	}
	if v.Current != nil && v.Current.Due != nil {
		v.Due = append(v.Due, *v.Current)
	}
	slices.SortStableFunc(v.Due, func(a, b Going) int { return due(a).Compare(due(b)) })
	v.Recommended = v.recommend(&h, cards)
	v.Formal, v.Informal, v.OwnChoice = h.lists.Formal, h.lists.Informal, h.lists.OwnChoice
	for _, l := range h.lists.Mine {
		if l.State == "completed" {
			v.Finished++
		}
	}
	return v, nil
}

// due is when, or far away for what has no date.
func due(g Going) time.Time {
	if g.Due == nil {
		return time.Unix(1<<40, 0)
	}
	return *g.Due
}

func (h *homeReads) orgIDs(own id.Org) []id.Org {
	ids := []id.Org{own}
	for _, g := range h.lists.Going {
		if !slices.Contains(ids, g.OrgID) {
			ids = append(ids, g.OrgID)
		}
		for _, st := range g.Outline.Steps {
			if slices.Contains(h.lists.Sees, st.Item) && !slices.Contains(ids, st.Org) {
				ids = append(ids, st.Org)
			}
		}
	}
	return ids
}

func (h *homeReads) one(g going, orgs map[id.Org]tenants.Organization) Going {
	r := root{pinned: g.pinned, Sees: h.lists.Sees, Finished: h.lists.Finished}
	out := Going{
		Item: tenants.Item{OrgID: g.OrgID, ItemID: g.ItemID, Kind: g.Kind, Title: g.Title, Slug: g.Slug, Summary: g.Summary, Minutes: g.Minutes, Topics: g.Topics, Lang: g.Lang, Level: g.Level, Version: g.Version},
		Org:  orgs[g.OrgID], Stations: r.stations(orgs), Progress: r.progress(), Due: g.Due, AskedBy: g.AskedBy, Reason: g.Reason,
	}
	if at := r.here(out.Stations); at >= 0 {
		out.Stations[at].Now = true
		out.Next = &out.Stations[at]
		if g.AtItem != (id.Item{}) && g.AtPart != "" {
			out.At = r.partTitle(*out.Next)
		}
	}
	for i := range out.Stations {
		out.Orgs = share(out.Orgs, &out.Stations[i])
	}
	out.Left = left(out.Stations)
	return out
}

// partTitle is the title of the part where the viewer stopped, if that is in the station.
func (r *root) partTitle(st Station) string {
	lessons := r.Outline.Lessons()
	if s, ok := r.Outline.Step(st.Step); ok {
		lessons = s.Lessons
	}
	for _, l := range lessons {
		if l.Key != r.AtLesson {
			continue
		}
		for _, p := range l.Parts {
			if p.Key == r.AtPart {
				return p.Title
			}
		}
	}
	return ""
}

// recommend picks up to three items that the viewer is not on, each with a reason: it goes on from something that was finished
// (a shared topic), colleagues finished it within 90 days, or it is new within 60.
func (v *HomeView) recommend(h *homeReads, cards []Card) []Recommendation {
	var out []Recommendation
	for _, c := range cards {
		if c.State != "" {
			continue
		}
		r := Recommendation{Card: c}
		for _, o := range h.lists.Others {
			if o.Item == c.Item.ItemID {
				r.Why, r.Count = WhyColleagues, o.N
			}
		}
		for _, k := range h.lists.Known {
			if slices.ContainsFunc(c.Item.Topics, func(t string) bool { return slices.Contains(k.Topics, t) }) {
				r.Why, r.After = WhyTopic, k.Title
				break
			}
		}
		if r.Why == "" && c.Item.PublishedAt != nil && v.Now.Sub(*c.Item.PublishedAt) < 60*24*time.Hour {
			r.Why = WhyNew
		}
		if r.Why != "" {
			out = append(out, r)
		}
	}
	order := map[string]int{WhyTopic: 0, WhyColleagues: 1, WhyNew: 2}
	slices.SortStableFunc(out, func(a, b Recommendation) int {
		return cmp.Or(order[a.Why]-order[b.Why], b.Count-a.Count)
	})
	return out[:min(3, len(out))]
}
