package tokencache_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// callers lets n callers ask at once and returns what they got.
func callers(t *testing.T, n int, cred azcore.TokenCredential, request testkit.TokenRequest) (tokens []azcore.AccessToken, errs []error) {
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
	testbed.NotShort(t, "has thousands of callers")
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: testkit.Takes(time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		start := time.Now()
		tokens, errs := callers(t, 3000, cache, testkit.ForScope(testkit.VaultScope))
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, 1, cred.Count())
		for i := range tokens {
			require.NoError(t, errs[i])
			require.Equal(t, "token 1", tokens[i].Token)
		}
	})
}

func TestAllCallersShareAFailureAndTheNextStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(context.Context, testkit.TokenRequest) error {
			time.Sleep(time.Second)
			return testkit.ErrOutage
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		_, errs := callers(t, 20, cache, testkit.ForScope(testkit.VaultScope))
		require.Equal(t, 1, cred.Count())
		for _, err := range errs {
			require.ErrorIs(t, err, testkit.ErrOutage)
		}
		cred.SetAnswer(nil)
		testkit.Get(t, cache, testkit.VaultScope)
		require.Equal(t, 2, cred.Count())
	})
}

func TestTheFirstCallersLeavingHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: testkit.Takes(10 * time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var all sync.WaitGroup
		all.Go(func() {
			start := time.Now()
			_, err := cache.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, time.Second, time.Since(start), "a caller leaves when its own context ends")
		})
		synctest.Wait()
		all.Go(func() { assert.Equal(t, "token 1", testkit.Get(t, cache, testkit.VaultScope).Token) })
		all.Wait()
		require.Equal(t, 1, cred.Count())
	})
}

func TestAFlightThatEverybodyLeftStillBringsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: testkit.Takes(10 * time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		ctx, leave := context.WithTimeout(t.Context(), time.Nanosecond)
		defer leave()
		_, err := cache.GetToken(ctx, testkit.ForScope(testkit.VaultScope))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Len(t, cache.Tokens(), 1)
	})
}

func TestAFlightHasADeadline(t *testing.T) {
	for name, test := range map[string]struct {
		options *azoidc.TokenCacheOptions
		answer  func(context.Context, testkit.TokenRequest) error
		want    time.Duration
	}{
		"by default":                {nil, testkit.Takes(time.Hour), 2 * time.Minute},
		"as asked":                  {&azoidc.TokenCacheOptions{AcquireTimeout: 10 * time.Second}, testkit.Takes(time.Hour), 10 * time.Second},
		"a deaf credential, nearly": {nil, func(context.Context, testkit.TokenRequest) error { time.Sleep(time.Hour); return nil }, 2*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour, Answer: test.answer}, test.options)
				start := time.Now()
				_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
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
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, request testkit.TokenRequest) error {
			if request.Scopes[0] == testkit.GraphScope {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		testkit.Get(t, cache, testkit.VaultScope)
		var hanging sync.WaitGroup
		hanging.Go(func() {
			_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		start := time.Now()
		testkit.Get(t, cache, testkit.VaultScope)
		testkit.Get(t, cache, testkit.StorageScope)
		require.Zero(t, time.Since(start))
		hanging.Wait()
	})
}

// TestACredentialThatNeverReturnsIsAnError covers a test's FailNow in a credential, for one.
func TestACredentialThatNeverReturnsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Answer: func(context.Context, testkit.TokenRequest) error {
			runtime.Goexit()
			return nil
		}}, nil)
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "ended its goroutine")
	})
}

func TestARequestNeedsAScope(t *testing.T) {
	_, err := azoidc.NewTokenCache(&testkit.FakeCredential{}, nil).GetToken(t.Context(), testkit.TokenRequest{})
	require.ErrorContains(t, err, "at least one scope")
}

// TestOneLandingEndsNoOtherFlight: two challenges are answered at the same time, the second a while after the first.
func TestOneLandingEndsNoOtherFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(ctx context.Context, request testkit.TokenRequest) error {
			if request.Claims == otherChallenge {
				return testkit.Takes(10*time.Second)(ctx, request)
			}
			return testkit.Takes(time.Second)(ctx, request)
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		var all sync.WaitGroup
		ask := func(claims string) {
			all.Go(func() {
				_, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, claims))
				assert.NoError(t, err)
			})
		}
		ask(otherChallenge)
		synctest.Wait()
		ask(challenge)
		time.Sleep(5 * time.Second)
		ask(otherChallenge)
		all.Wait()
		require.Equal(t, 2, cred.Count(), "who came after the landing of one joins the other")
	})
}

// TestEachWaiterGetsAnErrorOfItsOwn, where the credential's package knows how to make one.
func TestEachWaiterGetsAnErrorOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		var cache tokencache.Cache
		var made atomic.Int64
		cache.Init(cred, tokencache.Options{EachError: func(err error) error {
			return fmt.Errorf("copy %d: %w", made.Add(1), err)
		}})
		testkit.Get(t, &cache, testkit.GraphScope)
		cred.SetAnswer(func(context.Context, testkit.TokenRequest) error {
			time.Sleep(time.Second)
			return testkit.ErrOutage
		})
		_, errs := callers(t, 20, &cache, testkit.ForScope(testkit.VaultScope))
		seen := map[string]bool{}
		for _, err := range errs {
			require.ErrorIs(t, err, testkit.ErrOutage)
			seen[err.Error()] = true
		}
		require.Len(t, seen, 20)
		require.NoError(t, cache.Tokens()[0].LastError)
		time.Sleep(50 * time.Minute)
		testkit.Get(t, &cache, testkit.GraphScope)
		time.Sleep(time.Second)
		synctest.Wait()
		require.NotEqual(t, cache.Tokens()[0].LastError, cache.Tokens()[0].LastError)
	})
}

// TestNothingIsKeptOfFlightsThatHaveLanded: hundreds of acquisitions, each of which brought a long token.
func TestNothingIsKeptOfFlightsThatHaveLanded(t *testing.T) {
	testbed.NotShort(t, "counts what many flights leave")
	const long, acquisitions = 100_000, 300
	cache := azoidc.NewTokenCache(credentialFunc(func(_ context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: request.Claims + strings.Repeat("x", long), ExpiresOn: time.Now().Add(time.Hour)}, nil
	}), nil)
	before := heap()
	for i := range acquisitions {
		_, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, fmt.Sprint(i)))
		require.NoError(t, err)
	}
	require.Less(t, heap(), before+acquisitions/4*long, "bytes; four times as many were issued")
	require.Len(t, cache.Tokens(), 1)
}
