package tenants

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// The visibilities of a collection.
const (
	Internal    = "internal"
	ByAgreement = "agreement"
	Public      = "public"
)

// SharedCollection is an own collection with who can see it.
type SharedCollection struct {
	Collection

	Items     int        `db:"items"` // that can be seen: published, and collected themselves
	Drafts    int        `db:"drafts"`
	PublicAt  *time.Time `db:"public_at"` // since when it is public
	Opened    int        `db:"opened"`    // to how many organizations
	OpenedTo  []Opened   `db:"opened_to"` // the first eight of them, by name
	MayChange bool       `db:"-"`         // the viewer may open and close it
}

// Opened is an organization that a collection is open to.
type Opened struct {
	Org    id.Org     `json:"org"`
	Slug   string     `json:"slug"`
	Name   string     `json:"name"`
	Short  string     `json:"short"`
	Hue    int        `json:"hue"`
	Chroma float64    `json:"chroma"`
	Right  string     `json:"right"`
	Until  *time.Time `json:"until"`
}

const sharedColumns = `c.org_id, c.collection_id, c.slug, c.title, c.description, c.visibility, n.items, n.drafts, e.public_at, t.opened, coalesce(v.opened_to, '[]') AS opened_to
	FROM collections c
	CROSS JOIN LATERAL (SELECT count(ci.listed_at)::int AS items, count(*) FILTER (WHERE ci.listed_at IS NULL)::int AS drafts FROM collection_items ci
		WHERE ci.org_id = c.org_id AND ci.collection_id = c.collection_id AND ci.kind <> 'part') n
	CROSS JOIN LATERAL (SELECT max(g.created_at) AS public_at FROM grants g WHERE g.org_id = c.org_id AND g.collection_id = c.collection_id AND g.viewer_org = everyone()) e
	CROSS JOIN LATERAL (SELECT count(*)::int AS opened FROM grants g WHERE g.org_id = c.org_id AND g.collection_id = c.collection_id AND g.viewer_org <> everyone() AND (g.until IS NULL OR g.until > now())) t
	CROSS JOIN LATERAL (SELECT jsonb_agg(x ORDER BY x.name, x.org) AS opened_to FROM (
		SELECT o.org_id AS org, o.slug, o.name, o.short, o.hue, o.chroma, g.use_right AS right, g.until FROM grants g JOIN organizations o ON o.org_id = g.viewer_org
		WHERE g.org_id = c.org_id AND g.collection_id = c.collection_id AND (g.until IS NULL OR g.until > now()) ORDER BY o.name, o.org_id LIMIT 8) x) v
	WHERE c.org_id = $1`

// Sharing lists the own collections with who can see them: what everybody sees first, what nobody else sees last.
func (s *Service) Sharing(ctx context.Context) ([]SharedCollection, error) {
	if err := authz.Check(ctx, authz.ManageSharing, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var out []SharedCollection
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+sharedColumns+` ORDER BY array_position(ARRAY['public', 'agreement', 'internal'], c.visibility), lower(c.title), c.collection_id LIMIT 500`, sc.Org)
	}); err != nil {
		return nil, err
	}
	for i := range out {
		out[i].MayChange = authz.Allowed(sc, authz.ManageNetwork, id.Org{})
	}
	return out, nil
}

// CollectionView is a page of what stands in a collection.
type CollectionView struct {
	Now    time.Time
	Shared SharedCollection
	Items  []Item // by title
	More   bool
	Found  []Item // own items that match the words and do not stand in it, at most 20
	// Elsewhere is how many of its items stand in another collection that is open to others, too.
	Elsewhere int
	Seen      int // how often its items were opened while it is public, as far as that is counted
}

// CollectionFilter narrows the page of a collection.
type CollectionFilter struct {
	Slug      string
	Find      string // words of the title of an own item that is to be added
	AfterName string // the last item of the page before, lower-case title and identifier
	AfterID   id.Item
	Limit     int // 1 to 200; default 50
}

