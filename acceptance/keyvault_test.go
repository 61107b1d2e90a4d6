package acceptance_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// keyVault's client learns tenant and resource from a challenge to its first request, which it sends without a body, and
// verifies that the vault's host belongs to the resource.
var keyVault = client{
	name:  "azsecrets",
	scope: azoidc.ScopeKeyVault,
	cae:   true,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		const vault = "octo.vault.azure.net"
		service := n.serve(vault, "https://vault.azure.net", func(w http.ResponseWriter, r *http.Request) {
			if body, err := readAll(r); err != nil || len(body) == 0 {
				writeJSON(w, http.StatusBadRequest, "{}")
				return
			}
			writeJSON(w, http.StatusOK, `{"value":"hidden","id":"https://octo.vault.azure.net/secrets/octo/1"}`)
		})
		n.fronts[vault] = vaultChallenge(n, n.fronts[vault])
		secrets, err := azsecrets.NewClient("https://"+vault, cred, &azsecrets.ClientOptions{ClientOptions: n.clientOptions()})
		require.NoError(t, err)
		return service, func(ctx context.Context) error {
			_, err := secrets.SetSecret(ctx, "octo", azsecrets.SetSecretParameters{Value: to.Ptr("hidden")}, nil)
			return err
		}
	},
}

// vaultChallenge words the challenge to requests without a token as Key Vault does, see
// https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses.
func vaultChallenge(n *network, next front) front {
	return func(r *http.Request) (*http.Response, error) {
		response, err := next(r)
		if err == nil && response.StatusCode == http.StatusUnauthorized && r.Header.Get("Authorization") == "" {
			authority := strings.TrimSuffix(n.options.Cloud.ActiveDirectoryAuthorityHost, "/")
			response.Header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer authorization="%s/%s", resource="https://vault.azure.net"`,
				authority, n.cloud.TenantID()))
		}
		return response, err
	}
}
