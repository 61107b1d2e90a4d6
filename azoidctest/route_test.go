package azoidctest_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

func say(what string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, what) })
}

func TestHandle(t *testing.T) {
	c := newCloud(nil)
	body := func(host string) string { return get(t, c, "https://"+host+"/octo", "").body }
	c.Handle("*.octo.example", say("wildcard"))
	c.Handle("*.cat.octo.example", say("longer wildcard"))
	c.Handle("Exact.octo.example", say("exact"))
	c.Handle("management.azure.com", say("instead of Resource Manager"))
	c.Handle("octo.vault.azure.net", say("instead of one vault"))

	require.Equal(t, "wildcard", body("a.octo.example"))
	require.Equal(t, "wildcard", body("b.a.octo.example"))
	require.Equal(t, "longer wildcard", body("a.cat.octo.example"))
	require.Equal(t, "exact", body("EXACT.octo.example:443"))
	require.Equal(t, "instead of Resource Manager", body("management.azure.com"))
	require.Equal(t, "instead of one vault", body("octo.vault.azure.net"))
	require.Contains(t, body("other.vault.azure.net"), "AKV10000")
	require.Equal(t, 7, c.Count(azoidctest.Services))

	c.Handle("management.azure.com", nil)
	require.Contains(t, body("management.azure.com"), "AuthenticationFailed")
	c.Handle("*.octo.example", nil)
	_, err := c.Do(newRequest(t, http.MethodGet, "https://a.octo.example", ""))
	require.ErrorContains(t, err, "azoidctest serves nothing at a.octo.example; see Cloud.Handle")
	_, err = c.Do(newRequest(t, http.MethodGet, "https://octo.example", ""))
	require.Error(t, err, "a wildcard is for names below")
}

// TestHandleAService gives a service another host.
func TestHandleAService(t *testing.T) {
	c := newCloud(nil)
	registry := c.Service("https://containerregistry.azure.net")
	c.Handle("octo.azurecr.io", registry)
	c.Handle("octo.privatelink.vaultcore.azure.net", c.Service("https://vault.azure.net"))
	client := newAzureClient(t, c, "https://octo.azurecr.io", registry.Scope)
	require.Equal(t, http.StatusOK, client.send(http.MethodGet, "/v2/", "").status)
	require.Equal(t, http.StatusUnauthorized, get(t, c, "https://octo.azurecr.io/v2/", "").status)
	require.Equal(t, 1, registry.Hits())
	require.Equal(t, 1, registry.Refusals())
	require.Equal(t, registry.Scope, c.Requests(azoidctest.EntraToken)[0].Scope)
	require.Equal(t, c.ClientID(), c.Requests(azoidctest.Services)[0].AccessToken.All["appid"])

	vault := newAzureClient(t, c, "https://octo.privatelink.vaultcore.azure.net", "https://vault.azure.net/.default")
	require.Equal(t, http.StatusOK, vault.send(http.MethodGet, "/secrets?api-version=7.5", "").status)
}

func TestHandlePanics(t *testing.T) {
	c := newCloud(nil)
	c.GitHubJob(&azoidctest.GitHubJobOptions{Issuer: "https://ghes.octo.example/_services/token"})
	for _, host := range []string{
		"", "https://octo.example", "octo.example:8443", "octo.example/", "*", "a.*.example", "127.0.0.1", "::1",
		"login.microsoftonline.com", "eastus.login.microsoft.com", "token.actions.githubusercontent.com", "dev.azure.com", "ghes.octo.example",
	} {
		require.Panics(t, func() { c.Handle(host, say("")) }, host)
	}
	c.Service("https://octo.example")
	c.Handle("octo.example", say("a service's host is the test's own"))
}

// pipelineTo is what Azure SDK clients have, with a credential of azidentity's.
func pipelineTo(t *testing.T, options azcore.ClientOptions, cloud *azoidctest.Cloud, scope string) runtime.Pipeline {
	t.Helper()
	job := cloud.GitHubJob(nil)
	cred, err := azidentity.NewClientAssertionCredential(cloud.TenantID(), cloud.ClientID(), func(context.Context) (string, error) {
		return gitHubToken(t, cloud, job, job.Audience), nil
	}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: options})
	require.NoError(t, err)
	return runtime.NewPipeline("octo", "v1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(cred, []string{scope}, nil)},
	}, &options)
}

// TestUnservedHostsFailAtOnce where azcore would ask again for ten seconds.
func TestUnservedHostsFailAtOnce(t *testing.T) {
	const want = "azoidctest serves nothing at octo.example; see Cloud.Handle"
	ask := func(t *testing.T, options azcore.ClientOptions, cloud *azoidctest.Cloud) error {
		request, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://octo.example/octo")
		require.NoError(t, err)
		_, err = pipelineTo(t, options, cloud, "https://octo.example/.default").Do(request)
		return err
	}
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCloud(nil)
			start := time.Now()
			require.ErrorContains(t, ask(t, c.ClientOptions(), c), want)
			require.Zero(t, time.Since(start))
		})
	})
	t.Run("over sockets", func(t *testing.T) {
		server := newServer()
		defer server.Close()
		tries := 0
		options := server.ClientOptions()
		options.PerRetryPolicies = []policy.Policy{policyFunc(func(r *policy.Request) (*http.Response, error) {
			tries++
			return r.Next()
		})}
		require.ErrorContains(t, ask(t, options, server.Cloud), want)
		require.Equal(t, 1+3, tries, "one for the host; three to sign in")
	})
	t.Run("a server that is asked by another name", func(t *testing.T) {
		server := newServer()
		defer server.Close()
		a := send(t, server.Client(), newRequest(t, http.MethodGet, server.URL+"/_octo", ""))
		require.Equal(t, http.StatusNotFound, a.status)
		require.Contains(t, a.body, "azoidctest serves nothing at ")
	})
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(r *policy.Request) (*http.Response, error) { return f(r) }

func TestLegNames(t *testing.T) {
	require.Equal(t, "GitHubOIDC", azoidctest.GitHubOIDC.String())
	require.Equal(t, "Services", azoidctest.Services.String())
	require.Equal(t, "Leg?", azoidctest.Leg(-1).String())
}
