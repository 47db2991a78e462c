package marketing_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/tenants"
)

// house is one organization with a member who may publish.
type house struct {
	tenants.Organization
	me, operator context.Context
	member       tenants.Membership
}

// bundle is a publisher that is connected to one organization and not to the other. Its three collections are open to nobody,
// to the connected one, and to everybody; each holds a path.
type bundle struct {
	d                    *db.DB
	svc                  *marketing.Service
	tenants              *tenants.Service
	relay                *jobs.Relay
	pub, near, far       house
	inside, shared, open tenants.Item
	visitor              context.Context
}

func setup(t *testing.T, d *db.DB) *bundle {
	t.Helper()
	w := &bundle{d: d, tenants: tenants.New(d, "localhost:8080"), visitor: scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})}
	w.svc = marketing.New(marketing.Deps{DB: d, Tenants: w.tenants})
	w.relay = jobs.NewRelay(d, slog.New(slog.DiscardHandler))
	w.svc.Listen(w.relay)
	w.pub, w.near, w.far = w.house(t, "publisher"), w.house(t, "near"), w.house(t, "far")
	w.tx(t, w.pub.operator, func(tx *db.Tx) error {
		if _, err := tenants.Connect(tx, tenants.Connection{
			A: tenants.Side{Org: w.pub.OrgID, Relationship: "partner", Meet: "name"}, B: tenants.Side{Org: w.near.OrgID, Relationship: "vendor", Meet: "name"}, State: "active", Since: tx.Now,
		}); err != nil {
			return err
		}
		for slug, vis := range map[string]string{"shared": "agreement", "open": "public"} {
			if _, err := tenants.PutCollection(tx, tenants.Collection{Slug: slug, Title: slug, Visibility: vis}); err != nil {
				return err
			}
		}
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: w.near.OrgID, Right: "use"})
	})
	w.inside, w.shared, w.open = w.path(t, "inside-path"), w.path(t, "shared-path", "shared"), w.path(t, "open-path", "open")
	return w
}

func (w *bundle) house(t *testing.T, name string) house {
	t.Helper()
	org := id.New[id.Org]()
	h := house{operator: dbtest.System(t, scope.Operator, org)}
	slug := name + "-" + strings.ReplaceAll(org.String(), "-", "")[12:]
	var err error
	if h.Organization, err = w.tenants.CreateOrganization(h.operator, tenants.NewOrganization{
		OrgID: org, Slug: slug, Name: name, Short: name[:2], Color: "#2855ad", Locale: "en", SignIn: "email",
	}); err != nil {
		t.Fatal(err)
	}
	w.tx(t, h.operator, func(tx *db.Tx) error {
		var err error
		h.member, err = tenants.AddMember(tx, tenants.NewMember{Name: "Ingrid " + name, Title: "Shift lead", Email: "marketer@" + slug + ".example"})
		return err
	})
	h.me = dbtest.As(t, org, h.member.MembershipID, h.member.PersonID, scope.Marketer)
	return h
}

func (w *bundle) path(t *testing.T, slug string, collections ...string) tenants.Item {
	t.Helper()
	var it tenants.Item
	w.tx(t, w.pub.operator, func(tx *db.Tx) error {
		var err error
		if it, err = tenants.PutItem(tx, tenants.Item{Kind: tenants.KindPath, Title: "Path " + slug, Slug: slug, Steps: 4}); err != nil {
			return err
		}
		if err := tenants.PublishItem(tx, it.ItemID, 1, time.Time{}); err != nil {
			return err
		}
		return tenants.Collect(tx, it.ItemID, collections...)
	})
	return it
}

func (w *bundle) tx(t *testing.T, ctx context.Context, fn func(*db.Tx) error) { //nolint:revive // The test comes first.
	t.Helper()
	if err := w.d.Tx(ctx, fn); err != nil {
		t.Fatal(err)
	}
}

