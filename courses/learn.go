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

// The tabs of the library.
const (
	TabAll      = ""
	TabActive   = "active"
	TabFinished = "finished"
	TabOurs     = "ours" // what the own organization offers: its own, and what it took into its library
)

// LearnFilter narrows the library. Empty lists mean all.
type LearnFilter struct {
	Tab   string   // TabAll, TabActive, TabFinished or TabOurs
	Kinds []string // tenants.KindPath, tenants.KindCourse
	Orgs  []string // slugs of the owners
	Page  int      // from 0
}

// LearnView is the library as its page shows it.
type LearnView struct {
	Cards  []Card // of the page
	Found  int    // on all pages
	More   bool   // there is a next page
	Kinds  []Facet
	Orgs   []Facet
	Active int // how many the viewer is on
	Past   int // how many the viewer finished
	Ours   int // how many the own organization offers

	Visitor bool // nobody is signed in: public items only
	Keeps   bool // the viewer looks after the library
}

// Card is an item with who contributes to it and the viewer's own progress.
type Card struct {
	Item     tenants.Item
	Org      tenants.Organization
	Parts    []OrgShare
	State    string // "", active or completed
	Progress Progress
	Adopted  bool // the own organization took it into its library
	Due      *time.Time
	Asker    string // the name of who assigned it
	Reason   string // why
}

// Facet is a value to filter by, with how many cards have it.
type Facet struct {
	Value   string
	Org     tenants.Organization // of an organization's facet
	Count   int
	Checked bool
}

type learning struct {
	Item  id.Item `db:"item_id" json:"item_id"`
	Done  int     `db:"done" json:"done"`
	Total int     `db:"total" json:"total"`
	State string  `db:"state" json:"state"`
	Taken bool    `db:"taken" json:"taken"` // into the own library

	Due    *time.Time `db:"due_at" json:"due_at"`
	Asker  string     `db:"asker" json:"asker"`
	Reason string     `db:"reason" json:"reason"`
}

// library is how many of the newest items the library shows, beside those that the viewer is on; search finds the rest.
const library = 200

// shelf is how many of them stand on one page.
const shelf = 24

// pile is how many items of the library are of one kind, owner and state.
type pile struct {
	Kind  string `json:"kind"`
	Org   id.Org `json:"org_id"`
	State string `json:"state"`
	Ours  bool   `json:"ours"`
	N     int    `json:"n"`
}

// seenSQL is the library as seen: $1 organization, $2 membership, $3 visitor, $4 kinds of the library, $5 its size.
func seenSQL(visits string) string {
	return `WITH seen AS MATERIALIZED (
	SELECT l.org_id, l.item_id, l.kind, l.listed_at, coalesce(e.done, 0) AS done, coalesce(e.total, 0) AS total,
		CASE WHEN e.state IS NOT NULL THEN e.state WHEN p.version IS NOT NULL THEN 'active' ELSE '' END AS state, coalesce(l.org_id = $1, false) OR a.item_id IS NOT NULL AS ours, a.item_id IS NOT NULL AS taken,
		least(e.due_at, e.own_due_at) AS due_at, e.asked_by, coalesce(e.reason, '') AS reason
	FROM (
		(` + tenants.Newest("$1", "$4", "NULL", "NULL", "NULL", "$5") + `)
		UNION
		(SELECT i.org_id, i.item_id, i.kind, i.published_at FROM enrollments e JOIN items i ON i.org_id = e.item_org AND i.item_id = e.item_id AND i.state = 'published'
			WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state <> 'left' ORDER BY e.updated_at DESC, e.enrollment_id LIMIT $5)
		UNION
		(SELECT i.org_id, i.item_id, i.kind, i.published_at FROM adoptions a JOIN items i ON i.org_id = a.item_org AND i.item_id = a.item_id AND i.state = 'published'
			WHERE a.org_id = $1 ORDER BY a.adopted_at DESC, a.item_id LIMIT $5)) l
	LEFT JOIN adoptions a ON a.org_id = $1 AND a.item_org = l.org_id AND a.item_id = l.item_id
	LEFT JOIN enrollments e ON e.org_id = $1 AND e.membership_id = $2 AND e.item_org = l.org_id AND e.item_id = l.item_id AND e.state <> 'left'
	LEFT JOIN ` + visits + ` p ON p.visitor_id = $3 AND p.item_org = l.org_id AND p.item_id = l.item_id AND p.lesson_key = '')
`
}

