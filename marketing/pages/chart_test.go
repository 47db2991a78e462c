package pages

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/web/ui"
)

func TestBars(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value, lang string
		want              []ui.Bar
	}{
		{"a change", "412 to 58", "en", []ui.Bar{{Value: "412", Share: 1, Before: true}, {Value: "58", Share: 58.0 / 412}}},
		{"a change in per cent has 100 as its whole", "23 to 93 %", "en", []ui.Bar{{Value: "23 %", Share: .23, Before: true}, {Value: "93 %", Share: .93}}},
		{"a change in German", "1.200 auf 600,5 €", "de", []ui.Bar{{Value: "1.200 €", Share: 1, Before: true}, {Value: "600,5 €", Share: 600.5 / 1200}}},
		{"a share", "17 of 18", "en", []ui.Bar{{Value: "17 of 18", Share: 17.0 / 18}}},
		{"per cent", "97 %", "en", []ui.Bar{{Value: "97 %", Share: .97}}},
		{"a duration is a number to read", "4 h 10", "en", nil},
		{"money is a number to read", "€9,860", "en", nil},
		{"a share of nothing", "1 of 0", "en", nil},
		{"more than the whole", "19 of 18", "en", nil},
		{"a change from nothing to nothing", "0 to 0", "en", nil},
		{"no number at all", ".. to ,,", "en", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []ui.Bar
			for _, b := range bars([]marketing.Figure{{Value: c.value, Label: "of it"}}, c.lang) {
				got = b.Rows
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// Whatever an author writes as a figure, what is drawn stays within its whole.
func FuzzBars(f *testing.F) {
	for _, s := range []string{"412 to 58", "23 auf 93 %", "17 of 18", "97 %", "0 to 0", "1 of 0", ",,, to ..", "999999999999999999999 to 1"} {
		f.Add(s, "en")
		f.Add(s, "de")
	}
	f.Fuzz(func(t *testing.T, value, lang string) {
		for _, b := range bars([]marketing.Figure{{Value: value}}, lang) {
			for _, r := range b.Rows {
				if !(r.Share >= 0 && r.Share <= 1) {
					t.Errorf("%q is drawn as %v of its whole", value, r.Share)
				}
			}
		}
	})
}
