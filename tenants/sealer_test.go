package tenants_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// logs is a database of the test's own with two organizations whose logs are sealed.
type logs struct {
	t    *testing.T
	d    *db.DB
	seal *tenants.Sealer
	a, b *house
	root *pgx.Conn // the superuser, who can do what no role of the product can
	dsn  func(string) string
}

func newLogs(t *testing.T) *logs {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	root, err := pgx.Connect(t.Context(), dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close(context.WithoutCancel(t.Context())) })
	return &logs{t: t, d: d, seal: tenants.NewSealer(d, ring(t, 1), slog.New(slog.DiscardHandler)), a: newHouse(t, d), b: newHouse(t, d), root: root, dsn: dsn}
}

func ring(t *testing.T, keys ...byte) *secret.Keyring {
	t.Helper()
	var list []secret.Key
	for _, k := range keys {
		list = append(list, secret.Key{ID: fmt.Sprintf("k%d", k), Bytes: bytes.Repeat([]byte{k}, 32)})
	}
	r, err := secret.NewKeyring(list...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write adds lines to the log of h.
func (l *logs) write(h *house, n int) {
	l.t.Helper()
	for range n {
		h.must(func(tx *db.Tx) error {
			return tenants.Audit(tx, "collection.renamed", "collection:"+unique(), map[string]any{"z": 1, "a": "<&> ü", "m": map[string]any{"y": 2.50, "b": nil}})
		})
	}
}

func (l *logs) once() {
	l.t.Helper()
	if err := l.seal.Once(dbtest.System(l.t, scope.Sealer, id.Org{})); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logs) verify(h *house) (tenants.LogState, error) {
	l.t.Helper()
	return l.seal.Verify(dbtest.System(l.t, scope.Operator, h.org.OrgID))
}

// good fails unless the log of h verifies with so many lines.
func (l *logs) good(h *house, lines int64) {
	l.t.Helper()
	st, err := l.verify(h)
	if err != nil || st.Lines != lines {
		l.t.Fatalf("%d lines, %v; want %d", st.Lines, err, lines)
	}
}

// bad fails unless the log of h is found wrong at the line.
func (l *logs) bad(h *house, line int64) {
	l.t.Helper()
	_, err := l.verify(h)
	if f, ok := errors.AsType[*ledger.Fault](err); !ok || f.Line != line {
		l.t.Errorf("%v; want a fault at line %d", err, line)
	}
}

// force runs a statement as the superuser with every trigger and foreign key off.
func (l *logs) force(q string, args ...any) {
	l.t.Helper()
	if _, err := l.root.Exec(l.t.Context(), `SET session_replication_role = replica`); err != nil {
		l.t.Fatal(err)
	}
	tag, err := l.root.Exec(l.t.Context(), q, args...)
	if err != nil || tag.RowsAffected() == 0 {
		l.t.Fatalf("%s: %v, %v", q, tag, err)
	}
}

func (l *logs) export(h *house) []byte {
	l.t.Helper()
	var b bytes.Buffer
	ctx := dbtest.As(l.t, h.org.OrgID, h.viewer.Membership, id.Person{}, scope.Administrator)
	send, err := h.svc.ExportLog(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := send(ctx, &b); err != nil {
		l.t.Fatal(err)
	}
	return b.Bytes()
}

func TestSealedLogVerifies(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	l.write(l.a, 5)
	l.once()
	l.good(l.a, 6) // The first line is that the organization was made.
	l.good(l.b, 1)
	l.write(l.a, 3)
	if st, err := l.verify(l.a); err != nil || st.Waiting != 3 || st.Seals != 1 {
		t.Errorf("before the next seal: %+v, %v", st, err)
	}
	l.once()
	l.once() // Nothing waits: no seal is made of nothing.
	st, err := l.verify(l.a)
	if err != nil || st.Lines != 9 || st.Seals != 2 || st.Waiting != 0 {
		t.Errorf("after it: %+v, %v", st, err)
	}
	log, err := ledger.Read(bytes.NewReader(l.export(l.a)))
	if err != nil || log.Lines != 9 || log.Seals != 2 || log.Org != l.a.org.OrgID {
		t.Errorf("the export: %+v, %v", log, err)
	}
	// The number of the installation's lines must not leave it: it tells how busy others are.
	if strings.Contains(string(l.export(l.a)), `"seq"`) {
		t.Error("the export tells the installation's numbers")
	}
}

// A transaction that takes its number first and commits last must neither be passed over nor break what is sealed already.
func TestLineThatCommitsLate(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	wrote, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- l.a.as(func(tx *db.Tx) error {
			if err := tenants.Audit(tx, "collection.renamed", "collection:late", nil); err != nil {
				return err
			}
			close(wrote)
			<-release
			return nil
		})
	}()
	<-wrote
	l.write(l.a, 2)
	l.once()
	l.good(l.a, 3)
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l.once()
	l.good(l.a, 4)
	var n int64
	if err := l.root.QueryRow(t.Context(), `SELECT n.n FROM audit_numbers n JOIN audit a USING (org_id, seq) WHERE a.object = 'collection:late'`).Scan(&n); err != nil || n != 4 {
		t.Errorf("the late line is number %d, %v", n, err)
	}
}

func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		line int64
		do   string
	}{
		{"a line is changed", 4, `UPDATE audit SET object = 'collection:other' WHERE (org_id, seq) = (SELECT org_id, seq FROM audit_numbers WHERE org_id = $1 AND n = 4)`},
		{"its time is changed", 4, `UPDATE audit SET at = at - interval '1 microsecond' WHERE (org_id, seq) = (SELECT org_id, seq FROM audit_numbers WHERE org_id = $1 AND n = 4)`},
		{"its detail is changed", 4, `UPDATE audit SET detail = '{"z": 2}' WHERE (org_id, seq) = (SELECT org_id, seq FROM audit_numbers WHERE org_id = $1 AND n = 4)`},
		{"a line is dropped", 3, `DELETE FROM audit WHERE (org_id, seq) = (SELECT org_id, seq FROM audit_numbers WHERE org_id = $1 AND n = 3)`},
		{"a line and its number are dropped", 3, `WITH x AS (DELETE FROM audit_numbers WHERE org_id = $1 AND n = 3 RETURNING org_id, seq) DELETE FROM audit WHERE (org_id, seq) IN (SELECT org_id, seq FROM x)`},
		{"two lines change places", 2, `UPDATE audit_numbers SET n = CASE n WHEN 2 THEN 1003 ELSE 1002 END WHERE org_id = $1 AND n IN (2, 3); `},
		{"the tail is cut off", 7, `DELETE FROM audit WHERE (org_id, seq) IN (SELECT org_id, seq FROM audit_numbers WHERE org_id = $1 AND n > 6)`},
		{"the tail and its seal are cut off", 7, `DELETE FROM audit_seals WHERE org_id = $1 AND seal = 2`},
		{"a seal in the middle is dropped", 1, `DELETE FROM audit_seals WHERE org_id = $1 AND seal = 1`},
		{"a seal counts less", 7, `UPDATE audit_seals SET last = 8 WHERE org_id = $1 AND seal = 2`},
		{"a seal is signed with another key", 7, `UPDATE audit_seals SET public_key = decode(repeat('ab', 32), 'hex') WHERE org_id = $1 AND seal = 2`},
		{"a signature is changed", 7, `UPDATE audit_seals SET signature = decode(repeat('ab', 64), 'hex') WHERE org_id = $1 AND seal = 2`},
		{"a line is written under the log", 0, `INSERT INTO audit (org_id, actor, action) VALUES ($1, 'member', 'item.published')`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLogs(t)
			l.write(l.a, 5)
			l.once()
			l.write(l.a, 3)
			l.once()
			l.good(l.a, 9)
			l.force(tt.do, l.a.org.OrgID)
			if tt.name == "two lines change places" {
				l.force(`UPDATE audit_numbers SET n = n - 1000 WHERE org_id = $1 AND n > 1000`, l.a.org.OrgID)
			}
			l.bad(l.a, tt.line)
			l.good(l.b, 1) // Nobody else is concerned.
		})
	}
}

