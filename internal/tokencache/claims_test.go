package tokencache_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testkit"
)

const (
	challenge      = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	otherChallenge = `{"access_token":{"nbf":{"essential":true,"value":"2"}}}`
)

func withClaims(scope, claims string) policy.TokenRequestOptions {
	request := testkit.ForScope(scope)
	request.Claims = claims
	return request
}

func TestOneExchangeForAllWithTheSameClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: testkit.Takes(time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		testkit.Get(t, cache, testkit.VaultScope)

		tokens, errs := callers(t, 20, cache, withClaims(testkit.VaultScope, challenge))
		for i := range tokens {
			require.NoError(t, errs[i])
			require.Equal(t, "token 2", tokens[i].Token)
		}
		require.Equal(t, challenge, cred.Requests()[1].Claims)
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token, "its token replaces the old one")

		late, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, challenge))
		require.NoError(t, err)
		require.Equal(t, "token 2", late.Token, "who was challenged with the others shares their token")
		require.Equal(t, 2, cred.Count())

		other, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, otherChallenge))
		require.NoError(t, err)
		require.Equal(t, "token 3", other.Token)
	})
}

// TestAChallengeThatComesAgainIsAnsweredAgain is for a service that refuses even the token of its own challenge.
func TestAChallengeThatComesAgainIsAnsweredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		for want := 1; want <= 3; want++ {
			_, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, challenge))
			require.NoError(t, err)
			require.Equal(t, want, cred.Count())
			time.Sleep(5 * time.Minute)
		}
	})
}

// TestAnEndedTokenIsNoAnswerToItsChallenge, however recently it was acquired.
func TestAnEndedTokenIsNoAnswerToItsChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Minute}
		cache := azoidc.NewTokenCache(cred, nil)
		for want := range 3 {
			_, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, challenge))
			require.NoError(t, err)
			require.Equal(t, want+1, cred.Count())
			time.Sleep(55 * time.Second)
		}
	})
}

func TestAnOlderFlightNeverBringsTheChallengedTokenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cred.SetAnswer(func(ctx context.Context, request policy.TokenRequestOptions) error {
			if request.Claims == "" {
				return testkit.Takes(10*time.Second)(ctx, request)
			}
			return testkit.Takes(time.Second)(ctx, request)
		})
		cache := azoidc.NewTokenCache(cred, nil)
		var all sync.WaitGroup
		all.Go(func() { testkit.Get(t, cache, testkit.VaultScope) }) // token 1, after ten seconds
		synctest.Wait()
		token, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, challenge)) // token 2, after one
		require.NoError(t, err)
		require.Equal(t, "token 2", token.Token)
		all.Wait()
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token)
	})
}

func TestAFailedChallengeIsAnErrorButCostsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		testkit.Get(t, cache, testkit.VaultScope)
		cred.SetAnswer(testkit.Fails(testkit.ErrOutage))
		_, err := cache.GetToken(t.Context(), withClaims(testkit.VaultScope, challenge))
		require.ErrorIs(t, err, testkit.ErrOutage, "the old token was refused, so it is no answer")
		require.Equal(t, "token 1", testkit.Get(t, cache, testkit.VaultScope).Token)
	})
}

func TestInvalidateForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		require.NoError(t, cache.Preload(t.Context(), testkit.VaultScope, testkit.GraphScope, testkit.StorageScope))
		cache.Invalidate(testkit.VaultScope, testkit.GraphScope)
		require.Len(t, cache.Tokens(), 1)
		require.Equal(t, []string{testkit.StorageScope}, cache.Tokens()[0].Scopes)
		cache.Invalidate()
		require.Len(t, cache.Tokens(), 1, "of no scope: nothing")
		cache.InvalidateAll()
		require.Empty(t, cache.Tokens())
		testkit.Get(t, cache, testkit.StorageScope)
		require.Equal(t, 4, cred.Count())
	})
}

func TestAFlightBegunBeforeInvalidateBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour, Answer: testkit.Takes(10 * time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		var all sync.WaitGroup
		all.Go(func() {
			assert.Equal(t, "token 1", testkit.Get(t, cache, testkit.VaultScope).Token, "it was asked for before")
		})
		synctest.Wait()
		cache.Invalidate(testkit.VaultScope)
		all.Go(func() { assert.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token) })
		all.Wait()
		require.Equal(t, "token 2", testkit.Get(t, cache, testkit.VaultScope).Token)

		var late sync.WaitGroup
		cache.InvalidateAll()
		late.Go(func() { testkit.Get(t, cache, testkit.VaultScope) })
		synctest.Wait()
		cache.InvalidateAll()
		late.Wait()
		require.Empty(t, cache.Tokens())
	})
}
