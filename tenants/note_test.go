package tenants_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// Who looks after a partner and its tags are noted, looked for, changed for many and taken from a list; the partner never sees them.
func TestOwnerAndTagsAreOnesOwn(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	stranger := newHouse(t, p.d)
	if err := p.a.svc.Ask(p.a.network(), p.b.org.OrgID, p.offer(p.a, 30)); err != nil {
		t.Fatal(err)
	}
	_, femke := p.a.member("Femke")
	_, learner := p.a.member("Elin")
	_, theirs := p.b.member("Priya")
	p.a.must(func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET roles = '{learner,partner_manager}' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, femke)
	})
	for name, n := range map[string]tenants.Note{
		"a learner": {Owner: learner}, "somebody of the partner": {Owner: theirs}, "too many tags": {Tags: strings.Fields("a b c d e f g h i j k")}, "a long tag": {Tags: []string{strings.Repeat("x", 41)}},
	} {
		if err := p.a.svc.SetNote(p.a.network(), p.b.org.OrgID, n); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	note := tenants.Note{Account: "K-1", Owner: femke, Tags: tenants.ReadTags("North, dairy; north\nTier 1")}
	if err := p.a.svc.SetNote(p.a.network(), p.b.org.OrgID, note); err != nil {
		t.Fatal(err)
	}
	rows := func(h *house, f tenants.PortfolioFilter) []tenants.PortfolioRow {
		t.Helper()
		list, err := h.svc.Portfolio(h.network(), f)
		if err != nil {
			t.Fatal(err)
		}
		return list.Rows
	}
	for name, f := range map[string]tenants.PortfolioFilter{"owner": {Owner: femke}, "tag": {Tag: "dairy"}} {
		if got := rows(p.a, f); len(got) != 1 || got[0].Owner != "Femke" || cmp.Diff([]string{"North", "dairy", "Tier 1"}, got[0].Tags) != "" {
			t.Errorf("by %s: %+v", name, got)
		}
	}
	if got := rows(p.a, tenants.PortfolioFilter{Tag: "south"}); len(got) != 0 {
		t.Errorf("by a tag of nobody: %d", len(got))
	}
	if got := rows(p.b, tenants.PortfolioFilter{}); len(got) != 1 || got[0].Owner != "" || len(got[0].Tags) != 0 {
		t.Errorf("the partner reads %+v", got)
	}
	if v := p.view(t, p.b); !v.Owner.IsZero() || len(v.Tags) != 0 {
		t.Errorf("the partner's page says %v, %v", v.Owner, v.Tags)
	}

	n, err := p.a.svc.NoteMany(p.a.network(), []id.Org{p.b.org.OrgID, stranger.org.OrgID}, tenants.NoteChange{Add: []string{"Key"}, Remove: []string{"NORTH"}})
	if got := rows(p.a, tenants.PortfolioFilter{}); err != nil || n != 1 || got[0].Owner != "Femke" || got[0].Account != "K-1" || cmp.Diff([]string{"dairy", "Tier 1", "Key"}, got[0].Tags) != "" {
		t.Errorf("for many: %d, %+v, %v", n, got, err)
	}
	if _, err := p.a.svc.NoteMany(p.a.network(), []id.Org{p.b.org.OrgID}, tenants.NoteChange{SetOwner: true}); err != nil || rows(p.a, tenants.PortfolioFilter{})[0].Owner != "" {
		t.Errorf("the owner is taken away from many: %v", err)
	}

	words := tenants.AccountWords{Portal: []string{"portal"}, Account: []string{"account"}, Owner: []string{"owner"}, Tags: []string{"tags"}}
	read := func(text string) tenants.AccountsReport {
		t.Helper()
		list, err := tenants.ReadAccounts(strings.NewReader(text), words)
		if err != nil {
			t.Fatal(err)
		}
		report, err := p.a.svc.SetAccounts(p.a.network(), list)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	email := ""
	all, err := p.a.svc.Portfolio(p.a.network(), tenants.PortfolioFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all.Keepers {
		if k.Membership == femke {
			email = k.Email
		}
	}
	read("portal,account,owner,tags\n" + p.b.org.Slug + ",K-2," + strings.ToUpper(email) + ",\"East; dairy\"\n")
	read("portal,account\n" + p.b.org.Slug + ",K-3\n")
	if got := rows(p.a, tenants.PortfolioFilter{})[0]; got.Owner != "Femke" || got.Account != "K-3" || cmp.Diff([]string{"East", "dairy"}, got.Tags) != "" {
		t.Errorf("from lists: %+v", got)
	}
	if r := read("portal,account,owner,tags\n" + p.b.org.Slug + ",K-4,nobody@nowhere.example,\n"); r.Set != 0 || len(r.Problem) != 1 || r.Problem[0].Key != "owner.list.owner" {
		t.Errorf("a list with an owner that is nobody: %+v", r)
	}
	read("portal,account,owner,tags\n" + p.b.org.Slug + ",,,\n")
	if got := rows(p.a, tenants.PortfolioFilter{})[0]; got.Owner != "" || got.Account != "" || len(got.Tags) != 0 {
		t.Errorf("after an empty row: %+v", got)
	}
}
