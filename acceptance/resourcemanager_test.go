package acceptance_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

var resourceManager = client{
	name:  "armresources",
	scope: azoidc.ScopeResourceManager,
	cae:   true,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		service := n.serve("management.azure.com", "https://management.core.windows.net/", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, `{"name":"octo","location":"westeurope"}`)
		})
		groups, err := armresources.NewResourceGroupsClient("00000000-0000-4000-8000-000000000001", cred, &arm.ClientOptions{ClientOptions: n.clientOptions()})
		require.NoError(t, err)
		return service, func(ctx context.Context) error {
			_, err := groups.Get(ctx, "octo", nil)
			return err
		}
	},
}
