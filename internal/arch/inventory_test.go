package arch_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/arch"
)

// broken are algorithms, and randomness that can be guessed, which nothing in a portal may use.
var broken = []string{"crypto/des", "crypto/dsa", "crypto/md5", "crypto/rc4", "crypto/sha1", "math/rand", "math/rand/v2"}

// dice are the files that may throw some: for the order of questions and options, for covers, and for the life of the demonstration.
var dice = []string{"courses/question.go", "courses/check.go", "web/ui/cover.go", "cmd/learnscape/demo/life.go"}

// checkCryptography finds what a portal's packages do with cryptography: the standard library's and two libraries', never anything broken.
func checkCryptography(files []arch.File) (uses map[string][]string, wrong []string) {
	uses = map[string][]string{}
	for _, f := range files {
		if !serving(f) {
			continue
		}
		for _, i := range f.Imports {
			switch {
			case i == "math/rand/v2" && slices.Contains(dice, f.Path):
			case slices.Contains(broken, i), strings.Contains(i, "crypt") && i != "crypto" && !strings.HasPrefix(i, "crypto/"):
				wrong = append(wrong, f.Path+" imports "+i)
			case i == "crypto", strings.HasPrefix(i, "crypto/"), strings.HasPrefix(i, "github.com/go-jose/"), strings.HasPrefix(i, "github.com/go-webauthn/"):
				if !slices.Contains(uses[f.Dir()], i) {
					uses[f.Dir()] = append(uses[f.Dir()], i)
				}
			}
		}
	}
	for dir := range uses {
		slices.Sort(uses[dir])
	}
	return uses, wrong
}

var cryptoRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| ([^|]+) \\| ([^|]+) \\|$")

// The inventory on the page is what the code does: each package that touches cryptography, with what it takes, and what for.
func TestCryptography(t *testing.T) {
	t.Parallel()
	uses, wrong := checkCryptography(house(t))
	for _, w := range wrong {
		t.Error(w)
	}
	b, err := os.ReadFile("../../docs/cryptography.md")
	if err != nil {
		t.Fatal(err)
	}
	page := map[string][]string{}
	for _, m := range cryptoRow.FindAllStringSubmatch(string(b), -1) {
		page[m[1]] = strings.Split(m[2], ", ")
	}
	if diff := cmp.Diff(uses, page); diff != "" {
		t.Errorf("docs/cryptography.md (-code +page):\n%s", diff)
	}
}

func TestCryptographyFindsPlantedViolations(t *testing.T) {
	t.Parallel()
	_, wrong := checkCryptography(plant(t, map[string]string{
		"auth/a.go": "crypto/sha256 crypto/md5", "tenants/b.go": "math/rand/v2", "courses/c.go": "golang.org/x/crypto/scrypt", "courses/c_test.go": "crypto/md5",
	}))
	slices.Sort(wrong)
	if diff := cmp.Diff([]string{"auth/a.go imports crypto/md5", "courses/c.go imports golang.org/x/crypto/scrypt", "tenants/b.go imports math/rand/v2"}, wrong); diff != "" {
		t.Error(diff)
	}
}

// formats are the functions of fmt that take a format, and where it stands among what they are given.
var formats = map[string]int{"Sprintf": 0, "Printf": 0, "Errorf": 0, "Fprintf": 1, "Appendf": 1, "Sscanf": 1}

// tables are the files whose formats stand in a table of their own.
var tables = []string{"auth/provision_filter.go"}

// checkFormats finds formats that are not written in the code: literals, names of the package, and what a function takes as a format,
// which vet checks where it is called.
func checkFormats(files []arch.File) (wrong []string) {
	names := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Syntax.Decls {
			if g, ok := d.(*ast.GenDecl); ok && (g.Tok == token.CONST || g.Tok == token.VAR) {
				for _, s := range g.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, n := range v.Names {
							names[f.Dir()+" "+n.Name] = true
						}
					}
				}
			}
		}
	}
	for _, f := range files {
		if !serving(f) || slices.Contains(tables, f.Path) {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fn, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, isName := fn.X.(*ast.Ident)
			at, isFormat := formats[fn.Sel.Name]
			if !isName || of.Name != "fmt" || !isFormat || len(call.Args) <= at {
				return true
			}
			if !written(call.Args[at], func(name string) bool { return name == "format" || names[f.Dir()+" "+name] }) {
				wrong = append(wrong, fmt.Sprintf("%s:%d formats with what it is given", f.Path, f.Lines.Position(call.Pos()).Line))
			}
			return true
		})
	}
	return wrong
}

// written reports whether a format is put together from literals and known names.
func written(e ast.Expr, known func(string) bool) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return written(e.X, known) && written(e.Y, known)
	case *ast.Ident:
		return known(e.Name)
	}
	return false
}

