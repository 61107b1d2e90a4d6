package guides_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// What stands in docs/acr.md.

func registryClient(cred azcore.TokenCredential) error {
	client, err := azcontainerregistry.NewClient("https://octo.azurecr.io", cred, nil)
	_ = client
	return err
}

func dockerPassword(ctx context.Context, cred azcore.TokenCredential, registry string, options *azcontainerregistry.AuthenticationClientOptions) (string, error) {
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeContainerRegistry}})
	if err != nil {
		return "", err
	}
	client, err := azcontainerregistry.NewAuthenticationClient("https://"+registry, options)
	if err != nil {
		return "", err
	}
	answer, err := client.ExchangeAADAccessTokenForACRRefreshToken(ctx, azcontainerregistry.PostContentSchemaGrantTypeAccessToken, registry,
		&azcontainerregistry.AuthenticationClientExchangeAADAccessTokenForACRRefreshTokenOptions{AccessToken: &token.Token})
	if err != nil {
		return "", err
	}
	return *answer.RefreshToken, nil // the user is 00000000-0000-0000-0000-000000000000
}

func TestDockerPassword(t *testing.T) {
	cloud := azoidctest.New(nil)
	registry := serveRegistry(cloud, "octo.azurecr.io")
	cred := newCredential(t, cloud)
	require.NoError(t, registryClient(cred))
	password, err := dockerPassword(t.Context(), cred, "octo.azurecr.io", &azcontainerregistry.AuthenticationClientOptions{ClientOptions: cloud.ClientOptions()})
	require.NoError(t, err)
	require.Equal(t, registry.refresh, password)
}

func newCredential(t *testing.T, cloud *azoidctest.Cloud) *azoidc.GitHubActionsCredential {
	t.Helper()
	job := cloud.GitHubJob(nil)
	cred, err := azoidc.NewGitHubActionsCredential(cloud.TenantID(), cloud.ClientID(), &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: cloud.ClientOptions()},
		RequestURL:        job.RequestURL, RequestToken: job.RequestToken,
	})
	require.NoError(t, err)
	return cred
}

// What stands in docs/several-tenants.md.

func severalTenants(ctx context.Context, homeTenantID, homeClientID, customerTenantID, customerClientID string) error {
	home, err := azoidc.NewGitHubActionsCredential(homeTenantID, homeClientID, nil)
	if err != nil {
		return err
	}
	customer, err := azoidc.NewGitHubActionsCredential(customerTenantID, customerClientID, nil)
	if err != nil {
		return err
	}
	return preload(ctx, home, customer)
}

func preload(ctx context.Context, creds ...*azoidc.GitHubActionsCredential) error {
	var errs []error
	for _, cred := range creds {
		errs = append(errs, cred.Preload(ctx, azoidc.ScopeGraph))
	}
	return errors.Join(errs...)
}

func oneApplication(ctx context.Context, homeTenantID, clientID, customerTenantID string) error {
	cred, err := azoidc.NewGitHubActionsCredential(homeTenantID, clientID, &azoidc.GitHubActionsCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{AdditionallyAllowedTenants: []string{customerTenantID}},
	})
	if err != nil {
		return err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeGraph}, TenantID: customerTenantID})
	if err == nil && token.Token == "" {
		err = errors.New("no token")
	}
	return err
}

func government(clientOptions azcore.ClientOptions) (*azoidc.DefaultCredential, error) {
	clientOptions.Cloud = cloud.AzureGovernment
	cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{
		CredentialOptions: azoidc.CredentialOptions{ClientOptions: clientOptions},
	})
	return cred, err
}

const customerTenant, customerClient = "44444444-3434-5656-7878-909090909090", "45454545-3434-5656-7878-909090909090"

// newJobOfTwoTenants is a job that applications in both tenants trust.
func newJobOfTwoTenants(t testing.TB) *job {
	t.Helper()
	j := newJob(t, customerTenant)
	j.trust(customerClient)
	return j
}

func TestSeveralTenants(t *testing.T) {
	for _, role := range []string{"several tenants", "one application"} {
		t.Run(role, func(t *testing.T) {
			j := newJobOfTwoTenants(t)
			j.inJob(role)
			var tenants []string
			for _, request := range j.cloud.Requests(azoidctest.EntraToken) {
				tenants = append(tenants, strings.Split(request.URL, "/")[3])
			}
			require.Contains(t, tenants, customerTenant)
		})
	}
}

func TestGovernment(t *testing.T) {
	local := azoidctest.New(nil)
	job := local.GitHubJob(&azoidctest.GitHubJobOptions{Audience: "api://AzureADTokenExchangeUSGov"})
	setJob(t, job.Env())
	cred, err := government(local.ClientOptions())
	require.NoError(t, err)
	scope := cloud.AzureGovernment.Services[cloud.ResourceManager].Audience + "/.default"
	_, err = cred.GetToken(t.Context(), tokenFor(scope))
	require.NoError(t, err)
	require.Contains(t, local.Requests(azoidctest.EntraToken)[0].URL, "https://login.microsoftonline.us/")
}

