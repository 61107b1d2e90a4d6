package azoidc_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
)

// callers lets n callers ask at once and returns what they got.
func callers(t *testing.T, n int, cred azcore.TokenCredential, request tokenRequest) (tokens []azcore.AccessToken, errs []error) {
	t.Helper()
	tokens, errs = make([]azcore.AccessToken, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { tokens[i], errs[i] = cred.GetToken(t.Context(), request) })
	}
	all.Wait()
	return tokens, errs
}

func TestAnyNumberOfCallersShareOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: takes(time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		start := time.Now()
		tokens, errs := callers(t, 10_000, cache, forScope(vaultScope))
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, 1, cred.count())
		for i := range tokens {
			require.NoError(t, errs[i])
			require.Equal(t, "token 1", tokens[i].Token)
		}
	})
}

func TestAllCallersShareAFailureAndTheNextStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: func(context.Context, tokenRequest) error {
			time.Sleep(time.Second)
			return errOutage
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		_, errs := callers(t, 20, cache, forScope(vaultScope))
		require.Equal(t, 1, cred.count())
		for _, err := range errs {
			require.ErrorIs(t, err, errOutage)
		}
		cred.answers(nil)
		get(t, cache, vaultScope)
		require.Equal(t, 2, cred.count())
	})
}

func TestTheFirstCallersLeavingHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: takes(10 * time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var all sync.WaitGroup
		all.Go(func() {
			start := time.Now()
			_, err := cache.GetToken(ctx, forScope(vaultScope))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Second, time.Since(start), "a caller leaves when its own context ends")
		})
		synctest.Wait()
		all.Go(func() { assert.Equal(t, "token 1", get(t, cache, vaultScope).Token) })
		all.Wait()
		require.Equal(t, 1, cred.count())
	})
}

func TestAFlightThatEverybodyLeftStillBringsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: takes(10 * time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := cache.GetToken(ctx, forScope(vaultScope))
		require.ErrorIs(t, err, context.Canceled)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Len(t, cache.Tokens(), 1)
	})
}

func TestAFlightHasADeadline(t *testing.T) {
	for name, test := range map[string]struct {
		options *azoidc.TokenCacheOptions
		answer  func(context.Context, tokenRequest) error
		want    time.Duration
	}{
		"by default":                {nil, takes(time.Hour), 2 * time.Minute},
		"as asked":                  {&azoidc.TokenCacheOptions{AcquireTimeout: 10 * time.Second}, takes(time.Hour), 10 * time.Second},
		"a deaf credential, nearly": {nil, func(context.Context, tokenRequest) error { time.Sleep(time.Hour); return nil }, 2*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := azoidc.NewTokenCache(&fakeCredential{life: time.Hour, answer: test.answer}, test.options)
				start := time.Now()
				_, err := cache.GetToken(t.Context(), forScope(vaultScope))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, test.want, time.Since(start))
				time.Sleep(time.Hour) // until the deaf one is done, too
			})
		})
	}
}

// TestAHangingScopeDelaysNoOther holds for cached scopes and for cold ones, also in the credential itself.
func TestAHangingScopeDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: func(ctx context.Context, request tokenRequest) error {
			if request.Scopes[0] == graphScope {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		get(t, cache, vaultScope)
		var hanging sync.WaitGroup
		hanging.Go(func() {
			_, err := cache.GetToken(t.Context(), forScope(graphScope))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		start := time.Now()
		get(t, cache, vaultScope)
		get(t, cache, storageScope)
		require.Zero(t, time.Since(start))
		hanging.Wait()
	})
}

// TestACredentialThatNeverReturnsIsAnError covers a test's FailNow in a credential, for one.
func TestACredentialThatNeverReturnsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := azoidc.NewTokenCache(&fakeCredential{answer: func(context.Context, tokenRequest) error {
			runtime.Goexit()
			return nil
		}}, nil)
		_, err := cache.GetToken(t.Context(), forScope(vaultScope))
		require.ErrorContains(t, err, "ended its goroutine")
	})
}

func TestARequestNeedsAScope(t *testing.T) {
	_, err := azoidc.NewTokenCache(&fakeCredential{}, nil).GetToken(t.Context(), tokenRequest{})
	require.ErrorContains(t, err, "at least one scope")
}

func TestPreloadJoinsErrorsByScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: func(_ context.Context, request tokenRequest) error {
			time.Sleep(time.Second)
			if s := request.Scopes[0]; s == graphScope || s == storageScope {
				return fmt.Errorf("no %s today: %w", s, errOutage)
			}
			return nil
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		start := time.Now()
		err := cache.Preload(t.Context(), vaultScope, graphScope, storageScope, vaultScope)
		require.Equal(t, time.Second, time.Since(start), "all at once")
		require.Equal(t, 3, cred.count(), "a scope named twice is acquired once")
		require.ErrorIs(t, err, errOutage)
		require.ErrorContains(t, err, graphScope+": no ")
		require.ErrorContains(t, err, storageScope+": no ")
		require.NotContains(t, err.Error(), vaultScope)

		require.NoError(t, cache.Preload(t.Context(), vaultScope))
		require.NoError(t, cache.Preload(t.Context()))
		require.Equal(t, 3, cred.count(), "a held scope costs nothing")
		require.True(t, cred.requests[0].EnableCAE, "as Azure SDK clients ask")
		require.Equal(t, []string{vaultScope}, cache.Tokens()[0].Scopes)
	})
}
