// Package dbtest gives tests a real, migrated PostgreSQL: one database per test process, shared by its tests, which keep
// apart by making organizations of their own. `make test` starts one cluster for all packages; a single `go test` starts
// its own and stops it at the end. Without server binaries the tests fail and say what to install.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/embedded"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// EnvSocket names the folder of the unix socket of a running test cluster whose template is migrated.
const EnvSocket = "LEARNSCAPE_TEST_PG_SOCKET"

// Template is the migrated database that others are cloned from.
const Template = "learnscape_template"

type state struct {
	once   sync.Once
	socket string
	shared *db.DB
	name   string
	err    error
}

var process state //nolint:gochecknoglobals // One cluster for the process is the point.

// Open returns the process's database as learnscape_app.
func Open(t testing.TB) *db.DB {
	t.Helper()
	process.once.Do(start)
	if process.err != nil {
		t.Fatal(process.err)
	}
	return process.shared
}

// Fresh returns a database of the test's own, as learnscape_app: for tests that take the outbox or look at all rows.
func Fresh(t testing.TB) *db.DB {
	t.Helper()
	d, _ := FreshDSN(t)
	return d
}

// FreshDSN is Fresh with a function that returns the address of that database for a role.
func FreshDSN(t testing.TB) (*db.DB, func(role string) string) {
	t.Helper()
	Open(t)
	name, err := clone(t.Context(), process.socket)
	if err != nil {
		t.Fatal(err)
	}
	dsn := func(role string) string { return DSN(process.socket, role, name) }
	d, err := db.Open(t.Context(), db.Options{DSN: dsn("learnscape_app"), MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, dsn
}

// OwnerDSN is the address of the process's database for a role: learnscape_owner, or postgres for what only a superuser sees.
func OwnerDSN(t testing.TB, role string) string {
	t.Helper()
	Open(t)
	return DSN(process.socket, role, process.name)
}

// DSN is the address of a database on the socket.
func DSN(socket, role, name string) string {
	return fmt.Sprintf("host=%s user=%s dbname=%s sslmode=disable", socket, role, name)
}

// As returns a context in which a member of org with the roles acts; the membership need not exist.
func As(t testing.TB, org id.Org, m id.Membership, p id.Person, roles ...scope.Role) context.Context {
	t.Helper()
	return scope.Enter(Shown(t.Context()), scope.Scope{Actor: scope.Member, Org: org, Membership: m, Person: p, Roles: append(roles, scope.Learner)})
}

// Shown returns a context in which whoever acts has just signed in, whatever a test does to the clock.
func Shown(ctx context.Context) context.Context {
	return authz.WithShown(ctx, time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC))
}

// System returns a context in which the named system actor acts for org.
func System(t testing.TB, a scope.Actor, org id.Org) context.Context {
	t.Helper()
	return scope.Enter(t.Context(), scope.System(a, org))
}

func start() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) //nolint:forbidigo // The process's own start.
	defer cancel()
	process.err = func() error {
		process.socket = os.Getenv(EnvSocket)
		if process.socket == "" {
			dir, err := os.MkdirTemp("", "learnscape-test-")
			if err != nil {
				return err
			}
			// The parent must be passable for the user that the server drops to.
			if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // As said.
				return err
			}
			c, err := Cluster(ctx, dir)
			if err != nil {
				return err
			}
			process.socket = c.Socket // Ends with this process (Pdeathsig).
		}
		name, err := clone(ctx, process.socket)
		if err != nil {
			return err
		}
		process.name = name
		process.shared, err = db.Open(ctx, db.Options{DSN: DSN(process.socket, "learnscape_app", name), MaxConns: 16})
		return err
	}()
}

// Cluster starts a test cluster in dir with a migrated template. The caller stops it.
func Cluster(ctx context.Context, dir string) (*embedded.Cluster, error) {
	c, err := embedded.Start(ctx, embedded.Options{Dir: dir + "/pg"})
	if err != nil {
		return nil, err
	}
	if _, err := c.EnsureDatabase(ctx, Template); err != nil {
		return nil, err
	}
	if err := db.Bootstrap(ctx, c.DSN("postgres", Template), "", ""); err != nil {
		return nil, err
	}
	owner := c.DSN("learnscape_owner", Template)
	if _, err := db.Migrate(ctx, owner); err != nil {
		return nil, err
	}
	now := time.Now().UTC() //nolint:forbidigo // Partitions around the day of the test.
	if err := db.Partitions(ctx, owner, now.AddDate(-2, 0, 0), now); err != nil {
		return nil, err
	}
	return c, nil
}

func clone(ctx context.Context, socket string) (string, error) {
	conn, err := pgx.Connect(ctx, DSN(socket, "postgres", "postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	name := "t_" + strings.ReplaceAll(id.New[id.Any]().String(), "-", "")
	for try := range 50 {
		// A template that another process is cloning or checking right now refuses for a moment.
		if _, err = conn.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+Template); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Duration(try+1) * 20 * time.Millisecond):
		}
	}
	if err != nil {
		return "", fmt.Errorf("clone the test database: %w", err)
	}
	for _, q := range []string{
		`REVOKE CONNECT, TEMPORARY ON DATABASE ` + name + ` FROM PUBLIC`, `GRANT CONNECT ON DATABASE ` + name + ` TO learnscape_app, learnscape_owner`,
	} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return "", err
		}
	}
	return name, nil
}
