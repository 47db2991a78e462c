package db

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Trace records the statements of a call, so that tests can explain the plan of SQL that a room keeps to itself. Statements
// of GORM are not recorded.
type Trace struct {
	mu         sync.Mutex
	statements []Statement
}

// Statement is one statement as it was sent.
type Statement struct {
	SQL  string
	Args []any
}

type traceKey struct{}

// WithTrace returns a context whose statements are recorded; for tests.
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := &Trace{}
	return context.WithValue(ctx, traceKey{}, t), t
}

// Statements returns what was recorded, in order, without BEGIN, settings and COMMIT.
func (t *Trace) Statements() []Statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.statements)
}

// trace records the statements of a batch if ctx asks for it.
func trace(ctx context.Context, queued []*pgx.QueuedQuery) {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, q := range queued {
			if q.SQL != "COMMIT" && !strings.HasPrefix(q.SQL, "SELECT set_config(") {
				t.statements = append(t.statements, Statement{q.SQL, q.Arguments})
			}
		}
	}
}