// CollectionView returns an own collection with its items; NotFound if there is none with the slug.
func (s *Service) CollectionView(ctx context.Context, f CollectionFilter) (CollectionView, error) {
	if err := authz.Check(ctx, authz.ManageSharing, id.Org{}); err != nil {
		return CollectionView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return CollectionView{}, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	var v CollectionView
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Shared, &found, `SELECT `+sharedColumns+` AND c.slug = $2`, sc.Org, f.Slug)
		db.List(b, &v.Items, `SELECT `+ItemColumns+` FROM collections c JOIN collection_items ci ON ci.org_id = c.org_id AND ci.collection_id = c.collection_id AND ci.kind <> 'part'
			JOIN items i ON i.org_id = ci.org_id AND i.item_id = ci.item_id WHERE c.org_id = $1 AND c.slug = $2 AND ($3 = '' OR (lower(i.title), i.item_id) > ($3, $4))
			ORDER BY lower(i.title), i.item_id LIMIT $5`, sc.Org, f.Slug, f.AfterName, f.AfterID, f.Limit+1)
		if strings.TrimSpace(f.Find) != "" {
			db.List(b, &v.Found, `SELECT `+ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.state <> 'retired' AND lower(i.title) LIKE $3 AND NOT EXISTS (
				SELECT 1 FROM collection_items ci JOIN collections c ON c.org_id = ci.org_id AND c.collection_id = ci.collection_id AND c.slug = $2
				WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND ci.kind <> 'part') ORDER BY lower(i.title), i.item_id LIMIT 20`, sc.Org, f.Slug, db.Like(f.Find))
		}
		db.One(b, &v.Elsewhere, nil, `SELECT count(DISTINCT ci.item_id)::int FROM collections c JOIN collection_items ci ON ci.org_id = c.org_id AND ci.collection_id = c.collection_id AND ci.listed_at IS NOT NULL AND ci.kind <> 'part'
			JOIN collection_items x ON x.org_id = ci.org_id AND x.item_id = ci.item_id AND x.collection_id <> ci.collection_id
			WHERE c.org_id = $1 AND c.slug = $2 AND EXISTS (SELECT 1 FROM grants g WHERE g.org_id = x.org_id AND g.collection_id = x.collection_id AND (g.until IS NULL OR g.until > now()))`, sc.Org, f.Slug)
		db.One(b, &v.Seen, nil, `SELECT coalesce(sum(t.n), 0)::int FROM collections c JOIN grants g ON g.org_id = c.org_id AND g.collection_id = c.collection_id AND g.viewer_org = everyone()
			JOIN collection_items ci ON ci.org_id = c.org_id AND ci.collection_id = c.collection_id
			JOIN touches t ON t.org_id = ci.org_id AND t.item_id = ci.item_id AND t.day >= g.created_at::date AND t.what = 'seen' WHERE c.org_id = $1 AND c.slug = $2`, sc.Org, f.Slug)
	}); err != nil {
		return CollectionView{}, err
	}
	if !found {
		return CollectionView{}, errs.New(errs.NotFound, "collection %q", f.Slug)
	}
	v.Shared.MayChange = authz.Allowed(sc, authz.ManageNetwork, id.Org{})
	if len(v.Items) > f.Limit {
		v.Items, v.More = v.Items[:f.Limit], true
	}
	return v, nil
}

// Lengths of a collection's texts, in letters.
const (
	collectionTitle = 120
	collectionText  = 1000
)

func named(title, description string) error {
	switch n := utf8.RuneCountInString(title); {
	case n == 0:
		return errs.Fields(errs.Field{Name: "title", Key: "tenants.sharing.title_missing"})
	case n > collectionTitle:
		return errs.Fields(errs.Field{Name: "title", Key: "tenants.sharing.title_long"})
	case utf8.RuneCountInString(description) > collectionText:
		return errs.Fields(errs.Field{Name: "description", Key: "tenants.sharing.description_long"})
	}
	return nil
}

// CreateCollection makes a collection that nobody else sees yet; Invalid, with the field, if there is one of that name.
func (s *Service) CreateCollection(ctx context.Context, title, description string) (Collection, error) {
	if err := authz.Check(ctx, authz.ManageSharing, id.Org{}); err != nil {
		return Collection{}, err
	}
	title, description = strings.TrimSpace(title), strings.TrimSpace(description)
	if err := named(title, description); err != nil {
		return Collection{}, err
	}
	c := Collection{Slug: Slugify(title), Title: title, Description: description, Visibility: Internal}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		taken, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM collections c WHERE c.org_id = $1 AND c.slug = $2)`, tx.Scope.Org, c.Slug)
		if err != nil {
			return err
		}
		if taken {
			return errs.Fields(errs.Field{Name: "title", Key: "tenants.sharing.title_taken"})
		}
		if c, err = PutCollection(tx, c); err != nil {
			return err
		}
		return Audit(tx, "collection.created", "collection:"+c.Slug, nil)
	})
	return c, err
}

// RenameCollection changes title and description; its address and what is agreed about it stay.
func (s *Service) RenameCollection(ctx context.Context, slug, title, description string) error {
	if err := authz.Check(ctx, authz.ManageSharing, id.Org{}); err != nil {
		return err
	}
	title, description = strings.TrimSpace(title), strings.TrimSpace(description)
	if err := named(title, description); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if c, err := held(tx, slug); err != nil {
			return err
		} else if err := etag.Check(ctx, c.Tag()); err != nil {
			return err
		}
		if err := tx.Must(`UPDATE collections SET title = $3, description = $4 WHERE org_id = $1 AND slug = $2`, tx.Scope.Org, slug, title, description); err != nil {
			return err
		}
		return Audit(tx, "collection.renamed", "collection:"+slug, nil)
	})
}

// held is an own collection that stays as it is until the end of the transaction.
func held(tx *db.Tx, slug string) (Collection, error) {
	return db.Row[Collection](tx, `SELECT c.org_id, c.collection_id, c.slug, c.title, c.description, c.visibility FROM collections c WHERE c.org_id = $1 AND c.slug = $2 FOR UPDATE`, tx.Scope.Org, slug)
}

