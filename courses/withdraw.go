package courses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Why a version is withdrawn.
const (
	WithdrawnSecurity = "security" // what it teaches harms somebody
	WithdrawnLegal    = "legal"    // it may not be shown
	WithdrawnWrong    = "wrong"    // it is not so
)

// WithdrawKinds lists them in the order in which they are offered.
var WithdrawKinds = []string{WithdrawnSecurity, WithdrawnLegal, WithdrawnWrong} //nolint:gochecknoglobals // A constant list.

// withdrawReason is how many letters a reason has at most.
const withdrawReason = 1000

// Withdrawal says why a version is withdrawn, and what is in its place.
type Withdrawal struct {
	Version int       `db:"version" json:"version"`
	Kind    string    `db:"kind" json:"kind"` // one of WithdrawKinds
	Reason  string    `db:"reason" json:"reason"`
	Instead int       `db:"instead" json:"instead"` // the version that is in force then; 0 where the item closed
	At      time.Time `db:"withdrawn_at" json:"withdrawn_at"`

	Back *time.Time `db:"-" json:"undone_at"` // when it was given back, where somebody is told that; nil for not
}

// insteadOf is what is in force once a version of an own item is withdrawn: what is in force now or, if that is it, the newest that is
// everybody's and not withdrawn; 0 for none.
func insteadOf(tx *db.Tx, it tenants.Item, version int) (int, error) {
	if it.State == "published" && it.Version != version {
		return it.Version, nil
	}
	return db.Row[int](tx, `SELECT coalesce(max(v.version), 0) FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version <> $3 AND NOT v.pilot AND NOT v.withdrawn`, tx.Scope.Org, it.ItemID, version)
}

// WithdrawDraft says what is withdrawn and why.
type WithdrawDraft struct {
	Version int
	Kind    string // one of WithdrawKinds
	Reason  string // as everybody reads it who was in it
}

// VersionWithdrawn says that an organization has to look whether its people or its library have a version that another one, or itself,
// withdrew, or gave back.
type VersionWithdrawn struct {
	Org     id.Org    `json:"org"`
	Owner   id.Org    `json:"owner"`
	Item    id.Item   `json:"item"`
	Version int       `json:"version"`
	At      time.Time `json:"at"`
}

// EventKind implements jobs.Event.
func (VersionWithdrawn) EventKind() string { return "courses.version_withdrawn" }

// EventOrg implements jobs.Event.
func (e VersionWithdrawn) EventOrg() id.Org { return e.Org }

// WithdrawVersion withdraws a published version of an own course or path at once. Nobody but its authors opens its lessons, and whoever is in
// it, in whatever organization and however its library takes updates, is moved to the version that is in force then, without being asked; where
// there is none, the item closes. What was finished stays finished and no share falls. Own and foreign paths that lead to it get a version that
// leads to what is in its place. Invalid, with the field, without a reason; NotFound for a version that is nobody's or withdrawn already.
func (s *Service) WithdrawVersion(ctx context.Context, item id.Item, d WithdrawDraft) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	d.Reason = strings.TrimSpace(d.Reason)
	var f []errs.Field
	if !slices.Contains(WithdrawKinds, d.Kind) {
		f = append(f, errs.Field{Name: "kind", Key: "withdraw.fault.kind"})
	}
	if n := utf8.RuneCountInString(d.Reason); n == 0 || n > withdrawReason {
		f = append(f, errs.Field{Name: "reason", Key: "withdraw.fault.reason", Args: []any{"Most", withdrawReason}})
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return withdraw(tx, item, withdrawn{Withdrawal: Withdrawal{Version: d.Version, Kind: d.Kind, Reason: d.Reason, At: tx.Now}})
	})
}

// withdrawn is a withdrawal as its owner keeps it.
type withdrawn struct {
	Withdrawal

	Owner    id.Org     `db:"org_id"`
	Item     id.Item    `db:"item_id"`
	ItemKind string     `db:"item_kind"`
	Title    string     `db:"title"`
	Undone   *time.Time `db:"undone_at"`
	Open     bool       `db:"open"` // the organization to which it is carried may be told of it

	cause    *edition `db:"-"` // of a path: the course in it
	replaced bool     `db:"-"` // it was in force until what is in its place was published
}

