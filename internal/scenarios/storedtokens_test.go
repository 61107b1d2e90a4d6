package scenarios_test

import (
	"context"
	"fmt"
	"net/http"
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
	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/testbed"
	"github.com/azoidc/azoidc/internal/testkit"
)

// stored makes a credential on the store, for a job in cloud.
func stored(t *testing.T, cloud *azoidctest.Cloud, s *testkit.Store, change ...func(*azoidc.CredentialOptions)) *azoidc.GitHubActionsCredential {
	t.Helper()
	return testkit.NewGitHub(t, cloud, func(o *azoidc.GitHubActionsCredentialOptions) {
		o.Cache = s.Open()
		for _, f := range change {
			f(&o.CredentialOptions)
		}
	})
}

func preloadScopes(t *testing.T, cred interface {
	Preload(context.Context, ...string) error
}, scopes int) {
	t.Helper()
	var all []string
	for i := range scopes {
		all = append(all, testkit.ScopeNumber(i))
	}
	require.NoError(t, cred.Preload(t.Context(), all...))
}

// TestScopesAcquiredAtOnceAreAllStored, by one credential and by several, also where the store is slow.
func TestScopesAcquiredAtOnceAreAllStored(t *testing.T) {
	for name, test := range map[string]struct {
		pause       time.Duration
		credentials int
	}{"a fast store": {0, 1}, "a slow store": {2 * time.Millisecond, 1}, "four credentials": {time.Millisecond, 4}} {
		t.Run(name, func(t *testing.T) {
			if test.pause > 0 {
				testbed.NotShort(t, "waits for its store")
			}
			cloud := testkit.NewCloud()
			shared := &testkit.Store{CAE: testkit.Memory{Pause: test.pause}}
			var all sync.WaitGroup
			for i := range test.credentials {
				cred := stored(t, cloud, shared)
				for n := range 16 / test.credentials {
					all.Go(func() {
						_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.ScopeNumber(16/test.credentials*i+n)))
						assert.NoError(t, err)
					})
				}
			}
			all.Wait()
			require.Equal(t, 16, cloud.Count(azoidctest.EntraToken))

			preloadScopes(t, stored(t, cloud, shared), 16)

			require.Equal(t, 16, cloud.Count(azoidctest.EntraToken), "the second credential repeated exchanges")
			require.Len(t, shared.CAE.Secrets(t), 16)
		})
	}
}

// TestAStoreCostsNoRoundTrip: only the writing is one after another.
func TestAStoreCostsNoRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.SetLatency(testkit.Hop)
		cred := stored(t, cloud, &testkit.Store{})
		began := time.Now()
		preloadScopes(t, cred, 16)
		require.Equal(t, 2*testkit.Hop, time.Since(began))
	})
}

// TestAnotherProcessesTokenCostsNothing: what is stored and fresh is taken, without an assertion.
func TestAnotherProcessesTokenCostsNothing(t *testing.T) {
	cloud := testkit.NewCloud()
	shared := &testkit.Store{}
	first := testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
	cloud.Reset()
	require.Equal(t, first.Token, testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope).Token)
	require.Zero(t, cloud.Count())
}

// TestAStoreThatFailsCostsNoToken where azidentity returns its error.
func TestAStoreThatFailsCostsNoToken(t *testing.T) {
	for _, host := range []string{"", "https://login.private.example"} {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, BaseURL: host})
		shared := &testkit.Store{}
		shared.CAE.Broken.Store(true)
		cred := stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.DisableInstanceDiscovery = false })
		logged := testkit.Logged.Keep(t)
		testkit.Get(t, cred, testkit.VaultScope)
		require.Contains(t, logged(), "a token wasn't stored: ")
		require.Contains(t, logged(), "no space left on device")
		testkit.RequireNoSecretLogged(t, logged(), cloud)
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))

		shared.CAE.Broken.Store(false)
		testkit.Get(t, cred, testkit.GraphScope)
		require.Len(t, shared.CAE.Secrets(t), 1, "it works again")
	}
}

