package tenants_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

func TestReadAccounts(t *testing.T) {
	t.Parallel()
	portal, account := []string{"portal"}, []string{"account", "Kundennummer"}
	for _, tt := range []struct {
		name, in string
		want     []tenants.Account
		bad      bool
	}{
		{"plain", "portal,account\nalpha,1\n", []tenants.Account{{Line: 2, Portal: "alpha", Number: "1"}}, false},
		{"an export in German", "\ufeffOrganisation;Portal;Kundennummer\r\nBeta;beta;'=7\r\n;;\r\n", []tenants.Account{{Line: 2, Portal: "beta", Number: "=7"}}, false},
		{"a number that is taken away", "account\tportal\n\tgamma\n", []tenants.Account{{Line: 2, Portal: "gamma", Number: ""}}, false},
		{"no heading", "alpha,1\n", nil, true},
		{"nothing", "", nil, true},
		{"no table", "portal,account\n\"", nil, true},
	} {
		got, err := tenants.ReadAccounts(strings.NewReader(tt.in), tenants.AccountWords{Portal: portal, Account: account})
		if errs.Is(err, errs.Invalid) != tt.bad {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAccountsAreOnesOwn(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	stranger := newHouse(t, p.d)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	report, err := p.a.svc.SetAccounts(p.a.network(), []tenants.Account{{Line: 2, Portal: p.b.org.Slug, Number: "K-17"}, {Line: 3, Portal: p.b.org.Slug, Number: "K-18"}, {Line: 4, Portal: stranger.org.Slug, Number: "K-19"}, {Line: 5, Portal: "nobody", Number: "K-20"}})
	if err != nil || report.Set != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	var keys []string
	for _, r := range report.Problem {
		keys = append(keys, r.Key)
	}
	if diff := cmp.Diff([]string{"partner.list.twice", "partner.list.unknown", "partner.list.unknown"}, keys); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if err := p.b.svc.SetNote(p.b.network(), p.a.org.OrgID, tenants.Note{Account: " B's number "}); err != nil {
		t.Fatal(err)
	}
	for h, want := range map[*house]string{p.a: "K-17", p.b: "B's number"} {
		rows, err := h.svc.ExportPortfolio(h.network(), tenants.PortfolioFilter{})
		if err != nil || len(rows) != 1 || rows[0].Account != want {
			t.Errorf("%+v, %v", rows, err)
		}
		if v := p.view(t, h); v.Account != want {
			t.Errorf("the page of the connection says %q, want %q", v.Account, want)
		}
	}
	for words, want := range map[string]int{"k-17": 1, "number": 0} {
		list, err := p.a.svc.Portfolio(p.a.network(), tenants.PortfolioFilter{Query: words})
		if err != nil || len(list.Rows) != want || list.Counts.All != want {
			t.Errorf("looking for %q finds %d of %d, %v", words, len(list.Rows), list.Counts.All, err)
		}
	}
	if err := p.a.svc.SetNote(p.a.network(), stranger.org.OrgID, tenants.Note{Account: "1"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a number for a stranger: %v", err)
	}
	if err := p.a.svc.SetNote(p.a.network(), id.New[id.Org](), tenants.Note{Account: "1"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a number for nobody: %v", err)
	}
	if err := p.a.svc.SetNote(p.a.network(), p.b.org.OrgID, tenants.Note{Account: strings.Repeat("x", 101)}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a number that is too long: %v", err)
	}
}
