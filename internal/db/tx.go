package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Tx is a transaction in the scope of who acts.
type Tx struct {
	Now   time.Time // the time of everything this transaction writes, UTC, microseconds
	Scope scope.Scope

	ctx   context.Context //nolint:containedctx // A transaction lives inside one call; its statements share that call's deadline.
	conn  *sql.Conn
	gorm  *gorm.DB
	n     *Counter
	begun bool
	done  bool   // committed by Last
	led   *Guard // whose question came first; nil for none
}

// Tx runs fn in one transaction in the scope of ctx and commits unless fn fails. A serialization failure or deadlock runs
// it again, up to three times in all, so fn must not reach outside the database. The transaction begins with its first
// statement, in the same round trip; one without a statement never begins.
func (d *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := d.once(ctx, s, fn)
		if err == nil || !retryable(err) || try == 3 {
			return translate(err)
		}
	}
}

func (d *DB) once(ctx context.Context, s scope.Scope, fn func(*Tx) error) (err error) {
	conn, err := d.std.Conn(ctx)
	if err != nil {
		return err
	}
	// Gives the connection back. One with a transaction still open, after a panic or a lost server, is thrown away by the pool.
	defer conn.Close() //nolint:errcheck // The transaction's own error counts.
	g := d.gorm.Session(&gorm.Session{NewDB: true, Context: ctx})
	g.Statement.ConnPool = conn
	tx := &Tx{Now: d.now().Truncate(time.Microsecond), Scope: s, ctx: ctx, conn: conn, gorm: g, n: CounterFrom(ctx)}
	err = fn(tx)
	if err == nil && tx.doubted() {
		err = ErrPresumed // fn passed over it.
	}
	if err != nil {
		if tx.begun && !tx.done {
			logRollback(ctx, tx.lend(func(c *pgx.Conn) error {
				_, err := c.Exec(ctx, "ROLLBACK")
				return err
			}))
		}
		return err
	}
	if !tx.begun || tx.done {
		return nil
	}
	return tx.Last(func(*Batch) {})
}

// committed says that PostgreSQL turned the COMMIT into a rollback, because a statement had failed and its error was passed over.
func committed(tag string) error {
	if tag != "COMMIT" {
		return fmt.Errorf("COMMIT became %s", tag)
	}
	return nil
}

// begin queues the beginning of the transaction before its first statement, and the question of a guard that is not answered yet.
func (tx *Tx) begin(b *Batch) {
	if tx.begun {
		return
	}
	tx.begun = true
	tx.n.add(1)
	if b.before = 1; tx.Scope.ReadsOnly() {
		b.b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")
	} else {
		b.b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	}
	if g := pending(tx.ctx); g != nil {
		g.asked.Store(true)
		tx.led = g
		q, args := settings(g.scope)
		Write(b, nil, q, args...)
		b.guard(g)
	}
	q, args := settings(tx.Scope)
	Write(b, nil, q, args...)
}

// doubted reports whether the transaction led with a question whose answer is not the presumed one.
func (tx *Tx) doubted() bool { return tx.led != nil && !tx.led.holds.Load() }

// As runs fn as a named system actor of one organization, inside the same transaction: for what a change on terms that two
// organizations signed writes on the other side. The scope before it acts again afterwards.
func (tx *Tx) As(actor scope.Actor, org id.Org, fn func() error) error {
	if actor.Human() || actor == "" {
		return fmt.Errorf("act as %q: not a system actor", actor)
	}
	if tx.Scope.ReadsOnly() {
		return errors.New("act as somebody where only reading is allowed") // It would go on with the other's rights, and see what is hidden.
	}
	before := tx.Scope
	as := scope.System(actor, org)
	as.Operator, as.Named = before.Operator, before.Named
	defer func() { tx.Scope = before }()
	for i, s := range []scope.Scope{as, before} {
		q, args := settings(s)
		if before.Actor == scope.Console && i == 0 {
			q += `,set_config('app.view_org','',true)` // The console sees nothing; whoever acts for it sees what it takes.
		}
		if err := tx.exec(q, args...); err != nil {
			return err
		}
		if tx.Scope = s; i == 0 {
			if err := fn(); err != nil {
				return err // The transaction ends with it.
			}
		}
	}
	return nil
}

// For runs fn for a member of the acting organization, as the system actor that acts: beside what that one sees it sees what the member does, such
// as what they have time to finish after a connection ended.
func (tx *Tx) For(member id.Membership, fn func() error) error {
	before := tx.Scope.Membership
	if before == member {
		return fn()
	}
	if tx.Scope.Actor.Human() {
		return fmt.Errorf("act for a member as %q: not a system actor", tx.Scope.Actor)
	}
	defer func() { tx.Scope.Membership = before }()
	for i, m := range []id.Membership{member, before} {
		tx.Scope.Membership = m
		q, args := settings(tx.Scope)
		if err := tx.exec(q, args...); err != nil {
			return err
		}
		if i == 0 {
			if err := fn(); err != nil {
				return err // The transaction ends with it.
			}
		}
	}
	return nil
}

