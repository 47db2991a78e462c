package authz_test

import (
	"slices"
	"testing"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/authz/authztest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// TestTokens holds that a token never does more than its member, nor more than its scopes, and nothing at all of what is for people.
func TestTokens(t *testing.T) {
	t.Parallel()
	everything := scope.Scope{Actor: scope.Member, Org: authztest.Home, Membership: id.New[id.Membership](), Roles: scope.Roles()}
	for a := range authz.Table() {
		for _, who := range authztest.Subjects() {
			s := who.Scope
			s.Token, s.For = id.New[id.Any](), authz.TokenScopes()
			if authz.Allowed(s, a, id.Org{}) && !authz.Allowed(who.Scope, a, id.Org{}) {
				t.Errorf("%s: the token of %s may what %s may not", a, who.Name, who.Name)
			}
		}
		s := everything
		s.Token = id.New[id.Any]()
		if authz.Allowed(s, a, id.Org{}) && a != authz.SeeOrg {
			t.Errorf("%s: a token that is for nothing may", a)
		}
		for _, one := range authz.TokenScopes() {
			s.For = []string{one}
			var needs []string
			for _, write := range []bool{false, true} {
				if need, ok := authz.TokenScope(a, write); ok && need != "" {
					needs = append(needs, need)
				}
			}
			if may := authz.Allowed(s, a, id.Org{}); may && a != authz.SeeOrg && !slices.Contains(needs, one) {
				t.Errorf("%s: a token for %s may, which needs %v", a, one, needs)
			}
		}
	}
	for _, a := range []authz.Action{authz.CreateToken, authz.SignIn, authz.SeeProviders, authz.ManageOrg, authz.Learn, authz.Ask} {
		s := everything
		s.Token, s.For = id.New[id.Any](), authz.TokenScopes()
		if _, ok := authz.TokenScope(a, true); ok || authz.Allowed(s, a, id.Org{}) {
			t.Errorf("%s: for people alone, and a token may", a)
		}
	}
}
