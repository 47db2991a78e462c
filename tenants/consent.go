package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// What a member may agree to, each with all that stands before it.
const (
	ConsentCertificate = "certificate" // the name, and what of the other organization's the member finished
	ConsentProgress    = "progress"    // and how far the member is in the rest
)

// The answers. A later one replaces an earlier one; nothing is ever changed or forgotten.
const (
	ConsentGiven     = "given"
	ConsentDeclined  = "declined"
	ConsentWithdrawn = "withdrawn"
)

// Asks is what a level of the terms asks of each member: one of ConsentCertificate and ConsentProgress; "" for a level without names.
func Asks(learns string) string {
	switch learns {
	case LearnsCertified:
		return ConsentCertificate
	case LearnsNamed:
		return ConsentProgress
	}
	return ""
}

// Sharing is what goes about the acting member to one organization.
type Sharing struct {
	Other   Organization
	State   State      // of the connection: active or paused
	Learns  string     // what the agreement in force says that it learns about the own organization's people
	Version int        // of that agreement
	Until   *time.Time // when the agreement ends by itself
	Now     string     // what the member agreed to and what holds: ConsentProgress, ConsentCertificate or ""
	Last    *Consent   // the member's last answer
}

// Open reports whether the member is asked: the agreement asks for a name and the member has not said what it asks for now.
func (s Sharing) Open() bool {
	asks := Asks(s.Learns)
	if s.State != Active || asks == "" || s.Now == asks || s.Now == ConsentProgress {
		return false
	}
	// A no to this much is a no; a no to less, or a yes that has run out, is asked again.
	return s.Last == nil || s.Last.Decision == ConsentGiven || s.Last.Purpose != asks && s.Last.Purpose != ConsentProgress
}

// Consent is one answer.
type Consent struct {
	ConsentID id.Any     `db:"consent_id"`
	Version   int        `db:"version"`
	Purpose   string     `db:"purpose"`
	Decision  string     `db:"decision"`
	Until     *time.Time `db:"until"` // of a yes; nil as long as the agreement holds
	At        time.Time  `db:"at"`
}

type sharingRow struct {
	Organization

	Side     State      `db:"side"`
	Learns   string     `db:"learns"`
	Version  int        `db:"version"`
	Until    *time.Time `db:"ends"`
	Now      string     `db:"consented"`
	Consent  *id.Any    `db:"consent_id"`
	Said     *int       `db:"said"`
	Purpose  *string    `db:"purpose"`
	Decision *string    `db:"decision"`
	SaidEnd  *time.Time `db:"said_until"`
	At       *time.Time `db:"at"`
}

// sharingSQL is what goes about a member ($2 of $1) to each organization whose connection is not over.
const sharingSQL = `SELECT ` + OrgColumns + `, s.state AS side, a.version, t.learns, (nullif(a.terms->>'until', '')::date + 1)::timestamp AT TIME ZONE 'UTC' AS ends,
		CASE WHEN t.learns IN ('certified', 'named') THEN consented(s.org_id, $2, s.other_org) ELSE '' END AS consented,
		c.consent_id, c.version AS said, c.purpose, c.decision, c.until AS said_until, c.at
	FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org JOIN agreements a ON a.connection_id = s.connection_id AND a.state = 'active'
	CROSS JOIN LATERAL (SELECT coalesce(a.terms->CASE WHEN a.org_a = s.org_id THEN 'a' ELSE 'b' END->>'learns', 'nothing') AS learns) t
	LEFT JOIN LATERAL (SELECT c.* FROM consents c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.other_org = s.other_org ORDER BY c.at DESC, c.consent_id DESC LIMIT 1) c ON true
	WHERE s.org_id = $1 AND s.state IN ('active', 'paused')`

func (r sharingRow) sharing() Sharing {
	s := Sharing{Other: r.Organization, State: r.Side, Learns: r.Learns, Version: r.Version, Until: r.Until, Now: r.Now}
	if r.Consent != nil {
		s.Last = &Consent{ConsentID: *r.Consent, Version: *r.Said, Purpose: *r.Purpose, Decision: *r.Decision, Until: r.SaidEnd, At: *r.At}
	}
	return s
}

// SharingPage is a page of what goes about the acting member to whom.
type SharingPage struct {
	Rows []Sharing
	More bool
}

// sharingSize is how many organizations stand on a page.
const sharingSize = 20

// SharedWith lists what goes about the acting member to each connected organization, those that ask for names first, by name. Page
// counts from 0.
func (s *Service) SharedWith(ctx context.Context, page int) (SharingPage, error) {
	if err := authz.Check(ctx, authz.Consent, id.Org{}); err != nil {
		return SharingPage{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SharingPage{}, err
	}
	var rows []sharingRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, sharingSQL+` ORDER BY t.learns NOT IN ('certified', 'named'), lower(o.name), o.org_id LIMIT $3 OFFSET $4`, sc.Org, sc.Membership, sharingSize+1, page*sharingSize)
	}); err != nil {
		return SharingPage{}, fmt.Errorf("what goes about %s: %w", sc.Membership, err)
	}
	out := SharingPage{More: len(rows) > sharingSize}
	for _, r := range rows[:min(len(rows), sharingSize)] {
		out.Rows = append(out.Rows, r.sharing())
	}
	return out, nil
}

// SharingDetail is what goes about the acting member to one organization, with every answer that the member ever gave it, the last one first.
type SharingDetail struct {
	Sharing

	InForce bool // there is an agreement; otherwise only the answers are left
	History []Consent
	More    bool
}

