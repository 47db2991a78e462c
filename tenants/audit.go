package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/learnscape/learnscape/internal/db"
)

type requestKey struct{}

// WithRequest returns a context whose audit lines carry the request's reference, which a person sees on an error page.
func WithRequest(ctx context.Context, ref string) context.Context {
	return context.WithValue(ctx, requestKey{}, ref)
}

// Request returns the reference of the request in ctx, or "".
func Request(ctx context.Context) string {
	ref, _ := ctx.Value(requestKey{}).(string) // No reference is the empty one.
	return ref
}

// Audit writes a line into the log of tx's organization, in the transaction of the change: what was done ("noun.verbed"),
// to what ("kind:id"), and detail as JSON, an object that holds identifiers and never secrets. What a program did says with which token, and what an operator
// did says whose hand it was: such a line stands in the operators' log, too.
func Audit(tx *db.Tx, action, object string, detail any) error {
	_, err := auditLine(tx, action, object, detail)
	return err
}

// AuditEach is Audit for many objects at once, in one round trip.
func AuditEach(tx *db.Tx, action string, detail map[string]any) error {
	objects := slices.Sorted(maps.Keys(detail))
	lines := make([][]byte, len(objects))
	for i, o := range objects {
		j, err := json.Marshal(detail[o])
		if err != nil {
			return fmt.Errorf("audit %s: %w", action, err)
		}
		lines[i] = j
	}
	request := Request(tx.Context())
	return tx.Batch(func(b *db.Batch) {
		for i, o := range objects {
			db.Write(b, nil, auditSQL, auditArgs(tx, action, o, request, lines[i])...)
		}
	})
}

const auditSQL = `INSERT INTO audit (org_id, at, actor, membership_id, action, object, detail, request_id)
	VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb || jsonb_strip_nulls(jsonb_build_object('token', $9::uuid, 'operator', $10::uuid, 'named', nullif($11, ''))), $8)`

func auditArgs(tx *db.Tx, action, object, request string, detail []byte) []any {
	return []any{tx.Scope.Org, tx.Now, string(tx.Scope.Actor), tx.Scope.Membership, action, object, detail, request, tx.Scope.Token, tx.Scope.Operator, tx.Scope.Named}
}

// auditLine is Audit that says which line it was.
func auditLine(tx *db.Tx, action, object string, detail any) (int64, error) {
	if detail == nil {
		detail = struct{}{}
	}
	j, err := json.Marshal(detail)
	if err != nil {
		return 0, fmt.Errorf("audit %s: %w", action, err)
	}
	return db.Row[int64](tx, auditSQL+` RETURNING seq`, auditArgs(tx, action, object, Request(tx.Context()), j)...)
}
