package tenants

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Organization is a tenant as the public may know it: that it has a portal, its name and its brand.
type Organization struct {
	OrgID   id.Org     `db:"org_id"`
	Slug    string     `db:"slug"` // the first label of its host
	Name    string     `db:"name"`
	Short   string     `db:"short"` // monogram, one or two letters
	Tagline string     `db:"tagline"`
	About   string     `db:"about"`
	Color   string     `db:"color"`  // as the administrator gave it, #rrggbb
	Hue     int        `db:"hue"`    // OKLCH hue of the brand, degrees 0..359
	Chroma  float64    `db:"chroma"` // OKLCH chroma, 0..0.15
	Locale  string     `db:"locale"`
	SignIn  string     `db:"sign_in"`  // oidc, email or none
	State   string     `db:"state"`    // active, suspended, closed, erasing or erased
	StateAt *time.Time `db:"state_at"` // since when; nil for one that was never anything but active
	Logo    string     `db:"logo"`     // the SHA-256 of its picture in hex, "" for none
	// LogoPlate is what stands behind a transparent logo: light, dark or none.
	LogoPlate string `db:"logo_plate"`
	Host      string `db:"host"` // the host of its own that all others lead to; "" for {slug}.{base}
	// FrameHosts are the sites whose pages it shows in frames, with blanks between them.
	FrameHosts string `db:"frame_hosts"`
}

// OrgColumns selects an Organization from organizations with the alias o.
const OrgColumns = `o.org_id, o.slug, o.name, o.short, o.tagline, o.about, o.color, o.hue, o.chroma, o.locale, o.sign_in, o.state, o.state_at, coalesce(encode(o.logo_sha256, 'hex'), '') AS logo, o.logo_plate, array_to_string(o.frames, ' ') AS frame_hosts,
	coalesce((SELECT h.host FROM hosts h WHERE h.org_id = o.org_id AND h.canonical AND ` + answers + `), '') AS host`

// fresh is how long a process trusts what it knows of an organization. Whether it rests is asked with every request, see StillAwake.
const fresh = 5 * time.Second

// FrontDoor reports whether the host is the base domain itself, where people find their organization.
func (s *Service) FrontDoor(host string) bool { return hostname(host) == hostname(s.base) }

// ByHost returns the active organization that lives at the host, with or without port: {slug}.{base}, or one of its own hosts whose
// domain is proven. NotFound for any other host.
func (s *Service) ByHost(ctx context.Context, host string) (Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	slug, ok := strings.CutSuffix(hostname(host), "."+hostname(s.base))
	if !ok {
		return s.byOwnHost(ctx, hostname(host))
	}
	if strings.Contains(slug, ".") {
		return Organization{}, errs.New(errs.NotFound, "host %q", host)
	}
	return s.find(ctx, func() (known, bool) { k, ok := s.bySlg[slug]; return k, ok }, `o.slug = $1 AND o.state = 'active'`, slug)
}

// ByDomain returns the active organization that proved it owns the domain of an address: the whole domain, compared in
// its IDNA form; a subdomain is another domain.
func (s *Service) ByDomain(ctx context.Context, domain string) (Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, "."))
	if err != nil {
		return Organization{}, errs.New(errs.NotFound, "domain %q: %w", domain, err)
	}
	return s.find(ctx, nil, `o.state = 'active' AND o.org_id = (SELECT d.org_id FROM domains d WHERE d.domain = $1 AND d.verified_at IS NOT NULL)`, strings.ToLower(ascii))
}

// ByID returns an organization, whatever its state.
func (s *Service) ByID(ctx context.Context, org id.Org) (Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	return s.find(ctx, func() (known, bool) { k, ok := s.byID[org]; return k, ok }, `o.org_id = $1`, org)
}

