package ledger

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// Format names the form of an export; its first line says it.
const Format = "learnscape audit v1"

// Head is the first line of an export.
type Head struct {
	Format string    `json:"format"`
	Org    id.Org    `json:"org"`
	Slug   string    `json:"slug"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
}

type keyRecord struct {
	ID     string `json:"id"`
	Public []byte `json:"public"`
}

type sealRecord struct {
	Seal      int64     `json:"seal"`
	First     int64     `json:"first"`
	Last      int64     `json:"last"`
	Hash      Hash      `json:"hash"`
	Previous  Hash      `json:"previous"`
	At        time.Time `json:"at"`
	Key       string    `json:"key"`
	Signature []byte    `json:"signature"`
}

type endRecord struct {
	Lines int64 `json:"lines"`
	Seals int64 `json:"seals"`
}

// record is one line of the file; one of its parts is there.
type record struct {
	Log  *Head           `json:"log,omitempty"`
	Key  *keyRecord      `json:"key,omitempty"`
	Line json.RawMessage `json:"line,omitempty"`
	Hash *Hash           `json:"hash,omitempty"` // of the line
	Seal *sealRecord     `json:"seal,omitempty"`
	End  *endRecord      `json:"end,omitempty"`
}

// Writer writes an export: JSON lines (one object each), every seal after the lines that it adds, every key before the first seal
// that it signed, and an end, by which a file that was cut off is known.
type Writer struct {
	w    *bufio.Writer
	keys []string
	end  endRecord
}

// NewWriter begins the export of an organization's log.
func NewWriter(w io.Writer, h Head) (*Writer, error) {
	h.Format = Format
	x := &Writer{w: bufio.NewWriter(w)}
	return x, x.put(record{Log: &h})
}

func (x *Writer) put(r record) error {
	b, err := marshal(r)
	if err != nil {
		return err
	}
	_, err = x.w.Write(append(b, '\n'))
	return err
}

// Line writes a line, whose number it has in it, in its canonical form with its hash.
func (x *Writer) Line(_ int64, canonical []byte, hash Hash) error {
	x.end.Lines++
	return x.put(record{Line: canonical, Hash: &hash})
}

// Seal writes a seal, and its key if it is the first by it.
func (x *Writer) Seal(s Seal) error {
	kid := KeyID(s.Key)
	if !slices.Contains(x.keys, kid) {
		x.keys = append(x.keys, kid)
		if err := x.put(record{Key: &keyRecord{kid, s.Key}}); err != nil {
			return err
		}
	}
	x.end.Seals++
	return x.put(record{Seal: &sealRecord{s.Seal, s.First, s.Last, s.Hash, s.Previous, s.At.UTC(), kid, s.Signature}})
}

// Close writes the end.
func (x *Writer) Close() error {
	if err := x.put(record{End: &x.end}); err != nil {
		return err
	}
	return x.w.Flush()
}

// Log is an export that was read and found whole.
type Log struct {
	Head
	Lines, Seals int64
	Until        time.Time // when the last seal was made
	Keys         []string  // ids of the keys that signed, in their order

	hashes []Hash // of line 1 onwards
	moves  map[string]Move
}

// longest is how long a line of a file may be: a detail is short.
const longest = 1 << 20

// Read checks an export. Keys are the ids of those that the reader knows to be the installation's; without any, the file's own
// keys are taken, and it is for the reader to compare Log.Keys. What is wrong with the log itself is a *Fault.
func Read(r io.Reader, keys ...string) (*Log, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, longest)
	var l *Log
	var c *Chain
	public := map[string]ed25519.PublicKey{}
	ended := false
	for at := 1; in.Scan(); at++ {
		var rec record
		if err := decode(in.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("line %d of the file: %w", at, err)
		}
		if (l == nil) != (rec.Log != nil) || ended {
			return nil, fmt.Errorf("line %d of the file: it does not belong there", at)
		}
		switch {
		case rec.Log != nil:
			if rec.Log.Format != Format {
				return nil, fmt.Errorf("this is %q, not %q", rec.Log.Format, Format)
			}
			l = &Log{Head: *rec.Log, moves: map[string]Move{}}
			c = NewChain(l.Org, func(k ed25519.PublicKey) bool { return len(keys) == 0 || slices.Contains(keys, KeyID(k)) })
		case rec.Key != nil:
			if len(rec.Key.Public) != ed25519.PublicKeySize || KeyID(rec.Key.Public) != rec.Key.ID {
				return nil, fmt.Errorf("line %d of the file: the key is not the one that it is called", at)
			}
			public[rec.Key.ID] = rec.Key.Public
		case rec.Line != nil && rec.Hash != nil:
			if err := l.line(c, rec); err != nil {
				return nil, err
			}
		case rec.Seal != nil:
			if err := l.seal(c, *rec.Seal, public); err != nil {
				return nil, err
			}
		case rec.End != nil:
			if err := c.End(); err != nil {
				return nil, err
			}
			if *rec.End != (endRecord{l.Lines, l.Seals}) {
				return nil, fault(l.Lines+1, "the file counts %d lines and %d seals, and has %d and %d", rec.End.Lines, rec.End.Seals, l.Lines, l.Seals)
			}
			ended = true
		default:
			return nil, fmt.Errorf("line %d of the file: it says nothing", at)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	if l == nil {
		return nil, errors.New("the file is empty")
	}
	if !ended {
		return nil, fault(l.Lines+1, "the file is cut off before it")
	}
	return l, nil
}

// decode reads JSON that says nothing beyond what v has a field for: what is not hashed must not stand beside what is.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func (l *Log) line(c *Chain, rec record) error {
	var line Line
	if err := decode(rec.Line, &line); err != nil {
		return fault(l.Lines+1, "it cannot be read: %v", err)
	}
	// The canonical form is made anew, so that spaces in the file neither hide nor spoil anything.
	canonical, err := line.Canonical()
	if err != nil {
		return fault(l.Lines+1, "it cannot be read: %v", err)
	}
	if err := c.Line(line.N, canonical, *rec.Hash); err != nil {
		return err
	}
	l.Lines++
	l.hashes = append(l.hashes, *rec.Hash)
	m, ok, err := line.move(l.Org)
	if err != nil {
		return err
	}
	if ok {
		l.moves[m.Ref] = m
	}
	return nil
}

func (l *Log) seal(c *Chain, r sealRecord, public map[string]ed25519.PublicKey) error {
	key, ok := public[r.Key]
	if !ok {
		return fault(r.First, "seal %d is signed by the key %s, which the file does not have", r.Seal, r.Key)
	}
	if err := c.Seal(Seal{Org: l.Org, Seal: r.Seal, First: r.First, Last: r.Last, Hash: r.Hash, Previous: r.Previous, At: r.At, Key: key, Signature: r.Signature}); err != nil {
		return err
	}
	l.Seals, l.Until = r.Seal, r.At
	if !slices.Contains(l.Keys, r.Key) {
		l.Keys = append(l.Keys, r.Key)
	}
	return nil
}

// slack is by how much a move may be older than the other side's last seal and still not be in it: it was committed after.
const slack = time.Minute

// Compare holds two logs against each other. Of one organization, one must be the beginning of the other. Of two, every move that
// one tells of must be in the other's with the same hash, as far as both were sealed when it was made. It returns how many lines
// or moves agree.
func Compare(a, b *Log) (int64, error) {
	if a.Org == b.Org {
		for i := range min(len(a.hashes), len(b.hashes)) {
			if a.hashes[i] != b.hashes[i] {
				return int64(i), fault(int64(i)+1, "the two files do not tell the same of it")
			}
		}
		return int64(min(len(a.hashes), len(b.hashes))), nil
	}
	agree := int64(0)
	for _, pair := range [][2]*Log{{a, b}, {b, a}} {
		mine, theirs := pair[0], pair[1]
		for _, m := range mine.ordered() {
			if m.With != theirs.Org.String() {
				continue
			}
			other, ok := theirs.moves[m.Ref]
			switch {
			case !ok && m.At.Before(theirs.Until.Add(-slack)):
				return agree, fault(m.Line, "%s tells of %s (reference %s), which %s does not have", mine.Slug, m.Action, m.Ref, theirs.Slug)
			case ok && (other.Hash != m.Hash || other.With != mine.Org.String()):
				return agree, fault(m.Line, "%s and line %d of %s do not tell the same of %s (reference %s)", mine.Slug, other.Line, theirs.Slug, m.Action, m.Ref)
			case ok && mine == a:
				agree++
			}
		}
	}
	return agree, nil
}

// ordered are the moves in the order of their lines, so that the first one that is wrong is named.
func (l *Log) ordered() []Move {
	out := make([]Move, 0, len(l.moves))
	for _, m := range l.moves {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Move) int { return int(a.Line - b.Line) })
	return out
}
