package tenants

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// State is the state of a connection.
type State string

// The states of a connection. Declined, withdrawn and ended ones begin anew by asking.
const (
	Asked     State = "asked"
	Active    State = "active"
	Paused    State = "paused"
	Ending    State = "ending" // closed, but those in mid-course may finish until a date; from then on it is read as Ended
	Ended     State = "ended"
	Declined  State = "declined"
	Withdrawn State = "withdrawn"
)

// Move is what one side does with a connection.
type Move string

// The moves. Proposing new terms and signing them keeps an active connection active.
const (
	MoveAsk      Move = "ask"
	MoveSign     Move = "sign"
	MoveCounter  Move = "counter"
	MoveDecline  Move = "decline"
	MoveWithdraw Move = "withdraw"
	MovePause    Move = "pause"
	MoveResume   Move = "resume"
	MoveEnd      Move = "end"
	MoveEndNow   Move = "end_now"
)

// Who may make a move, seen from the version that is proposed, or from who paused.
const (
	byEither   = "either"
	byProposer = "proposer"
	byOther    = "other"
)

// Transition is one line of the table of what may happen to a connection.
type Transition struct {
	From State
	Move Move
	By   string
	To   State
}

// Transitions is the whole table; what it does not list is refused.
func Transitions() []Transition {
	list := []Transition{
		{Asked, MoveSign, byOther, Active},
		{Asked, MoveCounter, byEither, Asked}, // who proposed replaces it
		{Asked, MoveDecline, byOther, Declined},
		{Asked, MoveWithdraw, byProposer, Withdrawn},
		{Active, MoveCounter, byEither, Active}, // proposes a next version
		{Active, MoveSign, byOther, Active},
		{Active, MoveDecline, byOther, Active},
		{Active, MoveWithdraw, byProposer, Active},
		{Active, MovePause, byEither, Paused},
		{Paused, MoveResume, byEither, Active},
	}
	for _, s := range []State{"", Ended, Declined, Withdrawn} {
		list = append(list, Transition{s, MoveAsk, byEither, Asked})
	}
	for _, s := range []State{Active, Paused} {
		list = append(list, Transition{s, MoveEnd, byEither, Ending}, Transition{s, MoveEndNow, byEither, Ended})
	}
	return append(list, Transition{Ending, MoveEndNow, byEither, Ended})
}

// next looks a move up; Conflict, which says that the connection has moved on, for one that is not in the table.
func next(from State, m Move, mine bool) (State, error) {
	for _, t := range Transitions() {
		if t.From != from || t.Move != m {
			continue
		}
		if t.By == byEither || (t.By == byProposer) == mine {
			return t.To, nil
		}
	}
	return "", errs.Say(errs.Conflict, "tenants.connection.moved_on")
}

// link is a connection as it is locked for a move.
type link struct {
	ID       id.Connection `db:"connection_id"`
	A        id.Org        `db:"org_a"`
	B        id.Org        `db:"org_b"`
	State    State         `db:"state"`
	AskedBy  id.Org        `db:"asked_by"`
	Finish   *time.Time    `db:"finish_until"`
	Stored   State         `db:"stored"` // as it was written; State is what it is now
	other    id.Org
	weAreB   bool
	proposed *version // not decided yet
	inForce  *version
}

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

// lock reads the connection of tx's organization with the other and holds it until the end of the transaction, so that of two
// who press at once the second sees what the first did. A nil link means that there never was one.
func lock(tx *db.Tx, other id.Org) (*link, error) {
	l, err := db.Row[link](tx, `SELECT c.connection_id, c.org_a, c.org_b, connection_state(c.state, c.finish_until, $3) AS state, c.state AS stored, c.asked_by, c.finish_until FROM connections c
		WHERE least(c.org_a, c.org_b) = least($1::uuid, $2) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2) FOR UPDATE`, tx.Scope.Org, other, tx.Now)
	if errs.Is(err, errs.NotFound) {
		return nil, nil //nolint:nilnil // None is a state, too.
	}
	if err != nil {
		return nil, err
	}
	l.other, l.weAreB = other, l.B == tx.Scope.Org
	list, err := db.Rows[version](tx, `SELECT `+versionColumns+` FROM agreements a WHERE a.connection_id = $1 AND a.state IN ('proposed', 'active') ORDER BY a.version LIMIT 10`, l.ID)
	for i := range list {
		if list[i].State == "proposed" {
			l.proposed = &list[i]
		} else {
			l.inForce = &list[i]
		}
	}
	return &l, err
}

