package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// lostFor is how long after its loss a domain is told of: whoever turns the product on after weeks is not told of what was long ago.
const lostFor = 7 * oneDay

// Warn mails the administrators of the acting organization what is about to happen to it, or has: seven days and one day before it is
// erased, if it is closed, and once when a domain has lost its record. It says whether it is closed: then nothing else is due in it.
// Repeating it is safe.
func (r *Routine) Warn(ctx context.Context, at time.Time) (closed bool, err error) {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return false, err
	}
	err = r.db.Tx(ctx, func(tx *db.Tx) error {
		o, err := db.Row[Organization](tx, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1`, tx.Scope.Org)
		if err != nil {
			return err
		}
		closed = o.State == OrgClosed
		house := about{OwnSlug: o.Slug, OwnName: o.Name, link: "notice.link_house"}
		if o.State == OrgClosed && o.StateAt != nil {
			erased := o.StateAt.Add(Hold)
			for _, days := range []int{1, 7} {
				if left := erased.Sub(at); left > 0 && left <= time.Duration(days)*oneDay {
					house.page = "/admin/organization"
					return r.warn(tx, house, fmt.Sprintf("erased:%d:", days)+o.StateAt.UTC().Format(time.RFC3339), "house.erased", "Count", days, "Day", erased)
				}
			}
		}
		if o.State != OrgActive {
			return nil
		}
		lost, err := db.Rows[Domain](tx, `SELECT `+domainColumns+` FROM domains d WHERE d.org_id = $1 AND d.verified_at IS NULL AND d.lost_at BETWEEN $2 AND $3 ORDER BY d.domain LIMIT 100`, tx.Scope.Org, at.Add(-lostFor), at)
		if err != nil {
			return err
		}
		house.page = "/admin/domains"
		for _, d := range lost {
			if err := r.warn(tx, house, "lost:"+d.Domain+":"+d.LostAt.UTC().Format(time.RFC3339), "house.domain_lost", "Domain", d.Domain); err != nil {
				return err
			}
		}
		return nil
	})
	return closed, err
}

// warn mails the administrators of tx's organization, each in the own language, once for a key.
func (r *Routine) warn(tx *db.Tx, house about, once, key string, kv ...any) error {
	n, err := tx.Exec(`INSERT INTO house_notices (org_id, key, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, tx.Scope.Org, once, tx.Now)
	if err != nil || n == 0 {
		return err
	}
	readers, err := db.Rows[reader](tx, `SELECT m.email, m.locale FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND m.email <> '' AND 'administrator' = ANY (m.roles) ORDER BY m.email LIMIT 100`, tx.Scope.Org)
	if err != nil {
		return err
	}
	for _, to := range readers {
		if err := r.mail.Send(tx, r.message(tx.Context(), to, house, key, kv...)); err != nil {
			return err
		}
	}
	return nil
}
