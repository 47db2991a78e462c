package demoop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// keys are an issuer's signing keys and those that it still publishes.
type keys struct {
	signing []jose.JSONWebKey // private, one per algorithm
	public  []jose.JSONWebKey
}

func newKeys() (*keys, error) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	k := &keys{signing: []jose.JSONWebKey{
		{Key: ec, KeyID: "ec-" + random()[:8], Algorithm: string(jose.ES256), Use: "sig"},
		{Key: rs, KeyID: "rs-" + random()[:8], Algorithm: string(jose.RS256), Use: "sig"},
	}}
	for _, s := range k.signing {
		k.public = append(k.public, s.Public())
	}
	return k, nil
}

// ring returns the issuer's keys and makes them the first time; the caller holds the lock.
func (i *issuer) ring() (*keys, error) {
	if i.keys == nil {
		k, err := newKeys()
		if err != nil {
			return nil, fmt.Errorf("signing keys of %s: %w", i.url, err)
		}
		i.keys = k
	}
	return i.keys, nil
}

// Rotate gives an issuer new signing keys. With overlap the former ones stay published, as a careful provider does.
func (op *OP) Rotate(slug string, overlap bool) error {
	i, ok := op.issuers[slug]
	if !ok {
		return ErrUnknown
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	old, err := i.ring()
	if err != nil {
		return err
	}
	i.keys, err = newKeys()
	if err == nil && overlap {
		i.keys.public = append(i.keys.public, old.public...)
	}
	return err
}

// SignWith chooses the algorithm of an issuer's ID tokens: ES256, which it starts with, or RS256.
func (op *OP) SignWith(slug, alg string) error {
	i, ok := op.issuers[slug]
	if !ok || (alg != "ES256" && alg != "RS256") {
		return ErrUnknown
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.alg = alg
	return nil
}

func (i *issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	k, err := i.ring()
	var set jose.JSONWebKeySet
	if err == nil {
		set.Keys = append(set.Keys, k.public...)
	}
	i.mu.Unlock()
	if err != nil {
		oauthError(w, http.StatusInternalServerError, "server_error", "keys")
		return
	}
	writeJSON(w, http.StatusOK, set)
}

// sign returns the claims as a compact JWS under the issuer's algorithm, or the wrong way that its fault asks for.
func (i *issuer) sign(payload []byte) (string, error) { return i.signAs("JWT", payload) }

func (i *issuer) signAs(typ jose.ContentType, payload []byte) (string, error) {
	i.mu.Lock()
	k, err := i.ring()
	alg, fault := i.alg, i.fault
	i.mu.Unlock()
	if err != nil {
		return "", err
	}
	key := k.signing[0]
	for _, s := range k.signing {
		if s.Algorithm == alg {
			key = s
		}
	}
	switch fault {
	case AlgNone:
		return unsigned(payload), nil
	case AlgHS256:
		return signedWithPublicKey(k, payload)
	case UnknownKid, RogueKid, EmbeddedKey:
		rogue, err := newKeys()
		if err != nil {
			return "", err
		}
		if fault == RogueKid { // A key of the attacker's own under a published name.
			rogue.signing[0].KeyID = k.signing[0].KeyID
		}
		key = rogue.signing[0]
		if fault == EmbeddedKey {
			own := key.Public()
			return signed(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, typ, payload, map[jose.HeaderKey]any{"jwk": own, "jku": i.url + "/evil-jwks"})
		}
	default:
	}
	return signed(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, typ, payload)
}

func signed(k jose.SigningKey, typ jose.ContentType, payload []byte, header ...map[jose.HeaderKey]any) (string, error) {
	o := (&jose.SignerOptions{}).WithType(typ)
	for _, h := range header {
		for name, v := range h {
			o = o.WithHeader(name, v)
		}
	}
	s, err := jose.NewSigner(k, o)
	if err != nil {
		return "", err
	}
	token, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return token.CompactSerialize()
}

// signedWithPublicKey is the old confusion of algorithms: an HMAC whose secret everybody can fetch.
func signedWithPublicKey(k *keys, payload []byte) (string, error) {
	for _, p := range k.public {
		if pub, ok := p.Key.(*rsa.PublicKey); ok {
			der, err := x509.MarshalPKIXPublicKey(pub)
			if err != nil {
				return "", err
			}
			return signed(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: der, KeyID: p.KeyID}}, "JWT", payload)
		}
	}
	return "", ErrUnknown
}
