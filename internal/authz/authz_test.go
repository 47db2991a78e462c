package authz_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/authz/authztest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

var update = flag.Bool("update", false, "write the golden table of rights from the code; read the difference before you commit it")

const golden = "testdata/rights.txtar"

// rights renders who may do every action on nothing in particular, on what their own organization owns, and on what another owns.
func rights() *txtar.Archive {
	ar := &txtar.Archive{Comment: []byte("Who may do what. A change here is a change of rights: say in the commit why.\n" +
		"own: on what the actor's organization owns, or on no one thing; foreign: on what another organization owns.\n")}
	for _, a := range slices.Sorted(maps.Keys(authz.Table())) {
		var b strings.Builder
		for _, owner := range []struct {
			name string
			ids  []id.Org
		}{{"own", []id.Org{{}, authztest.Home}}, {"foreign", []id.Org{authztest.Foreign}}} {
			var who []string
			for _, s := range authztest.Subjects() {
				ids := owner.ids
				if s.Scope.Actor == scope.Visitor && owner.name == "own" {
					ids = ids[:1] // A visitor has no organization.
				}
				var ok []bool
				for _, o := range ids {
					ok = append(ok, authz.Allowed(s.Scope, a, o))
				}
				switch {
				case !slices.Contains(ok, false):
					who = append(who, s.Name)
				case slices.Contains(ok, true):
					who = append(who, s.Name+"(only on no one thing or only on own)")
				}
			}
			fmt.Fprintf(&b, "%s: %s\n", owner.name, strings.Join(who, " "))
		}
		ar.Files = append(ar.Files, txtar.File{Name: string(a), Data: []byte(b.String())})
	}
	return ar
}

func TestRights(t *testing.T) {
	t.Parallel()
	got := txtar.Format(rights())
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("rights changed (-golden +code); if that is meant: go test ./internal/authz -update\n%s", diff)
	}
}

// TestRightsHoldTheRules checks what must be true of any table, whatever the golden file says.
func TestRightsHoldTheRules(t *testing.T) {
	t.Parallel()
	visitors := []authz.Action{
		authz.SeeItem, authz.ListItems, authz.SeeOrg, authz.SeeOffer, authz.SignIn, authz.ReadStory, authz.CountTouch, authz.ReadQuestions, authz.Search, authz.VisitorProgress, authz.CheckCredential,
	}
	for a, r := range authz.Table() {
		if r.Visitor && !slices.Contains(visitors, a) {
			t.Errorf("%s: a visitor may; if that is meant, add it to the list here", a)
		}
		if r.Foreign && len(r.Roles) > 0 {
			t.Errorf("%s: a role reaches into another organization", a)
		}
		if slices.Contains(r.Actors, scope.Relay) {
			t.Errorf("%s: the relay acts for nobody and may do nothing but hand out events", a)
		}
		for _, s := range authztest.Subjects() {
			// Nobody gains by losing an organization, and a member with every role may whatever one with a single role may.
			all := s.Scope
			all.Roles = scope.Roles()
			for _, owner := range []id.Org{{}, authztest.Home, authztest.Foreign} {
				if s.Scope.Actor == scope.Member && authz.Allowed(s.Scope, a, owner) && !authz.Allowed(all, a, owner) {
					t.Errorf("%s on %s: %s may, but not with all roles", a, owner, s.Name)
				}
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	member := authztest.Subjects()[2].Scope // After the visitor and the individual.
	for _, tt := range []struct {
		name  string
		scope scope.Scope
		a     authz.Action
		owner id.Org
		want  errs.Kind
	}{
		{"a member learns from another organization", member, authz.Learn, authztest.Foreign, ""},
		{"a learner does not author", member, authz.Author, id.Org{}, errs.NotFound},
		{"nobody manages what another owns", member, authz.ManageItem, authztest.Foreign, errs.NotFound},
		{"a visitor is asked to sign in", scope.Scope{Actor: scope.Visitor}, authz.Learn, id.Org{}, errs.Unauthenticated},
		{"an unknown action", member, "tenants.nothing", id.Org{}, errs.NotFound},
		{"an unknown actor", scope.Scope{Actor: "root", Org: authztest.Home}, authz.SeeItem, id.Org{}, errs.NotFound},
		{"no scope", scope.Scope{}, authz.SeeItem, id.Org{}, errs.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := errs.KindOf(authz.Check(scope.Enter(t.Context(), tt.scope), tt.a, tt.owner)); got != tt.want {
				t.Errorf("Check = %q, want %q", got, tt.want)
			}
		})
	}
	if err := authz.Check(t.Context(), authz.SeeItem, id.Org{}); err == nil {
		t.Error("a context without a scope may see items")
	}
}

// TestSubjectsAreAll compares the lists with the constants of internal/scope and internal/authz.
func TestSubjectsAreAll(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"member": true}
	for _, s := range authztest.Subjects() {
		known[s.Name] = true
	}
	for _, v := range append(constants(t, "../scope/scope.go", "Actor"), constants(t, "../scope/scope.go", "Role")...) {
		if !known[v] {
			t.Errorf("%q is missing in authztest.Subjects", v)
		}
	}
	for _, v := range constants(t, "authz.go", "Action") {
		if _, ok := authz.Table()[authz.Action(v)]; !ok {
			t.Errorf("action %q has no rule: nobody may", v)
		}
	}
	if n, m := len(constants(t, "authz.go", "Action")), len(authz.Table()); n != m {
		t.Errorf("%d actions, %d rules", n, m)
	}
}

// constants returns the values of the constants of the type in a file.
func constants(t *testing.T, file, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		lit, isLit := v.Values[0].(*ast.BasicLit)
		if id, ok := v.Type.(*ast.Ident); ok && isLit && id.Name == typ {
			out = append(out, strings.Trim(lit.Value, `"`))
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("no constants of %s in %s", typ, file)
	}
	return out
}
