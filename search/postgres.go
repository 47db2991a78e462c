package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// Postgres is the engine that is always there: full-text search in the product's own database, behind the function
// search_read, which is the only reader of the documents.
type Postgres struct {
	db    *db.DB
	langs func() []string // the languages that documents have
}

// newPostgres returns the engine; langs names the languages whose stemmers a question's words go through.
func newPostgres(d *db.DB, langs func() []string) *Postgres { return &Postgres{db: d, langs: langs} }

// Name implements Engine.
func (p *Postgres) Name() string { return "postgres" }

// Close implements Engine.
func (p *Postgres) Close() error { return nil }

// Wait implements Engine: what is applied is visible.
func (p *Postgres) Wait(context.Context, Ticket) error { return nil }

// Similar implements Engine.
func (p *Postgres) Similar(context.Context, Scope, DocID, int) ([]EngineHit, error) {
	return nil, ErrUnsupported
}

// Search implements Engine.
func (p *Postgres) Search(ctx context.Context, r Request) (EngineResult, error) {
	return p.read(ctx, r, false)
}

// Suggest implements Engine.
func (p *Postgres) Suggest(ctx context.Context, r Request) ([]EngineHit, error) {
	out, err := p.read(ctx, r, true)
	return out.Hits, err
}

// FacetSearch implements Engine.
func (p *Postgres) FacetSearch(ctx context.Context, r Request) (Counts, error) {
	r.Query.Counts, r.Query.Limit = true, 1
	out, err := p.Search(ctx, r)
	return out.Counts, err
}

type readRow struct {
	What  string  `db:"what"`
	Doc   DocID   `db:"doc_id"`
	Item  id.Item `db:"item_id"`
	Org   id.Org  `db:"org_id"`
	Key   string  `db:"key"`
	N     int     `db:"n"`
	Score float32 `db:"score"`
}

func (p *Postgres) read(ctx context.Context, r Request, titles bool) (EngineResult, error) {
	if len(r.Scope.channels) == 0 {
		return EngineResult{}, ErrNoScope
	}
	if r.Terms.hopeless() {
		return EngineResult{Counts: newCounts(), TotalExact: true}, nil
	}
	q := r.Query.bounded()
	words := make([]string, len(r.Terms.Words))
	for i, w := range r.Terms.Words {
		words[i] = strings.Join(w, " ")
	}
	var rows []readRow
	if err := p.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT what, doc_id, item_id, org_id, coalesce(key, '') AS key, n, score
			FROM search_read($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			r.Scope.channels, words, p.langs(), r.Terms.Phrase, titles, orNil(q.Kinds), orNil(q.Orgs), orNil(q.Langs), orNil(q.Times),
			q.Counts, r.Suspects, string(q.Sort), q.Offset, q.Limit, orNil(r.Scope.hidden))
	}); err != nil {
		return EngineResult{}, fmt.Errorf("search documents: %w", err)
	}
	out := EngineResult{Counts: newCounts()}
	for _, row := range rows {
		switch row.What {
		case "hit":
			out.Hits = append(out.Hits, EngineHit{ID: row.Doc, Item: row.Item, Org: row.Org, Part: row.Key, Partial: row.N > 0, Score: float64(row.Score)})
		case "total":
			out.Total, out.TotalExact = row.N, row.Key == "exact"
		case "orgs":
			out.Owners = row.N
		case "kind":
			out.Counts.Kinds[Kind(row.Key)] = row.N
		case "lang":
			out.Counts.Langs[row.Key] = row.N
		case "time":
			out.Counts.Times[Time(row.Key)] = row.N
		case "org":
			out.Counts.Orgs[row.Org] = row.N
		case "word":
			out.Known = append(out.Known, row.Key)
		case "asked":
			out.Asked = append(out.Asked, row.Item)
		case "gone":
			out.Gone = append(out.Gone, row.N-1)
		}
	}
	return out, nil
}

