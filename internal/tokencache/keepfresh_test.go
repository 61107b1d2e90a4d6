package tokencache_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
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
		tried := cred.Count()
		require.InDelta(t, 1+4, tried, 1, "each time after half of what is left")
		cred.SetAnswer(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, tried+1, cred.Count(), "before anybody asks")
		require.Equal(t, fmt.Sprint("token ", tried+1), testkit.Get(t, cache, testkit.VaultScope).Token)
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
		require.ErrorIs(t, one(), context.Canceled)
		testkit.Get(t, cache, testkit.GraphScope)
		time.Sleep(50 * time.Minute)
		require.Equal(t, 5, cred.Count(), "the other goes on, and hears of what is new")
		require.ErrorIs(t, two(), context.Canceled)
	})
}

// TestKeepFreshEndsItsRefreshesTogether: each takes five seconds to end.
func TestKeepFreshEndsItsRefreshesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const scopes = 20
		var running atomic.Int32
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		for i := range scopes {
			testkit.Get(t, cache, testkit.ScopeNumber(i))
		}
		cred.SetAnswer(func(ctx context.Context, _ testkit.TokenRequest) error {
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			return ctx.Err()
		})
		end := keepFresh(t, cache)
		time.Sleep(45*time.Minute + time.Second)
		require.EqualValues(t, scopes, running.Load())
		start := time.Now()
		require.ErrorIs(t, end(), context.Canceled)
		require.Equal(t, 5*time.Second, time.Since(start))
		require.Zero(t, running.Load())
	})
}

// TestKeepFreshMindsNoEntryThatHoldsNothing: one whose first acquisition failed, and one that was invalidated.
func TestKeepFreshMindsNoEntryThatHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
		require.ErrorIs(t, err, testkit.ErrOutage)
		cred.SetAnswer(nil)
		early := keepFresh(t, cache) // finds the failed one
		synctest.Wait()
		cache.InvalidateAll()
		late := keepFresh(t, cache) // finds the invalidated one
		time.Sleep(24 * time.Hour)
		require.Equal(t, 2, cred.Count(), "nobody wants these")
		testkit.Get(t, cache, testkit.VaultScope)
		time.Sleep(50 * time.Minute)
		require.Equal(t, 4, cred.Count(), "this one somebody does")
		require.ErrorIs(t, early(), context.Canceled)
		require.ErrorIs(t, late(), context.Canceled)
	})
}

// TestKeepFreshSleeps: its wake-ups are few, whatever happens. A look at the clocks comes with each.
func TestKeepFreshSleeps(t *testing.T) {
	for name, test := range map[string]struct {
		life   time.Duration
		answer func(context.Context, testkit.TokenRequest) error
	}{
		"all is well":          {time.Hour, nil},
		"an outage":            {time.Hour, testkit.Fails(testkit.ErrOutage)},
		"a hanging service":    {time.Hour, testkit.Takes(time.Hour)},
		"short-lived tokens":   {time.Minute, nil},
		"told to stay away":    {time.Hour, testkit.Fails(retryAfter(24 * time.Hour))},
		"told to come at once": {time.Hour, testkit.Fails(retryAfter(time.Nanosecond))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := newClockedCache()
				cache.cred.Life = test.life
				ctx, cancel := context.WithCancel(t.Context())
				var keeping sync.WaitGroup
				keeping.Go(func() { assert.ErrorIs(t, cache.KeepFresh(ctx), context.Canceled) })
				testkit.Get(t, cache, testkit.VaultScope)
				cache.cred.SetAnswer(test.answer)
				const hours = 10
				before := cache.clocks.reads()
				time.Sleep(hours * time.Hour)
				// One a minute, and a few for each refresh, of which there are two a minute at most.
				require.Less(t, cache.clocks.reads()-before, hours*60*8)
				require.Greater(t, cache.clocks.reads()-before, hours*60-1, "it looks whether the machine slept")
				cancel()
				keeping.Wait()
			})
		})
	}
}

func retryAfter(d time.Duration) error {
	return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After-Ms": {fmt.Sprint(max(d.Milliseconds(), 1))}},
	}}
}

// TestKeepFreshForgetsWhatHasLanded: hundreds of refreshes, each of which brought a long token.
func TestKeepFreshForgetsWhatHasLanded(t *testing.T) {
	testbed.NotShort(t, "counts what many flights leave")
	synctest.Test(t, func(t *testing.T) {
		const refreshes, long = 300, 100_000
		var issued atomic.Int64
		cache := azoidc.NewTokenCache(credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
			return azcore.AccessToken{Token: fmt.Sprint(issued.Add(1), strings.Repeat("x", long)), ExpiresOn: time.Now().Add(time.Hour)}, nil
		}), nil)
		testkit.Get(t, cache, testkit.VaultScope)
		end := keepFresh(t, cache)
		before := heap()
		time.Sleep(refreshes * 45 * time.Minute)
		require.Greater(t, issued.Load(), int64(refreshes))
		require.Less(t, heap(), before+refreshes/4*long, "bytes; four times as many were issued")
		require.ErrorIs(t, end(), context.Canceled)
	})
}

// TestKeepFreshWithVeryManyTokens: it has a bounded number of refreshes under way, and gets through.
func TestKeepFreshWithVeryManyTokens(t *testing.T) {
	testbed.NotShort(t, "holds very many tokens")
	synctest.Test(t, func(t *testing.T) {
		const tenants, atOnce = 2000, 256
		var running, most, done atomic.Int64
		cred := credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
			raise(&most, running.Add(1))
			defer running.Add(-1)
			time.Sleep(time.Second)
			done.Add(1)
			return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
		})
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{RefreshBefore: time.Nanosecond}) // all at the same moment
		var all sync.WaitGroup
		for i := range tenants {
			all.Go(func() {
				_, err := cache.GetToken(t.Context(), testkit.TokenRequest{Scopes: []string{testkit.VaultScope}, TenantID: fmt.Sprint(i)})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		most.Store(0)
		done.Store(0)
		end := keepFresh(t, cache)
		time.Sleep(time.Hour)
		require.EqualValues(t, tenants, done.Load(), "each once")
		require.EqualValues(t, atOnce, most.Load())
		require.ErrorIs(t, end(), context.Canceled)
	})
}

