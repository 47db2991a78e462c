package courses_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// hall is a world with a course of the vendor's that is open to the partner, whoever tells of its live sessions, and how events are handed out.
type hall struct {
	*world
	item   tenants.Item
	author context.Context
	usher  *courses.Usher
	relay  *jobs.Relay
}

func openHall(t *testing.T) *hall {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	h := &hall{world: setupOn(t, d)}
	c, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	m := mail.New(h.db, c, mail.Outbox{}, "portal.example")
	store, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h.svc = courses.New(courses.Deps{DB: d, Tenants: h.tenants, Blob: store, Mail: m, URL: func(slug string) string { return "https://" + slug + ".portal.example" }})
	h.usher = courses.NewUsher(h.svc, m, c)
	h.relay = jobs.NewRelay(h.db, slog.New(slog.DiscardHandler))
	h.usher.Listen(h.relay)
	h.item, h.author = h.course("live", "shared"), h.world.author(h.vendor)
	return h
}

const meeting = "https://meet.example/SECRET"

// draftIn is a session that begins so much later and takes an hour, as a form in Berlin says it.
func (h *hall) draftIn(later time.Duration, seats int) courses.LiveDraft {
	berlin, _ := courses.LiveZone("Europe/Berlin")
	at := h.db.Now().Add(later).In(berlin)
	return courses.LiveDraft{Title: "Ask the field", About: "Bring a curve.", Host: "Someone who knows", Zone: "Europe/Berlin", Starts: at.Format("2006-01-02T15:04"), Ends: at.Add(time.Hour).Format("2006-01-02T15:04"), Seats: seats, Link: meeting}
}

func (h *hall) plan(later time.Duration, seats int) id.Any {
	h.t.Helper()
	session, err := h.svc.PlanLive(h.author, h.item.ItemID, h.draftIn(later, seats))
	if err != nil {
		h.t.Fatal(err)
	}
	return session
}

