package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestOneLineOfCodeEverywhere is U12.
func TestOneLineOfCodeEverywhere(t *testing.T) {
	for name, test := range map[string]struct {
		environment func(*testing.T, *azoidctest.Cloud)
		leg         azoidctest.Leg
	}{
		"GitHub Actions":  {func(t *testing.T, c *azoidctest.Cloud) { testbed.SetEnv(t, c.GitHubJob(nil).Env()) }, azoidctest.GitHubOIDC},
		"Azure Pipelines": {func(t *testing.T, c *azoidctest.Cloud) { testbed.SetEnv(t, c.PipelinesJob(nil).Env()) }, azoidctest.AzureDevOpsOIDC},
		"elsewhere":       {testkit.InKubernetes, 0},
	} {
		t.Run(name, func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			test.environment(t, cloud)
			cred := testkit.NewDefault(t, cloud)
			testkit.Get(t, cred, testkit.VaultScope)
			testkit.Get(t, cred, testkit.VaultScope)
			require.Equal(t, 1, cloud.Count(azoidctest.EntraToken), "one cache in front of all")
			for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC} {
				require.Equal(t, leg == test.leg, cloud.Count(leg) > 0, leg)
			}
		})
	}
}

func TestTheTenantOfAChallengeIsTheJobsOwn(t *testing.T) {
	testbed.OnALaptop(t)
	cloud := testkit.NewCloud()
	testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
	t.Setenv("AZURESUBSCRIPTION_TENANT_ID", "11111111-2222-3333-4444-555555555555") // of a credential that isn't available
	cred := testkit.NewDefault(t, cloud)
	require.NoError(t, cred.Preload(t.Context(), testkit.VaultScope))
	request := testkit.ForScope(testkit.VaultScope)
	request.TenantID = cloud.TenantID()
	_, err := cred.GetToken(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

// TestInvalidateReachesTheJobsCredential in the chain: what Entra asked for is over.
func TestInvalidateReachesTheJobsCredential(t *testing.T) {
	testbed.OnALaptop(t)
	cloud := testkit.NewCloud()
	testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
	cred := testkit.NewDefault(t, cloud)
	cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(429, http.Header{"Retry-After": {"3600"}}, ""))
	_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.Error(t, err)
	cred.InvalidateAll()
	testkit.Get(t, cred, testkit.VaultScope)
}

func TestSelectedByTheEnvironment(t *testing.T) {
	for selected, want := range map[string]azoidctest.Leg{
		"GitHubActionsCredential":    azoidctest.GitHubOIDC,
		"azurepipelinescredential":   azoidctest.AzureDevOpsOIDC,
		"WorkloadIdentityCredential": azoidctest.EntraToken,
		"prod":                       azoidctest.EntraToken,
	} {
		t.Run(selected, func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			testkit.InKubernetes(t, cloud)
			testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
			testbed.SetEnv(t, cloud.PipelinesJob(nil).Env())
			t.Setenv("AZURE_TOKEN_CREDENTIALS", selected)
			testkit.Get(t, testkit.NewDefault(t, cloud), testkit.VaultScope)
			for _, leg := range []azoidctest.Leg{azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC} {
				require.Equal(t, leg == want, cloud.Count(leg) > 0, leg)
			}
		})
	}
	t.Run("alone, and not available", func(t *testing.T) {
		testbed.OnALaptop(t)
		t.Setenv("AZURE_TOKEN_CREDENTIALS", "GitHubActionsCredential")
		cred := testkit.NewDefault(t, testkit.NewCloud())
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "ACTIONS_ID_TOKEN_REQUEST_URL")
		require.NotContains(t, err.Error(), "DefaultAzureCredential")
		testkit.RequireChainGoesOn(t, cred)
	})
	t.Run("unknown", func(t *testing.T) {
		t.Setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
		_, err := azoidc.NewDefaultCredential(nil)
		require.ErrorContains(t, err, `"nonsense"`)
		require.ErrorContains(t, err, "azoidc adds GitHubActionsCredential and AzurePipelinesCredential")
	})
}

