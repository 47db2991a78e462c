package ui

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/a-h/templ"
)

// The families of covers. An empty family is chosen by the slug.
const (
	Braid   = "braid"
	Contour = "contour"
	Log     = "log"
	Route   = "route"
	Arcs    = "arcs"
)

var families = [...]string{Braid, Contour, Log, Route, Arcs}

// CoverProps is a drawn cover.
type CoverProps struct {
	// Slug seeds the drawing: the same slug gives the same cover for ever.
	Slug string
	// Family is one of Braid, Contour, Log, Route, Arcs, or empty.
	Family string
	// Orgs colour the lines, the first the most.
	Orgs []Org
	// Small is for thumbnails, Tall for the side of a card.
	Small, Tall bool
}

// Cover is a deterministic drawing of about one kilobyte, hidden from screen
// readers. It fills its place and is cut at the edges.
func Cover(p CoverProps) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, cover(p))
		return err
	})
}

// covers keeps drawings: a cover depends on its props alone, and lists show the same ones again and again.
var covers struct { //nolint:gochecknoglobals // A cache of a pure function.
	sync.Mutex
	drawn map[string]string
}

// coverLimit bounds the cache to a few megabytes.
const coverLimit = 4096

func cover(p CoverProps) string {
	parts := []string{p.Slug, p.Family, strconv.FormatBool(p.Tall), strconv.FormatBool(p.Small)}
	for _, o := range p.Orgs {
		parts = append(parts, OrgClass(o))
	}
	key := strings.Join(parts, "|")
	covers.Lock()
	defer covers.Unlock()
	if svg, ok := covers.drawn[key]; ok {
		return svg
	}
	if covers.drawn == nil || len(covers.drawn) >= coverLimit {
		covers.drawn = map[string]string{}
	}
	svg := draw(p)
	covers.drawn[key] = svg
	return svg
}

func draw(p CoverProps) string {
	h := fnv.New64a()
	_, _ = io.WriteString(h, p.Slug)
	seed := h.Sum64()
	family := p.Family
	if !knownFamily(family) {
		family = families[seed%uint64(len(families))]
	}
	orgs := p.Orgs
	if len(orgs) == 0 {
		orgs = []Org{{}}
	}
	d := drawing{r: rand.New(rand.NewPCG(seed, 7)), w: 320, h: 120, orgs: orgs, small: p.Small} //nolint:gosec // G404: a picture, not a secret
	if p.Tall {
		d.w, d.h = 260, 240
	}
	if p.Small {
		d.w, d.h = 124, 84
	}
	fmt.Fprintf(&d.b, `<svg class="cover" viewBox="0 0 %d %d" preserveAspectRatio="xMidYMid slice" aria-hidden="true">`, d.w, d.h)
	switch family {
	case Braid:
		d.braid()
	case Contour:
		d.contour()
	case Log:
		d.log()
	case Route:
		d.route()
	default:
		d.arcs()
	}
	d.b.WriteString(`</svg>`)
	return d.b.String()
}

func knownFamily(f string) bool {
	return slices.Contains(families[:], f)
}

type drawing struct {
	b     strings.Builder
	r     *rand.Rand
	w, h  int
	orgs  []Org
	small bool
}

func (d *drawing) org(i int) Org { return d.orgs[i%len(d.orgs)] }

// path writes strokes of one organization; attributes are further SVG ones.
func (d *drawing) path(o Org, attributes, data string) {
	fmt.Fprintf(&d.b, `<path class="%s"%s d="%s"/>`, OrgClass(o), attributes, data)
}

// numbers writes a path command with its numbers. It stands for fmt, which
// would take most of a page's time.
func numbers(b *strings.Builder, command string, n ...int) {
	var buf [8]byte
	b.WriteString(command)
	for i, v := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.Write(strconv.AppendInt(buf[:0], int64(v), 10))
	}
}

func (d *drawing) between(low, high int) int { return low + d.r.IntN(max(high-low, 1)) }

// braid: lines from everywhere that come to run side by side.
func (d *drawing) braid() {
	n := 9
	if d.small {
		n = 6
	}
	middle := d.h * 46 / 100
	for o := range d.orgs {
		var thin, bold strings.Builder
		for i := o; i < n; i += len(d.orgs) {
			b := &thin
			if i%3 == 1 {
				b = &bold
			}
			from := d.between(d.h*12/100, d.h*92/100)
			dip := d.between(d.h*25/100, d.h*75/100)
			to := middle + (i-n/2)*max(d.h/22, 4)
			fmt.Fprintf(b, "M-4 %dC%d %d %d %d %d %dS%d %d %d %d", from, d.w/5, from, d.w*3/10, dip, d.w/2, (dip+to)/2, d.w*7/10, to, d.w+4, to)
		}
		if thin.Len() > 0 {
			d.path(d.org(o), ` stroke-width="1.6"`, thin.String())
		}
		if bold.Len() > 0 {
			d.path(d.org(o), ` stroke-width="3" opacity=".7"`, bold.String())
		}
	}
}

