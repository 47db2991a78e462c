// Package ledger is an organization's log as something that can be proven: lines in one canonical form, a hash that each line
// carries on from the line before it, and seals, which say under an Ed25519 signature (RFC 8032) how far the log went. It also
// writes and reads the file in which an organization takes its log away, and checks it without a database.
//
// It stores nothing, knows no table and makes no keys. tenants seals with it, the command line and anybody with an export
// verify with it.
package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// Hash is a SHA-256, written in hexadecimal.
type Hash [sha256.Size]byte

// String implements fmt.Stringer.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(h) {
		return fmt.Errorf("%q is no SHA-256", b)
	}
	copy(h[:], raw)
	return nil
}

// Begin is what the first line of an organization's log carries on from.
func Begin(org id.Org) Hash { return sha256.Sum256([]byte("learnscape audit v1 " + org.String())) }

// Next is the hash of a line, in its canonical form, that follows the one with hash h.
func (h Hash) Next(line []byte) Hash { return sha256.Sum256(append(h[:], line...)) }

// Line is one line of the log. Its fields stand in this order in the canonical form.
type Line struct {
	N       int64           `json:"n"`                // its number in the organization's log, from 1
	At      time.Time       `json:"at"`               // UTC, microseconds
	Actor   string          `json:"actor"`            // member, or who of the product acted
	Member  string          `json:"member,omitempty"` // the acting membership
	Action  string          `json:"action"`           // noun.verbed
	Object  string          `json:"object,omitempty"` // kind:id
	Detail  json.RawMessage `json:"detail"`           // identifiers and figures
	Request string          `json:"request,omitempty"`
}

// Canonical is the line as it is hashed: JSON without spaces, the fields in their order, the keys of the detail sorted.
func (l Line) Canonical() ([]byte, error) {
	var detail any
	d := json.NewDecoder(bytes.NewReader(l.Detail))
	d.UseNumber()
	if err := d.Decode(&detail); err != nil {
		return nil, fmt.Errorf("detail of line %d: %w", l.N, err)
	}
	var err error
	if l.Detail, err = marshal(detail); err != nil {
		return nil, err
	}
	l.At = l.At.UTC()
	return marshal(l)
}

// marshal is json.Marshal without the escapes that are for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// KeyID names a public key: the first eight bytes of its SHA-256 in hexadecimal.
func KeyID(key ed25519.PublicKey) string {
	h := sha256.Sum256(key)
	return hex.EncodeToString(h[:8])
}

// Seal says that the log of an organization had so many lines when it was made, and which. Seals are numbered from 1 and
// follow each other without a gap.
type Seal struct {
	Org         id.Org
	Seal        int64
	First, Last int64 // numbers of the lines that it adds
	Hash        Hash  // of the line numbered Last
	Previous    Hash  // Digest of the seal before it; zero for the first
	At          time.Time
	Key         ed25519.PublicKey
	Signature   []byte
}

// text is what is signed.
func (s Seal) text() []byte {
	return fmt.Appendf(nil, "learnscape audit seal v1\norg %s\nseal %d\nlines %d %d\nhash %s\nprevious %s\nat %s\nkey %s\n",
		s.Org, s.Seal, s.First, s.Last, s.Hash, s.Previous, s.At.UTC().Format(time.RFC3339Nano), KeyID(s.Key))
}

// Digest is the SHA-256 of what the seal signs, which the next seal repeats.
func (s Seal) Digest() Hash { return sha256.Sum256(s.text()) }

// Sign puts the key's signature under the seal.
func (s *Seal) Sign(key ed25519.PrivateKey) {
	s.Key, _ = key.Public().(ed25519.PublicKey) // It is one.
	s.Signature = ed25519.Sign(key, s.text())
}

// Fault is what is wrong with a log: at which line, and why. Line is where to look first, 0 if no line can be named.
type Fault struct {
	Line int64
	Why  string
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Why
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Why)
}

func fault(line int64, format string, a ...any) error { return &Fault{line, fmt.Sprintf(format, a...)} }

// Chain checks an organization's log from its beginning, line by line and seal by seal. The first error is the first thing that is
// wrong; after it the chain is of no use.
type Chain struct {
	org      id.Org
	trusts   func(ed25519.PublicKey) bool
	n        int64 // of the last line
	hash     Hash
	previous Seal
}

// NewChain begins a check; trusts says of a key whether its seals count.
func NewChain(org id.Org, trusts func(ed25519.PublicKey) bool) *Chain {
	return &Chain{org: org, trusts: trusts, hash: Begin(org)}
}

