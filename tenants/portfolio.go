package tenants

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Whose signature a connection waits for.
const (
	WaitsUs   = "us"
	WaitsThem = "them"
)

// The orders of the portfolio.
const (
	SortWaiting = "waiting" // what waits for us, what runs, what waits for them, what is over; each by name
	SortName    = "name"
	SortSince   = "since"
	SortGives   = "gives"
	SortGets    = "gets"
	sortFlow    = "flow"
)

// PortfolioFilter narrows and orders the list of an organization's connections.
type PortfolioFilter struct {
	Query string // in the other's name or the own number for it; empty for all
	State string // us or them (waits for), active, paused, ending, ended or declined; empty for all
	// Standard leaves those who have signed a version of the own standard agreement: Version, or any where that is 0.
	Standard id.Any
	Version  int
	Owner    id.Membership // leaves those that a member looks after
	Tag      string        // leaves those with the own tag
	Ends     int           // leaves what ends within so many days, 1 to 366; 0 for all
	Sort     string        // one of the orders; default SortWaiting
	Desc     bool
	// After is the last row of the page before; zero for the first page.
	AfterKey string
	AfterID  id.Org
	Limit    int // rows of a page, 1 to 200; default 50
}

// PortfolioRow is a connection in the list.
type PortfolioRow struct {
	OrgID      id.Org     `db:"org_id"` // the other
	Slug       string     `db:"slug"`
	Name       string     `db:"name"`
	Short      string     `db:"short"`
	Hue        int        `db:"hue"`
	Chroma     float64    `db:"chroma"`
	State      State      `db:"state"`
	OrgState   string     `db:"org_state"` // of the other organization: active, or why nothing of it can be opened
	Waits      string     `db:"waits"`     // us, them or ""
	WeCall     string     `db:"we_call"`   // relationship
	Since      *time.Time `db:"since"`
	Finish     *time.Time `db:"finish_until"` // while ending
	Proposed   *time.Time `db:"proposed_at"`  // what waits
	WeAreB     bool       `db:"we_are_b"`
	Terms      *Terms     `db:"terms"` // in force, or else what waits; nil when neither is there
	Gives      int        `db:"gives"` // collections that are open to the other now
	GivesItems int        `db:"gives_items"`
	Gets       int        `db:"gets"`
	GetsItems  int        `db:"gets_items"`
	Account    string     `db:"account"` // the own number for it
	Owner      string     `db:"owner"`   // name of who of the own people looks after it; "" for nobody in particular
	OwnerEmail string     `db:"owner_email"`
	Tags       []string   `db:"tags"`             // the own ones for it
	Standard   string     `db:"standard"`         // title of the own standard agreement whose terms are in force; "" for none
	StandardV  int        `db:"standard_version"` // which version of it
	Key        string     `db:"key"`              // what PortfolioFilter.AfterKey takes
}

// Ours and Theirs are the halves of the row's terms as this side sees them.
func (r PortfolioRow) Ours() Half {
	if r.Terms == nil {
		return Half{}
	}
	return ConnectionView{WeAreB: r.WeAreB}.Ours(*r.Terms)
}

// Theirs is what the other side gives.
func (r PortfolioRow) Theirs() Half {
	if r.Terms == nil {
		return Half{}
	}
	return ConnectionView{WeAreB: r.WeAreB}.Theirs(*r.Terms)
}

// Portfolio is a page of the list, and what stands around it.
type Portfolio struct {
	Now     time.Time
	Manages bool // the viewer manages the network and sees every state, figures and terms; others see who is connected
	Rows    []PortfolioRow
	More    bool
	Map     []PortfolioRow // the connections through which most flows, at most ten, whatever the filter
	Counts  PortfolioCounts
	Keepers []PartnerOwner // who can look after partners, for those who manage the network
	Tags    []string       // all that are in use, at most 200
}

// PortfolioCounts says how many connections each filter leads to.
type PortfolioCounts struct {
	All      int `db:"n_all"`
	Us       int `db:"n_us"`
	Them     int `db:"n_them"`
	Active   int `db:"n_active"`
	Paused   int `db:"n_paused"`
	Ending   int `db:"n_ending"`
	Ended    int `db:"n_ended"`
	Declined int `db:"n_declined"`
}

