package courses_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// watcher is somebody who looks after all people of an organization.
func (h *hall) watcher(of house) context.Context {
	h.t.Helper()
	var m tenants.Membership
	h.tx(of.ctx, func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Kim", Email: id.New[id.Any]().String() + "@x.example", Roles: []scope.Role{scope.Learner, scope.Administrator}})
		return err
	})
	return dbtest.As(h.t, of.org.OrgID, m.MembershipID, m.PersonID, scope.Administrator)
}

// walked has the partner's learner finish the whole path, the step of a live session by having been at one that is planned for it.
func (h *hall) walked() (path id.Item, session, seat id.Any) {
	h.t.Helper()
	path = h.meetingPath(liveSource, "start").ItemID
	h.did(h.svc.Enroll(h.partner.member, path, courses.Origin{}))
	_, err := h.svc.CompleteLesson(h.partner.member, courses.Place{Item: path, Step: "start"})
	h.did(err)
	session = h.planFor(path, 24*time.Hour, func(d *courses.LiveDraft) { d.Part, d.Seats = "meet", 3 })
	_, err = h.svc.TakeSeat(h.partner.member, session, "name")
	h.did(err)
	h.attended(session, true)
	_, err = h.svc.CompleteLesson(h.partner.member, courses.Place{Item: path, Step: "end"})
	h.did(err)
	h.told(h.partner)
	h.told(h.vendor)
	v, err := h.svc.Guests(h.author, session, courses.GuestFilter{})
	h.did(err)
	return path, session, v.Guests[0].Seat
}

// far is how far the partner's learner is on a path, and whether it is complete.
func (h *hall) far(path id.Item) (done int, complete bool) {
	h.t.Helper()
	e := one[struct {
		Done     int  `db:"done"`
		Complete bool `db:"complete"`
	}](h.partner.member, h.world, `SELECT e.done, e.state = 'completed' AND e.completed_at IS NOT NULL AS complete FROM enrollments e WHERE e.org_id = $1 AND e.item_id = $2`, h.partner.org.OrgID, path)
	return e.Done, e.Complete
}

