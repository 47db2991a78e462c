package auth

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/sheet"
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

// people is what a file of people looks like.
var people = sheet.Form{ //nolint:gochecknoglobals // A constant table.
	Headings: headings, Bytes: ImportBytes, Rows: importRows, Fault: func(word string) string { return "link.import.bad." + word },
	Lacks: func(has func(string) bool) string {
		if !has(ColumnAddress) {
			return "no_address"
		}
		return ""
	},
}

// readPeople reads a CSV file of people and returns the headings that mean nothing as well. Invalid for anything else, and for more than
// 50,000 rows.
func readPeople(data []byte) (lines []importLine, skipped []string, err error) {
	rows, skipped, err := people.Read(data)
	for _, l := range rows {
		lines = append(lines, importLine{
			Line: l.N, Email: l.Cell(ColumnAddress), Name: l.Cell(ColumnName), Roles: l.Cell(ColumnRoles), Teams: l.Cell(ColumnTeams), ID: l.Cell(ColumnAccount), TooMany: l.TooMany,
		})
	}
	return lines, skipped, err
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
