package acceptance_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"
)

// openPulumi makes the credential that Pulumi's azure-native makes, by the same variables in the same order:
// newSingleMethodAuthCredential and readAuthConfig in provider/pkg/provider/auth_azidentity.go of
// github.com/pulumi/pulumi-azure-native at 34d8ff31867e55351b4f1c32bc8074fcb91f4fc3. The provider itself is too large to be
// built for a test. Nothing but azidentity is behind it since 3.8.
func openPulumi(t *testing.T) getToken {
	cred, err := pulumiCredential(t)
	require.NoError(t, err)
	return tokenOf(cred)
}

func pulumiCredential(t *testing.T) (azcore.TokenCredential, error) {
	for _, variable := range []string{"ARM_CLIENT_CERTIFICATE_PATH", "ARM_CLIENT_SECRET", "ARM_OIDC_TOKEN", "ARM_OIDC_TOKEN_FILE_PATH"} {
		require.Empty(t, os.Getenv(variable), "it would be preferred")
	}
	switch {
	case os.Getenv("ARM_USE_DEFAULT_AZURE_CREDENTIAL") == "true":
		return azidentity.NewDefaultAzureCredential(nil)
	case os.Getenv("ARM_USE_OIDC") == "true":
		return azidentity.NewClientAssertionCredential(os.Getenv("ARM_TENANT_ID"), os.Getenv("ARM_CLIENT_ID"), pulumiAssertion,
			&azidentity.ClientAssertionCredentialOptions{DisableInstanceDiscovery: true}) // the local cloud's authority isn't known to Entra
	case os.Getenv("ARM_USE_MSI") == "true":
		options := &azidentity.ManagedIdentityCredentialOptions{}
		if clientID := os.Getenv("ARM_CLIENT_ID"); clientID != "" {
			options.ID = azidentity.ClientID(clientID)
		}
		return azidentity.NewManagedIdentityCredential(options)
	}
	return azidentity.NewAzureCLICredential(nil)
}

// pulumiAssertion asks as getOidcTokenExchangeAssertion does. It reads GitHub's variables only, and not ARM_OIDC_REQUEST_URL.
func pulumiAssertion(ctx context.Context) (string, error) {
	address, err := url.Parse(os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"))
	if err != nil {
		return "", err
	}
	query := address.Query()
	query.Set("audience", cmp.Or(os.Getenv("ARM_OIDC_AUDIENCE"), "api://AzureADTokenExchange"))
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return "", fmt.Errorf("%s: %s", response.Status, body)
	}
	var answer struct {
		Value string `json:"value"`
	}
	err = json.Unmarshal(body, &answer)
	return answer.Value, err
}
