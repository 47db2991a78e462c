package tenants

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

type version struct {
	Agreement  id.Agreement `db:"agreement_id"`
	Version    int          `db:"version"`
	State      string       `db:"state"` // proposed, active, replaced, countered, declined, withdrawn or ended
	ProposedBy id.Org       `db:"proposed_by"`
	Terms      Terms        `db:"terms"`
	Hash       []byte       `db:"terms_hash"`
	Note       string       `db:"note"`
	Created    time.Time    `db:"created_at"`
	Decided    *time.Time   `db:"decided_at"`
	SignedA    *time.Time   `db:"accepted_a_at"`
	SignedB    *time.Time   `db:"accepted_b_at"`
}

const versionColumns = `a.agreement_id, a.version, a.state, a.proposed_by, a.terms, a.terms_hash, a.note, a.created_at, a.decided_at, a.accepted_a_at, a.accepted_b_at`

// edition is number and hash of a version, "" of none.
func (r *version) edition() string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%d %x", r.Version, r.Hash)
}

// Proposal is what one side offers: the halves as it sees them, ours and theirs.
type Proposal struct {
	Ours, Theirs Half
	FinishDays   int
	Until        string
	Note         string // to the other side, at most 2,000 letters
	WeCall       string // relationship: what we call them; with asking only
	TheyCall     string // and what we are to them, until they say otherwise
}

func (p Proposal) terms(weAreB bool) Terms {
	t := Terms{A: p.Ours, B: p.Theirs, FinishDays: p.FinishDays, Until: p.Until}
	if weAreB {
		t.A, t.B = t.B, t.A
	}
	return t
}

// Ask asks another organization for a connection on the terms. Conflict if there is one, or if it was asked for already;
// NotFound for an organization that is not there; Invalid for terms that open what is not one's own to open.
func (s *Service) Ask(ctx context.Context, other id.Org, p Proposal) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return ask(tx, l, other, p) })
}

// Relationships are what one organization can be for another.
func Relationships() []string { return []string{"vendor", "partner", "customer", "peer"} }

// relates refuses words for a relationship that there are not; "" says nothing.
func relates(words ...string) error {
	for _, w := range words {
		if w != "" && !slices.Contains(Relationships(), w) {
			return errs.Fields(errs.Field{Name: "we_call", Key: "tenants.terms.choose"})
		}
	}
	return nil
}

// CheckOffer says whether the proposal is one that tx's organization can make: Invalid, with the field, if not.
func CheckOffer(tx *db.Tx, p Proposal) error {
	t, _, _, err := p.terms(false).Canonical()
	if err != nil {
		return err
	}
	_, err = mayOpen(tx, t.A.Opens)
	return err
}

// AskFor is Ask inside a transaction, in the scope of the organization that asks: for an invitation that was accepted.
func AskFor(tx *db.Tx, other id.Org, p Proposal) error {
	l, err := lock(tx, other)
	if err != nil {
		return err
	}
	if l != nil && l.State == Asked && l.AskedBy == tx.Scope.Org {
		return nil // It waits already.
	}
	return ask(tx, l, other, p)
}

// SignFor signs what the other organization proposed to tx's, for whoever just accepted it as offered.
func SignFor(tx *db.Tx, other id.Org) error {
	l, err := lock(tx, other)
	if err != nil {
		return err
	}
	if l == nil || l.proposed == nil {
		return errs.Say(errs.Conflict, "tenants.connection.moved_on")
	}
	return l.sign(tx, l.proposed.Version, [32]byte(l.proposed.Hash), "")
}

func ask(tx *db.Tx, l *link, other id.Org, p Proposal) error {
	if err := relates(p.WeCall, p.TheyCall); err != nil {
		return err
	}
	to, err := l.move(tx, MoveAsk)
	if err != nil {
		return err
	}
	if l == nil {
		l = &link{ID: id.New[id.Connection](), A: tx.Scope.Org, B: other, other: other}
		if _, err := tx.Exec(`INSERT INTO connections (connection_id, org_a, org_b, state, asked_by, created_at) VALUES ($1, $2, $3, $4, $2, $5)`, l.ID, l.A, l.B, to, tx.Now); err != nil {
			return err
		}
	} else if _, err := tx.Exec(`UPDATE connections SET state = $2, asked_by = $3, since = NULL, finish_until = NULL WHERE connection_id = $1`, l.ID, to, tx.Scope.Org); err != nil {
		return err
	}
	l.State = to
	if err := l.sides(tx, p.WeCall, p.TheyCall, p.terms(l.weAreB)); err != nil {
		return err
	}
	return l.propose(tx, p)
}

