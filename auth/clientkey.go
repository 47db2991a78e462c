package auth

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"

	"github.com/learnscape/learnscape/internal/secret"
)

// How the portal shows a provider who it is.
const (
	methodSecret = "secret"
	methodKey    = "key" // private_key_jwt, RFC 7523
)

// newClientKey makes a key of a provider's own, PKCS #8. RSA, because it is what every provider takes.
func newClientKey() ([]byte, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(k)
}

// clientKey is the key of what newClientKey made, with its name.
func clientKey(der []byte) (jose.JSONWebKey, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	out := jose.JSONWebKey{Key: k, Algorithm: string(jose.RS256), Use: "sig"}
	sum, err := out.Thumbprint(crypto.SHA256)
	out.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return out, err
}

// credential is what the token request shows: a secret, or an assertion signed by the provider's own key. The key is used nowhere else,
// so an assertion is worth nothing at another provider, whatever address that one calls its own.
func (s *Service) credential(p Provider, i *issuer) (clientSecret string, opts []oauth2.AuthCodeOption, err error) {
	b, err := s.keys.Open(providerRef(p.OrgID, p.ProviderID), p.Sealed)
	if err != nil {
		return "", nil, fmt.Errorf("secret of provider %s: %w", p.ProviderID, err)
	}
	if p.AuthMethod != methodKey {
		return string(b), nil, nil
	}
	key, err := clientKey(b)
	if err != nil {
		return "", nil, fmt.Errorf("key of provider %s: %w", p.ProviderID, err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", nil, err
	}
	now := s.now()
	assertion, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: p.ClientID, Subject: p.ClientID, Audience: jwt.Audience{i.provider.Endpoint().TokenURL}, ID: secret.NewToken(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}).Serialize()
	if err != nil {
		return "", nil, err
	}
	return "", []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), oauth2.SetAuthURLParam("client_assertion", assertion),
	}, nil
}

// publicKeys is the JWK set of a provider's own key, for the provider to fetch.
func (s *Service) publicKeys(p Provider) ([]byte, error) {
	b, err := s.keys.Open(providerRef(p.OrgID, p.ProviderID), p.Sealed)
	if err != nil {
		return nil, fmt.Errorf("key of provider %s: %w", p.ProviderID, err)
	}
	key, err := clientKey(b)
	if err != nil {
		return nil, err
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
}
