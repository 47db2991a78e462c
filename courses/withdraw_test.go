package courses_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// recall is a world in which withdrawals are carried to whomever they concern.
type recall struct {
	*world

	w     *courses.Withdrawer
	relay *jobs.Relay
}

func recalled(t *testing.T) *recall {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	w := setupOn(t, d)
	c, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	store, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.svc = courses.New(courses.Deps{DB: d, Tenants: w.tenants, Blob: store, URL: func(slug string) string { return "https://" + slug + ".portal.example" }})
	m := mail.New(w.db, c, mail.Outbox{}, "portal.example")
	r := &recall{world: w, w: courses.NewWithdrawer(w.svc, m, c), relay: jobs.NewRelay(w.db, slog.New(slog.DiscardHandler))}
	r.w.Listen(r.relay)
	return r
}

// carried lets news reach those whom they concern, and has them told.
func (r *recall) carried(it tenants.Item, version int) {
	r.t.Helper()
	if err := r.relay.Drain(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	for _, h := range []house{r.vendor, r.partner, r.other} {
		for range 2 { // Again: nobody is told twice.
			if err := r.w.Tell(dbtest.System(r.t, scope.Mailer, h.org.OrgID), it.OrgID, it.ItemID, version); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

// gone withdraws a version.
func (r *recall) gone(author context.Context, it tenants.Item, version int) {
	r.t.Helper()
	if err := r.svc.WithdrawVersion(author, it.ItemID, courses.WithdrawDraft{Version: version, Kind: courses.WithdrawnSecurity, Reason: "The relief valve opens the wrong way."}); err != nil {
		r.t.Fatal(err)
	}
	r.carried(it, version)
}

// mails is how many mails wait for somebody that tell of a withdrawal, and back how many tell that it was undone.
func (r *recall) mails(who context.Context) int { return r.subjects(who, "Withdrawn: %") }

func (r *recall) back(who context.Context) int { return r.subjects(who, "Given back: %") }

func (r *recall) subjects(who context.Context, like string) int {
	sc, err := scope.From(who)
	if err != nil {
		r.t.Fatal(err)
	}
	return one[int](dbtest.System(r.t, scope.Mailer, sc.Org), r.world, `SELECT count(*)::int FROM mails m JOIN memberships k ON k.org_id = m.org_id AND k.email = m.recipient WHERE m.org_id = $1 AND k.membership_id = $2 AND m.subject LIKE $3`, sc.Org, sc.Membership, like)
}

func TestAWithdrawnVersionIsReadByNobodyAndEverybodyMovesOn(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	author := r.author(r.vendor)
	it := r.versionOf([]string{"a", "b", "c", "d"}, "Words")
	early := r.colleague(r.partner)
	r.did(r.svc.Enroll(early, it.ItemID, courses.Origin{}))
	r.versionOf([]string{"a", "b", "x"}, "Wrong words")
	// The partner's library stays on the version that will be withdrawn; the vendor's own people, and somebody who has finished, are in it as well.
	curator := r.author(r.partner)
	r.did(r.svc.Adopt(curator, it.ItemID, courses.Stay))
	late, done, quiet, own := r.colleague(r.partner), r.colleague(r.partner), r.colleague(r.partner), r.colleague(r.vendor)
	r.did(r.svc.SetWithdrawalMails(quiet, false))
	for _, who := range []context.Context{late, done, quiet, own} {
		r.did(r.svc.Enroll(who, it.ItemID, courses.Origin{}))
	}
	finish := func(who context.Context, keys ...string) {
		t.Helper()
		for _, k := range keys {
			if _, err := r.svc.CompleteLesson(who, courses.Place{Item: it.ItemID, Lesson: k}); err != nil {
				t.Fatal(err)
			}
		}
	}
	finish(late, "a", "b")
	finish(done, "a", "b", "x")
	for name, bad := range map[string]courses.WithdrawDraft{
		"no reason": {Version: 2, Kind: courses.WithdrawnLegal, Reason: "  "}, "no kind": {Version: 2, Kind: "mood", Reason: "Because."},
	} {
		refused(t, name, r.svc.WithdrawVersion(author, it.ItemID, bad), errs.Invalid)
	}
	good := courses.WithdrawDraft{Version: 2, Kind: courses.WithdrawnLegal, Reason: "Because."}
	refused(t, "a learner", r.svc.WithdrawVersion(own, it.ItemID, good), errs.NotFound)
	refused(t, "another organization", r.svc.WithdrawVersion(r.author(r.partner), it.ItemID, good), errs.NotFound)
	refused(t, "a version that there is not", r.svc.WithdrawVersion(author, it.ItemID, courses.WithdrawDraft{Version: 9, Kind: courses.WithdrawnLegal, Reason: "Because."}), errs.NotFound)

	r.gone(author, it, 2)
	refused(t, "twice", r.svc.WithdrawVersion(author, it.ItemID, good), errs.NotFound)
	for name, who := range map[string]context.Context{"in mid-course": late, "who finished": done, "who wants no mail": quiet, "the vendor's own": own} {
		v, err := r.svc.Course(who, it.ItemID)
		if err != nil {
			t.Fatal(name, err)
		}
		if v.Version != 1 || v.Gone == nil || v.Gone.Version != 2 || v.Gone.Kind != courses.WithdrawnSecurity || v.Gone.Reason != "The relief valve opens the wrong way." {
			t.Errorf("%s: version %d, told %+v", name, v.Version, v.Gone)
		}
	}
	if v, err := r.svc.Course(late, it.ItemID); err != nil || v.Progress.Share() < 2.0/3 || !v.Stations[0].Done {
		t.Errorf("the share fell to %.2f, %v", v.Progress.Share(), err)
	}
	if v, err := r.svc.Course(done, it.ItemID); err != nil || v.Finished == nil || v.Progress.Share() != 1 {
		t.Errorf("who had finished has %.2f, %v", v.Progress.Share(), err)
	}
	if v, err := r.svc.Course(early, it.ItemID); err != nil || v.Version != 1 || v.Gone != nil {
		t.Errorf("who was never in it is told %+v, %v", v.Gone, err)
	}
	if got := []int{r.mails(late), r.mails(done), r.mails(own), r.mails(quiet), r.mails(early)}; !slices.Equal(got, []int{1, 1, 1, 0, 0}) {
		t.Errorf("mails: %v", got)
	}
	// The library gives new starts what is in its place, and says why.
	a, err := r.svc.Adopted(curator, it.ItemID)
	if err != nil || a.InUse() != 1 || a.Updates != courses.Stay || len(a.Gone) != 1 || a.Gone[0].Version != 2 {
		t.Errorf("the library: %d, %+v, %v", a.InUse(), a.Gone, err)
	}
	r.did(r.svc.Enroll(r.partner.member, it.ItemID, courses.Origin{}))
	if v, err := r.svc.Course(r.partner.member, it.ItemID); err != nil || v.Version != 1 {
		t.Errorf("a new start: %d, %v", v.Version, err)
	}
	// The record keeps saying in which version it was learned.
	if got := one[int](dbtest.System(t, scope.Mailer, r.partner.org.OrgID), r.world, `SELECT e.finished_in FROM enrollments e WHERE e.org_id = $1 AND e.completed_at IS NOT NULL`, r.partner.org.OrgID); got != 2 {
		t.Errorf("finished in version %d", got)
	}
	// No row of its text is anybody's but its authors'.
	count := `SELECT count(*)::int FROM lessons l WHERE l.item_id = $1 AND l.version = 2`
	for name, who := range map[string]struct {
		ctx  context.Context
		want int
	}{"an author": {author, 3}, "a learner": {own, 0}, "a partner": {late, 0}, "a partner's author": {r.author(r.partner), 0}, "a visitor": {r.visitor(), 0}, "the indexer": {dbtest.System(t, scope.Indexer, r.vendor.org.OrgID), 0}} {
		if n := one[int](who.ctx, r.world, count, it.ItemID); n != who.want {
			t.Errorf("%s reads %d lessons, want %d", name, n, who.want)
		}
	}
	// Whoever read the notice is not shown it again.
	r.did(r.svc.ReadWithdrawal(late, it.ItemID))
	if v, err := r.svc.Course(late, it.ItemID); err != nil || v.Gone != nil {
		t.Errorf("read, and told %+v, %v", v.Gone, err)
	}

	// It is given back: in force for new starts, and nobody is brought back.
	refused(t, "a learner gives back", r.svc.RestoreVersion(own, it.ItemID, 2), errs.NotFound)
	r.did(r.svc.RestoreVersion(author, it.ItemID, 2))
	r.carried(it, 2)
	refused(t, "given back twice", r.svc.RestoreVersion(author, it.ItemID, 2), errs.NotFound)
	v, err := r.svc.Course(own, it.ItemID)
	if err != nil || v.Version != 1 || v.Newest != 2 {
		t.Errorf("given back: %d of %d, %v", v.Version, v.Newest, err)
	}
	// Whoever was moved is told, once, here and by mail, also who had read the notice; nobody else is.
	for name, who := range map[string]context.Context{"in mid-course": late, "who wants no mail": quiet, "the vendor's own": own} {
		if v, err := r.svc.Course(who, it.ItemID); err != nil || v.Gone == nil || v.Gone.Back == nil || v.Gone.Version != 2 || v.Gone.Instead != 1 {
			t.Errorf("%s is told %+v, %v", name, v.Gone, err)
		}
	}
	if v, err := r.svc.Course(early, it.ItemID); err != nil || v.Gone != nil {
		t.Errorf("who was never in it is told %+v, %v", v.Gone, err)
	}
	r.carried(it, 2)
	if got := []int{r.back(late), r.back(done), r.back(own), r.back(quiet), r.back(early)}; !slices.Equal(got, []int{1, 1, 1, 0, 0}) {
		t.Errorf("mails that it is given back: %v", got)
	}
	r.did(r.svc.ReadWithdrawal(late, it.ItemID))
	if v, err := r.svc.Course(late, it.ItemID); err != nil || v.Gone != nil {
		t.Errorf("read, and told %+v, %v", v.Gone, err)
	}
	if n := one[int](late, r.world, count, it.ItemID); n != 3 {
		t.Errorf("given back, and %d lessons are read", n)
	}
	if a, err = r.svc.Adopted(curator, it.ItemID); err != nil || a.InUse() != 1 || len(a.Gone) != 0 {
		t.Errorf("the library afterwards: %d, %+v, %v", a.InUse(), a.Gone, err)
	}
}

// Where there is no other version the item closes, with its reason on what everybody keeps of it, and opens with the next one.
func TestTheOnlyVersionIsWithdrawn(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	author, ctx := r.author(r.vendor), r.partner.member
	it := r.versionOf([]string{"a", "b"}, "Words")
	if _, err := r.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: "a"}); err != nil {
		t.Fatal(err)
	}
	r.gone(author, it, 1)
	_, err := r.svc.Course(ctx, it.ItemID)
	refused(t, "the page", err, errs.NotFound)
	rec, err := r.svc.Record(ctx, it.ItemID)
	if err != nil || rec.Gone == nil || rec.Gone.Reason != "The relief valve opens the wrong way." || rec.Lessons != 1 || r.mails(ctx) != 1 {
		t.Errorf("what is kept: %+v, %d mails, %v", rec.Gone, r.mails(ctx), err)
	}
	_, err = r.svc.Record(r.colleague(r.partner), it.ItemID)
	refused(t, "somebody who was never in it", err, errs.NotFound)
	r.versionOf([]string{"a", "c"}, "Better words")
	r.carried(it, 1)
	v, err := r.svc.Course(ctx, it.ItemID)
	if err != nil || v.Version != 2 || v.Progress.Share() < .5 || !v.Stations[0].Done || v.Gone == nil || v.Gone.Instead != 2 {
		t.Errorf("the next version: %d, %.2f, %+v, %v", v.Version, v.Progress.Share(), v.Gone, err)
	}
}

// Paths that lead to a withdrawn version lead to what is in its place, their own publisher's and those of others.
func TestPathsFollowAWithdrawnCourse(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	author, ctx := r.author(r.vendor), r.partner.member
	course := r.versionOf([]string{"a", "b"}, "Words")
	r.versionOf([]string{"a", "x"}, "Wrong words")
	path := func(h house, slug string, keys ...string) (it tenants.Item) {
		r.tx(h.ctx, func(tx *db.Tx) error {
			d := courses.PathDraft{Item: tenants.Item{Title: "A path", Slug: slug}}
			for _, k := range keys {
				st := courses.StepDraft{Key: k, Kind: courses.StepLesson, Lesson: courses.LessonDraft{Title: k, Source: "Words."}}
				if k == "course" {
					st = courses.StepDraft{Key: k, Kind: courses.StepCourse, Item: course.ItemID}
				}
				d.Steps = append(d.Steps, st)
			}
			p, err := courses.PublishPath(tx, d)
			it = p.Item
			return err
		})
		return it
	}
	theirs := path(r.partner, "theirs", "start", "course")
	if _, err := r.svc.CompleteLesson(ctx, courses.Place{Item: theirs.ItemID, Step: "course", Lesson: "x"}); err != nil {
		t.Fatal(err)
	}
	ours := path(r.vendor, "ours", "course", "end")
	r.did(r.svc.Enroll(r.vendor.member, ours.ItemID, courses.Origin{}))
	r.gone(author, course, 2)
	for name, p := range map[string]struct {
		ctx context.Context
		it  tenants.Item
	}{"the partner's path": {ctx, theirs}, "the vendor's path": {r.vendor.member, ours}} {
		v, err := r.svc.Path(p.ctx, p.it.ItemID)
		if err != nil || v.Version != 2 || v.Gone == nil || v.Gone.Version != 1 || len(v.Stations) != 2 {
			t.Errorf("%s: version %d, %+v, %v", name, v.Version, v.Gone, err)
		}
		if _, err := r.svc.Lesson(p.ctx, courses.Place{Item: p.it.ItemID, Step: "course", Lesson: "b"}, nil); err != nil {
			t.Errorf("%s: what is in its place: %v", name, err)
		}
		_, err = r.svc.Lesson(p.ctx, courses.Place{Item: p.it.ItemID, Step: "course", Lesson: "x"}, nil)
		refused(t, name+": what is withdrawn", err, errs.NotFound)
	}
	if v, err := r.svc.Path(ctx, theirs.ItemID); err != nil || v.Progress.Share() < 1.0/3 {
		t.Errorf("the share fell to %.2f, %v", v.Progress.Share(), err)
	}
	// Without any version of the course the path goes on without it.
	r.gone(author, course, 1)
	v, err := r.svc.Path(ctx, theirs.ItemID)
	if err != nil || v.Version != 3 || len(v.Stations) != 1 {
		t.Errorf("without the course: version %d of %d steps, %v", v.Version, len(v.Stations), err)
	}
	refused(t, "a path that followed is given back alone", r.svc.RestoreVersion(r.author(r.partner), theirs.ItemID, 2), errs.NotFound)
	r.did(r.svc.RestoreVersion(author, course.ItemID, 1))
	r.carried(course, 1)
	if v, err := r.svc.Path(r.colleague(r.partner), theirs.ItemID); err != nil || v.Version != 2 || len(v.Stations) != 2 {
		t.Errorf("given back: a new start gets version %d of %d steps, %v", v.Version, len(v.Stations), err)
	}
}

// Who is told nothing: people of an organization to which it is open no more. They are moved all the same, and nobody can write to them by it.
func TestAWithdrawalTellsNobodyToWhomItIsClosed(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	author, ctx := r.author(r.vendor), r.partner.member
	it := r.versionOf([]string{"a", "b"}, "Words")
	r.versionOf([]string{"a", "x"}, "Wrong words")
	r.did(r.svc.Enroll(ctx, it.ItemID, courses.Origin{}))
	r.tx(r.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, r.vendor.org.OrgID, r.partner.org.OrgID)
		return err
	})
	r.gone(author, it, 2)
	type stands struct {
		Version, Notes, Mails int
		Told                  bool
	}
	got := stands{
		one[int](ctx, r.world, `SELECT e.version FROM enrollments e WHERE e.org_id = $1`, r.partner.org.OrgID),
		one[int](ctx, r.world, `SELECT count(*)::int FROM withdrawal_notes n WHERE n.org_id = $1`, r.partner.org.OrgID), r.mails(ctx),
		one[bool](ctx, r.world, `SELECT e.forced_from IS NOT NULL FROM enrollments e WHERE e.org_id = $1`, r.partner.org.OrgID),
	}
	if want := (stands{Version: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.did(r.svc.RestoreVersion(author, it.ItemID, 2))
	r.carried(it, 2)
	if n := r.back(ctx); n != 0 || one[bool](ctx, r.world, `SELECT e.given_back IS NOT NULL FROM enrollments e WHERE e.org_id = $1`, r.partner.org.OrgID) {
		t.Errorf("%d mails that it is given back", n)
	}
	// News that somebody made up moves nobody.
	r.tx(ctx, func(tx *db.Tx) error {
		return jobs.Emit(tx, courses.VersionWithdrawn{Org: r.partner.org.OrgID, Owner: r.vendor.org.OrgID, Item: it.ItemID, Version: 1, At: time.Now()})
	})
	r.carried(it, 1)
	if v := one[int](ctx, r.world, `SELECT e.version FROM enrollments e WHERE e.org_id = $1`, r.partner.org.OrgID); v != 1 {
		t.Errorf("moved to %d by news that were made up", v)
	}
}

// What closed meanwhile tells nobody that it was given back, who was told that it was withdrawn.
func TestWhatIsGivenBackTellsNobodyToWhomItClosed(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	author, ctx := r.author(r.vendor), r.partner.member
	it := r.versionOf([]string{"a", "b"}, "Words")
	r.versionOf([]string{"a", "x"}, "Wrong words")
	r.did(r.svc.Enroll(ctx, it.ItemID, courses.Origin{}))
	r.did(r.svc.Enroll(r.vendor.member, it.ItemID, courses.Origin{}))
	r.gone(author, it, 2)
	r.tx(r.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, r.vendor.org.OrgID, r.partner.org.OrgID)
		return err
	})
	r.did(r.svc.RestoreVersion(author, it.ItemID, 2))
	r.carried(it, 2)
	if got := []int{r.mails(ctx), r.back(ctx), r.mails(r.vendor.member), r.back(r.vendor.member)}; !slices.Equal(got, []int{1, 0, 1, 1}) {
		t.Errorf("mails: %v", got)
	}
	if one[bool](ctx, r.world, `SELECT e.given_back IS NOT NULL OR e.forced_from IS NOT NULL FROM enrollments e WHERE e.org_id = $1`, r.partner.org.OrgID) {
		t.Error("something waits to be told")
	}
}

