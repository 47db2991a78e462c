package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// network returns a context in which the house's partner manager acts.
func (h *house) network() context.Context {
	h.t.Helper()
	s := h.viewer
	s.Roles = []scope.Role{scope.Learner, scope.PartnerManager}
	return scope.Enter(h.t.Context(), s)
}

func opens(list ...tenants.Collection) (out []tenants.Opening) {
	for _, c := range list {
		out = append(out, tenants.Opening{Collection: c.CollectionID, Title: c.Title, Right: tenants.RightUse})
	}
	return out
}

// pair is two houses, each with a published story in a collection that may be opened.
type pair struct {
	d    *db.DB
	a, b *house
	sa   tenants.Item
	sb   tenants.Item
	ca   tenants.Collection
	cb   tenants.Collection
}

func newPair(t *testing.T) *pair {
	t.Helper()
	return newPairIn(t, dbtest.Open(t))
}

func newPairIn(t *testing.T, d *db.DB) *pair {
	t.Helper()
	p := &pair{d: d, a: newHouse(t, d), b: newHouse(t, d)}
	p.sa, p.sb = p.a.item(tenants.KindStory, "A's story", noon), p.b.item(tenants.KindStory, "B's story", noon)
	p.ca, p.cb = p.a.collection("shared", "agreement", p.sa), p.b.collection("shared", "agreement", p.sb)
	return p
}

// offer is what the house proposes: its collection for the other's, with three days more to finish each time.
func (p *pair) offer(by *house, days int) tenants.Proposal {
	ours, theirs := opens(p.ca), opens(p.cb)
	if by == p.b {
		ours, theirs = theirs, ours
	}
	return tenants.Proposal{Ours: tenants.Half{Opens: ours}, Theirs: tenants.Half{Opens: theirs}, FinishDays: days, WeCall: "partner", TheyCall: "vendor"}
}

