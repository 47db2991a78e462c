package tenants

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// The kinds of items.
const (
	KindCourse   = "course"
	KindPath     = "path"
	KindResource = "resource"
	KindStory    = "story"
	KindGroup    = "group"
)

// Item is the registry's row of whatever can stand in a collection: what a card, a list and an address need.
type Item struct {
	OrgID       id.Org     `db:"org_id"` // the owner
	ItemID      id.Item    `db:"item_id"`
	Kind        string     `db:"kind"`
	Title       string     `db:"title"`
	Slug        string     `db:"slug"` // unique per owner and kind
	Summary     string     `db:"summary"`
	Lang        string     `db:"lang"`  // of the content
	Level       string     `db:"level"` // beginner, intermediate, advanced or ""
	Minutes     int        `db:"minutes"`
	Topics      []string   `db:"topics"`
	Parts       []Part     `db:"parts"`
	Steps       int        `db:"steps"`    // lessons of a course, steps of a path; 0 for others
	State       string     `db:"state"`    // draft, published or retired
	Version     int        `db:"version"`  // in force; 0 for none
	Finished    int        `db:"finished"` // people who completed it, over all organizations
	UpdatedAt   time.Time  `db:"updated_at"`
	PublishedAt *time.Time `db:"published_at"`
}

// Part is how many of an item's steps an organization owns.
type Part struct {
	Org id.Org `json:"org"`
	N   int    `json:"n"`
}

// ItemColumns is the select list of Item for the alias i.
const ItemColumns = `i.org_id, i.item_id, i.kind, i.title, i.slug, i.summary, i.lang, i.level, i.minutes, i.topics, i.parts, i.steps, i.state, i.version, i.finished, i.updated_at, i.published_at`

// ItemChanged says that an item's public face, state or collections changed.
type ItemChanged struct {
	Org  id.Org
	Item id.Item
}

// EventKind implements jobs.Event.
func (ItemChanged) EventKind() string { return "tenants.item_changed" }

// EventOrg implements jobs.Event.
func (e ItemChanged) EventOrg() id.Org { return e.Org }

// ItemURL is the address of an item on any host: /{kind}/{id}/{slug}.
func ItemURL(it Item) string { return "/" + it.Kind + "/" + it.ItemID.String() + "/" + it.Slug }

// PutItem inserts the item into the registry of tx's organization, or updates the row with its (kind, slug); state, version
// and counters stay. It returns the item with its identifier and the registry's state.
func PutItem(tx *db.Tx, it Item) (Item, error) {
	if it.ItemID.IsZero() {
		it.ItemID = id.New[id.Item]()
	}
	if it.Slug == "" {
		it.Slug = Slugify(it.Title)
	}
	if it.Parts == nil {
		it.Parts = []Part{}
	}
	if it.Topics == nil {
		it.Topics = []string{}
	}
	if it.Lang == "" {
		it.Lang = "en"
	}
	out, err := db.Row[Item](tx, `INSERT INTO items AS i (org_id, item_id, kind, title, slug, summary, lang, level, minutes, topics, parts, steps, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
		ON CONFLICT (org_id, kind, slug) DO UPDATE SET title = excluded.title, summary = excluded.summary, lang = excluded.lang, level = excluded.level,
			minutes = excluded.minutes, topics = excluded.topics, parts = excluded.parts, steps = excluded.steps, updated_at = excluded.updated_at
		RETURNING `+ItemColumns,
		tx.Scope.Org, it.ItemID, it.Kind, it.Title, it.Slug, it.Summary, it.Lang, it.Level, it.Minutes, it.Topics, it.Parts, it.Steps, tx.Now)
	if err != nil {
		return Item{}, fmt.Errorf("put item %s/%s: %w", it.Kind, it.Slug, err)
	}
	return out, nil
}

// PublishItem makes a version the one in force. at is when it was first published; zero means now.
func PublishItem(tx *db.Tx, item id.Item, version int, at time.Time) error {
	if at.IsZero() {
		at = tx.Now
	}
	if err := tx.Must(`UPDATE items SET state = 'published', version = $3, published_at = coalesce(published_at, $4), updated_at = $5 WHERE org_id = $1 AND item_id = $2`,
		tx.Scope.Org, item, version, at, tx.Now); err != nil {
		return fmt.Errorf("publish item %s: %w", item, err)
	}
	if err := openParts(tx, item); err != nil {
		return err
	}
	if err := Audit(tx, "item.published", "item:"+item.String(), map[string]int{"version": version}); err != nil {
		return err
	}
	return jobs.Emit(tx, ItemChanged{tx.Scope.Org, item})
}

// ListFilter narrows a list of items.
type ListFilter struct {
	Kinds  []string // none: all
	Owners []id.Org // none: all
	After  *Item    // the last one of the page before
	Limit  int      // at most 200, default 30
}

