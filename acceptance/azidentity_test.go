package acceptance_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// tokenOf asks as Azure SDK clients do.
func tokenOf(cred azcore.TokenCredential) getToken {
	return func(ctx context.Context, scope string) (string, error) {
		token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true})
		return token.Token, err
	}
}

// newAzidentity is azidentity's credential, which has no source for GitHub, with this library's.
func newAzidentity(t testing.TB, n *network) azcore.TokenCredential {
	t.Helper()
	job := n.cloud.GitHubJob(nil)
	cred, err := azidentity.NewClientAssertionCredential(n.cloud.TenantID(), n.cloud.ClientID(),
		azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{ClientOptions: n.options, RequestURL: job.RequestURL, RequestToken: job.RequestToken}),
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: n.options, DisableInstanceDiscovery: true})
	require.NoError(t, err)
	return cred
}

func openClientAssertion(t *testing.T, server *azoidctest.Server) getToken {
	return tokenOf(newAzidentity(t, overSockets(server)))
}

func openAzidentityPipelines(t *testing.T, server *azoidctest.Server) getToken {
	job := server.PipelinesJob(nil)
	t.Setenv("SYSTEM_OIDCREQUESTURI", job.RequestURI)
	cred, err := azidentity.NewAzurePipelinesCredential(server.TenantID(), server.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
		&azidentity.AzurePipelinesCredentialOptions{ClientOptions: server.ClientOptions(), DisableInstanceDiscovery: true})
	require.NoError(t, err)
	return tokenOf(cred)
}

func openWorkloadIdentity(t *testing.T, server *azoidctest.Server) getToken {
	cred, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: server.ClientOptions(), DisableInstanceDiscovery: true,
		TenantID: server.TenantID(), ClientID: server.ClientID(), TokenFilePath: federatedTokenFile(t, server),
	})
	require.NoError(t, err)
	return tokenOf(cred)
}

// openFileAssertion is this library's credential for the same file.
func openFileAssertion(t *testing.T, server *azoidctest.Server) getToken {
	cred, err := azoidc.NewAssertionCredential(server.TenantID(), server.ClientID(), azoidc.FileAssertion(federatedTokenFile(t, server)),
		&azoidc.AssertionCredentialOptions{CredentialOptions: credentialOptions(overSockets(server))})
	require.NoError(t, err)
	return tokenOf(cred)
}

func gitHubAssertion(server *azoidctest.Server) azoidc.AssertionFunc {
	job := server.GitHubJob(nil)
	return azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: server.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
}

// federatedTokenFile is what a webhook of Kubernetes mounts, or azoidc exec writes.
func federatedTokenFile(t *testing.T, server *azoidctest.Server) string {
	t.Helper()
	assertion, err := gitHubAssertion(server)(t.Context())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(assertion), 0o600))
	return path
}
