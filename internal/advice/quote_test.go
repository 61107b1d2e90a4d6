package advice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/advice"
)

// TestQuote: what every shell takes as it is stands as it is, and what is special between double quotes isn't put there.
func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"azAZ09-_./:": "azAZ09-_./:", "": "''", "a b": "'a b'", "`": "'`'", "{": "'{'", "@": "'@'", "[": "'['", ";": "';'", "é": "'é'",
		"it's": `"it's"`, `"it's"`: `'"it'\''s"'`, "it's $a": `'it'\''s $a'`, "it's `a`": "'it'\\''s `a`'", `it's \`: `'it'\''s \'`, "it's!": `'it'\''s!'`,
	} {
		require.Equal(t, want, advice.Quote(text))
	}
	for text, want := range map[string]string{"": "''", "a": "'a'", "it's": "'it''s'", "‘’‚‛": "'‘‘’’‚‚‛‛'", `"$a`: `'"$a'`} {
		require.Equal(t, want, advice.QuoteForPowerShell(text))
	}
}