func newCounts() Counts {
	return Counts{Kinds: map[Kind]int{}, Orgs: map[id.Org]int{}, Langs: map[string]int{}, Times: map[Time]int{}}
}

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// Apply implements Engine. All documents belong to the organization of the scope in ctx.
func (p *Postgres) Apply(ctx context.Context, ops []Op) (Ticket, error) {
	return Ticket{}, p.db.Tx(ctx, func(tx *db.Tx) error { return p.applyTx(tx, ops) })
}

// applyTx writes the documents in one statement and removes in another. Row security forbids COPY; arrays unnested on the
// server are as fast, because making the word vectors is what takes the time.
func (p *Postgres) applyTx(tx *db.Tx, ops []Op) error {
	// A thousand long texts take seconds, and more on a busy machine.
	if _, err := tx.Exec(`SET LOCAL statement_timeout = '5min'`); err != nil {
		return err
	}
	var gone []DocID
	var c columns
	for _, op := range ops {
		if op.Upsert == nil {
			gone = append(gone, op.Delete)
			continue
		}
		c.add(*op.Upsert)
	}
	if len(gone) > 0 {
		if _, err := tx.Exec(`DELETE FROM search_documents WHERE org_id = $1 AND doc_id = ANY($2)`, tx.Scope.Org, gone); err != nil {
			return fmt.Errorf("remove search documents: %w", err)
		}
	}
	if len(c.ids) == 0 {
		return nil
	}
	// search_config's answer is taken once per row; normalized texts are parsed, so that both sides cut words alike.
	if _, err := tx.Exec(`INSERT INTO search_documents AS s (doc_id, org_id, item_id, part, kind, channels, lang, minutes, popularity, published_at, title, title_norm, words, title_tsv, tsv, version, indexed_at, named)
		SELECT u.doc_id, $1, u.item_id, u.part, u.kind, u.channels::uuid[], u.lang, u.minutes, u.popularity, u.published_at, u.title, u.title_norm, u.words::text[],
			setweight(to_tsvector(u.cfg, u.head), 'A') || setweight(to_tsvector('portal_simple', u.head), 'B') || setweight(to_tsvector(u.cfg, u.near), 'C'),
			setweight(to_tsvector(u.cfg, u.head) || to_tsvector('portal_simple', u.head), 'A') || setweight(to_tsvector(u.cfg, u.near || ' ' || u.topics), 'B')
				|| setweight(to_tsvector(u.cfg, u.summary), 'C') || setweight(to_tsvector(u.cfg, u.body), 'D'),
			u.version, $17, u.named
		FROM (SELECT t.*, search_config(t.lang) AS cfg FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::real[], $10::timestamptz[],
			$11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $18::bigint[], $19::bool[], $20::text[], $21::text[])
			AS t(doc_id, item_id, part, kind, channels, lang, minutes, popularity, published_at, title, title_norm, words, near, summary, body, version, named, head, topics)) u
		ON CONFLICT (doc_id) DO UPDATE SET part = excluded.part, kind = excluded.kind, channels = excluded.channels, lang = excluded.lang, minutes = excluded.minutes,
			popularity = excluded.popularity, published_at = excluded.published_at, title = excluded.title, title_norm = excluded.title_norm, words = excluded.words,
			title_tsv = excluded.title_tsv, tsv = excluded.tsv, version = excluded.version, indexed_at = excluded.indexed_at, named = excluded.named
		WHERE s.version <= excluded.version`,
		tx.Scope.Org, c.ids, c.items, c.parts, c.kinds, c.channels, c.langs, c.minutes, c.popularity, c.published,
		c.titles, c.norms, c.words, c.near, c.summaries, c.bodies, tx.Now, c.versions, c.named, c.heads, c.topics); err != nil {
		return fmt.Errorf("write search documents: %w", err)
	}
	// New words are known to every replica within a minute, long before the next count. How many organizations have one is
	// left at the count's figure, which errs on the side of telling nobody.
	if _, err := tx.Exec(`INSERT INTO search_lexicon (word, df, orgs, changed_at) SELECT w, 1, 1, $2 FROM unnest($1::text[]) AS w ON CONFLICT (word) DO NOTHING`, c.vocabulary(), tx.Now); err != nil {
		return fmt.Errorf("learn words: %w", err)
	}
	if _, err := tx.Exec(`INSERT INTO search_languages (lang) SELECT DISTINCT l FROM unnest($1::text[]) AS l ON CONFLICT (lang) DO NOTHING`, c.langs); err != nil {
		return fmt.Errorf("learn languages: %w", err)
	}
	return nil
}

