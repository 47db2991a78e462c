package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The states of an invitation as who sent it sees them.
const (
	InvitationOpen      = "open"
	InvitationExpired   = "expired"
	InvitationAccepted  = "accepted"
	InvitationWithdrawn = "withdrawn"
)

// SentInvitation is an invitation of the own organization.
type SentInvitation struct {
	ID      id.Any     `db:"invitation_id"`
	Email   string     `db:"email"`
	Name    string     `db:"name"` // of the organization that is meant
	Account string     `db:"account"`
	State   string     `db:"state"` // one of the Invitation constants
	Sent    time.Time  `db:"created_at"`
	Until   time.Time  `db:"expires_at"`
	Decided *time.Time `db:"decided_at"`
	Org     string     `db:"slug"` // that it became; "" for none
}

// InvitationFilter narrows the list; what is empty narrows nothing.
type InvitationFilter struct {
	State   string    // one of the Invitation constants
	Query   string    // a part of the name or the address
	After   time.Time // the place in the list: when the last one seen was sent, and which it was
	AfterID id.Any
	Limit   int // 1 to 200; default 50
}

const sentSQL = `SELECT v.invitation_id, v.email, v.name, v.account, x.state, v.created_at, v.expires_at, v.decided_at, coalesce(o.slug, '') AS slug
	FROM invitations v CROSS JOIN LATERAL (SELECT CASE WHEN v.state = 'open' AND v.expires_at <= $2 THEN 'expired' ELSE v.state END AS state) x LEFT JOIN organizations o ON o.org_id = v.accepted_org
	WHERE v.org_id = $1 AND ($3 = '' OR x.state = $3) AND ($4::timestamptz IS NULL OR v.created_at < $4 OR v.created_at = $4 AND v.invitation_id > $5)
		AND ($7 = '' OR position(lower($7) IN lower(v.name)) > 0 OR position(lower($7) IN v.email) > 0) ORDER BY v.created_at DESC, v.invitation_id LIMIT $6`

// Invitations lists what the own organization sent, newest first, and whether there are more.
func (s *Service) Invitations(ctx context.Context, f InvitationFilter) (list []SentInvitation, more bool, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return nil, false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, false, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	var after *time.Time
	if !f.After.IsZero() {
		after = &f.After
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, sentSQL, sc.Org, b.Now, f.State, after, f.AfterID, f.Limit+1, strings.TrimSpace(f.Query))
	})
	if len(list) > f.Limit {
		list, more = list[:f.Limit], true
	}
	return list, more, err
}

// WithdrawInvitation takes an open invitation back: from the commit on nobody gets in by it. NotFound for one that is not open.
func (s *Service) WithdrawInvitation(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		email, err := db.Row[string](tx, `UPDATE invitations SET state = 'withdrawn', decided_at = $3 WHERE org_id = $1 AND invitation_id = $2 AND state = 'open' RETURNING email`, tx.Scope.Org, which, tx.Now)
		if err != nil {
			return fmt.Errorf("withdraw invitation %s: %w", which, err)
		}
		return tenants.Audit(tx, "invitation.withdrawn", "invitation:"+email, nil)
	})
}

// ResendInvitation mails an invitation anew on the terms with which it was sent, with a code of its own that lasts as long as the first
// one did; the earlier code is void. NotFound for one that was accepted, and else what Invite says.
func (s *Service) ResendInvitation(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, err := db.Row[invitationRow](tx, `SELECT `+invitationColumns+` FROM invitations v WHERE v.org_id = $1 AND v.invitation_id = $2 AND v.state <> 'accepted'`, tx.Scope.Org, which)
		if err != nil {
			return fmt.Errorf("send invitation %s again: %w", which, err)
		}
		return s.invite(tx, Invite{Email: r.Email, Name: r.Name, Account: r.Account, Proposal: r.Proposal})
	})
}
