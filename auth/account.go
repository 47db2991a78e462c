package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// linkedMost is how many memberships of other organizations one can be linked with.
const linkedMost = 10

// Account is a way in of the acting member: an account at a provider.
type Account struct {
	Key        string      `db:"key"` // names it among the member's
	ProviderID id.Provider `db:"provider_id"`
	Provider   string      `db:"provider"`
	Email      string      `db:"email"`  // as the provider said it
	Active     bool        `db:"active"` // the provider lets people in
	CreatedAt  time.Time   `db:"created_at"`
	LastSignIn *time.Time  `db:"last_sign_in"`
}

// LinkedAccount is a membership of another organization that is the same person's.
type LinkedAccount struct {
	Org    id.Org        `db:"other_org"`
	Member id.Membership `db:"other_membership"`
	At     time.Time     `db:"linked_at"`
}

const accountKey = `encode(sha256(convert_to(i.provider_id::text || ' ' || i.subject, 'UTF8')), 'hex')`

// Accounts lists by which accounts the acting member comes in, and which memberships elsewhere they said are theirs. Nobody else reads it.
func (s *Service) Accounts(ctx context.Context) (ways []Account, links []LinkedAccount, err error) {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return nil, nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &ways, `SELECT `+accountKey+` AS key, i.provider_id, p.name AS provider, i.email, p.state = 'active' AS active, i.created_at, i.last_sign_in
			FROM identities i JOIN providers p ON p.org_id = i.org_id AND p.provider_id = i.provider_id WHERE i.org_id = $1 AND i.membership_id = $2 ORDER BY i.created_at, i.subject LIMIT 50`, sc.Org, sc.Membership)
		db.List(b, &links, `SELECT l.other_org, l.other_membership, l.linked_at FROM account_links l WHERE l.org_id = $1 AND l.membership_id = $2 ORDER BY l.linked_at, l.other_org LIMIT 50`, sc.Org, sc.Membership)
	})
	return ways, links, err
}

// LinkAccount sends the acting member to a provider of the own organization, to make the account there one more of their own; see Finish.
// authz.ErrNotFresh without a fresh sign-in; the provider asks anew as well.
func (s *Service) LinkAccount(ctx context.Context, org tenants.Organization, p id.Provider, b Browser) (Start, error) {
	if err := authz.Check(ctx, authz.OwnAccounts, org.OrgID); err != nil {
		return Start{}, err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return Start{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Start{}, err
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error { _, err := provider(tx, p); return err }); err != nil {
		return Start{}, err
	}
	return s.begin(Enter(ctx, org.OrgID), org, p, b, "/me/accounts", trip{Purpose: tripLink, Membership: who.Membership})
}

// UnlinkAccount takes an account away from the acting member; its other sessions end. Conflict for the last way in; authz.ErrNotFresh without a
// fresh sign-in; NotFound for anybody else's.
func (s *Service) UnlinkAccount(ctx context.Context, key string) error {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	current, _ := CurrentSession(ctx)
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		gone, err := db.Row[struct {
			ProviderID id.Provider `db:"provider_id"`
			Subject    string      `db:"subject"`
		}](tx, `DELETE FROM identities i WHERE i.org_id = $1 AND i.membership_id = $2 AND `+accountKey+` = $3 RETURNING i.provider_id, i.subject`, tx.Scope.Org, tx.Scope.Membership, key)
		if err != nil {
			return err
		}
		other, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = $1 AND o.sign_in = 'email') OR `+strings.TrimPrefix(mine, "SELECT "), tx.Scope.Org, tx.Scope.Membership)
		if err != nil {
			return err
		}
		if !other {
			return errs.Say(errs.Conflict, "link.account.last")
		}
		if _, err := tx.Exec(`DELETE FROM sessions s WHERE s.org_id = $1 AND s.membership_id = $2 AND s.provider_id = $3 AND s.subject = $4 AND s.session_id <> $5`,
			tx.Scope.Org, tx.Scope.Membership, gone.ProviderID, gone.Subject, current.SessionID); err != nil {
			return err
		}
		return tenants.Audit(tx, "identity.unlinked", "membership:"+tx.Scope.Membership.String(), map[string]string{"provider": gone.ProviderID.String()})
	})
}

// Elsewhere finds the organization of an address, or of a portal's name; NotFound for the own one, too.
func (s *Service) Elsewhere(ctx context.Context, word string) (tenants.Organization, error) {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return tenants.Organization{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return tenants.Organization{}, err
	}
	var org tenants.Organization
	if email, merr := mail.Address(word); merr == nil {
		org, err = s.tenants.ByDomain(ctx, domainOf(email))
	} else {
		org, err = s.tenants.BySlug(ctx, strings.ToLower(strings.TrimSpace(word)))
	}
	if err == nil && (org.OrgID == who.Org || org.SignIn == "none") {
		err = errs.New(errs.NotFound, "%s to link with", org.Slug)
	}
	return org, err
}

// BeginLink begins to link the acting membership with one of another organization and returns the address there at which the person, signed
// in, confirms it. It works once, within ten minutes, and ends in the session that began it. authz.ErrNotFresh without a fresh sign-in.
func (s *Service) BeginLink(ctx context.Context, to tenants.Organization) (string, error) {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return "", err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return "", err
	}
	session, _ := CurrentSession(ctx)
	own, err := s.tenants.ByID(ctx, session.OrgID)
	if err != nil {
		return "", err
	}
	token := secret.NewToken()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM account_links l WHERE l.org_id = $1 AND l.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
		if err != nil {
			return err
		}
		if n >= linkedMost {
			return errs.Say(errs.Conflict, "link.account.most", "Count", linkedMost)
		}
		return tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM link_requests r WHERE r.org_id = $1 AND r.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
			db.Write(b, nil, `INSERT INTO link_requests (org_id, token_hash, membership_id, session_id, to_org, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
				tx.Scope.Org, secret.Hash(token), tx.Scope.Membership, session.SessionID, to.OrgID, tx.Now.Add(signInLife))
		})
	})
	if err != nil {
		return "", fmt.Errorf("begin link: %w", err)
	}
	return s.Address(to) + AcceptPath + own.Slug + "/" + token, nil
}

