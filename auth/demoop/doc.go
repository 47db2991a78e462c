// Package demoop is the OpenID provider of the demonstration and of the tests: a small real one, with several issuers in one
// process, one per organization, at {Base}/{slug}. It does discovery, signing keys with rotation, the code flow with PKCE,
// the token and userinfo endpoints, the iss parameter of RFC 9207 and RP-initiated logout. Who one is is chosen on a plain
// page without a password, so it must never face a network that is not the machine's own. Tests make it misbehave with
// SetFault.
//
// It owns nothing of the portal and knows none of its packages but id-free plain data: it could run anywhere else.
package demoop
