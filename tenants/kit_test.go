package tenants_test

import (
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

const base = "localhost:8080"

// house is an organization of the test's own.
type house struct {
	t      *testing.T
	d      *db.DB
	svc    *tenants.Service
	org    tenants.Organization
	viewer scope.Scope // a learner of it
}

// unique is a word that no other test uses.
func unique() string { return strings.ReplaceAll(id.New[id.Any]().String()[19:], "-", "") }

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	h := &house{t: t, d: d, svc: tenants.New(d, base)}
	org := id.New[id.Org]()
	var err error
	h.org, err = h.svc.CreateOrganization(dbtest.System(t, scope.Operator, org), tenants.NewOrganization{
		OrgID: org, Slug: "h" + unique(), Name: "House", Short: "H", Color: "#123456", Locale: "en", SignIn: "email",
	})
	if err != nil {
		t.Fatal(err)
	}
	h.viewer = scope.Scope{Actor: scope.Member, Org: org, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner}}
	return h
}

// as runs fn for the organization.
func (h *house) as(fn func(*db.Tx) error) error {
	return h.d.Tx(dbtest.System(h.t, scope.Operator, h.org.OrgID), fn)
}

func (h *house) must(fn func(*db.Tx) error) {
	h.t.Helper()
	if err := h.as(fn); err != nil {
		h.t.Fatal(err)
	}
}

// item makes an item of the kind, published at the time if it is not zero.
func (h *house) item(kind, title string, published time.Time) tenants.Item {
	h.t.Helper()
	var it tenants.Item
	h.must(func(tx *db.Tx) (err error) {
		if it, err = tenants.PutItem(tx, tenants.Item{Kind: kind, Title: title}); err != nil || published.IsZero() {
			return err
		}
		return tenants.PublishItem(tx, it.ItemID, 1, published)
	})
	return it
}

func (h *house) collection(slug, visibility string, items ...tenants.Item) tenants.Collection {
	h.t.Helper()
	var c tenants.Collection
	h.must(func(tx *db.Tx) (err error) {
		if c, err = tenants.PutCollection(tx, tenants.Collection{Slug: slug, Title: slug, Visibility: visibility}); err != nil {
			return err
		}
		for _, it := range items {
			if err := tenants.Collect(tx, it.ItemID, slug); err != nil {
				return err
			}
		}
		return nil
	})
	return c
}

func (h *house) open(slug string, to *house) {
	h.t.Helper()
	h.must(func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: slug, Viewer: to.org.OrgID, Right: "use"})
	})
}

// list is what the viewer's list shows of the owners, by title.
func list(t *testing.T, d *db.DB, viewer scope.Scope, f tenants.ListFilter) []string {
	t.Helper()
	var items []tenants.Item
	if err := d.ReadAs(t.Context(), viewer, func(b *db.Batch) { tenants.Visible(b, &items, viewer, f) }); err != nil {
		t.Fatal(err)
	}
	titles := []string{}
	for _, it := range items {
		titles = append(titles, it.Title)
	}
	return titles
}

// sees reports whether the viewer sees the item, and that the three ways to ask agree.
func sees(t *testing.T, d *db.DB, viewer scope.Scope, it tenants.Item) bool {
	t.Helper()
	var one tenants.Item
	var found bool
	var several []tenants.Item
	var inTx bool
	if err := d.ReadAs(t.Context(), viewer, func(b *db.Batch) {
		tenants.SeenItem(b, &one, &found, viewer, it.ItemID)
		tenants.SeeItems(b, &several, viewer, []id.Item{it.ItemID})
	}); err != nil {
		t.Fatal(err)
	}
	_ = d.Tx(scope.Enter(t.Context(), viewer), func(tx *db.Tx) error {
		_, err := tenants.SeeItem(tx, it.ItemID)
		inTx = err == nil
		return nil
	})
	if found != (len(several) == 1) || found != inTx {
		t.Errorf("SeenItem %v, SeeItems %v, SeeItem %v", found, len(several) == 1, inTx)
	}
	return found
}

var (
	visitor = scope.Scope{Actor: scope.Visitor}
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)
