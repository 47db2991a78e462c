package search

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Progress is how far Reindex has come.
type Progress struct {
	Step      Step
	Orgs, Of  int // organizations done, of how many
	Documents int // written so far
}

// Step is a part of Reindex.
type Step string

// The steps of Reindex in their order. Filled again is what changed in the meantime; Swapped comes with Meilisearch only.
const (
	Filled      Step = "filled"
	FilledAgain Step = "filled again"
	Verified    Step = "verified"
	Swapped     Step = "swapped"
)

// Reindex builds the documents of all organizations again and says after each organization how far it is. PostgreSQL's are
// written in place, each guarded by its version. Meilisearch gets a second index, with the settings of this release, which
// takes the first one's place when it holds exactly what PostgreSQL holds; until then, and if anything fails, the first one
// answers as before. The portal may run meanwhile: what changes during the filling is written again before the swap, and
// what changes during the swap after it. It returns how many documents there are. Repeating it is safe; two at a time
// disturb each other, and then the later swap fails with ErrIncomplete.
func (s *Service) Reindex(ctx context.Context, say func(Progress)) (int, error) {
	if err := authz.Check(ctx, authz.Index, id.Org{}); err != nil {
		return 0, err
	}
	next, err := s.mainEngine().BeginReindex(ctx)
	if err != nil {
		return 0, fmt.Errorf("begin an index: %w", err)
	}
	l := &ledger{next: next, engine: s.mainEngine(), has: map[id.Org]map[DocID]int64{}}
	if s.remote == nil {
		l.next = nil // PostgreSQL's documents are written on the way.
	}
	if err := s.refill(ctx, l, next, say); err != nil {
		// Also when ctx has ended: an index that nobody asks must not stay.
		if aerr := next.Abort(context.WithoutCancel(ctx)); aerr != nil {
			s.log.WarnContext(ctx, "throw away the new index", "error", aerr)
		}
		return 0, err
	}
	if s.remote != nil {
		say(Progress{Step: Swapped, Orgs: l.orgs, Of: l.orgs, Documents: l.docs()})
		l.next = s.remote.engine
		if _, err := s.again(ctx, l); err != nil {
			return 0, err
		}
	}
	return l.docs(), s.RebuildLexicon(ctx)
}

// mainEngine is the one that answers first.
func (s *Service) mainEngine() Engine {
	if s.remote != nil {
		return s.remote.engine
	}
	return s.postgres
}

func (s *Service) refill(ctx context.Context, l *ledger, next Reindex, say func(Progress)) error {
	orgs, err := s.organizations(ctx)
	if err != nil {
		return err
	}
	l.orgs = len(orgs)
	for i, org := range orgs {
		if err := s.reindexOrg(jobs.Enter(ctx, scope.Indexer, org), org, l); err != nil {
			return fmt.Errorf("reindex %s: %w", org, err)
		}
		say(Progress{Step: Filled, Orgs: i + 1, Of: len(orgs), Documents: l.docs()})
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	// What changes while this catches up is caught up after the swap.
	for range 3 {
		changed, err := s.again(ctx, l)
		if err != nil {
			return err
		}
		if !changed {
			break
		}
		say(Progress{Step: FilledAgain, Orgs: len(orgs), Of: len(orgs), Documents: l.docs()})
	}
	if err := next.Verify(ctx, l.docs()); err != nil {
		return err
	}
	say(Progress{Step: Verified, Orgs: len(orgs), Of: len(orgs), Documents: l.docs()})
	return next.Swap(ctx)
}

func (s *Service) organizations(ctx context.Context) (out []id.Org, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		out, err = db.Rows[id.Org](tx, `SELECT org_id FROM organizations ORDER BY org_id`)
		return err
	})
	return out, err
}

type docRow struct {
	Doc     DocID   `db:"doc_id"`
	Item    id.Item `db:"item_id"`
	Kind    Kind    `db:"kind"`
	Version int64   `db:"version"`
}

// again writes those documents that PostgreSQL has in another version than the ledger, removes those that are gone there,
// and reports whether there was any.
func (s *Service) again(ctx context.Context, l *ledger) (changed bool, err error) {
	orgs, err := s.organizations(ctx)
	if err != nil {
		return false, err
	}
	for _, org := range orgs {
		ctx := jobs.Enter(ctx, scope.Indexer, org)
		var rows []docRow
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			rows, err = db.Rows[docRow](tx, `SELECT doc_id, item_id, kind, version FROM search_documents WHERE org_id = $1 ORDER BY item_id, doc_id`, org)
			return err
		}); err != nil {
			return false, fmt.Errorf("compare documents of %s: %w", org, err)
		}
		gone := maps.Clone(l.has[org])
		var items, questions []id.Item
		for _, r := range rows {
			delete(gone, r.Doc)
			if l.has[org][r.Doc] == r.Version {
				continue
			}
			if r.Kind == KindQuestion {
				questions = append(questions, r.Item)
			} else {
				items = append(items, r.Item)
			}
		}
		ops := make([]Op, 0, len(gone))
		for d := range gone {
			ops = append(ops, Op{Delete: d})
		}
		changed = changed || len(ops)+len(items)+len(questions) > 0
		if err := l.write(ctx, ops); err != nil {
			return false, err
		}
		if err := s.indexAll(ctx, slices.Compact(items), slices.Compact(questions), l); err != nil {
			return false, err
		}
	}
	return changed, l.settle(ctx)
}

// ledger remembers which version of each document was written, about 50 bytes for one. It does not wait for every batch: a
// server that is left to it takes many batches in one go.
type ledger struct {
	next interface { // nil: nothing beside PostgreSQL
		Apply(ctx context.Context, ops []Op) (Ticket, error)
	}
	engine Engine
	has    map[id.Org]map[DocID]int64
	orgs   int
	n      int
	open   []Ticket
}

// openMost is how many batches may wait at a time.
const openMost = 50

func (l *ledger) docs() int { return l.n }

func (l *ledger) write(ctx context.Context, ops []Op) error {
	who, err := scope.From(ctx)
	if err != nil || len(ops) == 0 {
		return err
	}
	if l.next != nil {
		t, err := l.next.Apply(ctx, ops)
		if err != nil {
			return fmt.Errorf("fill the new index: %w", err)
		}
		if l.open = append(l.open, t); len(l.open) >= openMost {
			if err := l.settle(ctx); err != nil {
				return err
			}
		}
	}
	has := l.has[who.Org]
	if has == nil {
		has = map[DocID]int64{}
		l.has[who.Org] = has
	}
	l.n -= len(has)
	for _, op := range ops {
		if op.Upsert == nil {
			delete(has, op.Delete)
		} else {
			has[op.Upsert.ID] = op.Upsert.Version
		}
	}
	l.n += len(has)
	return nil
}

// settle waits for all batches.
func (l *ledger) settle(ctx context.Context) error {
	for _, t := range l.open {
		if err := l.engine.Wait(ctx, t); err != nil {
			return fmt.Errorf("fill the new index: %w", err)
		}
	}
	l.open = l.open[:0]
	return nil
}
