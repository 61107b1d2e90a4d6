package tokencache_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
	"github.com/azoidc/azoidc/internal/tokencache"
)

func TestKeys(t *testing.T) {
	const otherTenant = "99999999-9999-9999-9999-999999999999"
	cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AdditionalTenants: []string{otherTenant}})
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
			require.Eventually(t, func() bool { return cloud.Count(azoidctest.EntraToken) >= test.exchanges },
				10*time.Second, time.Millisecond, "behind, where the other CAE mode's token is served")
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
	_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"a", "c"}})
	require.NoError(t, err)
	require.Equal(t, 2, cred.Count(), "others are another key")
	cache.Invalidate("b")
	require.Len(t, cache.Tokens(), 1, "a scope among several invalidates all of them")
	require.Equal(t, []string{"a", "c"}, cache.Tokens()[0].Scopes)
}

// TestAServersTenantsAreAllHeld where nobody set the room.
func TestAServersTenantsAreAllHeld(t *testing.T) {
	testbed.NotShort(t, "fills a cache")
	const tenants = 100_000
	var cache tokencache.Cache
	asked := 0
	cache.Init(credentialFunc(func(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
		asked++
		return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
	}), tokencache.Options{})
	for range 2 {
		visit(t, &cache, 0, tenants)
		require.Equal(t, tenants, asked)
	}
}

// TestANewKeyTakesLittleMemory however many keys are held: 2 KB at most, beyond the token.
func TestANewKeyTakesLittleMemory(t *testing.T) {
	testbed.NotShort(t, "fills a cache")
	const more = 2000
	for _, held := range []int{1, 100, 20_000} {
		var cache tokencache.Cache
		cache.Init(instantCredential{}, tokencache.Options{})
		visit(t, &cache, 0, held)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		visit(t, &cache, held, held+more)
		runtime.ReadMemStats(&after)
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)/more, uint64(2048), "bytes, of %d held", held)
	}
}

// visit asks for a token of each of these tenants.
func visit(t *testing.T, cache *tokencache.Cache, from, to int) {
	t.Helper()
	request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}}
	for i := from; i < to; i++ {
		request.TenantID = strconv.Itoa(i)
		if _, err := cache.GetToken(t.Context(), request); err != nil {
			require.NoError(t, err)
		}
	}
}

// TestMemoryIsBoundedUnderEverNewTenants asks for half as many keys again as there is room for, while KeepFresh is at work,
// whose queue mustn't keep what is dropped.
func TestMemoryIsBoundedUnderEverNewTenants(t *testing.T) {
	testbed.NotShort(t, "fills a cache")
	const room = 1 << 14
	var clocks clocks
	var cache tokencache.Cache
	cache.Init(instantCredential{}, tokencache.Options{Clock: clocks.now, Room: room})
	ctx, cancel := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { assert.ErrorIs(t, cache.KeepFresh(ctx), context.Canceled) })
	empty := heap()
	visit(t, &cache, 0, room)
	require.Equal(t, room, len(cache.Tokens()))
	full := heap()
	clocks.set(-time.Minute) // for all who come from now on have tokens that last longer
	visit(t, &cache, room, room+room/2)
	most, held := (full-empty)*110/100, heap()-empty
	for began := time.Now(); held >= most && time.Since(began) < time.Minute; held = heap() - empty {
		time.Sleep(time.Millisecond) // KeepFresh has yet to hear what was dropped
	}
	require.Less(t, held, most, "bytes")
	cancel()
	keeping.Wait()

	tokens := cache.Tokens()
	require.LessOrEqual(t, len(tokens), room)
	latest := 0
	for _, status := range tokens {
		if number, err := strconv.Atoi(status.TenantID); err == nil && number >= room {
			latest++
		}
	}
	require.Greater(t, latest, room/2*95/100, "those that end first are dropped, by samples")
}

// TestRoomIsKeptBesideFlightsUnderWay: entries that can't be dropped yet don't keep others from being.
func TestRoomIsKeptBesideFlightsUnderWay(t *testing.T) {
	testbed.NotShort(t, "fills a cache")
	synctest.Test(t, func(t *testing.T) {
		const room, hanging, visitors = 1000, 300, 5000
		var cache tokencache.Cache
		cache.Init(credentialFunc(func(ctx context.Context, request testkit.TokenRequest) (azcore.AccessToken, error) {
			if request.Scopes[0] == testkit.GraphScope {
				<-ctx.Done()
			}
			return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
		}), tokencache.Options{Room: room})
		ask := func(scope string, i int) error {
			_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, TenantID: strconv.Itoa(i)})
			return err
		}
		var waiting sync.WaitGroup
		for i := range visitors {
			if i < hanging {
				waiting.Go(func() { assert.NoError(t, ask(testkit.GraphScope, i)) })
			}
			require.NoError(t, ask(testkit.VaultScope, i))
		}
		require.LessOrEqual(t, len(cache.Tokens()), room)
		require.Greater(t, len(cache.Tokens()), room-hanging-10)
		waiting.Wait()
		synctest.Wait()
		require.LessOrEqual(t, len(cache.Tokens()), room+1, "there may have been none to drop in the latest sample")
	})
}

