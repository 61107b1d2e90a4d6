package azoidc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestPreloadJoinsErrorsByScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: func(_ context.Context, request testkit.TokenRequest) error {
			time.Sleep(time.Second)
			if s := request.Scopes[0]; s == testkit.GraphScope || s == testkit.StorageScope {
				return fmt.Errorf("no %s today: %w", s, testkit.ErrOutage)
			}
			return nil
		}}
		cache := azoidc.NewTokenCache(cred, nil)
		start := time.Now()
		err := cache.Preload(t.Context(), testkit.VaultScope, testkit.GraphScope, testkit.StorageScope, testkit.VaultScope)
		require.Equal(t, time.Second, time.Since(start), "all at once")
		require.Equal(t, 3, cred.Count(), "a scope named twice is acquired once")
		require.ErrorIs(t, err, testkit.ErrOutage)
		require.ErrorContains(t, err, testkit.GraphScope+": no ")
		require.ErrorContains(t, err, testkit.StorageScope+": no ")
		require.NotContains(t, err.Error(), testkit.VaultScope)

		require.NoError(t, cache.Preload(t.Context(), testkit.VaultScope))
		require.NoError(t, cache.Preload(t.Context()))
		require.Equal(t, 3, cred.Count(), "a held scope costs nothing")
		require.True(t, cred.Requests()[0].EnableCAE, "as Azure SDK clients ask")
		require.Equal(t, []string{testkit.VaultScope}, cache.Tokens()[0].Scopes)
	})
}

// TestPreloadTellsEachCauseOnce: of one that all scopes have, and one that a single scope has.
func TestPreloadTellsEachCauseOnce(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := testkit.NewGitHub(t, cloud)
	scopes := []string{testkit.VaultScope, testkit.GraphScope, testkit.StorageScope, testkit.ManagementScope, " ", testkit.VaultScope}
	cloud.Fail(azoidctest.EntraToken, azoidctest.EntraRefusal(7000215))
	err := cred.Preload(t.Context(), scopes...)
	text := err.Error()
	require.Equal(t, 1, strings.Count(text, "AADSTS7000215 ("), text)
	require.Equal(t, 1, strings.Count(text, "presented:"), text)
	for _, scope := range scopes[:4] {
		require.Equal(t, 1, strings.Count(text, scope), text)
	}
	require.Contains(t, text, strings.Join(scopes[:4], ", ")+": GitHubActionsCredential: ")
	require.Contains(t, text, `" ": azoidc: an empty scope`)

	var each []error
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	for i, err := range joined.Unwrap() {
		require.ErrorContains(t, err, scopes[i])
		if refused := (*azoidc.ExchangeError)(nil); errors.As(err, &refused) {
			each = append(each, refused)
		}
	}
	require.Len(t, each, 5, "of the scope that was named twice, too")
	for _, one := range each {
		require.ErrorIs(t, err, one, "each is reached")
	}
	require.ErrorAs(t, err, new(*azidentity.AuthenticationFailedError))
}

// TestInvalidateReachesACacheBehindTheCache: a credential of this package needs no NewTokenCache, but may get one.
func TestInvalidateReachesACacheBehindTheCache(t *testing.T) {
	cloud := testkit.NewCloud()
	cache := azoidc.NewTokenCache(azoidc.NewTokenCache(testkit.NewGitHub(t, cloud), nil), nil)
	for name, invalidate := range map[string]func(){
		"a scope":    func() { cache.Invalidate(testkit.VaultScope) },
		"everything": func() { cache.InvalidateAll() },
	} {
		t.Run(name, func(t *testing.T) {
			before := testkit.Get(t, cache, testkit.VaultScope)
			other := testkit.Get(t, cache, testkit.GraphScope)
			invalidate()
			require.NotEqual(t, before.Token, testkit.Get(t, cache, testkit.VaultScope).Token)
			require.Equal(t, name == "a scope", other.Token == testkit.Get(t, cache, testkit.GraphScope).Token)
		})
	}
}

// TestARefreshThatWasPutOffTooLongComesBeforeTheEnd: a server's refresh_in may lie beyond expires_in, however far.
func TestARefreshThatWasPutOffTooLongComesBeforeTheEnd(t *testing.T) {
	for name, refreshOn := range map[string]time.Time{
		"an hour later": time.Now().Add(2 * time.Hour), "never": time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), "beyond every year": time.Unix(math.MaxInt64/2, 0),
	} {
		t.Run(name, func(t *testing.T) {
			end := time.Now().Add(time.Hour)
			cache := azoidc.NewTokenCache(credentialFunc(func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
				return azcore.AccessToken{Token: "t", ExpiresOn: end, RefreshOn: refreshOn}, nil
			}), nil)
			require.WithinDuration(t, end.Add(-30*time.Second), testkit.Get(t, cache, testkit.VaultScope).RefreshOn, time.Second)
		})
	}
}

