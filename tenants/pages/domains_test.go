package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/scope"
)

func TestDomainsPage(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	own := "own" + w.orgs[0].Slug + ".example"
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/domains", url.Values{"domain": {"https://" + own}}); p.status != http.StatusUnprocessableEntity ||
		p.Find("#domain").AttrOr("value", "") != "https://"+own || p.Find("#domain-error").Length() != 1 || p.Find(".faults a").AttrOr("href", "") != "#domain" {
		t.Errorf("an address instead of a domain: %d, %s", p.status, p.Find("main").Text())
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/domains", url.Values{"domain": {strings.ToUpper(own)}}); p.status != http.StatusSeeOther {
		t.Fatalf("add: %d", p.status)
	}
	p := w.send(0, scope.Administrator, http.MethodGet, "/admin/domains?done=added", nil)
	if name := p.Find("#name-1").AttrOr("value", "") + p.Find("#name-0").AttrOr("value", ""); name != "_learnscape."+own {
		t.Errorf("the record to set is called %q", name)
	}
	if p.Find(".callout").Length() != 1 || p.Find(".badge-warn").Length() != 1 || p.Find("h2 ~ .badge-ok").Length() != 1 {
		t.Errorf("one domain waits and the vouched one is verified: %s", p.Find("main").Text())
	}
	if other := w.send(1, scope.Administrator, http.MethodGet, "/admin/domains", nil); strings.Contains(other.body, own) {
		t.Error("another organization's page names the domain")
	}
	if p := w.send(1, scope.Administrator, http.MethodPost, "/admin/domains/"+own+"/remove", url.Values{"name": {own}}); p.status != http.StatusNotFound {
		t.Errorf("another organization removes it: %d", p.status)
	}
	ask := w.send(0, scope.Administrator, http.MethodGet, "/admin/domains/"+own+"/remove", nil)
	if ask.status != http.StatusOK || ask.Find(".ask li").Length() == 0 {
		t.Errorf("what removing does: %d", ask.status)
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/domains/"+own+"/remove", url.Values{"name": {"something.example"}}); p.status != http.StatusUnprocessableEntity || p.Find("#name").AttrOr("value", "") != "something.example" {
		t.Errorf("another name typed: %d", p.status)
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/domains/"+own+"/remove", url.Values{"name": {" " + strings.ToUpper(own)}}); p.status != http.StatusSeeOther {
		t.Errorf("its name typed: %d", p.status)
	}
	if p := w.send(0, scope.Administrator, http.MethodGet, "/admin/domains", nil); strings.Contains(p.body, own) {
		t.Error("it is still there")
	}
	for _, role := range []scope.Role{scope.Learner, scope.PartnerManager, scope.Author} {
		if p := w.send(0, role, http.MethodGet, "/admin/domains", nil); p.status != http.StatusNotFound {
			t.Errorf("a %s sees domains: %d", role, p.status)
		}
	}
	// A domain that is somebody else's is taken down like any other.
	if p := w.send(1, scope.Administrator, http.MethodPost, "/admin/domains", url.Values{"domain": {"d" + strings.ReplaceAll(w.orgs[0].OrgID.String(), "-", "") + ".example"}}); p.status != http.StatusSeeOther {
		t.Errorf("the verified domain of another organization is refused: %d", p.status)
	}
}

func TestHostsPage(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	host := "learn.d" + strings.ReplaceAll(w.orgs[0].OrgID.String(), "-", "") + ".example"
	add := func(house int, name string) page {
		return w.send(house, scope.Administrator, http.MethodPost, "/admin/domains/hosts", url.Values{"host": {name}})
	}
	if p := add(1, host); p.status != http.StatusUnprocessableEntity || p.Find("#host").AttrOr("value", "") != host || p.Find("#host-error").Length() != 1 {
		t.Errorf("a host under another organization's domain: %d", p.status)
	}
	if p := add(0, host); p.status != http.StatusSeeOther {
		t.Fatalf("add: %d", p.status)
	}
	p := w.send(0, scope.Administrator, http.MethodGet, "/admin/domains?done=host_added", nil)
	if p.Find(`a[href$="://`+host+`/admin/domains"]`).Length() != 1 || p.Find(`form[action$="/canonical"]`).Length() != 0 {
		t.Errorf("a new host is tried before it becomes the address: %s", p.Find("main").Text())
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/domains/hosts/canonical", url.Values{"host": {host}}); p.status != http.StatusConflict {
		t.Errorf("made the address from elsewhere: %d", p.status)
	}
	here := "http://" + host + "/admin/domains"
	if p := w.send(0, scope.Administrator, http.MethodGet, here, nil); p.Find(`form[action$="/canonical"] input[value="`+host+`"]`).Length() != 1 {
		t.Errorf("on the host itself it cannot be made the address: %s", p.Find("main").Text())
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, here+"/hosts/canonical", url.Values{"host": {host}}); p.status != http.StatusSeeOther {
		t.Errorf("made the address on itself: %d", p.status)
	}
	if p := w.send(1, scope.Administrator, http.MethodPost, "/admin/domains/hosts/"+host+"/remove", url.Values{}); p.status != http.StatusNotFound {
		t.Errorf("another organization removes it: %d", p.status)
	}
	if p := w.send(0, scope.Administrator, http.MethodGet, "/admin/domains/hosts/"+host+"/remove", nil); p.Find(".ask li").Length() != 4 {
		t.Errorf("what removing the address does: %s", p.Find("main").Text())
	}
	p = w.send(0, scope.Administrator, http.MethodPost, here+"/hosts/"+host+"/remove", url.Values{})
	if p.status != http.StatusOK || p.Find(`main a[href*="`+w.orgs[0].Slug+`.localhost"]`).Length() != 1 {
		t.Errorf("removed on itself: %d, %s", p.status, p.Find("main").Text())
	}
}
