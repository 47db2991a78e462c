package oracle_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// logRoutes are the routes of the audit log.
var logRoutes = map[string]route{
	"GET /admin/audit":       {kind: list, asks: office("/admin/audit", "/admin/audit?who=zq&topic=network", "/admin/audit?object=item:x&from=2026-01-01")},
	"GET /admin/audit.csv":   {kind: list, asks: office("/admin/audit.csv")},
	"GET /admin/audit.jsonl": {kind: list, asks: office("/admin/audit.jsonl")},
}

func office(targets ...string) func(*site, *reader) []ask {
	return func(_ *site, r *reader) (out []ask) {
		for _, t := range targets {
			out = append(out, ask{target: t, about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true})
		}
		return out
	}
}

// TestActionsOfTheLog finds every action that the sources write into the log. Each is in the table of tenants and has a sentence in
// every language; what is in the table is written somewhere.
func TestActionsOfTheLog(t *testing.T) {
	t.Parallel()
	written := map[string]string{} // action, or its beginning with a point, to where
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				for _, a := range actionsIn(fn) {
					written[a] = path
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(written) < 25 {
		t.Fatalf("only %d actions found: %v", len(written), written)
	}
	table := tenants.LogActions()
	for _, a := range slices.Sorted(maps.Keys(written)) {
		if strings.HasSuffix(a, ".") {
			continue
		}
		if table[a] == "" {
			t.Errorf("%s writes %q into the log: add it to tenants.LogActions and say it in internal/lang/messages/audit.*.json as audit.said.%s", written[a], a, a)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(table)) {
		if !slices.Contains(tenants.LogTopics(), table[a]) {
			t.Errorf("%s has the topic %q, which is none", a, table[a])
		}
		prefix, _, _ := strings.Cut(a, ".")
		if written[a] == "" && written[prefix+"."] == "" {
			t.Errorf("tenants.LogActions has %q, which nothing writes", a)
		}
		for _, l := range lang.Locales() {
			key := "audit.said." + a
			if a == "collection.visibility" {
				key += ".public"
			}
			if s := lang.T(lang.With(t.Context(), l), key, "Who", "X", "What", "X", "Item", "X", "Other", "X", "Version", "1", "Rows", 1); strings.Contains(s, "⟦") {
				t.Errorf("%s has no sentence in %s: %s", a, l, s)
			}
		}
	}
}

// actionsIn are the actions that a function hands to Audit or to note: a text, the beginning of one that is put together, or what the
// variable that it passes is set to.
func actionsIn(fn *ast.FuncDecl) (out []string) {
	var from func(e ast.Expr)
	from = func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(e.Value); err == nil && strings.Contains(s, ".") {
				out = append(out, s)
			}
		case *ast.BinaryExpr:
			from(e.X)
		case *ast.Ident:
			ast.Inspect(fn, func(n ast.Node) bool {
				if as, ok := n.(*ast.AssignStmt); ok && len(as.Lhs) == len(as.Rhs) {
					for i, l := range as.Lhs {
						if x, ok := l.(*ast.Ident); ok && x.Name == e.Name {
							if lit, ok := as.Rhs[i].(*ast.BasicLit); ok {
								from(lit)
							}
						}
					}
				}
				return true
			})
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok || len(c.Args) < 3 {
			return true
		}
		name := ""
		switch f := c.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if name == "Audit" || name == "note" {
			from(c.Args[1])
		}
		if (name == "become" || name == "turn") && len(c.Args) == 5 {
			from(c.Args[3])
		}
		return true
	})
	return out
}
