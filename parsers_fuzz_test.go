package azoidc

import (
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// The parsers of what services answer are fuzzed from inside the package: from outside, each input would cost an exchange.

func FuzzGitHubAnswer(f *testing.F) {
	for _, body := range []string{"", "null", `{"count":1,"value":"a.b.c"}`, `{"value":1}`, `{"errorMessage":"no"}`, `{"message":["no"]}`, "<html>"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := parseGitHubAnswer(body)
		requireOneLine(t, quote(answer.words()))
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
		requireOneLine(t, quote(words))
	})
}

func FuzzEntraError(f *testing.F) {
	for _, body := range []string{
		"", `{"error":"invalid_client","error_description":"AADSTS700024: no","error_codes":[700024]}`,
		`{"error_codes":[1,2]}`, `{"error_codes":"x","error_description":"AADSTS1234567890: x"}`, "AADSTS50196: loop", `{"error":{"code":1}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := parseEntraError(body)
		_ = codeName(answer.code())
		requireOneLine(t, quote(answer.ErrorDescription))
		requireOneLine(t, quoteBody(body))
		_ = checkTokenAnswer(body)
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "-1", "7", "1.5", "9223372036854775807", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
			d := retryAfter(http.Header{name: {value}})
			require.GreaterOrEqual(t, d, d*0)
			require.LessOrEqual(t, d, maxRetryAfter)
		}
	})
}

func FuzzQuote(f *testing.F) {
	f.Add("you sent Bearer secretsecret", "secretsecret")
	f.Add("::add-mask::x\n##vso[task]", "")
	f.Add("aaaaaaaaaaaaaaaa", "aaaaaaaaa")
	f.Fuzz(func(t *testing.T, text, secret string) {
		quoted := quote(text, secret)
		requireOneLine(t, quoted)
		if secret = strings.TrimSpace(secret); len(secret) >= 8 && !strings.Contains(redacted, secret) && !strings.ContainsFunc(secret, unicode.IsSpace) {
			require.NotContains(t, quote("before "+secret+" after", secret), secret)
		}
	})
}

func requireOneLine(t *testing.T, text string) {
	t.Helper()
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	require.LessOrEqual(t, len([]rune(text)), maxQuote+1)
}
