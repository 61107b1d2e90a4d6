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
	_, err := azoidc.NewGitHubActionsCredential("not/a tenant", "c", nil)
	require.ErrorContains(t, err, "tenant ID")
	_, err = azoidc.NewAzurePipelinesCredential("not/a tenant", "c", "s", "t", nil)
	require.ErrorContains(t, err, "tenant ID")
	_, err = azoidc.NewAssertionCredential("t", "c", nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = azoidc.NewOnBehalfOfCredential("t", "c", "user", nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = azoidc.NewOnBehalfOfCredential("t", "c", " ", azoidc.StaticAssertion("x"), nil)
	require.ErrorContains(t, err, "user assertion is empty")
	_, err = azoidc.NewGitHubActionsCredential("t", "c", &azoidc.GitHubActionsCredentialOptions{CredentialOptions: azoidc.CredentialOptions{
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
	_, err := azoidc.NewGitHubActionsCredential("t", "c", options)
	require.NoError(t, err)
	testkit.Get(t, cred, testkit.VaultScope)
	require.Equal(t, before, *options)
	require.Equal(t, make([]string, 8), allowed[:8], "the caller's slice is written to")
}
