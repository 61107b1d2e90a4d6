package redact

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a text that nothing prints. It is held in a function, for fmt prints unexported fields without asking their
// methods, and other printers follow every pointer; none can look into a function. The zero value is an empty one.
type Secret struct {
	reveal func() string
}

// Keep makes a Secret.
func Keep(secret string) Secret {
	if secret == "" {
		return Secret{}
	}
	return Secret{func() string { return secret }}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

func (s Secret) String() string { return Hide(s.Reveal()) }

// Format prints the mark for all verbs.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) } // fmt's buffer never fails

// MarshalText is for JSON and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
