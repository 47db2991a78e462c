package tenants

import (
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
)

// Collection is the one unit of sharing: a named set of items that its organization owns.
type Collection struct {
	OrgID        id.Org        `db:"org_id"`
	CollectionID id.Collection `db:"collection_id"`
	Slug         string        `db:"slug"` // unique per organization
	Title        string        `db:"title"`
	Description  string        `db:"description"`
	Visibility   string        `db:"visibility"` // internal, agreement (opened by grants) or public
}

// Tag changes with what is said of the collection and with who can see it, not with what stands in it.
func (c Collection) Tag() string {
	return etag.Of(c.CollectionID, c.Title, c.Description, c.Visibility)
}

// PutCollection inserts or updates the collection with the slug in tx's organization. Making it public opens it to everyone;
// anything else closes that at once, and making it internal closes it to all others too.
func PutCollection(tx *db.Tx, c Collection) (Collection, error) {
	if c.CollectionID.IsZero() {
		c.CollectionID = id.New[id.Collection]()
	}
	out, err := db.Row[Collection](tx, `INSERT INTO collections AS c (org_id, collection_id, slug, title, description, visibility, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (org_id, slug) DO UPDATE SET title = excluded.title, description = excluded.description, visibility = excluded.visibility
		RETURNING c.org_id, c.collection_id, c.slug, c.title, c.description, c.visibility`,
		tx.Scope.Org, c.CollectionID, c.Slug, c.Title, c.Description, c.Visibility, tx.Now)
	if err != nil {
		return Collection{}, fmt.Errorf("put collection %s: %w", c.Slug, err)
	}
	if out.Visibility == "public" {
		_, err = tx.Exec(`INSERT INTO grants (org_id, viewer_org, collection_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, out.OrgID, id.Everyone, out.CollectionID, tx.Now)
	} else {
		_, err = tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND collection_id = $3 AND (viewer_org = $2 OR $4)`, out.OrgID, id.Everyone, out.CollectionID, out.Visibility == "internal")
	}
	if err != nil {
		return Collection{}, err
	}
	return out, seenAnew(tx, out.Slug)
}

// seenAnew tells whoever keeps an index, or seats people, that the items of an own collection are seen by others now.
func seenAnew(tx *db.Tx, slug string) error {
	_, err := tx.Exec(`INSERT INTO outbox (org_id, kind, payload, at) SELECT $1, $3, jsonb_build_object('Org', $1::uuid, 'Item', ci.item_id), $4
		FROM collections c JOIN collection_items ci ON ci.org_id = c.org_id AND ci.collection_id = c.collection_id WHERE c.org_id = $1 AND c.slug = $2`, tx.Scope.Org, slug, ItemChanged{}.EventKind(), tx.Now)
	return err
}

// Collect puts an item of tx's organization into its collections with the slugs. NotFound if one does not exist.
func Collect(tx *db.Tx, item id.Item, slugs ...string) error {
	if len(slugs) == 0 {
		return nil
	}
	n, err := tx.Exec(`INSERT INTO collection_items (org_id, collection_id, item_id, kind, listed_at)
		SELECT c.org_id, c.collection_id, i.item_id, i.kind, i.published_at FROM collections c, items i
		WHERE c.org_id = $1 AND c.slug = ANY($3) AND i.org_id = $1 AND i.item_id = $2
		ON CONFLICT (org_id, collection_id, item_id) DO UPDATE SET kind = excluded.kind`, tx.Scope.Org, item, slugs)
	if err != nil {
		return fmt.Errorf("collect %s: %w", item, err)
	}
	if int(n) != len(slugs) {
		return errs.New(errs.NotFound, "collect %s: one of the collections %v does not exist", item, slugs)
	}
	if err := openParts(tx, item); err != nil {
		return err
	}
	return jobs.Emit(tx, ItemChanged{tx.Scope.Org, item})
}

