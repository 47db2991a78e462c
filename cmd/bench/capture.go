package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

// statement is one statement as it went over the wire.
type statement struct {
	SQL     string
	Params  [][]byte
	Formats []int16
}

// tap stands between a portal and the database and takes down every statement with its parameters: what the baseline repeats
// is what the portal really sends, and how many statements and round trips a page costs is counted where they happen.
type tap struct {
	dir string // of its socket
	ln  net.Listener

	mu  sync.Mutex
	txs []transaction
}

// transaction is the round trips of one transaction: the statements between two synchronisations of a connection.
type transaction [][]statement

// newTap listens in a folder of its own and passes on to the cluster whose socket's folder is given.
func newTap(ctx context.Context, cluster string) (*tap, error) {
	dir, err := os.MkdirTemp("", "learnscape-tap-")
	if err != nil {
		return nil, err
	}
	const name = ".s.PGSQL.5432"
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	t := &tap{dir: dir, ln: ln}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go t.pass(ctx, c, filepath.Join(cluster, name))
		}
	}()
	return t, nil
}

func (t *tap) close() {
	_ = t.ln.Close()
	_ = os.RemoveAll(t.dir)
}

func (t *tap) pass(ctx context.Context, client net.Conn, cluster string) {
	defer client.Close() //nolint:errcheck // Ends with the portal.
	server, err := (&net.Dialer{}).DialContext(ctx, "unix", cluster)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // As above.
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	// A message goes on when it was taken down: else a page could be there before what it asked is.
	in := pgproto3.NewBackend(client, io.Discard)
	first, err := in.ReceiveStartupMessage()
	k := taker{tap: t, names: map[string]string{}}
	for msg := first; err == nil; msg, err = in.Receive() {
		k.note(msg)
		if k.raw, err = msg.Encode(k.raw[:0]); err != nil {
			return
		}
		if _, err = server.Write(k.raw); err != nil {
			return
		}
	}
}

// taker takes down what one connection sends.
type taker struct {
	tap      *tap
	names    map[string]string // of prepared statements
	trip     []statement
	tx       transaction
	explicit bool // it began with BEGIN
	raw      []byte
}

func (k *taker) note(msg pgproto3.FrontendMessage) {
	switch m := msg.(type) {
	case *pgproto3.Parse:
		k.names[m.Name] = m.Query
	case *pgproto3.Bind:
		st := statement{SQL: k.names[m.PreparedStatement], Formats: slices.Clone(m.ParameterFormatCodes)}
		for _, p := range m.Parameters {
			st.Params = append(st.Params, slices.Clone(p))
		}
		k.trip = append(k.trip, st)
	case *pgproto3.Query:
		k.trip = append(k.trip, statement{SQL: m.String})
		k.trips()
	case *pgproto3.Sync:
		k.trips()
	}
}

// trips ends a round trip, and the transaction that ends with it.
func (k *taker) trips() {
	if len(k.trip) == 0 {
		return
	}
	if k.tx = append(k.tx, k.trip); begins(k.trip[0]) {
		k.explicit = true
	}
	if !k.explicit || ends(k.trip[len(k.trip)-1]) {
		k.tap.mu.Lock()
		k.tap.txs = append(k.tap.txs, k.tx)
		k.tap.mu.Unlock()
		k.tx, k.explicit = nil, false
	}
	k.trip = nil
}

func (s statement) is(word string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.TrimLeft(s.SQL, "( \n\t")), word)
}

func begins(s statement) bool { return s.is("BEGIN") }
func ends(s statement) bool   { return s.is("COMMIT") || s.is("ROLLBACK") }

// take returns the transactions since the last call, without those of the portal's own background work.
func (t *tap) take() (out []transaction) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tx := range t.txs {
		if !tx.mentions("river_", "FROM outbox", "UPDATE outbox", "FROM search_lexicon", "FROM search_languages", "FROM search_synonyms", "search_rebuild_lexicon", "-- ping") {
			out = append(out, tx)
		}
	}
	t.txs = nil
	return out
}

func (tx transaction) mentions(words ...string) bool {
	for _, trip := range tx {
		for _, s := range trip {
			for _, w := range words {
				if strings.Contains(s.SQL, w) {
					return true
				}
			}
		}
	}
	return false
}

// pipeline makes one batch out of a page's transactions: one beginning, one set of settings (the page's own, the last), all
// queries, one end. The session's query is among them.
func pipeline(txs []transaction) ([]statement, error) {
	var settings *statement
	var queries []statement
	for _, tx := range txs {
		for _, s := range slices.Concat(tx...) {
			switch {
			case strings.Contains(s.SQL, "set_config("):
				settings = &s
			case s.is("SELECT"), s.is("WITH"):
				queries = append(queries, s)
			}
		}
	}
	if settings == nil || len(queries) == 0 {
		return nil, fmt.Errorf("the page sent no queries in %d transactions", len(txs))
	}
	out := []statement{{SQL: `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`}, *settings}
	return append(append(out, queries...), statement{SQL: `COMMIT`}), nil
}
