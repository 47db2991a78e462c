package courses_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// crew is a house with an administrator, a manager who leads one team, and people in it and out of it.
type crew struct {
	*world
	house
	t              *testing.T
	dsn            func(role string) string
	relay          *jobs.Relay
	admin, manager context.Context
	team, others   id.Any
	lone           id.Any
	inside         []id.Membership // beside the manager
	outside        id.Membership
	ctxOf          map[id.Membership]context.Context
}

func newCrew(t *testing.T) *crew {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	w := setupOn(t, d)
	jc, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(jc.Close)
	store, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.svc = courses.New(courses.Deps{DB: d, Tenants: w.tenants, Blob: store, Mail: mail.New(d, jc, mail.Outbox{}, "x.example"), URL: func(slug string) string { return "https://" + slug + ".example" }})
	c := &crew{world: w, house: w.partner, t: t, dsn: dsn, relay: jobs.NewRelay(d, slog.New(slog.DiscardHandler)), ctxOf: map[id.Membership]context.Context{}}
	w.svc.Listen(c.relay)
	admin := c.join("Admin", scope.Administrator)
	c.admin = c.ctxOf[admin]
	boss := c.join("Boss", scope.Manager)
	c.manager = c.ctxOf[boss]
	c.inside = []id.Membership{c.join("In One"), c.join("In Two")}
	c.outside = c.join("Out")
	c.team, c.others = c.newTeam("Crew"), c.newTeam("Others")
	for _, m := range append(c.inside, boss) {
		c.enter(c.team, m)
	}
	if err := w.tenants.ChangeTeam(c.admin, c.team, boss, tenants.TeamLead); err != nil {
		t.Fatal(err)
	}
	c.enter(c.others, c.outside)
	return c
}

// join adds a member and returns who it is; the context acts with the roles.
func (c *crew) join(name string, roles ...scope.Role) id.Membership {
	c.t.Helper()
	var m tenants.Membership
	c.tx(c.house.ctx, func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: name, Email: strings.ToLower(strings.ReplaceAll(name, " ", "-")) + "@" + c.org.Slug + ".example", Roles: roles})
		return err
	})
	c.ctxOf[m.MembershipID] = dbtest.As(c.t, c.org.OrgID, m.MembershipID, m.PersonID, append(roles, scope.Learner)...)
	return m.MembershipID
}

func (c *crew) newTeam(name string) id.Any {
	c.t.Helper()
	team, err := c.tenants.CreateTeam(c.admin, name)
	if err != nil {
		c.t.Fatal(err)
	}
	return team
}

