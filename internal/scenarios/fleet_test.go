package scenarios_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestFleetRenewsThroughAThrottlingTenant has 80 jobs, all begun at the same moment with tokens of the same lifetime,
// renew while Entra answers 429 beyond 8 requests a minute. What counts is the ratio, ten minutes' worth of requests that
// are due in the same minutes: 1,000 jobs at 100 a minute, with -exhaustive, end the same.
func TestFleetRenewsThroughAThrottlingTenant(t *testing.T) {
	testbed.NotShort(t, "simulates a fleet")
	t.Parallel()
	rate, part := 8, 3 // a minute; few come unevenly by chance: of 400 fleets of 80, the worst had 18 in a second
	if *exhaustive {
		rate, part = 100, 7
	}
	jobs := 10 * rate
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		ctx, end := context.WithCancel(t.Context())
		var fleet sync.WaitGroup
		var failed atomic.Int64
		for range jobs {
			cred := testkit.NewGitHub(t, cloud)
			require.NoError(t, cred.Preload(ctx, testkit.VaultScope))
			fleet.Go(func() { _ = cred.KeepFresh(ctx) })
			fleet.Go(func() {
				for range 90 {
					asked := time.Now()
					token, err := cred.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
					if err != nil || time.Until(token.ExpiresOn) <= 0 || time.Since(asked) > 0 {
						failed.Add(1)
					}
					time.Sleep(time.Minute)
				}
			})
		}
		begun := time.Now()
		cloud.Reset()
		cloud.Fail(azoidctest.EntraToken, azoidctest.Throttle(rate, time.Minute))
		time.Sleep(100 * time.Minute)
		end()
		fleet.Wait()

		require.Zero(t, failed.Load(), "errors, ended tokens or waits")
		perSecond := map[int]int{}
		var granted, throttled, most int
		for _, request := range cloud.Requests(azoidctest.EntraToken) {
			if request.Status == 200 {
				granted++
			} else {
				throttled++
			}
			second := int(request.Time.Sub(begun) / time.Second)
			perSecond[second]++
			most = max(most, perSecond[second])
		}
		t.Logf("%d renewals, %d times throttled, at most %d requests in a second", granted, throttled, most)
		assert.GreaterOrEqual(t, granted, jobs)
		assert.Less(t, most, jobs/part, "the fleet came back in step")
	})
}