// lockItem reads an own course or path under a lock.
func lockItem(tx *db.Tx, item id.Item) (tenants.Item, error) {
	it, err := db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path') AND i.version > 0 FOR UPDATE`, tx.Scope.Org, item)
	if err != nil {
		return it, fmt.Errorf("course or path %s: %w", item, err)
	}
	return it, nil
}

// withdraw does it to an own item, to the own paths that lead to it, and asks every organization to look.
func withdraw(tx *db.Tx, item id.Item, w withdrawn) error {
	it, err := lockItem(tx, item)
	if err != nil {
		return err
	}
	if err := tx.Must(`UPDATE versions SET withdrawn = true WHERE org_id = $1 AND item_id = $2 AND version = $3 AND NOT pilot AND NOT withdrawn`, tx.Scope.Org, item, w.Version); err != nil {
		return fmt.Errorf("withdraw version %d of %s: %w", w.Version, item, err)
	}
	w.Owner, w.Item, w.ItemKind, w.Title, w.Open = it.OrgID, item, it.Kind, it.Title, true
	inForce := it.State == "published" && it.Version == w.Version
	if w.Instead, err = insteadOf(tx, it, w.Version); err != nil {
		return err
	}
	var causeOrg, causeItem, causeVersion any
	if w.cause != nil {
		causeOrg, causeItem, causeVersion = w.cause.Org, w.cause.Item, w.cause.Version
	}
	if err := tx.Batch(func(b *db.Batch) {
		for _, table := range []string{"lessons", "lesson_texts"} {
			db.Write(b, nil, `UPDATE `+table+` SET withdrawn = true WHERE org_id = $1 AND item_id = $2 AND version = $3`, tx.Scope.Org, item, w.Version)
		}
		db.Write(b, nil, `INSERT INTO withdrawals (org_id, item_id, version, kind, reason, instead, was_in_force, cause_org, cause_item, cause_version, withdrawn_by, withdrawn_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (org_id, item_id, version) DO UPDATE SET kind = excluded.kind, reason = excluded.reason, instead = excluded.instead, was_in_force = excluded.was_in_force, cause_org = excluded.cause_org, cause_item = excluded.cause_item,
				cause_version = excluded.cause_version, withdrawn_by = excluded.withdrawn_by, withdrawn_at = excluded.withdrawn_at, undone_by = NULL, undone_at = NULL`,
			tx.Scope.Org, item, w.Version, w.Kind, w.Reason, w.Instead, inForce || w.replaced, causeOrg, causeItem, causeVersion, memberOrNil(tx.Scope.Membership), w.At)
		hideFiles(b, tx.Scope.Org, item)
	}); err != nil {
		return fmt.Errorf("withdraw version %d of %s: %w", w.Version, item, err)
	}
	switch {
	case !inForce:
	case w.Instead == 0:
		if err := tenants.RetireItem(tx, item); err != nil {
			return err
		}
	default:
		if err := reinstate(tx, it, w.Instead); err != nil {
			return err
		}
	}
	if err := tenants.Audit(tx, "version.withdrawn", "item:"+item.String(), map[string]any{"version": w.Version, "kind": w.Kind, "instead": w.Instead}); err != nil {
		return err
	}
	// The own people are moved by nobody else than whoever moves those of others.
	if err := tx.As(scope.Agreement, tx.Scope.Org, func() error { return carry(tx, w) }); err != nil {
		return err
	}
	return spreadWithdrawal(tx, item, w.Version)
}

// spreadWithdrawal asks every organization to look. Which ones there are is public; whom it concerns each finds out for itself.
func spreadWithdrawal(tx *db.Tx, item id.Item, version int) error {
	_, err := tx.Exec(`INSERT INTO outbox (org_id, kind, payload, at) SELECT o.org_id, $4, jsonb_build_object('org', o.org_id, 'owner', $1::uuid, 'item', $2::uuid, 'version', $3::int, 'at', $5::timestamptz), $5 FROM organizations o WHERE o.state <> 'closed'`,
		tx.Scope.Org, item, version, VersionWithdrawn{}.EventKind(), tx.Now)
	return err
}

