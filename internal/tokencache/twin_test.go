package tokencache_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
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