func (p *pair) view(t *testing.T, of *house) tenants.ConnectionView {
	t.Helper()
	other := p.b
	if of == p.b {
		other = p.a
	}
	v, err := of.svc.Connection(of.network(), other.org.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p *pair) sign(t *testing.T, by *house) error {
	t.Helper()
	other := p.b
	if by == p.b {
		other = p.a
	}
	v, err := by.svc.Connection(by.network(), other.org.OrgID)
	if err != nil || v.Proposed == nil {
		return errs.New(errs.NotFound, "nothing is proposed")
	}
	return by.svc.Sign(by.network(), other.org.OrgID, v.Proposed.Number, v.Proposed.Hash, "vendor")
}

func TestTwoHousesAgreeOnTermsAndPart(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	if sees(t, p.d, p.b.viewer, p.sa) || sees(t, p.d, p.a.viewer, p.sb) {
		t.Error("an offer opens something before it is signed")
	}
	if err := p.sign(t, p.a); !errs.Is(err, errs.Conflict) {
		t.Errorf("who proposed signs for the other side: %v", err)
	}
	// B reads the offer, makes a counter-offer, and A signs that.
	first := p.view(t, p.b).Proposed
	if err := p.b.svc.Counter(p.b.network(), p.a.org.OrgID, p.offer(p.b, 60)); err != nil {
		t.Fatal(err)
	}
	if err := p.b.svc.Sign(p.b.network(), p.a.org.OrgID, first.Number, first.Hash, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("a countered version is signed: %v", err)
	}
	v := p.view(t, p.a)
	if diff := cmp.Diff([]tenants.Change{{What: "finish_days", Kind: tenants.ChangeChanged, Days: [2]int{30, 60}}}, v.Changes); diff != "" {
		t.Errorf("what the counter-offer changes (-want +got): %s", diff)
	}
	bad := v.Proposed.Hash
	bad[0]++
	if err := p.a.svc.Sign(p.a.network(), p.b.org.OrgID, v.Proposed.Number, bad, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("other words than those read are signed: %v", err)
	}
	if err := p.sign(t, p.a); err != nil {
		t.Fatal(err)
	}
	if !sees(t, p.d, p.b.viewer, p.sa) || !sees(t, p.d, p.a.viewer, p.sb) {
		t.Error("signed by both, and what it opens is not seen")
	}
	if v := p.view(t, p.a); v.State != tenants.Active || v.InForce == nil || v.InForce.Number != 2 || v.WeCall != "vendor" {
		t.Errorf("after signing: %s, in force %+v, called %q", v.State, v.InForce, v.WeCall)
	}
	for _, h := range []*house{p.a, p.b} {
		if log := p.view(t, h).Log; len(log) != 3 || log[0].Action != "agreement.signed" {
			t.Errorf("%s's receipts: %+v", h.org.Slug, log)
		}
	}
	if err := p.b.svc.Pause(p.b.network(), p.a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	if sees(t, p.d, p.b.viewer, p.sa) || sees(t, p.d, p.a.viewer, p.sb) {
		t.Error("paused, but still seen")
	}
	if err := p.a.svc.Resume(p.a.network(), p.b.org.OrgID); err != nil {
		t.Fatal(err)
	}
	if !sees(t, p.d, p.b.viewer, p.sa) || !sees(t, p.d, p.a.viewer, p.sb) {
		t.Error("resumed, but not seen")
	}
	if err := p.b.svc.End(p.b.network(), p.a.org.OrgID, false); err != nil {
		t.Fatal(err)
	}
	if sees(t, p.d, p.b.viewer, p.sa) || sees(t, p.d, p.a.viewer, p.sb) {
		t.Error("ended, but still seen by somebody who learns nothing in it")
	}
	if v := p.view(t, p.a); v.State != tenants.Ending || v.FinishUntil == nil {
		t.Errorf("ended with time to finish: %s until %v", v.State, v.FinishUntil)
	}
	if err := p.a.svc.End(p.a.network(), p.b.org.OrgID, true); err != nil {
		t.Fatal(err)
	}
	if v := p.view(t, p.b); v.State != tenants.Ended {
		t.Errorf("ended at once: %s", v.State)
	}
	if err := p.b.svc.Ask(p.b.network(), p.a.org.OrgID, p.offer(p.b, 10)); err != nil {
		t.Errorf("ask again after the end: %v", err)
	}
}

// Who offers may change the offer until it is answered: the other side reads what changed and signs the newest words only.
func TestTheOwnOfferIsChanged(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 10)); err != nil {
		t.Fatal(err)
	}
	old := p.view(t, p.b).Proposed
	if err := p.a.svc.Counter(p.a.network(), p.b.org.OrgID, p.offer(p.a, 10)); !errs.Is(err, errs.Invalid) {
		t.Errorf("the same once more: %v", err)
	}
	if err := p.a.svc.Counter(p.a.network(), p.b.org.OrgID, p.offer(p.a, 20)); err != nil {
		t.Fatal(err)
	}
	if err := p.b.svc.Sign(p.b.network(), p.a.org.OrgID, old.Number, old.Hash, ""); !errs.Is(err, errs.Conflict) {
		t.Errorf("what was replaced is signed: %v", err)
	}
	v := p.view(t, p.b)
	if v.State != tenants.Asked || v.Proposed == nil || v.Proposed.Number != 2 || v.Proposed.Mine || len(v.Changes) != 1 || len(v.Earlier) != 1 || v.Earlier[0].State != "replaced" {
		t.Errorf("the other side reads %+v", v)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	if v := p.view(t, p.a); v.State != tenants.Active || v.InForce.Number != 2 || v.InForce.Terms.FinishDays != 20 {
		t.Errorf("in force: %+v", v.InForce)
	}
}

// TestEveryMoveInEveryState walks the whole table: what it lists is done, and everything else is refused and changes nothing.
func TestEveryMoveInEveryState(t *testing.T) {
	t.Parallel()
	moves := map[tenants.Move]func(p *pair, by, other *house) error{
		tenants.MoveAsk: func(p *pair, by, other *house) error {
			return by.svc.Ask(by.network(), other.org.OrgID, p.offer(by, 5))
		},
		tenants.MoveSign: func(p *pair, by, _ *house) error { return p.sign(by.t, by) },
		tenants.MoveCounter: func(p *pair, by, other *house) error {
			return by.svc.Counter(by.network(), other.org.OrgID, p.offer(by, 7))
		},
		tenants.MoveDecline: func(p *pair, by, other *house) error {
			return by.svc.Decline(by.network(), other.org.OrgID, p.number(by))
		},
		tenants.MoveWithdraw: func(p *pair, by, other *house) error {
			return by.svc.Withdraw(by.network(), other.org.OrgID, p.number(by))
		},
		tenants.MovePause:  func(_ *pair, by, other *house) error { return by.svc.Pause(by.network(), other.org.OrgID) },
		tenants.MoveResume: func(_ *pair, by, other *house) error { return by.svc.Resume(by.network(), other.org.OrgID) },
		tenants.MoveEnd:    func(_ *pair, by, other *house) error { return by.svc.End(by.network(), other.org.OrgID, false) },
		tenants.MoveEndNow: func(_ *pair, by, other *house) error { return by.svc.End(by.network(), other.org.OrgID, true) },
	}
	must := func(t *testing.T, errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	// How a pair gets into a state, with A's proposal waiting where one can wait.
	reach := map[string]func(t *testing.T, p *pair){
		"": func(*testing.T, *pair) {},
		"asked": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b))
		},
		"active": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), p.sign(t, p.b))
		},
		"active+": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), p.sign(t, p.b), p.a.svc.Counter(p.a.network(), p.b.org.OrgID, p.offer(p.a, 8)))
		},
		"paused": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), p.sign(t, p.b), moves[tenants.MovePause](p, p.a, p.b))
		},
		"ending": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), p.sign(t, p.b), moves[tenants.MoveEnd](p, p.a, p.b))
		},
		"ended": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), p.sign(t, p.b), moves[tenants.MoveEndNow](p, p.a, p.b))
		},
		"declined": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), moves[tenants.MoveDecline](p, p.b, p.a))
		},
		"withdrawn": func(t *testing.T, p *pair) {
			t.Helper()
			must(t, moves[tenants.MoveAsk](p, p.a, p.b), moves[tenants.MoveWithdraw](p, p.a, p.b))
		},
	}
	for name, get := range reach {
		state := tenants.State(strings.TrimSuffix(name, "+"))
		for m, do := range moves {
			for _, proposer := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %s by proposer %v", name, m, proposer), func(t *testing.T) {
					t.Parallel()
					p := newPair(t)
					get(t, p)
					by, other := p.a, p.b
					if !proposer {
						by, other = p.b, p.a
					}
					waits := name == "asked" || name == "active+"
					var want tenants.State
					for _, tr := range tenants.Transitions() {
						mine := waits && proposer
						ok := tr.By == "either" || tr.By == "proposer" && mine || tr.By == "other" && !mine
						if tr.From == state && tr.Move == m && ok && (waits || !slices.Contains([]tenants.Move{tenants.MoveSign, tenants.MoveDecline, tenants.MoveWithdraw}, m)) {
							want = tr.To
						}
					}
					err := do(p, by, other)
					if (err == nil) != (want != "") {
						t.Fatalf("%s in %q: %v, the table says %q", m, name, err, want)
					}
					if want == "" {
						want = state
					}
					if state == "" && err != nil {
						return
					}
					if got := p.view(t, p.a).State; got != want {
						t.Errorf("%s in %q leads to %q, want %q", m, name, got, want)
					}
				})
			}
		}
	}
}

