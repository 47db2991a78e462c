package arch_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var found = regexp.MustCompile(`^(\S+\.go):(\d+)(?::\d+)?: .*\(([a-z]+)\)$`)

// TestLintFindsPlantedViolations runs golangci-lint over files that break one rule per line: a rule that finds nothing is dead.
// `make lint` names the linter in LEARNSCAPE_LINT; without it the test has nothing to say.
func TestLintFindsPlantedViolations(t *testing.T) {
	t.Parallel()
	lint := os.Getenv("LEARNSCAPE_LINT")
	if lint == "" {
		t.Skip("make lint runs this")
	}
	cmd := exec.CommandContext(t.Context(), lint, "run", "--issues-exit-code", "0", "--output.text.print-issued-lines=false", "--output.text.colors=false", "./internal/arch/testdata/planted/...")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if m := found.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			got[fmt.Sprintf("%s:%s %s", m[1], m[2], m[3])] = true
		}
	}
	linters := map[string]bool{}
	err = filepath.WalkDir("testdata/planted", func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // Read only.
		s := bufio.NewScanner(f)
		for n := 1; s.Scan(); n++ {
			_, want, ok := strings.Cut(s.Text(), "// want ")
			if !ok {
				continue
			}
			for linter := range strings.FieldsSeq(want) {
				linters[linter] = true
				// A formatter names the first line of a block that it would change.
				at := "internal/arch/" + filepath.ToSlash(p)
				if !got[fmt.Sprintf("%s:%d %s", at, n, linter)] && (linter != "gofumpt" || !anyIn(got, at, linter)) {
					t.Errorf("%s:%d: %s finds nothing", at, n, linter)
				}
			}
		}
		return s.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	// Every linter of the configuration has a planted violation.
	config, err := os.ReadFile("../../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, enabled, _ := strings.Cut(string(config), "  enable:\n")
	for line := range strings.Lines(enabled) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !ok {
			break
		}
		if !linters[name] && !slices.Contains(unplanted, name) {
			t.Errorf("%s has no planted violation", name)
		}
	}
	if t.Failed() {
		t.Logf("golangci-lint said:\n%s", out)
	}
}

// unplanted are linters that cannot be planted in one line.
var unplanted = []string{}

func anyIn(got map[string]bool, file, linter string) bool {
	for k := range got {
		if strings.HasPrefix(k, file+":") && strings.HasSuffix(k, " "+linter) {
			return true
		}
	}
	return false
}
