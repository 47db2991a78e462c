package courses

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
	"github.com/learnscape/learnscape/tenants"
)

// Extension is the time that a member has in checks on top of what everybody has, and why.
type Extension struct {
	Member  id.Membership `db:"membership_id"`
	Name    string        `db:"name"`    // of the member
	Percent int           `db:"percent"` // 0 for none
	Reason  string        `db:"reason"`
	By      string        `db:"by"` // a name; "" for nobody any more
	At      *time.Time    `db:"given_at"`
}

// Extension returns what a member of the own organization has, for those who look after people. NotFound for anybody else's.
func (s *Service) Extension(ctx context.Context, m id.Membership) (v Extension, err error) {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var found bool
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v, &found, `SELECT m.membership_id, m.name, coalesce(t.percent, 0) AS percent, coalesce(t.reason, '') AS reason, coalesce(g.name, '') AS by, t.given_at
			FROM memberships m LEFT JOIN time_extensions t ON t.org_id = m.org_id AND t.membership_id = m.membership_id LEFT JOIN memberships g ON g.org_id = t.org_id AND g.membership_id = t.given_by
			WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state <> 'left'`, sc.Org, m)
	})
	if err == nil && !found {
		err = errs.New(errs.NotFound, "member %s", m)
	}
	return v, err
}

// ExtendTime gives a member of the own organization so many percent more time in every check that they begin from now on; 0 takes it back.
// That it was done is a line of the log, and the reason is not: it can say something of the person's health, and goes with them. Invalid
// outside of 0 to 300, and without a reason; NotFound for anybody else's member.
func (s *Service) ExtendTime(ctx context.Context, m id.Membership, percent int, reason string) error {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	var f []errs.Field
	if percent < 0 || percent > 300 {
		f = append(f, errs.Field{Name: "percent", Key: "quiz.fault.percent"})
	}
	if n := len([]rune(reason)); percent > 0 && (n == 0 || n > 400) {
		f = append(f, errs.Field{Name: "reason", Key: "quiz.fault.reason"})
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tenants.MemberByID(tx, m); err != nil {
			return fmt.Errorf("extend time of %s: %w", m, err)
		}
		var n int64
		var err error
		if percent == 0 {
			n, err = tx.Exec(`DELETE FROM time_extensions WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m)
		} else {
			n, err = tx.Exec(`INSERT INTO time_extensions (org_id, membership_id, percent, reason, given_by, given_at) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (org_id, membership_id) DO UPDATE SET percent = excluded.percent, reason = excluded.reason, given_by = excluded.given_by, given_at = excluded.given_at`,
				tx.Scope.Org, m, percent, reason, memberOrNil(tx.Scope.Membership), tx.Now)
		}
		if err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "person.time", "membership:"+m.String(), map[string]int{"percent": percent})
	})
}