// AcceptPath and FinishPath are where a link is confirmed at the other organization and, with the code from there, where it began.
const (
	AcceptPath = "/me/accounts/accept/"
	FinishPath = "/me/accounts/finish/"
)

// otherEnd is a membership at the other end of a link.
type otherEnd struct {
	Member id.Membership `db:"membership_id"`
	Name   string        `db:"name"`
	Email  string        `db:"email"`
	Org    id.Org        `db:"org_id"`
}

// AskedLink is what is to be confirmed: the membership at the other end.
type AskedLink struct {
	Org         tenants.Organization
	Name, Email string
}

// AskedLink looks at a link that was begun at another organization, for the member who acts here. NotFound for one that is not there any
// more, and for one that was begun for another organization.
func (s *Service) AskedLink(ctx context.Context, from, token string) (v AskedLink, err error) {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return v, err
	}
	if v.Org, err = s.tenants.BySlug(ctx, from); err != nil {
		return v, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		e, err := s.asked(tx, v.Org, token)
		v.Name, v.Email = e.Name, e.Email
		return err
	})
	return v, err
}

func (s *Service) asked(tx *db.Tx, from tenants.Organization, token string) (e otherEnd, err error) {
	own := tx.Scope.Org
	if !secret.IsToken(token) || from.OrgID == own {
		return e, errs.New(errs.NotFound, "no link")
	}
	err = tx.As(scope.SignIn, from.OrgID, func() (err error) {
		e, err = db.Row[otherEnd](tx, `SELECT m.membership_id, m.name, m.email, m.org_id FROM link_requests r JOIN memberships m ON m.org_id = r.org_id AND m.membership_id = r.membership_id AND m.state = 'active'
			WHERE r.org_id = $1 AND r.token_hash = $2 AND r.to_org = $3 AND r.code_hash IS NULL AND r.expires_at > $4`, from.OrgID, secret.Hash(token), own, tx.Now)
		return err
	})
	return e, err
}

