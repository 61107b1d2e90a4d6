package testkit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
)

// InKubernetes sets the variables of the workload identity webhook, for which azidentity's chain has a credential.
func InKubernetes(t *testing.T, cloud *azoidctest.Cloud) {
	t.Helper()
	job := cloud.GitHubJob(nil)
	jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})(t.Context())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(jwt), 0o600))
	testbed.SetEnv(t, map[string]string{"AZURE_FEDERATED_TOKEN_FILE": path, "AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID()})
	cloud.Reset()
}
