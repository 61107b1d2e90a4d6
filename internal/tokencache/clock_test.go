package tokencache_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/retry"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// clocks are a machine's two, of which the wall clock can be set. On a machine that slept it was, as it were: it has gone
// on while the monotonic one stood still.
type clocks struct {
	mu      sync.Mutex
	began   time.Time
	offset  time.Duration
	skipped time.Duration // what both have gone on beside the real time
	read    int           // how many times
	onRead  func()        // if set, is called each time
}

func (c *clocks) now() tokencache.Instant {
	if c.onRead != nil {
		c.onRead()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().Add(c.skipped)
	if c.began.IsZero() {
		c.began = now
	}
	c.read++
	return tokencache.Instant{Wall: now.Add(c.offset).UnixNano(), Mono: int64(now.Sub(c.began))}
}

func (c *clocks) wall() time.Time { return time.Unix(0, c.now().Wall) }

// set moves the wall clock.
func (c *clocks) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// skip lets time pass by both clocks.
func (c *clocks) skip(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped += d
}

func (c *clocks) reads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

// A clockedCache is one whose tokens are issued by its own clocks.
type clockedCache struct {
	tokencache.Cache
	clocks clocks
	cred   *testkit.FakeCredential
}

func newClockedCache() *clockedCache {
	c := &clockedCache{}
	c.clocks.now()
	c.cred = &testkit.FakeCredential{Life: time.Hour, Now: c.clocks.wall}
	c.Init(c.cred, tokencache.Options{Clock: c.clocks.now, RetryAfter: func(err error) time.Duration {
		if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) {
			return retry.After(failed.RawResponse.Header)
		}
		return 0
	}})
	return c
}

const year = 365 * 24 * time.Hour

// TestAClockThatIsSetBackKeepsNoTokenFresh: by the wall clock, the token would stay fresh for another year.
func TestAClockThatIsSetBackKeepsNoTokenFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newClockedCache()
		require.Equal(t, "token 1", testkit.Get(t, cache, testkit.VaultScope).Token)
		cache.clocks.set(-year)
		time.Sleep(30 * time.Minute)
		testkit.Get(t, cache, testkit.VaultScope)
		synctest.Wait()
		require.Equal(t, 1, cache.cred.Count(), "fresh for as long as it was issued for")
		time.Sleep(16 * time.Minute)
		require.Equal(t, "token 1", testkit.Get(t, cache, testkit.VaultScope).Token)
		synctest.Wait()
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token,
			"which ends before the first one by the wall clock, and so after it")

		cache.clocks.set(-year)
		time.Sleep(time.Hour)
		cache.cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, testkit.ErrOutage, "the old one has ended, whatever the wall clock shows")
	})
}

// TestAMachineThatSleptServesNoEndedToken: by the monotonic clock, the token would still be fresh.
func TestAMachineThatSleptServesNoEndedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newClockedCache()
		testkit.Get(t, cache, testkit.VaultScope)
		cache.clocks.set(46 * time.Minute)
		require.Equal(t, "token 1", testkit.Get(t, cache, testkit.VaultScope).Token, "stale")
		synctest.Wait()
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token)
		cache.clocks.set(8 * time.Hour)
		require.Equal(t, "token 3", testkit.Get(t, cache, testkit.VaultScope).Token, "waited for")
	})
}

// TestEitherClockAloneMakesATokenStale, and not a nanosecond before.
func TestEitherClockAloneMakesATokenStale(t *testing.T) {
	for name, by := range map[string]time.Duration{"the monotonic one": -year, "the wall clock": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := newClockedCache()
				left := testkit.Get(t, cache, testkit.VaultScope).RefreshOn.Sub(cache.clocks.wall()) - max(by, 0)
				cache.clocks.set(by)
				time.Sleep(left - 1)
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				require.Equal(t, 1, cache.cred.Count())
				time.Sleep(time.Nanosecond)
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				require.Equal(t, 2, cache.cred.Count())
			})
		})
	}
}

// TestAClockThatIsSetOnAndBackCostsNoToken, as when a machine's time is corrected twice.
func TestAClockThatIsSetOnAndBackCostsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newClockedCache()
		testkit.Get(t, cache, testkit.VaultScope)
		cache.clocks.set(year)
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token, "its clock says that a year has passed")
		cache.clocks.set(-year)
		for range 40 {
			time.Sleep(time.Minute)
			testkit.Get(t, cache, testkit.VaultScope)
		}
		synctest.Wait()
		require.Equal(t, 2, cache.cred.Count())
	})
}

