package courses_test

import (
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

// A grant opens a path and the courses of its publisher in it, and nothing lists them where they were not collected.
func TestPathOpensItsOwnCourses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	course := w.course("inside")
	var path tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Whole", Slug: "whole"}, Steps: []courses.StepDraft{{Key: "check", Kind: courses.StepCourse, Item: course.ItemID}}})
		if err != nil {
			return err
		}
		path = p.Item
		return tenants.Collect(tx, path.ItemID, "shared")
	})
	ctx := w.partner.member
	if v, err := w.svc.Path(ctx, path.ItemID); err != nil || len(v.Stations) != 1 {
		t.Errorf("the partner's path has %d steps, %v", len(v.Stations), err)
	}
	if _, err := w.svc.Course(ctx, course.ItemID); err != nil {
		t.Errorf("the course in the path: %v", err)
	}
	list, err := w.svc.Learn(ctx, courses.LearnFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Cards {
		if c.Item.ItemID == course.ItemID {
			t.Error("the library lists a course that was not collected")
		}
	}
	if _, err := w.svc.Course(w.other.member, course.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("the course opened to an organization without a grant: %v", err)
	}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error { return tenants.Close(tx, "shared", w.partner.org.OrgID) })
	if _, err := w.svc.Course(ctx, course.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("the course stays open after its path was closed: %v", err)
	}
}