// begin moves a session so that it began a moment ago.
func (h *hall) begin(session id.Any) {
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE live_sessions SET starts_at = $3, ends_at = $4 WHERE org_id = $1 AND session_id = $2`, tx.Scope.Org, session, tx.Now.Add(-time.Minute), tx.Now.Add(time.Hour))
	})
}

// told hands out all news and returns the mails to the people of an organization since before.
func (h *hall) told(of house) (out []string) {
	h.t.Helper()
	if err := h.relay.Drain(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.tx(dbtest.System(h.t, scope.Mailer, of.org.OrgID), func(tx *db.Tx) (err error) {
		out, err = db.Rows[string](tx, `DELETE FROM mails m WHERE m.org_id = $1 RETURNING m.recipient || ' ' || m.subject || E'\n' || m.body || E'\n' || m.calendar`, tx.Scope.Org)
		return err
	})
	return out
}

// mails fails unless there is one mail for each of the beginnings of subjects.
func (h *hall) mails(of house, subjects ...string) []string {
	h.t.Helper()
	got := h.told(of)
	if len(got) != len(subjects) {
		h.t.Fatalf("%d mails, want %q:\n%s", len(got), subjects, strings.Join(got, "\n---\n"))
	}
	for _, s := range subjects {
		if !strings.Contains(strings.Join(got, "\n"), " "+s) {
			h.t.Errorf("no mail says %q:\n%s", s, strings.Join(got, "\n---\n"))
		}
	}
	return got
}

func TestALiveSessionIsPlannedForThoseWhoSeeItsItem(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	good := h.draftIn(48*time.Hour, 2)
	for name, change := range map[string]func(*courses.LiveDraft){
		"title":  func(d *courses.LiveDraft) { d.Title = " " },
		"seats":  func(d *courses.LiveDraft) { d.Seats = 0 },
		"link":   func(d *courses.LiveDraft) { d.Link = "http://meet.example/" },
		"zone":   func(d *courses.LiveDraft) { d.Zone = "Local" },
		"starts": func(d *courses.LiveDraft) { d.Starts = "2020-01-01T10:00" },
		"ends":   func(d *courses.LiveDraft) { d.Ends = d.Starts },
		"part":   func(d *courses.LiveDraft) { d.Part = "none" },
		"about":  func(d *courses.LiveDraft) { d.About = strings.Repeat("x", 2001) },
	} {
		d := good
		change(&d)
		_, err := h.svc.PlanLive(h.author, h.item.ItemID, d)
		if e, ok := errors.AsType[*errs.Error](err); !ok || len(e.Fields) == 0 || e.Fields[0].Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, ctx := range map[string]context.Context{"a learner": h.vendor.member, "an author elsewhere": h.world.author(h.partner)} {
		if _, err := h.svc.PlanLive(ctx, h.item.ItemID, good); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s plans: %v", name, err)
		}
	}
	good.Part = "answer"
	session, err := h.svc.PlanLive(h.author, h.item.ItemID, good)
	if err != nil {
		t.Fatal(err)
	}
	for name, ctx := range map[string]context.Context{"the publisher's": h.vendor.member, "the partner's": h.partner.member} {
		v, err := h.svc.LiveSession(ctx, session)
		if err != nil || v.Title != "Ask the field" || v.Room != "Answer" || v.Link != "" {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		beside, err := h.svc.LivesBeside(ctx, courses.LivePlace{Item: h.item.ItemID, Part: "answer"})
		elsewhere, _ := h.svc.LivesBeside(ctx, courses.LivePlace{Item: h.item.ItemID, Part: "read"})
		list, lerr := h.svc.Lives(ctx, courses.LiveFilter{})
		if err != nil || lerr != nil || len(beside.Rows) != 1 || len(elsewhere.Rows) != 0 || len(list.Rows) != 1 {
			t.Errorf("%s: %d beside, %d elsewhere, %d listed; %v, %v", name, len(beside.Rows), len(elsewhere.Rows), len(list.Rows), err, lerr)
		}
	}
	for name, ctx := range map[string]context.Context{"another organization": h.other.member, "a visitor": h.visitor()} {
		_, err := h.svc.LiveSession(ctx, session)
		list, lerr := h.svc.Lives(ctx, courses.LiveFilter{})
		of, oerr := h.svc.Lives(ctx, courses.LiveFilter{Item: h.item.ItemID})
		if !errs.Is(err, errs.NotFound) || lerr != nil || oerr != nil || len(list.Rows)+len(of.Rows) != 0 {
			t.Errorf("%s sees it: %v, %v, %+v", name, err, lerr, list.Rows)
		}
	}
	if _, err := h.svc.TakeSeat(h.other.member, session, "name"); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization takes a seat: %v", err)
	}
}

func TestSeatsAndWaitingList(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	session := h.plan(72*time.Hour, 1)
	second, third := h.colleague(h.vendor), h.colleague(h.partner)
	take := func(ctx context.Context, want string) {
		t.Helper()
		for range 2 { // Who has one keeps it.
			if got, err := h.svc.TakeSeat(ctx, session, "name"); err != nil || got != want {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
	}
	take(h.partner.member, courses.LiveSeat)
	take(second, courses.LiveWaiting)
	take(third, courses.LiveWaiting)
	h.mails(h.partner, "You have a seat: Ask the field", "You wait for a seat")
	h.mails(h.vendor, "You wait for a seat")
	if v, err := h.svc.LiveSession(third, session); err != nil || !v.Full || v.Mine != courses.LiveWaiting {
		t.Errorf("the third: %+v, %v", v.Live, err)
	}
	// A seat that becomes free goes to who waits longest, with a mail to that one alone.
	if err := h.svc.LeaveSeat(h.partner.member, session); err != nil {
		t.Fatal(err)
	}
	if got := h.mails(h.vendor, "You have a seat"); !strings.Contains(got[0], "A seat became free") || !strings.Contains(got[0], "METHOD:REQUEST") {
		t.Errorf("moved up: %s", got[0])
	}
	if got := h.mails(h.partner, "You gave your seat back"); !strings.Contains(got[0], "METHOD:CANCEL") {
		t.Errorf("left: %s", got[0])
	}
	// More seats move up whoever waits; fewer than are taken there cannot be.
	d := h.draftIn(72*time.Hour, 3)
	if err := h.svc.ChangeLive(h.author, session, d); err != nil {
		t.Fatal(err)
	}
	h.mails(h.partner, "You have a seat")
	h.mails(h.vendor)
	if d.Seats = 1; !errs.Is(h.svc.ChangeLive(h.author, session, d), errs.Invalid) {
		t.Error("there are fewer seats than people on them")
	}
	if v, err := h.svc.LiveSession(h.partner.member, session); err != nil || v.Full || v.Mine != "" {
		t.Errorf("a seat is free: %+v, %v", v.Live, err)
	}
	// Somebody who is erased makes room.
	d.Seats = 2
	h.did(h.svc.ChangeLive(h.author, session, d))
	take(h.partner.member, courses.LiveWaiting)
	h.told(h.partner)
	sc, _ := scope.From(second)
	h.tx(second, func(tx *db.Tx) error { return tenantsErase(tx, sc) })
	if err := h.svc.Forget(dbtest.System(t, scope.Keeper, h.vendor.org.OrgID), sc.Membership, tenants.PostsKeep); err != nil {
		t.Fatal(err)
	}
	h.mails(h.partner, "You have a seat")
}

// tenantsErase marks a member as being erased.
func tenantsErase(tx *db.Tx, sc scope.Scope) error {
	if _, err := tx.Exec(`INSERT INTO erasures (org_id, membership_id, asked_by, posts, asked_at) VALUES ($1, $2, $2, 'keep', $3)`, sc.Org, sc.Membership, tx.Now); err != nil {
		return err
	}
	return tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, sc.Org, sc.Membership)
}

func TestManyComeAtOnce(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	const seats, people = 5, 24
	session := h.plan(72*time.Hour, seats)
	var all []context.Context
	for i := range people {
		all = append(all, h.colleague([]house{h.vendor, h.partner}[i%2]))
	}
	// All come at once, and twice; then all that have a seat leave at once, while the others come again.
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 2 {
		for _, ctx := range all {
			wg.Go(func() {
				mine, err := h.svc.TakeSeat(ctx, session, "someone")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				got[mine]++
			})
		}
	}
	wg.Wait()
	if got[courses.LiveSeat] != 2*seats || got[courses.LiveWaiting] != 2*(people-seats) {
		t.Fatalf("seats: %v", got)
	}
	order := func() (seated, waiting []string) {
		h.tx(dbtest.System(t, scope.Usher, h.vendor.org.OrgID), func(tx *db.Tx) error {
			for _, list := range []struct {
				to *[]string
				q  string
			}{{&seated, `number IS NOT NULL`}, {&waiting, `number IS NULL`}} {
				rows, err := db.Rows[string](tx, `SELECT s.membership_id::text FROM live_seats s WHERE s.session_org = $1 AND s.session_id = $2 AND s.`+list.q+` ORDER BY s.place`, tx.Scope.Org, session)
				if err != nil {
					return err
				}
				*list.to = rows
			}
			return nil
		})
		return seated, waiting
	}
	before, waited := order()
	for _, ctx := range all {
		sc, _ := scope.From(ctx)
		if strings.Contains(strings.Join(before, " "), sc.Membership.String()) {
			wg.Go(func() {
				if err := h.svc.LeaveSeat(ctx, session); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	seated, waiting := order()
	if strings.Join(seated, " ") != strings.Join(waited[:seats], " ") || strings.Join(waiting, " ") != strings.Join(waited[seats:], " ") {
		t.Errorf("%d moved up, not in the order of their coming:\nhave %v\nwant %v", len(seated), seated, waited[:seats])
	}
}

func TestWhereAndWhoIsShown(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	h.connected(h.partner, h.vendor, "vendor")
	session := h.plan(72*time.Hour, 3)
	waits := h.colleague(h.partner)
	for ctx, as := range map[context.Context]string{h.partner.member: "name", h.vendor.member: "someone"} {
		if _, err := h.svc.TakeSeat(ctx, session, as); err != nil {
			t.Fatal(err)
		}
	}
	names := func(ctx context.Context) string {
		v, err := h.svc.LiveSession(ctx, session)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, p := range v.People {
			out = append(out, p.Name)
		}
		return strings.Join(out, ", ")
	}
	guests := func() string {
		v, err := h.svc.Guests(h.author, session, courses.GuestFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, g := range v.Guests {
			out = append(out, g.Name+"/"+g.Company)
		}
		return strings.Join(out, ", ")
	}
	meet := func(as string) {
		h.tx(h.partner.ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE connection_sides SET meet = $2 WHERE org_id = $1`, tx.Scope.Org, as)
		})
	}
	for _, tt := range []struct{ meet, vendor, guests string }{
		{"name", "Ada partner", "Ada partner/partner"}, {"company", "", "/partner"}, {"none", "", "/"},
	} {
		meet(tt.meet)
		if got := names(h.vendor.member); !strings.Contains(got, "Ada vendor") || strings.Contains(got, "Ada partner") != (tt.vendor != "") {
			t.Errorf("%s: the vendor's people read %q", tt.meet, got)
		}
		if got := guests(); !strings.Contains(", "+got+",", ", "+tt.guests+",") || tt.meet != "name" && strings.Contains(got, "Ada partner") {
			t.Errorf("%s: the vendor's authors read %q", tt.meet, got)
		}
		if got := names(h.partner.member); got != "Ada partner" {
			t.Errorf("%s: the partner's people read %q: who comes as nobody has no name elsewhere", tt.meet, got)
		}
	}
	// Where people meet is shown to who has a seat, from shortly before on, and to nobody else.
	link := func(ctx context.Context) string {
		v, err := h.svc.LiveSession(ctx, session)
		if err != nil {
			t.Fatal(err)
		}
		return v.Link
	}
	if got := link(h.partner.member); got != "" {
		t.Errorf("three days before it says %q", got)
	}
	h.begin(session)
	if got := link(h.partner.member); got != meeting {
		t.Errorf("during it says %q", got)
	}
	for name, ctx := range map[string]context.Context{"a colleague": waits, "the publisher's learner": h.colleague(h.vendor)} {
		if got := link(ctx); got != "" {
			t.Errorf("%s reads %q", name, got)
		}
	}
	for _, a := range []scope.Actor{scope.Mailer, scope.Usher, scope.Discloser, scope.Counter, scope.Indexer} {
		if n := one[int](dbtest.System(t, a, h.vendor.org.OrgID), h.world, `SELECT count(*)::int FROM live_links`); n != 0 {
			t.Errorf("the %s reads where people meet", a)
		}
	}
	// Attendance is noted by the publisher and stands in the records of who came.
	v, err := h.svc.Guests(h.author, session, courses.GuestFilter{})
	if err != nil || len(v.Guests) != 2 {
		t.Fatalf("guests: %+v, %v", v.Guests, err)
	}
	for range 2 {
		if err := h.svc.MarkAttendance(h.author, session, []id.Any{v.Guests[0].Seat, v.Guests[1].Seat}, []id.Any{v.Guests[0].Seat, v.Guests[1].Seat}); err != nil {
			t.Fatal(err)
		}
	}
	h.told(h.partner)
	for _, of := range []house{h.partner, h.vendor} {
		if got := one[string](of.member, h.world, `SELECT string_agg(s.verb || ' ' || s.minutes, ',') FROM statements s WHERE s.org_id = $1`, of.org.OrgID); got != "attended 61" {
			t.Errorf("the stream says %q", got)
		}
	}
	if err := h.svc.MarkAttendance(h.world.author(h.partner), session, nil, nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization's author notes who came: %v", err)
	}
}

