package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// thing is a published item, as those who make the year need it.
type thing struct {
	Org       string // slug of the owner
	OrgID     id.Org
	ID        id.Item
	Kind      string
	Slug      string
	Title     string
	Minutes   int
	Version   int
	Published time.Time
	editions  []edition // of courses and paths, by version
}

// ref is how the files call it.
func (t *thing) ref() string { return t.Org + "/" + t.Slug }

// edition is a version of a course or path.
type edition struct {
	version   int
	published time.Time
	outline   courses.Outline
}

// edition returns the one in force at a time.
func (t *thing) edition(at time.Time) edition {
	out := t.editions[0]
	for _, e := range t.editions {
		if !e.published.After(at) {
			out = e
		}
	}
	return out
}

// has reports whether the version in force has a lesson or step with the key.
func (t *thing) has(key string) bool {
	if len(t.editions) == 0 {
		return false
	}
	o := t.editions[len(t.editions)-1].outline
	_, ok := o.Step(key)
	for _, l := range o.Lessons() {
		ok = ok || l.Key == key
	}
	return ok
}

// leaf is a courses.Leaf with what a statement about it says.
type leaf struct {
	courses.Leaf
	owner     id.Org
	kind      string // of the item
	version   int
	minutes   int
	step      string
	questions []markdown.Question
}

// catalog is everything that was published.
type catalog struct {
	things    []*thing // by owner, kind and slug
	byRef     map[string]*thing
	byID      map[id.Item]*thing
	questions map[courses.Leaf][]markdown.Question
	visible   map[string]map[id.Item]bool // by viewer's slug
	public    map[id.Item]bool
}

type itemRow struct {
	ID        id.Item   `db:"item_id"`
	Kind      string    `db:"kind"`
	Slug      string    `db:"slug"`
	Title     string    `db:"title"`
	Minutes   int       `db:"minutes"`
	Version   int       `db:"version"`
	Published time.Time `db:"published_at"`
}

type editionRow struct {
	ID        id.Item         `db:"item_id"`
	Version   int             `db:"version"`
	Published time.Time       `db:"published_at"`
	Outline   courses.Outline `db:"outline"`
}

type quizRow struct {
	ID        id.Item             `db:"item_id"`
	Key       string              `db:"key"`
	Questions []markdown.Question `db:"questions"`
}

// readCatalog reads what was published, house by house.
func (s *seeder) readCatalog(ctx context.Context) (*catalog, error) {
	c := &catalog{byRef: map[string]*thing{}, byID: map[id.Item]*thing{}, questions: map[courses.Leaf][]markdown.Question{}, visible: map[string]map[id.Item]bool{}, public: map[id.Item]bool{}}
	type house struct {
		items    []itemRow
		editions []editionRow
		quizzes  []quizRow
		visible  []id.Item
		public   []id.Item
	}
	houses := map[string]*house{}
	var mu sync.Mutex
	if err := each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		h := &house{}
		err := s.d.DB.Read(as(ctx, o.Slug), func(b *db.Batch) {
			db.List(b, &h.items, `SELECT item_id, kind, slug, title, minutes, version, published_at FROM items WHERE org_id = $1 AND state = 'published' ORDER BY kind, slug`, orgID(o.Slug))
			db.List(b, &h.editions, `SELECT item_id, version, published_at, outline FROM versions WHERE org_id = $1 ORDER BY item_id, version`, orgID(o.Slug))
			db.List(b, &h.quizzes, `SELECT l.item_id, l.key, jsonb_path_query_array(l.blocks, '$[*].questions[*]') AS questions FROM lessons l
				JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id AND i.version = l.version
				WHERE l.org_id = $1 AND l.blocks @? '$[*].questions[*]' ORDER BY l.item_id, l.key`, orgID(o.Slug))
			db.List(b, &h.visible, `SELECT DISTINCT ci.item_id FROM grants g JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id
				WHERE g.viewer_org IN ($1, everyone()) UNION SELECT i.item_id FROM items i WHERE i.org_id = $1`, orgID(o.Slug))
			db.List(b, &h.public, `SELECT DISTINCT ci.item_id FROM grants g JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id
				WHERE g.org_id = $1 AND g.viewer_org = everyone()`, orgID(o.Slug))
		})
		mu.Lock()
		houses[o.Slug] = h
		mu.Unlock()
		return err
	}); err != nil {
		return nil, fmt.Errorf("read what was published: %w", err)
	}
	for _, o := range s.w.Organizations {
		h := houses[o.Slug]
		for _, r := range h.items {
			t := &thing{Org: o.Slug, OrgID: orgID(o.Slug), ID: r.ID, Kind: r.Kind, Slug: r.Slug, Title: r.Title, Minutes: r.Minutes, Version: r.Version, Published: r.Published}
			c.things = append(c.things, t)
			c.byID[r.ID] = t
			// Files name items without their kind; what is learned comes before what is read.
			if old := c.byRef[t.ref()]; old == nil || t.Kind == tenants.KindPath || (t.Kind == tenants.KindCourse && old.Kind != tenants.KindPath) {
				c.byRef[t.ref()] = t
			}
		}
		for _, e := range h.editions {
			t := c.byID[e.ID]
			t.editions = append(t.editions, edition{e.Version, e.Published, e.Outline})
		}
		for _, q := range h.quizzes {
			c.questions[courses.Leaf{Item: q.ID, Lesson: q.Key}] = q.Questions
		}
		seen := map[id.Item]bool{}
		for _, i := range h.visible {
			seen[i] = true
		}
		c.visible[o.Slug] = seen
		for _, i := range h.public {
			c.public[i] = true
		}
	}
	return c, nil
}

// leaves lists what somebody of the house has to finish for an edition of t, in order.
func (c *catalog) leaves(t *thing, e edition, house string) []leaf {
	required := e.outline.Required(t.ID, func(i id.Item) bool { return c.visible[house][i] }).Way()
	out := make([]leaf, 0, len(required))
	for _, l := range required {
		out = append(out, c.leaf(t, e, l))
	}
	return out
}

func (c *catalog) leaf(t *thing, e edition, l courses.Leaf) leaf {
	out := leaf{Leaf: l, owner: t.OrgID, kind: t.Kind, version: e.version, questions: c.questions[l]}
	for _, ref := range e.outline.Lessons() {
		if ref.Key == l.Lesson {
			out.minutes = ref.Minutes
		}
	}
	for _, st := range e.outline.Steps {
		if st.Item != l.Item {
			continue
		}
		if st.Kind == courses.StepLesson && st.Key == l.Lesson {
			out.step, out.minutes = st.Key, st.Minutes
		}
		if st.Kind != courses.StepLesson {
			out.step, out.owner, out.kind, out.version = st.Key, st.Org, st.Kind, st.Version
			if len(st.Lessons) == 0 {
				out.minutes = st.Minutes
			}
			for _, ref := range st.Lessons {
				if ref.Key == l.Lesson {
					out.minutes = ref.Minutes
				}
			}
		}
	}
	if out.version == 0 {
		out.version = 1 // Stories have no pinned version.
	}
	return out
}

// find returns what the files call ref, which may name a lesson behind #.
func (c *catalog) find(ref string) (*thing, error) {
	ref, _, _ = strings.Cut(ref, "#")
	if t := c.byRef[ref]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%s is not published", ref)
}
