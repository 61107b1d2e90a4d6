package tokencache_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

func TestKeys(t *testing.T) {
	const otherTenant = "99999999-9999-9999-9999-999999999999"
	cloud := azoidctest.New(&azoidctest.Options{AdditionalTenants: []string{otherTenant}})
	cred := testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) { o.AdditionallyAllowedTenants = []string{otherTenant} })
	request := func(tenantID string, cae bool, scopes ...string) policy.TokenRequestOptions {
		return policy.TokenRequestOptions{Scopes: scopes, TenantID: tenantID, EnableCAE: cae}
	}
	for _, test := range []struct {
		about     string
		request   policy.TokenRequestOptions
		exchanges int
	}{
		{"the first", request("", true, testkit.VaultScope), 1},
		{"the credential's own tenant by name", request(cloud.TenantID(), true, testkit.VaultScope), 0},
		{"in other letter case", request(strings.ToUpper(cloud.TenantID()), true, testkit.VaultScope), 0},
		{"without CAE", request("", false, testkit.VaultScope), 1},
		{"another tenant", request(otherTenant, true, testkit.VaultScope), 1},
		{"another tenant again", request(otherTenant, true, testkit.VaultScope), 0},
		{"a trailing slash is another scope", request("", true, "https://vault.azure.net//.default"), 1},
	} {
		t.Run(test.about, func(t *testing.T) {
			cloud.Reset()
			_, err := cred.GetToken(t.Context(), test.request)
			require.NoError(t, err)
			require.Equal(t, test.exchanges, cloud.Count(azoidctest.EntraToken))
		})
	}
}

func TestOrderOfScopesDoesNotMatter(t *testing.T) {
	cred := &testkit.FakeCredential{Life: time.Hour}
	cache := azoidc.NewTokenCache(cred, nil)
	for _, scopes := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "a", "c", "a"}} {
		given := fmt.Sprint(scopes)
		_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: scopes})
		require.NoError(t, err)
		require.Equal(t, given, fmt.Sprint(scopes), "the caller's slice is changed")
	}
	require.Equal(t, 1, cred.Count())
	cache.Invalidate("b")
	require.Empty(t, cache.Tokens(), "a scope among several invalidates all of them")
}

func TestMemoryIsBoundedUnderEverNewTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		for i := range 20_000 {
			_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: fmt.Sprint(i)})
			require.NoError(t, err)
			if i%1000 == 0 {
				require.LessOrEqual(t, len(cache.Tokens()), 4096)
			}
		}
		latest := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: "19999"}
		known := cred.Count()
		_, err := cache.GetToken(t.Context(), latest)
		require.NoError(t, err)
		require.Equal(t, known, cred.Count(), "the latest is still held")
	})
}

func TestExpiredTokensAreForgottenWhenOthersCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
		for i := range 100 {
			testkit.Get(t, cache, testkit.ScopeNumber(i))
		}
		time.Sleep(2*time.Hour + 1)
		require.Len(t, cache.Tokens(), 100)
		testkit.Get(t, cache, testkit.VaultScope)
		require.Len(t, cache.Tokens(), 1)
	})
}

func TestTokensTellsEverythingButTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cred := &testkit.FakeCredential{Life: time.Hour}
		cache := azoidc.NewTokenCache(cred, nil)
		for _, request := range []policy.TokenRequestOptions{
			{Scopes: []string{testkit.VaultScope}, EnableCAE: true},
			{Scopes: []string{testkit.VaultScope}},
			{Scopes: []string{testkit.GraphScope}, TenantID: "t2"},
			{Scopes: []string{testkit.GraphScope}, TenantID: "t1"},
		} {
			_, err := cache.GetToken(t.Context(), request)
			require.NoError(t, err)
		}
		tokens := cache.Tokens()
		var told []string
		for _, status := range tokens {
			told = append(told, fmt.Sprintf("%s%s %t", status.Scopes, status.TenantID, status.CAE))
			require.Equal(t, time.Now().Add(time.Hour), status.ExpiresOn)
			require.NoError(t, status.LastError)
			require.NotContains(t, fmt.Sprintf("%+v", status), "token 1")
		}
		require.Equal(t, []string{
			"[" + testkit.GraphScope + "]t1 false", "[" + testkit.GraphScope + "]t2 false",
			"[" + testkit.VaultScope + "] false", "[" + testkit.VaultScope + "] true",
		}, told)
	})
}
