package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Key is one master key of the ring.
type Key struct {
	ID    string // 1 to 32 of a-z, 0-9, - and _; stands in clear in every value it sealed
	Bytes []byte // 32 random bytes
}

// Keyring seals and opens values. The first key seals; every key opens, so that a new key can be put in front while
// older values are still there. It is safe for concurrent use.
type Keyring struct {
	primary string
	keys    map[string][]byte
	macs    sync.Map // the key of each purpose of MAC, of which a program has a few
}

// Ref names the place of a sealed value. It is authenticated with the value: a ciphertext that is moved to another row,
// column or organization does not open.
type Ref struct {
	Table, Org, Row, Column string
}

// ErrSealed means that a value cannot be opened: unknown key, another place, or changed bytes. Which one is not told.
var ErrSealed = errors.New("sealed value does not open")

const version = "v1"

// NewKeyring returns a ring of one key or more, the sealing one first.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("key ring: no key")
	}
	r := &Keyring{primary: keys[0].ID, keys: make(map[string][]byte, len(keys))}
	for _, k := range keys {
		if !validID(k.ID) {
			return nil, fmt.Errorf("key ring: key id %q: want 1 to 32 of a-z, 0-9, - and _", k.ID)
		}
		if len(k.Bytes) != 32 {
			return nil, fmt.Errorf("key ring: key %s has %d bytes, want 32", k.ID, len(k.Bytes))
		}
		if _, twice := r.keys[k.ID]; twice {
			return nil, fmt.Errorf("key ring: key %s is there twice", k.ID)
		}
		r.keys[k.ID] = append([]byte(nil), k.Bytes...)
	}
	return r, nil
}

// ParseKeyring reads a ring from configuration: "id:base64" entries, separated by commas or line ends, the sealing one
// first. Its errors never repeat key material.
func ParseKeyring(s string) (*Keyring, error) {
	var keys []Key
	for entry := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' || r == ' ' }) {
		kid, enc, ok := strings.Cut(entry, ":")
		if !ok || !validID(kid) {
			return nil, fmt.Errorf("key ring: entry %d is not id:base64", len(keys)+1)
		}
		b, err := base64.StdEncoding.DecodeString(enc)
		if err != nil {
			return nil, fmt.Errorf("key ring: key %s is not base64", kid)
		}
		keys = append(keys, Key{ID: kid, Bytes: b})
	}
	return NewKeyring(keys...)
}

// Primary returns the id of the key that seals.
func (r *Keyring) Primary() string { return r.primary }

// Seal encrypts value for its place: "v1|key id|" followed by nonce, ciphertext and tag. Two seals of one value differ.
func (r *Keyring) Seal(ref Ref, value []byte) ([]byte, error) {
	aead, err := r.aead(r.primary, ref)
	if err != nil {
		return nil, fmt.Errorf("seal %s.%s: %w", ref.Table, ref.Column, err)
	}
	return aead.Seal(r.Prefix(), nil, value, ref.aad()), nil
}

// Open decrypts what Seal returned for the same place, under any key of the ring; otherwise ErrSealed.
func (r *Keyring) Open(ref Ref, sealed []byte) ([]byte, error) {
	kid, ct, ok := split(sealed)
	if !ok {
		return nil, ErrSealed
	}
	aead, err := r.aead(kid, ref)
	if err != nil {
		return nil, ErrSealed
	}
	value, err := aead.Open(nil, nil, ct, ref.aad())
	if err != nil {
		return nil, ErrSealed
	}
	return value, nil
}

// Stale reports whether a value was sealed by another key than the one that seals now.
func (r *Keyring) Stale(sealed []byte) bool {
	kid, _, ok := split(sealed)
	return !ok || kid != r.primary
}

// Prefix is how every value begins that the present key sealed.
func (r *Keyring) Prefix() []byte { return []byte(version + "|" + r.primary + "|") }

func split(sealed []byte) (kid string, ct []byte, ok bool) {
	parts := strings.SplitN(string(sealed), "|", 3)
	if len(parts) != 3 || parts[0] != version {
		return "", nil, false
	}
	return parts[1], []byte(parts[2]), true
}

// aead derives a key per purpose (table and column) with HKDF-SHA256 (RFC 5869), so that values of different purposes
// share no nonce space.
func (r *Keyring) aead(kid string, ref Ref) (cipher.AEAD, error) {
	master, ok := r.keys[kid]
	if !ok {
		return nil, fmt.Errorf("no key %q", kid)
	}
	key, err := hkdf.Key(sha256.New, master, nil, "learnscape "+version+" "+ref.Table+"."+ref.Column, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (f Ref) aad() []byte { return []byte(f.Table + "|" + f.Org + "|" + f.Row + "|" + f.Column) }

func validID(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// MAC returns HMAC-SHA256 of the parts under a key of the purpose, for hashes that nobody can guess without the ring, such
// as those of addresses. It changes with the sealing key, so it suits short-lived values only.
func (r *Keyring) MAC(purpose string, parts ...string) []byte {
	key, ok := r.macs.Load(purpose)
	if !ok {
		derived, err := hkdf.Key(sha256.New, r.keys[r.primary], nil, "learnscape "+version+" mac "+purpose, 32)
		if err != nil {
			panic(err) // Only for lengths beyond 255 hashes.
		}
		key, _ = r.macs.LoadOrStore(purpose, derived)
	}
	h := hmac.New(sha256.New, key.([]byte)) //nolint:errcheck // Nothing else is stored.
	var size [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(size[:], uint32(len(p))) //nolint:gosec // Parts are short.
		_, _ = h.Write(size[:])
		_, _ = h.Write([]byte(p))
	}
	return h.Sum(nil)
}
