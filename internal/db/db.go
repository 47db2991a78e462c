// Package db is the only way to PostgreSQL. It offers two things and no query method beside them: Tx, a transaction in
// the scope of who acts, for writes and single reads; and Read, a batch of queries in one round trip under one snapshot,
// for pages. Both set the settings that the row policies read (app.org_id, app.membership_id, app.actor) from the scope in
// the context, inside the transaction, and refuse to work without one. Driver errors become errors of internal/errs here.
//
// It also owns the migrations of all rooms, the roles, and the embedded cluster. Any room may call it; it calls none.
package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/semaphore"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
)

// DB is a pool of connections as the role learnscape_app.
type DB struct {
	pool  *pgxpool.Pool
	turns *semaphore.Weighted // reads of people that are under way
	std   *sql.DB
	gorm  *gorm.DB
	now   func() time.Time
}

// Options says how to open the pool.
type Options struct {
	DSN      string           // as learnscape_app
	MaxConns int32            // default 5 per core
	Now      func() time.Time // the clock, default the machine's, UTC
}

// floor is the oldest server that is not known to leak through its statistics (CVE-2025-8713, fixed in 15.14).
const floor = 150014

// ErrTooOld means that the server is older than 15.14.
var ErrTooOld = errors.New("PostgreSQL is older than 15.14, which leaks rows through statistics (CVE-2025-8713)")

// ErrPrivileged means that the application's role could walk around the row policies.
var ErrPrivileged = errors.New("the application's role is a superuser, bypasses row security or owns tables")

// Open connects and checks that the server is new enough and the role as powerless as the row policies need. It does not
// migrate.
func Open(ctx context.Context, o Options) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("parse database address: %w", redact(err))
	}
	if o.MaxConns == 0 {
		o.MaxConns = int32(min(5*runtime.NumCPU(), 64)) //nolint:gosec // At most 64.
	}
	cfg.MaxConns = o.MaxConns
	cfg.MinIdleConns = 1
	cfg.ConnConfig.RuntimeParams["application_name"] = "learnscape"
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = "repeatable read" // for Read; Tx asks for its own
	// Statements are few, prepared, and start from keys: a plan made once is as good as one made for each call, which costs more
	// than the statement itself. What searches texts asks for its own (search_read).
	cfg.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "15000"
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "15000"
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	cfg.AfterConnect = readJSON
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", redact(err))
	}
	// Three pages per two cores are read at once and the others wait in the order in which they came: at ten at once each took as long as all of
	// them, with a quarter more CPU; at four the slowest took a fifth longer than at three; at two, cores sleep and wake, which costs light pages
	// a sixth of their rate. What writes holds its connection over several round trips and takes no turn, nor does work that nobody waits for.
	d := &DB{pool: pool, turns: semaphore.NewWeighted(int64((3*runtime.NumCPU() + 1) / 2)), now: o.Now}
	if d.now == nil {
		d.now = func() time.Time { return time.Now().UTC() } //nolint:forbidigo // The clock's one source.
	}
	if err := d.check(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	d.std = stdlib.OpenDBFromPool(pool)
	d.std.SetMaxIdleConns(0)
	d.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: d.std}), &gorm.Config{
		SkipDefaultTransaction: true, DisableAutomaticPing: true, Logger: logger.Discard,
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open gorm: %w", err)
	}
	return d, nil
}

// readJSON has json and jsonb read by the second version of encoding/json, which takes half the time.
func readJSON(_ context.Context, c *pgx.Conn) error {
	codec := &pgtype.JSONCodec{Marshal: json.Marshal, Unmarshal: func(b []byte, v any) error {
		return jsonv2.Unmarshal(b, v, jsonv2.MatchCaseInsensitiveNames(true)) // Names of columns and of fields.
	}}
	c.TypeMap().RegisterType(&pgtype.Type{Name: "json", OID: pgtype.JSONOID, Codec: codec})
	c.TypeMap().RegisterType(&pgtype.Type{Name: "jsonb", OID: pgtype.JSONBOID, Codec: &pgtype.JSONBCodec{Marshal: codec.Marshal, Unmarshal: codec.Unmarshal}})
	return nil
}