func (c *crew) enter(team id.Any, m id.Membership) {
	c.t.Helper()
	if err := c.tenants.ChangeTeam(c.admin, team, m, tenants.TeamAdd); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crew) drain() {
	c.t.Helper()
	if err := c.relay.Drain(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crew) assign(ctx context.Context, a courses.Assigning) id.Any {
	c.t.Helper()
	if a.Firm == "" {
		a.Firm = courses.FirmNeeded
	}
	if a.Reason == "" {
		a.Reason = "You place the first loggers"
	}
	made, err := c.svc.Assign(ctx, a)
	if err != nil {
		c.t.Fatalf("assign: %v", err)
	}
	return made
}

// on is how a member stands on an item, as the plan shows it: "state origin due by reason".
func (c *crew) on(m id.Membership, it tenants.Item) string {
	c.t.Helper()
	return one[string](c.ctxOf[m], c.world, `SELECT coalesce((SELECT e.state || ' ' || e.origin || ' ' || coalesce(to_char(e.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '-') || ' ' || coalesce(k.name, '-') || ' ' || e.reason FROM enrollments e
		LEFT JOIN memberships k ON k.org_id = e.org_id AND k.membership_id = e.asked_by WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3), '')`, c.org.OrgID, m, it.ItemID)
}

func (c *crew) mails(m id.Membership) []string {
	c.t.Helper()
	var out []string
	c.tx(jobs.Enter(c.t.Context(), scope.Mailer, c.org.OrgID), func(tx *db.Tx) (err error) {
		out, err = db.Rows[string](tx, `SELECT x.subject || E'\n' || x.body FROM mails x JOIN memberships m ON m.org_id = x.org_id AND m.email = x.recipient WHERE m.org_id = $1 AND m.membership_id = $2 ORDER BY x.created_at, x.mail_id LIMIT 20`, tx.Scope.Org, m)
		return err
	})
	return out
}

func TestAssign(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it := c.course("asked", "shared")
	day := c.db.Now().UTC().AddDate(0, 0, 9).Format(time.DateOnly)
	c.assign(c.manager, courses.Assigning{Item: it.ItemID, People: c.inside[:1], Terms: courses.Terms{By: day, Reason: "  The kick-off is near.  "}})
	if got, want := c.on(c.inside[0], it), "active assigned "+day+" 23:59:59 Boss The kick-off is near."; got != want {
		t.Errorf("assigned: %q, want %q", got, want)
	}
	v, err := c.svc.Course(c.ctxOf[c.inside[0]], it.ItemID)
	if err != nil || v.Asker != "Boss" || v.Reason != "The kick-off is near." || v.Due == nil || v.Due.UTC().Format(time.DateOnly) != day || v.Progress.Total == 0 {
		t.Errorf("page: %+v, %v", v, err)
	}
	if h, err := c.svc.HomeData(c.ctxOf[c.inside[0]]); err != nil || h.Current == nil || h.Current.AskedBy != "Boss" || h.Current.Reason == "" || h.Current.Due == nil {
		t.Errorf("home: %+v, %v", h.Current, err)
	}
	l, err := c.svc.Learn(c.ctxOf[c.inside[0]], courses.LearnFilter{Tab: courses.TabActive})
	if err != nil || len(l.Cards) != 1 || l.Cards[0].Asker != "Boss" || l.Cards[0].Due == nil || l.Cards[0].Reason == "" {
		t.Errorf("learn: %+v, %v", l.Cards, err)
	}
	got := c.mails(c.inside[0])
	if len(got) != 1 || !strings.Contains(got[0], "Boss") || !strings.Contains(got[0], "The kick-off is near.") || !strings.Contains(got[0], "/course/"+it.ItemID.String()) {
		t.Errorf("mails: %q", got)
	}
	if c.on(c.inside[1], it) != "" || len(c.mails(c.inside[1])) != 0 {
		t.Error("somebody else was asked too")
	}
	if n := one[int](c.admin, c.world, `SELECT count(*)::int FROM statements s WHERE s.org_id = $1 AND s.membership_id = $2 AND s.verb = 'enrolled' AND NOT s.pull`, c.org.OrgID, c.inside[0]); n != 1 {
		t.Errorf("%d statements of an assigned start", n)
	}
	// Who learns it by own choice keeps that, and is asked all the same; who finished it is left alone.
	own := c.ctxOf[c.inside[1]]
	if err := c.svc.Enroll(own, it.ItemID, courses.Origin{Kind: courses.OriginSearch}); err != nil {
		t.Fatal(err)
	}
	c.assign(c.manager, courses.Assigning{Item: it.ItemID, Teams: []id.Any{c.team}})
	if got := c.on(c.inside[1], it); !strings.HasPrefix(got, "active search - Boss ") {
		t.Errorf("own choice and asked: %q", got)
	}
	if c.on(c.outside, it) != "" {
		t.Error("another team was asked")
	}
}

// TestAssignRefuses is who may ask what of whom.
func TestAssignRefuses(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it, hidden := c.course("seen", "shared"), c.course("hidden", "internal")
	ok := courses.Assigning{Item: it.ItemID, People: c.inside[:1], Terms: courses.Terms{Firm: courses.FirmNeeded, Reason: "so"}}
	stranger := one[id.Membership](c.vendor.ctx, c.world, `SELECT m.membership_id FROM memberships m WHERE m.org_id = $1 LIMIT 1`, c.vendor.org.OrgID)
	for name, x := range map[string]struct {
		as     context.Context
		change func(*courses.Assigning)
		kind   errs.Kind
		field  string
	}{
		"a learner":                     {c.ctxOf[c.inside[0]], nil, errs.NotFound, ""},
		"another organization":          {c.vendor.member, nil, errs.NotFound, ""},
		"somebody outside":              {c.manager, func(a *courses.Assigning) { a.People = append(slices.Clone(a.People), c.outside) }, errs.NotFound, ""},
		"a team that one does not lead": {c.manager, func(a *courses.Assigning) { a.Teams = []id.Any{c.others} }, errs.NotFound, ""},
		"everybody, by a manager":       {c.manager, func(a *courses.Assigning) { a.Everybody = true }, errs.NotFound, ""},
		"somebody elsewhere":            {c.admin, func(a *courses.Assigning) { a.People = []id.Membership{stranger} }, errs.NotFound, ""},
		"nobody":                        {c.manager, func(a *courses.Assigning) { a.People = nil }, errs.Invalid, "people"},
		"what is not open":              {c.manager, func(a *courses.Assigning) { a.Item = hidden.ItemID }, errs.Invalid, "item"},
		"nothing":                       {c.manager, func(a *courses.Assigning) { a.Item = id.New[id.Item]() }, errs.Invalid, "item"},
		"no reason":                     {c.manager, func(a *courses.Assigning) { a.Reason = " \n" }, errs.Invalid, "reason"},
		"a long reason":                 {c.manager, func(a *courses.Assigning) { a.Reason = strings.Repeat("x", 501) }, errs.Invalid, "reason"},
		"yesterday":                     {c.manager, func(a *courses.Assigning) { a.By = "2020-01-01" }, errs.Invalid, "by"},
		"no day":                        {c.manager, func(a *courses.Assigning) { a.By = "soon" }, errs.Invalid, "by"},
		"too many days":                 {c.manager, func(a *courses.Assigning) { a.Days = 366 }, errs.Invalid, "days"},
		"no such firmness":              {c.manager, func(a *courses.Assigning) { a.Firm = "forced" }, errs.Malformed, ""},
	} {
		a := ok
		if x.change != nil {
			x.change(&a)
		}
		_, err := c.svc.Assign(x.as, a)
		if !errs.Is(err, x.kind) || x.field != "" && !slices.Equal(fieldsOf(err), []string{x.field}) {
			t.Errorf("%s: %v %v", name, err, fieldsOf(err))
		}
	}
	if n := one[int](c.admin, c.world, `SELECT (SELECT count(*) FROM assignments)::int + (SELECT count(*) FROM assignment_people)::int + (SELECT count(*) FROM enrollments)::int`); n != 0 {
		t.Errorf("%d rows of what was refused", n)
	}
	// The database says so too, whatever the code does.
	other := c.ctxOf[c.outside]
	for name, q := range map[string]string{
		"in the name of somebody else": `INSERT INTO assignments (org_id, assignment_id, item_org, item_id, kind, title, firm, reason, asked_by, asked_at) SELECT $1, gen_random_uuid(), i.org_id, i.item_id, 'course', 't', 'needed', 'r', $3, now() FROM items i WHERE i.item_id = $2`,
		"by a learner":                 `INSERT INTO assignments (org_id, assignment_id, item_org, item_id, kind, title, firm, reason, asked_by, asked_at) SELECT $1, gen_random_uuid(), i.org_id, i.item_id, 'course', 't', 'needed', $3::uuid::text, app_membership(), now() FROM items i WHERE i.item_id = $2`,
	} {
		if err := c.db.Tx(other, func(tx *db.Tx) error {
			return tx.Must(q, c.org.OrgID, it.ItemID, c.inside[0])
		}); err == nil {
			t.Errorf("asked %s", name)
		}
	}
}

func TestAssignTakesBackAndRestores(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it := c.course("back", "shared")
	in := courses.Assigning{Item: it.ItemID, Teams: []id.Any{c.team}, Terms: courses.Terms{Days: 10}}
	made := c.assign(c.manager, in)
	due := c.db.Now().UTC().AddDate(0, 0, 10).Format(time.DateOnly)
	// One begins, one does not.
	begins, waits := c.inside[0], c.inside[1]
	if _, err := c.svc.CompleteLesson(c.ctxOf[begins], courses.Place{Item: it.ItemID, Lesson: "do"}); err != nil {
		t.Fatal(err)
	}
	v, err := c.svc.Assignment(c.manager, made, 0)
	if err != nil || v.People != 2 || v.Begun != 1 || v.Finished != 0 || !v.Changes || len(v.Persons) != 2 || v.Teams != "Crew" {
		t.Fatalf("stands: %+v, %v", v, err)
	}
	if err := c.svc.ChangeAssignment(c.manager, made, courses.Terms{Reason: "Another one", Days: 20}, true); err != nil {
		t.Fatal(err)
	}
	later := c.db.Now().UTC().AddDate(0, 0, 20).Format(time.DateOnly)
	if got := c.on(waits, it); got != "active assigned "+later+" 23:59:59 Boss Another one" || due == later {
		t.Errorf("changed: %q", got)
	}
	if err := c.svc.TakeBack(c.ctxOf[waits], made); !errs.Is(err, errs.NotFound) {
		t.Errorf("taken back by a learner: %v", err)
	}
	if err := c.svc.TakeBack(c.manager, made); err != nil {
		t.Fatal(err)
	}
	if got := c.on(waits, it); !strings.HasPrefix(got, "left ") {
		t.Errorf("who had not begun: %q", got)
	}
	if got := c.on(begins, it); !strings.HasPrefix(got, "active assigned - - ") {
		t.Errorf("who had begun: %q", got)
	}
	if err := c.svc.TakeBack(c.manager, made); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken back twice: %v", err)
	}
	if err := c.svc.Restore(c.manager, made); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.inside {
		if got := c.on(m, it); got != "active assigned "+later+" 23:59:59 Boss Another one" {
			t.Errorf("restored: %q", got)
		}
	}
	if n := len(c.mails(waits)); n != 3 { // Asked, changed, taken back.
		t.Errorf("%d mails", n)
	}
}