// Whatever is published and withdrawn: the share never falls, nothing finished opens again, only finishing all is all, and nobody is in a
// version that is withdrawn.
func TestProgressNeverFallsByWithdrawing(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	ctx, author := r.partner.member, r.author(r.vendor)
	rnd := rand.New(rand.NewPCG(3, 17))
	some := func() (out []string) {
		for i := range 8 {
			if rnd.IntN(2) == 0 {
				out = append(out, fmt.Sprintf("k%d", i))
			}
		}
		return append(out, "always")
	}
	it := r.versionOf(some(), "v1")
	r.versionOf(some(), "v2")
	r.did(r.svc.Enroll(ctx, it.ItemID, courses.Origin{}))
	last, released, gone, closed := 0.0, []int{1, 2}, map[int]bool{}, false
	look := func(what string) courses.View {
		t.Helper()
		c, err := r.svc.Course(ctx, it.ItemID)
		if closed {
			refused(t, what+": closed", err, errs.NotFound)
			return courses.View{}
		}
		if err != nil {
			t.Fatal(what, err)
		}
		all := true
		for _, s := range c.Stations {
			all = all && s.Done
		}
		if got := c.Progress.Share(); got < last || got > 1 || c.Finished == nil && (got == 1) != all || gone[c.Version] {
			t.Fatalf("%s: %.3f after %.3f in version %d, all done %v, withdrawn %v", what, got, last, c.Version, all, gone)
		}
		last = c.Progress.Share()
		return c
	}
	for n := range 40 {
		for _, s := range look("in between").Stations {
			if !s.Done && rnd.IntN(6) == 0 {
				if _, err := r.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: s.Lesson}); err != nil {
					t.Fatal(err)
				}
				look("finished " + s.Lesson)
			}
		}
		v := released[rnd.IntN(len(released))]
		switch {
		case rnd.IntN(3) == 0:
			r.versionOf(append(some(), fmt.Sprintf("n%d", n)), fmt.Sprintf("v%d", n+3))
			released, closed = append(released, len(released)+1), false
			v = len(released)
		case gone[v]:
			r.did(r.svc.RestoreVersion(author, it.ItemID, v))
			delete(gone, v)
			closed = false
		default:
			r.gone(author, it, v)
			gone[v] = true
			closed = len(gone) == len(released)
		}
		for _, x := range released {
			r.carried(it, x)
		}
		look(fmt.Sprintf("round %d, version %d", n, v))
	}
}

