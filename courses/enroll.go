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
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The origins of an enrollment.
const (
	OriginChoice   = "choice"
	OriginSearch   = "search"
	OriginPeer     = "peer"
	OriginStory    = "story"
	OriginCampaign = "campaign"
	OriginAssigned = "assigned"
	OriginVisit    = "visit"
)

// What somebody came for.
const (
	IntentWhole  = "whole"  // all of it
	IntentAnswer = "answer" // one answer
	IntentLook   = "look"   // to look around
)

// Intents are the values of Origin.Intent, in the order in which they are offered.
var Intents = []string{IntentWhole, IntentAnswer, IntentLook} //nolint:gochecknoglobals // A constant list.

// Origin says through what somebody came. Ref is the story, campaign or person; "" for none.
type Origin struct {
	Kind, Ref string
	Intent    string // one of Intents; "" where they did not say
}

func (o Origin) clean() Origin {
	switch o.Kind {
	case OriginChoice, OriginSearch, OriginPeer, OriginStory, OriginCampaign, OriginVisit:
	default:
		o.Kind, o.Ref = OriginChoice, "" // Nobody assigns something to themselves.
	}
	if !slices.Contains(Intents, o.Intent) {
		o.Intent = ""
	}
	if len(o.Ref) > 100 {
		o.Ref = ""
	}
	return o
}

// Enroll begins a course or path in the version in force, or the one that the organization's library has, and pins it. Whoever is on it already stays on their version; whoever
// left it comes back to it. What was finished before counts. Repeating is safe. NotFound for what may not be seen.
func (s *Service) Enroll(ctx context.Context, item id.Item, o Origin) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return s.enroll(tx, item, o.clean())
	})
}

func (s *Service) enroll(tx *db.Tx, item id.Item, o Origin) error {
	it, err := tenants.SeeItem(tx, item)
	if err != nil {
		return fmt.Errorf("enroll in %s: %w", item, err)
	}
	if it.Version == 0 || it.State != "published" || it.Kind != tenants.KindCourse && it.Kind != tenants.KindPath {
		return errs.New(errs.NotFound, "enroll in %s: nothing published", item)
	}
	if err := seat(tx, it.OrgID, it.ItemID); err != nil {
		return fmt.Errorf("enroll in %s: %w", item, err)
	}
	// The own record says what it is about, also when that has closed. What the organization took into its library begins in the
	// version that it chose.
	pinned, err := db.Rows[int](tx, `INSERT INTO enrollments AS e (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, origin_ref, started_at, updated_at, title, kind, intent)
		VALUES ($1, $2, $3, $4, $5, coalesce(`+piloted("$4", "$5", "$1", "$3")+`, (SELECT `+chosen+` FROM adoptions a WHERE a.org_id = $1 AND a.item_org = $4 AND a.item_id = $5), $6), $7, $8, $9, $9, $10, $11, $12)
		ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET state = 'active', finished_in = NULL, updated_at = excluded.updated_at, intent = coalesce(nullif(excluded.intent, ''), e.intent) WHERE e.state = 'left'
		RETURNING e.version`,
		tx.Scope.Org, id.New[id.Enrollment](), tx.Scope.Membership, it.OrgID, it.ItemID, it.Version, o.Kind, o.Ref, tx.Now, it.Title, it.Kind, o.Intent)
	if err != nil || len(pinned) == 0 {
		return err
	}
	said := map[string]any{"version": pinned[0], "origin": o.Kind}
	if o.Intent != "" {
		said["intent"] = o.Intent
	}
	var t tally
	if err := tx.Batch(func(b *db.Batch) {
		state(b, tx, statement{Verb: "enrolled", Org: it.OrgID, Kind: it.Kind, Item: it.ItemID, Formal: true, Pull: o.Kind != OriginAssigned, Context: said})
		jobs.Queue(b, tx.Now, Enrolled{Org: tx.Scope.Org, Membership: tx.Scope.Membership, ItemOrg: it.OrgID, Item: it.ItemID, Origin: o.Kind, Ref: o.Ref, At: tx.Now})
		t.queue(b, tx.Scope, it.ItemID)
	}); err != nil {
		return fmt.Errorf("enroll in %s: %w", item, err)
	}
	list, err := s.readTx(tx, t.editions()...)
	if err != nil {
		return err
	}
	return tx.Batch(func(b *db.Batch) { t.count(b, tx, list) })
}

