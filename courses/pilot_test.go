package courses_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// team puts people into a team of their organization.
func (w *world) team(h house, people ...context.Context) courses.PilotGroup {
	w.t.Helper()
	g := courses.PilotGroup{Kind: courses.PilotTeam, ID: id.New[id.Any]()}
	w.tx(h.ctx, func(tx *db.Tx) error {
		if err := tx.Must(`INSERT INTO teams (org_id, team_id, name) VALUES ($1, $2, $3)`, h.org.OrgID, g.ID, "Team "+g.ID.String()); err != nil {
			return err
		}
		for _, p := range people {
			sc, err := scope.From(p)
			if err != nil {
				return err
			}
			if err := tx.Must(`INSERT INTO team_members (org_id, team_id, membership_id) VALUES ($1, $2, $3)`, h.org.OrgID, g.ID, sc.Membership); err != nil {
				return err
			}
		}
		return nil
	})
	return g
}

// tries gives the course with other lessons to groups and returns the version.
func (w *world) tries(author context.Context, item id.Item, add string, groups ...courses.PilotGroup) int {
	w.t.Helper()
	w.did(w.svc.Rewrite(author, item))
	if _, err := w.svc.AddLesson(author, item, "", add, "## New\n\nWords."); err != nil {
		w.t.Fatal(err)
	}
	m, err := w.svc.Manuscript(author, item)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.svc.BeginPilot(author, item, m.Edition, courses.PilotDraft{Words: "Is it clear?", Groups: groups})
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Version
}

// stands is the version that somebody is on, or would begin, and of how many lessons.
func (w *world) stands(ctx context.Context, item id.Item) string {
	w.t.Helper()
	v, err := w.svc.Course(ctx, item)
	if err != nil {
		return fmt.Sprint(errs.KindOf(err))
	}
	return fmt.Sprintf("%d of %d lessons, pilot %v", v.Version, len(v.Stations), v.Pilot)
}

