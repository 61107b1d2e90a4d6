package azoidctest_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestServiceTakesOnlyGoodTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(&azoidctest.Options{AccessTokenLifetime: time.Hour})
		job, service := c.GitHubJob(nil), c.Service(vault)
		require.Same(t, service, c.Service(vault))
		require.Equal(t, vault, service.URL)
		time.Sleep(time.Millisecond) // so that lifetimes don't end on a whole second
		start := time.Now()
		good := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), service.Scope))
		assertion := gitHubToken(t, c, job, service.Audience) // right audience, wrong issuer
		other := accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), "https://storage.azure.com/.default"))

		a := get(t, c, service.URL+"/secrets/octo", good)
		require.Equal(t, 200, a.status)
		require.Equal(t, c.ClientID(), a.json["appid"])
		for name, token := range map[string]string{
			"none": "", "no JWT": "octocat", "tampered": tamperSignature(t, good), "unsigned": unsign(t, good),
			"another issuer's": assertion, "another audience's": other, "a user's": c.UserAssertion(time.Hour),
		} {
			a := get(t, c, service.URL, token)
			require.Equal(t, http.StatusUnauthorized, a.status, name)
			require.Contains(t, a.header.Get("WWW-Authenticate"), `Bearer authorization="https://login.microsoftonline.com/`+c.TenantID()+`", resource="https://vault.azure.net"`, name)
		}
		require.Equal(t, 1, service.Hits())
		require.Equal(t, 7, service.Refusals())

		time.Sleep(time.Until(start.Add(time.Hour)) - 1) // the token lives at least as long as expires_in says
		require.Equal(t, 200, get(t, c, service.URL, good).status)
		time.Sleep(time.Second)
		a = get(t, c, service.URL, good)
		require.Equal(t, 401, a.status)
		require.Contains(t, a.body, "The token expired at")
	})
}

func TestServiceURLs(t *testing.T) {
	c := newCloud(nil)
	require.Equal(t, "https://graph.microsoft.com", c.Service("https://graph.microsoft.com/").URL)
	for _, audience := range []string{"api://octo", "https://login.microsoftonline.com", "https://token.actions.githubusercontent.com"} {
		service := c.Service(audience)
		require.NotEqual(t, audience, service.URL)
		require.Equal(t, http.StatusUnauthorized, get(t, c, service.URL+"/octo", "").status)
		require.Equal(t, 1, service.Refusals())
	}
}

func TestServiceHandle(t *testing.T) {
	c := newCloud(nil)
	job, service := c.GitHubJob(nil), c.Service("api://octo")
	service.Handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }))
	require.Equal(t, 401, get(t, c, service.URL, "").status)
	require.Equal(t, "secret", get(t, c, service.URL, accessToken(t, exchange(t, c, gitHubToken(t, c, job, job.Audience), service.Scope))).body)
}

// An Azure SDK client's own pipeline meets the claims challenge.
func TestRevoke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(nil)
		job, service := c.GitHubJob(nil), c.Service(vault)
		cred, err := azidentity.NewClientAssertionCredential(c.TenantID(), c.ClientID(), func(context.Context) (string, error) {
			return gitHubToken(t, c, job, job.Audience), nil
		}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: c.ClientOptions()})
		require.NoError(t, err)
		options := c.ClientOptions()
		pipeline := runtime.NewPipeline("octo", "v1", runtime.PipelineOptions{
			PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(cred, []string{service.Scope}, nil)},
		}, &options)
		call := func() int { return callService(t, pipeline, service.URL) }

		require.Equal(t, 200, call())
		require.Equal(t, 200, call())
		require.Equal(t, 1, c.Count(azoidctest.EntraToken))
		claims := service.Revoke()
		require.Equal(t, 200, call())
		require.Equal(t, 1, service.Refusals())
		require.Equal(t, 2, c.Count(azoidctest.EntraToken))
		form := c.Requests(azoidctest.EntraToken)[1].Form
		require.Contains(t, form.Get("claims"), `"nbf":{"essential":true`)
		require.Contains(t, claims, `"nbf":{"essential":true`)
		require.Equal(t, []any{"CP1"}, c.Requests(azoidctest.EntraToken)[1].AccessToken.All["xms_cc"])
	})
}

func callService(t *testing.T, pipeline runtime.Pipeline, url string) int {
	t.Helper()
	request, err := runtime.NewRequest(t.Context(), http.MethodGet, url)
	require.NoError(t, err)
	response, err := pipeline.Do(request)
	require.NoError(t, err)
	return response.StatusCode
}
