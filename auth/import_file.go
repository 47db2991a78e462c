package auth

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
)

// The columns of a file of people, in the order in which they are told of.
const (
	ColumnAddress = "address"
	ColumnName    = "name"
	ColumnRoles   = "roles"
	ColumnTeams   = "teams"
	ColumnAccount = "account"
)

// importRows is how many lines a file may have.
const importRows = 50_000

// ImportBytes is how large a file may be.
const ImportBytes = 8 << 20

// headings are the words that name a column, in lower case.
var headings = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"address": ColumnAddress, "email": ColumnAddress, "e-mail": ColumnAddress, "mail": ColumnAddress, "email address": ColumnAddress, "e-mail address": ColumnAddress,
	"adresse": ColumnAddress, "e-mail-adresse": ColumnAddress, "mailadresse": ColumnAddress,
	"name": ColumnName, "full name": ColumnName, "display name": ColumnName, "vollständiger name": ColumnName, "anzeigename": ColumnName,
	"role": ColumnRoles, "roles": ColumnRoles, "rolle": ColumnRoles, "rollen": ColumnRoles,
	"team": ColumnTeams, "teams": ColumnTeams,
	"account": ColumnAccount, "account id": ColumnAccount, "account-id": ColumnAccount, "account_id": ColumnAccount, "id": ColumnAccount,
	"konto": ColumnAccount, "kontonummer": ColumnAccount, "konto-id": ColumnAccount, "personalnummer": ColumnAccount,
}

// importLine is a line of a file, before it is held against who is here.
type importLine struct {
	Line                          int
	Email, Name, Roles, Teams, ID string
	TooMany                       bool // more cells than headings
}

// readPeople reads a CSV file: headings in any order, separated by commas, semicolons or tabs, in UTF-8 with or without a byte order mark.
// It returns the headings that mean nothing as well. Invalid for anything else, and for more than 50,000 rows.
func readPeople(data []byte) (lines []importLine, skipped []string, err error) {
	bad := func(key string, args ...any) error {
		return errs.Fields(errs.Field{Name: "file", Key: "link.import.bad." + key, Args: args})
	}
	switch data = bytes.TrimPrefix(data, []byte("\ufeff")); {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, nil, bad("empty")
	case len(data) > ImportBytes:
		return nil, nil, bad("large", "Count", ImportBytes>>20)
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
		switch name := headings[strings.ToLower(h)]; {
		case name == "" && h != "":
			skipped = append(skipped, clip(h, 80))
		case name == "":
		case column[name] > 0:
			return nil, nil, bad("twice", "Heading", clip(h, 80))
		default:
			column[name] = i + 1
		}
	}
	if column[ColumnAddress] == 0 {
		return nil, nil, bad("no_address")
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
		if len(lines) == importRows {
			return nil, nil, bad("long", "Count", importRows)
		}
		cell := func(name string) string {
			i := column[name]
			if i == 0 || i > len(row) {
				return ""
			}
			return strings.Clone(plainCell(row[i-1]))
		}
		l := importLine{Email: cell(ColumnAddress), Name: cell(ColumnName), Roles: cell(ColumnRoles), Teams: cell(ColumnTeams), ID: cell(ColumnAccount)}
		l.TooMany = slices.ContainsFunc(row[min(len(row), width):], func(s string) bool { return strings.TrimSpace(s) != "" })
		if l == (importLine{}) {
			continue
		}
		l.Line, _ = c.FieldPos(0)
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

// Fault is what is wrong with a cell.
type Fault struct {
	Column string `json:"column"` // one of the Column constants, "" for the row
	Key    string `json:"key"`    // message key
	Value  string `json:"value"`
}

// wordsOf splits a cell that lists several.
func wordsOf(cell string) (out []string) {
	for _, w := range strings.FieldsFunc(cell, func(r rune) bool { return r == ',' || r == ';' || r == '|' }) {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// roleWords are the roles by every word that stands for them: as the API has them, and as people read them in each language.
func roleWords(ctx context.Context) map[string]scope.Role {
	out := map[string]scope.Role{}
	for _, r := range scope.Roles() {
		out[string(r)] = r
		for _, l := range []lang.Locale{lang.En, lang.De} {
			out[strings.ToLower(lang.T(lang.With(ctx, l), "tenants.role."+string(r)))] = r
		}
	}
	return out
}

// known is what a file may name.
type known struct {
	roles map[string]scope.Role
	teams map[string]teamRow
}

// read tells the values of a line from what is wrong with it.
func (k known) read(l importLine) (r importRow) {
	r = importRow{Line: l.Line, Email: clip(l.Email, 254), Name: l.Name, Account: l.ID, Roles: []scope.Role{}, Problems: []Fault{}}
	wrong := func(column, key, value string) {
		r.Problems = append(r.Problems, Fault{Column: column, Key: "link.import.row." + key, Value: clip(value, 100)})
	}
	if email, err := mail.Address(l.Email); err != nil {
		wrong(ColumnAddress, "address", l.Email)
	} else {
		r.Email = email
	}
	for _, f := range []struct {
		column, value string
		most          int
	}{{ColumnName, l.Name, 200}, {ColumnAccount, l.ID, 254}} {
		if utf8.RuneCountInString(f.value) > f.most || strings.ContainsFunc(f.value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			wrong(f.column, "text", f.value)
		}
	}
	r.Name, r.Account = clip(r.Name, 200), clip(r.Account, 254)
	for _, w := range wordsOf(l.Roles) {
		role, ok := k.roles[strings.ToLower(w)]
		switch {
		case !ok:
			wrong(ColumnRoles, "role", w)
		case role != scope.Learner && !slices.Contains(r.Roles, role):
			r.Roles = append(r.Roles, role)
		}
	}
	words := wordsOf(l.Teams)
	if _, whole := k.teams[strings.ToLower(l.Teams)]; whole { // Its name may have a comma in it.
		words = []string{l.Teams}
	}
	for _, w := range words {
		t, ok := k.teams[strings.ToLower(w)]
		switch {
		case !ok:
			wrong(ColumnTeams, "team", w)
		case t.Source == "scim":
			wrong(ColumnTeams, "team_scim", w)
		case !slices.Contains(r.Teams, t.ID):
			r.Teams = append(r.Teams, t.ID)
		}
	}
	if l.TooMany {
		wrong("", "cells", "")
	}
	return r
}
