package courses_test

import (
	"context"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

const liveSource = "Bring a curve.\n\n```live\nkey: round\ntitle: The round\nask: Ask **the field**.\nseries: clinic\nrecording: true\n```\n"

// meetingPath publishes a path of a lesson, a live session and a last lesson that waits for it, open to the partner.
func (h *hall) meetingPath(source string, needs ...string) tenants.Item {
	h.t.Helper()
	var path tenants.Item
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Way", Slug: "way", Lang: "en"}, Steps: []courses.StepDraft{
			{Key: "start", Kind: courses.StepLesson, Lesson: courses.LessonDraft{Title: "Start", Minutes: 5, Source: "Start."}},
			{Key: "meet", Kind: courses.StepLesson, Rules: courses.Rules{Needs: needs}, Lesson: courses.LessonDraft{Title: "Meet", Minutes: 60, Source: source}},
			{Key: "end", Kind: courses.StepLesson, Rules: courses.Rules{Needs: []string{"meet"}}, Lesson: courses.LessonDraft{Title: "End", Minutes: 5, Source: "End."}},
		}})
		if err != nil {
			return err
		}
		path = p.Item
		return tenants.Collect(tx, path.ItemID, "shared")
	})
	return path
}

func (h *hall) planFor(path id.Item, later time.Duration, change func(*courses.LiveDraft)) id.Any {
	h.t.Helper()
	d := h.draftIn(later, 1)
	change(&d)
	session, err := h.svc.PlanLive(h.author, path, d)
	if err != nil {
		h.t.Fatal(err)
	}
	return session
}

// attended enters who came to a session that has begun: everybody, or nobody.
func (h *hall) attended(session id.Any, came bool) {
	h.t.Helper()
	h.begin(session)
	v, err := h.svc.Guests(h.author, session, courses.GuestFilter{})
	if err != nil {
		h.t.Fatal(err)
	}
	var shown, there []id.Any
	for _, g := range v.Guests {
		if shown = append(shown, g.Seat); came {
			there = append(there, g.Seat)
		}
	}
	h.did(h.svc.MarkAttendance(h.author, session, shown, there))
	h.told(h.partner)
}

