package acceptance_test

import (
	"context"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// A credential is what this library's have in common.
type credential interface {
	azcore.TokenCredential
	Preload(ctx context.Context, scopes ...string) error
}

// ours are this library's credentials for CI, each for a job of its own.
var ours = []struct {
	name   string
	source string         // as in AssertionError
	leg    azoidctest.Leg // where its OIDC tokens come from
	make   func(testing.TB, *network) credential
}{
	{"GitHubActionsCredential", "GitHub Actions", azoidctest.GitHubOIDC, newGitHub},
	{"AzurePipelinesCredential", "Azure Pipelines", azoidctest.AzureDevOpsOIDC, newPipelines},
}

func newGitHub(t testing.TB, n *network) credential {
	t.Helper()
	job := n.cloud.GitHubJob(nil)
	cred, err := azoidc.NewGitHubActionsCredential(n.cloud.TenantID(), n.cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: credentialOptions(n), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})
	require.NoError(t, err)
	return cred
}

func newPipelines(t testing.TB, n *network) credential {
	t.Helper()
	job := n.cloud.PipelinesJob(nil)
	cred, err := azoidc.NewAzurePipelinesCredential(n.cloud.TenantID(), n.cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken,
		&azoidc.AzurePipelinesCredentialOptions{CredentialOptions: credentialOptions(n), RequestURI: job.RequestURI})
	require.NoError(t, err)
	return cred
}

// credentialOptions keep the credential on loopback: the authority is none that Entra knows.
func credentialOptions(n *network) azoidc.CredentialOptions {
	return azoidc.CredentialOptions{ClientOptions: n.options, DisableInstanceDiscovery: true}
}