// The parameters of the portfolio's statements: $1 the organization, $2 whether all is seen, $3 the words looked for.
const (
	portfolioFrom = `connection_sides s JOIN connections c ON c.connection_id = s.connection_id JOIN organizations o ON o.org_id = s.other_org
		LEFT JOIN partner_notes n ON $2 AND n.org_id = s.org_id AND n.other_org = s.other_org
		LEFT JOIN memberships m ON m.org_id = n.org_id AND m.membership_id = n.owner_id
		CROSS JOIN LATERAL (SELECT replace(connection_state(s.state, c.finish_until, now()), 'withdrawn', 'ended') AS state) st
		LEFT JOIN LATERAL (SELECT CASE WHEN a.proposed_by = $1 THEN 'them' ELSE 'us' END AS waits, a.created_at FROM agreements a WHERE a.connection_id = c.connection_id AND a.state = 'proposed' LIMIT 1) w ON $2
		WHERE s.org_id = $1 AND ($2 OR st.state = 'active')`
	portfolioFound = `(lower(o.name) LIKE $3 OR lower(n.account) LIKE $3)`
	// portfolioLeft are the other words of the filter.
	portfolioLeft = portfolioFound + ` AND ($4 = '' OR $4 = w.waits OR $4 = st.state)
		AND ($8::uuid IS NULL OR EXISTS (SELECT 1 FROM agreements a JOIN standard_versions v ON v.org_id = $1 AND v.standard_id = $8 AND ($9 = 0 OR v.version = $9) AND (c.org_a = $1 AND v.hash_a = a.terms_hash OR c.org_b = $1 AND v.hash_b = a.terms_hash)
			WHERE a.connection_id = c.connection_id AND a.state = 'active'))
		AND ($10 = 0 OR st.state = 'ending' AND c.finish_until <= now() + make_interval(days => $10) OR st.state IN ('active', 'paused') AND EXISTS (SELECT 1 FROM agreements a
			WHERE a.connection_id = c.connection_id AND a.state = 'active' AND nullif(a.terms->>'until', '')::date <= (now() + make_interval(days => $10))::date))
		AND ($11::uuid IS NULL OR n.owner_id = $11) AND ($12 = '' OR $12 = ANY(n.tags))`
	// given counts what the first opens to the second: collections, and the items listed in them.
	given = `SELECT count(DISTINCT g.collection_id)::int AS n, count(DISTINCT ci.item_id)::int AS items FROM grants g
		LEFT JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id AND ci.listed_at IS NOT NULL AND ci.kind <> 'part'
		WHERE $2 AND g.org_id = §from AND g.viewer_org = §to AND (g.until IS NULL OR g.until > now())`
	portfolioCounts = `SELECT count(*)::int AS n_all, count(*) FILTER (WHERE w.waits = 'us')::int AS n_us, count(*) FILTER (WHERE w.waits = 'them')::int AS n_them,
		count(*) FILTER (WHERE st.state = 'active')::int AS n_active, count(*) FILTER (WHERE st.state = 'paused')::int AS n_paused, count(*) FILTER (WHERE st.state = 'ending')::int AS n_ending,
		count(*) FILTER (WHERE st.state = 'ended')::int AS n_ended, count(*) FILTER (WHERE st.state = 'declined')::int AS n_declined FROM ` + portfolioFrom + ` AND ` + portfolioFound
)

func flows(from, to string) string {
	return strings.NewReplacer("§from", from, "§to", to).Replace(given)
}

// portfolioQuery is the list in the order: only as many rows as it has are looked at closely.
func portfolioQuery(f PortfolioFilter) string {
	figure := func(which, q string) string { return `(SELECT lpad(f.` + which + `::text, 9, '0') FROM (` + q + `) f)` }
	gives, gets := flows("$1", "o.org_id"), flows("o.org_id", "$1")
	key := map[string]string{
		SortWaiting: `CASE WHEN w.waits = 'us' THEN '0' WHEN st.state IN ('active', 'paused', 'ending') THEN '1' WHEN w.waits = 'them' THEN '2' ELSE '3' END || lower(o.name)`,
		SortName:    `lower(o.name)`,
		SortSince:   `coalesce(to_char(c.since AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '')`,
		SortGives:   figure("items", gives),
		SortGets:    figure("items", gets),
		sortFlow:    `(SELECT lpad((a.items + b.items)::text, 9, '0') FROM (` + gives + `) a, (` + gets + `) b)`,
	}[f.Sort]
	dir, after := "", ">"
	if f.Desc {
		dir, after = " DESC", "<"
	}
	return `SELECT l.*, a.terms, coalesce(d.title, '') AS standard, coalesce(d.version, 0) AS standard_version, gives.n AS gives, gives.items AS gives_items, gets.n AS gets, gets.items AS gets_items FROM (
			SELECT k.* FROM (SELECT o.org_id, o.slug, o.name, o.short, o.hue, o.chroma, c.connection_id, st.state, o.state AS org_state, coalesce(w.waits, '') AS waits, s.relationship AS we_call, c.since, c.finish_until,
					w.created_at AS proposed_at, c.org_b = $1 AS we_are_b, coalesce(n.account, '') AS account,
					coalesce(m.name, '') AS owner, coalesce(m.email, '') AS owner_email, coalesce(n.tags, '{}') AS tags, ` + key + ` AS key
				FROM ` + portfolioFrom + ` AND ` + portfolioLeft + `) k
			WHERE $6 = '' OR k.key ` + after + ` $6 OR k.key = $6 AND k.org_id > $7
			ORDER BY k.key` + dir + `, k.org_id LIMIT $5) l
		LEFT JOIN LATERAL (SELECT a.terms FROM agreements a WHERE $2 AND a.connection_id = l.connection_id AND a.state IN ('active', 'proposed') ORDER BY a.state LIMIT 1) a ON true
		LEFT JOIN LATERAL (SELECT d.title, v.version FROM agreements f JOIN standard_versions v ON v.org_id = $1 AND (NOT l.we_are_b AND v.hash_a = f.terms_hash OR l.we_are_b AND v.hash_b = f.terms_hash)
			JOIN standards d ON d.org_id = v.org_id AND d.standard_id = v.standard_id WHERE $2 AND f.connection_id = l.connection_id AND f.state = 'active' ORDER BY v.version DESC LIMIT 1) d ON true
		CROSS JOIN LATERAL (` + flows("$1", "l.org_id") + `) gives CROSS JOIN LATERAL (` + flows("l.org_id", "$1") + `) gets
		ORDER BY l.key` + dir + `, l.org_id`
}

