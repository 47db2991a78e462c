package tenants_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// member is a context in which a new member of the house acts.
func (h *house) member(name string) (context.Context, id.Membership) {
	h.t.Helper()
	var m tenants.Membership
	h.must(func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: name, Email: unique() + "@house.example"})
		return err
	})
	return dbtest.As(h.t, h.org.OrgID, m.MembershipID, m.PersonID), m.MembershipID
}

// agree brings the two to terms on which a learns that much of b's people.
func (p *pair) agree(t *testing.T, learns, until string) {
	t.Helper()
	by, of := p.a, p.b
	prop := p.offer(by, 30+len(p.view0(t)))
	prop.Theirs.Learns, prop.Until = learns, until
	var err error
	if v, verr := by.svc.Connection(by.network(), of.org.OrgID); verr != nil || v.State == tenants.Ended {
		err = by.svc.Ask(by.network(), of.org.OrgID, prop)
	} else {
		err = by.svc.Counter(by.network(), of.org.OrgID, prop)
	}
	if err == nil {
		err = p.sign(t, of)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// view0 is what was said so far, so that each version differs from the one before.
func (p *pair) view0(t *testing.T) []tenants.Version {
	t.Helper()
	v, err := p.a.svc.Connection(p.a.network(), p.b.org.OrgID)
	if err != nil {
		return nil
	}
	return append(v.Earlier, tenants.Version{})
}

// shared is what goes about the member to a.
func (p *pair) shared(t *testing.T, ctx context.Context) tenants.SharingDetail { //nolint:revive // The test comes first.
	t.Helper()
	d, err := p.b.svc.SharedWithOne(ctx, p.a.org.OrgID, id.Any{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p *pair) say(t *testing.T, ctx context.Context, decision string) { //nolint:revive // The test comes first.
	t.Helper()
	if err := p.b.svc.Answer(ctx, p.a.org.OrgID, p.shared(t, ctx).Version, decision); err != nil {
		t.Fatalf("%s: %v", decision, err)
	}
}

func TestAMemberIsAskedForTheNameAndDecides(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.agree(t, tenants.LearnsCertified, "")
	ctx, _ := p.b.member("Ada")
	stands := func(when string, open bool, now string) {
		t.Helper()
		if d := p.shared(t, ctx); d.Open() != open || d.Now != now {
			t.Errorf("%s: asked %v, in force %q; want %v, %q", when, d.Open(), d.Now, open, now)
		}
	}
	stands("before anything was said", true, "")
	p.say(t, ctx, tenants.ConsentGiven)
	stands("after a yes", false, tenants.ConsentCertificate)
	p.say(t, ctx, tenants.ConsentWithdrawn)
	stands("taken back", false, "")
	p.say(t, ctx, tenants.ConsentGiven)

	p.agree(t, tenants.LearnsNamed, "")
	stands("a version that asks for more: the yes to less holds, and it is asked again", true, tenants.ConsentCertificate)
	p.say(t, ctx, tenants.ConsentDeclined)
	stands("no to more is a no", false, "")
	p.say(t, ctx, tenants.ConsentGiven)
	stands("yes to more", false, tenants.ConsentProgress)
	p.agree(t, tenants.LearnsCertified, "")
	stands("a version that asks for less", false, tenants.ConsentCertificate)
	p.agree(t, tenants.LearnsTotals, "")
	stands("a version without names", false, "")
	p.agree(t, tenants.LearnsNamed, "")
	stands("the yes was to as much as this", false, tenants.ConsentProgress)

	if err := p.a.svc.Pause(p.a.network(), p.b.org.OrgID); err != nil {
		t.Fatal(err)
	}
	stands("paused", false, "")
	if err := p.a.svc.Resume(p.a.network(), p.b.org.OrgID); err != nil {
		t.Fatal(err)
	}
	stands("resumed", false, tenants.ConsentProgress)
	if err := p.b.svc.End(p.b.network(), p.a.org.OrgID, true); err != nil {
		t.Fatal(err)
	}
	if d := p.shared(t, ctx); d.InForce || d.Now != "" || len(d.History) != 5 {
		t.Errorf("ended: in force %v, %q, %d answers", d.InForce, d.Now, len(d.History))
	}
	p.agree(t, tenants.LearnsNamed, "")
	stands("begun anew after the end", true, "")

	var said []string
	for _, h := range p.shared(t, ctx).History {
		said = append(said, h.Decision+" "+h.Purpose)
	}
	if diff := cmp.Diff([]string{"given progress", "declined progress", "given certificate", "withdrawn certificate", "given certificate"}, said); diff != "" {
		t.Errorf("history (-want +got): %s", diff)
	}
}

func TestAYesIsGoodForAsLongAsItSaid(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.agree(t, tenants.LearnsNamed, "2099-12-31")
	ctx, m := p.b.member("Ada")
	p.say(t, ctx, tenants.ConsentGiven)
	if d := p.shared(t, ctx); d.Last.Until == nil || !d.Last.Until.Equal(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("good until %v", d.Last.Until)
	}
	// The time passes.
	owner := connect(t, dbtest.OwnerDSN(t, "learnscape_owner"))
	if _, err := owner.Exec(t.Context(), `UPDATE consents SET until = now() - interval '1 minute' WHERE membership_id = $1`, m); err != nil {
		t.Fatal(err)
	}
	if d := p.shared(t, ctx); d.Now != "" || !d.Open() {
		t.Errorf("after its time: %q, asked %v", d.Now, d.Open())
	}
}

func TestAnAnswerIsToWhatWasRead(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.agree(t, tenants.LearnsCertified, "")
	ctx, _ := p.b.member("Ada")
	read := p.shared(t, ctx).Version
	p.agree(t, tenants.LearnsNamed, "")
	if err := p.b.svc.Answer(ctx, p.a.org.OrgID, read, tenants.ConsentGiven); !errs.Is(err, errs.Conflict) {
		t.Errorf("yes to what asks for more now: %v", err)
	}
	stranger := newHouse(t, p.d)
	sctx, _ := stranger.member("Eve")
	for _, decision := range []string{tenants.ConsentGiven, tenants.ConsentDeclined, tenants.ConsentWithdrawn} {
		if err := stranger.svc.Answer(sctx, p.a.org.OrgID, 1, decision); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s to an organization that one has nothing to do with: %v", decision, err)
		}
	}
	if _, err := stranger.svc.SharedWithOne(sctx, p.a.org.OrgID, id.Any{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("reads what goes to an organization that one has nothing to do with: %v", err)
	}
	if err := p.b.svc.Answer(ctx, p.a.org.OrgID, 1, tenants.ConsentWithdrawn); !errs.Is(err, errs.NotFound) {
		t.Errorf("takes back what was never given: %v", err)
	}
}

func TestNobodyAnswersForAMember(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.agree(t, tenants.LearnsNamed, "")
	ctx, m := p.b.member("Ada")
	other, boss := p.b.member("Boss")
	_ = other
	admin := dbtest.As(t, p.b.org.OrgID, boss, id.Person{}, scope.Roles()...)
	const yes = `INSERT INTO consents (org_id, membership_id, consent_id, other_org, agreement_id, version, purpose, decision, until, at)
		SELECT $1, $2, gen_random_uuid(), $3, a.agreement_id, a.version, $4, 'given', $5::timestamptz, now() FROM agreements a WHERE a.state = 'active' AND $1 IN (a.org_a, a.org_b) AND $3 IN (a.org_a, a.org_b)`
	write := func(ctx context.Context, purpose string, until *time.Time) error {
		return p.d.Tx(ctx, func(tx *db.Tx) error { return tx.Must(yes, p.b.org.OrgID, m, p.a.org.OrgID, purpose, until) })
	}
	refused := map[string]context.Context{"an administrator": admin, "the other organization": dbtest.As(t, p.a.org.OrgID, m, id.Person{}, scope.Roles()...)}
	for _, a := range []scope.Actor{scope.Operator, scope.Discloser, scope.Agreement, scope.SignIn, scope.Indexer, scope.Counter, scope.Mailer} {
		refused[string(a)] = dbtest.System(t, a, p.b.org.OrgID)
	}
	for who, as := range refused {
		if err := write(as, "progress", nil); err == nil {
			t.Errorf("%s said yes for a member", who)
		}
	}
	late := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := write(ctx, "certificate", nil); err == nil {
		t.Error("yes to another purpose than the one that is asked for")
	}
	if err := write(ctx, "progress", &late); err == nil {
		t.Error("yes for another time than the agreement's")
	}
	if err := write(ctx, "progress", nil); err != nil {
		t.Errorf("the member's own yes: %v", err)
	}
	for _, q := range []string{`UPDATE consents SET decision = 'given' WHERE membership_id = $1`, `DELETE FROM consents WHERE membership_id = $1`} {
		if err := p.d.Tx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(q, m); return err }); err == nil {
			t.Errorf("%s: not refused", q)
		}
	}
	count := func(as context.Context) (n int) {
		if err := p.d.Tx(as, func(tx *db.Tx) (err error) {
			n, err = db.Row[int](tx, `SELECT count(*)::int FROM consents WHERE membership_id = $1`, m)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for who, as := range map[string]context.Context{"an administrator": admin, "the operator": dbtest.System(t, scope.Operator, p.b.org.OrgID)} {
		if count(as) != 0 {
			t.Errorf("%s reads what a member said", who)
		}
	}
	if count(ctx) != 1 {
		t.Error("the member does not read the own answer")
	}
	// What a member agreed to is told to nobody but the member and who carries it out.
	told := func(as context.Context) (s string) {
		if err := p.d.Tx(as, func(tx *db.Tx) (err error) {
			s, err = db.Row[string](tx, `SELECT consented($1, $2, $3)`, p.b.org.OrgID, m, p.a.org.OrgID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	stranger := newHouse(t, p.d)
	for who, tt := range map[string]struct {
		as   context.Context
		want string
	}{
		"the member": {ctx, "progress"}, "an administrator": {admin, ""}, "the other side": {p.a.network(), ""},
		"the discloser of the giver": {dbtest.System(t, scope.Discloser, p.b.org.OrgID), "progress"}, "the discloser of the receiver": {dbtest.System(t, scope.Discloser, p.a.org.OrgID), "progress"},
		"the discloser of a stranger": {dbtest.System(t, scope.Discloser, stranger.org.OrgID), ""}, "the operator": {dbtest.System(t, scope.Operator, p.b.org.OrgID), ""},
	} {
		if got := told(tt.as); got != tt.want {
			t.Errorf("%s is told %q, not %q", who, got, tt.want)
		}
	}
}
