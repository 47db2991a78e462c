package auth

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// inviteLife is how long an invitation may be accepted.
const inviteLife = 7 * 24 * time.Hour

// inviteQuota is how many invitations an organization may have open: it keeps one that was taken over from mailing the world.
const inviteQuota = 500

// Invite is an invitation to an organization that has no portal yet.
type Invite struct {
	Email    string
	Name     string // of the organization
	Account  string // the inviter's own number for it, for exports; may be ""
	Proposal tenants.Proposal
}

// Invitation is an open invitation as whoever holds its code sees it.
type Invitation struct {
	From     tenants.Organization
	Email    string
	Name     string
	ToOrg    tenants.Organization // that waits for its first member; zero for a new one
	Proposal tenants.Proposal     // ours is the inviter's half
	Until    time.Time
}

type invitationRow struct {
	OrgID    id.Org           `db:"org_id"`
	ID       id.Any           `db:"invitation_id"`
	Email    string           `db:"email"`
	Name     string           `db:"name"`
	Account  string           `db:"account"`
	ToOrg    id.Org           `db:"to_org"`
	Proposal tenants.Proposal `db:"proposal"`
	Until    time.Time        `db:"expires_at"`
}

const invitationColumns = `v.org_id, v.invitation_id, v.email, v.name, v.account, v.to_org, v.proposal, v.expires_at`

// Invite mails an invitation with terms to an address; an earlier one to it is withdrawn. The offer is signed with it: when the
// invitation is accepted, the connection is asked for on these terms. Conflict for an address whose organization has people here:
// it is asked directly. RateLimited beyond 500 open ones.
func (s *Service) Invite(ctx context.Context, in Invite) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error { return s.invite(tx, in) })
}

