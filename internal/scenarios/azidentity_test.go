package scenarios_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// What azidentity 1.15.0 tests of ClientAssertionCredential and AzurePipelinesCredential, which programs that come from there
// rely on. Its tests of the persistent cache have their like in acceptance.

// ofAzidentity are this library's credentials in the place of azidentity's two.
var ofAzidentity = map[string]func(*testing.T, *azoidctest.Cloud, azoidc.CredentialOptions) azcore.TokenCredential{
	"ClientAssertionCredential": func(t *testing.T, c *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
		job := c.GitHubJob(nil)
		cred, err := azoidc.NewAssertionCredential(c.TenantID(), c.ClientID(), azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
			ClientOptions: c.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken}), &azoidc.AssertionCredentialOptions{CredentialOptions: o})
		require.NoError(t, err)
		return cred
	},
	"AzurePipelinesCredential": func(t *testing.T, c *azoidctest.Cloud, o azoidc.CredentialOptions) azcore.TokenCredential {
		return testkit.NewPipelines(t, c, func(options *azoidc.AzurePipelinesCredentialOptions) { options.CredentialOptions = o })
	},
}

// eachOfAzidentity runs a test for both, in a bubble.
func eachOfAzidentity(t *testing.T, run func(*testing.T, *azoidctest.Cloud, func(azoidc.CredentialOptions) azcore.TokenCredential)) {
	for name, make := range ofAzidentity {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AdditionalTenants: []string{tenantA, tenantB}})
				run(t, c, func(o azoidc.CredentialOptions) azcore.TokenCredential { return make(t, c, o) })
			})
		})
	}
}

const (
	tenantA = "aaaaaaaa-2222-3333-4444-555555555555"
	tenantB = "bbbbbbbb-2222-3333-4444-555555555555"
)

// TestAsAzidentityCallsBackWithTheCallersValues is TestClientAssertionCredential: one call, with the caller's context values,
// and the second GetToken makes none.
func TestAsAzidentityCallsBackWithTheCallersValues(t *testing.T) {
	type key struct{}
	c := testkit.NewCloud()
	job := c.GitHubJob(nil)
	source := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{ClientOptions: c.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken})
	calls := 0
	cred, err := azoidc.NewAssertionCredential(c.TenantID(), c.ClientID(), func(ctx context.Context) (string, error) {
		calls++
		require.Equal(t, true, ctx.Value(key{}))
		return source(ctx)
	}, &azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(c)})
	require.NoError(t, err)
	ctx := context.WithValue(t.Context(), key{}, true)
	for range 2 {
		_, err = cred.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
		require.NoError(t, err)
		require.Equal(t, 1, calls)
	}
}

// TestAsAzidentityShowsTheCallbacksError is TestClientAssertionCredentialCallbackError, and more: the error can be found.
func TestAsAzidentityShowsTheCallbacksError(t *testing.T) {
	c := testkit.NewCloud()
	mine := errors.New("it didn't work")
	cred, err := azoidc.NewAssertionCredential(c.TenantID(), c.ClientID(), func(context.Context) (string, error) { return "", mine },
		&azoidc.AssertionCredentialOptions{CredentialOptions: testkit.CredentialOptions(c)})
	require.NoError(t, err)
	_, err = cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "it didn't work")
	require.ErrorIs(t, err, mine)
	var failed *azidentity.AuthenticationFailedError
	require.ErrorAs(t, err, &failed)
}

