package tenants_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func TestSlugify(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Cold chain basics":               "cold-chain-basics",
		"Größe & Maß":                     "grosse-mass",
		"  Überwachung   der Kühlkette! ": "uberwachung-der-kuhlkette",
		"Čaj, café, naïve":                "caj-cafe-naive",
		"第一课":                             "第一课",
		"!!!":                             "item",
		"":                                "item",
		"a--b":                            "a-b",
		"ﬁne":                             "fine",
	} {
		if got := tenants.Slugify(in); got != want {
			t.Errorf("Slugify(%q) = %q, want %q", in, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("word ", 100), strings.Repeat("第", 200), strings.Repeat("é", 200)} {
		got := tenants.Slugify(long)
		if len(got) > 84 || !utf8.ValidString(got) || strings.HasSuffix(got, "-") {
			t.Errorf("Slugify of a long title is %d bytes: %q", len(got), got)
		}
	}
}

func TestPutItemKeepsWhatIsPublished(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.Open(t))
	it := h.item(tenants.KindPath, "First", noon)
	h.must(func(tx *db.Tx) error {
		again, err := tenants.PutItem(tx, tenants.Item{Kind: tenants.KindPath, Title: "Renamed", Slug: "first", Minutes: 9})
		if err != nil {
			return err
		}
		if again.ItemID != it.ItemID || again.Title != "Renamed" || again.State != "published" || again.Version != 1 || !again.PublishedAt.Equal(noon) {
			t.Errorf("after a second PutItem: %+v", again)
		}
		return tenants.PublishItem(tx, it.ItemID, 2, time.Time{})
	})
	h.must(func(tx *db.Tx) error {
		got, err := tenants.SeeItem(tx, it.ItemID)
		if err != nil || got.Version != 2 || !got.PublishedAt.Equal(noon) {
			t.Errorf("version 2: %+v, %v", got, err)
		}
		return nil
	})
}

