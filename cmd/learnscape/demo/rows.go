package demo

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
)

// table is rows on their way into one table. COPY is refused on tables with row security, so they travel as one array of
// texts per column in one statement, and PostgreSQL reads them as what the column is.
type table struct {
	name    string
	columns []string // "name type"
	values  [][]*string
	err     error
}

// into names a table and its columns, each with its type: "org_id uuid, at timestamptz".
func into(name, columns string) *table {
	t := &table{name: name, columns: strings.Split(columns, ", ")}
	t.values = make([][]*string, len(t.columns))
	return t
}

// add appends a row; the values stand in the order of the columns. Zero identifiers, zero times and nil are NULL.
func (t *table) add(values ...any) {
	if len(values) != len(t.columns) {
		t.err = fmt.Errorf("row for %s: %d values for %d columns", t.name, len(values), len(t.columns))
		return
	}
	for i, v := range values {
		s, err := literal(v)
		if err != nil {
			t.err = fmt.Errorf("row for %s, %s: %w", t.name, t.columns[i], err)
			return
		}
		t.values[i] = append(t.values[i], s)
	}
}

func (t *table) rows() int { return len(t.values[0]) }

// insert writes the rows.
func (t *table) insert(tx *db.Tx) error {
	if t.err != nil || t.rows() == 0 {
		return t.err
	}
	var names, reads, params, letters []string
	args := make([]any, len(t.columns))
	for i, c := range t.columns {
		name, kind, _ := strings.Cut(c, " ")
		names = append(names, name)
		letters = append(letters, fmt.Sprintf("v%d", i))
		reads = append(reads, fmt.Sprintf("v%d::%s", i, kind))
		params = append(params, fmt.Sprintf("$%d::text[]", i+1))
		args[i] = t.values[i]
	}
	_, err := tx.Exec(`INSERT INTO `+t.name+` (`+strings.Join(names, ", ")+`) SELECT `+strings.Join(reads, ", ")+
		` FROM unnest(`+strings.Join(params, ", ")+`) AS t(`+strings.Join(letters, ", ")+`)`, args...)
	if err != nil {
		return fmt.Errorf("insert into %s: %w", t.name, err)
	}
	return nil
}

// literal is the text form of a value.
func literal(v any) (*string, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return nil, nil //nolint:nilnil // NULL is a value.
	case string:
		s = v
	case int:
		s = strconv.Itoa(v)
	case bool:
		s = strconv.FormatBool(v)
	case float64:
		s = strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		if v.IsZero() {
			return nil, nil //nolint:nilnil // As above.
		}
		s = v.UTC().Format(time.RFC3339Nano)
	case []byte:
		s = `\x` + hex.EncodeToString(v)
	case []string:
		quoted := make([]string, len(v))
		for i, e := range v {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e) + `"`
		}
		s = "{" + strings.Join(quoted, ",") + "}"
	case []int:
		numbers := make([]string, len(v))
		for i, e := range v {
			numbers[i] = strconv.Itoa(e)
		}
		s = "{" + strings.Join(numbers, ",") + "}"
	case interface {
		IsZero() bool
		String() string
	}: // identifiers
		if v.IsZero() {
			return nil, nil //nolint:nilnil // As above.
		}
		s = v.String()
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		s = string(b)
	}
	return &s, nil
}