// TestWhatAStoreSaysOfATokenIsNoSecret, also of one that isn't known by its looks.
func TestWhatAStoreSaysOfATokenIsNoSecret(t *testing.T) {
	cloud := testkit.NewCloud()
	cloud.Fail(azoidctest.EntraToken, testkit.Text(http.StatusOK, `{"token_type":"Bearer","access_token":"`+testkit.Canary+`","expires_in":3600}`))
	shared := &testkit.Store{}
	shared.CAE.Broken.Store(true)
	logged := testkit.Logged.Keep(t)
	require.Equal(t, testkit.Canary, testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope).Token)
	require.Contains(t, logged(), "no space left on device for ")
	require.NotContains(t, logged(), testkit.Canary)
}

// TestInvalidateIsForAStoreToo: what was forgotten comes back neither later, when what came after it is due, nor to another
// credential on the same store, whether that one is new or was made before.
func TestInvalidateIsForAStoreToo(t *testing.T) {
	testbed.NotShort(t, "simulates a day")
	for name, invalidate := range map[string]func(*azoidc.GitHubActionsCredential){
		"one": func(c *azoidc.GitHubActionsCredential) { c.Invalidate(testkit.VaultScope) },
		"all": func(c *azoidc.GitHubActionsCredential) { c.InvalidateAll() },
	} {
		for _, cae := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, CAE %v", name, cae), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: 24 * time.Hour})
					shared := &testkit.Store{}
					request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: cae}
					get := func(cred azcore.TokenCredential) string {
						token, err := cred.GetToken(t.Context(), request)
						require.NoError(t, err)
						return token.Token
					}
					cred, before := stored(t, cloud, shared), stored(t, cloud, shared)
					forgotten := get(cred)

					invalidate(cred)

					time.Sleep(2 * time.Second)
					seen := map[string]bool{get(before): true, get(stored(t, cloud, shared)): true}
					cloud.SetAccessTokenLifetime(time.Hour)
					for range 100 {
						seen[get(cred)] = true
						seen[get(stored(t, cloud, shared))] = true
						time.Sleep(3 * time.Minute)
					}
					require.False(t, seen[forgotten], "it came back")
					require.False(t, seen["forgotten"], "what stands in its place was taken for a token")
				})
			})
		}
	}
}

// TestAForgottenTokenIsNotTakenFromAStoreThatKeepsIt, because nothing can be written there: not one that this credential has
// handed out, nor another's.
func TestAForgottenTokenIsNotTakenFromAStoreThatKeepsIt(t *testing.T) {
	for name, of := range map[string]func(own, another *azoidc.GitHubActionsCredential) *azoidc.GitHubActionsCredential{
		"its own":   func(own, _ *azoidc.GitHubActionsCredential) *azoidc.GitHubActionsCredential { return own },
		"another's": func(_, another *azoidc.GitHubActionsCredential) *azoidc.GitHubActionsCredential { return another },
	} {
		t.Run(name, func(t *testing.T) {
			cloud := testkit.NewCloud()
			shared := &testkit.Store{}
			cred := stored(t, cloud, shared)
			forgotten := testkit.Get(t, of(cred, stored(t, cloud, shared)), testkit.VaultScope).Token
			shared.CAE.Broken.Store(true)
			cred.Invalidate(testkit.VaultScope)
			require.Equal(t, []string{forgotten}, shared.CAE.Secrets(t))
			require.NotEqual(t, forgotten, testkit.Get(t, cred, testkit.VaultScope).Token)
		})
	}
}