// A version goes to a team and to a partner before it is everybody's; everybody else stays with the one in force, and nobody of them reads it.
func TestAVersionIsTriedByAFew(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("tried", "shared", "open")
	author, tester, colleague := w.author(w.vendor), w.colleague(w.vendor), w.colleague(w.vendor)
	other := w.house("another")
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: other.org.OrgID, Right: "adapt"})
	})
	group := w.team(w.vendor, tester)
	partner := courses.PilotGroup{Kind: courses.PilotOrg, ID: id.Any(w.partner.org.OrgID)}
	for name, bad := range map[string][]courses.PilotGroup{
		"nobody":                nil,
		"a team of others":      {w.team(w.partner)},
		"a stranger":            {{Kind: courses.PilotOrg, ID: id.Any(w.other.org.OrgID)}},
		"everybody":             {{Kind: courses.PilotOrg, ID: id.Any(id.Everyone)}},
		"a team that is no org": {{Kind: courses.PilotOrg, ID: group.ID}},
	} {
		w.did(w.svc.Rewrite(author, it.ItemID))
		m, err := w.svc.Manuscript(author, it.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.svc.BeginPilot(author, it.ItemID, m.Edition, courses.PilotDraft{Groups: bad}); !errs.Is(err, errs.Invalid) {
			t.Errorf("tried by %s: %v", name, err)
		}
	}
	w.did(w.svc.Enroll(colleague, it.ItemID, courses.Origin{}))
	if v := w.tries(author, it.ItemID, "Fourth", group, partner); v != 2 {
		t.Fatalf("version %d is tried", v)
	}
	visitor := w.visitor()
	for name, who := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"who tries it": {tester, "2 of 4 lessons, pilot true"}, "a colleague in mid-course": {colleague, "1 of 3 lessons, pilot false"}, "another colleague": {w.vendor.member, "1 of 3 lessons, pilot false"},
		"the partner": {w.partner.member, "2 of 4 lessons, pilot true"}, "another partner": {other.member, "1 of 3 lessons, pilot false"}, "a visitor": {visitor, "1 of 3 lessons, pilot false"},
	} {
		if got := w.stands(who.ctx, it.ItemID); got != who.want {
			t.Errorf("%s has %s, want %s", name, got, who.want)
		}
	}
	// The wall says it, too: nobody else reads a row of it.
	for name, who := range map[string]context.Context{"another partner": other.member, "a visitor": visitor} {
		if n := one[int](who, w, `SELECT (SELECT count(*) FROM versions v WHERE v.item_id = $1 AND v.version = 2)::int + (SELECT count(*) FROM lessons l WHERE l.item_id = $1 AND l.version = 2)::int + (SELECT count(*) FROM pilots p WHERE p.item_id = $1)::int + (SELECT count(*) FROM pilot_groups g WHERE g.item_id = $1)::int`, it.ItemID); n != 0 {
			t.Errorf("%s reads %d rows of what is tried", name, n)
		}
	}
	if n := one[int](w.partner.member, w, `SELECT count(*)::int FROM pilot_groups g WHERE g.item_id = $1`, it.ItemID); n != 1 {
		t.Errorf("the partner reads %d groups", n)
	}
	if _, err := w.svc.PublishManuscript(author, it.ItemID, 1); !errs.Is(err, errs.NotFound) {
		t.Errorf("the draft is there still: %v", err)
	}
	w.did(w.svc.Rewrite(author, it.ItemID))
	if err := w.publishes(author, it.ItemID); !errs.Is(err, errs.Conflict) {
		t.Errorf("another version comes out meanwhile: %v", err)
	}

	// Those who try it say what they think; the authors read it, and of others not who it was.
	if err := w.svc.RemarkOnPilot(colleague, it.ItemID, "", "Mine"); !errs.Is(err, errs.NotFound) {
		t.Errorf("who is in the version before remarks: %v", err)
	}
	for _, ctx := range []context.Context{tester, w.partner.member} {
		w.did(w.svc.Enroll(ctx, it.ItemID, courses.Origin{}))
		w.did(w.svc.RemarkOnPilot(ctx, it.ItemID, "Fourth", "Too short"))
	}
	p, err := w.svc.Pilot(author, it.ItemID)
	if err != nil || p.On == nil || p.People != 1 || len(p.Remarks) != 2 || len(p.On.Groups) != 2 {
		t.Fatalf("the author sees %+v, %v", p, err)
	}
	for _, r := range p.Remarks {
		if own := r.Org == w.vendor.org.OrgID; own != (r.Name == "Bo") || !own && (r.Name != "" || r.House.Name != "partner") {
			t.Errorf("remarked by %+v", r)
		}
	}
	if mine, err := w.svc.Trying(w.partner.member, it.ItemID); err != nil || len(mine.Remarks) != 1 || mine.Words != "Is it clear?" || len(mine.Lessons) != 4 {
		t.Errorf("the partner's own: %+v, %v", mine, err)
	}
	if _, err := w.svc.Pilot(w.author(w.partner), it.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("an author of the partner: %v", err)
	}

	// For all: whoever begins gets it, whoever is in mid-course is asked.
	w.did(w.svc.ReleasePilot(author, it.ItemID, 2))
	for name, who := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"who tried it": {tester, "2 of 4 lessons, pilot false"}, "a colleague in mid-course": {colleague, "1 of 3 lessons, pilot false"}, "another colleague": {w.vendor.member, "2 of 4 lessons, pilot false"},
		"another partner": {other.member, "2 of 4 lessons, pilot false"}, "a visitor": {visitor, "2 of 4 lessons, pilot false"},
	} {
		if got := w.stands(who.ctx, it.ItemID); got != who.want {
			t.Errorf("after the release %s has %s, want %s", name, got, who.want)
		}
	}
	if err := w.svc.TakeBackPilot(author, it.ItemID, 2); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken back after the release: %v", err)
	}
}

// Whoever asks before an update, or stays on a version, tries nothing: the choice counts from the release on.
func TestWhoAsksFirstTriesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("asked-first", "shared")
	author, keeper := w.author(w.vendor), w.keeper(w.partner)
	w.did(w.svc.Adopt(keeper, it.ItemID, courses.Ask))
	w.tries(author, it.ItemID, "Fourth", courses.PilotGroup{Kind: courses.PilotOrg, ID: id.Any(w.partner.org.OrgID)})
	if got := w.stands(w.partner.member, it.ItemID); got != "1 of 3 lessons, pilot false" {
		t.Errorf("who asks first has %s", got)
	}
	a, err := w.svc.Adopted(keeper, it.ItemID)
	if err != nil || a.Behind() || a.Waits() {
		t.Errorf("the library waits for a pilot: %+v, %v", a.Adopted, err)
	}
	w.did(w.svc.ReleasePilot(author, it.ItemID, 2))
	if a, err = w.svc.Adopted(keeper, it.ItemID); err != nil || !a.Waits() {
		t.Errorf("the library does not wait for the release: %+v, %v", a.Adopted, err)
	}
}