// tag changes with whatever a move depends on.
func (l *link) tag() string {
	return connectionTag(l.State, l.Finish, l.inForce.edition(), l.proposed.edition())
}

func connectionTag(state State, finish *time.Time, inForce, proposed string) string {
	until := ""
	if finish != nil {
		until = finish.UTC().Format(time.RFC3339Nano)
	}
	return etag.Of(state, until, inForce, proposed)
}

// edition is number and hash of a version, "" of none.
func (r *version) edition() string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%d %x", r.Version, r.Hash)
}

// move checks that who acts may make the move and says where it leads.
func (l *link) move(tx *db.Tx, m Move) (State, error) {
	if l == nil {
		return next("", m, true)
	}
	if l.proposed == nil && slices.Contains([]Move{MoveSign, MoveDecline, MoveWithdraw}, m) {
		return "", errs.Say(errs.Conflict, "tenants.connection.moved_on")
	}
	return next(l.State, m, l.proposed != nil && l.proposed.ProposedBy == tx.Scope.Org)
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

// carryOut brings both sides' grants and rows into the shape of the version.
func (l *link) carryOut(tx *db.Tx, v *version, weCall string) error {
	return l.both(tx, func(org, other id.Org, mine bool) error {
		h := v.Terms.A
		if org == l.B {
			h = v.Terms.B
		}
		if _, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, org, other); err != nil {
			return err
		}
		for _, o := range h.Opens {
			until, err := day(o.Until)
			if err != nil {
				return err
			}
			if end, err := day(v.Terms.Until); err == nil && end != nil && (until == nil || end.Before(*until)) {
				until = end
			}
			var seats *int
			if o.Seats > 0 {
				seats = &o.Seats
			}
			// A collection that was taken back in the meantime stays closed.
			if _, err := tx.Exec(`INSERT INTO grants (org_id, viewer_org, collection_id, agreement_id, use_right, seats, until, created_at)
				SELECT c.org_id, $2, c.collection_id, $4, $5, $6, $7, $8 FROM collections c WHERE c.org_id = $1 AND c.collection_id = $3 AND c.visibility <> 'internal'`,
				org, other, o.Collection, v.Agreement, o.Right, seats, until, tx.Now); err != nil {
				return fmt.Errorf("open %s: %w", o.Collection, err)
			}
		}
		call := ""
		if mine {
			call = weCall
		}
		_, err := tx.Exec(`UPDATE connection_sides SET state = $3, meet = $4, relationship = coalesce(nullif($5, ''), relationship) WHERE org_id = $1 AND other_org = $2`, org, other, l.State, h.Meet, call)
		return err
	})
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

// Pause closes in both directions what the agreement opened, until somebody resumes it. Nobody loses anything they did.
func (s *Service) Pause(ctx context.Context, other id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.pause(tx) })
}

func (l *link) pause(tx *db.Tx) error {
	to, err := l.move(tx, MovePause)
	if err != nil {
		return err
	}
	if err := l.become(tx, to, nil); err != nil {
		return err
	}
	if err := l.close(tx); err != nil {
		return err
	}
	if err := l.disclose(tx); err != nil {
		return err
	}
	return l.note(tx, "connection.paused", nil)
}

// Resume opens again what the agreement in force says.
func (s *Service) Resume(ctx context.Context, other id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.resume(tx) })
}

func (l *link) resume(tx *db.Tx) error {
	to, err := l.move(tx, MoveResume)
	if err != nil {
		return err
	}
	if l.inForce == nil {
		return errs.Say(errs.Conflict, "tenants.connection.moved_on")
	}
	if err := l.become(tx, to, nil); err != nil {
		return err
	}
	if err := l.carryOut(tx, l.inForce, ""); err != nil {
		return err
	}
	if err := l.disclose(tx); err != nil {
		return err
	}
	return l.note(tx, "connection.resumed", nil)
}

