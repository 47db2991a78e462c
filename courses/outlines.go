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

// outlines remembers the outlines of published versions, which never change. It gives no right: whoever asks for one has just
// read, under the rights of who acts, that the version is theirs to see.
type outlines struct {
	mu    sync.Mutex
	known map[edition]Outline
}

// outlineLimit bounds what a process remembers: some 20 KB each.
const outlineLimit = 1000

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
	o.mu.Lock()
	for _, e := range want {
		if known, ok := o.known[e]; ok {
			out[e] = known
			continue
		}
		orgs, items, versions = append(orgs, e.Org), append(items, e.Item), append(versions, e.Version)
	}
	o.mu.Unlock()
	if len(items) == 0 {
		return out, nil
	}
	var rows []outlineRow
	if err := read(&rows, `SELECT v.org_id, v.item_id, v.version, v.outline FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w(org_id, item_id, version)
		JOIN versions v ON v.org_id = w.org_id AND v.item_id = w.item_id AND v.version = w.version LIMIT 500`, orgs, items, versions); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range rows {
		e := edition{r.OrgID, r.ItemID, r.Version}
		out[e] = r.Outline
		for old := range o.known { // Any one has to go.
			if len(o.known) < outlineLimit {
				break
			}
			delete(o.known, old)
		}
		o.known[e] = r.Outline
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
