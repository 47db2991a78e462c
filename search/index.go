package search

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// batchSize is how many documents are written at a time.
const batchSize = 1000

// writer is where documents go beside PostgreSQL: the engine that answers first, or its index in the making. What write has
// taken may be repeated.
type writer interface {
	write(ctx context.Context, ops []Op) error
}

// nowhere is the writer where PostgreSQL answers alone.
type nowhere struct{}

func (nowhere) write(context.Context, []Op) error { return nil }

// write gives the changes to the engine and waits until they are visible; an error makes the event come again.
func (g *guarded) write(ctx context.Context, ops []Op) error {
	t, err := g.engine.Apply(ctx, ops)
	if err == nil {
		err = g.engine.Wait(ctx, t)
	}
	if err != nil {
		return fmt.Errorf("index in %s: %w", g.engine.Name(), err)
	}
	return nil
}

// live is where documents go beside PostgreSQL in everyday operation.
func (s *Service) live() writer {
	if s.remote == nil {
		return nowhere{}
	}
	return s.remote
}

// Apply writes and removes documents of the organization of the acting indexer, in every engine. It may be repeated.
func (s *Service) Apply(ctx context.Context, ops []Op) error {
	if err := authz.Check(ctx, authz.Index, id.Org{}); err != nil {
		return err
	}
	return s.apply(ctx, ops, s.live())
}

// apply writes to PostgreSQL first, so that it can answer in the other's place at any time.
func (s *Service) apply(ctx context.Context, ops []Op, to writer) error {
	for part := range slices.Chunk(ops, batchSize) {
		if _, err := s.postgres.Apply(ctx, part); err != nil {
			return err
		}
		if err := to.write(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// ReindexOrg writes all documents of the acting indexer's organization and removes those of things that are gone. Figures
// of the lexicon follow with RebuildLexicon.
func (s *Service) ReindexOrg(ctx context.Context, org id.Org) error {
	if err := authz.Check(ctx, authz.Index, org); err != nil {
		return err
	}
	return s.reindexOrg(ctx, org, s.live())
}

func (s *Service) reindexOrg(ctx context.Context, org id.Org, to writer) error {
	var items, questions []id.Item
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		items, err = db.Rows[id.Item](tx, `SELECT item_id FROM items WHERE org_id = $1 UNION SELECT item_id FROM search_documents WHERE org_id = $1 AND kind <> 'question' ORDER BY item_id`, org)
		if err == nil {
			questions, err = db.Rows[id.Item](tx, `SELECT question_id AS item_id FROM questions WHERE org_id = $1 UNION SELECT item_id FROM search_documents WHERE org_id = $1 AND kind = 'question' ORDER BY item_id`, org)
		}
		return err
	}); err != nil {
		return fmt.Errorf("reindex %s: %w", org, err)
	}
	return s.indexAll(ctx, items, questions, to)
}

func (s *Service) indexAll(ctx context.Context, items, questions []id.Item, to writer) error {
	for part := range slices.Chunk(items, 100) {
		if err := s.indexItems(ctx, part, to); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(questions, 500) {
		if err := s.indexQuestions(ctx, part, to); err != nil {
			return err
		}
	}
	return nil
}

// indexItems brings the documents of items of the acting organization up to date, and those of their parts: whoever may see
// a path in a collection may see its publisher's courses in it.
func (s *Service) indexItems(ctx context.Context, items []id.Item, to writer) error {
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		parts, err := db.Rows[id.Item](tx, `SELECT DISTINCT p.part_id FROM item_parts p WHERE p.org_id = $1 AND p.item_id = ANY($2) AND p.part_id <> ALL($2)`, tx.Scope.Org, items)
		items = append(slices.Clone(items), parts...)
		return err
	}); err != nil {
		return fmt.Errorf("parts to index: %w", err)
	}
	return s.index(ctx, items, to, func(tx *db.Tx) ([]Document, error) { return itemDocuments(tx, items) })
}

