package courses_test

import (
	"context"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// wrote lets a member reflect, and returns the reflection.
func (w *world) wrote(ctx context.Context, p courses.Place, text string) id.Any {
	w.t.Helper()
	out, err := w.svc.Reflect(ctx, p, "think", courses.Thought{Text: text})
	if err != nil || out.Changed {
		w.t.Fatal(out, err)
	}
	return out.ID
}

// posted is a question of a house's member about an item under their name.
func (w *world) posted(h house, about id.Item, audience string) id.Any {
	w.t.Helper()
	post := id.New[id.Any]()
	w.tx(h.member, func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, shown_name, title) VALUES ($1, $2, $3, $4, $5, $6, 'name', $7, 'How long?')`,
			h.org.OrgID, post, h.m.MembershipID, w.vendor.org.OrgID, about, audience, h.m.Name)
	})
	return post
}

// sharedWith is what others share with a member.
func (w *world) sharedWith(ctx context.Context) []courses.SharedReflection {
	w.t.Helper()
	v, err := w.svc.SharedWithMe(ctx, courses.ReflectionsAfter{})
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Rows
}

// What is written at two places at once is lost at neither, and what the server has from the same window is written over, also where the
// answer did not arrive.
func TestReflectionsAreNotLost(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := courses.Place{Item: w.course("reflect", "shared").ItemID, Lesson: "answer"}
	ctx := w.partner.member
	save := func(text, window string, edition int) courses.Reflected {
		t.Helper()
		out, err := w.svc.Reflect(ctx, p, "think", courses.Thought{Text: text, Edition: edition, Window: window})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, tt := range []struct {
		name, text, window string
		edition            int
		changed            bool
		body               string
		now                int
	}{
		{"the first words", "At forty", "a", 0, false, "At forty", 1},
		{"the same window, whose answer was lost", "At forty seconds", "a", 0, false, "At forty seconds", 2},
		{"another window that has read it", "At fifty", "b", 2, false, "At fifty", 3},
		{"the first window has not", "At forty seconds.", "a", 2, true, "At fifty", 3},
		{"without a window", "At sixty", "", 1, true, "At fifty", 3},
		{"the same words", "At fifty", "a", 1, false, "At fifty", 3},
		{"knowingly", "At forty seconds.", "a", 3, false, "At forty seconds.", 4},
		{"removed over words that were not read", "", "b", 3, true, "At forty seconds.", 4},
		{"removed", "", "a", 4, false, "", 0},
		{"written again from the other window", "At fifty", "b", 3, false, "At fifty", 1},
	} {
		if got := save(tt.text, tt.window, tt.edition); got.Changed != tt.changed || got.Body != tt.body || got.Edition != tt.now || got.ID.IsZero() != (tt.now == 0) {
			t.Errorf("%s: %s", tt.name, says(got))
		}
	}
	v, err := w.svc.Reflections(ctx, "FIFTY", courses.ReflectionsAfter{}, false)
	if err != nil || len(v.Rows) != 1 || v.Rows[0].Asked != "Where did you skip it?" || v.Rows[0].Title != "Answer" || v.Rows[0].RootKind != "course" || v.Rows[0].Shared {
		t.Errorf("own list: %s, %v", says(v), err)
	}
	if v, err := w.svc.Reflections(ctx, "sixty", courses.ReflectionsAfter{}, false); err != nil || len(v.Rows) != 0 {
		t.Errorf("found %s, %v", says(v), err)
	}
	for _, who := range []context.Context{w.colleague(w.partner), w.administrator(w.partner), w.vendor.member} {
		if v, err := w.svc.Reflections(who, "", courses.ReflectionsAfter{}, true); err != nil || len(v.Rows) != 0 {
			t.Errorf("somebody else reads %s, %v", says(v), err)
		}
	}
}

// A reflection is read by whom it is shared with, as it read then, until it is taken back; by nobody else, whoever they are.
func TestReflectionIsSharedWithin(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := courses.Place{Item: w.course("reflect", "shared").ItemID, Lesson: "answer"}
	ctx, peer, boss, stranger := w.partner.member, w.colleague(w.partner), w.administrator(w.partner), w.colleague(w.partner)
	which := w.wrote(ctx, p, "SECRET at forty seconds")
	share := func(in courses.Sharing) error { return w.svc.ShareReflection(ctx, which, in) }
	refused(t, "with nobody", share(courses.Sharing{}), errs.Invalid)
	refused(t, "with oneself", share(courses.Sharing{With: courses.ShareColleague, Colleague: w.address(ctx)}), errs.Invalid)
	refused(t, "with somebody elsewhere", share(courses.Sharing{With: courses.ShareColleague, Colleague: w.address(w.vendor.member)}), errs.Invalid)
	refused(t, "another's", w.svc.ShareReflection(peer, which, courses.Sharing{With: courses.ShareColleague, Colleague: w.address(stranger)}), errs.NotFound)
	if err := share(courses.Sharing{With: courses.ShareColleague, Colleague: w.address(peer)}); err != nil {
		t.Fatal(err)
	}
	if list := w.sharedWith(peer); len(list) != 1 || list[0].Body != "SECRET at forty seconds" || list[0].Name != "Ada partner" || list[0].About != "The field check" {
		t.Fatalf("the colleague reads %s", says(list))
	}
	if _, err := w.svc.Reflect(ctx, p, "think", courses.Thought{Text: "SECRET later", Edition: 1}); err != nil {
		t.Fatal(err)
	}
	if r, err := w.svc.ReadShared(peer, which); err != nil || r.Body != "SECRET at forty seconds" {
		t.Errorf("what is written on reads %s, %v", says(r), err)
	}
	if v, err := w.svc.Reflection(ctx, which); err != nil || !v.Stale() || v.With.To != "Bo" || !v.Shared {
		t.Errorf("the writer sees %s, %v", says(v), err)
	}
	nobody := func(who ...context.Context) {
		t.Helper()
		for _, c := range who {
			if list := w.sharedWith(c); len(list) != 0 {
				t.Errorf("somebody else reads %s", says(list))
			}
			_, err := w.svc.ReadShared(c, which)
			refused(t, "somebody else opens it", err, errs.NotFound)
			_, err = w.svc.Reflection(c, which)
			refused(t, "somebody else has it", err, errs.NotFound)
		}
	}
	nobody(boss, stranger, w.vendor.member, w.other.member)
	for _, a := range []scope.Actor{scope.Mailer, scope.Operator, scope.Discloser, scope.Counter, scope.Indexer, scope.Keeper} {
		if n := one[int](dbtest.System(t, a, w.partner.org.OrgID), w, `SELECT count(*)::int FROM reflection_shares WHERE org_id = $1`, w.partner.org.OrgID); n != 0 {
			t.Errorf("the %s reads %d", a, n)
		}
	}

	// A team reads it, whoever is in it; only who is in it shares with it.
	team := id.New[id.Any]()
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		if err := tx.Must(`INSERT INTO teams (org_id, team_id, name) VALUES ($1, $2, 'Field')`, tx.Scope.Org, team); err != nil {
			return err
		}
		return tx.Must(`INSERT INTO team_members (org_id, team_id, membership_id) VALUES ($1, $2, $3)`, tx.Scope.Org, team, w.memberOf(stranger))
	})
	with := courses.Sharing{With: courses.ShareTeam, Team: team.String()}
	refused(t, "with a team of others", share(with), errs.Invalid)
	w.tx(w.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO team_members (org_id, team_id, membership_id) VALUES ($1, $2, $3)`, tx.Scope.Org, team, w.memberOf(ctx))
	})
	if err := share(with); err != nil {
		t.Fatal(err)
	}
	if list := w.sharedWith(stranger); len(list) != 1 || list[0].Body != "SECRET later" || list[0].To != "Field" {
		t.Errorf("the team reads %s", says(list))
	}
	if list := w.sharedWith(ctx); len(list) != 0 {
		t.Errorf("the writer is shared %s", says(list))
	}
	nobody(peer, boss, w.other.member)
	for what, q := range map[string]string{
		"under another's name":       `UPDATE reflection_shares SET shown_name = 'Bo' WHERE reflection_id = $1`,
		"with nobody who is there":   `UPDATE reflection_shares SET team_id = NULL, reader = gen_random_uuid() WHERE reflection_id = $1`,
		"about something else":       `UPDATE reflection_shares SET item_id = gen_random_uuid() WHERE reflection_id = $1`,
		"with another organization":  `UPDATE reflection_shares SET team_id = NULL, reader = gen_random_uuid(), reader_org = gen_random_uuid(), met_in = gen_random_uuid() WHERE reflection_id = $1`,
		"what somebody else wrote":   `UPDATE reflection_shares SET membership_id = gen_random_uuid() WHERE reflection_id = $1`,
		"with a team of others (db)": `UPDATE reflection_shares SET team_id = gen_random_uuid() WHERE reflection_id = $1`,
	} {
		if err := w.db.Tx(ctx, func(tx *db.Tx) error { return tx.Must(q, which) }); err == nil {
			t.Errorf("somebody shares %s", what)
		}
	}
	if err := w.svc.TakeReflectionBack(ctx, which); err != nil {
		t.Fatal(err)
	}
	nobody(peer, boss, stranger)
	if err := share(with); err != nil {
		t.Fatal(err)
	}
	refused(t, "another drops it", w.svc.DropReflection(stranger, which), errs.NotFound)
	if err := w.svc.DropReflection(ctx, which); err != nil {
		t.Fatal(err)
	}
	nobody(stranger)
}

