package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/secret"
)

func ring(t *testing.T, ids ...string) *secret.Keyring {
	t.Helper()
	var keys []secret.Key
	for _, k := range ids {
		keys = append(keys, secret.Key{ID: k, Bytes: bytes.Repeat([]byte(k)[:1], 32)})
	}
	r, err := secret.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealedValuesOpenAtTheirPlaceOnly(t *testing.T) {
	t.Parallel()
	r := ring(t, "a")
	ref := secret.Ref{Table: "providers", Org: "o1", Row: "r1", Column: "client_secret"}
	sealed, err := r.Seal(ref, []byte("hush"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(sealed, []byte("v1|a|")) || bytes.Contains(sealed, []byte("hush")) {
		t.Errorf("sealed as %q", sealed)
	}
	if got, err := r.Open(ref, sealed); err != nil || string(got) != "hush" {
		t.Errorf("opened %q, %v", got, err)
	}
	again, _ := r.Seal(ref, []byte("hush"))
	if bytes.Equal(again, sealed) {
		t.Error("two seals of one value are equal")
	}
	for name, other := range map[string]secret.Ref{
		"table": {Table: "x", Org: "o1", Row: "r1", Column: "client_secret"}, "org": {Table: "providers", Org: "o2", Row: "r1", Column: "client_secret"},
		"row": {Table: "providers", Org: "o1", Row: "r2", Column: "client_secret"}, "column": {Table: "providers", Org: "o1", Row: "r1", Column: "x"},
	} {
		if _, err := r.Open(other, sealed); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := r.Open(ref, changed); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("v1|a|"), []byte("v1|a"), []byte("v2|a|xxxx"), sealed[:len(sealed)-1]} {
		if _, err := r.Open(ref, bad); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	ref := secret.Ref{Table: "t", Org: "o", Row: "r", Column: "c"}
	sealed, _ := ring(t, "a").Seal(ref, []byte("x"))
	both := ring(t, "b", "a")
	if got, err := both.Open(ref, sealed); err != nil || string(got) != "x" || !both.Stale(sealed) {
		t.Errorf("with both keys: %q, %v, stale %v", got, err, both.Stale(sealed))
	}
	fresh, _ := both.Seal(ref, []byte("x"))
	if both.Stale(fresh) {
		t.Error("a fresh value is stale")
	}
	if _, err := ring(t, "b").Open(ref, sealed); !errors.Is(err, secret.ErrSealed) {
		t.Errorf("without its key: %v", err)
	}
}

func TestParseKeyring(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	if r, err := secret.ParseKeyring("new:" + key + ",\n old:" + key); err != nil || r.Primary() != "new" {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "x", "a:short", "a:" + key + ",a:" + key, "A:" + key, "a|b:" + key, "a:!!"} {
		_, err := secret.ParseKeyring(bad)
		if err == nil {
			t.Errorf("%q is a ring", bad)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func TestSecretDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	s := secret.Secret("hunter2")
	j, err := json.Marshal(map[string]any{"s": s, "p": &s, "in": struct{ S secret.Secret }{s}})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "in", struct{ S secret.Secret }{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "in", struct{ S secret.Secret }{s})
	all := string(j) + log.String() + fmt.Sprint(s, &s) + fmt.Sprintf("%v %+v %#v %s %q %x", s, struct{ S secret.Secret }{s}, s, s, s, s)
	if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("printed: %s", all)
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal does not")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a, b := secret.NewToken(), secret.NewToken()
	if a == b || !secret.IsToken(a) || len(secret.Hash(a)) != 32 || secret.Equal(a, b) || !secret.Equal(a, a) {
		t.Errorf("tokens %q %q", a, b)
	}
	for _, bad := range []string{"", a[1:], a + "A", a[:42] + "=", a[:42] + "|"} {
		if secret.IsToken(bad) {
			t.Errorf("%q is a token", bad)
		}
	}
	r := ring(t, "a")
	if bytes.Equal(r.MAC("p", "ab", "c"), r.MAC("p", "a", "bc")) || bytes.Equal(r.MAC("p", "a"), r.MAC("q", "a")) {
		t.Error("MAC runs its parts together")
	}
}
