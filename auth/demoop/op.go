package demoop

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Person is somebody who can sign in at an issuer.
type Person struct {
	Email string // lower case; also what the form's one field takes
	Name  string
	Title string
}

// Client is a relying party of an issuer.
type Client struct {
	ID, Secret   string
	RedirectURIs []string // compared as they are written
	LogoutURIs   []string // where a sign-out may return to
	// BackChannelURI is told when somebody signs out here; "" for a client that does not want to know.
	BackChannelURI string
	Keys           []byte // a JWK set: the client signs assertions instead of showing its secret (RFC 7523). Optional.
}

// Issuer is one provider; its address is {Base}/{Slug}.
type Issuer struct {
	Slug    string
	Name    string // "Brightwater sign-in"
	Clients []Client
	People  []Person
}

// Config is a whole process of issuers.
type Config struct {
	Base    string // "http://127.0.0.1:8081", without a slash at the end
	Issuers []Issuer
	Now     func() time.Time // default the machine's clock
}

// OP is the providers as one http.Handler. It is safe for concurrent use.
type OP struct {
	base    string
	now     func() time.Time
	mux     *http.ServeMux
	issuers map[string]*issuer
}

const (
	codeLife  = time.Minute
	tokenLife = 10 * time.Minute
)

// issuer is one provider with what it handed out.
type issuer struct {
	op      *OP
	url     string
	name    string
	clients map[string]Client
	people  []Person

	mu     sync.Mutex
	keys   *keys
	alg    string
	fault  Fault
	codes  map[string]grant // by hash of the code
	tokens map[string]grant // by hash of the access token
	counts map[string]int   // requests by endpoint
}

// grant is what a person allowed a client.
type grant struct {
	client, redirect, challenge, nonce, sid string
	person                                  Person
	at, until                               time.Time
	used                                    bool
}

//go:embed style.css
var files embed.FS

// New returns the providers. Signing keys are made when an issuer is first asked for them.
func New(c Config) (*OP, error) {
	base, err := url.Parse(c.Base)
	if err != nil || base.Host == "" || strings.HasSuffix(c.Base, "/") {
		return nil, fmt.Errorf("demonstration provider: base %q is no address without a slash at the end", c.Base)
	}
	op := &OP{base: c.Base, now: c.Now, mux: http.NewServeMux(), issuers: map[string]*issuer{}}
	if op.now == nil {
		op.now = time.Now //nolint:forbidigo // The clock's one source here.
	}
	for _, i := range c.Issuers {
		if i.Slug == "" || op.issuers[i.Slug] != nil {
			return nil, fmt.Errorf("demonstration provider: issuer %q is nameless or there twice", i.Slug)
		}
		iss := &issuer{
			op: op, url: c.Base + "/" + i.Slug, name: i.Name, people: i.People, clients: map[string]Client{}, alg: "ES256",
			codes: map[string]grant{}, tokens: map[string]grant{}, counts: map[string]int{},
		}
		for _, cl := range i.Clients {
			if cl.ID == "" || cl.Secret == "" || len(cl.RedirectURIs) == 0 {
				return nil, fmt.Errorf("demonstration provider: client %q of %s lacks id, secret or redirect address", cl.ID, i.Slug)
			}
			iss.clients[cl.ID] = cl
		}
		op.issuers[i.Slug] = iss
	}
	for route, h := range map[string]func(*issuer, http.ResponseWriter, *http.Request){
		"GET /{slug}/.well-known/openid-configuration": (*issuer).discovery,
		"GET /{slug}/jwks":       (*issuer).jwks,
		"GET /{slug}/authorize":  (*issuer).authorize,
		"POST /{slug}/authorize": (*issuer).choose,
		"POST /{slug}/token":     (*issuer).token,
		"GET /{slug}/userinfo":   (*issuer).userinfo,
		"POST /{slug}/userinfo":  (*issuer).userinfo,
		"GET /{slug}/logout":     (*issuer).logout,
		"POST /{slug}/sign-out":  (*issuer).signOut,
		"GET /{slug}/{$}":        (*issuer).index,
		"GET /{slug}":            (*issuer).index,
	} {
		op.mux.HandleFunc(route, op.route(route, h))
	}
	op.mux.HandleFunc("GET /style.css", op.style)
	return op, nil
}