func TestForeignThingsCannotBeTouched(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	a, b := newHouse(t, d), newHouse(t, d)
	foreign := b.item(tenants.KindCourse, "Theirs", noon)
	b.collection("theirs", "public", foreign)
	mine := a.item(tenants.KindCourse, "Mine", noon)
	a.collection("mine", "public")
	for name, fn := range map[string]func(*db.Tx) error{
		"collect a foreign item":               func(tx *db.Tx) error { return tenants.Collect(tx, foreign.ItemID, "mine") },
		"collect into a foreign collection":    func(tx *db.Tx) error { return tenants.Collect(tx, mine.ItemID, "theirs") },
		"collect into one that does not exist": func(tx *db.Tx) error { return tenants.Collect(tx, mine.ItemID, "mine", "missing") },
		"publish a foreign item":               func(tx *db.Tx) error { return tenants.PublishItem(tx, foreign.ItemID, 9, noon) },
		"open a foreign collection": func(tx *db.Tx) error {
			return tenants.Open(tx, tenants.Grant{Collection: "theirs", Viewer: a.org.OrgID, Right: "use"})
		},
		"close a foreign collection": func(tx *db.Tx) error { return tenants.Close(tx, "theirs", a.org.OrgID) },
		"take over an id": func(tx *db.Tx) error {
			_, err := tenants.PutItem(tx, tenants.Item{ItemID: foreign.ItemID, Kind: tenants.KindCourse, Title: "Stolen", Slug: "stolen"})
			if errs.Is(err, errs.Conflict) || strings.Contains(fmt.Sprint(err), "items_id") {
				return errs.New(errs.NotFound, "refused: %w", err)
			}
			return err
		},
	} {
		if err := a.as(fn); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A refused Collect leaves nothing behind, not even the part that could be done.
	if got := list(t, d, visitor, tenants.ListFilter{Owners: []id.Org{a.org.OrgID}}); len(got) != 0 {
		t.Errorf("a visitor sees %v", got)
	}
	b.must(func(tx *db.Tx) error {
		got, err := tenants.SeeItem(tx, foreign.ItemID)
		if err != nil || got.Title != "Theirs" || got.Version != 1 {
			t.Errorf("the foreign item is %+v, %v", got, err)
		}
		return nil
	})
}

func TestOpenAndCloseTakeHoldAtOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	vendor, partner, rival := newHouse(t, d), newHouse(t, d), newHouse(t, d)
	it, draft := vendor.item(tenants.KindCourse, "Course", noon), vendor.item(tenants.KindCourse, "Draft", time.Time{})
	vendor.collection("enablement", "agreement", it, draft)
	check := func(when string, byPartner, byRival, byVisitor bool) {
		t.Helper()
		for who, tt := range map[string]struct {
			viewer scope.Scope
			want   bool
		}{"partner": {partner.viewer, byPartner}, "rival": {rival.viewer, byRival}, "visitor": {visitor, byVisitor}, "vendor": {vendor.viewer, true}} {
			if got := sees(t, d, tt.viewer, it); got != tt.want {
				t.Errorf("%s: %s sees the item: %v", when, who, got)
			}
			listed := len(list(t, d, tt.viewer, tenants.ListFilter{Owners: []id.Org{vendor.org.OrgID}})) == 1
			if listed != tt.want {
				t.Errorf("%s: %s has it in the list: %v", when, who, listed)
			}
			if who != "vendor" && sees(t, d, tt.viewer, draft) {
				t.Errorf("%s: %s sees the draft", when, who)
			}
		}
	}
	check("before", false, false, false)
	vendor.open("enablement", partner)
	check("opened to the partner", true, false, false)
	vendor.open("enablement", partner)
	vendor.must(func(tx *db.Tx) error { return tenants.Close(tx, "enablement", partner.org.OrgID) })
	check("closed", false, false, false)
	vendor.collection("enablement", "public")
	check("public", true, true, true)
	vendor.collection("enablement", "agreement")
	check("not public any more", false, false, false)
	vendor.must(func(tx *db.Tx) error {
		past := tx.Now.Add(-time.Second)
		return tenants.Open(tx, tenants.Grant{Collection: "enablement", Viewer: partner.org.OrgID, Right: "use", Until: &past})
	})
	check("opened until yesterday", false, false, false)
	vendor.open("enablement", partner)
	vendor.open("enablement", rival)
	vendor.must(func(tx *db.Tx) error {
		return tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1 AND item_id = $2`, vendor.org.OrgID, it.ItemID)
	})
	if sees(t, d, partner.viewer, it) {
		t.Error("a retired item is seen by the partner")
	}
}

// Whoever makes a collection internal expects that nobody outside reads it any more.
func TestInternalCollectionIsInternal(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	vendor, partner := newHouse(t, d), newHouse(t, d)
	it := vendor.item(tenants.KindCourse, "Course", noon)
	vendor.collection("c", "agreement", it)
	vendor.open("c", partner)
	vendor.collection("c", "internal")
	if sees(t, d, partner.viewer, it) {
		t.Error("the collection was made internal, and the partner still sees its item")
	}
	if err := vendor.as(func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "c", Viewer: partner.org.OrgID, Right: "use"})
	}); err == nil {
		t.Error("an internal collection was opened")
	}
}

func TestDisconnectClosesBothDirections(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	a, b, c := newHouse(t, d), newHouse(t, d), newHouse(t, d)
	join := func(x, y *house) error {
		return x.as(func(tx *db.Tx) error {
			_, err := tenants.Connect(tx, tenants.Connection{
				A: tenants.Side{Org: x.org.OrgID, Relationship: "partner", Meet: "name"}, B: tenants.Side{Org: y.org.OrgID, Relationship: "vendor", Meet: "company"},
				State: "active", Since: noon, Title: "Terms", Terms: map[string]string{"v": "1"},
			})
			return err
		})
	}
	for _, pair := range [][2]*house{{a, b}, {b, c}} {
		if err := join(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	items := map[*house]tenants.Item{}
	for _, h := range []*house{a, b, c} {
		items[h] = h.item(tenants.KindStory, "Story", noon)
		h.collection("shared", "agreement", items[h])
	}
	a.open("shared", b)
	b.open("shared", a)
	b.open("shared", c)
	neighbours := func(h *house) (out []string) {
		var ns []tenants.Neighbour
		if err := d.ReadAs(t.Context(), h.viewer, func(batch *db.Batch) { tenants.Neighbours(batch, &ns, h.viewer) }); err != nil {
			t.Fatal(err)
		}
		for _, n := range ns {
			out = append(out, n.Slug+" "+n.Relationship+" "+n.Meet)
		}
		return out
	}
	if diff := cmp.Diff([]string{b.org.Slug + " partner company"}, neighbours(a)); diff != "" {
		t.Errorf("a's neighbours (-want +got): %s", diff)
	}
	if diff := cmp.Diff([]string{b.org.Slug + " vendor name"}, neighbours(c)); diff != "" {
		t.Errorf("c's neighbours, which must not name a (-want +got): %s", diff)
	}
	if !sees(t, d, a.viewer, items[b]) || !sees(t, d, b.viewer, items[a]) {
		t.Error("connected and opened, but not seen")
	}
	// The side that did not begin the connection ends it.
	if err := b.svc.End(b.network(), a.org.OrgID, true); err != nil {
		t.Fatal(err)
	}
	if sees(t, d, a.viewer, items[b]) || sees(t, d, b.viewer, items[a]) {
		t.Error("disconnected, but still seen")
	}
	if !sees(t, d, c.viewer, items[b]) {
		t.Error("ending one connection closed another")
	}
	if n := neighbours(a); len(n) != 0 {
		t.Errorf("a's neighbours after the end: %v", n)
	}
	if err := a.svc.End(a.network(), c.org.OrgID, true); !errs.Is(err, errs.Conflict) {
		t.Errorf("end what never began: %v", err)
	}
	// Two organizations that parted may come together again.
	if err := join(a, b); err != nil {
		t.Errorf("connect again after the end: %v", err)
	}
}

func TestRight(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	vendor, partner, rival := newHouse(t, d), newHouse(t, d), newHouse(t, d)
	it := vendor.item(tenants.KindPath, "Path", noon)
	vendor.collection("a", "agreement", it)
	vendor.collection("p", "public", it)
	vendor.must(func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "a", Viewer: partner.org.OrgID, Right: "adapt"})
	})
	it.OrgID = vendor.org.OrgID
	for name, tt := range map[string]struct {
		viewer scope.Scope
		want   string
	}{"owner": {vendor.viewer, "own"}, "partner": {partner.viewer, "adapt"}, "anybody": {rival.viewer, "read"}, "visitor": {visitor, "read"}} {
		var got string
		if err := d.ReadAs(t.Context(), tt.viewer, func(b *db.Batch) { tenants.Right(b, &got, tt.viewer, it) }); err != nil || got != tt.want {
			t.Errorf("%s: Right = %q, %v; want %q", name, got, err, tt.want)
		}
	}
}

// pages reads the whole list in pages, as the next page's link does, and returns the titles in order.
func pages(t *testing.T, d *db.DB, viewer scope.Scope, owner id.Org, limit int) []string {
	t.Helper()
	var titles []string
	f := tenants.ListFilter{Owners: []id.Org{owner}, Limit: limit}
	for range 20 {
		var items []tenants.Item
		if err := d.ReadAs(t.Context(), viewer, func(b *db.Batch) { tenants.Visible(b, &items, viewer, f) }); err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			titles = append(titles, it.Title)
		}
		if len(items) < limit {
			return titles
		}
		f.After = &items[len(items)-1]
	}
	t.Fatal("the list does not end")
	return nil
}

func TestVisiblePages(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for _, tt := range []struct {
		name string
		fill func(vendor *house) []string // returns what must be listed, newest first
	}{
		{"in two collections each, once", func(v *house) (want []string) {
			var items []tenants.Item
			for i := range 12 {
				want = append(want, fmt.Sprintf("Item %02d", i))
				items = append(items, v.item(tenants.KindCourse, want[i], noon.Add(-time.Duration(i)*time.Hour)))
			}
			v.collection("one", "public", items...)
			v.collection("two", "public", items...)
			return want
		}},
		{"collected long before they were published", func(v *house) (want []string) {
			var items []tenants.Item
			for i := range 12 {
				want = append(want, fmt.Sprintf("Item %02d", i))
				items = append(items, v.item(tenants.KindCourse, want[i], time.Time{}))
			}
			v.collection("one", "public", items...)
			for i := range items {
				v.must(func(tx *db.Tx) error {
					// In the collection's order the oldest is the newest.
					return tenants.PublishItem(tx, items[i].ItemID, 1, noon.Add(-time.Duration(i)*time.Hour))
				})
			}
			return want
		}},
		{"among drafts that are newer", func(v *house) (want []string) {
			var items []tenants.Item
			for i := range 6 {
				want = append(want, fmt.Sprintf("Item %02d", i))
				items = append(items, v.item(tenants.KindCourse, want[i], noon.Add(-time.Duration(i)*time.Hour)))
			}
			for i := range 12 {
				items = append(items, v.item(tenants.KindCourse, fmt.Sprintf("Draft %02d", i), time.Time{}))
			}
			v.collection("one", "public", items...)
			return want
		}},
		{"published in one moment", func(v *house) (want []string) {
			var items []tenants.Item
			for i := range 12 {
				want = append(want, fmt.Sprintf("Item %02d", i))
				items = append(items, v.item(tenants.KindCourse, want[i], noon)) // One import.
			}
			v.collection("one", "public", items...)
			return want
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			vendor, partner := newHouse(t, d), newHouse(t, d)
			want := tt.fill(vendor)
			for who, viewer := range map[string]scope.Scope{"a visitor": visitor, "another organization": partner.viewer, "the owner": vendor.viewer} {
				if diff := cmp.Diff(want, pages(t, d, viewer, vendor.org.OrgID, 5)); diff != "" {
					t.Errorf("%s pages through (-want +got):\n%s", who, diff)
				}
			}
		})
	}
}

func TestVisibleFilters(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	a, b := newHouse(t, d), newHouse(t, d)
	a.collection("p", "public", a.item(tenants.KindPath, "A path", noon), a.item(tenants.KindStory, "A story", noon.Add(-time.Hour)))
	b.collection("p", "public", b.item(tenants.KindPath, "B path", noon.Add(-2*time.Hour)))
	b.item(tenants.KindPath, "B internal", noon.Add(-3*time.Hour))
	both := []id.Org{a.org.OrgID, b.org.OrgID}
	for _, tt := range []struct {
		name   string
		viewer scope.Scope
		f      tenants.ListFilter
		want   []string
	}{
		{"of both, by a visitor", visitor, tenants.ListFilter{Owners: both}, []string{"A path", "A story", "B path"}},
		{"of both, by one", b.viewer, tenants.ListFilter{Owners: both}, []string{"A path", "A story", "B path", "B internal"}},
		{"paths", b.viewer, tenants.ListFilter{Owners: both, Kinds: []string{tenants.KindPath}}, []string{"A path", "B path", "B internal"}},
		{"of the other", b.viewer, tenants.ListFilter{Owners: both[:1]}, []string{"A path", "A story"}},
		{"of one's own", b.viewer, tenants.ListFilter{Owners: both[1:]}, []string{"B path", "B internal"}},
		{"the newest", visitor, tenants.ListFilter{Owners: both, Limit: 1}, []string{"A path"}},
		{"a kind that is none", visitor, tenants.ListFilter{Owners: both, Kinds: []string{"secret"}}, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, list(t, d, tt.viewer, tt.f)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A grant opens an item and the parts that its owner owns: once the item is published, and not while it is a draft.
func TestADraftOpensNoneOfItsParts(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	vendor, partner := newHouse(t, d), newHouse(t, d)
	part, whole := vendor.item(tenants.KindCourse, "Part", noon), vendor.item(tenants.KindPath, "Whole", time.Time{})
	vendor.collection("shared", "agreement", whole)
	vendor.open("shared", partner)
	vendor.must(func(tx *db.Tx) error { return tenants.AddParts(tx, whole.ItemID, []id.Item{part.ItemID}) })
	if sees(t, d, partner.viewer, part) {
		t.Error("the part of a draft is open")
	}
	vendor.must(func(tx *db.Tx) error { return tenants.PublishItem(tx, whole.ItemID, 1, noon) })
	if !sees(t, d, partner.viewer, part) {
		t.Error("the part of a published item is closed")
	}
}
