package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bootstrap creates the roles and gives the database to learnscape_owner. dsn connects as a superuser (or a role that may
// create roles and owns the database). appPassword and ownerPassword may be empty where the server trusts its socket. It may
// be repeated.
func Bootstrap(ctx context.Context, dsn, ownerPassword, appPassword string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("bootstrap: %w", redact(err))
	}
	defer conn.Close(ctx) //nolint:errcheck // Read only from here.
	for _, r := range []struct{ name, attr, password string }{
		{"learnscape_owner", "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE", ownerPassword},
		{"learnscape_app", "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE", appPassword},
		{"learnscape_search", "NOLOGIN NOSUPERUSER NOBYPASSRLS", ""},
	} {
		var exists bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)`, r.name).Scan(&exists); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
		verb := "CREATE"
		if exists {
			verb = "ALTER"
		}
		q := verb + " ROLE " + r.name + " " + r.attr
		if r.password != "" {
			q += " PASSWORD " + quote(r.password)
		}
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("bootstrap role %s: %w", r.name, err)
		}
	}
	db := pgx.Identifier{conn.Config().Database}.Sanitize()
	for _, q := range []string{
		`GRANT learnscape_search TO learnscape_owner`,
		`GRANT CREATE, CONNECT ON DATABASE ` + db + ` TO learnscape_owner`,
		`ALTER SCHEMA public OWNER TO learnscape_owner`,
		`REVOKE ALL ON SCHEMA public FROM PUBLIC`,
		`GRANT USAGE ON SCHEMA public TO learnscape_app, learnscape_search`,
		`REVOKE CONNECT, TEMPORARY ON DATABASE ` + db + ` FROM PUBLIC`,
		`GRANT CONNECT ON DATABASE ` + db + ` TO learnscape_app`,
		`CREATE EXTENSION IF NOT EXISTS pg_trgm`, `CREATE EXTENSION IF NOT EXISTS unaccent`, `CREATE EXTENSION IF NOT EXISTS btree_gin`,
	} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	return nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Migrate brings the schema up to date as learnscape_owner under goose's session lock, so that replicas that start together
// do it once. It returns how many migrations ran. They wait for the disk once, at the end.
func Migrate(ctx context.Context, ownerDSN string) (int, error) {
	cfg, err := pgx.ParseConfig(ownerDSN)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", redact(err))
	}
	cfg.RuntimeParams["synchronous_commit"] = "off"
	std := stdlib.OpenDB(*cfg)
	defer std.Close() //nolint:errcheck // Nothing is buffered.
	p, err := provider(std)
	if err != nil {
		return 0, err
	}
	res, err := p.Up(ctx)
	if err != nil {
		return len(res), fmt.Errorf("migrate: %w", err)
	}
	if len(res) > 0 {
		// A commit that waits: what was committed before it is on the disk with it.
		if _, err := std.ExecContext(ctx, `SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'learnscape', 'migrated')`); err != nil {
			return len(res), fmt.Errorf("migrate: %w", err)
		}
	}
	return len(res), nil
}

// Behind returns how many migrations the schema lacks; serve refuses to start on any.
func (d *DB) Behind(ctx context.Context) (int, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	want := int64(len(files) + 1)
	var have int64
	err = d.pool.QueryRow(ctx, `SELECT count(DISTINCT version_id) FROM goose_db_version WHERE version_id > 0 AND is_applied`).Scan(&have)
	if err != nil {
		if errs := translate(err); strings.Contains(err.Error(), "42P01") {
			return int(want), nil
		} else if errs != nil {
			return 0, errs
		}
	}
	return int(max(0, want-have)), nil
}

func provider(std *sql.DB) (*goose.Provider, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, std, sub,
		goose.WithSessionLocker(locker), goose.WithGoMigrations(riverMigration()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return p, nil
}

// riverVersion is the number of River's own schema among ours; the files leave it free.
const riverVersion = 6

func riverMigration() *goose.Migration {
	return goose.NewGoMigration(riverVersion, &goose.GoFunc{RunDB: func(ctx context.Context, std *sql.DB) error {
		conn, err := std.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // Gives it back.
		var dsn string
		if err := conn.Raw(func(dc any) error {
			c, ok := dc.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("a connection of type %T", dc)
			}
			dsn = c.Conn().Config().ConnString()
			return nil
		}); err != nil {
			return err
		}
		pool, err := pgxpool.New(ctx, dsn)
		if err != nil {
			return redact(err)
		}
		defer pool.Close()
		m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
		if err != nil {
			return err
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("river: %w", err)
		}
		_, err = pool.Exec(ctx, `GRANT SELECT, INSERT, UPDATE, DELETE ON river_job, river_leader, river_queue TO learnscape_app;
			GRANT SELECT ON river_migration, goose_db_version TO learnscape_app; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO learnscape_app`)
		return err
	}}, nil)
}

// Partitions makes sure that the activity stream has a partition for every month from first to 24 months after now.
func Partitions(ctx context.Context, ownerDSN string, first, now time.Time) error {
	conn, err := pgx.Connect(ctx, ownerDSN)
	if err != nil {
		return fmt.Errorf("partitions: %w", redact(err))
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	if first.After(now) {
		return errors.New("partitions: the first month lies ahead")
	}
	if _, err := conn.Exec(ctx, `CALL ensure_months($1::date, $2::date)`, first, now.AddDate(0, 24, 0)); err != nil {
		return fmt.Errorf("partitions: %w", err)
	}
	return nil
}