// Whoever holds the database, but not the installation's keys, writes the whole history of a line on anew: every hash after it fits,
// and the seal does not.
func TestHistoryWrittenAnew(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	l.write(l.a, 5)
	l.once()
	var lines []ledger.Line
	rows, err := l.root.Query(t.Context(), `SELECT n.n, a.at, a.actor, a.action, a.object, a.detail::text FROM audit_numbers n JOIN audit a USING (org_id, seq) WHERE a.org_id = $1 ORDER BY n.n`, l.a.org.OrgID)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var ln ledger.Line
		var detail string
		if err := rows.Scan(&ln.N, &ln.At, &ln.Actor, &ln.Action, &ln.Object, &detail); err != nil {
			t.Fatal(err)
		}
		ln.Detail = []byte(detail)
		lines = append(lines, ln)
	}
	lines[2].Object = "collection:forged"
	h := ledger.Begin(l.a.org.OrgID)
	for _, ln := range lines {
		b, err := ln.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		h = h.Next(b)
		l.force(`UPDATE audit_numbers SET hash = $3 WHERE org_id = $1 AND n = $2`, l.a.org.OrgID, ln.N, h[:])
	}
	l.force(`UPDATE audit SET object = 'collection:forged' WHERE (org_id, seq) = (SELECT org_id, seq FROM audit_numbers WHERE org_id = $1 AND n = 3)`, l.a.org.OrgID)
	l.bad(l.a, 1) // Every line fits the one before it: only the seal knows, and it is of all of them.
	l.force(`UPDATE audit_seals SET hash = $2 WHERE org_id = $1`, l.a.org.OrgID, h[:])
	l.bad(l.a, 1)
}

