package markdown

import (
	"bytes"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Segment is a part of a text as its author wrote it: a typed block with its fence, or prose up to the next heading of level two or
// typed block.
type Segment struct {
	Kind   string // Prose or the kind of a typed block
	Source string // as written, without blank lines around it
}

var (
	fenceLine = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})[ \t]*([^ \t`]*)")
	partLine  = regexp.MustCompile(`^ {0,3}##([ \t]|$)`)
)

// Segments cuts a text into what its author works on one at a time. Joined again they are the same text but for blank lines between
// them. A text without words has none.
func Segments(src string) []Segment {
	var out []Segment
	var part []string
	kind, fence := Prose, ""
	flush := func() {
		if text := strings.Trim(strings.Join(part, "\n"), "\n"); strings.TrimSpace(text) != "" {
			out = append(out, Segment{kind, text})
		}
		part, kind = nil, Prose
	}
	for line := range strings.SplitSeq(clean(src), "\n") {
		m := fenceLine.FindStringSubmatch(line)
		switch {
		case fence != "":
			part = append(part, line)
			if m != nil && m[2] == "" && strings.HasPrefix(m[1], fence) {
				if fence = ""; kind != Prose {
					flush()
				}
			}
			continue
		case m != nil:
			if typed(m[2]) {
				flush()
				kind = m[2]
			}
			fence = m[1]
		case partLine.MatchString(line):
			flush()
		}
		part = append(part, line)
	}
	flush()
	return out
}

// Join puts segments together to a text.
func Join(list []Segment) string {
	var b strings.Builder
	for _, s := range list {
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(strings.Trim(s.Source, "\n"))
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// Fields reads what stands inside of a typed block, also when it is not complete yet. The error says what cannot be read.
func (s Segment) Fields() (Fields, error) {
	var f Fields
	_, body, _ := strings.Cut(s.Source, "\n")
	if at := strings.LastIndexByte(body, '\n'); at >= 0 {
		body = body[:at+1]
	} else {
		body = ""
	}
	if strings.TrimSpace(body) == "" {
		return f, nil
	}
	dec := yaml.NewDecoder(strings.NewReader(body))
	dec.KnownFields(true)
	return f, dec.Decode(&f)
}

// Typed is a typed block with the fields, as its author would write it.
func Typed(kind string, f Fields) (Segment, error) {
	var body bytes.Buffer
	enc := yaml.NewEncoder(&body)
	enc.SetIndent(2)
	if err := enc.Encode(f); err != nil {
		return Segment{}, err
	}
	if strings.TrimSpace(body.String()) == "{}" {
		body.Reset()
	}
	fence := "```"
	for strings.Contains(body.String(), fence) {
		fence += "`"
	}
	return Segment{kind, fence + kind + "\n" + body.String() + fence}, nil
}
