package scenarios_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// asked counts how often a client asks for a token.
type asked struct {
	azcore.TokenCredential
	times int
}

func (a *asked) GetToken(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
	a.times++
	return a.TokenCredential.GetToken(ctx, request)
}

// TestClientsDoNotRepeatWhatTheCredentialHasRepeated: azcore's retry policy would ask three times more, each time with
// all of the credential's own attempts.
func TestClientsDoNotRepeatWhatTheCredentialHasRepeated(t *testing.T) {
	testbed.OnALaptop(t)
	for name, test := range map[string]struct {
		leg   azoidctest.Leg
		fault azoidctest.Fault
		cred  func(*testing.T, *azoidctest.Cloud) azcore.TokenCredential
	}{
		"AssertionError": {azoidctest.GitHubOIDC, azoidctest.Status(500, nil, ""),
			func(t *testing.T, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewGitHub(t, c) }},
		"ExchangeError": {azoidctest.EntraToken, azoidctest.Drop(),
			func(t *testing.T, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewGitHub(t, c) }},
		"the time ran out": {azoidctest.EntraToken, azoidctest.Hang(),
			func(t *testing.T, c *azoidctest.Cloud) azcore.TokenCredential {
				return testkit.NewGitHub(t, c, func(o *azoidc.GitHubActionsCredentialOptions) { o.TokenCache.AcquireTimeout = 40 * time.Second })
			}},
		"the chain": {azoidctest.EntraToken, azoidctest.EntraRefusal(700016),
			func(t *testing.T, c *azoidctest.Cloud) azcore.TokenCredential {
				testkit.InKubernetes(t, c)
				return testkit.NewDefault(t, c)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cred := &asked{TokenCredential: test.cred(t, cloud)}
				cloud.Fail(test.leg, test.fault)
				options := cloud.ClientOptions()
				client := runtime.NewPipeline("client", "v1.0.0", runtime.PipelineOptions{
					PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(cred, []string{testkit.VaultScope}, nil)},
				}, &options)
				request, err := runtime.NewRequest(t.Context(), http.MethodGet, cloud.Service("https://vault.azure.net").URL)
				require.NoError(t, err)
				_, err = client.Do(request)
				require.Error(t, err)
				require.Equal(t, 1, cred.times)
			})
		})
	}
}

// TestAddressesThatASecretMustNotGoTo are refused before anything is sent.
func TestAddressesThatASecretMustNotGoTo(t *testing.T) {
	for address, want := range map[string]string{
		"http://oidc.example/token": "use an https address; plain http is for loopback only",
		"https://oidc example/\x7f": "is no URL",
	} {
		cloud := testkit.NewCloud()
		github := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.RequestURL = address })
		pipelines := testkit.NewPipelines(t, cloud, func(o *azoidc.AzurePipelinesCredentialOptions) { o.RequestURI = address })
		for _, cred := range []azcore.TokenCredential{github, pipelines} {
			_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "SECRET")
			require.Zero(t, cloud.Count(azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC, azoidctest.EntraToken))
		}
	}
}

// TestATransportThatFollowsRedirects on its own is found out by the answer.
func TestATransportThatFollowsRedirects(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
		o.Transport = testbed.TransportFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := cloud.Do(r)
			if err == nil && r.Method == http.MethodPost {
				followed := *r
				followed.Response = &http.Response{Request: r}
				resp.Request = &followed
			}
			return resp, err
		})
	})
	_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "the transport followed a redirect")
	require.ErrorContains(t, err, "let the Transport hand redirects back")
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

func TestALongRefusalIsShortened(t *testing.T) {
	refused := testkit.RefusedWith(t, testkit.NewCloud(), azoidctest.Status(400, nil, strings.Repeat("no ", 10_000)))
	require.Less(t, len(refused.Error()), 3000)
	require.ErrorContains(t, refused, "no …\n")
}

// TestACredentialThatKeepsItsTokenToTheEnd isn't asked again and again in the token's last seconds.
func TestACredentialThatKeepsItsTokenToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issued := azcore.AccessToken{Token: "the only one", ExpiresOn: time.Now().Add(time.Hour)}
		keeper := &asked{TokenCredential: fixed{issued}}
		cache := azoidc.NewTokenCache(keeper, nil)
		for time.Until(issued.ExpiresOn) > 0 {
			require.Equal(t, "the only one", testkit.Get(t, cache, testkit.VaultScope).Token)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		require.Less(t, keeper.times, 15)
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "expired at")
	})
}

// fixed always returns the same token.
type fixed struct{ token azcore.AccessToken }

func (f fixed) GetToken(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
	return f.token, nil
}
