package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// maxToken is the longest life of an API token.
const maxToken = 366 * 24 * time.Hour

// CreateToken makes an API token for a member of the acting organization: "ls_<id>_<secret>", shown once and stored as its
// hash. Scopes are words such as "items:read" and may not be empty; the life is at most a year. The operator and the
// organization's administrator may.
func (s *Service) CreateToken(ctx context.Context, email string, scopes []string, expiry time.Time) (secret.Secret, error) {
	if err := authz.Check(ctx, authz.CreateToken, id.Org{}); err != nil {
		return "", err
	}
	now := s.now()
	if len(scopes) == 0 || !expiry.After(now) || expiry.After(now.Add(maxToken)) {
		return "", errs.New(errs.Invalid, "token without scopes, or for less than nothing or more than a year")
	}
	tokenID, value := id.New[id.Any](), secret.NewToken()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		m, err := tenants.MemberByEmail(tx, email)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO api_tokens (org_id, token_id, token_hash, membership_id, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			tx.Scope.Org, tokenID, secret.Hash(value), m.MembershipID, scopes, tx.Now, expiry); err != nil {
			return err
		}
		return tenants.Audit(tx, "token.created", "token:"+tokenID.String(), map[string]any{"membership": m.MembershipID.String(), "scopes": scopes, "until": expiry})
	})
	if err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	return secret.Secret("ls_" + base64.RawURLEncoding.EncodeToString(tokenID.UUID[:]) + "_" + value), nil
}

// Token is a token's holder.
type Token struct {
	tenants.Membership

	TokenID    id.Any     `db:"token_id"`
	Scopes     []string   `db:"scopes"`
	LastUsedAt *time.Time `db:"last_used_at"`
}

// Bearer returns whose token it is at the organization whose host was asked; NotFound for any other, an expired one, or one of
// an ended membership. Its use is noted at most every five minutes.
func (s *Service) Bearer(ctx context.Context, org tenants.Organization, token string) (Token, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Token{}, err
	}
	none := errs.New(errs.NotFound, "no such token")
	rest, ok := strings.CutPrefix(token, "ls_")
	if !ok || len(rest) != 22+1+43 || rest[22] != '_' || !secret.IsToken(rest[23:]) {
		return Token{}, none
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest[:22])
	if err != nil {
		return Token{}, none
	}
	tokenID := id.Any{UUID: uuid.UUID(raw)}
	var out Token
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		out, err = db.Row[Token](tx, `SELECT `+tenants.MembershipColumns+`, t.token_id, t.scopes, t.last_used_at
			FROM api_tokens t JOIN memberships m ON m.org_id = t.org_id AND m.membership_id = t.membership_id JOIN organizations o ON o.org_id = t.org_id AND o.state = 'active'
			WHERE t.org_id = $1 AND t.token_id = $2 AND t.token_hash = $3 AND t.expires_at > $4 AND m.state = 'active'`, org.OrgID, tokenID, secret.Hash(rest[23:]), tx.Now)
		if err != nil || (out.LastUsedAt != nil && tx.Now.Sub(*out.LastUsedAt) < seenEvery) {
			return err
		}
		_, err = tx.Exec(`UPDATE api_tokens SET last_used_at = $3 WHERE org_id = $1 AND token_id = $2`, org.OrgID, tokenID, tx.Now)
		return err
	})
	return out, err
}
