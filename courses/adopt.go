package courses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// How a library takes updates.
const (
	Follow = "follow" // new starts get the newest version at once
	Ask    = "ask"    // they get the one that was accepted, and somebody is asked about a newer one
	Stay   = "stay"   // they get the one that was chosen, and nobody is asked
)

// chosen is the version that the adoption with the alias a gives to new starts; NULL for the newest.
const chosen = `CASE WHEN a.updates <> 'follow' THEN a.version END`

// granted is the condition under which an agreement opens the item with the alias i to the organization in $1. What is open to
// everybody, or to one person for a while, is not enough to offer it as one's own.
const granted = `EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
	WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND ci.listed_at IS NOT NULL AND ci.kind <> 'part' AND g.viewer_org = $1 AND (g.until IS NULL OR g.until > now()))`

// Adopted is a path or course of another organization in the own library. What has closed is a line: title, owner, and what the
// own organization decided.
type Adopted struct {
	Org       id.Org               `db:"item_org"`
	Item      id.Item              `db:"item_id"`
	Kind      string               `db:"kind"`
	Title     string               `db:"title"`
	Slug      string               `db:"slug"` // "" when closed
	Minutes   int                  `db:"minutes"`
	Updates   string               `db:"updates"`  // Follow, Ask or Stay
	Chosen    int                  `db:"version"`  // see InUse
	Previous  int                  `db:"previous"` // 0 for nothing to go back to
	Postponed int                  `db:"postponed"`
	Newest    int                  `db:"newest"` // 0 when closed
	Open      bool                 `db:"open"`
	Adapt     bool                 `db:"adapt"` // additions are allowed
	By        string               `db:"by_name"`
	At        time.Time            `db:"adopted_at"`
	Decided   string               `db:"decided_name"` // who chose the version last
	DecidedAt *time.Time           `db:"decided_at"`
	Learners  int                  `db:"learners"` // own people in mid-course, in whatever version
	Adds      bool                 `db:"adds"`     // there are own additions
	Publisher tenants.Organization `db:"-"`
}

// InUse is the version that new starts get; 0 when it has closed.
func (a Adopted) InUse() int {
	if a.Updates == Follow || !a.Open {
		return a.Newest
	}
	return a.Chosen
}

// Behind reports whether there is a version after the one in use.
func (a Adopted) Behind() bool { return a.Open && a.Newest > a.InUse() }

// Waits reports whether a newer version waits for an answer.
func (a Adopted) Waits() bool { return a.Updates == Ask && a.Behind() && a.Postponed < a.Newest }

// ref is the item as addresses need it.
func (a Adopted) ref() tenants.Item {
	return tenants.Item{OrgID: a.Org, ItemID: a.Item, Kind: a.Kind, Slug: a.Slug, Title: a.Title, Minutes: a.Minutes}
}

// URL is the address of the path or course.
func (a Adopted) URL() string { return tenants.ItemURL(a.ref()) }

// The parts of the library's page.
const (
	ShelfAll     = ""
	ShelfWaiting = "waiting" // a newer version waits for an answer
	ShelfClosed  = "closed"
	ShelfMore    = "more" // what can be added
)

// LibraryFilter narrows the page of the library.
type LibraryFilter struct {
	Shelf     string // one of the parts
	Query     string // words of a title
	AfterName string // the last line of the page before: its lower-case title and identifier
	AfterID   id.Item
	Limit     int // lines of a page, 1 to 200; default 25
}

// LibraryView is a page of what was adopted, or of what can be.
type LibraryView struct {
	Now     time.Time
	Rows    []Adopted
	Offers  []Offer // of ShelfMore
	More    bool
	All     int // how many lines each part has
	Waiting int
	Closed  int
}

// Offer is a shared path or course that is not in the library.
type Offer struct {
	tenants.Item
	Publisher tenants.Organization
}

// libraryPage is how many lines stand on a page of the library unless asked otherwise.
const libraryPage = 25

