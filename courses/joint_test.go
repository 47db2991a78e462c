package courses_test

import (
	"context"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// pairing is a path between a vendor and a partner that are connected, with somebody of each who signs.
type pairing struct {
	*world

	path            id.Item
	vendors, adopts context.Context
}

func paired(t *testing.T) pairing {
	t.Helper()
	w := setup(t)
	it, keeper := w.adapted()
	w.connected(w.vendor, w.partner, "partner")
	return pairing{world: w, path: it.ItemID, vendors: w.keeper(w.vendor), adopts: keeper}
}

func (p pairing) fromPartner(text string, customers bool) {
	p.t.Helper()
	p.did(p.svc.ProposeJoint(p.adopts, p.path, p.vendor.org.OrgID, courses.JointWords{Proposition: text, CustomerGets: "A result"}, customers))
}

func (p pairing) waiting(ctx context.Context, other house) courses.Joint {
	p.t.Helper()
	v, err := p.svc.Joint(ctx, p.path, other.org.Slug)
	p.did(err)
	if v.Proposed == nil {
		p.t.Fatal("nothing is proposed")
	}
	return *v.Proposed
}

func (p pairing) accept(ctx context.Context, other house, customers bool) {
	p.t.Helper()
	j := p.waiting(ctx, other)
	p.did(p.svc.AcceptJoint(ctx, p.path, other.org.OrgID, j.Version, [32]byte(j.Hash), customers))
}

// reads is what somebody reads on the path under both names.
func (p pairing) reads(ctx context.Context) (out []string) {
	p.t.Helper()
	v, err := p.svc.Path(ctx, p.path)
	p.did(err)
	for _, j := range v.Joints {
		out = append(out, j.Proposition)
	}
	return out
}

func (p pairing) expect(who string, ctx context.Context, want ...string) { //nolint:revive // Who reads is said first.
	p.t.Helper()
	got := p.reads(ctx)
	if len(got) != len(want) || len(want) == 1 && got[0] != want[0] {
		p.t.Errorf("%s reads %q, not %q", who, got, want)
	}
}

// Both sign one text: it is shown when the second has accepted, a new version leaves it until that one is accepted, and either takes
// it back.
func TestJointPropositionIsSignedByBoth(t *testing.T) {
	t.Parallel()
	p := paired(t)
	p.fromPartner("first", false)
	p.expect("the partner before the vendor accepted", p.partner.member)
	p.expect("the vendor before it accepted", p.vendor.member)
	j := p.waiting(p.vendors, p.partner)
	if err := p.svc.AcceptJoint(p.adopts, p.path, p.vendor.org.OrgID, j.Version, [32]byte(j.Hash), false); !errs.Is(err, errs.Conflict) {
		t.Errorf("the partner accepts its own proposal: %v", err)
	}
	if err := p.svc.AcceptJoint(p.vendors, p.path, p.partner.org.OrgID, j.Version, [32]byte{1}, false); !errs.Is(err, errs.Conflict) {
		t.Errorf("the vendor accepts other words than it read: %v", err)
	}
	p.accept(p.vendors, p.partner, false)
	p.expect("the partner", p.partner.member, "first")
	p.expect("the vendor", p.vendor.member, "first")

	// The vendor proposes the next one; the partner answers with other words, which the vendor accepts.
	p.did(p.svc.ProposeJoint(p.vendors, p.path, p.partner.org.OrgID, courses.JointWords{Proposition: "second"}, true))
	if p.waiting(p.adopts, p.vendor).ForCustomers {
		t.Error("the vendor chooses for the partner's customers")
	}
	p.expect("the partner, while the next one waits", p.partner.member, "first")
	p.fromPartner("third", false)
	p.accept(p.vendors, p.partner, false)
	p.expect("the partner", p.partner.member, "third")
	if err := p.svc.ProposeJoint(p.adopts, p.path, p.vendor.org.OrgID, courses.JointWords{Proposition: "third", CustomerGets: "A result"}, false); !errs.Is(err, errs.Invalid) {
		t.Errorf("the words in force are proposed again: %v", err)
	}
	p.fromPartner("fourth", false)
	p.did(p.svc.DeclineJoint(p.vendors, p.path, p.partner.org.OrgID, 4))
	p.fromPartner("fifth", false)
	p.did(p.svc.WithdrawJoint(p.adopts, p.path, p.vendor.org.OrgID, 5))
	p.expect("the vendor, after one was declined and one withdrawn", p.vendor.member, "third")

	p.did(p.svc.TakeBackJoint(p.vendors, p.path, p.partner.org.OrgID, 3))
	p.expect("the partner, when the vendor took it back", p.partner.member)
	if err := p.svc.TakeBackJoint(p.adopts, p.path, p.vendor.org.OrgID, 3); !errs.Is(err, errs.Conflict) {
		t.Errorf("it is taken back twice: %v", err)
	}
	// Both logs tell the same moves, each with the same reference and hash.
	logs := map[string]int{}
	for _, h := range []house{p.vendor, p.partner} {
		p.tx(h.ctx, func(tx *db.Tx) error {
			rows, err := db.Rows[string](tx, `SELECT action || ' ' || (detail->>'ref') || ' ' || (detail->>'hash') || ' ' || (detail->>'words') FROM audit WHERE org_id = $1 AND action LIKE 'joint.%'`, h.org.OrgID)
			for _, r := range rows {
				logs[r]++
			}
			return err
		})
	}
	if len(logs) != 10 {
		t.Errorf("%d moves are told, not 10", len(logs))
	}
	for line, n := range logs {
		if n != 2 {
			t.Errorf("one log alone tells %s", line)
		}
	}
}

// Customers of the adopter read it by its choice alone; other partners of the vendor and strangers never do.
func TestJointPropositionIsReadByCustomersByChoice(t *testing.T) {
	t.Parallel()
	p := paired(t)
	rival := p.house("rival")
	p.tx(p.vendor.ctx, func(tx *db.Tx) error {
		for _, h := range []house{p.other, rival} {
			if err := tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: h.org.OrgID, Right: tenants.RightAdapt}); err != nil {
				return err
			}
		}
		return nil
	})
	p.connected(p.vendor, p.other, "customer")
	p.connected(p.vendor, rival, "partner")
	p.connected(p.partner, p.other, "customer")
	p.fromPartner("together", false)
	p.accept(p.vendors, p.partner, true)
	p.expect("the customer, without the partner's choice", p.other.member)
	p.did(p.svc.ShowJoint(p.adopts, p.path, p.vendor.org.OrgID, 1, true))
	if err := p.svc.ShowJoint(p.vendors, p.path, p.partner.org.OrgID, 1, false); !errs.Is(err, errs.NotFound) {
		t.Errorf("the vendor chooses for the partner's customers: %v", err)
	}
	p.expect("the customer", p.other.member, "together")
	p.expect("the rival", rival.member)
	for who, h := range map[string]house{"the customer": p.other, "the rival": rival} {
		if _, err := p.svc.Joint(p.keeper(h), p.path, p.partner.org.Slug); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s opens the page of the two: %v", who, err)
		}
		list, err := p.svc.Joints(p.keeper(h), 0)
		if err != nil || len(list.Rows) > 0 {
			t.Errorf("%s lists %d, %v", who, len(list.Rows), err)
		}
	}
	if _, err := p.svc.Joint(p.partner.member, p.path, p.vendor.org.Slug); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner opens the page: %v", err)
	}

	// Out of the library it rests, and it comes back with the path; the end of the connection ends it.
	p.did(p.svc.Unadopt(p.adopts, p.path))
	p.expect("the vendor, when the path left the library", p.vendor.member)
	p.did(p.svc.Adopt(p.adopts, p.path, courses.Follow))
	p.expect("the customer", p.other.member, "together")
	p.tx(p.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE connections SET since = now() + interval '1 hour' WHERE $1 IN (org_a, org_b) AND $2 IN (org_a, org_b)`, p.vendor.org.OrgID, p.partner.org.OrgID)
		return err
	})
	p.expect("the vendor, in a connection that began later", p.vendor.member)
	p.expect("the customer, in a connection that began later", p.other.member)
}

// Who opens the page of a partner that has not taken the path in learns nothing of that.
func TestJointPropositionTellsNobodysLibrary(t *testing.T) {
	t.Parallel()
	p := paired(t)
	before, err := p.svc.Joint(p.vendors, p.path, p.partner.org.Slug)
	p.did(err)
	p.did(p.svc.Unadopt(p.adopts, p.path))
	after, err := p.svc.Joint(p.vendors, p.path, p.partner.org.Slug)
	p.did(err)
	if !before.Holds || !after.Holds {
		t.Errorf("the page tells whether the partner has the path: %v, then %v", before.Holds, after.Holds)
	}
	p.did(p.svc.ProposeJoint(p.vendors, p.path, p.partner.org.OrgID, courses.JointWords{Proposition: "from the vendor"}, false))
	p.accept(p.adopts, p.vendor, false)
	p.expect("the partner, whose yes takes the path in", p.partner.member, "from the vendor")
}
