// Package egress has the only client for outgoing HTTP. What it is pointed at is often chosen by an organization's
// administrator, who may be an attacker of the installation: so it speaks https to the public internet only, checks the
// address that is really dialled (after DNS, which beats rebinding), follows no redirect, asks no proxy, and reads no more
// than it must.
//
// It owns that policy and no destination. Any room may call it; it calls none of ours.
package egress