const pilesSQL = `(SELECT coalesce(json_agg(x), '[]') FROM (SELECT s.kind, s.org_id, s.state, s.ours, count(*) AS n FROM seen s GROUP BY s.kind, s.org_id, s.state, s.ours) x)`

// shelfSQL reads the items of one page, the first with the library's piles: $6 state or NULL, $7 kinds or NULL, $8 owners' slugs or
// NULL, $9 offset, $10 limit, $11 whether what is merely open to the organization is left out. headSQL reads the piles where a page has nothing.
var (
	shelfSQL = forLearners(func(visits string) string {
		return seenSQL(visits) + `SELECT CASE WHEN c.place = 1 THEN ` + pilesSQL + ` END AS piles, CASE WHEN c.place = 1 THEN ` + nearSQL + ` END AS near, c.* FROM (
	SELECT ` + tenants.ItemColumns + `, g.done, g.total, g.state AS learning, g.taken, g.due_at, coalesce((SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = g.asked_by), '') AS asker, g.reason,
		row_number() OVER (ORDER BY g.rank, g.ours DESC, g.listed_at DESC, g.item_id) AS place FROM (
		SELECT s.*, CASE s.state WHEN 'active' THEN 1 WHEN '' THEN 2 ELSE 3 END AS rank FROM seen s
		WHERE ($6::text IS NULL OR s.state = $6) AND (s.ours OR NOT $11) AND ($7::text[] IS NULL OR s.kind = ANY($7)) AND ($8::text[] IS NULL OR s.org_id IN (SELECT o.org_id FROM organizations o WHERE o.slug = ANY($8)))
		ORDER BY rank, s.ours DESC, s.listed_at DESC, s.item_id OFFSET $9 LIMIT $10) g
	JOIN items i ON i.org_id = g.org_id AND i.item_id = g.item_id AND i.state = 'published') c ORDER BY c.place`
	})
	headSQL = forLearners(func(visits string) string {
		return seenSQL(visits) + `SELECT ` + pilesSQL + ` AS piles, ` + nearSQL + ` AS near`
	})
)

type libraryHead struct {
	Piles []pile   `db:"piles"`
	Near  []id.Org `db:"near"`
}

type shelved struct {
	libraryHead
	tenants.Item

	Done     int        `db:"done"`
	Total    int        `db:"total"`
	Learning string     `db:"learning"`
	Taken    bool       `db:"taken"`
	Due      *time.Time `db:"due_at"`
	Asker    string     `db:"asker"`
	Reason   string     `db:"reason"`
	Place    int        `db:"place"` // on the page, from 1
}

// Learn returns the paths and courses that the viewer may see: those they are on first, then what their organization offers, then
// what is open to it beyond that, the newest first in each. Visitors see public ones.
func (s *Service) Learn(ctx context.Context, f LearnFilter) (LearnView, error) {
	if err := authz.Check(ctx, authz.ListItems, id.Org{}); err != nil {
		return LearnView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LearnView{}, err
	}
	if len(f.Kinds) == 0 {
		f.Kinds = nil
	}
	if len(f.Orgs) == 0 {
		f.Orgs = nil
	}
	from := max(f.Page, 0) * shelf
	of := []any{sc.Org, sc.Membership, sc.Visitor, []string{tenants.KindPath, tenants.KindCourse}, library}
	var rows []shelved
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, shelfSQL.of(sc), append(of, f.state(), f.Kinds, f.Orgs, from, shelf, f.Tab == TabOurs)...)
	}); err != nil {
		return LearnView{}, err
	}
	var head libraryHead
	if len(rows) > 0 {
		head = rows[0].libraryHead
	} else if err := s.db.Read(ctx, func(b *db.Batch) { db.One(b, &head, nil, headSQL.of(sc), of...) }); err != nil {
		return LearnView{}, err
	}
	items, mine := make([]tenants.Item, len(rows)), make([]learning, len(rows))
	for i, r := range rows {
		items[i], mine[i] = r.Item, learning{Item: r.ItemID, Done: r.Done, Total: r.Total, State: r.Learning, Taken: r.Taken, Due: r.Due, Asker: r.Asker, Reason: r.Reason}
	}
	var owners []id.Org
	for _, p := range head.Piles {
		owners = append(owners, p.Org)
	}
	orgs, err := s.tenants.ByIDs(ctx, owners...)
	if err != nil {
		return LearnView{}, err
	}
	v := f.count(head.Piles, orgs)
	v.Visitor, v.More, v.Keeps = !sc.SignedIn(), v.Found > from+shelf, authz.Allowed(sc, authz.Adopt, id.Org{})
	v.Cards, err = s.cards(ctx, items, mine, append(head.Near, sc.Org))
	return v, err
}

