package tenants

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// ConnectionView is a connection as its page shows it to one side.
type ConnectionView struct {
	Now         time.Time
	Other       Organization
	State       State
	WeAsked     bool
	WeAreB      bool   // which half of the terms is ours
	WeCall      string // relationship
	TheyCall    string
	Since       *time.Time
	FinishUntil *time.Time
	InForce     *Version
	Proposed    *Version // waits for a signature; Proposed.Mine says whose
	Changes     []Change // between what is in force, or was proposed before, and what is proposed
	Earlier     []Version
	Finishing   int // people of the own organization who may still finish
	Log         []Receipt
}

// Version is a version of an agreement.
type Version struct {
	Number   int
	State    string // proposed, active, replaced, countered, declined, withdrawn or ended
	Mine     bool   // proposed by the own side
	Terms    Terms
	Hash     [32]byte
	Note     string
	Created  time.Time
	Decided  *time.Time
	SignedUs *time.Time
	SignedBy *time.Time // the other side
}

// Receipt is a line of the own log about the connection.
type Receipt struct {
	At     time.Time `db:"at"`
	Action string    `db:"action"`
	ByUs   bool      `db:"by_us"`
	Name   string    `db:"name"` // of the member of the own organization who did it
}

// Ours and Theirs are the halves of the terms as this side sees them.
func (v ConnectionView) Ours(t Terms) Half {
	if v.WeAreB {
		return t.B
	}
	return t.A
}

// Theirs is what the other side gives.
func (v ConnectionView) Theirs(t Terms) Half {
	if v.WeAreB {
		return t.A
	}
	return t.B
}

type connectionRow struct {
	link

	Since    *time.Time `db:"since"`
	WeCall   string     `db:"we_call"`
	TheyCall string     `db:"they_call"`
}

// Connection returns the connection of the own organization with another, with its versions and receipts; NotFound if there never
// was one. Whoever manages the network may see it.
func (s *Service) Connection(ctx context.Context, other id.Org) (ConnectionView, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return ConnectionView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return ConnectionView{}, err
	}
	var c connectionRow
	var found bool
	var versions []version
	v := ConnectionView{}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &c, &found, `SELECT c.connection_id, c.org_a, c.org_b, c.state, c.asked_by, c.finish_until, c.since, coalesce(o.relationship, '') AS we_call, coalesce(t.relationship, '') AS they_call
			FROM connections c LEFT JOIN connection_sides o ON o.org_id = $1 AND o.other_org = $2 LEFT JOIN connection_sides t ON t.org_id = $2 AND t.other_org = $1
			WHERE least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid)`, sc.Org, other)
		db.List(b, &versions, `SELECT `+versionColumns+` FROM connections c JOIN agreements a ON a.connection_id = c.connection_id
			WHERE least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid) ORDER BY a.created_at DESC, a.version DESC LIMIT 50`, sc.Org, other)
		db.List(b, &v.Log, `SELECT a.at, a.action, coalesce((a.detail->>'by_us')::boolean, false) AS by_us, coalesce(m.name, '') AS name FROM connections c
			JOIN audit a ON a.org_id = $1 AND a.object = 'connection:' || c.connection_id LEFT JOIN memberships m ON m.org_id = a.org_id AND m.membership_id = a.membership_id
			WHERE least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid) ORDER BY a.seq DESC LIMIT 50`, sc.Org, other)
		db.One(b, &v.Finishing, nil, `SELECT count(DISTINCT f.membership_id)::int FROM finishing f WHERE f.org_id = $1 AND f.item_org = $2 AND f.until > now()`, sc.Org, other)
	}); err != nil {
		return ConnectionView{}, err
	}
	if !found {
		return ConnectionView{}, errs.New(errs.NotFound, "connection with %s", other)
	}
	if v.Other, err = s.ByID(ctx, other); err != nil {
		return ConnectionView{}, err
	}
	v.State, v.WeAsked, v.WeAreB, v.WeCall, v.TheyCall = c.State, c.AskedBy == sc.Org, c.B == sc.Org, c.WeCall, c.TheyCall
	v.Since, v.FinishUntil = c.Since, c.Finish
	for _, r := range versions {
		one := r.seen(sc.Org, v.WeAreB)
		switch r.State {
		case "proposed":
			v.Proposed = &one
		case "active":
			v.InForce = &one
		default:
			v.Earlier = append(v.Earlier, one)
		}
	}
	v.Changes = v.changes()
	return v, nil
}

// changes compares what is proposed with what is in force; before the first signature, with what was proposed before it.
func (v ConnectionView) changes() []Change {
	switch {
	case v.Proposed == nil:
		return nil
	case v.InForce != nil:
		return Diff(v.InForce.Terms, v.Proposed.Terms)
	case len(v.Earlier) > 0 && v.Earlier[0].State == "countered":
		return Diff(v.Earlier[0].Terms, v.Proposed.Terms)
	}
	return nil
}

func (r version) seen(own id.Org, weAreB bool) Version {
	v := Version{
		Number: r.Version, State: r.State, Mine: r.ProposedBy == own, Terms: r.Terms, Note: r.Note, Created: r.Created, Decided: r.Decided,
		SignedUs: r.SignedA, SignedBy: r.SignedB,
	}
	copy(v.Hash[:], r.Hash)
	if weAreB {
		v.SignedUs, v.SignedBy = v.SignedBy, v.SignedUs
	}
	return v
}