// ServeHTTP implements http.Handler.
func (op *OP) ServeHTTP(w http.ResponseWriter, r *http.Request) { op.mux.ServeHTTP(w, r) }

// IssuerURL is the issuer's identifier, {Base}/{slug}.
func (op *OP) IssuerURL(slug string) string { return op.base + "/" + slug }

// ErrUnknown means that there is no such issuer.
var ErrUnknown = errors.New("no such issuer")

// AddClient adds a relying party to an issuer, or replaces the one with its id.
func (op *OP) AddClient(slug string, c Client) error {
	i, ok := op.issuers[slug]
	if !ok {
		return ErrUnknown
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clients[c.ID] = c
	return nil
}

// Requests returns how often an endpoint of an issuer was asked: "discovery", "jwks", "authorize", "token", "userinfo".
func (op *OP) Requests(slug, endpoint string) int {
	i, ok := op.issuers[slug]
	if !ok {
		return 0
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts[endpoint]
}

func (op *OP) route(route string, h func(*issuer, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	endpoint := route[strings.LastIndex(route, "/")+1:]
	if endpoint == "openid-configuration" {
		endpoint = "discovery"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		i, ok := op.issuers[r.PathValue("slug")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		i.mu.Lock()
		i.counts[endpoint]++
		f := i.fault
		i.mu.Unlock()
		if f.intercept(w, r, endpoint) {
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		h(i, w, r)
	}
}

func (i *issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	url := i.url
	if i.faulty(DiscoveryOfAnother) {
		url = i.op.base + "/another"
	}
	authorize := i.url + "/authorize"
	if i.faulty(DiscoveryScheme) {
		authorize = "ftp://evil.example/authorize"
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                         url,
		"authorization_endpoint":                         authorize,
		"token_endpoint":                                 i.url + "/token",
		"userinfo_endpoint":                              i.url + "/userinfo",
		"jwks_uri":                                       i.url + "/jwks",
		"end_session_endpoint":                           i.url + "/logout",
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"ES256", "RS256"},
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		"scopes_supported":                               []string{"openid", "profile", "email"},
		"claims_supported":                               []string{"sub", "name", "email", "email_verified", "auth_time", "sid"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	})
}

// oauthError is the error answer of RFC 6749, 5.2.
func oauthError(w http.ResponseWriter, status int, code, text string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	writeJSON(w, status, map[string]string{"error": code, "error_description": text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // Who left does not read it.
}

// Subject is the sub of a person at an issuer: stable, and the same in every process of the demonstration.
func (op *OP) Subject(slug, email string) string { return subject(slug, email) }

// subject depends on the issuer's name and not on its address, which differs from start to start of a demonstration.
func subject(slug, email string) string {
	h := sha256.Sum256([]byte(slug + "\x00" + strings.ToLower(email)))
	return base64.RawURLEncoding.EncodeToString(h[:16])
}

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // Never fails.
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hash(s string) string {
	h := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func (i *issuer) find(email string) (Person, bool) {
	email = strings.ToLower(strings.TrimSpace(email))
	for _, p := range i.people {
		if p.Email == email {
			return p, true
		}
	}
	return Person{}, false
}

func (i *issuer) faulty(f Fault) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fault == f
}

// sweep drops what has expired; the caller holds the lock.
func (i *issuer) sweep(now time.Time) {
	for _, m := range []map[string]grant{i.codes, i.tokens} {
		for k, g := range m {
			if now.After(g.until.Add(tokenLife)) {
				delete(m, k)
			}
		}
	}
}