// TestAJobThatIsNotSetUpStopsTheDefaultChain: whoever signed in on a self-hosted runner, and the machine's own identity,
// are somebody else.
func TestAJobThatIsNotSetUpStopsTheDefaultChain(t *testing.T) {
	jobs := map[string]struct {
		env    map[string]string
		remedy string
	}{
		"GitHub Actions without permission": {map[string]string{"GITHUB_ACTIONS": "true", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": testkit.AClientID}, "id-token: write"},
		"GitHub Actions without an application": {map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example",
			"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}, "set the application's tenant ID and client ID"},
		"Azure Pipelines without its token": {map[string]string{"TF_BUILD": "True", "SYSTEM_OIDCREQUESTURI": "https://x.example",
			"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "s", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": testkit.AClientID}, "env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)"},
	}
	someoneElse := map[string]map[string]string{
		"nothing":                    {},
		"a user-assigned identity":   {"AZURE_CLIENT_ID": testkit.AClientID},
		"half an endpoint":           {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/token"},
		"a secret of no application": {"AZURE_CLIENT_SECRET": "s", "AZURE_CLIENT_ID": "", "AZURE_TENANT_ID": ""},
	}
	for job, test := range jobs {
		for other, env := range someoneElse {
			t.Run(job+", "+other, func(t *testing.T) {
				testbed.OnALaptop(t)
				cloud := testkit.NewCloud()
				testbed.SetEnv(t, test.env)
				testbed.SetEnv(t, env)
				_, err := testkit.NewDefault(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				var unusable *azoidc.AssertionError
				require.ErrorAs(t, err, &unusable)
				require.ErrorContains(t, err, "the job isn't set up for it: missing environment variable")
				require.ErrorContains(t, err, test.remedy)
				require.ErrorContains(t, err, "AZURE_TOKEN_CREDENTIALS")
				require.Empty(t, cloud.Requests())
				next := &testkit.FakeCredential{Life: time.Hour}
				chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{testkit.NewDefault(t, cloud), next}, nil)
				require.NoError(t, err)
				_, err = chain.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.Error(t, err)
				require.Zero(t, next.Count(), "nor may a chain around it go on")
			})
		}
	}
}

// TestAJobThatIsConfiguredOtherwise has azidentity's chain, as before.
func TestAJobThatIsConfiguredOtherwise(t *testing.T) {
	for _, marker := range []string{"GITHUB_ACTIONS", "TF_BUILD"} {
		t.Run(marker+" with a federated token file", func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			testkit.InKubernetes(t, cloud)
			t.Setenv(marker, "true")
			testkit.Get(t, testkit.NewDefault(t, cloud), testkit.VaultScope)
		})
		t.Run(marker+" with a selection", func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			testkit.InKubernetes(t, cloud)
			t.Setenv(marker, "true")
			t.Setenv("AZURE_CLIENT_SECRET", "")
			t.Setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
			testkit.Get(t, testkit.NewDefault(t, cloud), testkit.VaultScope)
		})
		t.Run(marker+" with a client secret", func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			t.Setenv(marker, "true")
			testbed.SetEnv(t, map[string]string{"AZURE_TENANT_ID": cloud.TenantID(), "AZURE_CLIENT_ID": cloud.ClientID(), "AZURE_CLIENT_SECRET": "s"})
			_, err := testkit.NewDefault(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.ErrorContains(t, err, "AADSTS7000215", "azidentity asked for it")
			require.ErrorContains(t, err, "do: a client secret is wrong")
		})
		t.Run(marker+" within azoidc exec", func(t *testing.T) {
			testbed.OnALaptop(t)
			t.Setenv(marker, "true")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, `{"access_token":"of the endpoint","expires_on":"%d","resource":%q,"token_type":"Bearer"}`,
					time.Now().Add(time.Hour).Unix(), r.URL.Query().Get("resource"))
			}))
			defer server.Close()
			testbed.SetEnv(t, map[string]string{"IDENTITY_ENDPOINT": server.URL, "IDENTITY_HEADER": "secret", "AZURE_CLIENT_ID": testkit.AClientID})
			cred, err := azoidc.NewDefaultCredential(nil)
			require.NoError(t, err)
			require.Equal(t, "of the endpoint", testkit.Get(t, cred, testkit.VaultScope).Token)
		})
	}
}

func TestARefusalInCIStopsTheDefaultChain(t *testing.T) {
	testbed.OnALaptop(t)
	cloud := testkit.NewCloud()
	testkit.InKubernetes(t, cloud)
	testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
	cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(http.StatusForbidden, nil, `{"message":"not you"}`))
	_, err := testkit.NewDefault(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	var unusable *azoidc.AssertionError
	require.ErrorAs(t, err, &unusable)
	require.ErrorContains(t, err, "not you")
	require.Zero(t, cloud.Count(azoidctest.EntraToken))
}

