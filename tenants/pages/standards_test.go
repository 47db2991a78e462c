package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// published has Alpha publish a standard agreement that opens its collection; it returns its address.
func (w *two) published(title string) string {
	w.t.Helper()
	f := w.get(0, "/partners/standards/new").fields("/partners/standards")
	f.Set("title", title)
	f.Set("ours_open", w.shared[0].CollectionID.String())
	p := w.post(0, "/partners/standards", f)
	at, _, _ := strings.Cut(p.location, "?")
	if p.status != http.StatusSeeOther || !strings.HasPrefix(at, "/partners/standards/") {
		w.t.Fatalf("publish: %d to %q: %s", p.status, p.location, p.Find(".faults").Text())
	}
	return at
}

func TestStandardAgreementsAreForWhoManagesTheNetwork(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	at := w.published("Terms for partners")
	for _, path := range []string{"/partners/standards", "/partners/standards/new", at, at + "/edit", "/partners/accounts"} {
		for role, want := range map[scope.Role]int{"": http.StatusUnauthorized, scope.Author: http.StatusNotFound, scope.PartnerManager: http.StatusOK, scope.Administrator: http.StatusOK} {
			if p := w.send(0, role, http.MethodGet, path, nil); p.status != want {
				t.Errorf("%s for %q: %d", path, role, p.status)
			}
		}
	}
	for _, path := range []string{at, at + "/edit"} {
		if p := w.get(1, path); p.status != http.StatusNotFound {
			t.Errorf("%s of another organization: %d", path, p.status)
		}
	}
	for _, move := range []string{"", "/retire", "/links", "/close", "/act"} {
		form := url.Values{"title": {"Mine"}, "action": {"propose"}, "most": {"3"}, "until": {"2030-01-01"}, "link": {at[len("/partners/standards/"):]}}
		if p := w.post(1, at+move, form); p.status != http.StatusNotFound {
			t.Errorf("another organization sends %q: %d", move, p.status)
		}
		if p := w.send(0, scope.Author, http.MethodPost, at+move, form); p.status != http.StatusNotFound {
			t.Errorf("an author sends %q: %d", move, p.status)
		}
	}
	if p := w.get(1, "/partners/standards"); strings.Contains(p.body, "Terms for partners") || p.Find(".empty").Length() != 1 {
		t.Error("another organization lists it")
	}
}

func TestAFormThatIsRefusedKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	f := w.get(0, "/partners/standards/new").fields("/partners/standards")
	f.Set("note", "Keep me")
	f.Set("finish_days", "999")
	p := w.post(0, "/partners/standards", f)
	if p.status != http.StatusUnprocessableEntity || p.Find(`.faults a[href="#finish_days"]`).Length() != 1 || p.Find("#note").Text() != "Keep me" {
		t.Errorf("days that are too many: %d", p.status)
	}
	f.Set("finish_days", "10")
	if p = w.post(0, "/partners/standards", f); p.status != http.StatusUnprocessableEntity || p.Find(`.faults a[href="#title"]`).Length() != 1 {
		t.Errorf("no name: %d", p.status)
	}
	at := w.published("Terms for partners")
	if p = w.post(0, at+"/links", url.Values{"label": {"Fair"}, "most": {"0"}, "until": {"soon"}}); p.status != http.StatusUnprocessableEntity || p.Find("#label").AttrOr("value", "") != "Fair" || p.Find(".faults a").Length() == 0 {
		t.Errorf("a link for nobody: %d", p.status)
	}
	f = w.get(0, at+"/edit").fields(at)
	if p = w.post(0, at, f); p.status != http.StatusUnprocessableEntity || p.Find(".faults").Length() != 1 {
		t.Errorf("a version that changes nothing: %d", p.status)
	}
}

// What is done with many is asked first, says what it does, and wants the number where it shuts people out.
func TestManyAreAskedForFirst(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	w.invite()
	if p := w.sign(1, 0); p.status != http.StatusSeeOther {
		t.Fatal(p.status)
	}
	var m tenants.Membership
	if err := w.db.Tx(dbtest.System(t, scope.Operator, w.orgs[0].OrgID), func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Partners", Email: "p@" + w.orgs[0].Slug + ".example"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	send := func(form url.Values) page {
		t.Helper()
		return w.send(0, scope.PartnerManager, http.MethodPost, "/partners/act", form, "X-Member", m.MembershipID.String())
	}
	list := w.get(0, "/network")
	if list.Find(`form[action="/partners/act"] tbody input[name=org]`).Length() != 1 || list.Find(`form[action="/partners/act"] button[name=action]`).Length() != 6 {
		t.Error("the list offers nothing to be chosen")
	}
	if p := w.send(0, scope.Learner, http.MethodGet, "/network", nil); p.Find("input[name=org]").Length() != 0 {
		t.Error("a learner chooses")
	}
	ask := send(url.Values{"action": {"end"}, "all": {"1"}})
	f := ask.fields("/partners/act")
	if ask.status != http.StatusOK || f.Get("all") != "1" || f.Get("confirm") != "1" || !strings.Contains(ask.Find("h1").Text(), "End 1 connection") {
		t.Fatalf("the question: %d, %v", ask.status, f)
	}
	f.Set("count", "2")
	if p := send(f); p.status != http.StatusUnprocessableEntity || p.Find(`.faults a[href="#count"]`).Length() != 1 {
		t.Errorf("the wrong number: %d", p.status)
	}
	f.Set("count", "1")
	p := send(f)
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.location, "/partners/batches/") {
		t.Fatalf("the right number: %d to %q", p.status, p.location)
	}
	batch := w.get(0, p.location)
	if batch.Find("progress").Length() != 1 || batch.Find(`form[action="`+p.location+`/cancel"]`).Length() != 1 || !strings.Contains(batch.Find("tbody").Text(), "=Beta") {
		t.Errorf("the batch's page: %d", batch.status)
	}
	for _, path := range []string{p.location, p.location + "/cancel"} {
		method := http.MethodGet
		if strings.HasSuffix(path, "cancel") {
			method = http.MethodPost
		}
		if got := w.send(1, scope.PartnerManager, method, path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s of another organization: %d", path, got.status)
		}
	}
	if c := w.post(0, p.location+"/cancel", nil); c.status != http.StatusSeeOther {
		t.Errorf("stop: %d", c.status)
	}
	if p := send(url.Values{"action": {"pause"}, "org": {w.orgs[2].OrgID.String()}}); p.status != http.StatusSeeOther || !strings.Contains(p.location, "nobody") {
		t.Errorf("somebody who is not connected: %d to %q", p.status, p.location)
	}
}
