package tenants

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Closing is what closing the own organization does, as far as it may be known: the people of others are theirs to count.
type Closing struct {
	Organization Organization `db:"-"`
	People       int          `db:"people"`   // who can sign in
	Learning     int          `db:"learning"` // of these, in the middle of something of another organization
	Items        int          `db:"items"`    // published
	Public       int          `db:"public"`   // of these, open to everybody
	Stories      int          `db:"stories"`  // of these, stories
	Erased       time.Time    `db:"-"`        // when everything would be gone, or will be
	Others       []Parting    `db:"-"`        // by name, at most partingsShown
	Connections  int          `db:"connections"`
}

// Parting is a connection that ends.
type Parting struct {
	Org    id.Org     `db:"org_id"`
	Name   string     `db:"name"`
	State  State      `db:"state"`
	Days   int        `db:"days"` // to finish, that the agreement grants
	Ends   *time.Time `db:"finish_until"`
	Finish time.Time  `db:"-"` // until when its people may finish what they began here; zero: not at all
}

// partingsShown is how many connections the preview names.
const partingsShown = 100

const partings = `SELECT o.org_id, o.name, s.state, coalesce((a.terms->>'finish_days')::int, 0) AS days, c.finish_until FROM connection_sides s
	JOIN connections c ON c.connection_id = s.connection_id JOIN organizations o ON o.org_id = s.other_org
	LEFT JOIN agreements a ON a.connection_id = s.connection_id AND a.state = 'active'
	WHERE s.org_id = $1 AND (s.state IN ('asked', 'active', 'paused') OR s.state = 'ending' AND c.finish_until > $2) ORDER BY o.name, o.org_id LIMIT $3`

// House returns how the own organization stands, and what closing it would do; for its administrators, also while it is closed.
func (s *Service) House(ctx context.Context) (Closing, error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Closing{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Closing{}, err
	}
	var v Closing
	var o Organization
	var others []Parting
	var now time.Time
	if err := s.db.Read(ctx, func(b *db.Batch) {
		now = b.Now
		db.One(b, &o, nil, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1`, sc.Org)
		db.One(b, &v, nil, `SELECT (SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.state = 'active') AS people,
			(SELECT count(DISTINCT e.membership_id)::int FROM enrollments e WHERE e.org_id = $1 AND e.item_org <> $1 AND e.state = 'active') AS learning,
			count(*)::int AS items, count(*) FILTER (WHERE p.public)::int AS public, count(*) FILTER (WHERE p.public AND i.kind = 'story')::int AS stories,
			(SELECT count(*)::int FROM connection_sides s JOIN connections c ON c.connection_id = s.connection_id
				WHERE s.org_id = $1 AND (s.state IN ('asked', 'active', 'paused') OR s.state = 'ending' AND c.finish_until > $2)) AS connections
			FROM items i CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id AND g.viewer_org = everyone()
				WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND (g.until IS NULL OR g.until > $2)) AS public) p
			WHERE i.org_id = $1 AND i.state = 'published'`, sc.Org, b.Now)
		db.List(b, &others, partings, sc.Org, b.Now, partingsShown)
	}); err != nil {
		return Closing{}, err
	}
	v.Organization, v.Others, v.Erased = o, others, now.Add(Hold)
	if o.State == OrgClosed && o.StateAt != nil {
		v.Erased = o.StateAt.Add(Hold)
	}
	for i := range v.Others {
		v.Others[i].until(v.Erased)
	}
	return v, nil
}

// until works out the day from the agreement, no further than the latest.
func (p *Parting) until(latest time.Time) {
	switch {
	case p.State == Ending && p.Ends != nil:
		p.Finish = *p.Ends
	case p.State != Asked && p.Days > 0:
		p.Finish = latest.Add(-Hold).AddDate(0, 0, p.Days)
	default:
		return
	}
	if latest.Before(p.Finish) {
		p.Finish = latest
	}
}

// Close closes the acting administrator's organization, whose name must be given. Its connections end, with the time to finish of
// their agreements but no longer than Hold; what is proposed is withdrawn or declined; nobody but administrators gets in; after Hold
// everything is erased. Invalid for another name, Conflict unless it is active.
func (s *Service) Close(ctx context.Context, name string) error {
	if err := authz.Check(ctx, authz.CloseOrg, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	var o Organization
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		o, err = closeHouse(tx, name, map[string]any{})
		return err
	}); err != nil {
		return err
	}
	s.Changed(o)
	return nil
}

// closeHouse closes tx's organization, whose name must be given, with what its line in the log says beside what happens.
func closeHouse(tx *db.Tx, name string, detail map[string]any) (Organization, error) {
	own, err := db.Row[Organization](tx, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1 FOR UPDATE`, tx.Scope.Org)
	if err != nil {
		return own, err
	}
	if !strings.EqualFold(strings.TrimSpace(name), own.Name) {
		return own, errs.Fields(errs.Field{Name: "name", Key: "house.close.differs", Args: []any{"Org", own.Name}})
	}
	if detail["connections"], err = part(tx); err != nil {
		return own, err
	}
	detail["erased_at"] = tx.Now.Add(Hold)
	return become(tx, OrgActive, OrgClosed, "organization.closed", detail)
}

// part ends all connections of tx's organization and returns how many.
func part(tx *db.Tx) (int, error) {
	list, err := db.Rows[Parting](tx, partings, tx.Scope.Org, tx.Now, exportLimit)
	if err != nil {
		return 0, err
	}
	latest := tx.Now.Add(Hold)
	for _, p := range list {
		l, err := lock(tx, p.Org)
		if err == nil {
			err = l.leave(tx, latest)
		}
		if err != nil {
			return 0, fmt.Errorf("part from %s: %w", p.Org, err)
		}
	}
	return len(list), nil
}

// leave ends a connection of somebody who closes: what waits is taken back or refused.
func (l *link) leave(tx *db.Tx, latest time.Time) error {
	switch l.State {
	case Active, Paused:
		return l.part(tx, false, &latest)
	case Asked:
		m, state := MoveDecline, "declined"
		if l.proposed != nil && l.proposed.ProposedBy == tx.Scope.Org {
			m, state = MoveWithdraw, "withdrawn"
		}
		to, err := l.move(tx, m)
		if err != nil {
			return err
		}
		if err := l.decide(tx, state); err != nil {
			return err
		}
		if err := l.become(tx, to, nil); err != nil {
			return err
		}
		return l.note(tx, "agreement."+state, map[string]any{"version": l.proposed.Version})
	case Ending:
		if l.Finish != nil && latest.Before(*l.Finish) {
			return l.become(tx, Ending, &latest)
		}
	case Ended, Declined, Withdrawn:
	}
	return nil
}

// Reopen lets everybody back into the acting administrator's closed organization. What was connected stays ended. Conflict unless it
// is closed.
func (s *Service) Reopen(ctx context.Context) error {
	if err := authz.Check(ctx, authz.CloseOrg, id.Org{}); err != nil {
		return err
	}
	var o Organization
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		o, err = become(tx, OrgClosed, OrgActive, "organization.reopened", nil)
		return err
	}); err != nil {
		return err
	}
	s.Changed(o)
	return nil
}