// TestARefreshWaitsAsLongAsTheOIDCEndpointAsked, while the held token serves.
func TestARefreshWaitsAsLongAsTheOIDCEndpointAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		cred := testkit.NewGitHub(t, cloud)
		testkit.Get(t, cred, testkit.VaultScope)
		time.Sleep(50 * time.Minute)
		cloud.Reset()
		cloud.Fail(azoidctest.GitHubOIDC, azoidctest.Status(503, http.Header{"Retry-After": {"240"}}, ""))
		for range 23 {
			testkit.Get(t, cred, testkit.VaultScope)
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.GitHubOIDC))
	})
}

// TestARefreshIsPutOffForFiveMinutesAtMost, however long Entra asked to be left alone.
func TestARefreshIsPutOffForFiveMinutesAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: 4 * time.Hour})
		cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.TokenCache.RefreshBefore = 2 * time.Hour })
		held := testkit.Get(t, cred, testkit.VaultScope)
		time.Sleep(150 * time.Minute)
		cloud.Reset()
		cloud.FailNext(azoidctest.EntraToken, 1, testkit.RetryAfterIn("3600"))
		for range 30 {
			testkit.Get(t, cred, testkit.VaultScope)
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
		time.Sleep(5 * time.Minute / 4) // by so much at most it is spread
		testkit.Get(t, cred, testkit.VaultScope)
		synctest.Wait()
		require.NotEqual(t, held.Token, testkit.Get(t, cred, testkit.VaultScope).Token)
	})
}

// TestPreloadAsksAsTheClientsWill: without CAE for those that don't handle it.
func TestPreloadAsksAsTheClientsWill(t *testing.T) {
	cae := map[string]bool{azoidc.ScopeResourceManager: true, azoidc.ScopeKeyVault: true, azoidc.ScopeStorage: true, azoidc.ScopeServiceBus: false,
		azoidc.ScopeEventHubs: false, azoidc.ScopeContainerRegistry: false, azoidc.ScopeKusto("https://c.westeurope.kusto.windows.net"): false}
	cred := testkit.NewGitHub(t, testkit.NewCloud())
	require.NoError(t, cred.Preload(t.Context(), slices.Collect(maps.Keys(cae))...))
	require.Len(t, cred.Tokens(), len(cae))
	for _, token := range cred.Tokens() {
		require.Equal(t, cae[token.Scopes[0]], token.CAE, token.Scopes)
	}
}

func TestPreloadOfNothingAsksForNothing(t *testing.T) {
	cred := &testkit.FakeCredential{Life: time.Hour}
	cache := azoidc.NewTokenCache(cred, nil)
	for _, scopes := range [][]string{{""}, {"", " "}, {"\t"}, {"\u00a0"}} {
		err := cache.Preload(t.Context(), scopes...)
		require.ErrorContains(t, err, "empty scope")
		for _, scope := range scopes {
			require.ErrorContains(t, err, fmt.Sprintf("%q: ", scope), "which one")
		}
	}
	_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope, ""}})
	require.ErrorContains(t, err, "empty scope")
	require.Zero(t, cred.Count())
	require.Error(t, cache.Preload(t.Context(), testkit.VaultScope, ""))
	require.Equal(t, 1, cred.Count(), "the others aren't kept from theirs")
}

// TestZeroValues: each method of each type is an error or nothing, never a panic.
func TestZeroValues(t *testing.T) {
	type cache interface {
		azcore.TokenCredential
		Preload(context.Context, ...string) error
		KeepFresh(context.Context) error
		Invalidate(...string)
		InvalidateAll()
		Tokens() []azoidc.TokenStatus
	}
	for name, zero := range map[string]cache{
		"TokenCache":                &azoidc.TokenCache{},
		"nil TokenCache":            (*azoidc.TokenCache)(nil),
		"no credential":             azoidc.NewTokenCache(nil, nil),
		"no credential, no options": azoidc.NewTokenCache(nil, &azoidc.TokenCacheOptions{}),
		"AssertionCredential":       azoidc.AssertionCredential{},
		"GitHubActionsCredential":   azoidc.GitHubActionsCredential{},
		"AzurePipelinesCredential":  azoidc.AzurePipelinesCredential{},
		"OnBehalfOfCredential":      azoidc.OnBehalfOfCredential{},
		"DefaultCredential":         &azoidc.DefaultCredential{},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, request := range []policy.TokenRequestOptions{{}, testkit.ForScope(testkit.VaultScope), {Scopes: []string{"a"}, Claims: "{}"}} {
					_, err := zero.GetToken(t.Context(), request)
					require.ErrorContains(t, err, "no credential")
				}
				require.ErrorContains(t, zero.Preload(t.Context(), testkit.VaultScope), "no credential")
				require.NoError(t, zero.Preload(t.Context()))
				zero.Invalidate()
				zero.Invalidate(testkit.VaultScope)
				zero.InvalidateAll()
				require.Empty(t, zero.Tokens())
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				asked := time.Now()
				require.ErrorIs(t, zero.KeepFresh(ctx), context.DeadlineExceeded)
				require.Equal(t, time.Hour, time.Since(asked))
			})
		})
	}
}

