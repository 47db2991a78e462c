package secret

import (
	"log/slog"
)

// Secret is a text that does not print itself: fmt, encoding/json and log/slog show "***". Reveal returns it.
type Secret string

const masked = "***"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return masked }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return masked }

// MarshalText implements encoding.TextMarshaler, which JSON uses for values. As the key of a map it would be written: a
// secret is no key.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }
