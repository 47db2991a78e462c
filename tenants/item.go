package tenants

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/learnscape/learnscape/internal/authz"
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
	OrgID       id.Org     `db:"org_id" json:"org_id"` // the owner
	ItemID      id.Item    `db:"item_id" json:"item_id"`
	Kind        string     `db:"kind" json:"kind"`
	Title       string     `db:"title" json:"title"`
	Slug        string     `db:"slug" json:"slug"` // unique per owner and kind
	Summary     string     `db:"summary" json:"summary"`
	Lang        string     `db:"lang" json:"lang"`   // of the content
	Level       string     `db:"level" json:"level"` // beginner, intermediate, advanced or ""
	Minutes     int        `db:"minutes" json:"minutes"`
	Topics      []string   `db:"topics" json:"topics"`
	Parts       []Part     `db:"parts" json:"parts"`
	Steps       int        `db:"steps" json:"steps"`       // lessons of a course, steps of a path; 0 for others
	State       string     `db:"state" json:"state"`       // draft, published or retired
	Version     int        `db:"version" json:"version"`   // in force; 0 for none
	Finished    int        `db:"finished" json:"finished"` // people who completed it, as far as was released: none or at least five, later, and never one by one
	UpdatedAt   time.Time  `db:"updated_at" json:"updated_at"`
	PublishedAt *time.Time `db:"published_at" json:"published_at"`
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

// RetireItem closes an item to everybody at once. Its row, its versions and what people did with it stay.
func RetireItem(tx *db.Tx, item id.Item) error {
	if err := tx.Must(`UPDATE items SET state = 'retired', updated_at = $3 WHERE org_id = $1 AND item_id = $2 AND state = 'published'`, tx.Scope.Org, item, tx.Now); err != nil {
		return fmt.Errorf("retire item %s: %w", item, err)
	}
	if err := openParts(tx, item); err != nil {
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
// sees those only). It starts from the collections that are open to the viewer (open_items): its cost grows with collections
// and limit, not with items.
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
	// Only as many rows as the list has are read and checked, all of them at once.
	db.List(b, dest, `SELECT `+ItemColumns+` FROM seen_items(ARRAY(SELECT s.item_id FROM (`+Newest("$1", "$2", "$4", "$5", "$6", "$3")+`) s)) i
		WHERE i.state = 'published' ORDER BY i.published_at DESC, i.item_id LIMIT $3`,
		viewer.Org, f.Kinds, f.Limit, orgsOrNil(f.Owners), at, f.After.ItemID)
}

// Newest is a query for org_id, item_id, kind and listed_at of the newest items that the organization in the first parameter may
// see: its own, which need no collection, and what is open to it; for whoever looks as another, what of its own is open to that one. The other parameters are those of open_items.
func Newest(org, kinds, owners, before, after, limit string) string {
	return strings.NewReplacer("$org", org, "$kinds", kinds, "$owners", owners, "$before", before, "$after", after, "$limit", limit).Replace(
		`SELECT l.* FROM (
			SELECT o.org_id, o.item_id, o.kind, o.listed_at FROM open_items($kinds, $owners, $before, $after, $limit) o
			UNION ALL
			SELECT k.* FROM unnest($kinds::text[]) AS want(kind) CROSS JOIN LATERAL (
				SELECT i.org_id, i.item_id, i.kind, i.published_at FROM items i
				WHERE i.org_id = $org AND (SELECT app_view()) IS NULL AND i.kind = want.kind AND i.state = 'published' AND ($owners::uuid[] IS NULL OR $org = ANY($owners))
					AND ($before::timestamptz IS NULL OR (i.published_at <= $before AND (i.published_at < $before OR i.item_id > $after)))
				ORDER BY i.published_at DESC, i.item_id LIMIT $limit) k) l
		ORDER BY l.listed_at DESC, l.item_id LIMIT $limit`)
}

func orgsOrNil(o []id.Org) []id.Org {
	if len(o) == 0 {
		return nil
	}
	return o
}

// Items lists what the viewer may see, newest first, and whether there is more; visitors see what is public.
func (s *Service) Items(ctx context.Context, f ListFilter) (out []Item, more bool, err error) {
	if err := authz.Check(ctx, authz.ListItems, id.Org{}); err != nil {
		return nil, false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, false, err
	}
	if f.Limit < 1 {
		f.Limit = 30
	}
	limit := min(f.Limit, 199)
	f.Limit = limit + 1
	if err := s.db.Read(ctx, func(b *db.Batch) { Visible(b, &out, sc, f) }); err != nil {
		return nil, false, err
	}
	if len(out) > limit {
		return out[:limit], true, nil
	}
	return out, false, nil
}

// Item returns one item with what the viewer's organization may do with it: own, adapt, show, use or read. NotFound if the viewer
// may not see it.
func (s *Service) Item(ctx context.Context, item id.Item) (it Item, right string, err error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return Item{}, "", err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Item{}, "", err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if it, err = SeeItem(tx, item); err != nil {
			return err
		}
		return tx.Batch(func(b *db.Batch) { Right(b, &right, sc, it) })
	})
	return it, right, err
}

// SeenItem queues one item, if the viewer may see it; found says so.
func SeenItem(b *db.Batch, dest *Item, found *bool, viewer scope.Scope, item id.Item) {
	db.One(b, dest, found, seenItem, item, viewer.Org)
}

var seenItem = `SELECT ` + ItemColumns + ` FROM items i WHERE i.item_id = $1 AND ` + Seen("$2")

// Seen is the condition under which the organization in the parameter may see the item with the alias i: its own, or one that a
// grant opens to it or to everyone; for whoever looks as another organization, an own one that is opened to that. It names the scope
// of a statement; the row policies below it say the same once more.
func Seen(org string) string {
	return `((i.org_id = ` + org + ` OR (i.state = 'published' AND opened(i.org_id, i.item_id))) AND ((SELECT app_view()) IS NULL OR (i.org_id = ` + org + ` AND viewed(i.item_id))))`
}

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
