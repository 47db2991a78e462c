package brand

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

// TestContrast repeats the measurement behind the table: every text pair and
// every line, over all hues and the chromas an organization may give.
func TestContrast(t *testing.T) {
	t.Parallel()
	const (
		surface, darkSurface = "#ffffff", "#14191e"
		bg                   = "#f7f9fb"
		ink3, darkInk3       = "#5c666e", "#98a2a8"
	)
	worst := map[string]float64{}
	check := func(name, a, b string, atLeast float64) {
		got := contrast(a, b)
		if w, ok := worst[name]; !ok || got < w {
			worst[name] = got
		}
		if got < atLeast {
			t.Errorf("%s: %s on %s has %.2f, want %.2f", name, a, b, got, atLeast)
		}
	}
	for h := range 360 {
		for _, c := range []float64{0, .03, .06, .09, .12, .15, .18} {
			p := roles(c, float64(h))
			check("on solid", p.OnSolid.Light, p.Solid.Light, 6.3)
			check("on solid dark", p.OnSolid.Dark, p.Solid.Dark, 8)
			check("on hover", p.OnSolid.Light, p.SolidHover.Light, 8)
			check("on hover dark", p.OnSolid.Dark, p.SolidHover.Dark, 8)
			check("brand on surface", p.Brand.Light, surface, 7)
			check("brand on surface dark", p.Brand.Dark, darkSurface, 9)
			check("brand on tint", p.Brand.Light, p.Tint.Light, 6.4)
			check("brand on tint dark", p.Brand.Dark, p.Tint.Dark, 8.2)
			check("brand on tint-2", p.Brand.Light, p.Tint2.Light, 5.7)
			check("brand on tint-2 dark", p.Brand.Dark, p.Tint2.Dark, 6.6)
			check("ink-3 on tint", ink3, p.Tint.Light, 5.2)
			check("ink-3 on tint dark", darkInk3, p.Tint.Dark, 5.7)
			check("strand", p.Strand.Light, surface, 3.9)
			check("strand on bg", p.Strand.Light, bg, 3.7)
			check("strand dark", p.Strand.Dark, darkSurface, 6.3)
		}
	}
	for name, w := range worst {
		t.Logf("%s: %.2f", name, w)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hex      string
		hue      int
		solid    string
		adjusted bool
	}{
		{"#2855ad", 262, "#2855ad", false},
		{"#066a5b", 178, "#066a5b", false},
		{"#ffcc00", 91, "", true},
		{"#000000", 0, "#5b5b5b", true},
	}
	for _, tt := range tests {
		p, adjusted, err := Roles(tt.hex)
		if err != nil {
			t.Fatal(err)
		}
		hue, _ := HueChroma(tt.hex)
		if hue < tt.hue-2 || hue > tt.hue+2 || adjusted != tt.adjusted {
			t.Errorf("%s: hue %d, adjusted %v; want %d, %v", tt.hex, hue, adjusted, tt.hue, tt.adjusted)
		}
		if tt.solid != "" && far(p.Solid.Light, tt.solid) {
			t.Errorf("%s: solid %s, want about %s", tt.hex, p.Solid.Light, tt.solid)
		}
		if css := p.CSS(); !strings.HasPrefix(css, ":root{--solid:light-dark(#") || strings.Contains(css, "<") {
			t.Errorf("%s: stylesheet %s", tt.hex, css)
		}
	}
	for _, bad := range []string{"", "red", "#12345", "#gg0000", "123456", "#1234567", "#+12345"} {
		if _, _, err := Roles(bad); !errors.Is(err, ErrColor) {
			t.Errorf("Roles(%q) = %v, want ErrColor", bad, err)
		}
	}
}

func far(a, b string) bool {
	x, y := channels(a), channels(b)
	for i := range x {
		if d := int(x[i]) - int(y[i]); d > 3 || d < -3 {
			return true
		}
	}
	return false
}

func channels(hex string) [3]uint8 {
	n, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		panic(err)
	}
	return [3]uint8{uint8(n >> 16), uint8(n >> 8), uint8(n)}
}

func contrast(a, b string) float64 {
	luminance := func(hex string) float64 {
		c := channels(hex)
		return .2126*linear(c[0]) + .7152*linear(c[1]) + .0722*linear(c[2])
	}
	x, y := luminance(a)+.05, luminance(b)+.05
	return max(x, y) / min(x, y)
}