// TestInvalidateForgetsWhatThisProcessNeverAskedFor, in both CAE modes, and leaves the rest alone.
func TestInvalidateForgetsWhatThisProcessNeverAskedFor(t *testing.T) {
	for _, host := range []string{"", "https://login.private.example"} {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, BaseURL: host})
		shared := &testkit.Store{}
		credential := func() *azoidc.GitHubActionsCredential {
			return stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.DisableInstanceDiscovery = false })
		}
		for _, cae := range []bool{true, false} {
			other := credential() // one that had a token in the other mode would serve it, and ask for this one behind
			for _, scope := range []string{testkit.VaultScope, testkit.GraphScope} {
				_, err := other.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: cae})
				require.NoError(t, err)
			}
		}
		cloud.Reset()

		credential().Invalidate(testkit.VaultScope)

		require.Zero(t, cloud.Count(), "to forget costs no request")
		require.Contains(t, shared.CAE.Secrets(t), "forgotten")
		require.Contains(t, shared.Other.Secrets(t), "forgotten")
		testkit.Get(t, credential(), testkit.GraphScope)
		require.Zero(t, cloud.Count(azoidctest.EntraToken))
	}
}

// TestAStoreThatCantForgetIsTold, for a token that nobody wants stays in it.
func TestAStoreThatCantForgetIsTold(t *testing.T) {
	shared := &testkit.Store{}
	cred := stored(t, testkit.NewCloud(), shared)
	testkit.Get(t, cred, testkit.VaultScope)
	shared.CAE.Broken.Store(true)
	logged := testkit.Logged.Keep(t)
	cred.InvalidateAll()
	require.Contains(t, logged(), "the persistent cache didn't forget a token: ")
	require.Contains(t, logged(), "no space left on device")
}

// TestForgettingWhatIsNotStoredWritesNothing: a store isn't filled with marks.
func TestForgettingWhatIsNotStoredWritesNothing(t *testing.T) {
	shared := &testkit.Store{}
	cred := stored(t, testkit.NewCloud(), shared)
	cred.Invalidate(testkit.VaultScope)
	cred.InvalidateAll()
	require.Zero(t, shared.CAE.Writes.Load())
	require.Zero(t, shared.Other.Writes.Load())
}

// TestATokenAfterAnInvalidateIsStored in place of the forgotten one, and Entra isn't sent what made MSAL ask for it.
func TestATokenAfterAnInvalidateIsStored(t *testing.T) {
	for _, cae := range []bool{true, false} {
		cloud := testkit.NewCloud()
		shared := &testkit.Store{}
		cred := stored(t, cloud, shared)
		request := policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, EnableCAE: cae}
		_, err := cred.GetToken(t.Context(), request)
		require.NoError(t, err)
		cred.InvalidateAll()
		second, err := cred.GetToken(t.Context(), request)
		require.NoError(t, err)

		third, err := stored(t, cloud, shared).GetToken(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, second.Token, third.Token)
		posted := cloud.Requests(azoidctest.EntraToken)
		require.Len(t, posted, 2)
		require.Equal(t, posted[0].Form["claims"], posted[1].Form["claims"])
		require.Equal(t, posted[0].Form["scope"], posted[1].Form["scope"])
	}
}

// TestClaimsOfACallerReachEntra with a store as without one.
func TestClaimsOfACallerReachEntra(t *testing.T) {
	cloud := testkit.NewCloud()
	cred := stored(t, cloud, &testkit.Store{})
	cred.InvalidateAll()
	_, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope},
		Claims: `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`})
	require.NoError(t, err)
	require.Contains(t, cloud.Requests(azoidctest.EntraToken)[0].Form.Get("claims"), "nbf")

	_, err = testkit.NewGitHub(t, cloud).GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{testkit.VaultScope}, Claims: "{}"})
	require.NoError(t, err)
	require.Equal(t, "{}", cloud.Requests(azoidctest.EntraToken)[1].Form.Get("claims"), "even these")
}

// TestAnAnswerThatMSALRefusesLeavesTheStoreFree for others.
func TestAnAnswerThatMSALRefusesLeavesTheStoreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cred := stored(t, cloud, &testkit.Store{})
		cloud.FailNext(azoidctest.EntraToken, 1, azoidctest.Status(http.StatusOK, nil,
			`{"token_type":"Bearer","access_token":"x","expires_in":3600,"refresh_in":"soon"}`))
		_, err := cred.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "MSAL couldn't use Entra's answer")
		began := time.Now()
		testkit.Get(t, cred, testkit.GraphScope)
		require.Zero(t, time.Since(began))
	})
}

