package community

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// Composer says, before somebody writes, who will be able to read it and under which name.
type Composer struct {
	Own       Company    // the writer's organization
	Name      string     // the writer's own name there
	Audiences []Audience // to choose from; the first is proposed. Empty: nothing can be written
	ShownAs   []string   // to choose from; the first is proposed

	nearby []tenants.Called // all connected organizations, for the names in a text
}

// Audience is one choice of readers.
type Audience struct {
	Value   string   // AudienceOrg, AudienceConnected or AudiencePublic
	Readers []Reader // the connected organizations whose people can read it if they can open the item; all of them are the writer's own connections
	// NameFor are the connected organizations because of which a public post never shows its writer's name: by agreement their
	// people see the company at most, and what everybody reads they read, too.
	NameFor []Reader
}

// Reader is a connected organization that can read what is written.
type Reader struct {
	Company
	NameHidden bool // its people see the company at most, never the writer's name
}

// Composer returns what asking about the item offers. NotFound if the member may not see the item.
func (s *Service) Composer(ctx context.Context, item id.Item) (Composer, error) {
	if err := authz.Check(ctx, authz.Ask, id.Org{}); err != nil {
		return Composer{}, err
	}
	var out Composer
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		it, err := tenants.SeeItem(tx, item)
		if err != nil {
			return err
		}
		out, err = composer(tx, it)
		return err
	})
	return out, err
}

// composing is what a composer is made of.
type composing struct {
	self    selfRow
	readers []readerRow
	public  bool
}

type selfRow struct {
	companyRow
	OrgID id.Org `db:"org_id"`
	Name  string `db:"name"`
}

type readerRow struct {
	companyRow
	OrgID id.Org `db:"org_id"`
	Meet  string `db:"meet"`
	Opens bool   `db:"opens"` // the item is the writer's own and not opened to this one: false

	Domains []string `db:"domains"` // that are proven
}

const selfSQL = `SELECT m.name, o.org_id, o.slug AS org_slug, o.name AS org_name, o.short AS org_short, o.hue AS org_hue, o.chroma AS org_chroma
	FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2`

// readersSQL lists the organizations that the writer's ($1) is connected to, how it meets each, and whether each can open an item ($2) if that is the
// writer's own. Whether they can open somebody else's item is not known to the writer.
const readersSQL = `SELECT o.org_id, o.slug AS org_slug, o.name AS org_name, o.short AS org_short, o.hue AS org_hue, o.chroma AS org_chroma, s.meet, ` + tenants.ProvenDomains + ` AS domains,
	NOT EXISTS (SELECT 1 FROM items i WHERE i.org_id = $1 AND i.item_id = $2) OR EXISTS (SELECT 1 FROM collection_items ci
		JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
		WHERE ci.org_id = $1 AND ci.item_id = $2 AND g.viewer_org IN (s.other_org, everyone()) AND (g.until IS NULL OR g.until > now())) AS opens
	FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org
	WHERE s.org_id = $1 AND s.state = 'active' ORDER BY o.name, o.org_id LIMIT 1000`

const publicSQL = `SELECT EXISTS (SELECT 1 FROM items i JOIN collection_items ci ON ci.org_id = i.org_id AND ci.item_id = i.item_id
	JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id AND g.viewer_org = everyone()
	WHERE i.item_id = $1 AND i.state = 'published' AND (g.until IS NULL OR g.until > now()))`

// queueComposing reads for a composer about an item in a page's batch.
func queueComposing(b *db.Batch, dest *composing, org id.Org, member id.Membership, item id.Item) {
	db.One(b, &dest.self, nil, selfSQL, org, member)
	db.List(b, &dest.readers, readersSQL, org, item)
	db.One(b, &dest.public, nil, publicSQL, item)
}

func readComposing(tx *db.Tx, item id.Item) (c composing, err error) {
	if c.self, err = db.Row[selfRow](tx, selfSQL, tx.Scope.Org, tx.Scope.Membership); err != nil {
		return composing{}, err
	}
	if c.readers, err = db.Rows[readerRow](tx, readersSQL, tx.Scope.Org, item); err != nil {
		return composing{}, err
	}
	c.public, err = db.Row[bool](tx, publicSQL, item)
	return c, err
}

