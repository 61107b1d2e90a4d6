package azoidc

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/redact"
)

// The parsers of what services answer are fuzzed from inside the package: from outside, each input would cost an exchange.

func FuzzGitHubAnswer(f *testing.F) {
	for _, body := range []string{"", "null", `{"count":1,"value":"a.b.c"}`, `{"value":1}`, `{"errorMessage":"no"}`, `{"message":["no"]}`, "<html>"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := parseGitHubAnswer(body)
		requireOneLine(t, redact.Line(answer.words()))
	})
}

func FuzzAzureDevOpsAnswer(f *testing.F) {
	for _, body := range []string{
		"", "null", "[]", `{"oidcToken":"a.b.c"}`, `{"oidcToken":null}`, `{"oidcToken":7}`,
		`{"count":151,"value":"There is no explicit reference to service connection x from current stage y"}`,
		`{"$id":"1","innerException":null,"message":"no","typeName":"t","errorCode":0,"eventId":3000}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := parseDevOpsAnswer(body)
		words := answer.words()
		require.True(t, words == "" || strings.Contains(words, " "), "what may be a secret is taken for words")
		requireOneLine(t, redact.Line(words))
	})
}

func requireOneLine(t *testing.T, text string) {
	t.Helper()
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	require.LessOrEqual(t, len([]rune(text)), 1201)
}