// What stands in docs/testing.md.

func work(ctx context.Context, client azcore.ClientOptions) error {
	cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: azoidc.CredentialOptions{ClientOptions: client}})
	if err != nil {
		return err
	}
	return cred.Preload(ctx, azoidc.ScopeResourceManager)
}

func TestTesting(t *testing.T) {
	setJob(t, nil)
	cloud := azoidctest.New(nil)
	for name, value := range cloud.GitHubJob(nil).Env() {
		t.Setenv(name, value)
	}
	require.NoError(t, work(t.Context(), cloud.ClientOptions()))
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

// present presents a token to Key Vault.
func present(ctx context.Context, cred azcore.TokenCredential, cloud *azoidctest.Cloud) error {
	token, err := cred.GetToken(ctx, tokenFor(azoidc.ScopeKeyVault))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://my-vault.vault.azure.net/secrets?api-version=7.5", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	response, err := cloud.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

func TestHoursInNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		cred := newCredential(t, cloud)
		require.NoError(t, present(t.Context(), cred, cloud))
		time.Sleep(3 * time.Hour)
		require.NoError(t, present(t.Context(), cred, cloud))
		require.Equal(t, 2, cloud.Count(azoidctest.EntraToken))
	})
}

// TestFaults: each of the guide's faults does something to a credential.
func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700213))        // no federated identity credential matches
		cloud.FailNext(azoidctest.GitHubOIDC, 2, azoidctest.Status(503, nil, "")) // twice, then it works
		err := newCredential(t, cloud).Preload(t.Context(), azoidc.ScopeKeyVault)
		require.ErrorContains(t, err, "AADSTS700213")
		require.Greater(t, cloud.Count(azoidctest.GitHubOIDC), 2)

		cloud.Fail(azoidctest.EntraToken, azoidctest.Throttle(10, time.Minute)) // 429 with Retry-After
		for range 10 {
			require.NoError(t, newCredential(t, cloud).Preload(t.Context(), azoidc.ScopeKeyVault))
		}
		began := time.Now()
		require.NoError(t, newCredential(t, cloud).Preload(t.Context(), azoidc.ScopeKeyVault))
		require.Greater(t, time.Since(began), 10*time.Second)

		cloud.Fail(azoidctest.EntraToken, azoidctest.OnScope(azoidc.ScopeKeyVault, azoidctest.Hang())) // for one of the scopes
		require.NoError(t, newCredential(t, cloud).Preload(t.Context(), azoidc.ScopeStorage))
		require.ErrorIs(t, newCredential(t, cloud).Preload(t.Context(), azoidc.ScopeKeyVault), context.DeadlineExceeded)

		cloud.Mend()
		require.NoError(t, newCredential(t, cloud).Preload(t.Context(), azoidc.ScopeKeyVault))
	})
}

func TestServices(t *testing.T) {
	cloud := azoidctest.New(nil)
	answerAsRegistry := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
	registry := cloud.Service("https://containerregistry.azure.net") // lets in only who has a token for it
	registry.Handle(http.HandlerFunc(answerAsRegistry))
	cloud.Handle("octo.azurecr.io", registry)

	token, err := newCredential(t, cloud).GetToken(t.Context(), tokenFor(azoidc.ScopeContainerRegistry))
	require.NoError(t, err)
	for authorization, status := range map[string]int{"Bearer " + token.Token: http.StatusTeapot, "Bearer none": http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://octo.azurecr.io/", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", authorization)
		response, err := cloud.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode)
	}
}

func TestOtherProcesses(t *testing.T) {
	setJob(t, nil)
	t.Setenv("PATH", programs+string(filepath.ListSeparator)+os.Getenv("PATH"))
	cloud := azoidctest.NewServer(nil)
	defer cloud.Close()
	certificate := filepath.Join(t.TempDir(), "certificate.pem")
	require.NoError(t, os.WriteFile(certificate, cloud.CertificatePEM(), 0o600))
	command := exec.CommandContext(t.Context(), "azoidc", "token", "-disable-instance-discovery", "-scope", "https://vault.azure.net/.default")
	command.Env = append(os.Environ(), "SSL_CERT_FILE="+certificate) // for Node NODE_EXTRA_CA_CERTS, for Python REQUESTS_CA_BUNDLE
	for name, value := range cloud.GitHubJob(nil).Env() {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Env = append(command.Env, "GITHUB_ACTIONS=") // else the mask wants the log
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Contains(t, string(printed), `"accessToken"`)
}
