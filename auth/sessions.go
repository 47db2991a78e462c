package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// OpenSession is a session that lives, as its person and the organization's administrators see it.
type OpenSession struct {
	SessionID id.Session `db:"session_id"`
	Provider  string     `db:"provider"` // name of the provider that vouched for it; "" for an email link
	Agent     string     `db:"device"`   // what the browser called itself
	CreatedAt time.Time  `db:"created_at"`
	SeenAt    time.Time  `db:"seen_at"` // to five minutes
	Current   bool       `db:"current"` // of the request that asks
}

// Device names browser and system of the session, such as "Firefox", "Linux"; "" for what it does not tell.
func (s OpenSession) Device() (browser, system string) {
	ua := useragent.Parse(s.Agent)
	if ua.Name == "" || len(strings.Fields(s.Agent)) < 2 {
		return "", ""
	}
	return ua.Name, ua.OS
}

// openSessions lists the sessions of a membership, $2 of $1, the last used first; $3 is now, $4 the oldest last request and $5 the
// hash of the token that asks. Those that were handed over from another
// belong to it. Nobody has more than a hundred for long, and ending all ends the others, too.
const openSessions = `SELECT s.session_id, coalesce(p.name, '') AS provider, s.device, s.created_at, s.seen_at,
		s.token_hash = $5 OR EXISTS (SELECT 1 FROM sessions h WHERE h.org_id = $1 AND h.handed_from = s.session_id AND h.token_hash = $5) AS current
	FROM sessions s LEFT JOIN providers p ON p.org_id = s.org_id AND p.provider_id = s.provider_id
	WHERE s.org_id = $1 AND s.membership_id = $2 AND s.expires_at > $3 AND s.seen_at > $4 AND s.handed_from IS NULL
	ORDER BY s.seen_at DESC, s.session_id LIMIT 100`

func (s *Service) list(b *db.Batch, dest *[]OpenSession, of id.Membership, sc scope.Scope, token string) {
	now := s.now()
	db.List(b, dest, openSessions, sc.Org, of, now, now.Add(-idleLife), secret.Hash(token))
}

// Sessions lists the sessions of the member who asks, with the token of the cookie.
func (s *Service) Sessions(ctx context.Context, token string) (out []OpenSession, err error) {
	if err := authz.Check(ctx, authz.OwnSessions, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) { s.list(b, &out, sc.Membership, sc, token) })
	return out, err
}

// EndSession ends a session of the member who asks, with those that were handed over from it. NotFound for anybody else's.
func (s *Service) EndSession(ctx context.Context, session id.Session) error {
	if err := authz.Check(ctx, authz.OwnSessions, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM sessions WHERE org_id = $1 AND membership_id = $2 AND session_id = $3`, tx.Scope.Org, tx.Scope.Membership, session); err != nil {
			return err
		}
		return tenants.Audit(tx, "session.ended", "membership:"+tx.Scope.Membership.String(), map[string]any{"session": session.String(), "rows": 1})
	})
}

// EndOtherSessions ends all sessions of the member who asks but the one of the token, and says how many there were.
func (s *Service) EndOtherSessions(ctx context.Context, token string) (n int64, err error) {
	if err := authz.Check(ctx, authz.OwnSessions, id.Org{}); err != nil {
		return 0, err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return 0, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err = tx.Exec(`DELETE FROM sessions s WHERE s.org_id = $1 AND s.membership_id = $2 AND s.handed_from IS NULL AND s.token_hash <> $3
			AND NOT EXISTS (SELECT 1 FROM sessions h WHERE h.org_id = $1 AND h.handed_from = s.session_id AND h.token_hash = $3)`,
			tx.Scope.Org, tx.Scope.Membership, secret.Hash(token))
		if err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "session.ended", "membership:"+tx.Scope.Membership.String(), map[string]any{"rows": n})
	})
	return n, err
}

// MemberSessions lists the sessions of a member of the administrator's organization. NotFound if there is no such member.
func (s *Service) MemberSessions(ctx context.Context, of id.Membership, token string) (m tenants.Membership, out []OpenSession, err error) {
	if err := authz.Check(ctx, authz.EndSessions, id.Org{}); err != nil {
		return m, nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return m, nil, err
	}
	var found bool
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &m, &found, `SELECT `+tenants.MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, of)
		s.list(b, &out, of, sc, token)
	})
	if err == nil && !found {
		err = errs.New(errs.NotFound, "membership %s", of)
	}
	return m, out, err
}

// EndMemberSessions ends all sessions of a member of the administrator's organization, and says how many there were.
func (s *Service) EndMemberSessions(ctx context.Context, of id.Membership) (n int64, err error) {
	if err := authz.Check(ctx, authz.EndSessions, id.Org{}); err != nil {
		return 0, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tenants.MemberByID(tx, of); err != nil {
			return err
		}
		if n, err = tx.Exec(`DELETE FROM sessions WHERE org_id = $1 AND membership_id = $2 AND handed_from IS NULL`, tx.Scope.Org, of); err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "session.ended", "membership:"+of.String(), map[string]any{"rows": n})
	})
	if err != nil {
		return 0, fmt.Errorf("end sessions of %s: %w", of, err)
	}
	return n, nil
}
