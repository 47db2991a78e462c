package main

import (
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/learnscape/learnscape/internal/secret"
)

// What the pipeline baseline sends is what the page asked, in one transaction with the page's own settings.
func TestPipelineKeepsQueriesAndLastSettings(t *testing.T) {
	t.Parallel()
	set := func(who string) statement {
		return statement{SQL: `SELECT set_config('app.org_id', $1, true)`, Params: [][]byte{[]byte(who)}}
	}
	begin, commit := statement{SQL: `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`}, statement{SQL: `COMMIT`}
	session, one, two := statement{SQL: `SELECT s.session_id FROM sessions s`}, statement{SQL: "WITH pin AS (SELECT 1) SELECT 1"}, statement{SQL: "\n(SELECT 2) UNION ALL SELECT 3"}
	got, err := pipeline([]transaction{{{begin, set("sign-in"), session, commit}}, {{begin}, {set("member"), one}, {two, {SQL: `INSERT INTO audit VALUES (1)`}}, {commit}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]statement{begin, set("member"), session, one, two, commit}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := pipeline(nil); err == nil {
		t.Error("a page without queries makes a pipeline")
	}
}

func TestTapLeavesBackgroundWorkOut(t *testing.T) {
	t.Parallel()
	begin, commit := []statement{{SQL: `BEGIN`}}, []statement{{SQL: `COMMIT`}}
	page := transaction{begin, {{SQL: `SELECT 1`}}, commit}
	tp := tap{txs: []transaction{{begin, {{SQL: `SELECT event_id FROM outbox`}}, commit}, page, {{{SQL: `UPDATE river_job SET state = $1`}}}}}
	if diff := cmp.Diff([]transaction{page}, tp.take()); diff != "" {
		t.Error(diff)
	}
	if len(tp.take()) > 0 {
		t.Error("what was taken comes again")
	}
}

// What a portal asks is taken down before the database can answer it, so that a page is never there before its queries are.
func TestTapTakesDownBeforeItPassesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // The end of the test.
	tp, err := newTap(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tp.close()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", filepath.Join(tp.dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // As above.
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	portal, database := pgproto3.NewFrontend(nil, c), pgproto3.NewBackend(server, nil)
	portal.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "portal"}})
	if err := portal.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := database.ReceiveStartupMessage(); err != nil {
		t.Fatal(err)
	}
	for range 5000 {
		portal.Send(&pgproto3.Parse{Query: "SELECT 1"})
		portal.Send(&pgproto3.Bind{})
		portal.Send(&pgproto3.Sync{})
		if err := portal.Flush(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := database.Receive(); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(tp.take()); n != 1 {
			t.Fatalf("the database has the query, and %d are taken down", n)
		}
	}
}

func TestSessionTokensHaveTheFormThatAuthTakes(t *testing.T) {
	t.Parallel()
	for _, m := range []int{1, firstLearner, firstLearner + 3999} {
		if tok := token(learnersOrg, m); !secret.IsToken(tok) {
			t.Errorf("%q is no token", tok)
		}
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(token(1, 1)); err != nil {
		t.Error(err)
	}
}

func TestAddressOfThePathIsItsIdentifier(t *testing.T) {
	t.Parallel()
	if got := uid(vendorOrg, itemClass, pathItem).String(); got != pathUUID {
		t.Errorf("the path is %s, its address says %s", got, pathUUID)
	}
	if got := uid(vendorOrg, itemClass, longItem).String(); !strings.Contains(longURL, got) {
		t.Errorf("the long path is %s, its address is %s", got, longURL)
	}
}

func TestUsageGrowsWithWork(t *testing.T) {
	t.Parallel()
	read := usageOf(os.Getpid(), os.Getppid())
	before, end := read(), time.Now().Add(10*time.Second)
	for read().sub(before).server < 2*tick {
		if time.Now().After(end) {
			t.Fatal("ten seconds of work use no time")
		}
	}
	if now, peak := resident(os.Getpid()); now <= 0 || peak < now {
		t.Errorf("memory %d of at most %d bytes", now, peak)
	}
}

func TestMedianIgnoresOneBadRound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{1, 900, 2}, 2}, {[]float64{4, 2}, 3}} {
		if got := median(slices.Clone(c.in)); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestElementsCountsStartTags(t *testing.T) {
	t.Parallel()
	if n := elements([]byte(`<!doctype html><html><body><p>One<br>two</p><svg><path d="M0 0"/></svg></body></html>`)); n != 6 {
		t.Errorf("%d elements, want 6", n)
	}
}

func TestFiguresReplaceThoseInTheDocument(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bench.md")
	if err := os.WriteFile(file, []byte("before\n"+docBegin+"old\n"+docEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, figures := range []string{"one\n", "two\n"} {
		if err := intoDoc(file, figures); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("before\n"+docBegin+"```text\n"+figures+"```\n"+docEnd+"after\n", string(got)); diff != "" {
			t.Error(diff)
		}
	}
	if err := os.WriteFile(file, []byte("no place"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := intoDoc(file, "x"); err == nil {
		t.Error("figures went into a document without a place for them")
	}
}