// number is the version that waits, or one that never was.
func (p *pair) number(of *house) int {
	other := p.b
	if of == p.b {
		other = p.a
	}
	v, err := of.svc.Connection(of.network(), other.org.OrgID)
	if err != nil || v.Proposed == nil {
		return 99
	}
	return v.Proposed.Number
}

func TestBothPressAtOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	v := p.view(t, p.b).Proposed
	var signed, countered error
	var wg sync.WaitGroup
	wg.Go(func() { signed = p.b.svc.Sign(p.b.network(), p.a.org.OrgID, v.Number, v.Hash, "") })
	wg.Go(func() { countered = p.a.svc.Withdraw(p.a.network(), p.b.org.OrgID, v.Number) })
	wg.Wait()
	if (signed == nil) == (countered == nil) {
		t.Fatalf("signing: %v, withdrawing: %v; one must win", signed, countered)
	}
	for _, err := range []error{signed, countered} {
		if err != nil && !errs.Is(err, errs.Conflict) {
			t.Errorf("the other is told %v", err)
		}
	}
}

func TestWhoIsNotAskedSeesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	stranger := newHouse(t, p.d)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.svc.Connection(stranger.network(), p.a.org.OrgID); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stranger's view of a connection of others: %v", err)
	}
	v := p.view(t, p.b).Proposed
	if err := stranger.svc.Sign(stranger.network(), p.a.org.OrgID, v.Number, v.Hash, ""); err == nil {
		t.Error("a stranger signs")
	}
	learner := scope.Enter(t.Context(), p.b.viewer)
	if err := p.b.svc.Sign(learner, p.a.org.OrgID, v.Number, v.Hash, ""); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner signs: %v", err)
	}
	// What is not one's own to open, or internal, cannot be offered.
	bad := p.offer(p.a, 30)
	bad.Ours.Opens = opens(p.cb)
	if err := p.a.svc.Ask(p.a.network(), stranger.org.OrgID, bad); !errs.Is(err, errs.Invalid) {
		t.Errorf("another's collection is offered: %v", err)
	}
	if err := p.a.svc.Ask(p.a.network(), id.New[id.Org](), p.offer(p.a, 30)); !errs.Is(err, errs.NotFound) {
		t.Errorf("an organization that is not there is asked: %v", err)
	}
}

