// Package scope says who acts. A scope is made in two places only: by auth from a session (or its absence) and by jobs
// from a named system actor; everything else reads it. Work without a scope is an error, never a default.
package scope

import (
	"context"
	"errors"
	"slices"

	"github.com/learnscape/learnscape/internal/id"
)

// Actor is the kind of who acts. PostgreSQL's row policies know it as the setting app.actor.
type Actor string

// Who can act. All but Member, Visitor and Individual are the product itself, in the scope of one organization.
const (
	Member  Actor = "member"  // a person, signed in, for exactly one membership
	Visitor Actor = "visitor" // anybody else: sees public collections and nothing more
	// Individual is a person who came in by an organization's public door: a visitor with an account, who is no member. Org is zero.
	Individual Actor = "individual"
	SignIn     Actor = "sign_in"   // looks up providers, sessions and memberships of the organization of the host
	Relay      Actor = "relay"     // takes events out of the outbox, of all organizations; sees nothing else
	Indexer    Actor = "indexer"   // writes the search documents of one organization
	Counter    Actor = "counter"   // writes what others did with an organization's items: touches and counts
	Mailer     Actor = "mailer"    // sends the mail of one organization
	Discloser  Actor = "discloser" // carries what two organizations agreed on about people from the one to the other
	Agreement  Actor = "agreement" // carries out on one side what both signed: grants, the side of a connection, time to finish
	Registrar  Actor = "registrar" // asks the DNS which domains organizations prove to own
	Sealer     Actor = "sealer"    // numbers and seals the log of one organization
	Keeper     Actor = "keeper"    // exports and erases what it was decided to, of one organization
	Importer   Actor = "importer"  // makes courses and paths of one organization of what its authors brought, and looks where they lead
	Operator   Actor = "operator"  // the command line of the installation: creates organizations, imports
	Issuer     Actor = "issuer"    // gives what members of one organization earned, and signs for the organization whose scope it is
	Usher      Actor = "usher"     // gives the seats of live sessions of one organization, and notes for its members that they came
	Console    Actor = "console"   // an operator, signed in at the operators' host: is told how organizations stand, reads nothing of what is in them
)

// Scope is who acts, for whom, and in which language. Its zero value is no scope.
type Scope struct {
	Actor      Actor
	Org        id.Org        // for whom; zero for visitors and the relay
	Membership id.Membership // the acting membership; zero unless Actor is Member
	Person     id.Person     // the person of the membership
	Visitor    id.Visitor    // the progress record of a visitor or an individual; zero for a visitor who has none yet
	Roles      []Role        // of the membership; everybody is a Learner
	Token      id.Any        // the API token with which a program acts for the member; zero for a person
	For        []string      // what that token is for: of authz.TokenScopes
	Operator   id.Any        // of the installation's operators, who acts; zero for everybody else
	Named      string        // the operator's name, as the log of an organization tells it
	Glass      id.Any        // with which break-glass an operator reads as one organization, and writes nothing; zero for everybody else
	View       id.Org        // as whom a member looks at the own content, reading only: another organization, or id.Everyone for a visitor; zero for oneself
}

// Role is what a membership may do beyond learning; a membership has a set of them.
type Role string

// The roles of product.md.
const (
	Learner        Role = "learner"
	Author         Role = "author"
	Marketer       Role = "marketer"
	Moderator      Role = "moderator"
	Manager        Role = "manager"
	PartnerManager Role = "partner_manager"
	Lead           Role = "lead"
	Administrator  Role = "administrator"
)

// Roles lists all roles in the order in which people see them.
func Roles() []Role {
	return []Role{Learner, Author, Marketer, Moderator, Manager, PartnerManager, Lead, Administrator}
}

// Has reports whether the scope has the role.
func (s Scope) Has(r Role) bool { return slices.Contains(s.Roles, r) }

// SignedIn reports whether a member acts.
func (s Scope) SignedIn() bool { return s.Actor == Member }

// Human reports whether somebody in front of a page acts, and no part of the product.
func (a Actor) Human() bool { return a == Member || a == Visitor || a == Individual }

// ReadsOnly reports whether nothing may be written, whoever's it is.
func (s Scope) ReadsOnly() bool { return !s.View.IsZero() || !s.Glass.IsZero() }

// ErrNone means that the context says nobody acts. It is a programming error: the request's or job's entrance forgot it.
var ErrNone = errors.New("no scope in context")

type key struct{}

// Enter returns a context in which s acts. Only auth, jobs, the command line and tests call it; a linter rule holds that.
func Enter(ctx context.Context, s Scope) context.Context { return context.WithValue(ctx, key{}, s) }

// From returns who acts, or ErrNone.
func From(ctx context.Context) (Scope, error) {
	s, ok := ctx.Value(key{}).(Scope)
	if !ok || s.Actor == "" {
		return Scope{}, ErrNone
	}
	return s, nil
}

// System returns the scope of a named system actor for one organization (or none, for the Relay).
func System(a Actor, org id.Org) Scope { return Scope{Actor: a, Org: org} }
