package sheet_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/sheet"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"words", "Tomás, of Kestrel", `"Tomás, of Kestrel"`},
		{"nothing", "", ""},
		{"a formula", "=1+1", "'=1+1"},
		{"a wide formula", "＝1+1", "'＝1+1"},
		{"a command behind a line", "\n=1+1", "\"'\r\n=1+1\""},
		{"an address", "@here", "'@here"},
		{"a telephone", "+49 30 1234", "'+49 30 1234"},
		{"a sum", "-1+1", "'-1+1"},
		{"below zero", "-0.3", "-0.3"},
		{"an apostrophe", "'s", "'s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			if err := sheet.Write(&b, [][]string{{tt.in, "n"}}); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("\ufeff"+tt.want+",n\r\n", b.String()); d != "" {
				t.Error(d)
			}
		})
	}
}
