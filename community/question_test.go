package community_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/community/communitytest"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// sees is what a viewer finds by every way to questions: beside the item, in the community's list, and opened by its address.
// The three must agree; it returns the titles.
func sees(t *testing.T, w *communitytest.World, ctx context.Context, all map[string]id.Post, item tenants.Item) []string { //nolint:revive // The test comes first.
	t.Helper()
	var listed []string
	recent, err := w.Svc.Recent(ctx, community.ListFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range titles(t, recent.Questions) {
		if _, ok := all[title]; ok {
			listed = append(listed, title)
		}
	}
	slices.Sort(listed)
	var beside []string
	if about, err := w.Svc.About(ctx, item.ItemID, ""); err == nil {
		beside = titles(t, about.Questions)
	} else if !errs.Is(err, errs.NotFound) {
		t.Fatal(err)
	}
	slices.Sort(beside)
	if diff := cmp.Diff(beside, listed); diff != "" {
		t.Errorf("the list beside the item and the community's list differ (-beside +listed):\n%s", diff)
	}
	var opened []string
	for title, post := range all {
		switch _, err := w.Svc.Thread(ctx, post, false); {
		case err == nil:
			opened = append(opened, title)
		case !errs.Is(err, errs.NotFound):
			t.Fatal(err)
		}
	}
	slices.Sort(opened)
	if diff := cmp.Diff(opened, listed); diff != "" {
		t.Errorf("what can be opened and what is listed differ (-opened +listed):\n%s", diff)
	}
	return listed
}

func TestWhoReadsAQuestion(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	all := map[string]id.Post{}
	for _, h := range []struct {
		name string
		communitytest.House
	}{{"vendor", w.Vendor}, {"a", w.A}, {"b", w.B}, {"c", w.C}} {
		for _, audience := range []string{community.AudienceOrg, community.AudienceConnected} {
			title := h.name + " " + audience
			all[title] = w.Ask(t, h.Me, w.Path, audience, title)
		}
	}
	for _, tt := range []struct {
		name   string
		viewer context.Context
		want   []string
	}{
		{"vendor", w.Vendor.Other, []string{"a connected", "b connected", "c connected", "vendor connected", "vendor org"}},
		{"a", w.A.Other, []string{"a connected", "a org", "c connected", "vendor connected"}},
		{"b", w.B.Other, []string{"b connected", "b org", "vendor connected"}},
		{"c", w.C.Other, []string{"a connected", "c connected", "c org", "vendor connected"}},
		{"stranger", w.Stranger.Me, nil},
		{"visitor", w.Visitor, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, sees(t, w, tt.viewer, all, w.Path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPublicQuestionNeedsPublicItem(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	if _, err := w.Svc.Ask(w.A.Me, community.Draft{Item: w.Path.ItemID, Title: "To everybody?", Audience: community.AudiencePublic, ShownAs: community.AsName}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a public question about an item that is not public: %v, want invalid", err)
	}
	all := map[string]id.Post{"open": w.Ask(t, w.A.Me, w.Open, community.AudiencePublic, "open"), "near": w.Ask(t, w.A.Me, w.Open, community.AudienceConnected, "near")}
	for _, tt := range []struct {
		name   string
		viewer context.Context
		want   []string
	}{
		{"visitor", w.Visitor, []string{"open"}},
		{"b, not connected", w.B.Me, []string{"open"}},
		{"c, connected", w.C.Me, []string{"near", "open"}},
	} {
		if diff := cmp.Diff(tt.want, sees(t, w, tt.viewer, all, w.Open)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	w.Tx(t, w.Vendor.Operator, func(tx *db.Tx) error {
		_, err := tenants.PutCollection(tx, tenants.Collection{Slug: "open", Title: "open", Visibility: "internal"})
		return err
	})
	if got := sees(t, w, w.Visitor, all, w.Open); got != nil {
		t.Errorf("the item was closed, but a visitor still sees %v", got)
	}
}

func TestQuestionAboutAnItemThatOneCannotSee(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	all := map[string]id.Post{"about it": w.Ask(t, w.Vendor.Me, w.ForA, community.AudienceConnected, "about it")}
	if got := sees(t, w, w.A.Me, all, w.ForA); !slices.Equal(got, []string{"about it"}) {
		t.Errorf("a sees %v", got)
	}
	if got := sees(t, w, w.C.Me, all, w.ForA); got != nil {
		t.Errorf("c is connected to the asker but may not see the item, and sees %v", got)
	}
	if _, err := w.Svc.Ask(w.C.Me, community.Draft{Item: w.ForA.ItemID, Title: "May I?", Audience: community.AudienceOrg, ShownAs: community.AsName}); !errs.Is(err, errs.NotFound) {
		t.Errorf("asking about an item that cannot be seen: %v, want not found", err)
	}
}

// TestAnswersAndCounts is the heart of the room: everybody sees the answers of those it is connected to, and no count, state or
// order says that there are others.
func TestAnswersAndCounts(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "How do you split the alarms?")
	later := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "A later question")
	fromA := w.Answer(t, w.A.Me, q, community.AudienceConnected, "By what the door is for.")
	w.Answer(t, w.B.Me, q, community.AudienceConnected, "By building.")
	w.Answer(t, w.Vendor.Other, q, community.AudienceOrg, "Between us: the next release does it.")
	if err := w.Svc.MarkWorked(w.Vendor.Me, q, fromA, true); err != nil {
		t.Fatal(err)
	}
	w.Drain(t)
	for _, tt := range []struct {
		name      string
		viewer    context.Context
		want      []string
		companies int
		worked    bool
	}{
		{"the asker's house", w.Vendor.Other, []string{"By building.", "By what the door is for.", "Between us: the next release does it."}, 3, true},
		{"a", w.A.Other, []string{"By what the door is for."}, 1, true},
		{"b", w.B.Other, []string{"By building."}, 1, false},
		{"c, connected to a", w.C.Me, []string{"By what the door is for."}, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			th, err := w.Svc.Thread(tt.viewer, q, false)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range th.Answers {
				got = append(got, a.Plain)
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if th.Count != len(tt.want) || th.Companies != tt.companies || th.Worked != tt.worked || !th.Answered {
				t.Errorf("count %d, companies %d, worked %v, answered %v", th.Count, th.Companies, th.Worked, th.Answered)
			}
			recent, err := w.Svc.Recent(tt.viewer, community.ListFilter{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"A later question", "How do you split the alarms?"}, titles(t, recent.Questions)); diff != "" {
				t.Errorf("hidden answers changed the order: %s", diff)
			}
			if recent.Questions[1].Count != len(tt.want) {
				t.Errorf("the list counts %d answers, want %d", recent.Questions[1].Count, len(tt.want))
			}
		})
	}
	_ = later
}

func TestAnAnswerThatNobodyElseSeesLeavesNoTrace(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "Still open for b?")
	w.Answer(t, w.A.Me, q, community.AudienceConnected, "Not for b.")
	w.Drain(t)
	th, err := w.Svc.Thread(w.B.Me, q, false)
	if err != nil {
		t.Fatal(err)
	}
	if th.Answered || th.Count != 0 || th.Companies != 0 || len(th.Answers) != 0 || !th.ActiveAt.Equal(th.AskedAt) {
		t.Errorf("b learns of an answer by a: %+v", th.Question)
	}
	for viewer, want := range map[context.Context]int{w.B.Me: 1, w.C.Me: 0} {
		recent, err := w.Svc.Recent(viewer, community.ListFilter{Tab: community.TabUnanswered})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(recent.Questions); got != want {
			t.Errorf("unanswered: %d, want %d", got, want)
		}
	}
}

func TestDisconnectingHidesAtOnce(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	all := map[string]id.Post{"from a": w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "from a")}
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "from the vendor")
	all["from the vendor"] = q
	w.Answer(t, w.A.Me, q, community.AudienceConnected, "An answer of a.")
	if got := sees(t, w, w.C.Me, all, w.Path); len(got) == 0 {
		t.Fatal("c sees nothing to begin with")
	}
	w.End(t, w.A, w.C)
	if th, err := w.Svc.Thread(w.C.Me, q, false); err != nil || th.Count != 0 {
		t.Errorf("c still counts %d answers of a, %v", th.Count, err)
	}
	if _, err := w.Svc.Thread(w.C.Me, all["from a"], false); !errs.Is(err, errs.NotFound) {
		t.Errorf("c still opens the question of a: %v", err)
	}
	w.End(t, w.Vendor, w.B)
	if _, err := w.Svc.Thread(w.B.Me, q, false); !errs.Is(err, errs.NotFound) {
		t.Errorf("b still opens the question of the vendor: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	post := func(h communitytest.House, as string) id.Post {
		t.Helper()
		p, err := w.Svc.Ask(h.Me, community.Draft{Item: w.Path.ItemID, Title: "Shown as " + as, Audience: community.AudienceConnected, ShownAs: as})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a := func(as string) id.Post { return post(w.A, as) }
	b := func(as string) id.Post { return post(w.B, as) }
	public := func(h communitytest.House) id.Post {
		return w.Ask(t, h.Me, w.Open, community.AudiencePublic, "To everybody")
	}
	for _, tt := range []struct {
		name     string
		viewer   context.Context
		question id.Post
		want     community.Byline
	}{
		{"public, and an agreement shows the company at most", w.Visitor, public(w.B), community.Byline{Company: community.Company{Name: w.B.Name}}},
		{"public, by name", w.Visitor, public(w.A), community.Byline{Name: "Mara Alder", Company: community.Company{Name: w.A.Name}}},
		{"by name", w.Vendor.Me, a(community.AsName), community.Byline{Name: "Mara Alder", Company: community.Company{Name: w.A.Name}, Relationship: "partner"}},
		{"company only", w.Vendor.Me, a(community.AsCompany), community.Byline{Company: community.Company{Name: w.A.Name}, Relationship: "partner"}},
		{"someone", w.Vendor.Me, a(community.AsSomeone), community.Byline{Relationship: "partner"}},
		{"the agreement shows the company at most", w.Vendor.Me, b(community.AsName), community.Byline{Company: community.Company{Name: w.B.Name}, Relationship: "partner"}},
		{"a colleague", w.B.Other, b(community.AsName), community.Byline{Name: "Mara Birch", Company: community.Company{Name: w.B.Name}, Own: true}},
		{"oneself", w.B.Me, b(community.AsSomeone), community.Byline{Company: community.Company{Name: w.B.Name}, Own: true, Mine: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			th, err := w.Svc.Thread(tt.viewer, tt.question, false)
			if err != nil {
				t.Fatal(err)
			}
			got := th.By
			got.Company = community.Company{Name: got.Company.Name}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestComposerSaysWhoReads(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	own := w.Item(t, w.A, "A mock audit")
	for _, tt := range []struct {
		name   string
		asker  context.Context
		item   tenants.Item
		want   []string
		hidden string
	}{
		{"a partner about the vendor's path", w.A.Me, w.Path, []string{"connected: Customer, Vendor", "org:"}, ""},
		{"b hears nothing of a", w.B.Me, w.Path, []string{"connected: Vendor", "org:"}, "Vendor"},
		{"the vendor about a path of three", w.Vendor.Me, w.Path, []string{"connected: Alder, Birch, Customer", "org:"}, ""},
		{"the vendor about a path that it opened to a alone", w.Vendor.Me, w.ForA, []string{"connected: Alder", "org:"}, ""},
		{"a about something that it opened to nobody", w.A.Me, own, []string{"org:"}, ""},
		{"a public item", w.A.Me, w.Open, []string{"connected: Customer, Vendor", "org:", "public: Customer, Vendor"}, ""},
		{"a stranger about a public item", w.Stranger.Me, w.Open, []string{"org:", "public:"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := w.Svc.Composer(tt.asker, tt.item.ItemID)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range c.Audiences {
				line := a.Value + ":"
				for i, r := range a.Readers {
					if i > 0 {
						line += ","
					}
					line += " " + strings.Fields(r.Name)[0]
					if hidden := strings.HasPrefix(r.Name, tt.hidden) && tt.hidden != ""; r.NameHidden != hidden {
						t.Errorf("%s hides the name: %v", r.Name, r.NameHidden)
					}
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNamingAConnectedCompanyIsAskedAbout(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	d := community.Draft{Item: w.Path.ItemID, Title: "We had this at a site of Customer, too", Audience: community.AudienceConnected, ShownAs: community.AsName}
	if _, err := w.Svc.Ask(w.A.Me, d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("naming another company: %v, want to be asked", err)
	}
	inside := d
	inside.Audience = community.AudienceOrg
	if _, err := w.Svc.Ask(w.A.Me, inside); err != nil {
		t.Errorf("naming it among colleagues: %v", err)
	}
	d.Confirmed = true
	if _, err := w.Svc.Ask(w.A.Me, d); err != nil {
		t.Errorf("naming it when that is agreed: %v", err)
	}
	d.Confirmed, d.Title = false, "Does Vendor know of this?"
	if _, err := w.Svc.Ask(w.A.Me, d); err != nil {
		t.Errorf("naming the company whose path it is: %v", err)
	}
}

func TestOnlyTheAskerSaysWhatWorked(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "What worked?")
	ans := w.Answer(t, w.Vendor.Me, q, community.AudienceConnected, "This.")
	elsewhere := w.Answer(t, w.Vendor.Me, w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Another one"), community.AudienceConnected, "That.")
	for name, try := range map[string]error{
		"a colleague of the asker":    w.Svc.MarkWorked(w.A.Other, q, ans, true),
		"the one who answered":        w.Svc.MarkWorked(w.Vendor.Me, q, ans, true),
		"an answer to another":        w.Svc.MarkWorked(w.A.Me, q, elsewhere, true),
		"somebody who cannot read it": w.Svc.MarkWorked(w.B.Me, q, ans, true),
	} {
		if !errs.Is(try, errs.NotFound) {
			t.Errorf("%s: %v, want not found", name, try)
		}
	}
	for _, on := range []bool{true, true, false} {
		if err := w.Svc.MarkWorked(w.A.Me, q, ans, on); err != nil {
			t.Fatal(err)
		}
		th, err := w.Svc.Thread(w.Vendor.Me, q, false)
		if err != nil || th.Worked != on || th.Answers[0].Worked != on {
			t.Errorf("marked %v: thread says %v, %v", on, th.Worked, err)
		}
	}
}

func TestWritingNeedsReading(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Not for b")
	ans := w.Answer(t, w.Vendor.Me, q, community.AudienceConnected, "An answer that b cannot see here.")
	for name, viewer := range map[string]context.Context{"b": w.B.Me, "a stranger": w.Stranger.Me} {
		if _, err := w.Svc.AnswerQuestion(viewer, community.Reply{Question: q, Body: "I guess", Audience: community.AudienceConnected, ShownAs: community.AsName}); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s answers an unseen question: %v, want not found", name, err)
		}
		for _, post := range []id.Post{q, ans, id.New[id.Post]()} {
			if _, err := w.Svc.React(viewer, post, community.Thanks); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s reacts to an unseen post: %v, want not found", name, err)
			}
		}
	}
	if _, err := w.Svc.AnswerQuestion(w.Visitor, community.Reply{Question: q, Body: "I guess"}); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a visitor answers: %v, want unauthenticated", err)
	}
	// The net below: the row policy refuses what the code would have let through.
	err := w.DB.Tx(w.B.Me, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO answers (org_id, answer_id, question_org, question_id, membership_id, audience, shown_as, body) VALUES ($1, $2, $3, $4, $5, 'connected', 'name', 'x')`,
			tx.Scope.Org, id.New[id.Post](), w.A.OrgID, q, tx.Scope.Membership)
		return err
	})
	if !errs.Is(err, errs.NotFound) {
		t.Errorf("the policy let an answer to an unseen question through: %v", err)
	}
	for _, h := range []communitytest.House{w.B, w.Stranger} {
		w.Tx(t, h.Operator, func(tx *db.Tx) error {
			n, err := db.Row[int](tx, `SELECT (SELECT count(*) FROM answers WHERE org_id = $1) + (SELECT count(*) FROM reactions WHERE org_id = $1)`, tx.Scope.Org)
			if n != 0 {
				t.Errorf("%d rows were left behind", n)
			}
			return err
		})
	}
}

func TestWithdrawing(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Taken back soon")
	ans := w.Answer(t, w.Vendor.Me, q, community.AudienceConnected, "Taken back, too.")
	if _, err := w.Svc.Withdraw(w.A.Other, q); !errs.Is(err, errs.NotFound) {
		t.Errorf("a colleague takes it back: %v, want not found", err)
	}
	if _, err := w.Svc.Withdraw(w.Vendor.Me, ans); err != nil {
		t.Fatal(err)
	}
	if th, err := w.Svc.Thread(w.A.Me, q, false); err != nil || th.Count != 0 {
		t.Errorf("the answer is still there: %d, %v", th.Count, err)
	}
	if of, err := w.Svc.Restore(w.Vendor.Me, ans); err != nil || of != q {
		t.Fatal(of, err)
	}
	if th, err := w.Svc.Thread(w.A.Me, q, false); err != nil || th.Count != 1 {
		t.Errorf("the answer did not come back: %d, %v", th.Count, err)
	}
	if _, err := w.Svc.Withdraw(w.A.Me, q); err != nil {
		t.Fatal(err)
	}
	for name, viewer := range map[string]context.Context{"a colleague": w.A.Other, "the vendor": w.Vendor.Me} {
		if _, err := w.Svc.Thread(viewer, q, false); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s still reads it: %v", name, err)
		}
	}
	if th, err := w.Svc.Thread(w.A.Me, q, false); err != nil || !th.Withdrawn || th.Composer != nil {
		t.Errorf("its author: withdrawn %v, %v", th.Withdrawn, err)
	}
}

func TestRecentPages(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t)) // Public questions of other tests would be listed, too.
	want := []string{}
	for _, h := range []communitytest.House{w.Vendor, w.A, w.C, w.Vendor, w.A} {
		title := "Question " + id.New[id.Any]().String()
		w.Ask(t, h.Me, w.Path, community.AudienceConnected, title)
		want = append([]string{title}, want...)
	}
	got, after := []string{}, ""
	for range 10 {
		page, err := w.Svc.Recent(w.A.Other, community.ListFilter{Limit: 2, After: after})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, titles(t, page.Questions)...)
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mine, err := w.Svc.Recent(w.A.Me, community.ListFilter{Tab: community.TabMine})
	if err != nil || len(mine.Questions) != 2 {
		t.Errorf("mine: %d, %v", len(mine.Questions), err)
	}
	if broken, err := w.Svc.Recent(w.A.Me, community.ListFilter{After: "nonsense"}); err != nil || len(broken.Questions) != 5 {
		t.Errorf("a cursor that cannot be read: %d, %v", len(broken.Questions), err)
	}
}

func TestNews(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t)) // As above.
	w.Connect(t, w.Stranger, w.C, "none", "name")
	w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Too old")
	w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "Of a partner")
	w.Ask(t, w.C.Me, w.Path, community.AudienceConnected, "Own")
	if _, err := w.Svc.Ask(w.Stranger.Me, community.Draft{Item: w.Open.ItemID, Title: "Of nobody in particular", Audience: community.AudiencePublic, ShownAs: community.AsSomeone}); err != nil {
		t.Fatal(err)
	}
	for range 4 { // Newer than all, and about what is open to the partner alone.
		w.Ask(t, w.A.Me, w.ForA, community.AudienceConnected, "About something closed")
	}
	sc, err := scope.From(w.C.Other)
	if err != nil {
		t.Fatal(err)
	}
	var news func() []community.Question
	if err := w.DB.Read(w.C.Other, func(b *db.Batch) { news = community.QueueNews(b, sc, 3) }); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, q := range news() {
		got = append(got, q.Title+", "+q.By.Name+", "+q.By.Relationship)
	}
	// Who shows nobody of itself is not even called a partner.
	if diff := cmp.Diff([]string{"Of nobody in particular, , ", "Own, Mara Customer, ", "Of a partner, Mara Alder, vendor"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatementsOfAPage(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	q := w.Ask(t, w.A.Me, w.Path, community.AudienceConnected, "How many?")
	for name, read := range map[string]func(context.Context) error{
		"about":  func(ctx context.Context) error { _, err := w.Svc.About(ctx, w.Path.ItemID, ""); return err },
		"thread": func(ctx context.Context) error { _, err := w.Svc.Thread(ctx, q, false); return err },
		"recent": func(ctx context.Context) error { _, err := w.Svc.Recent(ctx, community.ListFilter{}); return err },
	} {
		ctx, counter := db.WithCounter(w.A.Me)
		if err := read(ctx); err != nil {
			t.Fatal(err)
		}
		if n := counter.Statements(); n > 8 {
			t.Errorf("%s: %d statements, want at most 8 beside the session's", name, n)
		}
	}
}

// titles are the questions in the order in which they are listed.
func titles(t *testing.T, qs []community.Question) []string {
	t.Helper()
	out := []string{}
	for _, q := range qs {
		out = append(out, q.Title)
	}
	return out
}