func TestInvitationsFollowTheSession(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	h.did(h.svc.SetLiveSettings(h.partner.member, courses.LiveSettings{Zone: "America/New_York"}))
	if err := h.svc.SetLiveSettings(h.partner.member, courses.LiveSettings{Zone: "Nowhere/Here"}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a zone that there is not: %v", err)
	}
	session := h.plan(72*time.Hour, 2)
	if _, err := h.svc.TakeSeat(h.partner.member, session, "name"); err != nil {
		t.Fatal(err)
	}
	invitation := func(text, method string) *ics.VEvent {
		t.Helper()
		_, object, _ := strings.Cut(text, "BEGIN:VCALENDAR")
		cal, err := ics.ParseCalendar(strings.NewReader("BEGIN:VCALENDAR" + object))
		if err != nil || len(cal.Events()) != 1 || !strings.Contains(object, "METHOD:"+method) || strings.Contains(text, "SECRET") {
			t.Fatalf("no %s: %v\n%s", method, err, text)
		}
		return cal.Events()[0]
	}
	said := func(e *ics.VEvent, p ics.ComponentProperty) string {
		if got := e.GetProperty(p); got != nil {
			return got.Value
		}
		return ""
	}
	first := h.mails(h.partner, "You have a seat")[0]
	if !strings.Contains(first, "(America/New York)") || !strings.Contains(first, "(Europe/Berlin)") {
		t.Errorf("not in both zones: %s", first)
	}
	e := invitation(first, "REQUEST")
	uid := said(e, ics.ComponentPropertyUniqueId)
	if uid != session.String()+"@portal.example" && !strings.HasPrefix(uid, session.String()+"@") || said(e, ics.ComponentPropertySequence) != "0" || said(e, ics.ComponentPropertyOrganizer) == "" {
		t.Errorf("invitation: %s", first)
	}
	start, err := e.GetStartAt()
	v, _ := h.svc.LiveSession(h.partner.member, session)
	if err != nil || !start.Equal(v.Starts) {
		t.Errorf("it starts at %s, not %s", start, v.Starts)
	}
	// What does not matter to who comes is not told; another time is.
	d := h.draftIn(72*time.Hour, 3)
	h.did(h.svc.ChangeLive(h.author, session, d))
	h.mails(h.partner)
	d = h.draftIn(96*time.Hour, 3)
	h.did(h.svc.ChangeLive(h.author, session, d))
	e = invitation(h.mails(h.partner, "Changed: Ask the field")[0], "REQUEST")
	if said(e, ics.ComponentPropertyUniqueId) != uid || said(e, ics.ComponentPropertySequence) != "1" {
		t.Errorf("the change is another date: %s", e.Serialize(&ics.SerializationConfiguration{NewLine: "\n", MaxLength: 75}))
	}
	file, err := h.svc.LiveCalendar(h.partner.member, session)
	if err != nil || !strings.Contains(file, "METHOD:PUBLISH") || !strings.Contains(file, uid) {
		t.Errorf("as a file: %v, %s", err, file)
	}
	if _, err := h.svc.LiveCalendar(h.colleague(h.partner), session); !errs.Is(err, errs.NotFound) {
		t.Errorf("as a file without a seat: %v", err)
	}
	// Reminders come once each, and not to who wants none.
	v, _ = h.svc.LiveSession(h.partner.member, session)
	mailer := dbtest.System(t, scope.Mailer, h.partner.org.OrgID)
	remind := func(what string, starts time.Time, want ...string) {
		t.Helper()
		for range 2 {
			h.did(h.usher.Remind(mailer, session, what, starts))
		}
		h.mails(h.partner, want...)
	}
	remind("day", v.Starts.Add(-time.Hour)) // It was put to another time meanwhile.
	remind("day", v.Starts, "Tomorrow: Ask the field")
	remind("hour", v.Starts, "In an hour: Ask the field")
	d = h.draftIn(120*time.Hour, 3)
	h.did(h.svc.ChangeLive(h.author, session, d))
	h.told(h.partner)
	h.did(h.svc.SetLiveSettings(h.partner.member, courses.LiveSettings{Quiet: true}))
	v, _ = h.svc.LiveSession(h.partner.member, session)
	remind("day", v.Starts)
	if err := h.svc.CancelLive(h.author, session, "something else"); !errs.Is(err, errs.Invalid) {
		t.Errorf("called off without its title: %v", err)
	}
	for range 2 {
		h.did(h.svc.CancelLive(h.author, session, "ask the field"))
	}
	e = invitation(h.mails(h.partner, "Called off: Ask the field")[0], "CANCEL")
	if said(e, ics.ComponentPropertyUniqueId) != uid || said(e, ics.ComponentPropertySequence) != "3" || said(e, ics.ComponentPropertyStatus) != "CANCELLED" {
		t.Error("the end is of another date")
	}
	if _, err := h.svc.TakeSeat(h.colleague(h.partner), session, "name"); !errs.Is(err, errs.Conflict) {
		t.Errorf("a seat in what was called off: %v", err)
	}
}

