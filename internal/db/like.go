package db

import "strings"

var likes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// EscapeLike is the text as LIKE finds it letter by letter.
func EscapeLike(s string) string { return likes.Replace(s) }

// Like is the pattern that finds, anywhere in a text in lower case, what a person typed.
func Like(typed string) string {
	return "%" + EscapeLike(strings.ToLower(strings.TrimSpace(typed))) + "%"
}
