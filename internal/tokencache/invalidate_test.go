package tokencache_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

// A storingCredential has a persistent store behind it, as a credential of this package with a persistent cache has.
type storingCredential struct {
	testkit.FakeCredential
	mu        sync.Mutex
	stored    map[string]azcore.AccessToken
	forgotten []string
	takes     time.Duration // to store
}

func (s *storingCredential) GetToken(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
	s.mu.Lock()
	stored, ok := s.stored[nameOf(request)]
	s.mu.Unlock()
	if ok && !tokencache.Distrusts(ctx) && time.Until(stored.ExpiresOn) > 5*time.Minute {
		return stored, nil
	}
	token, err := s.FakeCredential.GetToken(ctx, request)
	if err == nil {
		time.Sleep(s.takes)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stored[nameOf(request)] = token
	}
	return token, err
}

func (s *storingCredential) forget(request policy.TokenRequestOptions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = append(s.forgotten, nameOf(request))
	delete(s.stored, nameOf(request))
}

func (s *storingCredential) newCache() *tokencache.Cache {
	c := &tokencache.Cache{}
	c.Init(s, tokencache.Options{Forget: s.forget})
	return c
}

func nameOf(request policy.TokenRequestOptions) string {
	return fmt.Sprintf("%s%s %t", strings.Join(request.Scopes, " "), request.TenantID, request.EnableCAE)
}

func newStoringCredential() *storingCredential {
	return &storingCredential{FakeCredential: testkit.FakeCredential{Life: 24 * time.Hour}, stored: map[string]azcore.AccessToken{}}
}

// TestInvalidateReachesAStoreBehindTheCredential: neither this cache nor a new one on the same store brings a token back.
func TestInvalidateReachesAStoreBehindTheCredential(t *testing.T) {
	for name, invalidate := range map[string]func(*tokencache.Cache){
		"a scope":    func(c *tokencache.Cache) { c.Invalidate(testkit.VaultScope) },
		"everything": func(c *tokencache.Cache) { c.InvalidateAll() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := newStoringCredential()
				one := cred.newCache()
				require.Equal(t, "token 1", testkit.Get(t, one, testkit.VaultScope).Token)
				require.Equal(t, "token 1", testkit.Get(t, cred.newCache(), testkit.VaultScope).Token, "it is a store")
				invalidate(one)
				require.Equal(t, "token 2", testkit.Get(t, cred.newCache(), testkit.VaultScope).Token, "in a new one")
				require.NotEqual(t, "token 1", testkit.Get(t, one, testkit.VaultScope).Token)
			})
		})
	}
}

// TestAFlightFromBeforeInvalidateIsForgottenInTheStoreToo: it stores its token after the Invalidate.
func TestAFlightFromBeforeInvalidateIsForgottenInTheStoreToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := newStoringCredential()
		cred.takes = time.Second
		cache := cred.newCache()
		var asked sync.WaitGroup
		asked.Go(func() { testkit.Get(t, cache, testkit.VaultScope) })
		synctest.Wait()
		cache.Invalidate(testkit.VaultScope)
		asked.Wait()
		synctest.Wait()
		require.Empty(t, cred.stored)
		own, other := nameOf(testkit.ForScope(testkit.VaultScope)), nameOf(policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}})
		require.Equal(t, []string{own, other, own, own}, cred.forgotten, "of the key and the scope, then of the flight, once")
		require.NotEqual(t, "token 1", testkit.Get(t, cred.newCache(), testkit.VaultScope).Token)
	})
}

// TestAcquisitionsAfterAnInvalidateDistrustTheStore, all of them: what it holds may have been stored by another process.
func TestAcquisitionsAfterAnInvalidateDistrustTheStore(t *testing.T) {
	var distrusted []bool
	cache := &tokencache.Cache{}
	cache.Init(credentialFunc(func(ctx context.Context, _ testkit.TokenRequest) (azcore.AccessToken, error) {
		distrusted = append(distrusted, tokencache.Distrusts(ctx))
		return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Duration(len(distrusted)) * time.Minute)}, nil
	}), tokencache.Options{})
	asksFor := func(scope, claims string) bool {
		_, err := cache.GetToken(t.Context(), withClaims(scope, claims))
		require.NoError(t, err)
		return distrusted[len(distrusted)-1]
	}
	require.False(t, asksFor(testkit.VaultScope, ""))
	require.False(t, asksFor(testkit.GraphScope, ""))
	cache.Invalidate()
	require.False(t, asksFor(testkit.VaultScope, challenge), "nothing was invalidated")
	cache.Invalidate(testkit.VaultScope, testkit.StorageScope)
	require.True(t, asksFor(testkit.VaultScope, ""))
	require.True(t, asksFor(testkit.VaultScope, otherChallenge), "the second time, too")
	require.True(t, asksFor(testkit.StorageScope, ""), "never asked for before")
	require.False(t, asksFor(testkit.GraphScope, challenge), "another scope")
	require.False(t, asksFor(testkit.ScopeNumber(1), ""), "one that wasn't asked for before")
	cache.InvalidateAll()
	require.True(t, asksFor(testkit.GraphScope, ""))
	require.True(t, asksFor(testkit.ManagementScope, ""))
}

