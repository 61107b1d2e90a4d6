package azoidc_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func newOnBehalfOf(t *testing.T, cloud *azoidctest.Cloud, userAssertion string) *azoidc.OnBehalfOfCredential {
	t.Helper()
	job := cloud.GitHubJob(nil)
	cred, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), userAssertion,
		azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		}),
		&azoidc.OnBehalfOfCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)})
	require.NoError(t, err)
	return cred
}

func TestOnBehalfOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.SetLatency(testkit.Hop)
		user := cloud.UserAssertion(time.Hour)
		cred := newOnBehalfOf(t, cloud, user)
		start := time.Now()
		_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/User.Read"}})
		require.NoError(t, err)
		require.Equal(t, 2*testkit.Hop, time.Since(start))
		form := cloud.Requests(azoidctest.EntraToken)[0].Form
		require.Equal(t, "urn:ietf:params:oauth:grant-type:jwt-bearer", form.Get("grant_type"))
		require.Equal(t, "on_behalf_of", form.Get("requested_token_use"))
		require.Equal(t, user, form.Get("assertion"))
		require.NotEqual(t, user, form.Get("client_assertion"))
	})
}

// TestOnBehalfOfHasNoPartInAPersistentCache: it waits for nobody who writes to one.
func TestOnBehalfOfHasNoPartInAPersistentCache(t *testing.T) {
	cloud := testkit.NewCloud()
	options := testkit.CredentialOptions(cloud)
	options.Cache = testkit.NewWatchedCache().Cache
	job := cloud.GitHubJob(nil)
	cred, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), cloud.UserAssertion(time.Hour),
		azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		}),
		&azoidc.OnBehalfOfCredentialOptions{CredentialOptions: options})
	require.NoError(t, err)
	unlock, err := msal.LockStores(t.Context())
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err = cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/User.Read"}})
	require.NoError(t, err)
}

// TestWhoseAssertionWasRefused is U9: the user's, not the client's, and why.
func TestWhoseAssertionWasRefused(t *testing.T) {
	for name, test := range map[string]struct {
		assertion func(*azoidctest.Cloud) string
		want      []string
	}{
		"self-made": {
			func(*azoidctest.Cloud) string {
				return testbed.JWT(`{"iss":"https://me.example","sub":"user","aud":"me","exp":4102444800}`)
			},
			[]string{"AADSTS50013", "the user's assertion was refused, not the client's", "issuer https://me.example", "audience me", "the client's assertion was accepted"},
		},
		"expired": {
			func(c *azoidctest.Cloud) string {
				user := c.UserAssertion(time.Minute)
				time.Sleep(time.Hour)
				return user
			},
			[]string{"AADSTS500133", "not in its valid time", "expires 2000-01-01T00:01:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := newOnBehalfOf(t, cloud, test.assertion(cloud))
				_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/User.Read"}})
				for _, want := range test.want {
					require.ErrorContains(t, err, want)
				}
				testkit.RequireNoSecret(t, err, cloud)
				require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
			})
		})
	}
}
