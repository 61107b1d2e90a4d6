package acceptance_test

import (
	"cmp"
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
	"github.com/Azure/go-autorest/autorest/adal"
	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"github.com/stretchr/testify/require"
)

// A managedClient gets tokens of a managed identity, or by an OIDC token of the request endpoint, by the environment alone.
// What is handed to it is what the tool that it belongs to hands to it.
type managedClient struct {
	name, source string
	open         func(t *testing.T) getToken // makes the client, in a process of this test
	script       []string                    // or runs it, see the folder npm
	flags        []string                    // of azoidc exec
	exchanges    bool                        // the client exchanges OIDC tokens itself
	without      []string                    // variables that the deploy script takes away
}

var (
	withRequestEndpoint = []string{"-request-endpoint"}
	withHub             = []string{"-identity", "hub=" + hubClientID}
)

// hubClientID is another application, that every job may sign in as.
const hubClientID = "12121212-3434-5656-7878-909090909090"

var managedClients = []managedClient{
	{name: "azidentity ManagedIdentityCredential", source: gitHub, open: openManagedIdentity},
	{name: "azidentity ManagedIdentityCredential", source: pipelines, open: openManagedIdentity},
	{name: "the same with a client ID, as AzCopy", source: gitHub, open: openManagedIdentityOf("ARM_CLIENT_ID")},
	{name: "the same of another identity", source: gitHub, open: openManagedIdentityOf("HUB_CLIENT_ID"), flags: withHub},
	{name: "azidentity DefaultAzureCredential", source: gitHub, open: openDefaultAzure},
	{name: "hashicorp ManagedIdentityAuthorizer with header", source: gitHub, open: openHashicorpWithHeader},
	{name: "azurerm provider's authorizer", source: gitHub, open: openAzurerm},
	{name: "azurerm provider's authorizer, use_oidc", source: gitHub, open: openAzurerm, flags: withRequestEndpoint, exchanges: true},
	{name: "azurerm provider's authorizer, use_oidc", source: pipelines, open: openAzurerm, flags: withRequestEndpoint, exchanges: true},
	{name: "azurerm backend's and azuread's authorizer", source: gitHub, open: openAzureadAndBackend},
	{name: "azurerm backend's and azuread's authorizer", source: pipelines, open: openAzureadAndBackend},
	{name: "the same with msi_endpoint of an alias", source: gitHub, open: openAlias, flags: withHub},
	{name: "Packer's authorizer, oidc_request_url", source: gitHub, open: openPacker, flags: withRequestEndpoint, exchanges: true},
	{name: "Packer's authorizer, oidc_request_url", source: pipelines, open: openPacker, flags: withRequestEndpoint, exchanges: true},
	{name: "Pulumi azure-native's credential", source: gitHub, open: openPulumi},
	{name: "Pulumi azure-native's credential", source: pipelines, open: openPulumi},
	{name: "Pulumi azure-native's credential, use_oidc", source: gitHub, open: openPulumi, flags: withRequestEndpoint, exchanges: true},
	{name: "Pulumi azure-native's credential, use_oidc", source: pipelines, open: openPulumi, flags: withRequestEndpoint, exchanges: true},
	{name: "autorest's adal, as Pulumi azure-native before 3.8", source: gitHub, open: openAutorest, without: []string{"MSI_ENDPOINT", "MSI_SECRET"}},
	{name: "kubelogin msi", source: gitHub, open: openKubeloginManaged},
	{name: "@azure/identity ManagedIdentityCredential", source: gitHub, script: []string{"managedidentity.js", "ManagedIdentityCredential"}},
	{name: "@azure/identity DefaultAzureCredential", source: gitHub, script: []string{"managedidentity.js", "DefaultAzureCredential"}},
	{name: "@actions/core getIDToken", source: pipelines, script: []string{"requestendpoint.js", "getIDToken"}, flags: withRequestEndpoint, exchanges: true},
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

// openManagedIdentityOf names the application that a variable holds, as AzCopy does with AZCOPY_MSI_CLIENT_ID.
func openManagedIdentityOf(variable string) func(*testing.T) getToken {
	return func(t *testing.T) getToken {
		cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
			ID: azidentity.ClientID(os.Getenv(variable)),
		})
		require.NoError(t, err)
		return tokenOf(cred)
	}
}

// openDefaultAzure is what most programs have. It asks for the identity that AZURE_CLIENT_ID names.
func openDefaultAzure(t *testing.T) getToken {
	cred, err := azidentity.NewDefaultAzureCredential(nil)
	require.NoError(t, err)
	return tokenOf(cred)
}

// openAzurerm fills the fields that internal/provider/provider.go of terraform-provider-azurerm does, which has read
// ARM_MSI_API_VERSION since June 2025: https://github.com/hashicorp/terraform-provider-azurerm/issues/33001.
func openAzurerm(t *testing.T) getToken {
	credentials := terraformCredentials()
	credentials.CustomManagedIdentityAPIVersion = os.Getenv("ARM_MSI_API_VERSION")
	return hashicorpToken(t, credentials)
}

