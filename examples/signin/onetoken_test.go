package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// The job goes on after the OIDC token's end, with what was preloaded and with nothing else.
func TestOneToken(t *testing.T) {
	testbed.OutsideCI(t)
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		setApplication(t, cloud)
		oidcToken, err := oidcTokens(cloud)(t.Context())
		require.NoError(t, err)

		cred, err := exchangeOneToken(t.Context(), oidcToken, withAssertions(cloud))
		require.NoError(t, err)
		time.Sleep(55 * time.Minute)
		for _, scope := range []string{azoidc.ScopeResourceManager, azoidc.ScopeKeyVault, azoidc.ScopeStorage} {
			_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true})
			require.NoError(t, err)
		}
		_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{azoidc.ScopeGraph}, EnableCAE: true})
		require.ErrorContains(t, err, "expired")
		require.Equal(t, 3, cloud.Count(azoidctest.EntraToken))
	})
}

func TestOneTokenMissing(t *testing.T) {
	testbed.OutsideCI(t)
	cred, err := exchangeOneToken(t.Context(), "", &azoidc.AssertionCredentialOptions{})
	require.Nil(t, cred)
	require.ErrorContains(t, err, "missing")
}
