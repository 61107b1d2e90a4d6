package guides_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// What stands in README.md.

func readmeTest() (*azoidctest.Cloud, *azoidc.GitHubActionsCredential, error) {
	cloud := azoidctest.New(nil)
	job := cloud.GitHubJob(nil)
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
		RequestURL:        job.RequestURL,
		RequestToken:      job.RequestToken,
	})
	return cloud, cred, err
}

func readmePreload(ctx context.Context, cred *azoidc.GitHubActionsCredential) error {
	err := cred.Preload(ctx, azoidc.ScopeResourceManager, azoidc.ScopeKeyVault, azoidc.ScopeStorage)
	go cred.KeepFresh(ctx)
	return err
}

// TestReadme: what is preloaded is held, in two round trips.
func TestReadme(t *testing.T) {
	cloud, cred, err := readmeTest()
	require.NoError(t, err)
	cloud.SetLatency(100 * time.Millisecond)
	began := time.Now()
	require.NoError(t, readmePreload(t.Context(), cred))
	require.Less(t, time.Since(began), 5*time.Second)
	require.Len(t, cred.Tokens(), 3)
	require.Equal(t, 3, cloud.Count(azoidctest.EntraToken))
	require.Equal(t, 3, cloud.Count(azoidctest.GitHubOIDC))
}
