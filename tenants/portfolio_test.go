package tenants_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func names(rows []tenants.PortfolioRow) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, r.Name)
	}
	return out
}

func portfolio(t *testing.T, h *house, ctx context.Context, f tenants.PortfolioFilter) tenants.Portfolio { //nolint:revive // The house is what is tested.
	t.Helper()
	v, err := h.svc.Portfolio(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPortfolioSaysWhatFlowsAndWhatWaits(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	stranger := newHouse(t, p.d)
	offer := p.offer(p.a, 30)
	offer.Theirs.Opens = nil
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, offer); err != nil {
		t.Fatal(err)
	}
	learner := scope.Enter(t.Context(), p.a.viewer)
	for _, tt := range []struct {
		h           *house
		waits       string
		us, them, n int
	}{{p.a, tenants.WaitsThem, 0, 1, 1}, {p.b, tenants.WaitsUs, 1, 0, 1}, {stranger, "", 0, 0, 0}} {
		v := portfolio(t, tt.h, tt.h.network(), tenants.PortfolioFilter{})
		if len(v.Rows) != tt.n || v.Counts.All != tt.n || v.Counts.Us != tt.us || v.Counts.Them != tt.them {
			t.Errorf("%s: %d rows, %+v", tt.h.org.Slug, len(v.Rows), v.Counts)
		}
		if tt.n == 1 && (v.Rows[0].Waits != tt.waits || v.Rows[0].State != tenants.Asked || v.Rows[0].Gives != 0 || v.Rows[0].Gets != 0) {
			t.Errorf("%s: %+v", tt.h.org.Slug, v.Rows[0])
		}
	}
	if v := portfolio(t, p.a, learner, tenants.PortfolioFilter{}); len(v.Rows)+len(v.Map) != 0 || v.Manages {
		t.Errorf("a learner sees what is only asked for: %+v", v.Rows)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	v := portfolio(t, p.a, p.a.network(), tenants.PortfolioFilter{State: "active"})
	if len(v.Rows) != 1 || v.Rows[0].Gives != 1 || v.Rows[0].GivesItems != 1 || v.Rows[0].Gets != 0 || v.Rows[0].GetsItems != 0 || len(v.Rows[0].Ours().Opens) != 1 || len(v.Map) != 1 {
		t.Errorf("a gives one story: %+v", v.Rows)
	}
	v = portfolio(t, p.b, p.b.network(), tenants.PortfolioFilter{})
	if len(v.Rows) != 1 || v.Rows[0].Gets != 1 || v.Rows[0].GetsItems != 1 || v.Rows[0].Gives != 0 || len(v.Rows[0].Theirs().Opens) != 1 {
		t.Errorf("b gets one story: %+v", v.Rows)
	}
	v = portfolio(t, p.a, learner, tenants.PortfolioFilter{})
	if len(v.Rows) != 1 || v.Rows[0].Name == "" || v.Rows[0].WeCall == "" || v.Rows[0].Gives+v.Rows[0].GivesItems != 0 || v.Rows[0].Terms != nil {
		t.Errorf("a learner sees name and relationship, and no more: %+v", v.Rows)
	}
	if _, err := p.a.svc.ExportPortfolio(learner, tenants.PortfolioFilter{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner exports: %v", err)
	}
	if rows, err := p.a.svc.ExportPortfolio(p.a.network(), tenants.PortfolioFilter{}); err != nil || len(rows) != 1 {
		t.Errorf("export: %d rows, %v", len(rows), err)
	}
	if err := p.b.svc.End(p.b.network(), p.a.org.OrgID, true); err != nil {
		t.Fatal(err)
	}
	if v := portfolio(t, p.a, learner, tenants.PortfolioFilter{}); len(v.Rows) != 0 {
		t.Error("a learner sees what has ended")
	}
	v = portfolio(t, p.a, p.a.network(), tenants.PortfolioFilter{State: "ended"})
	if len(v.Rows) != 1 || v.Rows[0].Gives != 0 || len(v.Map) != 0 {
		t.Errorf("ended: %+v", v.Rows)
	}
}

func TestPortfolioPagesInEveryOrder(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h := newHouse(t, d)
	items := []tenants.Item{}
	want := map[string]bool{}
	for i := range 7 {
		items = append(items, h.item(tenants.KindStory, "Story "+unique(), noon))
		slug := "c" + unique()
		h.collection(slug, "agreement", items...)
		o := newHouse(t, d)
		name := string(rune('A'+i%4)) + unique()
		o.must(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE organizations SET name = $2 WHERE org_id = $1`, o.org.OrgID, name)
			return err
		})
		want[name] = true
		h.must(func(tx *db.Tx) error {
			if _, err := tenants.Connect(tx, tenants.Connection{A: tenants.Side{Org: h.org.OrgID, Relationship: "partner", Meet: "name"}, B: tenants.Side{Org: o.org.OrgID, Relationship: "vendor", Meet: "name"}, State: "active", Since: noon.AddDate(0, 0, i/2)}); err != nil {
				return err
			}
			return tenants.Open(tx, tenants.Grant{Collection: slug, Viewer: o.org.OrgID, Right: "use"})
		})
	}
	for _, sort := range []string{tenants.SortWaiting, tenants.SortName, tenants.SortSince, tenants.SortGives, tenants.SortGets} {
		for _, desc := range []bool{false, true} {
			whole := names(portfolio(t, h, h.network(), tenants.PortfolioFilter{Sort: sort, Desc: desc}).Rows)
			paged := []string{}
			f := tenants.PortfolioFilter{Sort: sort, Desc: desc, Limit: 2}
			for range 9 {
				v := portfolio(t, h, h.network(), f)
				paged = append(paged, names(v.Rows)...)
				if !v.More {
					break
				}
				last := v.Rows[len(v.Rows)-1]
				f.AfterKey, f.AfterID = last.Key, last.OrgID
			}
			seen := map[string]bool{}
			for _, n := range paged {
				seen[n] = true
			}
			if diff := cmp.Diff(whole, paged); diff != "" || !cmp.Equal(want, seen) {
				t.Errorf("%s, descending %v: pages differ from the whole (-whole +pages): %s", sort, desc, diff)
			}
		}
	}
	gives := portfolio(t, h, h.network(), tenants.PortfolioFilter{Sort: tenants.SortGives, Desc: true}).Rows
	for i := range gives[1:] {
		if gives[i].GivesItems < gives[i+1].GivesItems {
			t.Errorf("by what is given: %d before %d", gives[i].GivesItems, gives[i+1].GivesItems)
		}
	}
	one := gives[3].Name
	if got := names(portfolio(t, h, h.network(), tenants.PortfolioFilter{Query: one}).Rows); !cmp.Equal(got, []string{one}) {
		t.Errorf("search for %s: %v", one, got)
	}
	for _, f := range []tenants.PortfolioFilter{{State: "nonsense"}, {Sort: "nonsense"}} {
		if _, err := h.svc.Portfolio(h.network(), f); !errs.Is(err, errs.NotFound) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestAddressedFindsOrganizationsNeverPeople(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	domain := "d" + unique() + ".example"
	p.b.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO domains (domain, org_id, verified_at) VALUES ($1, $2, now())`, domain, p.b.org.OrgID)
		return err
	})
	for _, words := range []string{"Anybody.Else@" + domain, domain, " " + strings.ToUpper(p.b.org.Slug) + " ", " HTTP://" + p.b.org.Slug + "." + base + "/learn "} {
		if o, err := p.a.svc.Addressed(p.a.network(), words); err != nil || o.OrgID != p.b.org.OrgID {
			t.Errorf("%q: %v, %v", words, o.Slug, err)
		}
	}
	for _, words := range []string{"", "x@sub." + domain, "nobody.example", p.a.org.Slug, "two words", "@"} {
		if o, err := p.a.svc.Addressed(p.a.network(), words); !errs.Is(err, errs.NotFound) {
			t.Errorf("%q: %v, %v", words, o.Slug, err)
		}
	}
	if _, err := p.a.svc.Addressed(scope.Enter(t.Context(), p.a.viewer), domain); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner asks: %v", err)
	}
}

func TestSeenByIsExactlyWhatGrantsOpen(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	secret := p.a.item(tenants.KindStory, "Only us", noon)
	p.a.collection("closed", "agreement", secret)
	open := p.a.item(tenants.KindStory, "Everybody", noon)
	p.a.collection("public", "public", open)
	draft := p.a.item(tenants.KindStory, "Draft", noon)
	p.a.must(func(tx *db.Tx) error {
		if err := tenants.Collect(tx, draft.ItemID, "shared"); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE items SET state = 'draft' WHERE org_id = $1 AND item_id = $2`, p.a.org.OrgID, draft.ItemID)
		return err
	})
	if _, err := p.a.svc.SeenBy(p.a.network(), p.b.org, false, nil, 10); !errs.Is(err, errs.NotFound) {
		t.Errorf("before there is a connection: %v", err)
	}
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	titles := func(public bool) []string {
		v, err := p.a.svc.SeenBy(p.a.network(), p.b.org, public, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, it := range v.Items {
			out = append(out, it.Title)
		}
		return out
	}
	if got := titles(false); len(got) != 0 {
		t.Errorf("before both signed, b sees %v", got)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A's story"}, titles(false)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Everybody"}, titles(true)); diff != "" {
		t.Error(diff)
	}
	for _, it := range []tenants.Item{p.sa, secret, open, draft} {
		shown := it.Title == "A's story" || it.Title == "Everybody"
		if got := sees(t, p.d, p.b.viewer, it); got != shown {
			t.Errorf("the page says b sees %q: %v, b sees it: %v", it.Title, shown, got)
		}
	}
	if _, err := p.a.svc.SeenBy(scope.Enter(t.Context(), p.a.viewer), p.b.org, false, nil, 10); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner looks: %v", err)
	}
	impact, err := p.a.svc.Impact(p.a.network(), p.view(t, p.a))
	if err != nil || impact.Opens != 1 || impact.Learners != 0 {
		t.Errorf("impact %+v, %v", impact, err)
	}
}

func TestCollectionsAreOpenedAndClosed(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	author := func() context.Context {
		s := p.a.viewer
		s.Roles = []scope.Role{scope.Learner, scope.Author}
		return scope.Enter(t.Context(), s)
	}()
	c, err := p.a.svc.CreateCollection(author, " For the shop floor ", "What hangs beside the door.")
	if err != nil || c.Slug != "for-the-shop-floor" || c.Visibility != tenants.Internal {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, title := range []string{"", "For the shop floor!", string(make([]byte, 200))} {
		if _, err := p.a.svc.CreateCollection(author, title, ""); !errs.Is(err, errs.Invalid) {
			t.Errorf("a second %q: %v", title, err)
		}
	}
	if err := p.a.svc.AddToCollection(author, c.Slug, p.sb.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("another's item is added: %v", err)
	}
	if err := p.a.svc.AddToCollection(author, c.Slug, p.sa.ItemID); err != nil {
		t.Fatal(err)
	}
	if err := p.a.svc.SetVisibility(author, c.Slug, tenants.Public); !errs.Is(err, errs.NotFound) {
		t.Errorf("an author opens it to everybody: %v", err)
	}
	look := func() tenants.SharedCollection {
		t.Helper()
		v, err := p.a.svc.CollectionView(p.a.network(), tenants.CollectionFilter{Slug: c.Slug, Find: "A's"})
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Items) != 1 || len(v.Found) != 0 {
			t.Errorf("%d items, %d more to add", len(v.Items), len(v.Found))
		}
		return v.Shared
	}
	set := func(to string) {
		t.Helper()
		if err := p.a.svc.SetVisibility(p.a.network(), c.Slug, to); err != nil {
			t.Fatal(err)
		}
	}
	if s := look(); s.Opened != 0 || s.PublicAt != nil || sees(t, p.d, p.b.viewer, p.sa) {
		t.Errorf("new: %+v", s)
	}
	set(tenants.Public)
	if s := look(); s.PublicAt == nil || !sees(t, p.d, visitor, p.sa) {
		t.Errorf("public: %+v", s)
	}
	set(tenants.ByAgreement)
	if sees(t, p.d, visitor, p.sa) {
		t.Error("taken back, and still seen")
	}
	offer := p.offer(p.a, 0)
	offer.Ours.Opens = []tenants.Opening{{Collection: c.CollectionID, Title: c.Title, Right: tenants.RightAdapt}}
	offer.Theirs.Opens = nil
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, offer); err != nil {
		t.Fatal(err)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	if s := look(); s.Opened != 1 || len(s.OpenedTo) != 1 || s.OpenedTo[0].Org != p.b.org.OrgID || s.OpenedTo[0].Right != tenants.RightAdapt {
		t.Errorf("opened to b: %+v", s)
	}
	set(tenants.Internal)
	if s := look(); s.Opened != 0 || sees(t, p.d, p.b.viewer, p.sa) {
		t.Errorf("closed for all: %+v", s)
	}
	set(tenants.ByAgreement)
	if s := look(); s.Opened != 1 || s.OpenedTo[0].Right != tenants.RightAdapt || !sees(t, p.d, p.b.viewer, p.sa) {
		t.Errorf("the agreement in force opens it again: %+v", s)
	}
	if err := p.a.svc.RemoveFromCollection(author, c.Slug, p.sa.ItemID); err != nil {
		t.Fatal(err)
	}
	if sees(t, p.d, p.b.viewer, p.sa) {
		t.Error("taken out, and still seen")
	}
	if err := p.a.svc.RemoveFromCollection(author, c.Slug, p.sa.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("taken out twice: %v", err)
	}
	// Another house, and somebody who publishes nothing, find none of it.
	if _, err := p.b.svc.CollectionView(p.b.network(), tenants.CollectionFilter{Slug: c.Slug}); !errs.Is(err, errs.NotFound) {
		t.Errorf("b opens a's collection: %v", err)
	}
	learner := scope.Enter(t.Context(), p.a.viewer)
	for name, err := range map[string]error{
		"rename": p.a.svc.RenameCollection(learner, c.Slug, "x", ""),
		"add":    p.a.svc.AddToCollection(learner, c.Slug, p.sa.ItemID),
		"remove": p.a.svc.RemoveFromCollection(learner, c.Slug, p.sa.ItemID),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("a learner may %s: %v", name, err)
		}
	}
	if _, err := p.a.svc.Sharing(learner); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner lists collections: %v", err)
	}
	list, err := p.a.svc.Sharing(author)
	if err != nil || len(list) != 3 || list[0].MayChange {
		t.Errorf("the author's list: %d, %v", len(list), err)
	}
	if err := p.a.svc.RenameCollection(author, c.Slug, "By the door", ""); err != nil {
		t.Error(err)
	}
}

// What a thing in a collection consists of goes with it, and stays while something else there needs it.
func TestTakingOutTakesPartsOut(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	one, two := p.a.item(tenants.KindPath, "One", noon), p.a.item(tenants.KindPath, "Two", noon)
	part, both := p.a.item(tenants.KindCourse, "Part of one", noon), p.a.item(tenants.KindCourse, "Part of both", noon)
	p.a.must(func(tx *db.Tx) error {
		if err := tenants.AddParts(tx, one.ItemID, []id.Item{part.ItemID, both.ItemID}); err != nil {
			return err
		}
		if err := tenants.AddParts(tx, two.ItemID, []id.Item{both.ItemID}); err != nil {
			return err
		}
		for _, it := range []tenants.Item{one, two, both} {
			if err := tenants.Collect(tx, it.ItemID, "shared"); err != nil {
				return err
			}
		}
		return nil
	})
	p.a.open("shared", p.b)
	see := func() (out [4]bool) {
		for i, it := range []tenants.Item{one, two, part, both} {
			out[i] = sees(t, p.d, p.b.viewer, it)
		}
		return out
	}
	if got := see(); got != [4]bool{true, true, true, true} {
		t.Fatalf("all are open: %v", got)
	}
	for _, step := range []struct {
		out  tenants.Item
		want [4]bool
	}{{one, [4]bool{false, true, false, true}}, {both, [4]bool{false, true, false, true}}, {two, [4]bool{}}} {
		if err := p.a.svc.RemoveFromCollection(p.a.network(), "shared", step.out.ItemID); err != nil {
			t.Fatal(err)
		}
		if got := see(); got != step.want {
			t.Errorf("after taking out %q: %v, want %v", step.out.Title, got, step.want)
		}
	}
}

// Who reads a proposal learns how many of the own people it would shut out of what they are in the middle of.
func TestImpactCountsWhoLoses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	course, kept := p.a.item(tenants.KindCourse, "Course", noon), p.a.item(tenants.KindCourse, "Kept", noon)
	second := p.a.collection("second", "agreement", course, kept)
	p.a.must(func(tx *db.Tx) error { return tenants.Collect(tx, kept.ItemID, "shared") })
	offer := p.offer(p.a, 30)
	offer.Ours.Opens = opens(p.ca, second)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, offer); err != nil {
		t.Fatal(err)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	for _, it := range []tenants.Item{course, kept} {
		p.a.must(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) VALUES ($1, $2, 1, '', '', '{}', '\x00')`, p.a.org.OrgID, it.ItemID)
			return err
		})
		p.b.must(func(tx *db.Tx) error {
			m, err := tenants.AddMember(tx, tenants.NewMember{Name: "Learner", Email: "l" + unique() + "@b.example"})
			if err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, title, kind) VALUES ($1, $2, $3, $4, $5, 1, 'choice', $6, 'course')`,
				p.b.org.OrgID, id.New[id.Enrollment](), m.MembershipID, p.a.org.OrgID, it.ItemID, it.Title)
			return err
		})
	}
	impact := func(h *house) tenants.Impact {
		t.Helper()
		out, err := h.svc.Impact(h.network(), p.view(t, h))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := impact(p.b); got.Learners != 2 || got.Losing != 0 || len(got.InCourse) != 2 || got.FinishDay.IsZero() {
		t.Errorf("before anything is proposed: %+v", got)
	}
	if err := p.a.svc.Counter(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	if got := impact(p.b); got.Learners != 2 || got.Losing != 1 {
		t.Errorf("what closes shuts out one of two: %+v", got)
	}
	if got := impact(p.a); got.Learners != 0 || got.Losing != 0 || got.Opens != 2 {
		t.Errorf("a counts b's people: %+v", got)
	}
}
