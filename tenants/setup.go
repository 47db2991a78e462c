package tenants

import (
	"context"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Setup is how far an organization has come in its first ten minutes, read from what there is.
type Setup struct {
	Words  bool `db:"words"`   // it says in a few words what it does
	Brand  bool `db:"brand"`   // an administrator chose colour or logo
	Domain bool `db:"domain"`  // a domain is proven
	SignIn bool `db:"sign_in"` // people sign in through a provider of the organization's own
	Terms  bool `db:"terms"`   // a sharing agreement is in force
	Shared bool `db:"shared"`  // another organization has opened something to it
	Looked bool `db:"looked"`  // an administrator looked around as a learner
	People int  `db:"people"`  // members and invited ones, without whoever looks
	Away   bool `db:"away"`    // an administrator put the list away
}

// The marks that an administrator sets.
const (
	MarkLooked = "looked" // looked around as a learner
	MarkAway   = "away"   // put the list away
)

// Setup returns how far the acting organization has come, for its administrator.
func (s *Service) Setup(ctx context.Context) (out Setup, err error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Setup{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Setup{}, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &out, nil, `SELECT o.tagline <> '' OR o.about <> '' AS words, o.branded_at IS NOT NULL AS brand,
			EXISTS (SELECT 1 FROM domains d WHERE d.org_id = $1 AND d.verified_at IS NOT NULL) AS domain,
			EXISTS (SELECT 1 FROM providers p WHERE p.org_id = $1 AND p.state = 'active') AS sign_in,
			EXISTS (SELECT 1 FROM connections c WHERE (c.org_a = $1 OR c.org_b = $1) AND c.state = 'active') AS terms,
			EXISTS (SELECT 1 FROM grants g JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id
				WHERE g.viewer_org = $1 AND g.org_id <> $1 AND (g.until IS NULL OR g.until > $3) AND ci.listed_at IS NOT NULL) AS shared,
			EXISTS (SELECT 1 FROM setup_marks k WHERE k.org_id = $1 AND k.mark = 'looked') AS looked,
			(SELECT count(*)::int FROM (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.membership_id <> $2 AND m.state <> 'left' LIMIT 100) n)
				+ (SELECT count(*)::int FROM (SELECT 1 FROM member_invitations v WHERE v.org_id = $1 AND v.state = 'open' AND v.expires_at > $3 LIMIT 100) i) AS people,
			EXISTS (SELECT 1 FROM setup_marks k WHERE k.org_id = $1 AND k.mark = 'away') AS away
			FROM organizations o WHERE o.org_id = $1`, who.Org, who.Membership, b.Now)
	})
	return out, err
}

// MarkSetup sets one of the marks of the acting organization, or takes it back. Repeating is safe.
func (s *Service) MarkSetup(ctx context.Context, mark string, on bool) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if mark != MarkLooked && mark != MarkAway {
		return errs.New(errs.NotFound, "mark %q", mark)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if !on {
			_, err := tx.Exec(`DELETE FROM setup_marks WHERE org_id = $1 AND mark = $2`, tx.Scope.Org, mark)
			return err
		}
		_, err := tx.Exec(`INSERT INTO setup_marks (org_id, mark, marked_at) VALUES ($1, $2, $3) ON CONFLICT (org_id, mark) DO NOTHING`, tx.Scope.Org, mark, tx.Now)
		return err
	})
}
