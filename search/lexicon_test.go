package search

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{{"probe", "probe", 0}, {"probe", "prob", 1}, {"probe", "porbe", 1}, {"probe", "robe", 1}, {"calibraton", "calibration", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"", "ab", 2}} { //nolint:misspell // As people type it.
		for _, p := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
			if got := distance([]rune(p[0]), []rune(p[1]), 5); got != tt.want {
				t.Errorf("distance(%q, %q) = %d, want %d", p[0], p[1], got, tt.want)
			}
		}
		if got := distance([]rune(tt.a), []rune(tt.b), 1); got != min(tt.want, 2) {
			t.Errorf("distance(%q, %q) beyond the limit is %d", tt.a, tt.b, got)
		}
	}
}

func TestUnderstand(t *testing.T) {
	t.Parallel()
	lex := NewLexicon([]Word{
		{"probe", 40, 3},
		{"probes", 9, 3},
		{"calibration", 12, 3},
		{"calibrate", 5, 2},
		{"door", 50, 3},
		{"alarm", 30, 3},
		{"alarms", 20, 3},
		{"workflow", 4, 1},
		{"2025", 9, 3},
		{"fuhler", 4, 1},
		{"form", 100, 5},
		{"from", 900, 5},
		{"lorries", 3, 1},
	})
	for _, tt := range []struct {
		name, text string
		typing     bool
		want       Terms
	}{
		{"as it is", "door probe", false, Terms{Words: [][]string{{"door"}, {"probe"}}, Typed: []string{"door", "probe"}, Phrase: "door probe", Asked: true}},
		{"a typing error", "calibraton", false, Terms{Words: [][]string{{"calibration", "calibraton"}}, Typed: []string{"calibraton"}, Phrase: "calibration", Corrections: []Correction{{"calibraton", "calibration"}}, Asked: true}}, //nolint:misspell // As people type it.
		{"unfinished", "cal", true, Terms{Words: [][]string{{"cal", "calibration", "calibrate"}}, Typed: []string{"cal"}, Phrase: "cal", Asked: true}},
		{"a year is no other", "2024", false, Terms{Words: [][]string{{"2024"}}, Typed: []string{"2024"}, Phrase: "2024", Asked: true}},
		{"written together", "dooralarm", false, Terms{Words: [][]string{{"door"}, {"alarm"}}, Typed: []string{"door", "alarm"}, Phrase: "door alarm", Asked: true}},
		{"written apart", "work flow", false, Terms{Words: [][]string{{"work", "workflow"}, {"flow", "workflow"}}, Typed: []string{"work", "flow"}, Phrase: "work flow", Asked: true}},
		{"umlaut spelled out", "Fuehler", false, Terms{Words: [][]string{{"fuhler"}}, Typed: []string{"fuehler"}, Phrase: "fuhler", Asked: true}},
		{"a synonym", "truck", false, Terms{Words: [][]string{{"truck", "lorries"}}, Typed: []string{"truck"}, Phrase: "truck", Asked: true}},
		{"nothing", " ?! ", false, Terms{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, understand(lex, tt.text, tt.typing, map[string][]string{"truck": {"lorries"}})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzUnderstand(f *testing.F) {
	for _, s := range []string{"door alarm", "Kühlkette", "冷鏈 監控", "don't", "x\x00y", "\xff\xfe", "ﬁeld", strings.Repeat("ab ", 300)} {
		f.Add(s)
	}
	lex := NewLexicon([]Word{{"door", 3, 1}, {"alarm", 2, 1}})
	f.Fuzz(func(t *testing.T, s string) {
		n := normalize(s)
		if !utf8.ValidString(n) || strings.ContainsAny(n, "{}\",\\\x00") || strings.Contains(n, "  ") || strings.TrimSpace(n) != n {
			t.Fatalf("normalize(%q) = %q", s, n)
		}
		u := understand(lex, s, len(s)%2 == 0, nil)
		if len(u.Words) > maxTerms || len(u.Words) != len(u.Typed) {
			t.Fatalf("%q becomes %+v", s, u)
		}
		for _, w := range u.Words {
			if len(w) == 0 || w[0] == "" {
				t.Fatalf("%q becomes %+v", s, u)
			}
		}
		mark(s, u)
		snippet("", s, u)
	})
}

// vocabulary makes n words that look like words.
func vocabulary(n int) []Word {
	rnd := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("an ber cal con de er fi ga hal in ka la ma no or pe qua ra sol tion ur ve wa xe yo zu ment ing ly st")
	out := make([]Word, n)
	for i := range out {
		var b strings.Builder
		for range 2 + rnd.IntN(4) {
			b.WriteString(syllables[rnd.IntN(len(syllables))])
		}
		out[i] = Word{b.String(), 1 + rnd.IntN(500), 1}
	}
	return out
}

func BenchmarkNear(b *testing.B) {
	lex := NewLexicon(vocabulary(200000))
	b.ReportMetric(float64(lex.Len()), "words")
	for b.Loop() {
		lex.Near("calibermetion", 2, 4)
	}
}