// TestAssignCatchesWhoJoins is the rule: whoever joins the team later is asked too, and nobody else.
func TestAssignCatchesWhoJoins(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	rule, once, all := c.course("rule", "shared"), c.course("once", "shared"), c.course("all", "shared")
	c.assign(c.manager, courses.Assigning{Item: rule.ItemID, Teams: []id.Any{c.team}, Joins: true, Terms: courses.Terms{Days: 5}})
	c.assign(c.manager, courses.Assigning{Item: once.ItemID, Teams: []id.Any{c.team}})
	c.assign(c.admin, courses.Assigning{Item: all.ItemID, Everybody: true, Joins: true})
	c.enter(c.team, c.outside)
	fresh := c.join("Fresh")
	c.drain()
	if got := c.on(c.outside, rule); !strings.HasPrefix(got, "active assigned ") {
		t.Errorf("who joined the team: %q", got)
	}
	if got := c.on(c.outside, once); got != "" {
		t.Errorf("who joined after it was asked once: %q", got)
	}
	if got := c.on(fresh, all); !strings.HasPrefix(got, "active assigned ") {
		t.Errorf("who joined the organization: %q", got)
	}
	if got := c.on(fresh, rule); got != "" {
		t.Errorf("who joined the organization is asked what the team is: %q", got)
	}
	if n := len(c.mails(fresh)); n != 1 {
		t.Errorf("%d mails", n)
	}
	// Closed meanwhile, nobody is asked for it any more.
	c.tx(c.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1`, tx.Scope.Org)
		return err
	})
	late := c.join("Late")
	c.drain()
	if got := c.on(late, all); got != "" {
		t.Errorf("asked for what has closed: %q", got)
	}
}

// TestSeats is what an agreement says of how many may learn.
func TestSeats(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it, second := c.course("scarce", "shared"), c.course("second", "shared")
	limit := func(n int) {
		c.tx(c.vendor.ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE grants SET seats = $2 WHERE org_id = $1 AND viewer_org = $3`, tx.Scope.Org, n, c.org.OrgID)
		})
	}
	limit(1)
	_, err := c.svc.Assign(c.manager, courses.Assigning{Item: it.ItemID, Teams: []id.Any{c.team}, Terms: courses.Terms{Firm: courses.FirmNeeded, Reason: "r"}})
	if !errs.Is(err, errs.Invalid) || !slices.Equal(fieldsOf(err), []string{"people"}) {
		t.Fatalf("two people on one seat: %v", err)
	}
	if c.on(c.inside[0], it)+c.on(c.inside[1], it) != "" {
		t.Error("half of them were asked")
	}
	c.assign(c.manager, courses.Assigning{Item: it.ItemID, People: c.inside[:1], Joins: false})
	// One person has one seat for all that the collection holds.
	if err := c.svc.Enroll(c.ctxOf[c.inside[0]], second.ItemID, courses.Origin{Kind: courses.OriginChoice}); err != nil {
		t.Errorf("a second course on the same seat: %v", err)
	}
	if err := c.svc.Enroll(c.ctxOf[c.inside[1]], it.ItemID, courses.Origin{Kind: courses.OriginChoice}); !errs.Is(err, errs.Conflict) {
		t.Errorf("beyond the seats: %v", err)
	}
	// A rule notes who finds none, and takes it up again when there is one.
	made := c.assign(c.manager, courses.Assigning{Item: it.ItemID, People: c.inside[:1], Teams: []id.Any{c.empty()}, Joins: true})
	c.enter(c.empty(), c.outside)
	c.drain()
	if v, err := c.svc.Assignment(c.admin, made, 0); err != nil || v.NoSeat != 1 || v.People != 2 || c.on(c.outside, it) != "" {
		t.Errorf("who joins without a seat: %+v, %v", v, err)
	}
	if err := c.svc.SeatAgain(c.manager, made); !errs.Is(err, errs.Invalid) {
		t.Errorf("again without a seat: %v", err)
	}
	limit(2)
	if err := c.svc.SeatAgain(c.manager, made); err != nil || !strings.HasPrefix(c.on(c.outside, it), "active assigned ") {
		t.Errorf("again with a seat: %v, %q", err, c.on(c.outside, it))
	}
	limit(4)
	var wg sync.WaitGroup
	got := make([]error, 6)
	var people []context.Context
	for range got {
		people = append(people, c.colleague(c.house))
	}
	for i := range got {
		wg.Go(func() { got[i] = c.svc.Enroll(people[i], it.ItemID, courses.Origin{Kind: courses.OriginChoice}) })
	}
	wg.Wait()
	in := 0
	for _, err := range got {
		if err == nil {
			in++
		} else if !errs.Is(err, errs.Conflict) {
			t.Errorf("at once: %v", err)
		}
	}
	if in != 2 {
		t.Errorf("%d of six at once found one of two seats", in)
	}
}

