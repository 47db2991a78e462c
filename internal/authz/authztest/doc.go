// Package authztest lists everybody who can act, so that rights are tested for all of them and a new role or actor cannot
// be forgotten. Tests of authz and of the rooms call it; it decides nothing.
package authztest