func composer(tx *db.Tx, item tenants.Item) (Composer, error) {
	c, err := readComposing(tx, item.ItemID)
	return c.ask(), err
}

func replyComposer(tx *db.Tx, q questionRow) (Composer, error) {
	c, err := readComposing(tx, q.AboutItem)
	return c.reply(q), err
}

func (r companyRow) company(org id.Org) Company {
	return Company{ID: org, Slug: r.OrgSlug, Name: r.OrgName, Short: r.OrgShort, Hue: r.OrgHue, Chroma: r.OrgChroma}
}

func (c composing) base() Composer {
	out := Composer{Own: c.self.company(c.self.OrgID), Name: c.self.Name, ShownAs: []string{AsName, AsCompany, AsSomeone}}
	for _, r := range c.readers {
		out.nearby = append(out.nearby, tenants.Called{Org: r.OrgID, Name: r.OrgName, Domains: r.Domains})
	}
	return out
}

func (c composing) connected() Audience {
	a := Audience{Value: AudienceConnected}
	for _, r := range c.readers {
		if r.Opens && r.Meet != "none" {
			a.Readers = append(a.Readers, Reader{r.company(r.OrgID), r.Meet != "name"})
		}
	}
	return a
}

// ask offers the organizations that can hear first: a question is asked to be answered.
func (c composing) ask() Composer {
	out := c.base()
	near := c.connected()
	if len(near.Readers) > 0 {
		out.Audiences = append(out.Audiences, near)
	}
	out.Audiences = append(out.Audiences, Audience{Value: AudienceOrg})
	if c.public {
		out.Audiences = append(out.Audiences, c.everybody())
	}
	return out
}

func (c composing) everybody() Audience {
	a := Audience{Value: AudiencePublic, Readers: c.connected().Readers}
	for _, r := range c.readers {
		if r.Meet != "name" {
			a.NameFor = append(a.NameFor, Reader{r.company(r.OrgID), true})
		}
	}
	return a
}

// reply offers what the asker can read: an answer that its asker cannot read helps nobody.
func (c composing) reply(q questionRow) Composer {
	out := c.base()
	own := q.OrgID == c.self.OrgID
	near := c.connected()
	asker := own || slices.ContainsFunc(c.readers, func(r readerRow) bool { return r.OrgID == q.OrgID && r.Meet != "none" })
	if q.Audience == AudiencePublic {
		out.Audiences = append(out.Audiences, c.everybody())
	}
	if q.Audience != AudienceOrg && asker && len(near.Readers) > 0 {
		out.Audiences = append(out.Audiences, near)
	}
	if own {
		out.Audiences = append(out.Audiences, Audience{Value: AudienceOrg})
	}
	return out
}

// shown is what is kept with a post for its readers: how it is shown, and the name if that is shown.
func (c Composer) shown(audience, as string) (shownAs, name string) {
	for _, a := range c.Audiences {
		if a.Value == audience && len(a.NameFor) > 0 && as == AsName {
			as = AsCompany
		}
	}
	if as == AsName {
		name = c.Name
	}
	return as, name
}

func (c Composer) check(audience, shownAs string) []errs.Field {
	var faults []errs.Field
	if !slices.ContainsFunc(c.Audiences, func(a Audience) bool { return a.Value == audience }) {
		faults = append(faults, errs.Field{Name: "audience", Key: "community.fault.audience"})
	}
	if !slices.Contains(c.ShownAs, shownAs) {
		faults = append(faults, errs.Field{Name: "shown_as", Key: "community.fault.choice"})
	}
	return faults
}

// mentions returns the names of connected organizations in a text, in order of their names, but for those whose thread it is
// anyhow.
func (c Composer) mentions(text string, but ...id.Org) []string {
	return tenants.NamedIn(text, c.nearby, but...)
}
