package courses_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// awarding is a world in which organizations sign: the vendor's course, open to the partner, gives a credential.
type awarding struct {
	*world

	item   tenants.Item
	author context.Context // of the vendor
}

func awards(t *testing.T, months *int) *awarding {
	t.Helper()
	w := setup(t)
	keys, err := secret.NewKeyring(secret.Key{ID: "k", Bytes: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	w.svc = courses.New(courses.Deps{DB: w.db, Tenants: w.tenants, Keys: keys, URL: func(slug string) string { return "https://" + slug + ".learn.example" }})
	a := &awarding{world: w, item: w.course("awarded", "shared"), author: w.keeper(w.vendor)}
	a.tx(w.vendor.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET roles = '{learner,author}' WHERE org_id = $1 AND membership_id = $2`, w.vendor.org.OrgID, w.vendor.m.MembershipID)
	})
	a.did(a.svc.SetOffer(a.author, a.item.ItemID, courses.CredentialOffer{Name: "Field check", Shows: "checks a site in the field", Criteria: "Three lessons and a quiz.", Months: months, RenewDays: 20}))
	return a
}

// answer answers the questions of the course, the second one wrongly unless right.
func (a *awarding) answer(who context.Context, right bool) {
	a.t.Helper()
	second := []int{0, 1}
	if !right {
		second = []int{2}
	}
	for q, choices := range map[string][]int{"one": {1}, "two": second} {
		_, err := a.svc.Answer(who, courses.Place{Item: a.item.ItemID, Lesson: "answer"}, courses.Given{Question: q, Choices: choices})
		a.did(err)
	}
}

// finish has a member finish the course, and what follows on that.
func (a *awarding) finish(h house) {
	a.t.Helper()
	for _, l := range []string{"read", "do"} {
		_, err := a.svc.CompleteLesson(h.member, courses.Place{Item: a.item.ItemID, Lesson: l})
		a.did(err)
	}
	a.answer(h.member, false)
	a.give(h)
}

func (a *awarding) give(h house) {
	a.t.Helper()
	e := one[id.Enrollment](h.ctx, a.world, `SELECT enrollment_id FROM enrollments WHERE org_id = $1 AND membership_id = $2 AND item_id = $3`, h.org.OrgID, h.m.MembershipID, a.item.ItemID)
	for range 2 { // Events come twice.
		a.did(a.svc.Give(dbtest.System(a.t, scope.Issuer, h.org.OrgID), []courses.EnrollmentCompleted{{Org: h.org.OrgID, Enrollment: e}}))
	}
}

// mine is the only credential of a member.
func (a *awarding) mine(h house) courses.CredentialView {
	a.t.Helper()
	list, err := a.svc.Credentials(h.member)
	a.did(err)
	if len(list.Rows) != 1 {
		a.t.Fatalf("%d credentials", len(list.Rows))
	}
	v, err := a.svc.Credential(h.member, list.Rows[0].ID)
	a.did(err)
	return v
}

func (a *awarding) check(code string) (courses.Checked, error) {
	return a.svc.CheckCredential(a.visitor(), a.vendor.org.OrgID, code)
}

// A partner's learner finishes, is given the certificate, and alone decides who learns of it: not the publisher, not the own organization.
func TestCredentialBelongsToThePerson(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.finish(a.partner)
	v := a.mine(a.partner)
	if !v.Holds || !v.Here || v.State(v.Now) != courses.CredentialValid || v.Name != "Field check" || v.Right != 1 || v.Questions != 2 || v.Version != 1 || v.Code != "" || v.ShownName != "" {
		t.Errorf("given: %+v", v)
	}
	text, _ := json.Marshal(v.Document)
	for _, secretOf := range []string{a.partner.org.Name, a.partner.org.Slug, a.partner.org.OrgID.String(), a.partner.m.Name, a.partner.m.MembershipID.String(), a.partner.m.PersonID.String()} {
		if strings.Contains(string(text), secretOf) {
			t.Errorf("the document says %s", secretOf)
		}
	}
	// Nobody else reads it.
	gave, err := a.svc.Gave(a.author, 0)
	a.did(err)
	boss := a.keeper(a.partner)
	a.tx(a.partner.ctx, func(tx *db.Tx) error {
		colleague, err := tenants.AddMember(tx, tenants.NewMember{Name: "Boss", Email: "boss@" + a.partner.org.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
		boss = dbtest.As(t, a.partner.org.OrgID, colleague.MembershipID, colleague.PersonID, scope.Administrator)
		return err
	})
	if _, err := a.svc.Credential(boss, v.ID); len(gave.Rows) != 0 || !errs.Is(err, errs.NotFound) {
		t.Errorf("the publisher reads %d; the employer: %v", len(gave.Rows), err)
	}
	for who, ctx := range map[string]context.Context{"the publisher": a.author, "the employer": boss, "another": a.other.member, "a visitor": a.visitor(), "an operator": a.partner.ctx} {
		if n := one[int](ctx, a.world, `SELECT count(*)::int FROM credentials WHERE credential_id = $1`, v.ID); n != 0 {
			t.Errorf("%s reads the row", who)
		}
	}

	// The holder shows it, first without and then with the name, and takes the page away.
	a.did(a.svc.ShareCredential(a.partner.member, v.ID, true))
	code := a.mine(a.partner).Code
	seen, err := a.check(strings.ToLower(code[:4]) + "-" + code[4:8] + " " + code[8:])
	if err != nil || !seen.Holds || seen.ShownName != "" || seen.State(seen.Now) != courses.CredentialValid {
		t.Errorf("shown without a name: %+v, %v", seen, err)
	}
	if _, err := a.svc.CheckCredential(a.visitor(), a.partner.org.OrgID, code); !errs.Is(err, errs.NotFound) {
		t.Errorf("at another organization's host: %v", err)
	}
	a.did(a.svc.NameCredential(a.partner.member, v.ID, true))
	if seen, err = a.check(code); err != nil || !seen.Holds || seen.ShownName != a.partner.m.Name {
		t.Errorf("shown with the name: %q, holds %v, %v", seen.ShownName, seen.Holds, err)
	}
	a.did(a.svc.ShareCredential(a.partner.member, v.ID, false))
	if _, err := a.check(code); !errs.Is(err, errs.NotFound) {
		t.Errorf("after the page was taken away: %v", err)
	}
	a.did(a.svc.ShareCredential(a.partner.member, v.ID, true))
	if next := a.mine(a.partner).Code; next == code {
		t.Error("the next page has the address of the one that was taken away")
	}

	// The two part, and nothing is offered any more: it stays, and checks.
	a.tx(a.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, a.vendor.org.OrgID, a.partner.org.OrgID)
		return err
	})
	a.did(a.svc.EndOffer(a.author, a.item.ItemID))
	if v = a.mine(a.partner); !v.Holds {
		t.Error("after the end it does not hold")
	}
	if seen, err = a.check(v.Code); err != nil || !seen.Holds {
		t.Errorf("after the end: %v, holds %v", err, seen.Holds)
	}
}

// bit reads a bit of a status list as whoever checks does.
func (a *awarding) bit(list, slot int) bool {
	a.t.Helper()
	doc, err := a.svc.StatusList(a.visitor(), a.vendor.org.OrgID, list)
	a.did(err)
	about, ok := doc["credentialSubject"].(map[string]any)
	if !ok {
		a.t.Fatalf("%v", doc)
	}
	text, _ := about["encodedList"].(string)
	packed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "u"))
	a.did(err)
	z, err := gzip.NewReader(bytes.NewReader(packed))
	a.did(err)
	bits, err := io.ReadAll(z)
	a.did(err)
	return bits[slot/8]&(0x80>>(slot%8)) != 0
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.finish(a.partner)
	a.finish(a.vendor)
	v := a.mine(a.partner)
	revoke := func(code, name, reason string) error { return a.svc.Revoke(a.author, v.ID, code, name, reason) }
	if err := revoke("", "Field check", "It was copied."); !errs.Is(err, errs.NotFound) {
		t.Errorf("the publisher takes back what it may not know of: %v", err)
	}
	a.did(a.svc.ShareCredential(a.partner.member, v.ID, true))
	code := a.mine(a.partner).Code
	if err := revoke(code, "Something else", ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("under another name, without a reason: %v", err)
	}
	if a.bit(v.List, v.Slot) {
		t.Error("the bit is set before")
	}
	a.did(revoke(code, "field  check", "It was copied."))
	if err := revoke(code, "Field check", "Again."); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
	own := a.mine(a.vendor)
	if !a.bit(v.List, v.Slot) || a.bit(own.List, own.Slot) {
		t.Error("the status list says something else")
	}
	seen, err := a.check(code)
	if err != nil || seen.Revoked == nil || !seen.Holds {
		t.Errorf("checked: %+v, %v", seen, err)
	}
	if v = a.mine(a.partner); v.State(v.Now) != courses.CredentialRevoked || v.Reason != "It was copied." {
		t.Errorf("the holder reads %q, %q", v.State(v.Now), v.Reason)
	}
	// Of its own people the publisher needs no code.
	gave, err := a.svc.Gave(a.author, 0)
	a.did(err)
	if len(gave.Rows) != 1 || gave.Rows[0].Holder != a.vendor.m.Name {
		t.Errorf("the publisher reads %+v", gave.Rows)
	}
	a.did(a.svc.Revoke(a.author, own.ID, "", "Field check", "A mistake."))
	if err := a.svc.Revoke(a.vendor.member, own.ID, "", "Field check", "x"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner takes back: %v", err)
	}
}

// earns are what a member has of the course, the first first, and how each stands.
func (a *awarding) earns(h house) (list []courses.Credential, states string) {
	a.t.Helper()
	all, err := a.svc.Credentials(h.member)
	a.did(err)
	for _, c := range slices.Backward(all.Rows) {
		list, states = append(list, c), states+c.State(all.Now)+" "
	}
	return list, strings.TrimSpace(states)
}

// What was taken back is not given again for what was done before; who does it once more has a new one beside the old one, which says why it
// is none any more.
func TestEarnedAgain(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.finish(a.partner)
	v := a.mine(a.partner)
	a.did(a.svc.ShareCredential(a.partner.member, v.ID, true))
	code := a.mine(a.partner).Code
	a.did(a.svc.Revoke(a.author, v.ID, code, "Field check", "It was copied."))

	a.give(a.partner)
	list, err := a.svc.Credentials(a.partner.member)
	a.did(err)
	if len(list.Rows) != 1 || len(list.Claims) != 0 {
		t.Errorf("for what was done before: %d, to be claimed %+v", len(list.Rows), list.Claims)
	}
	if err := a.svc.ClaimCredential(a.partner.member, a.item.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("claimed again: %v", err)
	}
	a.linked(a.partner, a.other, false)
	if err := a.svc.BringCredential(a.other.member, v.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("brought away from what it was given for: %v", err)
	}
	if v = a.mine(a.partner); v.Renewal == nil || v.Renewal.Left() != 2 {
		t.Fatalf("to do: %+v", v.Renewal)
	}
	if err := a.svc.Renew(a.partner.member, v.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("again with nothing done: %v", err)
	}

	a.answer(a.partner.member, true)
	a.did(a.svc.Renew(a.partner.member, v.ID))
	if err := a.svc.Renew(a.partner.member, v.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("twice: %v", err)
	}
	a.give(a.partner)
	both, states := a.earns(a.partner)
	if states != "revoked valid" || both[1].Slot == both[0].Slot && both[1].List == both[0].List || both[1].Code != "" {
		t.Fatalf("%s: %+v", states, both)
	}
	if !a.bit(both[0].List, both[0].Slot) || a.bit(both[1].List, both[1].Slot) {
		t.Error("the status lists say something else")
	}
	fresh, err := a.svc.Credential(a.partner.member, both[1].ID)
	a.did(err)
	old, err := a.svc.Credential(a.partner.member, v.ID)
	a.did(err)
	if !fresh.Holds || fresh.Again() != nil || len(fresh.Earned) != 2 || fresh.Earned[0].Reason != "It was copied." || old.Again() == nil || old.Again().ID != fresh.ID || old.Renewal != nil {
		t.Errorf("the new one: %+v; the old one: %+v", fresh.Earned, old.Again())
	}
	if seen, err := a.check(code); err != nil || seen.Revoked == nil {
		t.Errorf("the code of the old one: %+v, %v", seen.Revoked, err)
	}
	own, err := a.svc.OwnTraining(a.partner.member)
	a.did(err)
	if len(own.Rows) != 1 || own.Rows[0].State != courses.TrainingValid {
		t.Errorf("the training record has %+v", own.Rows)
	}

	// Who finishes it again gets a new one without asking.
	a.finish(a.vendor)
	given := a.mine(a.vendor)
	a.did(a.svc.Revoke(a.author, given.ID, "", "Field check", "A mistake."))
	a.lived(a.vendor, time.Hour)
	if _, states := a.earns(a.vendor); states != "revoked" {
		t.Errorf("finished before that: %s", states)
	}
	if err := a.db.Tx(dbtest.System(t, scope.Issuer, a.vendor.org.OrgID), func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO credentials (org_id, membership_id, credential_id, issuer, item_id, kind, title, lang, version, name, shows, criteria, right_answers, questions, first_at, issued_at, awards, list, slot, document, anew)
			SELECT c.org_id, c.membership_id, gen_random_uuid(), c.issuer, c.item_id, c.kind, c.title, c.lang, c.version, c.name, c.shows, c.criteria, 0, 0, c.first_at, c.issued_at, '[]', 5, 5, '{}', 1 FROM credentials c WHERE c.org_id = $1 AND c.credential_id = $2`, a.vendor.org.OrgID, given.ID)
	}); err == nil || !strings.Contains(err.Error(), "earned after that") {
		t.Errorf("given back by the issuer itself: %v", err)
	}
	a.lived(a.vendor, 0)
	if _, states := a.earns(a.vendor); states != "revoked valid" {
		t.Errorf("finished after that: %s", states)
	}
}

