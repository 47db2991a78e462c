package tenants

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// Service answers for organizations and what they open to each other.
type Service struct {
	db   *db.DB
	base string // the base domain with its port, such as "localhost:8080"
	dns  *net.Resolver
	blob blob.Store // keeps logos, exports and what else is files; nil for who has none

	onErase []func(context.Context, id.Org) error // before an organization's rows are erased

	mu    sync.Mutex
	byID  map[id.Org]known
	bySlg map[string]known
	byHst map[string]known // by hosts of their own
}

type known struct {
	org   Organization
	until time.Time
}

// New returns a service for an installation whose organizations live at {slug}.{base}.
func New(d *db.DB, base string, opts ...Option) *Service {
	s := &Service{db: d, base: strings.ToLower(base), dns: Resolver(""), byID: map[id.Org]known{}, bySlg: map[string]known{}, byHst: map[string]known{}}
	for _, o := range opts {
		o(s)
	}
	return s
}

// Option is something that an installation decides.
type Option func(*Service)

// WithDNS asks a resolver whether domains are proven; the default is the system's.
func WithDNS(r *net.Resolver) Option { return func(s *Service) { s.dns = r } }

// WithBlob names where files are kept: logos, exports, and what is erased with an organization.
func WithBlob(b blob.Store) Option { return func(s *Service) { s.blob = b } }

// Resolver asks the DNS server at host:port, or for "" those of the system.
func Resolver(server string) *net.Resolver {
	r := &net.Resolver{PreferGo: true}
	if server != "" {
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server)
		}
	}
	return r
}

// Base is the base domain with its port, such as "localhost:8080".
func (s *Service) Base() string { return s.base }

// hostname drops the port and the trailing dot and lowers the case.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
