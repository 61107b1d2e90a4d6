package acceptance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"github.com/stretchr/testify/require"
)

// A managedClient gets tokens of a managed identity, by the environment alone.
type managedClient struct {
	name, source string
	open         func(t *testing.T) getToken // makes the client, in a process of this test
	script       []string                    // or runs it, see the folder npm
}

var managedClients = []managedClient{
	{name: "azidentity ManagedIdentityCredential", source: gitHub, open: openManagedIdentity},
	{name: "azidentity ManagedIdentityCredential", source: pipelines, open: openManagedIdentity},
	{name: "azidentity DefaultAzureCredential", source: gitHub, open: openDefaultAzure},
	{name: "hashicorp ManagedIdentityAuthorizer with header", source: gitHub, open: openHashicorpWithHeader},
	{name: "hashicorp ManagedIdentityAuthorizer as azurerm", source: gitHub, open: openHashicorpAsTerraform},
	{name: "kubelogin msi", source: gitHub, open: openKubeloginManaged},
	{name: "@azure/identity ManagedIdentityCredential", source: gitHub, script: []string{"managedidentity.js", "ManagedIdentityCredential"}},
	{name: "@azure/identity DefaultAzureCredential", source: gitHub, script: []string{"managedidentity.js", "DefaultAzureCredential"}},
}

const (
	// clientVariable tells a process of this test which client it is.
	clientVariable = "ACCEPTANCE_MANAGED_CLIENT"
	// kubeloginVariable tells it where kubelogin is: in a job's environment, go has no cache to find it in.
	kubeloginVariable = "ACCEPTANCE_KUBELOGIN"
	// tokenPrefix begins the lines in which clients print tokens.
	tokenPrefix = "token: "
)

// actAsManagedClient is the process that azoidc exec runs.
func actAsManagedClient(t *testing.T, name string) {
	for _, client := range managedClients {
		if client.name == name {
			askAgainAndAgain(t, client.open(t))
			return
		}
	}
	t.Fatalf("no client is called %q", name)
}

func askAgainAndAgain(t *testing.T, get getToken) {
	for end := time.Now().Add(jobLength); time.Now().Before(end); time.Sleep(askEvery) {
		token, err := get(t.Context(), kubernetes+"/.default")
		require.NoError(t, err)
		fmt.Println(tokenPrefix + token)
	}
}

func openManagedIdentity(t *testing.T) getToken {
	cred, err := azidentity.NewManagedIdentityCredential(nil)
	require.NoError(t, err)
	return tokenOf(cred)
}

// openDefaultAzure is what most programs have. It asks for the identity that AZURE_CLIENT_ID names.
func openDefaultAzure(t *testing.T) getToken {
	cred, err := azidentity.NewDefaultAzureCredential(nil)
	require.NoError(t, err)
	return tokenOf(cred)
}

// openHashicorpAsTerraform is Terraform's azurerm provider, which has read nothing but these variables so far:
// https://github.com/hashicorp/terraform-provider-azurerm/issues/33001.
func openHashicorpAsTerraform(t *testing.T) getToken {
	return hashicorpManaged(t, nil)
}

// openHashicorpWithHeader is a program that passes on what App Service wants.
func openHashicorpWithHeader(t *testing.T) getToken {
	return hashicorpManaged(t, map[string][]string{"X-IDENTITY-HEADER": {os.Getenv("IDENTITY_HEADER")}})
}

func hashicorpManaged(t *testing.T, headers map[string][]string) getToken {
	t.Helper()
	authorizer, err := auth.NewAuthorizerFromCredentials(t.Context(), auth.Credentials{
		EnableAuthenticatingUsingManagedIdentity: os.Getenv("ARM_USE_MSI") == "true",
		CustomManagedIdentityEndpoint:            os.Getenv("ARM_MSI_ENDPOINT"),
		CustomManagedIdentityAPIVersion:          os.Getenv("ARM_MSI_API_VERSION"),
		CustomManagedIdentityHeaders:             headers,
		ClientID:                                 os.Getenv("ARM_CLIENT_ID"),
	}, environments.NewApiEndpoint("Kubernetes", kubernetes, nil).WithResourceIdentifier(kubernetes))
	require.NoError(t, err)
	return func(ctx context.Context, _ string) (string, error) {
		token, err := authorizer.Token(ctx, &http.Request{})
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}
}

// openKubeloginManaged starts kubelogin for each token, as kubectl does.
func openKubeloginManaged(*testing.T) getToken {
	env := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return func(ctx context.Context, scope string) (string, error) {
		printed, err := run(ctx, "", env, env[kubeloginVariable], "get-token", "--login", "msi", "--server-id", strings.TrimSuffix(scope, "/.default"))
		if err != nil {
			return "", err
		}
		var answer struct{ Status struct{ Token string } }
		err = json.Unmarshal([]byte(printed), &answer)
		return answer.Status.Token, err
	}
}

// kubeloginProgram has go build it, once, see kubelogin.
func kubeloginProgram(t *testing.T) string {
	t.Helper()
	built, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "github.com/Azure/kubelogin").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(built))
}