// Where a check is all that there is to show, it is passed once more.
func TestEarnedAgainByACheck(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	p := a.lessonOf("checked", "```quiz\nkey: exam\npass: 100\nquestions:\n  - {key: q, ask: Which, choices: [{text: yes, right: true}, {text: no}]}\n```\n")
	a.item.ItemID = p.Item
	a.did(a.svc.SetOffer(a.author, p.Item, courses.CredentialOffer{Name: "Exam", Shows: "knows it", Criteria: "An exam."}))
	take := func(choice int) {
		t.Helper()
		a.did(a.svc.BeginCheck(a.vendor.member, p, "exam", false))
		a.did(a.svc.AnswerCheck(a.vendor.member, p, "exam", courses.Given{Question: "q", Choices: []int{choice}}))
		_, err := a.svc.HandIn(a.vendor.member, p, "exam")
		a.did(err)
	}
	take(0)
	_, err := a.svc.CompleteLesson(a.vendor.member, courses.Place{Item: p.Item, Lesson: "m"})
	a.did(err)
	a.give(a.vendor)
	v := a.mine(a.vendor)
	a.did(a.svc.Revoke(a.author, v.ID, "", "Exam", "Somebody helped."))
	take(1)
	if err := a.svc.Renew(a.vendor.member, v.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("failed, and: %v", err)
	}
	take(0)
	a.did(a.svc.Renew(a.vendor.member, v.ID))
	if _, states := a.earns(a.vendor); states != "revoked valid" {
		t.Errorf("passed again: %s", states)
	}
}

