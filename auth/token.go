package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

const (
	maxToken       = 366 * 24 * time.Hour // the longest life of an API token
	tokenUsedEvery = time.Minute          // how often its use is noted
	tokenQuota     = 100                  // of an organization
	tokenName      = 80                   // letters
)

// NewToken is what a token is made from.
type NewToken struct {
	Email   string // of the member for whom it acts; "" for the acting member
	Name    string // what it is for, in the words of whoever made it
	Scopes  []string
	Expires time.Time // at most a year from now
}

// CreateToken makes an API token: "ls_<id>_<secret>", shown once and stored as its hash. It acts for a member with the rights of
// that member that its scopes cover. The operator makes one for anybody; an administrator for nobody but itself, because whoever
// holds a token of somebody acts as them. Invalid, with the field, for anything else, Conflict beyond 100 of an organization.
func (s *Service) CreateToken(ctx context.Context, n NewToken) (secret.Secret, error) {
	if err := authz.Check(ctx, authz.CreateToken, id.Org{}); err != nil {
		return "", err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return "", err
	}
	now := s.now()
	n.Name = strings.TrimSpace(n.Name)
	switch {
	case utf8.RuneCountInString(n.Name) > tokenName:
		return "", errs.Fields(errs.Field{Name: "name", Key: "token.fault.name"})
	case len(n.Scopes) == 0, slices.ContainsFunc(n.Scopes, func(s string) bool { return !slices.Contains(authz.TokenScopes(), s) }):
		return "", errs.Fields(errs.Field{Name: "scope", Key: "token.fault.scope"})
	case !n.Expires.After(now), n.Expires.After(now.Add(maxToken)):
		return "", errs.Fields(errs.Field{Name: "days", Key: "token.fault.days"})
	}
	n.Scopes = slices.Compact(slices.Sorted(slices.Values(n.Scopes)))
	tokenID, value := id.New[id.Any](), secret.NewToken()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		m, err := holder(tx, n.Email)
		if err != nil {
			return err
		}
		have, err := db.Row[int](tx, `SELECT count(*)::int FROM api_tokens t WHERE t.org_id = $1`, tx.Scope.Org)
		if err != nil {
			return err
		}
		if have >= tokenQuota {
			return errs.Say(errs.Conflict, "token.quota", "Count", tokenQuota)
		}
		if _, err := tx.Exec(`INSERT INTO api_tokens (org_id, token_id, token_hash, membership_id, scopes, name, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			tx.Scope.Org, tokenID, secret.Hash(value), m.MembershipID, n.Scopes, n.Name, tx.Now, n.Expires); err != nil {
			return err
		}
		return tenants.Audit(tx, "token.created", "token:"+tokenID.String(), map[string]any{"membership": m.MembershipID.String(), "scopes": n.Scopes, "until": n.Expires})
	})
	if err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	return secret.Secret("ls_" + base64.RawURLEncoding.EncodeToString(tokenID.UUID[:]) + "_" + value), nil
}

// holder is the active member for whom a token is made.
func holder(tx *db.Tx, email string) (m tenants.Membership, err error) {
	if email == "" {
		m, err = tenants.MemberByID(tx, tx.Scope.Membership)
	} else {
		m, err = tenants.MemberByEmail(tx, email)
	}
	if err == nil && (m.State != "active" || tx.Scope.Actor == scope.Member && m.MembershipID != tx.Scope.Membership) {
		err = errs.New(errs.NotFound, "no active member %s to make a token for", m.MembershipID)
	}
	return m, err
}

// Token is a token as its organization's administrator sees it; the secret is not among what is known of it.
type Token struct {
	TokenID    id.Any     `db:"token_id"`
	Name       string     `db:"name"`
	Scopes     []string   `db:"scopes"`
	Member     string     `db:"member"` // name of the one for whom it acts
	Left       bool       `db:"gone"`   // that membership has ended, and the token with it
	CreatedAt  time.Time  `db:"created_at"`
	ExpiresAt  time.Time  `db:"expires_at"`
	LastUsedAt *time.Time `db:"last_used_at"` // to the minute; nil: never
}

// Tokens lists the organization's tokens, newest first; there are at most 100.
func (s *Service) Tokens(ctx context.Context) (out []Token, err error) {
	if err := authz.Check(ctx, authz.CreateToken, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT t.token_id, t.name, t.scopes, m.name AS member, m.state <> 'active' AS gone, t.created_at, t.expires_at, t.last_used_at
			FROM api_tokens t JOIN memberships m ON m.org_id = t.org_id AND m.membership_id = t.membership_id
			WHERE t.org_id = $1 ORDER BY t.created_at DESC, t.token_id LIMIT $2`, sc.Org, tokenQuota)
	})
	return out, err
}

// RevokeToken ends a token of the organization: from the next request on it is nobody's. NotFound if there is none.
func (s *Service) RevokeToken(ctx context.Context, token id.Any) error {
	if err := authz.Check(ctx, authz.CreateToken, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM api_tokens WHERE org_id = $1 AND token_id = $2`, tx.Scope.Org, token); err != nil {
			return err
		}
		return tenants.Audit(tx, "token.revoked", "token:"+token.String(), nil)
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// Bearer is a token with the membership that it acts for, as of this request.
type Bearer struct {
	tenants.Membership

	TokenID    id.Any     `db:"token_id"`
	Scopes     []string   `db:"scopes"`
	LastUsedAt *time.Time `db:"last_used_at"`
}

// Bearer returns whose token it is at the organization whose host was asked; NotFound for any other, an expired one, or one of
// an ended membership. It is looked up for every request; its use is noted at most once a minute.
func (s *Service) Bearer(ctx context.Context, org tenants.Organization, token string) (Bearer, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Bearer{}, err
	}
	none := errs.New(errs.NotFound, "no such token")
	rest, ok := strings.CutPrefix(token, "ls_")
	if !ok || len(rest) != 22+1+43 || rest[22] != '_' || !secret.IsToken(rest[23:]) {
		return Bearer{}, none
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest[:22])
	if err != nil {
		return Bearer{}, none
	}
	now := s.now()
	var out Bearer
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &out, &found, `SELECT `+tenants.MembershipColumns+`, t.token_id, t.scopes, t.last_used_at
			FROM api_tokens t JOIN memberships m ON m.org_id = t.org_id AND m.membership_id = t.membership_id JOIN organizations o ON o.org_id = t.org_id AND o.state = 'active'
			WHERE t.org_id = $1 AND t.token_id = $2 AND t.token_hash = $3 AND t.expires_at > $4 AND m.state = 'active'`,
			org.OrgID, id.Any{UUID: uuid.UUID(raw)}, secret.Hash(rest[23:]), now)
	}); err != nil {
		return Bearer{}, fmt.Errorf("read token: %w", err)
	}
	if !found {
		return Bearer{}, none
	}
	if out.LastUsedAt == nil || now.Sub(*out.LastUsedAt) >= tokenUsedEvery {
		if err := s.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE api_tokens SET last_used_at = $3 WHERE org_id = $1 AND token_id = $2 AND (last_used_at IS NULL OR last_used_at < $3)`, org.OrgID, out.TokenID, tx.Now)
			return err
		}); err != nil {
			return Bearer{}, fmt.Errorf("note token: %w", err)
		}
	}
	return out, nil
}
