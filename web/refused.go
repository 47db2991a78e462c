package web

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/limit"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// refusals writes into the log, at its usual level, who was refused what: a right, a form from another site, one request more than the
// limit. A line names people and organizations by their ids and nothing of what was sent; there are so many in a minute, because whoever
// is refused can ask again, and the next one says how many there would have been.
type refusals struct {
	log   *slog.Logger
	lines *limit.Buckets[struct{}]
	more  atomic.Int64
}

// refusalLines is how many are written in a minute, a quarter of them at once.
const refusalLines = 240

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, lines: limit.New[struct{}](refusalLines)}
}

func (r *refusals) note(ctx context.Context, err error) {
	kind := kindOf(err)
	right, ok := errors.AsType[authz.Refusal](err)
	if !ok && kind != errs.Forbidden && kind != errs.RateLimited {
		return
	}
	if r.lines.Take(struct{}{}, time.Now()) > 0 { //nolint:forbidigo // As the time of the line itself.
		r.more.Add(1)
		return
	}
	who := []any{"ref", tenants.Request(ctx), "kind", kind}
	if right.Action != "" {
		who = append(who, "action", right.Action)
	} else {
		key, _ := errs.MessageKey(err)
		who = append(who, "why", key)
	}
	sc, _ := scope.From(ctx) // Whoever is nobody was refused all the same.
	if host, ok := auth.HostOrg(ctx); ok && sc.Org.IsZero() {
		sc.Org = host.OrgID
	}
	if !sc.Org.IsZero() {
		who = append(who, "org", sc.Org.String())
	}
	if !sc.Person.IsZero() {
		who = append(who, "person", sc.Person.String())
	}
	if !sc.Token.IsZero() {
		who = append(who, "token", sc.Token.String())
	}
	if n := r.more.Swap(0); n > 0 {
		who = append(who, "unwritten", n)
	}
	r.log.InfoContext(ctx, "refused", who...)
}