// hideFiles marks those files of an own item that no version shows which can still be read.
func hideFiles(b *db.Batch, org id.Org, item id.Item) {
	shown := func(withdrawn string) string {
		return strings.ReplaceAll(`SELECT (regexp_matches(x.body, '/files/([0-9a-f-]{36})/', 'g'))[1]::uuid FROM versions w CROSS JOIN LATERAL (
			SELECT l.blocks::text AS body FROM lessons l WHERE l.org_id = w.org_id AND l.item_id = w.item_id AND l.version = w.version
			UNION ALL SELECT t.blocks::text FROM lesson_texts t WHERE t.org_id = w.org_id AND t.item_id = w.item_id AND t.version = w.version
			UNION ALL SELECT w.intro_html) x WHERE w.org_id = $1 AND w.item_id = $2 AND $w`, "$w", withdrawn)
	}
	db.Write(b, nil, `WITH gone AS MATERIALIZED (`+shown("w.withdrawn")+`), stays AS MATERIALIZED (`+shown("NOT w.withdrawn")+`)
		UPDATE files f SET withdrawn = x.hide FROM (SELECT y.file_id, y.file_id IN (SELECT g.* FROM gone g) AND y.file_id NOT IN (SELECT s.* FROM stays s) AS hide FROM files y WHERE y.org_id = $1 AND y.item_id = $2) x
		WHERE f.org_id = $1 AND f.file_id = x.file_id AND f.withdrawn <> x.hide`, org, item)
}

// versionHead is what lists say of a version.
type versionHead struct {
	Title   string  `db:"title"`
	Summary string  `db:"summary"`
	Outline Outline `db:"outline"`
}

// reinstate makes a version of an own item the one in force, and has lists say what is true of it.
func reinstate(tx *db.Tx, it tenants.Item, version int) error {
	h, err := db.Row[versionHead](tx, `SELECT v.title, v.summary, v.outline FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $3`, tx.Scope.Org, it.ItemID, version)
	if err != nil {
		return fmt.Errorf("version %d of %s: %w", version, it.ItemID, err)
	}
	it.Title, it.Summary, it.Minutes, it.Parts = h.Title, h.Summary, 0, nil
	lessons := h.Outline.Lessons()
	for _, l := range lessons {
		it.Minutes += l.Minutes
	}
	if it.Steps = len(lessons); it.Kind == tenants.KindPath {
		it.Steps = len(h.Outline.Steps)
		var list []Station
		for _, st := range h.Outline.Steps {
			list = append(list, Station{Minutes: st.Minutes, Optional: st.Optional, Either: st.Either})
		}
		_, _, it.Minutes = Asked(list)
	}
	it.Parts = partsOf(it.OrgID, h.Outline)
	if _, err := tenants.PutItem(tx, it); err != nil {
		return err
	}
	if err := tenants.AddParts(tx, it.ItemID, h.Outline.own(it)); err != nil {
		return err
	}
	return tenants.PublishItem(tx, it.ItemID, version, time.Time{})
}

// partsOf is how many stations of an outline each organization owns.
func partsOf(owner id.Org, o Outline) (out []tenants.Part) {
	add := func(org id.Org, n int) {
		i := slices.IndexFunc(out, func(p tenants.Part) bool { return p.Org == org })
		if i < 0 {
			out = append(out, tenants.Part{Org: org})
			i = len(out) - 1
		}
		out[i].N += n
	}
	if n := len(o.Lessons()); n > 0 {
		add(owner, n)
	}
	for _, st := range o.Steps {
		add(st.Org, 1)
	}
	return out
}

// RestoreVersion gives a withdrawn version back. Where another one took its place and nothing was published since, it is in force again for new
// starts; whoever was moved stays where they are. Paths that followed are given back with it. NotFound for a version that is not withdrawn, and
// for a path's that followed a course.
func (s *Service) RestoreVersion(ctx context.Context, item id.Item, version int) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		followed, err := db.Row[bool](tx, `SELECT w.cause_item IS NOT NULL FROM withdrawals w WHERE w.org_id = $1 AND w.item_id = $2 AND w.version = $3 AND w.undone_at IS NULL`, tx.Scope.Org, item, version)
		if err != nil || followed {
			return cmp.Or(err, errs.New(errs.NotFound, "version %d of %s follows a course", version, item))
		}
		return restore(tx, item, version)
	})
}