// TestNobodySignsForAnother goes past the code: a hostile administrator with the application's own rights in the database.
func TestNobodySignsForAnother(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]string{
		"sign for the other":          `UPDATE agreements SET accepted_b_at = now() WHERE org_a = $1`,
		"declare it in force":         `UPDATE agreements SET state = 'active' WHERE org_a = $1`,
		"change the terms":            `UPDATE agreements SET terms = '{}' WHERE org_a = $1`,
		"activate the connection":     `UPDATE connections SET state = 'active' WHERE org_a = $1`,
		"swap the sides":              `UPDATE connections SET org_b = org_a, org_a = org_b, asked_by = org_b WHERE org_a = $1`,
		"write the other's side":      `UPDATE connection_sides SET state = 'active' WHERE other_org = $1`,
		"a connection without asking": `INSERT INTO connections (connection_id, org_a, org_b, state, asked_by) SELECT gen_random_uuid(), $1, o.org_id, 'active', $1 FROM organizations o WHERE o.org_id <> $1 LIMIT 1`,
	} {
		err := p.d.Tx(p.a.network(), func(tx *db.Tx) error {
			n, err := tx.Exec(q, p.a.org.OrgID)
			if err == nil && n > 0 {
				t.Errorf("%s: touched %d rows", name, n)
			}
			return errs.New(errs.Invalid, "undo")
		})
		if err == nil {
			t.Errorf("%s: committed", name)
		}
	}
	if v := p.view(t, p.b); v.State != tenants.Asked {
		t.Errorf("the connection is %s", v.State)
	}
}

func TestTimeToFinish(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	mid, course := p.midCourse(t)
	if err := p.a.svc.End(p.a.network(), p.b.org.OrgID, false); err != nil {
		t.Fatal(err)
	}
	if !sees(t, p.d, mid, course) {
		t.Error("in mid-course, and shut out")
	}
	if sees(t, p.d, p.b.viewer, course) || sees(t, p.d, mid, p.sa) {
		t.Error("time to finish opens more than what was begun")
	}
	if got := p.view(t, p.b).Finishing; got != 1 {
		t.Errorf("%d people of b may finish, want 1", got)
	}
	if got := p.view(t, p.a).Finishing; got != 0 {
		t.Errorf("a learns that %d people of b are in mid-course", got)
	}
	if err := p.b.svc.End(p.b.network(), p.a.org.OrgID, true); err != nil {
		t.Fatal(err)
	}
	if sees(t, p.d, mid, course) {
		t.Error("ended at once, and still open")
	}
}