// lived moves the time at which a member finished into the past, with what follows from it.
func (a *awarding) lived(h house, ago time.Duration) {
	a.t.Helper()
	a.tx(h.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE enrollments SET completed_at = $3 WHERE org_id = $1 AND membership_id = $2`, h.org.OrgID, h.m.MembershipID, tx.Now.Add(-ago))
	})
	a.give(h)
}

func TestExpiryAndRenewal(t *testing.T) {
	t.Parallel()
	two := 2
	a := awards(t, &two)
	for _, l := range []string{"read", "do"} {
		_, err := a.svc.CompleteLesson(a.partner.member, courses.Place{Item: a.item.ItemID, Lesson: l})
		a.did(err)
	}
	a.answer(a.partner.member, true)
	a.lived(a.partner, 50*24*time.Hour) // Of about 60.
	v := a.mine(a.partner)
	if v.State(v.Now) != courses.CredentialDue || v.Renewal == nil {
		t.Fatalf("after 50 days: %s, %+v", v.State(v.Now), v.Renewal)
	}
	// What was answered since the window opened counts; the first answers of this test were given a moment ago, so they do.
	if v.Renewal.Left() != 0 {
		t.Errorf("%d questions are left", v.Renewal.Left())
	}
	before := v.Checked.Credential
	a.did(a.svc.ShareCredential(a.partner.member, v.ID, true))
	code := a.mine(a.partner).Code
	a.did(a.svc.Renew(a.partner.member, v.ID))
	v = a.mine(a.partner)
	if v.State(v.Now) != courses.CredentialValid || len(v.Awards) != 2 || v.Code != code || v.Slot != before.Slot || !v.Holds || !v.Expires.After(*before.Expires) || !v.First.Equal(before.First) {
		t.Errorf("renewed: %s, %d awards, holds %v, until %v", v.State(v.Now), len(v.Awards), v.Holds, v.Expires)
	}
	if err := a.svc.Renew(a.partner.member, v.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("renewed before its time: %v", err)
	}

	// Somebody who answered wrongly since has to answer again; an expired one can still be renewed.
	for _, l := range []string{"read", "do"} {
		_, err := a.svc.CompleteLesson(a.vendor.member, courses.Place{Item: a.item.ItemID, Lesson: l})
		a.did(err)
	}
	a.answer(a.vendor.member, false)
	a.lived(a.vendor, 100*24*time.Hour)
	own := a.mine(a.vendor)
	if own.State(own.Now) != courses.CredentialExpired || own.Renewal == nil || own.Renewal.Left() != 1 {
		t.Fatalf("after 100 days: %s, %+v", own.State(own.Now), own.Renewal)
	}
	if err := a.svc.Renew(a.vendor.member, own.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("renewed with a question left: %v", err)
	}
	a.answer(a.vendor.member, true)
	a.did(a.svc.Renew(a.vendor.member, own.ID))
	if own = a.mine(a.vendor); own.State(own.Now) != courses.CredentialValid || own.Right != 2 {
		t.Errorf("renewed: %s with %d right", own.State(own.Now), own.Right)
	}
}

// What was finished before its publisher gave anything is claimed.
func TestClaim(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.did(a.svc.EndOffer(a.author, a.item.ItemID))
	a.finish(a.partner)
	a.did(a.svc.SetOffer(a.author, a.item.ItemID, courses.CredentialOffer{Name: "Later", Shows: "does it", Criteria: "By doing it."}))
	list, err := a.svc.Credentials(a.partner.member)
	a.did(err)
	if len(list.Rows) != 0 || len(list.Claims) != 1 || list.Claims[0].Name != "Later" {
		t.Fatalf("to be claimed: %+v", list)
	}
	if err := a.svc.ClaimCredential(a.vendor.member, a.item.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("somebody who did not finish claims: %v", err)
	}
	a.did(a.svc.ClaimCredential(a.partner.member, a.item.ItemID))
	if v := a.mine(a.partner); v.Name != "Later" || !v.Holds {
		t.Errorf("claimed: %+v", v)
	}
}

// linked writes that two memberships are the same person's, at the first and, unless half, at the second.
func (a *awarding) linked(x, y house, half bool) {
	a.t.Helper()
	for i, p := range [][2]house{{x, y}, {y, x}} {
		if i == 1 && half {
			return
		}
		a.tx(dbtest.System(a.t, scope.SignIn, p[0].org.OrgID), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO account_links (org_id, membership_id, other_org, other_membership, linked_at) VALUES ($1, $2, $3, $4, now())`, p[0].org.OrgID, p[0].m.MembershipID, p[1].org.OrgID, p[1].m.MembershipID)
			return err
		})
	}
}

