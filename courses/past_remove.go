package courses

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// removalMost is how many letters the reason of a removal has.
const removalMost = 300

// PastOf is a past record with whose it is.
type PastOf struct {
	PastRecord

	Name string `db:"name"`
}

// RemovedRecord is a past record that was removed again.
type RemovedRecord struct {
	Title  string    `db:"title"`
	Done   time.Time `db:"done_on"` // UTC day
	Reason string    `db:"reason"`
	By     string    `db:"by_name"` // "" for who is gone
	At     time.Time `db:"removed_at"`
}

// removedSQL is what was removed of a member $2 of $1, the last first.
const removedSQL = `SELECT r.title, r.done_on, r.reason, coalesce(k.name, '') AS by_name, r.removed_at FROM removed_records r LEFT JOIN memberships k ON k.org_id = r.org_id AND k.membership_id = r.removed_by
	WHERE r.org_id = $1 AND r.membership_id = $2 ORDER BY r.removed_at DESC, r.record_id LIMIT 50`

// PastRecord returns what was recorded of somebody whom the acting member looks after. NotFound for anything else.
func (s *Service) PastRecord(ctx context.Context, which id.Any) (p PastOf, err error) {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return p, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return p, err
	}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &p, &found, `SELECT `+pastColumns+`, m.name FROM past_records p JOIN memberships m ON m.membership_id = p.membership_id AND `+caredFor+`
			LEFT JOIN memberships k ON k.org_id = p.org_id AND k.membership_id = p.recorded_by WHERE p.org_id = $1 AND p.record_id = $4`, append(cares(sc), which)...)
	}); err != nil {
		return p, err
	}
	if !found {
		return p, errs.New(errs.NotFound, "past record %s", which)
	}
	return p, nil
}

// RemovePast removes one past record, also once its import can be undone no more. Its person reads in their training record that it is gone, and
// why. Invalid, with the field, without a reason or with one of more than 300 letters; NotFound as PastRecord.
func (s *Service) RemovePast(ctx context.Context, which id.Any, reason string) error {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		gone, err := db.Row[struct {
			Member id.Membership `db:"membership_id"`
			Title  string        `db:"title"`
			Done   time.Time     `db:"done_on"`
		}](tx, `DELETE FROM past_records p USING memberships m WHERE p.org_id = $1 AND p.record_id = $4 AND m.membership_id = p.membership_id AND `+caredFor+`
			RETURNING p.membership_id, p.title, p.done_on`, append(cares(tx.Scope), which)...)
		if err != nil {
			return err
		}
		if reason = strings.TrimSpace(reason); reason == "" || utf8.RuneCountInString(reason) > removalMost || strings.ContainsRune(reason, 0) {
			return errs.Fields(errs.Field{Name: "reason", Key: "records.remove.fault", Args: []any{"Most", removalMost}})
		}
		if err := tx.Must(`INSERT INTO removed_records (org_id, record_id, membership_id, title, done_on, reason, removed_by, removed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			tx.Scope.Org, which, gone.Member, gone.Title, gone.Done, reason, tx.Scope.Membership, tx.Now); err != nil {
			return err
		}
		// The file that it came from knows, too, as long as it is kept.
		if _, err := tx.Exec(`UPDATE record_import_rows SET state = 'undone', reason = $3 WHERE org_id = $1 AND record_id = $2`, tx.Scope.Org, which, "records.reason.singly"); err != nil {
			return err
		}
		return tenants.Audit(tx, "record.removed", "membership:"+gone.Member.String(), map[string]any{"title": gone.Title, "reason": reason})
	})
	if err != nil {
		return fmt.Errorf("remove past record %s: %w", which, err)
	}
	return nil
}
