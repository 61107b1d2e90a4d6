package azoidc_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
)

var errOutage = errors.New("outage")

// TestFailedRefreshNeverCostsAToken lets every refresh fail until the token's very end.
func TestFailedRefreshNeverCostsAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := get(t, cache, vaultScope)
		cred.answers(fails(errOutage))

		time.Sleep(time.Until(first.RefreshOn))
		require.NoError(t, cache.Tokens()[0].LastError)
		for time.Until(first.ExpiresOn) > 0 {
			require.Equal(t, first, get(t, cache, vaultScope))
			time.Sleep(time.Second)
			synctest.Wait()
			require.ErrorIs(t, cache.Tokens()[0].LastError, errOutage)
		}
		_, err := cache.GetToken(t.Context(), forScope(vaultScope))
		require.ErrorIs(t, err, errOutage)

		cred.answers(nil)
		require.NotEqual(t, first, get(t, cache, vaultScope), "the first success ends it")
		require.NoError(t, cache.Tokens()[0].LastError)
	})
}

func TestTokenIsServedUntilItsLastNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := get(t, cache, vaultScope)
		cred.answers(fails(errOutage))
		time.Sleep(time.Until(first.ExpiresOn) - 1)
		require.Equal(t, first, get(t, cache, vaultScope))
		time.Sleep(time.Nanosecond)
		_, err := cache.GetToken(t.Context(), forScope(vaultScope))
		require.ErrorIs(t, err, errOutage)
	})
}

// refreshes asks once a second from RefreshOn on and returns when refreshes were tried, after RefreshOn.
func refreshes(t *testing.T, cred *fakeCredential, cache *azoidc.TokenCache, refreshOn time.Time, for_ time.Duration) []time.Duration {
	t.Helper()
	time.Sleep(time.Until(refreshOn))
	var tries []time.Duration
	for known := cred.count(); time.Since(refreshOn) < for_; time.Sleep(time.Second) {
		get(t, cache, vaultScope)
		synctest.Wait()
		if n := cred.count(); n > known {
			known = n
			tries = append(tries, time.Since(refreshOn))
		}
	}
	return tries
}

func TestFailedRefreshesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: 30 * time.Minute})
		first := get(t, cache, vaultScope)
		cred.answers(fails(errOutage))
		require.Equal(t, []time.Duration{
			0, 30 * time.Second, 90 * time.Second, 210 * time.Second, 450 * time.Second, 750 * time.Second, 1050 * time.Second,
		}, refreshes(t, cred, cache, first.RefreshOn, 20*time.Minute), "30 s, doubling to 5 min")
	})
}

func TestRetryAfterPutsTheNextRefreshOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: 30 * time.Minute})
		first := get(t, cache, vaultScope)
		cred.answer = fails(&azidentity.AuthenticationFailedError{RawResponse: &http.Response{
			StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"400"}},
		}})
		tries := refreshes(t, cred, cache, first.RefreshOn, 15*time.Minute)
		require.GreaterOrEqual(t, len(tries), 2)
		require.Zero(t, tries[0])
		require.GreaterOrEqual(t, tries[1], 400*time.Second)
		require.LessOrEqual(t, tries[1], 501*time.Second, "up to a quarter more, to spread a fleet")
	})
}

func TestBackOffEndsWithTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: 30 * time.Minute})
		first := get(t, cache, vaultScope)
		cred.answers(fails(errOutage))
		require.Len(t, refreshes(t, cred, cache, first.RefreshOn, 2*time.Minute), 3)
		cred.answers(nil)
		refreshes(t, cred, cache, first.RefreshOn, 4*time.Minute)
		second := get(t, cache, vaultScope)
		require.NotEqual(t, first, second)

		cred.answers(fails(errOutage))
		require.Equal(t, []time.Duration{0, 30 * time.Second}, refreshes(t, cred, cache, second.RefreshOn, time.Minute),
			"the back-off starts anew")
	})
}

// TestCredentialWithACacheOfItsOwn wraps one that hands out the same token until five minutes before its end, as Azure
// CLI's and MSAL's persistent cache do. Each question may start a process.
func TestCredentialWithACacheOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &fakeCredential{life: time.Hour}
		keeping := &keepingCredential{cred: inner}
		cache := azoidc.NewTokenCache(keeping, nil)
		for start := time.Now(); time.Since(start) < 6*time.Hour; time.Sleep(time.Second) {
			require.Greater(t, time.Until(get(t, cache, vaultScope).ExpiresOn), 30*time.Second)
			synctest.Wait()
		}
		require.Equal(t, 7, inner.count())
		require.Equal(t, 13, keeping.asked, "at RefreshOn for nothing, then five minutes before the end")
	})
}
