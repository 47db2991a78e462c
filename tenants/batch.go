package tenants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// What can be done with many connections at once.
const (
	BatchPropose = "propose" // a version of a standard agreement
	BatchRemind  = "remind"  // who has an offer to answer
	BatchPause   = "pause"
	BatchResume  = "resume"
	BatchEnd     = "end" // with the time to finish that each agreement grants
)

// Batch is what somebody asked to be done with many connections, and how far it is.
type Batch struct {
	ID       id.Any     `db:"batch_id"`
	Action   string     `db:"action"`
	Standard id.Any     `db:"standard_id"` // that is proposed; zero for the other actions
	Version  int        `db:"version"`
	State    string     `db:"state"` // running, done or cancelled
	By       string     `db:"by"`    // name of who asked
	Created  time.Time  `db:"created_at"`
	Finished *time.Time `db:"finished_at"`
	Total    int        `db:"total"`
	Done     int        `db:"done"`
	Failed   int        `db:"failed"`
}

// Share is how much of it is worked, 0..1.
func (b Batch) Share() float64 {
	if b.Total == 0 {
		return 1
	}
	return float64(b.Done+b.Failed) / float64(b.Total)
}

const batchColumns = `b.batch_id, b.action, b.standard_id, coalesce(b.version, 0) AS version, b.state, coalesce(m.name, '') AS by, b.created_at, b.finished_at, k.total, k.done, k.failed
	FROM network_batches b LEFT JOIN memberships m ON m.org_id = b.org_id AND m.membership_id = b.asked_by
	CROSS JOIN LATERAL (SELECT count(*)::int AS total, count(*) FILTER (WHERE r.state = 'done')::int AS done, count(*) FILTER (WHERE r.state = 'failed')::int AS failed
		FROM network_batch_rows r WHERE r.org_id = b.org_id AND r.batch_id = b.batch_id) k`

// BatchRow is a connection of a batch.
type BatchRow struct {
	OrgID   id.Org  `db:"org_id"`
	Slug    string  `db:"slug"`
	Name    string  `db:"name"`
	Short   string  `db:"short"`
	Hue     int     `db:"hue"`
	Chroma  float64 `db:"chroma"`
	State   string  `db:"state"`   // waiting, done or failed
	Problem string  `db:"problem"` // the message key of why it could not be done
	Key     string  `db:"key"`
}

// BatchView is a batch with a page of its rows: what could not be done first.
type BatchView struct {
	Batch

	Title string // of the standard agreement that is proposed
	Rows  []BatchRow
	More  bool
}

// BatchView returns a batch of the acting organization; NotFound for any other. The page begins after the row with the key and the
// organization; "" for the first.
func (s *Service) BatchView(ctx context.Context, which id.Any, afterKey string, afterID id.Org, limit int) (BatchView, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return BatchView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return BatchView{}, err
	}
	if limit < 1 || limit > 200 {
		limit = 20
	}
	var v BatchView
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v.Batch, &found, `SELECT `+batchColumns+` WHERE b.org_id = $1 AND b.batch_id = $2`, sc.Org, which)
		db.One(b, &v.Title, nil, `SELECT d.title FROM network_batches b JOIN standards d ON d.org_id = b.org_id AND d.standard_id = b.standard_id WHERE b.org_id = $1 AND b.batch_id = $2`, sc.Org, which)
		db.List(b, &v.Rows, batchRows, sc.Org, which, afterKey, afterID, limit+1)
	}); err != nil {
		return BatchView{}, err
	}
	if !found {
		return BatchView{}, errs.New(errs.NotFound, "batch %s", which)
	}
	if len(v.Rows) > limit {
		v.Rows, v.More = v.Rows[:limit], true
	}
	return v, nil
}

const batchRows = `SELECT * FROM (SELECT o.org_id, o.slug, o.name, o.short, o.hue, o.chroma, r.state, r.problem, CASE r.state WHEN 'failed' THEN '0' WHEN 'waiting' THEN '1' ELSE '2' END || lower(o.name) AS key
		FROM network_batch_rows r JOIN organizations o ON o.org_id = r.other_org WHERE r.org_id = $1 AND r.batch_id = $2) x
	WHERE $3 = '' OR (x.key, x.org_id) > ($3, $4) ORDER BY x.key, x.org_id LIMIT $5`

