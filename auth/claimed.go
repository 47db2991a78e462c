package auth

import (
	"fmt"
	"strings"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Which place a new identity gets, when a membership has the address that the provider vouches for:
//
//   - one that was prepared (invited, provisioned, imported) and that nobody has come as: it is theirs at once. Whoever prepares people and
//     runs the provider decides who they are, as in every company.
//   - one that has an identity: never. Its person links another account themselves, see LinkAccount.
//   - one that somebody came as without an identity, by an email link or a passkey: only with a link that is mailed to the address and used
//     in the browser that came through the provider. Otherwise whoever runs the provider could give the address to an account of their own
//     and find what that person wrote for nobody else.

// claimed is a membership that somebody has come as, of which a new identity says that it is theirs.
type claimed struct{ tenants.Membership }

func (c *claimed) Error() string { return "somebody came as " + c.MembershipID.String() + " before" }

// came reports whether somebody has come as the member.
func came(tx *db.Tx, m id.Membership) (bool, error) {
	return db.Row[bool](tx, `SELECT m.seen_at IS NOT NULL OR EXISTS (SELECT 1 FROM passkeys k WHERE k.org_id = m.org_id AND k.membership_id = m.membership_id)
		OR EXISTS (SELECT 1 FROM sessions s WHERE s.org_id = m.org_id AND s.membership_id = m.membership_id) FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, m)
}

// askClaim mails the link by which the identity gets the place, and has the browser wait for it. RateLimited as AskLink.
func (s *Service) askClaim(tx *db.Tx, org tenants.Organization, p Provider, who proven, m tenants.Membership, b Browser, returnTo string) error {
	if err := s.try(tx, tryLinkNetwork, b.Network, 10, tryWindow); err != nil {
		return err
	}
	if err := s.try(tx, tryLinkAddress, m.Email, 3, tryWindow); err != nil {
		return err
	}
	token := secret.NewToken()
	if _, err := tx.Exec(`INSERT INTO email_links (org_id, token_hash, email, cookie_hash, code_hash, return_to, created_at, expires_at, provider_id, new_subject) VALUES ($1, $2, $3, $4, '', $5, $6, $7, $8, $9)`,
		org.OrgID, secret.Hash(token), m.Email, secret.Hash(b.Pre), returnTo, tx.Now, tx.Now.Add(signInLife), p.ProviderID, who.Subject); err != nil {
		return fmt.Errorf("ask for the place of %s: %w", m.MembershipID, err)
	}
	ctx := tx.Context()
	if l, ok := lang.Parse(m.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	if err := s.mail.Send(tx, mail.Message{
		To: m.Email, Subject: lang.T(ctx, "link.claim.subject", "Org", org.Name),
		Text: lang.T(ctx, "link.claim.body", "Org", org.Name, "Provider", p.Name, "Until", tx.Now.Add(signInLife).Format("15:04"), "Link", s.baseURL(org.Slug)+"/sign-in/link/"+token),
	}); err != nil {
		return err
	}
	return tenants.Audit(tx, "identity.claimed", "membership:"+m.MembershipID.String(), map[string]string{"provider": p.ProviderID.String()})
}

// claim gives the identity of a used link its place, and opens the session.
func (s *Service) claim(tx *db.Tx, org tenants.Organization, l linkRow, m tenants.Membership, b Browser, out *SignedIn) (refusal, err error) {
	p, err := provider(tx, l.ProviderID)
	if errs.Is(err, errs.NotFound) {
		return refuse(Expired, "provider switched off meanwhile").at("provider"), nil
	}
	if err != nil {
		return nil, err
	}
	taken, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM identities i WHERE i.org_id = $1 AND (i.membership_id = $2 OR i.provider_id = $3 AND i.subject = $4))`, org.OrgID, m.MembershipID, p.ProviderID, l.Subject)
	if err != nil {
		return nil, err
	}
	if taken {
		return refuse(NotInvited, "the place or the account is somebody's meanwhile").at("link"), nil
	}
	if m, err = s.welcome(tx, m); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(`INSERT INTO identities (org_id, provider_id, subject, membership_id, email, created_at, last_sign_in) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
		org.OrgID, p.ProviderID, l.Subject, m.MembershipID, strings.ToLower(m.Email), tx.Now); err != nil {
		return nil, err
	}
	if err := tenants.Audit(tx, "identity.linked", "membership:"+m.MembershipID.String(), map[string]string{"provider": p.ProviderID.String(), "by": "mail"}); err != nil {
		return nil, err
	}
	out.ReturnTo = l.ReturnTo
	out.Token, out.Until, err = s.open(tx, m, b, p.ProviderID, proven{Subject: l.Subject, AuthAt: tx.Now})
	return nil, err
}