// publish publishes a story that leads to all three paths.
func (w *bundle) publish(t *testing.T, title string, collections ...string) tenants.Item {
	t.Helper()
	p := w.pub.Slug + "/"
	it, err := w.svc.Publish(w.pub.me, marketing.Draft{
		Title: title, Kind: marketing.Article, Lang: "en", Collections: collections, CTA: "Four short steps.", Quote: "It was the only one that night.",
		Figures: []marketing.Figure{{Value: "38 to 5", Label: "alarms a night", Note: "One plant."}},
		Body:    "Before.\n\n{{path " + p + "inside-path}}\n\nBetween.\n\n{{path " + p + "shared-path}}\n\n{{path " + p + "open-path}}\n\nAfter <script>alert(1)</script>.",
	})
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// TestWhoReadsAStory also holds that a card stands in it only for those who may see what it leads to.
func TestWhoReadsAStory(t *testing.T) {
	t.Parallel()
	w := setup(t, dbtest.Open(t))
	stories := map[string]tenants.Item{"inside": w.publish(t, "Inside"), "shared": w.publish(t, "Shared", "shared"), "open": w.publish(t, "Open", "open")}
	const refused = "not found"
	for _, tt := range []struct {
		name   string
		viewer context.Context
		cards  string // what is seen of each story's cards
		reads  map[string]bool
	}{
		{"publisher", w.pub.me, "inside-path shared-path open-path", map[string]bool{"inside": true, "shared": true, "open": true}},
		{"connected", w.near.me, "shared-path open-path", map[string]bool{"shared": true, "open": true}},
		{"not connected", w.far.me, "open-path", map[string]bool{"open": true}},
		{"visitor", w.visitor, "open-path", map[string]bool{"open": true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			list, err := w.svc.Stories(tt.viewer, "")
			if err != nil {
				t.Fatal(err)
			}
			listed := map[id.Item]bool{}
			for _, c := range list.Stories {
				listed[c.ItemID] = true
			}
			for name, it := range stories {
				want := refused
				if tt.reads[name] {
					want = tt.cards
				}
				if listed[it.ItemID] != tt.reads[name] {
					t.Errorf("%s: listed %v, want %v", name, listed[it.ItemID], tt.reads[name])
				}
				s, err := w.svc.Story(tt.viewer, it.ItemID)
				got := refused
				if err == nil {
					var cards []string
					for _, b := range s.Blocks {
						if b.Card != nil {
							cards = append(cards, b.Card.Slug)
						}
					}
					got = strings.Join(cards, " ")
					if len(s.Paths) != len(cards) {
						t.Errorf("%s: the rail leads to %d, the text to %d", name, len(s.Paths), len(cards))
					}
				} else if !errs.Is(err, errs.NotFound) {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestStoryText(t *testing.T) {
	t.Parallel()
	w := setup(t, dbtest.Open(t))
	it := w.publish(t, "A story", "open")
	s, err := w.svc.Story(w.visitor, it.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range s.Blocks {
		if b.Card != nil {
			got = append(got, b.Card.Slug)
		} else {
			got = append(got, b.HTML)
		}
	}
	if diff := cmp.Diff([]string{"<p>Before.</p>", "<p>Between.</p>", "open-path", "<p>After alert(1).</p>"}, got); diff != "" {
		t.Error(diff)
	}
	if s.Minutes != 1 || !s.Public || s.Own || s.Figures[0].Note != "One plant." {
		t.Errorf("%+v", s)
	}
	again := w.publish(t, "A story", "open")
	if again.ItemID != it.ItemID {
		t.Error("publishing again made another story")
	}
}

func TestPublishing(t *testing.T) {
	t.Parallel()
	w := setup(t, dbtest.Open(t))
	d := marketing.Draft{Title: "About others", Kind: marketing.Article, Body: "See {{path}}.\n\n{{path " + w.pub.Slug + "/shared-path}}\n"}
	if _, err := w.svc.Publish(w.near.me, d); err != nil {
		t.Errorf("a path that was opened to the publisher: %v", err)
	}
	if _, err := w.svc.Publish(w.far.me, d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a path that the publisher may not see: %v, want invalid", err)
	}
	learner := dbtest.As(t, w.near.OrgID, w.near.member.MembershipID, w.near.member.PersonID)
	if _, err := w.svc.Publish(learner, d); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner publishes: %v, want not found", err)
	}
	if _, err := w.svc.Publish(w.near.me, marketing.Draft{Title: "x", Kind: "poem"}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("nothing filled in: %v, want invalid", err)
	}
}

func TestLandingPutsTheHostFirst(t *testing.T) {
	t.Parallel()
	w := setup(t, dbtest.Fresh(t))
	w.publish(t, "Of the publisher", "open")
	w.tx(t, w.far.operator, func(tx *db.Tx) error {
		_, err := tenants.PutCollection(tx, tenants.Collection{Slug: "open", Title: "open", Visibility: "public"})
		return err
	})
	if _, err := w.svc.Publish(w.far.me, marketing.Draft{Title: "Newer, of another", Kind: marketing.Article, Body: "x", Collections: []string{"open"}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		host id.Org
		want []string
	}{
		{"front door", id.Org{}, []string{"Newer, of another", "Of the publisher"}},
		{"the publisher's host", w.pub.OrgID, []string{"Of the publisher", "Newer, of another"}},
	} {
		n, err := w.svc.Landing(w.visitor, tt.host, 5)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range n.Stories {
			got = append(got, s.Title)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if len(n.Paths) != 1 || n.Paths[0].Slug != "open-path" {
			t.Errorf("%s: paths %+v", tt.name, n.Paths)
		}
	}
}

// TestTouches counts readers and starts once per event, in the publisher's organization, and says who to nobody.
func TestTouches(t *testing.T) {
	t.Parallel()
	w := setup(t, dbtest.Fresh(t))
	it := w.publish(t, "Counted", "open", "shared")
	for _, viewer := range []context.Context{w.visitor, w.near.me, w.near.me, w.pub.me} {
		if err := w.svc.CountSeen(viewer, it.ItemID); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.svc.CountSeen(w.visitor, w.publish(t, "Inside").ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("a visitor is counted on a story that it cannot see: %v", err)
	}
	enrolled := courses.Enrolled{Org: w.near.OrgID, Membership: w.near.member.MembershipID, ItemOrg: w.pub.OrgID, Item: w.open.ItemID, Origin: "story", Ref: it.ItemID.String(), At: time.Date(2026, 5, 6, 23, 30, 0, 0, time.UTC)}
	chosen, hidden := enrolled, enrolled
	chosen.Origin = "choice"
	hidden.Ref = w.inside.ItemID.String()
	touch := marketing.Touched{Org: w.pub.OrgID, Item: it.ItemID, What: marketing.Completed, At: time.Date(2026, 5, 7, 1, 0, 0, 0, time.UTC), Key: id.New[id.Any]()}
	for range 3 {
		w.tx(t, w.near.operator, func(tx *db.Tx) error {
			for _, e := range []jobs.Event{enrolled, enrolled, chosen, hidden, touch, touch} {
				if err := jobs.Emit(tx, e); err != nil {
					return err
				}
			}
			return nil
		})
		if err := w.relay.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.tx(t, w.pub.operator, func(tx *db.Tx) error {
		got, err := db.Rows[string](tx, `SELECT what || ' ' || sum(n) || CASE WHEN what IN ('read', 'seen') THEN '' ELSE ' ' || max(day) END FROM touches WHERE org_id = $1 GROUP BY what ORDER BY what`, tx.Scope.Org)
		if diff := cmp.Diff([]string{"completed 1 2026-05-07", "read 1", "seen 1", "started 1 2026-05-06"}, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
	// One start is somebody's, and so is one reader, however often. Five in a week are a figure, and who starts one's own is not counted.
	s, err := w.svc.Story(w.pub.me, it.ItemID)
	if err != nil || s.Seen != 1 || s.Began != 0 {
		t.Errorf("the publisher sees %d and %d, %v", s.Seen, s.Began, err)
	}
	w.tx(t, w.near.operator, func(tx *db.Tx) error {
		for i := range 9 {
			e := enrolled
			e.Membership = id.New[id.Membership]()
			if i >= 4 {
				e.Org = w.pub.OrgID
			}
			if i == 8 {
				e.Org, e.At = w.near.OrgID, w.d.Now()
			}
			if err := jobs.Emit(tx, e); err != nil {
				return err
			}
			// Five who read it in a week that is over, and four in the week before.
			r := marketing.Touched{Org: w.pub.OrgID, Item: it.ItemID, What: marketing.Read, At: enrolled.At.AddDate(0, 0, -7*(i/5)), Key: id.New[id.Any]()}
			if err := jobs.Emit(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err := w.relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err = w.svc.Story(w.pub.me, it.ItemID); err != nil || s.Seen != 6 || s.Began != 5 {
		t.Errorf("the publisher sees that %d read it and %d started, %v", s.Seen, s.Began, err)
	}
	if s, err := w.svc.Story(w.near.me, it.ItemID); err != nil || s.Seen != 0 || s.Began != 0 {
		t.Errorf("another organization sees %d and %d, %v", s.Seen, s.Began, err)
	}
}