type portfolioRow struct {
	PortfolioRow

	Connection id.Connection `db:"connection_id"`
}

func portfolioArgs(org id.Org, manages bool, f PortfolioFilter, limit int) []any {
	return []any{org, manages, db.Like(f.Query), f.State, limit, f.AfterKey, f.AfterID, f.Standard, f.Version, f.Ends, f.Owner, f.Tag}
}

// check fills in the defaults; NotFound for a state or an order that there is not.
func (f *PortfolioFilter) check() error {
	switch f.State {
	case "", WaitsUs, WaitsThem, string(Active), string(Paused), string(Ending), string(Ended), string(Declined):
	default:
		return errs.New(errs.NotFound, "state %q", f.State)
	}
	switch f.Sort {
	case "":
		f.Sort = SortWaiting
	case SortWaiting, SortName, SortSince, SortGives, SortGets:
	default:
		return errs.New(errs.NotFound, "order %q", f.Sort)
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	if f.Ends < 0 || f.Ends > 366 || f.Version < 0 {
		return errs.New(errs.NotFound, "within %d days, version %d", f.Ends, f.Version)
	}
	return nil
}

// Portfolio lists the connections of the acting organization: to whoever manages the network all of them with what flows and what
// waits, to everybody else those that are active, by name and relationship. Nobody else's connections are ever in it.
func (s *Service) Portfolio(ctx context.Context, f PortfolioFilter) (Portfolio, error) {
	if err := authz.Check(ctx, authz.SeeNetwork, id.Org{}); err != nil {
		return Portfolio{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Portfolio{}, err
	}
	if err := f.check(); err != nil {
		return Portfolio{}, err
	}
	v := Portfolio{Manages: authz.Allowed(sc, authz.ManageNetwork, id.Org{})}
	var rows, busiest []portfolioRow
	all := PortfolioFilter{Sort: sortFlow, Desc: true}
	if !v.Manages {
		all = PortfolioFilter{Sort: SortName}
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &rows, portfolioQuery(f), portfolioArgs(sc.Org, v.Manages, f, f.Limit+1)...)
		db.List(b, &busiest, portfolioQuery(all), portfolioArgs(sc.Org, v.Manages, all, 40)...)
		db.One(b, &v.Counts, nil, portfolioCounts, sc.Org, v.Manages, db.Like(f.Query))
		if v.Manages {
			db.List(b, &v.Keepers, keepersSQL, sc.Org)
			db.List(b, &v.Tags, `SELECT DISTINCT t.tag FROM partner_notes n CROSS JOIN LATERAL unnest(n.tags) AS t(tag) WHERE n.org_id = $1 ORDER BY t.tag LIMIT 200`, sc.Org)
		}
	}); err != nil {
		return Portfolio{}, err
	}
	if len(rows) > f.Limit {
		rows, v.More = rows[:f.Limit], true
	}
	for _, r := range rows {
		v.Rows = append(v.Rows, r.PortfolioRow)
	}
	for _, r := range busiest {
		if r.State != Ended && r.State != Declined && len(v.Map) < 10 {
			v.Map = append(v.Map, r.PortfolioRow)
		}
	}
	return v, nil
}

