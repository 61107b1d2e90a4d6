package acceptance_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// kustoResource is what clusters of the public cloud name in their metadata.
const kustoResource = "https://kusto.kusto.windows.net"

// TestScopesAreWhatClientsAskFor holds the library's constants to what each client really asks for, and tells which
// clients ask for CAE.
//
// For SQL there is nothing to check: to go-mssqldb a program hands tokens of its own choice, and go-mssqldb/azuread, which
// makes its credentials itself, asks for the name that the server tells.
func TestScopesAreWhatClientsAskFor(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := inMemory(azoidctest.New(nil))
				cred := &recorder{TokenCredential: newGitHub(t, n)}
				_, call := c.open(t, n, cred)

				require.NoError(t, call(t.Context()))

				asked := cred.requests()
				require.NotEmpty(t, asked)
				for _, request := range asked {
					require.Equal(t, []string{c.scope}, request.Scopes)
					require.Equal(t, c.cae, request.EnableCAE)
					require.Empty(t, request.Claims)
				}
			})
		})
	}
}

// TestKeyVaultNamesTheTenant that its challenge names.
func TestKeyVaultNamesTheTenant(t *testing.T) {
	n := inMemory(azoidctest.New(nil))
	cred := &recorder{TokenCredential: newGitHub(t, n)}
	_, call := keyVault.open(t, n, cred)

	require.NoError(t, call(t.Context()))

	require.Equal(t, n.cloud.TenantID(), cred.requests()[0].TenantID)
}

// TestAppConfigurationScope is checked with the client for JavaScript. The one for Go, azappconfig, isn't served by every
// module proxy; given cloud.AzurePublic it asks for the same, and else for the store's own URL.
func TestAppConfigurationScope(t *testing.T) {
	printed, err := run(t.Context(), "npm", map[string]string{"HOME": t.TempDir()}, "node", "appconfiguration.js")
	require.NoError(t, err)
	require.Equal(t, azoidc.ScopeAppConfiguration, strings.TrimSpace(printed))
}
