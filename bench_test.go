package azoidc_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/testkit"
)

const heldScopes = 16

// requests are made once, as an SDK client's are: the slice of scopes isn't built anew for each call.
func requests(scopes int) []policy.TokenRequestOptions {
	list := make([]policy.TokenRequestOptions, scopes)
	for i := range list {
		list[i] = testkit.ForScope(testkit.ScopeNumber(i))
	}
	return list
}

// A bareMap is the floor: what any cache that minds expiry has to do.
type bareMap map[string]azcore.AccessToken

func (m bareMap) GetToken(_ context.Context, request policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token := m[request.Scopes[0]]
	if time.Now().Before(token.ExpiresOn) {
		return token, nil
	}
	return azcore.AccessToken{}, testkit.ErrOutage
}

func newBareMap(cloudToken azcore.AccessToken) bareMap {
	m := bareMap{}
	for _, request := range requests(heldScopes) {
		m[request.Scopes[0]] = cloudToken
	}
	return m
}

// BenchmarkHit is a token that is held and fresh, among 16 scopes, one caller after another.
func BenchmarkHit(b *testing.B) {
	eachHit(b, func(b *testing.B, cred azcore.TokenCredential, held []policy.TokenRequestOptions) {
		for i := 0; b.Loop(); i++ {
			if _, err := cred.GetToken(b.Context(), held[i%len(held)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHitParallel is the same for callers on all cores.
func BenchmarkHitParallel(b *testing.B) {
	eachHit(b, func(b *testing.B, cred azcore.TokenCredential, held []policy.TokenRequestOptions) {
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := cred.GetToken(ctx, held[i%len(held)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func eachHit(b *testing.B, run func(*testing.B, azcore.TokenCredential, []policy.TokenRequestOptions)) {
	cloud := azoidctest.New(nil)
	ours, theirs := testkit.NewGitHub(b, cloud), testkit.NewAzidentity(b, cloud)
	held := requests(heldScopes)
	for _, request := range held {
		testkit.Get(b, ours, request.Scopes[0])
		testkit.Get(b, theirs, request.Scopes[0])
	}
	for _, test := range []struct {
		name string
		cred azcore.TokenCredential
	}{{"azoidc", ours}, {"azidentity", theirs}, {"floor", newBareMap(testkit.Get(b, ours, held[0].Scopes[0]))}} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, test.cred, held)
		})
	}
}

// BenchmarkHitByHeldScopes shows that a hit costs the same however many scopes are held.
func BenchmarkHitByHeldScopes(b *testing.B) {
	for _, scopes := range []int{1, 10, 100, 1000, 10_000, 100_000} {
		cache := azoidc.NewTokenCache(&testkit.FakeCredential{Life: time.Hour}, nil)
		held := requests(scopes)
		for _, request := range held {
			testkit.Get(b, cache, request.Scopes[0])
		}
		b.Run(fmt.Sprint(scopes), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := cache.GetToken(b.Context(), held[i%scopes]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNewKeyByHeldKeys is what a key costs that isn't held, while many are: as on a server that acts for many tenants.
// The credential behind it takes no time.
func BenchmarkNewKeyByHeldKeys(b *testing.B) {
	for _, held := range []int{1, 10, 100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(held), func(b *testing.B) {
			b.ReportAllocs()
			fresh := max(1000, held/10) // keys until the cache is made anew
			var cache *azoidc.TokenCache
			tenants := numberedTenants(held + fresh)
			for i := 0; b.Loop(); i++ {
				if i%fresh == 0 {
					b.StopTimer()
					cache = azoidc.NewTokenCache(instantCredential{}, nil)
					for _, tenant := range tenants[:held] {
						getForTenant(b, cache, tenant)
					}
					if held >= 10_000 {
						runtime.GC() // of what making it took
					}
					b.StartTimer()
				}
				getForTenant(b, cache, tenants[held+i%fresh])
			}
		})
	}
}

// BenchmarkNewKeyParallel lets callers on all cores ask for new keys, beyond what the cache holds.
func BenchmarkNewKeyParallel(b *testing.B) {
	cache := azoidc.NewTokenCache(instantCredential{}, nil)
	for _, tenant := range numberedTenants(200_000) {
		getForTenant(b, cache, tenant)
	}
	var next atomic.Int64
	tenants := numberedTenants(400_000)
	runtime.GC() // of what making it took
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			getForTenant(b, cache, tenants[int(next.Add(1))%len(tenants)])
		}
	})
}

// BenchmarkWith100000Keys is what looks at all of them costs, and an acquisition while KeepFresh minds them.
func BenchmarkWith100000Keys(b *testing.B) {
	const held = 100_000
	cache := azoidc.NewTokenCache(instantCredential{}, nil)
	for _, tenant := range numberedTenants(held) {
		getForTenant(b, cache, tenant)
	}
	b.Run("Invalidate another scope", func(b *testing.B) {
		for b.Loop() {
			cache.Invalidate(testkit.GraphScope)
		}
	})
	b.Run("Tokens", func(b *testing.B) {
		for b.Loop() {
			require.Len(b, cache.Tokens(), held)
		}
	})
	acquire := func(b *testing.B) {
		challenged := policy.TokenRequestOptions{Scopes: vaultScopes, TenantID: numberedTenants(1)[0]}
		for i := 0; b.Loop(); i++ {
			challenged.Claims = fmt.Sprint(i)
			if _, err := cache.GetToken(b.Context(), challenged); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("acquisition", acquire)
	ctx, end := context.WithCancel(b.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { _ = cache.KeepFresh(ctx) }) // until end
	b.Run("acquisition under KeepFresh", acquire)
	end()
	keeping.Wait()
}

func numberedTenants(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%08d-0000-0000-0000-000000000000", i)
	}
	return list
}

func getForTenant(b *testing.B, cache *azoidc.TokenCache, tenant string) {
	if _, err := cache.GetToken(b.Context(), policy.TokenRequestOptions{Scopes: vaultScopes, TenantID: tenant}); err != nil {
		b.Error(err)
	}
}

var vaultScopes = []string{testkit.VaultScope}

// An instantCredential has one token for all.
type instantCredential struct{}

func (instantCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// BenchmarkExchange is the work of one exchange in this process, the local cloud's included, without any latency.
func BenchmarkExchange(b *testing.B) {
	cloud := azoidctest.New(nil)
	cred := testkit.NewGitHub(b, cloud)
	b.ReportAllocs()
	for b.Loop() {
		cred.InvalidateAll()
		testkit.Get(b, cred, testkit.VaultScope)
	}
}

// BenchmarkColdScope10000 lets 10,000 goroutines ask for a scope that isn't held, and reports the exchanges made.
func BenchmarkColdScope10000(b *testing.B) {
	cloud := azoidctest.New(nil)
	cred := testkit.NewGitHub(b, cloud)
	testkit.Get(b, cred, testkit.VaultScope)
	cloud.Reset()
	rounds := 0
	for b.Loop() {
		cred.InvalidateAll()
		rounds++
		var all sync.WaitGroup
		for range 10_000 {
			all.Go(func() {
				if _, err := cred.GetToken(b.Context(), testkit.ForScope(testkit.VaultScope)); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
	b.ReportMetric(float64(cloud.Count(azoidctest.EntraToken))/float64(rounds), "exchanges/op")
}

// BenchmarkRefreshUnderLoad has callers on all cores while tokens of half a second's life are refreshed by exchanges
// that take 50 ms, and reports the longest that any of them waited: the scheduler's time, not the exchange's.
func BenchmarkRefreshUnderLoad(b *testing.B) {
	cred := &testkit.FakeCredential{Life: time.Second / 2, Answer: testkit.Takes(50 * time.Millisecond)}
	cache := azoidc.NewTokenCache(cred, nil)
	testkit.Get(b, cache, testkit.VaultScope)
	var longest atomic.Int64
	ctx := b.Context()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			asked := time.Now()
			if _, err := cache.GetToken(ctx, testkit.ForScope(testkit.VaultScope)); err != nil {
				b.Error(err)
			}
			raise(&longest, int64(time.Since(asked)))
		}
	})
	b.ReportMetric(float64(longest.Load())/1e6, "longest-ms")
	b.ReportMetric(float64(cred.Count()), "exchanges")
}

func raise(highest *atomic.Int64, value int64) {
	for {
		old := highest.Load()
		if value <= old || highest.CompareAndSwap(old, value) {
			return
		}
	}
}

// BenchmarkMemory reports the bytes that a credential takes, and each scope it holds, beside azidentity's.
func BenchmarkMemory(b *testing.B) {
	const credentials, scopes = 50, 20
	cloud := azoidctest.New(nil)
	for _, test := range []struct {
		name string
		make func() azcore.TokenCredential
	}{
		{"azoidc", func() azcore.TokenCredential { return testkit.NewGitHub(b, cloud) }},
		{"azidentity", func() azcore.TokenCredential { return testkit.NewAzidentity(b, cloud) }},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				creds := make([]azcore.TokenCredential, credentials)
				testkit.Get(b, test.make(), testkit.VaultScope) // what is made once for the process
				empty := heapInUse(b, cloud)
				for i := range creds {
					creds[i] = test.make()
					testkit.Get(b, creds[i], testkit.ScopeNumber(0))
				}
				one := heapInUse(b, cloud)
				for _, cred := range creds {
					for i := range scopes {
						testkit.Get(b, cred, testkit.ScopeNumber(i+1))
					}
				}
				all := heapInUse(b, cloud)
				runtime.KeepAlive(creds)
				b.ReportMetric(float64(one-empty)/credentials, "B/credential")
				b.ReportMetric(float64(all-one)/credentials/scopes, "B/scope")
			}
		})
	}
}

// BenchmarkOnBehalfOfUser is what each user of a server costs that acts on behalf of many, with a credential for each: the
// work in this process for a new one's first token, the local cloud's included, its round trips, and the bytes it takes.
func BenchmarkOnBehalfOfUser(b *testing.B) {
	cloud := azoidctest.New(nil)
	path := filepath.Join(b.TempDir(), "token")
	job := cloud.GitHubJob(nil)
	jwt, err := azoidc.GitHubActionsAssertion(&azoidc.GitHubActionsAssertionOptions{
		ClientOptions: cloud.ClientOptions(), RequestURL: job.RequestURL, RequestToken: job.RequestToken,
	})(b.Context())
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(path, []byte(jwt), 0o600))
	own := azoidc.FileAssertion(path) // for all users, as a workload's identity is
	user := cloud.UserAssertion(time.Hour)
	options := &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: testkit.CredentialOptions(cloud)}
	signIn := func() *azoidc.OnBehalfOfCredential {
		cred, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), user, own, options)
		require.NoError(b, err)
		testkit.Get(b, cred, testkit.GraphScope)
		return cred
	}
	signIn() // what is made once for the process
	empty := heapInUse(b, cloud)
	var users []*azoidc.OnBehalfOfCredential
	b.ReportAllocs()
	for b.Loop() {
		users = append(users, signIn())
	}
	requests := len(cloud.Requests())
	b.ReportMetric(float64(requests)/float64(len(users)), "requests/user")
	b.ReportMetric(float64(heapInUse(b, cloud)-empty)/float64(len(users)), "B/user")
	runtime.KeepAlive(users)
}

func heapInUse(b *testing.B, cloud *azoidctest.Cloud) int64 {
	b.Helper()
	cloud.Reset()
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	require.Positive(b, stats.HeapAlloc)
	return int64(stats.HeapAlloc)
}
