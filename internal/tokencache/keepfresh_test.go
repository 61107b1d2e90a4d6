package tokencache_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
)

// keepFresh runs KeepFresh until end is called, which waits for it and returns its error.
func keepFresh(t *testing.T, cache *azoidc.TokenCache) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- cache.KeepFresh(ctx) }()
	return func() error {
		cancel()
		return <-result
	}
}

func TestKeepFreshServesAnIdleProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		end := keepFresh(t, cache)
		testkit.Get(t, cache, testkit.VaultScope)
		testkit.Get(t, cache, testkit.GraphScope)
		cred.SetAnswer(testkit.Takes(10 * time.Second))
		for range 6 * 60 {
			time.Sleep(time.Minute)
			for _, status := range cache.Tokens() {
				require.Greater(t, time.Until(status.ExpiresOn), 14*time.Minute)
			}
		}
		require.InDelta(t, 18, cred.Count(), 2, "two scopes, each 44 minutes or so")
		require.ErrorIs(t, end(), context.Canceled)
	})
}

func TestKeepFreshOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		testkit.Get(t, cache, testkit.VaultScope)
		end := keepFresh(t, cache)
		defer end()
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		time.Sleep(3 * time.Hour)
		require.ErrorIs(t, cache.Tokens()[0].LastError, testkit.ErrOutage)
		require.Less(t, cred.Count(), 40, "it backs off")
		cred.SetAnswer(nil)
		time.Sleep(5*time.Minute + time.Second)
		start := time.Now()
		require.Greater(t, time.Until(testkit.Get(t, cache, testkit.VaultScope).ExpiresOn), 54*time.Minute)
		require.Zero(t, time.Since(start))
	})
}

// TestKeepFreshTriesAgainWhenCallersWouldWait, however long a service asked to be left alone.
func TestKeepFreshTriesAgainWhenCallersWouldWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		defer keepFresh(t, cache)()
		cred.SetAnswer(testkit.Fails(&azidentity.AuthenticationFailedError{RawResponse: &http.Response{
			StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"86400"}},
		}}))
		time.Sleep(time.Until(first.ExpiresOn) - 31*time.Second)
		synctest.Wait()
		require.Equal(t, 2, cred.Count())
		cred.SetAnswer(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, "token 3", testkit.Get(t, cache, testkit.VaultScope).Token)
	})
}

func TestKeepFreshLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(func(ctx context.Context, _ testkit.TokenRequest) error {
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			return ctx.Err()
		})
		end := keepFresh(t, cache)
		time.Sleep(time.Until(first.RefreshOn) + time.Second)
		require.EqualValues(t, 1, running.Load(), "a refresh hangs")
		start := time.Now()
		require.ErrorIs(t, end(), context.Canceled)
		require.Zero(t, time.Since(start))
		synctest.Wait()
		require.Zero(t, running.Load())
		require.NoError(t, cache.Tokens()[0].LastError, "the end of KeepFresh is no failed refresh")
		cred.SetAnswer(nil)
		require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
		synctest.Wait()
		require.Equal(t, "token 3", testkit.Get(t, cache, testkit.VaultScope).Token)
	})
}

func TestKeepFreshEndsNoFlightThatSomebodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		time.Sleep(time.Until(first.ExpiresOn))
		cred.SetAnswer(testkit.Takes(30 * time.Second))
		end := keepFresh(t, cache)
		synctest.Wait()
		go func() {
			time.Sleep(10 * time.Second)
			_ = end()
		}()
		require.NotEqual(t, first, testkit.Get(t, cache, testkit.VaultScope))
		require.Equal(t, 2, cred.Count())
	})
}

func TestKeepFreshRunsTwiceWithoutHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		one, two := keepFresh(t, cache), keepFresh(t, cache)
		testkit.Get(t, cache, testkit.VaultScope)
		time.Sleep(50 * time.Minute)
		require.Equal(t, 2, cred.Count())
		require.True(t, errors.Is(one(), context.Canceled) && errors.Is(two(), context.Canceled))
	})
}
