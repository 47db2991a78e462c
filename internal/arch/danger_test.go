package arch_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/arch"
)

// dangerous are packages that run, unpack or evaluate what they are given, or walk around the types; a portal needs none of them but to
// pack what it hands out, and in one place, within limits, to read what authors bring.
var dangerous = []string{"os/exec", "plugin", "unsafe", "C", "text/template", "html/template", "encoding/xml", "encoding/gob", "archive/zip", "archive/tar"}

// archives are the files that may know archives.
var archives = []string{"tenants/bundle.go", "courses/export.go", "courses/tree.go"}

// serving reports whether a file is part of a portal that serves: not of tests, commands for the desk, or the demonstration's neighbours.
func serving(f arch.File) bool {
	for _, dir := range []string{"cmd/bench", "auth/demoop", "internal/db/embedded", "internal/db/dbtest", "internal/db/plantest", "search/searchbench", "web/webtest", "web/ui/static/internal"} {
		if f.Dir() == dir || strings.HasPrefix(f.Dir(), dir+"/") {
			return false
		}
	}
	return !f.IsTest()
}

// checkDanger finds such imports, and patterns of regular expressions that are not written where they are compiled.
func checkDanger(files []arch.File) (wrong []string) {
	for _, f := range files {
		if !serving(f) {
			continue
		}
		for _, i := range f.Imports {
			if slices.Contains(dangerous, i) && (i != "archive/zip" || !slices.Contains(archives, f.Path)) {
				wrong = append(wrong, f.Path+" imports "+i)
			}
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			fn, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !strings.Contains(fn.Sel.Name, "Compile") {
				return true
			}
			of, isName := fn.X.(*ast.Ident)
			if _, isWritten := call.Args[0].(*ast.BasicLit); isName && of.Name == "regexp" && !isWritten {
				wrong = append(wrong, f.Path+" compiles a pattern that is put together")
			}
			return true
		})
	}
	return wrong
}

func TestNothingRunsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for _, w := range checkDanger(house(t)) {
		t.Error(w)
	}
	planted := plant(t, map[string]string{"courses/a.go": "os/exec", "courses/b_test.go": "os/exec", "auth/demoop/c.go": "html/template", "web/d.go": "fmt"})
	if got := checkDanger(planted); !slices.Equal(got, []string{"courses/a.go imports os/exec"}) {
		t.Errorf("planted: %v", got)
	}
}
