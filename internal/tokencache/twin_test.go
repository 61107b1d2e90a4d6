package tokencache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// TestAPreloadedTokenServesTheOtherCAEModeInAnOutage, for a client that Preload couldn't know asks without CAE.
func TestAPreloadedTokenServesTheOtherCAEModeInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		require.NoError(t, cache.Preload(t.Context(), testkit.VaultScope))
		cred.SetAnswer(func(context.Context, testkit.TokenRequest) error {
			time.Sleep(time.Second)
			return testkit.ErrOutage
		})
		without := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}}

		asked := time.Now()
		for range 20 {
			token, err := cache.GetToken(t.Context(), without)
			require.NoError(t, err)
			require.Equal(t, "token 1", token.Token)
		}
		require.Zero(t, time.Since(asked), "at once, the first time too")
		synctest.Wait()
		require.Equal(t, 2, cred.Count(), "its own is asked for, once")
		require.False(t, cred.Requests()[1].EnableCAE)

		challenged := without
		challenged.Claims = challenge
		_, err := cache.GetToken(t.Context(), challenged)
		require.ErrorIs(t, err, testkit.ErrOutage, "a token from before is no answer to a challenge")

		cred.SetAnswer(nil)
		time.Sleep(2 * time.Minute)
		_, err = cache.GetToken(t.Context(), without)
		require.NoError(t, err)
		synctest.Wait()
		token, err := cache.GetToken(t.Context(), without)
		require.NoError(t, err)
		require.NotEqual(t, "token 1", token.Token, "its own, as soon as it can be had")
	})
}

func TestPreloadAsksAsTheClientsDo(t *testing.T) {
	cred := &testkit.FakeCredential{Life: time.Hour}
	cache := azoidc.NewTokenCache(cred, nil)
	kusto := azoidc.ScopeKusto("https://cluster.westeurope.kusto.windows.net/")
	for scope, cae := range map[string]bool{
		azoidc.ScopeResourceManager: true, azoidc.ScopeKeyVault: true, azoidc.ScopeStorage: true, azoidc.ScopeGraph: true,
		azoidc.ScopeServiceBus: false, azoidc.ScopeEventHubs: false, azoidc.ScopeContainerRegistry: false, kusto: false,
	} {
		require.NoError(t, cache.Preload(t.Context(), scope))
		require.Equal(t, cae, cred.Requests()[cred.Count()-1].EnableCAE, scope)
	}
}

// TestOfTwoTokensTheOneThatLastsLongerIsTheFallback, where both are about to end and no new one can be had.
func TestOfTwoTokensTheOneThatLastsLongerIsTheFallback(t *testing.T) {
	for name, firstCAE := range map[string]bool{"its own": false, "the other mode's": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cred := &testkit.FakeCredential{Life: time.Hour}
				cache := azoidc.NewTokenCache(cred, nil)
				request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: firstCAE}
				first, err := cache.GetToken(t.Context(), request)
				require.NoError(t, err)
				time.Sleep(10 * time.Second)
				request.EnableCAE = !firstCAE
				_, err = cache.GetToken(t.Context(), request) // is served the first one, while its own comes behind
				require.NoError(t, err)
				synctest.Wait()
				cred.SetAnswer(testkit.Fails(testkit.ErrOutage))

				time.Sleep(time.Until(first.ExpiresOn) - 5*time.Second)
				for _, cae := range []bool{false, true} {
					token, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: cae})
					require.NoError(t, err)
					require.Equal(t, "token 2", token.Token)
				}
				time.Sleep(14 * time.Second)
				for _, cae := range []bool{false, true} {
					token, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: cae})
					require.NoError(t, err)
					require.Equal(t, "token 2", token.Token, "also once the other has ended")
				}
			})
		})
	}
}

// TestTheFailuresBehindATwinAreRemembered while other keys come: what its key has is only the back-off.
func TestTheFailuresBehindATwinAreRemembered(t *testing.T) {
	testbed.NotShort(t, "asks each second for two hours")
	synctest.Test(t, func(t *testing.T) {
		var asked []time.Time
		cache := azoidc.NewTokenCache(credentialFunc(func(_ context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
			if request.Scopes[0] == testkit.VaultScope && !request.EnableCAE {
				asked = append(asked, time.Now())
				return azcore.AccessToken{}, testkit.ErrOutage
			}
			return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(4 * time.Hour)}, nil
		}), nil)
		testkit.Get(t, cache, testkit.VaultScope)
		for i := range 2 * 60 * 60 {
			_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}})
			require.NoError(t, err)
			testkit.Get(t, cache, testkit.ScopeNumber(i))
			time.Sleep(time.Second)
		}
		require.Greater(t, len(asked), 20)
		for i := range asked[1:] {
			wait := min(30*time.Second<<min(i, 8), 5*time.Minute)
			require.GreaterOrEqual(t, asked[i+1].Sub(asked[i]), wait, "after %d failures", i+1)
		}
	})
}

// TestAWishToBeLeftAloneCountsBehindATwin, too, but not for more than an hour.
func TestAWishToBeLeftAloneCountsBehindATwin(t *testing.T) {
	for asked, within := range map[time.Duration][2]time.Duration{
		20 * time.Minute: {20 * time.Minute, 25 * time.Minute},
		24 * time.Hour:   {time.Hour, time.Hour},
	} {
		t.Run(asked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cache := newClockedCache()
				cache.cred.Life = 8 * time.Hour
				testkit.Get(t, cache, testkit.VaultScope)
				cache.cred.SetAnswer(testkit.Fails(retryAfter(asked)))
				refused := time.Now()
				for cache.cred.Count() < 3 {
					_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}})
					require.NoError(t, err)
					synctest.Wait()
					time.Sleep(time.Second)
				}
				waited := time.Since(refused) - time.Second
				require.GreaterOrEqual(t, waited, within[0])
				require.LessOrEqual(t, waited, within[1]+time.Second)
			})
		})
	}
}

// TestATwinIsAskedForOnce: while a token of the other CAE mode is served, its own is asked for with the usual back-off.
func TestATwinIsAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: 4 * time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		require.NoError(t, cache.Preload(t.Context(), testkit.VaultScope))
		cred.SetAnswer(testkit.Takes(time.Hour)) // Entra hangs
		for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(time.Second) {
			asked := time.Now()
			_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}})
			require.NoError(t, err)
			require.Zero(t, time.Since(asked))
		}
		require.Less(t, cred.Count(), 15)
	})
}