// Batch asks that something be done with many connections; a job does it, one after the other, and says of each what could not be
// done. Organizations that the acting one has no connection with are left out; Invalid if none is left. To propose, standard names a
// standard agreement, whose newest version is proposed; NotFound if it is not offered.
func (s *Service) Batch(ctx context.Context, action string, who []id.Org, standard id.Any) (batch id.Any, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return batch, err
	}
	b := Batch{Action: action}
	switch action {
	case BatchPropose, BatchRemind, BatchPause, BatchResume, BatchEnd:
	default:
		return batch, errs.New(errs.Malformed, "batch %q", action)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if action == BatchPropose {
			v, err := StandardOffer(tx, standard)
			if err != nil {
				return err
			}
			b.Standard, b.Version = standard, v.Version
		}
		batch, err = begin(tx, b, who)
		return err
	})
	return batch, err
}

func begin(tx *db.Tx, b Batch, who []id.Org) (id.Any, error) {
	b.ID = id.New[id.Any]()
	var version *int
	if b.Version > 0 {
		version = &b.Version
	}
	if _, err := tx.Exec(`INSERT INTO network_batches (org_id, batch_id, action, standard_id, version, asked_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		tx.Scope.Org, b.ID, b.Action, b.Standard, version, tx.Scope.Membership, tx.Now); err != nil {
		return b.ID, err
	}
	n, err := tx.Exec(`INSERT INTO network_batch_rows (org_id, batch_id, other_org) SELECT s.org_id, $2, s.other_org FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = ANY($3)`, tx.Scope.Org, b.ID, who)
	if err != nil {
		return b.ID, err
	}
	if n == 0 {
		return b.ID, errs.Say(errs.Invalid, "batch.nobody")
	}
	if err := jobs.Emit(tx, BatchAsked{Org: tx.Scope.Org, Batch: b.ID}); err != nil {
		return b.ID, err
	}
	return b.ID, Audit(tx, "network.batch", "batch:"+b.ID.String(), map[string]any{"action": b.Action, "rows": n})
}

// CancelBatch stops a batch; what is done stays done. NotFound for one that is not there, or over.
func (s *Service) CancelBatch(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE network_batches SET state = 'cancelled', finished_at = $3 WHERE org_id = $1 AND batch_id = $2 AND state = 'running'`, tx.Scope.Org, which, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "network.batch_cancelled", "batch:"+which.String(), nil)
	})
}

// BatchAsked tells the routine that a batch waits for it.
type BatchAsked struct {
	Org   id.Org `json:"org"`
	Batch id.Any `json:"batch"`
}

// EventKind implements jobs.Event.
func (BatchAsked) EventKind() string { return "tenants.batch_asked" }

// EventOrg implements jobs.Event.
func (e BatchAsked) EventOrg() id.Org { return e.Org }

// asked hands the batches of the acting organization to their job.
func (r *Routine) asked(ctx context.Context, events []BatchAsked) error {
	return r.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			n, err := db.Row[int](tx, `SELECT count(*)::int FROM network_batches b WHERE b.org_id = $1 AND b.batch_id = $2 AND b.state = 'running'`, tx.Scope.Org, e.Batch)
			if err != nil || n == 0 {
				return err
			}
			if err := r.jobs.Insert(tx, batchArgs{Org: tx.Scope.Org, Batch: e.Batch}); err != nil {
				return err
			}
		}
		return nil
	})
}

// errOver ends the work on a batch.
var errOver = errs.New(errs.Conflict, "the batch is over")

// RunBatch does what a batch asks, a transaction for each connection, until it is done or cancelled, or who asked may not manage the
// network any more. Repeating it goes on where it stopped. NotFound for a batch of another organization.
func (r *Routine) RunBatch(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.CarryOut, id.Org{}); err != nil {
		return err
	}
	for {
		var other id.Org
		err := r.db.Tx(ctx, func(tx *db.Tx) (err error) {
			other, err = step(tx, which)
			return err
		})
		switch {
		case errors.Is(err, errOver):
			return nil
		case err == nil:
			continue
		case other.IsZero() || !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.NotFound):
			return fmt.Errorf("batch %s: %w", which, err)
		}
		// What one connection refuses is said beside it, and the next one has its turn.
		key, _ := errs.MessageKey(err)
		if err := r.db.Tx(ctx, func(tx *db.Tx) error {
			return tx.Must(`UPDATE network_batch_rows SET state = 'failed', problem = $4 WHERE org_id = $1 AND batch_id = $2 AND other_org = $3 AND state = 'waiting'`, tx.Scope.Org, which, other, key)
		}); err != nil {
			return fmt.Errorf("batch %s: %w", which, err)
		}
	}
}

