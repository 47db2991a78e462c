package db

import "strings"

var likes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// EscapeLike is the text as LIKE finds it letter by letter.
func EscapeLike(s string) string { return likes.Replace(s) }
