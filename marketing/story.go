package marketing

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The kinds of stories.
const (
	Article   = "article"
	Video     = "video"
	CaseStudy = "case_study"
	Webinar   = "webinar"
	OnePager  = "one_pager"
	Landing   = "landing"
)

// Kinds lists the kinds of stories in the order in which people choose from them.
func Kinds() []string { return []string{Article, Video, CaseStudy, Webinar, OnePager, Landing} }

// Figure is a number that a story stands on, with its limits.
type Figure struct {
	Value string `json:"value" yaml:"value"` // as it is read: "38 to 5"
	Label string `json:"label" yaml:"label"` // what it counts
	Note  string `json:"note" yaml:"note"`   // where it comes from and what it does not say
}

// Ref names an item: organization slug and item slug.
type Ref struct{ Org, Slug string }

// String is the reference as files hold it: "solvik/door-alarms".
func (r Ref) String() string { return r.Org + "/" + r.Slug }

// ParseRef reads "organization/item".
func ParseRef(s string) (Ref, bool) {
	org, slug, ok := strings.Cut(strings.TrimSpace(s), "/")
	return Ref{org, slug}, ok && org != "" && slug != "" && !strings.Contains(slug, "/")
}

// Draft is a story before it is published.
type Draft struct {
	ID          id.Item // zero: a new one, or the one with the slug
	Slug        string  // unique among the organization's stories; made from the title if empty
	Title       string
	Kind        string // one of Kinds
	Lang        string
	Summary     string
	AuthorName  string
	AuthorTitle string
	Minutes     int // to read; 0: worked out from the text, 230 words a minute
	Topics      []string
	Collections []string // slugs of the organization's collections; none keeps it to the organization
	Quote       string   // one sentence of the text that is set off
	CTA         string   // what stands on the card of the first path
	Figures     []Figure
	Paths       []Ref // that the story leads to; those named in the body stand at their place
	Related     []Ref // other stories
	Body        string
	Published   time.Time // zero: now
}

// block is a part of a story's page in the order of reading.
type block struct {
	Kind string  `json:"kind"` // prose or path
	HTML string  `json:"html,omitempty"`
	Org  id.Org  `json:"org,omitzero"`
	Item id.Item `json:"item,omitzero"`
}

var pathLine = regexp.MustCompile(`(?m)^[ \t]*\{\{path[ \t]+([a-z0-9-]+/[a-z0-9-]+)[ \t]*\}\}[ \t]*$`)

// Publish publishes a story of the acting organization, or the next state of the one with its slug. Invalid names the field
// that is wrong; "body" if it leads to a path that the publisher may not see.
func (s *Service) Publish(ctx context.Context, d Draft) (tenants.Item, error) {
	if err := authz.Check(ctx, authz.WriteStory, id.Org{}); err != nil {
		return tenants.Item{}, err
	}
	var out tenants.Item
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		out, err = publish(tx, d)
		return err
	})
	if err != nil {
		return tenants.Item{}, fmt.Errorf("publish story %q: %w", d.Title, err)
	}
	return out, nil
}

func publish(tx *db.Tx, d Draft) (tenants.Item, error) {
	if err := d.check(); err != nil {
		return tenants.Item{}, err
	}
	for _, m := range pathLine.FindAllStringSubmatch(d.Body, -1) {
		if r, ok := ParseRef(m[1]); ok && !slices.Contains(d.Paths, r) {
			d.Paths = append(d.Paths, r)
		}
	}
	known, err := resolve(tx, slices.Concat(d.Paths, d.Related))
	if err != nil {
		return tenants.Item{}, err
	}
	blocks, err := d.blocks(known)
	if err != nil {
		return tenants.Item{}, err
	}
	words := markdown.Plain(pathLine.ReplaceAllString(d.Body, ""))
	if d.Minutes == 0 {
		d.Minutes = max(1, len(strings.Fields(words))/230)
	}
	it, err := tenants.PutItem(tx, tenants.Item{
		ItemID: d.ID, Kind: tenants.KindStory, Title: d.Title, Slug: d.Slug, Summary: d.Summary, Lang: d.Lang, Minutes: d.Minutes, Topics: d.Topics,
	})
	if err != nil {
		return tenants.Item{}, err
	}
	if err := putStory(tx, it, d, blocks, words); err != nil {
		return tenants.Item{}, err
	}
	if err := putLinks(tx, it, slices.Concat(d.Paths, d.Related), known); err != nil {
		return tenants.Item{}, err
	}
	if err := tenants.PublishItem(tx, it.ItemID, it.Version+1, d.Published); err != nil {
		return tenants.Item{}, err
	}
	return it, tenants.Collect(tx, it.ItemID, d.Collections...)
}

