// Package testkit helps the tests of several packages: credentials in a local cloud, a fake credential, a store, faults, and
// checks that nothing secret is told.
package testkit

import (
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// Scopes as Azure SDK clients ask for them, written out.
const (
	ManagementScope = "https://management.core.windows.net//.default"
	VaultScope      = "https://vault.azure.net/.default"
	StorageScope    = "https://storage.azure.com/.default"
	GraphScope      = "https://graph.microsoft.com/.default"
)

// AClientID is of no application.
const AClientID = "11111111-2222-3333-4444-555555555555"

// KeyBits is the size of the keys of NewCloud's clouds and of a Day's: most of a big simulation's time would go into signatures.
// The TestMain of a package whose tests have //go:debug rsa1024min=0 may set it to 512, which sign in a fifth of the time.
var KeyBits = 1024

// NewCloud makes a cloud with small keys.
func NewCloud() *azoidctest.Cloud { return azoidctest.New(&azoidctest.Options{KeyBits: KeyBits}) }

// CredentialOptions are for credentials in cloud.
func CredentialOptions(cloud *azoidctest.Cloud) azoidc.CredentialOptions {
	options := cloud.ClientOptions()
	options.Transport = WithTransportErrors(cloud)
	return azoidc.CredentialOptions{ClientOptions: options}
}

// NewGitHub makes a job in cloud and its credential. The options may be changed before.
func NewGitHub(t testing.TB, cloud *azoidctest.Cloud, change ...func(*azoidc.GitHubActionsCredentialOptions)) *azoidc.GitHubActionsCredential {
	t.Helper()
	job := cloud.GitHubJob(nil)
	options := &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: CredentialOptions(cloud),
		RequestURL:        job.RequestURL,
		RequestToken:      job.RequestToken,
	}
	for _, f := range change {
		f(options)
	}
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), options)
	require.NoError(t, err)
	return cred
}

// NewPipelines makes a job in cloud and its credential. The options may be changed before.
func NewPipelines(t testing.TB, cloud *azoidctest.Cloud, change ...func(*azoidc.AzurePipelinesCredentialOptions)) *azoidc.AzurePipelinesCredential {
	t.Helper()
	job := cloud.PipelinesJob(nil)
	options := &azoidc.AzurePipelinesCredentialOptions{
		CredentialOptions: CredentialOptions(cloud),
		RequestURI:        job.RequestURI,
	}
	for _, f := range change {
		f(options)
	}
	cred, err := azoidc.NewAzurePipelinesCredential(cloud.TenantID(), cloud.ClientID(), job.ServiceConnectionID, job.SystemAccessToken, options)
	require.NoError(t, err)
	return cred
}

// ForScope is the request that Azure SDK clients make.
func ForScope(scope string) policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true}
}

// Get asks cred as Azure SDK clients do, and wants a token.
func Get(t testing.TB, cred azcore.TokenCredential, scope string) azcore.AccessToken {
	t.Helper()
	token, err := cred.GetToken(t.Context(), ForScope(scope))
	require.NoError(t, err)
	require.NotEmpty(t, token.Token)
	return token
}

// A System is a CI system with its leg and its credential.
type System struct {
	Name string
	Leg  azoidctest.Leg
	Cred func(testing.TB, *azoidctest.Cloud) azcore.TokenCredential
}

// Systems are all CI systems that there are credentials for.
var Systems = []System{
	{"GitHub Actions", azoidctest.GitHubOIDC, func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return NewGitHub(t, c) }},
	{"Azure Pipelines", azoidctest.AzureDevOpsOIDC, func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return NewPipelines(t, c) }},
}

// NewAzidentity makes azidentity's own credential for a job in cloud, with this library's source of assertions.
func NewAzidentity(t testing.TB, cloud *azoidctest.Cloud) *azidentity.ClientAssertionCredential {
	t.Helper()
	job := cloud.GitHubJob(nil)
	cred, err := azidentity.NewClientAssertionCredential(cloud.TenantID(), cloud.ClientID(),
		azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
		}),
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: cloud.ClientOptions()})
	require.NoError(t, err)
	return cred
}

// ScopeNumber makes different scopes.
func ScopeNumber(i int) string { return fmt.Sprintf("https://service-%d.example/.default", i) }

// Hop is how long a request takes where tests count them by time.
const Hop = 100 * time.Millisecond

// NewDefault makes a default credential in cloud.
func NewDefault(t *testing.T, cloud *azoidctest.Cloud) *azoidc.DefaultCredential {
	t.Helper()
	cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: CredentialOptions(cloud)})
	require.NoError(t, err)
	return cred
}

// Legs are those of an exchange.
func (s System) Legs() []azoidctest.Leg {
	return []azoidctest.Leg{s.Leg, azoidctest.EntraOpenIDConfiguration, azoidctest.EntraToken}
}