// TestAClockFromBeforeItsOwnTime, as that of a machine without a battery or with a joker for an administrator.
func TestAClockFromBeforeItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newClockedCache()
		cache.clocks.set(-60 * year) // before 1970
		ends := cache.clocks.wall().Add(time.Hour)
		cache.cred.Life, cache.cred.Now = 0, func() time.Time { return ends }
		for _, ends = range []time.Time{ends, ends.Add(math.MaxInt64), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)} {
			cache.InvalidateAll()
			before := cache.cred.Count()
			first := testkit.Get(t, cache, testkit.VaultScope)
			time.Sleep(10 * time.Minute)
			require.Equal(t, first, testkit.Get(t, cache, testkit.VaultScope))
			synctest.Wait()
			require.Equal(t, before+1, cache.cred.Count())
		}
		cache.InvalidateAll()
		ends = cache.clocks.wall().Add(math.MinInt64)
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "doesn't say when it expires", "which is earlier than any clock shows")
	})
}

// TestBackOffDependsOnNoClockThatIsSet: a refresh that failed is tried again half a minute later.
func TestBackOffDependsOnNoClockThatIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"set back": -year, "set on": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := newClockedCache()
				testkit.Get(t, cache, testkit.VaultScope)
				cache.cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
				time.Sleep(45 * time.Minute)
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				require.Equal(t, 2, cache.cred.Count())
				cache.clocks.set(by)
				cache.cred.SetAnswer(nil)
				time.Sleep(31 * time.Second)
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				require.Equal(t, 3, cache.cred.Count())
			})
		})
	}
}

// TestTheSameTokenAgainIsNoFresherForAClockThatWasSetBack: a credential with a cache of its own goes by the wall clock.
func TestTheSameTokenAgainIsNoFresherForAClockThatWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newClockedCache()
		first := testkit.Get(t, cache, testkit.VaultScope)
		asked := 0
		cache.Init(credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
			asked++
			return first, nil
		}), tokencache.Options{Clock: cache.clocks.now})
		testkit.Get(t, cache, testkit.VaultScope)
		cache.clocks.set(-year)
		time.Sleep(2 * time.Hour)
		before := asked
		testkit.Get(t, cache, testkit.VaultScope)
		testkit.Get(t, cache, testkit.VaultScope)
		require.Equal(t, before+2, asked, "taken for a fresh one")
	})
}

// A credentialFunc is a credential.
type credentialFunc func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error)

func (f credentialFunc) GetToken(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
	return f(ctx, request)
}

func TestKeepFreshNoticesThatTheWallClockWasSet(t *testing.T) {
	to1970 := -time.Duration(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()) // from when a bubble begins
	for name, test := range map[string]struct {
		before, by, then time.Duration
		after            time.Duration // is how long the token is refreshed later
	}{
		"slept until it was due":                  {by: 46 * time.Minute, after: time.Minute},
		"slept over its end":                      {by: 8 * time.Hour, after: time.Minute},
		"set back":                                {by: -year, after: 46 * time.Minute},
		"set on, but not far":                     {by: 20 * time.Minute, after: 26 * time.Minute},
		"set by less than counts":                 {by: time.Second / 2, after: 46 * time.Minute},
		"set on, then back by less than counts":   {by: 20 * time.Minute, then: -time.Second / 2, after: 24 * time.Minute},
		"slept, by a clock that is set over 1970": {before: to1970 - 23*time.Minute, by: 46 * time.Minute, after: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := newClockedCache()
				cache.clocks.set(test.before)
				ctx, cancel := context.WithCancel(t.Context())
				var keeping sync.WaitGroup
				keeping.Go(func() { assert.ErrorIs(t, cache.KeepFresh(ctx), context.Canceled) })
				testkit.Get(t, cache, testkit.VaultScope)
				synctest.Wait()
				cache.clocks.set(test.by)
				if test.then != 0 {
					time.Sleep(2 * time.Minute) // when the first was noticed
					cache.clocks.set(test.then)
				}
				time.Sleep(test.after - 3*time.Minute)
				synctest.Wait()
				require.Equal(t, 1, cache.cred.Count(), "too early")
				time.Sleep(3*time.Minute + time.Second)
				synctest.Wait()
				require.Equal(t, 2, cache.cred.Count())
				cancel()
				keeping.Wait()
			})
		})
	}
}
