package arch_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/arch"
)

// tests are the test functions of a house by "folder.Name", with every text that stands in each: names of parts are among them.
func tests(files []arch.File) map[string][]string {
	out := map[string][]string{}
	for _, f := range files {
		if !strings.HasSuffix(f.Path, "_test.go") {
			continue
		}
		for _, d := range f.Syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") && !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			texts := []string{}
			ast.Inspect(fn, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil {
						texts = append(texts, s)
					}
				}
				return true
			})
			out[f.Dir()+"."+fn.Name.Name] = texts
		}
	}
	return out
}

var (
	asvsItem = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	asvsTest = regexp.MustCompile("`([a-z/]+\\.(?:Test|Fuzz)\\w*)(?:/([^`]+))?`")
)

// checkASVS holds the page against the standard's items, "number level" each, and against the tests that there are: every item stands on
// it once; what applies has a test that exists, or says "not yet:" and what is missing; what does not apply says why.
func checkASVS(page string, items []string, have map[string][]string) (wrong []string) {
	level := map[string]string{}
	for _, i := range items {
		n, l, _ := strings.Cut(i, " ")
		level[n] = l
	}
	say := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	seen := map[string]bool{}
	take := func(n, l string) {
		switch {
		case level[n] == "":
			say("%s is no item of level 1 or 2", n)
		case l != "" && level[n] != l:
			say("%s is of level %s, not %s", n, level[n], l)
		case seen[n]:
			say("%s stands there twice", n)
		}
		seen[n] = true
	}
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) == 2 && asvsItem.MatchString(strings.Split(cells[0], " ")[0]): // Items that do not apply, and why.
			for n := range strings.FieldsSeq(cells[0]) {
				take(n, "")
			}
			if cells[1] == "" {
				say("%s: no reason", cells[0])
			}
		case len(cells) > 2 && asvsItem.MatchString(cells[0]):
			if len(cells) != 5 {
				say("%s: %d columns, not 5", cells[0], len(cells))
				continue
			}
			take(cells[0], cells[1])
			named := asvsTest.FindAllStringSubmatch(cells[4], -1)
			_, missing, later := strings.Cut(cells[4], "not yet:")
			if cells[2] == "" || cells[3] == "" || len(named) == 0 && (!later || strings.TrimSpace(missing) == "") {
				say("%s: neither a test nor \"not yet: …\"", cells[0])
			}
			for _, m := range named {
				if texts, ok := have[m[1]]; !ok {
					say("%s: there is no test %s", cells[0], m[1])
				} else if m[2] != "" && !slices.Contains(texts, m[2]) {
					say("%s: %s has no part %q", cells[0], m[1], m[2])
				}
			}
			if strings.Count(cells[4], "`") != 2*len(named) {
				say("%s: something in the last column is no test", cells[0])
			}
		}
	}
	for _, i := range items {
		if n, _, _ := strings.Cut(i, " "); !seen[n] {
			say("%s is missing", n)
		}
	}
	return wrong
}

// The page says of every item which test would notice its loss. Names of tests change; this notices.
func TestASVSNamesTests(t *testing.T) {
	t.Parallel()
	items, err := os.ReadFile("testdata/asvs.txt")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSpace(string(items)), "\n")
	if len(list) != 253 {
		t.Fatalf("%d items, the standard has 253 of levels 1 and 2", len(list))
	}
	for _, w := range checkASVS(string(page), list, tests(house(t))) {
		t.Error(w)
	}
}

func TestASVSFindsPlantedViolations(t *testing.T) {
	t.Parallel()
	have := map[string][]string{"web.TestOne": {"a part"}, "auth.FuzzTwo": nil}
	items := []string{"1.1.1 1", "1.1.2 2", "1.1.3 2"}
	const good = "| 1.1.1 | 1 | m | c | `web.TestOne/a part`, `auth.FuzzTwo` |\n| 1.1.2 | 2 | m | c | not yet: nothing |\n| 1.1.3 | why not |\n"
	for _, tt := range []struct {
		name, old, new string
		want           []string
	}{
		{"a page in order", "", "", nil},
		{"a test that is not there", "auth.FuzzTwo", "web.FuzzTwo", []string{"1.1.1: there is no test web.FuzzTwo"}},
		{"a part that is not there", "a part", "another", []string{`1.1.1: web.TestOne has no part "another"`}},
		{"no test and no reason", "not yet: nothing", "soon", []string{`1.1.2: neither a test nor "not yet: …"`}},
		{"a reason without words", "not yet: nothing", "not yet:", []string{`1.1.2: neither a test nor "not yet: …"`}},
		{"something else for a test", "not yet: nothing", "not yet: `x`", []string{"1.1.2: something in the last column is no test"}},
		{"twice", "| 1.1.3 |", "| 1.1.3 1.1.2 |", []string{"1.1.2 stands there twice"}},
		{"another level", "| 1.1.2 | 2 |", "| 1.1.2 | 1 |", []string{"1.1.2 is of level 2, not 1"}},
		{"missing", "| 1.1.3 | why not |\n", "", []string{"1.1.3 is missing"}},
		{"unknown", "| 1.1.3 |", "| 1.1.3 9.9.9 |", []string{"9.9.9 is no item of level 1 or 2"}},
		{"without why", "why not", "", []string{"1.1.3: no reason"}},
		{"without a control", "| m | c | not", "| m |  | not", []string{`1.1.2: neither a test nor "not yet: …"`}},
		{"a column too few", "| m | c | not", "| m | not", []string{"1.1.2: 4 columns, not 5", "1.1.2 is missing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, checkASVS(strings.Replace(good, tt.old, tt.new, 1), items, have)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
