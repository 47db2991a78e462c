package demo

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// pgxConnect connects past the row policies, to look at what everybody wrote.
func pgxConnect(t testing.TB, dsn string) (*pgx.Conn, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	}
	return conn, err
}
