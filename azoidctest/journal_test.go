package azoidctest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func TestRequestsAreCopies(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	exchange(t, c, gitHubToken(t, c, job, job.Audience), vault+"/.default")
	changed := c.Requests()
	for i := range changed {
		changed[i].Header.Set("X-Octo", "cat")
		changed[i].Form.Set("scope", "octocat")
		changed[i].Method = "OCTO"
	}
	for _, request := range c.Requests() {
		require.Empty(t, request.Header.Get("X-Octo"))
		require.NotEqual(t, "octocat", request.Form.Get("scope"))
		require.Contains(t, []string{http.MethodGet, http.MethodPost}, request.Method)
	}
	token := c.Requests(azoidctest.EntraToken)[0]
	require.Equal(t, vault+"/.default", token.Scope)
	require.Equal(t, clientGrant, token.Form.Get("grant_type"))
	require.Equal(t, token.Form.Get("client_assertion"), token.Assertion.Raw)
	require.Equal(t, "Bearer "+job.RequestToken, c.Requests(azoidctest.GitHubOIDC)[0].Header.Get("Authorization"))
}
