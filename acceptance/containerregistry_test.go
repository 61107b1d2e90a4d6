package acceptance_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

const registryHost = "octo.azurecr.io"

// containerRegistry exchanges the access token for a refresh token of the registry's own, that for access tokens of the
// registry's own, see https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md. It doesn't ask for CAE.
var containerRegistry = client{
	name:  "azcontainerregistry",
	scope: azoidc.ScopeContainerRegistry,
	open: func(t testing.TB, n *network, cred azcore.TokenCredential) (*azoidctest.Service, call) {
		service := n.cloud.Service("https://containerregistry.azure.net")
		n.fronts[registryHost] = (&registry{network: n, service: service}).answer
		repositories, err := azcontainerregistry.NewClient("https://"+registryHost, cred, &azcontainerregistry.ClientOptions{ClientOptions: n.clientOptions()})
		require.NoError(t, err)
		return service, func(ctx context.Context) error {
			_, err := repositories.NewListRepositoriesPager(nil).NextPage(ctx)
			return err
		}
	},
}

// The registry's own tokens live so briefly that its client comes back for access tokens of Entra's all the time.
const registryTokenLifetime = 10 * time.Minute

// registry is the part of a container registry that has tokens of its own; only POST /oauth2/exchange asks the service.
type registry struct {
	network *network
	service *azoidctest.Service
}

func (g *registry) answer(r *http.Request) (*http.Response, error) {
	switch r.URL.Path {
	case "/oauth2/exchange":
		return g.exchange(r)
	case "/oauth2/token":
		return answer(r, http.StatusOK, nil, fmt.Sprintf(`{"access_token":"%d"}`, time.Now().Add(registryTokenLifetime).Unix())), nil
	}
	ends, _ := strconv.ParseInt(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), 10, 64)
	if !time.Now().Before(time.Unix(ends, 0)) {
		challenge := fmt.Sprintf(`Bearer realm="https://%[1]s/oauth2/token",service="%[1]s",scope="registry:catalog:*"`, registryHost)
		return answer(r, http.StatusUnauthorized, http.Header{"Www-Authenticate": {challenge}}, `{"errors":[]}`), nil
	}
	return answer(r, http.StatusOK, nil, `{"repositories":["octo"]}`), nil
}

// exchange lets the service judge the token of the form.
func (g *registry) exchange(r *http.Request) (*http.Response, error) {
	body, err := readAll(r)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	presented, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://"+registryHost, nil)
	if err != nil {
		return nil, err
	}
	presented.Header.Set("Authorization", "Bearer "+form.Get("access_token"))
	response, err := g.network.forward(g.service, presented)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	_ = response.Body.Close()
	payload := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(registryTokenLifetime).Unix())
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".e30"
	return answer(r, http.StatusOK, nil, `{"refresh_token":"`+token+`"}`), nil
}
