package azoidc_test

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const (
	managementScope = "https://management.core.windows.net//.default"
	vaultScope      = "https://vault.azure.net/.default"
	storageScope    = "https://storage.azure.com/.default"
	graphScope      = "https://graph.microsoft.com/.default"
)

func credentialOptions(cloud *azoidctest.Cloud) azoidc.CredentialOptions {
	options := cloud.ClientOptions()
	options.Transport = withTransportErrors(cloud)
	return azoidc.CredentialOptions{ClientOptions: options}
}

// newGitHub makes a job in cloud and its credential. The options may be changed before.
func newGitHub(t testing.TB, cloud *azoidctest.Cloud, change ...func(*azoidc.GitHubActionsCredentialOptions)) *azoidc.GitHubActionsCredential {
	t.Helper()
	job := cloud.GitHubJob(nil)
	options := &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: credentialOptions(cloud),
		RequestURL:        job.RequestURL,
		RequestToken:      job.RequestToken,
	}
	for _, f := range change {
		f(options)
	}
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), options)
	require.NoError(t, err)
	return cred
}

// newPipelines makes a job in cloud and its credential. The options may be changed before.
func newPipelines(t testing.TB, cloud *azoidctest.Cloud, change ...func(*azoidc.AzurePipelinesCredentialOptions)) *azoidc.AzurePipelinesCredential {
	t.Helper()
	job := cloud.PipelinesJob(nil)
	options := &azoidc.AzurePipelinesCredentialOptions{
		CredentialOptions: credentialOptions(cloud),
		RequestURI:        job.RequestURI,
	}
	for _, f := range change {
		f(options)
	}
	cred, err := azoidc.NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken, options)
	require.NoError(t, err)
	return cred
}

// forScope is the request that Azure SDK clients make.
func forScope(scope string) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true}
}

func get(t testing.TB, cred azcore.TokenCredential, scope string) azcore.AccessToken {
	t.Helper()
	token, err := cred.GetToken(t.Context(), forScope(scope))
	require.NoError(t, err)
	require.NotEmpty(t, token.Token)
	return token
}