func (d *DB) check(ctx context.Context) error {
	var version int
	var loose bool
	err := d.pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int,
		rolsuper OR rolbypassrls OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace)
		FROM pg_roles r WHERE rolname = current_user`).Scan(&version, &loose)
	switch {
	case err != nil:
		return fmt.Errorf("reach database: %w", redact(err))
	case version < floor:
		return ErrTooOld
	case loose:
		return ErrPrivileged
	}
	return nil
}

// Close ends all connections after those in use were given back.
func (d *DB) Close() { d.pool.Close() }

// Now is the time of the database's clock source, UTC; inside a transaction use Tx.Now.
func (d *DB) Now() time.Time { return d.now() }

// Ping reports whether the server answers within the context's deadline.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.pool.Ping(ctx); err != nil {
		return translate(err)
	}
	return nil
}

// settings returns the statement that makes the scope known to the row policies.
func settings(s scope.Scope) (string, []any) {
	member := s.Membership.String()
	if s.Membership.IsZero() {
		member = ""
	}
	if (s.Actor == scope.Visitor || s.Actor == scope.Individual) && !s.Visitor.IsZero() {
		member = s.Visitor.String()
	}
	org := s.Org.String()
	if s.Org.IsZero() || s.Actor == scope.Individual { // An individual belongs to no organization, whatever a scope says.
		org = ""
	}
	const acts = `SELECT set_config('app.org_id',$1,true),set_config('app.membership_id',$2,true),set_config('app.actor',$3,true),set_config('app.proof','',true)`
	if s.Actor == scope.Console {
		if !s.Operator.IsZero() {
			member = s.Operator.String()
		}
		return acts + `,set_config('app.view_org',$4,true)`, []any{org, member, string(s.Actor), uuid.Nil.String()}
	}
	if !s.View.IsZero() {
		return acts + `,set_config('app.view_org',$4,true)`, []any{org, member, string(s.Actor), s.View.String()}
	}
	return acts, []any{org, member, string(s.Actor)}
}

// redact keeps passwords in connection strings out of errors.
func redact(err error) error {
	if p, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		_ = p
		return errors.New("the connection string cannot be parsed")
	}
	return err
}

// translate gives driver errors their kind (SQLSTATE classes, PostgreSQL manual appendix A).
func translate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, sql.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound) {
		return &errs.Error{Kind: errs.NotFound, Err: err}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pg.Code == "23505", pg.Code == "23P01":
			return &errs.Error{Kind: errs.Conflict, Err: err}
		case pg.Code == "23503", pg.Code == "42501": // a reference to nothing visible; a row policy refused the write
			return &errs.Error{Kind: errs.NotFound, Err: err}
		case pg.Code == "23514", pg.Code == "22001", pg.Code[:2] == "22":
			return &errs.Error{Kind: errs.Invalid, Err: err}
		case pg.Code == "25006": // a write in the transaction of a view
			return &errs.Error{Kind: errs.Conflict, Key: "errs.viewing", Err: err}
		case pg.Code == "57014":
			return &errs.Error{Kind: errs.Timeout, Err: err, RetryAfter: 5 * time.Second}
		case pg.Code[:2] == "08", pg.Code[:2] == "53", pg.Code[:2] == "57":
			return &errs.Error{Kind: errs.Unavailable, Err: err, RetryAfter: 5 * time.Second}
		}
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &errs.Error{Kind: errs.Timeout, Err: err, RetryAfter: 5 * time.Second}
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || pgconn.SafeToRetry(err) || isNet(err) {
		return &errs.Error{Kind: errs.Unavailable, Err: err, RetryAfter: 5 * time.Second}
	}
	return err
}

// retryable reports a failure that goes away when the transaction runs again.
func retryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

func logRollback(ctx context.Context, err error) {
	if err != nil && !errors.Is(err, sql.ErrTxDone) && ctx.Err() == nil {
		slog.WarnContext(ctx, "roll back", "error", err)
	}
}