// TestAsAzidentityAsksThePipelinesEndpoint is TestAzurePipelinesCredential/getAssertion.
func TestAsAzidentityAsksThePipelinesEndpoint(t *testing.T) {
	var asked *http.Request
	source := azoidc.AzurePipelinesAssertion("connection", "token", &azoidc.AzurePipelinesAssertionOptions{
		RequestURI: "https://pipelines.example/", ClientOptions: azcore.ClientOptions{Transport: testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
			asked = r
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"oidcToken":"the.jwt.itself"}`))}, nil
		})}})
	jwt, err := source(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the.jwt.itself", jwt)
	require.Equal(t, http.MethodPost, asked.Method)
	require.Equal(t, "https://pipelines.example/?api-version=7.1&serviceConnectionId=connection", asked.URL.String())
	require.Equal(t, "Suppress", asked.Header.Get("X-TFS-FedAuthRedirect"))
	require.Equal(t, "Bearer token", asked.Header.Get("Authorization"))
}

// TestAsAzidentityTellsTheEndpointsHeaders is TestAzurePipelinesCredential/OIDC_error_headers: in the error and in the log.
func TestAsAzidentityTellsTheEndpointsHeaders(t *testing.T) {
	lines := testkit.Logged.Keep(t)
	c := testkit.NewCloud()
	c.Fail(azoidctest.AzureDevOpsOIDC, azoidctest.Status(401, http.Header{"X-Msedge-Ref": {"foo-edge"}, "X-Vss-E2eid": {"bar-e2e"}}, ""))
	_, err := testkit.NewPipelines(t, c).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	for _, want := range []string{`(?i)x-msedge-ref:?\s+foo-edge`, `(?i)x-vss-e2eid:?\s+bar-e2e`} {
		require.Regexp(t, want, err.Error())
		require.Regexp(t, want, lines())
	}
}

// TestAsAzidentityShowsTheAnswer is TestResponseErrors: once, in a chain, too, and of a transport that says little.
func TestAsAzidentityShowsTheAnswer(t *testing.T) {
	eachOfAzidentity(t, func(t *testing.T, c *azoidctest.Cloud, make func(azoidc.CredentialOptions) azcore.TokenCredential) {
		options := testkit.CredentialOptions(c)
		options.Retry.MaxRetries = -1
		options.Transport = testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/token") {
				return &http.Response{Body: io.NopCloser(bytes.NewBufferString("no tokens here")), Status: http.StatusText(http.StatusTeapot), StatusCode: http.StatusTeapot}, nil
			}
			return c.Do(r)
		})
		cred := make(options)
		chain, err := azidentity.NewChainedTokenCredential([]azcore.TokenCredential{cred}, nil)
		require.NoError(t, err)
		for _, cred := range []azcore.TokenCredential{cred, chain} {
			_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.Error(t, err)
			require.Equal(t, 1, strings.Count(err.Error(), "no tokens here"), "%v", err)
			require.Equal(t, 1, strings.Count(err.Error(), "418"), "%v", err)
			var failed *azidentity.AuthenticationFailedError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, http.StatusTeapot, failed.RawResponse.StatusCode)
			require.Contains(t, failed.Error(), "no tokens here")
		}
	})
}

// TestAsAzidentityResolvesTenants is TestAdditionallyAllowedTenants and TestResolveTenant.
func TestAsAzidentityResolvesTenants(t *testing.T) {
	eachOfAzidentity(t, func(t *testing.T, c *azoidctest.Cloud, make func(azoidc.CredentialOptions) azcore.TokenCredential) {
		for _, test := range []struct {
			allowed []string
			tenant  string
			want    string // "" is an error
		}{
			{nil, "", c.TenantID()}, {[]string{""}, "", c.TenantID()}, {[]string{"*"}, "", c.TenantID()}, {[]string{tenantA}, "", c.TenantID()},
			{nil, c.TenantID(), c.TenantID()}, {nil, strings.ToUpper(c.TenantID()), c.TenantID()},
			{[]string{"*"}, tenantA, tenantA}, {[]string{tenantA, tenantB}, tenantA, tenantA}, {[]string{tenantA, tenantB}, tenantB, tenantB}, {[]string{tenantB, "*"}, tenantA, tenantA},
			{nil, tenantA, ""}, {[]string{""}, tenantA, ""}, {[]string{tenantA}, tenantB, ""}, {[]string{c.TenantID()}, tenantA, ""},
			{[]string{"*"}, "invalid@tenant", ""}, {[]string{"*"}, "invalid/tenant", ""}, {[]string{"*"}, "invalid(tenant", ""}, {[]string{"*"}, "invalid:tenant", ""},
		} {
			c.Reset()
			options := testkit.CredentialOptions(c)
			options.AdditionallyAllowedTenants = test.allowed
			_, err := make(options).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: test.tenant})
			require.Equal(t, test.want == "", err != nil, "%+v: %v", test, err)
			if err == nil {
				require.Contains(t, c.Requests(azoidctest.EntraToken)[0].URL, "/"+test.want+"/")
			} else {
				require.Zero(t, c.Count(azoidctest.EntraToken))
			}
		}
	})
}

// TestAsAzidentitySendsClaims is TestClaims.
func TestAsAzidentitySendsClaims(t *testing.T) {
	eachOfAzidentity(t, func(t *testing.T, c *azoidctest.Cloud, make func(azoidc.CredentialOptions) azcore.TokenCredential) {
		for _, cae := range []bool{true, false} {
			c.Reset()
			cred := make(testkit.CredentialOptions(c))
			const claim = `"access_token":{"nbf":{"essential":true,"value":"1"}}`
			for i, request := range []policy.TokenRequestOptions{
				{EnableCAE: cae, Scopes: []string{testkit.VaultScope}}, {EnableCAE: cae, Scopes: []string{testkit.GraphScope}, Claims: "{" + claim + "}"},
			} {
				_, err := cred.GetToken(t.Context(), request)
				require.NoError(t, err)
				sent := c.Requests(azoidctest.EntraToken)[i].Form.Get("claims")
				require.Equal(t, cae, strings.Contains(sent, "CP1"), sent)
				require.Equal(t, i == 1, strings.Contains(sent, `"nbf":{"essential":true`), sent)
			}
			require.Equal(t, 2, c.Count(azoidctest.EntraToken))
		}
	})
}

// TestAsAzidentityRefreshesWhenEntraSays is TestRefreshOn, but that a refresh comes up to a tenth of the time left earlier.
func TestAsAzidentityRefreshesWhenEntraSays(t *testing.T) {
	eachOfAzidentity(t, func(t *testing.T, c *azoidctest.Cloud, make func(azoidc.CredentialOptions) azcore.TokenCredential) {
		c.SetAccessTokenLifetime(time.Hour)
		c.SetRefreshIn(42 * time.Minute)
		token := testkit.Get(t, make(testkit.CredentialOptions(c)), testkit.VaultScope)
		require.InDelta(t, 42, time.Until(token.RefreshOn).Minutes(), 2)
		require.LessOrEqual(t, time.Until(token.RefreshOn), 42*time.Minute)
	})
}

// TestAsAzidentityNeedsScopes is TestGetTokenRequiresScopes.
func TestAsAzidentityNeedsScopes(t *testing.T) {
	eachOfAzidentity(t, func(t *testing.T, c *azoidctest.Cloud, make func(azoidc.CredentialOptions) azcore.TokenCredential) {
		_, err := make(testkit.CredentialOptions(c)).GetToken(t.Context(), policy.TokenRequestOptions{})
		require.ErrorContains(t, err, "scope")
		require.Zero(t, c.Count())
	})
}

// TestAsAzidentityLogsScopes is TestConfidentialClientLogging: EventAuthentication tells of each acquisition.
func TestAsAzidentityLogsScopes(t *testing.T) {
	lines := testkit.Logged.Keep(t)
	eachOfAzidentity(t, func(t *testing.T, c *azoidctest.Cloud, make func(azoidc.CredentialOptions) azcore.TokenCredential) {
		testkit.Get(t, make(testkit.CredentialOptions(c)), testkit.VaultScope)
		require.Regexp(t, fmt.Sprintf(`%s .*%s`, azidentity.EventAuthentication, testkit.VaultScope), lines())
	})
}

// TestAsAzidentityWantsHTTPS is Test_NonHTTPSAuthorityHost, and a cloud with services must name its authority.
func TestAsAzidentityWantsHTTPS(t *testing.T) {
	for _, configuration := range []cloud.Configuration{
		{ActiveDirectoryAuthorityHost: "http://localhost"}, {ActiveDirectoryAuthorityHost: "login.example"}, {ActiveDirectoryAuthorityHost: "://"},
		{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{"x": {}}},
	} {
		options := azoidc.CredentialOptions{ClientOptions: azcore.ClientOptions{Cloud: configuration}}
		_, err := azoidc.NewAssertionCredential("tenant", testkit.AClientID, azoidc.StaticAssertion("x"), &azoidc.AssertionCredentialOptions{CredentialOptions: options})
		require.Error(t, err, configuration)
		_, err = azoidc.NewAzurePipelinesCredential("tenant", testkit.AClientID, "s", "t", &azoidc.AzurePipelinesCredentialOptions{CredentialOptions: options})
		require.Error(t, err, configuration)
		_, err = azoidc.NewGitHubActionsCredential("tenant", testkit.AClientID, &azoidc.GitHubActionsCredentialOptions{CredentialOptions: options})
		require.Error(t, err, configuration)
		_, err = azoidc.NewOnBehalfOfCredential("tenant", testkit.AClientID, "user", azoidc.StaticAssertion("x"), &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: options})
		require.Error(t, err, configuration)
	}
}
