package pages_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants/ledger"
)

func TestLogPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range []string{"/admin/audit", "/admin/audit.csv", "/admin/audit.jsonl"} {
		for _, r := range []scope.Role{scope.Learner, scope.PartnerManager, scope.Author} {
			if res, _ := w.get(t, p, r); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s: a %s gets %d", p, r, res.StatusCode)
			}
		}
	}
	seen, next := 0, "/admin/audit"
	for next != "" && seen < 1000 {
		res, body := w.get(t, next, scope.Administrator)
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(body))
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", next, res.StatusCode, err)
		}
		if strings.Contains(body, "⟦") {
			t.Errorf("%s has a text without words", next)
		}
		seen += doc.Find(".log li").Length()
		next, _ = doc.Find(`a[rel="next"]`).Attr("href")
	}
	if seen != 121 { // The organization and its 120 members.
		t.Errorf("%d lines on all pages", seen)
	}
	_, body := w.get(t, "/admin/audit?topic=settings", scope.Administrator)
	if !strings.Contains(body, "The portal of your organization was made.") || strings.Contains(body, "became a member") {
		t.Errorf("the settings alone: %s", body)
	}
	for _, bad := range []string{"?after=yesterday", "?after=20260101T000000.000000Z", "?after=20260101T000000.000000Z&skip=-1", "?from=soon", "?until=2026-13-01"} {
		if res, _ := w.get(t, "/admin/audit"+bad, scope.Administrator); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", bad, res.StatusCode)
		}
	}
	if res, _ := w.get(t, "/admin/audit?who="+strings.Repeat("x", 101), scope.Administrator); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a long name: %d", res.StatusCode)
	}
	_, body = w.get(t, "/admin/audit.csv?topic=people", scope.Administrator)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 121 || len(rows[0]) != 8 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		for _, c := range r {
			if c != "" && strings.ContainsAny(c[:1], "=+-@") {
				t.Errorf("a spreadsheet runs %q", c)
			}
		}
	}
	res, body := w.get(t, "/admin/audit.jsonl", scope.Administrator)
	if l, err := ledger.Read(strings.NewReader(body)); err != nil || l.Org != w.a || res.Header.Get("Content-Disposition") == "" {
		t.Errorf("the signed log: %+v, %v", l, err)
	}
}
