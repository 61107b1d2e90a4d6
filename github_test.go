package azoidc_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestGitHubRequest(t *testing.T) {
	local := testkit.NewCloud()
	job := local.GitHubJob(nil)
	source := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: local.ClientOptions(),
		RequestURL:    job.RequestURL,
		RequestToken:  job.RequestToken,
		Audience:      "api://a&b=c/ü?",
	})
	_, err := source(t.Context())
	require.NoError(t, err)

	request := local.Requests(azoidctest.GitHubOIDC)[0]
	require.Equal(t, http.MethodGet, request.Method)
	require.Equal(t, "api://a&b=c/ü?", request.Form.Get("audience"))
	require.Equal(t, "2.0", request.Form.Get("api-version"), "the URL's own query is kept")
	require.Equal(t, "Bearer "+job.RequestToken, request.Header.Get("Authorization"))
	require.Equal(t, "application/json", request.Header.Get("Accept"))
}

func TestGitHubEnvironmentIsReadAnewAtEveryRequest(t *testing.T) {
	testbed.OutsideCI(t)
	local := testkit.NewCloud()
	testbed.SetEnv(t, local.GitHubJob(nil).Env())
	cred, err := azoidc.NewGitHubActionsCredential("", "", &azoidc.GitHubActionsCredentialOptions{CredentialOptions: testkit.CredentialOptions(local)})
	require.NoError(t, err)
	testkit.Get(t, cred, testkit.VaultScope)

	second := local.GitHubJob(&azoidctest.GitHubJobOptions{Environment: "production"})
	testbed.SetEnv(t, second.Env())
	testkit.Get(t, cred, testkit.GraphScope)
	requests := local.Requests(azoidctest.EntraToken)
	require.Equal(t, second.Subject, requests[1].Assertion.Subject)
	require.NotEqual(t, second.Subject, requests[0].Assertion.Subject)
}

func TestOutsideGitHubActionsTheCredentialIsUnavailable(t *testing.T) {
	for missing, env := range map[string]map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL":   {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": testkit.AClientID},
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": testkit.AClientID, "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example"},
		"AZURE_CLIENT_ID":                {"AZURE_TENANT_ID": "t", "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"},
		"AZURE_TENANT_ID":                {"AZURE_CLIENT_ID": testkit.AClientID, "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"},
	} {
		t.Run(missing, func(t *testing.T) {
			testbed.OutsideCI(t)
			testbed.SetEnv(t, env)
			cred, err := azoidc.NewGitHubActionsCredential("", "", nil)
			require.NoError(t, err, "only GetToken reports what is missing")
			_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.ErrorContains(t, err, missing)
			if strings.HasPrefix(missing, "ACTIONS") {
				require.ErrorContains(t, err, "permissions: id-token: write")
			}
			testkit.RequireChainGoesOn(t, cred)
		})
	}
}

func TestARefusalInGitHubActionsStopsAChain(t *testing.T) {
	local := testkit.NewCloud()
	cred := testkit.NewGitHub(t, local)
	local.Fail(azoidctest.GitHubOIDC, azoidctest.Status(http.StatusForbidden, nil, `{"message":"not you"}`))
	next := &testkit.FakeCredential{Life: 1 << 40}
	chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{cred, next}, nil)
	require.NoError(t, err)
	_, err = chain.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "not you")
	require.Zero(t, next.Count())
}

func TestAudienceByCloud(t *testing.T) {
	for _, test := range []struct {
		name, host, environment, option, want string
	}{
		{"public", cloud.AzurePublic.ActiveDirectoryAuthorityHost, "", "", "api://AzureADTokenExchange"},
		{"US Government", cloud.AzureGovernment.ActiveDirectoryAuthorityHost, "", "", "api://AzureADTokenExchangeUSGov"},
		{"China", "https://login.partner.microsoftonline.cn/", "", "", "api://AzureADTokenExchangeChina"},
		{"China, older", cloud.AzureChina.ActiveDirectoryAuthorityHost, "", "", "api://AzureADTokenExchangeChina"},
		{"by the environment", "", "https://login.microsoftonline.us", "", "api://AzureADTokenExchangeUSGov"},
		{"by the option", "https://login.microsoftonline.us", "", "api://mine", "api://mine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("AZURE_AUTHORITY_HOST", test.environment)
			local := testkit.NewCloud()
			cred := testkit.NewGitHub(t, local, func(o *azoidc.GitHubActionsCredentialOptions) {
				o.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: test.host}
				o.Audience = test.option
				o.ReplicationTimeout = -1
			})
			_, _ = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.Equal(t, test.want, local.Requests(azoidctest.GitHubOIDC)[0].Form.Get("audience"))
		})
	}
}

// TestAnAudienceThatCannotBeRight is the error of each request for an assertion, where no constructor can return it.
func TestAnAudienceThatCannotBeRight(t *testing.T) {
	_, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{Audience: "${{ vars.AUDIENCE }}"})(t.Context())
	require.ErrorContains(t, err, "Audience")
}

// TestOnlyASuccessHoldsAToken: what a refusal has for a value is none.
func TestOnlyASuccessHoldsAToken(t *testing.T) {
	for _, status := range []int{201, 203, 300, 400, 401, 403, 500} {
		synctest.Test(t, func(t *testing.T) {
			cloud := testkit.NewCloud()
			cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(status, nil, `{"value":"`+testbed.JWT(`{"sub":"s"}`)+`"}`))
			_, err := testkit.NewGitHub(t, cloud).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			var unusable *azoidc.AssertionError
			require.ErrorAs(t, err, &unusable, status)
			require.Equal(t, status, unusable.StatusCode)
			require.Equal(t, status < 300, strings.Contains(err.Error(), "without a token"), err)
			require.Equal(t, status == 300, strings.Contains(err.Error(), "never redirected"), err)
			require.Zero(t, cloud.Count(azoidctest.EntraToken))
		})
	}
}