// step returns the live session of the step that waits to be taken part in.
func (h *hall) step(ctx context.Context, path id.Item) (courses.LessonView, *courses.LiveStep) {
	h.t.Helper()
	v, err := h.svc.Lesson(ctx, courses.Place{Item: path, Step: "meet"}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, b := range v.Blocks {
		if b.Kind == markdown.Live && b.Live != nil {
			return v, b.Live
		}
	}
	h.t.Fatalf("no live session: %+v", v.Blocks)
	return v, nil
}

func TestALiveSessionIsAStep(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(liveSource).ItemID
	ctx, at := h.partner.member, courses.Place{Item: path, Step: "meet"}
	h.did(h.svc.Enroll(ctx, path, courses.Origin{}))

	v, l := h.step(ctx, path)
	if v.Kind != markdown.Live || v.Meets != 1 || l.Planned() || len(l.Rows) != 0 || l.Author {
		t.Errorf("nothing planned: kind %s, %d to meet, %+v", v.Kind, v.Meets, l)
	}
	if p, err := h.svc.Path(ctx, path); err != nil || p.Stations[1].Kind != markdown.Live {
		t.Errorf("on the path it is %+v, %v", p.Stations, err)
	}
	if _, a := h.step(h.author, path); !a.Author || a.Part != "meet" {
		t.Errorf("its author plans for %q: %v", a.Part, a.Author)
	}
	if _, err := h.svc.CompleteLesson(ctx, at); !errs.Is(err, errs.Invalid) {
		t.Errorf("done without having been there: %v", err)
	}
	visit, _, err := h.svc.Visit(h.visitor())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.svc.CompleteLesson(visit, at); !errs.Is(err, errs.NotFound) {
		t.Errorf("a visitor: %v", err)
	}

	// Sessions of the path that are about something else do not count; one for the step does, and any of the series.
	h.planFor(path, 24*time.Hour, func(d *courses.LiveDraft) { d.Title = "About all" })
	off := h.planFor(path, 48*time.Hour, func(d *courses.LiveDraft) { d.Part, d.Title = "meet", "Off" })
	h.did(h.svc.CancelLive(h.author, off, "Off"))
	small := h.planFor(path, 72*time.Hour, func(d *courses.LiveDraft) { d.Part = "meet" })
	// Nobody else can put a date onto somebody's step.
	foreign := draft("elsewhere")
	h.tx(h.partner.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, foreign)
		foreign.Item.ItemID = p.Item.ItemID
		return err
	})
	strange := h.draftIn(90*time.Hour, 3)
	strange.Series = "clinic"
	if _, err := h.svc.PlanLive(h.world.author(h.partner), foreign.Item.ItemID, strange); err != nil {
		t.Fatal(err)
	}
	clinic := h.planFor(h.item.ItemID, 96*time.Hour, func(d *courses.LiveDraft) { d.Series = "clinic" })
	if _, err := h.svc.TakeSeat(h.vendor.member, small, "someone"); err != nil {
		t.Fatal(err)
	}
	_, l = h.step(ctx, path)
	if len(l.Rows) != 3 || l.Rows[0].State != courses.LiveCancelled || !l.Rows[1].Full || l.Rows[2].ID != clinic || !l.Planned() || l.Seated() {
		t.Fatalf("dates: %+v", l.Rows)
	}
	if mine, err := h.svc.TakeSeat(ctx, small, "company"); err != nil || mine != courses.LiveWaiting {
		t.Errorf("in the full one: %q, %v", mine, err)
	}
	if _, l = h.step(ctx, path); l.Seated() {
		t.Error("who waits for a seat is offered no other one")
	}
	if _, err := h.svc.TakeSeat(ctx, clinic, "company"); err != nil {
		t.Fatal(err)
	}
	if _, l = h.step(ctx, path); !l.Seated() {
		t.Error("who has a seat has none")
	}

	// Whoever was not there goes on looking; whoever was is done with it, and what waits for it opens.
	h.attended(clinic, false)
	if _, err := h.svc.CompleteLesson(ctx, courses.Place{Item: path, Step: "end"}); !errs.Is(err, errs.Conflict) {
		t.Errorf("what waits for it is open: %v", err)
	}
	h.attended(clinic, true)
	v, l = h.step(ctx, path)
	if !v.Done || v.Meets != 0 || l.Came() == nil || l.Came().ID != clinic {
		t.Errorf("after it: done %v, %d to meet, %+v", v.Done, v.Meets, l)
	}
	if got := one[int](ctx, h.world, `SELECT count(*)::int FROM completions c WHERE c.org_id = $1`, h.partner.org.OrgID); got != 1 {
		t.Errorf("%d completions", got)
	}
	if _, err := h.svc.CompleteLesson(ctx, courses.Place{Item: path, Step: "end"}); err != nil {
		t.Error(err)
	}

	// The next version keeps what is done, and its recording does as well for whoever was not there.
	h.meetingPath(liveSource + "\n```video\ntitle: As it was\nsrc: https://films.example/round.mp4\n```\n")
	h.did(h.svc.MoveVersion(ctx, path, 2))
	if v, _ = h.step(ctx, path); !v.Done {
		t.Error("moving took it away")
	}
	late := h.colleague(h.partner)
	if v, l = h.step(late, path); !l.Record || v.Meets != 0 {
		t.Errorf("the recording does not do: %+v", l)
	}
	if _, err := h.svc.CompleteLesson(late, at); err != nil {
		t.Error(err)
	}
}

