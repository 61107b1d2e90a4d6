package azoidctest_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// Clients nobody here wrote get tokens over TLS, and the service takes them.

func TestAzurePipelinesCredential(t *testing.T) {
	audience := map[azoidctest.ConnectionKind]string{
		azoidctest.OlderConnection: "api://AzureADTokenExchange", azoidctest.NewerConnection: "fb60f99c-7a34-4190-8149-302f77469936",
	}
	for name, kind := range map[string]azoidctest.ConnectionKind{"older": azoidctest.OlderConnection, "newer": azoidctest.NewerConnection} {
		t.Run(name, func(t *testing.T) {
			server := newServer()
			defer server.Close()
			job := server.PipelinesJob(&azoidctest.PipelinesJobOptions{Kind: kind})
			for name, value := range job.Env() {
				t.Setenv(name, value)
			}
			cred, err := azidentity.NewAzurePipelinesCredential(server.TenantID(), server.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
				&azidentity.AzurePipelinesCredentialOptions{ClientOptions: server.ClientOptions(), DisableInstanceDiscovery: true})
			require.NoError(t, err)

			requireServed(t, server, cred)

			request := server.Requests(azoidctest.EntraToken)[0]
			require.Equal(t, job.Issuer, request.Assertion.Issuer)
			require.Equal(t, job.Subject, request.Assertion.Subject)
			require.Equal(t, "api://AzureADTokenExchange", job.Audience, "what the federated credential has")
			require.Equal(t, []string{audience[kind]}, request.Assertion.Audience)
		})
	}
}

func TestClientAssertionCredential(t *testing.T) {
	server := newServer()
	defer server.Close()
	job := server.GitHubJob(nil)
	require.Equal(t, server.URL+"/", job.Env()["AZURE_AUTHORITY_HOST"])
	require.Equal(t, "true", job.Env()["GITHUB_ACTIONS"])
	cred, err := azidentity.NewClientAssertionCredential(server.TenantID(), server.ClientID(), func(context.Context) (string, error) {
		return gitHubToken(t, server.Cloud, job, job.Audience), nil
	}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: server.ClientOptions(), DisableInstanceDiscovery: true})
	require.NoError(t, err)

	requireServed(t, server, cred)
}

// requireServed gets a token with cred, over sockets, and presents it to a service and to another one.
func requireServed(t *testing.T, server *azoidctest.Server, cred azcore.TokenCredential) {
	t.Helper()
	service, other := server.Service(vault), server.Service("https://storage.azure.com")
	token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{service.Scope}})
	require.NoError(t, err)
	require.Greater(t, time.Until(token.ExpiresOn), 59*time.Minute)
	require.LessOrEqual(t, time.Until(token.ExpiresOn), 90*time.Minute)

	require.Equal(t, http.StatusOK, send(t, server.Client(), newRequest(t, http.MethodGet, service.URL, token.Token)).status)
	require.Equal(t, http.StatusUnauthorized, send(t, server.Client(), newRequest(t, http.MethodGet, other.URL, token.Token)).status)
	require.Equal(t, 1, service.Hits())
	require.Equal(t, 0, other.Hits())
	require.Equal(t, 1, other.Refusals())
}

func TestInstanceDiscovery(t *testing.T) {
	t.Run("in memory, under the public names", func(t *testing.T) {
		requireDiscovery(t, newCloud(nil))
	})
	t.Run("for a host that only login.microsoftonline.com can vouch for", func(t *testing.T) {
		requireDiscovery(t, newCloud(&azoidctest.Options{BaseURL: "https://login.octo.example"}))
	})
	t.Run("not for a host that nobody knows", func(t *testing.T) {
		c := newCloud(nil)
		a := get(t, c, "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2Fevil.example%2Fcommon", "")
		requireRefusal(t, a, 50049, http.StatusBadRequest, "invalid_instance")
	})
}

func requireDiscovery(t *testing.T, c *azoidctest.Cloud) {
	t.Helper()
	job := c.GitHubJob(nil)
	cred, err := azidentity.NewClientAssertionCredential(c.TenantID(), c.ClientID(), func(context.Context) (string, error) {
		return gitHubToken(t, c, job, job.Audience), nil
	}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: c.ClientOptions()})
	require.NoError(t, err)
	_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{vault + "/.default"}})
	require.NoError(t, err)
	var legs []azoidctest.Leg
	for _, request := range c.Requests(azoidctest.EntraInstanceDiscovery, azoidctest.EntraOpenIDConfiguration, azoidctest.GitHubOIDC, azoidctest.EntraToken) {
		legs = append(legs, request.Leg)
	}
	require.Equal(t, []azoidctest.Leg{azoidctest.EntraInstanceDiscovery, azoidctest.EntraOpenIDConfiguration, azoidctest.GitHubOIDC, azoidctest.EntraToken}, slices.Compact(legs)) // for a host it doesn't know, MSAL asks twice
}

func TestSovereignCloudsInMemory(t *testing.T) {
	for _, configuration := range []cloud.Configuration{cloud.AzureGovernment, cloud.AzureChina} {
		c := newCloud(nil)
		job := c.GitHubJob(nil)
		cred, err := azidentity.NewClientAssertionCredential(c.TenantID(), c.ClientID(), func(context.Context) (string, error) {
			return gitHubToken(t, c, job, job.Audience), nil
		}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: c, Cloud: configuration}})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{vault + "/.default"}})
		require.NoError(t, err)
	}
}

func TestOnBehalfOfCredential(t *testing.T) {
	c := newCloud(nil)
	job := c.GitHubJob(nil)
	service := c.Service("https://graph.microsoft.com")
	assertion := func(context.Context) (string, error) { return gitHubToken(t, c, job, job.Audience), nil }
	cred, err := azidentity.NewOnBehalfOfCredentialWithClientAssertions(c.TenantID(), c.ClientID(), c.UserAssertion(time.Hour), assertion,
		&azidentity.OnBehalfOfCredentialOptions{ClientOptions: c.ClientOptions()})
	require.NoError(t, err)
	token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{service.Scope}})
	require.NoError(t, err)

	a := get(t, c, service.URL, token.Token)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NotEmpty(t, a.json["oid"])
	require.Equal(t, "user_impersonation", c.Requests(azoidctest.EntraToken)[0].AccessToken.All["scp"])
}
