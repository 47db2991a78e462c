package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/errs"
)

// Form says what a table may be.
type Form struct {
	Headings map[string]string // the words that name a column, in lower case
	Bytes    int               // how large it may be, whole MiB
	Rows     int               // how many lines it may have below the headings
	// Lacks returns the last word of the fault of a table whose headings lack something, "" for none.
	Lacks func(has func(column string) bool) string
	// Fault returns the message key of a fault: empty, large, encoding, table, twice, long, no_rows and what Lacks says.
	Fault func(word string) string
}

// Line is a line with something in it.
type Line struct {
	N       int  // of the file, the headings being the first
	TooMany bool // it has more cells than there are headings
	cells   map[string]string
}

// Cell is what stands in a column, without space around it.
func (l Line) Cell(column string) string { return l.cells[column] }

// Read returns the lines of a table and its headings that mean nothing. Invalid for what is none, or larger than it may be.
func (f Form) Read(data []byte) (lines []Line, skipped []string, err error) {
	bad := func(key string, args ...any) error {
		return errs.Fields(errs.Field{Name: "file", Key: f.Fault(key), Args: args})
	}
	switch data = bytes.TrimPrefix(data, []byte("\ufeff")); {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, nil, bad("empty")
	case len(data) > f.Bytes:
		return nil, nil, bad("large", "Count", f.Bytes>>20)
	case !utf8.Valid(data), bytes.IndexByte(data, 0) >= 0:
		return nil, nil, bad("encoding")
	}
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord, c.TrimLeadingSpace, c.ReuseRecord = -1, true, true
	first, _, _ := bytes.Cut(data, []byte("\n"))
	c.Comma = separator(first)
	broken := func(err error) error {
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			return bad("table", "Line", e.StartLine)
		}
		return err
	}
	head, err := c.Read()
	if err != nil {
		return nil, nil, broken(err)
	}
	column := map[string]int{}
	for i, h := range head {
		h = strings.TrimSpace(h)
		switch name := f.Headings[strings.ToLower(h)]; {
		case name == "" && h != "":
			skipped = append(skipped, clip(h, 80))
		case name == "":
		case column[name] > 0:
			return nil, nil, bad("twice", "Heading", clip(h, 80))
		default:
			column[name] = i + 1
		}
	}
	if lacks := f.Lacks(func(name string) bool { return column[name] > 0 }); lacks != "" {
		return nil, nil, bad(lacks)
	}
	width := len(head)
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, broken(err)
		}
		if len(lines) == f.Rows {
			return nil, nil, bad("long", "Count", f.Rows)
		}
		l := Line{cells: map[string]string{}}
		for name, i := range column {
			if i > len(row) {
				continue
			}
			if s := plainCell(row[i-1]); s != "" {
				l.cells[name] = strings.Clone(s)
			}
		}
		l.TooMany = slices.ContainsFunc(row[min(len(row), width):], func(s string) bool { return strings.TrimSpace(s) != "" })
		if len(l.cells) == 0 && !l.TooMany {
			continue
		}
		l.N, _ = c.FieldPos(0)
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return nil, nil, bad("no_rows")
	}
	return lines, skipped, nil
}

// separator is the one of which the headings have most.
func separator(head []byte) rune {
	best := ','
	for _, r := range ";\t" {
		if bytes.Count(head, []byte(string(r))) > bytes.Count(head, []byte(string(best))) {
			best = r
		}
	}
	return best
}

// plainCell takes away the sign that a file of this portal puts before what a spreadsheet would take for a formula.
func plainCell(s string) string {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "'"); ok && rest != "" && strings.ContainsAny(rest[:1], "=+-@") {
		return rest
	}
	return s
}

// clip leaves the first n letters, without control characters.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
