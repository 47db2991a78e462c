package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	discoveryFresh = time.Hour        // discovery and keys are read again after it
	discoveryStale = 24 * time.Hour   // and used for so long if the provider does not answer
	keysEvery      = 30 * time.Second // unknown key ids do not make the portal ask more often
	providerWait   = 5 * time.Second  // of one look-up
	silentFor      = 5 * time.Second  // an issuer that could not be read is not asked again
)

// allowedAlgs are the signatures that ID tokens may have: no HMAC, whose key would be the client's secret, and no "none".
func allowedAlgs() []string { return []string{oidc.RS256, oidc.ES256, oidc.EdDSA} }

// issuers remembers what providers say of themselves. Look-ups of one issuer are merged and bounded; those of different
// issuers do not wait for each other.
type issuers struct {
	client *http.Client
	now    func() time.Time
	flight singleflight.Group

	mu     sync.Mutex
	known  map[string]*issuer
	silent map[string]silence
}

// silence is that an issuer could not be read, and when.
type silence struct {
	at  time.Time
	err error
}

// issuer is one provider's own description with its keys.
type issuer struct {
	provider *oidc.Provider
	meta     metadata
	keys     *keySet
	read     time.Time
}

type metadata struct {
	EndSession  string   `json:"end_session_endpoint"`
	IssInAnswer bool     `json:"authorization_response_iss_parameter_supported"`
	Algs        []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	JWKS        string   `json:"jwks_uri"`
}

func newIssuers(c *http.Client, now func() time.Time) *issuers {
	return &issuers{client: c, now: now, known: map[string]*issuer{}, silent: map[string]silence{}}
}

// issuerLimit bounds what a process remembers.
const issuerLimit = 2000

// get returns the issuer, from memory while it is fresh. A provider that does not answer is trusted for a day as it was.
func (s *issuers) get(ctx context.Context, address string) (*issuer, error) {
	now := s.now()
	s.mu.Lock()
	have, quiet := s.known[address], s.silent[address]
	s.mu.Unlock()
	if have != nil && (now.Sub(have.read) < discoveryFresh || quiet.err != nil && now.Sub(quiet.at) < silentFor && now.Sub(have.read) < discoveryStale) {
		return have, nil
	}
	if quiet.err != nil && now.Sub(quiet.at) < silentFor {
		return nil, quiet.err
	}
	ch := s.flight.DoChan(address, func() (any, error) {
		// The first who asks may leave; the others still want the answer.
		fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerWait)
		defer cancel()
		i, err := s.discover(fctx, address)
		s.heard(address, err)
		return i, err
	})
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case r := <-ch:
		if r.Err == nil {
			return r.Val.(*issuer), nil //nolint:errcheck // The function above returns nothing else.
		}
		err = r.Err
	}
	if have != nil && now.Sub(have.read) < discoveryStale {
		return have, nil
	}
	return nil, err
}

// heard remembers whether the issuer answered.
func (s *issuers) heard(address string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.silent, address)
		return
	}
	if len(s.silent) >= issuerLimit {
		clear(s.silent)
	}
	s.silent[address] = silence{s.now(), err}
}

// remembered returns what is known of the issuer without asking it, nil if nothing is.
func (s *issuers) remembered(address string) *issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[address]
}

func (s *issuers) discover(ctx context.Context, address string) (*issuer, error) {
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), address)
	if err != nil {
		return nil, fmt.Errorf("discovery of %s: %w", address, err)
	}
	i := &issuer{provider: p, read: s.now()}
	if err := p.Claims(&i.meta); err != nil {
		return nil, fmt.Errorf("discovery of %s: %w", address, err)
	}
	// The browser is sent to the first; the egress client judges the others when they are asked.
	if e := p.Endpoint(); !sameScheme(address, e.AuthURL) || e.TokenURL == "" || i.meta.JWKS == "" {
		return nil, fmt.Errorf("discovery of %s: %w", address, errEndpoints)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.known[address]; old != nil && old.meta.JWKS == i.meta.JWKS {
		i.keys = old.keys
	} else {
		i.keys = newKeySet(s.client, i.meta.JWKS, s.now)
	}
	if len(s.known) >= issuerLimit {
		clear(s.known)
	}
	s.known[address] = i
	return i, nil
}

