package courses

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
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

// Origin says through what somebody came. Ref is the story, campaign or person; "" for none.
type Origin struct{ Kind, Ref string }

func (o Origin) clean() Origin {
	switch o.Kind {
	case OriginChoice, OriginSearch, OriginPeer, OriginStory, OriginCampaign, OriginVisit:
	default:
		return Origin{Kind: OriginChoice} // Nobody assigns something to themselves.
	}
	if len(o.Ref) > 100 {
		o.Ref = ""
	}
	return o
}

// Enroll begins a course or path in the version in force and pins it. Whoever is on it already stays on their version; whoever
// left it comes back to it. What was finished before counts. Repeating is safe. NotFound for what may not be seen.
func (s *Service) Enroll(ctx context.Context, item id.Item, o Origin) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return enroll(tx, item, o.clean())
	})
}

func enroll(tx *db.Tx, item id.Item, o Origin) error {
	it, err := tenants.SeeItem(tx, item)
	if err != nil {
		return fmt.Errorf("enroll in %s: %w", item, err)
	}
	if it.Version == 0 || it.State != "published" || it.Kind != tenants.KindCourse && it.Kind != tenants.KindPath {
		return errs.New(errs.NotFound, "enroll in %s: nothing published", item)
	}
	n, err := tx.Exec(`INSERT INTO enrollments AS e (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, origin_ref, started_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
		ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET state = 'active', updated_at = excluded.updated_at WHERE e.state = 'left'`,
		tx.Scope.Org, id.New[id.Enrollment](), tx.Scope.Membership, it.OrgID, it.ItemID, it.Version, o.Kind, o.Ref, tx.Now)
	if err != nil || n == 0 {
		return err
	}
	if err := state(tx, statement{Verb: "enrolled", Org: it.OrgID, Kind: it.Kind, Item: it.ItemID, Formal: true, Pull: o.Kind != OriginAssigned, Context: map[string]any{"version": it.Version, "origin": o.Kind}}); err != nil {
		return err
	}
	if err := jobs.Emit(tx, Enrolled{Org: tx.Scope.Org, Membership: tx.Scope.Membership, ItemOrg: it.OrgID, Item: it.ItemID, Origin: o.Kind, Ref: o.Ref, At: tx.Now}); err != nil {
		return err
	}
	return recompute(tx, it.ItemID)
}

// statement is one thing that a member did (xAPI 1.0.3, with the verbs of product.md).
type statement struct {
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

// state appends the statement to the activity stream.
func state(tx *db.Tx, st statement) error {
	if st.Context == nil {
		st.Context = map[string]any{}
	}
	if _, err := tx.Exec(`INSERT INTO statements (org_id, at, statement_id, membership_id, verb, object_org, object_kind, object_id, object_part, formal, pull, minutes, context)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, tx.Scope.Org, tx.Now, id.New[id.Any](), tx.Scope.Membership, st.Verb, st.Org, st.Kind, st.Item,
		st.Part, st.Formal, st.Pull, st.Minutes, st.Context); err != nil {
		return fmt.Errorf("statement %s: %w", st.Verb, err)
	}
	return nil
}

type counting struct {
	EnrollmentID id.Enrollment `db:"enrollment_id"`
	ItemOrg      id.Org        `db:"item_org"`
	ItemID       id.Item       `db:"item_id"`
	Kind         string        `db:"kind"`
	Version      int           `db:"version"`
	Origin       string        `db:"origin"`
	Ref          string        `db:"origin_ref"`
	Done         int           `db:"done"`
	Total        int           `db:"total"`
	Outline      Outline       `db:"outline"`
}

// recompute brings the figures of the member's enrollments that contain the item up to date. The rows are locked before the
// completions are read, so that of two lessons finished at once the later one counts both.
func recompute(tx *db.Tx, item id.Item) error {
	list, err := db.Rows[counting](tx, `SELECT e.enrollment_id, e.item_org, e.item_id, i.kind, e.version, e.origin, e.origin_ref, e.done, e.total, v.outline
		FROM enrollments e JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version
			JOIN items i ON i.org_id = e.item_org AND i.item_id = e.item_id
		WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state = 'active'
			AND (e.item_id = $3 OR v.outline->'steps' @> jsonb_build_array(jsonb_build_object('item', $3::uuid::text)))
		ORDER BY e.enrollment_id LIMIT 500 FOR UPDATE OF e`, tx.Scope.Org, tx.Scope.Membership, item)
	if err != nil || len(list) == 0 {
		return err
	}
	var ids []id.Item
	for _, e := range list {
		ids = append(append(ids, e.ItemID), e.Outline.Items(e.ItemID)...)
	}
	seen, err := db.Rows[id.Item](tx, `SELECT i.item_id FROM items i WHERE i.item_id = ANY($2) AND `+visible("$1"), tx.Scope.Org, ids)
	if err != nil {
		return err
	}
	rows, err := db.Rows[done](tx, `SELECT c.item_id, c.lesson_key FROM completions c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.item_id = ANY($3)`, tx.Scope.Org, tx.Scope.Membership, ids)
	if err != nil {
		return err
	}
	sees, finished := map[id.Item]bool{}, map[Leaf]bool{}
	for _, i := range seen {
		sees[i] = true
	}
	for _, d := range rows {
		finished[Leaf(d)] = true
	}
	for _, e := range list {
		p := Measure(e.Outline.Leaves(e.ItemID, func(i id.Item) bool { return sees[i] }), finished)
		if err := count(tx, e, p); err != nil {
			return err
		}
	}
	return nil
}

// count stores the figure, and says so when it is the whole.
func count(tx *db.Tx, e counting, p Progress) error {
	now, at := "active", (*time.Time)(nil)
	if p.Complete() {
		now, at = "completed", &tx.Now
	}
	if err := tx.Must(`UPDATE enrollments SET done = $3, total = $4, state = $5, completed_at = $6, updated_at = $7 WHERE org_id = $1 AND enrollment_id = $2`,
		tx.Scope.Org, e.EnrollmentID, p.Done, p.Total, now, at, tx.Now); err != nil {
		return fmt.Errorf("progress of enrollment %s: %w", e.EnrollmentID, err)
	}
	if !p.Complete() {
		return nil
	}
	if err := state(tx, statement{Verb: "completed", Org: e.ItemOrg, Kind: e.Kind, Item: e.ItemID, Formal: true, Pull: e.Origin != OriginAssigned, Context: map[string]any{"version": e.Version, "origin": e.Origin}}); err != nil {
		return err
	}
	if err := jobs.Emit(tx, EnrollmentCompleted{Org: tx.Scope.Org, Membership: tx.Scope.Membership, Enrollment: e.EnrollmentID, ItemOrg: e.ItemOrg, Item: e.ItemID, Origin: e.Origin, Ref: e.Ref, At: tx.Now}); err != nil {
		return err
	}
	return jobs.Emit(tx, ItemFinished{Org: e.ItemOrg, Item: e.ItemID, Finish: id.Derive[id.Any]("learnscape/finish", e.EnrollmentID.String())})
}