// empty is a team that the manager leads and nobody else is in.
func (c *crew) empty() id.Any {
	c.t.Helper()
	if c.lone.IsZero() {
		boss := one[id.Membership](c.admin, c.world, `SELECT m.membership_id FROM memberships m WHERE m.org_id = $1 AND m.name = 'Boss'`, c.org.OrgID)
		c.lone = c.newTeam("Lone")
		c.enter(c.lone, boss)
		if err := c.tenants.ChangeTeam(c.admin, c.lone, boss, tenants.TeamLead); err != nil {
			c.t.Fatal(err)
		}
	}
	return c.lone
}

func TestOwnDate(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	it := c.course("dated", "shared")
	who := c.inside[0]
	ctx := c.ctxOf[who]
	in := func(days int) string { return c.db.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	if err := c.svc.SetOwnDate(ctx, it.ItemID, in(3)); !errs.Is(err, errs.NotFound) {
		t.Errorf("of what one is not on: %v", err)
	}
	c.assign(c.manager, courses.Assigning{Item: it.ItemID, People: []id.Membership{who}, Terms: courses.Terms{By: in(10)}})
	for _, bad := range []string{in(11), "2020-01-01", "soon"} {
		if err := c.svc.SetOwnDate(ctx, it.ItemID, bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("own date %s: %v", bad, err)
		}
	}
	if err := c.svc.SetOwnDate(ctx, it.ItemID, in(4)); err != nil {
		t.Fatal(err)
	}
	v, err := c.svc.Course(ctx, it.ItemID)
	if err != nil || v.Due.UTC().Format(time.DateOnly) != in(4) {
		t.Errorf("page: %v, %v", v.Due, err)
	}
	p, err := c.svc.Plan(ctx)
	if err != nil || len(p.Rows) != 1 || p.Rows[0].Until().UTC().Format(time.DateOnly) != in(4) || p.Rows[0].Asker != "Boss" {
		t.Errorf("plan: %+v, %v", p.Rows, err)
	}
	// The manager reads the day that was asked for.
	tv, err := c.svc.Team(c.manager, c.team, courses.TeamFilter{})
	if i := slices.IndexFunc(tv.Rows, func(r courses.TeamPerson) bool { return r.Member == who }); err != nil || i < 0 || tv.Rows[i].Due.UTC().Format(time.DateOnly) != in(10) {
		t.Errorf("team: %+v, %v", tv.Rows, err)
	}
	if err := c.svc.SetOwnDate(ctx, it.ItemID, ""); err != nil {
		t.Fatal(err)
	}
	if v, err := c.svc.Course(ctx, it.ItemID); err != nil || v.Due.UTC().Format(time.DateOnly) != in(10) {
		t.Errorf("without an own date: %v, %v", v.Due, err)
	}
}