// AddParts says which other items of tx's organization an item consists of, such as the courses of a path. Whoever may see the
// item in a collection may see them; they are listed only where they were collected themselves. Parts of earlier versions stay,
// because somebody may be learning one of these.
func AddParts(tx *db.Tx, item id.Item, parts []id.Item) error {
	if _, err := tx.Exec(`INSERT INTO item_parts (org_id, item_id, part_id) SELECT $1, $2, unnest($3::uuid[]) ON CONFLICT DO NOTHING`, tx.Scope.Org, item, parts); err != nil {
		return fmt.Errorf("parts of %s: %w", item, err)
	}
	return openParts(tx, item)
}

// openParts brings the parts of an item into the collections that it stands in once it is published, and takes those out that are
// no longer part of anything published there: a draft opens nothing.
func openParts(tx *db.Tx, item id.Item) error {
	if _, err := tx.Exec(`INSERT INTO collection_items (org_id, collection_id, item_id, kind, listed_at)
		SELECT ci.org_id, ci.collection_id, p.part_id, 'part', ci.listed_at FROM item_parts p
		JOIN collection_items ci ON ci.org_id = p.org_id AND ci.item_id = p.item_id
		JOIN items whole ON whole.org_id = p.org_id AND whole.item_id = p.item_id AND whole.state = 'published'
		WHERE p.org_id = $1 AND p.item_id = $2 ON CONFLICT DO NOTHING`, tx.Scope.Org, item); err != nil {
		return fmt.Errorf("open parts of %s: %w", item, err)
	}
	if _, err := tx.Exec(`DELETE FROM collection_items ci WHERE ci.org_id = $1 AND ci.kind = 'part' AND NOT EXISTS (
		SELECT 1 FROM item_parts p JOIN collection_items whole ON whole.org_id = p.org_id AND whole.item_id = p.item_id
		JOIN items i ON i.org_id = whole.org_id AND i.item_id = whole.item_id AND i.state = 'published'
		WHERE p.org_id = ci.org_id AND p.part_id = ci.item_id AND whole.collection_id = ci.collection_id)`, tx.Scope.Org); err != nil {
		return fmt.Errorf("close parts of %s: %w", item, err)
	}
	return nil
}

// Grant opens one collection to one organization.
type Grant struct {
	Collection string       // slug, of tx's organization
	Viewer     id.Org       // who may see it
	Agreement  id.Agreement // on whose terms
	Right      string       // use, adapt or show
	Until      *time.Time   // nil: as long as the agreement holds
}

// Open opens the collection; repeating changes right and end. NotFound for one that is internal.
func Open(tx *db.Tx, g Grant) error {
	if err := tx.Must(`INSERT INTO grants (org_id, viewer_org, collection_id, agreement_id, use_right, until, created_at)
		SELECT c.org_id, $3, c.collection_id, $4, $5, $6, $7 FROM collections c WHERE c.org_id = $1 AND c.slug = $2 AND c.visibility <> 'internal'
		ON CONFLICT (viewer_org, org_id, collection_id) DO UPDATE SET use_right = excluded.use_right, until = excluded.until, agreement_id = excluded.agreement_id`,
		tx.Scope.Org, g.Collection, g.Viewer, g.Agreement, g.Right, g.Until, tx.Now); err != nil {
		return fmt.Errorf("open %s to %s: %w", g.Collection, g.Viewer, err)
	}
	return Audit(tx, "collection.opened", "collection:"+g.Collection, map[string]string{"to": g.Viewer.String(), "right": g.Right})
}

// Close ends a grant at once.
func Close(tx *db.Tx, collection string, viewer id.Org) error {
	if err := tx.Must(`DELETE FROM grants g USING collections c WHERE c.org_id = $1 AND c.slug = $2 AND g.org_id = c.org_id AND g.collection_id = c.collection_id AND g.viewer_org = $3`,
		tx.Scope.Org, collection, viewer); err != nil {
		return fmt.Errorf("close %s to %s: %w", collection, viewer, err)
	}
	if err := seenAnew(tx, collection); err != nil {
		return err
	}
	return Audit(tx, "collection.closed", "collection:"+collection, map[string]string{"to": viewer.String()})
}
