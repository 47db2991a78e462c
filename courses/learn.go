package courses

import (
	"cmp"
	"context"
	"slices"

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
)

// LearnFilter narrows the library. Empty lists mean all.
type LearnFilter struct {
	Tab   string   // TabAll, TabActive or TabFinished
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

	Visitor bool // nobody is signed in: public items only
}

// Card is an item with who contributes to it and the viewer's own progress.
type Card struct {
	Item     tenants.Item
	Org      tenants.Organization
	Parts    []OrgShare
	State    string // "", active or completed
	Progress Progress
}

// Facet is a value to filter by, with how many cards have it.
type Facet struct {
	Value   string
	Org     tenants.Organization // of an organization's facet
	Count   int
	Checked bool
}

type learning struct {
	Item  id.Item `db:"item_id"`
	Done  int     `db:"done"`
	Total int     `db:"total"`
	State string  `db:"state"`
}

// library is how many items the library shows at most; search finds the rest.
const library = 200

// shelf is how many of them stand on one page.
const shelf = 24

// Learn returns the paths and courses that the viewer may see, those they are on first, then the newest. Visitors see public
// ones.
func (s *Service) Learn(ctx context.Context, f LearnFilter) (LearnView, error) {
	if err := authz.Check(ctx, authz.ListItems, id.Org{}); err != nil {
		return LearnView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LearnView{}, err
	}
	var items []tenants.Item
	var mine []learning
	var near []id.Org
	if err := s.db.Read(ctx, func(b *db.Batch) {
		tenants.Visible(b, &items, sc, tenants.ListFilter{Kinds: []string{tenants.KindPath, tenants.KindCourse}, Limit: library})
		readLearning(b, &mine, sc)
		readNear(b, &near, sc)
	}); err != nil {
		return LearnView{}, err
	}
	cards, err := s.cards(ctx, items, mine, append(near, sc.Org))
	if err != nil {
		return LearnView{}, err
	}
	v := sift(cards, f)
	v.Found = len(v.Cards)
	from := min(max(f.Page, 0)*shelf, len(v.Cards))
	v.More = len(v.Cards) > from+shelf
	v.Cards = v.Cards[from:min(from+shelf, len(v.Cards))]
	v.Visitor = !sc.SignedIn()
	return v, nil
}

func readLearning(b *db.Batch, dest *[]learning, sc scope.Scope) {
	if sc.SignedIn() {
		db.List(b, dest, `SELECT e.item_id, e.done, e.total, e.state FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state <> 'left'
			ORDER BY e.updated_at DESC, e.enrollment_id LIMIT 500`, sc.Org, sc.Membership)
		return
	}
	db.List(b, dest, `SELECT p.item_id, 0 AS done, 0 AS total, 'active' AS state FROM visitor_progress p WHERE p.visitor_id = $1 AND p.lesson_key = '' ORDER BY p.at DESC, p.item_id LIMIT 500`, sc.Visitor)
}

// readNear queues the organizations that the viewer's is connected to.
func readNear(b *db.Batch, dest *[]id.Org, sc scope.Scope) {
	if sc.SignedIn() {
		db.List(b, dest, `SELECT c.other_org FROM connection_sides c WHERE c.org_id = $1 AND c.state = 'active' ORDER BY c.other_org LIMIT 1000`, sc.Org)
	}
}

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
	slices.SortFunc(ids, func(a, b id.Org) int { return cmp.Compare(a.String(), b.String()) })
	orgs, err := s.tenants.ByIDs(ctx, slices.Compact(ids)...)
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
				out[i].State, out[i].Progress = l.State, Progress{l.Done, l.Total}
			}
		}
	}
	return out, nil
}

// sift counts and filters. A facet counts what the other filters leave.
func sift(cards []Card, f LearnFilter) LearnView {
	var v LearnView
	for _, k := range []string{tenants.KindPath, tenants.KindCourse} {
		v.Kinds = append(v.Kinds, Facet{Value: k, Checked: slices.Contains(f.Kinds, k)})
	}
	tab := map[string]string{TabActive: "active", TabFinished: "completed"}[f.Tab]
	for _, c := range cards {
		switch c.State {
		case "active":
			v.Active++
		case "completed":
			v.Past++
		}
		if tab != "" && c.State != tab {
			continue
		}
		kind := len(f.Kinds) == 0 || slices.Contains(f.Kinds, c.Item.Kind)
		org := len(f.Orgs) == 0 || slices.Contains(f.Orgs, c.Org.Slug)
		if org {
			v.Kinds[slices.IndexFunc(v.Kinds, func(x Facet) bool { return x.Value == c.Item.Kind })].Count++
		}
		v.Orgs = facet(v.Orgs, c.Org, kind, slices.Contains(f.Orgs, c.Org.Slug))
		if kind && org {
			v.Cards = append(v.Cards, c)
		}
	}
	slices.SortStableFunc(v.Orgs, func(a, b Facet) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Org.Name, b.Org.Name))
	})
	order := map[string]int{"active": 0, "": 1, "completed": 2}
	slices.SortStableFunc(v.Cards, func(a, b Card) int { return order[a.State] - order[b.State] })
	return v
}

func facet(list []Facet, o tenants.Organization, count, checked bool) []Facet {
	i := slices.IndexFunc(list, func(f Facet) bool { return f.Value == o.Slug })
	if i < 0 {
		list, i = append(list, Facet{Value: o.Slug, Org: o, Checked: checked}), len(list)
	}
	if count {
		list[i].Count++
	}
	return list
}