// A certificate with a check is renewed by passing it once more; attempts that were used up by then are no attempts of that.
func TestRenewedByACheck(t *testing.T) {
	t.Parallel()
	two := 2
	a := awards(t, nil)
	p := a.lessonOf("checked", "```quiz\nkey: exam\npass: 100\nattempts: 2\nquestions:\n  - {key: q, ask: Which, choices: [{text: yes, right: true}, {text: no}]}\n```\n")
	a.item.ItemID = p.Item
	a.did(a.svc.SetOffer(a.author, p.Item, courses.CredentialOffer{Name: "Exam", Shows: "knows it", Criteria: "An exam.", Months: &two, RenewDays: 20}))
	begin := func() error { return a.svc.BeginCheck(a.vendor.member, p, "exam", false) }
	take := func(choice int) (number int) {
		t.Helper()
		a.did(begin())
		a.did(a.svc.AnswerCheck(a.vendor.member, p, "exam", courses.Given{Question: "q", Choices: []int{choice}}))
		number, err := a.svc.HandIn(a.vendor.member, p, "exam")
		a.did(err)
		return number
	}
	shown := func(result int) courses.CheckView {
		t.Helper()
		v, err := a.svc.Check(a.vendor.member, p, "exam", result)
		a.did(err)
		return v
	}
	take(1)
	take(0)
	if err := begin(); !errs.Is(err, errs.Invalid) {
		t.Errorf("a third time: %v", err)
	}
	_, err := a.svc.CompleteLesson(a.vendor.member, courses.Place{Item: p.Item, Lesson: "m"})
	a.did(err)
	// Two months before its end, of which it can be renewed from now on.
	opens := time.Now()
	given := opens.AddDate(0, -2, 20)
	for range 3 {
		given = given.Add(opens.Sub(given.AddDate(0, two, -20)))
	}
	a.lived(a.vendor, time.Since(given))
	v := a.mine(a.vendor)
	if v.State(v.Now) != courses.CredentialDue || v.Renewal == nil || v.Renewal.Left() != 1 || v.Renewal.Stops[0].Checks != 1 {
		t.Fatalf("when it can be renewed: %s, %+v", v.State(v.Now), v.Renewal)
	}
	if got := shown(2); got.Left != 2 || got.Passed || got.Told || !got.Anew {
		t.Errorf("while it can be renewed: %d are left, passed %t, told %t, anew %t", got.Left, got.Passed, got.Told, got.Anew)
	}
	if failed := shown(take(1)); failed.Left != 1 || failed.Passed || failed.Told {
		t.Errorf("failed once more: %d are left, passed %t, told %t", failed.Left, failed.Passed, failed.Told)
	}
	if err := a.svc.Renew(a.vendor.member, v.ID); !errs.Is(err, errs.Conflict) {
		t.Errorf("failed, and: %v", err)
	}
	if passed := shown(take(0)); !passed.Passed || !passed.Told {
		t.Errorf("passed once more: passed %t, told %t", passed.Passed, passed.Told)
	}
	a.did(a.svc.Renew(a.vendor.member, v.ID))
	if v = a.mine(a.vendor); v.State(v.Now) != courses.CredentialValid {
		t.Errorf("renewed: %s", v.State(v.Now))
	}
	if err := begin(); !errs.Is(err, errs.Invalid) {
		t.Errorf("once more without a reason: %v", err)
	}
}

