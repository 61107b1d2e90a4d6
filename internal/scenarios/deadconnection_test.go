package scenarios_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestADeadConnectionIsLeft: when HTTP/2 connections die in silence, the requests on them time out, and those
// that follow go out on others.
func TestADeadConnectionIsLeft(t *testing.T) {
	testbed.NotShort(t, "waits until requests have timed out")
	t.Parallel()
	for name, make := range map[string]func(*azoidctest.Cloud, azoidc.CredentialOptions) azcore.TokenCredential{
		"GitHub Actions": func(c *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
			return testkit.NewGitHub(t, c, func(options *azoidc.GitHubActionsCredentialOptions) { options.CredentialOptions = o })
		},
		"Azure Pipelines": func(c *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
			return testkit.NewPipelines(t, c, func(options *azoidc.AzurePipelinesCredentialOptions) { options.CredentialOptions = o })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud, tunnel, client := cloudBehindATunnel(t)
			options := azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions(), DisableInstanceDiscovery: true}
			options.Transport = client
			options.Retry = policy.RetryOptions{MaxRetries: 5, TryTimeout: 300 * time.Millisecond, RetryDelay: time.Millisecond}
			cred := make(cloud, options)
			testkit.Get(t, cred, testkit.VaultScope)
			tunnel.Lose()

			began := time.Now()
			testkit.Get(t, cred, testkit.GraphScope)
			require.GreaterOrEqual(t, time.Since(began), options.Retry.TryTimeout, "the connection was dead")
		})
	}
}

// cloudBehindATunnel is a cloud on loopback that speaks HTTP/2, and a client that trusts it.
func cloudBehindATunnel(t *testing.T) (*azoidctest.Cloud, *testbed.Tunnel, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.EnableHTTP2 = true
	tunnel := testbed.NewTunnel(t, "https://"+server.Listener.Addr().String())
	cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, BaseURL: tunnel.URL()})
	server.Config.Handler = cloud
	server.StartTLS()
	t.Cleanup(server.Close)
	return cloud, tunnel, server.Client()
}
