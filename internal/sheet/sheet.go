// Package sheet owns the tables that people take away to a spreadsheet. It knows no table: whoever has rows may call it.
package sheet

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// Write writes rows as RFC 4180 has them, with CRLF and the byte order mark that spreadsheets need to read UTF-8. Every cell goes
// through Cell, in the rows themselves.
func Write(w io.Writer, rows [][]string) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	for _, r := range rows {
		for i := range r {
			r[i] = Cell(r[i])
		}
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return c.WriteAll(rows)
}

// Cell keeps a spreadsheet from running what a person wrote as a formula: such a text gets an apostrophe in front (OWASP ASVS 5.0,
// 1.2.10). A number below zero stays a number.
func Cell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", []rune(s)[0]) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && s[0] == '-' {
		return s
	}
	return "'" + s
}

// Day is a day as spreadsheets and people in every country read it, in UTC; "" for none.
func Day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
