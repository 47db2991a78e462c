package tenants

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/sheet"
)

// bundleFormat is the version of the layout of a bundle: about.json, json/{table}.json, csv/{table}.csv and what else is in it.
const bundleFormat = 1

// bundle writes rows of tables into a zip archive, one after the other, so that it takes as much memory as a row does.
type bundle struct {
	zip   *zip.Writer
	now   time.Time
	shape map[string]shape
	count map[string]int
	step  func() error // after each table and form; stops the bundle with its error
}

// shape is what a table is made of: its columns in their order, and those of its key.
type shape struct {
	Table   string   `db:"relname"`
	Columns []string `db:"columns"`
	Key     []string `db:"key"`
	Owned   bool     `db:"owned"` // it has an owner, org_id
}

const shapes = `SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
		coalesce((SELECT array_agg(k.attname::text ORDER BY array_position(i.indkey::int2[], k.attnum)) FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS key,
		bool_or(a.attname = 'org_id') AS owned
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND has_table_privilege(c.oid, 'SELECT') GROUP BY c.oid, c.relname ORDER BY c.relname`

func newBundle(w io.Writer, s *db.Snapshot, step func() error) (*bundle, error) {
	b := &bundle{zip: zip.NewWriter(w), now: s.Now, shape: map[string]shape{}, count: map[string]int{}, step: step}
	err := db.Each(s, shapes, func(sh shape) error {
		b.shape[sh.Table] = sh
		return nil
	})
	return b, err
}

func (b *bundle) create(name string) (io.Writer, error) {
	return b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.now})
}

// table writes the rows of a table for which where holds, of the alias t, once as JSON and once as CSV; without a row it writes neither.
// What is withheld are columns.
func (b *bundle) table(s *db.Snapshot, table, where string, withheld []string, args ...any) error {
	sh, ok := b.shape[table]
	if !ok {
		return fmt.Errorf("there is no table %s to read", table)
	}
	columns := slices.DeleteFunc(slices.Clone(sh.Columns), func(c string) bool { return slices.Contains(withheld, c) })
	order := sh.Key
	if len(order) == 0 {
		order = columns
	}
	q := `SELECT row_to_json(x)::text FROM (SELECT t.` + strings.Join(columns, ", t.") + ` FROM ` + table + ` t WHERE ` + where + ` ORDER BY t.` + strings.Join(order, ", t.") + `) x`
	b.count[table] = 0
	var out io.Writer
	if err := db.Each(s, q, func(row string) (err error) {
		sep := ",\n"
		if out == nil {
			sep = "[\n"
			if out, err = b.create("json/" + table + ".json"); err != nil {
				return err
			}
		}
		b.count[table]++
		_, err = io.WriteString(out, sep+row)
		return err
	}, args...); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	if out != nil {
		if _, err := io.WriteString(out, "\n]\n"); err != nil {
			return err
		}
		if err := b.csv(s, table, columns, q, args); err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
	}
	return b.step()
}

// csv writes RFC 4180 with a byte order mark, which spreadsheets need to read it as UTF-8.
func (b *bundle) csv(s *db.Snapshot, table string, columns []string, q string, args []any) error {
	out, err := b.create("csv/" + table + ".csv")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, "\ufeff"); err != nil {
		return err
	}
	w := csv.NewWriter(out)
	w.UseCRLF = true
	if err := w.Write(columns); err != nil {
		return err
	}
	line := make([]string, len(columns))
	if err := db.Each(s, q, func(row string) error {
		var v map[string]json.RawMessage
		if err := json.Unmarshal([]byte(row), &v); err != nil {
			return err
		}
		for i, c := range columns {
			var text string
			if json.Unmarshal(v[c], &text) != nil {
				line[i] = string(v[c]) // Anything but a text stands there as it is.
				continue
			}
			line[i] = sheet.Cell(text)
		}
		return w.Write(line)
	}, args...); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// about is what a bundle says of itself.
type bundleAbout struct {
	Format       int               `json:"format"`
	Organization string            `json:"organization"`
	Portal       string            `json:"portal"`
	At           time.Time         `json:"at"`
	Rows         map[string]int    `json:"rows"`
	Withheld     map[string]string `json:"withheld"` // table, or table.column, and why
}

// close writes what the bundle says of itself and ends it.
func (b *bundle) close(o Organization, withheld map[string]string) error {
	w, err := b.create("about.json")
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(bundleAbout{Format: bundleFormat, Organization: o.Name, Portal: o.Slug, At: b.now, Rows: b.count, Withheld: withheld}); err != nil {
		return err
	}
	return b.zip.Close()
}

// Packed is a file of a small archive: a text, or the rows of a table.
type Packed struct {
	Name string
	Text []byte
	Rows [][]string // instead of Text; their cells become what sheet.Cell makes of them
}

// Pack makes a zip archive of files that are in memory.
func Pack(files ...Packed) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		w, err := z.Create(f.Name)
		if err != nil {
			return nil, err
		}
		if f.Rows != nil {
			err = sheet.Write(w, f.Rows)
		} else {
			_, err = w.Write(f.Text)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