// End ends the connection: what it opened closes at once, in both directions, for every read that begins after it returns. Unless
// now, those in mid-course may finish within the days that the agreement grants.
func (s *Service) End(ctx context.Context, other id.Org, now bool) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.onLink(ctx, other, func(tx *db.Tx, l *link) error { return l.part(tx, now, nil) })
}

// part ends the connection as one side wishes; the time to finish reaches no further than the latest, if there is one.
func (l *link) part(tx *db.Tx, now bool, latest *time.Time) error {
	m := MoveEnd
	if now {
		m = MoveEndNow
	}
	to, err := l.move(tx, m)
	if err != nil {
		return err
	}
	var until *time.Time
	if !now && l.inForce != nil && l.inForce.Terms.FinishDays > 0 {
		end := tx.Now.AddDate(0, 0, l.inForce.Terms.FinishDays)
		if latest != nil && latest.Before(end) {
			end = *latest
		}
		until = &end
	}
	if until == nil {
		to = Ended
	}
	if err := l.end(tx, to, until); err != nil {
		return err
	}
	return l.note(tx, "connection.ended", map[string]any{"finish_until": until})
}

// end closes everything; with time to finish, those in mid-course may go on until the day.
func (l *link) end(tx *db.Tx, to State, until *time.Time) error {
	if until != nil && l.inForce != nil {
		// Those who were in mid-course before a pause, or before the day on which the agreement ends by itself, have the time, too: what it
		// opens is open once more inside this transaction, which nobody sees.
		v := *l.inForce
		v.Terms.Until = ""
		if err := l.carryOut(tx, &v, ""); err != nil {
			return err
		}
	}
	if err := l.finish(tx, until); err != nil {
		return err
	}
	if l.proposed != nil {
		if err := l.decide(tx, "withdrawn"); err != nil {
			return err
		}
	}
	if l.inForce != nil {
		if err := tx.Must(`UPDATE agreements SET state = 'ended', decided_at = $3 WHERE agreement_id = $1 AND version = $2 AND state = 'active'`, l.inForce.Agreement, l.inForce.Version, tx.Now); err != nil {
			return err
		}
	}
	if err := l.become(tx, to, until); err != nil {
		return err
	}
	if err := l.close(tx); err != nil {
		return err
	}
	return l.disclose(tx)
}

// finish writes the rows that let those in mid-course go on until the day, before the grants are gone; or removes them. It is for
// what the agreement opens: what is public stays open as long as it is.
func (l *link) finish(tx *db.Tx, until *time.Time) error {
	return l.both(tx, func(org, other id.Org, _ bool) error {
		if until == nil {
			_, err := tx.Exec(`DELETE FROM finishing WHERE org_id = $1 AND item_org = $2`, org, other)
			return err
		}
		_, err := tx.Exec(`INSERT INTO finishing AS f (org_id, membership_id, item_org, item_id, until)
			SELECT DISTINCT e.org_id, e.membership_id, e.item_org, x.item_id, $3::timestamptz FROM enrollments e
				JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version
				CROSS JOIN LATERAL unnest(v.leads_to || v.item_id) AS x(item_id)
				JOIN items i ON i.org_id = e.item_org AND i.item_id = x.item_id
			WHERE e.org_id = $1 AND e.item_org = $2 AND e.state = 'active'
				AND EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
					WHERE ci.org_id = $2 AND ci.item_id = x.item_id AND ci.listed_at IS NOT NULL AND g.viewer_org = $1 AND (g.until IS NULL OR g.until > now()))
			ON CONFLICT (org_id, membership_id, item_org, item_id) DO UPDATE SET until = greatest(f.until, excluded.until)`, org, other, until)
		return err
	})
}

// close takes back what both sides had opened to each other.
func (l *link) close(tx *db.Tx) error {
	return l.both(tx, func(org, other id.Org, _ bool) error {
		_, err := tx.Exec(`DELETE FROM grants WHERE org_id = $1 AND viewer_org = $2`, org, other)
		return err
	})
}

