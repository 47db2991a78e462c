package courses

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/sheet"
)

// The columns of a file of past records, in the order in which they are told of.
const (
	PastAddress   = "address"
	PastAccount   = "account"
	PastWhat      = "what"
	PastDone      = "done"
	PastEnds      = "ends"
	PastResult    = "result"
	PastIssuer    = "issuer"
	PastReference = "reference"
)

// PastColumns lists them.
func PastColumns() []string {
	return []string{PastAddress, PastAccount, PastWhat, PastDone, PastEnds, PastResult, PastIssuer, PastReference}
}

// PastRows is how many lines a file of past records may have.
const PastRows = 10_000

// PastBytes is how large it may be.
const PastBytes = 4 << 20

// past is what such a file looks like.
var past = sheet.Form{ //nolint:gochecknoglobals // A constant table.
	Bytes: PastBytes, Rows: PastRows, Fault: func(word string) string { return "records.file." + word },
	Lacks: func(has func(string) bool) string {
		switch {
		case !has(PastAddress) && !has(PastAccount):
			return "no_person"
		case !has(PastWhat):
			return "no_what"
		case !has(PastDone):
			return "no_done"
		}
		return ""
	},
	Headings: map[string]string{
		"address": PastAddress, "email": PastAddress, "e-mail": PastAddress, "mail": PastAddress, "email address": PastAddress, "e-mail address": PastAddress,
		"adresse": PastAddress, "e-mail-adresse": PastAddress, "mailadresse": PastAddress,
		"account": PastAccount, "account id": PastAccount, "account-id": PastAccount, "account_id": PastAccount, "external id": PastAccount, "external_id": PastAccount, "employee number": PastAccount,
		"konto": PastAccount, "konto-id": PastAccount, "kontonummer": PastAccount, "personalnummer": PastAccount,
		"what": PastWhat, "training": PastWhat, "course": PastWhat, "path": PastWhat, "course or path": PastWhat, "title": PastWhat, "certificate": PastWhat,
		"was": PastWhat, "schulung": PastWhat, "kurs": PastWhat, "pfad": PastWhat, "kurs oder pfad": PastWhat, "titel": PastWhat, "zertifikat": PastWhat,
		"completed": PastDone, "completed on": PastDone, "completion date": PastDone, "date of completion": PastDone, "date": PastDone,
		"abgeschlossen": PastDone, "abgeschlossen am": PastDone, "abschlussdatum": PastDone, "datum": PastDone,
		"valid until": PastEnds, "expires": PastEnds, "expires on": PastEnds, "expiry": PastEnds, "expiry date": PastEnds,
		"gültig bis": PastEnds, "läuft ab am": PastEnds, "ablauf": PastEnds, "ablaufdatum": PastEnds,
		"result": PastResult, "score": PastResult, "ergebnis": PastResult, "punkte": PastResult,
		"issuer": PastIssuer, "issued by": PastIssuer, "provider": PastIssuer, "aussteller": PastIssuer, "ausgestellt von": PastIssuer, "anbieter": PastIssuer,
		"reference": PastReference, "number": PastReference, "certificate number": PastReference, "referenz": PastReference, "nummer": PastReference, "zertifikatsnummer": PastReference,
	},
}

// PastFault is what is wrong with a cell.
type PastFault struct {
	Column string `json:"column"` // one of PastColumns, "" for the line
	Key    string `json:"key"`    // message key
	Value  string `json:"value"`
}

// pastLine is a line of a file with what can be read of it alone.
type pastLine struct {
	Line      int           `json:"line"`
	Record    id.Any        `json:"record_id"`
	Email     string        `json:"email"`
	Account   string        `json:"account"`
	Member    id.Membership `json:"-"`
	What      string        `json:"-"`
	Item      *pastItem     `json:"-"`
	Title     string        `json:"title"`
	Done      *pastDay      `json:"done_on"`
	Ends      *pastDay      `json:"ends_on"`
	Score     *float64      `json:"score"`
	Issuer    string        `json:"issuer"`
	Reference string        `json:"reference"`
	Outcome   string        `json:"outcome"`
	Problems  []PastFault   `json:"problems"`
}

// pastDay is a day in UTC.
type pastDay time.Time

// MarshalText implements encoding.TextMarshaler.
func (d pastDay) MarshalText() ([]byte, error) {
	return time.Time(d).AppendFormat(nil, time.DateOnly), nil
}

func (l *pastLine) wrong(column, key, value string) {
	l.Problems = append(l.Problems, PastFault{Column: column, Key: "records.row." + key, Value: cut(printable(value), 100)})
}