func TestForgedSeats(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	session := h.plan(72*time.Hour, 1)
	colleague := h.colleague(h.partner)
	other, _ := scope.From(colleague)
	if _, err := h.svc.TakeSeat(h.partner.member, session, "company"); err != nil {
		t.Fatal(err)
	}
	seat := `INSERT INTO live_seats (org_id, membership_id, session_org, session_id, seat_id, number, shown_as, shown_name, asked_at) VALUES ($1, $2, $3, $4, gen_random_uuid(), $5, $6, $7, now())`
	type forged struct {
		ctx  context.Context
		q    string
		args []any
	}
	vendor, partner := h.vendor.org.OrgID, h.partner.org.OrgID
	for name, f := range map[string]forged{
		"for a colleague":            {h.partner.member, seat, []any{partner, other.Membership, vendor, session, nil, "company", ""}},
		"for another organization":   {h.vendor.member, seat, []any{partner, other.Membership, vendor, session, nil, "company", ""}},
		"under another name":         {colleague, seat, []any{partner, other.Membership, vendor, session, nil, "name", "Bo of the board"}},
		"one that there is not":      {colleague, seat, []any{partner, other.Membership, vendor, session, 2, "company", ""}},
		"one that is taken":          {colleague, seat, []any{partner, other.Membership, vendor, session, 1, "company", ""}},
		"in what is not seen":        {h.other.member, seat, []any{h.other.org.OrgID, h.other.m.MembershipID, vendor, session, nil, "company", ""}},
		"came, by oneself":           {h.partner.member, `UPDATE live_seats SET attended = true WHERE org_id = $1`, []any{partner}},
		"taken by whoever holds it":  {dbtest.System(t, scope.Usher, vendor), `DELETE FROM live_seats WHERE session_org = $1`, []any{vendor}},
		"renamed by whoever holds":   {dbtest.System(t, scope.Usher, vendor), `UPDATE live_seats SET shown_name = 'x', shown_as = 'name' WHERE session_org = $1`, []any{vendor}},
		"unseated by whoever holds":  {dbtest.System(t, scope.Usher, vendor), `UPDATE live_seats SET number = NULL WHERE session_org = $1`, []any{vendor}},
		"seated by another's usher":  {dbtest.System(t, scope.Usher, h.other.org.OrgID), `UPDATE live_seats SET attended = true WHERE session_id = $1`, []any{session}},
		"a link by another":          {h.world.author(h.partner), `INSERT INTO live_links (org_id, session_id, link) VALUES ($1, $2, 'https://evil.example/') ON CONFLICT DO NOTHING`, []any{vendor, id.New[id.Any]()}},
		"a link by who learns there": {h.vendor.member, `UPDATE live_links SET link = 'https://evil.example/' WHERE org_id = $1`, []any{vendor}},
		"a session by another":       {h.partner.member, `UPDATE live_sessions SET title = 'x' WHERE org_id = $1`, []any{vendor}},
	} {
		var n int64
		err := h.db.Tx(f.ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(f.q, f.args...)
			return err
		})
		if err == nil && n != 0 {
			t.Errorf("a seat %s was written", name)
		}
	}
}

