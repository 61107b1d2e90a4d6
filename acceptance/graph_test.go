package acceptance_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	kiota "github.com/microsoft/kiota-abstractions-go"
	kiotaauth "github.com/microsoft/kiota-authentication-azure-go"
	kiotahttp "github.com/microsoft/kiota-http-go"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const graphHost = "graph.microsoft.com"

// graph is what Microsoft Graph's SDK consists of below its generated code: kiota's authentication provider and adapter.
var graph = client{
	name:  "kiota-authentication-azure-go",
	scope: azoidc.ScopeGraph,
	cae:   true,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		service := n.serve(graphHost, "https://graph.microsoft.com", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, `{"value":[]}`)
		})
		provider, err := kiotaauth.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(cred, nil, []string{graphHost})
		require.NoError(t, err)
		adapter, err := kiotahttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(provider, nil, nil,
			&http.Client{Transport: kiotahttp.NewCustomTransportWithParentTransport(n, kiotahttp.GetDefaultMiddlewares()...)})
		require.NoError(t, err)
		adapter.SetBaseUrl("https://" + graphHost + "/v1.0")
		return service, func(ctx context.Context) error {
			request := kiota.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(kiota.GET, "{+baseurl}/applications", map[string]string{})
			return adapter.SendNoContent(ctx, request, nil)
		}
	},
}

// TestGraphHostsHaveNoPort: with the service at a port, as on loopback, kiota compares the host alone.
func TestGraphHostsHaveNoPort(t *testing.T) {
	server := azoidctest.NewServer(nil)
	defer server.Close()
	service := server.Service("https://graph.microsoft.com")
	at, err := url.Parse(service.URL)
	require.NoError(t, err)
	require.NotEmpty(t, at.Port())
	provider, err := kiotaauth.NewAzureIdentityAccessTokenProviderWithScopesAndValidHosts(newGitHub(t, overSockets(server)), []string{service.Scope}, []string{at.Hostname()})
	require.NoError(t, err)

	token, err := provider.GetAuthorizationToken(t.Context(), at, nil)

	require.NoError(t, err)
	require.NotEmpty(t, token)
}
