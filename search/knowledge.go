package search

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// refreshEvery is how old a process's lexicon may be; recountEvery how long new words may go without exact figures.
const (
	refreshEvery = time.Minute
	recountEvery = 10 * time.Minute
)

// Run keeps the lexicon of this process fresh until ctx ends, recounts it now and then, and writes what was looked for.
func (s *Service) Run(ctx context.Context) error {
	ctx = jobs.Enter(ctx, scope.Indexer, id.Org{})
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		if round%int(recountEvery/refreshEvery) == 0 {
			if err := s.RebuildLexicon(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "recount the words of search", "error", err)
			}
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "refresh the words of search", "error", err)
		}
		if !s.flushing(ctx, tick.C) {
			return nil
		}
	}
}

// flushing writes what was looked for every few seconds until next is due; false means that ctx has ended.
func (s *Service) flushing(ctx context.Context, next <-chan time.Time) bool {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	full := s.tally.full
	for {
		select {
		case <-ctx.Done():
			return false
		case <-next:
			return true
		case <-tick.C:
		case <-full:
		}
		full = s.tally.full
		if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "count what was looked for", "error", err)
			full = nil // A database that refuses is not asked again at once.
		}
	}
}

// RebuildLexicon counts the words of all documents again, of all organizations, and loads them. Bulk imports call it at
// their end; a minute for a million documents is usual.
func (s *Service) RebuildLexicon(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Index, id.Org{}); err != nil {
		return err
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`SET LOCAL statement_timeout = '30min'`); err != nil {
			return err
		}
		_, err := db.Row[int](tx, `SELECT search_rebuild_lexicon()`)
		return err
	}); err != nil {
		return fmt.Errorf("rebuild lexicon: %w", err)
	}
	return s.Refresh(ctx)
}

type synonymRow struct {
	Org     id.Org   `db:"org_id"`
	Term    string   `db:"term"`
	Expands []string `db:"expands"`
}

// Refresh loads the words into this process if they changed, and looks whether Meilisearch holds enough to be asked.
func (s *Service) Refresh(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Index, id.Org{}); err != nil {
		return err
	}
	type mark struct {
		Words   int       `db:"words"`
		Changed time.Time `db:"changed"`
		Docs    int       `db:"docs"`
	}
	before := s.known.Load()
	next := *before
	var m mark
	var words []Word
	var synonyms []synonymRow
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if m, err = db.Row[mark](tx, `SELECT count(*)::int AS words, coalesce(max(changed_at), 'epoch') AS changed,
				(SELECT coalesce(sum(docs), 0)::int FROM search_languages) AS docs FROM search_lexicon`); err != nil {
			return err
		}
		if next.langs, err = db.Rows[string](tx, `SELECT lang FROM search_languages ORDER BY docs DESC, lang LIMIT 12`); err != nil {
			return err
		}
		if synonyms, err = db.Rows[synonymRow](tx, `SELECT org_id, term, expands FROM search_synonyms ORDER BY org_id, term, lang LIMIT 50000`); err != nil {
			return err
		}
		if m.Words == before.words && m.Changed.Equal(before.changed) {
			return nil
		}
		words, err = db.Rows[Word](tx, `SELECT word, df, orgs FROM search_lexicon ORDER BY df DESC, word LIMIT 500000`)
		return err
	})
	if err != nil {
		return fmt.Errorf("refresh lexicon: %w", err)
	}
	if words != nil {
		next.lexicon, next.words, next.changed = NewLexicon(words), m.Words, m.Changed
	}
	next.synonyms = map[id.Org]map[string][]string{}
	for _, r := range synonyms {
		if next.synonyms[r.Org] == nil {
			next.synonyms[r.Org] = map[string][]string{}
		}
		next.synonyms[r.Org][r.Term] = append(next.synonyms[r.Org][r.Term], r.Expands...)
	}
	s.known.Store(&next)
	if s.remote == nil {
		return nil
	}
	if has, changed := s.remote.compare(ctx, m.Docs); changed {
		if s.remote.lacks.Load() {
			s.log.WarnContext(ctx, "the search engine lacks documents, PostgreSQL answers until learnscape search reindex", "engine", s.remote.engine.Name(), "has", has, "of", m.Docs)
		} else {
			s.log.InfoContext(ctx, "the search engine holds the documents and answers", "engine", s.remote.engine.Name(), "has", has, "of", m.Docs)
		}
	}
	return nil
}
