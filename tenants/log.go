package tenants

import (
	"context"
	"crypto/ed25519"
	"io"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// LogState is how far an organization's log is sealed.
type LogState struct {
	Lines   int64      `db:"lines"` // sealed ones
	Seals   int64      `db:"seals"`
	Until   *time.Time `db:"until"` // when the last seal was made, nil before the first
	Waiting int64      `db:"waiting"`
	Oldest  *time.Time `db:"oldest"` // of those that wait
}

// logState queues how far the log of the organization is sealed.
func logState(b *db.Batch, dest *LogState, org id.Org) {
	db.One(b, dest, nil, `SELECT coalesce(s.last, 0) AS lines, coalesce(s.seal, 0) AS seals, s.at AS until,
			(SELECT count(*) FROM audit_numbers n WHERE n.org_id = $1 AND n.n IS NULL) AS waiting,
			(SELECT a.at FROM audit_numbers n JOIN audit a ON a.org_id = n.org_id AND a.seq = n.seq WHERE n.org_id = $1 AND n.n IS NULL ORDER BY n.seq LIMIT 1) AS oldest
		FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT s.seal, s.last, s.at FROM audit_seals s WHERE s.org_id = $1 ORDER BY s.seal DESC LIMIT 1) s ON true`, org)
}

// walk hands the sealed log of the acting organization over in its order: every line with its canonical form, and every seal after
// the lines that it adds. What is sealed does not change, so the parts that are read one after the other fit together.
func walk(ctx context.Context, d *db.DB, org id.Org, line func(n int64, canonical []byte, hash ledger.Hash) error, seal func(ledger.Seal) error) error {
	for after, last := int64(0), int64(0); ; {
		var seals []sealRow
		if err := d.Read(ctx, func(b *db.Batch) {
			db.List(b, &seals, `SELECT `+sealColumns+` FROM audit_seals s WHERE s.org_id = $1 AND s.seal > $2 ORDER BY s.seal LIMIT 500`, org, after)
		}); err != nil {
			return err
		}
		if len(seals) == 0 {
			return nil
		}
		for _, row := range seals {
			for last < row.Last {
				var lines []lineRow
				if err := d.Read(ctx, func(b *db.Batch) {
					db.List(b, &lines, `SELECT `+lineColumns+` FROM audit_numbers n JOIN audit a ON a.org_id = n.org_id AND a.seq = n.seq
						WHERE n.org_id = $1 AND n.n > $2 AND n.n <= $3 ORDER BY n.n LIMIT 5000`, org, last, row.Last)
				}); err != nil {
					return err
				}
				for _, l := range lines {
					canonical, err := l.canonical()
					if err != nil {
						return err
					}
					if err := line(l.N, canonical, ledger.Hash(l.Hash)); err != nil {
						return err
					}
				}
				if len(lines) == 0 {
					break // What is missing is for the chain to say.
				}
				last = lines[len(lines)-1].N
			}
			if err := seal(row.seal(org)); err != nil {
				return err
			}
			after, last = row.Seal, row.Last
		}
	}
}

// Verify checks the whole log of the organization that ctx acts for against its seals and the installation's keys. A *ledger.Fault
// says which line is the first that is wrong.
func (s *Sealer) Verify(ctx context.Context) (LogState, error) {
	if err := authz.Check(ctx, authz.ReadLog, id.Org{}); err != nil {
		return LogState{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return LogState{}, err
	}
	keys, err := s.Keys(ctx)
	if err != nil {
		return LogState{}, err
	}
	chain := ledger.NewChain(who.Org, func(k ed25519.PublicKey) bool {
		return slices.ContainsFunc(keys, func(own SealKey) bool { return k.Equal(ed25519.PublicKey(own.Public)) })
	})
	if err := walk(ctx, s.db, who.Org, chain.Line, chain.Seal); err != nil {
		return LogState{}, err
	}
	var state LogState
	var beyond, lost int64
	if err := s.db.Read(ctx, func(b *db.Batch) {
		logState(b, &state, who.Org)
		db.One(b, &beyond, nil, `SELECT coalesce(min(n.n), 0) FROM audit_numbers n WHERE n.org_id = $1 AND n.n > coalesce((SELECT max(s.last) FROM audit_seals s WHERE s.org_id = $1), 0)`, who.Org)
		db.One(b, &lost, nil, `SELECT count(*) FROM audit a WHERE a.org_id = $1 AND NOT EXISTS (SELECT 1 FROM audit_numbers n WHERE n.org_id = a.org_id AND n.seq = a.seq)`, who.Org)
	}); err != nil {
		return LogState{}, err
	}
	switch {
	case beyond > 0:
		return state, &ledger.Fault{Line: beyond, Why: "no seal covers it: the seals after it are gone"}
	case lost > 0:
		return state, &ledger.Fault{Why: "there are lines that no seal can ever cover: their numbers are gone"}
	}
	return state, nil
}

// ExportLog returns what writes the sealed log of the own organization with its seals and the keys that verify them, see
// ledger.Writer: a log is long, and whoever sends it does so as it is read. That it was taken is a line of the log itself, which comes
// with the next seal. Administrators may, and the operator.
func (s *Service) ExportLog(ctx context.Context) (func(context.Context, io.Writer) error, error) {
	if err := authz.Check(ctx, authz.ReadLog, id.Org{}); err != nil {
		return nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	org, err := s.ByID(ctx, who.Org)
	if err != nil {
		return nil, err
	}
	var at time.Time
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		at = tx.Now
		return Audit(tx, "log.exported", "organization:"+who.Org.String(), map[string]string{"form": "signed"})
	}); err != nil {
		return nil, err
	}
	return func(ctx context.Context, w io.Writer) error {
		out, err := ledger.NewWriter(w, ledger.Head{Org: who.Org, Slug: org.Slug, Name: org.Name, At: at})
		if err != nil {
			return err
		}
		if err := walk(ctx, s.db, who.Org, out.Line, out.Seal); err != nil {
			return err
		}
		return out.Close()
	}, nil
}

// Logs lists the organizations, each of which has a log, by slug.
func (s *Sealer) Logs(ctx context.Context) (out []Organization, err error) {
	if err := authz.Check(ctx, authz.SealLog, id.Org{}); err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+OrgColumns+` FROM organizations o ORDER BY o.slug`)
	})
	return out, err
}