func restore(tx *db.Tx, item id.Item, version int) error {
	it, err := lockItem(tx, item)
	if err != nil {
		return err
	}
	w, err := db.Row[struct {
		Instead    int  `db:"instead"`
		WasInForce bool `db:"was_in_force"`
	}](tx, `UPDATE withdrawals SET undone_by = $4, undone_at = $5 WHERE org_id = $1 AND item_id = $2 AND version = $3 AND undone_at IS NULL RETURNING instead, was_in_force`,
		tx.Scope.Org, item, version, memberOrNil(tx.Scope.Membership), tx.Now)
	if err != nil {
		return fmt.Errorf("restore version %d of %s: %w", version, item, err)
	}
	if err := tx.Batch(func(b *db.Batch) {
		for _, table := range []string{"versions", "lessons", "lesson_texts"} {
			db.Write(b, nil, `UPDATE `+table+` SET withdrawn = false WHERE org_id = $1 AND item_id = $2 AND version = $3`, tx.Scope.Org, item, version)
		}
		hideFiles(b, tx.Scope.Org, item)
	}); err != nil {
		return err
	}
	if w.WasInForce && (it.State != "published" || it.Version == w.Instead) {
		if err := reinstate(tx, it, version); err != nil {
			return err
		}
	}
	if err := tenants.Audit(tx, "version.restored", "item:"+item.String(), map[string]int{"version": version}); err != nil {
		return err
	}
	if err := tx.As(scope.Agreement, tx.Scope.Org, func() error { return carryBack(tx, tx.Scope.Org, item, version, true) }); err != nil {
		return err
	}
	return spreadWithdrawal(tx, item, version)
}

// reopened moves who stayed in a version of an own item for which there was nothing in its place, once there is.
func reopened(tx *db.Tx, item id.Item, version int) error {
	list, err := db.Rows[withdrawn](tx, `UPDATE withdrawals w SET instead = $3 FROM items i WHERE w.org_id = $1 AND w.item_id = $2 AND w.instead = 0 AND w.undone_at IS NULL AND i.org_id = w.org_id AND i.item_id = w.item_id RETURNING `+withdrawnColumns, tx.Scope.Org, item, version)
	if err != nil {
		return err
	}
	for _, w := range list {
		w.Open = true
		if err := tx.As(scope.Agreement, tx.Scope.Org, func() error { return carry(tx, w) }); err != nil {
			return err
		}
		if err := spreadWithdrawal(tx, item, w.Version); err != nil {
			return err
		}
	}
	return nil
}

// withdrawnColumns are those of withdrawn, of the withdrawal w of the item i.
const withdrawnColumns = `w.version, w.kind, w.reason, w.instead, w.withdrawn_at, w.org_id, w.item_id, i.kind AS item_kind, i.title, w.undone_at, false AS open`

