// Package courses plants one violation per rule of .golangci.yml. Each line that must be found says by which linter. Nothing
// compiles it but the linter.
package courses

import (
	"context"
	"crypto/md5" // want gosec
	"database/sql" // want depguard
	"errors"
	"fmt"
	"io/ioutil" // want depguard
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/coreos/go-oidc/v3/oidc" // want depguard
	"github.com/gofiber/fiber/v2" // want depguard
	"github.com/a-h/templ" // want depguard
	"github.com/jackc/pgx/v5/pgxpool" // want depguard
	"github.com/riverqueue/river" // want depguard
	"gorm.io/gorm" // want depguard

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing" // want depguard
	"github.com/learnscape/learnscape/community" // want depguard
	"github.com/learnscape/learnscape/search" // want depguard
)

var (
	_ = oidc.NewProvider
	_ templ.Component
	_ pgxpool.Pool
	_ river.Client[any]
	_ gorm.DB
	_ marketing.Service
	_ community.Service
	_ search.Service
	_ = ioutil.Discard
)

func init() {} // want gochecknoinits

type held struct {
	ctx context.Context // want containedctx
}

func clock(c *fiber.Ctx, d *gorm.DB) error {
	_ = time.Now() // want forbidigo
	time.Sleep(time.Second) // want forbidigo
	fmt.Println("x") // want forbidigo
	fmt.Fprintln(os.Stderr, "x") // want forbidigo
	println("x") // want forbidigo
	ctx := context.Background() // want forbidigo
	_ = context.TODO() // want forbidigo
	ctx = scope.Enter(ctx, scope.System(scope.Operator, id.Org{})) // want forbidigo
	_ = http.DefaultClient // want forbidigo
	_, _ = http.Get("http://localhost") // want forbidigo
	_ = os.Getenv("X") // want forbidigo
	_ = c.Format("x") // want forbidigo
	_ = d.AutoMigrate() // want forbidigo
	_ = held{ctx}
	return nil
}

func mistakes(ctx context.Context, err error, v any, db *sql.DB) (string, error) {
	if err == errNone { // want errorlint
		return "", nil
	}
	if e, ok := err.(*oops); ok { // want errorlint
		return e.Error(), nil
	}
	_ = v.(string) // want errcheck
	os.Remove("x") // want errcheck
	if err != nil {
		return "", nil // want nilerr
	}
	slog.Info("x", "a", 1, slog.Int("b", 2)) // want sloglint
	_, _ = http.NewRequest(http.MethodGet, "x", nil) // want noctx
	rows, err := db.QueryContext(ctx, "SELECT 1") // want sqlclosecheck rowserrcheck
	if err != nil {
		return "", err
	}
	for rows.Next() {
	}
	_ = md5.New()
	other() //nolint // want nolintlint
	switch scope.Role("x") { // want exhaustive
	case scope.Learner:
	}
	for i := 0; i < 3; i++ { // want modernize
		_ = i
	}
	fmt.Errorf("recieve") // want govet staticcheck
	return "recieve", nil // want misspell
}

var errNone = errors.New("none")

type oops struct{}

func (*oops) Error() string { return "" }

func Exported() {} // want revive

func other() { _ = clock; _ = mistakes; _ = always(1); x := 1; x = 2; _ = x }

func always(n int) int { return 1 }

func dead() {} // want unused

func badly( ) {} // want gofumpt

func passes(ctx context.Context) { detached() } // want contextcheck unparam

func detached() { _, _ = http.NewRequestWithContext(context.Background(), http.MethodGet, "x", nil) }