// Counter proposes other terms: an answer to what the other side proposed, the next version of an agreement in force, or a change of the
// own proposal that waits. The version that waited before is countered, or replaced if it was the own; it cannot be signed any more.
func (s *Service) Counter(ctx context.Context, other id.Org, p Proposal) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error {
		if l == nil {
			return errs.New(errs.NotFound, "connection with %s", other)
		}
		if _, err := l.move(tx, MoveCounter); err != nil {
			return err
		}
		if err := l.supersede(tx); err != nil {
			return err
		}
		return l.propose(tx, p)
	})
}

// supersede decides what is proposed before something else is.
func (l *link) supersede(tx *db.Tx) error {
	switch {
	case l.proposed == nil:
		return nil
	case l.proposed.ProposedBy == tx.Scope.Org:
		return l.decide(tx, "replaced")
	}
	return l.decide(tx, "countered")
}

// propose writes the next version, signed by who acts.
func (l *link) propose(tx *db.Tx, p Proposal) error {
	if end, err := day(p.Until); err == nil && end != nil && end.Before(tx.Now) {
		return errs.Fields(errs.Field{Name: "until", Key: "tenants.terms.until_past"})
	}
	if len([]rune(p.Note)) > 2000 {
		return errs.Fields(errs.Field{Name: "note", Key: "tenants.terms.note_long"})
	}
	// What is signed calls a collection as its owner does.
	titles, err := mayOpen(tx, p.Ours.Opens)
	if err != nil {
		return err
	}
	p.Ours.Opens = slices.Clone(p.Ours.Opens)
	for i, o := range p.Ours.Opens {
		p.Ours.Opens[i].Title = cmp.Or(o.Title, titles[o.Collection])
	}
	_, canonical, hash, err := p.terms(l.weAreB).Canonical()
	if err != nil {
		return err
	}
	if same := l.proposed; l.inForce != nil && bytes.Equal(l.inForce.Hash, hash[:]) ||
		same != nil && same.ProposedBy == tx.Scope.Org && bytes.Equal(same.Hash, hash[:]) && same.Note == p.Note {
		return errs.Say(errs.Invalid, "tenants.terms.nothing_changed")
	}
	last, err := db.Rows[version](tx, `SELECT `+versionColumns+` FROM agreements a WHERE a.connection_id = $1 ORDER BY a.created_at DESC, a.version DESC LIMIT 1`, l.ID)
	if err != nil {
		return err
	}
	v := version{Agreement: id.New[id.Agreement](), Version: 1}
	if len(last) > 0 {
		v.Agreement, v.Version = last[0].Agreement, last[0].Version+1
	}
	if _, err := tx.Exec(`INSERT INTO agreements (agreement_id, version, connection_id, org_a, org_b, state, title, terms, terms_hash, proposed_by, note, accepted_a_at, accepted_b_at, created_at)
		VALUES ($1, $2, $3, $4, $5, 'proposed', '', $6, $7, $8, $9, CASE WHEN $8 = $4::uuid THEN $10::timestamptz END, CASE WHEN $8 = $5::uuid THEN $10::timestamptz END, $10)`,
		v.Agreement, v.Version, l.ID, l.A, l.B, json.RawMessage(canonical), hash[:], tx.Scope.Org, p.Note, tx.Now); err != nil {
		return fmt.Errorf("propose version %d: %w", v.Version, err)
	}
	return l.note(tx, "agreement.proposed", map[string]any{"version": v.Version, "terms": hex.EncodeToString(hash[:])})
}