// Visible queues the list of items that the viewer may see, newest first: own, opened by a grant, and public ones (a visitor
// sees those only). It starts from the collections open to the viewer and takes the newest of each (LATERAL), then removes
// doubles: its cost grows with collections × limit, not with items.
func Visible(b *db.Batch, dest *[]Item, viewer scope.Scope, f ListFilter) {
	if f.Limit <= 0 || f.Limit > 200 {
		f.Limit = 30
	}
	if len(f.Kinds) == 0 {
		f.Kinds = []string{KindCourse, KindPath, KindResource, KindStory, KindGroup}
	}
	var at *time.Time
	if f.After == nil {
		f.After = &Item{}
	} else {
		at = f.After.PublishedAt
	}
	// Own items need no collection.
	db.List(b, dest, `WITH open AS (
			SELECT DISTINCT g.org_id, g.collection_id FROM grants g
			WHERE g.viewer_org IN ($1, everyone()) AND (g.until IS NULL OR g.until > now()) AND g.org_id IS DISTINCT FROM $1 AND ($4::uuid[] IS NULL OR g.org_id = ANY($4))
		), seen AS (
			SELECT DISTINCT t.org_id, t.item_id FROM open o CROSS JOIN LATERAL (
				SELECT k.org_id, k.item_id FROM unnest($2::text[]) AS want(kind) CROSS JOIN LATERAL (
					SELECT ci.org_id, ci.item_id FROM collection_items ci
					WHERE ci.org_id = o.org_id AND ci.collection_id = o.collection_id AND ci.kind = want.kind AND ci.listed_at IS NOT NULL AND ($5::timestamptz IS NULL OR (ci.listed_at <= $5 AND (ci.listed_at < $5 OR ci.item_id > $6)))
					ORDER BY ci.listed_at DESC, ci.item_id LIMIT $3) k) t
			UNION
			SELECT k.org_id, k.item_id FROM unnest($2::text[]) AS want(kind) CROSS JOIN LATERAL (
				SELECT i.org_id, i.item_id FROM items i
				WHERE i.org_id = $1 AND i.kind = want.kind AND i.state = 'published' AND ($4::uuid[] IS NULL OR $1 = ANY($4)) AND ($5::timestamptz IS NULL OR (i.published_at <= $5 AND (i.published_at < $5 OR i.item_id > $6)))
				ORDER BY i.published_at DESC, i.item_id LIMIT $3) k
		)
		SELECT `+ItemColumns+` FROM seen s JOIN items i ON i.org_id = s.org_id AND i.item_id = s.item_id AND i.state = 'published'
		ORDER BY i.published_at DESC, i.item_id LIMIT $3`,
		viewer.Org, f.Kinds, f.Limit, orgsOrNil(f.Owners), at, f.After.ItemID)
}

func orgsOrNil(o []id.Org) []id.Org {
	if len(o) == 0 {
		return nil
	}
	return o
}

// SeenItem queues one item, if the viewer may see it; found says so.
func SeenItem(b *db.Batch, dest *Item, found *bool, viewer scope.Scope, item id.Item) {
	db.One(b, dest, found, seenItem, item, viewer.Org)
}

const seenItem = `SELECT ` + ItemColumns + ` FROM items i WHERE i.item_id = $1 AND (i.org_id = $2 OR (i.state = 'published' AND EXISTS (
	SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
	WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND g.viewer_org IN ($2, everyone()) AND (g.until IS NULL OR g.until > now()) OFFSET 0)))`

// SeeItem is SeenItem inside a transaction; NotFound if the viewer may not see it.
func SeeItem(tx *db.Tx, item id.Item) (Item, error) {
	return db.Row[Item](tx, seenItem, item, tx.Scope.Org)
}

// SeeItems queues those of the items that the viewer may see.
func SeeItems(b *db.Batch, dest *[]Item, viewer scope.Scope, items []id.Item) {
	db.List(b, dest, strings.Replace(seenItem, "i.item_id = $1", "i.item_id = ANY($1)", 1)+` ORDER BY i.item_id LIMIT 500`, items, viewer.Org)
}

// Right is what the viewer's organization may do with an item: own, adapt, show, use or read (public).
func Right(b *db.Batch, dest *string, viewer scope.Scope, item Item) {
	db.One(b, dest, nil, `SELECT CASE WHEN $1::uuid = $3::uuid THEN 'own' ELSE coalesce((SELECT CASE WHEN g.viewer_org = everyone() THEN 'read' ELSE g.use_right END
		FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
		WHERE ci.org_id = $1 AND ci.item_id = $2 AND g.viewer_org IN ($3, everyone()) AND (g.until IS NULL OR g.until > now())
		ORDER BY g.viewer_org = everyone(), array_position(ARRAY['adapt','show','use'], g.use_right) LIMIT 1), '') END`, item.OrgID, item.ItemID, viewer.Org)
}

// Slugify makes the readable end of an address: lower case, letters and digits of any script without their marks, hyphens.
func Slugify(title string) string {
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(strings.ToLower(title)) {
		switch {
		case r == 'ß':
			b.WriteString("ss")
			dash = false
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
			dash = false
		case unicode.Is(unicode.Mn, r):
		case !dash && b.Len() > 0:
			b.WriteByte('-')
			dash = true
		}
		if b.Len() >= 80 {
			break
		}
	}
	if s := strings.TrimSuffix(b.String(), "-"); s != "" {
		return s
	}
	return "item"
}
