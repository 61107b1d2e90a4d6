package scenarios_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// outages are what happens for five minutes of each half hour, one after the other.
var outages = []azoidctest.Fault{
	azoidctest.Status(http.StatusInternalServerError, nil, "oops"),
	azoidctest.Status(http.StatusServiceUnavailable, http.Header{"Retry-After": {"20"}}, ""),
	azoidctest.Status(http.StatusTooManyRequests, nil, `{"error":"too many"}`),
	azoidctest.Drop(),
	azoidctest.Empty(),
	azoidctest.Status(http.StatusNonAuthoritativeInfo, http.Header{"Content-Type": {"text/html"}}, "<html>Sign in</html>"),
	azoidctest.Hang(),
}

// A job's record.
type experience struct {
	errors int
	worst  time.Duration // of any wait after the first minute
}

// liveThrough is six hours of a job that asks for each of three scopes once a minute, while one leg has its outages.
func liveThrough(t *testing.T, cloud *azoidctest.Cloud, leg azoidctest.Leg, cred azcore.TokenCredential) experience {
	t.Helper()
	var had experience
	start := time.Now()
	for minute := range 6 * 60 {
		time.Sleep(time.Until(start.Add(time.Duration(minute) * time.Minute)))
		switch half := minute / 30; minute % 30 {
		case 25:
			cloud.Fail(leg, outages[half%len(outages)])
		case 0:
			cloud.Mend(leg)
		}
		for _, scope := range []string{testkit.ManagementScope, testkit.VaultScope, testkit.StorageScope} {
			asked := time.Now()
			token, err := cred.GetToken(t.Context(), testkit.ForScope(scope))
			if err != nil {
				had.errors++
			} else {
				require.Positive(t, time.Until(token.ExpiresOn))
			}
			if minute > 0 {
				had.worst = max(had.worst, time.Since(asked))
			}
		}
	}
	cloud.Mend(leg)
	time.Sleep(10 * time.Minute) // until what hung has given up
	return had
}

// TestSixHourJobWithOutages has no error and no wait, whichever leg is out, for both credentials.
func TestSixHourJobWithOutages(t *testing.T) {
	testbed.NotShort(t, "simulates six hours")
	for name, test := range map[string]struct {
		leg  azoidctest.Leg
		cred func(testing.TB, *azoidctest.Cloud) azcore.TokenCredential
	}{
		"GitHub Actions, assertions":  {azoidctest.GitHubOIDC, func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewGitHub(t, c) }},
		"GitHub Actions, exchanges":   {azoidctest.EntraToken, func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewGitHub(t, c) }},
		"Azure Pipelines, assertions": {azoidctest.AzureDevOpsOIDC, func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewPipelines(t, c) }},
		"Azure Pipelines, exchanges":  {azoidctest.EntraToken, func(t testing.TB, c *azoidctest.Cloud) azcore.TokenCredential { return testkit.NewPipelines(t, c) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
				had := liveThrough(t, cloud, test.leg, test.cred(t, cloud))
				t.Logf("%d errors, worst wait %s, %d exchanges", had.errors, had.worst, cloud.Count(azoidctest.EntraToken))
				require.Zero(t, had.errors)
				require.Zero(t, had.worst)
			})
		})
	}
}

// TestSixHourJobWithOutagesOnAzidentity is the comparison: the same six hours with azidentity's own credential.
func TestSixHourJobWithOutagesOnAzidentity(t *testing.T) {
	testbed.NotShort(t, "is a comparison")
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		had := liveThrough(t, cloud, azoidctest.EntraToken, testkit.NewAzidentity(t, cloud))
		t.Logf("azidentity: %d errors, worst wait %s", had.errors, had.worst)
		require.Positive(t, had.errors)
		require.Positive(t, had.worst)
	})
}