// A log belongs to one organization: another's, put in its place with all its seals, is refused.
func TestLogsOfTwoOrganizationsChangePlaces(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	l.write(l.a, 2)
	l.write(l.b, 2)
	l.once()
	for _, tb := range []string{"audit", "audit_numbers", "audit_seals"} {
		none := id.New[id.Org]()
		for _, move := range [][2]id.Org{{l.a.org.OrgID, none}, {l.b.org.OrgID, l.a.org.OrgID}, {none, l.b.org.OrgID}} {
			l.force(`UPDATE `+tb+` SET org_id = $2 WHERE org_id = $1`, move[0], move[1])
		}
	}
	l.bad(l.a, 1)
	l.bad(l.b, 1)
}

// The log is append-only for everybody: for the application, for the owner of the tables, and for functions with the owner's rights.
func TestLogIsWrittenOnce(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	l.write(l.a, 2)
	l.once()
	tries := []string{
		`UPDATE audit SET action = 'x.y'`, `DELETE FROM audit`, `TRUNCATE audit CASCADE`,
		`UPDATE audit_seals SET last = last + 1`, `DELETE FROM audit_seals`, `TRUNCATE audit_seals`,
		`UPDATE audit_numbers SET n = n + 100`, `UPDATE audit_numbers SET hash = hash`, `DELETE FROM audit_numbers`, `TRUNCATE audit_numbers`,
		`UPDATE audit_keys SET public_key = secret_key`, `UPDATE audit_keys SET made_at = now()`, `DELETE FROM audit_keys`, `TRUNCATE audit_keys`,
	}
	for _, role := range []string{"learnscape_app", "learnscape_owner", "definer"} {
		login := role
		if role == "definer" {
			login = "learnscape_app"
			owner, err := pgx.Connect(t.Context(), l.dsn("learnscape_owner"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := owner.Exec(t.Context(), `CREATE FUNCTION does(q text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN EXECUTE q; END'; GRANT EXECUTE ON FUNCTION does TO learnscape_app`); err != nil {
				t.Fatal(err)
			}
			_ = owner.Close(t.Context())
		}
		c, err := pgx.Connect(t.Context(), l.dsn(login))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
		for _, actor := range []string{"member", "sealer", "operator"} {
			if _, err := c.Exec(t.Context(), `SELECT set_config('app.org_id', $1, false), set_config('app.actor', $2, false)`, l.a.org.OrgID.String(), actor); err != nil {
				t.Fatal(err)
			}
			for _, q := range tries {
				var n int64
				var err error
				if role == "definer" {
					_, err = c.Exec(t.Context(), `SELECT does($1)`, q)
					n = 1 // It says no number; what matters is that it fails.
				} else {
					tag, e := c.Exec(t.Context(), q)
					n, err = tag.RowsAffected(), e
				}
				if err == nil && n > 0 {
					t.Errorf("%s as %s: %s changed %d rows", role, actor, q, n)
				}
			}
		}
	}
	l.good(l.a, 3)
	// Only who seals gives a number, only once, and only its own organization's.
	if err := l.d.Tx(dbtest.System(t, scope.Operator, l.a.org.OrgID), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO audit_seals (org_id, seal, first, last, hash, previous, at, public_key, signature) SELECT org_id, 2, 4, 4, hash, previous, at, public_key, signature FROM audit_seals`)
		return err
	}); !errs.Is(err, errs.NotFound) {
		t.Errorf("the operator puts a seal: %v", err)
	}
}

func TestKeysOfSeals(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	l.write(l.a, 1)
	l.once()
	operator := dbtest.System(t, scope.Operator, id.Org{})
	first, err := l.seal.Keys(operator)
	if err != nil || len(first) != 1 {
		t.Fatalf("%d keys, %v", len(first), err)
	}
	second, err := l.seal.Rotate(operator)
	if err != nil {
		t.Fatal(err)
	}
	l.write(l.a, 1)
	l.once()
	l.good(l.a, 3)
	log, err := ledger.Read(bytes.NewReader(l.export(l.a)), first[0].ID, second.ID)
	if err != nil || len(log.Keys) != 2 || log.Keys[0] != first[0].ID || log.Keys[1] != second.ID {
		t.Errorf("the export is signed by %v, %v", log, err)
	}
	if _, err := ledger.Read(bytes.NewReader(l.export(l.a)), first[0].ID); err == nil {
		t.Error("a key that the reader does not know is good enough")
	}
	// The installation changes its own key ring: the secret half is put under the new key and signs on.
	l.seal = tenants.NewSealer(l.d, ring(t, 2, 1), slog.New(slog.DiscardHandler))
	l.write(l.a, 1)
	l.once()
	l.seal = tenants.NewSealer(l.d, ring(t, 2), slog.New(slog.DiscardHandler))
	l.write(l.a, 1)
	l.once()
	l.good(l.a, 7) // With those of the two exports.
	// Without the ring nobody signs, and nothing is numbered.
	l.write(l.a, 1)
	stranger := tenants.NewSealer(l.d, ring(t, 9), slog.New(slog.DiscardHandler))
	if err := stranger.Once(dbtest.System(t, scope.Sealer, id.Org{})); err == nil {
		t.Error("sealed without the installation's keys")
	}
	if st, err := l.verify(l.a); err != nil || st.Waiting != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	member := dbtest.As(t, l.a.org.OrgID, l.a.viewer.Membership, id.Person{}, scope.Administrator)
	for name, call := range map[string]func() error{
		"seal":   func() error { return l.seal.Once(member) },
		"rotate": func() error { _, err := l.seal.Rotate(member); return err },
		"keys":   func() error { _, err := l.seal.Keys(member); return err },
	} {
		if err := call(); !errs.Is(err, errs.NotFound) {
			t.Errorf("an administrator may %s: %v", name, err)
		}
	}
	if _, err := l.a.svc.ExportLog(scope.Enter(t.Context(), l.a.viewer)); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner takes the log away: %v", err)
	}
}

// An export is refused when anything in it was changed.
func TestExportsThatWereChanged(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	l.write(l.a, 3)
	l.once()
	l.write(l.a, 2)
	l.once()
	whole := strings.Split(strings.TrimSuffix(string(l.export(l.a)), "\n"), "\n")
	other := strings.Split(strings.TrimSuffix(string(l.export(l.b)), "\n"), "\n")
	// 0 head, 1–4 lines, 5 key, 6 seal, 7–8 lines, 9 seal, 10 end
	if len(whole) != 11 {
		t.Fatalf("%d lines:\n%s", len(whole), strings.Join(whole, "\n"))
	}
	edit := func(fn func(s []string) []string) string { return strings.Join(fn(append([]string{}, whole...)), "\n") }
	for name, text := range map[string]string{
		"line 2: a changed line": edit(func(s []string) []string {
			s[2] = strings.Replace(s[2], "collection.renamed", "collection.created", 1)
			return s
		}),
		"line 3: a dropped line":    edit(func(s []string) []string { return append(s[:3], s[4:]...) }),
		"line 2: two lines changed": edit(func(s []string) []string { s[2], s[3] = s[3], s[2]; return s }),
		"line 6: a cut tail":        edit(func(s []string) []string { return s[:8] }),
		"line 5: a cut seal":        edit(func(s []string) []string { return append(s[:9], s[10]) }),
		"line 5: a cut half":        edit(func(s []string) []string { return append(s[:7], s[10]) }),
		"line 1: another's log":     edit(func(s []string) []string { s[0] = other[0]; return s }),
		"line 2: a foreign seal":    edit(func(s []string) []string { s[6] = other[3]; return s }),
		"line 5: an earlier seal":   edit(func(s []string) []string { s[9] = s[6]; return s }),
		"a word beside": edit(func(s []string) []string {
			s[2] = strings.Replace(s[2], `"action"`, `"note":"x","action"`, 1)
			return s
		}),
		"the file is empty": "",
	} {
		want, _, _ := strings.Cut(name, ":")
		if _, err := ledger.Read(strings.NewReader(text)); err == nil || strings.HasPrefix(want, "line") && !strings.HasPrefix(err.Error(), want+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ledger.Read(strings.NewReader(strings.Join(whole, "\n"))); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// Two organizations hold their exports against each other: every move of theirs is in both with the same reference and hash, and a
// side that changes its own log, or leaves a move out, is found although its seals are good.
func TestTwoSidesCompareTheirLogs(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	third := newHouse(t, l.d)
	manager := func(h *house) context.Context {
		return dbtest.As(t, h.org.OrgID, h.viewer.Membership, id.Person{}, scope.PartnerManager)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []*house{l.b, third} {
		must(l.a.svc.Ask(manager(l.a), to.org.OrgID, tenants.Proposal{FinishDays: 30, WeCall: "partner", TheyCall: "vendor"}))
		v, err := to.svc.Connection(manager(to), l.a.org.OrgID)
		must(err)
		must(to.svc.Sign(manager(to), l.a.org.OrgID, v.Proposed.Number, v.Proposed.Hash, ""))
	}
	must(l.a.svc.Pause(manager(l.a), l.b.org.OrgID))
	must(l.b.svc.Resume(manager(l.b), l.a.org.OrgID))
	l.once()
	read := func(h *house) *ledger.Log {
		t.Helper()
		log, err := ledger.Read(bytes.NewReader(l.export(h)))
		must(err)
		return log
	}
	early := read(l.a)
	must(l.a.svc.End(manager(l.a), l.b.org.OrgID, true))
	l.once()
	if n, err := ledger.Compare(read(l.a), read(l.b)); err != nil || n != 5 {
		t.Errorf("%d moves agree, %v; want 5", n, err)
	}
	if n, err := ledger.Compare(read(l.b), read(third)); err != nil || n != 0 {
		t.Errorf("strangers agree on %d moves, %v", n, err)
	}
	if n, err := ledger.Compare(early, read(l.a)); err != nil || n != early.Lines {
		t.Errorf("the earlier export is the beginning of the later one: %d, %v", n, err)
	}
	// One side leaves a move out of its log, before it is sealed: its own seals say nothing of it, the other's do.
	must(l.a.svc.Ask(manager(l.a), l.b.org.OrgID, tenants.Proposal{WeCall: "partner", TheyCall: "vendor"}))
	l.force(`WITH x AS (DELETE FROM audit_numbers n USING audit a WHERE a.org_id = n.org_id AND a.seq = n.seq AND n.org_id = $1 AND n.n IS NULL AND a.object LIKE 'connection:%' RETURNING n.org_id, n.seq)
		DELETE FROM audit WHERE (org_id, seq) IN (SELECT org_id, seq FROM x)`, l.b.org.OrgID)
	l.once()
	mine, theirs := read(l.a), read(l.b)
	theirs.Until = theirs.Until.Add(time.Hour) // As if the other side went on writing.
	if _, err := ledger.Compare(mine, theirs); err == nil || !strings.Contains(err.Error(), "does not have") {
		t.Errorf("a move that one side left out: %v", err)
	}
}
