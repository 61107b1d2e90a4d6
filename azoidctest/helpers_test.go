//go:debug rsa1024min=0

package azoidctest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

const (
	vault          = "https://vault.azure.net"
	assertionType  = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	clientGrant    = "client_credentials"
	onBehalfOf     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	gitHubAudience = "api://AzureADTokenExchange"
)

// newCloud makes a cloud with small keys, which sign faster. The examples' have keys of the usual size.
func newCloud(options *azoidctest.Options) *azoidctest.Cloud {
	return azoidctest.New(withSmallKeys(options))
}

func newServer() *azoidctest.Server { return azoidctest.NewServer(withSmallKeys(nil)) }

func withSmallKeys(options *azoidctest.Options) *azoidctest.Options {
	small := azoidctest.Options{}
	if options != nil {
		small = *options
	}
	small.KeyBits = 512 // see go:debug above
	return &small
}

// answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any // nil when the body is none
}

func send(t *testing.T, transport policy.Transporter, r *http.Request) answer {
	t.Helper()
	response, err := transport.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := answer{status: response.StatusCode, header: response.Header, body: string(body)}
	_ = json.Unmarshal(body, &a.json)
	return a
}

func newRequest(t *testing.T, method, url, token string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func get(t *testing.T, cloud *azoidctest.Cloud, url, token string) answer {
	t.Helper()
	return send(t, cloud, newRequest(t, http.MethodGet, url, token))
}

// gitHubToken asks for an OIDC token as a GitHub job does.
func gitHubToken(t *testing.T, cloud *azoidctest.Cloud, job *azoidctest.GitHubJob, audience string) string {
	t.Helper()
	a := get(t, cloud, job.RequestURL+"&audience="+url.QueryEscape(audience), job.RequestToken)
	require.Equal(t, http.StatusOK, a.status, a.body)
	token, _ := a.json["value"].(string)
	require.NotEmpty(t, token)
	return token
}

func pipelinesURL(job *azoidctest.PipelinesJob) string {
	return job.RequestURI + "?api-version=7.1&serviceConnectionId=" + url.QueryEscape(job.ServiceConnectionID)
}

func pipelinesAnswer(t *testing.T, cloud *azoidctest.Cloud, job *azoidctest.PipelinesJob) answer {
	t.Helper()
	r := newRequest(t, http.MethodPost, pipelinesURL(job), job.SystemAccessToken)
	r.Header.Set("X-TFS-FedAuthRedirect", "Suppress")
	return send(t, cloud, r)
}

func pipelinesToken(t *testing.T, cloud *azoidctest.Cloud, job *azoidctest.PipelinesJob) string {
	t.Helper()
	a := pipelinesAnswer(t, cloud, job)
	require.Equal(t, http.StatusOK, a.status, a.body)
	token, _ := a.json["oidcToken"].(string)
	require.NotEmpty(t, token)
	return token
}

func tokenForm(cloud *azoidctest.Cloud, assertion, scope string) url.Values {
	return url.Values{
		"grant_type":            {clientGrant},
		"client_id":             {cloud.ClientID()},
		"client_assertion_type": {assertionType},
		"client_assertion":      {assertion},
		"scope":                 {scope},
	}
}

func tokenURL(cloud *azoidctest.Cloud, tenant string) string {
	return cloud.Configuration().ActiveDirectoryAuthorityHost + tenant + "/oauth2/v2.0/token"
}

func post(t *testing.T, cloud *azoidctest.Cloud, tenant string, form url.Values) answer {
	t.Helper()
	return postTo(t, cloud, tokenURL(cloud, tenant), form)
}

func postTo(t *testing.T, cloud *azoidctest.Cloud, url string, form url.Values) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(t, cloud, r)
}

// exchange posts the assertion for an access token.
func exchange(t *testing.T, cloud *azoidctest.Cloud, assertion, scope string) answer {
	t.Helper()
	return post(t, cloud, cloud.TenantID(), tokenForm(cloud, assertion, scope))
}

func accessToken(t *testing.T, a answer) string {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	token, _ := a.json["access_token"].(string)
	require.NotEmpty(t, token)
	return token
}

// requireRefusal wants the code, its status and the whole of Entra's JSON.
func requireRefusal(t *testing.T, a answer, code, status int, kind string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, kind, a.json["error"], a.body)
	require.Equal(t, []any{float64(code)}, a.json["error_codes"], a.body)
	for _, name := range []string{"timestamp", "trace_id", "correlation_id", "error_uri"} {
		require.NotEmpty(t, a.json[name], name)
	}
}