// contour: rings of a height map.
func (d *drawing) contour() {
	cx, cy := float64(d.w)*(.35+.3*d.r.Float64()), float64(d.h)*(.4+.2*d.r.Float64())
	const points = 10
	rings := 9
	if d.small {
		rings = 6
	}
	paths := make([]strings.Builder, len(d.orgs))
	step := float64(max(d.w, d.h)) / float64(rings) / 1.75
	var wobble [points]float64
	for i := range wobble {
		wobble[i] = .8 + .4*d.r.Float64()
	}
	for ring := range rings {
		b := &paths[(ring/2)%len(d.orgs)]
		radius := step * (float64(ring) + .4)
		var x, y [points]int
		for i := range points {
			wobble[i] = 1 + (wobble[i]-1)*.85 + (d.r.Float64()-.5)*.2
			a := 2 * math.Pi * float64(i) / points
			x[i], y[i] = int(cx+1.2*radius*wobble[i]*math.Cos(a)), int(cy+.85*radius*wobble[i]*math.Sin(a))
		}
		// Quadratic curves through the middles of neighbouring points close
		// smoothly; relative numbers keep them short.
		px, py := (x[points-1]+x[0])/2, (y[points-1]+y[0])/2
		fmt.Fprintf(b, "M%d %d", px, py)
		for i := range points {
			j := (i + 1) % points
			qx, qy := (x[i]+x[j])/2, (y[i]+y[j])/2
			numbers(b, "q", x[i]-px, y[i]-py, qx-px, qy-py)
			px, py = qx, qy
		}
	}
	for i := range paths {
		if paths[i].Len() > 0 {
			d.path(d.orgs[i], ` stroke-width="1.2" opacity=".85"`, strings.ReplaceAll(paths[i].String(), " -", "-"))
		}
	}
}

// log: a logger's bars with the limit above them.
func (d *drawing) log() {
	const pitch = 6.5
	var low, high strings.Builder
	phase, limit := d.r.Float64()*6, d.h*30/100
	n := int(float64(d.w-16) / pitch)
	for i := range n {
		t := float64(i) / float64(n)
		v := .36 + .2*math.Sin(phase+t*7) + .1*math.Sin(phase*2+t*19) + .06*d.r.Float64()
		if len(d.orgs) > 1 && t > .12 && t < .36 {
			v += .36 * math.Sin((t-.12)/.24*math.Pi)
		}
		top := float64(d.h) * (.94 - max(v, .1)*.95)
		b := &low
		if len(d.orgs) > 1 && int(top) < limit {
			b = &high
		}
		numbers(b, "M", 10+int(float64(i)*pitch), d.h*94/100)
		numbers(b, "V", int(top))
	}
	d.path(d.org(0), ` stroke-width="3.4" opacity=".6"`, low.String())
	if high.Len() > 0 {
		d.path(d.org(1), ` stroke-width="3.4"`, high.String())
	}
	fmt.Fprintf(&d.b, `<path class="cover-ink" stroke-dasharray="2 3" d="M8 %dH%d"/>`, limit, d.w-8)
}

// route: parallel lines through stations.
func (d *drawing) route() {
	n := min(max(len(d.orgs), 2), 3)
	stops := 6
	if d.small || d.w < 300 {
		stops = 4
	}
	gap, pitch := 6, d.w/(stops-1)
	y := make([]int, stops)
	for i := range y {
		y[i] = d.between(d.h*30/100, d.h*70/100)
	}
	start := -pitch / 3
	x := func(i int) int { return start + i*(d.w+2*pitch/3)/(stops-1) }
	for line := range n {
		var b strings.Builder
		off := (line - n/2) * gap
		fmt.Fprintf(&b, "M%d %d", x(0), y[0]+off)
		for i := 1; i < stops; i++ {
			mid := (x(i-1) + x(i)) / 2
			fmt.Fprintf(&b, "C%d %d %d %d %d %d", mid, y[i-1]+off, mid, y[i]+off, x(i), y[i]+off)
		}
		d.path(d.org(line), ` stroke-width="3.2"`, b.String())
	}
	var b strings.Builder
	for i := range stops {
		height := n*gap + 10
		fmt.Fprintf(&b, "M%d %dv%d", x(i), y[i]-n/2*gap-height/2+n*gap/2-gap/2, height)
	}
	fmt.Fprintf(&d.b, `<path class="cover-stop" d="%s"/><path class="cover-stop-in" d="%[1]s"/>`, b.String())
}

// arcs: rings that spread from a few places on the ground and run through each other.
func (d *drawing) arcs() {
	n := d.between(3, 6)
	if d.small {
		n = 2
	}
	n = max(n, len(d.orgs))
	paths := make([]strings.Builder, len(d.orgs))
	for i := range n {
		b := &paths[i%len(d.orgs)]
		x := d.w*(2*i+1)/(2*n) + d.between(-d.w/(4*n), d.w/(4*n))
		step := d.h * d.between(11, 19) / 100
		for r := step; r < d.h*d.between(45, 95)/100+step; r += step {
			numbers(b, "M", x-r, d.h+2)
			numbers(b, "a", r, r, 0, 0, 1, 2*r, 0)
		}
	}
	for i := range paths {
		d.path(d.org(i), ` stroke-width="1.4" opacity=".85"`, paths[i].String())
	}
}
