package tokencache_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

func TestFreshTokenIsServedUntilRefreshOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)

		time.Sleep(time.Until(first.RefreshOn) - 1)
		require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
		synctest.Wait()
		require.Equal(t, 1, cred.Count(), "refreshed 1 ns before RefreshOn")

		time.Sleep(time.Nanosecond)
		require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope), "the stale token is served")
		synctest.Wait()
		require.Equal(t, 2, cred.Count(), "not refreshed at RefreshOn")
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token)
	})
}

func TestRefreshOnLiesWithinItsMargins(t *testing.T) {
	for name, test := range map[string]struct {
		life, refreshIn  time.Duration
		options          azoidc.TokenCacheOptions
		earliest, latest time.Duration // after the issue
	}{
		"an hour":              {life: time.Hour, earliest: 60*time.Minute - 16*time.Minute - 30*time.Second, latest: 45 * time.Minute},
		"a day":                {life: 24 * time.Hour, earliest: 24*time.Hour - 16*time.Minute - 30*time.Second, latest: 24*time.Hour - 15*time.Minute},
		"a minute":             {life: time.Minute, earliest: 43500 * time.Millisecond, latest: 45 * time.Second},
		"RefreshBefore":        {life: time.Hour, options: azoidc.TokenCacheOptions{RefreshBefore: 20 * time.Minute}, earliest: 38 * time.Minute, latest: 40 * time.Minute},
		"RefreshBefore > life": {life: time.Hour, options: azoidc.TokenCacheOptions{RefreshBefore: 2 * time.Hour}, earliest: 3 * time.Minute, latest: 3 * time.Minute},
		"RefreshBefore tiny":   {life: time.Hour, options: azoidc.TokenCacheOptions{RefreshBefore: time.Second}, earliest: 59*time.Minute + 30*time.Second, latest: 59*time.Minute + 30*time.Second},
		"refresh_in":           {life: time.Hour, refreshIn: 30 * time.Minute, earliest: 27 * time.Minute, latest: 30 * time.Minute},
		"refresh_in wins":      {life: time.Hour, refreshIn: 30 * time.Minute, options: azoidc.TokenCacheOptions{RefreshBefore: time.Minute}, earliest: 27 * time.Minute, latest: 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: test.life, RefreshIn: test.refreshIn}, &test.options)
				seen := map[time.Duration]bool{}
				for i := range 50 {
					issued := time.Now()
					after := testkit.Get(t, cache, testkit.ScopeNumber(i)).RefreshOn.Sub(issued)
					require.GreaterOrEqual(t, after, test.earliest)
					require.LessOrEqual(t, after, test.latest)
					seen[after] = true
				}
				if test.earliest != test.latest {
					require.Greater(t, len(seen), 40, "scopes would refresh in step")
				}
			})
		})
	}
}

// TestWithoutChance the refresh is when it is said to be.
func TestWithoutChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cache tokencache.Cache
		cache.Init(&testkit.FakeCredential{Life: time.Hour}, tokencache.Options{Spread: func(d time.Duration, _, _ float64) time.Duration { return d }})
		require.Equal(t, time.Now().Add(45*time.Minute).UTC(), testkit.Get(t, &cache, testkit.VaultScope).RefreshOn)
	})
}

func TestExpiryMargin(t *testing.T) {
	for name, test := range map[string]struct{ life, margin time.Duration }{
		"an hour":     {time.Hour, 30 * time.Second},
		"ten seconds": {10 * time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := &testkit.FakeCredential{Life: test.life}
				cache := azoidc.NewTokenCache(cred, nil)
				first := testkit.Get(t, cache, testkit.VaultScope)
				cred.SetAnswer(testkit.Takes(time.Second / 2))

				time.Sleep(time.Until(first.ExpiresOn) - test.margin - 1)
				start := time.Now()
				require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
				require.Zero(t, time.Since(start), "waited 1 ns before the margin")

				cache.InvalidateAll()
				synctest.Wait()
				second := testkit.Get(t, cache, testkit.VaultScope)
				time.Sleep(time.Until(second.ExpiresOn) - test.margin)
				start = time.Now()
				require.NotEqual(t, second, testkit.Get(t, cache, testkit.VaultScope))
				require.Equal(t, time.Second/2, time.Since(start), "didn't wait at the margin")
			})
		})
	}
}

func TestRefreshLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Takes(20 * time.Second))
		for start := time.Now(); time.Since(start) < 6*time.Hour; time.Sleep(time.Minute) {
			asked := time.Now()
			token := testkit.Get(t, cache, testkit.VaultScope)
			require.Zero(t, time.Since(asked))
			require.Greater(t, time.Until(token.ExpiresOn), 30*time.Second)
		}
		require.InDelta(t, 8, cred.Count(), 1, "one acquisition for each 45 minutes or so")
	})
}

func TestTokenWithoutUseIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := azoidc.NewTokenCache(&testkit.FakeCredential{Life: -time.Minute}, nil).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "expired at")
		require.ErrorContains(t, err, "1m0s ago; check this machine's clock")

		_, err = azoidc.NewTokenCache(nil, nil).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "no credential")
	})
}

// TestWhatIsWrongWithATokenIsSaid, without the token.
func TestWhatIsWrongWithATokenIsSaid(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for want, token := range map[string]azcore.AccessToken{
		`returned an empty token for ["` + testkit.VaultScope + `"]`: {ExpiresOn: later},
		"with characters that no token has":                          {Token: "secret\n", ExpiresOn: later},
		"that doesn't say when it expires: its ExpiresOn is 0001-01": {Token: "secret"},
		"that doesn't say when it expires: its ExpiresOn is 1970-01": {Token: "secret", ExpiresOn: time.Unix(0, 0)},
		"that expired at 1970-01-01T00:00:01Z, ":                     {Token: "secret", ExpiresOn: time.Unix(1, 0)},
	} {
		cache := azoidc.NewTokenCache(credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) { return token, nil }), nil)
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestATokenMayLastForever, or until the last second that can be counted in nanoseconds.
func TestATokenMayLastForever(t *testing.T) {
	for _, end := range []time.Time{time.Unix(math.MaxInt64/int64(time.Second), 999_999_999), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Unix(math.MaxInt64/2, 0)} {
		cache := azoidc.NewTokenCache(credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
			return azcore.AccessToken{Token: "token", ExpiresOn: end}, nil
		}), nil)
		require.Equal(t, end, testkit.Get(t, cache, testkit.VaultScope).ExpiresOn)
	}
}

func TestATokenMayHaveAnyPrintedCharacter(t *testing.T) {
	const token = " !09AZaz~"
	cache := azoidc.NewTokenCache(credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, nil
	}), nil)
	require.Equal(t, token, testkit.Get(t, cache, testkit.VaultScope).Token)
}

func TestAHitAllocatesNothing(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := testkit.NewGitHub(t, cloud)
	request := testkit.ForScope(testkit.VaultScope)
	testkit.Get(t, cred, testkit.VaultScope)
	named := request
	named.TenantID = cloud.TenantID()
	for _, request := range []policy.TokenRequestOptions{request, named} {
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if _, err := cred.GetToken(t.Context(), request); err != nil {
				t.Error(err)
			}
		}))
	}
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}
