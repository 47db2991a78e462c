package pages_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/learnscape/learnscape/internal/scope"
)

func TestBrandPage(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	form := url.Values{"name": {w.orgs[0].Slug}, "short": {"Al"}, "tagline": {"We look"}, "about": {""}, "color": {"#112233"}, "locale": {"de"}}
	p := w.send(0, scope.Administrator, http.MethodGet, "/admin/brand", nil)
	if p.Find("#name").AttrOr("value", "") != "Alpha" || p.Find("#color").AttrOr("value", "") != "#065f5b" || p.Find("#brand-preview svg").Length() != 2 {
		t.Errorf("the form: %d %s", p.status, p.Find("main").Text())
	}
	// A preview keeps what was typed and saves nothing.
	p = w.send(0, scope.Administrator, http.MethodGet, "/admin/brand?"+form.Encode(), nil)
	if p.Find("#tagline").AttrOr("value", "") != "We look" || p.Find(`#locale option[selected]`).AttrOr("value", "") != "de" {
		t.Errorf("a preview: %s", p.Find("main").Text())
	}
	if p := w.send(0, scope.Administrator, http.MethodGet, "/admin/brand", nil); p.Find("#tagline").AttrOr("value", "x") != "" {
		t.Error("a preview was saved")
	}
	if p := w.send(0, scope.Administrator, http.MethodGet, "/admin/brand/preview?color=%23ffee00&name=x", nil); p.Find("svg").Length() != 2 || p.Find("h1").Length() != 0 || p.Find("p.meta").Length() != 1 {
		t.Errorf("the preview alone: %s", p.body)
	}
	bad := url.Values{"name": {""}, "short": {"Alp"}, "color": {"#112233"}, "locale": {"de"}, "tagline": {"kept"}}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/brand", bad); p.status != http.StatusUnprocessableEntity || p.Find("#name-error").Length() != 1 || p.Find("#short-error").Length() != 1 || p.Find("#tagline").AttrOr("value", "") != "kept" {
		t.Errorf("two inputs are wrong: %d %s", p.status, p.Find(".faults").Text())
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/brand", form); p.status != http.StatusSeeOther {
		t.Fatalf("save: %d", p.status)
	}
	if p := w.send(0, scope.Administrator, http.MethodGet, "/admin/brand?done=saved", nil); p.Find("#color").AttrOr("value", "") != "#112233" || p.Find(".callout-ok").Length() != 1 {
		t.Errorf("saved: %s", p.Find("main").Text())
	}
	if p := w.send(0, scope.Administrator, http.MethodPost, "/admin/brand/logo", url.Values{"logo": {"x"}}); p.status != http.StatusUnprocessableEntity || p.Find("#logo-error").Length() != 1 {
		t.Errorf("a logo without a file: %d", p.status)
	}
	for _, role := range []scope.Role{scope.Learner, scope.PartnerManager} {
		for _, path := range []string{"/admin/brand", "/admin/brand/preview?color=%23112233"} {
			if p := w.send(0, role, http.MethodGet, path, nil); p.status != http.StatusNotFound {
				t.Errorf("a %s at %s: %d", role, path, p.status)
			}
		}
	}
}