func (d Draft) check() error {
	var faults []errs.Field
	if n := utf8.RuneCountInString(strings.TrimSpace(d.Title)); n < 3 || n > 200 {
		faults = append(faults, errs.Field{Name: "title", Key: "marketing.fault.title"})
	}
	if !slices.Contains(Kinds(), d.Kind) {
		faults = append(faults, errs.Field{Name: "kind", Key: "marketing.fault.kind"})
	}
	if strings.TrimSpace(d.Body) == "" || len(d.Body) > markdown.MaxSource {
		faults = append(faults, errs.Field{Name: "body", Key: "marketing.fault.body"})
	}
	if len(faults) > 0 {
		return errs.Fields(faults...)
	}
	return nil
}

// blocks cuts the body at its path lines.
func (d Draft) blocks(known map[Ref]target) ([]block, error) {
	var out []block
	prose := func(source string) error {
		if strings.TrimSpace(source) == "" {
			return nil
		}
		html, err := markdown.Render(source, markdown.Options{Lang: d.Lang})
		out = append(out, block{Kind: "prose", HTML: html})
		return err
	}
	at := 0
	for _, m := range pathLine.FindAllStringSubmatchIndex(d.Body, -1) {
		if err := prose(d.Body[at:m[0]]); err != nil {
			return nil, err
		}
		r, _ := ParseRef(d.Body[m[2]:m[3]])
		to, ok := known[r]
		if !ok {
			return nil, errs.Fields(errs.Field{Name: "body", Key: "marketing.fault.path", Args: []any{"Path", r.String()}})
		}
		out = append(out, block{Kind: "path", Org: to.OrgID, Item: to.ItemID})
		at = m[1]
	}
	return out, prose(d.Body[at:])
}

// target is what a reference leads to.
type target struct {
	OrgID   id.Org  `db:"org_id"`
	ItemID  id.Item `db:"item_id"`
	OrgSlug string  `db:"org_slug"`
	Slug    string  `db:"slug"`
}

// resolve finds what the publisher may see of the references; a path is meant before a course or story of the same name.
func resolve(tx *db.Tx, refs []Ref) (map[Ref]target, error) {
	var names []string
	for _, r := range refs {
		names = append(names, r.String())
	}
	rows, err := db.Rows[target](tx, `SELECT DISTINCT ON (o.slug, i.slug) i.org_id, i.item_id, o.slug AS org_slug, i.slug
		FROM unnest($2::text[]) AS n(name) JOIN organizations o ON o.slug = split_part(n.name, '/', 1)
		JOIN items i ON i.org_id = o.org_id AND i.slug = split_part(n.name, '/', 2)
		WHERE i.org_id = $1 OR EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
			WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND g.viewer_org IN ($1, everyone()) AND (g.until IS NULL OR g.until > now()))
		ORDER BY o.slug, i.slug, array_position(ARRAY['path', 'course', 'story', 'resource', 'group'], i.kind)`, tx.Scope.Org, names)
	if err != nil {
		return nil, fmt.Errorf("resolve links: %w", err)
	}
	out := make(map[Ref]target, len(rows))
	for _, t := range rows {
		out[Ref{t.OrgSlug, t.Slug}] = t
	}
	return out, nil
}

