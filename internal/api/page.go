package api

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/errs"
)

// Paging is what every list takes.
type Paging struct {
	After string `query:"after" maxLength:"2000" doc:"What the page before said as next"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most"`
}

// Page is a part of a list. There is no total: what is far down a list is found by its filters.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Pass it as after to go on; without it this is the last page"`
}

// Pages makes a page of rows; next says where the page after it begins and is asked only if there is one.
func Pages[R, T any](rows []R, more bool, see func(R) T, next func(last R) []string) Page[T] {
	p := Page[T]{Items: make([]T, len(rows))}
	for i, r := range rows {
		p.Items[i] = see(r)
	}
	if more && len(rows) > 0 {
		j, _ := json.Marshal(next(rows[len(rows)-1])) // Strings always marshal.
		p.Next = base64.RawURLEncoding.EncodeToString(j)
	}
	return p
}

// Position reads where a page begins: as many parts as the list's order has, nil for the first page. It is a place in an order and
// gives no right: whoever makes one up reads the own list from there.
func (p Paging) Position(parts int) ([]string, error) {
	if p.After == "" {
		return nil, nil
	}
	var out []string
	j, err := base64.RawURLEncoding.DecodeString(p.After)
	if err != nil || json.Unmarshal(j, &out) != nil || len(out) != parts {
		return nil, BadCursor()
	}
	for _, s := range out {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return nil, BadCursor()
		}
	}
	return out, nil
}

// BadCursor says that a place in a list is none.
func BadCursor() error { return errs.Fields(errs.Field{Name: "after", Key: "api.cursor"}) }
