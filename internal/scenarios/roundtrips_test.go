package scenarios_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestColdStartTakesTwoRoundTrips counts, in virtual time with 100 ms for each request, how long tokens for 1, 16 and 64
// scopes take from cold; the limit is two requests that depend on each other.
func TestColdStartTakesTwoRoundTrips(t *testing.T) {
	credentials := map[string]func(testing.TB, *azoidctest.Cloud) azcore.TokenCredential{
		"GitHubActions":  func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewGitHub(t, c) },
		"AzurePipelines": func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewPipelines(t, c) },
	}
	for name, make := range credentials {
		for _, scopes := range []int{1, 16, 64} {
			if testing.Short() && scopes > 16 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", name, scopes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := testkit.NewCloud()
					cred := make(t, cloud)
					require.Equal(t, 2*testkit.Hop, timeToGet(t, cloud, cred, scopes))
					require.Zero(t, cloud.Count(azoidctest.EntraInstanceDiscovery))
					require.Equal(t, 1, cloud.Count(azoidctest.EntraOpenIDConfiguration))
					require.Equal(t, scopes, cloud.Count(azoidctest.GitHubOIDC, azoidctest.AzureDevOpsOIDC))
					require.Equal(t, scopes, cloud.Count(azoidctest.EntraToken))
				})
			})
		}
	}
}

// TestAzidentityTakesFourRoundTrips is the comparison: azidentity's own credential, in the same conditions. It asks for
// one scope after another: the mutex that azidentity holds while it waits for Entra makes concurrent callers do the same,
// and keeps virtual time from passing.
func TestAzidentityTakesFourRoundTrips(t *testing.T) {
	testbed.NotShort(t, "is a comparison")
	for scopes, want := range map[int]time.Duration{1: 4 * testkit.Hop, 16: 34 * testkit.Hop} {
		t.Run(fmt.Sprint(scopes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := testkit.NewCloud()
				cloud.SetLatency(testkit.Hop)
				cred := testkit.NewAzidentity(t, cloud)
				start := time.Now()
				for i := range scopes {
					testkit.Get(t, cred, testkit.ScopeNumber(i))
				}
				require.Equal(t, want, logRoundTrips(t, scopes, time.Since(start)))
			})
		})
	}
}

// timeToGet asks for all scopes at once.
func timeToGet(t *testing.T, cloud *azoidctest.Cloud, cred azcore.TokenCredential, scopes int) time.Duration {
	cloud.SetLatency(testkit.Hop)
	start := time.Now()
	var all sync.WaitGroup
	for i := range scopes {
		all.Go(func() {
			_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.ScopeNumber(i)))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	return logRoundTrips(t, scopes, time.Since(start))
}

func logRoundTrips(t *testing.T, scopes int, took time.Duration) time.Duration {
	t.Logf("%d scopes from cold: %s, %g round trips", scopes, took, float64(took)/float64(testkit.Hop))
	return took
}