// state is the state that the tab shows; nil for all.
func (f LearnFilter) state() *string {
	if s, ok := map[string]string{TabActive: "active", TabFinished: "completed"}[f.Tab]; ok {
		return &s
	}
	return nil
}

// nearSQL is the organizations that the viewer's, $1, is connected to.
const nearSQL = `ARRAY(SELECT c.other_org FROM connection_sides c WHERE c.org_id = $1 AND c.state = 'active' ORDER BY c.other_org LIMIT 1000)`

// cards names, beside its owner, only those contributors of an item that are among near: with whom its owner works is not
// public.
func (s *Service) cards(ctx context.Context, items []tenants.Item, mine []learning, near []id.Org) ([]Card, error) {
	var ids []id.Org
	for _, it := range items {
		ids = append(ids, it.OrgID)
		for _, p := range it.Parts {
			ids = append(ids, p.Org)
		}
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]Card, len(items))
	for i, it := range items {
		out[i] = Card{Item: it, Org: orgs[it.OrgID]}
		for _, p := range it.Parts {
			if p.Org == it.OrgID || slices.Contains(near, p.Org) {
				out[i].Parts = append(out[i].Parts, OrgShare{Org: orgs[p.Org], N: p.N})
			}
		}
		for _, l := range mine {
			if l.Item == it.ItemID {
				out[i].State, out[i].Progress, out[i].Adopted, out[i].Due, out[i].Asker, out[i].Reason = l.State, Progress{l.Done, l.Total}, l.Taken, l.Due, l.Asker, l.Reason
			}
		}
	}
	return out, nil
}

// count makes the figures of the library from its piles. A facet counts what the other filters leave.
func (f LearnFilter) count(piles []pile, orgs map[id.Org]tenants.Organization) LearnView {
	var v LearnView
	for _, k := range []string{tenants.KindPath, tenants.KindCourse} {
		v.Kinds = append(v.Kinds, Facet{Value: k, Checked: slices.Contains(f.Kinds, k)})
	}
	tab := f.state()
	for _, p := range piles {
		switch p.State {
		case "active":
			v.Active += p.N
		case "completed":
			v.Past += p.N
		}
		if p.Ours {
			v.Ours += p.N
		}
		if tab != nil && p.State != *tab || f.Tab == TabOurs && !p.Ours {
			continue
		}
		o := orgs[p.Org]
		kind := len(f.Kinds) == 0 || slices.Contains(f.Kinds, p.Kind)
		org := len(f.Orgs) == 0 || slices.Contains(f.Orgs, o.Slug)
		if org {
			v.Kinds[slices.IndexFunc(v.Kinds, func(x Facet) bool { return x.Value == p.Kind })].Count += p.N
		}
		i := slices.IndexFunc(v.Orgs, func(x Facet) bool { return x.Value == o.Slug })
		if i < 0 {
			v.Orgs, i = append(v.Orgs, Facet{Value: o.Slug, Org: o, Checked: slices.Contains(f.Orgs, o.Slug)}), len(v.Orgs)
		}
		if kind {
			v.Orgs[i].Count += p.N
		}
		if kind && org {
			v.Found += p.N
		}
	}
	slices.SortFunc(v.Orgs, func(a, b Facet) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Org.Name, b.Org.Name))
	})
	return v
}
