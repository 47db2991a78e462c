package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// tokenLen is the length of a token: 32 bytes in base64url without padding.
const tokenLen = 43

// NewToken returns 256 random bits in base64url, 43 characters. A secret of that strength is stored as its plain SHA-256
// (OWASP ASVS 5.0, 6.5.2: from 112 bits on no slow hash is needed).
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // Never fails since Go 1.24.
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// IsToken reports whether s has the form of a token; anything else need not be looked up.
func IsToken(s string) bool {
	if len(s) != tokenLen {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil
}

// Hash returns the SHA-256 of a token, which is what is stored.
func Hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// Equal compares in constant time for texts of one length.
func Equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// NewReference returns n characters of Crockford's base32 without vowels' look-alikes, for people to read out.
func NewReference(n int) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return string(b)
}
