package tenants_test

import (
	"fmt"
	"strconv"
	"strings"
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

// standard is what A offers to many.
func (k *desk) standard(days int) tenants.Proposal {
	p := k.offer(k.a, days)
	p.Theirs.Opens, p.Note = nil, "Let us learn together."
	return p
}

// signs signs what A proposed to the house.
func (k *desk) signs(t *testing.T, h *house) {
	t.Helper()
	v, err := h.svc.Connection(h.network(), k.a.org.OrgID)
	if err != nil || v.Proposed == nil || v.Proposed.Mine {
		t.Fatalf("nothing waits for %s: %v", h.org.Slug, err)
	}
	if err := h.svc.Sign(h.network(), k.a.org.OrgID, v.Proposed.Number, v.Proposed.Hash, "vendor"); err != nil {
		t.Fatal(err)
	}
}

// asks asks each of the houses for a connection on the terms, as a list does.
func (k *desk) asks(t *testing.T, p tenants.Proposal, houses ...*house) {
	t.Helper()
	for _, h := range houses {
		if err := k.a.svc.Ask(k.a.network(), h.org.OrgID, p); err != nil {
			t.Fatal(err)
		}
	}
}

// works does what was asked for.
func (k *desk) works(t *testing.T, batch id.Any) tenants.BatchView {
	t.Helper()
	for range 2 { // As a job that is tried again.
		if err := k.routine.RunBatch(dbtest.System(t, scope.Agreement, k.a.org.OrgID), batch); err != nil {
			t.Fatal(err)
		}
	}
	v, err := k.a.svc.BatchView(k.a.network(), batch, "", id.Org{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (k *desk) stands(t *testing.T, standard id.Any, f string) map[id.Org]string {
	t.Helper()
	v, err := k.a.svc.StandardView(k.a.network(), standard, tenants.StandardFilter{Stands: f, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	out := map[id.Org]string{}
	for _, p := range v.Partners {
		out[p.OrgID] = p.Stands + " " + strconv.Itoa(p.On)
	}
	return out
}

func TestOneStandardForMany(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	a := k.a
	signer, waiter, haggler, own := newHouse(t, k.d), newHouse(t, k.d), newHouse(t, k.d), newHouse(t, k.d)
	first, none, err := a.svc.Publish(a.network(), id.Any{}, " Partner terms ", k.standard(30))
	if err != nil || !none.IsZero() {
		t.Fatalf("publish: %v, batch %s", err, none)
	}
	k.asks(t, k.standard(30), signer, waiter, haggler, own)
	k.signs(t, signer)
	counter := tenants.Proposal{Ours: tenants.Half{Learns: tenants.LearnsTotals}, Theirs: tenants.Half{Opens: opens(k.ca)}, FinishDays: 90}
	for _, h := range []*house{haggler, own} {
		if err := h.svc.Counter(h.network(), a.org.OrgID, counter); err != nil {
			t.Fatal(err)
		}
	}
	v, err := a.svc.Connection(a.network(), own.org.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.svc.Sign(a.network(), own.org.OrgID, v.Proposed.Number, v.Proposed.Hash, ""); err != nil {
		t.Fatal(err)
	}
	want := map[id.Org]string{signer.org.OrgID: "newest 1", waiter.org.OrgID: "waiting 0", haggler.org.OrgID: "countered 0", own.org.OrgID: "exception 0"}
	if diff := cmp.Diff(want, k.stands(t, first, "")); diff != "" {
		t.Errorf("after the first version (-want +got):\n%s", diff)
	}
	view, err := a.svc.StandardView(a.network(), first, tenants.StandardFilter{Stands: tenants.OnException})
	if err != nil || len(view.Partners) != 1 {
		t.Fatalf("exceptions: %d, %v", len(view.Partners), err)
	}
	if diff := cmp.Diff([]tenants.Change{
		{Side: "b", What: "learns", Kind: tenants.ChangeChanged, From: tenants.LearnsNothing, To: tenants.LearnsTotals},
		{What: "finish_days", Kind: tenants.ChangeChanged, Days: [2]int{30, 90}},
	}, view.Partners[0].Compare(view.Newest())); diff != "" {
		t.Errorf("the exception beside the standard (-want +got):\n%s", diff)
	}

	// The next version goes to who is on the standard or has it to answer, and to nobody else; each stays on its own until it signs.
	if _, _, err := a.svc.Publish(a.network(), first, "Partner terms", k.standard(30)); !errs.Is(err, errs.Invalid) {
		t.Errorf("the same terms again: %v", err)
	}
	if _, _, err := a.svc.Publish(a.network(), id.Any{}, "Twin", k.standard(30)); !errs.Is(err, errs.Invalid) {
		t.Errorf("another standard agreement of the same terms: %v", err)
	}
	_, batch, err := a.svc.Publish(a.network(), first, "Partner terms", k.standard(45))
	if err != nil {
		t.Fatal(err)
	}
	done := k.works(t, batch)
	if done.State != "done" || done.Done != 2 || done.Failed != 0 {
		t.Errorf("proposing version 2: %+v", done.Batch)
	}
	want[signer.org.OrgID] = "waiting 1"
	if diff := cmp.Diff(want, k.stands(t, first, "")); diff != "" {
		t.Errorf("after version 2 was proposed (-want +got):\n%s", diff)
	}
	if v, err := signer.svc.Connection(signer.network(), a.org.OrgID); err != nil || v.InForce == nil || v.InForce.Terms.FinishDays != 30 || v.Proposed == nil || v.Proposed.Terms.FinishDays != 45 {
		t.Errorf("the signer's page: %+v, %v", v, err)
	}
	k.signs(t, signer)
	k.signs(t, waiter)
	// Exceptions are chosen by hand.
	chosen, err := a.svc.Batch(a.network(), tenants.BatchPropose, []id.Org{own.org.OrgID, signer.org.OrgID, newHouse(t, k.d).org.OrgID}, first)
	if err != nil {
		t.Fatal(err)
	}
	if done = k.works(t, chosen); done.Total != 2 || done.Done != 1 || done.Failed != 1 || done.Rows[0].Problem != "standard.row.signed" {
		t.Errorf("by hand: %+v, %+v", done.Batch, done.Rows)
	}
	k.signs(t, own)
	list, err := a.svc.Standards(a.network())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d standards, %v", len(list), err)
	}
	if diff := cmp.Diff(tenants.StandardCounts{Newest: 3, Countered: 1}, list[0].Counts); diff != "" || list[0].Version != 2 {
		t.Errorf("counts of version %d (-want +got):\n%s", list[0].Version, diff)
	}
	for _, f := range []struct {
		version int
		want    int
	}{{0, 3}, {1, 0}, {2, 3}} {
		p, err := a.svc.Portfolio(a.network(), tenants.PortfolioFilter{Standard: first, Version: f.version})
		if err != nil || len(p.Rows) != f.want {
			t.Errorf("the list of version %d holds %d, %v", f.version, len(p.Rows), err)
		}
	}
	// Nobody else knows of it.
	for name, err := range map[string]error{
		"look":    second(signer.svc.StandardView(signer.network(), first, tenants.StandardFilter{})),
		"publish": third(signer.svc.Publish(signer.network(), first, "Mine", tenants.Proposal{FinishDays: 3})),
		"retire":  signer.svc.Retire(signer.network(), first),
		"link":    second(signer.svc.OpenLink(signer.network(), first, "", 5, k.d.Now().AddDate(0, 0, 5))),
		"propose": second(signer.svc.Batch(signer.network(), tenants.BatchPropose, []id.Org{a.org.OrgID}, first)),
		"batch":   second(signer.svc.BatchView(signer.network(), batch, "", id.Org{}, 0)),
		"cancel":  signer.svc.CancelBatch(signer.network(), batch),
		"run":     k.routine.RunBatch(dbtest.System(t, scope.Agreement, signer.org.OrgID), batch),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("another organization may %s: %v", name, err)
		}
	}
	if l, err := signer.svc.Standards(signer.network()); err != nil || len(l) != 0 {
		t.Errorf("another organization lists %d, %v", len(l), err)
	}
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

func TestLinksAreCountedAndClosed(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	a, now := k.a, k.d.Now()
	one, two, three := newHouse(t, k.d), newHouse(t, k.d), newHouse(t, k.d)
	standard, _, err := a.svc.Publish(a.network(), id.Any{}, "Partner terms", k.standard(30))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		most  int
		until time.Time
	}{"none": {0, now.AddDate(0, 0, 1)}, "too many": {10_001, now.AddDate(0, 0, 1)}, "the past": {1, now.AddDate(0, 0, -1)}, "too long": {1, now.AddDate(2, 0, 0)}} {
		if _, err := a.svc.OpenLink(a.network(), standard, "", tt.most, tt.until); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := func(most int) string {
		t.Helper()
		token, err := a.svc.OpenLink(a.network(), standard, "Fair", most, now.AddDate(0, 0, 1))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token := open(2)
	// Who is not signed in reads the offer and nothing of the publisher's side.
	v, err := a.svc.Linked(scope.Enter(t.Context(), visitor), token)
	if err != nil || v.Title != "Partner terms" || v.From.OrgID != a.org.OrgID || v.With != nil {
		t.Fatalf("a visitor reads %+v, %v", v, err)
	}
	if v, err := a.svc.Linked(a.network(), token); err != nil || v.Already != "standard.join.own" {
		t.Errorf("the own link: %q, %v", v.Already, err)
	}
	join := func(h *house, token string, sign bool) error {
		t.Helper()
		v, err := h.svc.Linked(h.network(), token)
		if err != nil {
			return err
		}
		_, err = h.svc.Join(h.network(), token, v.Hash, sign, "vendor")
		return err
	}
	if _, err := one.svc.Join(one.network(), token, [32]byte{1}, true, "vendor"); !errs.Is(err, errs.Conflict) {
		t.Errorf("other terms than those read: %v", err)
	}
	if err := join(one, token, true); err != nil {
		t.Fatal(err)
	}
	if !sees(t, k.d, one.viewer, k.sa) {
		t.Error("signed through the link, and nothing is open")
	}
	if err := join(one, token, true); !errs.Is(err, errs.Conflict) {
		t.Errorf("signed twice: %v", err)
	}
	if err := join(two, token, false); err != nil {
		t.Fatal(err)
	}
	if sees(t, k.d, two.viewer, k.sa) {
		t.Error("taken up without a signature, and open")
	}
	if err := join(three, token, true); !errs.Is(err, errs.NotFound) {
		t.Errorf("the third of two: %v", err)
	}
	if diff := cmp.Diff(map[id.Org]string{one.org.OrgID: "newest 1", two.org.OrgID: "waiting 0"}, k.stands(t, standard, "")); diff != "" {
		t.Errorf("through the link (-want +got):\n%s", diff)
	}
	second := open(5)
	view, err := a.svc.StandardView(a.network(), standard, tenants.StandardFilter{})
	if err != nil || len(view.Links) != 2 || view.Links[1].Used != 2 || view.Links[1].Open(now) || !view.Links[0].Open(now) {
		t.Fatalf("links: %+v, %v", view.Links, err)
	}
	if err := three.svc.CloseLink(three.network(), standard, view.Links[0].ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization closes the link: %v", err)
	}
	if err := a.svc.CloseLink(a.network(), standard, view.Links[0].ID); err != nil {
		t.Fatal(err)
	}
	almost := open(1)
	for _, code := range []string{second, "x", token, almost[1:] + almost[:1], strings.ToUpper(almost)} {
		if err := join(three, code, true); !errs.Is(err, errs.NotFound) {
			t.Errorf("a closed or unknown link: %v", err)
		}
	}
	third := open(1)
	if err := a.svc.Retire(a.network(), standard); err != nil {
		t.Fatal(err)
	}
	if err := join(three, third, true); !errs.Is(err, errs.NotFound) {
		t.Errorf("a standard agreement that is not offered any more: %v", err)
	}
	if !sees(t, k.d, one.viewer, k.sa) {
		t.Error("not offered any more, and gone for who signed it")
	}
	if err := three.svc.SetMails(three.network(), a.org.OrgID, false); !errs.Is(err, errs.NotFound) {
		t.Errorf("who never accepted has a connection: %v", err)
	}
}

// Code that acts for an organization on behalf of others proposes only what its people published, publishes nothing and signs nothing.
func TestCodeProposesOnlyWhatWasPublished(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	standard, _, err := k.a.svc.Publish(k.a.network(), id.Any{}, "Partner terms", k.standard(30))
	if err != nil {
		t.Fatal(err)
	}
	b := k.b.org.OrgID
	for _, actor := range []scope.Actor{scope.Agreement, scope.Mailer, scope.SignIn} {
		ctx := dbtest.System(t, actor, k.a.org.OrgID)
		for name, fn := range map[string]func(tx *db.Tx) error{
			"proposes other terms": func(tx *db.Tx) error { return tenants.AskFor(tx, b, k.standard(31)) },
			"publishes": func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO standard_versions (org_id, standard_id, version, proposal, hash_a, hash_b, created_by, created_at)
					SELECT org_id, standard_id, 2, proposal, hash_a, hash_b, created_by, created_at FROM standard_versions WHERE org_id = $1 AND standard_id = $2`, k.a.org.OrgID, standard)
				return err
			},
			"changes what was published": func(tx *db.Tx) error {
				return tx.Must(`UPDATE standard_versions SET version = 7 WHERE org_id = $1`, k.a.org.OrgID)
			},
		} {
			if err := k.d.Tx(ctx, fn); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s %s: %v", actor, name, err)
			}
		}
	}
	if err := k.d.Tx(k.a.network(), func(tx *db.Tx) error {
		return tx.Must(`UPDATE standard_versions SET version = 7 WHERE org_id = $1`, k.a.org.OrgID)
	}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a member changes what was published: %v", err)
	}
	if err := k.d.Tx(dbtest.System(t, scope.Agreement, k.a.org.OrgID), func(tx *db.Tx) error { return tenants.AskFor(tx, b, k.standard(30)) }); err != nil {
		t.Errorf("what was published: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	a := k.a
	var houses []*house
	var all []id.Org
	for range 5 {
		h := newHouse(t, k.d)
		houses, all = append(houses, h), append(all, h.org.OrgID)
	}
	k.asks(t, k.standard(30), houses...)
	for _, h := range houses[:3] {
		k.signs(t, h)
	}
	if err := houses[2].svc.Pause(houses[2].network(), a.org.OrgID); err != nil {
		t.Fatal(err)
	}
	// Active: 0, 1. Paused: 2. Waiting: 3, 4.
	for _, tt := range []struct {
		action                     string
		able, closes, done, failed int
		state                      tenants.State
		problem                    string
	}{
		{tenants.BatchRemind, 2, 0, 2, 3, tenants.Active, "batch.problem.nothing_waits"},
		{tenants.BatchRemind, 2, 0, 0, 5, tenants.Active, ""},
		{tenants.BatchPause, 2, 1, 2, 3, tenants.Paused, "tenants.connection.moved_on"},
		{tenants.BatchResume, 3, 0, 3, 2, tenants.Active, "tenants.connection.moved_on"},
		{tenants.BatchEnd, 3, 1, 3, 2, tenants.Ending, "tenants.connection.moved_on"},
	} {
		impact, err := a.svc.Preview(a.network(), tt.action, append(all, k.b.org.OrgID))
		if err != nil || impact.Total != 5 || impact.Able != tt.able || tt.closes > 0 && impact.Closes != tt.closes {
			t.Errorf("%s would be: %+v, %v", tt.action, impact, err)
		}
		batch, err := a.svc.Batch(a.network(), tt.action, append(all, k.b.org.OrgID), id.Any{})
		if err != nil {
			t.Fatal(err)
		}
		done := k.works(t, batch)
		if done.Done != tt.done || done.Failed != tt.failed || done.State != "done" || tt.problem != "" && done.Rows[0].Problem != tt.problem {
			t.Errorf("%s: %+v, %+v", tt.action, done.Batch, done.Rows)
		}
		if v, err := a.svc.Connection(a.network(), all[0]); err != nil || v.State != tt.state {
			t.Errorf("after %s: %s, %v", tt.action, v.State, err)
		}
	}
	// A batch that was stopped, and one whose asker lost the role, do nothing more.
	stopped, err := a.svc.Batch(a.network(), tenants.BatchEnd, all, id.Any{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.svc.CancelBatch(a.network(), stopped); err != nil {
		t.Fatal(err)
	}
	lost, err := a.svc.Batch(a.network(), tenants.BatchRemind, all, id.Any{})
	if err != nil {
		t.Fatal(err)
	}
	a.must(func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND membership_id = $2`, a.org.OrgID, a.viewer.Membership)
	})
	for _, batch := range []id.Any{stopped, lost} {
		if v := k.works(t, batch); v.State != "cancelled" || v.Done+v.Failed != 0 {
			t.Errorf("a batch that is over: %+v", v.Batch)
		}
	}
	if _, err := a.svc.Batch(a.network(), tenants.BatchPause, []id.Org{k.b.org.OrgID}, id.Any{}); !errs.Is(err, errs.Invalid) {
		t.Errorf("nobody that is connected: %v", err)
	}
	if _, err := a.svc.Batch(a.network(), "burn", all, id.Any{}); !errs.Is(err, errs.Malformed) {
		t.Errorf("an action that there is not: %v", err)
	}
}

// Three hundred partners on one standard agreement: the steps, each with its time in the log.
func TestThreeHundredPartners(t *testing.T) {
	t.Parallel()
	k := newDesk(t)
	a := k.a
	const n = 300
	var orgs []id.Org
	for i := range n {
		org := id.New[id.Org]()
		if err := k.d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, $2, $3, 'P', '#065f5b', 180, 0.1)`, org, "p"+unique()+strconv.Itoa(i), fmt.Sprintf("Partner %03d", i))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		orgs = append(orgs, org)
	}
	began := time.Now()
	lap := func(what string) {
		t.Logf("%s: %v", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
	}
	standard, _, err := a.svc.Publish(a.network(), id.Any{}, "Partner terms", k.standard(30))
	if err != nil {
		t.Fatal(err)
	}
	lap("publish")
	if err := k.d.Tx(a.network(), func(tx *db.Tx) error {
		for _, o := range orgs {
			if err := tenants.AskFor(tx, o, k.standard(30)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	lap("offer to 300 in one transaction")
	for _, o := range orgs[:200] {
		if err := k.d.Tx(dbtest.System(t, scope.SignIn, o), func(tx *db.Tx) error { return tenants.SignFor(tx, a.org.OrgID) }); err != nil {
			t.Fatal(err)
		}
	}
	lap("200 sign, each for itself")
	_, batch, err := a.svc.Publish(a.network(), standard, "Partner terms", k.standard(60))
	if err != nil {
		t.Fatal(err)
	}
	lap("publish the next version")
	if err := k.routine.RunBatch(dbtest.System(t, scope.Agreement, a.org.OrgID), batch); err != nil {
		t.Fatal(err)
	}
	lap("propose it to 300, a transaction each")
	v, err := a.svc.StandardView(a.network(), standard, tenants.StandardFilter{})
	if err != nil {
		t.Fatal(err)
	}
	lap("the page of the standard agreement")
	if diff := cmp.Diff(tenants.StandardCounts{Earlier: 200, Waiting: 300}, v.Standard.Counts); diff != "" || v.Batch == nil || v.Batch.Done != n || !v.More {
		t.Errorf("(-want +got):\n%s\n%+v", diff, v.Batch)
	}
	p, err := a.svc.Portfolio(a.network(), tenants.PortfolioFilter{Standard: standard, Version: 1, Limit: 20})
	if err != nil || len(p.Rows) != 20 || !p.More {
		t.Errorf("portfolio: %d, %v", len(p.Rows), err)
	}
	lap("a page of the network, narrowed to version 1")
	ids, err := a.svc.Matching(a.network(), tenants.PortfolioFilter{Standard: standard, Version: 1})
	if err != nil || len(ids) != 200 {
		t.Errorf("%d match, %v", len(ids), err)
	}
}
