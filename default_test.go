package azoidc_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
)

// onALaptop is outsideCI where nobody has signed in: azidentity's chain starts Azure CLI and its like if they are
// installed, wherever PATH leads, and they must neither find this user's sign-in nor write to it.
func onALaptop(t *testing.T) {
	t.Helper()
	outsideCI(t)
	for _, name := range []string{"HOME", "USERPROFILE", "AZURE_CONFIG_DIR", "AZD_CONFIG_DIR"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("PATH", "")
	if value, ok := os.LookupEnv("AZURE_TOKEN_CREDENTIALS"); ok {
		require.NoError(t, os.Unsetenv("AZURE_TOKEN_CREDENTIALS"))
		t.Cleanup(func() { _ = os.Setenv("AZURE_TOKEN_CREDENTIALS", value) })
	}
}

func newDefault(t *testing.T, cloud *azoidctest.Cloud) *azoidc.DefaultCredential {
	t.Helper()
	cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: credentialOptions(cloud)})
	require.NoError(t, err)
	return cred
}

// inKubernetes sets the variables of the workload identity webhook, for which azidentity's chain has a credential.
func inKubernetes(t *testing.T, cloud *azoidctest.Cloud) {
	t.Helper()
	job := cloud.GitHubJob(nil)
	jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})(t.Context())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(jwt), 0o600))
	setEnv(t, map[string]string{"AZURE_FEDERATED_TOKEN_FILE": path, "AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID()})
	cloud.Reset()
}

// TestOneLineOfCodeEverywhere is U12.
func TestOneLineOfCodeEverywhere(t *testing.T) {
	for name, test := range map[string]struct {
		environment func(*testing.T, *azoidctest.Cloud)
		leg         azoidctest.Leg
	}{
		"GitHub Actions":  {func(t *testing.T, c *azoidctest.Cloud) { setEnv(t, c.GitHubJob(nil).Env()) }, azoidctest.GitHubOIDC},
		"Azure Pipelines": {func(t *testing.T, c *azoidctest.Cloud) { setEnv(t, c.PipelinesJob(nil).Env()) }, azoidctest.AzureDevOpsOIDC},
		"elsewhere":       {inKubernetes, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onALaptop(t)
			cloud := azoidctest.New(nil)
			test.environment(t, cloud)
			cred := newDefault(t, cloud)
			get(t, cred, vaultScope)
			get(t, cred, vaultScope)
			require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "one cache in front of all")
			for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC} {
				require.Equal(t, leg == test.leg, cloud.Count(leg) > 0, leg)
			}
		})
	}
}

func TestTheTenantOfAChallengeIsTheJobsOwn(t *testing.T) {
	onALaptop(t)
	cloud := azoidctest.New(nil)
	setEnv(t, cloud.GitHubJob(nil).Env())
	cred := newDefault(t, cloud)
	require.NoError(t, cred.Preload(t.Context(), vaultScope))
	request := forScope(vaultScope)
	request.TenantID = cloud.TenantID()
	_, err := cred.GetToken(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

func TestSelectedByTheEnvironment(t *testing.T) {
	for selected, want := range map[string]azoidctest.Leg{
		"GitHubActionsCredential":    azoidctest.GitHubOIDC,
		"azurepipelinescredential":   azoidctest.AzureDevOpsOIDC,
		"WorkloadIdentityCredential": azoidctest.EntraToken,
		"prod":                       azoidctest.EntraToken,
	} {
		t.Run(selected, func(t *testing.T) {
			onALaptop(t)
			cloud := azoidctest.New(nil)
			inKubernetes(t, cloud)
			setEnv(t, cloud.GitHubJob(nil).Env())
			setEnv(t, cloud.PipelinesJob(nil).Env())
			t.Setenv("AZURE_TOKEN_CREDENTIALS", selected)
			get(t, newDefault(t, cloud), vaultScope)
			for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC} {
				require.Equal(t, leg == want, cloud.Count(leg) > 0, leg)
			}
		})
	}
	t.Run("alone, and not available", func(t *testing.T) {
		onALaptop(t)
		t.Setenv("AZURE_TOKEN_CREDENTIALS", "GitHubActionsCredential")
		cred := newDefault(t, azoidctest.New(nil))
		_, err := cred.GetToken(t.Context(), forScope(vaultScope))
		require.ErrorContains(t, err, "ACTIONS_ID_TOKEN_REQUEST_URL")
		require.NotContains(t, err.Error(), "DefaultAzureCredential")
		requireChainGoesOn(t, cred)
	})
	t.Run("unknown", func(t *testing.T) {
		t.Setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
		_, err := azoidc.NewDefaultCredential(nil)
		require.ErrorContains(t, err, "nonsense")
	})
}

func TestARefusalInCIStopsTheDefaultChain(t *testing.T) {
	onALaptop(t)
	cloud := azoidctest.New(nil)
	inKubernetes(t, cloud)
	setEnv(t, cloud.GitHubJob(nil).Env())
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(http.StatusForbidden, nil, `{"message":"not you"}`))
	_, err := newDefault(t, cloud).GetToken(t.Context(), forScope(vaultScope))
	var unusable *azoidc.AssertionError
	require.ErrorAs(t, err, &unusable)
	require.ErrorContains(t, err, "not you")
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
}

func TestTheDefaultChainTellsWhatItTried(t *testing.T) {
	onALaptop(t)
	cred := newDefault(t, azoidctest.New(nil))
	_, err := cred.GetToken(t.Context(), forScope(vaultScope))
	var at int
	for _, want := range []string{
		"DefaultCredential: no token. Tried, in this order:",
		"\n  GitHubActionsCredential: missing environment variable ACTIONS_ID_TOKEN_REQUEST_URL",
		"\n  AzurePipelinesCredential: missing environment variable SYSTEM_OIDCREQUESTURI",
		"\n  DefaultAzureCredential: ", "EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential", "AzureCLICredential",
	} {
		found := strings.Index(err.Error()[at:], want)
		require.GreaterOrEqual(t, found, 0, "%q after %q", want, err.Error()[at:])
		at += found
	}
	requireChainGoesOn(t, cred)
}

// TestTheDefaultChainKeepsAnAuthenticationFailure of its last link.
func TestTheDefaultChainKeepsAnAuthenticationFailure(t *testing.T) {
	onALaptop(t)
	cloud := azoidctest.New(nil)
	inKubernetes(t, cloud)
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	_, err := newDefault(t, cloud).GetToken(t.Context(), forScope(vaultScope))
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "GitHubActionsCredential: missing")
	require.ErrorContains(t, err, "AADSTS700016")
}

// TestNoScopeWaitsForAnotherInTheChain, not even while it is new: azidentity's chain lets them.
func TestNoScopeWaitsForAnotherInTheChain(t *testing.T) {
	onALaptop(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(nil)
		setEnv(t, cloud.GitHubJob(nil).Env())
		cred := newDefault(t, cloud)
		cloud.Fail(azoidctest.EntraToken, azoidctest.OnScope(graphScope, azoidctest.Hang()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		hanging := make(chan error)
		go func() {
			_, err := cred.GetToken(ctx, forScope(graphScope))
			hanging <- err
		}()
		synctest.Wait()
		start := time.Now()
		get(t, cred, vaultScope)
		require.Zero(t, time.Since(start))
		require.True(t, errors.Is(<-hanging, context.DeadlineExceeded))
		time.Sleep(2 * time.Minute)
	})
}

var _ azcore.TokenCredential = (*azoidc.DefaultCredential)(nil)
