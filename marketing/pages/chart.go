package pages

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/web/ui"
)

// Figures are written for people. Two shapes of them can be drawn: a change, such as "412 to 58" or "23 auf 93 %", and a
// share, such as "17 of 18" or "97 %". Everything else is a number to read.
var (
	change = regexp.MustCompile(`^([\d.,]+) (?:to|auf) ([\d.,]+)\s?(.{0,12})$`)
	share  = regexp.MustCompile(`^(\d+) (?:of|von) (\d+)$`)
	part   = regexp.MustCompile(`^([\d.,]+)\s?%$`)
)

// bars are the figures of a story that can be drawn, in their order. Each has a scale of its own, because no two of them count
// the same thing: a share goes to its whole, a change to the larger of its two numbers.
func bars(figures []marketing.Figure, language string) []ui.Bars {
	var out []ui.Bars
	for _, f := range figures {
		v := strings.TrimSpace(f.Value)
		var b ui.Bars
		if m := change.FindStringSubmatch(v); m != nil {
			from, to := number(m[1], language), number(m[2], language)
			whole := max(from, to)
			if m[3] == "%" {
				whole = 100
			}
			unit := m[3]
			if unit != "" {
				unit = " " + unit
			}
			b = ui.Bars{Label: f.Label, Rows: []ui.Bar{{Value: m[1] + unit, Share: from / whole, Before: true}, {Value: m[2] + unit, Share: to / whole}}}
		} else if m := share.FindStringSubmatch(v); m != nil {
			b = ui.Bars{Label: f.Label, Rows: []ui.Bar{{Value: v, Share: number(m[1], language) / number(m[2], language)}}}
		} else if m := part.FindStringSubmatch(v); m != nil {
			b = ui.Bars{Label: f.Label, Rows: []ui.Bar{{Value: v, Share: number(m[1], language) / 100}}}
		}
		if b.Drawable() {
			out = append(out, b)
		}
	}
	return out
}

// caption says where the first figure that is drawn comes from.
func caption(figures []marketing.Figure, language string) string {
	for i := range figures {
		if len(bars(figures[i:i+1], language)) > 0 {
			return figures[i].Note
		}
	}
	return ""
}

// number reads a number as the language writes it; NaN-free: what is none is 0.
func number(s, language string) float64 {
	group, point := ",", "."
	if language == "de" {
		group, point = ".", ","
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(strings.ReplaceAll(s, group, ""), point, "."), 64)
	if err != nil || n < 0 || n > 1e12 {
		return 0
	}
	return n
}
