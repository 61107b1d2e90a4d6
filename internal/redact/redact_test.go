package redact_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
)

func FuzzLine(f *testing.F) {
	f.Add("you sent Bearer secretsecret", "secretsecret")
	f.Add("::add-mask::x\n##vso[task]", "")
	f.Add("aaaaaaaaaaaaaaaa", "aaaaaaaaa")
	f.Fuzz(func(t *testing.T, text, secret string) {
		quoted := redact.Line(text, secret)
		requireOneLine(t, quoted)
		if secret = strings.TrimSpace(secret); len(secret) >= 8 && !strings.Contains("[redacted]", secret) && !strings.ContainsFunc(secret, unicode.IsSpace) {
			require.NotContains(t, redact.Line("before "+secret+" after", secret), secret)
		}
	})
}

func requireOneLine(t *testing.T, text string) {
	t.Helper()
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	require.LessOrEqual(t, len([]rune(text)), 1201)
}