// readPast tells the values of a line from what is wrong with it.
func readPast(in sheet.Line, now time.Time) pastLine {
	l := pastLine{Line: in.N, Record: id.New[id.Any](), Account: in.Cell(PastAccount), What: in.Cell(PastWhat), Issuer: in.Cell(PastIssuer), Reference: in.Cell(PastReference), Problems: []PastFault{}}
	switch address := in.Cell(PastAddress); {
	case address == "" && l.Account == "":
		l.wrong(PastAddress, "nobody", "")
	case address != "":
		email, err := mail.Address(address)
		if l.Email = email; err != nil {
			l.Email = cut(printable(address), 250)
			l.wrong(PastAddress, "address", address)
		}
	}
	for _, f := range []struct {
		column string
		text   *string
		most   int
	}{{PastAccount, &l.Account, 254}, {PastWhat, &l.What, 200}, {PastIssuer, &l.Issuer, 120}, {PastReference, &l.Reference, 120}} {
		if utf8.RuneCountInString(*f.text) > f.most || *f.text != printable(*f.text) {
			l.wrong(f.column, "text", *f.text)
			*f.text = ""
		}
	}
	if l.What == "" && in.Cell(PastWhat) == "" {
		l.wrong(PastWhat, "missing", "")
	}
	l.Title = l.What
	today := now.UTC().Truncate(24 * time.Hour)
	switch day, ok := pastDate(in.Cell(PastDone)); {
	case !ok:
		l.wrong(PastDone, "day", in.Cell(PastDone))
	case day.After(today):
		l.wrong(PastDone, "future", in.Cell(PastDone))
	default:
		l.Done = (*pastDay)(&day)
	}
	if cell := in.Cell(PastEnds); cell != "" {
		switch day, ok := pastDate(cell); {
		case !ok:
			l.wrong(PastEnds, "day", cell)
		case l.Done != nil && day.Before(time.Time(*l.Done)):
			l.wrong(PastEnds, "before", cell)
		default:
			l.Ends = (*pastDay)(&day)
		}
	}
	if score, ok := pastScore(in.Cell(PastResult)); ok {
		l.Score = score
	} else {
		l.wrong(PastResult, "result", in.Cell(PastResult))
	}
	if in.TooMany {
		l.wrong("", "cells", "")
	}
	return l
}

// pastDate reads a day as spreadsheets write it where that is one day alone: 2024-03-31 or 31.03.2024, from 1950 to 2099.
func pastDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, "2.1.2006", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC().Truncate(24 * time.Hour)
			return t, t.Year() >= 1950 && t.Year() <= 2099
		}
	}
	return time.Time{}, false
}

// passedWords say that somebody passed, without a score.
var passedWords = map[string]bool{"": true, "passed": true, "pass": true, "completed": true, "yes": true, "bestanden": true, "erfolgreich": true, "abgeschlossen": true, "ja": true} //nolint:gochecknoglobals // A constant table.

var ratio = regexp.MustCompile(`^(\d{1,4}(?:[.,]\d{1,2})?)\s*(?:/|of|von)\s*(\d{1,4})$`)

// pastScore reads a result: that it was passed, a percentage, or so many of so many. nil for passed.
func pastScore(s string) (*float64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if passedWords[s] {
		return nil, true
	}
	float := func(s string) float64 {
		f, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(s), ",", ".", 1), 64)
		if err != nil || math.IsNaN(f) {
			return -1
		}
		return f
	}
	share := float(strings.TrimSuffix(s, "%"))
	if m := ratio.FindStringSubmatch(s); m != nil && float(m[2]) > 0 {
		share = 100 * float(m[1]) / float(m[2])
	}
	share = math.Round(share*100) / 100
	return &share, share >= 0 && share <= 100
}

// printable leaves out control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// plainSlug is a word that can be an item's in an address, with its organization's before it where it is not the own.
var plainSlug = regexp.MustCompile(`^(?:([a-z0-9-]{1,63})/)?([a-z0-9][a-z0-9-]{0,199})$`)

// inAddress finds the identifier in the address of a path or course.
var inAddress = regexp.MustCompile(`/(?:course|path)/([0-9a-fA-F-]{36})(?:/|$)`)

// pastNames says what a cell names: an item by its identifier or its address, perhaps one by its slug, or nothing but a title.
func pastNames(what string) (item id.Item, org, slug string) {
	text := what
	if m := inAddress.FindStringSubmatch(what); m != nil {
		text = m[1]
	}
	if it, err := id.Parse[id.Item](text); err == nil {
		return it, "", ""
	}
	if m := plainSlug.FindStringSubmatch(what); m != nil {
		return id.Item{}, m[1], m[2]
	}
	return id.Item{}, "", ""
}
