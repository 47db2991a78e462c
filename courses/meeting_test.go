package courses_test

import (
	"context"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
)

// stands is how somebody stands to the step of a path at which people meet.
func (h *hall) stands(ctx context.Context, path id.Item) *courses.Meeting {
	h.t.Helper()
	v, err := h.svc.Path(ctx, path)
	if err != nil || len(v.Stations) < 2 {
		h.t.Fatal(says(v.Stations), err)
	}
	return v.Stations[1].Meeting
}

// The line of a path says at a live session which seat one has, or that one waits for one; nobody reads anybody else's.
func TestAPathTellsOfTheSeat(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(liveSource).ItemID
	ctx := h.partner.member
	if m := h.stands(ctx, path); m != nil {
		t.Errorf("nothing planned: %+v", m)
	}
	full := h.planFor(path, 24*time.Hour, func(d *courses.LiveDraft) { d.Part = "meet" })
	later := h.planFor(h.item.ItemID, 48*time.Hour, func(d *courses.LiveDraft) { d.Series = "clinic" })
	if _, err := h.svc.TakeSeat(h.vendor.member, full, "someone"); err != nil {
		t.Fatal(err)
	}
	if m := h.stands(ctx, path); m != nil {
		t.Errorf("somebody else's seat: %+v", m)
	}
	if mine, err := h.svc.TakeSeat(ctx, full, "company"); err != nil || mine != courses.LiveWaiting {
		t.Fatal(mine, err)
	}
	if m := h.stands(ctx, path); m == nil || !m.Waiting || m.At == nil {
		t.Errorf("waits: %+v", m)
	}
	h.did(h.svc.LeaveSeat(ctx, full))
	if _, err := h.svc.TakeSeat(ctx, later, "company"); err != nil {
		t.Fatal(err)
	}
	m := h.stands(ctx, path)
	if m == nil || m.Waiting || m.Kind != "live" {
		t.Fatalf("a seat of the series: %+v", m)
	}
	if at, ok := m.When(); !ok || at.Format("15:04") != h.db.Now().Add(48*time.Hour).In(berlin(t)).Format("15:04") {
		t.Errorf("at %v on the clock of the session", at)
	}
	h.did(h.svc.CancelLive(h.author, later, "Ask the field"))
	if m := h.stands(ctx, path); m != nil {
		t.Errorf("called off: %+v", m)
	}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, ok := courses.LiveZone("Europe/Berlin")
	if !ok {
		t.Fatal("no Berlin")
	}
	return zone
}

// The line of a path says at what a few do together in a group of how many one is, and that one met.
func TestAPathTellsOfTheGroup(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(groupSource).ItemID
	at := courses.Place{Item: path, Step: "meet"}
	ada, bo := h.partner.member, h.colleague(h.partner)
	h.did(h.svc.OpenGroup(ada, at, "look", courses.GroupDraft{Shown: "name"}))
	if m := h.stands(ada, path); m == nil || m.Size != 1 || m.Said || m.At != nil {
		t.Errorf("alone: %+v", m)
	}
	if m := h.stands(bo, path); m != nil {
		t.Errorf("who is in none: %+v", m)
	}
	_, g := h.group(bo, path)
	h.did(h.svc.JoinGroup(bo, at, "look", g.Open[0].ID, "name"))
	if m := h.stands(ada, path); m == nil || m.Size != 2 {
		t.Errorf("two: %+v", m)
	}
	_, g = h.group(ada, path)
	h.did(h.svc.SayGroup(ada, at, "look", courses.GroupSay{Words: "Two things", There: others(g)}))
	if m, n := h.stands(ada, path), h.stands(bo, path); m == nil || !m.Said || m.Met || n == nil || n.Said {
		t.Errorf("one said it: %+v, %+v", m, n)
	}
	_, g = h.group(bo, path)
	h.did(h.svc.SayGroup(bo, at, "look", courses.GroupSay{There: others(g)}))
	h.told(h.partner)
	v, err := h.svc.Path(ada, path)
	if err != nil || !v.Stations[1].Done || v.Stations[1].Meeting == nil || !v.Stations[1].Meeting.Said || !v.Stations[1].Meeting.Met {
		t.Errorf("met: %+v, %v", v.Stations[1], err)
	}
}