// TestKeepFreshKeepsNothingOfWhatIsDropped: all are invalidated, and fewer others come.
func TestKeepFreshKeepsNothingOfWhatIsDropped(t *testing.T) {
	testbed.NotShort(t, "fills a cache")
	synctest.Test(t, func(t *testing.T) {
		const tenants = 10_000
		var cache tokencache.Cache
		cache.Init(instantCredential{}, tokencache.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { assert.ErrorIs(t, cache.KeepFresh(ctx), context.Canceled) })
		empty := heap()
		visit(t, &cache, 0, tenants)
		full := heap()
		cache.InvalidateAll()
		time.Sleep(3 * time.Hour)
		visit(t, &cache, tenants, tenants+tenants*2/5)
		synctest.Wait()
		require.Less(t, heap()-empty, (full-empty)*65/100, "bytes; four tenths are of those that came, and some are the tables themselves")
		cancel()
		keeping.Wait()
	})
}

// TestKeepFreshLooksAtAllOnlyWhenAClockWasSet: however many there are, an hour in which nothing is due costs next to nothing.
func TestKeepFreshLooksAtAllOnlyWhenAClockWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tokens = 2000
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: 4 * time.Hour}, nil)
		for i := range tokens {
			testkit.Get(t, cache, testkit.ScopeNumber(i))
		}
		end := keepFresh(t, cache)
		synctest.Wait()
		before := allocated()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Less(t, allocated()-before, uint64(60/10*tokens*8), "bytes; once a minute a list of all would be ten times as many")
		require.ErrorIs(t, end(), context.Canceled)
	})
}

// allocated is how many bytes ever were.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// TestNobodyJoinsARefreshThatKeepFreshGaveUp, though the credential takes its time to end.
func TestNobodyJoinsARefreshThatKeepFreshGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		first := testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(func(ctx context.Context, _ testkit.TokenRequest) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			return ctx.Err()
		})
		time.Sleep(time.Until(first.ExpiresOn) - time.Second)
		end := keepFresh(t, cache)
		synctest.Wait()
		require.Equal(t, 2, cred.Count())
		cred.SetAnswer(testkit.Takes(time.Second))
		go func() { _ = end() }()
		time.Sleep(time.Second) // until the token has ended
		testkit.Get(t, cache, testkit.VaultScope)
		require.Equal(t, 3, cred.Count())
		time.Sleep(time.Minute)
	})
}

// TestKeepFreshLeavesNothingBehind: what has ended hears of no landing any more.
func TestKeepFreshLeavesNothingBehind(t *testing.T) {
	testbed.NotShort(t, "counts what many flights leave")
	const keepers, landings = 200, 5000
	cache := azoidc.NewTokenCache(instantCredential{}, nil)
	for range keepers {
		require.ErrorIs(t, keepFresh(t, cache)(), context.Canceled)
	}
	before := heap()
	for i := range landings {
		_, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, fmt.Sprint(i)))
		require.NoError(t, err)
	}
	require.Less(t, heap(), before+keepers*landings, "bytes")
	runtime.KeepAlive(cache)
}

// TestKeepFreshEndsARefreshThatNobodyWantsAnyMore: its token was invalidated, and another one came meanwhile.
func TestKeepFreshEndsARefreshThatNobodyWantsAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, &azoidc.TokenCacheOptions{AcquireTimeout: 24 * time.Hour})
		end := keepFresh(t, cache)
		for range 3 {
			cred.SetAnswer(nil)
			testkit.Get(t, cache, testkit.VaultScope)
			cred.SetAnswer(func(ctx context.Context, _ testkit.TokenRequest) error {
				running.Add(1)
				defer running.Add(-1)
				<-ctx.Done()
				return ctx.Err()
			})
			time.Sleep(50 * time.Minute)
			require.EqualValues(t, 1, running.Load(), "the refresh hangs, and none from before")
			cache.Invalidate(testkit.VaultScope)
		}
		require.ErrorIs(t, end(), context.Canceled)
		require.Zero(t, running.Load())
	})
}

// TestKeepFreshIsOnTimeForAll, though some of them were just refreshed by a caller, and so are due later than they were.
func TestKeepFreshIsOnTimeForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const scopes = 7
		cred := &testkit.FakeCredential{Life: time.Hour, RefreshIn: 30 * time.Minute}
		cache := azoidc.NewTokenCache(cred, nil)
		for i := range scopes {
			testkit.Get(t, cache, testkit.ScopeNumber(i))
			time.Sleep(time.Second)
		}
		end := keepFresh(t, cache)
		time.Sleep(20 * time.Minute)
		for i := range scopes / 2 {
			_, err := cache.GetToken(t.Context(), withClaims(testkit.ScopeNumber(i), challenge))
			require.NoError(t, err)
		}
		for range 12 * 60 {
			time.Sleep(10 * time.Second)
			for _, status := range cache.Tokens() {
				require.Less(t, time.Since(status.RefreshOn), 10*time.Second+1, "late")
			}
		}
		require.ErrorIs(t, end(), context.Canceled)
	})
}

func raise(highest *atomic.Int64, value int64) {
	for old := highest.Load(); value > old && !highest.CompareAndSwap(old, value); old = highest.Load() {
	}
}