// mayOpen refuses what is not a collection of tx's organization that may be opened, and says what each is called.
func mayOpen(tx *db.Tx, opens []Opening) (titles map[id.Collection]string, err error) {
	if len(opens) == 0 {
		return nil, nil
	}
	ids := make([]id.Collection, len(opens))
	for i, o := range opens {
		ids[i] = o.Collection
	}
	list, err := db.Rows[Collection](tx, `SELECT c.org_id, c.collection_id, c.slug, c.title, c.description, c.visibility FROM collections c
		WHERE c.org_id = $1 AND c.collection_id = ANY($2) AND c.visibility <> 'internal' ORDER BY c.collection_id LIMIT 500`, tx.Scope.Org, ids)
	if err == nil && len(list) != len(ids) {
		err = errs.Fields(errs.Field{Name: "opens", Key: "tenants.terms.opens"})
	}
	titles = map[id.Collection]string{}
	for _, c := range list {
		titles[c.CollectionID] = c.Title
	}
	return titles, err
}

// Sign accepts the version that the other side proposed, if it is still the one that was read: Conflict, with the newer one to be
// shown, if it was countered, withdrawn or changed. From then on both halves hold.
func (s *Service) Sign(ctx context.Context, other id.Org, number int, hash [32]byte, weCall string) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.sign(tx, number, hash, weCall) })
}

func (l *link) sign(tx *db.Tx, number int, hash [32]byte, weCall string) error {
	if err := relates(weCall); err != nil {
		return err
	}
	to, err := l.move(tx, MoveSign)
	if err != nil {
		return err
	}
	if l.proposed.Version != number || !bytes.Equal(l.proposed.Hash, hash[:]) {
		return errs.Say(errs.Conflict, "tenants.agreement.changed")
	}
	ours := l.proposed.Terms.A
	column := "accepted_a_at"
	if l.weAreB {
		ours, column = l.proposed.Terms.B, "accepted_b_at"
	}
	if _, err := mayOpen(tx, ours.Opens); err != nil {
		return err
	}
	if l.inForce != nil {
		if err := tx.Must(`UPDATE agreements SET state = 'replaced', decided_at = $3 WHERE agreement_id = $1 AND version = $2 AND state = 'active'`, l.inForce.Agreement, l.inForce.Version, tx.Now); err != nil {
			return err
		}
	}
	if err := tx.Must(`UPDATE agreements SET `+column+` = $3, state = 'active', decided_at = $3 WHERE agreement_id = $1 AND version = $2 AND state = 'proposed'`, l.proposed.Agreement, number, tx.Now); err != nil {
		return err
	}
	if err := tx.Must(`UPDATE connections SET state = $2, since = coalesce(since, $3) WHERE connection_id = $1`, l.ID, to, tx.Now); err != nil {
		return err
	}
	l.State = to
	if err := l.carryOut(tx, l.proposed, weCall); err != nil {
		return err
	}
	if err := l.disclose(tx); err != nil {
		return err
	}
	return l.note(tx, "agreement.signed", map[string]any{"version": number, "terms": hex.EncodeToString(hash[:])})
}

// Decline refuses what the other side proposed; an agreement in force stays.
func (s *Service) Decline(ctx context.Context, other id.Org, number int) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.settle(ctx, other, number, MoveDecline, "declined")
}

// Withdraw takes back what the own side proposed; an agreement in force stays.
func (s *Service) Withdraw(ctx context.Context, other id.Org, number int) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.settle(ctx, other, number, MoveWithdraw, "withdrawn")
}

func (s *Service) settle(ctx context.Context, other id.Org, number int, m Move, state string) error {
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error {
		to, err := l.move(tx, m)
		if err != nil {
			return err
		}
		if l.proposed.Version != number {
			return errs.Say(errs.Conflict, "tenants.agreement.changed")
		}
		if err := l.decide(tx, state); err != nil {
			return err
		}
		if err := l.become(tx, to, nil); err != nil {
			return err
		}
		return l.note(tx, "agreement."+state, map[string]any{"version": number})
	})
}

func (l *link) decide(tx *db.Tx, state string) error {
	return tx.Must(`UPDATE agreements SET state = $3, decided_at = $4 WHERE agreement_id = $1 AND version = $2 AND state = 'proposed'`, l.proposed.Agreement, l.proposed.Version, state, tx.Now)
}
