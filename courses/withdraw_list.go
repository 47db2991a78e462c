package courses

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// VersionRow is a published version of an own course or path.
type VersionRow struct {
	Version   int        `db:"version"`
	Title     string     `db:"title"`
	Note      string     `db:"note"` // what was new in it
	By        string     `db:"by_name"`
	Published time.Time  `db:"published_at"`
	Pilot     bool       `db:"pilot"`  // it is or was tried by some, and is nobody else's
	People    int        `db:"people"` // of the own organization who are in it and not finished
	Kind      string     `db:"kind"`   // of its withdrawal; "" for none
	Reason    string     `db:"reason"`
	Instead   int        `db:"instead"`
	Cause     string     `db:"cause"` // the title of the course for which a path was withdrawn
	Follows   bool       `db:"follows"`
	GoneBy    string     `db:"gone_by"`
	GoneAt    *time.Time `db:"withdrawn_at"`
}

// VersionsView lists the published versions of an own course or path, the newest first.
type VersionsView struct {
	Now  time.Time
	Item tenants.Item
	Rows []VersionRow
	More bool
	Of   *VersionRow // that somebody is about to withdraw
	Next int         // what is in force then; 0 where it closes
}

// versionsPage is how many versions a page has.
const versionsPage = 50

// Versions lists the versions of an own course or path, for those who write it; of, if it is not 0, is the one that is about to be withdrawn.
// NotFound for anything else, and for a version that cannot be withdrawn.
func (s *Service) Versions(ctx context.Context, item id.Item, before, of int) (VersionsView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return VersionsView{}, err
	}
	var v VersionsView
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		v = VersionsView{Now: tx.Now}
		if v.Item, err = db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path') AND i.version > 0`, tx.Scope.Org, item); err != nil {
			return fmt.Errorf("versions of %s: %w", item, err)
		}
		const columns = `SELECT v.version, v.title, v.note, coalesce(m.name, '') AS by_name, v.published_at, v.pilot, coalesce(w.kind, '') AS kind, coalesce(w.reason, '') AS reason, coalesce(w.instead, 0) AS instead,
				w.cause_item IS NOT NULL AS follows, coalesce(c.title, '') AS cause, coalesce(g.name, '') AS gone_by, w.withdrawn_at,
				(SELECT count(*)::int FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $1 AND e.item_id = $2 AND e.version = v.version AND e.state = 'active') AS people
			FROM versions v LEFT JOIN memberships m ON m.org_id = v.org_id AND m.membership_id = v.published_by
				LEFT JOIN withdrawals w ON w.org_id = v.org_id AND w.item_id = v.item_id AND w.version = v.version AND w.undone_at IS NULL
				LEFT JOIN items c ON c.org_id = w.cause_org AND c.item_id = w.cause_item LEFT JOIN memberships g ON g.org_id = w.org_id AND g.membership_id = w.withdrawn_by
			WHERE v.org_id = $1 AND v.item_id = $2`
		if v.Rows, err = db.Rows[VersionRow](tx, columns+` AND ($3 = 0 OR v.version < $3) ORDER BY v.version DESC LIMIT $4`, tx.Scope.Org, item, before, versionsPage+1); err != nil {
			return err
		}
		if v.More = len(v.Rows) > versionsPage; v.More {
			v.Rows = v.Rows[:versionsPage]
		}
		if of == 0 {
			return nil
		}
		row, err := db.Row[VersionRow](tx, columns+` AND v.version = $3 AND NOT v.pilot AND NOT v.withdrawn`, tx.Scope.Org, item, of)
		if err != nil {
			return fmt.Errorf("version %d of %s: %w", of, item, err)
		}
		v.Of = &row
		v.Next, err = insteadOf(tx, v.Item, of)
		return err
	})
	return v, err
}
