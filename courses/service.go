package courses

import (
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

// Service answers for courses, paths and learning.
type Service struct {
	db      *db.DB
	tenants *tenants.Service
	blob    blob.Store

	outlines outlines
	leaves   memory[Place, leaf]
}

// Deps are what the service works with; all are needed.
type Deps struct {
	DB      *db.DB
	Tenants *tenants.Service
	Blob    blob.Store
}

// New returns a service; it starts nothing.
func New(d Deps) *Service {
	return &Service{db: d.DB, tenants: d.Tenants, blob: d.Blob}
}
