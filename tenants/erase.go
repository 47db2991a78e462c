package tenants

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Kept are the tables with an org_id of which something stays when an organization is erased, each with the reason. Whatever is not
// here goes.
var Kept = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"organizations":    "the name alone, for the receipts and records of others; and the portal's name, which is never given again",
	"connection_sides": "belongs to both sides; the other keeps that there was a connection",
}

// eraseBatch is how many rows go in one transaction; each ends within a second, and a process that dies in between goes on there.
const eraseBatch = 2000

// GiveUp begins to erase an organization on the operator's word, in whatever state it is: from the commit on nobody gets in and there
// is no way back. Erase does the rest.
func (s *Service) GiveUp(ctx context.Context) error {
	if err := authz.Check(ctx, authz.SuspendOrg, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		o, err := db.Row[Organization](tx, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1 FOR UPDATE`, tx.Scope.Org)
		if err != nil || o.State == OrgErasing || o.State == OrgErased {
			return err
		}
		if _, err := part(tx); err != nil {
			return err
		}
		o, err = become(tx, o.State, OrgErasing, "organization.given_up", nil)
		s.keep(o)
		return err
	})
}

// Erase erases the organization of the acting keeper, which was given up or closed for longer than Hold: its connections end, its
// documents leave the index, its files go, and then every row of every table but Kept. It may be ended at any time, also by a power
// cut, and called again. Conflict for an organization that may not be erased yet.
func (s *Service) Erase(ctx context.Context) error {
	if err := authz.Check(ctx, authz.EraseOrg, id.Org{}); err != nil {
		return err
	}
	var o Organization
	var tables []string
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if o, err = db.Row[Organization](tx, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1 FOR UPDATE`, tx.Scope.Org); err != nil {
			return err
		}
		switch {
		case o.State == OrgErased:
			return nil
		case o.State == OrgClosed && o.StateAt != nil && !tx.Now.Before(o.StateAt.Add(Hold)):
			if o, err = become(tx, OrgClosed, OrgErasing, "organization.hold_over", nil); err != nil {
				return err
			}
		case o.State != OrgErasing:
			return errs.Say(errs.Conflict, "house.moved_on")
		}
		if err := endAll(tx); err != nil {
			return err
		}
		tables, err = erasable(tx)
		return err
	}); err != nil {
		return fmt.Errorf("erase %s: %w", o.Slug, err)
	}
	s.keep(o)
	if o.State == OrgErased {
		return nil
	}
	for _, forget := range s.onErase {
		if err := forget(ctx, o.OrgID); err != nil {
			return fmt.Errorf("erase %s: %w", o.Slug, err)
		}
	}
	if err := s.eraseFiles(ctx); err != nil {
		return fmt.Errorf("erase %s: %w", o.Slug, err)
	}
	// Twice: what was under way while the first pass ran is found by the second.
	for range 2 {
		for _, t := range tables {
			if err := s.eraseTable(ctx, t); err != nil {
				return fmt.Errorf("erase %s: %s: %w", o.Slug, t, err)
			}
		}
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		o, err = db.Row[Organization](tx, `UPDATE organizations o SET state = 'erased', tagline = '', about = '', sign_in = 'none', short = '–', color = '#5b6470', hue = 0, chroma = 0,
				logo_sha256 = NULL, logo_plate = 'none'
			WHERE o.org_id = $1 AND o.state = 'erasing' RETURNING `+OrgColumns, tx.Scope.Org)
		return err
	}); err != nil {
		return fmt.Errorf("erase %s: %w", o.Slug, err)
	}
	s.keep(o)
	slog.InfoContext(ctx, "organization erased", "org", o.Slug)
	return nil
}

// OnErase registers what another room does before the rows go: search takes the documents out of its index.
func (s *Service) OnErase(forget func(ctx context.Context, org id.Org) error) {
	s.onErase = append(s.onErase, forget)
}

// endAll ends what may still be finished.
func endAll(tx *db.Tx) error {
	list, err := db.Rows[Parting](tx, partings, tx.Scope.Org, tx.Now, exportLimit)
	if err != nil {
		return err
	}
	for _, p := range list {
		l, err := lock(tx, p.Org)
		if err == nil && l.State == Ending {
			err = l.part(tx, true, nil)
		}
		if err != nil {
			return fmt.Errorf("part from %s: %w", p.Org, err)
		}
	}
	return nil
}