func TestTheDefaultChainTellsWhatItTried(t *testing.T) {
	testbed.OnALaptop(t)
	options := testkit.CredentialOptions(testkit.NewCloud())
	options.Retry.MaxRetries = -1 // azidentity asks IMDS for half a minute
	cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: options})
	require.NoError(t, err)
	_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	var at int
	for _, want := range []string{
		"DefaultCredential: no token. Tried, in this order:",
		"\n  GitHubActionsCredential: missing environment variables ACTIONS_ID_TOKEN_REQUEST_URL",
		"\n  AzurePipelinesCredential: missing environment variables SYSTEM_OIDCREQUESTURI",
		"\n  DefaultAzureCredential: ", "EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential", "AzureCLICredential",
	} {
		found := strings.Index(err.Error()[at:], want)
		require.GreaterOrEqual(t, found, 0, "%q after %q", want, err.Error()[at:])
		at += found
	}
	require.NotContains(t, err.Error(), "do:", "there is nothing to say")
	testkit.RequireChainGoesOn(t, cred)
}

// TestTheDefaultChainKeepsAnAuthenticationFailure of its last link.
func TestTheDefaultChainKeepsAnAuthenticationFailure(t *testing.T) {
	testbed.OnALaptop(t)
	cloud := testkit.NewCloud()
	testkit.InKubernetes(t, cloud)
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(700016))
	_, err := testkit.NewDefault(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 400, failed.RawResponse.StatusCode)
	require.ErrorContains(t, failed, "AADSTS700016")
	require.IsType(t, failed, errors.Unwrap(err), "the cause")
	require.ErrorContains(t, err, "GitHubActionsCredential: missing")
	require.ErrorContains(t, err, "AADSTS700016")
}

// TestNoScopeWaitsForAnotherInTheChain, not even while it is new: azidentity's chain lets them.
func TestNoScopeWaitsForAnotherInTheChain(t *testing.T) {
	testbed.OnALaptop(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
		cred := testkit.NewDefault(t, cloud)
		cloud.Fail(azoidctest.EntraToken, azoidctest.OnScope(testkit.GraphScope, azoidctest.Hang()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		hanging := make(chan error)
		go func() {
			_, err := cred.GetToken(ctx, testkit.ForScope(testkit.GraphScope))
			hanging <- err
		}()
		synctest.Wait()
		start := time.Now()
		testkit.Get(t, cred, testkit.VaultScope)
		require.Zero(t, time.Since(start))
		require.True(t, errors.Is(<-hanging, context.DeadlineExceeded))
		time.Sleep(2 * time.Minute)
	})
}

var _ azcore.TokenCredential = (*azoidc.DefaultCredential)(nil)

// TestAVariableThatIsSetButEmptyIsUnset, as of a workflow's variable that nobody set, and white space is no value.
func TestAVariableThatIsSetButEmptyIsUnset(t *testing.T) {
	for name, value := range map[string]string{"empty": "", "white space": " \n", "padded": " WorkloadIdentityCredential\n", "padded, prod": "prod\r\n"} {
		t.Run(name, func(t *testing.T) {
			testbed.OnALaptop(t)
			cloud := testkit.NewCloud()
			testkit.InKubernetes(t, cloud)
			t.Setenv("AZURE_TOKEN_CREDENTIALS", value)
			testkit.Get(t, testkit.NewDefault(t, cloud), testkit.VaultScope)
			require.Equal(t, value, os.Getenv("AZURE_TOKEN_CREDENTIALS"), "the environment is the program's")
			_, set := os.LookupEnv("AZURE_TOKEN_CREDENTIALS")
			require.True(t, set)
		})
	}
	t.Run("one that isn't set stays so", func(t *testing.T) {
		testbed.OnALaptop(t)
		t.Setenv("AZURE_TOKEN_CREDENTIALS", "") // to be as it was after the test
		require.NoError(t, os.Unsetenv("AZURE_TOKEN_CREDENTIALS"))
		testkit.NewDefault(t, testkit.NewCloud())
		_, set := os.LookupEnv("AZURE_TOKEN_CREDENTIALS")
		require.False(t, set)
	})
	t.Run("a padded one is the only one", func(t *testing.T) {
		testbed.OnALaptop(t)
		t.Setenv("AZURE_TOKEN_CREDENTIALS", " WorkloadIdentityCredential\n")
		_, err := testkit.NewDefault(t, testkit.NewCloud()).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "WorkloadIdentityCredential")
		require.NotContains(t, err.Error(), "ManagedIdentityCredential")
	})
	t.Run("another value is refused as ever", func(t *testing.T) {
		testbed.OnALaptop(t)
		t.Setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
		_, err := azoidc.NewDefaultCredential(nil)
		require.ErrorContains(t, err, "AZURE_TOKEN_CREDENTIALS")
	})
}