// carry does in tx's organization what a withdrawal asks for: the library and the people in it go on with what is in its place, whatever
// they chose, those people and the curators are told why, and own paths that lead to it follow. Repeating it changes nothing.
func carry(tx *db.Tx, w withdrawn) error {
	var library, people int64
	at := []any{tx.Scope.Org, w.Owner, w.Item, w.Version}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `UPDATE adoptions SET previous = 0 WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND previous = $4`, at...)
		db.Write(b, nil, `UPDATE enrollments SET moved_from = NULL, moved_at = NULL WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND moved_from = $4`, at...)
		if w.Instead > 0 {
			db.Write(b, &library, `UPDATE adoptions SET version = $5 WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND version = $4 AND updates <> 'follow'`, append(slices.Clone(at), w.Instead)...)
		}
		db.Write(b, &people, `UPDATE enrollments SET version = CASE WHEN $5 > 0 THEN $5 ELSE version END, finished_in = CASE WHEN completed_at IS NOT NULL THEN coalesce(finished_in, version) END,
				floor_share = greatest(floor_share, CASE WHEN state = 'completed' THEN 1 WHEN total > 0 THEN least(done, total)::float8 / total ELSE 0 END), moved_from = NULL, moved_at = NULL, forced_from = CASE WHEN $6 THEN $4 END, forced_told = false, forced_read = false, given_back = NULL
			WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND version = $4 AND ($5 > 0 OR forced_from IS DISTINCT FROM $4)`, append(slices.Clone(at), w.Instead, w.Open)...)
		if w.Open {
			db.Write(b, nil, `INSERT INTO withdrawal_notes AS n (org_id, item_org, item_id, version, title, item_kind, kind, reason, instead, library, withdrawn_at)
				SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, EXISTS (SELECT 1 FROM adoptions a WHERE a.org_id = $1 AND a.item_org = $2 AND a.item_id = $3), $10
				WHERE EXISTS (SELECT 1 FROM adoptions a WHERE a.org_id = $1 AND a.item_org = $2 AND a.item_id = $3) OR EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $2 AND e.item_id = $3 AND e.forced_from = $4)
				ON CONFLICT (org_id, item_org, item_id, version) DO UPDATE SET title = excluded.title, kind = excluded.kind, reason = excluded.reason, instead = excluded.instead, library = n.library OR excluded.library, withdrawn_at = excluded.withdrawn_at, undone_at = NULL`,
				append(slices.Clone(at), w.Title, w.ItemKind, w.Kind, w.Reason, w.Instead, w.At)...)
		}
	}); err != nil {
		return fmt.Errorf("carry withdrawal of version %d of %s: %w", w.Version, w.Item, err)
	}
	if tx.Scope.Org != w.Owner && library+people > 0 {
		if err := tenants.Audit(tx, "version.carried", "item:"+w.Item.String(), map[string]any{"version": w.Version, "instead": w.Instead, "people": people, "library": library > 0}); err != nil {
			return err
		}
	}
	return follow(tx, w)
}

// carryBack ends in tx's organization what it was told of a withdrawal that is undone. Nobody goes back by it; who was moved is told of it, if it is
// open to them.
func carryBack(tx *db.Tx, owner id.Org, item id.Item, version int, open bool) error {
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `UPDATE withdrawal_notes SET undone_at = $5 WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND version = $4 AND undone_at IS NULL`, tx.Scope.Org, owner, item, version, tx.Now)
		db.Write(b, nil, `UPDATE enrollments SET forced_from = NULL, given_back = CASE WHEN $5 THEN $4 END, back_told = false WHERE org_id = $1 AND item_org = $2 AND item_id = $3 AND forced_from = $4`, tx.Scope.Org, owner, item, version, open)
	}); err != nil {
		return fmt.Errorf("carry back version %d of %s: %w", version, item, err)
	}
	list, err := db.Rows[struct {
		Item    id.Item `db:"item_id"`
		Version int     `db:"version"`
	}](tx, `SELECT w.item_id, w.version FROM withdrawals w WHERE w.org_id = $1 AND w.cause_org = $2 AND w.cause_item = $3 AND w.cause_version = $4 AND w.undone_at IS NULL ORDER BY w.item_id, w.version LIMIT 1000`, tx.Scope.Org, owner, item, version)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := restore(tx, p.Item, p.Version); err != nil {
			return err
		}
	}
	return nil
}

// ReadWithdrawal takes the notice of a withdrawal, or of its end, away from the acting member, who has read it. Repeating it is safe.
func (s *Service) ReadWithdrawal(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tenants.SeeItem(tx, item); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE enrollments SET forced_read = true, given_back = NULL WHERE org_id = $1 AND membership_id = $2 AND item_id = $3 AND (forced_from IS NOT NULL OR given_back IS NOT NULL)`, tx.Scope.Org, tx.Scope.Membership, item)
		return err
	})
}

// SetWithdrawalMails turns the mails about withdrawn versions on or off for the acting member. Repeating it is safe.
func (s *Service) SetWithdrawalMails(ctx context.Context, on bool) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	q := `INSERT INTO quiet_withdrawals (org_id, membership_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	if on {
		q = `DELETE FROM quiet_withdrawals WHERE org_id = $1 AND membership_id = $2`
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(q, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
}
