package azoidc_test

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
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		end := keepFresh(t, cache)
		get(t, cache, vaultScope)
		get(t, cache, graphScope)
		cred.answers(takes(10 * time.Second))
		for range 6 * 60 {
			time.Sleep(time.Minute)
			for _, status := range cache.Tokens() {
				require.Greater(t, time.Until(status.ExpiresOn), 14*time.Minute)
			}
		}
		require.InDelta(t, 18, cred.count(), 2, "two scopes, each 44 minutes or so")
		require.ErrorIs(t, end(), context.Canceled)
	})
}

func TestKeepFreshOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		get(t, cache, vaultScope)
		end := keepFresh(t, cache)
		defer end()
		cred.answers(fails(errOutage))
		time.Sleep(3 * time.Hour)
		require.ErrorIs(t, cache.Tokens()[0].LastError, errOutage)
		require.Less(t, cred.count(), 40, "it backs off")
		cred.answers(nil)
		time.Sleep(5*time.Minute + time.Second)
		start := time.Now()
		require.Greater(t, time.Until(get(t, cache, vaultScope).ExpiresOn), 54*time.Minute)
		require.Zero(t, time.Since(start))
	})
}

// TestKeepFreshTriesAgainWhenCallersWouldWait, however long a service asked to be left alone.
func TestKeepFreshTriesAgainWhenCallersWouldWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := get(t, cache, vaultScope)
		defer keepFresh(t, cache)()
		cred.answers(fails(&azidentity.AuthenticationFailedError{RawResponse: &http.Response{
			StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"86400"}},
		}}))
		time.Sleep(time.Until(first.ExpiresOn) - 31*time.Second)
		synctest.Wait()
		require.Equal(t, 2, cred.count())
		cred.answers(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, "token 3", get(t, cache, vaultScope).Token)
	})
}

func TestKeepFreshLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := get(t, cache, vaultScope)
		cred.answers(func(ctx context.Context, _ tokenRequest) error {
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
		cred.answers(nil)
		require.Equal(t, first, get(t, cache, vaultScope))
		synctest.Wait()
		require.Equal(t, "token 3", get(t, cache, vaultScope).Token)
	})
}

func TestKeepFreshEndsNoFlightThatSomebodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := get(t, cache, vaultScope)
		cred.answers(fails(errOutage))
		time.Sleep(time.Until(first.ExpiresOn))
		cred.answers(takes(30 * time.Second))
		end := keepFresh(t, cache)
		synctest.Wait()
		go func() {
			time.Sleep(10 * time.Second)
			_ = end()
		}()
		require.NotEqual(t, first, get(t, cache, vaultScope))
		require.Equal(t, 2, cred.count())
	})
}

func TestKeepFreshRunsTwiceWithoutHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		one, two := keepFresh(t, cache), keepFresh(t, cache)
		get(t, cache, vaultScope)
		time.Sleep(50 * time.Minute)
		require.Equal(t, 2, cred.count())
		require.True(t, errors.Is(one(), context.Canceled) && errors.Is(two(), context.Canceled))
	})
}