func TestAttendanceIsTakenBack(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path, session, seat := h.walked()
	ctx := h.partner.member
	if done, complete := h.far(path); done != 3 || !complete {
		t.Fatalf("%d done, complete %v", done, complete)
	}
	for name, err := range map[string]error{
		"a learner of whose session it is": h.svc.VoidAttendance(h.vendor.member, session, seat, "No."),
		"its person":                       h.svc.VoidAttendance(ctx, session, seat, "No."),
		"an author of its person's":        h.svc.VoidAttendance(h.world.author(h.partner), session, seat, "No."),
		"a seat that there is not":         h.svc.VoidAttendance(h.author, session, id.New[id.Any](), "No."),
		"a session that there is not":      h.svc.VoidAttendance(h.author, id.New[id.Any](), seat, "No."),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, reason := range []string{"", "  ", strings.Repeat("x", 301), "a\x00b"} {
		if err := h.svc.VoidAttendance(h.author, session, seat, reason); !errs.Is(err, errs.Invalid) {
			t.Errorf("the reason %.10q: %v", reason, err)
		}
	}
	// A list that is saved without the tick takes nothing back.
	h.did(h.svc.MarkAttendance(h.author, session, []id.Any{seat}, nil))
	h.mails(h.partner)
	if done, complete := h.far(path); done != 3 || !complete {
		t.Errorf("saved without a tick: %d done, complete %v", done, complete)
	}

	h.did(h.svc.VoidAttendance(h.author, session, seat, " It was somebody else. "))
	if err := h.svc.VoidAttendance(h.author, session, seat, "Again."); !errs.Is(err, errs.NotFound) {
		t.Errorf("taken back twice: %v", err)
	}
	got := h.mails(h.partner, "Taken back: you were at Ask the field")[0]
	if !strings.Contains(got, "It was somebody else.") || !strings.Contains(got, "is open again") || strings.Contains(got, "Cy") {
		t.Errorf("told: %s", got)
	}
	h.mails(h.vendor)
	if done, complete := h.far(path); done != 2 || complete {
		t.Errorf("%d done, complete %v: what does not rest on it stays, the rest is open", done, complete)
	}
	if v, l := h.step(ctx, path); v.Done || v.Meets != 1 || l.Came() != nil {
		t.Errorf("the step: done %v, %d to meet", v.Done, v.Meets)
	}
	if n := one[int](ctx, h.world, `SELECT sum(s.minutes)::int FROM statements s WHERE s.org_id = $1 AND s.verb IN ('attended', 'voided')`, h.partner.org.OrgID); n != 0 {
		t.Errorf("%d minutes count", n)
	}
	h.readsVoid(path, session)
	if v, err := h.svc.Guests(h.author, session, courses.GuestFilter{}); err != nil || v.Guests[0].Came() || v.Guests[0].Voided == nil || v.Guests[0].Reason != "It was somebody else." {
		t.Errorf("its author reads %+v, %v", v.Guests, err)
	}
	for of, action := range map[*house]string{&h.vendor: "live.attendance_voided", &h.partner: "attendance.voided"} {
		if n := one[int](of.ctx, h.world, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, of.org.OrgID, action); n != 1 {
			t.Errorf("%d lines say %s", n, action)
		}
	}

	// Noted again, all of it is as before, and they are told.
	h.did(h.svc.MarkAttendance(h.author, session, []id.Any{seat}, []id.Any{seat}))
	h.mails(h.partner, "Noted again: you were at Ask the field")
	if done, complete := h.far(path); done != 3 || !complete {
		t.Errorf("noted again: %d done, complete %v", done, complete)
	}
	if n := one[int](ctx, h.world, `SELECT sum(s.minutes)::int FROM statements s WHERE s.org_id = $1 AND s.verb IN ('attended', 'voided')`, h.partner.org.OrgID); n != 61 {
		t.Errorf("%d minutes count", n)
	}
	if v, err := h.svc.OwnTraining(ctx); err != nil || len(v.Voided) != 0 {
		t.Errorf("still taken back: %+v, %v", v.Voided, err)
	}
}

// readsVoid checks who reads that attendance was taken back, and why.
func (h *hall) readsVoid(path id.Item, session id.Any) {
	h.t.Helper()
	v, err := h.svc.OwnTraining(h.partner.member)
	if err != nil || len(v.Voided) != 1 || v.Voided[0].Reason != "It was somebody else." || v.Voided[0].By != "" || v.Voided[0].Of.OrgID != h.vendor.org.OrgID {
		h.t.Errorf("its person reads %+v, %v", v.Voided, err)
	}
	if v, err := h.svc.LiveSession(h.partner.member, session); err != nil || len(v.Voided) != 1 || v.Attended {
		h.t.Errorf("on its page: %+v, %v", v.Voided, err)
	}
	r, err := h.svc.Training(h.watcher(h.partner), courses.TrainingFilter{})
	if err != nil || len(r.Rows) != 1 || r.Rows[0].Item != path || r.Rows[0].State != courses.TrainingOpen || r.Rows[0].Voided == nil || r.Rows[0].VoidedWhy != "It was somebody else." {
		h.t.Errorf("who looks after them reads %+v, %v", r.Rows, err)
	}
	for name, of := range map[string]context.Context{"a colleague": h.colleague(h.partner), "the publisher's learner": h.vendor.member, "its administrator": h.watcher(h.vendor), "another organization's": h.watcher(h.other)} {
		if n := one[int](of, h.world, `SELECT count(*)::int FROM live_voided`); n != 0 {
			h.t.Errorf("%s reads it", name)
		}
	}
}

// A list without any tick says of everybody on it that they were not there, however often it is saved.
func TestNobodyCame(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	session := h.plan(24*time.Hour, 1)
	if _, err := h.svc.TakeSeat(h.partner.member, session, "company"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h.attended(session, false)
		if v, err := h.svc.Guests(h.author, session, courses.GuestFilter{}); err != nil || v.Guests[0].Attended == nil || v.Guests[0].Came() {
			t.Fatalf("%+v, %v", v.Guests, err)
		}
	}
}

// What another session finished as well stays, and the record of an organization to which the session is open no more is its own.
func TestWhatDoesNotRestOnAVoidedAttendanceStays(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path, session, seat := h.walked()
	second := h.planFor(h.item.ItemID, 48*time.Hour, func(d *courses.LiveDraft) { d.Series = "clinic" })
	if _, err := h.svc.TakeSeat(h.partner.member, second, "company"); err != nil {
		t.Fatal(err)
	}
	h.attended(second, true)
	h.did(h.svc.VoidAttendance(h.author, session, seat, "Wrong day."))
	if got := h.mails(h.partner, "Taken back"); strings.Contains(got[0], "open again") {
		t.Errorf("told: %s", got[0])
	}
	if done, complete := h.far(path); done != 3 || !complete {
		t.Errorf("%d done, complete %v", done, complete)
	}
	v, err := h.svc.Guests(h.author, second, courses.GuestFilter{})
	h.did(err)
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, h.vendor.org.OrgID, h.partner.org.OrgID)
	})
	if err := h.svc.VoidAttendance(h.author, second, v.Guests[0].Seat, "They are gone."); !errs.Is(err, errs.Conflict) {
		t.Errorf("after it closed: %v", err)
	}
	h.mails(h.partner)
	if done, complete := h.far(path); done != 3 || !complete {
		t.Errorf("after it closed: %d done, complete %v", done, complete)
	}
}