var errEndpoints = errors.New("an endpoint is missing or of another scheme")

// sameScheme reports whether an endpoint is an address of the issuer's own scheme, which is https but on this machine.
func sameScheme(issuer, endpoint string) bool {
	i, err1 := url.Parse(issuer)
	e, err2 := url.Parse(endpoint)
	return err1 == nil && err2 == nil && e.Host != "" && e.User == nil && i.Scheme == e.Scheme
}

// algs are the allowed algorithms that the provider says it uses; all allowed ones if it says nothing.
func (i *issuer) algs() []string {
	if len(i.meta.Algs) == 0 {
		return allowedAlgs()
	}
	return slices.DeleteFunc(allowedAlgs(), func(a string) bool { return !slices.Contains(i.meta.Algs, a) })
}

// authStyle is chosen from what the provider says: trying one after the other would burn the code.
func (i *issuer) authStyle() oauth2.AuthStyle {
	if slices.Contains(i.meta.AuthMethods, "client_secret_post") && !slices.Contains(i.meta.AuthMethods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// errKeys means that a provider's keys could not be read, which says nothing about the token.
var errKeys = errors.New("the provider's keys could not be read")

// keySet is go-oidc's remote key set with the limits that it leaves to the caller: keys are read again after an hour, kept
// for a day if the provider does not answer, and not asked for more than once in 30 seconds because of unknown key ids.
type keySet struct {
	client *http.Client
	url    string
	now    func() time.Time

	mu    sync.Mutex
	set   *oidc.RemoteKeySet
	read  time.Time // when the set's keys came
	asked time.Time // the last answer, any set
}

func newKeySet(c *http.Client, url string, now func() time.Time) *keySet {
	k := &keySet{url: url, now: now}
	limited := *c
	limited.Transport = throttled{k, c.Transport}
	k.client = &limited
	return k
}

// throttled is the transport of key look-ups.
type throttled struct {
	k    *keySet
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t throttled) RoundTrip(r *http.Request) (*http.Response, error) {
	now := t.k.now()
	t.k.mu.Lock()
	wait := !t.k.asked.IsZero() && now.Sub(t.k.asked) < keysEvery
	t.k.mu.Unlock()
	if wait {
		return nil, errThrottled
	}
	res, err := t.next.RoundTrip(r)
	t.k.mu.Lock()
	defer t.k.mu.Unlock()
	if err == nil && res.StatusCode == http.StatusOK {
		t.k.asked = now
	}
	return res, err
}

var errThrottled = errors.New("keys were read a moment ago")

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	now := k.now()
	k.mu.Lock()
	if k.set == nil {
		k.set, k.read = k.fresh(), now //nolint:contextcheck // The set outlives the request: see fresh.
	}
	set, age := k.set, now.Sub(k.read)
	k.mu.Unlock()
	if age < discoveryFresh {
		return k.verify(ctx, set, jwt)
	}
	next := k.fresh() //nolint:contextcheck // The set outlives the request: see fresh.
	payload, err := k.verify(ctx, next, jwt)
	if errors.Is(err, errKeys) && age < discoveryStale {
		return k.verify(ctx, set, jwt)
	}
	if !errors.Is(err, errKeys) {
		k.mu.Lock()
		k.set, k.read = next, now
		k.mu.Unlock()
	}
	return payload, err
}

func (k *keySet) fresh() *oidc.RemoteKeySet {
	ctx := context.Background() //nolint:forbidigo // The library keeps it for good and reads nothing but the client from it.
	return oidc.NewRemoteKeySet(oidc.ClientContext(ctx, k.client), k.url)
}

func (k *keySet) verify(ctx context.Context, set *oidc.RemoteKeySet, jwt string) ([]byte, error) {
	payload, err := set.VerifySignature(ctx, jwt)
	if err != nil && !errors.Is(err, errThrottled) && strings.HasPrefix(err.Error(), "fetching keys") {
		if down, ok := ctx.Value(keysDown{}).(*bool); ok {
			*down = true
		}
		return nil, fmt.Errorf("%w: %w", errKeys, err)
	}
	return payload, err
}

// keysDown is where verify notes that the keys, not the token, were the trouble: the verifier keeps no error's identity.
type keysDown struct{}