// columns are documents, turned for unnest.
type columns struct {
	ids                                                 []DocID
	items                                               []id.Item
	parts, kinds, channels, langs, titles, norms, words []string
	near, summaries, bodies                             []string
	minutes                                             []int32
	popularity                                          []float32
	published                                           []time.Time
	versions                                            []int64
	named                                               []bool
	heads, topics                                       []string
	vocab                                               map[string]bool
}

func (c *columns) add(d Document) {
	title, near, topics := normalize(d.Title), normalize(d.Context), normalize(strings.Join(d.Topics, " "))
	summary, body := normalize(d.Summary), normalize(cut(d.Body, maxBody))
	words := distinct(title, near, topics, summary, body)
	c.ids = append(c.ids, d.ID)
	c.items = append(c.items, d.Item)
	c.parts = append(c.parts, d.Part)
	c.kinds = append(c.kinds, string(d.Kind))
	c.channels = append(c.channels, arrayOf(d.Channels))
	c.langs = append(c.langs, d.Lang)
	c.titles = append(c.titles, d.Title)
	c.norms = append(c.norms, strings.TrimSpace(title+" "+near))
	c.heads = append(c.heads, title)
	c.topics = append(c.topics, topics)
	// Words are letters and digits only; the quotes keep "null" a word.
	c.words = append(c.words, `{"`+strings.Join(words, `","`)+`"}`)
	c.near = append(c.near, near)
	c.summaries = append(c.summaries, summary)
	c.bodies = append(c.bodies, body)
	c.minutes = append(c.minutes, int32(min(d.Minutes, 1<<30))) //nolint:gosec // Bounded.
	c.popularity = append(c.popularity, float32(d.Popularity))
	c.published = append(c.published, d.PublishedAt)
	c.versions = append(c.versions, d.Version)
	c.named = append(c.named, !d.Unnamed)
	if c.vocab == nil {
		c.vocab = map[string]bool{}
	}
	for _, w := range words {
		c.vocab[w] = true
	}
}

// vocabulary is in one order everywhere, so that two writers never wait for each other in a circle.
func (c *columns) vocabulary() []string {
	out := make([]string, 0, len(c.vocab))
	for w := range c.vocab {
		out = append(out, w)
	}
	slices.Sort(out)
	return out
}

func arrayOf(ids []id.Any) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(v.String())
	}
	b.WriteByte('}')
	return b.String()
}

// Health implements Engine.
func (p *Postgres) Health(ctx context.Context) Health {
	if err := p.db.Ping(ctx); err != nil {
		return Health{State: "down", Detail: err.Error()}
	}
	return Health{State: "up"}
}

// BeginReindex implements Engine. Documents are written in place: every write is whole and guarded by its version, so that
// there is nothing to swap.
func (p *Postgres) BeginReindex(context.Context) (Reindex, error) { return inPlace{p}, nil }

type inPlace struct{ p *Postgres }

func (r inPlace) Apply(ctx context.Context, ops []Op) (Ticket, error) { return r.p.Apply(ctx, ops) }
func (r inPlace) Verify(context.Context, int) error                   { return nil }
func (r inPlace) Swap(context.Context) error                          { return nil }
func (r inPlace) Abort(context.Context) error                         { return nil }
