package tenants

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Neighbour is an organization that the viewer's own is connected to, now.
type Neighbour struct {
	OrgID        id.Org     `db:"org_id"`
	Slug         string     `db:"slug"`
	Name         string     `db:"name"`
	Short        string     `db:"short"`
	Hue          int        `db:"hue"`
	Chroma       float64    `db:"chroma"`
	Relationship string     `db:"relationship"` // what the viewer's organization calls it: vendor, partner, customer, peer
	Meet         string     `db:"meet"`         // how its people show themselves to the viewer's: name, company, none
	Since        *time.Time `db:"since"`
}

// Neighbours queues the organizations that the viewer's is actively connected to, by name; none that rests.
func Neighbours(b *db.Batch, dest *[]Neighbour, viewer scope.Scope) {
	db.List(b, dest, `SELECT o.org_id, o.slug, o.name, o.short, o.hue, o.chroma, s.relationship, t.meet, c.since
		FROM connection_sides s JOIN connection_sides t ON t.org_id = s.other_org AND t.other_org = s.org_id
		JOIN connections c ON c.connection_id = s.connection_id JOIN organizations o ON o.org_id = s.other_org
		WHERE s.org_id = $1 AND s.state = 'active' AND o.state = 'active' ORDER BY o.name, o.org_id LIMIT 1000`, viewer.Org)
}

// Side is one side's part of a connection.
type Side struct {
	Org          id.Org
	Relationship string // what this side calls the other
	Meet         string // how this side's people show themselves to the other: name, company, none
}

// Connection is what it takes to record that two organizations are connected on terms.
type Connection struct {
	A, B  Side
	State string // asked, active, paused, declined or ended
	Since time.Time
	Title string // of the agreement
	Terms any    // canonical terms; "" or nil records no agreement
}

// Connect records a connection with its first agreement version, in the scope of side A; both sides' consent is the caller's
// to have. It returns the agreement's identifier for grants.
func Connect(tx *db.Tx, c Connection) (id.Agreement, error) {
	var since *time.Time
	if !c.Since.IsZero() {
		since = &c.Since
	}
	// Two organizations have one connection; one that ended or was declined begins anew.
	conn, err := db.Row[id.Connection](tx, `INSERT INTO connections AS c (connection_id, org_a, org_b, state, asked_by, since, created_at) VALUES ($1, $2, $3, $4, $2, $5, $6)
		ON CONFLICT (least(org_a, org_b), greatest(org_a, org_b)) DO UPDATE SET state = excluded.state, asked_by = excluded.asked_by, since = excluded.since
		WHERE c.state IN ('ended', 'declined') RETURNING c.connection_id`, id.New[id.Connection](), c.A.Org, c.B.Org, c.State, since, tx.Now)
	if errs.Is(err, errs.NotFound) {
		return id.Agreement{}, errs.New(errs.Conflict, "%s and %s are connected", c.A.Org, c.B.Org)
	}
	if err != nil {
		return id.Agreement{}, fmt.Errorf("connect %s and %s: %w", c.A.Org, c.B.Org, err)
	}
	if _, err := tx.Exec(`INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state, meet) VALUES ($1, $2, $3, $4, $5, $6), ($2, $1, $3, $7, $5, $8)
		ON CONFLICT (org_id, other_org) DO UPDATE SET relationship = excluded.relationship, state = excluded.state, meet = excluded.meet, connection_id = excluded.connection_id`,
		c.A.Org, c.B.Org, conn, c.A.Relationship, c.State, c.A.Meet, c.B.Relationship, c.B.Meet); err != nil {
		return id.Agreement{}, fmt.Errorf("connect %s and %s: %w", c.A.Org, c.B.Org, err)
	}
	if c.Terms == nil {
		return id.Agreement{}, nil
	}
	terms, err := json.Marshal(c.Terms)
	if err != nil {
		return id.Agreement{}, fmt.Errorf("terms: %w", err)
	}
	hash := sha256.Sum256(terms)
	ag := id.New[id.Agreement]()
	state := "proposed"
	if c.State == "active" {
		state = "active"
	}
	if _, err := tx.Exec(`INSERT INTO agreements (agreement_id, version, connection_id, org_a, org_b, state, title, terms, terms_hash, accepted_a_at, accepted_b_at, created_at, proposed_by)
		VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $3)`, ag, conn, c.A.Org, c.B.Org, state, c.Title, terms, hash[:], since, tx.Now); err != nil {
		return id.Agreement{}, fmt.Errorf("agreement: %w", err)
	}
	made := func(with id.Org) error {
		return Audit(tx, "connection.made", "connection:"+conn.String(), map[string]string{"with": with.String(), "state": c.State})
	}
	if err := made(c.B.Org); err != nil {
		return id.Agreement{}, err
	}
	return ag, tx.As(scope.Agreement, c.B.Org, func() error { return made(c.A.Org) })
}
