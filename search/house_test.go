package search

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func newOrg(t testing.TB, d *db.DB) id.Org {
	t.Helper()
	org := id.New[id.Org]()
	slug := "o" + strings.ReplaceAll(org.String(), "-", "")
	if err := d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, $2, $3, 'Oo', '#066a5b', 178, 0.08)`, org, slug, "Org "+slug[len(slug)-6:])
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return org
}

func countOf(t testing.TB, d *db.DB, ctx context.Context, q string, args ...any) (n int) { //nolint:revive // t comes first in the house's tests.
	t.Helper()
	if err := d.Tx(ctx, func(tx *db.Tx) (err error) { n, err = db.Row[int](tx, q, args...); return err }); err != nil {
		t.Fatal(err)
	}
	return n
}

// house is an organization with things to find, and a service that finds them.
type house struct {
	d   *db.DB
	svc *Service
	org id.Org
}

// newService returns a service that asks the Meilisearch server of LEARNSCAPE_TEST_MEILI_URL, in an index of its own, or
// PostgreSQL if none is named: what a viewer is told must not depend on it.
func newService(t testing.TB, d *db.DB) *Service {
	t.Helper()
	s, err := New(Deps{
		DB: d, Tenants: tenants.New(d, "localhost"),
		MeiliURL: os.Getenv("LEARNSCAPE_TEST_MEILI_URL"), MeiliKey: os.Getenv("LEARNSCAPE_TEST_MEILI_KEY"), Prefix: "test_" + strings.ReplaceAll(id.New[id.Any]().String(), "-", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.remote != nil {
			if m, ok := s.remote.engine.(*Meili); ok {
				_, _ = m.client.DeleteIndex(m.index) // Not every test has written to it.
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newHouse(t testing.TB, d *db.DB, svc *Service) *house {
	t.Helper()
	return &house{d: d, svc: svc, org: newOrg(t, d)}
}

func (h *house) operator(t testing.TB) context.Context {
	t.Helper()
	return dbtest.System(t, scope.Operator, h.org)
}

func (h *house) member(t testing.TB) context.Context {
	t.Helper()
	return dbtest.As(t, h.org, id.New[id.Membership](), id.New[id.Person]())
}

func (h *house) tx(t testing.TB, fn func(*db.Tx) error) {
	t.Helper()
	if err := h.d.Tx(h.operator(t), fn); err != nil {
		t.Fatal(err)
	}
}

// collection makes one; visibility is internal, agreement or public.
func (h *house) collection(t testing.TB, slug, visibility string) id.Collection {
	t.Helper()
	var c tenants.Collection
	h.tx(t, func(tx *db.Tx) (err error) {
		c, err = tenants.PutCollection(tx, tenants.Collection{Slug: slug, Title: slug, Visibility: visibility})
		return err
	})
	return c.CollectionID
}

type lesson struct{ key, title, plain string }

// course publishes one with lessons into collections.
func (h *house) course(t testing.TB, title, summary string, lessons []lesson, collections ...string) tenants.Item {
	t.Helper()
	var it tenants.Item
	h.tx(t, func(tx *db.Tx) (err error) {
		if it, err = tenants.PutItem(tx, tenants.Item{Kind: tenants.KindCourse, Title: title, Summary: summary, Minutes: 30}); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) VALUES ($1, $2, 1, $3, $4, '{}', '\x00')`, h.org, it.ItemID, title, summary); err != nil {
			return err
		}
		for i, l := range lessons {
			if _, err := tx.Exec(`INSERT INTO lessons (org_id, item_id, version, key, position, title, minutes, source, blocks, plain) VALUES ($1, $2, 1, $3, $4, $5, 5, '', '[]', $6)`,
				h.org, it.ItemID, l.key, i, l.title, l.plain); err != nil {
				return err
			}
		}
		if err := tenants.PublishItem(tx, it.ItemID, 1, time.Time{}); err != nil {
			return err
		}
		return tenants.Collect(tx, it.ItemID, collections...)
	})
	h.index(t, it.ItemID)
	return it
}

func (h *house) story(t testing.TB, title, plain string, collections ...string) tenants.Item {
	t.Helper()
	var it tenants.Item
	h.tx(t, func(tx *db.Tx) (err error) {
		if it, err = tenants.PutItem(tx, tenants.Item{Kind: tenants.KindStory, Title: title, Minutes: 6}); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO stories (org_id, item_id, story_kind, source, blocks, plain) VALUES ($1, $2, 'article', '', '[]', $3)`, h.org, it.ItemID, plain); err != nil {
			return err
		}
		if err := tenants.PublishItem(tx, it.ItemID, 1, time.Time{}); err != nil {
			return err
		}
		return tenants.Collect(tx, it.ItemID, collections...)
	})
	h.index(t, it.ItemID)
	return it
}

func (h *house) index(t testing.TB, items ...id.Item) {
	t.Helper()
	if err := h.svc.indexItems(dbtest.System(t, scope.Indexer, h.org), items, h.svc.live()); err != nil {
		t.Fatal(err)
	}
}

func (h *house) open(t testing.TB, collection string, viewer *house) {
	t.Helper()
	h.tx(t, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: collection, Viewer: viewer.org, Agreement: id.New[id.Agreement](), Right: "adapt"})
	})
}

func (h *house) connect(t testing.TB, other *house) {
	t.Helper()
	h.tx(t, func(tx *db.Tx) error {
		_, err := tenants.Connect(tx, tenants.Connection{
			A: tenants.Side{Org: h.org, Relationship: "partner", Meet: "name"}, B: tenants.Side{Org: other.org, Relationship: "vendor", Meet: "name"}, State: "active", Since: tx.Now,
		})
		return err
	})
}

// question is asked by a member of the house about an item.
func (h *house) question(t testing.TB, about tenants.Item, audience, shownAs, title, body string) id.Item {
	t.Helper()
	q := id.New[id.Item]()
	h.tx(t, func(tx *db.Tx) error {
		m, err := tenants.AddMember(tx, tenants.NewMember{Name: "Ida Nord", Email: fmt.Sprintf("ida-%s@example.org", q)})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, title, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			h.org, q, m.MembershipID, about.OrgID, about.ItemID, audience, shownAs, title, body)
		return err
	})
	if err := h.svc.indexQuestions(dbtest.System(t, scope.Indexer, h.org), []id.Item{q}, h.svc.live()); err != nil {
		t.Fatal(err)
	}
	return q
}

func (h *house) refresh(t testing.TB) {
	t.Helper()
	if err := h.svc.RebuildLexicon(dbtest.System(t, scope.Indexer, id.Org{})); err != nil {
		t.Fatal(err)
	}
}

func (h *house) search(t testing.TB, q Query) Result {
	t.Helper()
	return find(t, h.svc, h.member(t), q)
}

func find(t testing.TB, svc *Service, ctx context.Context, q Query) Result { //nolint:revive // t comes first in the house's tests.
	t.Helper()
	r, err := svc.Search(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func visitor(t testing.TB) context.Context {
	t.Helper()
	return scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
}

func text(spans []Span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

func titlesOf(r Result) []string {
	out := []string{}
	for _, h := range r.Hits {
		out = append(out, text(h.Title))
	}
	return out
}