// TestAFlightThatWasGivenUpIsForgottenInTheStoreToo when it stores its token at last, and there was an Invalidate.
func TestAFlightThatWasGivenUpIsForgottenInTheStoreToo(t *testing.T) {
	for name, invalidate := range map[string]bool{"invalidated": true, "not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := newStoringCredential()
				cred.takes = time.Hour
				cache := cred.newCache()
				_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				if invalidate {
					cache.Invalidate(testkit.VaultScope)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				require.Equal(t, invalidate, len(cred.stored) == 0)
			})
		})
	}
}

// TestNothingIsKeptOfFlightsThatWereInvalidated: each brings a long token.
func TestNothingIsKeptOfFlightsThatWereInvalidated(t *testing.T) {
	testbed.NotShort(t, "counts what many flights leave")
	synctest.Test(t, func(t *testing.T) {
		const long, flights = 100_000, 100
		cache := &tokencache.Cache{}
		cache.Init(credentialFunc(func(_ context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
			time.Sleep(time.Second)
			return azcore.AccessToken{Token: request.Scopes[0] + strings.Repeat("x", long), ExpiresOn: time.Now().Add(time.Hour)}, nil
		}), tokencache.Options{})
		var all sync.WaitGroup
		for i := range flights {
			all.Go(func() { testkit.Get(t, cache, testkit.ScopeNumber(i)) })
		}
		synctest.Wait()
		before := heap()
		cache.InvalidateAll()
		all.Wait()
		synctest.Wait()
		require.Less(t, heap(), before+flights/4*long, "bytes; four times as many were issued")
		runtime.KeepAlive(cache)
	})
}

func TestWhatTheStoreIsToldToForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := newStoringCredential()
		cache := cred.newCache()
		for _, request := range []policy.TokenRequestOptions{
			{Scopes: []string{"a"}, EnableCAE: true}, {Scopes: []string{"a"}, TenantID: "t", EnableCAE: true}, {Scopes: []string{"b", "a"}}, {Scopes: []string{"c"}},
		} {
			_, err := cache.GetToken(t.Context(), request)
			require.NoError(t, err)
		}
		told := func() []string {
			names := cred.forgotten
			cred.forgotten = nil
			slices.Sort(names)
			return slices.Compact(names)
		}
		cache.Invalidate()
		require.Empty(t, told())
		cache.Invalidate("a")
		require.Equal(t, []string{"a b false", "a false", "a true", "at true"}, told())
		cache.Invalidate("unknown")
		require.Equal(t, []string{"unknown false", "unknown true"}, told())
		cache.InvalidateAll()
		require.Equal(t, []string{" false", "a b false", "a true", "at true", "c false"}, told())
	})
}

// TestVeryManyInvalidatedScopesAreBounded: from a number on, all are distrusted.
func TestVeryManyInvalidatedScopesAreBounded(t *testing.T) {
	testbed.NotShort(t, "invalidates very many scopes")
	cache := &tokencache.Cache{}
	distrusted := false
	cache.Init(credentialFunc(func(ctx context.Context, _ testkit.TokenRequest) (azcore.AccessToken, error) {
		distrusted = tokencache.Distrusts(ctx)
		return azcore.AccessToken{}, testkit.ErrOutage
	}), tokencache.Options{})
	distrusts := func(i int) bool {
		_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.ScopeNumber(i)))
		require.ErrorIs(t, err, testkit.ErrOutage)
		return distrusted
	}
	before := heap()
	for i := range 1024 {
		cache.Invalidate(testkit.ScopeNumber(i))
	}
	require.False(t, distrusts(-1))
	require.True(t, distrusts(7))
	for i := range 100_000 {
		cache.Invalidate(testkit.ScopeNumber(i))
	}
	require.Less(t, heap(), before+1<<20, "bytes")
	require.True(t, distrusts(-2))
}

// TestWhatNobodyAskedForIsForgotten, too: the cache in front may have had it from elsewhere. So is all at once.
func TestWhatNobodyAskedForIsForgotten(t *testing.T) {
	s := newStoringCredential()
	cache := s.newCache()
	request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: true}
	elsewhere := policy.TokenRequestOptions{Scopes: request.Scopes, TenantID: "elsewhere"}
	s.stored[nameOf(elsewhere)] = azcore.AccessToken{Token: "stored", ExpiresOn: time.Now().Add(time.Hour)}
	cache.Forget(request)
	require.Equal(t, []string{nameOf(request)}, s.forgotten)
	token, err := cache.GetToken(t.Context(), elsewhere)
	require.NoError(t, err)
	require.NotEqual(t, "stored", token.Token, "of the scope nothing is believed, whoever asks")
	cache.InvalidateAll()

	_, err = cache.GetToken(t.Context(), request)
	require.NoError(t, err)
	require.Len(t, cache.Tokens(), 1)
	cache.Forget(policy.TokenRequestOptions{})
	require.Empty(t, cache.Tokens(), "no scopes mean all")
}