func putStory(tx *db.Tx, it tenants.Item, d Draft, blocks []block, plain string) error {
	b, err := json.Marshal(blocks)
	if err != nil {
		return fmt.Errorf("blocks: %w", err)
	}
	figures := d.Figures
	if figures == nil {
		figures = []Figure{}
	}
	f, err := json.Marshal(figures)
	if err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO stories (org_id, item_id, story_kind, source, blocks, plain, author_name, author_title, quote, cta, figures)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (org_id, item_id) DO UPDATE SET story_kind = excluded.story_kind, source = excluded.source, blocks = excluded.blocks, plain = excluded.plain,
			author_name = excluded.author_name, author_title = excluded.author_title, quote = excluded.quote, cta = excluded.cta, figures = excluded.figures`,
		it.OrgID, it.ItemID, d.Kind, d.Body, b, plain, d.AuthorName, d.AuthorTitle, d.Quote, d.CTA, f)
	return err
}

func putLinks(tx *db.Tx, it tenants.Item, refs []Ref, known map[Ref]target) error {
	var orgs []id.Org
	var items []id.Item
	for _, r := range refs {
		if t, ok := known[r]; ok {
			orgs, items = append(orgs, t.OrgID), append(items, t.ItemID)
		}
	}
	if _, err := tx.Exec(`DELETE FROM item_links WHERE org_id = $1 AND item_id = $2`, it.OrgID, it.ItemID); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO item_links (org_id, item_id, to_org, to_item, position) SELECT $1, $2, t.o, t.i, t.n
		FROM unnest($3::uuid[], $4::uuid[]) WITH ORDINALITY AS t(o, i, n) ON CONFLICT DO NOTHING`, it.OrgID, it.ItemID, orgs, items)
	return err
}

// Publisher is the organization that a story belongs to, as a page shows it.
type Publisher struct {
	OrgID  id.Org  `db:"org_id"`
	Slug   string  `db:"org_slug"`
	Name   string  `db:"org_name"`
	Short  string  `db:"org_short"`
	Hue    int     `db:"org_hue"`
	Chroma float64 `db:"org_chroma"`
}

// Block is a part of a story as a viewer sees it: prose, or the card of something to learn.
type Block struct {
	HTML string   // rendered and safe; "" for a card
	Card *Leading // nil for prose
}

// Leading is an item that a story leads to and that the viewer may see.
type Leading struct {
	tenants.Item
	Position int           `db:"position"`
	Owners   []Contributor `db:"owners"` // whose steps it has; the owner if it has no parts
}

// Contributor is an organization with its number of steps.
type Contributor struct {
	ID     id.Org  `json:"id"`
	Slug   string  `json:"slug"`
	Name   string  `json:"name"`
	Short  string  `json:"short"`
	Hue    int     `json:"hue"`
	Chroma float64 `json:"chroma"`
	N      int     `json:"n"`
}

// Story is a story as a viewer sees it.
type Story struct {
	tenants.Item
	Publisher   Publisher
	StoryKind   string
	AuthorName  string
	AuthorTitle string
	Quote       string
	CTA         string
	Figures     []Figure
	Blocks      []Block
	Paths       []Leading // paths and courses, in the order in which they are named
	Related     []Leading // other stories
	Public      bool      // whoever may read it without signing in
	Own         bool      // of the viewer's organization
	Seen, Began int       // how often others read it, and started a path from it: visitors, and people of other organizations in weeks that are over and had at least five who did; for its own organization only
}

type storyRow struct {
	OrgID       id.Org   `db:"org_id"`
	OrgSlug     string   `db:"org_slug"`
	OrgName     string   `db:"org_name"`
	OrgShort    string   `db:"org_short"`
	OrgHue      int      `db:"org_hue"`
	OrgChroma   float64  `db:"org_chroma"`
	StoryKind   string   `db:"story_kind"`
	Blocks      []block  `db:"blocks"`
	AuthorName  string   `db:"author_name"`
	AuthorTitle string   `db:"author_title"`
	Quote       string   `db:"quote"`
	CTA         string   `db:"cta"`
	Figures     []Figure `db:"figures"`
	Public      bool     `db:"public"`
	Seen        int      `db:"seen"`
	Began       int      `db:"began"`
}