// Somebody of another organization reads a reflection where the two meet and the reader had shown their name; nobody is written to whose name
// the writer was not shown, and naming a third company is asked about first.
func TestReflectionCrosses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("reflect", "shared")
	p := courses.Place{Item: it.ItemID, Lesson: "answer"}
	ctx := w.partner.member
	which := w.wrote(ctx, p, "With Other we waited forty seconds. Vendor knows.")
	post := w.posted(w.vendor, it.ItemID, "connected")
	in := courses.Sharing{With: courses.ShareReader, Reader: post.String(), Name: true}
	share := func(in courses.Sharing) error { return w.svc.ShareReflection(ctx, which, in) }
	refused(t, "with somebody of an organization that one is not connected to", share(in), errs.Invalid)
	w.connected(w.partner, w.vendor, "vendor")
	w.connected(w.partner, w.other, "peer")
	hidden := w.posted(w.other, it.ItemID, "org")
	in.Reader = hidden.String()
	refused(t, "with somebody who wrote for their own people", share(in), errs.Invalid)
	in.Reader = post.String()
	if err := share(in); !errs.Is(err, errs.Invalid) {
		t.Fatalf("a company that is named: %v", err)
	}
	in.Confirmed = true
	if err := share(in); err != nil {
		t.Fatal(err)
	}
	list := w.sharedWith(w.vendor.member)
	if len(list) != 1 || list[0].Name != "Ada partner" || list[0].By.OrgID != w.partner.org.OrgID || list[0].About != "The field check" {
		t.Fatalf("the vendor's reads %s", says(list))
	}
	if v, err := w.svc.Reflection(ctx, which); err != nil || v.With == nil || v.With.To != "Ada vendor" || len(v.Readers) != 1 {
		t.Errorf("the writer sees %s, %v", says(v), err)
	}
	for _, who := range []context.Context{w.colleague(w.vendor), w.administrator(w.vendor), w.other.member, w.administrator(w.partner)} {
		if list := w.sharedWith(who); len(list) != 0 {
			t.Errorf("somebody else reads %s", says(list))
		}
	}
	in.Name = false
	if err := share(in); err != nil {
		t.Fatal(err)
	}
	if list := w.sharedWith(w.vendor.member); len(list) != 1 || list[0].Name != "" {
		t.Errorf("without the name: %s", says(list))
	}
	meet := func(from house, as string) {
		t.Helper()
		to := w.vendor
		if from.org.OrgID == to.org.OrgID {
			to = w.partner
		}
		w.tx(from.ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE connection_sides SET meet = $3 WHERE org_id = $1 AND other_org = $2`, tx.Scope.Org, to.org.OrgID, as)
		})
	}
	in.Name = true
	if err := share(in); err != nil {
		t.Fatal(err)
	}
	meet(w.partner, "company")
	if list := w.sharedWith(w.vendor.member); len(list) != 1 || list[0].Name != "" {
		t.Errorf("where names do not cross any more: %s", says(list))
	}
	meet(w.partner, "none")
	if list := w.sharedWith(w.vendor.member); len(list) != 0 {
		t.Errorf("they do not meet, and one reads %s", says(list))
	}
	meet(w.partner, "name")
	meet(w.vendor, "company")
	refused(t, "whose people are not named any more", share(in), errs.Invalid)
}

// Whoever reads what somebody shares reads the question with it, as long as they see what it stands in.
func TestASharedReflectionHasItsQuestion(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("reflect", "shared").ItemID
	peer := w.colleague(w.partner)
	which := w.wrote(w.partner.member, courses.Place{Item: it, Lesson: "answer"}, "At forty seconds.")
	if err := w.svc.ShareReflection(w.partner.member, which, courses.Sharing{With: courses.ShareColleague, Colleague: w.address(peer)}); err != nil {
		t.Fatal(err)
	}
	if list := w.sharedWith(peer); len(list) != 1 || list[0].Asked != "Where did you skip it?" {
		t.Errorf("the colleague reads %s", says(list))
	}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM collection_items WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, it)
	})
	if list := w.sharedWith(peer); len(list) != 1 || list[0].Body != "At forty seconds." || list[0].Asked+list[0].About != "" {
		t.Errorf("once it is closed the colleague reads %s", says(list))
	}
}