func TestWhoComesBeforeTheirTurnFinishesTheStepThemselves(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(liveSource, "start").ItemID
	ctx, at := h.partner.member, courses.Place{Item: path, Step: "meet"}
	h.did(h.svc.Enroll(ctx, path, courses.Origin{}))
	session := h.planFor(path, 24*time.Hour, func(d *courses.LiveDraft) { d.Part = "meet" })
	if _, err := h.svc.TakeSeat(ctx, session, "name"); err != nil {
		t.Fatal(err)
	}
	h.attended(session, true)
	if v, err := h.svc.Lesson(ctx, at, nil); err != nil || v.Done || len(v.Waits) != 1 || len(v.Blocks) != 0 {
		t.Errorf("while it waits: done %v, %+v, %v", v.Done, v.Waits, err)
	}
	if _, err := h.svc.CompleteLesson(ctx, courses.Place{Item: path, Step: "start"}); err != nil {
		t.Fatal(err)
	}
	if v, l := h.step(ctx, path); v.Done || v.Meets != 0 || l.Came() == nil {
		t.Errorf("open: done %v, %d to meet, %+v", v.Done, v.Meets, l)
	}
	if _, err := h.svc.CompleteLesson(ctx, at); err != nil {
		t.Error(err)
	}
	// Who was there and is not on the path has nothing finished by it.
	if got := one[int](h.vendor.member, h.world, `SELECT count(*)::int FROM completions c WHERE c.org_id = $1`, h.vendor.org.OrgID); got != 0 {
		t.Errorf("%d completions of nobody on it", got)
	}
}

// Who takes a course only as a step of a path finishes a lesson of it by having come, and the path goes on; taken back, it is open again.
func TestALiveSessionOfACourseIsDoneOnTheWay(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	ctx := h.partner.member
	var course, path id.Item
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		c, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Clinic", Slug: "clinic", Lang: "en"}, Lessons: []courses.LessonDraft{
			{Key: "read", Title: "Read", Minutes: 5, Source: "Read."}, {Key: "meet", Title: "Meet", Minutes: 60, Source: "```live\nkey: round\ntitle: The round\nask: Come.\n```\n"},
		}})
		if err != nil {
			return err
		}
		course = c.Item.ItemID
		p, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Way", Slug: "way", Lang: "en"}, Steps: []courses.StepDraft{
			{Key: "clinic", Kind: courses.StepCourse, Item: course},
			{Key: "end", Kind: courses.StepLesson, Rules: courses.Rules{Needs: []string{"clinic"}}, Lesson: courses.LessonDraft{Title: "End", Minutes: 5, Source: "End."}},
		}})
		if err != nil {
			return err
		}
		if path = p.Item.ItemID; tenants.Collect(tx, path, "shared") != nil {
			t.Error("the path is not shared")
		}
		return tenants.Collect(tx, course, "shared")
	})
	h.did(h.svc.Enroll(ctx, path, courses.Origin{}))
	_, err := h.svc.CompleteLesson(ctx, courses.Place{Item: path, Step: "clinic", Lesson: "read"})
	h.did(err)
	session := h.planFor(course, 24*time.Hour, func(d *courses.LiveDraft) { d.Part = "meet" })
	_, err = h.svc.TakeSeat(ctx, session, "name")
	h.did(err)
	if v, err := h.svc.Path(ctx, path); err != nil || v.Stations[0].Meeting == nil || v.Stations[0].Meeting.At == nil || v.Stations[0].Meeting.Waiting {
		t.Errorf("the path says of the seat %+v, %v", v.Stations[0].Meeting, err)
	}
	if v, err := h.svc.Path(h.colleague(h.partner), path); err != nil || v.Stations[0].Meeting != nil {
		t.Errorf("a colleague reads of the seat %+v, %v", v.Stations[0].Meeting, err)
	}
	h.attended(session, true)
	end := courses.Place{Item: path, Step: "end"}
	if v, err := h.svc.Path(ctx, path); err != nil || !v.Stations[0].Done || v.Stations[0].Meeting != nil || !v.Stations[1].Now {
		t.Errorf("who came is at %+v, %v", v.Stations, err)
	}
	if v, err := h.svc.Lesson(ctx, end, nil); err != nil || len(v.Waits) != 0 {
		t.Errorf("what waited for it waits for %+v, %v", v.Waits, err)
	}
	guests, err := h.svc.Guests(h.author, session, courses.GuestFilter{})
	h.did(err)
	h.did(h.svc.VoidAttendance(h.author, session, guests.Guests[0].Seat, "It was somebody else."))
	h.told(h.partner)
	if v, err := h.svc.Lesson(ctx, end, nil); err != nil || len(v.Waits) != 1 {
		t.Errorf("taken back, what waits for it waits for %+v, %v", v.Waits, err)
	}
}
