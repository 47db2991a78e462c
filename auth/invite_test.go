package auth_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

var invited = regexp.MustCompile(`/invite/([A-Za-z0-9_-]{43})`)

// partners is the context of somebody who manages the network of the house.
func (w *world) partners(h house) context.Context {
	return scope.Enter(w.t.Context(), scope.Scope{Actor: scope.Member, Org: h.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner, scope.PartnerManager}})
}

func (w *world) invitation(t *testing.T, from house, email string) string {
	t.Helper()
	var body string
	w.tx(from, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient = $2 ORDER BY created_at DESC, mail_id DESC LIMIT 1`, from.OrgID, email)
		return err
	})
	m := invited.FindStringSubmatch(body)
	if m == nil || !strings.Contains(body, baseURL("")+m[0]) {
		t.Fatalf("mail without an invitation at the front door: %q", body)
	}
	return m[1]
}

func (w *world) offer(h house) tenants.Proposal {
	var c tenants.Collection
	w.tx(h, func(tx *db.Tx) (err error) {
		c, err = tenants.PutCollection(tx, tenants.Collection{Slug: "for-partners", Title: "For partners", Visibility: "agreement"})
		return err
	})
	return tenants.Proposal{
		Ours: tenants.Half{Opens: []tenants.Opening{{Collection: c.CollectionID, Title: c.Title, Right: tenants.RightUse}}}, FinishDays: 30, Note: "We would like to learn with you.",
		WeCall: "partner", TheyCall: "vendor",
	}
}

func acceptance(agree bool) auth.Acceptance {
	slug := "n" + strings.ReplaceAll(id.New[id.Any]().String(), "-", "")
	return auth.Acceptance{Org: tenants.NewOrganization{Slug: slug, Name: "Newcomer " + slug, Short: "Ne", Color: "#065f5b", Hue: 180, Chroma: .09, Locale: "en"}, Name: "Somebody", Agree: agree}
}

func TestInvitationMakesAnOrganizationOnAgreedTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visitor := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	email := "boss@" + strings.ToLower(id.New[id.Any]().String()[24:]) + ".example"
	if err := w.svc.Invite(w.partners(w.a), auth.Invite{Email: email, Name: "Newcomer", Proposal: w.offer(w.a)}); err != nil {
		t.Fatal(err)
	}
	token := w.invitation(t, w.a, email)
	v, err := w.svc.Invitation(visitor, token)
	if err != nil || v.From.OrgID != w.a.OrgID || v.Email != email || len(v.Proposal.Ours.Opens) != 1 {
		t.Fatalf("the invitation: %+v, %v", v, err)
	}
	if _, err := w.svc.Invitation(visitor, strings.Repeat("A", 43)); !errs.Is(err, errs.NotFound) {
		t.Errorf("an unknown code: %v", err)
	}
	// Two people open the same mail: one makes the organization, the other is told.
	var wg sync.WaitGroup
	results := make([]error, 2)
	orgs := make([]tenants.Organization, 2)
	for i := range results {
		wg.Go(func() { orgs[i], results[i] = w.svc.Accept(visitor, token, acceptance(true)) })
	}
	wg.Wait()
	if (results[0] == nil) == (results[1] == nil) {
		t.Fatalf("accepted by two: %v, %v", results[0], results[1])
	}
	org := orgs[0]
	if results[0] != nil {
		org = orgs[1]
	}
	for _, err := range results {
		if err != nil && !errs.Is(err, errs.NotFound) {
			t.Errorf("the second is told %v", err)
		}
	}
	// The address signs in there by email, as its administrator, and the connection is active.
	var roles []string
	if err := w.db.Tx(scope.Enter(t.Context(), scope.System(scope.Operator, org.OrgID)), func(tx *db.Tx) (err error) {
		roles, err = db.Rows[string](tx, `SELECT unnest(roles) FROM memberships WHERE org_id = $1 AND email = $2 ORDER BY 1`, org.OrgID, email)
		return err
	}); err != nil || strings.Join(roles, " ") != "administrator learner partner_manager" || org.SignIn != "email" {
		t.Errorf("the invited person is %v of an organization that signs in by %s: %v", roles, org.SignIn, err)
	}
	c, err := w.tenants.Connection(w.partners(w.a), org.OrgID)
	if err != nil || c.State != tenants.Active || c.InForce == nil || c.InForce.Terms.FinishDays != 30 {
		t.Errorf("the connection: %+v, %v", c, err)
	}
	if _, err := w.svc.Invitation(visitor, token); !errs.Is(err, errs.NotFound) {
		t.Errorf("a used invitation opens: %v", err)
	}
}

func TestInvitationWithoutAgreeing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visitor := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	email := "boss@" + strings.ToLower(id.New[id.Any]().String()[24:]) + ".example"
	if err := w.svc.Invite(w.partners(w.a), auth.Invite{Email: email, Name: "Newcomer", Proposal: w.offer(w.a)}); err != nil {
		t.Fatal(err)
	}
	org, err := w.svc.Accept(visitor, w.invitation(t, w.a, email), acceptance(false))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := w.tenants.Connection(w.partners(w.a), org.OrgID); err != nil || c.State != tenants.Asked || c.Proposed == nil || !c.Proposed.Mine {
		t.Errorf("accepted without signing: %+v, %v", c, err)
	}
}

func TestInvitationRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visitor := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	offer := w.offer(w.a)
	for name, in := range map[string]auth.Invite{
		"two addresses":                    {Email: "a@x.example, b@x.example", Name: "X", Proposal: offer},
		"no name":                          {Email: "a@x.example", Proposal: offer},
		"another's collection":             {Email: "a@x.example", Name: "X", Proposal: w.offer(w.b)},
		"terms that no agreement can hold": {Email: "a@x.example", Name: "X", Proposal: tenants.Proposal{FinishDays: 1000}},
	} {
		if err := w.svc.Invite(w.partners(w.a), in); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.svc.Invite(w.partners(w.a), auth.Invite{Email: "admin@" + w.b.Slug + ".example", Name: "B", Proposal: offer}); !errs.Is(err, errs.Conflict) {
		t.Errorf("somebody whose organization is here: %v", err)
	}
	learner := scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: w.a.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner}})
	if err := w.svc.Invite(learner, auth.Invite{Email: "a@x.example", Name: "X", Proposal: offer}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner invites: %v", err)
	}
	// A second invitation to the address takes the first one back; after a week it is over.
	email := "boss@" + strings.ToLower(id.New[id.Any]().String()[24:]) + ".example"
	for range 2 {
		if err := w.svc.Invite(w.partners(w.a), auth.Invite{Email: email, Name: "Newcomer", Proposal: offer}); err != nil {
			t.Fatal(err)
		}
	}
	var open int
	w.tx(w.a, func(tx *db.Tx) (err error) {
		open, err = db.Row[int](tx, `SELECT count(*)::int FROM invitations WHERE org_id = $1 AND email = $2 AND state = 'open'`, w.a.OrgID, email)
		return err
	})
	if open != 1 {
		t.Errorf("%d invitations to one address are open", open)
	}
	token := w.invitation(t, w.a, email)
	taken := acceptance(true)
	taken.Org.Slug = w.b.Slug
	if _, err := w.svc.Accept(visitor, token, taken); !errs.Is(err, errs.Conflict) {
		t.Errorf("a slug that is taken: %v", err)
	}
	alike := acceptance(true)
	alike.Org.Name = " " + strings.ToUpper(w.a.Name[:1]) + "  " + w.a.Name[1:]
	if _, err := w.svc.Accept(visitor, token, alike); !errs.Is(err, errs.Invalid) {
		t.Errorf("the inviter's own name, with spaces: %v", err)
	}
	if _, err := w.svc.Invitation(visitor, token); err != nil {
		t.Errorf("a refused answer used the invitation up: %v", err)
	}
	w.tx(w.a, func(tx *db.Tx) error {
		return tx.Must(`UPDATE invitations SET expires_at = $3 WHERE org_id = $1 AND email = $2 AND state = 'open'`, w.a.OrgID, email, time.Now().Add(-time.Minute))
	})
	if _, err := w.svc.Accept(visitor, token, acceptance(true)); !errs.Is(err, errs.NotFound) {
		t.Errorf("after its time: %v", err)
	}
}

// TestNobodyMakesAnOrganizationWithoutAnInvitation goes past the code with the application's own rights.
func TestNobodyMakesAnOrganizationWithoutAnInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	org := id.New[id.Org]()
	err := w.db.Tx(scope.Enter(t.Context(), scope.System(scope.SignIn, org)), func(tx *db.Tx) error {
		a := acceptance(true)
		a.Org.OrgID, a.Org.SignIn = org, "email"
		_, err := tenants.AddOrganization(tx, a.Org)
		return err
	})
	if err == nil {
		t.Error("an organization is made without an invitation")
	}
}

func TestListOfPartners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	offer := w.offer(w.a)
	unique := strings.ToLower(id.New[id.Any]().String()[24:])
	csv := "account;name;email\n" +
		"C-1;First;one@a" + unique + ".example\n" +
		"C-2;;two@b" + unique + ".example\n" +
		"C-3;Third;no address\n" +
		"C-1;Again;one@a" + unique + ".example\n" +
		"C-5;House B;partners@" + w.b.Slug + ".example\n"
	list, err := auth.ReadPartners(strings.NewReader(csv))
	if err != nil {
		t.Fatal(err)
	}
	report, err := w.svc.OfferList(w.partners(w.a), list, offer, true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range report.Rows {
		got = append(got, r.What+r.Problem)
	}
	if diff := cmp.Diff([]string{"invite", "auth.invite.name", "auth.invite.email", "auth.list.twice", "ask"}, got); diff != "" {
		t.Errorf("the dry run (-want +got): %s", diff)
	}
	mails := func() (n int) {
		w.tx(w.a, func(tx *db.Tx) (err error) {
			n, err = db.Row[int](tx, `SELECT count(*)::int FROM mails WHERE org_id = $1 AND recipient LIKE '%' || $2 || '.example'`, w.a.OrgID, unique)
			return err
		})
		return n
	}
	if n := mails(); n != 0 {
		t.Fatalf("the dry run sent %d mails", n)
	}
	if report, err = w.svc.OfferList(w.partners(w.a), list, offer, false); err != nil || report.Invited != 1 || report.Asked != 1 || mails() != 1 {
		t.Errorf("the run: %+v, %v, %d mails", report, err, mails())
	}
	if c, err := w.tenants.Connection(w.partners(w.b), w.a.OrgID); err != nil || c.State != tenants.Asked || c.WeAsked {
		t.Errorf("the organization that is here already was asked: %+v, %v", c, err)
	}
	// Again: nobody is asked or invited twice.
	if report, err = w.svc.OfferList(w.partners(w.a), list, offer, false); err != nil || report.Asked != 0 || report.Rows[4].Problem != "auth.list.connected" {
		t.Errorf("the run again: %+v, %v", report, err)
	}
	for name, bad := range map[string]string{"no address column": "name\nX\n", "not a table": "\"", "empty": ""} {
		if _, err := auth.ReadPartners(strings.NewReader(bad)); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestThreeHundredPartnersFromAList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	visitor := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	unique := strings.ToLower(id.New[id.Any]().String()[24:])
	var list []auth.Partner
	for i := range 300 {
		list = append(list, auth.Partner{Line: i + 2, Name: fmt.Sprintf("Partner %d", i), Email: fmt.Sprintf("boss@p%d-%s.example", i, unique), Account: fmt.Sprintf("A-%d", i)})
	}
	report, err := w.svc.OfferList(w.partners(w.a), list, w.offer(w.a), false)
	if err != nil || report.Invited != 300 {
		t.Fatalf("%d of 300 invited: %v", report.Invited, err)
	}
	var bodies []string
	w.tx(w.a, func(tx *db.Tx) (err error) {
		bodies, err = db.Rows[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient LIKE '%-' || $2 || '.example'`, w.a.OrgID, unique)
		return err
	})
	for _, b := range bodies {
		if _, err := w.svc.Accept(visitor, invited.FindStringSubmatch(b)[1], acceptance(true)); err != nil {
			t.Fatal(err)
		}
	}
	var n []tenants.Neighbour
	viewer := scope.Scope{Actor: scope.Member, Org: w.a.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner}}
	if err := w.db.ReadAs(t.Context(), viewer, func(b *db.Batch) { tenants.Neighbours(b, &n, viewer) }); err != nil || len(n) != 300 {
		t.Errorf("%d of 300 are connected: %v", len(n), err)
	}
}
