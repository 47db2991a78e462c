// Package searchbench fills an installation with a large library for measuring search: sections of prose become lessons of
// courses, spread over many publishers that open them to some viewers. It writes the rooms' tables in bulk, in the scope of
// each publisher, under the row policies, and lets search index them as it would in operation. Benchmarks and tests only.
package searchbench

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
)

// Section is a piece of prose under a heading.
type Section struct {
	Repo    string `json:"repo"`
	Path    string `json:"path"`
	Lang    string `json:"lang"`
	Doc     string `json:"doc_title"`
	Title   string `json:"title"` // document and heading
	Heading string `json:"section"`
	Body    string `json:"body"`
}

// Corpus reads at most n sections of a gzipped file with one JSON object per line; every is how many lines one is taken of.
func Corpus(path string, n, every int) (out []Section, err error) {
	f, err := os.Open(path) //nolint:gosec // A benchmark reads what it is told.
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	r := bufio.NewReaderSize(z, 1<<20)
	for i := 0; len(out) < n; i++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if i%max(every, 1) != 0 {
			continue
		}
		var s Section
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, fmt.Errorf("read %s line %d: %w", path, i+1, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// Options says how the sections are spread.
type Options struct {
	Publishers int // organizations that own them
	Viewers    int // organizations that look
	Open       int // how many publishers are opened to each viewer
	Seed       uint64
}

// World is what was loaded.
type World struct {
	Viewers  []id.Org
	Seen     map[id.Org][]int // which sections a viewer's organization may see
	Item     []id.Item        // of each section
	Sections []Section
}

// Load writes the sections and has them indexed. It takes about a second for a thousand sections, most of it PostgreSQL
// making word vectors.
func Load(ctx context.Context, d *db.DB, svc *search.Service, sections []Section, o Options) (*World, error) {
	w := &World{Seen: map[id.Org][]int{}, Item: make([]id.Item, len(sections)), Sections: sections}
	rnd := rand.New(rand.NewPCG(o.Seed, 7)) //nolint:gosec // Not for secrets.
	publishers := make([]publisher, o.Publishers)
	for i := range publishers {
		publishers[i] = publisher{org: id.New[id.Org](), courses: map[string][]int{}}
	}
	for i, s := range sections {
		h := fnv.New32a()
		dir := s.Path[:strings.LastIndexByte(s.Path, '/')+1]
		_, _ = h.Write([]byte(s.Repo + "/" + dir))
		p := &publishers[int(h.Sum32())%o.Publishers]
		p.courses[s.Repo+"/"+s.Path] = append(p.courses[s.Repo+"/"+s.Path], i)
	}
	for range o.Viewers {
		v := id.New[id.Org]()
		if err := organization(ctx, d, v); err != nil {
			return nil, err
		}
		w.Viewers = append(w.Viewers, v)
		for _, n := range rnd.Perm(o.Publishers)[:min(o.Open, o.Publishers)] {
			publishers[n].opened = append(publishers[n].opened, v)
		}
	}
	for i := range publishers {
		if err := publishers[i].write(ctx, d, svc, w); err != nil {
			return nil, fmt.Errorf("publisher %d: %w", i, err)
		}
	}
	for _, v := range w.Viewers {
		slices.Sort(w.Seen[v])
	}
	return w, svc.RebuildLexicon(jobs.Enter(ctx, scope.Indexer, id.Org{}))
}

type publisher struct {
	org     id.Org
	courses map[string][]int
	opened  []id.Org
}

func organization(ctx context.Context, d *db.DB, org id.Org) error {
	hex := strings.ReplaceAll(org.String(), "-", "")
	return d.Tx(jobs.Enter(ctx, scope.Operator, org), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, $2, $3, 'Oo', '#066a5b', 178, 0.08)`, org, "o"+hex, "Organization "+hex[20:])
		return err
	})
}

func (p *publisher) write(ctx context.Context, d *db.DB, svc *search.Service, w *World) error {
	if err := organization(ctx, d, p.org); err != nil {
		return err
	}
	if err := d.Tx(jobs.Enter(ctx, scope.Operator, p.org), func(tx *db.Tx) error {
		c, err := tenants.PutCollection(tx, tenants.Collection{Slug: "partners", Title: "Partners", Visibility: "agreement"})
		if err != nil {
			return err
		}
		for _, v := range p.opened {
			if err := tenants.Open(tx, tenants.Grant{Collection: "partners", Viewer: v, Agreement: id.New[id.Agreement](), Right: "use"}); err != nil {
				return err
			}
		}
		return p.items(tx, c.CollectionID, w)
	}); err != nil {
		return err
	}
	return svc.ReindexOrg(jobs.Enter(ctx, scope.Indexer, p.org), p.org)
}

func (p *publisher) items(tx *db.Tx, partners id.Collection, w *World) error {
	var items, lessonOf []id.Item
	var titles, slugs, langs, keys, heads, bodies []string
	var positions []int32
	for _, key := range slices.Sorted(maps.Keys(p.courses)) {
		list := p.courses[key]
		item := id.New[id.Item]()
		first := w.Sections[list[0]]
		items = append(items, item)
		titles = append(titles, clip(first.Doc, 200, first.Heading))
		slugs = append(slugs, "i"+item.String())
		langs = append(langs, first.Lang)
		for n, i := range list {
			s := w.Sections[i]
			w.Item[i] = item
			lessonOf = append(lessonOf, item)
			keys = append(keys, fmt.Sprintf("l%d", n))
			heads = append(heads, clip(s.Heading, 300, s.Doc))
			bodies = append(bodies, clean(s.Body))
			positions = append(positions, int32(n))
			for _, v := range p.opened {
				w.Seen[v] = append(w.Seen[v], i)
			}
		}
	}
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO items (org_id, item_id, kind, title, slug, lang, minutes, steps, state, version, published_at)
			SELECT $1, u.item, 'course', u.title, u.slug, left(u.lang, 5), 20, 1, 'published', 1, now() FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS u(item, title, slug, lang)`, []any{p.org, items, titles, slugs, langs}},
		{`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) SELECT $1, u.item, 1, u.title, '', '{}', '\x00' FROM unnest($2::uuid[], $3::text[]) AS u(item, title)`, []any{p.org, items, titles}},
		{
			`INSERT INTO lessons (org_id, item_id, version, key, position, title, minutes, source, blocks, plain)
			SELECT $1, u.item, 1, u.key, u.position, u.title, 5, '', '[]', u.plain FROM unnest($2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[]) AS u(item, key, position, title, plain)`,
			[]any{p.org, lessonOf, keys, positions, heads, bodies},
		},
		{`INSERT INTO collection_items (org_id, collection_id, item_id, kind) SELECT $1, $2, u.item, 'course' FROM unnest($3::uuid[]) AS u(item)`, []any{p.org, partners, items}},
	} {
		if _, err := tx.Exec(q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}

func clip(s string, n int, instead string) string {
	s = clean(s)
	if s == "" {
		s = clean(instead)
	}
	if s == "" {
		return "Untitled"
	}
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

func clean(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", ""))
}