type batchStep struct {
	Action   string `db:"action"`
	Standard id.Any `db:"standard_id"`
	Version  int    `db:"version"`
	State    string `db:"state"`
	Asker    bool   `db:"asker"` // who asked still manages the network
	Other    id.Org `db:"other_org"`
}

// step does the next row of a batch and returns whose it is; errOver if there is none.
func step(tx *db.Tx, which id.Any) (id.Org, error) {
	b, err := db.Row[batchStep](tx, `SELECT b.action, b.standard_id, coalesce(b.version, 0) AS version, b.state,
			EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = b.org_id AND m.membership_id = b.asked_by AND m.state = 'active' AND m.roles && '{partner_manager,administrator}') AS asker,
			(SELECT r.other_org FROM network_batch_rows r WHERE r.org_id = b.org_id AND r.batch_id = b.batch_id AND r.state = 'waiting' ORDER BY r.other_org LIMIT 1) AS other_org
		FROM network_batches b WHERE b.org_id = $1 AND b.batch_id = $2 FOR UPDATE OF b`, tx.Scope.Org, which)
	if err != nil {
		return id.Org{}, err
	}
	over := ""
	switch {
	case b.State != "running":
		return id.Org{}, errOver
	case !b.Asker:
		over = "cancelled"
	case b.Other.IsZero():
		over = "done"
	}
	if over != "" {
		return id.Org{}, tx.Must(`UPDATE network_batches SET state = $3, finished_at = $4 WHERE org_id = $1 AND batch_id = $2`, tx.Scope.Org, which, over, tx.Now)
	}
	if err := b.do(tx); err != nil {
		return b.Other, err
	}
	return b.Other, tx.Must(`UPDATE network_batch_rows SET state = 'done' WHERE org_id = $1 AND batch_id = $2 AND other_org = $3 AND state = 'waiting'`, tx.Scope.Org, which, b.Other)
}

func (b batchStep) do(tx *db.Tx) error {
	if b.Action == BatchPropose {
		v, err := db.Row[StandardVersion](tx, `SELECT `+standardVersionColumns+`, '' AS by FROM standard_versions v WHERE v.org_id = $1 AND v.standard_id = $2 AND v.version = $3`, tx.Scope.Org, b.Standard, b.Version)
		if err != nil {
			return err
		}
		return v.offer(tx, b.Other)
	}
	l, err := lock(tx, b.Other)
	if err != nil {
		return err
	}
	if l == nil {
		return errs.New(errs.NotFound, "connection with %s", b.Other)
	}
	switch b.Action {
	case BatchRemind:
		return l.remind(tx)
	case BatchPause:
		return l.pause(tx)
	case BatchResume:
		return l.resume(tx)
	}
	return l.part(tx, false, nil)
}

// remind asks the other side once more to answer what waits for it: once in three days.
func (l *link) remind(tx *db.Tx) error {
	if l.proposed == nil || l.proposed.ProposedBy != tx.Scope.Org {
		return errs.Say(errs.Conflict, "batch.problem.nothing_waits")
	}
	key := fmt.Sprintf("nudge:%s:%d:", l.proposed.Agreement, l.proposed.Version)
	recent, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM notices n WHERE n.org_id = $1 AND n.connection_id = $2 AND n.key LIKE $3 || '%' AND n.at > $4)`, tx.Scope.Org, l.ID, key, tx.Now.Add(-3*oneDay))
	if err != nil {
		return err
	}
	if recent {
		return errs.Say(errs.Conflict, "batch.problem.reminded")
	}
	if _, err := tx.Exec(`INSERT INTO notices (org_id, connection_id, key, at) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, l.ID, key+tx.Now.Format(time.RFC3339Nano), tx.Now); err != nil {
		return err
	}
	return l.note(tx, "agreement.reminded", map[string]any{"version": l.proposed.Version})
}

// RemindOther asks the other side once more to answer what the own side proposed. Conflict if nothing waits for it, or if it was asked
// less than three days ago.
func (s *Service) RemindOther(ctx context.Context, other id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error {
		if l == nil {
			return errs.New(errs.NotFound, "connection with %s", other)
		}
		return l.remind(tx)
	})
}
