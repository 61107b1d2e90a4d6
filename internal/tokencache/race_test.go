package tokencache_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// The tests in this file have real goroutines and, but for one, the real clock: go test -race says what they find.

// often is how often a race is run: a quarter of n times with -short.
func often(n int) int {
	if testing.Short() {
		return n / 4
	}
	return n
}

// atOnce lets n goroutines begin at the same moment, and waits for them.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	all.Wait()
}

// TestRacesForAColdKey: whoever comes while another's look-up, acquisition or landing is just under way, there is one
// acquisition for each key.
func TestRacesForAColdKey(t *testing.T) {
	const goroutines = 8
	cred := &testkit.FakeCredential{Life: time.Hour}
	cache := azoidc.NewTokenCache(cred, nil)
	for round := range often(3000) {
		atOnce(goroutines, func(i int) {
			request := testkit.ForScope(testkit.ScopeNumber(round))
			request.EnableCAE = round%2 == 0
			token, err := cache.GetToken(t.Context(), request)
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprint("token ", round+1), token.Token)
		})
		require.Equal(t, round+1, cred.Count())
	}
}

// TestRacesWithAGrowingTable: what is held is found, though other keys' entries, and this one, are just being moved.
func TestRacesWithAGrowingTable(t *testing.T) {
	const goroutines = 8
	each := often(2000)
	var asked atomic.Int64
	cache := azoidc.NewTokenCache(credentialFunc(func(_ context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
		asked.Add(1)
		return azcore.AccessToken{Token: request.TenantID, ExpiresOn: time.Now().Add(time.Hour)}, nil
	}), nil)
	atOnce(goroutines, func(i int) {
		for n := range each {
			for _, number := range []int{n, n / 2, n / 3} { // the first two of which are held, or another's to ask for
				tenant := fmt.Sprint(i%2, "-", number)
				token, err := cache.GetToken(t.Context(), testkit.TokenRequest{Scopes: []string{testkit.VaultScope}, TenantID: tenant})
				assert.NoError(t, err)
				assert.Equal(t, tenant, token.Token)
			}
		}
	})
	require.EqualValues(t, 2*each, asked.Load())
	require.Equal(t, 2*each, len(cache.Tokens()))
}

// TestRacesWithDropping: time flies, so that entries are dropped while they are asked for.
func TestRacesWithDropping(t *testing.T) {
	const goroutines = 8
	each := often(1500)
	var passed atomic.Int64 // beside the real time
	began := time.Now()
	now := func() tokencache.Instant {
		mono := int64(time.Since(began)) + passed.Load()
		return tokencache.Instant{Wall: began.UnixNano() + mono, Mono: mono}
	}
	var cache tokencache.Cache
	cache.Init(credentialFunc(func(_ context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: request.TenantID, ExpiresOn: time.Unix(0, now().Wall).Add(10 * time.Hour)}, nil
	}), tokencache.Options{Clock: now})
	atOnce(goroutines, func(i int) {
		for n := range each {
			tenant := fmt.Sprint(n % 50)
			if i == 0 {
				tenant = fmt.Sprint("new ", n)
			}
			token, err := cache.GetToken(t.Context(), testkit.TokenRequest{Scopes: []string{testkit.VaultScope}, TenantID: tenant})
			if err != nil {
				assert.ErrorContains(t, err, "expired at", "where time flew while its goroutine didn't run")
			} else {
				assert.Equal(t, tenant, token.Token)
			}
			passed.Add(int64(5 * time.Minute))
		}
	})
	require.Less(t, len(cache.Tokens()), each/2, "entries were dropped meanwhile")
}

// TestRacesOfEverything at once: only the race detector, and the test's end, say that all is well.
func TestRacesOfEverything(t *testing.T) {
	const goroutines = 8
	each := often(1000)
	var fails atomic.Bool
	cred := &testkit.FakeCredential{Life: 50 * time.Millisecond, Answer: func(context.Context, testkit.TokenRequest) error {
		if fails.Load() {
			return testkit.ErrOutage
		}
		return nil
	}}
	cache := azoidc.NewTokenCache(cred, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { assert.ErrorIs(t, cache.KeepFresh(ctx), context.Canceled) })
	atOnce(goroutines, func(i int) {
		for n := range each {
			scope := testkit.ScopeNumber(n % 5)
			switch {
			case i == 0 && n%50 == 0:
				cache.Invalidate(scope)
			case i == 0 && n%99 == 0:
				cache.InvalidateAll()
			case i == 0 && n%7 == 0:
				fails.Store(!fails.Load())
			case i == 1 && n%10 == 0:
				for _, status := range cache.Tokens() {
					assert.NotEmpty(t, status.Scopes)
				}
			case i == 2 && n%10 == 0:
				short, end := context.WithTimeout(ctx, time.Duration(n)*time.Microsecond)
				assert.ErrorIs(t, cache.KeepFresh(short), context.DeadlineExceeded)
				end()
			case i == 3:
				getOrOutage(t, cache, withClaims(scope, fmt.Sprint(n%20)))
			default:
				request := testkit.ForScope(scope)
				request.EnableCAE = i%2 == 0
				getOrOutage(t, cache, request)
			}
		}
	})
	cancel()
	keeping.Wait()
}

func getOrOutage(t *testing.T, cache *azoidc.TokenCache, request testkit.TokenRequest) {
	token, err := cache.GetToken(t.Context(), request)
	if err != nil {
		assert.ErrorIs(t, err, testkit.ErrOutage)
		return
	}
	assert.NotEmpty(t, token.Token)
}