// Batch sends what fill queues in one round trip and fills the destinations.
func (tx *Tx) Batch(fill func(*Batch)) error {
	if tx.done {
		return errors.New("a statement after the transaction's last")
	}
	if tx.doubted() {
		return ErrPresumed
	}
	b := &Batch{Now: tx.Now}
	tx.begin(b)
	fill(b)
	if b.b.Len() == 0 {
		return nil
	}
	tx.n.add(len(b.steps))
	trace(tx.ctx, b.b.QueuedQueries[b.before:])
	return tx.lend(func(c *pgx.Conn) error { return b.send(tx.ctx, c) })
}

// Last is Batch for what the transaction ends with: it is committed in the same round trip, and nothing may follow. It is for
// writes: an error after it, such as a value that a destination does not take, would not undo them.
func (tx *Tx) Last(fill func(*Batch)) error {
	if !tx.begun && pending(tx.ctx) != nil { // The answer comes before what cannot be undone.
		if err := tx.Batch(func(*Batch) {}); err != nil {
			return err
		}
	}
	var tag string
	if err := tx.Batch(func(b *Batch) {
		fill(b)
		b.b.Queue("COMMIT")
		b.steps = append(b.steps, func(rows pgx.Rows) error {
			rows.Close()
			tag = rows.CommandTag().String()
			return rows.Err()
		})
	}); err != nil {
		return err
	}
	tx.done = true
	return committed(tag)
}

// Gorm returns GORM on this transaction, for writes and single-row reads in store files.
func (tx *Tx) Gorm() *gorm.DB {
	g := tx.gorm
	if err := tx.Batch(func(*Batch) {}); err != nil {
		g = g.Session(&gorm.Session{})
		_ = g.AddError(err)
	}
	tx.n.add(1)
	return g
}

// Context is the context of the call that opened the transaction, for libraries that run statements of their own on it.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Prove names a secret's SHA-256 (hex) as app.proof, which a few policies accept in place of an organization: whoever holds a
// visitor's claim code may read that visitor's progress.
func (tx *Tx) Prove(sha256hex string) error {
	return tx.exec(`SELECT set_config('app.proof', $1, true)`, sha256hex)
}

func (tx *Tx) exec(q string, args ...any) error {
	_, err := tx.Exec(q, args...)
	return err
}

// Raw lends the pgx connection, with this transaction open on it, for the time of the call: for River's InsertTx and COPY.
// The connection must not be kept.
func (tx *Tx) Raw(fn func(*pgx.Conn) error) error {
	if err := tx.Batch(func(*Batch) {}); err != nil {
		return err
	}
	return tx.lend(fn)
}

func (tx *Tx) lend(fn func(*pgx.Conn) error) error {
	var inner error
	err := tx.conn.Raw(func(dc any) error {
		c, ok := dc.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", dc)
		}
		inner = fn(c.Conn())
		// An error given to Raw would mark the connection bad; a failed statement leaves it good.
		return nil
	})
	if inner != nil {
		return inner
	}
	return err
}

// Exec runs a statement and returns how many rows it touched. A write that must hit a row: see Must.
func (tx *Tx) Exec(q string, args ...any) (rows int64, err error) {
	err = tx.Batch(func(b *Batch) { Write(b, &rows, q, args...) })
	return rows, err
}

// Must runs a write and returns NotFound if it touched no row.
func (tx *Tx) Must(q string, args ...any) error {
	n, err := tx.Exec(q, args...)
	if err == nil && n == 0 {
		return errs.New(errs.NotFound, "no row")
	}
	return err
}

// Rows reads all rows of a query into structs by column name (tag db), or into plain values for one column.
func Rows[T any](tx *Tx, q string, args ...any) (out []T, err error) {
	err = tx.Batch(func(b *Batch) { List(b, &out, q, args...) })
	return out, err
}

// Row reads one row; none is NotFound.
func Row[T any](tx *Tx, q string, args ...any) (out T, err error) {
	var found bool
	if err = tx.Batch(func(b *Batch) { One(b, &out, &found, q, args...) }); err == nil && !found {
		err = errs.New(errs.NotFound, "no row")
	}
	return out, err
}

// Copy writes rows with COPY and returns how many.
func (tx *Tx) Copy(table string, columns []string, rows [][]any) (n int64, err error) {
	tx.n.add(1)
	err = tx.Raw(func(c *pgx.Conn) error {
		n, err = c.CopyFrom(tx.ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
		return err
	})
	if err != nil {
		return n, fmt.Errorf("copy %s: %w", table, err)
	}
	return n, nil
}

func isNet(err error) bool {
	_, ok := errors.AsType[net.Error](err)
	return ok || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
