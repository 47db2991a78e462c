package tenants

import (
	"net"
	"strings"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// Service answers for organizations and what they open to each other.
type Service struct {
	db   *db.DB
	base string // the base domain with its port, such as "localhost:8080"

	mu    sync.Mutex
	byID  map[id.Org]known
	bySlg map[string]known
}

type known struct {
	org   Organization
	until time.Time
}

// New returns a service for an installation whose organizations live at {slug}.{base}.
func New(d *db.DB, base string) *Service {
	return &Service{db: d, base: strings.ToLower(base), byID: map[id.Org]known{}, bySlg: map[string]known{}}
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