// TestAStoredTokenIsRefreshedInTime: MSAL gives a stored token until five minutes before its end, which leaves no time to
// outlive an outage. What was acquired, and what another process had stored, is refreshed earlier.
func TestAStoredTokenIsRefreshedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		shared := &testkit.Store{}
		cred := stored(t, cloud, shared)
		for minute := range 240 {
			if minute%50 == 49 {
				cred = stored(t, cloud, shared)
			}
			token := testkit.Get(t, cred, testkit.VaultScope)
			require.Greater(t, time.Until(token.ExpiresOn), 13*time.Minute, "minute %d", minute)
			time.Sleep(time.Minute)
		}
		require.LessOrEqual(t, cloud.Count(azoidctest.EntraToken), 7)
	})
}

// TestANewTokenIsNotRenewedAtOnce, however soon it ends: what a store is asked about is only what it held.
func TestANewTokenIsNotRenewedAtOnce(t *testing.T) {
	cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: 4 * time.Minute})
	shared := &testkit.Store{}
	token := testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
	require.Less(t, time.Until(token.ExpiresOn), 5*time.Minute)
	require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
}

// TestADueStoredTokenIsBetterThanNone where Entra can't be reached.
func TestADueStoredTokenIsBetterThanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		shared := &testkit.Store{}
		first := testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
		time.Sleep(50 * time.Minute)
		cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
		require.Equal(t, first.Token, testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope).Token)
	})
}

// TestWhyAStoredTokenIsNotRefreshed is told, where the program had it already.
func TestWhyAStoredTokenIsNotRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		cred := stored(t, cloud, &testkit.Store{})
		first := testkit.Get(t, cred, testkit.VaultScope)
		time.Sleep(50 * time.Minute)
		cloud.Fail(azoidctest.EntraToken, azoidctest.Drop())
		require.Equal(t, first.Token, testkit.Get(t, cred, testkit.VaultScope).Token)
		time.Sleep(time.Minute)
		require.ErrorContains(t, cred.Tokens()[0].LastError, "connection reset")
	})
}

// TestAForgottenTokenIsNoToken for another process either, at that very moment.
func TestAForgottenTokenIsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		shared := &testkit.Store{}
		cred := stored(t, cloud, shared)
		first := testkit.Get(t, cred, testkit.VaultScope)
		cred.InvalidateAll()
		second := testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
		require.NotContains(t, []string{first.Token, "forgotten"}, second.Token)
		require.Equal(t, 2, cloud.Count(azoidctest.EntraToken))

		cred.InvalidateAll()
		cloud.Fail(azoidctest.EntraToken, azoidctest.Status(503, nil, ""))
		other := stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.Retry.MaxRetries = -1 })
		_, err := other.GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "HTTP 503")
	})
}

// TestAMarkFromEntraIsNoToken, whoever answers so, and is asked for once more at most.
func TestAMarkFromEntraIsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := testkit.NewCloud()
		cloud.Fail(azoidctest.EntraToken, azoidctest.Status(http.StatusOK, nil, `{"token_type":"Bearer","access_token":"forgotten","expires_in":3600}`))
		_, err := stored(t, cloud, &testkit.Store{}).GetToken(t.Context(), testkit.ForScope(testkit.VaultScope))
		require.ErrorContains(t, err, "instead of a token")
		require.LessOrEqual(t, cloud.Count(azoidctest.EntraToken), 2)
	})
}

