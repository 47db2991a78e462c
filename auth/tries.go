package auth

import (
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
)

// What is counted.
const (
	tryStart       = "start_network"
	tryLinkAddress = "link_address"
	tryLinkNetwork = "link_network"
	tryDoor        = "door"           // links of the public door, of all together
	tryLogout      = "logout_network" // forged tokens of a provider's sign-out
)

// tryWindow is the longest time that attempts are remembered.
const tryWindow = 15 * time.Minute

// try counts one attempt under key and returns RateLimited when there were limit of them within the window. An attempt
// beyond the limit is not counted, so waiting always helps.
func (s *Service) try(tx *db.Tx, kind, key string, limit int, window time.Duration) error {
	h := s.keys.MAC("sign_in_tries", kind, tx.Scope.Org.String(), key)
	// Two at once would both see the last free place.
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex'), 12))`, h); err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM sign_in_tries WHERE org_id = $1 AND at < $2`, tx.Scope.Org, tx.Now.Add(-tryWindow)); err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	n, err := tx.Exec(`INSERT INTO sign_in_tries (org_id, kind, key_hash, at) SELECT $1, $2, $3, $4
		WHERE (SELECT count(*) FROM sign_in_tries WHERE org_id = $1 AND kind = $2 AND key_hash = $3 AND at > $6) < $5`,
		tx.Scope.Org, kind, h, tx.Now, limit, tx.Now.Add(-window))
	if err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	if n == 0 {
		return &errs.Error{Kind: errs.RateLimited, Key: "auth.limit", RetryAfter: window, Err: fmt.Errorf("%s: more than %d in %s", kind, limit, window)}
	}
	return nil
}
