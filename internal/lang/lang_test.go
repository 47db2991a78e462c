package lang_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/lang"
)

func TestT(t *testing.T) {
	t.Parallel()
	en := lang.With(t.Context(), lang.En)
	de := lang.With(t.Context(), lang.De)
	tests := []struct{ name, got, want string }{
		{"plain", lang.T(en, "ui.skip"), "Skip to content"},
		{"german", lang.T(de, "ui.skip"), "Zum Inhalt springen"},
		{"one", lang.T(en, "ui.form.faults", "Count", 1), "One thing needs another look"},
		{"other", lang.T(en, "ui.form.faults", "Count", 1284), "1,284 things need another look"},
		{"german plural", lang.T(de, "ui.form.faults", "Count", 1284), "1.284 Angaben brauchen einen zweiten Blick"},
		{"missing", lang.T(de, "ui"+".nothing"), "⟦ui.nothing⟧"},
		{"minutes", lang.Minutes(en, 18), "18 min"},
		{"hours", lang.Minutes(en, 160), "2 h 40 min"},
		{"hours german", lang.Minutes(de, 160), "2 Std. 40 Min."},
		{"percent", lang.Percent(en, .81), "81%"},
		{"percent german", lang.Percent(de, .81), "81\u00a0%"},
		{"nearly all", lang.Percent(en, .999), "99%"},
		{"too much", lang.Percent(en, 1.2), "100%"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]lang.Locale{
		"": lang.En, "de-CH,de;q=0.9,en;q=0.8": lang.De, "fr": lang.En, "en-GB": lang.En, ";;": lang.En,
	} {
		if got := lang.Match(in); got != want {
			t.Errorf("Match(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("St. John's", -9000)
	now := time.Date(2026, 11, 21, 14, 0, 0, 0, zone)
	en, de := lang.With(t.Context(), lang.En), lang.With(t.Context(), lang.De)
	for _, tt := range []struct {
		ago    time.Duration
		en, de string
	}{
		{10 * time.Second, "Now", "Jetzt"},
		{12 * time.Minute, "12 min", "12 Min."},
		{2 * time.Hour, "2 h", "2 Std."},
		{15 * time.Hour, "Yesterday", "Gestern"},
		{9 * 24 * time.Hour, "12 Nov", "12. Nov."},
		{365 * 24 * time.Hour, "21 Nov 2025", "21. Nov. 2025"},
	} {
		if got := lang.Ago(en, now, now.Add(-tt.ago).UTC()); got != tt.en {
			t.Errorf("Ago %s = %q, want %q", tt.ago, got, tt.en)
		}
		if got := lang.Ago(de, now, now.Add(-tt.ago).UTC()); got != tt.de {
			t.Errorf("Ago %s = %q, want %q", tt.ago, got, tt.de)
		}
	}
}

var (
	call        = regexp.MustCompile(`\bT\([^,"()]*(?:\([^()]*\))?[^,"()]*,\s*"([a-z0-9_.\-]+)"(\s*\+)?`)
	literal     = regexp.MustCompile(`"([a-z]+\.[a-z0-9_.\-]+)"`)
	start       = regexp.MustCompile(`"([a-z]+\.[a-z0-9_.\-]*)(?:%|"\s*\+)`)
	placeholder = regexp.MustCompile(`\{\{\s*\.(\w+)\s*\}\}`)
)

// TestMessages holds sources and message files together: every key that is
// used has a text in each language, every text is used, and the placeholders
// agree. A key that is put together starts as a literal that is followed by +
// or a verb of fmt, as in lang.T(ctx, "ui.month."+n), and counts for all keys
// that start so. A key that is passed on as data is any literal equal to it.
// keyed is the beginning of a message, each on a line of its own.
var keyed = regexp.MustCompile(`(?m)^  "[^"]+": `)

func TestMessages(t *testing.T) {
	t.Parallel()
	texts := map[string]map[string]map[string]string{} // locale, key, form
	files, err := filepath.Glob("messages/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no message files: %v", err)
	}
	for _, file := range files {
		room, rest, _ := strings.Cut(filepath.Base(file), ".")
		locale := strings.TrimSuffix(rest, ".json")
		if _, ok := lang.Parse(locale); !ok {
			t.Errorf("%s: unknown locale", file)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var raw map[string]any
		if err := json.Unmarshal(data, &raw); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if n := len(keyed.FindAll(data, -1)); n != len(raw) {
			t.Errorf("%s: %d keys and %d texts: one stands there twice, each on a line of its own", file, len(raw), n)
		}
		if texts[locale] == nil {
			texts[locale] = map[string]map[string]string{}
		}
		for key, value := range raw {
			if !strings.HasPrefix(key, room+".") {
				t.Errorf("%s: key %s does not start with its room", file, key)
			}
			forms := map[string]string{}
			switch v := value.(type) {
			case string:
				forms["other"] = v
			case map[string]any:
				for form, text := range v {
					s, ok := text.(string)
					if !ok || (form != "one" && form != "other") {
						t.Errorf("%s: %s has a form %q that is not a text of one or other", file, key, form)
					}
					forms[form] = s
				}
				if forms["one"] == "" || forms["other"] == "" {
					t.Errorf("%s: %s needs the forms one and other", file, key)
				}
			default:
				t.Errorf("%s: %s is neither text nor plural", file, key)
			}
			texts[locale][key] = forms
		}
	}

	used, literals, prefixes := map[string]string{}, map[string]bool{}, []string{}
	root := filepath.Join("..", "..")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "vendor" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		source := strings.HasSuffix(path, ".templ") || strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_templ.go") && !strings.HasSuffix(path, "_test.go")
		if d.IsDir() || !source {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range call.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(m[1], ".") && m[2] == "" {
				used[m[1]] = path
			}
		}
		for _, m := range start.FindAllStringSubmatch(string(data), -1) {
			prefixes = append(prefixes, m[1])
		}
		for _, m := range literal.FindAllStringSubmatch(string(data), -1) {
			literals[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	for key, path := range used {
		for _, l := range lang.Locales() {
			if _, ok := texts[string(l)][key]; !ok {
				t.Errorf("%s uses %s, which has no text in %s", path, key, l)
			}
		}
	}
	for locale, keys := range texts {
		for key := range keys {
			if _, ok := texts["en"][key]; !ok {
				t.Errorf("%s has %s, which English lacks", locale, key)
			}
			inPrefix := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
			if used[key] == "" && !literals[key] && !inPrefix {
				t.Errorf("%s: %s is never used", locale, key)
			}
		}
	}
	for key, en := range texts["en"] {
		for _, l := range lang.Locales()[1:] {
			other, ok := texts[string(l)][key]
			if !ok {
				t.Errorf("%s is not translated to %s", key, l)
				continue
			}
			if diff := cmp.Diff(holes(en), holes(other)); diff != "" {
				t.Errorf("%s: placeholders of en and %s differ:\n%s", key, l, diff)
			}
		}
	}
}

func holes(forms map[string]string) []string {
	var all []string
	for _, text := range forms {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