// SetVisibility opens a collection to everybody, closes it to all others, or lets agreements alone say who sees it; the agreements in
// force that name it open it again. It holds for every read that begins after it returns. Whoever manages the network may.
func (s *Service) SetVisibility(ctx context.Context, slug, visibility string) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	if visibility != Internal && visibility != ByAgreement && visibility != Public {
		return errs.New(errs.Invalid, "visibility %q", visibility)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		c, err := held(tx, slug)
		if err != nil {
			return err
		}
		if err := etag.Check(ctx, c.Tag()); err != nil || c.Visibility == visibility {
			return err
		}
		before := c.Visibility
		c.Visibility = visibility
		if c, err = PutCollection(tx, c); err != nil {
			return err
		}
		if before == Internal {
			if err := reopen(tx, c.CollectionID); err != nil {
				return err
			}
		}
		return Audit(tx, "collection.visibility", "collection:"+slug, map[string]string{"from": before, "to": visibility})
	})
}

// promise is what an agreement in force says about one collection.
type promise struct {
	Other     id.Org       `db:"other"`
	Agreement id.Agreement `db:"agreement_id"`
	Opening   Opening      `db:"opening"`
	Until     string       `db:"until"` // of the agreement
}

// reopen opens a collection to whom the agreements in force promise it.
func reopen(tx *db.Tx, c id.Collection) error {
	list, err := db.Rows[promise](tx, `SELECT CASE WHEN k.org_a = $1 THEN k.org_b ELSE k.org_a END AS other, a.agreement_id, x.opening, coalesce(a.terms->>'until', '') AS until
		FROM connections k JOIN agreements a ON a.connection_id = k.connection_id AND a.state = 'active'
		CROSS JOIN LATERAL jsonb_array_elements(a.terms->CASE WHEN k.org_a = $1 THEN 'a' ELSE 'b' END->'opens') AS x(opening)
		WHERE k.state = 'active' AND $1 IN (k.org_a, k.org_b) AND x.opening->>'collection' = $2::uuid::text ORDER BY a.agreement_id LIMIT 10000`, tx.Scope.Org, c)
	if err != nil {
		return err
	}
	for _, p := range list {
		until, err := day(p.Opening.Until)
		if err != nil {
			return err
		}
		if end, err := day(p.Until); err == nil && end != nil && (until == nil || end.Before(*until)) {
			until = end
		}
		var seats *int
		if p.Opening.Seats > 0 {
			seats = &p.Opening.Seats
		}
		if _, err := tx.Exec(`INSERT INTO grants (org_id, viewer_org, collection_id, agreement_id, use_right, seats, until, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			tx.Scope.Org, p.Other, c, p.Agreement, p.Opening.Right, seats, until, tx.Now); err != nil {
			return err
		}
	}
	return nil
}

// AddToCollection puts an own item into a collection: whoever sees the collection sees it from then on. Repeating changes nothing.
func (s *Service) AddToCollection(ctx context.Context, slug string, item id.Item) error {
	if err := authz.Check(ctx, authz.ManageSharing, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := Collect(tx, item, slug); err != nil {
			return err
		}
		return Audit(tx, "collection.added", "collection:"+slug, map[string]string{"item": item.String()})
	})
}

// RemoveFromCollection takes an item out: who saw it there only does not see it any more, at once. As a part of something else in the
// collection it stays open. NotFound if it does not stand in it.
func (s *Service) RemoveFromCollection(ctx context.Context, slug string, item id.Item) error {
	if err := authz.Check(ctx, authz.ManageSharing, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM collection_items ci USING collections c WHERE c.org_id = $1 AND c.slug = $2 AND ci.org_id = c.org_id AND ci.collection_id = c.collection_id AND ci.item_id = $3 AND ci.kind <> 'part'`,
			tx.Scope.Org, slug, item); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO collection_items (org_id, collection_id, item_id, kind, listed_at) SELECT DISTINCT w.org_id, w.collection_id, p.part_id, 'part', NULL::timestamptz
			FROM collections c JOIN collection_items w ON w.org_id = c.org_id AND w.collection_id = c.collection_id JOIN item_parts p ON p.org_id = w.org_id AND p.item_id = w.item_id
			WHERE c.org_id = $1 AND c.slug = $2 AND p.part_id = $3 ON CONFLICT DO NOTHING`, tx.Scope.Org, slug, item); err != nil {
			return err
		}
		if err := openParts(tx, item); err != nil {
			return err
		}
		// Whoever keeps an index forgets what the item consisted of, too.
		if _, err := tx.Exec(`INSERT INTO outbox (org_id, kind, payload, at) SELECT $1, $3, jsonb_build_object('Org', $1::uuid, 'Item', p.part_id), $4 FROM item_parts p WHERE p.org_id = $1 AND p.item_id = $2`,
			tx.Scope.Org, item, ItemChanged{}.EventKind(), tx.Now); err != nil {
			return err
		}
		if err := jobs.Emit(tx, ItemChanged{tx.Scope.Org, item}); err != nil {
			return err
		}
		return Audit(tx, "collection.removed", "collection:"+slug, map[string]string{"item": item.String()})
	})
}