// TestAdditionalTenantsOfTheEnvironment are those of every branch.
func TestAdditionalTenantsOfTheEnvironment(t *testing.T) {
	testbed.NotShort(t, "tries each credential in each environment")
	const other = "11111111-2222-3333-4444-555555555555"
	for name, environment := range map[string]func(*testing.T, *azoidctest.Cloud){
		"GitHub Actions":  func(t *testing.T, c *azoidctest.Cloud) { testbed.SetEnv(t, c.GitHubJob(nil).Env()) },
		"Azure Pipelines": func(t *testing.T, c *azoidctest.Cloud) { testbed.SetEnv(t, c.PipelinesJob(nil).Env()) },
		"azidentity":      testkit.InKubernetes,
	} {
		for value, allowed := range map[string]bool{other: true, "x ; " + other + " ;": true, "*": true, "x": false, "": false} {
			t.Run(name+"/"+value, func(t *testing.T) {
				testbed.OnALaptop(t)
				cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AdditionalTenants: []string{other}})
				environment(t, cloud)
				t.Setenv("AZURE_ADDITIONALLY_ALLOWED_TENANTS", value)
				_, err := testkit.NewDefault(t, cloud).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: other})
				require.Equal(t, allowed, err == nil, "%v", err)
			})
		}
	}
	t.Run("the program's own count", func(t *testing.T) {
		testbed.OnALaptop(t)
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AdditionalTenants: []string{other}})
		testbed.SetEnv(t, cloud.GitHubJob(nil).Env())
		t.Setenv("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "*")
		options := testkit.CredentialOptions(cloud)
		options.AdditionallyAllowedTenants = []string{"x"}
		cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: options})
		require.NoError(t, err)
		_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: other})
		require.Error(t, err)
	})
}

// TestWithoutAListAzureCLIMaySignInToAnyTenant, as azidentity has it: a variable that is unset is no list.
func TestWithoutAListAzureCLIMaySignInToAnyTenant(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for az is a script of sh's")
	}
	testbed.OnALaptop(t)
	script := `#!/bin/sh
echo '{"accessToken": "by az", "expires_on": 4070908800, "expiresOn": "2099-01-01 00:00:00.000000"}'
`
	require.NoError(t, os.WriteFile(filepath.Join(os.Getenv("PATH"), "az"), []byte(script), 0o700))
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "AzureCLICredential")
	token, err := testkit.NewDefault(t, testkit.NewCloud()).GetToken(t.Context(), policy.TokenRequestOptions{
		Scopes: []string{testkit.VaultScope}, TenantID: "11111111-2222-3333-4444-555555555555"})
	require.NoError(t, err)
	require.Equal(t, "by az", token.Token)
}

// TestTheAuthorityHostIsReadOnce, by the constructor, white space trimmed.
func TestTheAuthorityHostIsReadOnce(t *testing.T) {
	for name, environment := range map[string]func(*testing.T, *azoidctest.Cloud){
		"GitHub Actions":  func(t *testing.T, c *azoidctest.Cloud) { testbed.SetEnv(t, c.GitHubJob(nil).Env()) },
		"Azure Pipelines": func(t *testing.T, c *azoidctest.Cloud) { testbed.SetEnv(t, c.PipelinesJob(nil).Env()) },
		"azidentity":      testkit.InKubernetes,
	} {
		t.Run(name, func(t *testing.T) {
			testbed.OnALaptop(t)
			local := testkit.NewCloud()
			environment(t, local)
			t.Setenv("AZURE_AUTHORITY_HOST", " https://login.windows.net/ \n")
			cred, err := azoidc.NewDefaultCredential(&azoidc.DefaultCredentialOptions{CredentialOptions: azoidc.CredentialOptions{
				ClientOptions: azcore.ClientOptions{Transport: local}}})
			require.NoError(t, err)
			t.Setenv("AZURE_AUTHORITY_HOST", "https://evil.example/")
			testkit.Get(t, cred, testkit.VaultScope)
			for _, request := range local.Requests(azoidctest.EntraToken) {
				require.Contains(t, request.URL, "https://login.windows.net/")
			}
		})
	}
}
