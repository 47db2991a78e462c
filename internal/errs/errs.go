// Package errs has the kinds of errors that people are told apart by, and the one table from kind to HTTP status and
// message. Anything without a kind is Internal: it goes to the log whole and to the person as a reference only.
package errs

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what an error means to the one who asked.
type Kind string

// The kinds. Forbidden is used where the person knows of the thing already; a thing that may not be seen is NotFound.
const (
	NotFound        Kind = "not_found"
	Invalid         Kind = "invalid"
	Conflict        Kind = "conflict"
	Forbidden       Kind = "forbidden"
	Unauthenticated Kind = "unauthenticated"
	TooLarge        Kind = "too_large"
	HeaderTooLarge  Kind = "header_too_large"
	Malformed       Kind = "malformed"
	RateLimited     Kind = "rate_limited"
	Unavailable     Kind = "unavailable"
	Timeout         Kind = "timeout"
	MethodUnknown   Kind = "method_not_allowed"
	MediaUnknown    Kind = "unsupported_media_type"
	Stale           Kind = "precondition_failed" // it was changed since it was read
	Internal        Kind = "internal"
)

// statuses is the one table from kind to HTTP status (RFC 9110, RFC 6585 for 429 and 431).
var statuses = map[Kind]int{
	NotFound: 404, Invalid: 422, Conflict: 409, Forbidden: 403, Unauthenticated: 401, TooLarge: 413, HeaderTooLarge: 431,
	Malformed: 400, RateLimited: 429, Unavailable: 503, Timeout: 503, MethodUnknown: 405, MediaUnknown: 415, Stale: 412, Internal: 500,
}

// Field is one input that is wrong: its form name and the message key that says why.
type Field struct {
	Name, Key string
	Args      []any // name, value pairs for the message
}

// Error is an error with a kind. Key names the message that a person reads (default "errs.<kind>"); Err is for the log.
type Error struct {
	Kind       Kind
	Key        string
	Args       []any
	Fields     []Field
	RetryAfter time.Duration // with RateLimited and Unavailable
	Err        error
}

// Error implements error; the text is for logs.
func (e *Error) Error() string {
	if e.Err != nil {
		return string(e.Kind) + ": " + e.Err.Error()
	}
	if len(e.Fields) > 0 {
		return fmt.Sprintf("%s: %v", e.Kind, e.Fields)
	}
	return string(e.Kind) + ": " + e.Key
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the kind whose log text is formatted like fmt.Errorf.
func New(k Kind, format string, a ...any) error {
	return &Error{Kind: k, Err: fmt.Errorf(format, a...)}
}

// Say returns an error of the kind that tells the person the message key with its name, value pairs.
func Say(k Kind, key string, kv ...any) error { return &Error{Kind: k, Key: key, Args: kv} }

// Fields returns an Invalid error that names inputs.
func Fields(f ...Field) error { return &Error{Kind: Invalid, Fields: f} }

// KindOf returns the kind of the first error in the chain that has one, Internal for others, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, k Kind) bool { return KindOf(err) == k }

// Status returns the HTTP status of a kind.
func Status(k Kind) int {
	if s, ok := statuses[k]; ok {
		return s
	}
	return 500
}

// MessageKey returns the key of the message that a person reads for err.
func MessageKey(err error) (key string, args []any) {
	if e, ok := errors.AsType[*Error](err); ok && e.Key != "" {
		return e.Key, e.Args
	}
	return "errs." + string(KindOf(err)), nil
}