// A connection that ends while one of the two rests gives those in mid-course the same time; it is open when both are back.
func TestTimeToFinishWaitsForWhoRests(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{false, true} {
		p := newPair(t)
		mid, course := p.midCourse(t)
		operator := dbtest.System(t, scope.Operator, p.a.org.OrgID)
		if paused {
			if err := p.a.svc.Pause(p.a.network(), p.b.org.OrgID); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.a.svc.Suspend(operator, "unpaid"); err != nil {
			t.Fatal(err)
		}
		if err := p.b.svc.End(p.b.network(), p.a.org.OrgID, false); err != nil {
			t.Fatal(err)
		}
		if sees(t, p.d, mid, course) {
			t.Errorf("paused %v: what a suspended organization opened is read", paused)
		}
		if err := p.a.svc.Reinstate(operator, "paid"); err != nil {
			t.Fatal(err)
		}
		if !sees(t, p.d, mid, course) {
			t.Errorf("paused %v: both are back, and nobody may finish", paused)
		}
		if sees(t, p.d, p.b.viewer, course) || sees(t, p.d, mid, p.sa) {
			t.Errorf("paused %v: time to finish opens more than what was begun", paused)
		}
	}
}

func TestTimeToFinishPasses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := errors.Join(p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 3)), p.sign(t, p.b), p.a.svc.End(p.a.network(), p.b.org.OrgID, false)); err != nil {
		t.Fatal(err)
	}
	if err := p.b.svc.Ask(p.b.network(), p.a.org.OrgID, p.offer(p.b, 3)); !errs.Is(err, errs.Conflict) {
		t.Errorf("asked anew while people finish: %v", err)
	}
	c, err := pgx.Connect(t.Context(), dbtest.OwnerDSN(t, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	if _, err := c.Exec(t.Context(), `UPDATE connections SET finish_until = now() - interval '1 second' WHERE org_a IN ($1, $2) AND org_b IN ($1, $2)`, p.a.org.OrgID, p.b.org.OrgID); err != nil {
		t.Fatal(err)
	}
	if got := p.view(t, p.a).State; got != tenants.Ended {
		t.Errorf("after the time to finish the page says %q", got)
	}
	if err := p.a.svc.End(p.a.network(), p.b.org.OrgID, true); !errs.Is(err, errs.Conflict) {
		t.Errorf("what has ended is ended again: %v", err)
	}
	if err := p.b.svc.Ask(p.b.network(), p.a.org.OrgID, p.offer(p.b, 3)); err != nil {
		t.Errorf("after the time to finish nobody can begin anew: %v", err)
	}
}

// midCourse connects the two, with thirty days to finish, and returns somebody of b in the middle of a course of a's.
func (p *pair) midCourse(t *testing.T) (scope.Scope, tenants.Item) {
	t.Helper()
	course := p.a.item(tenants.KindCourse, "Course", noon)
	p.a.must(func(tx *db.Tx) error { return tenants.Collect(tx, course.ItemID, "shared") })
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	if err := p.sign(t, p.b); err != nil {
		t.Fatal(err)
	}
	var learner tenants.Membership
	p.b.must(func(tx *db.Tx) (err error) {
		learner, err = tenants.AddMember(tx, tenants.NewMember{Name: "Learner", Email: "l" + unique() + "@b.example"})
		return err
	})
	p.a.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) VALUES ($1, $2, 1, '', '', '{}', '\x00')`, p.a.org.OrgID, course.ItemID)
		return err
	})
	p.b.must(func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin) VALUES ($1, $2, $3, $4, $5, 1, 'choice')`,
			p.b.org.OrgID, id.New[id.Enrollment](), learner.MembershipID, p.a.org.OrgID, course.ItemID)
		return err
	})
	return scope.Scope{Actor: scope.Member, Org: p.b.org.OrgID, Membership: learner.MembershipID, Roles: []scope.Role{scope.Learner}}, course
}