func TestFormatsAreWritten(t *testing.T) {
	t.Parallel()
	for _, w := range checkFormats(house(t)) {
		t.Error(w)
	}
	planted, err := arch.Parse(fstest.MapFS{"courses/a.go": {Data: []byte("package courses\n\nimport \"fmt\"\n\nconst known = \"%d\"\n\nfunc f(given string) {\n\tfmt.Printf(known+\"x\", 1)\n\tfmt.Printf(given)\n}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"courses/a.go:9 formats with what it is given"}, checkFormats(planted)); diff != "" {
		t.Error(diff)
	}
}

// The pages' own script takes no text for code or for markup, and sets no property whose name comes from outside.
func TestOwnScriptRunsNoText(t *testing.T) {
	t.Parallel()
	never := regexp.MustCompile(`\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|__proto__|Object\.assign|\bsetTimeout\("|\w\[\w+\]\s*=[^=]`)
	for _, name := range []string{"own.js", "theme.js"} {
		b, err := os.ReadFile("../../web/ui/static/js/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range never.FindAllString(string(b), -1) {
			t.Errorf("%s: %s", name, m)
		}
	}
	for _, planted := range []string{"eval(x)", "el.innerHTML = x", "o[k] = v", "Object.assign(a, b)"} {
		if !never.MatchString(planted) {
			t.Errorf("%q is not found", planted)
		}
	}
}

// checkLimits finds rows of a page whose figure is not the constant's at the place that they name, as it is written there.
func checkLimits(page string, files []arch.File) (n int, wrong []string) {
	have := map[string]string{}
	for _, f := range files {
		for _, d := range f.Syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok || len(v.Names) != len(v.Values) {
					continue
				}
				for i, name := range v.Names {
					var b strings.Builder
					if err := printer.Fprint(&b, f.Lines, v.Values[i]); err == nil {
						have[f.Path+" "+name.Name] = b.String()
					}
				}
			}
		}
	}
	for _, m := range limitRow.FindAllStringSubmatch(page, -1) {
		n++
		if have[m[2]] != m[1] {
			wrong = append(wrong, m[2]+" is "+have[m[2]]+", not "+m[1])
		}
	}
	return n, wrong
}

var limitRow = regexp.MustCompile("(?m)^\\| [^|]+ \\| ([^|]+) \\| `([^`]+)` \\|$")

// The limits that a page promises are those that hold.
func TestLimits(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	n, wrong := checkLimits(string(b), house(t))
	for _, w := range wrong {
		t.Error(w)
	}
	if n < 50 {
		t.Errorf("%d limits on the page: the test does not read it", n)
	}
	_, wrong = checkLimits(strings.Replace(string(b), "| 4000 |", "| 40000 |", 1), house(t))
	if diff := cmp.Diff([]string{"courses/tree.go MaxFiles is 4000, not 40000"}, wrong); diff != "" {
		t.Errorf("a planted figure: %s", diff)
	}
}

// checkTexts finds texts that are asked for by name without a value for one of their placeholders: people would read "<no value>" there.
func checkTexts(files []arch.File, texts map[string]string) (wrong []string) {
	for _, f := range files {
		if f.IsTest() {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 || call.Ellipsis.IsValid() {
				return true
			}
			if of, ok := call.Fun.(*ast.SelectorExpr); !ok || of.Sel.Name != "T" || fmt.Sprint(of.X) != "lang" {
				return true
			}
			key, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				return true
			}
			given := map[string]bool{}
			for i := 2; i < len(call.Args); i += 2 {
				if name, ok := call.Args[i].(*ast.BasicLit); ok {
					given[strings.Trim(name.Value, `"`)] = true
				}
			}
			for _, m := range placeholder.FindAllStringSubmatch(texts[strings.Trim(key.Value, `"`)], -1) {
				if !given[m[1]] {
					wrong = append(wrong, fmt.Sprintf("%s:%d gives %s no %s", f.Path, f.Lines.Position(call.Pos()).Line, key.Value, m[1]))
				}
			}
			return true
		})
	}
	return wrong
}

var placeholder = regexp.MustCompile(`{{\.(\w+)}}`)

func TestTextsGetWhatTheyName(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	names, err := filepath.Glob("../lang/messages/*.en.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no messages: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var room map[string]json.RawMessage
		if err := json.Unmarshal(b, &room); err != nil {
			t.Fatal(err)
		}
		for key, text := range room {
			texts[key] = string(text)
		}
	}
	for _, w := range checkTexts(house(t), texts) {
		t.Error(w)
	}
	planted, err := arch.Parse(fstest.MapFS{"web/a.go": {Data: []byte("package web\n\nfunc f() {\n\tlang.T(ctx, \"a.hello\", \"Name\", n)\n\tlang.T(ctx, \"a.hello\", \"Org\", o)\n}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`web/a.go:5 gives "a.hello" no Name`}, checkTexts(planted, map[string]string{"a.hello": `"Hello {{.Name}}"`})); diff != "" {
		t.Error(diff)
	}
}
