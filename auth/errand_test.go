package auth_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/tenantstest"
)

var errandLink = regexp.MustCompile(`/errand/[A-Za-z0-9_-]{43}`)

func TestAStepSentToIT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dns := tenantstest.NewDNS(t)
	w.tenants = tenants.New(w.db, base, tenants.WithDNS(tenants.Resolver(dns.Addr)))
	w.restart(0)
	admin := dbtest.As(t, w.post.OrgID, id.New[id.Membership](), id.New[id.Person](), scope.Administrator)
	name := "it" + w.post.Slug + ".example"
	d, err := w.tenants.AddDomain(admin, name)
	if err != nil {
		t.Fatal(err)
	}
	record, value := d.Record()
	send := func() string {
		t.Helper()
		if err := w.svc.SendErrand(admin, name, "Hands@Elsewhere.example"); err != nil {
			t.Fatal(err)
		}
		var body string
		w.tx(w.post, func(tx *db.Tx) (err error) {
			body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient = 'hands@elsewhere.example' ORDER BY created_at DESC, mail_id DESC LIMIT 1`, w.post.OrgID)
			return err
		})
		if !strings.Contains(body, record) || !strings.Contains(body, value) || !strings.Contains(body, baseURL(w.post.Slug)+errandLink.FindString(body)) {
			t.Fatalf("the mail: %s", body)
		}
		return errandLink.FindString(body)
	}
	first := send()
	link := send()
	hands := w.browser(t)
	if res := hands.get(w.post.Slug, first); res.StatusCode != http.StatusNotFound {
		t.Errorf("an earlier link still works: %d", res.StatusCode)
	}
	for range 2 { // Reading it, as scanners of mails do, uses nothing up.
		res := hands.get(w.post.Slug, link)
		if res.StatusCode != http.StatusOK || res.doc(t).Find("#record-name").AttrOr("value", "") != record || res.doc(t).Find("#record-value").AttrOr("value", "") != value || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("the page: %d %s", res.StatusCode, res.body)
		}
	}
	if res := hands.post(w.post.Slug, link, url.Values{}); res.StatusCode != http.StatusOK || res.doc(t).Find(".callout-warn").Length() != 1 {
		t.Errorf("before the record is there: %d %s", res.StatusCode, res.body)
	}
	// The link opens nothing else, and nothing at another organization.
	for _, path := range []string{"/admin/domains/" + name + "/send", "/whoami"} {
		if res := hands.get(w.post.Slug, path); strings.Contains(res.body, value) || strings.Contains(res.body, `"member"`) {
			t.Errorf("%s: %d %s", path, res.StatusCode, res.body)
		}
	}
	if res := hands.get(w.a.Slug, link); res.StatusCode != http.StatusNotFound {
		t.Errorf("at another organization: %d", res.StatusCode)
	}
	if res := hands.post(w.a.Slug, link, url.Values{}); res.StatusCode != http.StatusNotFound {
		t.Errorf("done at another organization: %d", res.StatusCode)
	}
	dns.Set(record, value)
	w.exec(w.post, `UPDATE domains SET tried_at = now() - interval '1 hour' WHERE org_id = $1 AND token <> ''`)
	if res := hands.post(w.post.Slug, link, url.Values{}); res.StatusCode != http.StatusOK || res.doc(t).Find("#record-name").Length() != 0 {
		t.Errorf("with the record: %d %s", res.StatusCode, res.body)
	}
	if d, err := w.tenants.Domain(admin, name); err != nil || d.State() != tenants.DomainVerified {
		t.Errorf("the domain is %s, %v", d.State(), err)
	}
	for _, method := range []func() answer{func() answer { return hands.get(w.post.Slug, link) }, func() answer { return hands.post(w.post.Slug, link, url.Values{}) }} {
		if res := method(); res.StatusCode != http.StatusNotFound {
			t.Errorf("a link that was used up: %d", res.StatusCode)
		}
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action IN ('errand.sent', 'errand.done', 'domain.verified')`); n != 4 {
		t.Errorf("the log has %d lines of it", n)
	}
	for what, err := range map[string]error{
		"a verified domain":      w.svc.SendErrand(admin, name, "a@b.example"),
		"a vouched one":          w.svc.SendErrand(admin, w.post.Slug+".example", "a@b.example"),
		"another organization's": w.svc.SendErrand(admin, w.a.Slug+".example", "a@b.example"),
		"as a learner":           w.svc.SendErrand(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: w.post.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner}}), name, "a@b.example"),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	late := "late" + w.post.Slug + ".example"
	if _, err := w.tenants.AddDomain(admin, late); err != nil {
		t.Fatal(err)
	}
	name = late
	record, value = func() (string, string) { d, _ := w.tenants.Domain(admin, late); return d.Record() }()
	link = send()
	w.exec(w.post, `UPDATE errands SET expires_at = now() - interval '1 second' WHERE org_id = $1`)
	if res := hands.get(w.post.Slug, link); res.StatusCode != http.StatusNotFound {
		t.Errorf("after seven days: %d", res.StatusCode)
	}
	if err := w.svc.SendErrand(admin, late, "two@a.example, three@b.example"); !errs.Is(err, errs.Invalid) {
		t.Errorf("two addresses: %v", err)
	}
}