// AcceptLink confirms a link for the member who acts here and returns the address at which it is finished where it began. authz.ErrNotFresh
// without a fresh sign-in; NotFound as AskedLink, also a second time.
func (s *Service) AcceptLink(ctx context.Context, from, token string) (string, error) {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return "", err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return "", err
	}
	org, err := s.tenants.BySlug(ctx, from)
	if err != nil {
		return "", err
	}
	code := secret.NewToken()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := s.asked(tx, org, token); err != nil {
			return err
		}
		who := tx.Scope
		if err := tx.As(scope.SignIn, org.OrgID, func() error {
			return tx.Must(`UPDATE link_requests r SET code_hash = $3, to_membership = $4 WHERE r.org_id = $1 AND r.token_hash = $2 AND r.code_hash IS NULL`, org.OrgID, secret.Hash(token), secret.Hash(code), who.Membership)
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "account.link_confirmed", "membership:"+who.Membership.String(), nil)
	})
	if err != nil {
		return "", fmt.Errorf("accept link: %w", err)
	}
	return s.Address(org) + FinishPath + code, nil
}

// confirmed is the other end of a link that the acting session began.
func (s *Service) confirmed(ctx context.Context, tx *db.Tx, code string) (e otherEnd, err error) {
	session, _ := CurrentSession(ctx)
	if !secret.IsToken(code) || session.SessionID.IsZero() {
		return e, errs.New(errs.NotFound, "no link")
	}
	to, err := db.Row[LinkedAccount](tx, `SELECT r.to_org AS other_org, r.to_membership AS other_membership, r.expires_at AS linked_at FROM link_requests r
		WHERE r.org_id = $1 AND r.membership_id = $2 AND r.session_id = $3 AND r.code_hash = $4 AND r.expires_at > $5`, tx.Scope.Org, tx.Scope.Membership, session.SessionID, secret.Hash(code), tx.Now)
	if err != nil {
		return e, err
	}
	err = tx.As(scope.SignIn, to.Org, func() (err error) {
		e, err = db.Row[otherEnd](tx, `SELECT m.membership_id, m.name, m.email, m.org_id FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active'`, to.Org, to.Member)
		return err
	})
	return e, err
}

// ConfirmedLink looks at a link that the acting session began and that was confirmed at the other end. NotFound for any other session, as
// that of somebody who was sent the address.
func (s *Service) ConfirmedLink(ctx context.Context, code string) (v AskedLink, err error) {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return v, err
	}
	var e otherEnd
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) { e, err = s.confirmed(ctx, tx, code); return err }); err != nil {
		return v, err
	}
	v.Name, v.Email = e.Name, e.Email
	v.Org, err = s.tenants.ByID(ctx, e.Org)
	return v, err
}

// FinishLink links the two memberships. Each organization's log says that its own member did so, and nothing of the other. NotFound as
// ConfirmedLink, also a second time.
func (s *Service) FinishLink(ctx context.Context, code string) error {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		e, err := s.confirmed(ctx, tx, code)
		if err != nil {
			return err
		}
		me := tx.Scope
		if err := tx.Must(`DELETE FROM link_requests r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.code_hash = $3`, me.Org, me.Membership, secret.Hash(code)); err != nil {
			return err
		}
		for _, side := range [][2]otherEnd{{{Org: me.Org, Member: me.Membership}, e}, {e, {Org: me.Org, Member: me.Membership}}} {
			if err := tx.As(scope.SignIn, side[0].Org, func() error {
				if _, err := tx.Exec(`INSERT INTO account_links (org_id, membership_id, other_org, other_membership, linked_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
					side[0].Org, side[0].Member, side[1].Org, side[1].Member, tx.Now); err != nil {
					return err
				}
				return tenants.Audit(tx, "account.linked", "membership:"+side[0].Member.String(), nil)
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Unlink undoes a link, at both ends. NotFound for one that is not there.
func (s *Service) Unlink(ctx context.Context, org id.Org, m id.Membership) error {
	if err := authz.Check(ctx, authz.OwnAccounts, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		me := tx.Scope
		if err := tx.Must(`DELETE FROM account_links l WHERE l.org_id = $1 AND l.membership_id = $2 AND l.other_org = $3 AND l.other_membership = $4`, me.Org, me.Membership, org, m); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "account.unlinked", "membership:"+me.Membership.String(), nil); err != nil {
			return err
		}
		return tx.As(scope.SignIn, org, func() error {
			n, err := tx.Exec(`DELETE FROM account_links l WHERE l.org_id = $1 AND l.membership_id = $2 AND l.other_org = $3 AND l.other_membership = $4`, org, m, me.Org, me.Membership)
			if err != nil || n == 0 {
				return err
			}
			return tenants.Audit(tx, "account.unlinked", "membership:"+m.String(), nil)
		})
	})
}