// Taken back, nobody is on it any more, here and at the partner; what was finished stays finished, and no share falls, whatever was tried.
func TestATriedVersionIsTakenBack(t *testing.T) {
	t.Parallel()
	w := setupOn(t, dbtest.Fresh(t))
	r := rand.New(rand.NewPCG(303, 1))
	keys := []string{"a", "b", "c", "d", "e"}
	some := func(of []string, least int) []string {
		of = slices.Clone(of)
		r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		return of[:least+r.IntN(len(of)+1-least)]
	}
	for n := range 12 {
		lessons := func(list []string) (out []courses.LessonDraft) {
			for _, k := range list {
				out = append(out, courses.LessonDraft{Key: k, Title: k, Source: "Words of " + k})
			}
			return out
		}
		now := some(keys, 1)
		then := some(keys, 1)
		author := w.author(w.vendor)
		var item id.Item
		w.tx(w.vendor.ctx, func(tx *db.Tx) error {
			p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Tried", Slug: fmt.Sprintf("tried-%d", n), Summary: "S"}, Outcome: "O", Lessons: lessons(now)})
			if err != nil {
				return err
			}
			item = p.Item.ItemID
			return tenants.Collect(tx, item, "shared")
		})
		w.did(w.svc.Rewrite(author, item))
		for _, k := range keys {
			if slices.Contains(now, k) && !slices.Contains(then, k) {
				w.did(w.svc.RemoveLesson(author, item, k, false))
			} else if !slices.Contains(now, k) && slices.Contains(then, k) {
				if _, err := w.svc.AddLesson(author, item, "", k, "Words of "+k); err != nil {
					t.Fatal(err)
				}
			}
		}
		here, there := w.colleague(w.vendor), w.colleague(w.partner)
		m, err := w.svc.Manuscript(author, item)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.svc.BeginPilot(author, item, m.Edition, courses.PilotDraft{Groups: []courses.PilotGroup{w.team(w.vendor, here), {Kind: courses.PilotOrg, ID: id.Any(w.partner.org.OrgID)}}}); err != nil {
			t.Fatal(err)
		}
		done := some(then, 0)
		before := map[context.Context]float64{}
		for _, ctx := range []context.Context{here, there} {
			w.did(w.svc.Enroll(ctx, item, courses.Origin{}))
			for _, k := range done {
				if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: item, Lesson: k}); err != nil {
					t.Fatal(err)
				}
			}
			v, err := w.svc.Course(ctx, item)
			if err != nil || v.Version != 2 {
				t.Fatalf("tries version %d, %v", v.Version, err)
			}
			before[ctx] = v.Progress.Share()
		}
		w.did(w.svc.TakeBackPilot(author, item, 2))
		for ctx, share := range before {
			v, err := w.svc.Course(ctx, item)
			if err != nil || v.Version != 1 || v.Pilot || v.Progress.Share() < share {
				t.Fatalf("after %v of %v taken back to %v: version %d, %.3f instead of %.3f, %v", done, then, now, v.Version, v.Progress.Share(), share, err)
			}
			for _, st := range v.Stations {
				if slices.Contains(done, st.Lesson) && !st.Done {
					t.Fatalf("%s is not finished any more", st.Lesson)
				}
			}
			if n := one[int](ctx, w, `SELECT count(*)::int FROM completions c WHERE c.item_id = $1`, item); n < len(done) {
				t.Fatalf("%d of %d finished lessons are left", n, len(done))
			}
		}
		// The next version has a number that no version had.
		w.did(w.svc.Rewrite(author, item))
		if _, err := w.svc.AddLesson(author, item, "", "z", "Words."); err != nil {
			t.Fatal(err)
		}
		w.did(w.publishes(author, item))
		if got := one[int](w.vendor.member, w, `SELECT i.version FROM items i WHERE i.item_id = $1`, item); got != 3 {
			t.Fatalf("the next version is %d", got)
		}
	}
}