// After the two part, it is taken back from, and noted of, who has time to finish, as before; and of nobody else.
func TestAttendanceIsTakenBackWhileThereIsTimeToFinish(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(liveSource).ItemID
	session := h.planFor(path, 24*time.Hour, func(d *courses.LiveDraft) { d.Part, d.Seats = "meet", 3 })
	ctx := h.partner.member
	h.did(h.svc.Enroll(ctx, path, courses.Origin{}))
	_, err := h.svc.TakeSeat(ctx, session, "name")
	h.did(err)
	var done tenants.Membership // who has finished all of it before
	h.tx(h.partner.ctx, func(tx *db.Tx) (err error) {
		done, err = tenants.AddMember(tx, tenants.NewMember{Name: "Noa", Email: "noa@" + h.partner.org.Slug + ".example"})
		return err
	})
	other := dbtest.As(t, h.partner.org.OrgID, done.MembershipID, done.PersonID)
	h.did(h.svc.Enroll(other, path, courses.Origin{}))
	_, err = h.svc.TakeSeat(other, session, "name")
	h.did(err)
	h.attended(session, true)
	for _, step := range []string{"start", "end"} {
		_, err = h.svc.CompleteLesson(other, courses.Place{Item: path, Step: step})
		h.did(err)
	}
	h.told(h.partner)

	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		_, err := tenants.Connect(tx, tenants.Connection{
			A: tenants.Side{Org: h.vendor.org.OrgID, Relationship: "partner", Meet: "name"}, B: tenants.Side{Org: h.partner.org.OrgID, Relationship: "vendor", Meet: "name"}, State: "active", Since: tx.Now,
			Terms: tenants.Terms{Template: tenants.Template, A: tenants.Half{Meet: "name"}, B: tenants.Half{Meet: "name"}, FinishDays: 30},
		})
		return err
	})
	h.did(h.tenants.End(h.watcher(h.vendor), h.partner.org.OrgID, false))
	seatOf := func(m id.Membership) id.Any {
		return one[id.Any](h.partner.member, h.world, `SELECT s.seat_id FROM live_seats s WHERE s.org_id = $1 AND s.membership_id = $2`, h.partner.org.OrgID, m)
	}
	seat := seatOf(h.partner.m.MembershipID)
	if v, _ := h.step(ctx, path); !v.Done {
		t.Fatal("after the end the step is open")
	}
	h.mails(h.partner)

	h.did(h.svc.VoidAttendance(h.author, session, seat, "It was somebody else."))
	if got := h.mails(h.partner, "Taken back: you were at Ask the field")[0]; !strings.Contains(got, "is open again") {
		t.Errorf("told: %s", got)
	}
	if v, l := h.step(ctx, path); v.Done || v.Meets != 1 || l.Came() != nil {
		t.Errorf("the step: done %v, %d to meet", v.Done, v.Meets)
	}
	if n := one[int](h.partner.ctx, h.world, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'attendance.voided' AND actor = 'usher' AND membership_id IS NULL`, h.partner.org.OrgID); n != 1 {
		t.Errorf("%d lines say that the organization took it back", n)
	}
	h.did(h.svc.MarkAttendance(h.author, session, []id.Any{seat}, []id.Any{seat}))
	h.mails(h.partner, "Noted again: you were at Ask the field")
	if v, _ := h.step(ctx, path); !v.Done {
		t.Error("noted again, the step is open")
	}
	if err := h.svc.VoidAttendance(h.author, session, seatOf(done.MembershipID), "It was somebody else."); !errs.Is(err, errs.Conflict) {
		t.Errorf("of who has finished all of it: %v", err)
	}
	// When the time is over, the record stays as it is.
	h.tx(h.partner.ctx, func(tx *db.Tx) error { return tx.Must(`DELETE FROM finishing WHERE org_id = $1`, tx.Scope.Org) })
	if err := h.svc.VoidAttendance(h.author, session, seat, "It was somebody else."); !errs.Is(err, errs.Conflict) {
		t.Errorf("when the time to finish is over: %v", err)
	}
}

// Nobody but whose session it is takes attendance back, and nobody but the person's organization does what follows.
func TestForgedVoids(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	_, session, seat := h.walked()
	vendor, partner := h.vendor.org.OrgID, h.partner.org.OrgID
	write := `INSERT INTO live_voided (org_id, membership_id, session_id, session_org, title, starts_at, reason, voided_at) SELECT s.org_id, s.membership_id, s.session_id, s.session_org, 'x', now(), 'x', now() FROM live_seats s WHERE s.session_id = $1`
	usher := func(of id.Org) context.Context { return dbtest.System(t, scope.Usher, of) }
	try := func(name string, ctx context.Context, q string, args ...any) {
		t.Helper()
		var n int64
		if err := h.db.Tx(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(q, args...)
			return err
		}); err == nil && n != 0 {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	try("while it is noted that they came", usher(vendor), write, session)
	h.did(h.svc.VoidAttendance(h.author, session, seat, "It was somebody else."))
	h.told(h.partner)
	h.tx(usher(partner), func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM live_voided WHERE org_id = $1`, partner)
	})
	try("by its person", h.partner.member, write, session)
	try("by its person's organization", usher(partner), write, session)
	try("by an author of whose session it is", h.author, write, session)
	h.tx(usher(vendor), func(tx *db.Tx) error { return tx.Must(write, session) })
	try("its person removes it", h.partner.member, `DELETE FROM live_voided WHERE session_id = $1`, session)
	try("whose session it is removes it", usher(vendor), `DELETE FROM live_voided WHERE session_id = $1`, session)
	try("whose session it is says what is open by it", usher(vendor), `UPDATE live_voided SET items = ARRAY[gen_random_uuid()] WHERE session_id = $1`, session)
	try("its person's organization changes the reason", usher(partner), `UPDATE live_voided SET reason = 'y' WHERE session_id = $1`, session)
	try("a third organization changes it", usher(h.other.org.OrgID), `UPDATE live_voided SET carried_at = now() WHERE session_id = $1`, session)
}