// Story returns a story; NotFound if the viewer may not see it. Whatever it leads to that the viewer may not see is left out.
func (s *Service) Story(ctx context.Context, item id.Item) (Story, error) {
	if err := authz.Check(ctx, authz.ReadStory, id.Org{}); err != nil {
		return Story{}, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return Story{}, err
	}
	var it tenants.Item
	var row storyRow
	var links []Leading
	var seen, found bool
	err = s.db.Read(ctx, func(b *db.Batch) {
		tenants.SeenItem(b, &it, &seen, viewer, item)
		db.One(b, &row, &found, storySQL, item, viewer.Org)
		db.List(b, &links, linksSQL, viewer.Org, item)
	})
	if err != nil {
		return Story{}, fmt.Errorf("story %s: %w", item, err)
	}
	if !seen || !found {
		return Story{}, errs.New(errs.NotFound, "story %s", item)
	}
	tenants.NoteRead(ctx, it.OrgID, tenants.KindStory)
	return row.story(it, links, viewer), nil
}

// released and enough stand around what is counted of others' people, which is told for whole weeks in which at least five did it.
const (
	released = `coalesce((SELECT sum(w.n) FROM (SELECT sum(t.n) AS n FROM touches t WHERE t.org_id = $2 AND t.org_id = s.org_id AND t.item_id = s.item_id AND t.what = `
	enough   = `AND t.day < date_trunc('week', now() AT TIME ZONE 'UTC')::date GROUP BY date_trunc('week', t.day::timestamp) HAVING sum(t.n) >= 5) w), 0)::int`
)

const storySQL = `SELECT o.org_id, o.slug AS org_slug, o.name AS org_name, o.short AS org_short, o.hue AS org_hue, o.chroma AS org_chroma,
	s.story_kind, s.blocks, s.author_name, s.author_title, s.quote, s.cta, s.figures,
	EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
		WHERE ci.org_id = s.org_id AND ci.item_id = s.item_id AND g.viewer_org = everyone()) AS public,
	coalesce((SELECT sum(t.n) FROM touches t WHERE t.org_id = $2 AND t.org_id = s.org_id AND t.item_id = s.item_id AND t.what = 'seen'), 0)::int + ` + released + `'read' ` + enough + ` AS seen,
	` + released + `'started' ` + enough + ` AS began
	FROM items i JOIN stories s ON s.org_id = i.org_id AND s.item_id = i.item_id JOIN organizations o ON o.org_id = i.org_id WHERE i.item_id = $1`

// linksSQL reads what item $2 leads to as far as viewer $1 may see it, with the organizations whose steps it has.
const linksSQL = `SELECT ` + tenants.ItemColumns + `, l.position, ` + ownersSQL + ` AS owners
	FROM items k JOIN item_links l ON l.org_id = k.org_id AND l.item_id = k.item_id
	JOIN items i ON i.org_id = l.to_org AND i.item_id = l.to_item AND i.state = 'published'
	WHERE k.item_id = $2 AND (i.org_id = $1 OR EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
		WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND g.viewer_org IN ($1, everyone()) AND (g.until IS NULL OR g.until > now())))
	ORDER BY l.position, i.item_id LIMIT 50`

func (r storyRow) story(it tenants.Item, links []Leading, viewer scope.Scope) Story {
	out := Story{
		Item: it, Publisher: Publisher{r.OrgID, r.OrgSlug, r.OrgName, r.OrgShort, r.OrgHue, r.OrgChroma}, StoryKind: r.StoryKind,
		AuthorName: r.AuthorName, AuthorTitle: r.AuthorTitle, Quote: r.Quote, CTA: r.CTA, Figures: r.Figures, Public: r.Public,
		Own: !viewer.Org.IsZero() && it.OrgID == viewer.Org && viewer.View.IsZero(), Seen: r.Seen, Began: r.Began,
	}
	open := map[id.Item]*Leading{}
	for i, l := range links {
		if l.Kind == tenants.KindStory {
			out.Related = append(out.Related, l)
			continue
		}
		out.Paths = append(out.Paths, l)
		open[l.ItemID] = &links[i]
	}
	for _, b := range r.Blocks {
		switch {
		case b.Kind == "prose":
			out.Blocks = append(out.Blocks, Block{HTML: b.HTML})
		case open[b.Item] != nil:
			out.Blocks = append(out.Blocks, Block{Card: open[b.Item]})
		}
	}
	return out
}