// Line checks the next line, in its canonical form, against the number and the hash that stand beside it.
func (c *Chain) Line(n int64, canonical []byte, hash Hash) error {
	switch want := c.n + 1; {
	case n > want:
		return fault(want, "it is missing: the next one is line %d", n)
	case n < want:
		return fault(want, "line %d stands in its place", n)
	}
	if c.hash.Next(canonical) != hash {
		return fault(n, "it is not what was sealed: a line was changed, exchanged or belongs to another organization")
	}
	c.n, c.hash = n, hash
	return nil
}

// Seal checks the next seal, after the lines that it adds.
func (c *Chain) Seal(s Seal) error {
	from := c.previous.Last + 1
	switch {
	case s.Org != c.org:
		return fault(from, "seal %d is of another organization", s.Seal)
	case s.Seal != c.previous.Seal+1:
		return fault(from, "seal %d is missing: the next one is seal %d", c.previous.Seal+1, s.Seal)
	case s.First != from || s.Last < s.First:
		return fault(from, "seal %d is of lines %d to %d", s.Seal, s.First, s.Last)
	case c.n < s.Last:
		return fault(c.n+1, "it is missing: seal %d counts %d lines", s.Seal, s.Last)
	case c.n > s.Last:
		return fault(s.Last+1, "seal %d ends before it", s.Seal)
	case !c.trusts(s.Key):
		return fault(from, "seal %d is signed by the key %s, which is not one of the installation's", s.Seal, KeyID(s.Key))
	case len(s.Key) != ed25519.PublicKeySize || !ed25519.Verify(s.Key, s.text(), s.Signature):
		return fault(from, "the signature of seal %d is not by its key: the seal was changed or forged", s.Seal)
	case s.Hash != c.hash:
		return fault(from, "lines %d to %d are not what seal %d signed", s.First, s.Last, s.Seal)
	case c.previous.Seal > 0 && s.Previous != c.previous.Digest():
		return fault(from, "seal %d does not follow seal %d as it is here", s.Seal, c.previous.Seal)
	}
	c.previous = s
	return nil
}

// End checks that nothing stands after the last seal.
func (c *Chain) End() error {
	if c.n > c.previous.Last {
		return fault(c.previous.Last+1, "no seal covers it, and the lines up to %d", c.n)
	}
	return nil
}

// Move is one side's line about what two organizations did with their connection. Both sides' lines carry the same reference and,
// unless one of them was changed, the same hash.
type Move struct {
	Ref    string
	Hash   string
	With   string // the other organization
	Line   int64
	At     time.Time
	Action string
}

// Words is what the hash of a move is made of: the same for both sides.
type Words struct {
	Ref        string
	Connection string // "connection:" and its identifier, as the lines name it
	Action     string
	By, With   id.Org // who moved, and the other
	At         time.Time
	Detail     map[string]any // what else the lines say, without what differs between the sides
}

// Hash is the SHA-256 that both sides' lines carry.
func (w Words) Hash() (Hash, error) {
	if w.Detail == nil {
		w.Detail = map[string]any{}
	}
	detail, err := marshal(w.Detail)
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256(fmt.Appendf(nil, "learnscape move v1\nref %s\n%s\naction %s\nby %s\nwith %s\nat %s\n%s\n",
		w.Ref, w.Connection, w.Action, w.By, w.With, w.At.UTC().Format(time.RFC3339Nano), detail)), nil
}

// sides are the keys of a move's detail that are not part of its words: they differ between the sides, or stand in the words already.
var sides = []string{"ref", "hash", "with", "by_us"}

// move reads the move that a line of org's log tells of; ok is false for other lines.
func (l Line) move(org id.Org) (m Move, ok bool, err error) {
	d := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(l.Detail))
	dec.UseNumber()
	if err := dec.Decode(&d); err != nil {
		return Move{}, false, fault(l.N, "its detail is no object: %v", err)
	}
	m = Move{Line: l.N, At: l.At, Action: l.Action}
	m.Ref, _ = d["ref"].(string)
	m.Hash, _ = d["hash"].(string)
	m.With, _ = d["with"].(string)
	byUs, _ := d["by_us"].(bool)
	if m.Ref == "" || m.Hash == "" || !strings.HasPrefix(l.Object, "connection:") {
		return Move{}, false, nil
	}
	other, err := id.Parse[id.Org](m.With)
	if err != nil {
		return Move{}, false, fault(l.N, "it names no other side")
	}
	for _, k := range sides {
		delete(d, k)
	}
	w := Words{Ref: m.Ref, Connection: l.Object, Action: l.Action, By: org, With: other, At: l.At, Detail: d}
	if !byUs {
		w.By, w.With = other, org
	}
	h, err := w.Hash()
	if err != nil {
		return Move{}, false, err
	}
	if h.String() != m.Hash {
		return Move{}, false, fault(l.N, "its hash is not of the move that it tells of")
	}
	return m, true, nil
}