// openAzureadAndBackend fills those that internal/backend/remote-state/azure/backend.go of Terraform and
// internal/provider/provider.go of terraform-provider-azuread do: no version, so the authorizer's own is asked for.
func openAzureadAndBackend(t *testing.T) getToken {
	return hashicorpToken(t, terraformCredentials())
}

// openAlias is a provider's alias with msi_endpoint = AZOIDC_MSI_ENDPOINT_HUB, and client_id that of the hub.
func openAlias(t *testing.T) getToken {
	credentials := terraformCredentials()
	credentials.CustomManagedIdentityEndpoint = os.Getenv("AZOIDC_MSI_ENDPOINT_HUB")
	credentials.ClientID = os.Getenv("HUB_CLIENT_ID")
	return hashicorpToken(t, credentials)
}

// openHashicorpWithHeader is a program that passes on what App Service wants.
func openHashicorpWithHeader(t *testing.T) getToken {
	credentials := terraformCredentials()
	credentials.CustomManagedIdentityAPIVersion = os.Getenv("ARM_MSI_API_VERSION")
	credentials.CustomManagedIdentityHeaders = map[string][]string{"X-IDENTITY-HEADER": {os.Getenv("IDENTITY_HEADER")}}
	return hashicorpToken(t, credentials)
}

// terraformCredentials are what the providers and the backend fill from the environment alike.
func terraformCredentials() auth.Credentials {
	oidc := os.Getenv("ARM_USE_OIDC") == "true"
	return auth.Credentials{
		Environment: terraformEnvironment(),
		ClientID:    os.Getenv("ARM_CLIENT_ID"),
		TenantID:    os.Getenv("ARM_TENANT_ID"),

		OIDCAssertionToken:             os.Getenv("ARM_OIDC_TOKEN"),
		OIDCTokenRequestURL:            cmp.Or(os.Getenv("ARM_OIDC_REQUEST_URL"), os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), os.Getenv("SYSTEM_OIDCREQUESTURI")),
		OIDCTokenRequestToken:          cmp.Or(os.Getenv("ARM_OIDC_REQUEST_TOKEN"), os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), os.Getenv("SYSTEM_ACCESSTOKEN")),
		ADOPipelineServiceConnectionID: cmp.Or(os.Getenv("ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID"), os.Getenv("ARM_OIDC_AZURE_SERVICE_CONNECTION_ID")),

		CustomManagedIdentityEndpoint: os.Getenv("ARM_MSI_ENDPOINT"),

		EnableAuthenticatingUsingClientCertificate: true,
		EnableAuthenticatingUsingClientSecret:      true,
		EnableAuthenticatingUsingManagedIdentity:   os.Getenv("ARM_USE_MSI") == "true",
		EnableAuthenticationUsingOIDC:              oidc,
		EnableAuthenticationUsingGitHubOIDC:        oidc,
		EnableAuthenticationUsingADOPipelineOIDC:   oidc,
	}
}

// terraformEnvironment is what a metadata_host tells of the local cloud.
func terraformEnvironment() environments.Environment {
	return environments.Environment{Authorization: &environments.Authorization{LoginEndpoint: strings.TrimSuffix(os.Getenv("AZURE_AUTHORITY_HOST"), "/")}}
}

// openPacker fills the fields that builder/azure/common/client/azure_authorizer.go of packer-plugin-azure does for
// oidc_request_url and oidc_request_token, which a template takes from these variables.
func openPacker(t *testing.T) getToken {
	return hashicorpToken(t, auth.Credentials{
		Environment:                         terraformEnvironment(),
		EnableAuthenticationUsingGitHubOIDC: true,
		ClientID:                            os.Getenv("ARM_CLIENT_ID"),
		TenantID:                            os.Getenv("ARM_TENANT_ID"),
		OIDCTokenRequestURL:                 os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"),
		OIDCTokenRequestToken:               os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
	})
}

// openAutorest is what hashicorp's go-azure-helpers had for ARM_USE_MSI, and with it Pulumi's azure-native before 3.8, which steps
// aside where it sees both MSI_ENDPOINT and MSI_SECRET: https://github.com/pulumi/pulumi-azure-native/issues/4223.
func openAutorest(t *testing.T) getToken {
	require.Empty(t, os.Getenv("MSI_ENDPOINT")+os.Getenv("MSI_SECRET"))
	token, err := adal.NewServicePrincipalTokenFromMSI(os.Getenv("ARM_MSI_ENDPOINT"), kubernetes)
	require.NoError(t, err)
	return func(ctx context.Context, _ string) (string, error) {
		err := token.EnsureFreshWithContext(ctx)
		return token.OAuthToken(), err
	}
}

func hashicorpToken(t *testing.T, credentials auth.Credentials) getToken {
	t.Helper()
	authorizer, err := auth.NewAuthorizerFromCredentials(t.Context(), credentials,
		environments.NewApiEndpoint("Kubernetes", kubernetes, nil).WithResourceIdentifier(kubernetes))
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
