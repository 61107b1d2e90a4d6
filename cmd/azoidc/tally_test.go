package main

import (
	"net/http"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// Each answer that was a token or a refusal counts once, on whichever leg.
func TestTally(t *testing.T) {
	t.Parallel()
	cloud := newCloud(nil)
	p := inJob(cloud, cloud.GitHubJob(nil).Env())
	l := loginOf(t, p)
	var (
		mu    sync.Mutex
		noted []string
	)
	sum := newTally(func(text string) { // from both scopes' exchanges at once
		mu.Lock()
		defer mu.Unlock()
		noted = append(noted, text)
	})
	l.Client.PerCallPolicies = []policy.Policy{sum}
	l.Client.Retry = policy.RetryOptions{MaxRetries: -1}
	cred, err := l.Credential()
	require.NoError(t, err)
	require.NoError(t, cred.Preload(t.Context(), vaultScope, "https://storage.azure.com/.default"))
	require.Equal(t, counts{Acquired: 2}, sum.sum())
	cred.InvalidateAll()
	require.NoError(t, cred.Preload(t.Context(), vaultScope))
	require.Equal(t, counts{Acquired: 2, Refreshed: 1}, sum.sum())
	require.Contains(t, noted, "a new token for "+vaultScope)

	for leg, body := range map[azoidctest.Leg]string{
		azoidctest.GitHubOIDC: `{"message":"no"}`,
		azoidctest.EntraToken: `{"error":"invalid_client","error_description":"AADSTS7000222: no"}`,
	} {
		before := sum.sum().Refused
		cloud.Fail(leg, azoidctest.Status(http.StatusUnauthorized, nil, body))
		cred.InvalidateAll()
		require.Error(t, cred.Preload(t.Context(), vaultScope))
		require.Equal(t, before+1, sum.sum().Refused, leg)
		cloud.Fail(leg, nil)
	}
	for _, text := range noted {
		requireNoSecret(t, cloud, cloud.GitHubJob(nil).Env(), text)
	}
}