// Who works for two organizations reads what they earned at both, and brings it along; nobody gets at anybody else's by claiming to be them.
func TestBroughtAlong(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.finish(a.partner)
	v := a.mine(a.partner)
	a.linked(a.other, a.partner, true)
	if list, err := a.svc.Credentials(a.other.member); err != nil || len(list.Rows) != 0 {
		t.Errorf("one side alone says that it is the same person: %d, %v", len(list.Rows), err)
	}
	if err := a.svc.BringCredential(a.other.member, v.ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("brought by one side's word: %v", err)
	}
	a.linked(a.partner, a.other, true)
	there := a.mine(a.other)
	if there.Here || !there.Holds {
		t.Errorf("at the other place: %+v", there)
	}
	a.did(a.svc.BringCredential(a.other.member, v.ID))
	if there = a.mine(a.other); !there.Here || !there.Holds || there.ID != v.ID {
		t.Errorf("brought along: %+v", there)
	}
	if err := a.svc.ShareCredential(a.partner.member, v.ID, true); !errs.Is(err, errs.NotFound) {
		t.Errorf("where it is no more it is changed: %v", err)
	}
}

// A new key signs; what the old one signed holds, and the old one signs nothing more.
func TestKeysAreChanged(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.finish(a.partner)
	admin := dbtest.As(t, a.vendor.org.OrgID, a.vendor.m.MembershipID, a.vendor.m.PersonID, scope.Administrator)
	a.did(a.svc.NewIssuerKey(admin))
	a.finish(a.vendor)
	before, after := a.mine(a.partner), a.mine(a.vendor)
	method := func(v courses.CredentialView) string {
		p, _ := v.Document["proof"].(map[string]any)
		m, _ := p["verificationMethod"].(string)
		return m
	}
	if !before.Holds || !after.Holds || method(before) == method(after) {
		t.Errorf("signed with %s (holds %v) and %s (holds %v)", method(before), before.Holds, method(after), after.Holds)
	}
	keys, err := a.svc.IssuerKeys(admin)
	a.did(err)
	if len(keys) != 2 || keys[0].Retired != nil || keys[1].Retired == nil {
		t.Errorf("keys: %+v", keys)
	}
	profile, err := a.svc.Profile(a.visitor(), a.vendor.org.OrgID)
	if methods, _ := profile["assertionMethod"].([]any); err != nil || len(methods) != 2 {
		t.Errorf("published: %v, %v", profile, err)
	}
	if n := one[int](dbtest.System(t, scope.Issuer, a.vendor.org.OrgID), a.world, `SELECT count(*)::int FROM issuer_keys WHERE org_id = $1 AND seed <> ''`, a.vendor.org.OrgID); n != 1 {
		t.Errorf("%d secret halves are kept", n)
	}
	for who, ctx := range map[string]context.Context{"an administrator": admin, "another's issuer": dbtest.System(t, scope.Issuer, a.partner.org.OrgID), "a visitor": a.visitor()} {
		if n := one[int](ctx, a.world, `SELECT count(*)::int FROM issuer_keys WHERE org_id = $1`, a.vendor.org.OrgID); n != 0 {
			t.Errorf("%s reads the keys", who)
		}
	}
	if _, err := a.svc.IssuerKeys(a.author); !errs.Is(err, errs.NotFound) {
		t.Errorf("an author lists the keys: %v", err)
	}
	if _, err := a.svc.Profile(a.visitor(), a.other.org.OrgID); !errs.Is(err, errs.NotFound) {
		t.Errorf("of who signs nothing: %v", err)
	}
}