// adoptedSQL reads lines of the library of $1.
const adoptedSQL = `SELECT a.item_org, a.item_id, a.kind, coalesce(i.title, a.title) AS title, coalesce(i.slug, '') AS slug, coalesce(i.minutes, 0) AS minutes, a.updates, a.version, a.previous, a.postponed,
		coalesce(i.version, 0) AS newest, i.item_id IS NOT NULL AS open, coalesce(i.adapt, false) AS adapt, coalesce(m.name, '') AS by_name, a.adopted_at, coalesce(d.name, '') AS decided_name, a.decided_at,
		(SELECT count(*)::int FROM enrollments e WHERE e.org_id = a.org_id AND e.item_org = a.item_org AND e.item_id = a.item_id AND e.state = 'active') AS learners,
		EXISTS (SELECT 1 FROM additions x WHERE x.org_id = a.org_id AND x.path_org = a.item_org AND x.path_id = a.item_id) AS adds
	FROM ` + adoptedFrom + ` LEFT JOIN memberships m ON m.org_id = a.org_id AND m.membership_id = a.adopted_by LEFT JOIN memberships d ON d.org_id = a.org_id AND d.membership_id = a.decided_by
	WHERE a.org_id = $1`

const adoptedFrom = `adoptions a LEFT JOIN LATERAL (SELECT i.item_id, i.title, i.slug, i.version, i.minutes, EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
			WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND ci.listed_at IS NOT NULL AND g.viewer_org = $1 AND g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now())) AS adapt
		FROM items i WHERE i.org_id = a.item_org AND i.item_id = a.item_id AND i.state = 'published' AND ` + granted + `) i ON true`

// waiting is Adopted.Waits for the line with the aliases a and i.
const waiting = `(a.updates = 'ask' AND i.version > a.version AND a.postponed < i.version)`

// librarySearch narrows lines by $2 words (a pattern), $3 part, and $4, $5 the last line of the page before.
const librarySearch = ` AND (lower(a.title) LIKE $2 OR lower(i.title) LIKE $2) AND ($3 = '' OR $3 = 'waiting' AND ` + waiting + ` OR $3 = 'closed' AND i.item_id IS NULL)
	AND ($4 = '' OR (lower(a.title), a.item_id) > ($4, $5)) ORDER BY lower(a.title), a.item_id LIMIT $6`

// offersSQL lists what agreements open to $1 and is not in its library, newest first: $2 words (a pattern), $3 limit.
var offersSQL = `SELECT ` + tenants.ItemColumns + ` FROM (SELECT DISTINCT ci.org_id, ci.item_id FROM grants g JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id
		AND ci.kind IN ('course', 'path') AND ci.listed_at IS NOT NULL WHERE g.viewer_org = $1 AND g.org_id <> $1 AND (g.until IS NULL OR g.until > now())) o
	JOIN items i ON i.org_id = o.org_id AND i.item_id = o.item_id AND i.state = 'published'
	WHERE lower(i.title) LIKE $2 AND NOT EXISTS (SELECT 1 FROM adoptions a WHERE a.org_id = $1 AND a.item_org = i.org_id AND a.item_id = i.item_id)
	ORDER BY i.published_at DESC, i.item_id LIMIT $3`

