package azoidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/msal"
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

// A service's own trouble isn't blamed on the address, nor is the network's.
func TestWhatIsAdvisedAboutAStatus(t *testing.T) {
	const later, address = "try again later; if it goes on, look at ", "check that ACTIONS_ID_TOKEN_REQUEST_URL is passed on"
	for status, want := range map[int]string{
		200: later, 299: later, 300: adviseRedirect, 399: adviseRedirect, 400: address, 404: address, 407: advice.Proxy, 408: later,
		429: "GitHub Actions throttles this job", 499: address, 500: later, 599: later,
	} {
		require.Contains(t, adviseService(status, ci.GitHubActions), want, status)
	}
}

// An answer of success whose token is of no use keeps the identifiers by which its service finds the request.
func TestUnusableAssertionsKeepTheServicesTrace(t *testing.T) {
	stale := "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://issuer.example","sub":"me","exp":1000000000}`)) + ".c2ln"
	for name, body := range map[string]string{"no JWT": "octocat-of-16-letters", "stale": stale, "a JWT and a command": stale + "\n::add-path::x", "none": ""} {
		for system, credential := range credentialsAnswered(t, body) {
			t.Run(system+" "+name, func(t *testing.T) {
				_, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
				var unusable *AssertionError
				require.ErrorAs(t, err, &unusable)
				require.Equal(t, http.StatusOK, unusable.StatusCode)
				require.Regexp(t, `\n +asked: +(GET|POST) https://ci.example/`, err.Error())
				require.Regexp(t, `\n +trace: +X-Vss-E2eid 1-2-3,.* X-Github-Request-Id A:B:C`, err.Error())
				require.NotContains(t, err.Error(), "octocat-of-", "what is no JWT may be a secret all the same")
				require.NotContains(t, err.Error(), "c2ln")
				require.NotContains(t, err.Error(), "request-token")
			})
		}
	}
}

// credentialsAnswered are credentials whose OIDC endpoint answers with that token.
func credentialsAnswered(t *testing.T, token string) map[string]azcore.TokenCredential {
	t.Helper()
	cloud := azoidctest.New(&azoidctest.Options{KeyBits: 1024})
	options := CredentialOptions{ClientOptions: azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}, Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "ci.example" {
			return cloud.Do(r)
		}
		body, err := json.Marshal(map[string]string{"value": token, "oidcToken": token})
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)),
			Header: http.Header{"X-Vss-E2eid": {"1-2-3"}, "X-Github-Request-Id": {"A:B:C"}, "Activityid": {token}}}, err
	})}}
	github, err := NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &GitHubActionsCredentialOptions{
		CredentialOptions: options, RequestURL: "https://ci.example/oidc?api-version=2.0", RequestToken: "request-token"})
	require.NoError(t, err)
	devops, err := NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), "connection", "request-token", &AzurePipelinesCredentialOptions{
		CredentialOptions: options, RequestURI: "https://ci.example/oidc"})
	require.NoError(t, err)
	return map[string]azcore.TokenCredential{"GitHub Actions": github, "Azure Pipelines": devops}
}

// A credential reads its options at each attempt, and the caller may have changed what they were made of.
func TestWhatMayBeLoggedIsTheCredentialsOwn(t *testing.T) {
	options := azcore.ClientOptions{Logging: policy.LogOptions{AllowedHeaders: []string{"X-One"}, AllowedQueryParams: []string{"one"}}}
	own := clientOptions(options)
	options.Logging.AllowedHeaders[0], options.Logging.AllowedQueryParams[0] = "Authorization", "two"
	require.Contains(t, own.Logging.AllowedHeaders, "X-One")
	require.Equal(t, []string{"one"}, own.Logging.AllowedQueryParams)
}

// What credentials of one process share was asked for with no option of any caller's.
func TestDocumentsAreSharedOnlyWithoutOptions(t *testing.T) {
	policies := []policy.Policy{telling{}}
	for name, test := range map[string]struct {
		options azcore.ClientOptions
		shared  bool
	}{
		"none":               {azcore.ClientOptions{}, true},
		"transport":          {azcore.ClientOptions{Transport: transportFunc(nil)}, false},
		"per-call policies":  {azcore.ClientOptions{PerCallPolicies: policies}, false},
		"per-retry policies": {azcore.ClientOptions{PerRetryPolicies: policies}, false},
		"policies of both":   {azcore.ClientOptions{PerCallPolicies: policies, PerRetryPolicies: policies}, false},
	} {
		options := clientOptions(test.options)
		require.Equal(t, test.shared, documentsFor(&options) == &msal.SharedDocuments, name)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func requireOneLine(t *testing.T, text string) {
	t.Helper()
	require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	require.LessOrEqual(t, len([]rune(text)), 1201)
}
