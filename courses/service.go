package courses

import (
	"time"

	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Service answers for courses, paths and learning.
type Service struct {
	db      *db.DB
	tenants *tenants.Service
	blob    blob.Store
	mail    *mail.Service
	keys    *secret.Keyring
	url     func(slug string) string

	outlines outlines
	leaves   memory[Place, leaf]
	texts    memory[leafIn, lessonFound] // the texts of published versions, which never change; they give no right either
	quiet    memory[asked, time.Time]    // until when somebody is asked nothing
}

// Deps are what the service works with; the last three are needed where credentials are given.
type Deps struct {
	DB      *db.DB
	Tenants *tenants.Service
	Blob    blob.Store
	Mail    *mail.Service            // nil: nobody is told of a credential
	Keys    *secret.Keyring          // under which the keys of issuers are sealed
	URL     func(slug string) string // the address of an organization's portal
}

// New returns a service; it starts nothing.
func New(d Deps) *Service {
	return &Service{db: d.DB, tenants: d.Tenants, blob: d.Blob, mail: d.Mail, keys: d.Keys, url: d.URL}
}

// asked is a member at an item, whose owner may want to know by name who learns there.
type asked struct {
	member id.Membership
	item   id.Item
}

// quietFor is how long somebody who is asked nothing is not looked up again.
const quietFor = time.Minute

// asks reports whether it has to be looked up what the member is asked.
func (s *Service) asks(at asked, now time.Time) bool {
	until, ok := s.quiet.get(at)
	return !at.member.IsZero() && (!ok || now.After(until))
}

// askedBy is what the member is asked, as it was looked up; nil for nothing.
func (s *Service) askedBy(at asked, a *tenants.Asking, now time.Time) *tenants.Sharing {
	q := a.Question()
	if q == nil {
		s.quiet.put(at, now.Add(quietFor))
	}
	return q
}
