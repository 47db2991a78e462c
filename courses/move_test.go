package courses_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

// versionOf publishes a version of a course of lessons that are known by their keys.
func (w *world) versionOf(keys []string, words string) tenants.Item {
	w.t.Helper()
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		d := courses.CourseDraft{Item: tenants.Item{Title: "Moving", Slug: "moving", Lang: "en"}}
		for _, k := range keys {
			d.Lessons = append(d.Lessons, courses.LessonDraft{Key: k, Title: "Lesson " + k, Source: words + " " + k, Minutes: 5})
		}
		p, err := courses.PublishCourse(tx, d)
		if err != nil {
			return err
		}
		it = p.Item
		return tenants.Collect(tx, it.ItemID, "shared")
	})
	return it
}

func TestMoveToAnotherVersion(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := w.partner.member
	it := w.versionOf([]string{"a", "b", "c", "d"}, "Words")
	for _, k := range []string{"a", "b"} {
		if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: k}); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := w.svc.Moving(ctx, it.ItemID); err != nil || v.From != v.To || v.Diff != nil {
		t.Errorf("in the newest: %s, %v", says(v), err)
	}
	w.versionOf([]string{"a", "c", "e", "f", "g"}, "Other words")
	refused(t, "who is not on it", w.svc.MoveVersion(w.colleague(w.partner), it.ItemID, 2), errs.NotFound)
	refused(t, "another organization", w.svc.MoveVersion(w.other.member, it.ItemID, 2), errs.NotFound)
	refused(t, "a version that nobody starts with", w.svc.MoveVersion(ctx, it.ItemID, 7), errs.Conflict)
	v, err := w.svc.Moving(ctx, it.ItemID)
	if err != nil || v.From != 1 || v.To != 2 || v.Before.Share() != .5 || v.After.Share() < .5 || v.Kept() != 1 || v.Diff.Count(courses.ChangeNew) != 3 || v.Diff.Count(courses.ChangeGone) != 2 {
		t.Fatalf("shown: %s, %v", says(v), err)
	}
	if c, err := w.svc.Course(ctx, it.ItemID); err != nil || c.Version != 1 || c.Newest != 2 {
		t.Errorf("before: %d of %d, %v", c.Version, c.Newest, err)
	}
	if err := w.svc.MoveVersion(ctx, it.ItemID, 2); err != nil {
		t.Fatal(err)
	}
	c, err := w.svc.Course(ctx, it.ItemID)
	if err != nil || c.Version != 2 || c.Progress.Share() < .5 || !c.Stations[0].Done || c.Stations[1].Done {
		t.Errorf("moved: %s, %v", says(c.Stations), err)
	}
	if got := one[float64](ctx, w, `SELECT e.done::float8 / e.total FROM enrollments e WHERE e.org_id = $1`, w.partner.org.OrgID); got < .5 {
		t.Errorf("lists say %.2f", got)
	}
	if v, err = w.svc.Moving(ctx, it.ItemID); err != nil || v.Back != 1 {
		t.Errorf("back to %d, %v", v.Back, err)
	}
	if err := w.svc.MoveVersion(ctx, it.ItemID, 1); err != nil {
		t.Fatal(err)
	}
	if c, err := w.svc.Course(ctx, it.ItemID); err != nil || c.Version != 1 || c.Progress.Share() < .5 {
		t.Errorf("went back: %d, %v", c.Version, err)
	}
}

// Whatever the versions are like: the share never falls by moving, nothing finished opens again, and only finishing all is all.
func TestProgressNeverFallsByMoving(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := w.partner.member
	r := rand.New(rand.NewPCG(7, 11))
	some := func() (out []string) {
		for i := range 9 {
			if r.IntN(2) == 0 {
				out = append(out, fmt.Sprintf("k%d", i))
			}
		}
		return append(out, "always")
	}
	keys := some()
	it := w.versionOf(keys, "v0")
	if err := w.svc.Enroll(ctx, it.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	last := 0.0
	look := func(what string) courses.View {
		t.Helper()
		c, err := w.svc.Course(ctx, it.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		all := true
		for _, s := range c.Stations {
			all = all && s.Done
		}
		got := c.Progress.Share()
		if got < last || got > 1 || c.Finished == nil && (got == 1) != all {
			t.Fatalf("%s: %.3f after %.3f, all done %v", what, got, last, all)
		}
		last = got
		return c
	}
	for n := 1; n <= 12; n++ {
		for _, s := range look("in between").Stations {
			if !s.Done && r.IntN(4) == 0 {
				if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: s.Lesson}); err != nil {
					t.Fatal(err)
				}
				look("finished " + s.Lesson)
			}
		}
		keys = some()
		w.versionOf(keys, fmt.Sprintf("v%d", n))
		look("published")
		v, err := w.svc.Moving(ctx, it.ItemID)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.svc.MoveVersion(ctx, it.ItemID, v.To); err != nil {
			t.Fatal(err)
		}
		if got := look("moved").Progress.Share(); got < v.After.Share()-1e-9 {
			t.Errorf("promised %.3f, got %.3f", v.After.Share(), got)
		}
	}
}
