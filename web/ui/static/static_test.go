package static_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/ui/static"
	"github.com/learnscape/learnscape/web/ui/static/internal/pack"
)

func TestDistIsUpToDate(t *testing.T) {
	t.Parallel()
	files, err := pack.Files(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("dist", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dist/%s is not what the sources give; run go generate ./web/ui/static", name)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	url := static.URL("app.css")
	for _, tt := range []struct{ accept, want string }{
		{"", ""}, {"gzip", "gzip"}, {"gzip, deflate, br, zstd", "br"}, {"br;q=0, gzip", "gzip"}, {"identity", ""},
	} {
		body, kind, encoding, ok := static.Lookup(url, tt.accept)
		if !ok || encoding != tt.want || len(body) == 0 || kind != "text/css; charset=utf-8" {
			t.Errorf("Lookup with %q = %d bytes, %s, %q, %v; want encoding %q", tt.accept, len(body), kind, encoding, ok, tt.want)
		}
	}
	if _, _, _, ok := static.Lookup("/assets/app.css", ""); ok {
		t.Error("a path without a hash is answered")
	}
	if !static.Icons()["search"] {
		t.Error("the sprite has no search icon")
	}
}

// TestWeight holds the first visit to its budget: 60 KB, of which the page has 12.
func TestWeight(t *testing.T) {
	t.Parallel()
	total := 0
	for _, name := range []string{"app.css", "app.js", "theme.js", "icons.svg"} {
		body, _, _, _ := static.Lookup(static.URL(name), "br")
		t.Logf("%s: %d bytes brotli", name, len(body))
		total += len(body)
	}
	if total > 47_500 {
		t.Errorf("the first visit loads %d bytes, more than 47,500", total)
	}
	js, _, _, _ := static.Lookup(static.URL("app.js"), "gzip")
	if len(js) > 40_000 {
		t.Errorf("app.js takes %d bytes in gzip, more than 40,000", len(js))
	}
}

func TestStylesheetNamesOwnFontsOnly(t *testing.T) {
	t.Parallel()
	css, _, _, _ := static.Lookup(static.URL("app.css"), "")
	for part := range strings.SplitSeq(string(css), "url(") {
		if strings.HasPrefix(part, "/assets/") {
			url, _, _ := strings.Cut(part, ")")
			if _, _, _, ok := static.Lookup(url, ""); !ok {
				t.Errorf("the stylesheet asks for %s, which is not there", url)
			}
		}
	}
}

// A class without a rule does nothing, or what it was meant to do is missing. The start of a name that the page puts together counts as the name.
func TestClassesHaveRules(t *testing.T) {
	t.Parallel()
	var rules strings.Builder
	sheets, err := filepath.Glob("css/*.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sheets {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rules.Write(b)
	}
	ruled := func(class string) bool {
		end := `[^\w-]`
		if strings.HasSuffix(class, "-") {
			end = ""
		}
		return regexp.MustCompile(`\.` + class + end).MatchString(rules.String())
	}
	if ruled("nothing-looks-so") {
		t.Error("a class without a rule is not found")
	}
	named := regexp.MustCompile(`class=(?:\{ *)?"([\w -]+)"`)
	err = filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".templ") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			for class := range strings.FieldsSeq(m[1]) {
				if !ruled(class) {
					t.Errorf("%s: nothing is said of how .%s looks", path, class)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
