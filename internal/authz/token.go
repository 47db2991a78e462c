package authz

import (
	"maps"
	"slices"
)

// What an API token can be for. A token does what its member may and its scopes cover, never more than either.
const (
	ReadContent  = "read:content"
	WriteContent = "write:content"
	ReadNetwork  = "read:network"
	WriteNetwork = "write:network"
	ReadPeople   = "read:people"
	ReadTheLog   = "read:log"
	// ProvisionPeople is for the organization's identity provider, and for nothing else that a program does.
	ProvisionPeople = "provision:people"
)

// either is the scope of what everybody may know: any token covers it.
const either = "*"

// tokenScopes says which scope it takes to read and to write by an action; "" is nothing that a token can do. An action that does
// not stand here is for people alone: no token makes tokens, signs anybody in or changes how that is done.
var tokenScopes = map[Action]struct{ read, write string }{
	SeeOrg:        {read: either},
	SeeItem:       {read: ReadContent},
	ListItems:     {read: ReadContent},
	Search:        {read: ReadContent},
	ManageSharing: {ReadContent, WriteContent},
	Adopt:         {ReadContent, WriteContent},
	SeeNetwork:    {read: ReadNetwork},
	ManageNetwork: {ReadNetwork, WriteNetwork},
	SeePeople:     {read: ReadPeople},
	ReadLog:       {read: ReadTheLog},
	Provision:     {ProvisionPeople, ProvisionPeople},
}

// TokenScopes lists what a token can be made for, in alphabetical order.
func TokenScopes() []string {
	all := map[string]bool{}
	for _, t := range tokenScopes {
		all[t.read], all[t.write] = true, true
	}
	delete(all, "")
	delete(all, either)
	return slices.Sorted(maps.Keys(all))
}

// TokenScope is the scope that a token needs to do the action, reading or writing: "" for none; ok is false for what no token can.
func TokenScope(a Action, write bool) (need string, ok bool) {
	t := tokenScopes[a]
	need = t.read
	if write {
		need = t.write
	}
	if need == either {
		return "", true
	}
	return need, need != ""
}

// reaches reports whether scopes cover the action at all, reading or writing: which of both, the operation of the API says.
func reaches(scopes []string, a Action) bool {
	t := tokenScopes[a]
	return t.read == either || slices.Contains(scopes, t.read) || t.write != "" && slices.Contains(scopes, t.write)
}