// historySize is how many answers stand on a page.
const historySize = 20

// SharedWithOne returns what goes about the acting member to one organization; NotFound if there is nothing and never was. The answers are
// those before the one named, or the last ones.
func (s *Service) SharedWithOne(ctx context.Context, other id.Org, before id.Any) (SharingDetail, error) {
	if err := authz.Check(ctx, authz.Consent, id.Org{}); err != nil {
		return SharingDetail{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SharingDetail{}, err
	}
	var row sharingRow
	var d SharingDetail
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &row, &d.InForce, sharingSQL+` AND s.other_org = $3`, sc.Org, sc.Membership, other)
		db.List(b, &d.History, `SELECT c.consent_id, c.version, c.purpose, c.decision, c.until, c.at FROM consents c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.other_org = $3
			AND ($4::uuid IS NULL OR (c.at, c.consent_id) < (SELECT p.at, p.consent_id FROM consents p WHERE p.org_id = $1 AND p.membership_id = $2 AND p.consent_id = $4))
			ORDER BY c.at DESC, c.consent_id DESC LIMIT $5`, sc.Org, sc.Membership, other, before, historySize+1)
	}); err != nil {
		return SharingDetail{}, fmt.Errorf("what goes about %s to %s: %w", sc.Membership, other, err)
	}
	if !d.InForce && len(d.History) == 0 {
		return SharingDetail{}, errs.New(errs.NotFound, "nothing goes about %s to %s", sc.Membership, other)
	}
	if len(d.History) > historySize {
		d.History, d.More = d.History[:historySize], true
	}
	if d.InForce {
		d.Sharing = row.sharing()
	} else if d.Other, err = s.ByID(ctx, other); err != nil {
		return SharingDetail{}, err
	}
	return d, nil
}

// Asking is what the owner of an item asks the acting member, as a batch reads it.
type Asking struct {
	row   sharingRow
	found bool
}

// Read queues the question of the owner of an item to a member; there is none of the own organization's.
func (a *Asking) Read(b *db.Batch, sc scope.Scope, item id.Item) {
	db.One(b, &a.row, &a.found, sharingSQL+` AND s.other_org = (SELECT i.org_id FROM items i WHERE i.item_id = $3)`, sc.Org, sc.Membership, item)
}

// Question is what was read, if it waits for an answer; nil otherwise.
func (a *Asking) Question() *Sharing {
	if !a.found {
		return nil
	}
	if s := a.row.sharing(); s.Open() {
		return &s
	}
	return nil
}

// Answer keeps what the acting member says to being known by name to another organization. A yes or no is to the version of the
// agreement that the member read: Conflict if another one is in force now. Withdrawing is always possible. Whatever is said holds for
// the other organization's next read: its rows change in the same transaction. No answer
// opens or closes anything to learn. It is written into no log of the organization: the answers themselves are one, and whom the
// member turned down is nobody's business.
func (s *Service) Answer(ctx context.Context, other id.Org, version int, decision string) error {
	if err := authz.Check(ctx, authz.Consent, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		row, err := db.Row[sharingRow](tx, sharingSQL+` AND s.other_org = $3`, tx.Scope.Org, tx.Scope.Membership, other)
		if errs.Is(err, errs.NotFound) && decision == ConsentWithdrawn {
			return s.withdraw(tx, other)
		}
		if err != nil {
			return err
		}
		v := row.sharing()
		switch decision {
		case ConsentWithdrawn:
			return s.withdraw(tx, other)
		case ConsentGiven, ConsentDeclined:
		default:
			return errs.New(errs.Malformed, "answer %q", decision)
		}
		if v.State != Active || Asks(v.Learns) == "" || v.Version != version {
			return errs.Say(errs.Conflict, "consent.changed")
		}
		if err := tx.Must(`INSERT INTO consents (org_id, membership_id, consent_id, other_org, agreement_id, version, purpose, decision, until, at)
			SELECT $1, $2, $3, $4, a.agreement_id, a.version, $6, $7, CASE WHEN $7 = 'given' THEN (nullif(a.terms->>'until', '')::date + 1)::timestamp AT TIME ZONE 'UTC' END, $8
			FROM connection_sides s JOIN agreements a ON a.connection_id = s.connection_id AND a.state = 'active' AND a.version = $5 WHERE s.org_id = $1 AND s.other_org = $4`,
			tx.Scope.Org, tx.Scope.Membership, id.New[id.Any](), other, version, Asks(v.Learns), decision, tx.Now); err != nil {
			return err
		}
		return disclose(tx, tx.Scope.Org, other, &tx.Scope.Membership)
	})
}

// withdraw takes back the last yes; NotFound if there is none to take back.
func (s *Service) withdraw(tx *db.Tx, other id.Org) error {
	if err := tx.Must(`INSERT INTO consents (org_id, membership_id, consent_id, other_org, agreement_id, version, purpose, decision, at)
		SELECT c.org_id, c.membership_id, $3, c.other_org, c.agreement_id, c.version, c.purpose, 'withdrawn', $5
		FROM (SELECT * FROM consents WHERE org_id = $1 AND membership_id = $2 AND other_org = $4 ORDER BY at DESC, consent_id DESC LIMIT 1) c WHERE c.decision = 'given'`,
		tx.Scope.Org, tx.Scope.Membership, id.New[id.Any](), other, tx.Now); err != nil {
		return err
	}
	return disclose(tx, tx.Scope.Org, other, &tx.Scope.Membership)
}
