package courses

import (
	"context"
	"sync"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// edition names a published version of a course or path.
type edition struct {
	Org     id.Org
	Item    id.Item
	Version int
}

// memory remembers a bounded number of values that can be found out again; any one goes for a new one.
type memory[K comparable, V any] struct {
	mu    sync.Mutex
	known map[K]V
}

// memoryLimit bounds what a process remembers: an outline has some 20 KB.
const memoryLimit = 1000

func (m *memory[K, V]) get(k K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.known[k]
	return v, ok
}

func (m *memory[K, V]) put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[K]V{}
	}
	for old := range m.known {
		if len(m.known) < memoryLimit {
			break
		}
		delete(m.known, old)
	}
	m.known[k] = v
}

// outlines remembers the outlines of published versions, which never change. It gives no right: whoever asks for one has just
// read, under the rights of who acts, that the version is theirs to see.
type outlines struct{ memory[edition, Outline] }

type outlineRow struct {
	OrgID   id.Org  `db:"org_id"`
	ItemID  id.Item `db:"item_id"`
	Version int     `db:"version"`
	Outline Outline `db:"outline"`
}

// get returns the outlines of the editions; read reads those that are not known. NotFound if one is missing.
func (o *outlines) get(read func(dest *[]outlineRow, q string, args ...any) error, want ...edition) (map[edition]Outline, error) {
	out := make(map[edition]Outline, len(want))
	var orgs []id.Org
	var items []id.Item
	var versions []int
	for _, e := range want {
		if known, ok := o.memory.get(e); ok {
			out[e] = known
			continue
		}
		orgs, items, versions = append(orgs, e.Org), append(items, e.Item), append(versions, e.Version)
	}
	if len(items) == 0 {
		return out, nil
	}
	var rows []outlineRow
	if err := read(&rows, `SELECT v.org_id, v.item_id, v.version, v.outline FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w(org_id, item_id, version)
		JOIN versions v ON v.org_id = w.org_id AND v.item_id = w.item_id AND v.version = w.version LIMIT 500`, orgs, items, versions); err != nil {
		return nil, err
	}
	for _, r := range rows {
		e := edition{r.OrgID, r.ItemID, r.Version}
		out[e] = r.Outline
		o.put(e, r.Outline)
	}
	for _, e := range want {
		if _, ok := out[e]; !ok {
			return nil, errs.New(errs.NotFound, "outline of version %d of %s", e.Version, e.Item)
		}
	}
	return out, nil
}

// read reads outlines for a page.
func (s *Service) read(ctx context.Context, want ...edition) (map[edition]Outline, error) {
	return s.outlines.get(func(dest *[]outlineRow, q string, args ...any) error {
		return s.db.Read(ctx, func(b *db.Batch) { db.List(b, dest, q, args...) })
	}, want...)
}

// readTx reads outlines inside a transaction.
func (s *Service) readTx(tx *db.Tx, want ...edition) (map[edition]Outline, error) {
	return s.outlines.get(func(dest *[]outlineRow, q string, args ...any) (err error) {
		*dest, err = db.Rows[outlineRow](tx, q, args...)
		return err
	}, want...)
}
