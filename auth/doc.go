// Package auth is how people prove who they are and how the portal remembers it. It owns identity providers, identities,
// sign-ins under way, sessions, one-time email links and API tokens, and it is one of the two places that enter a scope.
//
// It does not own organizations, domains and memberships (tenants), and it decides no rights beyond "who acts": what a
// member may do is internal/authz, what anybody may see is decided where it is read. It changes a membership in two ways
// only: a prepared one becomes active on its first sign-in, and its language and last visit are noted.
//
// The rules are those of OpenID Connect Core 1.0 (3.1.3.7), RFC 9700 (security of OAuth), RFC 9207 (iss in the answer) and
// OWASP ASVS 5.0 (chapters 6, 7 and 10). Three of them shape everything: an identity is (provider, subject) and a provider
// belongs to one organization; an address never links an identity to a membership that has one; every step of a sign-in is
// bound to the browser that began it.
//
// auth/pages has the handlers and the middleware; rooms to the right read HostOrg and Current.
package auth
