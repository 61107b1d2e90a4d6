package tokencache_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
)

// endures is an answer that waits for its context's end.
func endures(ctx context.Context, _ testkit.TokenRequest) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestEachFlightEndsAtItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 10 * time.Second
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, r testkit.TokenRequest) error {
			if r.TenantID == "quick" {
				time.Sleep(time.Second)
				return nil
			}
			return endures(ctx, r)
		}}, &azoidc.TokenCacheOptions{AcquireTimeout: timeout})
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				request := testkit.ForScope(testkit.VaultScope)
				if request.TenantID = fmt.Sprint(i); i%3 == 0 {
					request.TenantID = "quick"
				}
				time.Sleep(time.Duration(i) * 700 * time.Millisecond)
				began := time.Now()
				_, err := cache.GetToken(t.Context(), request)
				if request.TenantID == "quick" {
					assert.NoError(t, err)
					return
				}
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, timeout, time.Since(began), i)
			})
		}
		all.Wait()
	})
}

// TestAFlightThatLandsLateLeavesTheOthersTheirs: its credential takes a while to hear, and another flight begins meanwhile.
func TestAFlightThatLandsLateLeavesTheOthersTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout, late = 10 * time.Second, time.Second / 2
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, r testkit.TokenRequest) error {
			defer time.Sleep(late)
			return endures(ctx, r)
		}}, &azoidc.TokenCacheOptions{AcquireTimeout: timeout})
		var all sync.WaitGroup
		for _, scope := range []string{testkit.VaultScope, testkit.GraphScope} {
			all.Go(func() {
				began := time.Now()
				_, err := cache.GetToken(t.Context(), testkit.ForScope(scope))
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, timeout+late, time.Since(began), scope)
			})
			time.Sleep(timeout + late/2)
		}
		all.Wait()
	})
}

// As in tests that share a credential, where each bubble's time begins anew, and in the past.
func TestDeadlinesOfOneBubbleAreNotThoseOfTheNext(t *testing.T) {
	const timeout = time.Minute
	var answer func(context.Context, testkit.TokenRequest) error
	cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, r testkit.TokenRequest) error {
		return answer(ctx, r)
	}}, &azoidc.TokenCacheOptions{AcquireTimeout: timeout})
	answer = testkit.Takes(0)
	ask := func(t *testing.T, tenant string) error {
		request := testkit.ForScope(testkit.VaultScope)
		request.TenantID = tenant
		_, err := cache.GetToken(t.Context(), request)
		return err
	}
	require.NoError(t, ask(t, "before"))
	for _, tenant := range []string{"first", "second", "third"} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Second)
			answer = endures
			began := time.Now()
			require.ErrorIs(t, ask(t, tenant), context.DeadlineExceeded)
			require.Equal(t, timeout, time.Since(began))
			if tenant != "first" { // after which there is no alarm
				answer = testkit.Takes(0)
				require.NoError(t, ask(t, tenant+", answered"))
			}
		})
	}
}

func TestNothingKeepsACacheThatNobodyUses(t *testing.T) {
	cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
	_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
	require.NoError(t, err)
	gone := weak.Make(cache)
	runtime.KeepAlive(cache)
	require.Eventually(t, func() bool {
		runtime.GC()
		return gone.Value() == nil
	}, time.Minute, time.Millisecond)
}
