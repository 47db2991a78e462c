// Package schematest makes plausible rows for any table from its column types and checks, so that inventory tests prove
// something about tables that did not exist when the test was written. Tests of internal/db and of the oracle call it.
package schematest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

type column struct {
	Name, Type string
	Check      string // the definitions of the checks on the column
}

// Sample returns the columns of a table that need a value and a literal for each that the column's checks accept. Foreign
// keys are the caller's to switch off (session_replication_role).
func Sample(t testing.TB, c *pgx.Conn, table string) (names, values []string) {
	t.Helper()
	r, err := c.Query(t.Context(), `SELECT a.attname::text, format_type(a.atttypid, NULL), coalesce((SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
		WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND a.attnum = ANY(k.conkey)), '')
		FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND a.attidentity = '' AND a.attgenerated = ''
		AND NOT EXISTS (SELECT 1 FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) ORDER BY a.attnum`, table)
	if err != nil {
		t.Fatal(err)
	}
	cols, err := pgx.CollectRows(r, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatal(err)
	}
	for _, col := range cols {
		names = append(names, col.Name)
		values = append(values, literal(col))
	}
	return names, values
}

var oneOf = regexp.MustCompile(`ARRAY\['([^']*)'`)

func literal(c column) string {
	const one = `'01980000-0000-7000-8000-000000000001'`
	switch {
	case c.Type == "uuid[]":
		return `ARRAY[` + one + `]::uuid[]`
	case strings.HasSuffix(c.Type, "[]"):
		return `'{1}'`
	case c.Type == "uuid" && c.Name == "org_b":
		return `'01980000-0000-7000-8000-000000000002'` // A connection has two ends.
	case c.Type == "uuid":
		return one
	case c.Type == "text":
		if m := oneOf.FindStringSubmatch(c.Check); m != nil {
			return "'" + m[1] + "'"
		}
		switch c.Name {
		case "color":
			return `'#000000'`
		case "short":
			return `'ab'`
		case "link":
			return `'https://x.example/'`
		case "origin":
			return `'choice'` // A function checks it.
		}
		return `'abc'`
	case strings.HasPrefix(c.Type, "timestamp"), c.Type == "date":
		return `now()`
	case c.Type == "jsonb":
		return `'{}'`
	case c.Type == "bytea":
		return `decode(repeat('ab', 32), 'hex')`
	case c.Type == "boolean":
		return `true`
	case c.Type == "tsvector":
		return `''`
	case c.Name == "chroma":
		return `0`
	default:
		return `1`
	}
}
