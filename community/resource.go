package community

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// ResourceDraft is a resource before it is published.
type ResourceDraft struct {
	ID          id.Item // zero: a new one, or the one with the slug
	Slug        string  // unique among the organization's resources; made from the title if empty
	Kind        string  // tip, how_to, checklist, recording, file or link
	Title       string
	Summary     string
	Lang        string
	Minutes     int // to read
	Topics      []string
	Collections []string // slugs of the organization's collections; none keeps it to the organization
	Body        string   // Markdown
	Author      id.Membership
	AuthorName  string
	Published   time.Time // zero: now
}

// Resource is a tip, a how-to, a checklist or the like, as a viewer sees it.
type Resource struct {
	tenants.Item
	ResourceKind string // tip, how_to, checklist, recording, file or link
	HTML         string // rendered and safe
	AuthorName   string // "" if the author is not named
	Owner        Company
	Own          bool // of the viewer's organization
}

// PublishResource publishes a resource of the acting organization, or the next state of the one with its slug.
func (s *Service) PublishResource(ctx context.Context, d ResourceDraft) (tenants.Item, error) {
	if err := authz.Check(ctx, authz.WriteResource, id.Org{}); err != nil {
		return tenants.Item{}, err
	}
	var out tenants.Item
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		out, err = publishResource(tx, d)
		return err
	})
	if err != nil {
		return tenants.Item{}, fmt.Errorf("publish resource %s: %w", d.Slug, err)
	}
	return out, nil
}

func publishResource(tx *db.Tx, d ResourceDraft) (tenants.Item, error) {
	html, err := markdown.Render(d.Body, markdown.Options{Lang: d.Lang})
	if err != nil {
		return tenants.Item{}, errs.Fields(errs.Field{Name: "body", Key: "community.fault.text_long"})
	}
	it, err := tenants.PutItem(tx, tenants.Item{
		ItemID: d.ID, Kind: tenants.KindResource, Title: d.Title, Slug: d.Slug, Summary: d.Summary, Lang: d.Lang, Minutes: d.Minutes, Topics: d.Topics,
	})
	if err != nil {
		return tenants.Item{}, err
	}
	if _, err := tx.Exec(`INSERT INTO resources (org_id, item_id, resource_kind, source, html, plain, author, author_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (org_id, item_id) DO UPDATE SET resource_kind = excluded.resource_kind, source = excluded.source, html = excluded.html, plain = excluded.plain,
			author = excluded.author, author_name = excluded.author_name`,
		it.OrgID, it.ItemID, d.Kind, d.Body, html, markdown.Plain(d.Body), d.Author, d.AuthorName); err != nil {
		return tenants.Item{}, err
	}
	if err := tenants.PublishItem(tx, it.ItemID, it.Version+1, d.Published); err != nil {
		return tenants.Item{}, err
	}
	return it, tenants.Collect(tx, it.ItemID, d.Collections...)
}

// Resource returns a resource; NotFound if the viewer may not see it.
func (s *Service) Resource(ctx context.Context, item id.Item) (Resource, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return Resource{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return Resource{}, err
	}
	var out resourceRow
	var seen tenants.Item
	var found, visible bool
	err = s.db.Read(ctx, func(b *db.Batch) {
		tenants.SeenItem(b, &seen, &visible, viewer, item)
		db.One(b, &out, &found, `SELECT r.resource_kind, r.html, r.author_name, o.org_id, o.slug AS org_slug, o.name AS org_name, o.short AS org_short, o.hue AS org_hue, o.chroma AS org_chroma
			FROM resources r JOIN items i ON i.org_id = r.org_id AND i.item_id = r.item_id JOIN organizations o ON o.org_id = r.org_id WHERE i.item_id = $1`, item)
	})
	if err != nil {
		return Resource{}, fmt.Errorf("resource %s: %w", item, err)
	}
	if !found || !visible {
		return Resource{}, errs.New(errs.NotFound, "resource %s", item)
	}
	tenants.NoteRead(ctx, seen.OrgID, tenants.KindResource)
	return Resource{
		Item: seen, ResourceKind: out.Kind, HTML: out.HTML, AuthorName: out.AuthorName, Owner: out.company(out.OrgID), Own: seen.OrgID == viewer.Org && viewer.View.IsZero(),
	}, nil
}

type resourceRow struct {
	companyRow
	OrgID      id.Org `db:"org_id"`
	Kind       string `db:"resource_kind"`
	HTML       string `db:"html"`
	AuthorName string `db:"author_name"`
}
