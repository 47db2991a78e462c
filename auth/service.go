package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// The lives of what is handed out (OWASP ASVS 5.0, 6.5.5 and 7.3).
const (
	signInLife  = 10 * time.Minute // a sign-in under way, an email link
	idleLife    = 8 * time.Hour    // a session without a request
	sessionLife = 24 * time.Hour   // a session in all
	seenEvery   = 5 * time.Minute  // how often a request is noted
	skew        = time.Minute      // how far a provider's clock may be off
	oldestToken = 10 * time.Minute // how long before its arrival an ID token may have been issued
)

// Deps is what the room needs.
type Deps struct {
	DB      *db.DB
	Tenants *tenants.Service
	Mail    *mail.Service
	Keys    *secret.Keyring
	Egress  *http.Client // internal/egress; providers are reached through it only
	// BaseURL is the address of an organization's host without a slash at the end; of the front door for "". It comes from
	// the configuration and never from a request.
	BaseURL func(slug string) string
	// Production says that the portal is reached by https: cookies are Secure and have the __Host- prefix.
	Production bool
	Operators  OperatorDeps
	Now        func() time.Time // default DB.Now
}

// Service signs people in and out.
type Service struct {
	db       *db.DB
	tenants  *tenants.Service
	mail     *mail.Service
	keys     *secret.Keyring
	baseURL  func(string) string
	secure   bool
	now      func() time.Time
	issuers  *issuers
	sessions sessions
	gates    *gates

	operators operators
}

// New returns the service. It starts nothing.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Tenants == nil || d.Mail == nil || d.Keys == nil || d.Egress == nil || d.BaseURL == nil {
		return nil, errors.New("auth: a dependency is missing")
	}
	if d.Production && !strings.HasPrefix(d.BaseURL(""), "https://") {
		return nil, errors.New("auth: in production the portal is reached by https only")
	}
	now := d.Now
	if now == nil {
		now = d.DB.Now
	}
	s := &Service{
		db: d.DB, tenants: d.Tenants, mail: d.Mail, keys: d.Keys, baseURL: d.BaseURL, secure: d.Production, now: now,
		issuers: newIssuers(d.Egress, now), gates: newGates(now), sessions: sessions{now: now},
	}
	return s, s.operate(d.Operators)
}

// Production reports whether cookies must be Secure.
func (s *Service) Production() bool { return s.secure }

// BaseURL is the address of an organization's host, of the front door for "", without a slash at the end.
func (s *Service) BaseURL(slug string) string { return s.baseURL(slug) }

// Now is the service's time.
func (s *Service) Now() time.Time { return s.now() }

// Tenants is the service that knows hosts and organizations.
func (s *Service) Tenants() *tenants.Service { return s.tenants }

// Enter returns a context in which sign-in itself acts for an organization: what looks up sessions and providers before
// anybody acts. All methods of Service that take an organization need it.
func Enter(ctx context.Context, org id.Org) context.Context {
	return scope.Enter(ctx, scope.System(scope.SignIn, org))
}