// Library returns a page of what the own organization took into its library, by title, for those who look after it. NotFound for
// a part that there is not.
func (s *Service) Library(ctx context.Context, f LibraryFilter) (LibraryView, error) {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return LibraryView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LibraryView{}, err
	}
	if !slices.Contains([]string{ShelfAll, ShelfWaiting, ShelfClosed, ShelfMore}, f.Shelf) {
		return LibraryView{}, errs.New(errs.NotFound, "part %q of the library", f.Shelf)
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = libraryPage
	}
	var v LibraryView
	var offers []tenants.Item
	var counts struct {
		All     int `db:"n_all"`
		Waiting int `db:"n_waiting"`
		Closed  int `db:"n_closed"`
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &counts, nil, `SELECT count(*)::int AS n_all, count(*) FILTER (WHERE `+waiting+`)::int AS n_waiting, count(*) FILTER (WHERE i.item_id IS NULL)::int AS n_closed FROM `+adoptedFrom+` WHERE a.org_id = $1`, sc.Org)
		if f.Shelf == ShelfMore {
			db.List(b, &offers, offersSQL, sc.Org, db.Like(f.Query), f.Limit)
			return
		}
		db.List(b, &v.Rows, adoptedSQL+librarySearch, sc.Org, db.Like(f.Query), f.Shelf, f.AfterName, f.AfterID, f.Limit+1)
	}); err != nil {
		return LibraryView{}, err
	}
	v.All, v.Waiting, v.Closed = counts.All, counts.Waiting, counts.Closed
	if v.More = len(v.Rows) > f.Limit; v.More {
		v.Rows = v.Rows[:f.Limit]
	}
	var owners []id.Org
	for _, r := range v.Rows {
		owners = append(owners, r.Org)
	}
	for _, o := range offers {
		owners = append(owners, o.OrgID)
	}
	orgs, err := s.tenants.ByIDs(ctx, owners...)
	if err != nil {
		return LibraryView{}, err
	}
	for i := range v.Rows {
		v.Rows[i].Publisher = orgs[v.Rows[i].Org]
	}
	for _, o := range offers {
		v.Offers = append(v.Offers, Offer{o, orgs[o.OrgID]})
	}
	return v, nil
}

// AdoptedView is one line of the library with what a newer version would change.
type AdoptedView struct {
	Adopted

	Now      time.Time
	Finished int          // own people who finished it
	Gone     []Withdrawal // versions of it that their publisher withdrew, the latest first
	Diff     *VersionDiff // from the version in use to the newest; nil if that is in use, or it has closed
}

// Adopted returns a line of the own library; NotFound for what is not in it.
func (s *Service) Adopted(ctx context.Context, item id.Item) (AdoptedView, error) {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return AdoptedView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return AdoptedView{}, err
	}
	var v AdoptedView
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Adopted, &found, adoptedSQL+` AND a.item_id = $2`, sc.Org, item)
		db.One(b, &v.Finished, nil, `SELECT count(*)::int FROM enrollments e JOIN adoptions a ON a.org_id = e.org_id AND a.item_org = e.item_org AND a.item_id = e.item_id
			WHERE e.org_id = $1 AND e.item_id = $2 AND e.state = 'completed'`, sc.Org, item)
		db.List(b, &v.Gone, `SELECT n.version, n.kind, n.reason, n.instead, n.withdrawn_at FROM withdrawal_notes n JOIN adoptions a ON a.org_id = n.org_id AND a.item_org = n.item_org AND a.item_id = n.item_id
			WHERE n.org_id = $1 AND n.item_id = $2 AND n.undone_at IS NULL ORDER BY n.withdrawn_at DESC, n.version DESC LIMIT 20`, sc.Org, item)
	}); err != nil {
		return AdoptedView{}, err
	}
	if !found {
		return AdoptedView{}, errs.New(errs.NotFound, "%s in the library", item)
	}
	orgs, err := s.tenants.ByIDs(ctx, v.Org)
	if err != nil {
		return AdoptedView{}, err
	}
	v.Publisher = orgs[v.Org]
	if v.Behind() {
		v.Diff, err = s.diff(ctx, v.ref(), v.InUse(), v.Newest)
	}
	return v, err
}

// Adopt takes a shared path or course into the own organization's library in the version in force, with updates as said. What is
// in it already stays as it is. NotFound for what no agreement opens, Invalid for a way of updating that there is not.
func (s *Service) Adopt(ctx context.Context, item id.Item, updates string) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return AdoptItem(tx, Adoption{Item: item, Updates: updates, By: tx.Scope.Membership, At: tx.Now})
	})
}