// SetIntent keeps what the acting member came to a course or path for, which they have begun. Repeating it is safe.
func (s *Service) SetIntent(ctx context.Context, item id.Item, intent string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	if !slices.Contains(Intents, intent) {
		return errs.New(errs.Malformed, "intent %q", intent)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tenants.SeeItem(tx, item); err != nil {
			return err
		}
		return tx.Must(`UPDATE enrollments SET intent = $4 WHERE org_id = $1 AND membership_id = $2 AND item_id = $3 AND state <> 'left'`, tx.Scope.Org, tx.Scope.Membership, item, intent)
	})
}

// statement is one thing that a member did (xAPI 1.0.3, with the verbs of product.md).
type statement struct {
	Member  id.Membership // whose it is; zero for the acting one
	Verb    string
	Org     id.Org // the object's owner
	Kind    string
	Item    id.Item
	Part    string
	Formal  bool
	Pull    bool
	Minutes int
	Context map[string]any
}

// state queues the statement for the activity stream.
func state(b *db.Batch, tx *db.Tx, st statement) {
	if st.Context == nil {
		st.Context = map[string]any{}
	}
	db.Write(b, nil, `INSERT INTO statements (org_id, at, statement_id, membership_id, verb, object_org, object_kind, object_id, object_part, formal, pull, minutes, context)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, tx.Scope.Org, tx.Now, id.New[id.Any](), whose(tx, st.Member), st.Verb, st.Org, st.Kind, st.Item,
		st.Part, st.Formal, st.Pull, st.Minutes, st.Context)
}

// whose is the member, or the acting one for none.
func whose(tx *db.Tx, m id.Membership) id.Membership {
	if m.IsZero() {
		return tx.Scope.Membership
	}
	return m
}

// tally is what the figures of a member's enrollments that contain an item are counted from.
type tally struct {
	on  []counting
	has struct {
		Sees     []id.Item `db:"sees"` // of them and the items that their steps lead to, beside the root's
		Finished []done    `db:"finished"`
	}
	root   *root         // what was read before, of one of them; nil for nothing
	member id.Membership // whose they are; zero for the acting one
	gone   *Leaf         // what is finished no more, for which those count that are complete as well; nil for nothing
}

type counting struct {
	EnrollmentID id.Enrollment `db:"enrollment_id"`
	ItemOrg      id.Org        `db:"item_org"`
	ItemID       id.Item       `db:"item_id"`
	Kind         string        `db:"kind"`
	Version      int           `db:"version"`
	Origin       string        `db:"origin"`
	Ref          string        `db:"origin_ref"`
	Floor        float64       `db:"floor_share"`
	State        string        `db:"state"`
}

func (c counting) edition() edition { return edition{c.ItemOrg, c.ItemID, c.Version} }

const (
	// ofMember is the enrollments e of the member $2 of organization $1; $4 says whether those that are complete are meant, too.
	ofMember = `e.org_id = $1 AND e.membership_id = $2 AND (e.state = 'active' OR $4 AND e.state = 'completed')`
	// concerns is their versions v, where the member sees them, that contain the item $3.
	concerns = `v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version AND (e.item_id = $3 OR $3 = ANY(v.leads_to))`
)

// leavesSQL is what a member finished of some items: $1 organization, $2 membership, $3 items.
const leavesSQL = `SELECT c.item_id, c.lesson_key, c.by_test FROM completions c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id = ANY($3)`

// queue reads it, for a member who is in the root already without what other enrollments lead to: that is beside's. The enrollments are
// locked before the completions are read, so that of two lessons finished at once the later one counts both.
func (t *tally) queue(b *db.Batch, sc scope.Scope, item id.Item) {
	args := []any{sc.Org, sc.Membership, item, t.gone != nil}
	var root id.Item // Of this one it is known that they see it.
	if t.root != nil {
		root = t.root.ItemID
	}
	db.List(b, &t.on, `SELECT e.enrollment_id, e.item_org, e.item_id, e.kind, e.version, e.origin, e.origin_ref, e.floor_share, e.state FROM enrollments e
		WHERE `+ofMember+` AND (e.item_id = $5 OR EXISTS (SELECT FROM versions v WHERE `+concerns+`)) ORDER BY e.enrollment_id LIMIT 500 FOR UPDATE`, append(args, root)...)
	if t.root != nil {
		db.List(b, &t.has.Finished, leavesSQL, sc.Org, sc.Membership, t.known())
		return
	}
	db.One(b, &t.has, nil, `WITH leads AS MATERIALIZED (SELECT DISTINCT unnest(v.leads_to || v.item_id) AS item_id FROM enrollments e JOIN versions v ON `+concerns+` WHERE `+ofMember+`)
		SELECT visible_items(ARRAY(SELECT l.item_id FROM leads l)) AS sees,
			(SELECT coalesce(json_agg(x), '[]') FROM (SELECT c.item_id, c.lesson_key FROM completions c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id IN (SELECT l.item_id FROM leads l)) x) AS finished`, args...)
}

// known are the items that were asked for with the root.
func (t *tally) known() []id.Item {
	return append(t.root.Outline.leads(t.root.ItemID), t.root.ItemID)
}

// beside reads, behind the locks of queue, what the enrollments beside the root lead to: of most members nothing.
func (t *tally) beside(tx *db.Tx, list map[edition]Outline) error {
	if t.root == nil {
		return nil // queue did.
	}
	var items []id.Item
	for _, e := range t.on {
		items = append(items, append(list[e.edition()].leads(e.ItemID), e.ItemID)...)
	}
	known := t.known()
	items = slices.DeleteFunc(items, func(i id.Item) bool { return slices.Contains(known, i) })
	if len(items) == 0 {
		return nil
	}
	var finished []done
	if err := tx.Batch(func(b *db.Batch) {
		db.One(b, &t.has.Sees, nil, `SELECT visible_items($1)`, items)
		db.List(b, &finished, leavesSQL, tx.Scope.Org, tx.Scope.Membership, items)
	}); err != nil {
		return fmt.Errorf("what other enrollments lead to: %w", err)
	}
	t.has.Finished = append(t.has.Finished, finished...)
	return nil
}

func (t *tally) visible(item id.Item) bool {
	return slices.Contains(t.has.Sees, item) || t.root != nil && t.root.visible(item)
}

func (t *tally) editions() (out []edition) {
	for _, e := range t.on {
		out = append(out, e.edition())
	}
	return out
}

func (t *tally) finished() map[Leaf]bool {
	out := map[Leaf]bool{}
	for _, d := range t.has.Finished {
		out[d.leaf()] = true
	}
	return out
}

// recount queues the figures of what a leaf is finished no more for, and returns the items of which something is open by that. Also the share
// below which a new version does not bring anybody falls by the leaf's.
func (t *tally) recount(b *db.Batch, tx *db.Tx, list map[edition]Outline) (items []id.Item) {
	finished, had := t.finished(), t.finished()
	had[*t.gone] = true
	for _, e := range t.on {
		required := list[e.edition()].Required(e.ItemID, t.visible)
		before, now := Measure(required, had), Measure(required, finished)
		if now.Done == before.Done {
			continue
		}
		items = append(items, e.ItemID)
		floor := max(0, e.Floor-before.Share()+now.Share())
		now = now.atLeast(floor)
		db.Write(b, nil, `UPDATE enrollments SET done = $3, total = $4, floor_share = $5, state = 'active', completed_at = NULL, finished_in = NULL, updated_at = $6 WHERE org_id = $1 AND enrollment_id = $2`,
			tx.Scope.Org, e.EnrollmentID, now.Done, now.Total, floor, tx.Now)
	}
	return items
}

// count queues the figures, and the news of those that are complete.
func (t *tally) count(b *db.Batch, tx *db.Tx, list map[edition]Outline) {
	finished := t.finished()
	for _, e := range t.on {
		p := Measure(list[e.edition()].Required(e.ItemID, t.visible), finished).atLeast(e.Floor)
		now, at := "active", (*time.Time)(nil)
		if p.Complete() {
			now, at = "completed", &tx.Now
		}
		db.Write(b, nil, `UPDATE enrollments SET done = $3, total = $4, state = $5, completed_at = $6, updated_at = $7 WHERE org_id = $1 AND enrollment_id = $2`,
			tx.Scope.Org, e.EnrollmentID, p.Done, p.Total, now, at, tx.Now)
		if !p.Complete() {
			continue
		}
		state(b, tx, statement{Member: t.member, Verb: "completed", Org: e.ItemOrg, Kind: e.Kind, Item: e.ItemID, Formal: true, Pull: e.Origin != OriginAssigned, Context: map[string]any{"version": e.Version, "origin": e.Origin}})
		jobs.Queue(b, tx.Now, EnrollmentCompleted{Org: tx.Scope.Org, Membership: whose(tx, t.member), Enrollment: e.EnrollmentID, ItemOrg: e.ItemOrg, Item: e.ItemID, Origin: e.Origin, Ref: e.Ref, At: tx.Now})
	}
}