// become sets the state of the connection and of both sides.
func (l *link) become(tx *db.Tx, to State, finish *time.Time) error {
	l.State = to
	if err := tx.Must(`UPDATE connections SET state = $2, finish_until = $3 WHERE connection_id = $1`, l.ID, to, finish); err != nil {
		return err
	}
	return l.both(tx, func(org, other id.Org, _ bool) error {
		_, err := tx.Exec(`UPDATE connection_sides SET state = $3 WHERE org_id = $1 AND other_org = $2`, org, other, to)
		return err
	})
}

// sides writes how the two call each other, until they say otherwise.
func (l *link) sides(tx *db.Tx, weCall, theyCall string, t Terms) error {
	return l.both(tx, func(org, other id.Org, mine bool) error {
		call, meet := theyCall, t.A.Meet
		if mine {
			call = weCall
		}
		if org == l.B {
			meet = t.B.Meet
		}
		if meet == "" {
			meet = MeetByName
		}
		_, err := tx.Exec(`INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state, meet) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (org_id, other_org) DO UPDATE SET relationship = excluded.relationship, state = excluded.state, meet = excluded.meet`, org, other, l.ID, call, l.State, meet)
		return err
	})
}

// both runs fn for the own side and, as the agreement's actor, for the other.
func (l *link) both(tx *db.Tx, fn func(org, other id.Org, mine bool) error) error {
	if err := fn(tx.Scope.Org, l.other, true); err != nil {
		return err
	}
	own := tx.Scope.Org
	return tx.As(scope.Agreement, l.other, func() error { return fn(l.other, own, false) })
}

// note writes the receipt of a move into both sides' logs, under one reference and hash by which they can be held against each
// other, and tells both rooms' listeners.
func (l *link) note(tx *db.Tx, action string, detail map[string]any) error {
	ref := id.New[id.Any]().String()
	hash, err := ledger.Words{Ref: ref, Connection: "connection:" + l.ID.String(), Action: action, By: tx.Scope.Org, With: l.other, At: tx.Now, Detail: detail}.Hash()
	if err != nil {
		return err
	}
	return l.both(tx, func(org, other id.Org, mine bool) error {
		d := map[string]any{"with": other, "by_us": mine, "ref": ref, "hash": hash}
		maps.Copy(d, detail)
		seq, err := auditLine(tx, action, "connection:"+l.ID.String(), d)
		if err != nil {
			return err
		}
		return jobs.Emit(tx, ConnectionChanged{Org: org, Other: other, What: action, Receipt: seq})
	})
}

// ConnectionChanged tells one side that its connection with the other moved. What is the action in its log.
type ConnectionChanged struct {
	Org   id.Org `json:"org"`
	Other id.Org `json:"other"`
	What  string `json:"what"`
	// Receipt is the line of the side's own log that says what happened.
	Receipt int64 `json:"receipt"`
}

// EventKind implements jobs.Event.
func (ConnectionChanged) EventKind() string { return "tenants.connection_changed" }

// EventOrg implements jobs.Event.
func (e ConnectionChanged) EventOrg() id.Org { return e.Org }

// onLink runs fn in a transaction that holds the connection with the other organization.
func (s *Service) onLink(ctx context.Context, other id.Org, fn func(*db.Tx, *link) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if other.IsZero() || other == tx.Scope.Org {
			return errs.New(errs.NotFound, "connection with %s", other)
		}
		o, err := db.Row[Organization](tx, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1`, other)
		if err != nil {
			return err
		}
		l, err := lock(tx, other)
		if err != nil {
			return err
		}
		if o.State != "active" && (l == nil || l.State == Declined || l.State == Withdrawn || l.State == Ended) {
			return errs.New(errs.NotFound, "connection with %s", other)
		}
		if l != nil {
			if err := etag.Check(ctx, l.tag()); err != nil {
				return err
			}
		}
		if err := fn(tx, l); err != nil {
			return fmt.Errorf("connection with %s: %w", other, err)
		}
		return nil
	})
}