// TestNilContexts are errors, and leave nothing behind that the next caller would wait for.
func TestNilContexts(t *testing.T) {
	cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
	var none context.Context
	_, err := cache.GetToken(none, testkit.ForScope(testkit.VaultScope))
	require.ErrorContains(t, err, "context is nil")
	require.ErrorContains(t, cache.Preload(none, testkit.VaultScope), "context is nil")
	require.ErrorContains(t, cache.KeepFresh(none), "context is nil")
	require.ErrorContains(t, (*azoidc.TokenCache)(nil).KeepFresh(none), "context is nil")
	testkit.Get(t, cache, testkit.VaultScope)
	_, err = cache.GetToken(none, testkit.ForScope(testkit.VaultScope))
	require.NoError(t, err, "it is held")
}

// TestHugeOptions mean very long, and less than nothing means the default.
func TestHugeOptions(t *testing.T) {
	for name, test := range map[string]struct {
		options    azoidc.TokenCacheOptions
		timeout    time.Duration
		refreshAge time.Duration // at least
	}{
		"greatest": {azoidc.TokenCacheOptions{AcquireTimeout: math.MaxInt64, RefreshBefore: math.MaxInt64}, 100 * 365 * 24 * time.Hour, 3 * time.Minute},
		"least":    {azoidc.TokenCacheOptions{AcquireTimeout: math.MinInt64, RefreshBefore: math.MinInt64}, 2 * time.Minute, 43 * time.Minute},
		"smallest": {azoidc.TokenCacheOptions{AcquireTimeout: 1, RefreshBefore: 1}, 1, 59*time.Minute + 29*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := &testkit.FakeCredential{Life: time.Hour}
				cache := azoidc.NewTokenCache(cred, &test.options)
				issued := time.Now()
				require.GreaterOrEqual(t, testkit.Get(t, cache, testkit.VaultScope).RefreshOn.Sub(issued), test.refreshAge)
				cred.SetAnswer(testkit.Takes(math.MaxInt64))
				asked := time.Now()
				_, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.GraphScope))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, test.timeout, time.Since(asked))
			})
		})
	}
}

// TestOddTokens are what a credential may return without an error.
func TestOddTokens(t *testing.T) {
	never := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for name, test := range map[string]struct {
		token azcore.AccessToken
		err   string
	}{
		"two lines":                    {azcore.AccessToken{Token: "t\r\nX: 1", ExpiresOn: never}, "characters that no token has"},
		"none":                         {azcore.AccessToken{}, "empty token"},
		"without an expiry":            {azcore.AccessToken{Token: "t"}, "doesn't say when it expires"},
		"never expires":                {azcore.AccessToken{Token: "t", ExpiresOn: never}, ""},
		"beyond every year":            {azcore.AccessToken{Token: "t", ExpiresOn: time.Unix(math.MaxInt64/2, 0)}, ""},
		"before every year":            {azcore.AccessToken{Token: "t", ExpiresOn: time.Unix(math.MinInt64/2, 0)}, "doesn't say when it expires"},
		"a zero in an answer":          {azcore.AccessToken{Token: "t", ExpiresOn: time.Unix(0, 0)}, "doesn't say when it expires"},
		"to be refreshed long ago":     {azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour), RefreshOn: time.Unix(0, 0)}, ""},
		"to be refreshed in no time":   {azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour), RefreshOn: time.Unix(math.MinInt64/2, 0)}, ""},
		"to be refreshed in the grave": {azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour), RefreshOn: never}, ""},
		"no time at all":               {azcore.AccessToken{Token: "t", ExpiresOn: time.Now()}, "expired at"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			cache := azoidc.NewTokenCache(credentialFunc(func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
				asked++
				return test.token, nil
			}), nil)
			for range 3 {
				token, err := cache.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
				if test.err != "" {
					require.ErrorContains(t, err, test.err)
					require.NotContains(t, err.Error(), "2562047h")
					continue
				}
				require.NoError(t, err)
				require.Equal(t, "t", token.Token)
				require.True(t, token.RefreshOn.Before(token.ExpiresOn), "SDK clients come back in time")
			}
			if test.err == "" {
				require.Equal(t, 1, asked)
			}
		})
	}
}

// A credentialFunc is a credential.
type credentialFunc func(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error)

func (f credentialFunc) GetToken(ctx context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return f(ctx, request)
}