// A quiz that was being taken in a withdrawn version is no attempt, and can be begun anew.
func TestAQuizInAWithdrawnVersionIsNoAttempt(t *testing.T) {
	t.Parallel()
	r := recalled(t)
	ctx, author := r.partner.member, r.author(r.vendor)
	check := "Words %s.\n\n```quiz\nkey: mark\ntitle: Mark\npass: 50\nattempts: 1\nquestions:\n  - key: one\n    ask: One?\n    choices:\n      - text: No\n      - text: Yes\n        right: true\n```\n"
	var it tenants.Item
	for _, words := range []string{"right", "wrong"} {
		r.tx(r.vendor.ctx, func(tx *db.Tx) error {
			p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Checked", Slug: "checked"}, Lessons: []courses.LessonDraft{{Key: "l", Title: "L", Source: fmt.Sprintf(check, words)}}})
			if err != nil {
				return err
			}
			it = p.Item
			return tenants.Collect(tx, it.ItemID, "shared")
		})
	}
	p := courses.Place{Item: it.ItemID, Lesson: "l"}
	r.did(r.svc.BeginCheck(ctx, p, "mark", false))
	r.gone(author, it, 2)
	v, err := r.svc.Check(ctx, p, "mark", 0)
	if err != nil || v.Running != nil || v.Left != 1 {
		t.Fatalf("running %v, %d left, %v", v.Running, v.Left, err)
	}
	r.did(r.svc.BeginCheck(ctx, p, "mark", false))
	if v, err := r.svc.Check(ctx, p, "mark", 0); err != nil || v.Running == nil || v.Running.Version != 1 {
		t.Errorf("begun anew: %+v, %v", v.Running, err)
	}
}
