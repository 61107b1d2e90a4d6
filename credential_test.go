package azoidc_test

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Run(m) }

func TestConstructorsRefuseWhatCannotBeRight(t *testing.T) {
	testkit.OutsideCI(t)
	_, err := azoidc.NewGitHubActionsCredential("not/a tenant", testkit.AClientID, nil)
	require.ErrorContains(t, err, "tenant ID")
	_, err = azoidc.NewAzurePipelinesCredential("not/a tenant", testkit.AClientID, "s", "t", nil)
	require.ErrorContains(t, err, "tenant ID")
	for _, clientID := range []string{"my-application", "a1b2", "https:/one.slash", "11111111-2222-3333-4444-55555555555g"} {
		_, err = azoidc.NewGitHubActionsCredential("t", clientID, nil)
		require.ErrorContains(t, err, "the argument clientID")
		require.ErrorContains(t, err, "Application (client) ID")
		require.NotContains(t, err.Error(), clientID, "it may be a secret in the wrong place")
		t.Setenv("AZURE_CLIENT_ID", clientID)
		_, err = azoidc.NewDefaultCredential(nil)
		require.ErrorContains(t, err, "what AZURE_CLIENT_ID holds")
	}
	for _, clientID := range []string{testkit.AClientID, "{" + testkit.AClientID + "}", "11111111222233334444555555555555", "api://my-application", "https://contoso.example/app"} {
		_, err = azoidc.NewGitHubActionsCredential("t", clientID, nil)
		require.NoError(t, err, "Entra may know it")
	}
	_, err = azoidc.NewAssertionCredential("t", testkit.AClientID, nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = azoidc.NewOnBehalfOfCredential("t", testkit.AClientID, "user", nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = azoidc.NewOnBehalfOfCredential("t", testkit.AClientID, " ", azoidc.StaticAssertion("x"), nil)
	require.ErrorContains(t, err, "user assertion is empty")
	_, err = azoidc.NewGitHubActionsCredential("t", testkit.AClientID, &azoidc.GitHubActionsCredentialOptions{CredentialOptions: azoidc.CredentialOptions{
		ClientOptions: azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "http://login.example"}}}})
	require.ErrorContains(t, err, "https")
}

func TestOptionsAreNeverModified(t *testing.T) {
	local := azoidctest.New(nil)
	allowed := make([]string, 1, 8)
	options := &azoidc.GitHubActionsCredentialOptions{CredentialOptions: testkit.CredentialOptions(local)}
	options.Transport = local // unlike a func, a pointer can be compared
	options.Logging.AllowedHeaders = allowed
	options.AdditionallyAllowedTenants = []string{"*"}
	before := *options
	cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
		o.Logging.AllowedHeaders = options.Logging.AllowedHeaders
	})
	_, err := azoidc.NewGitHubActionsCredential("t", testkit.AClientID, options)
	require.NoError(t, err)
	testkit.Get(t, cred, testkit.VaultScope)
	require.Equal(t, before, *options)
	require.Equal(t, make([]string, 8), allowed[:8], "the caller's slice is written to")
}
