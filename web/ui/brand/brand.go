// Package brand turns the one colour that an organization gives into the role
// colours of its pages, accessible by construction.
//
// The colour's hue and chroma (cut at 0.15) are kept and its lightness is
// thrown away: every role has a fixed OKLCH lightness, so that contrast does
// not depend on what an administrator picks. The lightness table was measured
// over all hues; the test repeats that. OKLab is after Björn Ottosson,
// https://bottosson.github.io/posts/oklab/. Written by hand because a library
// would bring far more than these conversions.
package brand

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
)

// ErrColor is returned for a text that is not a colour of the form #rrggbb.
var ErrColor = errors.New("not a colour of the form #rrggbb")

// Role is one colour in its light and dark form, each as #rrggbb.
type Role struct{ Light, Dark string }

// Palette holds the role colours of one organization.
type Palette struct {
	Solid      Role // filled buttons, monograms
	OnSolid    Role // text on Solid
	SolidHover Role // Solid under the pointer
	Brand      Role // text and links on a surface or a tint
	Tint       Role // quiet fills
	Tint2      Role // stronger fills, selection
	Edge       Role // decorative borders
	Strand     Role // lines and bars, 3:1 against surface
}

// maxChroma keeps every role close to the sRGB gamut.
const maxChroma = 0.15

// Roles computes the palette of a colour given as #rrggbb. adjusted tells that
// the colour people will see differs from the given one by more than 0.1 in
// OKLCH lightness, which the administrator is told. The error is ErrColor.
func Roles(color string) (p Palette, adjusted bool, err error) {
	l, c, h, err := parse(color)
	if err != nil {
		return Palette{}, false, err
	}
	return roles(c, h), math.Abs(l-solidLight) > 0.1, nil
}

// HueChroma returns the hue in whole degrees (0..359) and the OKLCH chroma (cut
// at 0.15, 0 for greys) of a colour given as #rrggbb; 0 and 0 for anything else.
func HueChroma(color string) (hue int, chroma float64) {
	_, c, h, err := parse(color)
	if err != nil {
		return 0, 0
	}
	c = capChroma(c)
	if c == 0 {
		return 0, 0
	}
	return int(math.Round(h)) % 360, math.Round(c*1000) / 1000
}

// CSS returns a stylesheet that sets the palette's custom properties on the
// root element, light and dark through light-dark().
func (p Palette) CSS() string {
	var b strings.Builder
	b.WriteString(":root{")
	for _, r := range []struct {
		name string
		role Role
	}{
		{"solid", p.Solid},
		{"on-solid", p.OnSolid},
		{"solid-hover", p.SolidHover},
		{"brand", p.Brand},
		{"tint", p.Tint},
		{"tint-2", p.Tint2},
		{"edge", p.Edge},
		{"strand", p.Strand},
	} {
		fmt.Fprintf(&b, "--%s:light-dark(%s,%s);", r.name, r.role.Light, r.role.Dark)
	}
	b.WriteString("}\n")
	return b.String()
}

const solidLight = .47

func roles(c, h float64) Palette {
	c = capChroma(c)
	role := func(light, lightFactor, dark, darkFactor float64) Role {
		return Role{fit(light, c*lightFactor, h), fit(dark, c*darkFactor, h)}
	}
	return Palette{
		Solid:      role(solidLight, 1, .77, .86),
		OnSolid:    Role{"#ffffff", fit(.19, min(c, .02), h)},
		SolidHover: role(.41, 1, .83, .80),
		Brand:      role(.445, 1, .815, .80),
		Tint:       role(.965, .17, .262, .34),
		Tint2:      role(.925, .34, .33, .46),
		Edge:       role(.86, .5, .42, .6),
		Strand:     role(.58, 1, .72, 1),
	}
}

// capChroma also takes near greys for grey: their hue means nothing.
func capChroma(c float64) float64 {
	if c < 0.02 {
		return 0
	}
	return min(c, maxChroma)
}

func parse(color string) (l, c, h float64, err error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(color), "#")
	channels, herr := hex.DecodeString(digits)
	if !ok || len(channels) != 3 || herr != nil {
		return 0, 0, 0, fmt.Errorf("%q: %w", color, ErrColor)
	}
	r, g, b := linear(channels[0]), linear(channels[1]), linear(channels[2])
	l3 := math.Cbrt(.4122214708*r + .5363325363*g + .0514459929*b)
	m3 := math.Cbrt(.2119034982*r + .6806995451*g + .1073969566*b)
	s3 := math.Cbrt(.0883024619*r + .2817188376*g + .6299787005*b)
	l = .2104542553*l3 + .7936177850*m3 - .0040720468*s3
	a := 1.9779984951*l3 - 2.4285922050*m3 + .4505937099*s3
	bb := .0259040371*l3 + .7827717662*m3 - .8086757660*s3
	return l, math.Hypot(a, bb), math.Mod(math.Atan2(bb, a)*180/math.Pi+360, 360), nil
}

// fit returns the colour with its chroma bisected down until sRGB can show it.
func fit(l, c, h float64) string {
	r, g, b := rgb(l, c, h)
	if !inGamut(r, g, b) {
		low, high := 0.0, c
		for range 22 {
			mid := (low + high) / 2
			if inGamut(rgb(l, mid, h)) {
				low = mid
			} else {
				high = mid
			}
		}
		r, g, b = rgb(l, low, h)
	}
	return fmt.Sprintf("#%02x%02x%02x", encode(r), encode(g), encode(b))
}

func inGamut(r, g, b float64) bool {
	const e = 1e-4
	return r > -e && r < 1+e && g > -e && g < 1+e && b > -e && b < 1+e
}

// rgb converts OKLCH to linear sRGB.
func rgb(l, c, h float64) (r, g, b float64) {
	sin, cos := math.Sincos(h * math.Pi / 180)
	a, bb := c*cos, c*sin
	l3, m3, s3 := l+.3963377774*a+.2158037573*bb, l-.1055613458*a-.0638541728*bb, l-.0894841775*a-1.2914855480*bb
	l3, m3, s3 = l3*l3*l3, m3*m3*m3, s3*s3*s3
	return 4.0767416621*l3 - 3.3077115913*m3 + .2309699292*s3,
		-1.2684380046*l3 + 2.6097574011*m3 - .3413193965*s3,
		-.0041960863*l3 - .7034186147*m3 + 1.7076147010*s3
}

func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= .04045 {
		return x / 12.92
	}
	return math.Pow((x+.055)/1.055, 2.4)
}

func encode(x float64) uint8 {
	x = min(max(x, 0), 1)
	if x <= .0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - .055
	}
	return uint8(math.Round(x * 255))
}
