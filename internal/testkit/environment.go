package testkit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// OutsideCI clears every variable that a credential looks at.
func OutsideCI(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
		"SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN",
		"AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
		"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
		"IDENTITY_ENDPOINT", "MSI_ENDPOINT",
	} {
		t.Setenv(name, "")
	}
}

// SetEnv sets variables until the test ends.
func SetEnv(t *testing.T, env map[string]string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// OnALaptop is OutsideCI where nobody has signed in: azidentity's chain starts Azure CLI and its like if they are
// installed, wherever PATH leads, and they must neither find this user's sign-in nor write to it.
func OnALaptop(t *testing.T) {
	t.Helper()
	OutsideCI(t)
	for _, name := range []string{"HOME", "USERPROFILE", "AZURE_CONFIG_DIR", "AZD_CONFIG_DIR"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("PATH", "")
	if value, ok := os.LookupEnv("AZURE_TOKEN_CREDENTIALS"); ok {
		require.NoError(t, os.Unsetenv("AZURE_TOKEN_CREDENTIALS"))
		t.Cleanup(func() { _ = os.Setenv("AZURE_TOKEN_CREDENTIALS", value) })
	}
}

// InKubernetes sets the variables of the workload identity webhook, for which azidentity's chain has a credential.
func InKubernetes(t *testing.T, cloud *azoidctest.Cloud) {
	t.Helper()
	job := cloud.GitHubJob(nil)
	jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})(t.Context())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(jwt), 0o600))
	SetEnv(t, map[string]string{"AZURE_FEDERATED_TOKEN_FILE": path, "AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID()})
	cloud.Reset()
}
