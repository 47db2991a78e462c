package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
)

const (
	replyLife = 24 * time.Hour
	// replyBusy is how long a request may be under way, longer than any deadline; after that its process is gone, and the key is free.
	replyBusy = time.Minute
)

// reply is what a request with a key was answered.
type reply struct {
	Request   []byte    `db:"request"`
	Status    *int      `db:"status"`
	MediaType string    `db:"media_type"`
	ETag      string    `db:"etag"`
	Location  string    `db:"location"`
	Body      []byte    `db:"body"`
	CreatedAt time.Time `db:"created_at"`
}

// once runs next unless the token has made this request with this key before: then it gets the same answer, and nothing happens
// again. A request that failed on the server's side was none.
func (a *API) once(ctx context.Context, c *fiber.Ctx, key string, body []byte, next func()) error {
	if len(key) > 200 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errs.Fields(errs.Field{Name: "Idempotency-Key", Key: "api.key_form"})
	}
	h := sha256.New()
	for _, s := range []string{c.Method(), c.OriginalURL(), c.Get(fiber.HeaderIfMatch), hex.EncodeToString(body)} {
		h.Write([]byte(s + "\n"))
	}
	sum := h.Sum(nil)
	before, err := a.claim(ctx, key, sum)
	if err != nil {
		return err
	}
	if before != nil {
		for k, v := range map[string]string{fiber.HeaderContentType: before.MediaType, fiber.HeaderETag: before.ETag, fiber.HeaderLocation: before.Location, "Idempotency-Replayed": "true"} {
			if v != "" {
				c.Set(k, v)
			}
		}
		return c.Status(*before.Status).Send(before.Body)
	}
	answered := false
	defer func() {
		if !answered {
			a.release(ctx, key, sum)
		}
	}()
	next()
	if res := c.Response(); res.StatusCode() < 500 {
		answered = a.keep(ctx, key, sum, reply{
			Status: new(res.StatusCode()), MediaType: string(res.Header.ContentType()), ETag: string(res.Header.Peek(fiber.HeaderETag)),
			Location: string(res.Header.Peek(fiber.HeaderLocation)), Body: res.Body(),
		})
	}
	return nil
}

// claim takes the key for a request, or returns how the request was answered before.
func (a *API) claim(ctx context.Context, key string, sum []byte) (before *reply, err error) {
	err = a.db.Tx(ctx, func(tx *db.Tx) error {
		before = nil
		var n int64
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM api_replies WHERE org_id = $1 AND token_id = $2 AND (created_at < $3 OR key = $4 AND status IS NULL AND created_at < $5)`,
				tx.Scope.Org, tx.Scope.Token, tx.Now.Add(-replyLife), key, tx.Now.Add(-replyBusy))
			db.Write(b, &n, `INSERT INTO api_replies (org_id, token_id, key, request, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, tx.Scope.Org, tx.Scope.Token, key, sum, tx.Now)
		}); err != nil || n == 1 {
			return err
		}
		r, err := db.Row[reply](tx, `SELECT r.request, r.status, r.media_type, r.etag, r.location, r.body, r.created_at FROM api_replies r WHERE r.org_id = $1 AND r.token_id = $2 AND r.key = $3`,
			tx.Scope.Org, tx.Scope.Token, key)
		switch {
		case err != nil:
			return err
		case string(r.Request) != string(sum):
			return errs.Fields(errs.Field{Name: "Idempotency-Key", Key: "api.key_used"})
		case r.Status == nil:
			return &errs.Error{Kind: errs.Conflict, Key: "api.key_busy", RetryAfter: time.Second}
		}
		before = &r
		return nil
	})
	return before, err
}

// keep stores the answer; a day of answers is worth less than the change that was made, so that one that cannot be kept is logged.
func (a *API) keep(ctx context.Context, key string, sum []byte, r reply) bool {
	err := a.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE api_replies SET status = $5, media_type = $6, etag = $7, location = $8, body = $9 WHERE org_id = $1 AND token_id = $2 AND key = $3 AND request = $4`,
			tx.Scope.Org, tx.Scope.Token, key, sum, r.Status, r.MediaType, r.ETag, r.Location, r.Body)
		return err
	})
	if err != nil {
		a.log.WarnContext(ctx, "keep an answer", "error", err)
	}
	return true
}

// release frees the key of a request that was not answered, also after its deadline.
func (a *API) release(ctx context.Context, key string, sum []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := a.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM api_replies WHERE org_id = $1 AND token_id = $2 AND key = $3 AND request = $4 AND status IS NULL`, tx.Scope.Org, tx.Scope.Token, key, sum)
		return err
	}); err != nil {
		a.log.WarnContext(ctx, "free a key", "error", err)
	}
}
