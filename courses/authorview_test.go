package courses_test

import (
	"context"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
)

// An author reads where people of their own organization stop, in steps of five, and what is asked there; of other organizations' people
// nothing.
func TestWherePeopleStop(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("stops", "shared")
	author := w.author(w.vendor)
	at := func(lesson string) courses.Place { return courses.Place{Item: it.ItemID, Lesson: lesson} }
	rows := func() map[string]courses.StopStatistic {
		t.Helper()
		v, err := w.svc.Stops(author, it.ItemID, courses.StopFilter{})
		if err != nil || len(v.Rows) != 3 {
			t.Fatalf("%d rows, %v", len(v.Rows), err)
		}
		out := map[string]courses.StopStatistic{}
		for _, r := range v.Rows {
			out[r.Key] = r
		}
		return out
	}
	// Each finishes the first lesson, gets to a part of the second and stays away.
	stops := func(of house, people int) {
		for range people {
			who := w.colleague(of)
			_, err := w.svc.CompleteLesson(who, at("read"))
			w.did(err)
			w.did(w.svc.OpenLesson(who, at("answer")))
			w.did(w.svc.SavePlace(who, at("answer"), "why-probes-drift"))
			w.tx(who, func(tx *db.Tx) error {
				return tx.Must(`UPDATE enrollments SET updated_at = updated_at - interval '20 days' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
			})
		}
	}
	stops(w.partner, 6)
	stops(w.vendor, 4)
	if got := rows()["answer"]; got.Reached != 0 || got.Stopped != 0 || got.Part != "" || got.Advice != courses.StopFew {
		t.Errorf("four people: %+v", got)
	}
	stops(w.vendor, 4)
	got := rows()
	if r := got["answer"]; r.Reached != 5 || r.Finished != 0 || r.Stopped != 5 || r.Part != "Why probes drift" || r.Advice != courses.StopLeave {
		t.Errorf("eight people, told as five: %+v", r)
	}
	if r := got["read"]; r.Reached != 5 || r.Finished != 5 || r.Stopped != 0 || r.Advice != courses.StopNone {
		t.Errorf("what they finished: %+v", r)
	}
	before := got
	stops(w.vendor, 1)
	if after := rows(); after["answer"] != before["answer"] || after["read"] != before["read"] {
		t.Errorf("one person more shows: %+v, then %+v", before, after)
	}
	// What is asked beside a lesson stands there.
	w.tx(w.vendor.member, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, about_lesson, audience, shown_as, title) VALUES ($1, $2, $3, $1, $4, 'do', 'org', 'someone', 'How?')`, tx.Scope.Org, id.New[id.Post](), tx.Scope.Membership, it.ItemID)
		return err
	})
	if r := rows()["do"]; r.Asked != 1 || r.Open != 1 || r.Advice != courses.StopAsk {
		t.Errorf("asked: %+v", r)
	}
	v, err := w.svc.Stops(author, it.ItemID, courses.StopFilter{Advice: true, Sort: "-open"})
	if err != nil || len(v.Rows) != 2 || v.Rows[0].Key != "do" {
		t.Errorf("only what has to be done, open questions first: %+v, %v", v.Rows, err)
	}
	for name, ctx := range map[string]context.Context{"a learner": w.vendor.member, "an author elsewhere": w.author(w.partner)} {
		if _, err := w.svc.Stops(ctx, it.ItemID, courses.StopFilter{}); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s reads it: %v", name, err)
		}
	}
	if _, err := w.svc.Stops(author, it.ItemID, courses.StopFilter{Version: 7}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a version that there is not: %v", err)
	}
}

// An author reads how their own organization's people find together, in steps of five, and of nobody else's.
func TestHowPeopleFindTogether(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(groupSource).ItemID
	at := courses.Place{Item: path, Step: "meet"}
	begin := func(of house, people int, grouped bool) (out []context.Context) {
		for range people {
			who := h.colleague(of)
			h.did(h.svc.Enroll(who, path, courses.Origin{}))
			if grouped {
				h.did(h.svc.OpenGroup(who, at, "look", courses.GroupDraft{Shown: "name"}))
			}
			h.tx(who, func(tx *db.Tx) error {
				return tx.Must(`UPDATE enrollments SET started_at = started_at - interval '50 hours' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
			})
			out = append(out, who)
		}
		return out
	}
	numbers := func() *courses.GroupNumbers {
		t.Helper()
		v, err := h.svc.Stops(h.author, path, courses.StopFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range v.Rows {
			if (r.Groups != nil) && r.Key != "meet" {
				t.Errorf("nobody meets at %s: %+v", r.Key, r.Groups)
			}
			if r.Key == "meet" {
				if r.Kind != markdown.Group || r.Advice == courses.StopLong {
					t.Errorf("an hour together is a %s with the advice %q", r.Kind, r.Advice)
				}
				return r.Groups
			}
		}
		t.Fatal("no such step")
		return nil
	}
	begin(h.vendor, 4, true)
	begin(h.partner, 6, true)
	if g := numbers(); g != nil {
		t.Errorf("of four people: %+v", g)
	}
	begin(h.vendor, 3, false)
	if g := numbers(); g == nil || g.Began != 5 || g.Alone != 0 || g.Days != nil {
		t.Errorf("of seven people, three alone: %+v", g)
	}
	begin(h.vendor, 2, true)
	alone := begin(h.vendor, 3, false)
	g := numbers()
	if g == nil || g.Began != 10 || g.Alone != 5 || g.Days == nil || *g.Days != 3 {
		t.Fatalf("of twelve people, six alone: %s", says(g))
	}
	// Whoever is done with the step needs no group.
	for _, who := range alone[:2] {
		h.tx(who, func(tx *db.Tx) error {
			return tx.Must(`INSERT INTO completions (org_id, membership_id, item_org, item_id, lesson_key, version) VALUES ($1, $2, $3, $4, 'meet', 1)`, tx.Scope.Org, tx.Scope.Membership, h.vendor.org.OrgID, path)
		})
	}
	if g := numbers(); g == nil || g.Began != 10 || g.Alone != 0 {
		t.Errorf("four of twelve alone: %s", says(g))
	}
	// A group that was called off is none.
	off := h.colleague(h.vendor)
	for range 4 {
		off = h.colleague(h.vendor)
		h.did(h.svc.OpenGroup(off, at, "look", courses.GroupDraft{Shown: "name"}))
		h.did(h.svc.CallGroupOff(off, at, "look"))
	}
	if g := numbers(); g == nil || g.Began != 15 || g.Alone != 5 {
		t.Errorf("four called theirs off: %s", says(g))
	}
	for name, who := range map[string]context.Context{"a learner": off, "another organization's author": h.world.author(h.partner)} {
		if n := one[int](who, h.world, `SELECT count(*)::int FROM group_numbers($1, 1, '{meet}', '{look}')`, path); n != 0 {
			t.Errorf("%s reads %d", name, n)
		}
	}
}
