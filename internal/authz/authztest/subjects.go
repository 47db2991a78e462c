package authztest

import (
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Home is the organization that every subject but the visitor acts for, Foreign another one.
var (
	Home    = id.Derive[id.Org]("authztest", "home")
	Foreign = id.Derive[id.Org]("authztest", "foreign")
)

// Subject is somebody who acts.
type Subject struct {
	Name  string // a role's, an actor's, or "visitor"
	Scope scope.Scope
}

// Actors lists the system actors; a test of this house parses internal/scope and fails when one is missing.
func Actors() []scope.Actor {
	return []scope.Actor{scope.SignIn, scope.Relay, scope.Indexer, scope.Counter, scope.Mailer, scope.Discloser, scope.Agreement, scope.Registrar, scope.Sealer, scope.Keeper, scope.Importer, scope.Operator, scope.Issuer, scope.Usher, scope.Console}
}

// Subjects lists a visitor, an individual, a member with each role alone, and every system actor, in the order in which they are shown.
func Subjects() []Subject {
	out := []Subject{{"visitor", scope.Scope{Actor: scope.Visitor}}, {"individual", scope.Scope{Actor: scope.Individual, Visitor: id.Derive[id.Visitor]("authztest", "individual")}}}
	for _, r := range scope.Roles() {
		roles := []scope.Role{scope.Learner}
		if r != scope.Learner {
			roles = append(roles, r)
		}
		out = append(out, Subject{string(r), scope.Scope{
			Actor: scope.Member, Org: Home, Roles: roles,
			Membership: id.Derive[id.Membership]("authztest", string(r)), Person: id.Derive[id.Person]("authztest", string(r)),
		}})
	}
	for _, a := range Actors() {
		out = append(out, Subject{string(a), scope.System(a, Home)})
	}
	return out
}