// Code that runs for one organization gives nothing in another's name, and changes nothing that was earned.
func TestForgedCredentials(t *testing.T) {
	t.Parallel()
	a := awards(t, nil)
	a.finish(a.partner)
	v := a.mine(a.partner)
	const insert = `INSERT INTO credentials (org_id, membership_id, credential_id, issuer, item_id, kind, title, lang, version, name, shows, criteria, right_answers, questions, first_at, issued_at, awards, list, slot, document)
		SELECT $1, $2, gen_random_uuid(), $3, $4, 'course', 't', 'en', 1, $5, 'checks a site in the field', 'Three lessons and a quiz.', 0, 0, now(), now(), '[]', 5, 5, '{}'`
	o, p := a.other.org.OrgID, a.partner.org.OrgID
	issuer := func(h house) context.Context { return dbtest.System(t, scope.Issuer, h.org.OrgID) }
	for name, f := range map[string]struct {
		ctx  context.Context
		sql  string
		args []any
	}{
		"given for nothing":               {issuer(a.other), insert, []any{o, a.other.m.MembershipID, a.vendor.org.OrgID, a.item.ItemID, "Field check"}},
		"given by a member to itself":     {a.partner.member, insert, []any{p, a.partner.m.MembershipID, a.vendor.org.OrgID, a.item.ItemID, "Field check"}},
		"given in another's house":        {issuer(a.vendor), insert, []any{p, a.partner.m.MembershipID, a.vendor.org.OrgID, a.item.ItemID, "Field check"}},
		"another name":                    {issuer(a.partner), `UPDATE credentials SET name = 'Chief', issued_at = now() WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID}},
		"another publisher":               {issuer(a.partner), `UPDATE credentials SET issuer = org_id WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID}},
		"another bit":                     {issuer(a.partner), `UPDATE credentials SET slot = 1 WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID}},
		"a name that is not the holder's": {a.partner.member, `UPDATE credentials SET shown_name = 'Somebody' WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID}},
		"its own document":                {a.partner.member, `UPDATE credentials SET document = '{}' WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID}},
		"no end":                          {a.partner.member, `UPDATE credentials SET version = 2 WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID}},
		"to somebody else":                {a.partner.member, `UPDATE credentials SET org_id = $3, membership_id = $4 WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID, o, a.other.m.MembershipID}},
		"a second name under it":          {issuer(a.partner), `UPDATE credentials SET cosigner = $3 WHERE org_id = $1 AND credential_id = $2`, []any{p, v.ID, p}},
		"taken back by a stranger":        {a.other.member, `INSERT INTO credential_revocations (org_id, list, slot, reason, revoked_by, at) VALUES ($1, $2, $3, 'x', $4, now())`, []any{a.vendor.org.OrgID, v.List, v.Slot, a.other.m.MembershipID}},
		"taken back unseen":               {a.author, `INSERT INTO credential_revocations (org_id, list, slot, reason, revoked_by, at) VALUES ($1, $2, $3, 'x', $4, now())`, []any{a.vendor.org.OrgID, v.List, v.Slot, a.vendor.m.MembershipID}},
		"brought by an operator":          {a.partner.ctx, `SELECT keep_credentials(NULL)`, nil},
		"a key for another":               {issuer(a.partner), `INSERT INTO issuer_keys (org_id, key_id, public, seed, created_at) VALUES ($1, gen_random_uuid(), sha256('x'), 'x', now())`, []any{a.vendor.org.OrgID}},
		"a key by a member":               {a.author, `INSERT INTO issuer_keys (org_id, key_id, public, seed, created_at) VALUES ($1, gen_random_uuid(), sha256('x'), 'x', now())`, []any{a.vendor.org.OrgID}},
	} {
		if err := a.db.Tx(f.ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(f.sql, f.args...)
			if err == nil && n > 0 {
				t.Errorf("%s: done", name)
			}
			return err
		}); err == nil && !strings.HasPrefix(f.sql, "UPDATE") {
			t.Errorf("%s: not refused", name)
		}
	}
	if after := a.mine(a.partner); !after.Holds {
		t.Error("it does not hold any more")
	}
}