func TestARecordingBecomesAPartOfALesson(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	session := h.plan(72*time.Hour, 2)
	r := courses.LiveRecording{Lesson: "read", Title: "What we found", Src: "https://video.example/1", Chapters: "0:00 Hello\n1:30 The curve", Said: "0:00 Good morning."}
	if _, err := h.svc.KeepRecording(h.author, session, r); !errs.Is(err, errs.Conflict) {
		t.Errorf("before it begins: %v", err)
	}
	h.begin(session)
	for _, bad := range []courses.LiveRecording{{Lesson: "none", Src: "x.webm"}, {Lesson: "read"}, {Lesson: "read", Src: "http://video.example/"}} {
		if _, err := h.svc.KeepRecording(h.author, session, bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	item, err := h.svc.KeepRecording(h.author, session, r)
	if err != nil {
		t.Fatal(err)
	}
	d, err := h.svc.WriteLesson(h.author, item, "read")
	if err != nil || len(d.Problems) != 0 {
		t.Fatalf("%v, %+v", err, d.Problems)
	}
	last := d.Preview[len(d.Preview)-1]
	if last.Kind != "video" || len(last.Chapters) != 2 || last.Chapters[1].At != 90 || len(last.Said) != 1 {
		t.Errorf("the lesson ends with %+v", last)
	}
	// Whoever sees the session is led there once it is published.
	where := func() string {
		v, err := h.svc.LiveSession(h.partner.member, session)
		if err != nil {
			t.Fatal(err)
		}
		return v.Recording
	}
	if got := where(); got != "" {
		t.Errorf("before it is published one is led to %q", got)
	}
	h.did(h.publishes(h.author, item))
	if got := where(); got != "read" {
		t.Errorf("one is led to %q", got)
	}
}