// TestMoreThanThereIsRoomForAreDroppedAgain once their flights, which can't be dropped, have landed: two for each that comes.
func TestMoreThanThereIsRoomForAreDroppedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const flying, others = 60, 20
		var cache tokencache.Cache
		cache.Init(&testkit.FakeCredential{Life: time.Hour, Answer: testkit.Takes(time.Second)}, tokencache.Options{Room: 1})
		var waiting sync.WaitGroup
		for i := range flying {
			waiting.Go(func() { testkit.Get(t, &cache, testkit.ScopeNumber(i)) })
		}
		waiting.Wait()
		require.Len(t, cache.Tokens(), flying)
		visit(t, &cache, 0, others)
		require.InDelta(t, flying-others, len(cache.Tokens()), 3, "a sample may be empty")
		visit(t, &cache, others, 4*flying)
		require.Less(t, len(cache.Tokens()), flying/2)
	})
}

// An instantCredential has one token for all.
type instantCredential struct{}

func (instantCredential) GetToken(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// A refusingCredential has none.
type refusingCredential struct{}

func (refusingCredential) GetToken(context.Context, testkit.TokenRequest) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, testkit.ErrOutage
}

func TestExpiredTokensAreForgottenWhenOthersCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
		time.Sleep(time.Hour) // while there are none
		others := 0
		ask := func(n int) {
			for range n {
				others++
				testkit.Get(t, cache, testkit.ScopeNumber(others))
			}
		}
		ask(1)
		time.Sleep(3 * time.Hour)
		ask(1)
		require.Len(t, cache.Tokens(), 1, "the only one, too")
		ask(99)
		time.Sleep(2 * time.Hour)
		ask(100)
		require.Len(t, cache.Tokens(), 200, "an hour after their end they are kept, for the errors of their refreshes")
		time.Sleep(5 * time.Minute)
		ask(100)
		require.Len(t, cache.Tokens(), 300, "they aren't looked at without end")
		time.Sleep(5 * time.Minute)
		ask(200)
		require.Len(t, cache.Tokens(), 400, "gone once as many others have come")
	})
}

// TestTheHandRestsFromItsBeginning, not from its end: when keys come slowly it hardly ever rests.
func TestTheHandRestsFromItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
		visitNext := func(from, to int) {
			for i := from; i < to; i++ {
				testkit.Get(t, cache, testkit.ScopeNumber(i))
			}
		}
		visitNext(0, 100)
		time.Sleep(2*time.Hour - 5*time.Minute)
		visitNext(100, 110)
		require.Len(t, cache.Tokens(), 110, "those that are met are kept still")
		time.Sleep(10 * time.Minute)
		visitNext(110, 210)
		require.Len(t, cache.Tokens(), 110, "and dropped as soon as the hand has gone round")
	})
}

// TestAnEntryThatIsDroppedWhileItIsAskedFor, just after it was found, is replaced: its token would be lost.
func TestAnEntryThatIsDroppedWhileItIsAskedFor(t *testing.T) {
	cache := newClockedCache()
	testkit.Get(t, cache, testkit.VaultScope)
	cache.clocks.skip(3 * time.Hour)
	reads := 0
	cache.clocks.onRead = func() {
		if reads++; reads != 2 { // the look-up's own, then the one before the question
			return
		}
		for i := range 20 {
			testkit.Get(t, cache, testkit.ScopeNumber(i))
		}
		for _, status := range cache.Tokens() {
			require.NotContains(t, status.Scopes, testkit.VaultScope, "it was dropped")
		}
	}
	testkit.Get(t, cache, testkit.VaultScope)
	require.Greater(t, reads, 2)
	before := cache.cred.Count()
	testkit.Get(t, cache, testkit.VaultScope)
	require.Equal(t, before, cache.cred.Count())
}

// TestTheFailedAreForgottenToo: a caller's invented tenants, which no token was ever had for.
func TestTheFailedAreForgottenToo(t *testing.T) {
	testbed.NotShort(t, "fills a cache")
	synctest.Test(t, func(t *testing.T) {
		const inventions = 3000
		cache := azoidc.NewTokenCache(refusingCredential{}, nil)
		invent := func(n int) {
			for i := range inventions {
				_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, TenantID: fmt.Sprint(n, "-", i)})
				require.ErrorIs(t, err, testkit.ErrOutage)
			}
		}
		invent(0)
		one := heap()
		for n := range 5 {
			time.Sleep(time.Hour + 1)
			invent(n + 1)
		}
		require.Less(t, heap(), one+inventions*1000, "bytes; five times as many were there")
		runtime.KeepAlive(cache)
	})
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what was allocated while the first was under way, it left
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
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
			synctest.Wait()
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

// TestTokensAreSorted by scopes, tenant and mode.
func TestTokensAreSorted(t *testing.T) {
	cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
	var want []string
	for _, scopes := range [][]string{{"a"}, {"a", "b"}, {"b"}} {
		for _, tenant := range []string{"", "x", "y"} {
			for _, cae := range []bool{false, true} {
				want = append(want, fmt.Sprintf("%q %s %t", scopes, tenant, cae))
			}
		}
	}
	for i := range want { // in another order
		i = (7 * i) % len(want)
		scopes := [][]string{{"a"}, {"a", "b"}, {"b"}}[i/6]
		_, err := cache.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: scopes, TenantID: []string{"", "x", "y"}[i/2%3], EnableCAE: i%2 == 1})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return len(cache.Tokens()) == len(want) }, 10*time.Second, time.Millisecond, "some are acquired behind the other mode's")
	var got []string
	for _, status := range cache.Tokens() {
		got = append(got, fmt.Sprintf("%q %s %t", status.Scopes, status.TenantID, status.CAE))
	}
	require.Equal(t, want, got)
}