// Adoption says what is taken into a library, how it takes updates, by whom and when.
type Adoption struct {
	Item    id.Item
	Updates string        // Follow, Ask or Stay
	By      id.Membership // zero for nobody in particular
	At      time.Time
}

// AdoptItem is Adopt inside a transaction, also for what was adopted before.
func AdoptItem(tx *db.Tx, a Adoption) error {
	if err := checkUpdates(a.Updates); err != nil {
		return err
	}
	it, err := shared(tx, a.Item)
	if err != nil {
		return fmt.Errorf("adopt %s: %w", a.Item, err)
	}
	n, err := tx.Exec(`INSERT INTO adoptions (org_id, item_org, item_id, kind, title, updates, version, adopted_by, adopted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		tx.Scope.Org, it.OrgID, it.ItemID, it.Kind, it.Title, a.Updates, it.Version, memberOrNil(a.By), a.At)
	if err != nil || n == 0 {
		return err
	}
	// What was added to it before comes back, if that is still allowed.
	if _, err := tx.Exec(`UPDATE additions SET shown = true WHERE org_id = $1 AND path_id = $2 AND NOT shown AND EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
		WHERE ci.org_id = path_org AND ci.item_id = path_id AND ci.listed_at IS NOT NULL AND g.viewer_org = $1 AND g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now()))`, tx.Scope.Org, it.ItemID); err != nil {
		return err
	}
	if tx.Scope.SignedIn() {
		if err := tx.Batch(func(b *db.Batch) {
			state(b, tx, statement{Verb: "adopted", Org: it.OrgID, Kind: it.Kind, Item: it.ItemID, Formal: true, Pull: true, Context: map[string]any{"version": it.Version}})
		}); err != nil {
			return err
		}
	}
	return tenants.Audit(tx, "item.adopted", "item:"+it.ItemID.String(), map[string]any{"version": it.Version, "updates": a.Updates})
}

func memberOrNil(m id.Membership) *id.Membership {
	if m.IsZero() {
		return nil
	}
	return &m
}

// shared reads a path or course that an agreement opens to tx's organization; NotFound for anything else.
func shared(tx *db.Tx, item id.Item) (tenants.Item, error) {
	return db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = $2 AND i.org_id <> $1 AND i.state = 'published' AND i.version > 0 AND i.kind IN ('course', 'path') AND `+granted,
		tx.Scope.Org, item)
}

func checkUpdates(updates string) error {
	if !slices.Contains([]string{Follow, Ask, Stay}, updates) {
		return errs.Fields(errs.Field{Name: "updates", Key: "adoption.fault.updates"})
	}
	return nil
}

// SetUpdates changes how the library takes updates of an item. Whoever no longer follows stays on the version that was in use.
func (s *Service) SetUpdates(ctx context.Context, item id.Item, updates string) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	if err := checkUpdates(updates); err != nil {
		return err
	}
	return s.decide(ctx, item, "adoption.updates_changed", func(a Adopted) (string, []any, error) {
		if a.Updates == updates {
			return "", nil, nil
		}
		return `updates = $4, version = $5, previous = CASE WHEN $4 = 'follow' THEN 0 ELSE a.previous END`, []any{updates, a.InUse()}, nil
	})
}

// AcceptVersion makes a newer version the one that new starts get; those in mid-course stay in theirs. Conflict if the newest is
// another one by now: what was read is what is accepted.
func (s *Service) AcceptVersion(ctx context.Context, item id.Item, version int) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.decide(ctx, item, "adoption.accepted", func(a Adopted) (string, []any, error) {
		switch {
		case a.InUse() == version:
			return "", nil, nil
		case a.Newest != version || a.Updates == Follow:
			return "", nil, errs.Say(errs.Conflict, "adoption.fault.newer")
		}
		return `version = $4, previous = a.version, title = $5`, []any{version, a.Title}, nil
	})
}

