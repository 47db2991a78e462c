// Package secret keeps what must not be read from a stolen database or log: it seals values at rest with AES-256-GCM under
// a key ring, makes and hashes bearer tokens, and has a string type that does not print itself.
//
// It owns the format of sealed values and of tokens. It stores nothing, knows no table and decides nobody's rights. Any
// package may call it; it calls none of ours.
package secret
