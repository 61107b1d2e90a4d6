package azoidc_test

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
)

const (
	challenge      = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`
	otherChallenge = `{"access_token":{"nbf":{"essential":true,"value":"2"}}}`
)

func withClaims(scope, claims string) policy.TokenRequestOptions {
	request := forScope(scope)
	request.Claims = claims
	return request
}

func TestOneExchangeForAllWithTheSameClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: takes(time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		get(t, cache, vaultScope)

		tokens, errs := callers(t, 20, cache, withClaims(vaultScope, challenge))
		for i := range tokens {
			require.NoError(t, errs[i])
			require.Equal(t, "token 2", tokens[i].Token)
		}
		require.Equal(t, challenge, cred.requests[1].Claims)
		require.Equal(t, "token 2", get(t, cache, vaultScope).Token, "its token replaces the old one")

		late, err := cache.GetToken(t.Context(), withClaims(vaultScope, challenge))
		require.NoError(t, err)
		require.Equal(t, "token 2", late.Token, "who was challenged with the others shares their token")
		require.Equal(t, 2, cred.count())

		other, err := cache.GetToken(t.Context(), withClaims(vaultScope, otherChallenge))
		require.NoError(t, err)
		require.Equal(t, "token 3", other.Token)
	})
}

// TestAChallengeThatComesAgainIsAnsweredAgain is for a service that refuses even the token of its own challenge.
func TestAChallengeThatComesAgainIsAnsweredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		for want := 1; want <= 3; want++ {
			_, err := cache.GetToken(t.Context(), withClaims(vaultScope, challenge))
			require.NoError(t, err)
			require.Equal(t, want, cred.count())
			time.Sleep(5 * time.Minute)
		}
	})
}

func TestAnOlderFlightNeverBringsTheChallengedTokenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cred.answers(func(ctx context.Context, request policy.TokenRequestOptions) error {
			if request.Claims == "" {
				return takes(10*time.Second)(ctx, request)
			}
			return takes(time.Second)(ctx, request)
		})
		cache := azoidc.NewTokenCache(cred, nil)
		var all sync.WaitGroup
		all.Go(func() { get(t, cache, vaultScope) }) // token 1, after ten seconds
		synctest.Wait()
		token, err := cache.GetToken(t.Context(), withClaims(vaultScope, challenge)) // token 2, after one
		require.NoError(t, err)
		require.Equal(t, "token 2", token.Token)
		all.Wait()
		require.Equal(t, "token 2", get(t, cache, vaultScope).Token)
	})
}

func TestAFailedChallengeIsAnErrorButCostsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		get(t, cache, vaultScope)
		cred.answers(fails(errOutage))
		_, err := cache.GetToken(t.Context(), withClaims(vaultScope, challenge))
		require.ErrorIs(t, err, errOutage, "the old token was refused, so it is no answer")
		require.Equal(t, "token 1", get(t, cache, vaultScope).Token)
	})
}

func TestInvalidateForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		require.NoError(t, cache.Preload(t.Context(), vaultScope, graphScope, storageScope))
		cache.Invalidate(vaultScope, graphScope)
		require.Len(t, cache.Tokens(), 1)
		require.Equal(t, []string{storageScope}, cache.Tokens()[0].Scopes)
		cache.Invalidate()
		require.Empty(t, cache.Tokens())
		get(t, cache, storageScope)
		require.Equal(t, 4, cred.count())
	})
}

func TestAFlightBegunBeforeInvalidateBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &fakeCredential{life: time.Hour, answer: takes(10 * time.Second)}
		cache := azoidc.NewTokenCache(cred, nil)
		var all sync.WaitGroup
		all.Go(func() { assert.Equal(t, "token 1", get(t, cache, vaultScope).Token, "it was asked for before") })
		synctest.Wait()
		cache.Invalidate(vaultScope)
		all.Go(func() { assert.Equal(t, "token 2", get(t, cache, vaultScope).Token) })
		all.Wait()
		require.Equal(t, "token 2", get(t, cache, vaultScope).Token)

		var late sync.WaitGroup
		cache.Invalidate()
		late.Go(func() { get(t, cache, vaultScope) })
		synctest.Wait()
		cache.Invalidate()
		late.Wait()
		require.Empty(t, cache.Tokens())
	})
}