// ExportPortfolio returns all connections that the filter leaves, at most 100,000, and notes the export in the audit log.
func (s *Service) ExportPortfolio(ctx context.Context, f PortfolioFilter) ([]PortfolioRow, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	f.AfterKey, f.AfterID = "", id.Org{}
	var out []PortfolioRow
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		rows, err := db.Rows[portfolioRow](tx, portfolioQuery(f), portfolioArgs(tx.Scope.Org, true, f, exportLimit)...)
		if err != nil {
			return err
		}
		out = nil
		for _, r := range rows {
			out = append(out, r.PortfolioRow)
		}
		return Audit(tx, "network.exported", "organization:"+tx.Scope.Org.String(), map[string]int{"rows": len(out)})
	})
	return out, err
}

// chosenMost is how many connections can be chosen at once.
const chosenMost = 10_000

// Matching returns the organizations of all connections that the filter leaves, at most 10,000.
func (s *Service) Matching(ctx context.Context, f PortfolioFilter) ([]id.Org, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	f.AfterKey, f.AfterID = "", id.Org{}
	var out []id.Org
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT k.other_org FROM (SELECT s.other_org FROM `+portfolioFrom+` AND `+portfolioLeft+`) k
			WHERE $6 = '' AND $7::uuid IS NULL ORDER BY k.other_org LIMIT $5`, portfolioArgs(sc.Org, true, f, chosenMost)...)
	})
	return out, err
}

// BatchImpact is what would happen on the own side if something were done with connections, summed up.
type BatchImpact struct {
	Total    int `db:"total"`    // of those asked for, how many are connections of the own organization
	Able     int `db:"able"`     // with how many it can be done as they stand now
	Learners int `db:"learners"` // own people in mid-course in what these open and not everybody sees
	Closes   int `db:"closes"`   // own items that are open to them by agreement
}

// Preview says what a batch would do; it changes nothing.
func (s *Service) Preview(ctx context.Context, action string, who []id.Org) (BatchImpact, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return BatchImpact{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return BatchImpact{}, err
	}
	var out BatchImpact
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &out, nil, `WITH able AS MATERIALIZED (SELECT s.other_org, CASE $3 WHEN 'end' THEN st.state IN ('active', 'paused') WHEN 'pause' THEN st.state = 'active' WHEN 'resume' THEN st.state = 'paused'
				WHEN 'remind' THEN coalesce(w.waits = 'them', false) ELSE st.state NOT IN ('paused', 'ending') END AS ok FROM `+portfolioFrom+` AND s.other_org = ANY($4))
			SELECT count(*)::int AS total, count(*) FILTER (WHERE a.ok)::int AS able,
				(SELECT count(DISTINCT e.membership_id)::int FROM enrollments e JOIN able a ON a.ok AND a.other_org = e.item_org WHERE e.org_id = $1 AND e.state = 'active' AND NOT EXISTS (SELECT 1 FROM collection_items ci
					JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id WHERE ci.org_id = e.item_org AND ci.item_id = e.item_id AND g.viewer_org = everyone())) AS learners,
				(SELECT count(DISTINCT ci.item_id)::int FROM able a JOIN grants g ON a.ok AND g.org_id = $1 AND g.viewer_org = a.other_org JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id AND ci.listed_at IS NOT NULL AND ci.kind <> 'part') AS closes
			FROM able a`, sc.Org, true, action, who)
	})
	return out, err
}

// BySlug returns the organization whose portal has the name, whatever its state.
func (s *Service) BySlug(ctx context.Context, slug string) (Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return Organization{}, err
	}
	return s.find(ctx, func() (known, bool) { k, ok := s.bySlg[slug]; return k, ok }, `o.slug = $1`, slug)
}

// Addressed returns the active organization that somebody means by a work address (its domain, proven; never the person), a
// domain, the address of its portal or the portal's name. NotFound if there is none, and for one's own.
func (s *Service) Addressed(ctx context.Context, words string) (Organization, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return Organization{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Organization{}, err
	}
	o, err := s.addressed(ctx, strings.TrimSpace(words))
	if err != nil {
		return Organization{}, err
	}
	if o.State != "active" || o.OrgID == sc.Org {
		return Organization{}, errs.New(errs.NotFound, "organization %q", words)
	}
	return o, nil
}

func (s *Service) addressed(ctx context.Context, words string) (Organization, error) {
	if _, domain, ok := strings.Cut(words, "@"); ok {
		return s.ByDomain(ctx, domain)
	}
	if _, rest, ok := strings.Cut(words, "://"); ok {
		words = rest
	}
	words, _, _ = strings.Cut(words, "/")
	words = hostname(words)
	if slug, ok := strings.CutSuffix(words, "."+hostname(s.base)); ok {
		words = slug
	}
	if strings.Contains(words, ".") {
		return s.ByDomain(ctx, words)
	}
	if !slugForm.MatchString(words) {
		return Organization{}, errs.New(errs.NotFound, "organization %q", words)
	}
	return s.BySlug(ctx, words)
}
