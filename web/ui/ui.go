// Package ui is the design system: the document around every page and the
// components on it, rendered on the server by templ.
//
// The contract. A component takes one props struct of plain data, permissions
// as booleans and addresses as strings; it asks nothing, decides nothing about
// who may see what, and cannot fail. What is empty is left out: a control whose
// address is empty does not appear. Words that the software says come from
// lang; words of people and of content come in through props, already in the
// reader's language. Text is escaped here; only Prose takes HTML, which the
// caller has sanitized.
//
// Provenance colours, the viewer's own brand acts. Buttons, links, focus and
// progress take the custom properties that the brand stylesheet sets on the
// root. Another organization's colour appears only on strands, monograms,
// avatar rings, covers and bars, through OrgClass on that element, never on a
// container.
//
// Pages live with a content security policy without inline style or script:
// no style attributes, no event attributes, no style or script elements with
// content. Widths are classes w-0 to w-100 or SVG attributes. Everything that
// can be read and submitted works without script; htmx saves round trips, and
// every htmx element carries its own hx-target and hx-swap.
//
// The package knows no database, no router and no services; handlers, rooms'
// pages and mails may call it.
package ui

import (
	"context"
	"hash/fnv"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui/static"
)

// Org is an organization as far as a page shows it.
type Org struct {
	ID, Slug, Name string
	// Short is the two-letter monogram. Empty means the name's first two letters.
	Short string
	// Hue is the brand's OKLCH hue in degrees, 0..359.
	Hue int
	// Chroma is the brand's OKLCH chroma, 0..0.15; 0 is a grey brand.
	Chroma float64
}

// OrgClass returns the classes that put an organization's provenance colours on
// one element: "org h180 c09". The hue is rounded to 5 degrees, the chroma to
// hundredths. Never set it on a container: it would recolour what is inside.
func OrgClass(o Org) string {
	hue := (((o.Hue%360)+360)%360 + 2) / 5 * 5 % 360
	chroma := int(min(max(o.Chroma, 0), .15)*100 + .5)
	return "org h" + strconv.Itoa(hue) + " c" + strconv.Itoa(chroma/10) + strconv.Itoa(chroma%10)
}

// Monogram letters of the organization.
func (o Org) monogram() string {
	if o.Short != "" {
		return o.Short
	}
	r := []rune(o.Name)
	return string(r[:min(2, len(r))])
}

// Person is somebody as others see them: the name they chose to be shown under
// and the organization they act for.
type Person struct {
	Name string
	// Org gives the avatar's ring and the line beside the name; its Name is
	// empty where the person appears without an organization.
	Org Org
	// Role is a line such as "Shift lead". Optional.
	Role string
	// Href leads to the profile. Optional.
	Href string
	// Unnamed says that Name is a description, such as "Someone at a partner",
	// which has no initials.
	Unnamed bool
}

// Initials returns the first letters of a person's first and last name.
func Initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '-' })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return strings.ToUpper(string(first) + string(last))
}

// Link is a labelled address.
type Link struct {
	Label, Href string
	// Icon is a name in the sprite. Optional.
	Icon string
	// Current marks the place the reader is at.
	Current bool
	// Count stands behind the label; below 0 or 0 it is left out.
	Count int
}

// Segment is the part of a whole that one organization contributes.
type Segment struct {
	Org Org
	// Size is a weight, such as a number of steps.
	Size int
}

func iconHref(name string) string { return static.URL("icons.svg") + "#" + name }

// percent returns a share (0..1) as whole percent, 0..100, and keeps what has
// begun above 0 and what is unfinished below 100.
func percent(share float64) int {
	p := int(min(max(share, 0), 1)*100 + .5)
	if share > 0 && p == 0 {
		return 1
	}
	if share < 1 && p == 100 {
		return 99
	}
	return p
}

// dashed tells which organizations of one view look too much like an earlier
// one (hues under 25 degrees apart) and therefore get a dashed strand.
func dashed(segments []Segment) []bool {
	out := make([]bool, len(segments))
	for i, s := range segments {
		for _, e := range segments[:i] {
			d := s.Org.Hue - e.Org.Hue
			if d < 0 {
				d = -d
			}
			if s.Org.ID != e.Org.ID && min(d, 360-d) < 25 {
				out[i] = true
			}
		}
	}
	return out
}

// anchor returns an id that is stable for the given parts.
func anchor(prefix string, parts ...string) string {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return prefix + "-" + strconv.FormatUint(uint64(h.Sum32()), 36)
}

func describedBy(ids ...string) templ.Attributes {
	var set []string
	for _, id := range ids {
		if id != "" {
			set = append(set, id)
		}
	}
	if len(set) == 0 {
		return nil
	}
	return templ.Attributes{"aria-describedby": strings.Join(set, " ")}
}

func locale(ctx context.Context) string { return string(lang.From(ctx)) }

func orgNames(ctx context.Context, segments []Segment) string {
	seen := map[string]bool{}
	var names []string
	for _, s := range segments {
		if s.Org.Name != "" && !seen[s.Org.Name] {
			seen[s.Org.Name] = true
			names = append(names, s.Org.Name)
		}
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return lang.T(ctx, "ui.list.and", "First", strings.Join(names[:len(names)-1], ", "), "Last", names[len(names)-1])
}