// indexQuestions does the same for questions.
func (s *Service) indexQuestions(ctx context.Context, questions []id.Item, to writer) error {
	return s.index(ctx, questions, to, func(tx *db.Tx) ([]Document, error) { return questionDocuments(tx, questions) })
}

// index writes what build returns and removes what else is there of the items.
func (s *Service) index(ctx context.Context, items []id.Item, to writer, build func(*db.Tx) ([]Document, error)) error {
	var ops []Op
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		docs, err := build(tx)
		if err != nil {
			return err
		}
		there, err := db.Rows[DocID](tx, `SELECT doc_id FROM search_documents WHERE org_id = $1 AND item_id = ANY($2)`, tx.Scope.Org, items)
		if err != nil {
			return err
		}
		ops = make([]Op, 0, len(docs))
		keep := make(map[DocID]bool, len(docs))
		for i := range docs {
			keep[docs[i].ID] = true
			ops = append(ops, Op{Upsert: &docs[i]})
		}
		for _, d := range there {
			if !keep[d] {
				ops = append(ops, Op{Delete: d})
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("build search documents: %w", err)
	}
	return s.apply(ctx, ops, to)
}

// awake leaves out what an organization ($1) that rests has: it has no documents.
const awake = `EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = $1 AND o.state = 'active')`

type partRow struct {
	ItemID      id.Item   `db:"item_id"`
	Kind        string    `db:"kind"`
	Title       string    `db:"title"`
	Summary     string    `db:"summary"`
	Lang        string    `db:"lang"`
	Topics      []string  `db:"topics"`
	Minutes     int       `db:"minutes"`
	Finished    int       `db:"finished"`
	PublishedAt time.Time `db:"published_at"`
	Body        string    `db:"body"`
	Part        string    `db:"part"`
	PartTitle   string    `db:"part_title"`
	PartMinutes int       `db:"part_minutes"`
	Collections []id.Any  `db:"collections"`
	Public      bool      `db:"public"`
}

// itemDocuments builds the documents of those of the items that are published: one for the item and, for each lesson of the version in
// force, one for each language in which it is there.
func itemDocuments(tx *db.Tx, items []id.Item) ([]Document, error) {
	rows, err := db.Rows[partRow](tx, `WITH w AS (
			SELECT i.*, c.collections, coalesce(c.public, false) AS public FROM items i LEFT JOIN LATERAL (
				SELECT array_agg(ci.collection_id ORDER BY ci.collection_id) AS collections,
					bool_or(EXISTS (SELECT 1 FROM grants g WHERE g.org_id = ci.org_id AND g.collection_id = ci.collection_id AND g.viewer_org = everyone() AND (g.until IS NULL OR g.until > now()))) AS public
				FROM collection_items ci WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id) c ON true
			WHERE i.org_id = $1 AND i.item_id = ANY($2) AND i.state = 'published' AND `+awake+`)
		SELECT w.item_id, w.kind, w.title, w.summary, w.topics, w.minutes, w.finished, coalesce(w.published_at, w.updated_at) AS published_at,
			p.body, p.part, p.part_title, p.part_minutes, coalesce(nullif(p.part_lang, ''), w.lang) AS lang, coalesce(w.collections, '{}') AS collections, w.public
		FROM w CROSS JOIN LATERAL (
			SELECT '' AS part, '' AS part_title, 0 AS part_minutes, '' AS part_lang,
				concat_ws(' ', v.outcome, regexp_replace(v.intro_html, '<[^>]*>', ' ', 'g'), s.plain, s.quote, r.plain) AS body
			FROM (SELECT 1) one LEFT JOIN versions v ON v.org_id = w.org_id AND v.item_id = w.item_id AND v.version = w.version
				LEFT JOIN stories s ON s.org_id = w.org_id AND s.item_id = w.item_id LEFT JOIN resources r ON r.org_id = w.org_id AND r.item_id = w.item_id
			UNION ALL
			SELECT l.key, l.title, l.minutes, l.lang, l.plain FROM lessons l WHERE l.org_id = w.org_id AND l.item_id = w.item_id AND l.version = w.version
			UNION ALL
			SELECT t.key || '@' || t.lang, t.title, l.minutes, t.lang, t.plain FROM lesson_texts t JOIN lessons l ON l.org_id = t.org_id AND l.item_id = t.item_id AND l.version = t.version AND l.key = t.key
			WHERE t.org_id = w.org_id AND t.item_id = w.item_id AND t.version = w.version
		) p ORDER BY w.item_id, p.part`, tx.Scope.Org, items)
	if err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	docs := make([]Document, 0, len(rows))
	for _, r := range rows {
		d := Document{
			ID: NewDocID(r.ItemID, r.Part), Org: tx.Scope.Org, Item: r.ItemID, Part: r.Part, Kind: Kind(r.Kind), Lang: r.Lang, Title: r.Title, Summary: r.Summary,
			Topics: r.Topics, Body: r.Body, Minutes: r.Minutes, Popularity: float64(r.Finished), PublishedAt: r.PublishedAt, Version: tx.Now.UnixMicro(),
			Channels: append([]id.Any{AnyOf(tx.Scope.Org)}, r.Collections...),
		}
		if r.Public {
			d.Channels = append(d.Channels, AnyOf(id.Everyone))
		}
		if r.Part != "" {
			d.Kind, d.Context, d.Title, d.Summary, d.Minutes = KindLesson, r.Title, r.PartTitle, "", r.PartMinutes
		}
		docs = append(docs, d)
	}
	return docs, nil
}

type askedRow struct {
	QuestionID id.Item   `db:"question_id"`
	Audience   string    `db:"audience"`
	Unnamed    bool      `db:"unnamed"`
	Lang       string    `db:"lang"`
	Title      string    `db:"title"`
	Body       string    `db:"body"`
	About      string    `db:"about"`
	Weight     int       `db:"weight"`
	ActiveAt   time.Time `db:"active_at"`
}

// questionDocuments builds the documents of questions. Of the answers only those count that every reader of the question
// may read: public ones, and those of the asker's own organization with at least the question's audience.
func questionDocuments(tx *db.Tx, questions []id.Item) ([]Document, error) {
	rows, err := db.Rows[askedRow](tx, `SELECT q.question_id, q.audience, q.shown_as = 'someone' AS unnamed, q.lang, q.title,
			q.body || ' ' || coalesce(a.body, '') AS body, q.answers + q.same + q.thanks AS weight, q.active_at, coalesce(i.title, '') AS about
		FROM questions q LEFT JOIN items i ON i.org_id = q.about_org AND i.item_id = q.about_item AND i.org_id = q.org_id
		LEFT JOIN LATERAL (SELECT string_agg(a.body, ' ' ORDER BY a.created_at) AS body FROM answers a WHERE a.question_org = q.org_id AND a.question_id = q.question_id
			AND a.state = 'shown' AND (a.audience = 'public' OR (a.org_id = q.org_id AND (q.audience = 'org' OR a.audience = q.audience)))) a ON true
		WHERE q.org_id = $1 AND q.question_id = ANY($2) AND q.state <> 'withdrawn' AND `+awake+` ORDER BY q.question_id`, tx.Scope.Org, questions)
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	docs := make([]Document, 0, len(rows))
	for _, r := range rows {
		d := Document{
			ID: NewDocID(r.QuestionID, ""), Org: tx.Scope.Org, Item: r.QuestionID, Kind: KindQuestion, Lang: r.Lang, Title: r.Title, Body: r.Body, Unnamed: r.Unnamed,
			Popularity: float64(r.Weight), PublishedAt: r.ActiveAt, Version: tx.Now.UnixMicro(), Channels: []id.Any{AnyOf(tx.Scope.Org)},
		}
		if r.Audience != "org" {
			d.Channels = append(d.Channels, ConnectedChannel(tx.Scope.Org))
		}
		if r.Audience == "public" {
			d.Channels = append(d.Channels, AnyOf(id.Everyone))
		}
		docs = append(docs, d)
	}
	return docs, nil
}