// TestAWriterThatDoesNotEndCostsNoToken, and nobody writes beside it.
func TestAWriterThatDoesNotEndCostsNoToken(t *testing.T) {
	testbed.NotShort(t, "waits for what must not come")
	unlock, err := msal.LockStores(t.Context())
	require.NoError(t, err)
	defer unlock()
	shared := &testkit.Store{}
	cred := stored(t, testkit.NewCloud(), shared, func(o *azoidc.CredentialOptions) { o.TokenCache.AcquireTimeout = 50 * time.Millisecond })
	testkit.Get(t, cred, testkit.VaultScope)
	require.Zero(t, shared.CAE.Writes.Load())
}

// TestAWriterHoldsUpNobodyWithoutAStore: an Invalidate of theirs has nothing to wait for.
func TestAWriterHoldsUpNobodyWithoutAStore(t *testing.T) {
	unlock, err := msal.LockStores(t.Context())
	require.NoError(t, err)
	defer unlock()
	cloud := testkit.NewCloud()
	options := testkit.CredentialOptions(cloud)
	options.Cache = (&testkit.Store{}).Open()
	onBehalf, err := azoidc.NewOnBehalfOfCredential(cloud.TenantID(), cloud.ClientID(), cloud.UserAssertion(time.Hour),
		assertionOf(cloud, testkit.Systems[0], cloud), &azoidc.OnBehalfOfCredentialOptions{CredentialOptions: options})
	require.NoError(t, err)
	logged := testkit.Logged.Keep(t)
	for _, cred := range []*azoidc.TokenCache{testkit.NewGitHub(t, cloud).TokenCache, onBehalf.TokenCache} { // azidentity's on-behalf-of credential has none
		testkit.Get(t, cred, testkit.VaultScope)
		cred.Invalidate(testkit.VaultScope)
	}
	require.NotContains(t, logged(), "persistent cache")
}

// TestTheProgramsOwnRefreshBeforeCounts for stored tokens, too.
func TestTheProgramsOwnRefreshBeforeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		shared := &testkit.Store{}
		testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
		cred := stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.TokenCache.RefreshBefore = 6 * time.Minute })
		for range 53 {
			testkit.Get(t, cred, testkit.VaultScope)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, cloud.Count(azoidctest.EntraToken))
	})
}

// TestEachStoredTokenIsRefreshedWhenTheProgramWants, earlier than MSAL would: also one that replaced another.
func TestEachStoredTokenIsRefreshedWhenTheProgramWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := azoidctest.New(&azoidctest.Options{KeyBits: testkit.KeyBits, AccessTokenLifetime: time.Hour})
		shared := &testkit.Store{}
		testkit.Get(t, stored(t, cloud, shared), testkit.VaultScope)
		cred := stored(t, cloud, shared, func(o *azoidc.CredentialOptions) { o.TokenCache.RefreshBefore = 30 * time.Minute })
		for minute := range 240 {
			testkit.Get(t, cred, testkit.VaultScope) // and refreshes behind
			synctest.Wait()
			require.Positive(t, time.Until(testkit.Get(t, cred, testkit.VaultScope).RefreshOn), "minute %d", minute)
			time.Sleep(time.Minute)
		}
	})
}

// TestADayOfTroublesOnAStore has no error in 24 hours, though another process takes over every two.
func TestADayOfTroublesOnAStore(t *testing.T) {
	testbed.NotShort(t, "simulates days")
	t.Parallel()
	seeds := uint64(1)
	if *exhaustive {
		seeds = 20
	}
	for _, system := range testkit.Systems {
		for seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed %d", system.Name, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					shared := &testkit.Store{}
					had := testkit.Day{Seed: seed, System: system, Restart: 2 * time.Hour,
						Change: func(o *azoidc.CredentialOptions) { o.Cache = shared.Open() }}.Live(t)
					t.Logf("%d troubles, %d errors, worst wait %s, %d exchanges, %d writes", had.Troubles, len(had.Errors), had.Worst, had.Exchanges, shared.CAE.Writes.Load())
					require.Empty(t, had.Errors)
					require.Positive(t, shared.CAE.Writes.Load())
				})
			})
		}
	}
}
