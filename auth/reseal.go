package auth

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
)

// resealBatch is how many values are put under the present key in one transaction.
const resealBatch = 200

type sealedRow struct {
	ID    uuid.UUID `db:"id"`
	Value []byte    `db:"value"`
}

// Reseal puts the secrets of the acting organization that an earlier key of the ring sealed, those of its providers and the ID tokens of
// its sessions, under the present one, and returns how many. The portal may run meanwhile. What is done stays done, so that it can be
// begun again at any time; a value that no key of the ring opens is an error that names it, after all others.
func (s *Service) Reseal(ctx context.Context) (n int, err error) {
	if err := authz.Check(ctx, authz.Reseal, id.Org{}); err != nil {
		return 0, err
	}
	for _, of := range []struct{ table, key, column string }{{"providers", "provider_id", "client_secret"}, {"sessions", "session_id", "id_token"}} {
		done, ferr := reseal(ctx, s.db, s.keys, of.table, of.key, of.column)
		n += done
		if err == nil {
			err = ferr
		}
	}
	return n, err
}

// Reseal is Service.Reseal of a column of another room: table has an org_id, and the identifier key of its rows is what seals name.
func Reseal(ctx context.Context, d *db.DB, keys *secret.Keyring, table, key, column string) (int, error) {
	if err := authz.Check(ctx, authz.Reseal, id.Org{}); err != nil {
		return 0, err
	}
	return reseal(ctx, d, keys, table, key, column)
}

func reseal(ctx context.Context, d *db.DB, keys *secret.Keyring, table, key, column string) (n int, closed error) {
	after := uuid.Nil
	for {
		var rows []sealedRow
		done, bad := 0, closed
		err := d.Tx(ctx, func(tx *db.Tx) (err error) {
			done, bad = 0, closed
			rows, err = db.Rows[sealedRow](tx, `SELECT `+key+` AS id, `+column+` AS value FROM `+table+` WHERE org_id = $1 AND `+key+` > $2
				AND length(`+column+`) > 0 AND substring(`+column+` FOR $3) <> $4 ORDER BY `+key+` LIMIT $5`, tx.Scope.Org, after, len(keys.Prefix()), keys.Prefix(), resealBatch)
			if err != nil {
				return err
			}
			for _, r := range rows {
				ref := secret.Ref{Table: table, Org: tx.Scope.Org.String(), Row: r.ID.String(), Column: column}
				plain, err := keys.Open(ref, r.Value)
				if err != nil {
					bad = fmt.Errorf("%s %s of %s: %w", table, r.ID, tx.Scope.Org, err)
					continue
				}
				sealed, err := keys.Seal(ref, plain)
				if err != nil {
					return err
				}
				// Somebody may have written another one since.
				changed, err := tx.Exec(`UPDATE `+table+` SET `+column+` = $4 WHERE org_id = $1 AND `+key+` = $2 AND `+column+` = $3`, tx.Scope.Org, r.ID, r.Value, sealed)
				if err != nil {
					return err
				}
				done += int(changed)
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("put %s under the present key: %w", table, err)
		}
		n, closed = n+done, bad
		if len(rows) < resealBatch {
			return n, closed
		}
		after = rows[len(rows)-1].ID
	}
}
