package marketing

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Card is an item in a list with the organizations whose steps it has.
type Card struct {
	tenants.Item
	StoryKind string        `db:"story_kind"` // of a story; "" for others
	Owners    []Contributor `db:"owners"`     // the owner first
}

// cardsSQL lists items of the kinds $2 that viewer $1 may see, the newest $3 of each kind, those of organization $4 first; from
// the place ($5, $6) on. It starts from the collections open to the viewer and takes the newest of each.
const cardsSQL = `WITH open AS (
		SELECT DISTINCT g.org_id, g.collection_id FROM grants g
		WHERE g.viewer_org IN ($1, everyone()) AND (g.until IS NULL OR g.until > now()) AND g.org_id IS DISTINCT FROM $1
	), seen AS (
		SELECT t.org_id, t.item_id FROM open o CROSS JOIN unnest($2::text[]) AS w(kind) CROSS JOIN LATERAL (
			SELECT ci.org_id, ci.item_id FROM collection_items ci
			WHERE ci.org_id = o.org_id AND ci.collection_id = o.collection_id AND ci.kind = w.kind
				AND ($5::timestamptz IS NULL OR (ci.listed_at <= $5 AND (ci.listed_at < $5 OR ci.item_id > $6)))
			ORDER BY ci.listed_at DESC, ci.item_id LIMIT $3) t
		UNION SELECT t.org_id, t.item_id FROM unnest($2::text[]) AS w(kind) CROSS JOIN LATERAL (
			SELECT i.org_id, i.item_id FROM items i WHERE i.org_id = $1 AND i.kind = w.kind AND i.state = 'published'
				AND ($5::timestamptz IS NULL OR (i.published_at <= $5 AND (i.published_at < $5 OR i.item_id > $6)))
			ORDER BY i.published_at DESC, i.item_id LIMIT $3) t
	), best AS (
		SELECT i.*, row_number() OVER (PARTITION BY i.kind ORDER BY (i.org_id = $4) IS TRUE DESC, i.published_at DESC, i.item_id) AS place
		FROM seen s JOIN items i ON i.org_id = s.org_id AND i.item_id = s.item_id AND i.state = 'published'
	)
	SELECT ` + tenants.ItemColumns + `, coalesce(st.story_kind, '') AS story_kind, ` + ownersSQL + ` AS owners
	FROM best i LEFT JOIN stories st ON st.org_id = i.org_id AND st.item_id = i.item_id WHERE i.place <= $3 ORDER BY i.kind, i.place`

// ownersSQL is whose steps an item i has, as far as viewer org $1 may know: the owner, the viewer's own organization and those
// that it is connected to.
const ownersSQL = `coalesce((SELECT jsonb_agg(jsonb_build_object('id', o.org_id, 'slug', o.slug, 'name', o.name, 'short', o.short, 'hue', o.hue, 'chroma', o.chroma, 'n', p.n)
			ORDER BY o.org_id <> i.org_id, p.at)
		FROM jsonb_array_elements(CASE WHEN i.parts = '[]' THEN jsonb_build_array(jsonb_build_object('org', i.org_id, 'n', 1)) ELSE i.parts END) WITH ORDINALITY AS e(v, at)
		CROSS JOIN LATERAL (SELECT (e.v->>'org')::uuid AS org, (e.v->>'n')::int AS n, e.at) p
		JOIN organizations o ON o.org_id = p.org
		WHERE o.org_id = i.org_id OR o.org_id = $1 OR EXISTS (SELECT 1 FROM connection_sides c WHERE c.org_id = $1 AND c.other_org = o.org_id AND c.state = 'active')), '[]')`

func queueCards(b *db.Batch, dest *[]Card, viewer scope.Scope, prefer id.Org, limit int, from cursor, kinds ...string) {
	var at *time.Time
	if !from.at.IsZero() {
		at = &from.at
	}
	db.List(b, dest, cardsSQL, viewer.Org, kinds, limit, prefer, at, from.item)
}

// StoryList is a page of stories.
type StoryList struct {
	Stories []Card // newest first
	Next    string // "" on the last page
}

// Stories returns the stories that the viewer may see, 24 at a time. after is Next of the page before; one that cannot be
// read starts from the beginning.
func (s *Service) Stories(ctx context.Context, after string) (StoryList, error) {
	if err := authz.Check(ctx, authz.ReadStory, id.Org{}); err != nil {
		return StoryList{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return StoryList{}, err
	}
	const size = 24
	var out StoryList
	err = s.db.Read(ctx, func(b *db.Batch) {
		queueCards(b, &out.Stories, viewer, id.Org{}, size+1, parseCursor(after), tenants.KindStory)
	})
	if err != nil {
		return StoryList{}, fmt.Errorf("list stories: %w", err)
	}
	if len(out.Stories) > size {
		out.Stories = out.Stories[:size]
		last := out.Stories[size-1]
		out.Next = cursor{*last.PublishedAt, last.ItemID}.String()
	}
	return out, nil
}

// cursor is the last row of a page, for the next one; its zero value is the beginning.
type cursor struct {
	at   time.Time
	item id.Item
}

// String is the cursor as an address holds it.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.at.UTC().Format(time.RFC3339Nano) + " " + c.item.String()))
}

func parseCursor(s string) cursor {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}
	}
	at, item, _ := strings.Cut(string(raw), " ")
	t, terr := time.Parse(time.RFC3339Nano, at)
	i, ierr := id.Parse[id.Item](item)
	if terr != nil || ierr != nil {
		return cursor{}
	}
	return cursor{t, i}
}

// Newest is what a landing page shows: what can be learned and what is told.
type Newest struct {
	Paths   []Card // newest first, those of the organization of the host before others
	Stories []Card
}

// QueueNewest queues the newest paths and stories that the viewer may see, at most limit of each, those of org first, if org is
// not zero. The function that it returns gives them once the batch has been read: one statement, to stand in the batch of a
// page beside other rooms' queries.
func QueueNewest(b *db.Batch, viewer scope.Scope, org id.Org, limit int) func() Newest {
	var cards []Card
	queueCards(b, &cards, viewer, org, limit, cursor{}, tenants.KindPath, tenants.KindStory)
	return func() Newest {
		var out Newest
		for _, c := range cards {
			if c.Kind == tenants.KindStory {
				out.Stories = append(out.Stories, c)
			} else {
				out.Paths = append(out.Paths, c)
			}
		}
		return out
	}
}

// Landing returns what QueueNewest does in a read of its own. A visitor sees public collections only, whatever the host.
func (s *Service) Landing(ctx context.Context, org id.Org, limit int) (Newest, error) {
	if err := authz.Check(ctx, authz.ReadStory, id.Org{}); err != nil {
		return Newest{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return Newest{}, err
	}
	var get func() Newest
	if err := s.db.Read(ctx, func(b *db.Batch) { get = QueueNewest(b, viewer, org, limit) }); err != nil {
		return Newest{}, fmt.Errorf("newest of %s: %w", org, err)
	}
	return get(), nil
}