// ByIDs returns the organizations of the ids that exist; names and brands for whatever page shows whose things are whose.
// The caller must have been allowed to see each id.
func (s *Service) ByIDs(ctx context.Context, ids ...id.Org) (map[id.Org]Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return nil, err
	}
	out := make(map[id.Org]Organization, len(ids))
	var missing []id.Org
	now := s.db.Now()
	s.mu.Lock()
	for _, o := range ids {
		if k, ok := s.byID[o]; ok && now.Before(k.until) {
			out[o] = k.org
		} else if !o.IsZero() && !slices.Contains(missing, o) {
			missing = append(missing, o)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	var rows []Organization
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = ANY($1) ORDER BY o.org_id LIMIT 1000`, missing)
	}); err != nil {
		return nil, err
	}
	for _, o := range rows {
		s.keep(o)
		out[o.OrgID] = o
	}
	return out, nil
}

func (s *Service) find(ctx context.Context, cached func() (known, bool), where string, arg any) (Organization, error) {
	if cached != nil {
		s.mu.Lock()
		k, ok := cached()
		s.mu.Unlock()
		if ok && s.db.Now().Before(k.until) {
			return k.org, nil
		}
	}
	var o Organization
	var found bool
	// What everybody may know is read as a visitor: nothing of the caller's own scope belongs into a shared cache.
	err := s.db.ReadAs(ctx, scope.Scope{Actor: scope.Visitor}, func(b *db.Batch) {
		db.One(b, &o, &found, `SELECT `+OrgColumns+` FROM organizations o WHERE `+where, arg)
	})
	if err != nil {
		return Organization{}, err
	}
	if !found {
		return Organization{}, errs.New(errs.NotFound, "organization %v", arg)
	}
	s.keep(o)
	return o, nil
}

// Changed tells this process how an organization is since a change that was committed; others learn of it within five seconds.
func (s *Service) Changed(o Organization) { s.keep(o) }

// StillAwake returns a context that finds out with its first read whether the organization, as this process knows it, is still active: what
// another process did to it shows at once. If it is not, the guard says db.ErrPresumed, and this process has forgotten it.
func (s *Service) StillAwake(ctx context.Context, o Organization) (context.Context, *db.Guard, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return ctx, nil, err
	}
	ctx, guard := s.db.Guard(ctx, scope.Scope{Actor: scope.Visitor}, func(b *db.Batch) func() error {
		var state string
		var found bool
		db.One(b, &state, &found, `SELECT o.state FROM organizations o WHERE o.org_id = $1`, o.OrgID)
		return func() error {
			if found && state == OrgActive {
				return nil
			}
			s.forget(o.OrgID)
			return db.ErrPresumed
		}
	})
	return ctx, guard, nil
}

// cacheLimit bounds what a process remembers of organizations.
const cacheLimit = 20_000

// TakeOver lets the address of somebody who was invited into tx's organization, which waits for its first member, sign in by
// email. Conflict if somebody looks after it already.
func TakeOver(tx *db.Tx) (Organization, error) {
	o, err := db.Row[Organization](tx, `UPDATE organizations o SET sign_in = 'email' WHERE o.org_id = $1 AND o.state = 'active'
		AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = o.org_id AND m.state <> 'left') RETURNING `+OrgColumns, tx.Scope.Org)
	if errs.Is(err, errs.NotFound) {
		return Organization{}, errs.Say(errs.Conflict, "tenants.org.taken_over")
	}
	return o, err
}

func (s *Service) keep(o Organization) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= cacheLimit {
		clear(s.byID)
		clear(s.bySlg)
		clear(s.byHst)
	}
	k := known{o, s.db.Now().Add(fresh)}
	s.byID[o.OrgID] = k
	if o.State == OrgActive {
		s.bySlg[o.Slug] = k
	} else {
		delete(s.bySlg, o.Slug) // ByHost knows active ones alone.
	}
}

// NewOrganization is what it takes to create one. Domains count as proven: the operator vouches for them.
type NewOrganization struct {
	OrgID                             id.Org // zero: a new one
	Slug, Name, Short, Tagline, About string
	Color, Locale, SignIn             string
	Hue                               int
	Chroma                            float64
	Domains                           []string
}

var slugForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// reserved are the host labels that are the installation's own, never an organization's; invite is a page beside the pages of
// connections, which are named after the other's host.
var reserved = []string{"www", "operator", "usercontent", "api", "admin", "app", "mail", "static", "assets", "auth", "idp", "status", "docs", "support", "help", "invite"}

// CreateOrganization makes an organization with its internal collection; the operator only, in the scope of the new one.
// Conflict when the slug or a domain is taken, was given before or is reserved.
func (s *Service) CreateOrganization(ctx context.Context, n NewOrganization) (Organization, error) {
	if err := authz.Check(ctx, authz.CreateOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	var out Organization
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		out, err = createOrganization(tx, n)
		return err
	})
	return out, err
}

// AddOrganization is CreateOrganization inside a transaction, in the scope of the new one: for an invitation that was accepted. Invalid
// for a name that another organization has, whatever its case and spaces: others know it by that.
func AddOrganization(tx *db.Tx, n NewOrganization) (Organization, error) {
	taken, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM organizations o WHERE bare_name(o.name) = bare_name($1))`, n.Name)
	if err != nil {
		return Organization{}, err
	}
	if taken {
		return Organization{}, errs.Fields(errs.Field{Name: "name", Key: "brand.bad.taken"})
	}
	return createOrganization(tx, n)
}

func createOrganization(tx *db.Tx, n NewOrganization) (Organization, error) {
	if !slugForm.MatchString(n.Slug) {
		return Organization{}, errs.Fields(errs.Field{Name: "slug", Key: "tenants.org.slug_form"})
	}
	taken, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM retired_slugs WHERE slug = $1)`, n.Slug)
	if err != nil {
		return Organization{}, err
	}
	if taken || slices.Contains(reserved, n.Slug) {
		return Organization{}, errs.Say(errs.Conflict, "tenants.org.slug_taken", "Slug", n.Slug)
	}
	o := Organization{
		OrgID: tx.Scope.Org, Slug: n.Slug, Name: n.Name, Short: n.Short, Tagline: n.Tagline, About: n.About, Color: strings.ToLower(n.Color),
		Hue: n.Hue, Chroma: n.Chroma, Locale: n.Locale, SignIn: n.SignIn, State: "active",
	}
	if err := putOrganization(tx, o); err != nil {
		return Organization{}, err
	}
	for _, d := range n.Domains {
		ascii, err := idna.Lookup.ToASCII(d)
		if err != nil {
			return Organization{}, errs.Fields(errs.Field{Name: "domain", Key: "tenants.org.domain_form"})
		}
		if _, err := tx.Exec(`INSERT INTO domains (domain, org_id, verified_at) VALUES ($1, $2, $3)`, strings.ToLower(ascii), o.OrgID, tx.Now); err != nil {
			return Organization{}, err
		}
	}
	if _, err := PutCollection(tx, Collection{Slug: "internal", Title: n.Name, Visibility: "internal"}); err != nil {
		return Organization{}, err
	}
	return o, Audit(tx, "organization.created", "organization:"+o.Slug, nil)
}