// PostponeVersion answers "not yet" to a version; a later one asks again. Conflict if the newest is another one by now.
func (s *Service) PostponeVersion(ctx context.Context, item id.Item, version int) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.decide(ctx, item, "adoption.postponed", func(a Adopted) (string, []any, error) {
		switch {
		case a.Postponed >= version || !a.Behind():
			return "", nil, nil
		case a.Newest != version:
			return "", nil, errs.Say(errs.Conflict, "adoption.fault.newer")
		}
		return `postponed = $4`, []any{version}, nil
	})
}

// BackVersion makes the version before the accepted one the one that new starts get, and asks about no version that there is by
// now. Conflict if there is none to go back to.
func (s *Service) BackVersion(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.decide(ctx, item, "adoption.went_back", func(a Adopted) (string, []any, error) {
		if a.Previous == 0 {
			return "", nil, errs.Say(errs.Conflict, "adoption.fault.no_previous")
		}
		return `version = $4, previous = 0, postponed = $5`, []any{a.Previous, a.Newest}, nil
	})
}

// Unadopt takes an item out of the own library, also one that has closed. Those in mid-course go on where they are, and what was
// added to it stays for the day on which it is taken in again.
func (s *Service) Unadopt(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM adoptions WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item); err != nil {
			return fmt.Errorf("take %s out of the library: %w", item, err)
		}
		if _, err := tx.Exec(`UPDATE additions SET shown = false WHERE org_id = $1 AND path_id = $2`, tx.Scope.Org, item); err != nil {
			return err
		}
		return tenants.Audit(tx, "item.unadopted", "item:"+item.String(), nil)
	})
}

// decide changes a line of the library that is open, under a lock. change returns what is set and its arguments, from $4 on, or
// nothing if all is so already.
func (s *Service) decide(ctx context.Context, item id.Item, action string, change func(Adopted) (string, []any, error)) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		a, err := db.Row[Adopted](tx, adoptedSQL+` AND a.item_id = $2 FOR UPDATE OF a`, tx.Scope.Org, item)
		if err != nil {
			return fmt.Errorf("%s in the library: %w", item, err)
		}
		if !a.Open {
			return errs.Say(errs.Conflict, "adoption.fault.closed")
		}
		set, args, err := change(a)
		if err != nil || set == "" {
			return err
		}
		if err := tx.Must(fmt.Sprintf(`UPDATE adoptions a SET %s, decided_by = $%d, decided_at = $3 WHERE a.org_id = $1 AND a.item_id = $2`, set, 4+len(args)),
			append(append([]any{tx.Scope.Org, item, tx.Now}, args...), memberOrNil(tx.Scope.Membership))...); err != nil {
			return fmt.Errorf("%s in the library: %w", item, err)
		}
		return tenants.Audit(tx, action, "item:"+item.String(), map[string]any{"to": args[0]})
	})
}

// Shelved says how a path or course of another organization stands to the own library, for those who look after it.
type Shelved struct {
	May   bool `db:"may"`   // an agreement opens it, so it can be taken in
	Taken bool `db:"taken"` // it is in the library
	Waits bool `db:"waits"` // a newer version waits for an answer
	Adapt bool `db:"adapt"` // additions are allowed
}

// shelvedSQL reads how the item $2 stands to the library of $1; no row for an own one.
const shelvedSQL = `SELECT ` + granted + ` AS may, a.item_id IS NOT NULL AS taken, coalesce(` + waiting + `, false) AS waits,
		EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
			WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND ci.listed_at IS NOT NULL AND g.viewer_org = $1 AND g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now())) AS adapt
	FROM items i LEFT JOIN adoptions a ON a.org_id = $1 AND a.item_org = i.org_id AND a.item_id = i.item_id WHERE i.item_id = $2 AND i.org_id <> $1 AND i.state = 'published'`