func (s *Service) invite(tx *db.Tx, in Invite) error {
	email, err := mail.Address(in.Email)
	if err != nil {
		return errs.Fields(errs.Field{Name: "email", Key: "auth.invite.email"})
	}
	in.Name = strings.TrimSpace(in.Name)
	if in.Name == "" || len([]rune(in.Name)) > 120 {
		return errs.Fields(errs.Field{Name: "name", Key: "auth.invite.name"})
	}
	if err := tenants.CheckOffer(tx, in.Proposal); err != nil {
		return err
	}
	_, domain, _ := strings.Cut(email, "@")
	to, err := db.Row[struct {
		Org    id.Org `db:"org_id"`
		People bool   `db:"people"`
	}](tx, `SELECT d.org_id, o.sign_in <> 'none' AS people FROM domains d JOIN organizations o ON o.org_id = d.org_id WHERE d.domain = $1 AND d.verified_at IS NOT NULL`, domain)
	switch {
	case errs.Is(err, errs.NotFound):
	case err != nil:
		return err
	case to.People:
		return errs.Say(errs.Conflict, "auth.invite.there")
	}
	if err := tenants.RoomForInvitation(tx); err != nil {
		return err
	}
	open, err := db.Row[int](tx, `SELECT count(*)::int FROM invitations v WHERE v.org_id = $1 AND v.state = 'open' AND v.expires_at > $2`, tx.Scope.Org, tx.Now)
	if err != nil {
		return err
	}
	if open >= inviteQuota {
		return errs.Say(errs.RateLimited, "auth.invite.quota", "Count", inviteQuota)
	}
	proposal, err := json.Marshal(in.Proposal)
	if err != nil {
		return err
	}
	token := secret.NewToken()
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `UPDATE invitations SET state = 'withdrawn', decided_at = $3 WHERE org_id = $1 AND email = $2 AND state = 'open'`, tx.Scope.Org, email, tx.Now)
		db.Write(b, nil, `INSERT INTO invitations (org_id, invitation_id, token_hash, email, name, account, to_org, proposal, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			tx.Scope.Org, id.New[id.Any](), secret.Hash(token), email, in.Name, in.Account, to.Org, json.RawMessage(proposal), tx.Scope.Membership, tx.Now, tx.Now.Add(inviteLife))
	}); err != nil {
		return fmt.Errorf("invite %s: %w", email, err)
	}
	org, err := s.tenants.ByID(tx.Context(), tx.Scope.Org)
	if err != nil {
		return err
	}
	if err := s.mail.Send(tx, mail.Message{
		To: email, Subject: lang.T(tx.Context(), "auth.invite.subject", "Org", org.Name, "Name", in.Name),
		Text: lang.T(tx.Context(), "auth.invite.body", "Org", org.Name, "Name", in.Name, "Note", in.Proposal.Note, "Until", lang.Date(tx.Context(), tx.Now.Add(inviteLife)), "Link", s.baseURL("")+"/invite/"+token),
	}); err != nil {
		return err
	}
	return tenants.Audit(tx, "invitation.sent", "invitation:"+email, nil)
}

// Invitation looks at an invitation without using it; NotFound for an unknown, used, withdrawn or old one.
func (s *Service) Invitation(ctx context.Context, token string) (Invitation, error) {
	if err := authz.Check(ctx, authz.SignIn, id.Org{}); err != nil {
		return Invitation{}, err
	}
	var r invitationRow
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) { r, err = held(tx, token); return err }); err != nil {
		return Invitation{}, err
	}
	v := Invitation{Email: r.Email, Name: r.Name, Proposal: r.Proposal, Until: r.Until}
	orgs, err := s.tenants.ByIDs(ctx, r.OrgID, r.ToOrg)
	v.From, v.ToOrg = orgs[r.OrgID], orgs[r.ToOrg]
	return v, err
}

func held(tx *db.Tx, token string) (invitationRow, error) {
	if !secret.IsToken(token) {
		return invitationRow{}, errs.New(errs.NotFound, "no invitation code")
	}
	if err := prove(tx, token); err != nil {
		return invitationRow{}, err
	}
	return db.Row[invitationRow](tx, `SELECT `+invitationColumns+` FROM invitations v WHERE v.token_hash = $1 AND v.state = 'open' AND v.expires_at > $2
		AND EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = v.org_id AND o.state = 'active')`, secret.Hash(token), tx.Now)
}

func prove(tx *db.Tx, token string) error { return tx.Prove(hex.EncodeToString(secret.Hash(token))) }

// Acceptance is what whoever accepts an invitation says.
type Acceptance struct {
	Org   tenants.NewOrganization // name, slug, colour and language of a new one
	Name  string                  // of the person
	Agree bool                    // sign the terms as they were offered
}

// Accept uses an invitation: it makes the organization, or takes over the one that waits, with the invited address as its
// administrator, who signs in by email from then on; asks for the connection on the terms that were offered; and signs them, if
// they were agreed to. It returns the organization. NotFound as Invitation; Conflict when the slug is taken, or somebody looks
// after the organization already.
func (s *Service) Accept(ctx context.Context, token string, a Acceptance) (org tenants.Organization, err error) {
	if err := authz.Check(ctx, authz.SignIn, id.Org{}); err != nil {
		return org, err
	}
	if a.Name = strings.TrimSpace(a.Name); a.Name == "" || len([]rune(a.Name)) > 200 {
		return org, errs.Fields(errs.Field{Name: "person", Key: "auth.invite.person"})
	}
	a.Org.Name = strings.TrimSpace(a.Org.Name)
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		r, err := held(tx, token)
		if err != nil {
			return err
		}
		if r.ToOrg.IsZero() && (a.Org.Name == "" || len([]rune(a.Org.Name)) > 120) {
			return errs.Fields(errs.Field{Name: "name", Key: "auth.invite.name"})
		}
		a.Org.OrgID, a.Org.SignIn = r.ToOrg, "email"
		if r.ToOrg.IsZero() {
			a.Org.OrgID = id.New[id.Org]()
		}
		// First in the inviter's scope: of two who hold the code, one finds it used.
		if err := tx.As(scope.Agreement, r.OrgID, func() error {
			if err := tx.Must(`UPDATE invitations SET state = 'accepted', decided_at = $3 WHERE org_id = $1 AND invitation_id = $2 AND state = 'open'`, r.OrgID, r.ID, tx.Now); err != nil {
				return err
			}
			return tenants.Audit(tx, "invitation.accepted", "invitation:"+r.Email, nil)
		}); err != nil {
			return err
		}
		if err := tx.As(scope.SignIn, a.Org.OrgID, func() (err error) {
			org, err = s.settle(tx, token, r, a)
			return err
		}); err != nil {
			return err
		}
		if err := tx.As(scope.Agreement, r.OrgID, func() error {
			if err := tx.Must(`UPDATE invitations SET accepted_org = $3 WHERE org_id = $1 AND invitation_id = $2`, r.OrgID, r.ID, org.OrgID); err != nil {
				return err
			}
			if err := tenants.NoteAccount(tx, org.OrgID, r.Account); err != nil {
				return err
			}
			return tenants.AskFor(tx, org.OrgID, r.Proposal)
		}); err != nil || !a.Agree {
			return err
		}
		return tx.As(scope.SignIn, org.OrgID, func() error { return tenants.SignFor(tx, r.OrgID) })
	})
	if err == nil {
		s.tenants.Changed(org)
	}
	return org, err
}

// settle makes the organization with its first member.
func (s *Service) settle(tx *db.Tx, token string, r invitationRow, a Acceptance) (org tenants.Organization, err error) {
	if r.ToOrg.IsZero() {
		// The invitation is used by now; the row policy of organizations asks for its code.
		if err := prove(tx, token); err != nil {
			return org, err
		}
		org, err = tenants.AddOrganization(tx, a.Org)
	} else {
		org, err = tenants.TakeOver(tx)
	}
	if err != nil {
		return org, err
	}
	_, err = tenants.AddMember(tx, tenants.NewMember{
		Name: a.Name, Email: r.Email, Locale: org.Locale, Roles: []scope.Role{scope.Learner, scope.Administrator, scope.PartnerManager},
	})
	return org, err
}
