package tokencache_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestFailedRefreshNeverCostsAToken lets every refresh fail until the token's very end.
func TestFailedRefreshNeverCostsAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))

		time.Sleep(time.Until(first.RefreshOn))
		require.NoError(t, cache.Tokens()[0].LastError)
		for time.Until(first.ExpiresOn) > 0 {
			require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
			time.Sleep(time.Second)
			synctest.Wait()
			require.ErrorIs(t, cache.Tokens()[0].LastError, testkit.ErrOutage)
		}
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, testkit.ErrOutage)

		cred.SetAnswer(nil)
		require.NotEqual(t, first, testkit.Get(t, cache, testkit.VaultScope), "the first success ends it")
		require.NoError(t, cache.Tokens()[0].LastError)
	})
}

func TestTokenIsServedUntilItsLastNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		time.Sleep(time.Until(first.ExpiresOn) - 1)
		require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
		time.Sleep(time.Nanosecond)
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, testkit.ErrOutage)
	})
}

// refreshes asks once a second from RefreshOn on and returns when refreshes were tried, after RefreshOn.
func refreshes(t *testing.T, cred *testkit.FakeCredential, cache *azoidc.TokenCache, refreshOn time.Time, for_ time.Duration) []time.Duration {
	t.Helper()
	time.Sleep(time.Until(refreshOn))
	var tries []time.Duration
	for known := cred.Count(); time.Since(refreshOn) < for_; time.Sleep(time.Second) {
		testkit.Get(t, cache, testkit.VaultScope)
		synctest.Wait()
		if n := cred.Count(); n > known {
			known = n
			tries = append(tries, time.Since(refreshOn))
		}
	}
	return tries
}

func TestFailedRefreshesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: 30 * time.Minute})
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		require.Equal(t, []time.Duration{
			0, 30 * time.Second, 90 * time.Second, 210 * time.Second, 450 * time.Second, 750 * time.Second, 1050 * time.Second,
		}, refreshes(t, cred, cache, first.RefreshOn, 20*time.Minute), "30 s, doubling to 5 min")
	})
}

func TestRetryAfterPutsTheNextRefreshOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: 30 * time.Minute})
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.Answer = testkit.Fails(&azidentity.AuthenticationFailedError{RawResponse: &http.Response{
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
		cred := &testkit.FakeCredential{Life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: 30 * time.Minute})
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		require.Len(t, refreshes(t, cred, cache, first.RefreshOn, 2*time.Minute), 3)
		cred.SetAnswer(nil)
		refreshes(t, cred, cache, first.RefreshOn, 4*time.Minute)
		second := testkit.Get(t, cache, testkit.VaultScope)
		require.NotEqual(t, first, second)

		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		require.Equal(t, []time.Duration{0, 30 * time.Second}, refreshes(t, cred, cache, second.RefreshOn, time.Minute),
			"the back-off starts anew")
	})
}

// TestCredentialWithACacheOfItsOwn wraps one that hands out the same token until five minutes before its end, as Azure
// CLI's and MSAL's persistent cache do. Each question may start a process.
func TestCredentialWithACacheOfItsOwn(t *testing.T) {
	testbed.NotShort(t, "asks each second for six hours")
	synctest.Test(t, func(t *testing.T) {
		inner := &testkit.FakeCredential{Life: time.Hour}
		keeping := &keepingCredential{cred: inner}
		cache := azoidc.NewTokenCache(keeping, nil)
		for start := time.Now(); time.Since(start) < 6*time.Hour; time.Sleep(time.Second) {
			require.Greater(t, time.Until(testkit.Get(t, cache, testkit.VaultScope).ExpiresOn), 30*time.Second)
			synctest.Wait()
		}
		require.Equal(t, 7, inner.Count())
		require.Equal(t, 13, keeping.asked, "at RefreshOn for nothing, then five minutes before the end")
	})
}

// TestCredentialThatKeepsATokenToItsEnd isn't asked by each caller for what it can't have in the last half minute.
func TestCredentialThatKeepsATokenToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &testkit.FakeCredential{Life: time.Hour}
		var kept azcore.AccessToken
		asked := 0
		cache := azoidc.NewTokenCache(credentialFunc(func(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
			asked++
			var err error
			if time.Until(kept.ExpiresOn) <= 0 {
				kept, err = inner.GetToken(ctx, request)
			}
			return kept, err
		}), nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		time.Sleep(time.Until(first.ExpiresOn) - 30*time.Second)
		before := asked
		for time.Until(first.ExpiresOn) > 0 {
			require.Equal(t, first.Token, testkit.Get(t, cache, testkit.VaultScope).Token)
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, asked-before, 2)
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token)
	})
}

// TestATokenThatLastsNoLongerReplacesNone: that of another of a credential's caches, say.
func TestATokenThatLastsNoLongerReplacesNone(t *testing.T) {
	for name, less := range map[string]time.Duration{"less": time.Minute, "as long": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := &testkit.FakeCredential{Life: time.Hour}
				cache := azoidc.NewTokenCache(cred, nil)
				first := testkit.Get(t, cache, testkit.VaultScope)
				cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
				time.Sleep(time.Until(first.RefreshOn))
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				require.ErrorIs(t, cache.Tokens()[0].LastError, testkit.ErrOutage)
				time.Sleep(30 * time.Second)
				cred.SetAnswer(nil)
				cred.Life = time.Until(first.ExpiresOn) - less
				for time.Until(first.ExpiresOn) > 5*time.Minute {
					require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
					synctest.Wait()
					require.Equal(t, 3, cred.Count(), "asked again too early")
					require.NoError(t, cache.Tokens()[0].LastError)
					time.Sleep(time.Second)
				}
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				require.Equal(t, "token 4", testkit.Get(t, cache, testkit.VaultScope).Token)
			})
		})
	}
}

// A keepingCredential keeps its token until five minutes before its end.
type keepingCredential struct {
	cred  azcore.TokenCredential
	kept  azcore.AccessToken
	asked int
}

func (k *keepingCredential) GetToken(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
	k.asked++
	if time.Until(k.kept.ExpiresOn) > 5*time.Minute {
		return k.kept, nil
	}
	token, err := k.cred.GetToken(ctx, request)
	k.kept = token
	return token, err
}
