package marketing

import (
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

// Deps is what the room stands on.
type Deps struct {
	DB      *db.DB
	Tenants *tenants.Service
}

// Service answers for stories and what came of them.
type Service struct {
	db      *db.DB
	tenants *tenants.Service
}

// New returns the room's service.
func New(d Deps) *Service { return &Service{db: d.DB, tenants: d.Tenants} }