type reference struct {
	From string `db:"from_table"`
	To   string `db:"to_table"`
}

// erasable are the tables that have an owner, those that point to others first.
func erasable(tx *db.Tx) ([]string, error) {
	all, err := db.Rows[string](tx, `SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	refs, err := db.Rows[reference](tx, `SELECT DISTINCT t.relname::text AS from_table, r.relname::text AS to_table FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
		WHERE k.contype = 'f' AND t.relnamespace = 'public'::regnamespace AND k.conrelid <> k.confrelid ORDER BY 1, 2 LIMIT 10000`)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t string) bool { return Kept[t] != "" })
	var out []string
	for len(all) > 0 {
		free := slices.DeleteFunc(slices.Clone(all), func(t string) bool {
			return slices.ContainsFunc(refs, func(r reference) bool { return r.To == t && slices.Contains(all, r.From) })
		})
		if len(free) == 0 {
			return nil, fmt.Errorf("tables that point to each other in a circle: %v", all)
		}
		out = append(out, free...)
		all = slices.DeleteFunc(all, func(t string) bool { return slices.Contains(free, t) })
	}
	return out, nil
}

func (s *Service) eraseTable(ctx context.Context, table string) error {
	for {
		var n int
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			n, err = db.Row[int](tx, `SELECT erase_rows($1, $2)`, table, eraseBatch)
			return err
		}); err != nil || n == 0 {
			return err
		}
	}
}

// eraseFiles removes the content of the files that nobody else has, before the rows that name it.
func (s *Service) eraseFiles(ctx context.Context) error {
	if s.blob == nil {
		return nil
	}
	done := map[blob.Sum]bool{}
	for lim := eraseBatch; ; lim += eraseBatch {
		var sums [][]byte
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			sums, err = db.Rows[[]byte](tx, `SELECT last_contents($1)`, lim)
			return err
		}); err != nil {
			return err
		}
		for _, b := range sums {
			if sum := blob.Sum(b); !done[sum] {
				if err := s.blob.Remove(ctx, sum); err != nil {
					return err
				}
				done[sum] = true
			}
		}
		if len(sums) < lim {
			return nil
		}
	}
}

// Discard takes content back that was put for the acting organization, if that is being erased and no row names the content: for who put a
// file and could not keep its row. Otherwise it does nothing.
func (s *Service) Discard(ctx context.Context, sums ...blob.Sum) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.discard(ctx, sums...)
}

func (s *Service) discard(ctx context.Context, sums ...blob.Sum) error {
	sc, err := scope.From(ctx)
	if err != nil || s.blob == nil || len(sums) == 0 {
		return err
	}
	all := make([][]byte, len(sums))
	for i, sum := range sums {
		all[i] = sum[:]
	}
	var unnamed [][]byte
	if err := s.db.Tx(jobs.Enter(ctx, scope.Keeper, sc.Org), func(tx *db.Tx) (err error) {
		unnamed, err = db.Rows[[]byte](tx, `SELECT unnamed_contents($1)`, all)
		return err
	}); err != nil {
		return fmt.Errorf("take files back: %w", err)
	}
	for _, b := range unnamed {
		if err := s.blob.Remove(ctx, blob.Sum(b)); err != nil {
			return err
		}
	}
	return nil
}

// EraseDue erases every organization whose hold is over, and goes on with those that are being erased; as the keeper of none.
func (s *Service) EraseDue(ctx context.Context) error {
	if err := authz.Check(ctx, authz.EraseOrg, id.Org{}); err != nil {
		return err
	}
	var due []id.Org
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &due, `SELECT o.org_id FROM organizations o WHERE o.state <> 'active' AND (o.state = 'erasing' OR o.state = 'closed' AND o.state_at <= $1) ORDER BY o.org_id LIMIT 1000`, b.Now.Add(-Hold))
	}); err != nil {
		return err
	}
	for _, o := range due {
		if err := s.Erase(jobs.Enter(ctx, scope.Keeper, o)); err != nil {
			return err
		}
	}
	return nil
}
